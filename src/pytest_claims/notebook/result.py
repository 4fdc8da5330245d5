"""What a run in a notebook gives: a claim's verdict with its figure and data, as text and as HTML."""

import base64
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_claims.errors import RunError
from pytest_claims.record import Ends, Record
from pytest_claims.report.words import confidence, interval_text, plural, quantity, region_text, with_minus
from pytest_claims.vocabulary import VERDICTS, is_registered, visible

if TYPE_CHECKING:
    import xarray as xr

#: A sign for each verdict, so that none is told by colour alone; anything else is an error.
SIGNS = dict(zip(VERDICTS, ("✔", "✘", "?"), strict=True))
#: Colours of the notebook, light or dark, are used as they are: no rule of ours may clash with them.
CARD = "border-left:4px solid currentColor;padding:0.2em 1em;margin:0.5em 0;max-width:60em"
CELL = "text-align:left;vertical-align:top;padding:0.2em 0.8em 0.2em 0"


class Folder:
    """A report folder: the user's, or a temporary one, which is removed when the last result that has it is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def temporary(cls) -> "Folder":
        """Make a folder that goes with its results."""
        folder = cls(Path(tempfile.mkdtemp(prefix="claims-report-")))
        weakref.finalize(folder, shutil.rmtree, folder.path, ignore_errors=True)
        return folder


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """A judged claim. ``figures`` are SVG texts, ``datasets`` what the claim saw, by measurement.

    ``folder`` holds the run's report, with a page to open in a browser.
    """

    record: Record
    figures: Sequence[str]
    datasets: Mapping[str, "xr.Dataset"]
    folder: Folder

    @property
    def verdict(self) -> str:
        """The verdict: supported, refuted, inconclusive, or error where there is none."""
        return self.record.verdict

    @property
    def effect(self) -> float | None:
        """The effect of the part that decides, in the claim's unit; of a time, the log2 of a ratio."""
        return self.record.effect

    @property
    def interval(self) -> Ends | None:
        """The interval of the effect, (low, high)."""
        return self.record.interval

    @property
    def margin(self) -> float | None:
        """The number that the claim names."""
        return self.record.margin

    @property
    def message(self) -> str:
        """The verdict in a sentence, with its numbers."""
        return with_minus(visible(self.record.message))

    @property
    def data(self) -> "xr.Dataset | Mapping[str, xr.Dataset]":
        """What was measured, as the claim saw it: dimensions seed, the conditions, then the measurement's own.

        One dataset; by name where the claim rests on several measurements. A RunError where nothing was handed over.
        """
        if not self.datasets:
            raise RunError(f"Claim {self.record.id} has no data: it was not judged.")
        return next(iter(self.datasets.values())) if len(self.datasets) == 1 else self.datasets

    @property
    def note(self) -> str:
        """What a reader must know about this run: which seeds, and what was changed."""
        claim = self.record
        if claim.verdict not in SIGNS:
            return ""
        seeds = plural(claim.seeds or 0, "seed")
        where = "registered seeds" if is_registered(claim.stream) else f"stream {claim.stream.replace('-', ' ')}"
        quick = ", a quick look, which can refute a claim and cannot support it" if claim.is_quick else ""
        judged = f"Judged on {seeds} ({where}){quick}."
        if claim.changed:
            return f"{judged} Conditions were changed: this is the verdict of another claim than the registered one."
        return f"{judged} Registered: {claim.registered or 'nothing'}."

    def __repr__(self) -> str:
        """Return the claim, its verdict and the note as sentences."""
        head = f"Claim {self.record.id}" + (f", {self.record.text}" if self.record.text else "")
        return visible(" ".join(filter(None, [f"{head}.", self.message, self.note])))

    def _repr_html_(self) -> str:
        """Return what Jupyter shows: no script, no style sheet, nothing from elsewhere."""
        claim = self.record
        head = f"<strong>{_text(claim.id)}</strong> {_text(claim.text)}: <strong>{_badge(claim)}</strong>"
        parts = [f"<p>{head}</p>", f"<p>{_text(self.message)}</p>"]
        if claim.verdict in SIGNS:
            parts.append(f'<table style="border-collapse:collapse">{_rows(claim)}</table>')
        captions = [*claim.captions, *[""] * len(self.figures)]
        parts += [
            _figure(svg, f"Figure {at} of claim {claim.id}", caption)
            for at, (svg, caption) in enumerate(zip(self.figures, captions, strict=False), 1)
        ]
        if self.note:
            parts.append(f"<p><small>{_text(self.note)}</small></p>")
        return f'<div style="{CARD}">{"".join(parts)}</div>'


class Results(Mapping[str, Result]):
    """The results of one or more claims of one run, by id, in the order in which they were asked for."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results = {result.record.id: result for result in results}
        self.folder = results[0].folder

    def __getitem__(self, identifier: str) -> Result:
        return self._results[identifier]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        """Return a line for each claim."""
        return "\n".join(map(repr, self._results.values()))

    def _repr_html_(self) -> str:
        """Return a table with a row for each claim."""
        head = _row("col", ("claim", "text", "verdict", "effect", "interval", "claimed", "in words"))
        rows = [
            _row(
                "",
                (
                    _text(claim.id),
                    _text(claim.text),
                    _badge(claim),
                    _text(quantity(claim, claim.effect)),
                    _text(interval_text(claim)),
                    _text(region_text(claim)),
                    _text(result.message),
                ),
            )
            for result in self._results.values()
            for claim in [result.record]
        ]
        notes = "".join(f"<p><small>{_text(note)}</small></p>" for note in self._notes())
        table = f'<table style="border-collapse:collapse">{head}{"".join(rows)}</table>'
        return f'<div style="{CARD}">{table}{notes}</div>'

    def _notes(self) -> Sequence[str]:
        """Return what is true of all results, and of those that are alone in it."""
        by_note: dict[str, list[str]] = {}
        for result in self._results.values():
            if result.note:
                by_note.setdefault(result.note, []).append(result.record.id)
        return [f"{', '.join(ids)}: {note}" for note, ids in by_note.items()]


def _text(text: Any) -> str:
    """Return text of anybody's as HTML that does nothing but be read."""
    return escape(visible(str(text)))


def _badge(claim: Record) -> str:
    return f"{SIGNS.get(claim.verdict, '!')} {_text(claim.verdict)}"


def _rows(claim: Record) -> str:
    """Return the rows of a claim's table: what was claimed, what was found."""
    level = f" ({confidence(claim.alpha)})" if claim.alpha is not None else ""
    unit = f" {claim.unit}" if claim.unit else ""
    rows = (
        ("claimed", f"{region_text(claim)}{unit}"),
        ("effect", f"{quantity(claim, claim.effect)}{unit}"),
        (f"interval{level}", f"{interval_text(claim)}{unit}"),
    )
    return "".join(f"<tr>{_cell('row', _text(term))}{_cell('', _text(text))}</tr>" for term, text in rows)


def _row(scope: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(scope, cell) for cell in cells)}</tr>"


def _cell(scope: str, content: str) -> str:
    """Return a cell, a header of its row or col where there is a scope: a reader who hears the table needs them."""
    return f'<th scope="{scope}" style="{CELL}">{content}</th>' if scope else f'<td style="{CELL}">{content}</td>'


def _figure(svg: str, name: str, caption: str) -> str:
    """Return a figure as an image, in which nothing can run or load, with a background of its own.

    Who hears the page hears its name, then the caption: not the caption twice.
    """
    from pytest_claims.report.figures.svg import on_paper

    coded = base64.b64encode(on_paper(svg).encode()).decode("ascii")
    image = f'<img style="max-width:100%;height:auto" alt="{_text(name)}" src="data:image/svg+xml;base64,{coded}">'
    words = f"<figcaption><small>{_text(caption)}</small></figcaption>" if caption else ""
    return f'<figure style="margin:1em 0">{image}{words}</figure>'
