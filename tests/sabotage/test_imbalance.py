"""Sabotage of experiment 4: resampling that makes the imbalance worse."""

import pytest

from tests.sabotage.patches import without

pytestmark = pytest.mark.slow

FILE = "claims.test_imbalance"
SMALL = [without(1, 2, 5, 10, 20, 50), f"{FILE}: HIGH[:] = [100]"]  # one of the four ratios that 4.c is about
MAJORITY = f"{FILE}: oversampling_weights = lambda data, ratio: 1 + (ratio - 1.0) * (data.y_train == 1)"


def test_repeating_the_majority_does_not_help(sabotaged):
    """4: oversampling helps because it repeats the minority; repeated rows of the majority gain nothing."""
    assert sabotaged("4.c", seeds=16, patch=SMALL).supported == {"4.c"}
    assert sabotaged("4.c", seeds=16, patch=[*SMALL, MAJORITY]).supported == set()
