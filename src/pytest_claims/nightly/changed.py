"""The verdicts that changed in one or more runs: what an issue on GitHub is about.

With a baseline, a verdict changed if the comparison says so. A claim that was not compared changed if its verdict is
not the registered one, or if it is an error. A claim under changed conditions, on fresh seeds or with another engine
says nothing about the registered verdict, neither that it changed nor that it is back.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.drift import compare_with, read_baseline
from pytest_claims.drift.stages import IN_WORDS
from pytest_claims.errors import ResultsError, UnreadableError
from pytest_claims.folders import RESULTS
from pytest_claims.record import Record, attached
from pytest_claims.report.runs import NamedRun
from pytest_claims.report.session import outcome
from pytest_claims.results import NotJudged, Results, assemble, natural, read
from pytest_claims.vocabulary import DEFAULT_ENGINE, is_registered

#: What a claim's outcome is that ended as it should.
CALM = frozenset({"passed", "xfailed"})


@dataclass(frozen=True)
class Change:
    """A verdict that changed in one run. ``stage``: the first that departed, in words; empty without a baseline."""

    run: str
    claim: Record
    was: str
    stage: str = ""
    where: str = ""
    versions: str = ""

    @property
    def now(self) -> str:
        """The new verdict; "error" also where something broke after the claim was judged."""
        return "error" if self.claim.outcome == "error" else self.claim.verdict


def read_runs(paths: Sequence[Path], baseline: Path | None = None) -> tuple[list[NamedRun], list[str]]:
    """Read runs: results.json or its folder, a folder of legs as a night leaves them, or a report log (``*.jsonl``).

    Also returns a sentence for each file that cannot be read, or not whole, and for each that a run could not collect:
    one bad leg must not silence the others. A run is named after its folder, a leg's after the leg, a report log after
    its file. The baseline is for runs that were not compared with one. A ResultsError where two runs have one name, a
    folder holds no run, or no file can be read.
    """
    earlier = None if baseline is None else read_baseline(baseline)
    runs: dict[str, NamedRun] = {}
    unreadable: list[str] = []
    for file in (file for path in paths for file in _files(path)):
        try:
            results = _from_report_log(file, unreadable) if file.suffix == ".jsonl" else read(file)
        except UnreadableError as error:
            unreadable.append(str(error))
            continue
        # a claim that got no verdict has an id; what has only pytest's name is a file that could not be collected
        lost = (entry.nodeid for entry in results.missing if entry.id == entry.nodeid)
        unreadable += [f"{file}: {name} could not be collected, so nobody knows its verdicts." for name in lost]
        if earlier is not None and results.baseline is None:
            results = replace(results, baseline=compare_with(earlier, results))
        name = _name(file)
        if name in runs:
            raise ResultsError(f"Two runs are called {name}: name one of them, or a folder that holds both as legs.")
        runs[name] = NamedRun(name, results)
    if not runs:
        raise UnreadableError(" ".join(unreadable))
    return list(runs.values()), unreadable


def _files(path: Path) -> list[Path]:
    """Return the files of the runs at a path."""
    if not path.is_dir():
        return [path]
    if (path / RESULTS).exists():
        return [path / RESULTS]
    legs = sorted(path.glob(f"*/report/{RESULTS}"))
    if not legs:
        raise ResultsError(f"{path} holds no run: neither {RESULTS}, nor a leg's folder with report/{RESULTS}.")
    return legs


def _name(file: Path) -> str:
    if file.name != RESULTS:
        return file.stem
    folder = file.resolve().parent
    return folder.parent.name if folder.name == "report" else folder.name


def _from_report_log(path: Path, unreadable: list[str]) -> Results:
    """Return what a report log of pytest-reportlog says about claims: their records, and no environment.

    A last line that a crash cut off costs the lines before it nothing; a sentence about it joins ``unreadable``.
    """
    records: dict[str, Record] = {}
    missing: dict[str, NotJudged] = {}
    try:
        for kind, line in _lines(path, unreadable):
            if kind == "CollectReport" and line["outcome"] == "failed":
                name = line["nodeid"] or "a file"
                missing[name] = NotJudged(id=name, nodeid=name, reason="It could not be collected.")
            elif kind == "TestReport" and (record := attached(line.get("user_properties") or ())) is not None:
                report = pytest.TestReport(**line)
                # as the run itself does: an error before or after the test outlives a teardown that passes
                how = outcome(report, record, records.get(report.nodeid))
                records[report.nodeid] = replace(record, outcome=how)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UnreadableError(f"{path} is no report log of pytest-reportlog: {error}.") from error
    return assemble(records.values(), {"started": "", "missing": list(missing.values())})


def _lines(path: Path, unreadable: list[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the kind and the content of each line; a sentence joins ``unreadable`` where the last one is cut off."""
    lines = path.read_bytes().splitlines()
    for at, text in enumerate(lines):
        try:
            line = json.loads(text)
        except ValueError:
            if at == 0 or at < len(lines) - 1:
                raise
            unreadable.append(f"{path} breaks off in its last line: the verdicts after it are not known.")
            return
        yield line.pop("$report_type", None), line


def changes(run: NamedRun) -> list[Change]:
    """Return the verdicts that changed in a run."""
    baseline = run.results.baseline or {}
    compared = {entry.get("id"): entry for entry in baseline.get("claims") or ()}
    versions = ", ".join(f"{name} {was} → {now}" for name, (was, now) in (baseline.get("versions") or {}).items())
    found = []
    for claim in filter(_asks_what_is_registered, run.results.claims):
        entry = compared.get(claim.id)
        if entry is None and claim.outcome in {"failed", "error"}:
            found.append(Change(run.name, claim, claim.registered or "not registered", versions=versions))
        elif entry is not None and entry.get("verdict_changed"):
            stage = IN_WORDS.get(entry.get("departed"), "")
            was, where = str(entry.get("was")), str(entry.get("where") or "")
            found.append(Change(run.name, claim, was, stage, where, versions))
    return found


def calm(run: NamedRun) -> set[str]:
    """Return the ids of the claims of which a run says that their verdict did not change.

    Not those that are missing or were skipped, nor those on other inputs, whose verdicts cannot be compared. Nor those
    that were not judged as they are registered: a quick look, or a shorter run that did not decide, brings none back.
    """
    alarms = {entry.get("id") for entry in run.results.alarms}
    changed = {change.claim.id for change in changes(run)}
    judged = [claim for claim in run.results.claims if _asks_what_is_registered(claim) and claim.as_registered]
    return {claim.id for claim in judged if claim.outcome in CALM} - alarms - changed


def _asks_what_is_registered(claim: Record) -> bool:
    """Whether the claim was asked under its own conditions, on the registered seeds and with the default engine."""
    return not claim.changed and is_registered(claim.stream) and claim.engine == DEFAULT_ENGINE


def by_claim(runs: Sequence[NamedRun]) -> dict[str, list[Change]]:
    """Return the changes of all runs by claim, in the order of the claims."""
    found: dict[str, list[Change]] = {}
    for run in runs:
        for change in changes(run):
            found.setdefault(change.claim.id, []).append(change)
    return {name: found[name] for name in sorted(found, key=natural)}
