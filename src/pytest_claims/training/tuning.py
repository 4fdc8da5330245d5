"""The best point of a grid, seed by seed, chosen on validation rows: `tuned`, and the best step of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

HELD_OUT = "test"  # names of what is measured on test rows begin with this, or have it as a word
WORDS = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # of test_accuracy, Accuracy_Test, accuracyTest
TIES = "validation_loss"


def tuned(
    history: xr.Dataset,
    on: str = "validation_accuracy",
    along: str | Sequence[str] = "rate",
    *,
    best: str = "highest",
    ties: str | None = TIES,
) -> xr.Dataset:
    """Return `history` at each seed's own best point of the grid `along`, one axis or several.

    The best point has the highest (or `best="lowest"`) value of the variable `on`, measured on validation rows. Among
    equals the one with the lower `ties` is better, where `history` has that variable, then the one with the smaller
    label: of the first axis, then of the next. If `on` has steps that are not in the grid, its last record counts, and
    whole curves are returned. All other axes of `on`, such as methods, are tuned apart.

    For each axis, say `rate`, the result has `chosen_rate`, the label, and `rate_at_end`, whether it is the smallest or
    largest of the grid: its mean over the seeds is the share that would perhaps have chosen a point beyond. A claim may
    call this, too, on the conditions of a measurement. ValueError for a variable on test rows, which choose nothing,
    and for what is no grid.
    """
    axes = [along] if isinstance(along, str) else list(along)
    if _without_data(history):
        return history.isel(dict.fromkeys(axes, 0))
    score = _score(history, on, axes)
    if best not in {"highest", "lowest"}:
        raise ValueError(f"the best of a grid is the 'highest' or the 'lowest' value, not {best!r}")
    order = [-score if best == "highest" else score]
    if ties is not None and ties != on and ties in history:
        order.append(_score(history, ties, axes))
        if not set(order[1].dims) <= set(score.dims):
            raise ValueError(
                f"{ties} breaks ties of {on}, so it may have no axes but its: {', '.join(map(str, score.dims))}"
            )
    order += [score.coords[axis] for axis in axes]
    grid = xr.broadcast(*order)
    rest = [dim for dim in score.dims if dim not in axes]
    keys = [array.transpose(*rest, *axes).values.reshape(*(score.sizes[dim] for dim in rest), -1) for array in grid]
    places = np.unravel_index(_first(keys), [score.sizes[axis] for axis in axes])
    at = {axis: xr.DataArray(place, dims=rest) for axis, place in zip(axes, places, strict=True)}
    chosen = xr.Dataset({name: _selected(array, at) for name, array in history.data_vars.items()})
    for axis in axes:
        labels = history.coords[axis].values
        picked = labels[at[axis].values]
        chosen[f"chosen_{axis}"] = (rest, picked)
        chosen[f"{axis}_at_end"] = (rest, (picked == labels.min()) | (picked == labels.max()))
    return chosen.drop_vars(axes, errors="ignore")


def at_best_step(history: xr.Dataset, on: str = "validation_accuracy", *, best: str = "highest") -> xr.Dataset:
    """Return `history` at each seed's best record, the earliest of equals, with `chosen_step` and `step_at_end`.

    Arguments and errors are those of `tuned`.
    """
    return tuned(history, on, "step", best=best, ties=None)


def _without_data(history: object) -> bool:
    """Whether a claim's function runs before there are data, with something else in place of a Dataset."""
    if isinstance(history, xr.DataArray):
        raise TypeError("a whole history is tuned, an xarray Dataset: what chooses beside what is judged")
    return not isinstance(history, xr.Dataset)


def _score(history: xr.Dataset, name: str, axes: list[str]) -> xr.DataArray:
    """Return a variable that may choose: on validation rows, finite, and over a grid of numbers."""
    if name.lower().startswith(HELD_OUT) or HELD_OUT in map(str.lower, WORDS.findall(name)):
        raise ValueError(f"{name} is measured on test rows, which choose nothing: choose on validation rows")
    if name not in history:
        raise ValueError(f"there is no {name} to choose by; the history has {', '.join(map(str, history.data_vars))}")
    score = history[name]
    if "seed" not in score.dims:
        raise ValueError(f"{name} has no axis seed, and each seed chooses for itself")
    for axis in axes:
        if axis not in score.dims or axis not in score.coords:
            raise ValueError(f"{name} has no axis {axis} with labels; its axes are {', '.join(map(str, score.dims))}")
        if score.coords[axis].dtype.kind not in "iuf":
            raise ValueError(f"a grid has numbers as labels, and {axis} has {', '.join(map(str, score[axis].values))}")
    if "step" in score.dims and "step" not in axes:
        score = score.isel(step=-1, drop=True)
    if score.dtype.kind not in "iufb":
        raise ValueError(f"{name} must hold numbers to have a best, got {score.dtype}")
    score = score.astype(np.float64)  # an unsigned count and a truth value have no negative
    if not bool(np.isfinite(score).all()):
        raise ValueError(f"{name} is not finite everywhere, so that it has no best; flag diverged runs first")
    return score


def _first(keys: list[NDArray[np.floating]]) -> NDArray[np.intp]:
    """Return the place of the first entry along the last axis, in the order of the first key, then the next ones."""
    left = np.ones(keys[0].shape, np.bool_)
    for key in keys:
        values = np.where(left, key, np.inf)
        left &= values == values.min(axis=-1, keepdims=True)
    return np.asarray(left.argmax(axis=-1))


def _selected(array: xr.DataArray, at: dict[str, xr.DataArray]) -> xr.DataArray:
    """Take each seed's point of the grid; an array without the grid's axes stays as it is."""
    here = {axis: place for axis, place in at.items() if axis in array.dims}
    if not here:
        return array
    chosen = array.isel(here)
    first = [dim for dim in next(iter(here.values())).dims if dim in chosen.dims]
    return chosen.transpose(*first, ...)
