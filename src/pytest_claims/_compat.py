"""Everything that pytest and pytest-xdist do not promise, in one place.

Each function says why no public name will do. tests/test_compat.py calls each on the installed versions and says in
words what broke. Nothing else in this library touches a name of theirs that begins with an underscore.
"""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from _pytest.runner import runtestprotocol

#: What a measurement may raise: errors, and the outcomes of pytest.fail, pytest.skip and pytest.xfail, which are no
#: ``Exception``; xfail's is a subclass of fail's.
RAISED: tuple[type[BaseException], ...] = (Exception, SystemExit, pytest.fail.Exception, pytest.skip.Exception)


# -- pytest ---------------------------------------------------------------------------------------------------------


def argument_names(item: pytest.Item) -> tuple[str, ...]:
    """Return the names of a test's own arguments; ``item.fixturenames`` also has those of autouse fixtures."""
    info = getattr(item, "_fixtureinfo", None)
    return () if info is None else tuple(info.argnames)


def fixture_function(item: pytest.Item, name: str) -> Any:
    """Return the function of the fixture that this item gets under ``name``; None where there is no such fixture.

    Before set-up pytest has no public way to find out which of several fixtures with one name an item gets.
    """
    info = getattr(item, "_fixtureinfo", None)
    definitions = () if info is None else info.name2fixturedefs.get(name, ())
    return definitions[-1].func if definitions else None


def fixture_definitions(item: pytest.Item) -> Mapping[str, Sequence[Any]]:
    """Return by name the definitions of all fixtures that an item may get, the one that it does get last.

    Those before it are what it overrides. Parameters of ``parametrize`` are among them. pytest has no public way to
    find out before set-up; of a definition only ``func``, ``argnames`` and ``scope`` are used here.
    """
    info = getattr(item, "_fixtureinfo", None)
    return {} if info is None else info.name2fixturedefs


def initial_names(item: pytest.Item) -> tuple[str, ...]:
    """Return the names of the fixtures that an item asks for itself, by arguments, marks or autouse."""
    info = getattr(item, "_fixtureinfo", None)
    return () if info is None else tuple(info.initialnames)


def parameters(item: pytest.Item) -> Mapping[str, Any]:
    """Return the parameters of an item by name; ``callspec`` is not documented."""
    return getattr(getattr(item, "callspec", None), "params", {})


def forget_fixture(definition: Any, item: pytest.Item) -> None:
    """Tear down a fixture that was set up for another item, and what rests on it: the next item sets it up anew.

    pytest keeps a fixture of the session although a fixture that it rests on is another one for the next item.
    """
    definition.finish(item._request)  # type: ignore[attr-defined] # noqa: SLF001 - finish asks for it


def ini_text(config: pytest.Config, name: str, *, numbers: bool = False) -> str:
    """Return an ini value as text, "" where it is not set; with ``numbers`` also a number. Else a UsageError.

    A native TOML table (pytest 9) keeps types: there ``getini`` refuses a number where other files have a text, with an
    error that depends on the version, and no public name gives the value.
    """
    try:
        return str(config.getini(name) or "")
    except (TypeError, pytest.UsageError):
        older = not hasattr(config, "_inicfg")  # pytest 9.0
        value = (config.inicfg if older else config._inicfg)[name].value  # noqa: SLF001 - getini refused it
    if numbers and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise pytest.UsageError(f"{name} = {value!r}: give {'a number or ' if numbers else ''}a text in quotes.")


def run_unreported(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Run an item's set-up, call and tear-down; return the reports, which the public protocol would send at once."""
    return runtestprotocol(item, log=False, nextitem=nextitem)


def skip_at_item(message: str) -> NoReturn:
    """Skip a test and report it at the test's own line; ``pytest.skip`` would report a line of this library."""
    raise pytest.skip.Exception(message, _use_item_location=True)


def terminal_width(reporter: pytest.TerminalReporter) -> int:
    """Return the width of pytest's output in columns; the reporter's writer has no public name."""
    return int(reporter._tw.fullwidth)  # noqa: SLF001


def warning_filters(config: pytest.Config) -> list[str]:
    """Return the values of ``-W``; ``config.option`` lacks them."""
    return list(getattr(config.known_args_namespace, "pythonwarnings", None) or ())


def default_options(config: pytest.Config) -> dict[str, Any]:
    """Return every option's value where nobody gives it; pytest has no public name for what its parser knows."""
    return dict(vars(config._parser.parse([])))  # noqa: SLF001


def forget_attempt(item: pytest.Item) -> None:
    """Drop what a test has written, before it is run again: pytest keeps it on the item."""
    item._report_sections.clear()  # noqa: SLF001 - it has no public name


# -- pytest-xdist ---------------------------------------------------------------------------------------------------


def worker_input(config: pytest.Config) -> dict[str, Any] | None:
    """Return what the controller sent to this worker; None where this process is not a worker."""
    sent: dict[str, Any] | None = getattr(config, "workerinput", None)
    return sent


def distributes(config: pytest.Config) -> bool:
    """Whether this process is a controller of xdist, which collects nothing itself."""
    return config.pluginmanager.hasplugin("dsession")


def has_xdist(config: pytest.Config) -> bool:
    """Whether pytest-xdist is installed and not switched off."""
    return config.pluginmanager.hasplugin("xdist")


def asked_for_workers(config: pytest.Config) -> bool:
    """Whether the command line or the ini file sets the number of workers, be it 0."""
    option = config.option
    return getattr(option, "numprocesses", None) is not None or bool(option.tx) or bool(option.distload)


def use_workers(config: pytest.Config, number: str | int) -> None:
    """Set workers as ``-n NUMBER --dist worksteal`` would; to be called before xdist reads its options."""
    config.option.numprocesses = number
    if config.option.dist == "no":
        config.option.dist = "worksteal"


def use_one_process(config: pytest.Config) -> None:
    """Undo ``-n`` and every option that means the same."""
    if hasattr(config.option, "numprocesses"):
        config.option.numprocesses, config.option.dist, config.option.tx = 0, "no", []


def survive_dead_workers(node: Any) -> None:
    """Let xdist write to a worker that is dead.

    xdist notices a worker's death when it reads the end of its stream. If it writes to the worker before, it ends the
    whole run. What a dead worker does not receive is handed out again with the rest of its tests.
    """
    send = node.sendcommand

    def send_if_alive(name: str, **content: object) -> None:
        with suppress(OSError):
            send(name, **content)

    node.sendcommand = send_if_alive


def worker_name(node: Any) -> str:
    """Return the name of a worker, such as "gw0"."""
    return str(node.gateway.id)


def worker_process(node: Any) -> "subprocess.Popen[bytes] | None":
    """Return the process of a worker; None where it runs on another machine, or xdist no longer says."""
    gateway = node.gateway
    process = getattr(getattr(gateway, "_io", None), "popen", None)
    return process if gateway.spec.popen and isinstance(process, subprocess.Popen) else None


def worker_named(config: pytest.Config, name: str, otherwise: Any) -> Any:
    """Return the worker of that name, or ``otherwise`` where it is gone."""
    scheduler = getattr(config.pluginmanager.getplugin("dsession"), "sched", None)
    nodes: Sequence[Any] = getattr(scheduler, "nodes", [])
    return next((node for node in nodes if worker_name(node) == name), otherwise)


def may_replace_workers(config: pytest.Config) -> bool:
    """Whether xdist will start another worker for one that died (``--max-worker-restart``)."""
    session = config.pluginmanager.getplugin("dsession")
    most, so_far = (getattr(session, name, None) for name in ("_max_worker_restart", "_failed_nodes_count"))
    return most is None or so_far is None or so_far < most


def queue_again(scheduler: Any, nodeid: str) -> bool:
    """Hand out a test once more; False where the scheduler cannot (``--dist loadfile`` and its like)."""
    try:
        scheduler.mark_test_pending(nodeid)
    except NotImplementedError:
        return False
    return True
