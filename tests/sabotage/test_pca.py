"""Sabotage of experiment 6: a projection that does not look at the data."""

import pytest

from tests.sabotage.patches import without

pytestmark = pytest.mark.slow

FILE = "claims.test_pca"
# the published matrix, two of the four numbers of dummies that the claims are about, and 200, which a reason names
SMALL = [without("orthogonal", 1, 2, 5, 10, 20, 50, 100, 2_000), f"{FILE}: MANY[:] = [500, 1_000]"]
RANDOM = f"{FILE}: from sklearn.random_projection import GaussianRandomProjection as PCA"


def test_a_random_projection_is_no_pca(sabotaged):
    """6: ten or five random combinations of the columns help no more than all columns."""
    claims = ("6.b", "6.e")

    assert sabotaged(*claims, patch=SMALL).supported == set(claims)
    assert sabotaged(*claims, patch=[*SMALL, RANDOM]).supported == set()
