"""Commands that write replace what is theirs, and nothing else: exit status 2 and a sentence."""

import json
import shutil

import pytest

from pytest_claims.cli import main
from pytest_claims.folders import MARKER

RUN = {
    "schema": 1, "started": "2026-11-20T01:00:00+00:00", "complete": True, "duration_s": 1.0, "command": ["pytest"],
    "environment": {"numpy": "2.4.6"},
    "claims": [
        {
            "id": "2.a", "nodeid": "claims/test_a.py::test_a", "text": "It is so", "registered": "supported",
            "verdict": "supported", "outcome": "passed", "message": "Supported.", "seeds": 8, "registered_seeds": 8,
            "stream": "fresh-1",
        }
    ],
}  # fmt: skip
GOT = '{"leg": "pinned", "state": "as meant", "text": "", "versions": {}, "held": {}, "python": "3.11"}'

#: Each command with the file that it writes.
COMMANDS = {
    "compare": (["compare", "a/results.json", "b/results.json", "-o", "out"], "out/index.html"),
    "history": (["history", "nights", "-o", "out"], "out/index.html"),
    "history in place": (["history", "nights"], "nights/index.html"),
    "fresh": (["fresh", "a/results.json", "-o", "out.md"], "out.md"),
    "condense": (["condense", "a", "-o", "out.json"], "out.json"),
    "example, page": (["example", "a", "-o", "out"], "out/index.html"),
    "example, results": (["example", "a", "-o", "out"], "out/results.json"),
    "render": (["render", "a"], "a/index.html"),
    "nightly check": (["nightly", "check", "pinned", "leg.json"], "leg.json"),
    "nightly history": (["nightly", "summary", "legs", "pinned", "--history", "h"], "h/pinned/2026-11-20.json"),
    "nightly site": (["nightly", "summary", "legs", "pinned", "--site", "site"], "site/pinned/results.json"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder, the current one, with the runs that the commands read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "constraints.txt").write_text("pytest==1.0\n")
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = []\n[project.optional-dependencies]\ntest = []\n"
    )
    for name in ("a", "b", "nights/1", "legs/pinned/report"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "results.json").write_text(json.dumps(RUN))
    (tmp_path / "legs" / "pinned" / "leg.json").write_text(GOT)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_replaces_its_own_file_and_no_other(place, capsys, name):
    """It can be repeated; a file of others in that place stays, and the sentence names it."""
    arguments, written = COMMANDS[name]
    assert main(arguments) in {0, 1}, capsys.readouterr().err
    assert main(arguments) in {0, 1}, capsys.readouterr().err
    (place / written).write_text("mine")
    capsys.readouterr()

    assert main(arguments) == 2
    sentence = f"{written} was not written by pytest-claims and would be replaced: move it away, or name another place."
    assert capsys.readouterr().err == f"pytest-claims: {sentence}\n"
    assert (place / written).read_text() == "mine"


def test_a_whole_run_is_not_condensed_away(place, capsys):
    """What `condense` writes may be replaced, by it; a run that was measured may not."""
    whole = (place / "b" / "results.json").read_text()

    assert main(["condense", "a", "-o", "b/results.json"]) == 2
    sentence = "b/results.json holds the results of a run, not a condensed run, and would be replaced"
    assert sentence in capsys.readouterr().err
    assert (place / "b" / "results.json").read_text() == whole


def test_a_history_does_not_replace_the_page_of_a_run(place, capsys):
    """Where the folder of the history is a report itself, another folder must be named."""
    shutil.copy(place / "a" / "results.json", place / "nights")

    assert main(["history", "nights"]) == 2
    sentence = "nights holds a run, whose page would be lost: name another folder for the history."
    assert capsys.readouterr().err == f"pytest-claims: {sentence}\n"


def test_a_leg_is_no_path(place, capsys):
    """The name of a leg becomes a folder below those that are named."""
    assert main(["nightly", "summary", "legs", "../a", "--history", "h"]) == 2
    assert "leg ../a: give a name without folders" in capsys.readouterr().err
    assert not (place / "h").exists()


def test_only_nights_are_dropped_from_a_history(place, monkeypatch):
    """The oldest nights go; other JSON files in the folder stay."""
    monkeypatch.setattr("pytest_claims.nightly.summary.NIGHTS", 1)
    kept = place / "h" / "pinned"
    kept.mkdir(parents=True)
    for name, content in (("2020-01-01.json", json.dumps(RUN)), ("2020-01.json", "mine"), ("a.json", "{}")):
        (kept / name).write_text(content)
    main(["nightly", "summary", "legs", "pinned", "--history", "h"])

    assert sorted(path.name for path in kept.iterdir()) == ["2020-01.json", "2026-11-20.json", "a.json"]


def test_a_site_has_neither_marker_nor_lock(place):
    """They belong to the folder of the run."""
    (place / "legs" / "pinned" / "report" / MARKER).write_text('{"written": []}')
    main(["nightly", "summary", "legs", "pinned", "--site", "site"])

    assert (place / "site" / "pinned" / "results.json").exists()
    assert not (place / "site" / "pinned" / MARKER).exists()
