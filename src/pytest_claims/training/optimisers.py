"""Optimisers and schedules of their rates, as data: the engines update with their frameworks' own code.

    Run(network, x, y, optimiser=SGD(0.05, momentum=0.9, schedule=WarmUp(100, Cosine(900))))

Names and formulas are those of torch.optim. A schedule is a factor of the rate; it counts updates from 0, one schedule
step an update.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """What multiplies the rate at each update."""

    def factor(self, update: int) -> float:
        """Return the factor of the rate at this update, counted from 0."""


@dataclass(frozen=True)
class Constant:
    """The same rate at every update."""

    def factor(self, update: int) -> float:
        """Return 1."""
        del update
        return 1.0


@dataclass(frozen=True)
class Steps:
    """The rate is multiplied by `by` at each of the updates `at` (torch's MultiStepLR)."""

    at: Sequence[int]
    by: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", tuple(self.at))
        if not self.at or min(self.at) < 1 or self.by <= 0:
            raise ValueError(f"Steps needs updates from 1 on and a positive factor, got at={self.at}, by={self.by}")

    def factor(self, update: int) -> float:
        """Return `by` to the power of the steps so far."""
        return float(self.by ** sum(update >= at for at in self.at))


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the whole rate to `end` times the rate over `updates` updates; then it stays there.

    torch's CosineAnnealingLR; Loshchilov and Hutter 2017 without restarts.
    """

    updates: int
    end: float = 0.0

    def __post_init__(self) -> None:
        if self.updates < 1 or self.end < 0:
            raise ValueError(f"Cosine needs at least one update and an end from 0 on, got {self}")

    def factor(self, update: int) -> float:
        """Return end + (1 - end) (1 + cos(pi update / updates)) / 2."""
        share = min(update / self.updates, 1.0)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class WarmUp:
    """The rate rises linearly over `updates` updates to the whole rate, with which the last of them is made.

    `then` begins at the next update, and counts from there.
    """

    updates: int
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        if self.updates < 1:
            raise ValueError(f"WarmUp needs at least one update, got {self.updates}")

    def factor(self, update: int) -> float:
        """Return (update + 1) / updates, later the factor of `then`."""
        if update < self.updates:
            return (update + 1) / self.updates
        return self.then.factor(update - self.updates)


@dataclass(frozen=True)
class _Adaptive:
    """What Adam and AdamW have in common."""

    rate: float = 0.003
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    decay: float = 0.0
    schedule: Schedule = Constant()

    def __post_init__(self) -> None:
        _check(self.rate, self.decay, self.betas, self.eps)
        object.__setattr__(self, "betas", tuple(self.betas))

    def rate_at(self, update: int) -> float:
        """Return the rate of this update, counted from 0."""
        return self.rate * self.schedule.factor(update)


@dataclass(frozen=True)
class Adam(_Adaptive):
    """Kingma and Ba 2015. `decay` is L2 in the gradient: decay * w is added to it, for all parameters."""

    @property
    def plain(self) -> bool:
        """Whether it is what `Run(rate=...)` trains with."""
        return self == Adam(self.rate)


@dataclass(frozen=True)
class AdamW(_Adaptive):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): w shrinks by rate * decay * w, all parameters."""

    decay: float = 0.01

    @property
    def plain(self) -> bool:
        """Whether it is what `Run(rate=...)` trains with: without decay, too, it is another kernel."""
        return False


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: velocity = momentum * velocity + gradient, w -= rate * velocity.

    Nesterov's form steps along gradient + momentum * velocity, as torch writes it (Sutskever et al. 2013). `decay` is
    L2 in the gradient, for all parameters.
    """

    rate: float
    momentum: float = 0.0
    nesterov: bool = False
    decay: float = 0.0
    schedule: Schedule = Constant()

    def __post_init__(self) -> None:
        _check(self.rate, self.decay)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")

    def rate_at(self, update: int) -> float:
        """Return the rate of this update, counted from 0."""
        return self.rate * self.schedule.factor(update)

    @property
    def plain(self) -> bool:
        """Whether it is what `Run(rate=...)` trains with."""
        return False


Optimiser = Adam | AdamW | SGD


def _check(rate: float, decay: float, betas: Sequence[float] = (0.0, 0.0), eps: float = 1.0) -> None:
    """Raise a ValueError for numbers with which no optimiser is defined."""
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"rate must be a number from 0 on, got {rate}")
    if not (math.isfinite(decay) and decay >= 0):
        raise ValueError(f"decay must be a number from 0 on, got {decay}")
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):  # noqa: PLR2004 - one for each moment
        raise ValueError(f"betas must be two numbers in [0, 1), got {betas}")
    if eps < 0:
        raise ValueError(f"eps must not be negative, got {eps}")
