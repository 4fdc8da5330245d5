"""Sabotage of experiment 3: test rows with random labels, and an optimiser that does nothing."""

import pytest

from tests.sabotage.patches import without
from tests.sabotage.records import committed_example

pytestmark = pytest.mark.slow

# Only the sizes and techniques that 3.g and 3.j compare, and 1,000 rows for 3.g instead of 10,000: the deep network
# is already far ahead there.
SMALL = [without("LDA"), "claims.test_data_size: SIZES[:] = [50, 100, 200, 1_000]"]
FEW_ROWS = "claims.test_data_size: SIZES[3:] = []"  # networks that cannot learn use all their epochs
PERMUTED = """pytest_claims.training.datasets:
def _balanced(*arguments, drawn=_balanced):
    x, y = drawn(*arguments)
    return x, y[:, np.random.default_rng(3).permutation(y.shape[1])]
"""
IDLE_ADAM = "sklearn.neural_network._stochastic_optimizers: AdamOptimizer.update_params = lambda *_: None"


@pytest.fixture(scope="module")
def as_it_is(sabotaged):
    """Return 3.g and 3.j at the small sizes, with nothing broken."""
    return sabotaged("3.g", "3.j", patch=SMALL)


def test_permuted_test_labels_leave_nothing_to_know(as_it_is, sabotaged):
    """3: no technique predicts random labels better than another."""
    assert as_it_is.supported == {"3.g", "3.j"}
    assert sabotaged("3.j", patch=[*SMALL, FEW_ROWS, PERMUTED]).supported == set()


def test_networks_whose_adam_stands_still_beat_nothing(as_it_is, sabotaged):
    """3: of the claims that the committed example supports, 3.g and 3.j are about the networks of scikit-learn alone.

    3.a, 3.b, 3.d and 3.e rest on all sizes, and on techniques that do not use its Adam.
    """
    assert committed_example().supported >= {"3.g", "3.j"}
    assert as_it_is.supported == {"3.g", "3.j"}
    assert sabotaged("3.g", "3.j", patch=[*SMALL, IDLE_ADAM]).supported == set()
