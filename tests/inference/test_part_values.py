"""What a verdict keeps of each part, so that a later run on the same seeds can be paired with it."""

import numpy as np
import xarray as xr

from pytest_claims import exceeds


def test_every_part_carries_its_effect_of_each_seed():
    """A part's `values` are its effect in each seed, in the order of the seeds, and its `role` is their kind."""
    gains = xr.DataArray(np.arange(16.0) / 10 + 0.3, dims="seed")

    (part,) = exceeds(gains, by=0.1).judge().as_json()["parts"]

    assert [round(gain, 12) for gain in gains.values.tolist()] == [round(value, 12) for value in part["values"]]
    assert part["role"] == "gain"
