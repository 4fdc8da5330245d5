"""Sabotage of experiment 10: the same initialiser under several names."""

import pytest

pytestmark = pytest.mark.slow

# 500 steps instead of 2,500: all that 10.d and 10.e need; 10.i is judged there too
SHORT = "claims.test_initialisation: RECORDS, LONGER = RECORDS[:11], STEPS"
ONE_INITIALISER = "claims.test_initialisation: INITIALISERS.update(dict.fromkeys(INITIALISERS, 'glorot'))"
ONE_START = (
    "claims.test_symmetry: network_on = lambda data, seeds, weights, _on=network_on, **settings: "
    "_on(data, seeds, 'glorot', **settings)"
)


def test_equal_initialisers_under_different_names(sabotaged):
    """10: if all start as Glorot does, "ones" train too, and no initialiser is slower or worse than another."""
    claims = ("10.b", "10.d", "10.e", "10.i", "10.j")

    assert sabotaged(*claims, patch=SHORT).supported >= {"10.d", "10.e"}
    assert sabotaged(*claims, patch=[SHORT, ONE_INITIALISER]).supported == set()


def test_equal_starts_under_different_names(untouched, sabotaged):
    """10.h: if every network starts as Glorot does, none starts from a constant, and none fails."""
    assert untouched("10.h", seeds=32).supported == {"10.h"}
    assert sabotaged("10.h", seeds=32, patch=ONE_START).supported == set()
