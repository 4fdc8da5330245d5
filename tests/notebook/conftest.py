"""A folder of toy claims, and what `run` makes of them: each run is a pytest process, so tests share them."""

import os
from contextlib import contextmanager

import pytest

import pytest_claims
from tests.trials.conftest import CLAIMS, CONFTEST, PYPROJECT, ROOT, WITHOUT_REPORT

HOSTILE = "<script>alert(1)</script> & \u202e"
MORE = f"""
@claim("2.b", {HOSTILE!r}, seeds=16, given={{"by": 0.5}}, variants=[variant("low", by=0.1, departs="asks for little")])
def test_ordered(heights, by):
    return increases(heights.height, along="level", by=by)

@measurement(experiment=2)
def broken(seeds):
    raise RuntimeError("no oven")

@claim("2.c", "It is broken", seeds=16)
def test_broken(broken, heights):
    return exceeds(broken.height, by=0.5)

@measurement(experiment=2)
def slow(seeds, noise):
    pathlib.Path(os.environ["SLOW"]).write_text(str(os.getpid()))
    time.sleep(600)

@claim("2.d", "It is slow", seeds=16)
def test_slow(slow):
    return exceeds(slow.height, by=0.5)
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """Return a repository with claims that take no time, and the environment in which pytest runs them."""
    root = tmp_path_factory.mktemp("project")
    (root / "conftest.py").write_text(CONFTEST.partition("def pytest_claim_judged")[0])
    (root / "pyproject.toml").write_text(PYPROJECT.replace(WITHOUT_REPORT, ""))
    (root / "claims").mkdir()
    source = CLAIMS.replace("import os, signal, time", "import os, pathlib, signal, time").replace(', "a picture"', "")
    (root / "claims" / "test_toy.py").write_text(source + MORE, encoding="utf-8")
    (root / "claims" / "pilots.json").write_text("{}")
    (root / "empty").mkdir()
    (root / "broken").mkdir()
    (root / "broken" / "test_broken.py").write_text("import no_such_module, pytest_claims\n")
    return root


@contextmanager
def in_a_kernel(root):
    """Let runs find what a kernel's process would have; only within the block, for other tests share this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTEST_ADDOPTS", "CI", "TERM"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
        patch.setenv("FORCE_COLOR", "1")  # as a kernel has it
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.setenv("SLOW", str(root / "slow"))
        yield


@pytest.fixture
def kernel(project):
    """Run a test as in a kernel that has the toy project's environment."""
    with in_a_kernel(project):
        yield


@pytest.fixture(scope="session")
def looked(project):
    """Return the result of one claim."""
    with in_a_kernel(project):
        return pytest_claims.run("2.a", folder=project / "claims", seeds=8, progress=False)


@pytest.fixture(scope="session")
def several(project):
    """Return the results of several claims, one of them an error."""
    with in_a_kernel(project):
        return pytest_claims.run(["2.b", "2.a"], "2.c", folder=project / "claims", seeds=16, progress=False)


@pytest.fixture(scope="session")
def changed(project, looked):
    """Return the result of the claim under other conditions, with what was measured before."""
    with in_a_kernel(project):
        return pytest_claims.run(
            "2.a", folder=project / "claims", seeds=8, progress=False, reuse=looked, level=[1, 2, 4]
        )
