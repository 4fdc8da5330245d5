"""Collects the records of a run from its test reports, then writes the report folder."""

import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims import results as store
from pytest_claims.environment import environment
from pytest_claims.errors import FolderError
from pytest_claims.files import machine_paths, without_paths
from pytest_claims.folders import PAGE, RESULTS, TABLE, ReportFolder, refuse_to_replace
from pytest_claims.record import Record, attached
from pytest_claims.results import Results

#: Seconds between two writes of results.json during a run, so that a killed run leaves results behind.
INTERVAL = 20.0


class Run:
    """Collects every claim's record: a pytest plugin, registered on the controller only."""

    def __init__(self, config: pytest.Config, place: ReportFolder, baseline: Results | None) -> None:
        self.config = config
        self.place = place
        self.folder = place.path
        self.baseline = baseline
        self.records: dict[str, Record] = {}
        self.results: Results | None = None
        self.problem: str | None = None
        self.uncompared: str | None = None
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
        if self.records and report.when == "teardown" and time.monotonic() - self._written > INTERVAL:
            self._written = time.monotonic()
            # a full disk now: the run goes on, and finish() says what could not be written
            with suppress(OSError, FolderError):
                self._write_results(complete=False)

    @property
    def failed(self) -> bool:
        """Whether the report itself causes exit status 1: a verdict changed, no comparison, nothing written."""
        changed = bool(self.results and (self.results.baseline or {}).get("failed"))
        return changed or self.problem is not None or self.uncompared is not None

    @cached_property
    def _environment(self) -> dict[str, Any]:
        return environment(self.config.rootpath)

    @cached_property
    def _paths(self) -> list[str]:
        return machine_paths(self.config.rootpath, self.config.invocation_params.dir)

    def _assemble(self, *, complete: bool) -> Results:
        facts: dict[str, Any] = {
            "title": _compat.ini_text(self.config, "claims_title") or self.config.rootpath.name or None,
            "started": self.started.isoformat(timespec="seconds"),
            "duration_s": round(time.monotonic() - self._clock, 3),
            "complete": complete,
            "command": command_line(self.config),
            "environment": self._environment,
            "short_options": self.config.pluginmanager.hasplugin("pytest_claims.short"),
        }
        assembled = store.assemble(self.records.values(), facts)
        results = Results.from_json(without_paths(assembled.as_json(), self._paths))
        if self.baseline is None:
            return results
        from pytest_claims.drift import compare_with

        self.uncompared = None
        try:
            return replace(results, baseline=compare_with(self.baseline, results))
        except Exception as error:  # noqa: BLE001 - whatever a baseline holds, it must not cost the run its report
            self.uncompared = f"The comparison with the baseline failed: {type(error).__name__}: {error}."
            return results

    def _write_results(self, *, complete: bool) -> Results:
        self.place.take()  # taken before anything was trained, where claims were expected
        results = self._assemble(complete=complete)
        store.write(self.folder, results)
        figures = (name for claim in results.claims for name in (*claim.figures, *claim.curves))
        self.place.note([RESULTS, *figures])
        return results

    def finish(self, *, complete: bool) -> None:
        """Write results.json, measurements.csv, the page, and a CI job's summary where the job takes one."""
        from pytest_claims.report.measurements import write_measurements
        from pytest_claims.report.page import write_page

        try:
            self.results = self._write_results(complete=complete)
            self.place.drop_stale()
            written = [write_measurements(self.folder, self.results), write_page(self.folder, self.results)]
            self.place.note(path.name for path in written)
            self._append_summary(self.results)
        except (OSError, FolderError) as error:
            # a full disk at the end must not hide the verdicts: the terminal still shows them
            self.results = self.results or self._assemble(complete=complete)
            reason = getattr(error, "strerror", None) or str(error).rstrip(".")
            self.problem = f"The report could not be written: {reason}."

    def _append_summary(self, results: Results) -> None:
        target = os.environ.get("GITHUB_STEP_SUMMARY")
        if target:
            from pytest_claims.report.markdown import summary

            with Path(target).open("a", encoding="utf-8") as file:
                file.write(summary(results))


def outcome(report: pytest.TestReport, record: Record, earlier: Record | None) -> str:
    """Return a claim's outcome in pytest's words: passed, failed, xfailed, skipped, error (a crash in any phase)."""
    if report.when != "call":
        if report.failed:
            return "error"
        return (earlier or record).outcome or report.outcome
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
    """Draw the page of a stored run again, from results.json and figures/; write measurements.csv if it is missing."""
    from pytest_claims.report.measurements import write_measurements
    from pytest_claims.report.page import write_page

    results = store.read(folder)
    refuse_to_replace(folder / PAGE)
    if not (folder / TABLE).exists():
        write_measurements(folder, results)
    return write_page(folder, results)
