"""Sabotage of experiment 10: one initialiser under several names."""

import pytest

pytestmark = pytest.mark.slow

# 500 steps, all that 10.d and 10.e ask about, in the place of 2,500; 10.i is read there too
SHORT = "claims.test_initialisation: RECORDS, LONGER = RECORDS[:11], STEPS"
ONE_INITIALISER = "claims.test_initialisation: INITIALISERS.update(dict.fromkeys(INITIALISERS, 'glorot'))"
ONE_START = (
    "claims.test_symmetry: network_on = lambda data, seeds, weights, _on=network_on, **settings: "
    "_on(data, seeds, 'glorot', **settings)"
)


def test_equal_initialisers_under_different_names(sabotaged):
    """10: where all start as Glorot does, ones train, and nothing is slower or worse than another."""
    claims = ("10.b", "10.d", "10.e", "10.i", "10.j")

    assert sabotaged(*claims, patch=SHORT).supported >= {"10.d", "10.e"}
    assert sabotaged(*claims, patch=[SHORT, ONE_INITIALISER]).supported == set()


def test_equal_starts_under_different_names(untouched, sabotaged):
    """10.h: a constant does not fail where no constant is left."""
    assert untouched("10.h", seeds=32).supported == {"10.h"}
    assert sabotaged("10.h", seeds=32, patch=ONE_START).supported == set()
