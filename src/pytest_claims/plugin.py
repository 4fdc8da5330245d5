"""The pytest plugin: options, ini keys and hooks. What they do is in `running/` and `report/`.

A session without claims pays nothing: this module imports nothing heavier than pytest. What judges and draws is
imported when the first claim is collected, or when the first evidence arrives.
"""

import shlex
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat, hooks
from pytest_claims.folders import ReportFolder
from pytest_claims.running import measuring, options
from pytest_claims.trials.claims import MARK, claim_of
from pytest_claims.trials.plan import SENT, Settings
from pytest_claims.vocabulary import DEFAULT_ENGINE, EXPECTED, REGISTERED

SETTINGS = pytest.StashKey[Settings]()


# -- options and configuration --------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    options.add_options(parser)
    options.add_ini_keys(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare this library's own hooks."""
    pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Keep pytest from taking the folder of a short option for tests, and its conftest.py for this repository's.

    A conftest adds the short names, so before it is loaded ``--reuse DIR`` looks like an unknown option and a test.
    """
    values = {value for name, value in pairwise(args) if name in options.WITH_PATHS}
    known = early_config.known_args_namespace
    known.file_or_dir = [path for path in known.file_or_dir if path not in values]


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show pytest's own word, xfailed or skipped, for a claim that other formats call passed (`running/items.py`)."""
    words = {"xfailed": ("xfailed", "x", "XFAIL"), "skipped": ("skipped", "s", "SKIPPED")}
    return words.get(getattr(report, EXPECTED, ""))


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Settle the number of workers; as a wrapper this comes before xdist looks at its options."""
    measuring.choose_workers(config)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Check options and folders on the controller; take over its decisions on the workers."""
    config.addinivalue_line("markers", f"{MARK}(claim): set by @claim")
    sent = _compat.worker_input(config)
    if options.SERVES in config.stash:
        return  # a bench of a cluster: it judges and reports nothing
    if sent is None:
        _configure_controller(config)
    elif SENT in sent:
        _configure_worker(config, sent)


def _configure_worker(config: pytest.Config, sent: Mapping[str, Any]) -> None:
    """Take over what the controller decided."""
    decided = dict(sent[SENT])
    config.option.claims_fresh, config.option.claims_report = decided.pop("fresh"), decided.pop("report")
    settings = replace(options.read(config), worker=sent["workerid"], **decided)
    config.stash[SETTINGS] = replace(settings, folder=Path(settings.folder))


def _configure_controller(config: pytest.Config) -> None:
    """Check the options, and register the plugins that collect evidence."""
    from pytest_claims.running.controller import Controller, XdistSide
    from pytest_claims.running.interruption import Interruption
    from pytest_claims.running.kept import read_durations

    settings = options.read(config)
    _check_engine(settings)
    baseline = options.read_baseline(config, settings.flag("baseline"))
    place = _report_folder(config, settings)
    settings = replace(settings, durations=read_durations(settings.folder))
    config.stash[SETTINGS] = settings
    controller = Controller(config, settings, place)
    controller.elsewhere = _cluster(config, settings)
    config.pluginmanager.register(controller, "claims-controller")
    if _compat.has_xdist(config):
        config.pluginmanager.register(XdistSide(config, settings), "claims-xdist")
    config.pluginmanager.register(Reporting(config, place, baseline), "claims-reporting")
    if config.option.claims_ctrf and not options.only_looks(config):
        from pytest_claims.report.ctrf import CtrfFile

        ctrf = CtrfFile(config, settings.flag("ctrf"), config.option.claims_ctrf, place.path)
        config.pluginmanager.register(ctrf, "claims-ctrf")
    if options.asks_for_claims(config):
        interruption = Interruption()
        config.pluginmanager.register(interruption, "claims-interruption")
        interruption.begin()


def _cluster(config: pytest.Config, settings: Settings) -> Any:
    """Return the cluster that measures this run's trials, connected; None where there is none, or nothing to measure.

    A UsageError where it cannot be used.
    """
    address = measuring.cluster(config)
    if address is None or settings.design or not options.asks_for_claims(config):
        return None
    from pytest_claims.cluster.starting import connect

    return connect(config, settings, address)


def _report_folder(config: pytest.Config, settings: Settings) -> ReportFolder:
    """Return the report folder; refuse one that may not be written where claims may run."""
    from pytest_claims.report.session import command_line

    place = ReportFolder(
        settings.report,
        options.shown_folder(config, settings.report),
        settings.flag("report"),
        shlex.join(command_line(config)),
        options.files_beside(config),
    )
    config.add_cleanup(place.release)
    _compat.ini_text(config, "claims_title")  # a title that is no text is noticed before anything runs
    asked = options.asks_for_claims(config) or (config.option.claims_report and not options.only_looks(config))
    if asked and not settings.design:
        options.take(place, only_check=True)
    return place


def _check_engine(settings: Settings) -> None:
    """Refuse an engine that is unknown or not installed, before anything is trained."""
    if settings.engine == DEFAULT_ENGINE:
        return  # claims that train with it report it themselves if it is missing; others need no engine
    from pytest_claims.errors import EngineError
    from pytest_claims.training.engines import check

    try:
        check(settings.engine)
    except EngineError as error:
        raise pytest.UsageError(f"{settings.flag('engine')} {settings.engine}: {error}") from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say how this run differs from the registered one."""
    return options.header(config.stash[SETTINGS]) if SETTINGS in config.stash else []


# -- collecting and running claims ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def seed_block_factory() -> Callable[..., Any]:
    """Make a block of seeds: `(experiment, seeds, stream, engine) -> Seeds`; every block of a run is made with it."""
    from pytest_claims.training.seeds import Seeds

    def make(
        experiment: int | str, seeds: tuple[int, ...], stream: str = REGISTERED, engine: str = DEFAULT_ENGINE
    ) -> Seeds:
        return Seeds(experiment, seeds, stream, engine)

    return make


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Register what acts on collected claims; the controller of xdist collects nothing."""
    config = session.config
    if SETTINGS in config.stash and not _compat.distributes(config):
        # registered last, so that it is the outermost wrapper: -k, -m and --lf deselect inside it
        config.pluginmanager.register(Collecting(config), "claims-collecting")


class Collecting:
    """Loads what measures and judges as soon as a claim is collected, and not before."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Insert trials before claims, around what deselects."""
        config, settings = self.config, self.config.stash[SETTINGS]
        if not settings.selected and not any(claim_of(item) for item in items):
            return (yield)
        from pytest_claims.environment import steady_arithmetic
        from pytest_claims.running.expansion import Expansion
        from pytest_claims.running.items import Running
        from pytest_claims.trials.workshop import Workshop

        steady_arithmetic()
        cluster = getattr(config.pluginmanager.getplugin("claims-controller"), "elsewhere", None)
        workshop = Workshop(settings, config, cluster)
        expansion = Expansion(workshop, insert=_compat.worker_input(config) is not None)
        running = Running(workshop)
        config.pluginmanager.register(running, "claims-running")
        if cluster is not None:
            from pytest_claims.cluster.starting import lay_out
            from pytest_claims.running.postponed import PostponingLoop

            cluster.difference = workshop.difference_elsewhere
            cluster.store.refused = workshop.store.refused  # why trials of an earlier run are measured again
            expansion.before = partial(lay_out, cluster, config)
            config.pluginmanager.register(PostponingLoop(running, expansion, cluster), "claims-postponing")
        config.pluginmanager.register(expansion, "claims-expansion")
        config.pluginmanager.register(Drawing(), "claims-drawing")
        return (yield from expansion.around_selection(config, items))


# -- reporting ------------------------------------------------------------------------------------------------------


class Drawing:
    """Draws a claim's figures on the process that judged it. ``-p no:claims-drawing`` turns this off."""

    def pytest_claim_judged(self, config: pytest.Config, record: Any, pictures: tuple[Any, ...]) -> Mapping[str, Any]:
        """Draw into the report folder; a figure that fails costs the claim only that figure."""
        from pytest_claims.report.figures import illustrate  # matplotlib is loaded where something is drawn

        return illustrate(config.stash[SETTINGS].report, record, pictures)


class Reporting:
    """Collects evidence on the process that the user sees, and writes the report folder at the end.

    ``-p no:claims-reporting`` turns this off.
    """

    def __init__(self, config: pytest.Config, place: ReportFolder, baseline: Any) -> None:
        from pytest_claims.report.session import Run

        self.config = config
        self.run = Run(config, place, baseline, self._selected)
        self.interrupted = False

    def pytest_sessionstart(self) -> None:
        """Note the time, and listen to the test reports."""
        self.run.begin()
        self.config.pluginmanager.register(self.run, "claims-report")

    def _selected(self) -> Mapping[str, Any]:
        """Return the claims that the processes which collect have planned, by node id."""
        controller = self.config.pluginmanager.getplugin("claims-controller")
        claims: Mapping[str, Any] = getattr(controller, "plan", {}).get("claims", {})
        return claims

    def pytest_keyboard_interrupt(self) -> None:
        """Remember Ctrl-C, after which a report says at least which claims are missing."""
        self.interrupted = True

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(
        self, session: pytest.Session, exitstatus: int | pytest.ExitCode
    ) -> Generator[None, None, None]:
        """Write the report, whatever ended the session, once all workers are done; nothing where no claim was met."""
        try:
            return (yield)
        finally:  # also where xdist, which ends its workers here, is interrupted
            if self.run.records or self.run.skipped or (self.interrupted and self._selected()):
                self.run.finish(_why_partial(session, int(exitstatus), len(self.run.records)))
                if self.run.failed and session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one line for each claim, what needs explaining, and where the page is."""
        if self.run.results is not None:
            from pytest_claims.report.terminal import summarise

            summarise(terminalreporter, self.run)


def _why_partial(session: pytest.Session, exitstatus: int, judged: int) -> str | None:
    """Return why not every selected claim may have been reported: Ctrl-C, -x, a crash of pytest itself; else None."""
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        return "The run was interrupted before."
    if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return "pytest ended before, with an error of its own."
    stopped = session.shouldstop or session.shouldfail
    if not stopped or 0 < session.testscollected <= judged:
        return None
    return f"The run ended before: {stopped}."
