"""Sabotage of experiment 11: layers that cannot move."""

import pytest

pytestmark = pytest.mark.slow

FROZEN = "claims.test_layers: import functools; Run = functools.partial(Run, frozen=range(4))"


def test_frozen_layers_converge_at_once(untouched, sabotaged):
    """11.c: if no layer moves, none is final before another."""
    assert untouched("11.c", seeds=16).supported == {"11.c"}
    assert sabotaged("11.c", seeds=16, patch=FROZEN).supported == set()
