"""What rows and their labels may be: arrays; integer classes from 0, as many as there are outputs, one a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_arrays(*arrays: Any) -> None:
    """Raise a ValueError for x or y that is no array of numpy's types, as a torch tensor or a list, or has no rows."""
    for array in arrays:
        if not isinstance(getattr(array, "dtype", None), np.dtype):
            kind = type(array)
            raise ValueError(  # noqa: TRY004 - as all refusals of runs
                f"x and y are numpy arrays, got {kind.__module__}.{kind.__name__}".replace("builtins.", "a ")
                + ": convert it with np.asarray(...)"
            )
        check_rows(array)


def check_rows(array: Any) -> None:
    """Raise a ValueError where there are no rows."""
    if 0 in array.shape:
        raise ValueError(f"x and y need at least one row, got an array of shape {tuple(array.shape)}")


def check_classes(classes: NDArray[Any], outputs: int) -> None:
    """Raise a ValueError unless all classes, in an array of any shape, are whole numbers from 0 to outputs - 1."""
    if not classes.size:
        return
    if classes.dtype.kind not in "iub" and not bool((classes == np.floor(classes)).all()):
        raise ValueError("classes are integers, got numbers that are not whole, or not finite")
    lowest, highest = classes.min(), classes.max()
    if lowest < 0 or highest >= outputs:
        raise ValueError(
            f"classes must be 0 to {outputs - 1}, as there are {outputs} outputs, got {int(lowest)} to {int(highest)}"
        )


def one_hot(classes: NDArray[Any], outputs: int) -> NDArray[Any]:
    """Return targets (..., outputs) for integer classes (...); ValueError for a class that has no output."""
    check_classes(classes, outputs)
    return np.asarray(np.eye(outputs)[classes])


def classes_for(outputs: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """Return classes (R, rows) as they are; ValueError unless they belong to outputs (R, rows, outputs)."""
    _check_shape("classes", classes, outputs.shape[:2])
    check_classes(classes, outputs.shape[2])
    return classes


def targets_for(outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
    """Return targets as they are; ValueError unless they have the shape of the outputs (R, rows, outputs)."""
    _check_shape("targets", targets, outputs.shape)
    return targets


def _check_shape(what: str, given: NDArray[Any], wanted: tuple[int, ...]) -> None:
    """Raise a ValueError for another shape, which numpy would perhaps stretch to this one."""
    if given.shape != wanted:
        raise ValueError(f"{what} must be {wanted[1:]} for each seed, as the outputs are, got {given.shape[1:]}")
