"""Identity and reuse end to end: in this repository and in a foreign one, however the tests are spread."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trials.conftest import PATIENCE, ROOT

pytestmark = pytest.mark.slow

DRAW = "np.array([generator.normal(0, 0.01) for generator in seeds.generator('data')])"
FOREIGN = {
    "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n",
    "conftest.py": "import pytest\n\n@pytest.fixture(scope='session')\ndef moons():\n    return lambda: 5\n",
}
SHADOW = "import pytest\n\n@pytest.fixture(scope='session')\ndef moons():\n    return lambda: {value}\n"
PROJECT = {
    "tools.py": "import functools\ndef logged(f):\n    return functools.wraps(f)(lambda *a, **k: f(*a, **k))\n",
    "data.txt": "1",
    # the fixture of the suite, or of the foreign repository, for one folder; another for the other
    "claims/one/conftest.py": SHADOW.format(value=5),
    "claims/two/conftest.py": SHADOW.format(value=-5),
}
CLAIM = """
import numpy as np
from pytest_claims import claim, exceeds, measurement
from tools import logged

@measurement(experiment="height")
@logged
def height(seeds, moons):
    return {{"height": {draw} + moons()}}

@measurement
def read(seeds):
    return {{"height": {draw} + float(open("data.txt").read())}}

@claim("{name}.a", "The fixture's", seeds=8, registered="refuted", reason="A toy.")
def test_height(height):
    return exceeds(height.height, by=100)

@claim("{name}.b", "The file's", seeds=8, registered="refuted", reason="A toy.")
def test_read(read):
    return exceeds(read.height, by=100)
"""


def run(folder: Path, *arguments: str) -> dict:
    """Run the project's claims; return the records by id."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTEST_ADDOPTS", "CI"}}
    command = [sys.executable, "-m", "pytest", "claims", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((folder / "reports/latest/results.json").read_text())
    return {claim["id"]: claim for claim in results["claims"]}


@pytest.mark.parametrize("spread", [("-n0",), ("-n2",), ("-n2", "--dist", "loadfile")], ids=" ".join)
@pytest.mark.parametrize("place", ["this repository", "a foreign one"])
def test_numbers_are_a_claims_own_and_reuse_knows_what_changed(tmp_path, place, spread):
    """Namesakes keep their data; with another data file only what read it is measured again."""
    files = dict(PROJECT)
    if place == "this repository":
        for name in ("conftest.py", "pyproject.toml", "fixtures"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    else:
        files |= FOREIGN
    files |= {f"claims/{name}/test_{name}.py": CLAIM.format(draw=DRAW, name=name) for name in ("one", "two")}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    first = run(tmp_path, *spread)

    assert {name: round(claim["effect"]) for name, claim in first.items()} == {
        "one.a": 5, "one.b": 1, "two.a": -5, "two.b": 1,
    }  # fmt: skip

    (tmp_path / "data.txt").write_text("2")
    second = run(tmp_path, *spread, "--claims-reuse", "reports/latest")

    assert {name: (round(claim["effect"]), claim["reused"]) for name, claim in second.items()} == {
        "one.a": (5, 1), "one.b": (2, 0), "two.a": (-5, 1), "two.b": (2, 0),
    }  # fmt: skip
