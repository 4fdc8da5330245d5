"""The command `pytest-claims`: quick to start, the same as a module, one sentence for what it cannot do."""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import pytest_claims
from pytest_claims.cli import main

HEAVY = ("jinja2", "matplotlib", "numpy", "pytest", "scipy", "sklearn", "torch", "xarray")
COMMANDS = (
    "new",
    "render",
    "compare",
    "history",
    "fresh",
    "condense",
    "example",
    "baseline",
    "nightly",
    "bisect",
    "badge",
    "issues",
)


def python(*arguments, folder=None):
    """Run Python in a process of its own; return what it wrote."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_help_lists_the_subcommands(capsys):
    """All subcommands, each with a line of help."""
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--help"])

    assert tuple(re.findall(r"^    (\w+) +\w", capsys.readouterr().out, re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), ["nightly", "check"], ["nightly", "summary"]])
def test_every_subcommand_has_help(command, capsys):
    """`--help` of a subcommand begins with the command as it is typed."""
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*command, "--help"])

    assert capsys.readouterr().out.startswith(f"usage: pytest-claims {' '.join(command)} ")


def test_help_loads_nothing_heavy():
    """Neither numpy nor anything that draws, trains or tests is imported to show the help."""
    script = (
        "import sys; from pytest_claims.cli import _parser; _parser().format_help(); "
        f"print(sorted(set({HEAVY}) & sys.modules.keys()))"
    )

    assert python("-c", script) == "[]\n"


def test_starting_a_folder_loads_nothing_heavy(tmp_path):
    """`new` writes files, no more."""
    script = (
        "import sys; from pytest_claims.cli import main; main(['new']); "
        f"print(sorted(set({HEAVY}) & sys.modules.keys()))"
    )

    assert python("-c", script, folder=tmp_path).splitlines()[-1] == "[]"


def test_the_module_is_the_command():
    """`python -m pytest_claims` and the entry point do the same."""
    (entry,) = metadata.entry_points(group="console_scripts", name="pytest-claims")

    assert entry.load() is main
    assert python("-m", "pytest_claims", "--version") == f"pytest-claims {pytest_claims.__version__}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a project whose pinned set is what is installed here; it is the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "constraints.txt").write_text(f"numpy=={metadata.version('numpy')}\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy>=1.0"]\n[project.optional-dependencies]\ntest = []\n'
    )
    return tmp_path


def test_a_leg_is_checked_against_the_current_folder(project, capsys):
    """constraints.txt and pyproject.toml are those of the current folder; its versions are written and printed."""
    assert main(["nightly", "check", "pinned", "out/leg.json"]) == 0

    assert json.loads((project / "out" / "leg.json").read_text())["state"] == "as meant"
    assert capsys.readouterr().out.startswith("leg pinned (the tested set of constraints.txt): as meant\n")


def test_a_leg_is_checked_against_another_folder(project, monkeypatch, tmp_path_factory):
    """`--root` names the folder where the current one differs."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    main(["nightly", "check", "oldest", "leg.json", "--root", str(project)])

    assert "Wanted numpy 1.0" in json.loads(Path("leg.json").read_text())["text"]


@pytest.mark.parametrize(
    "leg, sentence",
    [
        ("newest", "there is no leg newest; the legs are oldest, pinned, latest, nightly, chosen."),
        ("chosen", "The leg chosen needs versions: ATOMIC_CLAIMS_VERSIONS='numpy==2.2.6,scipy==1.15.3'."),
    ],
)
def test_a_leg_that_cannot_be_checked_is_one_sentence(project, monkeypatch, capsys, leg, sentence):
    """Exit status 2, and no record."""
    monkeypatch.delenv("ATOMIC_CLAIMS_VERSIONS", raising=False)

    assert main(["nightly", "check", leg, "leg.json"]) == 2
    assert capsys.readouterr().err == f"pytest-claims: {sentence}\n"
    assert not (project / "leg.json").exists()


def test_a_folder_that_is_no_project_is_one_sentence(tmp_path, monkeypatch, capsys):
    """Where the pinned set is missing, the sentence names the file."""
    monkeypatch.chdir(tmp_path)

    assert main(["nightly", "check", "pinned", "leg.json"]) == 2
    assert capsys.readouterr().err == "pytest-claims: constraints.txt cannot be used: No such file or directory.\n"


def test_the_legs_need_neither_pytest_nor_numpy():
    """noxfile.py plans a leg before anything is installed for it."""
    script = f"import sys; import pytest_claims.nightly; print(sorted(set({HEAVY}) & sys.modules.keys()))"

    assert python("-c", script) == "[]\n"
