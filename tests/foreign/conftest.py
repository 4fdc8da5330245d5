"""Somebody else's repository: a folder outside this one, run in a process of its own with the installed library."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

#: A claim that needs numpy alone and takes no time.
CLAIM = '''
"""Is a higher level higher?

Protocol. Toy levels with a little noise.

Departures. None.
"""

import numpy as np

from pytest_claims import claim, exceeds, measurement


@measurement(level=[1, 2])
def heights(seeds, level):
    noise = [generator.normal(0, 0.1) for generator in seeds.generator("data")]
    return {"height": level * (1 + np.array(noise))}


@claim("h.1", "Higher is higher", seeds=16)
def test_higher(heights):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
'''


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit status, output, and the claims of its results.json by id (empty without a file)."""

    status: int
    output: str
    claims: dict

    @property
    def verdicts(self) -> dict:
        """The verdicts by id."""
        return {name: claim["verdict"] for name, claim in self.claims.items()}


class Repository:
    """A folder to be filled with files and run."""

    def __init__(self, path: Path, python: Path) -> None:
        self.path, self.python = path, python

    def write(self, **files: str) -> "Repository":
        """Write files; a double underscore in a name stands for a slash, .py is added."""
        for name, content in files.items():
            self.put(f"{name.replace('__', '/')}.py", content)
        return self

    def put(self, name: str, content: str) -> "Repository":
        """Write one file with its folders."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return self

    def run(self, *arguments: str, within: str = ".", report: str = "reports/latest", **variables: str) -> Ended:
        """Run pytest in the folder ``within``, and read the report; ``variables`` are set in the environment."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "COV_")) and name not in {"PYTHONPATH", "MKL_CBWR", "OMP_WAIT_POLICY"}
        }
        ended = subprocess.run(
            [self.python, "-m", "pytest", *arguments],
            cwd=self.path / within, env=inherited | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        results = self.path / report / "results.json"
        listed = json.loads(results.read_text(encoding="utf-8"))["claims"] if results.exists() else []
        return Ended(ended.returncode, ended.stdout + ended.stderr, {claim["id"]: claim for claim in listed})


@pytest.fixture
def repository(tmp_path: Path, installed: Path) -> Repository:
    """Return a folder with one claim file, ``lab/test_lab.py``, and an ini file that makes it the root."""
    return Repository(tmp_path, installed).write(lab__test_lab=CLAIM).put("pytest.ini", "[pytest]\n")
