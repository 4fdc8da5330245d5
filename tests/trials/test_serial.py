"""Whole runs without xdist: what a claim gets, what its record says, how its test ends."""

import json

import pytest

from pytest_claims import stored
from pytest_claims.results import read
from tests.trials.conftest import PYPROJECT, REGISTRATIONS

pytest_plugins = ["pytester"]


def test_outcomes_follow_verdict_and_registration(toy):
    """Supported passes, refuted as registered xfails, a departure fails, a clock's departure warns: exit 1."""
    toy.add(REGISTRATIONS).run()

    assert toy.outcomes == {"2.a": "passed", "2.b": "xfailed", "2.c": "failed", "2.d": "failed", "2.e": "passed"}
    assert toy.ret == 1
    toy.result.assert_outcomes(passed=2, xfailed=1, failed=2, warnings=1)
    toy.result.stdout.fnmatch_lines(["FAILED claims/test_toy.py::test_departs - Departure: Claim 2.d is refuted*"])
    assert "Claim 2.e is refuted, but registered as supported" in toy.text


def test_record_has_every_field_of_the_contract(toy):
    """The record on the report carries the claim, its verdict, its evidence and its file, and no absolute path."""
    toy.write().run()
    record = toy.claims["2.a"]

    assert toy.ret == 0
    contract = (
        "id nodeid text source registered reason verdict outcome kind effect interval margin region alpha p_value "
        "parts seeds diverged unit published conditions inputs trace controls "
        "duration_s message"
    )
    assert set(contract.split()) <= set(record)
    assert record["nodeid"] == "claims/test_toy.py::test_higher"
    assert (record["file"], record["line"]) == ("claims/test_toy.py", 17)
    assert record["question"] == "Is a higher level higher?"
    assert record["protocol"].startswith("Protocol. Toy levels")
    assert record["discussion"] == "The discussion."
    assert (record["verdict"], record["seeds"], record["experiment"]) == ("supported", 16, "2")
    assert record["controls"]["ok"] is True
    assert record["figures"] == ["Hypothesis", "a picture"]
    assert record["trace"] == {"heights/loss": [1.0, 0.5]}
    assert list(record["inputs"]) == ["heights/data"]
    assert len(record["derived"]["heights/noise"]) == 1
    assert [trial["seeds"] for trial in record["seconds_by_trial"]] == [[0, 7], [8, 15], [0, 7], [8, 15]]
    assert str(toy.path) not in json.dumps(record)


HOOKS = """
class Silent:
    def pytest_claim_judged(self, record):
        return None


class Moody:
    def pytest_claim_judged(self, record):
        return {"mood": f"{record.verdict} by {record.effect > 0.5}", "figures": []}


def pytest_collection(session):
    session.config.pluginmanager.register(Moody())
    session.config.pluginmanager.register(Silent())
"""


def test_what_hooks_return_is_added_to_the_record(toy):
    """A hook reads the record and returns further fields: new ones are kept; of two values the last stays."""
    path = toy.path / "conftest.py"
    path.write_text(path.read_text() + HOOKS)
    toy.write().run()
    record = toy.claims["2.a"]

    assert record["mood"] == "supported by True"
    assert record["figures"] == ["Hypothesis", "a picture"]
    assert record["verdict"] == "supported"


def test_claims_share_blocks(toy):
    """Two claims on one measurement train it once; a claim on fewer seeds takes the first ones."""
    toy.add("""
@claim("2.b", "On the first eight", seeds=8)
def test_eight(heights):
    assert list(heights.seed) == list(range(8))
    assert heights.height.dims == ("seed", "level")
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
""").run()

    assert toy.outcomes == {"2.a": "passed", "2.b": "passed"}
    assert toy.trained == ["registered 0-7"] * 2 + ["registered 8-15"] * 2


def test_variants_have_verdicts_of_their_own(toy):
    """A variant is an item of its own under the claim's function, with its arguments, registration and departure."""
    toy.add("""
@claim("4.a", "By half", given={"by": 0.5}, variants=[
    variant("by-two", by=2, registered="refuted", reason="two is too much", departs="asks for two", seeds=8)])
def test_by(heights, by):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=by)
""").run("-v")

    assert toy.outcomes == {"2.a": "passed", "4.a": "passed", "4.a@by-two": "xfailed"}
    record = toy.claims["4.a@by-two"]
    assert record["nodeid"] == "claims/test_toy.py::test_by[4.a@by-two]"
    assert (record["variant_of"], record["variant"], record["departs"]) == ("4.a", "by-two", "asks for two")
    assert record["seeds"] == 8


def test_fresh_seeds_are_another_stream(toy):
    """--fresh=7 trains stream fresh-7, shows it in the header and the record, and gives the same numbers again."""
    toy.write().run("--fresh=7")
    first = toy.claims["2.a"]
    toy.run("--fresh=7")

    assert set(toy.trained) == {"fresh-7 0-7", "fresh-7 8-15"}
    toy.result.stdout.fnmatch_lines(["claims: stream: fresh-7"])
    assert first["stream"] == "fresh-7"
    assert toy.claims["2.a"]["effect"] == first["effect"]


def test_another_edition_has_seeds_of_its_own_and_registers_on_them(toy):
    """They are disjoint from those before, and a departure fails there as ever; no sentence calls them unusual."""
    toy.add(REGISTRATIONS)
    toy.pytester.makepyprojecttoml(f'{PYPROJECT}claims_edition = "2"\n')
    toy.run()

    assert set(toy.trained) == {"registered-2 0-7", "registered-2 8-15"}
    assert toy.claims["2.a"]["stream"] == "registered-2"
    assert toy.outcomes == {"2.a": "passed", "2.b": "xfailed", "2.c": "failed", "2.d": "failed", "2.e": "passed"}
    assert "claims: " not in toy.text.partition("collected")[0]

    toy.run("-o", "claims_edition=1", "--claim", "2.a")
    assert {"registered 0-7", "registered 8-15"} < set(toy.trained)


def test_fresh_without_a_number_draws_one(toy):
    """--fresh alone draws a stream's number and shows it."""
    toy.write().run("--fresh")

    assert toy.ret == 0
    assert toy.claims["2.a"]["stream"].startswith("fresh-")
    assert toy.claims["2.a"]["stream"] in toy.text


def test_pilot_writes_spreads_and_judges_nobody(toy):
    """--pilot trains the pilot stream, passes whatever the verdict, and keeps what a design needs in pilots.json."""
    toy.add(REGISTRATIONS).run("--pilot")
    pilots = json.loads((toy.path / "claims" / "pilots.json").read_text())

    assert toy.ret == 0
    assert set(toy.trained) == {"pilot 0-7", "pilot 8-15"}
    assert set(pilots) == {"2.a", "2.b", "2.c", "2.d", "2.e"}
    assert set(pilots["2.a"]) == {"kind", "margin", "part", "mean", "sd", "n", "needs", "unit"}
    assert (pilots["2.a"]["n"], pilots["2.a"]["kind"]) == (16, "difference")
    assert pilots["2.a"]["mean"] == pytest.approx(1, abs=0.2)
    assert pilots["2.a"]["needs"] == 8


def test_collect_only_shows_claims_alone(toy):
    """--collect-only lists the claims and leaves no trial store."""
    toy.write().run("--collect-only", "-q")

    toy.result.stdout.fnmatch_lines(["claims/test_toy.py::test_higher", "", "1 test collected*"])
    assert toy.store() == []


def test_reuse_reads_trials_of_an_earlier_run(toy):
    """--reuse trains nothing that is stored under the same source, seeds and engine; only a changed measurement is."""
    toy.write().run()
    before = toy.claims["2.a"]
    toy.forget()
    toy.write((toy.path / "claims/test_toy.py").read_text().replace("by=0.5", "by=0.25").replace("discussion", "talk"))
    toy.run("--reuse", "reports/latest")

    assert toy.trained == []
    assert toy.claims["2.a"]["reused"] == 4
    assert toy.claims["2.a"]["effect"] == before["effect"]

    # of another length: Python takes its cached bytecode for an edit of the same second and size
    toy.write((toy.path / "claims/test_toy.py").read_text().replace("1 + noise", "1 - 1 * noise"))
    toy.run("--reuse", "reports/latest")
    assert len(toy.trained) == 4
    assert toy.claims["2.a"]["reused"] == 0


def test_without_reuse_everything_is_measured_again(toy):
    """A second run does not use the first's trials."""
    toy.write().run()
    toy.run()

    assert len(toy.trained) == 8


def test_old_runs_are_forgotten(toy):
    """The store keeps the current run and the latest four before it."""
    toy.write()
    for _ in range(6):
        toy.run()

    assert len(list((toy.path / "reports/latest/trials").glob("run-*/"))) == 5


SKIPPED = """
import pytest

@pytest.fixture
def cluster():
    pytest.skip("no cluster here")

@pytest.mark.skip(reason="too hot")
@claim("3.b", "Skipped by a mark", seeds=16)
def test_marked(heights):
    return exceeds(heights.height.sel(level=2), by=0)

@claim("3.a", "Skipped by a fixture", seeds=16)
def test_by_fixture(heights, cluster):
    return exceeds(heights.height.sel(level=2), by=0)

@pytest.mark.skip
def test_no_claim():
    pass
"""


@pytest.mark.parametrize("workers", [None, 2], ids=["serial", "xdist"])
def test_skipped_claims_are_in_the_report(toy, workers):
    """They are listed with id, node id and reason; the run is complete, and no other skipped test is among them."""
    toy.add(SKIPPED).reporting()
    if workers:
        toy.spread(workers=workers)
    else:
        toy.run()
    report = toy.path / "reports/latest"
    results = json.loads((report / "results.json").read_text())

    assert results["skipped"] == [
        {"id": "3.a", "nodeid": "claims/test_toy.py::test_by_fixture", "reason": "no cluster here"},
        {"id": "3.b", "nodeid": "claims/test_toy.py::test_marked", "reason": "too hot"},
    ]
    assert (results["complete"], results["missing"]) == (True, [])
    assert [entry["id"] for entry in results["claims"]] == ["2.a"]
    assert toy.ret == 0
    page = (report / "index.html").read_text()
    assert "2 claims skipped" in page
    assert "no cluster here" in page
    toy.result.stdout.fnmatch_lines(["Skipped", "    3.a: no cluster here", "    3.b: too hot"])
    assert stored.problem_of(results) is None


def test_a_run_of_skipped_claims_alone_has_a_report(toy, monkeypatch):
    """It says which claims were skipped, also in the summary of a job."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(toy.path / "summary.md"))
    toy.add(SKIPPED).reporting()
    toy.run("--claim", "3.b")

    assert toy.ret == 0
    assert [entry.id for entry in read(toy.path / "reports/latest").skipped] == ["3.b"]
    assert "- Skipped: 3.b. too hot" in (toy.path / "summary.md").read_text()


def test_a_run_that_stops_early_says_what_is_missing(toy):
    """After -x the claims that did not run are listed, with why."""
    toy.add("""
@claim("1.a", "Raises", seeds=16)
def test_a_first(heights):
    raise RuntimeError("no")

@claim("1.b", "Not run", seeds=16)
def test_b_not_run(heights):
    return exceeds(heights.height.sel(level=2), by=0)
""").reporting()
    toy.run("-x")
    results = read(toy.path / "reports/latest")

    assert results.complete is False
    assert [(entry.id, entry.reason) for entry in results.missing] == [
        ("1.b", "The run ended before: stopping after 1 failures.")
    ]
    assert "The run ended before: stopping after 1 failures." in (toy.path / "reports/latest/index.html").read_text()
    toy.result.stdout.fnmatch_lines(["Without a verdict", "    1.b: The run ended before: stopping after 1 failures."])
