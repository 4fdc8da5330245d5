"""Sabotage of experiment 11: layers that cannot move."""

import pytest

pytestmark = pytest.mark.slow

FROZEN = "claims.test_layers: Run = partial(Run, frozen=range(4))"


def test_frozen_layers_converge_at_once(untouched, sabotaged):
    """11.c: if no layer moves, none is final before another. Most seeds tie, so that it takes 64 of them."""
    assert untouched("11.c", seeds=64).supported == {"11.c"}
    assert sabotaged("11.c", seeds=64, patch=FROZEN).supported == set()
