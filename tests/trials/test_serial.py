"""Whole runs without xdist: what a claim gets, what its record says, how its test ends."""

import json

import pytest

from pytest_claims import stored
from pytest_claims.results import read
from tests.trials.conftest import PYPROJECT

pytest_plugins = ["pytester"]

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


def test_quick_looks_skip_what_is_undecided(toy):
    """Below the first look a claim may be refuted, and nothing is supported; what is undecided is skipped."""
    toy.add(REGISTRATIONS).run("--seeds", "8", "-rs")
    quick = toy.claims["2.a"]

    assert toy.outcomes == {"2.a": "skipped", "2.b": "xfailed", "2.c": "skipped", "2.d": "failed", "2.e": "passed"}
    assert set(toy.trained) == {"registered 0-7"}
    assert (quick["alpha"], quick["seeds"], quick["last_look"], quick["registered_looks"]) == (0.005, 8, 8, [])
    assert "a quick look of 8 seeds may refute a claim, but supports none" in quick["message"]
    toy.result.stdout.fnmatch_lines(["SKIPPED*Inconclusive*"])


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


COINS = """
@measurement(block=32)
def coins(seeds, noise):
    return {"toss": noise(seeds, sd=1)}
"""


def looks_of(toy):
    """Return the looks that each claim took."""
    return {name: [look["seeds"] for look in record["looks"]] for name, record in toy.claims.items()}


def test_looks_go_on_until_a_decision_or_the_registered_seeds(toy):
    """A clear claim stops at 32 seeds, at alpha / 4.226; an unclear one goes on; later blocks are not trained."""
    toy.add(f"""{COINS}
@claim("3.a", "It is above minus ten", seeds=128)
def test_clear(coins):
    return exceeds(coins.toss, by=-10)
""").run("--claim", "3.a")
    record = toy.claims["3.a"]

    assert [(look["seeds"], look["verdict"]) for look in record["looks"]] == [(32, "supported")]
    assert record["looks"][0]["closed"] == [record["parts"][0]["text"]]
    assert record["registered_looks"] == [32, 64, 128, 256, 512]
    assert record["alpha"] == pytest.approx(0.005 / 4.226)
    assert (record["seeds"], record["last_look"], record["ended"]) == (32, 128, "decided")
    assert toy.trained == ["registered 0-31"]

    toy.add(f"""{COINS}
@claim("3.b", "Noise is above a little", seeds=128)
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.45)
""").run("--claim", "3.b")
    record = toy.claims["3.b"]

    assert looks_of(toy) == {"3.b": [32, 64]}
    assert (record["verdict"], record["ended"]) == ("supported", "decided")
    assert set(toy.trained) == {"registered 0-31", "registered 32-63"}


def test_looks_end_where_a_decision_is_unlikely(toy):
    """A claim exactly at its margin stops at the first look: its registered seeds would hardly decide."""
    toy.add(f"""{COINS}
@claim("3.a", "Noise is above its mean", seeds=128, registered="inconclusive", reason="it is not")
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=0.0)
""").run("--claim", "3.a")
    record = toy.claims["3.a"]

    assert looks_of(toy) == {"3.a": [32]}
    assert (record["ended"], record["outcome"], record["last_look"]) == ("futile", "xfailed", 128)
    assert record["looks"][0]["chance"] < 0.1
    assert toy.trained == ["registered 0-31"]


EARLIER = f"""{COINS}
@claim("3.a", "Noise is above a little", seeds=64)
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.3)

@claim("3.b", "Noise is above a little", looks=(64,))
def test_late(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.3)

@claim("3.c", "Noise is above a little", looks=(16, 32), seeds=32)
def test_early(coins):
    return exceeds(coins.toss, by=-0.5)

@claim("3.d", "Noise is above minus ten", seeds=16)
def test_once(coins):
    return exceeds(coins.toss, by=-10)

@claim("3.e", "Noise is above minus ten", seeds=32, deep=2048)
def test_deeper(coins):
    return exceeds(coins.toss, by=-10)
"""


def test_a_run_that_ends_earlier_is_the_beginning_of_the_same_sequence(toy):
    """Every run judges at the level of all registered looks, and no claim goes beyond its deepest look."""
    toy.add(EARLIER).run("--claim", "3.a,3.b,3.c,3.d,3.e")
    default = looks_of(toy)
    levels = {name: 0.005 / record["alpha"] for name, record in toy.claims.items()}
    toy.run("--claim", "3.a,3.b,3.c,3.d,3.e", "--seeds", "128")
    further = looks_of(toy)
    same = {name: 0.005 / record["alpha"] for name, record in toy.claims.items()}

    assert levels == pytest.approx({"3.a": 4.226, "3.b": 3.404, "3.c": 1.794, "3.d": 1.0, "3.e": 5.896})
    assert same == pytest.approx(levels)
    assert all(further[name][: len(looks)] == looks for name, looks in default.items())
    assert (default["3.b"], default["3.d"], further["3.d"], further["3.e"]) == ([64], [16], [16], [32])
    assert max(default["3.a"]) <= 64 < max(further["3.a"])


def test_a_deep_run_goes_to_the_deepest_look(toy):
    """A claim that its registered seeds leave open goes on; its verdict there is no departure."""
    toy.add(f"""{COINS}
@claim("3.a", "Noise is above a little", seeds=32, deep=256, registered="inconclusive", reason="32 are too few")
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.3)
""").run("--claim", "3.a", "--tier", "deep")
    record = toy.claims["3.a"]

    assert toy.ret == 0
    toy.result.stdout.fnmatch_lines(["claims: tier: deep, to each claim's deepest look"])
    assert (record["verdict"], record["outcome"], record["last_look"]) == ("supported", "skipped", 256)
    assert 32 < record["seeds"] <= 256
    assert record["registered_looks"] == [32, 64, 128, 256]


def test_a_run_that_ends_before_the_first_look_takes_a_quick_look(toy):
    """At the level of a single look; it supports nothing."""
    toy.add(EARLIER).run("--seeds", "32", "--claim", "3.b,3.e")
    levels = {name: 0.005 / record["alpha"] for name, record in toy.claims.items()}

    assert levels == pytest.approx({"3.b": 1.0, "3.e": 5.896})
    assert toy.claims["3.b"]["seeds"] == 32
    assert {name: record["verdict"] for name, record in toy.claims.items()} == {
        "3.b": "inconclusive",
        "3.e": "supported",
    }


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


def test_design_trains_nothing_and_tells_what_is_detectable(toy):
    """--design prints seeds, alpha, margin and detectable effect for each claim, the latter from the pilot's sd."""
    toy.write()
    (toy.path / "claims" / "pilots.json").write_text('{"2.a": {"sd": 0.1}}')
    toy.run("--design")

    assert toy.ret == 0
    assert toy.trained == []
    toy.result.stdout.fnmatch_lines(["2.a * 16 * 16 * 0.005 * difference above 0.5 * 0.1 * 0.6*"])
    assert toy.reported["records"] == {}


def test_design_tells_looks_and_what_they_cost(toy):
    """Looks, deepest look, level; where judging ends if the pilot is right, and the core-seconds until then."""
    toy.add("""
@measurement(experiment=3, cost=10)
def oven(seeds, noise):
    return {"heat": noise(seeds)}

@claim("3.a", "It is hot", seeds=128)
def test_hot(oven):
    return exceeds(oven.heat, by=0)

@claim("3.b", "It is as hot as the margin says", seeds=128, looks=(64,), deep=1024)
def test_warm(oven):
    return exceeds(oven.heat, by=1)
""")
    pilots = {"3.a": {"sd": 1.0, "mean": 5.0, "margin": 0.0}, "3.b": {"sd": 1.0, "mean": 1.0, "margin": 1.0}}
    (toy.path / "claims" / "pilots.json").write_text(json.dumps(pilots))
    toy.run("--design", "--claim", "3.a,3.b")
    seeds = {line.split()[0]: line.split()[-2:] for line in toy.text.splitlines() if line.startswith("3.")}

    toy.result.stdout.fnmatch_lines([
        "claim *looks *deep *alpha *asks for *pilot sd *detectable *pilot needs *ends at *core-s *note",
        "3.a * 32-128 * 512 * 0.00118 *",
        "3.b * 64-128 * 1024 * 0.00118 *",
        "All together: 80 core-seconds for the first looks, at most 160 for all looks; claims share what they measure.",
    ])  # fmt: skip
    assert seeds["3.a"] == ["32", "40"]
    assert 64 <= float(seeds["3.b"][0]) < 80
    assert float(seeds["3.b"][1]) == pytest.approx(1.25 * float(seeds["3.b"][0]), abs=1)


def test_a_pilot_takes_one_look_at_the_seeds_asked_for(toy):
    """A clear claim does not end it early: the pilot is for mean and spread."""
    toy.add(f"""{COINS}
@claim("3.a", "It is above minus ten", seeds=128)
def test_clear(coins):
    return exceeds(coins.toss, by=-10)
""").run("--pilot", "--seeds", "64", "--claim", "3.a")

    assert json.loads((toy.path / "claims" / "pilots.json").read_text())["3.a"]["n"] == 64
    assert looks_of(toy) == {"3.a": [64]}


def test_inputs_are_those_of_the_first_look(toy):
    """So that runs which end at other looks can be compared; the trials of all looks are in the record."""
    toy.add(f"""{COINS}
@claim("3.a", "Noise is above a little", seeds=128)
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.45)
""").run("--claim", "3.a")
    further = toy.claims["3.a"]
    toy.run("--claim", "3.a", "--seeds", "32")
    first = toy.claims["3.a"]

    assert (further["seeds"], first["seeds"]) == (64, 32)
    assert further["first_look"] == first["first_look"] == 32
    assert (further["inputs"], further["derived"]) == (first["inputs"], first["derived"])
    assert [trial["seeds"] for trial in further["seconds_by_trial"]] == [[0, 31], [32, 63]]


def test_design_of_a_quick_look_detects_nothing(toy):
    """It supports nothing, and the table says so."""
    toy.add(f"""{COINS}
@claim("3.a", "Noise is above zero")
def test_noise(coins):
    return exceeds(coins.toss, by=0)
""")
    (toy.path / "claims" / "pilots.json").write_text('{"3.a": {"sd": 0.1, "mean": 1.0, "margin": 0.0}}')
    toy.run("--design", "--seeds", "8", "--claim", "3.a")

    toy.result.stdout.fnmatch_lines(["3.a * 8 * 512 * 0.005 * 0.1 * - * a quick look supports nothing"])


def test_a_share_that_only_a_deep_run_can_prove(toy):
    """It is an error where it is expected to be supported by its registered seeds, and runs where it is not."""
    toy.add(f"""{COINS}
@claim("3.a", "All toss", seeds=32)
def test_all(coins):
    return proportion(coins.toss > -9, above=0.9)

@claim("3.b", "All toss", seeds=32, registered="inconclusive", reason="32 of 32 prove no such share")
def test_open(coins):
    return proportion(coins.toss > -9, above=0.9)
""").run("--claim", "3.a,3.b")

    assert toy.outcomes == {"3.a": "error", "3.b": "xfailed"}
    assert "32 seeds can never prove a share above 90 %" in toy.claims["3.a"]["message"]

    toy.run("--claim", "3.b", "--tier", "deep")
    assert (toy.claims["3.b"]["verdict"], toy.claims["3.b"]["seeds"]) == ("supported", 64)


def test_an_adjusted_claim_looks_from_64_seeds_on(toy):
    """An earlier look could decide nothing, and would cost level."""
    toy.add(f"""{COINS}
@claim("3.a", "Luck apart")
def test_lucky(coins):
    return exceeds(coins.toss, by=-9, adjusted_by=coins.toss, population=0.0)

@claim("3.b", "Luck apart, from 64 seeds on", looks=(64,))
def test_late(coins):
    return exceeds(coins.toss, by=-9, adjusted_by=coins.toss, population=0.0)
""").run("--claim", "3.a,3.b")

    assert toy.outcomes == {"3.a": "error", "3.b": "passed"}
    assert "register looks=(64,) and at least as many seeds" in toy.claims["3.a"]["message"]


SMOKE = """
@measurement(experiment=3, block=32, smoke=True)
def quick(seeds, noise):
    return {"toss": noise(seeds, sd=1)}

@claim("3.a", "Noise is above a little", seeds=128, registered="inconclusive", reason="it may be")
def test_quick(quick):
    return exceeds(quick.toss - quick.toss.mean(), by=-0.45)

@claim("3.b", "Both", seeds=128)
def test_both(quick, heights):
    return exceeds(quick.toss, by=-9)
"""


def test_smoke_takes_the_first_look_of_what_is_quick(toy):
    """A claim belongs to it if all its measurements do; its looks are the beginning of the usual ones."""
    toy.add(SMOKE).run("--tier", "smoke")
    record = toy.claims["3.a"]

    assert toy.outcomes == {"3.a": "xfailed"}
    assert (record["seeds"], record["last_look"], record["registered_looks"][0]) == (32, 32, 32)
    assert toy.trained == ["registered 0-31"]
    toy.result.assert_outcomes(xfailed=1, deselected=2)
    assert "claims: tier: smoke, the first look of claims on what is quick to measure" in toy.text


def test_smoke_without_anything_quick_is_a_usage_error(toy):
    """It says how a measurement gets there."""
    toy.write().run("--tier", "smoke")

    assert toy.ret == 4
    assert "--tier smoke: no claim is quick; say @measurement(smoke=True) where one is." in toy.text


def test_design_judges_the_step_of_an_ordered_claims_pilot_by_its_own_margin(toy):
    """A step that neither falls by its tolerance nor rises is far from refuting the gain from end to end."""
    toy.add("""
@measurement(experiment=3)
def oven(seeds, noise):
    return {"heat": noise(seeds)}

@claim("3.a", "It rises", seeds=256)
def test_rises(oven):
    return increases(oven.heat, along="level", by=75)
""")
    step = {"sd": 70.0, "gain_sd": 170.0, "mean": 1.0, "margin": -25.0}
    (toy.path / "claims" / "pilots.json").write_text(json.dumps({"3.a": step}))
    toy.run("--design", "--claim", "3.a")
    line = next(line for line in toy.text.splitlines() if line.startswith("3."))

    assert 100 < float(line.split()[-2]) < 256


def test_a_long_run_says_at_its_start_how_long_it_takes(toy):
    """By its authors' hints: the first looks, the most that all looks can take, and how to run less."""
    toy.add("""
@measurement(experiment=3, cost=40)
def oven(seeds, noise):
    return {"heat": noise(seeds)}

@claim("3.a", "It is hot", seeds=128)
def test_hot(oven):
    return exceeds(oven.heat, by=-9)
""").run("--claim", "3.a")

    assert "claims: about 3 min on 1 worker, at most 11 min with all looks; for less: --seeds 8" in toy.text
    assert "claims: about" not in toy.run("--claim", "2.a").text


def test_design_reads_a_pilot_of_every_kind(toy):
    """A conjunction shows what its pilot's member can detect, a time a factor; a note says why nothing can be."""
    toy.write("""
from pytest_claims import all_of, at_least, claim, exactly, exceeds, increases, measurement, sooner, within

@measurement
def it(seeds, noise):
    return {"x": noise(seeds)}

@claim("1.a", "Both", seeds=16)
def test_both(it):
    return all_of(exactly(it.y, 1), exceeds(it.x, by=0.5))

@claim("1.b", "Neither", seeds=16)
def test_neither(it):
    return all_of(increases(it.x, "arm", 0.5), at_least(it.x, 2))

@claim("1.c", "Sooner", seeds=16)
def test_sooner(it):
    return sooner(it.x, it.y, by=2, budget=100)

@claim("1.d", "Close", seeds=16)
def test_close(it):
    return within(it.x, 1, margin=0.1)

@claim("1.e", "Unknown", seeds=16)
def test_unknown(it):
    return exceeds(it.x)

@claim("1.f", "Rises, a step decided", seeds=16)
def test_rises(it):
    return increases(it.x, "arm", 0.5)

@claim("1.g", "Rises, both spreads known", seeds=16)
def test_rises_too(it):
    return increases(it.x, "arm", 0.5)

@claim("1.h", "Ties", seeds=16)
def test_ties(it):
    return exceeds(it.x, by=0.5)
""")
    pilots = {name: {"sd": 1.0, "margin": margin} for name, margin in (("1.a", 0.5), ("1.b", -0.5), ("1.c", 1.0))}
    pilots |= {
        "1.d": {"sd": 1.0, "margin": 0.1},
        "1.f": {"sd": 1.0, "margin": -0.5},
        "1.g": {"sd": 9.0, "margin": -0.5, "gain_sd": 1.0},
        "1.h": {"sd": 1.0, "margin": 0.5, "counted": True},
    }
    (toy.path / "claims" / "pilots.json").write_text(json.dumps(pilots))
    toy.run("--design")

    toy.result.stdout.fnmatch_lines([
        "1.a * all of: exactly 1; difference above 0.5 * 1 * 1.59*",
        "1.b * - * the pilot's spread is of one part, not of the whole claim",
        "1.c * time shorter by a factor above 2 * 1 * 4.*",
        "1.d * - * with the pilot's spread 16 seeds cannot confirm even the middle of the range",
        "1.e * - * no pilot",
        "1.f * - * the pilot's spread is of one part, not of the whole claim",
        "1.g * ordered above 0.5 * 1 * 1.59*",
        "1.h * - * in the pilot most seeds tied, so they were counted",
    ])  # fmt: skip


def test_a_design_that_cannot_decide_is_an_error_before_training(toy):
    """A share of 80 % can never be proven with 16 seeds: the claim is an error at its set-up, the others run."""
    toy.add("""
@measurement
def shares(seeds, noise):
    return {"won": noise(seeds) > -9}

@claim("2.b", "Most win", seeds=16)
def test_most(shares):
    return proportion(shares.won, above=0.8)
""")
    toy.run()

    assert toy.outcomes == {"2.a": "passed", "2.b": "error"}
    assert toy.claims["2.b"]["message"].startswith("The design of claim 2.b cannot decide: 16 seeds can never prove")
    assert len(toy.trained) == 4
    assert toy.ret == 1

    toy.run("--design")
    assert toy.ret == 1
    toy.result.stdout.fnmatch_lines(["2.b * proportion above 0.8 * 16 seeds can never prove*"])


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
