"""Reasons with numbers: a claim's ``reason`` is a template, and every number in it comes from the run itself.

    "one layer gets {accuracy[layers=1]:.2f} of the points right, three get {accuracy[layers=3]:.2f}"

A reference in braces is one of two things:

- ``{variable[dim=label, dim=label]}``, the mean over the seeds of a measurement's variable. Every other dimension of
  the variable is selected: a mean over conditions would hide what the reader wants to see. Where a claim has several
  measurements, ``{measurement.variable[...]}`` says which. A label with a comma is written in quotes, and ``last``
  is the last label of a dimension of numbers, such as ``step``.
- a number of the verdict: ``{effect}``, ``{low}`` and ``{high}`` (the deciding part's estimate and interval; factors
  where a claim is about time), ``{seeds}`` (how many), ``{share}`` (of the seeds, that went the claim's way).

After a colon comes Python's format for the number, ``{share:.0%}``; without a format it has three figures, as in a
verdict's message. Literal braces are doubled. A text without braces stays as it is, so ``departs`` and ``departures``
may be templates, too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from textwrap import shorten
from typing import Any

import xarray as xr

from pytest_claims.errors import DesignError
from pytest_claims.inference.labels import plain as plain_label
from pytest_claims.inference.labels import say
from pytest_claims.inference.messages import number
from pytest_claims.vocabulary import SEED

#: The numbers of a verdict, by their names in templates.
OF_VERDICT = ("effect", "low", "high", "seeds", "share")
#: The last label of a dimension of numbers.
LAST = "last"

_PIECE = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_REFERENCE = re.compile(
    r"(?:(?P<measurement>\w+)\.)?(?P<variable>\w+)"
    r"(?:\[(?P<labels>(?:'[^']*'|\"[^\"]*\"|[^\]'\"])*)\])?"
    r"(?::(?P<spec>.*))?"
)
_LABEL = re.compile(r"\s*(\w+)\s*=\s*('[^']*'|\"[^\"]*\"|[^,'\"=\s][^,'\"=]*)\s*")
_SHOWN = 80


@dataclass(frozen=True)
class Reference:
    """A number that a template asks for. ``written`` is its text there, braces included."""

    written: str
    variable: str
    measurement: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    spec: str = ""

    @property
    def of_verdict(self) -> bool:
        """Whether it is a number of the verdict; labels or a measurement's name make it one of a measurement."""
        return self.measurement is None and not self.labels and self.variable in OF_VERDICT


def names(template: str) -> tuple[Reference, ...]:
    """Return a template's references in order; a DesignError where it cannot be read."""
    return tuple(piece for piece in _pieces(template) if isinstance(piece, Reference))


def plain(template: str | None) -> bool:
    """Whether a text asks for no number, and says as it stands what it says."""
    return template is None or not _PIECE.search(template)


def check(template: str, conditions: Mapping[str, Mapping[str, Sequence[Any]]] | None = None) -> str | None:
    """Say in a sentence what is wrong with a template before anything is measured; None where nothing is.

    ``conditions`` are those that the claim's measurements declare, ``{measurement: {dim: labels}}``; what a measurement
    labels itself is not known yet.
    """
    try:
        for reference in names(template):
            if conditions is not None and not reference.of_verdict:
                _declared(template, reference, conditions)
    except DesignError as error:
        return str(error)
    return None


def render(template: str, datasets: Mapping[str, xr.Dataset], verdict: Mapping[str, Any]) -> str:
    """Return the text of a template with the numbers of a run; a DesignError where it asks for what does not exist.

    ``datasets`` are the claim's measurements by name, ``verdict`` is the verdict as results.json has it
    (``Verdict.as_json()``).
    """
    text = ""
    for piece in _pieces(template):
        if isinstance(piece, str):
            text += piece
            continue
        if piece.of_verdict:
            _unambiguous(template, piece, datasets)
        value = _of_verdict(verdict, piece.variable) if piece.of_verdict else _mean(template, piece, datasets)
        if value is None or not isfinite(value):
            raise _error(template, piece, "which is not a number in this run")
        text += _formatted(value, piece.spec)
    return text


def _unambiguous(template: str, reference: Reference, datasets: Mapping[str, xr.Dataset]) -> None:
    """Raise where a measurement has a variable with the name of a number of the verdict."""
    for name, dataset in datasets.items():
        if reference.variable in dataset.data_vars:
            raise _error(
                template,
                reference,
                f"a number of the verdict, but {name} has a variable of that name too: give the variable another name, "
                f"or write {name}.{reference.variable} for it",
            )


def _pieces(template: str) -> list[str | Reference]:
    """Cut a template into texts and references."""
    pieces: list[str | Reference] = []
    end = 0
    for match in _PIECE.finditer(template):
        pieces.append(template[end : match.start()])
        end = match.end()
        if match[0] in {"{{", "}}"}:
            pieces.append(match[0][0])
        elif len(match[0]) == 1:
            raise DesignError(
                f'The template "{shorten(template, _SHOWN)}" has a single {match[0]}; '
                "a reference is written in a pair of braces, and a literal brace is doubled."
            )
        else:
            pieces.append(_reference(template, match[0]))
    return [piece for piece in (*pieces, template[end:]) if piece]


def _reference(template: str, written: str) -> Reference:
    """Read one reference, and try its format on a number."""
    match = _REFERENCE.fullmatch(written[1:-1])
    if match is None:
        raise _error(template, written, "which is not of the form {variable[dim=label]:format}")
    labels = {} if match["labels"] is None else _labels(template, written, match["labels"])
    spec = match["spec"] or ""
    try:
        _formatted(1.0, spec)
    except ValueError:
        raise _error(template, written, f"and {spec!r} does not format a number; .2f would") from None
    return Reference(written, match["variable"], match["measurement"], labels, spec)


def _labels(template: str, written: str, text: str) -> dict[str, str]:
    """Read ``dim=label, dim='a label, with a comma'``."""
    if re.fullmatch(f"{_LABEL.pattern}(?:,{_LABEL.pattern})*", text) is None:
        raise _error(template, written, "whose brackets do not read dim=label, dim=label")
    labels: dict[str, str] = {}
    for dim, label in _LABEL.findall(text):
        if dim in labels:
            raise _error(template, written, f"which selects {dim} twice")
        labels[dim] = label[1:-1] if label[0] in "'\"" else label.rstrip()
    return labels


def _formatted(value: float, spec: str) -> str:
    return format(value, spec) if spec else number(value)


def _of_verdict(verdict: Mapping[str, Any], name: str) -> float | None:
    """Return a number of a verdict; a claim about time keeps log2 of its factors."""
    if name in {"seeds", "share"}:
        return float(verdict["seeds" if name == "seeds" else "win_rate"])
    low, high = verdict["interval"]
    value = {"effect": verdict["effect"], "low": low, "high": high}[name]
    if value is None:
        return None
    return float(2.0**value) if verdict["kind"] == "time" else float(value)


def _mean(template: str, reference: Reference, datasets: Mapping[str, xr.Dataset]) -> float:
    """Return the mean over the seeds of a variable at the labels selected."""
    measurement = _measurement(template, reference, datasets)
    dataset = datasets[measurement]
    if reference.variable not in dataset.data_vars:
        known = _listed(dataset.data_vars)
        raise _error(template, reference, f"but {measurement} has no variable {reference.variable}; it has {known}")
    array = dataset[reference.variable]
    dims = [str(dim) for dim in array.dims if dim != SEED]
    _selects_all(template, reference, dims)
    for dim in dims:
        label = reference.labels[dim]
        array = array.isel({dim: _position(template, reference, dim, label, array[dim].values.tolist())})
    if array.dtype.kind not in "biuf" or SEED not in array.dims:
        raise _error(template, reference, "which is not one number for each seed")
    return float(array.astype(float).mean(skipna=False))


def _declared(template: str, reference: Reference, conditions: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
    """Raise where a reference does not fit the conditions that its measurement declares."""
    levels = conditions[_measurement(template, reference, conditions)]
    missing = [dim for dim in levels if dim not in reference.labels]
    if missing:
        raise _error(template, reference, f"which must select {_listed(missing)}")
    for dim in set(levels) & set(reference.labels):
        _position(template, reference, dim, reference.labels[dim], levels[dim])


def _measurement(template: str, reference: Reference, known: Mapping[str, Any]) -> str:
    """Return the name of the measurement that a reference means: as written, or the claim's only measurement."""
    if reference.measurement is not None:
        if reference.measurement not in known:
            raise _error(template, reference, f"but the claim measures {_listed(known)}")
        return reference.measurement
    if len(known) != 1:
        raise _error(
            template,
            reference,
            f"but it could be of {_listed(known, 'or')}: write measurement.{reference.variable}, or one of the "
            f"verdict's numbers, {_listed(OF_VERDICT)}",
        )
    return next(iter(known))


def _selects_all(template: str, reference: Reference, dims: Sequence[str]) -> None:
    """Raise unless the labels select every dimension but the seed, and nothing else."""
    strays = [dim for dim in reference.labels if dim not in dims]
    if strays:
        known = f"its dimensions are {_listed(dims)}" if dims else "it has no dimension but the seed"
        raise _error(template, reference, f"which has no dimension {strays[0]}; {known}")
    missing = [dim for dim in dims if dim not in reference.labels]
    if missing:
        raise _error(template, reference, f"which must select {_listed(missing)}")


def _position(template: str, reference: Reference, dim: str, label: str, levels: Sequence[Any]) -> int:
    """Return the position of a label along a dimension."""
    known = [plain_label(level) for level in levels]
    for matches in (_same_text, _same_number):
        for position, level in enumerate(known):
            if matches(label, level):
                return position
    if label == LAST and known and not any(isinstance(level, str) for level in known):
        return len(known) - 1
    raise _error(template, reference, f"but {dim} has no label {label}; it has {_listed(map(say, known))}")


def _same_text(label: str, level: Any) -> bool:
    return label in {str(level), say(level)}


def _same_number(label: str, level: Any) -> bool:
    try:
        return not isinstance(level, bool | str) and float(label) == level
    except ValueError:
        return False


def _listed(words: Any, word: str = "and") -> str:
    """Join words as a sentence does: ``"a, b and c"``."""
    *most, last = [str(part) for part in words] or ["nothing"]
    return f"{', '.join(most)} {word} {last}" if most else last


def _error(template: str, reference: Reference | str, why: str) -> DesignError:
    """Return the error that names the reference and the template around it, in one sentence."""
    written = reference if isinstance(reference, str) else reference.written
    return DesignError(f'The template "{shorten(template, _SHOWN)}" asks for {written}, {why}.')
