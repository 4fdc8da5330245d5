"""What pytest and pytest-xdist do not promise still holds; each test says what its failure would break."""

import ast
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_claims import _compat

pytest_plugins = ["pytester"]

ITEMS = """
import pytest

@pytest.fixture
def lake():
    return 1

@pytest.fixture(autouse=True)
def weather():
    return 2

def test_it(lake):
    pass
"""


def test_argument_names_are_those_of_the_function(pytester):
    """Without them a claim's measurements cannot be found: ``item._fixtureinfo.argnames`` changed."""
    item = pytester.getitem(ITEMS, "test_it")

    assert _compat.argument_names(item) == ("lake",)


def test_fixture_functions_are_found_before_set_up(pytester):
    """Without them a measurement is not recognised: ``_fixtureinfo.name2fixturedefs`` changed."""
    item = pytester.getitem(ITEMS, "test_it")

    assert _compat.fixture_function(item, "lake").__name__ == "lake"
    assert _compat.fixture_function(item, "sea") is None


OVERRIDES = """
import pytest

@pytest.fixture
def lake(lake):
    return lake + 1

@pytest.mark.usefixtures("river")
@pytest.mark.parametrize("depth", [3])
def test_it(lake, depth):
    pass
"""


def test_definitions_of_fixtures_are_known_with_what_they_override(pytester):
    """Without them trials of different datasets share a name: ``name2fixturedefs`` or ``callspec`` changed."""
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef lake(): return 1\n@pytest.fixture\ndef river(): pass\n")
    (item,) = pytester.getitems(OVERRIDES)
    definitions = _compat.fixture_definitions(item)

    assert [definition.argnames for definition in definitions["lake"]] == [(), ("lake",)]
    assert {"lake", "river", "depth"} <= set(_compat.initial_names(item))
    assert _compat.parameters(item) == {"depth": 3}


def test_a_fixture_is_made_anew_after_it_was_forgotten(pytester):
    """Without it a measurement keeps the datasets of another folder: ``FixtureDef.finish`` changed."""
    pytester.makeconftest("""
from pytest_claims import _compat
def pytest_runtest_setup(item):
    _compat.forget_fixture(_compat.fixture_definitions(item)["lake"][-1], item)
""")
    pytester.makepyfile("""
import pytest

@pytest.fixture(scope="session")
def lake():
    open("made", "a").write("x")

def test_one(lake): pass
def test_two(lake): pass
""")
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=2)

    assert (pytester.path / "made").read_text() == "xx"


def test_an_item_runs_without_reports(pytester):
    """Without it trial items would show as tests: ``_pytest.runner.runtestprotocol`` changed."""
    pytester.makeconftest("""
from pytest_claims import _compat
def pytest_runtest_protocol(item, nextitem):
    _compat.run_unreported(item, nextitem)
    return True
""")
    pytester.makepyfile("def test_it():\n    open('ran', 'w').close()")
    run = pytester.runpytest_inprocess("-p", "no:xdist")

    assert (pytester.path / "ran").exists()
    assert run.parseoutcomes() == {}


def test_a_skip_names_the_test_as_its_place(pytester):
    """Without it a quick look's skips all name this library: ``Skipped(_use_item_location=)`` changed."""
    pytester.makepyfile("from pytest_claims import _compat\ndef test_it():\n    _compat.skip_at_item('undecided')")
    run = pytester.runpytest_inprocess("-rs", "-p", "no:xdist")

    run.stdout.fnmatch_lines(["SKIPPED * test_a_skip_names_the_test_as_its_place.py:2: undecided"])


def test_the_terminal_has_a_width(pytester):
    """Without it the table of claims has no width: ``TerminalReporter._tw`` changed."""
    pytester.makeconftest("""
from pytest_claims import _compat
def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"width {_compat.terminal_width(terminalreporter) > 10}")
""")
    pytester.makepyfile("def test_it(): pass")

    pytester.runpytest_inprocess("-p", "no:xdist").stdout.fnmatch_lines(["width True"])


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="native TOML tables are new in pytest 9")
@pytest.mark.parametrize("value, text", [("2", "2"), ("2.5", "2.5"), ('"auto"', "auto")])
def test_numbers_of_native_tables_are_read(pytester, value, text):
    """Without it ``claims_workers = 2`` ends in a traceback: ``Config._inicfg`` or its entries changed."""
    pytester.makepyprojecttoml(f"[tool.pytest]\nclaims_workers = {value}\n")
    config = pytester.parseconfig()

    assert _compat.ini_text(config, "claims_workers", numbers=True) == text
    assert _compat.ini_text(config, "claims_report") == ""


def test_numbers_of_native_tables_are_read_with_the_oldest_pytest():
    """The lower bound of the suite, 9.0, knows the entries by their older name only."""

    def refuses(_name):
        raise TypeError

    config = SimpleNamespace(getini=refuses, inicfg={"claims_edition": SimpleNamespace(value=2)})

    assert _compat.ini_text(config, "claims_edition", numbers=True) == "2"


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="native TOML tables are new in pytest 9")
@pytest.mark.parametrize("value", ["true", "[1]", "{a = 1}"])
def test_other_values_of_native_tables_are_one_sentence(pytester, value):
    """A UsageError says what may be given."""
    pytester.makepyprojecttoml(f"[tool.pytest]\nclaims_workers = {value}\n")

    with pytest.raises(pytest.UsageError, match=r"claims_workers = .*: give a number or a text in quotes"):
        _compat.ini_text(pytester.parseconfig(), "claims_workers", numbers=True)


def test_what_a_measurement_raises_is_caught():
    """Without it pytest.fail in a measurement passes through: the outcomes' classes changed."""
    for ends in (pytest.fail, pytest.skip, pytest.xfail):
        with pytest.raises(_compat.RAISED):
            ends("now")


WORKERS = """
import subprocess
import pytest
from pytest_claims import _compat

def pytest_configure(config):
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Watch(config))

class Watch:
    def __init__(self, config):
        self.config = config

    def pytest_configure_node(self, node):
        node.workerinput["greeting"] = "hello"
        _compat.survive_dead_workers(node)
        node.sendcommand.__name__ == "send_if_alive" or print("BROKEN sendcommand")

    def pytest_runtest_logreport(self, report):
        if hasattr(report, "node") and report.when == "call":
            known = _compat.worker_named(self.config, _compat.worker_name(report.node), None) is report.node
            print("PROCESS", isinstance(_compat.worker_process(report.node), subprocess.Popen))
            print("WORKER", _compat.worker_name(report.node), known, _compat.may_replace_workers(self.config))

    def pytest_sessionfinish(self, session):
        if _compat.distributes(self.config):
            scheduler = self.config.pluginmanager.getplugin("dsession").sched
            print("AGAIN", callable(getattr(scheduler, "mark_test_pending", None)))
"""


def test_workers_are_known_by_name(pytester):
    """Without it a dead worker's claim cannot be identified, nor a stopped worker ended: xdist or execnet changed."""
    pytest.importorskip("xdist")
    pytester.makeconftest(WORKERS)
    pytester.makepyfile("""
def test_it(request):
    from pytest_claims import _compat
    assert _compat.worker_input(request.config)["greeting"] == "hello"
    assert not _compat.distributes(request.config)
""")
    run = pytester.runpytest_subprocess("-s", "-n1")

    assert run.ret == 0
    run.stdout.fnmatch_lines_random(["*WORKER gw0 True True*", "*PROCESS True*", "*AGAIN True*"])
    run.stdout.no_fnmatch_line("*BROKEN*")


@pytest.mark.parametrize("restarts, allowed", [("0", False), ("1", True)])
def test_the_limit_of_replaced_workers_is_known(pytester, restarts, allowed):
    """Without it a claim is queued that xdist will never run: ``_max_worker_restart`` or ``_failed_nodes_count``."""
    pytest.importorskip("xdist")
    pytester.makeconftest("""
from pytest_claims import _compat
def pytest_sessionfinish(session):
    if _compat.distributes(session.config):
        plugin = session.config.pluginmanager.getplugin("dsession")
        known = plugin._max_worker_restart, plugin._failed_nodes_count
        print("KNOWN", *known, _compat.may_replace_workers(session.config))
""")
    pytester.makepyfile("def test_it(): pass")
    run = pytester.runpytest_subprocess("-s", "-n1", f"--max-worker-restart={restarts}")

    run.stdout.fnmatch_lines([f"*KNOWN {restarts} 0 {allowed}*"])


def test_workers_can_be_asked_for(pytester):
    """Without it claims run in one process, or ordinary tests on all cores: xdist's options changed their names."""
    pytest.importorskip("xdist")
    config = pytester.parseconfig("-p", "xdist")

    assert not _compat.asked_for_workers(config)
    _compat.use_workers(config, 2)
    assert (config.option.numprocesses, config.option.dist) == (2, "worksteal")
    assert _compat.asked_for_workers(config)
    _compat.use_one_process(config)
    assert (config.option.numprocesses, config.option.dist, config.option.tx) == (0, "no", [])


def test_nothing_private_is_used_elsewhere():
    """Only ``_compat`` imports from ``_pytest`` or xdist, or touches a private name of one of their objects."""
    private = {"_fixtureinfo", "_tw", "_use_item_location", "_max_worker_restart", "_failed_nodes_count", "_inicfg"}
    uses = []
    for path in Path(inspect.getfile(_compat)).parent.rglob("*.py"):
        if path.name == "_compat.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else ""
            if module in {"_pytest", "xdist", "execnet"} or getattr(node, "attr", "") in private:
                uses.append(f"{path.name}:{node.lineno}")

    assert uses == []
