"""Sabotage of experiment 3: test rows whose labels say nothing."""

import pytest

from tests.sabotage.patches import without
from tests.sabotage.records import committed_example

pytestmark = pytest.mark.slow

# n = 20 to 200 and the techniques that 3.j compares: seconds instead of minutes
SMALL = [without("forest", "boosting", "LDA"), "claims.test_data_size: SIZES[4:] = []"]
PERMUTED = """fixtures.datasets:
def _balanced(*given, drawn=_balanced):
    x, y = drawn(*given)
    return x, y[:, np.random.default_rng(3).permutation(y.shape[1])]
"""
# the sizes and techniques that 3.g and 3.j ask about, with the rows that the whole run has there
ASKED = [without("LDA"), "claims.test_data_size: SIZES[:] = [50, 100, 200, 10_000]"]
IDLE_ADAM = "sklearn.neural_network._stochastic_optimizers: AdamOptimizer.update_params = lambda *_: None"


def test_permuted_test_labels_leave_nothing_to_know(sabotaged):
    """3: no technique knows the labels of these rows better than another."""
    assert sabotaged("3.j", patch=SMALL).supported == {"3.j"}
    assert sabotaged("3.j", patch=[*SMALL, PERMUTED]).supported == set()


def test_networks_whose_adam_stands_still_beat_nothing(sabotaged):
    """3: of what the committed example supports, 3.h asks for discriminant analysis alone, the others for learning."""
    assert {claim for claim in committed_example().supported if claim.startswith("3.")} == {"3.g", "3.h", "3.j"}
    assert sabotaged("3.g", "3.j", seeds=None, patch=ASKED).supported == {"3.g", "3.j"}
    assert sabotaged("3.g", "3.j", seeds=None, patch=[*ASKED, IDLE_ADAM]).supported == set()
