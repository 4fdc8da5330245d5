"""The summary of a night: a table of all legs, their pages, a small history, and whether a leg needs attention."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_claims.errors import UnreadableError
from pytest_claims.files import write_atomically
from pytest_claims.folders import FIGURES, FIXED, LOCK, MARKER, TRIALS, refuse_to_replace
from pytest_claims.nightly.legs import WATCHED, Got
from pytest_claims.report.compare import Comparison, write_comparison
from pytest_claims.report.history import load_history, write_history
from pytest_claims.report.runs import condensed, load
from pytest_claims.results import Results, read

#: How many nights of a leg the history keeps.
NIGHTS = 400
#: The names of their files; others in the same folder are not ours.
NIGHT = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].json"
#: How a leg ended whose files cannot be read.
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Outcome:
    """How a leg ended. ``alarm``: whether it fails the night; ``sentences``: its comparison with the baseline."""

    leg: str
    word: str
    alarm: bool
    got: Got | None = None
    results: Results | None = None
    sentences: tuple[str, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether the leg's files cannot be read."""
        return self.word == UNREADABLE

    @property
    def line(self) -> str:
        """Return the leg's row of the table."""
        has = {} if self.got is None else self.got.versions
        versions = ", ".join(f"{name} {has[name]}" for name in WATCHED if name in has)
        word = f"**{self.word}**" if self.alarm else self.word
        return f"| {self.leg} | {word} | {versions or '-'} | {self._what()} |"

    def _what(self) -> str:
        sentences = " ".join((*([self.got.text] if self.got else []), *self.sentences[:1]))
        return " ".join(sentences.split()).replace("|", "\\|")


def read_outcome(leg: str, folder: Path) -> Outcome:
    """Read how a leg ended from leg.json and report/results.json in its folder.

    A file that cannot be read is how its leg ended: the other legs are summed up all the same.
    """
    record, stored = folder / "leg.json", folder / "report" / "results.json"
    if not record.exists():
        return Outcome(leg, "left no record", alarm=True)
    try:
        got = Got.read(record)
    except UnreadableError as error:
        return Outcome(leg, UNREADABLE, alarm=True, sentences=(str(error),))
    if got.state != "as meant":
        return Outcome(leg, got.state, got.state == "not what it is for", got)
    if not stored.exists():
        return Outcome(leg, "crashed", alarm=True, got=got)
    try:
        results = read(stored)
    except UnreadableError as error:
        return Outcome(leg, UNREADABLE, alarm=True, got=got, sentences=(str(error),))
    baseline = results.baseline or {}
    sentences = tuple(baseline.get("sentences") or ())
    word = _word(results, baseline)
    return Outcome(leg, word, word not in {"nothing changed", "numbers changed"}, got, results, sentences)


def _word(results: Results, baseline: Mapping[str, Any]) -> str:
    compared = baseline.get("claims") or ()
    if not results.complete:
        return "interrupted"
    if any(claim.get("verdict_changed") for claim in compared):
        return "verdict changed"
    if baseline.get("failed"):
        return "inputs changed"
    if any(claim.outcome in {"failed", "error"} for claim in results.claims):
        return "not as registered"
    if not baseline:
        return "no baseline"
    return "numbers changed" if any(claim.get("departed") for claim in compared) else "nothing changed"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return the night's summary; legs that need attention come first."""
    alarms = [outcome for outcome in outcomes if outcome.alarm]
    head = f"{len(alarms)} of {len(outcomes)} legs need attention" if alarms else _calm(outcomes)
    rows = [outcome.line for outcome in sorted(outcomes, key=lambda outcome: not outcome.alarm)]
    details = [_details(alarm) for alarm in alarms if alarm.sentences]
    return "\n".join(
        [f"## {head}", "", "| leg | result | versions | what |", "| --- | --- | --- | --- |", *rows, *details, ""]
    )


def _details(alarm: Outcome) -> str:
    """List all sentences of a leg."""
    return f"\n**{alarm.leg}**\n" + "\n".join(f"- {sentence}" for sentence in alarm.sentences)


def _calm(outcomes: Sequence[Outcome]) -> str:
    """Return which legs ran without an alarm, and why the others did not run."""
    ran = [outcome.leg for outcome in outcomes if outcome.results is not None]
    not_run = [f"{outcome.leg}: {outcome.word}" for outcome in outcomes if outcome.results is None]
    head = f"No verdict changed on {', '.join(ran)}" if ran else "Nothing was tested"
    return head + (f" ({'; '.join(not_run)})" if not_run else "")


def failed(outcomes: Sequence[Outcome]) -> bool:
    """Whether the night must fail: a leg needs attention, or none was tested at all."""
    return any(outcome.alarm for outcome in outcomes) or all(outcome.results is None for outcome in outcomes)


def keep_history(outcomes: Sequence[Outcome], folder: Path) -> list[Path]:
    """Add each leg's verdicts and effects to its history, one small file a night; drop the oldest nights."""
    written = []
    for outcome in outcomes:
        if outcome.results is None:
            continue
        night = re.match(r"\d{4}-\d{2}-\d{2}", outcome.results.started)
        path = folder / outcome.leg / f"{night[0] if night else 'undated'}.json"
        small = condensed(outcome.results).as_json()
        refuse_to_replace(path)
        write_atomically(path, json.dumps(small, ensure_ascii=False) + "\n")
        for oldest in sorted(path.parent.glob(NIGHT))[:-NIGHTS]:
            oldest.unlink()
        written.append(path)
    return written


def publish(folder: Path, outcomes: Sequence[Outcome], history: Path | None, site: Path) -> None:
    """Write the pages of a night: the front page compares the legs; each leg has its own report and history.

    Where only one leg ran, its report is the front page.
    """
    ran = [outcome.leg for outcome in outcomes if outcome.results is not None]
    for leg in ran:
        _copy(folder / leg / "report", site / leg)
        if history is not None:
            write_history(site / "history" / leg, load_history(history / leg))
    if len(ran) > 1:
        # compare the copies: their folders are named after the legs, while the original ones are all called "report"
        write_comparison(site, Comparison(load([site / leg / "results.json" for leg in ran])))
    elif ran:
        _copy(folder / ran[0] / "report", site)


def _copy(report: Path, target: Path) -> None:
    """Copy a report without its stored trials; a FolderError where this would replace a file of others."""
    left_out = shutil.ignore_patterns(TRIALS, MARKER, LOCK)
    for name in (*FIXED, *(f"{FIGURES}/{path.name}" for path in (report / FIGURES).glob("*"))):
        if (report / name).exists():
            refuse_to_replace(target / name)
    shutil.copytree(report, target, dirs_exist_ok=True, ignore=left_out)
