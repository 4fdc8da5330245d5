"""A measurement that asks for what the run's engine lacks: its claims are skipped, with the engine's sentence."""

pytest_plugins = ["pytester"]

ASKING = """
from pytest_claims.errors import UnsupportedError

@measurement(experiment=3)
def odd(seeds, noise):
    raise UnsupportedError("the engine 'abacus' has no momentum")

@claim("3.a", "Odd is odd", seeds=16)
def test_odd(odd):
    return exceeds(odd.height, 0 * odd.height, by=0.5)

@claim("3.b", "Odd is odd again", seeds=16)
def test_odd_again(odd):
    return exceeds(odd.height, 0 * odd.height, by=0.4)
"""


def test_claims_on_what_an_engine_lacks_are_skipped(toy):
    """Neither failed nor in error; the sentence is the reason, also where the trial was tried before; others go on."""
    toy.add(ASKING).run("-rs")

    assert (toy.ret, toy.outcomes) == (0, {"2.a": "passed"})
    assert sorted(outcome for _, when, outcome in toy.reported["phases"] if when == "call") == [
        "passed",
        "skipped",
        "skipped",
    ]
    assert "odd, seeds 0-7: the engine 'abacus' has no momentum" in toy.text


def test_they_are_skipped_on_workers_too(toy):
    """The trial is tried by whichever worker comes first, and both claims read what was stored."""
    toy.add(ASKING).spread("-rs")

    assert (toy.ret, toy.outcomes) == (0, {"2.a": "passed"})
    assert "2 skipped" in toy.text
