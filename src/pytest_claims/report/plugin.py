"""The reporting plugin: collects the evidence of claims from their test reports and writes the report folder.

On the controller (and in a run without xdist) a ``Run`` collects; on the process that judged a claim its figure is
drawn. A session without claims leaves nothing behind.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.drift import read_baseline
from pytest_claims.errors import ResultsError
from pytest_claims.files import why_unwritable
from pytest_claims.record import Record
from pytest_claims.report.session import Run
from pytest_claims.report.terminal import summarise

RUN = pytest.StashKey[Run]()
DEFAULT = Path("reports") / "latest"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the report, in the group that all claims' options share."""
    group = parser.getgroup("claims", "claims and their evidence")
    group.addoption(
        "--report",
        dest="report_folder",
        metavar="DIR",
        default=None,
        help="folder for index.html, results.json, measurements.csv and figures/ (default: reports/latest)",
    )
    group.addoption(
        "--baseline",
        dest="baseline",
        metavar="FILE",
        default=None,
        help="results.json of an earlier run to compare with; a verdict that changed fails the run",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check folder and baseline before anything is trained; workers inherit the absolute folder with the options."""
    if hasattr(config, "workerinput"):
        return
    given: str | None = config.option.report_folder
    folder = config.invocation_params.dir / given if given else config.rootpath / DEFAULT
    # a string: xdist sends the options to its workers, and its wire knows no paths
    config.option.report_folder = str(folder)
    baseline = None
    if config.option.baseline:
        path = config.invocation_params.dir / config.option.baseline
        try:
            baseline = read_baseline(path)
        except ResultsError as error:
            shown = str(error).replace(str(path), config.option.baseline)
            raise pytest.UsageError(f"--baseline {config.option.baseline}: {shown}") from error
    if (given or _may_hold_claims(config)) and not _looks_only(config):
        reason = why_unwritable(folder)
        if reason:
            shown = given or str(DEFAULT)
            raise pytest.UsageError(
                f"The report folder {shown} cannot be written ({reason}): name another one with --report DIR."
            )
    config.stash[RUN] = Run(config, folder, baseline)


def _may_hold_claims(config: pytest.Config) -> bool:
    """Whether something outside the machinery's own tests was asked for: only then the default folder matters."""
    own = config.rootpath / "tests"
    asked = (config.invocation_params.dir / str(argument).partition("::")[0] for argument in config.args)
    return any(not path.resolve().is_relative_to(own) for path in asked)


def _looks_only(config: pytest.Config) -> bool:
    """Whether this call runs nothing: --help, --collect-only and the like."""
    names = ("help", "version", "collectonly", "showfixtures", "markers", "setuponly", "setupplan")
    return any(config.getoption(name, False) for name in names)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to collect; only where reports arrive."""
    run = session.config.stash.get(RUN, None)
    if run is not None:
        run.begin()
        session.config.pluginmanager.register(run, "claims-report")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Write the report, whatever ended the session, once all workers are through."""
    run = session.config.stash.get(RUN, None)
    if run is None or not run.records:
        return
    run.finish(complete=_complete(session, int(exitstatus), len(run.records)))
    if run.failed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _complete(session: pytest.Session, exitstatus: int, judged: int) -> bool:
    """Whether every claim that was selected has its say: not after Ctrl-C, -x or a crash of pytest itself."""
    if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return False
    stopped = bool(session.shouldstop or session.shouldfail)
    return not stopped or 0 < session.testscollected <= judged


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a claim, what needs explaining, and where the page is."""
    run = config.stash.get(RUN, None)
    if run is not None and run.results is not None:
        summarise(terminalreporter, run)


@pytest.hookimpl(optionalhook=True)
def pytest_claim_judged(config: pytest.Config, record: Record, pictures: Sequence[Any]) -> Mapping[str, Any]:
    """Draw the claim's figures beside its evidence; a figure that fails costs the claim nothing but the figure."""
    from pytest_claims.report.figures import illustrate  # matplotlib is loaded where something is drawn

    return illustrate(Path(config.getoption("report_folder")), record, pictures)
