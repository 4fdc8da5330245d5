"""Regimes: how a run trains where it is not Adam at one rate, as data and as functions of the claim's own file.

The functions get torch tensors with a leading axis of R replicates: those of one run that train in one stack.
Parameters are a mapping from the network's names to tensors, for an MLP "weights.0" (R, fan_in, fan_out), "biases.0"
(R, 1, fan_out), "weights.1", ..., for a module those that train, by its own names and with its own axes, "0.weight" (R,
fan_out, fan_in); rows are x (R, rows, d), or with more axes for a module, and targets (R, rows, outputs). `at` is a
`Moment`: what differs between seeds is chosen by `at.seeds`, as in `anchor[at.seeds]`. A function treats every
replicate alone: a mean over all of them would tie a seed's numbers to its neighbours.

- `after_step(parameters, at)` changes parameters in place after each update; what a run masks is zero again then.
- `extra_loss(parameters, outputs, at)` returns (R,), which is added to what is minimised.
- `transform(x, targets, at)` makes the rows of each step: it returns x, (x, targets) or (x, targets, weights), weights
  (R, rows), with as many rows as it likes. It must not change what it is given.
- `adversary(x, targets, gradient, at)` does the same and knows the gradient of the loss with respect to x; that of a
  module is taken in evaluation mode, so that neither dropout nor batch norm's averages move for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_claims.training.optimisers import Optimiser

Tensor = Any  # torch is not imported for a type
AfterStep = Callable[[Mapping[str, Tensor], "Moment"], None]
ExtraLoss = Callable[[Mapping[str, Tensor], Tensor, "Moment"], Tensor]
Transform = Callable[[Tensor, Tensor, "Moment"], Any]
Adversary = Callable[[Tensor, Tensor, Tensor, "Moment"], Any]


@dataclass(frozen=True)
class Moment:
    """Who and when: `seeds` (R,) are positions in the block of seeds, `step` counts the updates done.

    `generators` has a numpy generator for each replicate, from the purpose "transforms": those of a seed draw the same
    in every run. `transform` and `adversary` get them. An `extra_loss` gets no step (None), for it is also measured.
    """

    seeds: NDArray[np.int64]
    step: int | None = None
    generators: tuple[np.random.Generator, ...] = ()


@dataclass(frozen=True)
class Average:
    """A running average of the weights after updates `start`, `start` + 1, ...; before, the weights themselves.

    `decay`: exponential, average = decay * average + (1 - decay) * w, from w at `start` on. None: the plain mean
    (Izmailov et al. 2018). Both as torch.optim.swa_utils.AveragedModel computes them. A module's buffers are not
    averaged; `Run(batch_statistics=True)` measures batch norm with statistics that belong to the average.
    """

    decay: float | None = None
    start: int = 1

    def __post_init__(self) -> None:
        if self.decay is not None and not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), or be None for the plain mean, got {self.decay}")
        if self.start < 1:
            raise ValueError(f"an average starts after update 1 at the earliest, got {self.start}")


@dataclass(frozen=True)
class Stop:
    """A replicate whose loss over all training rows is below `loss` trains no more; looked at every `every` updates.

    The loss of a module is that in evaluation mode. Its buffers stay, too, from then on.
    """

    loss: float
    every: int = 100

    def __post_init__(self) -> None:
        if self.every < 1 or not math.isfinite(self.loss):
            raise ValueError(f"Stop needs a finite loss and to look at least every update, got {self}")


@dataclass(frozen=True)
class Regime:
    """How one replicate's parameters are updated; runs.py says what each part does."""

    optimiser: Optimiser
    clip: float | None = None
    masks: bool = False
    average: Average | None = None
    stop: Stop | None = None
    transform: Transform | None = None
    adversary: Adversary | None = None
    extra_loss: ExtraLoss | None = None
    after_step: AfterStep | None = None

    def __post_init__(self) -> None:
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is the largest norm of a gradient, a positive number, got {self.clip}")

    @property
    def plain(self) -> bool:
        """Whether it is Adam at one rate, and nothing else."""
        return self.optimiser.plain and self == Regime(self.optimiser)

    @property
    def parts(self) -> list[str]:
        """Return the names of what is not as in a plain run, the optimiser by its class."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "optimiser"}
        named = [name for name, value in values.items() if value is not None and value is not False]
        return named if self.optimiser.plain else [type(self.optimiser).__name__, *named]

    @property
    def shared(self) -> tuple[Any, ...]:
        """What all replicates of one stack have in common; optimisers and clipping may differ."""
        return (self.average, self.stop, self.transform, self.adversary, self.extra_loss, self.after_step)
