"""Sabotage of experiment 3: test rows whose labels say nothing."""

import pytest

from tests.sabotage.patches import without

pytestmark = pytest.mark.slow

# n = 20 to 200 and the techniques that 3.j compares: seconds instead of minutes
SMALL = [without("forest", "boosting", "LDA"), "claims.test_data_size: SIZES[4:] = []"]
PERMUTED = """fixtures.datasets:
def _balanced(*given, drawn=_balanced):
    x, y = drawn(*given)
    return x, y[:, np.random.default_rng(3).permutation(y.shape[1])]
"""


def test_permuted_test_labels_leave_nothing_to_know(sabotaged):
    """3: no technique knows the labels of these rows better than another."""
    assert sabotaged("3.j", patch=SMALL).supported == {"3.j"}
    assert sabotaged("3.j", patch=[*SMALL, PERMUTED]).supported == set()
