"""What a measurement returns, checked and labelled: arrays with a leading seed axis become an ``xr.Dataset``.

Numbers are widened so that a claim's arithmetic on them is right: numpy subtracts two ``uint8`` to another ``uint8``,
so that 3 - 10 would be 249.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pytest_claims.errors import TrialError
from pytest_claims.trials.conditions import Condition, label
from pytest_claims.vocabulary import SEED

#: Kinds of numpy arrays that can be evidence: booleans, integers, floats.
NUMERIC = "biuf"
#: Whole numbers up to this stay whole: their sums and squares fit into an int64. Larger ones become floats.
WHOLE = 2**31
#: Up to this a float64 holds every whole number.
EXACT = 2**53


def labelled(returned: Any, seeds: Sequence[int], where: str, condition: Condition | None = None) -> xr.Dataset:
    """Return a measurement's result as a Dataset with the dimension ``seed`` first; a TrialError where it is faulty.

    ``condition`` is the trial's, whose names the result must not use for anything else. Booleans stay booleans, whole
    numbers become int64 or (beyond 2**31) float64, float16 and long doubles become float64, float32 stays.
    """
    condition = condition or {}
    if isinstance(returned, xr.DataArray):
        returned = returned.to_dataset(name=returned.name or "value")
    if not isinstance(returned, Mapping):  # a Dataset is one
        raise TrialError(
            f"{where} returned {type(returned).__name__}; a measurement returns a mapping of names to arrays whose "
            "first axis is the seed, or an xarray Dataset."
        )
    variables: dict[str, xr.DataArray] = {}
    try:
        entries = list(returned.items())
    except Exception as error:  # a mapping of the measurement's own, which computes what it holds
        raise TrialError(f"{where} returned a mapping that cannot be read: {_words(error)}.") from error
    for name, array in entries:
        if str(name) in variables:
            raise TrialError(f"{where} returned two variables with the name {name}.")
        variables[str(name)] = _variable(str(name), array, seeds, where)
    if not variables:
        raise TrialError(f"{where} returned nothing.")
    _names_apart(variables, condition, where)
    try:
        xr.align(*variables.values(), join="exact", copy=False)  # Dataset would fill up what is not in both with NaN
        dataset = xr.Dataset(variables)
    except ValueError as error:
        raise TrialError(f"{where} returned arrays that do not fit together: {_words(error)}.") from error
    dataset = dataset.assign_coords({SEED: list(seeds)})
    for name in dataset.coords:
        dataset = dataset.assign_coords({name: _plain_coordinate(dataset[name], where)})
    for name, array in dataset.data_vars.items():
        _finite(str(name), array, where)
    return dataset


def _variable(name: str, array: Any, seeds: Sequence[int], where: str) -> xr.DataArray:
    """Return one variable with the dimension ``seed`` first, in the order of the block, widened."""
    if isinstance(array, xr.DataArray):
        if SEED not in array.dims:
            raise TrialError(f"{where}: {name} has no dimension 'seed', only {list(map(str, array.dims))}.")
        array = array.transpose(SEED, ...)
    else:
        values = _array(name, array, seeds, where)
        if values.ndim == 0:
            raise TrialError(f"{where}: {name} is a single number; it needs one value for each of {len(seeds)} seeds.")
        array = xr.DataArray(values, dims=(SEED, *(f"{name}_axis_{axis}" for axis in range(1, values.ndim))))
    if array.sizes[SEED] != len(seeds):
        raise TrialError(
            f"{where}: {name} has shape {array.shape}, but its first axis must have one entry for each of "
            f"{len(seeds)} seeds."
        )
    array = _in_order(name, array, seeds, where)
    checked: xr.DataArray = array.copy(data=_widened(name, array.values, where))
    return checked


def _array(name: str, values: Any, seeds: Sequence[int], where: str) -> np.ndarray[Any, Any]:
    """Return values as a numpy array; a TrialError where they are none, or have masked entries."""
    try:
        parts = values if isinstance(values, list | tuple) else [values]
        masked = any(isinstance(part, np.ma.MaskedArray) for part in parts)
        array = np.ma.asarray(values) if masked else np.asarray(values)
    except Exception as error:  # a tensor that needs a gradient, or lists of several lengths
        raise TrialError(f"{where}: {name} cannot be read as an array: {_words(error)}.") from error
    if not masked:
        return array
    mask = np.atleast_1d(np.ma.getmaskarray(array))
    if mask.any():
        rows = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1))
        at = np.asarray(seeds)[rows] if len(mask) == len(seeds) else rows
        raise TrialError(f"{where}: {name} has masked entries for {_seeds(at)}; a masked entry is no number.")
    return np.asarray(np.ma.getdata(array))


def _in_order(name: str, array: xr.DataArray, seeds: Sequence[int], where: str) -> xr.DataArray:
    """Return an array with its seeds in the order of the block; a TrialError where its labels are other seeds."""
    if SEED not in array.coords:
        return array
    labels = array[SEED].values.tolist()
    places = {seed: at for at, seed in enumerate(labels)}
    if len(places) != len(labels) or set(places) != set(seeds):
        raise TrialError(
            f"{where}: {name} is labelled with the seeds {', '.join(map(str, labels))}; the block's are "
            f"{', '.join(map(str, seeds))}. Label it with these, or not at all."
        )
    ordered: xr.DataArray = array.isel({SEED: [places[seed] for seed in seeds]}).drop_vars(SEED)
    return ordered


def _widened(name: str, values: np.ndarray[Any, Any], where: str) -> np.ndarray[Any, Any]:
    """Return numbers in a type in which differences, sums and squares come out right."""
    kind = values.dtype.kind
    if kind not in NUMERIC:
        raise TrialError(f"{where}: {name} holds {values.dtype}, not numbers: return booleans, integers or floats.")
    if kind in "iu":
        largest = max((abs(int(end)) for end in (values.min(), values.max())), default=0) if values.size else 0
        if largest > EXACT:
            raise TrialError(
                f"{where}: {name} holds whole numbers beyond 2**53, which no float64 can tell from their neighbours."
            )
        return values.astype(np.int64 if largest <= WHOLE else np.float64)
    if kind == "f" and values.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, which is refused
            return values.astype(np.float64)
    return values


def _names_apart(variables: Mapping[str, xr.DataArray], condition: Condition, where: str) -> None:
    """Raise where a variable, or a coordinate, has the name of a dimension that it is not."""
    dims = {str(dim) for array in variables.values() for dim in array.dims} | set(condition)
    for name in variables:
        if name in dims:
            what = "the seeds" if name == SEED else "a condition" if name in condition else "a dimension"
            raise TrialError(f"{where} returned a variable named {name}, which is the name of {what}; choose another.")
    for name, array in variables.items():
        for taken in sorted(set(condition) & {str(key) for key in (*array.coords, *array.dims)}):
            values = array.coords[taken].values if taken in array.coords else None
            if values is None or values.ndim or values.item() != label(condition[taken]):
                raise TrialError(
                    f"{where}: {name} has a coordinate {taken}, which is the name of a condition; choose another."
                )


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
        raise TrialError(f"{where}: {name} is not finite for {_seeds(at)}, and nothing flagged it as diverged.")


def _seeds(at: Any) -> str:
    """Return ``seed 3`` or ``seeds 2, 5``."""
    return f"{'seed' if len(at) == 1 else 'seeds'} {', '.join(map(str, at))}"


def _words(error: Exception) -> str:
    """Return another library's message as the end of a sentence, on one line and without its full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def assemble(
    name: str, levels: Mapping[str, Sequence[Any]], trials: Sequence[tuple[Condition, xr.Dataset]], n: int
) -> xr.Dataset:
    """Join the trials of a measurement: dimensions seed, its conditions, then those that it labelled itself.

    ``trials`` are in the order of the conditions, then of the seeds; the first ``n`` seeds are returned.
    """
    how: dict[str, Any] = {"data_vars": "all", "coords": "different", "compat": "equals", "join": "exact"}
    parts: dict[tuple[Any, ...], list[xr.Dataset]] = {}
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
        raise TrialError(f"The trials of {name} do not fit together: {_words(error)}.") from error
    dims = (SEED, *levels)
    return joined[0].transpose(*dims, ...)
