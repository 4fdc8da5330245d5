"""Sabotage of experiment 8: the same batch size under six names."""

import pytest

from tests.sabotage.patches import without

pytestmark = pytest.mark.slow

FILE = "claims.test_batch_size"
SAME_BATCH = f"{FILE}: train = lambda run, _train=train, **options: _train(run, **dict(options, batch=64))"
SAME_CLOCK = (
    f"{FILE}: seconds_alone = lambda runs, along, _alone=seconds_alone: "
    "_alone({label: (run, 64) for label, (run, _) in runs.items()}, along)"
)
# Only the smallest and the largest size, and 30 steps a turn instead of 300: their run times differ by a factor of 400.
QUICK_CLOCK = (
    f"{FILE}: seconds_alone = lambda runs, along, _alone=seconds_alone: "
    "_alone({label: runs[label] for label in (1, 400)}, along, steps=30)"
)
# Only the smallest and the largest size, and 1,171 steps of each, which is all that 8.g compares: batches of one row
# would otherwise take 75,000 steps.
SAME_STEPS = [
    without(4, 16, 64, 256),
    *(f"{FILE}: {counts}.update(dict.fromkeys(BATCHES, EQUAL_UPDATES))" for counts in ("STEPS", "FOLLOWED")),
]


def test_equal_batches_under_different_names(sabotaged):
    """8: if every size is 64, for equally many steps, none is faster and all score the same."""
    patches = [*SAME_STEPS, QUICK_CLOCK, SAME_BATCH, SAME_CLOCK]

    assert sabotaged("8.a", patch=QUICK_CLOCK).supported == {"8.a"}
    assert sabotaged("8.g", patch=SAME_STEPS).supported == {"8.g"}
    assert sabotaged("8.a", "8.b", "8.c", "8.g", patch=patches).supported == set()
