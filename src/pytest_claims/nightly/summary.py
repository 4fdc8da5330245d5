"""All legs of a night together: one table, a small history, and whether somebody must be told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_claims.files import write_atomically
from pytest_claims.nightly.legs import WATCHED, Got
from pytest_claims.report.runs import condensed
from pytest_claims.results import Results as Run

Results = Mapping[str, Any]

#: How many nights of a leg the history keeps.
NIGHTS = 400


@dataclass(frozen=True)
class Outcome:
    """How a leg ended. ``told``: whether it makes the night fail. ``sentences`` of the comparison with the baseline."""

    leg: str
    word: str
    told: bool
    got: Got | None = None
    results: Results | None = None
    sentences: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Return the leg's row of the table."""
        has = {} if self.got is None else self.got.versions
        versions = ", ".join(f"{name} {has[name]}" for name in WATCHED if name in has)
        word = f"**{self.word}**" if self.told else self.word
        return f"| {self.leg} | {word} | {versions or '-'} | {self._what()} |"

    def _what(self) -> str:
        said = " ".join((*([self.got.text] if self.got else []), *self.sentences[:1]))
        return " ".join(said.split()).replace("|", "\\|")


def outcome(leg: str, folder: Path) -> Outcome:
    """Read how a leg ended from leg.json and report/results.json in its folder."""
    record, stored = folder / "leg.json", folder / "report" / "results.json"
    if not record.exists():
        return Outcome(leg, "left no record", told=True)
    got = Got.read(record)
    if got.state != "as meant":
        return Outcome(leg, got.state, got.state == "not what it is for", got)
    if not stored.exists():
        return Outcome(leg, "crashed", told=True, got=got)
    results: Results = json.loads(stored.read_text(encoding="utf-8"))
    baseline = results.get("baseline") or {}
    sentences = tuple(baseline.get("sentences") or ())
    word = _word(results, baseline)
    return Outcome(leg, word, word not in {"nothing changed", "numbers changed"}, got, results, sentences)


def _word(results: Results, baseline: Mapping[str, Any]) -> str:
    if not results.get("complete"):
        return "interrupted"
    if any(claim["verdict_changed"] for claim in baseline.get("claims") or ()):
        return "verdict changed"
    if baseline.get("failed"):
        return "inputs changed"
    if any(claim.get("outcome") in {"failed", "error"} for claim in results["claims"]):
        return "not as registered"
    if not baseline:
        return "no baseline"
    return "numbers changed" if any(claim["departed"] for claim in baseline["claims"]) else "nothing changed"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return the night's summary; what must be told stands first."""
    told = [one for one in outcomes if one.told]
    head = f"{len(told)} of {len(outcomes)} legs need attention" if told else _calm(outcomes)
    rows = [one.line for one in sorted(outcomes, key=lambda one: not one.told)]
    details = [f"\n**{one.leg}**\n" + "\n".join(f"- {text}" for text in one.sentences) for one in told if one.sentences]
    return "\n".join(
        [f"## {head}", "", "| leg | result | versions | what |", "| --- | --- | --- | --- |", *rows, *details, ""]
    )


def _calm(outcomes: Sequence[Outcome]) -> str:
    ran = [one.leg for one in outcomes if one.results is not None]
    silent = [f"{one.leg}: {one.word}" for one in outcomes if one.results is None]
    said = f"No verdict changed on {', '.join(ran)}" if ran else "Nothing was tested"
    return said + (f" ({'; '.join(silent)})" if silent else "")


def failed(outcomes: Sequence[Outcome]) -> bool:
    """Whether the night must fail: a leg needs attention, or none was tested at all."""
    return any(one.told for one in outcomes) or not any(one.results is not None for one in outcomes)


def keep_history(outcomes: Sequence[Outcome], folder: Path) -> list[Path]:
    """Add each leg's verdicts and effects to its history, one small file a night; drop the oldest nights."""
    written = []
    for one in outcomes:
        if one.results is None:
            continue
        path = folder / one.leg / f"{str(one.results['started'])[:10]}.json"
        small = condensed(Run.from_json(one.results)).as_json()
        write_atomically(path, json.dumps(small, ensure_ascii=False) + "\n")
        for old in sorted(path.parent.glob("*.json"))[:-NIGHTS]:
            old.unlink()
        written.append(path)
    return written
