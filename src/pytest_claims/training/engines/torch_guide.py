"""What a stack does around its steps where its regime is more than Adam at one rate.

Everything here holds for any list of parameters with a leading replicate axis, and acts on each replicate alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from pytest_claims.training.engines.torch_optimisers import Group, clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_claims.training.engines.base import Settings, Task
    from pytest_claims.training.regimes import Regime


class Guide:
    """The optimiser of a stack whose replicates have a regime: it clips gradients, and updates group by group."""

    def __init__(
        self,
        task: Task,
        parameters: list[Tensor],
        frozen: Callable[[Settings], set[int]],
        masks: list[Tensor] | None = None,
    ) -> None:
        """`frozen` returns the positions among the parameters that one replicate's settings keep as they are."""
        self.parameters, self.masks = parameters, masks
        regimes = [regime_of(settings) for settings in task.settings]
        largest = [math.inf if regime.clip is None else regime.clip for regime in regimes]
        self.largest = None if min(largest) == math.inf else torch.tensor(largest, dtype=parameters[0].dtype)
        self.groups: list[Group] = []
        start = 0
        for (optimiser, still), count in task.groups(lambda each: (regime_of(each).optimiser, frozen(each))):
            trained = [parameter for index, parameter in enumerate(parameters) if index not in still]
            self.groups.append(Group(optimiser, trained, slice(start, start + count)))
            start += count
        self.done = 0

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update all parameters once by their gradients."""
        if self.masks is not None:
            for parameter, mask in zip(self.parameters, self.masks, strict=True):
                if parameter.grad is not None:
                    parameter.grad.mul_(mask)
        if self.largest is not None:
            clip(self.parameters, self.largest)
        for group in self.groups:
            group.step(self.done)
        self.done += 1


def regime_of(settings: Settings) -> Regime:
    """Return the regime of settings that have one."""
    return cast("Regime", settings.regime)
