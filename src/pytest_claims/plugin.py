"""The pytest plugin: hooks only; what they do is in the modules beside it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_claims import hooks
from pytest_claims.running import options as settings
from pytest_claims.running.controller import Controller, XdistSide
from pytest_claims.trials.claims import MARK
from pytest_claims.trials.plan import SENT, Settings
from pytest_claims.vocabulary import DEFAULT_ENGINE

SETTINGS = pytest.StashKey[Settings]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare this package's options."""
    settings.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare this package's hooks."""
    pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep ``--design`` in one process: it trains nothing."""
    if config.option.design and hasattr(config.option, "numprocesses"):
        config.option.numprocesses, config.option.dist, config.option.tx = 0, "no", []


def pytest_configure(config: pytest.Config) -> None:
    """Check options and folders on the controller; take over its decisions on the workers."""
    config.addinivalue_line("markers", f"{MARK}(claim): set by @claim")
    sent: dict[str, Any] | None = getattr(config, "workerinput", {}).get(SENT)
    if sent is not None:
        config.option.fresh, config.option.report_folder = sent["fresh"], sent["report_folder"]
        worker = config.workerinput["workerid"]  # type: ignore[attr-defined] # xdist sets it
        found = replace(settings.read(config), worker=worker, **sent["settings"])
        config.stash[SETTINGS] = replace(found, folder=Path(found.folder))
        return
    found = settings.read(config)
    # claims that train nothing need no engine: whether the default one is there, a trial that calls it finds out
    asked = found.engine != DEFAULT_ENGINE
    problem = config.hook.pytest_engine_problem(config=config, engine=found.engine) if asked else None
    if problem:
        raise pytest.UsageError(f"--engine {found.engine}: {problem}")
    if settings.may_measure(config):
        settings.check_writable(found.folder)
    found = replace(found, durations=settings.read_durations(found.folder))
    config.stash[SETTINGS] = found
    config.pluginmanager.register(Controller(config, found), "claims-controller")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(XdistSide(config, found), "claims-xdist")


@pytest.hookimpl(trylast=True)
def pytest_engine_problem(engine: str) -> str | None:
    """Refuse an engine that is unknown or not installed before anything is trained."""
    from pytest_claims.errors import EngineError
    from pytest_claims.training.engines import check

    try:
        check(engine)
    except EngineError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def seed_block_factory() -> Callable[..., Any]:
    """Make a block of seeds: `(experiment, seeds, stream, engine) -> Seeds`; all blocks are made with it."""
    from pytest_claims.training.seeds import Seeds
    from pytest_claims.vocabulary import REGISTERED

    def make(experiment: int | str, seeds: tuple[int, ...], stream: str = REGISTERED, engine: str = "torch") -> Seeds:
        return Seeds(experiment, seeds, stream, engine)

    return make


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say in what way this run is not the registered one."""
    return settings.header(config.stash[SETTINGS])


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Register what acts on claims where they are collected; the controller of xdist collects nothing."""
    config = session.config
    if config.pluginmanager.hasplugin("dsession"):
        return
    from pytest_claims.running.expansion import Expansion  # these load scipy and xarray
    from pytest_claims.running.items import Running
    from pytest_claims.trials.workshop import Workshop

    # those of this project: pytest also loads the one above an option's folder, such as that of --reuse DIR
    conftests = [
        path
        for plugin in config.pluginmanager.get_plugins()
        if isinstance(plugin, ModuleType) and (path := Path(plugin.__file__ or "")).name == "conftest.py"
        if path.is_relative_to(config.rootpath)
    ]
    workshop = Workshop(config.stash[SETTINGS], config.rootpath, conftests)
    config.pluginmanager.register(Running(workshop), "claims-running")
    # last, so that it is the outermost wrapper
    config.pluginmanager.register(Expansion(workshop, insert=hasattr(config, "workerinput")), "claims-expansion")
