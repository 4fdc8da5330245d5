"""What a measurement returns, checked and labelled: arrays with a leading seed axis become an ``xr.Dataset``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pytest_claims.errors import TrialError
from pytest_claims.trials.measurements import Condition
from pytest_claims.vocabulary import SEED

#: Kinds of numpy arrays that can be evidence: booleans, integers, floats.
NUMERIC = "biuf"


def labelled(returned: Any, seeds: Sequence[int], where: str) -> xr.Dataset:
    """Return a measurement's result as a Dataset with the dimension ``seed`` first; a TrialError where it is faulty."""
    if isinstance(returned, xr.DataArray):
        returned = returned.to_dataset(name=returned.name or "value")
    if not isinstance(returned, Mapping):  # a Dataset is one
        raise TrialError(
            f"{where} returned {type(returned).__name__}; a measurement returns a mapping of names to arrays whose "
            "first axis is the seed, or an xarray Dataset."
        )
    variables = {str(name): _variable(str(name), array, seeds, where) for name, array in returned.items()}
    if not variables:
        raise TrialError(f"{where} returned nothing.")
    try:
        dataset = xr.Dataset(variables)
    except ValueError as error:
        raise TrialError(f"{where} returned arrays that do not fit together: {error}.") from error
    dataset = dataset.assign_coords({SEED: list(seeds)})
    for name in dataset.coords:
        dataset = dataset.assign_coords({name: _plain_coordinate(dataset[name], where)})
    for name, array in dataset.data_vars.items():
        _finite(str(name), array, where)
    return dataset


def _variable(name: str, array: Any, seeds: Sequence[int], where: str) -> xr.DataArray:
    """Return one variable with the dimension ``seed`` first."""
    if isinstance(array, xr.DataArray):
        if SEED not in array.dims:
            raise TrialError(f"{where}: {name} has no dimension 'seed', only {list(map(str, array.dims))}.")
        array = array.transpose(SEED, ...)
    else:
        values = np.asarray(array)
        if values.ndim == 0:
            raise TrialError(f"{where}: {name} is a single number; it needs one value for each of {len(seeds)} seeds.")
        array = xr.DataArray(values, dims=(SEED, *(f"{name}_axis_{axis}" for axis in range(1, values.ndim))))
    if array.sizes[SEED] != len(seeds):
        raise TrialError(
            f"{where}: {name} has shape {array.shape}, but its first axis must have one entry for each of "
            f"{len(seeds)} seeds."
        )
    if array.dtype.kind not in NUMERIC:
        raise TrialError(f"{where}: {name} holds {array.dtype}, not numbers.")
    checked: xr.DataArray = array.drop_vars(SEED, errors="ignore")
    return checked


def _plain_coordinate(coordinate: xr.DataArray, where: str) -> xr.DataArray:
    """Return a coordinate as numbers or strings: what can be stored without pickle."""
    if coordinate.dtype.kind in NUMERIC + "U":
        return coordinate
    if coordinate.dtype.kind == "O" and all(isinstance(value, str) for value in coordinate.values.ravel()):
        return coordinate.astype(str)
    raise TrialError(f"{where}: the labels of {coordinate.name} are neither numbers nor strings.")


def _finite(name: str, array: xr.DataArray, where: str) -> None:
    """Refuse numbers that are not finite: training flags diverged runs, so an unflagged NaN is an error."""
    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array.values)
    if bad.any():
        at = array[SEED].values[bad.reshape(len(bad), -1).any(axis=1)]
        raise TrialError(
            f"{where}: {name} is not finite for {'seed' if len(at) == 1 else 'seeds'} {', '.join(map(str, at))}, and "
            "nothing flagged it as diverged."
        )


def assemble(
    name: str, levels: Mapping[str, Sequence[Any]], trials: Sequence[tuple[Condition, xr.Dataset]], n: int
) -> xr.Dataset:
    """Join the trials of a measurement: dimensions seed, its conditions, then those that it labelled itself.

    ``trials`` are in the order of the conditions, then of the seeds; the first ``n`` seeds are returned.
    """
    how: dict[str, Any] = {"data_vars": "all", "coords": "different", "compat": "equals", "join": "exact"}
    parts: dict[tuple[str, ...], list[xr.Dataset]] = {}
    for condition, dataset in trials:
        parts.setdefault(tuple(map(label, condition.values())), []).append(dataset)
    try:
        joined = [xr.concat(seeds, dim=SEED, combine_attrs="override", **how).isel({SEED: slice(n)}) for seeds in parts.values()]  # fmt: skip # noqa: E501
        for level in reversed(list(levels)):
            labels = [label(value) for value in levels[level]]
            index = xr.DataArray(labels, dims=level, name=level)
            size = len(labels)
            joined = [
                xr.concat(joined[at : at + size], dim=index, combine_attrs="override", **how)
                for at in range(0, len(joined), size)
            ]
    except ValueError as error:
        raise TrialError(f"The trials of {name} do not fit together: {' '.join(str(error).split())}.") from error
    dims = (SEED, *levels)
    return joined[0].transpose(*dims, ...)


def label(value: Any) -> Any:
    """Return a condition's value as a label: numbers and strings as they are, anything else in words."""
    return value if isinstance(value, bool | int | float | str) else str(value)
