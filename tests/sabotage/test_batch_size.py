"""Sabotage of experiment 8: one batch size under six names."""

import pytest

from tests.sabotage.patches import without

pytestmark = pytest.mark.slow

FILE = "claims.test_batch_size"
SAME_BATCH = f"{FILE}: train = lambda run, _train=train, **given: _train(run, **dict(given, batch=64))"
SAME_CLOCK = (
    f"{FILE}: seconds_alone = lambda runs, along, _alone=seconds_alone: "
    "_alone({label: (run, 64) for label, (run, _) in runs.items()}, along)"
)
# 1,171 steps of every size: all that 8.g asks about, without the 75,000 of one row; the smallest and the largest
SAME_STEPS = [
    without(4, 16, 64, 256),
    *(f"{FILE}: {counts}.update(dict.fromkeys(BATCHES, EQUAL_UPDATES))" for counts in ("STEPS", "FOLLOWED")),
]


def test_equal_batches_under_different_names(untouched, sabotaged):
    """8: where every size is 64, for as many steps, none is faster and none scores otherwise."""
    same = [*SAME_STEPS, SAME_BATCH, SAME_CLOCK]

    assert untouched("8.a").supported == {"8.a"}
    assert sabotaged("8.g", patch=SAME_STEPS).supported == {"8.g"}
    assert sabotaged("8.a", "8.b", "8.c", "8.g", patch=same).supported == set()
