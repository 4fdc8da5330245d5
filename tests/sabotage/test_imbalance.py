"""Sabotage of experiment 4: resampling that makes the imbalance worse."""

import pytest

pytestmark = pytest.mark.slow

MAJORITY = "claims.test_imbalance: oversampling_weights = lambda data, ratio: 1 + (ratio - 1.0) * (data.y_train == 1)"


def test_repeating_the_majority_does_not_help(untouched, sabotaged):
    """4: oversampling helps because it repeats the minority; repeated rows of the majority gain nothing."""
    assert untouched("4.c").supported == {"4.c"}
    assert sabotaged("4.c", patch=MAJORITY).supported == set()
