"""Snapshots: what can be measured of all networks at one step of training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_claims.training.engines.base import Engine, Floats, Parameters, Task
from pytest_claims.vocabulary import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from numpy.typing import NDArray

    from pytest_claims.training.runs import Layout, Rows

FORWARD_BYTES = 8e6  # values of one layer that a forward pass for a metric holds at a time


@dataclass(frozen=True)
class Training:
    """What the snapshots of one training have in common; `diverged` (R,) is written by them."""

    layout: Layout
    task: Task
    engine: Engine
    diverged: NDArray[np.bool_]


class Snapshot:
    """All networks after `step` updates. Arrays are labelled (seed, the axes of the runs, ...).

    A replicate whose parameters or outputs are not finite has *diverged*, for good: from then on it is the constant
    predictor of its training targets (all weights zero, the last biases their mean; log frequencies under
    cross-entropy). `x` and `y` default to each run's own training rows; `Rows` in runs.py says what else they may be.
    """

    def __init__(self, step: int, parameters: Parameters, training: Training) -> None:
        self.step = step
        self._parameters = list(parameters)
        self._layout, self._task, self._engine = training.layout, training.task, training.engine
        self._diverged = training.diverged
        self._diverge(_not_finite(*parameters))

    def outputs(self, x: Rows | None = None, dtype: str | None = None) -> xr.DataArray:
        """Apply the networks to x: logits (seed, ..., row, output); in float64 to tell close rows apart."""
        return self._layout.labelled(self._apply(x, dtype=dtype), ("row", "output"))

    def hidden(self, x: Rows | None = None, layer: int = 0) -> xr.DataArray:
        """Activations of an applied hidden layer, counted from 0: (seed, ..., row, unit)."""
        if not 0 <= layer < len(self._task.layers) - 1:
            raise ValueError(f"hidden layers are 0 to {len(self._task.layers) - 2}, got {layer}")
        return self._layout.labelled(self._apply(x, layer), ("row", "unit"))

    def accuracy(self, x: Rows | None = None, y: Rows | None = None) -> xr.DataArray:
        """Share of rows whose largest output is that of the class y: (seed, ...); says its resolution, 1 / rows."""
        if (x is None) != (y is None):
            raise ValueError("accuracy needs x and y, or neither for the training rows")
        labels = self._task.targets.argmax(-1) if y is None else self._layout.rows(y, range(len(self._task)), ndim=2)
        right = self._apply(x).argmax(-1) == labels
        return self._layout.labelled(right.mean(-1)).assign_attrs(resolution=1 / right.shape[-1])

    def error(self, x: Rows | None = None, y: Rows | None = None) -> xr.DataArray:
        """Mean squared error of the outputs against targets y (S, rows, outputs): (seed, ...)."""
        if (x is None) != (y is None):
            raise ValueError("error needs x and y, or neither for the training rows")
        targets = self._task.targets if y is None else self._layout.rows(y, range(len(self._task)), ndim=3)
        return self._layout.labelled(np.square(self._apply(x).astype(np.float64) - targets).mean((1, 2)))

    def loss(self) -> xr.DataArray:
        """Return what is minimised, penalty and weights included, over all training rows: (seed, ...)."""
        return self._layout.labelled(self._finite(self._objective))

    def weights(self, layer: int) -> xr.DataArray:
        """Weights of one layer, counted from 0; -1 is the output layer: (seed, ..., fan_in, fan_out)."""
        return self._layout.labelled(self._parameters[::2][layer].copy(), ("fan_in", "fan_out"))

    def biases(self, layer: int) -> xr.DataArray:
        """Biases of one layer: (seed, ..., fan_out)."""
        return self._layout.labelled(self._parameters[1::2][layer][:, 0].copy(), ("fan_out",))

    def _apply(self, x: Rows | None, layer: int | None = None, dtype: str | None = None) -> Floats:
        return self._finite(lambda: self._forward(x, layer, dtype))

    def _forward(self, x: Rows | None, layer: int | None, dtype: str | None) -> Floats:
        task = self._task if dtype is None else dataclasses.replace(self._task, dtype=dtype)
        rows = task.x.shape[1] if x is None else self._layout.rows(x, range(1), ndim=3).shape[1]
        size = self._part_size(rows)
        parts = []
        for start in range(0, len(task), size):
            stop = min(start + size, len(task))
            inputs = task.x[start:stop] if x is None else self._layout.rows(x, range(start, stop), ndim=3)
            parameters = [array[start:stop] for array in self._parameters]
            parts.append(self._engine.outputs(task.part(start, stop), parameters, inputs, layer))
        return np.concatenate(parts)

    def _objective(self) -> Floats:
        task, parts = self._task, []
        for start in range(0, len(task), BLOCK):
            here = slice(start, start + BLOCK)
            parameters = [array[here] for array in self._parameters]
            parts.append(self._engine.objective(task.part(start, start + BLOCK), parameters)[0])
        return np.concatenate(parts)

    def _part_size(self, rows: int) -> int:
        """Return the replicates per forward pass: a multiple of eight, or one. Never depends on how many there are."""
        size = int(FORWARD_BYTES / (4 * rows * max(self._task.sizes)))
        return size // BLOCK * BLOCK or 1

    def _finite(self, compute: Callable[[], Floats]) -> Floats:
        """Compute (R, ...); replicates that give a non-finite number diverge, and give the constant predictor's."""
        values = compute()
        bad = _not_finite(values)
        if bad.any():
            self._diverge(bad)
            values = compute()
        return values

    def _diverge(self, which: NDArray[np.bool_]) -> None:
        self._diverged |= which
        if self._diverged.any():
            constant = constant_predictor(self._task, self._diverged)
            self._parameters = [array.copy() for array in self._parameters]
            for array in self._parameters:
                array[self._diverged] = 0
            self._parameters[-1][self._diverged] = constant


def _not_finite(*arrays: Floats) -> NDArray[np.bool_]:
    """Return which replicates have a number that is not finite in any of the arrays (R, ...)."""
    finite = np.array([np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays])
    return np.asarray(~finite.all(axis=0), np.bool_)


def constant_predictor(task: Task, which: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the best constant outputs, (R, 1, outputs): the mean target, or log frequencies under cross-entropy."""
    mean = task.targets[which].mean(axis=1, keepdims=True)
    entropy = np.array([settings.loss == "cross_entropy" for settings in task.settings])[which]
    return np.asarray(np.where(entropy[:, None, None], np.log(np.maximum(mean, 1e-6)), mean))
