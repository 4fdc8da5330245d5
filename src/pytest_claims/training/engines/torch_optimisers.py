"""torch's own optimisers on a stack: one call for each group of neighbouring replicates with equal numbers.

`torch.optim`'s classes call the same functions; a test compares the two bit by bit. A group's parameters are views of
the stack's along the axis of the replicates. So a tuning grid is one stack, and a replicate's numbers do not depend on
the rates beside it. (One call at rate 1 whose updates are scaled afterwards is up to a tenth of the time where networks
are tiny, and longer where they are not; it has other bits than torch's.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from pytest_claims.training.optimisers import SGD, Adam, AdamW, Optimiser

if TYPE_CHECKING:
    from collections.abc import Sequence


class Group:
    """Neighbouring replicates `here` of a stack with one optimiser; `parameters` are those that it updates."""

    def __init__(self, optimiser: Optimiser, parameters: Sequence[Tensor], here: slice) -> None:
        self.optimiser, self.parameters, self.here = optimiser, list(parameters), here
        self.values = [parameter.detach()[here] for parameter in parameters]
        self.first, self.second = ([torch.zeros_like(value) for value in self.values] for _ in range(2))
        self.updates = [torch.zeros((), dtype=torch.float32) for _ in self.values]
        self.velocities: list[Tensor | None] = [None] * len(self.values)

    def step(self, update: int) -> None:
        """Update by the gradients; `update` counts from 0. A parameter without a gradient stays, as in torch.optim."""
        chosen = [index for index, parameter in enumerate(self.parameters) if parameter.grad is not None]
        values = [self.values[index] for index in chosen]
        gradients = [gradient[self.here] for parameter in self.parameters if (gradient := parameter.grad) is not None]
        if not values:
            return
        rate = self.optimiser.rate_at(update)
        match self.optimiser:
            case SGD() as plain:
                velocities = [self.velocities[index] for index in chosen]
                sgd(
                    values, gradients, velocities, fused=True, weight_decay=plain.decay, momentum=plain.momentum,
                    lr=rate, dampening=0.0, nesterov=plain.nesterov, maximize=False,
                )  # fmt: skip
                for index, velocity in zip(chosen, velocities, strict=True):
                    self.velocities[index] = velocity
            case Adam() | AdamW() as adaptive:
                function = adamw if isinstance(adaptive, AdamW) else adam
                first, second, updates = (
                    [state[index] for index in chosen] for state in (self.first, self.second, self.updates)
                )
                function(
                    values, gradients, first, second, [], updates, fused=True, amsgrad=False, beta1=adaptive.betas[0],
                    beta2=adaptive.betas[1], lr=rate, weight_decay=adaptive.decay, eps=adaptive.eps, maximize=False,
                )  # fmt: skip


def clip(parameters: Sequence[Tensor], largest: Tensor) -> None:
    """Scale each replicate's gradient down to its norm in `largest` (R,); the norm is that of all parameters together.

    In place, and as torch.nn.utils.clip_grad_norm_ does for one network. Squares are added tensor by tensor: a sum over
    a stacked axis adds in an order that depends on the number of replicates.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    squares = torch.zeros_like(largest)
    for gradient in gradients:
        squares += gradient.square().flatten(1).sum(1)
    factor = (largest / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *(1,) * (gradient.ndim - 1)))
