"""Sabotage of experiment 11: layers that cannot move."""

import pytest

pytestmark = pytest.mark.slow

FROZEN = "claims.test_layers: Run = partial(Run, frozen=range(4))"


def test_frozen_layers_converge_at_once(untouched, sabotaged):
    """11.c: if no layer moves, none is final before another.

    The last two layers mostly become final at the same step, and equal values decide nothing below 64 seeds.
    """
    assert untouched("11.c", seeds=64).supported == {"11.c"}
    assert sabotaged("11.c", seeds=64, patch=FROZEN).supported == set()
