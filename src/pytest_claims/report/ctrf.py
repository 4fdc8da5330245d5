"""A run as a CTRF file, which dashboards read: every test of the session once, a verdict as registered as *passed*.

CTRF is the Common Test Report Format of ctrf.io, one JSON object; its published schema says what is valid. A claim that
is refuted or inconclusive as registered is an expected failure to pytest, for which CTRF has no word: a writer that
does not know claims calls it "skipped" or "other". Here it is "passed", its verdict is a label, and ``rawStatus`` keeps
pytest's word. Tests that are no claims are in the file, too, as JUnit has them.
"""

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import pytest_claims
from pytest_claims.errors import FolderError
from pytest_claims.files import machine_paths, why_unwritable, without_paths, write_atomically
from pytest_claims.folders import CTRF, FIXED, LOCK, MARKER, refuse_to_replace
from pytest_claims.record import Record, attached
from pytest_claims.vocabulary import EXPECTED

#: The version of CTRF's specification that a file follows.
SPECIFICATION = "0.0.0"
#: CTRF's status for each word of pytest; the later a word stands, the more it counts among the phases of a test.
STATUS = {"": "other", "passed": "passed", "xpassed": "passed", "skipped": "skipped", "xfailed": "skipped",
          "failed": "failed", "error": "failed"}  # fmt: skip
_WEIGHT = {word: weight for weight, word in enumerate(STATUS)}
#: The fields of a record that are labels of a test, and those that are in its ``extra``.
LABELS = ("verdict", "registered", "seeds")
FURTHER = ("text", "source", "effect", "interval", "margin", "unit")


@dataclass
class Case:
    """What the phases of one test reported. Times in seconds."""

    word: str = ""  # pytest's
    expected: bool = False  # whether it is a claim that was judged and does not fail
    duration: float = 0.0
    start: float | None = None  # since the epoch
    message: str = ""
    trace: str = ""
    worker: str | None = None
    record: Record | None = field(default=None, repr=False)

    def take(self, report: pytest.TestReport | pytest.CollectReport, word: str) -> None:
        """Add a phase, which pytest calls ``word``."""
        self.duration += getattr(report, "duration", 0.0)
        start = getattr(report, "start", None)
        self.start = start if self.start is None else self.start
        self.worker = getattr(report, "worker_id", None) or self.worker
        self.record = attached(getattr(report, "user_properties", ())) or self.record
        self.expected = self.expected or bool(getattr(report, EXPECTED, ""))
        if _WEIGHT.get(word, 0) > _WEIGHT[self.word]:
            self.word = word
            self.message, self.trace = _message(report), report.longreprtext if report.failed else ""

    def as_json(self, nodeid: str) -> dict[str, Any]:
        """Return the test as CTRF has it; times in whole milliseconds."""
        file, *names = _names(nodeid)
        record = self.record
        failed = STATUS[self.word] == "failed"
        optional = {
            "start": None if self.start is None else round(1000 * self.start),
            "message": self.message if failed or record is None else record.message,
            "trace": "" if self.trace in self.message else self.trace,
            "threadId": self.worker,
            "labels": {} if record is None else {"claim": record.id} | _present(record, LABELS),
            "extra": {} if record is None else _present(record, FURTHER),
        }
        return {
            "testId": nodeid,
            "name": names[-1] if names else file,
            "status": "passed" if self.expected and not failed else STATUS[self.word],
            "rawStatus": self.word or "unknown",
            "duration": round(1000 * self.duration),
            "suite": [file, *names[:-1]],
            "filePath": file,
            **{name: value for name, value in optional.items() if value not in (None, "", {})},
        }


class CtrfFile:
    """Collects the tests of a session and writes them at its end: a plugin, registered on the controller only.

    ``option`` is how the user spells the option, ``shown`` the file as it was named, ``report`` the report folder.
    """

    def __init__(self, config: pytest.Config, option: str, shown: str, report: Path) -> None:
        self.config, self.shown = config, shown
        self.path = Path(config.invocation_params.dir) / shown
        self.tests: dict[str, Case] = {}
        self.problem: str | None = None
        self.begun = time.time()
        self._check(option, report)

    def _check(self, option: str, report: Path) -> None:
        """Raise a UsageError where the file cannot be written, before anything is trained."""
        if self.path.is_dir():
            raise pytest.UsageError(f"{option} {self.shown}: this is a folder; name a file, such as ctrf.json.")
        reason = why_unwritable(self.path.parent)
        if reason:
            raise pytest.UsageError(f"{option} {self.shown}: it cannot be written ({reason}); name another file.")
        if self.path.resolve() in {(report / name).resolve() for name in (*FIXED, MARKER, LOCK)}:
            raise pytest.UsageError(f"{option} {self.shown}: the report has a file of this name; name another file.")
        try:
            refuse_to_replace(self.path, CTRF)
        except FolderError as error:
            raise pytest.UsageError(f"{option}: {str(error).replace(str(self.path), self.shown)}") from error

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase of a test, under the word that the terminal has for it."""
        word = str(self.config.hook.pytest_report_teststatus(report=report, config=self.config)[0])
        if report.failed and report.when != "call":
            word = "error"
        self.tests.setdefault(report.nodeid, Case()).take(report, word)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take a file that could not be collected: left out, it would look as if all were well."""
        if not report.passed:
            word = "error" if report.failed else "skipped"
            self.tests.setdefault(report.nodeid or "collection", Case()).take(report, word)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file, whatever ended the session; a full disk makes the run fail, and hides no verdict."""
        paths = machine_paths(self.config.rootpath, self.config.invocation_params.dir)
        try:
            write_atomically(self.path, json.dumps(without_paths(self.as_json(), paths), indent=1) + "\n")
        except OSError as error:
            self.problem = f"The CTRF file {self.shown} could not be written: {error.strerror or error}."
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the file is, or why it is not."""
        terminalreporter.write_line(self.problem or f"CTRF: {self.shown}", red=bool(self.problem))

    def as_json(self) -> dict[str, Any]:
        """Return the whole file."""
        tests = [test.as_json(nodeid) for nodeid, test in self.tests.items()]
        counts = dict.fromkeys(("passed", "failed", "skipped", "pending", "other"), 0)
        for test in tests:
            counts[test["status"]] += 1
        start, stop = round(1000 * self.begun), round(1000 * time.time())
        return {
            "reportFormat": "CTRF",
            "specVersion": SPECIFICATION,
            "reportId": str(uuid.uuid4()),
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "generatedBy": f"pytest-claims {pytest_claims.__version__}",
            "results": {
                "tool": {"name": "pytest", "version": pytest.__version__},
                "summary": {
                    "tests": len(tests),
                    **counts,
                    "suites": len({tuple(test["suite"]) for test in tests}),
                    "start": start,
                    "stop": stop,
                    "duration": stop - start,
                },
                "tests": tests,
            },
        }


def _present(record: Record, names: tuple[str, ...]) -> dict[str, Any]:
    """Return these fields of a record, without those that are empty: CTRF has no null."""
    values = record.only(names).as_json()
    return {name: values[name] for name in names if values.get(name) not in (None, "")}


def _names(nodeid: str) -> list[str]:
    """Return file, classes and test of a node id; a parameter may hold "::" itself, and a folder's name brackets."""
    file, _, test = nodeid.partition("::")
    plain, bracket, parameters = test.partition("[")
    *names, last = plain.split("::")
    return [file, *names, last + bracket + parameters] if test else [file]


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return in a line why a test failed or was skipped."""
    why = report.longrepr
    if isinstance(why, tuple):  # a skip: file, line, reason
        return str(why[2])
    crash = getattr(why, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    return (str(why or "").strip().splitlines() or [""])[-1].removeprefix("E ").strip()
