"""`--design`: what claims ask for, told without training."""

import json

import pytest

from tests.trials.conftest import COINS

pytest_plugins = ["pytester"]

OVEN = """
@measurement(experiment=3)
def oven(seeds, noise):
    return {"heat": noise(seeds)}
"""


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


def test_design_judges_the_step_of_an_ordered_claims_pilot_by_its_own_margin(toy):
    """A step that neither falls by its tolerance nor rises is far from refuting the gain from end to end."""
    toy.add(f"""{OVEN}
@claim("3.a", "It rises", seeds=256)
def test_rises(oven):
    return increases(oven.heat, along="level", by=75)
""")
    step = {"sd": 70.0, "gain_sd": 170.0, "mean": 1.0, "margin": -25.0}
    (toy.path / "claims" / "pilots.json").write_text(json.dumps({"3.a": step}))
    toy.run("--design", "--claim", "3.a")
    line = next(line for line in toy.text.splitlines() if line.startswith("3."))

    assert 100 < float(line.split()[-2]) < 256


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


def test_design_waits_with_a_claim_whose_pilot_tied(toy):
    """Most seeds have one value: judging ends at 64, not at the first look."""
    toy.add(f"""{OVEN}
@claim("3.a", "It is hot", seeds=128)
def test_hot(oven):
    return exceeds(oven.heat, by=0)
""")
    ends = []
    for more in ({}, {"tied": 1.0}, {"tied": None}):
        pilot = {"sd": 1.0, "mean": 5.0, "margin": 0.0, **more}
        (toy.path / "claims" / "pilots.json").write_text(json.dumps({"3.a": pilot}))
        toy.run("--design", "--claim", "3.a")
        ends.append(next(line for line in toy.text.splitlines() if line.startswith("3.")).split()[-2])

    assert ends == ["32", "64", "32"]
