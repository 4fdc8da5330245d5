"""What a run may touch: folders of others are refused before anything is trained, and so is a second run."""

import json
import os
from pathlib import Path

import pytest

from pytest_claims import drift
from pytest_claims.folders import MARKER, ReportFolder
from tests.trials.conftest import CLAIMS

pytest_plugins = ["pytester"]

NAMES = ("claim", "exceeds", "increases", "measurement", "proportion", "variant")


@pytest.mark.parametrize("folder", [".", "claims", "paper"])
def test_a_folder_of_others_is_refused_before_training(toy, folder):
    """Exit status 4 and a sentence; pages and figures that no run wrote stay."""
    for name in ("index.html", "figures/1.svg"):
        path = toy.path / "paper" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    toy.reporting().write().run("--report", folder)

    assert (toy.ret, toy.trained) == (4, [])
    assert f"The report folder {folder} holds files that no run wrote, such as " in toy.text
    assert (toy.path / "paper" / "index.html").read_text() == "mine"
    assert (toy.path / "paper" / "figures" / "1.svg").read_text() == "mine"


def test_a_run_does_not_lock_itself_out(toy):
    """One that fails at import leaves JUnit and CTRF in the report folder, and no report; repaired, it runs."""
    options = ("--report", "out", "--junit-xml=out/junit.xml", "--ctrf=out/ctrf.json")
    toy.reporting().write("import pytest_claims.nothing_of_that_name").run(*options)
    broken = toy.ret, sorted(path.name for path in (toy.path / "out").iterdir())
    toy.write().run(*options)

    assert broken == (2, ["ctrf.json", "junit.xml"])
    assert (toy.ret, toy.outcomes) == (0, {"2.a": "passed"})
    assert (toy.path / "out" / "index.html").exists()


def test_a_report_is_replaced_and_others_files_are_kept(toy):
    """The marker lists what the run wrote; a figure and notes of others beside the report survive the next run."""
    drawn = CLAIMS.replace(', "a picture"', "")
    conftest = toy.reporting().write(drawn).path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("def pytest_claim_judged(", "def stands_in_for_drawing("))
    toy.run()
    out = toy.path / "reports" / "latest"
    listed = json.loads((out / MARKER).read_text())["written"]
    for name in ("figures/mine.svg", "notes.txt"):
        (out / name).write_text("mine")
    toy.write(
        drawn
        + """
@claim("2.b", "Higher still", seeds=16)
def test_still(heights):
    return exceeds(heights.height.sel(level=2), by=0)
"""
    ).run("--claim", "2.b")

    assert listed == ["figures/2.a.svg", "index.html", "measurements.csv", "results.json"]
    assert (toy.ret, sorted(path.name for path in (out / "figures").iterdir())) == (0, ["2.b.svg", "mine.svg"])
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("mention", [True, False])
def test_a_second_run_is_refused_before_training(toy, mention):
    """The sentence names the first run; also where no claim file names the library, which is noticed at collection."""
    toy.write()
    if not mention:
        file = toy.path / "claims" / "test_toy.py"
        file.write_text(file.read_text().replace("from pytest_claims import", "from ourlab import"))
        (toy.path / "ourlab.py").write_text(f"from pytest_claims import {', '.join(NAMES)}\n")
        toy.pytester.syspathinsert()
    first = ReportFolder(toy.path / "reports" / "latest", "", "", "pytest claims/ --seeds 8")
    first.take()
    toy.run()
    first.release()

    assert (toy.ret, toy.trained) == (4, [])
    assert "The report folder reports/latest is in use by another run (process " in toy.text
    assert ", pytest claims/ --seeds 8): wait for it, or choose another with --report DIR." in toy.text
    assert toy.run().ret == 0


@pytest.mark.parametrize(
    "option",
    ["--collect-only", "--help", "--version", "--fixtures", "--markers", "--design", "--setup-plan", "--setup-only"],
)
def test_what_only_looks_takes_no_lock_and_writes_nothing(toy, option):
    """It works beside a run that holds the folder, and leaves no folder."""
    toy.write().run(option)

    assert (toy.ret, (toy.path / "reports").exists()) == (0, False)
    first = ReportFolder(toy.path / "reports" / "latest", "", "", "pytest")
    first.take()
    ended = toy.run(option).ret
    first.release()
    assert ended == 0


def old_runs(trials, number=6):
    """Make folders of old runs, as a killed run may leave them; return the oldest."""
    folders = [trials / f"run-2020010{at}-000000-0123abcd" for at in range(number)]
    for folder in folders:
        folder.mkdir(parents=True)
        for name in (
            "heights-0f.json",
            "heights-0f.npz",
            ".heights-0f.npz.a_8xyz12",
            "heights-0f.attempt",
            "failed-0f",
            "claim-0f",
            "stop",
            "alive.lock",
        ):
            (folder / name).touch()
    return folders[0]


def test_run_folders_of_others_are_kept(toy):
    """Only folders with a run's name are removed when there are too many."""
    trials = toy.path / "reports" / "latest" / "trials"
    toy.write().run()
    oldest = old_runs(trials)
    for number in range(6):
        (trials / f"run-mine-{number}").mkdir()
    toy.run()

    left = {path.name for path in trials.iterdir() if path.is_dir()}
    assert {f"run-mine-{number}" for number in range(6)} < left
    assert oldest.name not in left
    assert len([name for name in left if name.startswith("run-")]) == 6 + 5


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "results.json",
        "heights-0f.json.txt",
        "figures/heights-0f.json",
        "plan.json",
        ".heights-0f.json.swp/heights-0f.json",
    ],
)
def test_a_run_folder_with_a_file_of_others_is_kept_whole(toy, name):
    """Notes, a folder, and a link with the name of a file of ours; not one file of that run is deleted."""
    toy.write().run()
    oldest = old_runs(toy.path / "reports" / "latest" / "trials")
    (toy.path / "mine").write_text("mine")
    (oldest / name).parent.mkdir(exist_ok=True)
    if name == "plan.json":
        (oldest / name).symlink_to(toy.path / "mine")
    else:
        (oldest / name).write_text("mine")
    before = sorted(oldest.rglob("*"))
    toy.run()

    assert sorted(oldest.rglob("*")) == before
    assert (oldest / name).read_text() == "mine"


@pytest.mark.parametrize("linked", ["a run", "trials"])
def test_nothing_is_removed_through_a_link(toy, linked):
    """A folder behind a link keeps its files, also those that have our names."""
    latest = toy.write().run().path / "reports" / "latest"
    elsewhere = toy.path / "precious"
    if linked == "a run":
        old_runs(latest / "trials").rename(elsewhere)
        (latest / "trials" / "run-20190101-000000-abcdef01").symlink_to(elsewhere)
    else:
        (latest / "trials").rename(elsewhere)
        (latest / "trials").symlink_to(elsewhere)
        old_runs(elsewhere)
    before = set(elsewhere.rglob("*"))
    toy.run()

    assert toy.ret == 0
    assert before <= set(elsewhere.rglob("*"))


# -- files that a run reads first, and adds to or compares with at its end ------------------------------------------


def test_a_malformed_baseline_is_refused_before_training(toy):
    """Exit status 4 and a sentence with the field; it does not wait for the end of the run."""
    (toy.path / "old.json").write_text('{"claims": [{"id": "2.a", "verdict": "supported", "interval": "wide"}]}')
    toy.write().run("--baseline", "old.json")

    assert (toy.ret, toy.trained) == (4, [])
    assert (
        "--baseline old.json: old.json is no results.json of a claims run: claims[0].interval is a string" in toy.text
    )


def test_a_comparison_that_fails_costs_no_report(toy, monkeypatch):
    """One sentence says so and the run fails; page, results and table are written."""
    (toy.path / "old.json").write_text('{"claims": [{"id": "2.a", "verdict": "supported"}]}')

    def fail(*_):
        raise KeyError("surprise")

    monkeypatch.setattr(drift, "compare_with", fail)
    toy.reporting().write().run("--baseline", "old.json")

    assert toy.ret == 1
    assert "The comparison with the baseline failed: KeyError: 'surprise'." in toy.text
    assert "Report: reports/latest/index.html" in toy.text
    written = json.loads((toy.path / "reports" / "latest" / "results.json").read_text())
    assert (written["complete"], "baseline" in written, len(written["claims"])) == (True, False, 1)
    assert (toy.path / "reports" / "latest" / "measurements.csv").exists()


@pytest.mark.parametrize("option", ["--pilot", "--design"])
@pytest.mark.parametrize(
    "content, reason",
    [
        ("{", "is no valid JSON: "),
        ("[" * 100_000, "cannot be used: it is nested more than 64 levels deep"),
        ("[1]", "cannot be used: it holds a list; an object is expected"),
        ('{"2.a": {"sd": "small"}}', "is no file of pilots: 2.a.sd is a string, no number"),
        (None, "cannot be read: Is a directory"),
    ],
    ids=["broken", "nested", "list", "text", "folder"],
)
def test_unreadable_pilots_are_refused_before_training(toy, option, content, reason):
    """Exit status 4 and a sentence; the file stays as it is."""
    path = toy.write().path / "claims" / "pilots.json"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    toy.run(option)

    assert (toy.ret, toy.trained) == (4, [])
    assert f"claims/pilots.json {reason}" in toy.text
    assert content is None or path.read_text() == content


@pytest.mark.usefixtures("in_time")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize(
    "option, name",
    [(("--pilot",), "claims/pilots.json"), (("--baseline", "old.json"), "old.json")],
    ids=["pilots", "baseline"],
)
def test_a_pipe_is_refused_and_not_waited_for(toy, option, name):
    """Exit status 4 and a sentence: reading it would never end."""
    os.mkfifo(toy.write().path / name)
    toy.run(*option)

    assert (toy.ret, toy.trained) == (4, [])
    assert f"{name} cannot be read: it is no ordinary file." in toy.text


@pytest.mark.usefixtures("in_time")
@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no process substitution")
def test_a_baseline_may_come_through_the_shell(toy):
    """As in ``--baseline <(gunzip -c old.json.gz)``, which names an open file."""
    reading, writing = os.pipe()
    os.write(writing, b'{"claims": [{"id": "2.a", "verdict": "supported"}]}')
    os.close(writing)
    toy.write().run("--baseline", f"/dev/fd/{reading}")
    os.close(reading)

    assert toy.ret == 0


def test_pilots_that_break_during_the_run_are_kept(toy):
    """They were readable at the start; what somebody wrote there meanwhile is not overwritten."""
    training = "    return {"
    toy.write(CLAIMS.replace(training, f"    open('claims/pilots.json', 'w').write('mine')\n{training}")).run("--pilot")

    assert (toy.path / "claims" / "pilots.json").read_text() == "mine"
    assert "pilots: claims/pilots-run-" in toy.text


def test_pilots_are_added_to(toy):
    """Entries of other claims stay."""
    toy.write()
    (toy.path / "claims" / "pilots.json").write_text('{"1.a": {"sd": 0.5}}')
    toy.run("--pilot")

    assert list(json.loads((toy.path / "claims" / "pilots.json").read_text())) == ["1.a", "2.a"]


def test_pilots_behind_a_link_are_added_to(toy):
    """The link stays; the file that folders share gets the entries."""
    toy.write()
    (toy.path / "shared.json").write_text('{"1.a": {"sd": 0.5}}')
    (toy.path / "claims" / "pilots.json").symlink_to("../shared.json")
    toy.run("--pilot")

    assert (toy.path / "claims" / "pilots.json").is_symlink()
    assert list(json.loads((toy.path / "shared.json").read_text())) == ["1.a", "2.a"]
    assert "pilots: claims/pilots.json" in toy.text


@pytest.mark.parametrize("line", ["", 'claims_title = "Our lab"'])
def test_the_page_has_the_title_of_the_repository(toy, line):
    """That of the setting claims_title, or else the name of the repository's folder."""
    toy.reporting().write()
    (toy.path / "pyproject.toml").write_text((toy.path / "pyproject.toml").read_text() + f"\n{line}\n")
    toy.run()
    title = "Our lab" if line else toy.path.name

    assert json.loads((toy.path / "reports" / "latest" / "results.json").read_text())["title"] == title
    assert f"<title>{title}: 1 supported" in (toy.path / "reports" / "latest" / "index.html").read_text()


def test_a_title_that_is_no_text_is_refused_before_training(toy):
    """Exit status 4 and a sentence."""
    (toy.path / "pyproject.toml").write_text((toy.path / "pyproject.toml").read_text() + "\nclaims_title = 3\n")
    toy.write().run()

    assert (toy.ret, toy.trained) == (4, [])
    assert "claims_title = 3: give a text in quotes." in toy.text


def test_one_claim_is_counted_as_one(toy):
    """The terminal says "1 claim"."""
    toy.reporting().write().run()

    assert "\n1 claim: 1 supported\n" in toy.text
