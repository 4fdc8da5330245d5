"""Collects the records of a run from its test reports, then writes the report folder."""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_claims import _compat
from pytest_claims import results as store
from pytest_claims.environment import environment
from pytest_claims.errors import FolderError, ResultsError
from pytest_claims.files import machine_paths, without_paths, write_atomically
from pytest_claims.folders import PAGE, RESULTS, TABLE, ReportFolder, refuse_to_replace
from pytest_claims.record import Record, attached
from pytest_claims.report.cite import citation_of
from pytest_claims.report.soundness import sound, stand_in, why
from pytest_claims.results import NotJudged, Results
from pytest_claims.stored import problem_of
from pytest_claims.vocabulary import EXPECTED, visible

if TYPE_CHECKING:
    from pytest_claims.report.fresh import Draws

#: Seconds between two writes of results.json during a run, so that a killed run leaves results behind.
INTERVAL = 20.0


class Run:
    """Collects every claim's record: a pytest plugin, registered on the controller only."""

    def __init__(
        self,
        config: pytest.Config,
        place: ReportFolder,
        baseline: Results | None,
        selected: Callable[[], Mapping[str, Mapping[str, Any]]] = dict,
    ) -> None:
        self.config = config
        self.place = place
        self.folder = place.path
        self.baseline = baseline
        self.selected = selected  # the claims of this run as JSON, by node id; empty while they are not known
        self.records: dict[str, Record] = {}
        self.skips: dict[str, str] = {}  # why pytest skipped a test that brought no record, by node id
        self.uncollected: set[str] = set()  # files that could not be collected, by node id
        self.results: Results | None = None
        self.problem: str | None = None
        self.unshown: list[str] = []  # a sentence for each record that some output could not show
        self.uncompared: str | None = None
        self.undrawn: str | None = None  # why the kept draws of fresh seeds are not on the page
        self._written = 0.0

    def begin(self) -> None:
        """Note the time."""
        self.started = datetime.now(UTC)
        self._clock = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the record from a test report; a later phase of a test may bring a fuller record, or a failure."""
        record = attached(report.user_properties)
        if record is not None:
            how = outcome(report, record, self.records.get(report.nodeid))
            self.records[report.nodeid] = replace(record, nodeid=record.nodeid or report.nodeid, outcome=how)
        elif report.skipped:
            self.skips[report.nodeid] = why_skipped(report)
        if self.records and report.when == "teardown" and time.monotonic() - self._written > INTERVAL:
            self._written = time.monotonic()
            # a full disk now, or a record that cannot be written: the run goes on, and finish() says what is wrong
            with suppress(Exception):
                self._write_results("The run had not come to it when this was written.")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not be collected: nobody knows which claims it holds."""
        if report.failed and report.nodeid:
            self.uncollected.add(report.nodeid)

    @property
    def skipped(self) -> list[NotJudged]:
        """The claims that pytest skipped: by a mark, a fixture or the claim itself."""
        return self._without_record(self.skips.get)

    def missing(self, why: str) -> list[NotJudged]:
        """Return the selected claims neither judged nor skipped, after the files that could not be collected."""
        broken = [
            NotJudged(id=nodeid, nodeid=nodeid, reason="It could not be collected, so its claims were not run.")
            for nodeid in sorted(self.uncollected)
        ]
        return broken + self._without_record(lambda nodeid: None if nodeid in self.skips else why)

    def _without_record(self, reason: Callable[[str], str | None]) -> list[NotJudged]:
        claims = [
            NotJudged(id=str(claim["id"]), nodeid=nodeid, reason=why)
            for nodeid, claim in self.selected().items()
            if nodeid not in self.records and (why := reason(nodeid)) is not None
        ]
        return sorted(claims, key=lambda claim: store.natural(claim.id))

    @property
    def failed(self) -> bool:
        """Whether the report itself causes exit status 1: a verdict changed, no comparison, nothing written."""
        changed = bool(self.results and (self.results.baseline or {}).get("failed"))
        return changed or bool(self.unshown) or (self.problem, self.uncompared) != (None, None)

    @cached_property
    def _environment(self) -> dict[str, Any]:
        return environment(self.config.rootpath)

    def _places(self) -> dict[str, Any]:
        """Return the fields that say where trials were measured, and where they were judged if that was elsewhere."""
        here = self._environment
        cluster = getattr(self.config.pluginmanager.getplugin("claims-controller"), "elsewhere", None)
        if cluster is None or not cluster.environment:
            return {"environment": here}
        facts = cluster.facts()
        there = here | cluster.environment | {"cores": facts["cores"], "workers": facts["workers"]}
        return {"environment": there, "controller": here, "cluster": facts}

    @cached_property
    def _paths(self) -> list[str]:
        return machine_paths(self.config.rootpath, self.config.invocation_params.dir)

    def _assemble(self, why: str | None) -> Results:
        from pytest_claims.report.fresh import with_draws

        missing = self.missing(why or "It was not run.")
        facts: dict[str, Any] = {
            "title": _compat.ini_text(self.config, "claims_title") or self.config.rootpath.name or None,
            "started": self.started.isoformat(timespec="seconds"),
            "duration_s": round(time.monotonic() - self._clock, 3),
            "complete": why is None and not missing,
            "skipped": [claim.as_json() for claim in self.skipped],
            "missing": [claim.as_json() for claim in missing],
            "command": command_line(self.config),
            **self._places(),
            "short_options": self.config.pluginmanager.hasplugin("pytest_claims.short"),
            "citation": citation_of(self.config.rootpath, self._environment, self.started.isoformat()),
        }
        try:
            results = self._readable(facts)
        except Exception:  # noqa: BLE001 - a record may hold anything, also what a plugin added
            self._replace_unwritable()
            results = self._readable(facts, check=False)  # whatever is left, the other claims' verdicts are shown
        results = with_draws(results, self._draws)
        if self.baseline is None:
            return results
        from pytest_claims.drift import compare_with

        self.uncompared = None
        try:
            return replace(results, baseline=compare_with(self.baseline, results))
        except Exception as error:  # noqa: BLE001 - whatever a baseline holds, it must not cost the run its report
            reason = f"{type(error).__name__}: {visible(str(error))}"
            self.uncompared = f"The comparison with the baseline failed: {reason}."
            return results

    @cached_property
    def _draws(self) -> "Draws":
        """The draws of fresh seeds that the repository keeps; a fault there does not fail this run, but is reported."""
        from pytest_claims.report.fresh import KEPT, kept_draws

        try:
            return kept_draws(self.config.rootpath)
        except ResultsError as error:
            self.undrawn = f"The draws in {KEPT.as_posix()} are not on the page: {error}"
            return {}

    def _readable(self, facts: dict[str, Any], *, check: bool = True) -> Results:
        """Return the results as a reader of results.json gets them, without paths of this machine."""
        content = without_paths(store.assemble(self.records.values(), facts).as_json(), self._paths)
        if check:
            _check(content)
        return Results.from_json(content)

    def _replace_unwritable(self) -> None:
        """Replace each record that cannot be written by an error."""
        for nodeid, record in self.records.items():
            error = why(record, lambda claim: _check(store.assemble([claim], {}).as_json()))
            if error is not None:
                self.records[nodeid] = stand_in(record, error)
                self.unshown.append(self.records[nodeid].message)

    def _shown(self, show: Callable[[Results], str], results: Results) -> str:
        """Return a text about all records; those that it cannot show are noted."""
        text, sentences = sound(results, show)
        self.unshown += [sentence for sentence in sentences if sentence not in self.unshown]
        return text

    def _write_results(self, why: str | None) -> Results:
        self.place.take()  # taken before anything was trained, where claims were expected
        results = self._assemble(why)
        store.write(self.folder, results)
        figures = (name for claim in results.claims for name in (*claim.figures, *claim.curves))
        self.place.note([RESULTS, *figures])
        return results

    def finish(self, why: str | None = None) -> None:
        """Write results.json, measurements.csv, the page, and a CI job's summary where the job takes one.

        ``why`` says why claims are missing; None where the run came to its end.
        """
        from pytest_claims.report.measurements import measurements_text
        from pytest_claims.report.page import page_text

        try:
            results = self.results = self._write_results(why)
            if why is None:
                results = self.results = with_speed(self.folder, results)
            self.place.drop_stale()
            for name, text_of in ((TABLE, measurements_text), (PAGE, page_text)):
                text = self._shown(partial(text_of, self.folder), results)
                write_atomically(self.folder / name, text)
                self.place.note([name])
            self._append_summary(results)
        except (OSError, FolderError) as error:
            # a full disk at the end must not hide the verdicts: the terminal still shows them
            self.results = self.results or self._assemble(why)
            reason = getattr(error, "strerror", None) or str(error).rstrip(".")
            self.problem = f"The report could not be written: {reason}."
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hide the verdicts
            self.problem = f"The report could not be written whole: {type(error).__name__}: {visible(str(error))}."

    def _append_summary(self, results: Results) -> None:
        target = os.environ.get("GITHUB_STEP_SUMMARY")
        if target:
            from pytest_claims.report.markdown import summary

            with Path(target).open("a", encoding="utf-8") as file:
                file.write(self._shown(summary, results))


def with_speed(folder: Path, results: Results) -> Results:
    """Measure how fast this machine's products are, where a floor rests on it, and write results.json again.

    Measured only when results.json is there already: whatever happens meanwhile must not cost the run its report.
    """
    from pytest_claims.report.times import dtypes

    needed = dtypes(results.claims)
    if not needed or results.cluster is not None:  # machines of a cluster are others than this one
        return results
    with suppress(*_compat.RAISED, KeyboardInterrupt):
        from pytest_claims.training import products

        results = replace(results, fastest=products.fastest(needed))
    store.write(folder, results)
    return results


def _check(content: Any) -> None:
    """Raise a ValueError or TypeError where results cannot be written so that they can be read again."""
    problem = problem_of(json.loads(json.dumps(content, allow_nan=False)))
    if problem:
        raise ValueError(problem)


def why_skipped(report: pytest.TestReport) -> str:
    """Return in words why pytest skipped a test."""
    if hasattr(report, "wasxfail"):
        return f"Expected to fail, and not run: {report.wasxfail}".rstrip(": ")
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return " ".join(str(words).removeprefix("Skipped").removeprefix(":").split()) or "no reason given"


def outcome(report: pytest.TestReport, record: Record, earlier: Record | None) -> str:
    """Return a claim's outcome in pytest's words: passed, failed, xfailed, skipped, error (a crash in any phase)."""
    if report.when != "call":
        if report.failed:
            return "error"
        return (earlier or record).outcome or report.outcome
    if word := getattr(report, EXPECTED, ""):
        return str(word)
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "passed"
    if report.failed and record.verdict == "error":
        return "error"
    return str(report.outcome)


def command_line(config: pytest.Config) -> list[str]:
    """Return this run's command; a path outside the project is shortened to its name."""
    here = (config.rootpath, config.invocation_params.dir)

    def shortened(argument: str) -> str:
        option, equals, value = argument.rpartition("=")
        path = Path(value)
        elsewhere = path.is_absolute() and not any(path.is_relative_to(folder) for folder in here)
        return f"{option}{equals}{path.name}" if elsewhere else argument

    return ["pytest", *(shortened(str(argument)) for argument in config.invocation_params.args)]


def render(folder: Path) -> Path:
    """Draw the page of a stored run again, from results.json and figures/; write measurements.csv if it is missing.

    A ResultsError where the figures are gone: a page that shows them must not be replaced by one without.
    """
    from pytest_claims.report.measurements import write_measurements
    from pytest_claims.report.page import figure_path, write_page

    results = store.read(folder)
    page = folder / PAGE
    refuse_to_replace(page)
    drawn = [folder / figure_path(name) for claim in results.claims for name in claim.figures]
    if page.exists() and drawn and not any(path.exists() for path in drawn):
        raise ResultsError(
            f"{folder} has no figures/, and the page there may show figures that would be lost: bring figures/ back, "
            f"or move {PAGE} away."
        )
    if not (folder / TABLE).exists():
        write_measurements(folder, results)
    return write_page(folder, results)
