"""The steps of action.yml: what they install and run, and that inputs are words, never shell code."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trials.test_dashboards import CLAIMS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "action.py"


@pytest.fixture(scope="module")
def action():
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("claims_action", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs(**given):
    """Return inputs as the action passes them on."""
    return {f"CLAIMS_{name.upper()}": value for name, value in given.items()}


def test_every_variable_of_the_action_is_read_by_the_script():
    """Each under the name of its input."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    set_there = set(re.findall(r"CLAIMS_(\w+): \$\{\{ inputs\.(\w+) \}\}", text))

    assert {name.lower() for name, _ in set_there} == {given for _, given in set_there}
    script = SCRIPT.read_text(encoding="utf-8")
    read = {name for _, name in set_there if f'"{name}"' in script or f'"CLAIMS_{name.upper()}"' in script}
    assert read == {name for _, name in set_there}


@pytest.mark.parametrize(
    "given, expected",
    [
        ({}, [str(ROOT)]),
        ({"extras": "xdist, torch"}, [f"{ROOT}[xdist,torch]"]),
        ({"library": "false", "install": "-e '.[a b]'"}, ["-e", ".[a b]"]),
        (
            {"requirements": "r.txt", "constraints": "c.txt", "extras": "xdist", "install": "."},
            ["--requirement", "r.txt", "--constraint", "c.txt", f"{ROOT}[xdist]", "."],
        ),
    ],
    ids=["nothing", "extras", "own", "all"],
)
def test_what_is_installed(action, given, expected):
    """The library comes from the action's own commit."""
    assert action.install(inputs(**given)) == [sys.executable, "-m", "pip", "install", *expected]


def test_inputs_are_words_of_the_command(action):
    """Quotes hold words together; what a shell would run stays text."""
    given = inputs(report="out", path="claims 'more claims'", args="-k 'a or b' -o x=$(touch hacked); `id`",
                   baseline="base.json", registrations="")  # fmt: skip

    command = action.run(given)
    assert command[3:6] == ["claims", "more claims", "--claims-report"]
    assert command[-6:] == ["-k", "a or b", "-o", "x=$(touch", "hacked);", "`id`"]
    assert command[command.index("--claims-baseline") + 1] == "base.json"
    assert "--claims-registrations" not in command


def test_claims_run_and_leave_all_files(tmp_path):
    """Page, results, badge, JUnit and CTRF in one folder, a summary of the job; the status is pytest's."""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "test_toy.py").write_text(CLAIMS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    summary = tmp_path / "summary.md"
    environment |= inputs(
        path="claims", args="-o claims_workers=0 -p no:cacheprovider", report="out", baseline="", registrations=""
    )
    environment["GITHUB_STEP_SUMMARY"] = str(summary)

    def step(name):
        command = [sys.executable, SCRIPT, name]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)

    assert step("badge").returncode == 0, "a run that left no results has no badge"
    ran = step("run")
    assert ran.returncode == 1, ran.stdout + ran.stderr  # one claim departs
    assert step("badge").returncode == 0
    names = {"index.html", "results.json", "badge.json", "junit.xml", "ctrf.json"}
    assert names <= {path.name for path in (tmp_path / "out").iterdir()}
    badge = json.loads((tmp_path / "out" / "badge.json").read_text())
    assert (badge["message"], badge["color"]) == ("1 supported, 2 refuted, 1 open, 1 skipped", "red")
    assert "not as registered" in summary.read_text()
    environment["CLAIMS_ARGS"] = "-k 'unfinished"
    ran = step("run")
    assert (ran.returncode, ran.stderr.count("\n")) == (4, 1)
    assert "cannot be split" in ran.stderr
