"""Sabotage of experiment 6: a projection that does not look at the data."""

import pytest

pytestmark = pytest.mark.slow

RANDOM = "claims.test_pca: from sklearn.random_projection import GaussianRandomProjection as PCA"


def test_a_random_projection_is_no_pca(untouched, sabotaged):
    """6: ten or five random combinations of the columns help no more than all of them."""
    claims = ("6.b", "6.e")

    assert untouched(*claims).supported == set(claims)
    assert sabotaged(*claims, patch=RANDOM).supported == set()
