"""Joining labelled arrays, also before there are data."""

from collections.abc import Hashable, Mapping
from typing import Any

from pytest_claims.errors import DesignError
from pytest_claims.inference.placeholder import Placeholder


def stack(arrays: Mapping[Hashable, Any], along: str) -> Any:
    """Join xarray arrays (or datasets) along a new dimension, whose labels are the mapping's keys.

        both = stack({2: shallow, 8: deep}, along="layers")     # dims (layers, ...)

    The arrays share their other dimensions and labels. In a claim's test use this instead of ``xr.concat``, which
    insists on data: a claim's design is found with placeholders, and a stack with a placeholder is a placeholder.
    DesignError where there is nothing to stack; xarray's ValueError where the arrays do not fit together.
    """
    if not isinstance(arrays, Mapping) or not arrays:
        raise DesignError('stack needs a mapping from labels to arrays, such as {2: shallow, 8: deep}, along="layers".')
    for array in arrays.values():
        if isinstance(array, Placeholder):
            return array
    import xarray as xr

    return xr.concat(list(arrays.values()), xr.DataArray(list(arrays), dims=along, name=along))
