"""What a pilot keeps of a claim, and what `--design` makes of its ties."""

import json

import pytest

from pytest_claims.record import Record
from pytest_claims.running.pilots import pilot_entry

pytest_plugins = ["pytester"]


def entry(values, **more):
    """Return the pilot of a claim with one part."""
    part = {"text": "gain", "effect": 0.5, "interval": [0.4, 0.6], "region": [0.0, None], "estimator": "mean",
            "sd": 0.1, "values": values, "magnitude": 1.0, **more}  # fmt: skip
    known = {"id": "3.a", "kind": "difference", "margin": 0.0, "effect": 0.5, "interval": [0.4, 0.6], "seeds": 4}
    return pilot_entry(Record.from_json({**known, "parts": [part]}))


@pytest.mark.parametrize(
    "values, more, tied",
    [
        ([0.5, 0.5, 0.5, 0.7], {}, 0.75),
        ([0.5, 0.5 + 1e-15, 0.6, 0.7], {}, 0.5),  # the last bits are not compared
        ([0.5, 0.5 + 1e-9, 0.6, 0.7], {"magnitude": 1e6}, 0.5),  # of a difference of large numbers
        ([0.5, 0.5 + 1e-9, 0.6, 0.7], {}, None),
        ([0.0, 1.0, 1.0, 1.0], {"estimator": "count"}, None),  # a share is judged by its count
        ([None, None], {}, None),
        ([], {}, None),
    ],
)
def test_a_pilot_keeps_the_share_of_the_commonest_value(values, more, tied):
    """As the rule compares them: to twelve digits of the largest number."""
    assert entry(values, **more).get("tied") == tied


def test_design_waits_with_a_claim_whose_pilot_tied(toy):
    """Most seeds have one value: judging ends at 64, not at the first look."""
    toy.add("""
@measurement(experiment=3)
def oven(seeds, noise):
    return {"heat": noise(seeds)}

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
