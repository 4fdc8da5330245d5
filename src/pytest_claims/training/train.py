"""Training: `train` takes runs and returns measurements at chosen steps, as a labelled xarray dataset.

    network = MLP(seeds, (12, 100, 100, 2))
    runs = {loss: Run(network, data.x_train, data.y_train, loss=loss) for loss in ("cross_entropy", "squared")}
    history = train(runs, along="loss", steps=500, at=range(50, 501, 50),
                    measure=lambda now: {"accuracy": now.accuracy(data.x_further, data.y_further)})
    history.accuracy          # dims (seed, loss, step)
    history.diverged          # dims (seed, loss), bool

Adam with the protocol's settings. Each step takes the first `batch` rows of a fresh permutation, the same for all runs
of a seed. All runs of a call have one shape and train side by side as one stack. Steps that are not recorded cost only
their updates.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pytest_claims.training import products
from pytest_claims.training.engines import engine as engine_named
from pytest_claims.training.engines.base import Engine, Floats, Parameters, Task
from pytest_claims.training.labels import classes_for, targets_for
from pytest_claims.training.modules import HIDDEN_AXES, WEIGHT_AXES, axes_named, traced_in_float64
from pytest_claims.training.runs import Layout, Rows, Run, made
from pytest_claims.training.seeds import Seeds
from pytest_claims.vocabulary import BLOCK

RATE = 0.003
TRACED_STEPS = (0, 1, 2, 5, 10)
FINGERPRINTED_BATCHES = 16
FORWARD_BYTES = 8e6  # values of one layer that a forward pass for a metric holds at a time

Measure = Callable[["Snapshot"], Mapping[str, xr.DataArray]]


def train(
    runs: Run | Mapping[Any, Run],
    *,
    steps: int,
    along: str | Sequence[str] | None = None,
    batch: int | None = 64,
    at: Iterable[int] | None = None,
    measure: Measure | None = None,
    rate: float = RATE,
    dtype: str = "float32",
    threads: int = 1,
    seeds: Seeds | None = None,
    order: str = "batches",
) -> xr.Dataset:
    """Train all runs for `steps` updates and measure after each number of updates in `at` (default: after the last).

    `batch` None, or at least the number of rows, means all rows at every step. `measure` maps a `Snapshot` to
    labelled arrays (default: the loss). `along` names the axis that the labels of `runs` form, or several axes for
    tuple labels. `order` is the purpose that orders the rows: another one gives each seed another order. `seeds` is
    the block of seeds, which runs with a function for their network need. Returns dims (seed, axes of the runs, step,
    whatever was measured) and the bool `diverged` (seed, axes of the runs).
    """
    recorded = _recorded(at, steps)
    measure = measure or (lambda now: {"loss": now.loss()})
    runs = made(runs, seeds)
    layout = Layout(runs, along, order=order)
    engine = engine_named(layout.seeds.engine)
    batches = layout.batches(batch)
    if batches is not None:
        layout.seeds.record(order, batches.draw(min(steps, FINGERPRINTED_BATCHES)))
    if 0 in layout.seeds.values:
        with traced_in_float64(layout.modules):
            _trace(Layout(runs, along, only=0, order=order), engine, rate, batch, steps)
    task = layout.task(rate, batch, dtype, threads)
    training = Training(layout, task, engine, diverged=np.zeros(len(task), np.bool_))
    records: list[Mapping[str, xr.DataArray]] = []

    def visit(step: int, parameters: Parameters, averages: Parameters | None = None) -> None:
        now = Snapshot(step, parameters, training, averages)
        if step == steps:
            now.outputs()  # outputs that overflow at the end count as diverged, whatever is measured
        if step in recorded:
            records.append({name: array.copy() for name, array in measure(now).items()})

    engine.train(task, sorted({*recorded, steps}), visit)
    products.count(layout, task, lambda: products.trained(task, steps))
    return _history(records, recorded, training)


def measured(kept: Sequence[Snapshot], measure: Measure) -> xr.Dataset:
    """Measure kept snapshots of one training, in the order of their steps; return what `train` returns.

    For what can be measured only when the end is known, as the distance from it. ValueError without a snapshot.
    """
    if not kept:
        raise ValueError("there are no snapshots to measure; `train`'s `measure` keeps them with `now.kept()`")
    records = [measure(now) for now in kept]
    return _history(records, [now.step for now in kept], kept[0].training)


def steps_until(curve: xr.DataArray, threshold: float, budget: float) -> xr.DataArray:
    """Return the first recorded step where `curve` (with a dim step) reaches `threshold`; `budget` if none does."""
    reached = (curve >= threshold).transpose(..., "step")
    first = np.where(reached.any("step"), curve.step.values[reached.argmax("step").values], budget)
    return xr.zeros_like(reached.isel(step=0, drop=True), dtype=np.float64) + first


def skill(accuracy: xr.DataArray, bayes: ArrayLike) -> xr.DataArray:
    """Return (accuracy - 1/2) / (Bayes accuracy - 1/2), per draw; `bayes` holds one number per seed."""
    best = xr.DataArray(np.asarray(bayes), dims="seed", coords={"seed": accuracy.seed})
    return (accuracy - 0.5) / (best - 0.5)


def _recorded(at: Iterable[int] | None, steps: int) -> list[int]:
    recorded = [steps] if at is None else sorted({int(step) for step in at})
    if not recorded or recorded[0] < 0 or recorded[-1] > steps:
        raise ValueError(f"steps to record must lie between 0 and {steps}, got {recorded}")
    return recorded


def _history(records: Sequence[Mapping[str, xr.DataArray]], steps: list[int], training: Training) -> xr.Dataset:
    """Join the records of all `steps`, and add which replicates diverged."""
    layout = training.layout
    history = {name: _along_steps([record[name] for record in records], steps, layout) for name in records[0]}
    return xr.Dataset({**_distinct(history), "diverged": layout.labelled(training.diverged)})


def _along_steps(arrays: list[xr.DataArray], steps: list[int], layout: Layout) -> xr.DataArray:
    """Join one variable's records along `step`, after the seed and the axes of the runs."""
    first = arrays[0]
    leading = [dim for dim in ("seed", *layout.axes) if dim in first.dims]
    rest = [dim for dim in first.dims if dim not in leading]
    values = np.stack([array.transpose(*leading, *rest).values for array in arrays], axis=len(leading))
    coords = {dim: first[dim] for dim in first.dims if dim in first.coords}
    return xr.DataArray(values, dims=(*leading, "step", *rest), coords={**coords, "step": steps}, attrs=first.attrs)


def _distinct(variables: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Put the variable's name before a dim where variables disagree about its size (two layers' `fan_in`)."""
    sizes: dict[Hashable, set[int]] = {}
    for array in variables.values():
        for dim, size in array.sizes.items():
            sizes.setdefault(dim, set()).add(size)
    clashing = {dim for dim, different in sizes.items() if len(different) > 1}
    return {
        name: array.rename({dim: f"{name}_{dim}" for dim in array.dims if dim in clashing})
        for name, array in variables.items()
    }


def _trace(layout: Layout, engine: Engine, rate: float, batch: int | None, steps: int) -> None:
    """Probe the first steps of the layout's only seed in float64, and enter them into the block's ledger.

    The probe trains with the engine's own code, all runs as one stack, so a new version's change of arithmetic shows
    here, before chaos hides it.
    """
    task = layout.task(rate, batch, dtype="float64")
    at = [step for step in TRACED_STEPS if step <= steps]
    seen: list[tuple[Floats, Floats]] = []  # by step: loss and norm of the gradient, one for each run

    def probe(step: int, parameters: Parameters, averages: Parameters | None = None) -> None:
        del step, averages
        seen.append(engine.objective(task, parameters))

    engine.train(task, at, probe)
    probed = len(at) * task.x.shape[1]
    products.count(layout, task, lambda: products.trained(task, at[-1]) + products.update(task, probed))
    losses, gradients = np.array(seen).transpose(1, 2, 0)
    for run, label in enumerate(layout.runs):
        name = "train" if label is None else f"train {label}"
        layout.seeds.record_trace(name, {"step": at, "loss": _finite(losses[run]), "gradient": _finite(gradients[run])})


def _finite(values: NDArray[Any]) -> list[float | None]:
    """Return numbers for JSON: None for those that are not finite."""
    return [float(value) if math.isfinite(value) else None for value in values]


@dataclass(frozen=True)
class Training:
    """What the snapshots of one training share; they write `diverged` (R,)."""

    layout: Layout
    task: Task
    engine: Engine
    diverged: NDArray[np.bool_]


class Snapshot:
    """All networks after `step` updates. Arrays are labelled (seed, the axes of the runs, ...).

    A replicate whose parameters or outputs are not finite has *diverged*, for good: from then on it is the constant
    predictor of its training targets (all weights zero, the last biases their mean; log frequencies under
    cross-entropy). `x` and `y` default to each run's own training rows; `Rows` in runs.py lists the other forms.
    """

    def __init__(
        self, step: int, parameters: Parameters, training: Training, averages: Parameters | None = None
    ) -> None:
        self.step = step
        self.training = training
        self._averages = averages
        self._parameters = list(parameters)
        self._layout, self._task, self._engine = training.layout, training.task, training.engine
        self._diverged = training.diverged
        self._settled: Sequence[Floats] | None = None
        self._diverge(_not_finite(*self._task.judged(parameters)))

    @property
    def arrays(self) -> Parameters:
        """All parameters, (R, ...) each, as engines give them (engines/base.py); they change with training."""
        return self._parameters

    def kept(self) -> Snapshot:
        """Return this snapshot with parameters of its own: 4 bytes each, in float32. Others change with training."""
        parameters = [array.copy(order="K") for array in self._parameters]
        averages = None if self._averages is None else [array.copy(order="K") for array in self._averages]
        return Snapshot(self.step, parameters, self.training, averages)

    def averaged(self) -> Snapshot:
        """Return the networks of the running averages, where runs have one (`Run(average=...)`); others as they are."""
        if self._averages is None:
            raise ValueError(
                "no run of this training averages its weights: give one an average, Run(average=Average())"
            )
        return Snapshot(self.step, self._averages, self.training)

    def outputs(self, x: Rows | None = None, dtype: str | None = None) -> xr.DataArray:
        """Apply the networks to x: logits (seed, ..., row, output); `dtype` float64 distinguishes close rows."""
        return self._layout.labelled(self._apply(x, dtype=dtype), ("row", "output"))

    def hidden(self, x: Rows | None = None, layer: int | str = 0) -> xr.DataArray:
        """Activations of an applied hidden layer, counted from 0: (seed, ..., row, unit).

        Of a module `layer` names a submodule, as `named_modules` does, and its last result is returned: (seed, ...,
        row, unit), or (row, channel, position), or (row, channel, height, width).
        """
        if self._task.modules is not None:
            if not isinstance(layer, str):
                raise ValueError(f"hidden(layer=...) names a submodule of a module, got {layer!r}")
            values = self._apply(x, layer)
            return self._layout.labelled(values, axes_named(HIDDEN_AXES, values.ndim - 1))
        if isinstance(layer, str):
            raise ValueError(  # noqa: TRY004 - as all refusals here
                f"the hidden layers of an MLP have numbers, got {layer!r}"
            )
        if not 0 <= layer < len(self._task.layers) - 1:
            raise ValueError(f"hidden layers are 0 to {len(self._task.layers) - 2}, got {layer}")
        return self._layout.labelled(self._apply(x, layer), ("row", "unit"))

    def accuracy(self, x: Rows | None = None, y: Rows | None = None) -> xr.DataArray:
        """Share of rows whose largest output is that of class y: (seed, ...), with its resolution, 1 / rows."""
        if (x is None) != (y is None):
            raise ValueError("accuracy needs x and y, or neither for the training rows")
        outputs = self._apply(x)
        given = self._task.targets.argmax(-1) if y is None else self._layout.rows(y, range(len(self._task)), ndim=2)
        right = outputs.argmax(-1) == classes_for(outputs, given)
        return self._layout.labelled(right.mean(-1)).assign_attrs(resolution=1 / right.shape[-1])

    def error(self, x: Rows | None = None, y: Rows | None = None) -> xr.DataArray:
        """Mean squared error of the outputs against targets y (S, rows, outputs): (seed, ...)."""
        if (x is None) != (y is None):
            raise ValueError("error needs x and y, or neither for the training rows")
        outputs = self._apply(x).astype(np.float64)
        given = self._task.targets if y is None else self._layout.rows(y, range(len(self._task)), ndim=3)
        return self._layout.labelled(np.square(outputs - targets_for(outputs, given)).mean((1, 2)))

    def loss(self) -> xr.DataArray:
        """Return the minimised loss, with penalty and weights, over all training rows: (seed, ...)."""
        return self._layout.labelled(self._finite(self._objective))

    def weights(self, layer: Any) -> xr.DataArray:
        """Weights of one layer, counted from 0; -1 is the output layer: (seed, ..., fan_in, fan_out).

        Of a module `layer` names a submodule with weights, a parameter or a buffer, in torch's order of axes: (seed,
        ..., fan_out, fan_in), further axes kernel or kernel_height and kernel_width; (seed, ..., unit) of vectors.
        """
        if self._task.modules is not None:
            return self._held(layer, "weight")
        return self._layout.labelled(self._parameters[::2][layer].copy(), ("fan_in", "fan_out"))

    def biases(self, layer: Any) -> xr.DataArray:
        """Biases of one layer: (seed, ..., fan_out); of a module's named submodule (seed, ..., unit)."""
        if self._task.modules is not None:
            return self._held(layer, "bias")
        return self._layout.labelled(self._parameters[1::2][layer][:, 0].copy(), ("fan_out",))

    def _held(self, layer: int | str, kind: str) -> xr.DataArray:
        """Return a module's parameter or buffer by its name, or by its layer's."""
        modules = self._layout.modules
        names = [] if modules is None else [*modules.parameter_names, *modules.buffer_names]
        found = [name for name in (f"{layer}.{kind}", str(layer)) if name in names]
        if not found:
            raise ValueError(f"the module has no {kind} named {layer!r}: choose from {', '.join(names)}")
        values = self._parameters[names.index(found[0])].copy()
        return self._layout.labelled(values, axes_named(WEIGHT_AXES, values.ndim - 1))

    def parameters(self, run: Any = None) -> dict[str, NDArray[Any]]:
        """Return all parameters of one run by name, a module's buffers too, (S, ...) each: what `Run(start=...)` takes.

        `run` is its label; None where the training has one run without a label. ValueError for another label.
        """
        labels = list(self._layout.runs)
        if run not in labels:
            raise ValueError(f"there is no run {run!r}; this training has {', '.join(map(repr, labels))}")
        first = labels.index(run) * len(self._layout.members)
        here = slice(first, first + len(self._layout.seeds))
        return {name: array[here].copy() for name, array in zip(self._task.names, self._parameters, strict=True)}

    def _apply(self, x: Rows | None, layer: int | str | None = None, dtype: str | None = None) -> Floats:
        def compute() -> Floats:
            values = self._forward(x, layer, dtype)
            if self._task.modules is not None and layer is None and self._diverged.any():
                values[self._diverged] = constant_predictor(self._task, self._diverged)
            return values

        return self._finite(compute)

    def _forward(self, x: Rows | None, layer: int | str | None, dtype: str | None) -> Floats:
        task = self._task if dtype is None else dataclasses.replace(self._task, dtype=dtype)
        ndim = task.x.ndim
        rows = task.x.shape[1] if x is None else self._layout.rows(x, range(1), ndim=ndim).shape[1]
        size = self._part_size(rows)
        measured_parameters, parts = self.measured_arrays(), []
        for start in range(0, len(task), size):
            stop = min(start + size, len(task))
            inputs = task.x[start:stop] if x is None else self._layout.rows(x, range(start, stop), ndim=ndim)
            parameters = [array[start:stop] for array in measured_parameters]
            parts.append(self._engine.outputs(task.part(start, stop), parameters, inputs, layer))
        products.count(self._layout, task, lambda: products.forward(task, rows, layer))
        return np.concatenate(parts)

    def _objective(self) -> Floats:
        task, measured_parameters, parts = self._task, self.measured_arrays(), []
        for start in range(0, len(task), BLOCK):
            here = slice(start, start + BLOCK)
            parameters = [array[here] for array in measured_parameters]
            part = task.part(start, start + BLOCK)
            losses = self._engine.objective(part, parameters)[0]
            if task.modules is not None and self._diverged[here].any():
                losses[self._diverged[here]] = self._constant_losses(part)[self._diverged[here]]
            parts.append(losses)
        # of the gradient, which the engine computes too, a loss needs nothing
        products.count(self._layout, task, lambda: products.forward(task, task.x.shape[1]))
        return np.concatenate(parts)

    def _constant_losses(self, part: Task) -> Floats:
        """Return the losses of the constant predictor, (R,)."""
        constant = constant_predictor(part, np.ones(len(part), np.bool_))
        part = dataclasses.replace(part, parameters=[np.zeros_like(array) for array in part.parameters])
        engine: Any = self._engine  # one that trains modules has this
        return np.asarray(engine.losses_of(part, np.broadcast_to(constant, part.targets.shape)))

    def measured_arrays(self) -> Sequence[Floats]:
        """Return the parameters to measure with: where a run asks for it, with batch norm's statistics of its rows."""
        asked = np.array([run.batch_statistics for run in self._layout.runs.values()])[self._layout.run_of]
        if not asked.any():
            return self._parameters
        if self._settled is None:
            engine: Any = self._engine  # one that trains modules has this
            parts = []
            for start in range(0, len(self._task), BLOCK):
                part = self._task.part(start, start + BLOCK)
                parts.append(engine.settled(part, [array[start : start + BLOCK] for array in self._parameters]))
            self._settled = [
                np.where(asked.reshape(-1, *[1] * (array.ndim - 1)), np.concatenate(columns), array)
                for array, columns in zip(self._parameters, zip(*parts, strict=True), strict=True)
            ]
        return self._settled

    def _part_size(self, rows: int) -> int:
        """Return the replicates per forward pass: a multiple of eight, or one; never depends on how many there are."""
        size = int(FORWARD_BYTES / (4 * rows * self._task.widest))
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
            if self._task.modules is None:  # a module's outputs are replaced where they are computed
                self._parameters[-1][self._diverged] = constant
            self._settled = None


def _not_finite(*arrays: Floats) -> NDArray[np.bool_]:
    """Return which replicates have a number that is not finite in any of the arrays (R, ...)."""
    finite = np.array([np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays])
    return np.asarray(~finite.all(axis=0), np.bool_)


def constant_predictor(task: Task, which: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the best constant outputs, (R, 1, outputs): the mean target, or log frequencies under cross-entropy."""
    mean = task.targets[which].mean(axis=1, keepdims=True)
    entropy = np.array([settings.loss == "cross_entropy" for settings in task.settings])[which]
    return np.asarray(np.where(entropy[:, None, None], np.log(np.maximum(mean, 1e-6)), mean))
