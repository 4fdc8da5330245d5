"""Datasets as npz files without pickle: arrays in the file, names and dimensions in the JSON beside it."""

import io
from typing import Any

import numpy as np
import xarray as xr


def pack(dataset: xr.Dataset, derived: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Return a Dataset and the derived fingerprints as npz bytes, with what JSON must say to read them."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}

    def put(values: Any) -> str:
        name = f"a{len(arrays)}"
        arrays[name] = np.asarray(values)
        return name

    def described(array: xr.DataArray) -> list[Any]:
        attributes = {str(key): value for key, value in array.attrs.items() if isinstance(value, str | int | float)}
        return [str(array.name), list(map(str, array.dims)), put(array.values), attributes]

    packed = {
        "variables": [described(array) for array in dataset.data_vars.values()],
        "coordinates": [described(array) for array in dataset.coords.values()],
        "derived": {name: put(values) for name, values in derived.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue(), packed


def unpack(data: bytes, facts: dict[str, Any]) -> xr.Dataset:
    """Return the Dataset; the fingerprints replace their arrays' names in ``facts``."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    variables, coordinates = (
        {name: (dims, held[at], attributes) for name, dims, at, attributes in facts[part]}
        for part in ("variables", "coordinates")
    )
    facts["derived"] = {name: held[at] for name, at in facts["derived"].items()}
    return xr.Dataset(variables, coords=coordinates)
