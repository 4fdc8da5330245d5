"""The ledger of a benchmark run, written to benchmarks/latest.json, and a clear error under xdist."""

import json
from pathlib import Path

import pytest

from benchmarks.ledger import Ledger, module_lines, table

LEDGER = pytest.StashKey[Ledger]()
LATEST = Path(__file__).parent / "latest.json"
REFUSED = "Benchmarks measure time, so they run without workers: add -n0 (make bench does)."


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Refuse workers: they would compete for the cores that are timed."""
    config.stash[LEDGER] = Ledger()
    if hasattr(config, "workerinput") or config.getoption("numprocesses", None):
        raise pytest.UsageError(REFUSED)


@pytest.fixture(scope="session")
def ledger(request):
    """Return the ledger for the costs."""
    return request.config.stash[LEDGER]


@pytest.fixture(scope="session", autouse=True)
def cold_compiler(tmp_path_factory):
    """Give JAX an empty cache, so that the first call shows what compiling costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_sessionfinish(session):
    """Write the ledger; it lacks whatever this run did not measure."""
    filled = session.config.stash[LEDGER]
    if filled:
        LATEST.write_text(json.dumps(filled.as_json(), indent=1) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter):
    """Print microseconds per step and seed, and the ratios to the plain loop."""
    filled = terminalreporter.config.stash[LEDGER]
    lines = [*(table(filled.workloads) if filled.workloads else ()), *module_lines(filled.modules)]
    if lines:
        terminalreporter.section("microseconds per step and seed (times faster than the plain loop)")
        for line in lines:
            terminalreporter.write_line(line)
