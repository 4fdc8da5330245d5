"""What a pilot keeps of a claim."""

import pytest

from pytest_claims.record import Record
from pytest_claims.running.pilots import pilot_entry


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
