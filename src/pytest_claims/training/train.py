"""Training: `train` takes runs and gives back what was measured at chosen steps, as a labelled xarray dataset.

    network = MLP(seeds, (12, 100, 100, 2))
    runs = {loss: Run(network, data.x_train, data.y_train, loss=loss) for loss in ("cross_entropy", "squared")}
    history = train(runs, along="loss", steps=500, at=range(50, 501, 50),
                    measure=lambda now: {"accuracy": now.accuracy(data.x_further, data.y_further)})
    history.accuracy          # dims (seed, loss, step)
    history.diverged          # dims (seed, loss), bool

Adam with the protocol's settings; each step takes a fresh permutation's first `batch` rows, the same for all runs of
a seed. All runs of a call have one shape and train side by side as one stack; nothing is computed at steps that are
not recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from pytest_claims.training.engines import engine as engine_named
from pytest_claims.training.runs import Layout, Run
from pytest_claims.training.snapshots import Snapshot, Training

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pytest_claims.training.engines.base import Engine, Parameters, Task

RATE = 0.003
TRACED_STEPS = (0, 1, 2, 5, 10)
FINGERPRINTED_BATCHES = 16

Measure = Callable[[Snapshot], Mapping[str, xr.DataArray]]


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
) -> xr.Dataset:
    """Train all runs for `steps` updates and measure after each number of updates in `at` (default: after the last).

    `batch` None, or at least the number of rows, means all rows at every step. `measure` maps a `Snapshot` to
    labelled arrays (default: the loss). `along` names the axis that the labels of `runs` form, or several axes for
    tuple labels. Returns dims (seed, axes of the runs, step, whatever was measured) and the bool `diverged` (seed,
    axes of the runs).
    """
    recorded = _recorded(at, steps)
    measure = measure or (lambda now: {"loss": now.loss()})
    layout = Layout(runs, along)
    engine = engine_named(layout.seeds.engine)
    _trace(layout, engine, rate, batch, steps)
    task = layout.task(rate, batch, dtype, threads)
    training = Training(layout, task, engine, diverged=np.zeros(len(task), np.bool_))
    records: list[Mapping[str, xr.DataArray]] = []

    def visit(step: int, parameters: Parameters) -> None:
        now = Snapshot(step, parameters, training)
        if step == steps:
            now.outputs()  # outputs that overflow at the end count as diverged, whatever is measured
        if step in recorded:
            records.append({name: array.copy() for name, array in measure(now).items()})

    engine.train(task, sorted({*recorded, steps}), visit)
    history = {name: _along_steps([record[name] for record in records], recorded, layout) for name in records[0]}
    return xr.Dataset({**_distinct(history), "diverged": layout.labelled(training.diverged)})


def steps_until(curve: xr.DataArray, threshold: float, budget: float) -> xr.DataArray:
    """First recorded step at which `curve` (with a dim step) is at least `threshold`; never is `budget`."""
    reached = (curve >= threshold).transpose(..., "step")
    first = np.where(reached.any("step"), curve.step.values[reached.argmax("step").values], budget)
    return xr.zeros_like(reached.isel(step=0, drop=True), dtype=np.float64) + first


def skill(accuracy: xr.DataArray, bayes: ArrayLike) -> xr.DataArray:
    """(accuracy - 1/2) / (Bayes accuracy - 1/2), per draw; `bayes` holds one number per seed."""
    best = xr.DataArray(np.asarray(bayes), dims="seed", coords={"seed": accuracy.seed})
    return (accuracy - 0.5) / (best - 0.5)


def _recorded(at: Iterable[int] | None, steps: int) -> list[int]:
    recorded = [steps] if at is None else sorted({int(step) for step in at})
    if not recorded or recorded[0] < 0 or recorded[-1] > steps:
        raise ValueError(f"steps to record must lie between 0 and {steps}, got {recorded}")
    return recorded


def _along_steps(arrays: list[xr.DataArray], steps: list[int], layout: Layout) -> xr.DataArray:
    """Join one variable's records along `step`, after the seed and the axes of the runs."""
    first = arrays[0]
    leading = [dim for dim in ("seed", *layout.axes) if dim in first.dims]
    rest = [dim for dim in first.dims if dim not in leading]
    values = np.stack([array.transpose(*leading, *rest).values for array in arrays], axis=len(leading))
    coords = {dim: first[dim] for dim in first.dims if dim in first.coords}
    return xr.DataArray(values, dims=(*leading, "step", *rest), coords={**coords, "step": steps}, attrs=first.attrs)


def _distinct(variables: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Prefix the name of a dim by the variable's where variables disagree about its size (two layers' `fan_in`)."""
    sizes: dict[Hashable, set[int]] = {}
    for array in variables.values():
        for dim, size in array.sizes.items():
            sizes.setdefault(dim, set()).add(size)
    clashing = {dim for dim, found in sizes.items() if len(found) > 1}
    return {
        name: array.rename({dim: f"{name}_{dim}" for dim in array.dims if dim in clashing})
        for name, array in variables.items()
    }


def _trace(layout: Layout, engine: Engine, rate: float, batch: int | None, steps: int) -> None:
    """Probe the first steps of seed 0 in float64 and enter them, and the first batches, into the block's ledger.

    The probe trains with the engine's own code: what a new version changes in the arithmetic shows here, before chaos
    does.
    """
    seeds = layout.seeds
    batches = layout.batches(batch)
    if batches is not None:
        seeds.record("batches", batches.draw(min(steps, FINGERPRINTED_BATCHES)))
    if 0 not in seeds.values:
        return
    whole = layout.task(rate, batch, dtype="float64")
    probes = np.flatnonzero(layout.seed_of == seeds.values.index(0))
    at = [step for step in TRACED_STEPS if step <= steps]
    for label, index in zip(layout.runs, probes[:: len(probes) // len(layout.runs)], strict=True):
        probe = whole.part(index, index + 1)
        losses, gradients = _probe(engine, probe, at)
        name = "train" if label is None else f"train {label}"
        seeds.record_trace(name, {"step": at, "loss": losses, "gradient": gradients})


def _probe(engine: Engine, task: Task, at: list[int]) -> tuple[list[float | None], list[float | None]]:
    losses: list[float | None] = []
    gradients: list[float | None] = []

    def visit(_step: int, parameters: Parameters) -> None:
        loss, gradient = engine.objective(task, parameters)
        losses.append(_finite(loss))
        gradients.append(_finite(gradient))

    engine.train(task, at, visit)
    return losses, gradients


def _finite(values: NDArray[Any]) -> float | None:
    """One number for JSON: what is not finite is None."""
    value = float(values[0])
    return value if math.isfinite(value) else None
