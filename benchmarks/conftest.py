"""The ledger of a benchmark run, written to benchmarks/latest.json, and a clear word to who runs it under xdist."""

import json
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

LEDGER = pytest.StashKey[list]()
PACKAGES = ("torch", "numpy", "scikit-learn", "jax")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Refuse workers: they would compete for the cores whose time is measured."""
    config.stash[LEDGER] = []
    if hasattr(config, "workerinput") or config.getoption("numprocesses", None):
        raise pytest.UsageError("Benchmarks measure time, so they run without workers: add -n0 (make bench does).")


@pytest.fixture(scope="session")
def ledger(request):
    """Return the list that the workloads' costs are entered into."""
    return request.config.stash[LEDGER]


def ratio(workloads, way):
    """Geometric mean over the workloads of plain over this way; None where none was measured."""
    found = [one["engines"]["plain"] / one["engines"][way] for one in workloads if one["engines"].get(way)]
    return statistics.geometric_mean(found) if found else None


def machine():
    """Say what was measured on, without the machine's name."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {"cpu": cpu, "platform": platform.platform(), "python": platform.python_version(), **versions}


def _lines(path):
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def pytest_sessionfinish(session):
    """Write the ledger and print its table."""
    workloads = session.config.stash[LEDGER]
    if not workloads:
        return
    found = {
        "machine": machine(),
        "workloads": workloads,
        "plain_over_stacked": ratio(workloads, "stacked"),
        "plain_over_jax": ratio(workloads, "jax"),
    }
    target = Path(__file__).parent / "latest.json"
    target.write_text(json.dumps(found, indent=1) + "\n")


def pytest_terminal_summary(terminalreporter):
    """Print microseconds per step and seed, and the ratios to the plain loop."""
    workloads = terminalreporter.config.stash[LEDGER]
    if not workloads:
        return
    ways = list(workloads[0]["engines"])
    write = terminalreporter.write_line
    terminalreporter.section("microseconds per step and seed (times faster than the plain loop)")
    write(f"{'':20}" + "".join(f"{way:>18}" for way in ways))
    for one in workloads:
        base = one["engines"]["plain"]
        cells = (f"{cost:8.0f} ({base / cost:5.1f}x)" if cost else "-" for cost in one["engines"].values())
        write(f"{one['name']:20}" + "".join(f"{cell:>18}" for cell in cells))
    means = (f"{mean:.1f}x" if (mean := ratio(workloads, way)) else "-" for way in ways)
    write(f"{'geometric mean':20}" + "".join(f"{mean:>18}" for mean in means))
