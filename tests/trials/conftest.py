"""Toy projects: claims on measurements that take no time, with seeds of their own and without torch.

``toy`` writes and runs such a project, in this process or (for xdist, kills and signals) in one of its own.
"""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

# imported before pytester snapshots sys.modules: numpy cannot be imported twice in a process
import pytest_claims.running.items  # noqa: F401

ROOT = Path(__file__).parents[2]
#: Seconds until a run counts as hung: a loaded machine is slow, not broken.
PATIENCE = 600
#: Lines for a conftest: no room is left for stored blocks whose name has ``which`` in it.
FULL = """
import errno
from pytest_claims.trials import store as trial_store
_write = trial_store.write_atomically
def write(path, content):
    if "{which}" in path.name and "run-" in path.parent.name:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    return _write(path, content)
trial_store.write_atomically = write
"""

#: What most tests do not look at, and what takes most of the time.
WITHOUT_REPORT = ', "-p", "no:claims-reporting", "-p", "no:claims-drawing"'
PYPROJECT = f"""
[tool.pytest]
addopts = ["--import-mode=importlib", "--strict-markers"{WITHOUT_REPORT}]
"""

CONFTEST = '''
import hashlib, json, os, pathlib, signal, time
import numpy as np
import pytest

pytest_plugins = ["pytest_claims.plugin", "pytest_claims.short"]


class ToySeeds:
    """A block of seeds with a ledger, as pytest_claims.training.seeds.Seeds."""

    def __init__(self, experiment, values, stream, engine):
        self.experiment, self.values, self.stream, self.engine = experiment, values, stream, engine
        self.inputs, self.derived, self.trace = {}, {}, None

    def __len__(self):
        return len(self.values)

    def generator(self, purpose):
        names = [f"{self.stream}/{self.experiment}/{value}/{purpose}" for value in self.values]
        self.inputs[purpose] = [hashlib.sha256(name.encode()).hexdigest()[:16] for name in names]
        return [np.random.default_rng(int(drawn, 16)) for drawn in self.inputs[purpose]]


@pytest.fixture(scope="session")
def seed_block_factory():
    return lambda experiment, seeds, stream="registered", engine="torch": ToySeeds(experiment, seeds, stream, engine)


@pytest.fixture(scope="session")
def noise(request):
    """Small noise for a block of seeds; notes on disk which seeds drew it."""
    log = request.config.rootpath / "trained"

    def draw(seeds, sd=0.1):
        log.mkdir(exist_ok=True)
        (log / f"{time.time_ns()}-{os.getpid()}").write_text(f"{seeds.stream} {seeds.values[0]}-{seeds.values[-1]}")
        values = np.array([generator.normal(0, sd) for generator in seeds.generator("data")])
        seeds.derived["noise"] = np.abs(values)[:, None]
        seeds.trace = {"loss": [1.0, 0.5]}
        return values

    return draw


class Collect:
    """What a report would collect: records, and the phases that were reported under each node id."""

    def __init__(self, config):
        self.config, self.records, self.phases = config, {}, []

    def pytest_runtest_logreport(self, report):
        self.phases.append([report.nodeid, report.when, report.outcome])
        for name, value in report.user_properties:
            if name == "claim":
                record = json.loads(value)
                self.records[record["nodeid"]] = record

    def pytest_sessionfinish(self, session):
        reported = {"records": self.records, "phases": self.phases, "collected": session.testscollected}
        (self.config.rootpath / "reported.json").write_text(json.dumps(reported))


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collect(config))


def pytest_claim_judged(config, item, record, hypothesis, pictures):
    return {"figures": [type(hypothesis).__name__, *pictures]}
'''

CLAIMS = '''
"""Is a higher level higher?

Protocol. Toy levels with a little noise.

Departures. None.
"""
import os, signal, time
import numpy as np

from pytest_claims import claim, exceeds, increases, measurement, proportion, variant

@measurement(experiment=2, level=[1, 2])
def heights(seeds, noise, level):
    return {"height": level * (1 + noise(seeds))}

@claim("2.a", "Higher is higher", source="Toy 2018", seeds=16, published={1: 1.0, 2: 2.0})
def test_higher(heights):
    """The discussion."""
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5), "a picture"
'''


def needs(args: tuple[str, ...]) -> None:
    """Skip the test where it asks for xdist and there is none."""
    if "xdist" in args:
        pytest.importorskip("xdist")


class Toy:
    """A project of toy claims and the outcome of its last run."""

    def __init__(self, pytester, monkeypatch):
        self.pytester, self.path = pytester, pytester.path
        for name in ("PYTEST_ADDOPTS", "CI", "TERM"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makeconftest(CONFTEST)
        pytester.makepyprojecttoml(PYPROJECT)
        self.result, self.reported = None, {}

    def write(self, source: str = CLAIMS, name: str = "test_toy") -> "Toy":
        """Write claims/NAME.py."""
        folder = self.path / "claims"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(source)
        return self

    def add(self, source: str, name: str = "test_toy") -> "Toy":
        """Write the usual claims and more after them."""
        return self.write(CLAIMS + source, name)

    def run(self, *args: str) -> "Toy":
        """Run in this process, without xdist."""
        return self._ran(self.pytester.runpytest_inprocess("claims", *args))

    def spread(self, *args: str, workers: int = 2) -> "Toy":
        """Run in a process of its own, on xdist workers."""
        options = ["-p", "xdist", f"-n{workers}"] if workers is not None else []
        return self.alone("claims", *options, *args)

    def alone(self, *args: str) -> "Toy":
        """Run in a process of its own, with the options given and no others."""
        needs(args)
        return self._ran(self.pytester.runpytest_subprocess(*args, timeout=PATIENCE))

    def reporting(self, more: str = "") -> "Toy":
        """Let the project write reports as well, and add to its conftest."""
        self.pytester.makepyprojecttoml(PYPROJECT.replace(WITHOUT_REPORT, ""))
        with (self.path / "conftest.py").open("a") as file:
            file.write(more)
        return self

    def command(self, *args: str) -> list[str]:
        """Return the command line of a run in a process of its own."""
        needs(args)
        return [sys.executable, "-m", "pytest", "claims", *args]

    def _ran(self, result) -> "Toy":
        self.result = result
        self.read()
        return self

    def read(self) -> None:
        """Read what the last run reported."""
        path = self.path / "reported.json"
        self.reported = json.loads(path.read_text()) if path.exists() else {"records": {}, "phases": []}
        path.unlink(missing_ok=True)

    @property
    def ret(self) -> int:
        """The exit status."""
        return int(self.result.ret)

    @property
    def text(self) -> str:
        """What was printed."""
        return self.result.stdout.str() + self.result.stderr.str()

    @property
    def claims(self) -> dict:
        """The records by id."""
        return {record["id"]: record for record in self.reported["records"].values()}

    @property
    def outcomes(self) -> dict:
        """The outcomes by id."""
        return {name: record["outcome"] for name, record in sorted(self.claims.items())}

    @property
    def trained(self) -> list[str]:
        """The blocks that drew noise, one entry for each draw."""
        return sorted(path.read_text() for path in (self.path / "trained").glob("*"))

    def junit(self) -> dict:
        """Return the test cases of junit.xml by name."""
        tree = ET.parse(self.path / "junit.xml")  # noqa: S314 - written by the run itself
        cases = list(tree.getroot().iter("testcase"))
        by_name = {case.get("name"): case for case in cases}
        assert len(by_name) == len(cases), "a test case appears twice"
        return by_name

    def forget(self) -> None:
        """Forget what was trained."""
        for path in (self.path / "trained").glob("*"):
            path.unlink()

    def store(self, pattern: str = "*") -> list[Path]:
        """Return files of the latest run in the trial store."""
        runs = sorted((self.path / "reports/latest/trials").glob("run-*/"))
        return sorted(runs[-1].glob(pattern)) if runs else []


@pytest.fixture
def toy(request, monkeypatch) -> Toy:
    """Return an empty toy project."""
    return Toy(request.getfixturevalue("pytester"), monkeypatch)


#: Claims that end in each way.
REGISTRATIONS = """
@claim("2.b", "Lower is higher", seeds=16, registered="refuted", reason="the levels are what they are")
def test_refuted(heights):
    return exceeds(heights.height.sel(level=1), heights.height.sel(level=2), by=0.5)

@claim("2.c", "Higher is higher by exactly the margin", seeds=16)
def test_undecided(heights):
    low = heights.height.sel(level=1)
    return exceeds(low - low.mean(), by=0)

@claim("2.d", "Lower is higher, and expected so", seeds=16)
def test_departs(heights):
    return exceeds(heights.height.sel(level=1), heights.height.sel(level=2), by=0.5)

@claim("2.e", "Lower is quicker", seeds=16, clock=True)
def test_clock(heights):
    return exceeds(heights.height.sel(level=1), heights.height.sel(level=2), by=0.5)
"""

#: A measurement of numbers around one half, one a seed.
COINS = """
@measurement(block=32)
def coins(seeds, noise):
    return {"toss": noise(seeds, sd=1)}
"""
