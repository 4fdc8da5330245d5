"""Sabotage of experiment 3: test rows with random labels, and an optimiser that does nothing."""

import pytest

from tests.sabotage.patches import without
from tests.sabotage.records import committed_example

pytestmark = pytest.mark.slow

# only n = 20 to 200 and the techniques that 3.j compares: seconds instead of minutes
SMALL = [without("forest", "boosting", "LDA"), "claims.test_data_size: SIZES[4:] = []"]
PERMUTED = """pytest_claims.training.datasets:
def _balanced(*arguments, drawn=_balanced):
    x, y = drawn(*arguments)
    return x, y[:, np.random.default_rng(3).permutation(y.shape[1])]
"""
# only the sizes and techniques that 3.g and 3.j are about, with the same rows as in the whole run
NEEDED = [without("LDA"), "claims.test_data_size: SIZES[:] = [50, 100, 200, 10_000]"]
IDLE_ADAM = "sklearn.neural_network._stochastic_optimizers: AdamOptimizer.update_params = lambda *_: None"


def test_permuted_test_labels_leave_nothing_to_know(sabotaged):
    """3: no technique predicts random labels better than another."""
    assert sabotaged("3.j", patch=SMALL).supported == {"3.j"}
    assert sabotaged("3.j", patch=[*SMALL, PERMUTED]).supported == set()


def test_networks_whose_adam_stands_still_beat_nothing(sabotaged):
    """3: of the claims that the committed example supports, 3.g and 3.j are about the networks of scikit-learn alone.

    3.a, 3.b, 3.d and 3.e rest on all sizes, and on techniques that do not use its Adam.
    """
    assert committed_example().supported >= {"3.g", "3.j"}
    assert sabotaged("3.g", "3.j", seeds=None, patch=NEEDED).supported == {"3.g", "3.j"}
    assert sabotaged("3.g", "3.j", seeds=None, patch=[*NEEDED, IDLE_ADAM]).supported == set()
