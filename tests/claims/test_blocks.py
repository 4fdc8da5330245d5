"""Blocks of fewer than eight seeds: only where every seed is trained by itself, bit for bit the same in any block."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.declared import of_fixture
from pytest_claims.training import Seeds, mixture

pytest.importorskip("sklearn")

from claims import test_data_size as data_size

TECHNIQUES = list(data_size.TECHNIQUES)


def measured(technique, seeds):
    """Return the arrays of some seeds of experiment 3's measurement, and the hashes of what they drew."""
    block = Seeds(3, seeds, "blocks")
    function = of_fixture(data_size.by_size).function
    with threadpool_limits(1):  # as around a trial
        return function(block, mixture, technique), block.inputs


@pytest.mark.slow
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_experiment_3_has_the_same_bits_in_blocks_of_four_and_of_eight(technique, monkeypatch):
    """Each technique at two small numbers of rows: every array, and every hash of a draw."""
    monkeypatch.setattr(data_size, "SIZES", [20, 60])
    whole, drawn = measured(technique, range(8))
    halves = [measured(technique, seeds) for seeds in (range(4), range(4, 8))]

    for name, values in whole.variables.items():
        parts = [half[name].values for half, _ in halves]
        joined = np.concatenate(parts, axis=values.dims.index("seed")) if "seed" in values.dims else parts[0]
        assert joined.tobytes() == values.values.tobytes(), name
    assert drawn == {purpose: halves[0][1][purpose] + halves[1][1][purpose] for purpose in drawn}
