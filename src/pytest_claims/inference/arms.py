"""From labelled arrays to parts: which arms are compared, and in what words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np
import xarray as xr

from pytest_claims.errors import EvidenceError
from pytest_claims.inference.interval import Floats
from pytest_claims.inference.labels import Label, combinations, describe, fixed, other_dims, plain, say
from pytest_claims.inference.rule import LARGEST, decimals_of
from pytest_claims.vocabulary import SEED


@dataclass(frozen=True, eq=False)
class Contrast:
    """One difference: ``values`` (n,) of first minus second, with words for both directions."""

    text: str
    opposite: str
    values: Floats
    first: Floats
    second: Floats
    sooner: str  # "labels true is sooner than permuted": for times, where "minus" says little
    later: str
    coords: Mapping[str, Label]  # what both arms share, and what only the first has

    @property
    def scale(self) -> float:
        """The largest magnitude among the numbers of both arms."""
        return float(max(np.abs(self.first).max(), np.abs(self.second).max()))


def evidence(data: Any) -> xr.DataArray:
    """Check one labelled array and put seeds first: (n seeds, ...) float64, every number finite.

    EvidenceError for anything but a DataArray with a dimension ``seed``, distinct seeds and only finite numbers, none
    so large that its square overflows.
    """
    if not isinstance(data, xr.DataArray):
        raise EvidenceError(f"A hypothesis needs a labelled array (xarray.DataArray), not {type(data).__name__}.")
    if SEED not in data.dims:
        raise EvidenceError(f"{_called(data)} has no dimension 'seed': {list(map(str, data.dims))}.")
    if 0 in data.shape:
        raise EvidenceError(f"{_called(data)} is empty: {dict(data.sizes)}.")
    seeds = data[SEED].values
    if len(np.unique(seeds)) != len(seeds):
        raise EvidenceError(f"{_called(data)} holds a seed twice.")
    checked: xr.DataArray = data.transpose(SEED, ...).astype(float)
    bad = ~np.isfinite(checked.values)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        coords = {str(dim): plain(data[dim].values[i]) for dim, i in zip(checked.dims, at, strict=True)}
        raise EvidenceError(f"{_called(data)} is not finite {int(bad.sum())} times, first at {describe(coords)}.")
    if float(np.abs(checked.values).max()) > LARGEST:
        raise EvidenceError(
            f"{_called(data)} has numbers beyond {LARGEST:g}, whose spread cannot be computed; choose a larger unit."
        )
    return checked


def contrasts(a: xr.DataArray, b: xr.DataArray) -> Iterator[Contrast]:
    """Every comparison of an arm of ``a`` with an arm of ``b``.

    A dimension with the same labels in both arms is compared label by label. A dimension whose labels all differ (the
    networks against the rivals) is crossed: each against each. A partial overlap is an error: it could mean either.
    """
    if not np.array_equal(a[SEED].values, b[SEED].values):
        only = sorted(set(a[SEED].values.tolist()) ^ set(b[SEED].values.tolist()))
        raise EvidenceError(f"The two arms do not have the same seeds, in the same order (not in both: {only}).")
    crossed = {}
    for dim in other_dims(a):
        if dim not in b.dims:
            continue
        mine, theirs = set(a[dim].values.tolist()), set(b[dim].values.tolist())
        if mine == theirs:
            b = b.sel({dim: a[dim].values})
        elif mine & theirs:
            raise EvidenceError(f"The arms share some labels of {dim!r} but not all: {mine & theirs}.")
        else:
            crossed[dim] = f"{dim} (other arm)"
    b = b.rename(crossed)
    back = {other: dim for dim, other in crossed.items()}
    dims_a, dims_b = other_dims(a), tuple(dim for dim in other_dims(b) if dim not in a.dims)
    for of_a, at_a in combinations(a, dims_a):
        for of_b, at_b in combinations(b, dims_b):
            first = a.isel(at_a).values
            second = b.isel({**{k: v for k, v in at_a.items() if k in b.dims}, **at_b}).values
            coords_a = {**fixed(a), **of_a}
            shared = {k: v for k, v in of_a.items() if k in b.dims}
            coords_b = {**fixed(b), **shared, **{back.get(k, k): v for k, v in of_b.items()}}
            yield _contrast((first, second), (coords_a, coords_b), (a, b))


def single(data: xr.DataArray) -> Iterator[tuple[str, Floats, dict[str, Label]]]:
    """Every combination of conditions of one array: (words, values (n,), labels)."""
    for coords, at in combinations(data, other_dims(data)):
        labels = {**fixed(data), **coords}
        words = describe(coords) or describe(fixed(data))
        name = _name(data)
        yield (f"{name} at {words}" if name and words else name or words or "the effect"), data.isel(at).values, labels


def resolution_of(stated: float | None, *arrays: Any) -> float | None:
    """Return the unit's step: what the author states, else the coarsest ``resolution`` in the arrays' attributes.

    EvidenceError for an attribute that is no finite number, or is negative.
    """
    if stated is not None:
        return float(stated)
    known = [_stated(a) for a in arrays if isinstance(a, xr.DataArray) and "resolution" in a.attrs]
    return max(known) if known else None


def _stated(data: xr.DataArray) -> float:
    """Return the resolution in an array's attributes."""
    stated = data.attrs["resolution"]
    try:
        step = float(stated)
    except (TypeError, ValueError, OverflowError):
        step = -1.0
    if not 0 <= step <= LARGEST:  # nor NaN
        raise EvidenceError(
            f"{_called(data)} states a resolution of {shorten(repr(stated), 30)}; it is the step of its unit, a finite "
            "number, at least 0."
        )
    return step


def step_of(*values: Floats) -> float:
    """Find the step in the numbers themselves: the smallest gap between two of them.

    It matters only where a difference is (almost) constant and nobody stated the unit's step. If all numbers are equal,
    the number itself counts as the step: the interval is then too wide, but never without width.
    """
    numbers = np.concatenate([np.ravel(array) for array in values])
    levels = np.unique(np.round(numbers, decimals_of(float(np.abs(numbers).max()))))
    return float(np.diff(levels).min()) if levels.size > 1 else abs(float(levels[0]))


def _contrast(
    values: tuple[Floats, Floats], coords: tuple[dict[str, Label], dict[str, Label]], arrays: tuple[Any, Any]
) -> Contrast:
    """Put one comparison in words: first what differs between the arms, then what they share."""
    ours, theirs = coords
    shared = {key: value for key, value in ours.items() if key in theirs and theirs[key] == value}
    left, right = ({k: v for k, v in labels.items() if k not in shared} for labels in coords)
    names = [_name(array) for array in arrays]
    if names[0] == names[1]:
        names = ["the first arm", "the second arm"]
    full = [describe(side) or name for side, name in zip((left, right), names, strict=True)]
    brief = list(full)
    if list(left) == list(right) and len(left) == 1:
        # "activation relu minus identity": the name of the dimension is written once
        brief = [say(next(iter(side.values()))) for side in (left, right)]
    behind = f" (at {describe(shared)})" if shared else ""
    return Contrast(
        text=f"{full[0]} minus {brief[1]}{behind}",
        opposite=f"{full[1]} minus {brief[0]}{behind}",
        sooner=f"{full[1]} is sooner than {brief[0]}{behind}",
        later=f"{full[0]} is sooner than {brief[1]}{behind}",
        values=values[0] - values[1],
        first=values[0],
        second=values[1],
        coords={name: label for name, label in ours.items() if theirs.get(name, label) == label},
    )


def _name(data: xr.DataArray) -> str:
    """Return the array's name as words ("" if it has none)."""
    return str(data.attrs.get("long_name", data.name or "")).replace("_", " ")


def _called(data: xr.DataArray) -> str:
    """Return what to call the array in an error."""
    return f"The measurement {data.name!r}" if data.name else "The evidence"
