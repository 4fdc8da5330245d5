"""Looks: after how many seeds claims of a whole run are judged, and what ends the judging."""

import json
from pathlib import Path

import pytest

from pytest_claims.cli import main
from pytest_claims.results import read
from tests.trials.conftest import COINS, REGISTRATIONS

pytest_plugins = ["pytester"]


def test_quick_looks_skip_what_is_undecided(toy):
    """Below the first look a claim may be refuted, and nothing is supported; what is undecided is skipped."""
    toy.add(REGISTRATIONS).run("--seeds", "8", "-rs")
    quick = toy.claims["2.a"]

    assert toy.outcomes == {"2.a": "skipped", "2.b": "xfailed", "2.c": "skipped", "2.d": "failed", "2.e": "passed"}
    assert set(toy.trained) == {"registered 0-7"}
    assert (quick["alpha"], quick["seeds"], quick["last_look"], quick["registered_looks"]) == (0.005, 8, 8, [])
    assert "a quick look of 8 seeds may refute a claim and supports none" in quick["message"]
    toy.result.stdout.fnmatch_lines(["SKIPPED*Inconclusive*"])


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
    assert "--tier" not in toy.text.partition("for less")[2].splitlines()[0]
    assert "claims: about" not in toy.run("--claim", "2.a").text


def test_a_long_run_names_the_tier_that_leaves_out_what_takes_long(toy):
    """Where some measurements say that they are quick; not in such a run itself."""
    toy.add("""
@measurement(experiment=3, cost=40)
def oven(seeds, noise):
    return {"heat": noise(seeds)}

@measurement(experiment=3, cost=60, smoke=True)
def pan(seeds, noise):
    return {"heat": noise(seeds)}

@claim("3.a", "It is hot", seeds=32)
def test_hot(oven):
    return exceeds(oven.heat, by=-9)

@claim("3.b", "So is the pan", seeds=32)
def test_pan(pan):
    return exceeds(pan.heat, by=-9)
""")
    less = "for less: --seeds 8 (a quick look), "

    assert less + "--tier smoke, --claim ID" in toy.run("--claim", "3.a,3.b").text
    assert less + "--claim ID" in toy.run("--claim", "3.b", "--tier", "smoke", "--report", "quick").text


OPEN = f"""{COINS}
@claim("3.a", "Noise is above a little", seeds=32, deep=256, registered="inconclusive", reason="32 are too few")
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.3)

@claim("3.b", "Noise is above minus ten", seeds=32, deep=256)
def test_clear(coins):
    return exceeds(coins.toss, by=-10)
"""


def test_a_run_shows_what_a_deep_run_found(toy):
    """A deep run keeps beside the claims what it found about those that their registered seeds leave open."""
    toy.add(OPEN).reporting().run("--claim", "3.a,3.b", "--tier", "deep")
    path = toy.path / "claims" / "deep.json"
    kept, deep = json.loads(path.read_text()), toy.claims["3.a"]
    toy.result.stdout.fnmatch_lines(["deep runs: claims/deep.json"])
    toy.run("--claim", "3.a,3.b")
    record = toy.claims["3.a"]
    page = (toy.path / "reports/latest/index.html").read_text(encoding="utf-8")

    assert set(kept) == {"3.a"}
    assert (record["verdict"], record["seeds"], record["outcome"]) == ("inconclusive", 32, "xfailed")
    assert record["deep"]["verdict"] == deep["verdict"] == "supported"
    assert (record["deep"]["seeds"], record["deep"]["interval"]) == (deep["seeds"], deep["interval"])
    assert "deep" not in toy.claims["3.b"]
    assert "deep run: supported" in page
    assert f"Supported after {deep['seeds']} seeds" in page


def test_an_example_shows_what_a_deep_run_found_later(toy, monkeypatch):
    """A run that was judged before the deep run gets what it found when the example is made of it."""
    toy.add(OPEN).reporting().run("--claim", "3.a,3.b", "--report", "out")
    toy.run("--claim", "3.a,3.b", "--tier", "deep", "--report", "further")
    monkeypatch.chdir(toy.path)

    assert main(["example", "out", "-o", "example"]) == 0
    claims = {claim.id: claim for claim in read(Path("example")).claims}
    assert claims["3.a"].verdict == "inconclusive"
    assert claims["3.a"].deep is not None
    assert claims["3.a"].deep.verdict == "supported"
    assert claims["3.b"].deep is None
    assert "deep run: supported" in Path("example/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "changed",
    [
        {"stream": "registered-2"}, {"margin": -0.2}, {"registered_looks": [32, 64]}, {"seeds": 32},
        {"region": [-0.2, None]},
    ],
)  # fmt: skip
def test_a_finding_about_another_claim_is_not_shown(toy, changed):
    """Other seeds, another margin, other looks, another region; nor one that saw no more seeds than this run."""
    toy.add(OPEN).run("--claim", "3.a", "--tier", "deep")
    path = toy.path / "claims" / "deep.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({"3.a": kept["3.a"] | changed}))
    toy.run("--claim", "3.a")

    assert toy.claims["3.a"]["verdict"] == "inconclusive"
    assert "deep" not in toy.claims["3.a"]


def test_a_finding_of_which_another_part_decided_is_shown(toy):
    """The deep run's narrowest part is not the one that is least certain here: it is the same claim."""
    toy.add(f"""{COINS}
from pytest_claims import all_of

@claim("3.a", "Noise is above a little", seeds=32, deep=256, registered="inconclusive", reason="32 are too few")
def test_noise(coins):
    noise = coins.toss - coins.toss.mean()
    return all_of(exceeds(noise, by=-0.3), exceeds(noise, by=-0.4))
""").run("--claim", "3.a", "--tier", "deep")
    deep = toy.claims["3.a"]
    toy.run("--claim", "3.a")
    record = toy.claims["3.a"]

    assert (deep["verdict"], deep["margin"]) == ("supported", -0.4)
    assert (record["verdict"], record["margin"]) == ("inconclusive", -0.3)
    assert record["deep"]["seeds"] == deep["seeds"]


def test_a_damaged_file_of_findings_is_a_usage_error(toy):
    """It is named before anything is trained, and stays as it is."""
    toy.add(OPEN)
    path = toy.path / "claims" / "deep.json"
    path.write_text('{"3.a": {"verdict": "surely"}}')
    toy.run("--claim", "3.a")

    assert toy.ret == 4
    assert "claims/deep.json is no file of deep runs: in 3.a verdict" in toy.text
    assert toy.trained == []
    assert path.read_text() == '{"3.a": {"verdict": "surely"}}'
