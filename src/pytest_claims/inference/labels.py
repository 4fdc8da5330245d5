"""Words for coordinates: the names of conditions, parts and lines wherever a person reads them."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from pytest_claims.vocabulary import SEED

# above this, a reader does not need the digits of a float
EXACT_INTEGERS = 1e9

#: What a label can be outside numpy: JSON keeps these types unchanged.
Label = str | int | float | bool


def plain(value: Any) -> Label:
    """Return a coordinate's value as a plain Python object (numpy scalars are not JSON)."""
    if isinstance(value, xr.DataArray | np.ndarray | np.generic):
        value = np.asarray(value).item()
    return value if isinstance(value, str | int | float | bool) else str(value)


def say(value: Any) -> str:
    """Put a coordinate's value in words: 10,000 rather than 10000, 0.05 rather than 0.05000000000000001."""
    value = plain(value)
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{int(value):,}" if value.is_integer() and abs(value) < EXACT_INTEGERS else f"{value:.6g}"


def describe(coords: Mapping[str, Any]) -> str:
    """``{"layers": 3, "activation": "relu"}`` -> ``"layers 3, activation relu"``."""
    return ", ".join(f"{name} {say(value)}" for name, value in coords.items())


def combinations(data: xr.DataArray, dims: tuple[str, ...]) -> Iterator[tuple[dict[str, Label], dict[str, int]]]:
    """Every combination of levels of ``dims``, in the array's order: (labels, positions for ``isel``).

    A dimension without coordinates is labelled by position. No dims: one combination, both empty.
    """
    levels = [[plain(level) for level in data[dim].values] for dim in dims]
    for positions in product(*(range(len(level)) for level in levels)):
        labels = {dim: level[at] for dim, level, at in zip(dims, levels, positions, strict=True)}
        yield labels, dict(zip(dims, positions, strict=True))


def fixed(data: xr.DataArray) -> dict[str, Label]:
    """Return the scalar coordinates: what was selected before, e.g. ``layers=3``."""
    return {str(name): plain(coord) for name, coord in data.coords.items() if coord.ndim == 0 and name != SEED}


def other_dims(data: xr.DataArray, *known: str) -> tuple[str, ...]:
    """Return the dimensions that are neither ``seed`` nor among ``known``, in the array's order."""
    return tuple(str(dim) for dim in data.dims if dim != SEED and dim not in known)
