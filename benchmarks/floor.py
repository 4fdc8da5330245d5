"""How far from the floor a run is: `python -m benchmarks.floor reports/latest/results.json` writes it into the docs.

The floor of a trial is the processor time below which no engine can go on this machine: the floating-point operations
of its matrix products, at the speed of the machine's fastest product (torch.mm of large square matrices, one thread, in
the arithmetic mode of the suite). A trial that trains with scikit-learn, or that measures time, counts as it is.

Nothing is typed in. Each measurement runs once for one seed, with an engine that counts the products instead of
computing them; scikit-learn and the clock are left out in the same way. A run's own trials say how many seeds, under
which conditions, and how long they took. Not counted, so that the floor is a little too low: drawing and mixing the
data, PCA, activations, losses, Adam, and what is computed from a network's outputs.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.declared import declared
from benchmarks.document import PAGE, IncompleteError, replaced
from fixtures import datasets
from pytest_claims import environment, training
from pytest_claims.errors import UnreadableError
from pytest_claims.record import TrialTime
from pytest_claims.results import Results, read
from pytest_claims.training import Seeds
from pytest_claims.training.engines.base import Floats, Parameters, Task, Visit, applied_layers
from pytest_claims.trials.conditions import said
from pytest_claims.trials.measurements import Measurement
from pytest_claims.vocabulary import BLOCK

BEGIN = "<!-- begin: written by `python -m benchmarks.floor` -->"
COUNTED = 1  # the seed for which products are counted; seed 0 would be probed in float64 as well
SIDES, TRIED = (256, 512, 1024), 2e10  # of square matrices; operations that are timed for each


@dataclass
class Counted:
    """What one seed of a trial takes: products in floating-point operations by dtype, and whether it counts whole."""

    operations: Counter[str] = field(default_factory=Counter)
    whole: bool = False

    def seconds(self, peak: Mapping[str, float]) -> float:
        """Return the processor seconds of one seed's products at the `peak` operations per second of each dtype."""
        return sum(count / peak[dtype] for dtype, count in self.operations.items())


def forward(sizes: tuple[int, ...], repeat: int, rows: int, layers: int | None = None) -> float:
    """Return the operations of applying one network to `rows` rows, up to the first `layers` applied layers."""
    order = applied_layers(sizes, repeat)[:layers]
    return float(sum(2 * rows * sizes[layer] * sizes[layer + 1] for layer in order))


def step(sizes: tuple[int, ...], repeat: int, rows: int) -> float:
    """Return the operations of one update of one network: outputs, gradients of the weights, gradients of the inputs.

    Nobody asks for the gradient of the data, so that the first layer has two products, the others three.
    """
    return 3 * forward(sizes, repeat, rows) - forward(sizes, repeat, rows, layers=1)


class Counting:
    """An engine that counts products and computes none: networks keep their initial weights, all outputs are zero."""

    name = "counting"

    def __init__(self, counted: Counted) -> None:
        self.counted = counted

    def train(self, task: Task, at: Sequence[int], visit: Visit) -> None:
        """Count the steps up to the last one in `at`."""
        rows = task.x.shape[1] if task.batches is None else task.batches.size
        self._add(task, at[-1] * step(task.sizes, task.repeat, rows))
        for update in at:
            visit(update, task.parameters)

    def outputs(self, task: Task, parameters: Parameters, x: Floats, layer: int | None = None) -> Floats:
        """Count one pass; `parameters` tell how many networks are asked."""
        layers = None if layer is None else layer + 1
        self._add(task, forward(task.sizes, task.repeat, x.shape[1], layers))
        units = task.sizes[-1] if layer is None else task.sizes[task.layers[layer] + 1]
        return np.zeros((len(parameters[0]), x.shape[1], units), np.float32)

    def objective(self, task: Task, parameters: Parameters) -> tuple[Floats, Floats]:
        """Count one pass over all training rows, and its gradient."""
        self._add(task, step(task.sizes, task.repeat, task.x.shape[1]))
        return np.zeros(len(parameters[0])), np.zeros(len(parameters[0]))

    def _add(self, task: Task, operations: float) -> None:
        self.counted.operations[task.dtype] += operations * len(task) / BLOCK  # one seed is filled up to a block


@contextmanager
def counting() -> Iterator[Counted]:
    """Count within the block what measurements would compute."""
    counted = Counted()

    def unfitted(_estimator: Any, _rows: Any, _labels: Any, inputs: Sequence[NDArray[Any]]) -> tuple[bool, list[Any]]:
        counted.whole = True
        return False, [np.zeros(len(x), np.int64) for x in inputs]

    def untimed(_work: Any, _steps: int) -> float:
        counted.whole = True
        return 1.0

    with ExitStack() as patches:
        for name, instead in (
            ("pytest_claims.training.train.engine_named", lambda _: Counting(counted)),
            ("pytest_claims.training.estimators._fit_and_predict", unfitted),
            ("fixtures.alone._timed", untimed),
        ):
            patches.enter_context(mock.patch(name, instead))
        yield counted


def count(declared: Measurement, condition: Mapping[str, str]) -> Counted:
    """Count one seed of a measurement under a condition, whose values are given in words."""
    fixtures = {name: getattr(datasets, name, None) or getattr(training, name) for name in declared.fixtures}
    chosen = next(levels for levels in declared.conditions if said(levels) == condition)
    with counting() as counted:
        declared.function(Seeds(declared.experiment, [COUNTED], "floor"), **fixtures, **chosen)
    return counted


def peak(dtype: str) -> float:
    """Return the operations per second of the fastest product that this process can do on one thread.

    In processor time, and by the best of many short ones, so that others on the machine disturb few of them.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    fastest = 0.0
    for side in SIDES:
        left, right = torch.rand((2, side, side), dtype=getattr(torch, dtype))
        operations = 2 * side**3
        for _ in range(int(TRIED / operations)):
            start = time.process_time_ns()
            torch.mm(left, right)
            fastest = max(fastest, 1e9 * operations / (time.process_time_ns() - start))
    torch.set_num_threads(before)
    return fastest


@dataclass
class Row:
    """A measurement in a run: the processor seconds of its trials, and their floor."""

    experiment: str
    name: str
    seconds: float = 0.0
    operations: float = 0.0
    floor: float = 0.0

    def add(self, trial: TrialTime, counted: Counted, speeds: Mapping[str, float]) -> None:
        """Enter one trial."""
        first, last = trial.seeds
        seeds, seconds = last - first + 1, trial.processor_s or 0.0
        self.seconds += seconds
        self.operations += seeds * sum(counted.operations.values())
        self.floor += seconds if counted.whole else seeds * counted.seconds(speeds)


def rows(run: Results, speeds: Mapping[str, float]) -> list[Row]:
    """Return a row for each measurement of a run, in the order of its claims; a trial that claims share counts once."""
    trials = {}
    for claim in run.claims:
        for trial in claim.seconds_by_trial:
            trials[claim.experiment, *trial.key] = claim, trial
    found: dict[tuple[str, str], Row] = {}
    counts: dict[tuple[Any, ...], Counted] = {}
    for claim, trial in trials.values():
        shape = (claim.experiment, trial.measurement, *trial.condition.items())
        if shape not in counts:
            measurement = declared(claim, trial.measurement)
            if measurement is None:
                raise IncompleteError(f"{claim.file} no longer has the measurement {trial.measurement}.")
            counts[shape] = count(measurement, trial.condition)
        row = found.setdefault(shape[:2], Row(*shape[:2]))
        row.add(trial, counts[shape], speeds)
    return list(found.values())


def text(run: Results, table: Sequence[Row], speeds: Mapping[str, float]) -> str:
    """Return the generated part of the page."""
    total = Row("all", "", *(sum(getattr(row, name) for row in table) for name in ("seconds", "operations", "floor")))
    lines = [
        "| experiment | measurement | seconds | products, TFLOP | floor, s | seconds / floor |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *map(_line, [*table, total]),
    ]
    facts = run.environment
    return (
        f"The run of {run.started[:10]}, commit {str(facts.get('commit'))[:7]}, on {facts.get('cpu')}, torch "
        f"{facts.get('torch')}, took {total.seconds:.0f} core-seconds, {total.seconds / total.floor:.1f} times its "
        f"floor of {total.floor:.0f}. The fastest product on one thread of this processor runs at "
        f"{speeds['float32'] / 1e9:.0f} GFLOP/s in float32 and at {speeds['float64'] / 1e9:.0f} in float64.\n\n"
        + "\n".join(lines)
    )


def _line(row: Row) -> str:
    tera, ratio = f"{row.operations / 1e12:.2f}", f"{row.seconds / row.floor:.1f}x"
    return f"| {row.experiment} | {row.name} | {row.seconds:.0f} | {tera} | {row.floor:.1f} | {ratio} |"


def main(arguments: Sequence[str]) -> int:
    """Write the table of a finished run into the page; return the exit status."""
    try:
        (path,) = arguments
        run = read(Path(path))
    except ValueError:
        print("Name one results.json: python -m benchmarks.floor reports/latest/results.json", file=sys.stderr)  # noqa: T201
        return 1
    except (IncompleteError, UnreadableError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    there, here = run.environment.get("cpu"), environment.processor()
    if there != here:
        print(f"{path} comes from {there}, and this machine is {here}: a floor needs both from one.", file=sys.stderr)  # noqa: T201
        return 1
    speeds = {dtype: peak(dtype) for dtype in ("float32", "float64")}
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(page, BEGIN, text(run, rows(run, speeds), speeds)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
