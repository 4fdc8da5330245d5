"""What an engine is: the boundary between the library and a framework, with numpy on both sides.

A `Task` is everything that training needs, flattened to *replicates*: independent networks of one shape, side by side
along the first axis of every array, run by run and, within a run, seed by seed. An engine trains all of them and hands
out the parameters at the recorded steps. Two frameworks that implement this protocol train the same networks from the
same start on the same rows.

To add an engine, a package has a module with a function `make_engine()` and names the module in its pyproject.toml:

    [project.entry-points."pytest_claims.engines"]
    mine = "my_package.my_engine"

    [project.optional-dependencies]
    mine = ["framework>=1.0"]

`train` then uses it for seeds with `engine="mine"`. A framework that not every user of the package needs belongs in an
extra with the engine's name, as above. Where part of this extra is missing, the error names the command that installs
it; nothing is imported to find that out. A package that always installs its framework needs no such extra.
"""

from __future__ import annotations

import ctypes
import dataclasses
import itertools
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_claims.training.regimes import ExtraLoss, Regime

Floats = NDArray[np.floating[Any]]
Parameters = Sequence[Floats]
"""For R replicates, per layer the weights (R, fan_in, fan_out), then the biases (R, 1, fan_out); of modules the
parameters in the module's own order, each (R, its own shape), then the buffers."""


class Visit(Protocol):
    """Called with the number of updates done, the parameters at that step, and, where a regime asks for them, averages.

    Copy them to keep them. `averages` are of the parameters' shapes; of replicates without an average, the parameters.
    A module's buffers have no average: they stand there as they are.
    """

    def __call__(self, step: int, parameters: Parameters, averages: Parameters | None = None) -> None:
        """Take a record."""


ACTIVATIONS = ("sigmoid", "relu", "tanh", "square", "sin", "sign", "identity")
"""Every engine has all of these. The gradient of sign is zero, so only the output layer after it learns."""

LOSSES = ("cross_entropy", "absolute", "squared", "fourth", "hinge", "constant")
"""Of a row with outputs o and targets t, e = o - t (mean over the outputs): softmax cross-entropy; |e|; e^2; e^4;
max(0, 1 - (2 t - 1) o); 0 * e^2. Every engine has all of these."""


# malloc.h's names for the two settings in `keep_freed_memory`, and the largest threshold that all versions accept
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT_PIECE = 32 * 1024**2
MOST_KEPT = 512 * 1024**2


@dataclass(frozen=True)
class Settings:
    """How one replicate trains. `penalty`: (kind "L1" or "L2", strength); `frozen`: layers whose parameters stay.

    `regime` None is Adam at `rate`, betas 0.9 and 0.999, eps 1e-8; else the regime names the optimiser.
    """

    activation: str
    loss: str
    penalty: tuple[str, float] | None
    rate: float
    frozen: frozenset[int]
    average_units: bool
    regime: Regime | None = None
    structure: int = 0
    """Which of `Task.modules` the replicate is."""


class Batches:
    """The minibatch order of each seed: every step permutes the rows anew, and the first `size` are the batch."""

    def __init__(self, generators: Sequence[np.random.Generator], rows: int, size: int) -> None:
        self.generators, self.rows, self.size = generators, rows, size

    def draw(self, steps: int) -> NDArray[np.int64]:
        """Return the row numbers of the next `steps` batches, (S, steps, size), however many calls draw them."""
        order = np.tile(np.arange(self.rows), (steps, 1))
        return np.stack([generator.permuted(order, axis=1)[:, : self.size] for generator in self.generators])


class ModuleStack(Protocol):
    """What an engine must know of modules of one's own (training/modules.py). All have the same parameters by name."""

    @property
    def structures(self) -> Sequence[Any]:
        """One module of each structure, to read its forward from."""

    @property
    def rows(self) -> Sequence[NDArray[Any]]:
        """For each structure a few rows of inputs, (rows, ...), to try it on."""

    @property
    def parameter_names(self) -> Sequence[str]:
        """What trains."""

    @property
    def buffer_names(self) -> Sequence[str]:
        """What does not: buffers, and parameters that need no gradient."""

    @property
    def values_in_a_row(self) -> int:
        """How many values all layers together give for one row of inputs."""

    @property
    def widest(self) -> int:
        """How many values the widest layer gives for one row."""

    @property
    def noise(self) -> Callable[[], Sequence[np.random.Generator]]:
        """Returns fresh generators for what a module draws while it trains, one for each seed."""


@dataclass(frozen=True)
class Task:
    """R networks to train. `x` (R, n, d), `targets` (R, n, outputs), `row_weight` (R, n) or None (each 1).

    `modules` None means perceptrons. Of modules the rows of `x` may have more axes, `sizes` are the numbers of inputs
    and of outputs, and only an engine with the attribute `trains_modules = True` gets such a task. Training applies
    them in training mode, `outputs` and `objective` in evaluation mode.

    The loss of a replicate is the mean over the rows of weight * loss, plus its penalty: strength * sum over layers
    of mean |w| or mean w^2, biases unpenalised. `batches` None means all rows at every step; else replicate r uses
    row `seed_of[r]` of a draw. `names` are those of the parameters. `masks`, one for each parameter that trains, in its
    shape, hold 0 where it gets no gradient, else 1; the parameters themselves start as zero there. `generators`: one
    for each replicate, for regimes whose functions draw; else none.
    """

    sizes: tuple[int, ...]
    repeat: int
    settings: tuple[Settings, ...]
    parameters: Parameters
    x: Floats
    targets: Floats
    row_weight: Floats | None
    seed_of: NDArray[np.int64]
    batches: Batches | None
    dtype: str = "float32"
    threads: int = 1
    modules: ModuleStack | None = None
    names: tuple[str, ...] = ()
    masks: Parameters | None = None
    generators: tuple[np.random.Generator, ...] = ()

    def __len__(self) -> int:
        return len(self.settings)

    @property
    def trained(self) -> int:
        """How many of the parameters train: all, but for a module's buffers, which come last."""
        return len(self.parameters) if self.modules is None else len(self.modules.parameter_names)

    def judged(self, parameters: Parameters) -> Parameters:
        """Return what shows that a replicate has diverged: infinities in a buffer from the start on do not."""
        buffers = zip(self.parameters[self.trained :], parameters[self.trained :], strict=True)
        return [*parameters[: self.trained], *(np.where(np.isfinite(start), now, 0) for start, now in buffers)]

    @cached_property
    def layers(self) -> list[int]:
        """Layers of weights in the order in which they are applied."""
        return applied_layers(self.sizes, self.repeat)

    @cached_property
    def activations(self) -> list[tuple[str, int]]:
        """Neighbouring replicates with one hidden activation: (name, number of replicates)."""
        return self.groups(lambda settings: settings.activation)

    @cached_property
    def losses(self) -> list[tuple[str, int]]:
        """Neighbouring replicates with one loss."""
        return self.groups(lambda settings: settings.loss)

    @cached_property
    def penalties(self) -> list[tuple[tuple[str, float] | None, int]]:
        """Neighbouring replicates with one penalty; empty if no replicate has one."""
        groups = self.groups(lambda settings: settings.penalty)
        return [] if groups == [(None, len(self))] else groups

    @property
    def values_in_a_row(self) -> int:
        """How many values all applied layers together give for one row."""
        if self.modules is not None:
            return self.modules.values_in_a_row
        return sum(self.sizes[layer + 1] for layer in self.layers)

    @property
    def widest(self) -> int:
        """How many values the widest layer has for one row, inputs and outputs included."""
        return max(self.sizes) if self.modules is None else max(*self.sizes, self.modules.widest)

    @cached_property
    def extra_losses(self) -> list[tuple[ExtraLoss | None, int]]:
        """Neighbouring replicates with one further term of the loss; empty if no replicate has one."""
        groups = self.groups(lambda settings: settings.regime and settings.regime.extra_loss)
        return [] if groups == [(None, len(self))] else groups

    def part(self, start: int, stop: int) -> Task:
        """Return the task of the replicates from `start` up to `stop`."""
        here = slice(start, stop)
        return dataclasses.replace(
            self,
            settings=self.settings[here],
            parameters=[array[here] for array in self.parameters],
            x=self.x[here],
            targets=self.targets[here],
            row_weight=None if self.row_weight is None else self.row_weight[here],
            masks=None if self.masks is None else [mask[here] for mask in self.masks],
            generators=self.generators[here],
            seed_of=self.seed_of[here],
        )

    def parts(self, size: int, key: Callable[[Settings], Hashable]) -> Iterator[Task]:
        """Cut into parts of at most `size` replicates within which `key` of the settings is the same."""
        start = 0
        for _, count in self.groups(key):
            stop = start + count
            for first in range(start, stop, size):
                yield self.part(first, min(first + size, stop))
            start = stop

    def groups(self, key: Callable[[Settings], Hashable]) -> list[tuple[Any, int]]:
        """Return groups of neighbouring replicates with equal `key`: (value, number of replicates)."""
        return [(value, len(list(members))) for value, members in itertools.groupby(self.settings, key)]


def applied_layers(sizes: tuple[int, ...], repeat: int = 1) -> list[int]:
    """List the layers of weights as they are applied: [0, 1, 1, 1, 2] for one hidden layer repeated 3 times."""
    order = list(range(len(sizes) - 1))
    if repeat == 1:
        return order
    square = [layer for layer in order[1:-1] if sizes[layer] == sizes[layer + 1]]
    if repeat < 1 or len(square) != 1:
        raise ValueError(f"repeat={repeat} needs exactly one square hidden layer in sizes, got {sizes}")
    return [layer for layer in order for _ in range(repeat if layer == square[0] else 1)]


class Engine(Protocol):
    """One framework."""

    name: str

    def train(self, task: Task, at: Sequence[int], visit: Visit) -> None:
        """Train as the settings say; call `visit` at each number of updates in `at` (ascending).

        UnsupportedError, before anything is trained, for a regime that the engine does not have.
        """

    def outputs(self, task: Task, parameters: Parameters, x: Floats, layer: Any = None) -> Floats:
        """Apply the networks to x (R, rows, d): (R, rows, outputs), or the activations of an applied hidden layer.

        `layer` is a number; of a module the name of a submodule, whose last result is wanted.
        """

    def objective(self, task: Task, parameters: Parameters) -> tuple[Floats, Floats]:
        """Return the minimised loss over all training rows, and the norm of its gradient, each (R,)."""


@cache  # every training makes an engine, but once per process is enough
def keep_freed_memory() -> bool:
    """Make malloc keep freed memory, up to 512 MiB; return whether it does. For engines that free big arrays.

    A step over 1,200 rows makes and frees a few arrays of megabytes. glibc returns such pieces to the system at once
    and requests them again in the next step, with every page cleared: a tenth of the time of experiment 4
    (docs/performance.md). Without glibc this changes nothing.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_PIECE)) and bool(mallopt(M_TRIM_THRESHOLD, MOST_KEPT))
