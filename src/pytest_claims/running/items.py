"""The process that runs claims: a worker of xdist, or the only process of a run without it."""

from collections.abc import Generator
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.outcomes import ClaimError, Departure, Postponed
from pytest_claims.record import attach, attached
from pytest_claims.running.judging import declared, run_claim
from pytest_claims.running.schedule import TrialItem
from pytest_claims.trials.claims import claim_of
from pytest_claims.trials.identity import graph, looks_at_the_test
from pytest_claims.trials.measurements import is_measurement
from pytest_claims.trials.tracing import tracing
from pytest_claims.trials.turns import CONTROLLER, stopped, take
from pytest_claims.trials.workshop import Workshop
from pytest_claims.vocabulary import EXPECTED, visible


class Running:
    """pytest's hooks around each claim, in the order in which they are called."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.item: pytest.Item | None = None  # the one that runs now
        self.made: dict[Any, tuple[Any, ...]] = {}  # what each fixture rested on when it was set up
        self.awaited: dict[pytest.Item, frozenset[str]] = {}  # the trials that each postponed claim waits for

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run trial items without reports; skip a claim that the controller has reported, or that follows -x."""
        self.item = item
        if isinstance(item, TrialItem):
            _compat.run_unreported(item, nextitem)
            return True
        if claim_of(item) is not None and _compat.worker_input(item.config) is not None:
            folder = self.workshop.store.folder
            if stopped(folder) or take(folder, item.nodeid, self.workshop.settings.worker) == CONTROLLER:
                return True
        if claim_of(item) is not None and self.workshop.elsewhere is not None:
            self._run_or_postpone(item, nextitem)
            return True
        return None

    def _run_or_postpone(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Run a claim and report it, unless it turns out to wait for trials; then it leaves no trace."""
        self.awaited.pop(item, None)
        known = len(item.user_properties)
        reports = _compat.run_unreported(item, nextitem)
        if item in self.awaited:
            del item.user_properties[known:]
            _compat.forget_attempt(item)
            return
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Set up anew what rests on other fixtures for this item; report a missing fixture in one sentence."""
        claim = claim_of(item)
        if claim is not None or isinstance(item, TrialItem):
            for definition, rests_on in graph(item).values():
                other = self.made.get(definition, rests_on) != rests_on
                if other or looks_at_the_test(definition.func, definition.argnames):
                    _compat.forget_fixture(definition, item)
        if claim is None or isinstance(item, TrialItem):
            return (yield)
        try:
            return (yield)
        except pytest.FixtureLookupError as error:
            user = getattr(error.request, "fixturename", None)
            through = f" for {user}" if user and user != error.argname else ""
            raise ClaimError(
                f"Claim {claim.id} needs the fixture {error.argname}{through}, and there is no such fixture."
            ) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        """Note what a fixture rests on, and what it reads: its trials rest on that, too."""
        if self.item is not None:
            self.made[fixturedef] = dict(graph(self.item).values()).get(fixturedef, ())
        with tracing(self.workshop.config) as reads:
            self.workshop.setups[fixturedef] = reads
            return (yield)

    def pytest_fixture_post_finalizer(self, fixturedef: Any) -> None:
        """Forget a measurement whose datasets are torn down."""
        if is_measurement(fixturedef.func):
            self.workshop.handles.clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Judge a claim instead of only calling its function."""
        claim = claim_of(pyfuncitem)
        if claim is None:
            return None
        if not self.workshop.settings.design:
            run_claim(pyfuncitem, claim, self.workshop)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Report whatever keeps a claim from its verdict as an *error*, with a record that says so.

        pytest calls a problem in a test's body a failure, and a problem before it an error. Measuring comes before the
        claim's test, so the phase is "setup".
        """
        report = yield
        claim = claim_of(item)
        if call.excinfo is not None and isinstance(call.excinfo.value, Postponed):
            self.awaited[item] = call.excinfo.value.keys
            return report
        if claim is not None:
            _write_out(report)
            _expected(report)
        if claim is None or call.excinfo is None or not report.failed or call.when == "teardown":
            return report
        if isinstance(call.excinfo.value, Departure):
            return report
        report.when = "setup"
        settings = self.workshop.settings
        if not settings.design:
            error = call.excinfo.value
            words = " ".join(call.excinfo.exconly().split())
            sentence = str(error.msg) if isinstance(error, ClaimError) else f"Claim {claim.id}: {words}"
            if attached(item.user_properties) is None:
                record = declared(item, claim, settings).failed(sentence, item.config.rootpath)
                attach(item.user_properties, record)
            report.user_properties = list(item.user_properties)
        return report


def _expected(report: pytest.TestReport) -> None:
    """Let a judged claim that does not fail be a passed test for every reader but the terminal.

    To pytest, refuted as registered is an expected failure and undecided in a quick look a skip. JUnit, report logs and
    dashboards show both as a skipped test: as something that was not run. `pytest_report_teststatus` in the plugin
    keeps pytest's own word on the terminal, where `-rs` wants the place of a skip, too.
    """
    if report.when == "call" and report.skipped:
        record = attached(report.user_properties)
        word = "xfailed" if hasattr(report, "wasxfail") else "skipped"
        if record is not None and record.outcome == word:
            report.outcome = "passed"
            if word == "xfailed":
                report.longrepr = None
            setattr(report, EXPECTED, word)


def _write_out(report: pytest.TestReport) -> None:
    """Write out hidden characters in what a claim raised: they could not be sent, and would act on the terminal."""
    if hasattr(report, "wasxfail"):
        report.wasxfail = visible(str(report.wasxfail))
    match report.longrepr:
        case None:
            return
        case (path, line, reason):
            report.longrepr = path, line, visible(str(reason))
        case whole:
            text = str(whole)
            if visible(text) != text:
                report.longrepr = visible(text)
