"""Labelled arrays for the tests of the rules."""

import numpy as np
import pytest
import xarray as xr


@pytest.fixture
def rng():
    """Give each test a generator of its own, always the same."""
    return np.random.default_rng(20180504)


@pytest.fixture
def measured(rng):
    """Make measurements: normal around ``mean`` (broadcast over the conditions), one row a seed."""

    def make(mean, n=32, sd=0.05, name="accuracy", **dims):
        shape = (n, *(len(levels) for levels in dims.values()))
        values = np.asarray(mean) + sd * rng.standard_normal(shape)
        coords = {"seed": np.arange(n), **{dim: list(levels) for dim, levels in dims.items()}}
        return xr.DataArray(values, dims=("seed", *dims), coords=coords, name=name)

    return make


@pytest.fixture
def given():
    """Make a measurement from one number a seed."""

    def make(values, name="gain"):
        values = np.asarray(values)
        return xr.DataArray(values, dims="seed", coords={"seed": np.arange(len(values))}, name=name)

    return make
