"""results.json, schema 1: the records and the facts of a run. Assembled, written and read here."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_claims.errors import UnreadableError
from pytest_claims.files import jsonable, write_atomically
from pytest_claims.folders import RESULTS
from pytest_claims.record import LIST, Entry, Record, several
from pytest_claims.stored import place, problem_of, read_json
from pytest_claims.vocabulary import SCHEMA

#: The title of a run that has none.
UNTITLED = "Claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJudged(Entry):
    """A claim that was selected and got no verdict."""

    id: str = ""  # 2.a, or 2.a@name for a variant
    nodeid: str = ""  # pytest's
    reason: str = ""  # why, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Results(Entry):
    """A run: the contents of results.json, or of a condensed baseline."""

    schema: int | None = None  # of the file; None in files older than the field
    started: str = ""  # ISO 8601
    title: str | None = None  # of the page; None in files older than the field
    duration_s: float | None = None  # from the first test to the last
    complete: bool | None = None  # whether every selected claim was judged or skipped; None: not known
    command: tuple[str, ...] = field(default=(), metadata=LIST)
    environment: Mapping[str, Any] = field(default_factory=dict)  # versions, processor, commit; None: not known
    controller: Mapping[str, Any] | None = None  # the same of the process that judged, where others measured; else None
    cluster: Mapping[str, Any] | None = None  # who measured: kind, workers, left_out, cores; None: the run itself
    fastest: Mapping[str, float] | None = None  # matrix product: operations per second, by dtype; None: not known
    short_options: bool = True  # whether options had their short names, as in all runs older than this field
    condensed: bool = False  # whether this is a baseline, made small
    evidence: Mapping[str, Any] = field(default_factory=dict)  # of such a baseline: inputs, derived and trace by name
    citation: Mapping[str, Any] | None = None  # how to cite the claims; None in files older than the field
    baseline: Mapping[str, Any] | None = None  # the comparison with an earlier run; None where there was none
    skipped: tuple[NotJudged, ...] = field(default=(), metadata=several(NotJudged))  # claims that pytest skipped
    missing: tuple[NotJudged, ...] = field(default=(), metadata=several(NotJudged))  # other claims without a verdict
    claims: tuple[Record, ...] = field(default=(), metadata=several(Record))
    absent: frozenset[str] = frozenset(
        {
            "title",
            "controller",
            "cluster",
            "fastest",
            "short_options",
            "condensed",
            "evidence",
            "citation",
            "baseline",
            "skipped",
            "missing",
        }
    )

    @property
    def heading(self) -> str:
        """The page's title; a neutral one where the file has none."""
        return self.title or UNTITLED

    @property
    def alarms(self) -> list[Mapping[str, Any]]:
        """The changes that fail the comparison with the baseline: of verdicts and of inputs."""
        return [claim for claim in self._compared if claim.get("alarm")]

    @property
    def drifted(self) -> list[Mapping[str, Any]]:
        """The claims that departed from the baseline without an alarm."""
        return [claim for claim in self._compared if not claim.get("alarm") and claim.get("where")]

    @property
    def _compared(self) -> Sequence[Mapping[str, Any]]:
        return (self.baseline or {}).get("claims") or []


def natural(identifier: str) -> tuple[Any, ...]:
    """Sort key that puts 2.a before 10.a and a claim before its variants."""
    bare, _, variant = identifier.partition("@")
    parts = re.split(r"(\d+)", bare)
    # numbers by their length, then by their digits: Python reads no number of 5,000 digits
    keys = (
        (1, 0, part) if at % 2 == 0 else (0, len(part.lstrip("0")), part.lstrip("0")) for at, part in enumerate(parts)
    )
    return (*keys, (2, 0, variant))


def assemble(records: Iterable[Record], facts: Mapping[str, Any]) -> Results:
    """Return the results of a run. ``facts`` are all fields but "schema" and "claims", as in JSON."""
    claims = adjusted(sorted(records, key=lambda record: natural(record.id)))
    return replace(Results.from_json({"schema": SCHEMA, "claims": [], **jsonable(facts)}), claims=claims)


def adjusted(claims: Sequence[Record]) -> tuple[Record, ...]:
    """Add each claim's p-value, adjusted by Holm's method over these claims. Descriptive: the interval decides."""
    tested = {at: claim.p_value for at, claim in enumerate(claims) if claim.verdict != "error"}
    known = {at: min(1.0, max(0.0, p_value)) for at, p_value in tested.items() if p_value is not None}
    by_claim = dict(zip(known, holm(list(known.values())), strict=True))
    return tuple(claim.extended({"p_holm": by_claim.get(at)}) for at, claim in enumerate(claims))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that all of them together keep the level (Holm 1979, Scand. J. Statist. 6, 65-70).

    The smallest of n is multiplied by n, the next by n - 1, and so on; none comes out below one that was smaller.
    """
    ascending = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted_values = [0.0] * len(p_values)
    largest = 0.0
    for rank, at in enumerate(ascending):
        largest = max(largest, (len(p_values) - rank) * p_values[at])
        adjusted_values[at] = min(1.0, largest)
    return adjusted_values


def write(folder: Path, results: Results) -> Path:
    """Write results.json whole or not at all; each claim has a line, so that a diff can compare two runs."""
    claims = [json.dumps(claim.as_json(), ensure_ascii=False, allow_nan=False) for claim in results.claims]
    # claims come last, whatever another version added
    facts = replace(results, claims=()).without(["claims"]).as_json() | {"claims": []}
    head = json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=1)
    body = head.removesuffix("[]\n}") + ("[\n" + ",\n".join(claims) + "\n]" if claims else "[]") + "\n}\n"
    path = folder / RESULTS
    write_atomically(path, body)
    return path


def load(path: Path) -> tuple[Path, Any]:
    """Return a stored run's file and its contents; a folder means the results.json in it.

    The contents may be any JSON. Raises an UnreadableError where there is none.
    """
    if path.is_dir():
        path = path / RESULTS
    return path, read_json(path)


def read(path: Path, *, baselines: bool = False) -> Results:
    """Read a results.json of schema 1; a folder means the file in it.

    A run that was cut down to a baseline is read only where ``baselines`` allows it. Raises an UnreadableError, one
    sentence that names the file and the field that is wrong.
    """
    path, results = load(path)
    if not isinstance(results, dict) or "schema" not in results:
        raise UnreadableError(f"{path} is no results.json of a claims run: it has no field 'schema'.")
    schema = results["schema"]
    if isinstance(schema, int) and not isinstance(schema, bool) and schema != SCHEMA:
        raise UnreadableError(f"{path} has schema {schema:.6g}; this version reads schema {SCHEMA}.")
    checked(path, results)
    if results.get("condensed") and not baselines:
        raise UnreadableError(
            f"{path} is a baseline, with only what a later run is compared with: name the results.json of a run."
        )
    return Results.from_json(results)


def checked(path: Path, results: Any) -> None:
    """Raise an UnreadableError, which names the field, where JSON is not what the published schema says."""
    problem = problem_of(results) or _uneven(results)
    if problem:
        raise UnreadableError(f"{path} is no results.json of a claims run: {problem}.")


def _uneven(results: Mapping[str, Any]) -> str | None:
    """Return where a trace's steps, losses and gradients are not equally many, which no schema can say; else None."""
    pool: Mapping[str, Any] = results.get("evidence") or {}
    todo: list[tuple[tuple[str | int, ...], Any]] = [
        *((("evidence", name, "trace"), entry.get("trace")) for name, entry in pool.items()),
        *((("claims", index, "trace"), entry.get("trace")) for index, entry in enumerate(results["claims"])),
    ]
    while todo:
        at, trace = todo.pop()
        if trace and isinstance(trace.get("step"), list):
            if len({len(trace[name]) for name in ("step", "loss", "gradient")}) > 1:
                return f"{place(at)} has other numbers of steps, losses and gradients"
        elif trace:
            todo += [((*at, name), inner) for name, inner in trace.items() if isinstance(inner, dict)]
    return None
