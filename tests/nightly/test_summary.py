"""The night's summary reports what needs attention, keeps a small history, and fails only where it must."""

import json

import pytest

from pytest_claims.cli import main
from pytest_claims.nightly import Got

CLAIM = {
    "id": "2.a",
    "text": "Accuracy rises",
    "source": "A paper",
    "registered": "supported",
    "verdict": "supported",
    "outcome": "passed",
    "kind": "difference",
    "effect": 0.3,
    "interval": [0.2, 0.4],
    "margin": 0.05,
    "region": [0.05, None],
    "alpha": 0.005,
    "seeds": 32,
    "unit": "",
    "message": "Supported.",
    "parts": [],
}


@pytest.fixture
def night(tmp_path):
    """Return a function that leaves a leg's folder behind as nox does."""

    def leg(name, state="as meant", results=None):
        folder = tmp_path / "legs" / name
        Got(name, state, f"Why {name}.", {"numpy": "2.4.6"}).write(folder / "leg.json")
        if results is not None:
            (folder / "report").mkdir()
            (folder / "report" / "results.json").write_text(json.dumps(results))

    leg.folder = tmp_path / "legs"
    return leg


def results(*, failed=False, verdict_changed=False, departed=None, complete=True, **claim):
    """Make a leg's results with its comparison."""
    compared = {"id": "2.a", "verdict_changed": verdict_changed, "departed": departed}
    baseline = {"failed": failed, "sentences": ["what happened", "where"], "claims": [compared]}
    return {"schema": 1, "started": "2026-11-20T01:00:00+00:00", "complete": complete, "environment": {},
            "claims": [{**CLAIM, **claim}], "baseline": baseline}  # fmt: skip


def test_a_calm_night_passes(night, capsys):
    """Unchanged verdicts, nothing new and unavailable raise no alarm; the summary names what was not run."""
    night("pinned", results=results())
    night("latest", "nothing new")
    night("nightly", "unavailable")

    assert main(["nightly", "summary", str(night.folder), "pinned", "latest", "nightly"]) == 0
    summary = capsys.readouterr().out
    assert "No verdict changed on pinned (latest: nothing new; nightly: unavailable)" in summary


def test_a_changed_verdict_fails_the_night_and_is_told_first(night, capsys):
    """The leg with the change comes first, with the sentences of its comparison."""
    night("pinned", results=results())
    night("latest", results=results(failed=True, verdict_changed=True))

    assert main(["nightly", "summary", str(night.folder), "pinned", "latest"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "## 1 of 2 legs need attention"
    assert lines[4].startswith("| latest | **verdict changed** |")
    assert "- where" in lines


def test_drift_alone_is_shown_and_fails_nothing(night, capsys):
    """Other numbers with the same verdicts pass."""
    night("latest", results=results(departed="trace"))

    assert main(["nightly", "summary", str(night.folder), "latest"]) == 0
    assert "| latest | numbers changed |" in capsys.readouterr().out


@pytest.mark.parametrize(
    "ended, word",
    [
        (results(failed=True), "inputs changed"),
        (results(complete=False), "interrupted"),
        (results(outcome="failed"), "not as registered"),
        (None, "crashed"),
    ],
)
def test_what_is_no_clean_run_fails_the_night(night, capsys, ended, word):
    """Changed inputs, interruptions, departures from the registration and crashes are reported."""
    night("latest", results=ended)

    assert main(["nightly", "summary", str(night.folder), "latest"]) == 1
    assert f"| latest | **{word}** |" in capsys.readouterr().out


def test_a_leg_without_a_record_fails_the_night(night, capsys):
    """A leg that vanished is no pass."""
    night("pinned", results=results())

    assert main(["nightly", "summary", str(night.folder), "pinned", "oldest"]) == 1
    assert "| oldest | **left no record** |" in capsys.readouterr().out


def test_a_night_that_tested_nothing_fails(night):
    """All legs unavailable or without news leave the claims untested, and the summary says so."""
    night("latest", "nothing new")
    night("nightly", "unavailable")

    assert main(["nightly", "summary", str(night.folder), "latest", "nightly"]) == 1


def test_a_canary_on_stable_versions_fails_the_night(night):
    """A leg that did not get what it is for is reported."""
    night("pinned", results=results())
    night("nightly", "not what it is for")

    assert main(["nightly", "summary", str(night.folder), "pinned", "nightly"]) == 1


def test_history_keeps_verdict_and_effect(night, tmp_path):
    """Each leg adds one small results.json a night; the evidence stays with the night's report."""
    night("pinned", results=results(conditions=[{"values": [1.0] * 32}]))

    main(["nightly", "summary", str(night.folder), "pinned", "--history", str(tmp_path / "history")])

    kept = json.loads((tmp_path / "history" / "pinned" / "2026-11-20.json").read_text())
    assert kept["schema"] == 1
    assert [(claim["verdict"], claim["effect"]) for claim in kept["claims"]] == [("supported", 0.3)]
    assert "conditions" not in kept["claims"][0]


def test_history_forgets_the_oldest_nights(night, tmp_path):
    """Beyond 400 nights the oldest go."""
    history = tmp_path / "history" / "pinned"
    history.mkdir(parents=True)
    for number in range(400):
        (history / f"{1600 + number}-01-01.json").write_text("{}")
    night("pinned", results=results())

    main(["nightly", "summary", str(night.folder), "pinned", "--history", str(tmp_path / "history")])

    nights = sorted(path.stem for path in history.iterdir())
    assert (len(nights), nights[0], nights[-1]) == (400, "1601-01-01", "2026-11-20")


def test_the_pages_of_a_night(night, tmp_path):
    """The site has the comparison of the legs as its front page, and each leg's own report and history."""
    for leg in ("pinned", "latest"):
        night(leg, results=results())
        (night.folder / leg / "report" / "index.html").write_text(f"report of {leg}")
        (night.folder / leg / "report" / "trials").mkdir()
    site, history = tmp_path / "site", tmp_path / "history"

    main(["nightly", "summary", str(night.folder), "pinned", "latest", "--site", str(site), "--history", str(history)])

    assert "2.a" in (site / "index.html").read_text()
    assert (site / "latest" / "index.html").read_text() == "report of latest"
    assert "2.a" in (site / "history" / "pinned" / "index.html").read_text()
    assert not (site / "latest" / "trials").exists()


def test_a_single_leg_is_its_own_page(night, tmp_path):
    """With one leg there is nothing to compare: its report is the site."""
    night("pinned", results=results())
    (night.folder / "pinned" / "report" / "index.html").write_text("report of pinned")

    main(["nightly", "summary", str(night.folder), "pinned", "--site", str(tmp_path / "site")])

    assert (tmp_path / "site" / "index.html").read_text() == "report of pinned"


def test_the_summary_is_appended_where_the_job_shows_it(night, tmp_path):
    """What a CI job's summary file holds already stays."""
    night("pinned", results=results())
    file = tmp_path / "summary.md"
    file.write_text("before\n")

    main(["nightly", "summary", str(night.folder), "pinned", "--markdown", str(file)])

    assert file.read_text().startswith("before\n## No verdict changed on pinned")
