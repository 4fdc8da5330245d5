"""Sabotage of experiment 5: random labels on both sides of the comparison."""

import pytest

from tests.sabotage.patches import without

pytestmark = pytest.mark.slow

FILE = "claims.test_memorising"
# rectified units, fewer of them, and only the n that 5.c is about: 400 steps suffice instead of 2,500
SMALL = [
    without(50, 200, 250, 300),
    f"{FILE}: from functools import partial",
    f"{FILE}: MLP, HIDDEN, STEPS, EVERY = partial(MLP, activation='relu'), (50, 50, 50), 400, 10",
]
# How soon true labels are learned varies too much for eight seeds; if the classes are far apart, all seeds are easy.
FAR_APART = [
    f"{FILE}: from dataclasses import replace",
    f"{FILE}: apart = lambda data: replace(data, x_train=data.x_train + 3 * data.y_train[..., None])",
    f"{FILE}: far = lambda mixture: lambda *arguments, **options: apart(mixture(*arguments, **options))",
    f"{FILE}: labelled_both_ways = lambda seeds, mixture, _both=labelled_both_ways: _both(seeds, far(mixture))",
]
RANDOM_BOTH = (
    f"{FILE}: labelled_both_ways = lambda seeds, mixture, _both=labelled_both_ways: "
    "(lambda random: {'true': permuted_labels(seeds, random), 'random': random})(_both(seeds, mixture)['random'])"
)


def test_random_labels_on_both_sides(sabotaged):
    """5.c: true labels are learned sooner because they are true; no permutation is learned sooner than another."""
    assert sabotaged("5.c", patch=[*SMALL, *FAR_APART]).supported == {"5.c"}
    assert sabotaged("5.c", patch=[*SMALL, *FAR_APART, RANDOM_BOTH]).supported == set()
