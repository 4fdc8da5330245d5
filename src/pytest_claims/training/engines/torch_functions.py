"""What networks of a stack compute: the order of axes, layers, activations, losses and penalties.

Rows lie side by side: activations are (R, units, rows), weights (R, out, in). A layer of two outputs is then a product
of wide matrices. Only batches of four rows and less lie the other way round (`Order`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_claims.training.engines.base import Task


@dataclass(frozen=True)
class Order:
    """The axes of units and of rows in a stack's activations, counted from the end.

    Weights have their axes in an order to match, so that a layer needs no array turned.
    """

    units: int
    rows: int

    def turned(self, array: Any) -> Any:
        """Change weights, biases or rows between the order of base.py and this one: a view, in both directions."""
        return array.swapaxes(1, 2) if self == FEATURES_FIRST else array

    def layer(self, biases: Tensor, weights: Tensor, hidden: Tensor) -> Tensor:
        """Return a layer's sums, before the activation."""
        return torch.baddbmm(biases, *((weights, hidden) if self == FEATURES_FIRST else (hidden, weights)))


FEATURES_FIRST = Order(units=-2, rows=-1)  # activations (R, units, rows), weights (R, out, in), biases (R, out, 1)
ROWS_FIRST = Order(units=-1, rows=-2)  # activations (R, rows, units), weights (R, in, out), biases (R, 1, out)

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "square": torch.square,
    "sin": torch.sin,
    "sign": torch.sign,
    "identity": lambda hidden: hidden,
}


# Losses map outputs and targets to the loss of each row, (R, rows); `dim` is the axis of the outputs.


def cross_entropy(outputs: Tensor, targets: Tensor, dim: int = -1) -> Tensor:
    """Softmax cross-entropy."""
    return -(functional.log_softmax(outputs, dim) * targets).sum(dim)


def absolute(outputs: Tensor, targets: Tensor, dim: int = -1) -> Tensor:
    """Return the mean of |e| over the outputs."""
    return (outputs - targets).abs().mean(dim)


def squared(outputs: Tensor, targets: Tensor, dim: int = -1) -> Tensor:
    """Return the mean of e^2 over the outputs."""
    return (outputs - targets).square().mean(dim)


def fourth(outputs: Tensor, targets: Tensor, dim: int = -1) -> Tensor:
    """Return the mean of e^4 over the outputs."""
    return (outputs - targets).square().square().mean(dim)


def hinge(outputs: Tensor, targets: Tensor, dim: int = -1) -> Tensor:
    """Hinge loss per logit against labels -1 and +1, mean over the logits."""
    return torch.relu(1 - (2 * targets - 1) * outputs).mean(dim)


def constant(outputs: Tensor, targets: Tensor, dim: int = -1) -> Tensor:
    """Zero, with a gradient of zeros."""
    return 0 * squared(outputs, targets, dim)


LOSSES: dict[str, Callable[..., Tensor]] = {
    loss.__name__: loss for loss in (cross_entropy, absolute, squared, fourth, hinge, constant)
}

PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {"L1": torch.abs, "L2": torch.square}


def forward(task: Task, parameters: Sequence[Tensor], x: Tensor, order: Order, layer: int | None = None) -> Tensor:
    """Apply the networks to x, up to the outputs or to the activations of applied hidden layer `layer`.

    All arrays are in `order`; x is (R, d, rows), or (R, rows, d) with the rows first.
    """
    *hidden_layers, last = task.layers
    hidden = x
    for position, index in enumerate(hidden_layers):
        linear = order.layer(parameters[2 * index + 1], parameters[2 * index], hidden)
        hidden = by_group(task.activations, ACTIVATIONS.__getitem__, linear)
        if position == layer:
            return hidden
    return order.layer(parameters[2 * last + 1], parameters[2 * last], hidden)


def average_units(parameters: Sequence[Tensor], order: Order) -> None:
    """Give all units of a hidden layer their mean: incoming weights, biases and outgoing weights, in place."""
    for layer in range(len(parameters) // 2 - 1):
        incoming, biases, outgoing = parameters[2 * layer], parameters[2 * layer + 1], parameters[2 * layer + 2]
        for array, axis in ((incoming, order.units), (biases, order.units), (outgoing, order.rows)):
            array.copy_(array.mean(axis, keepdim=True).expand_as(array))


def by_group(
    groups: list[tuple[Any, int]], function_of: Callable[[Any], Callable[..., Tensor]], *values: Tensor
) -> Tensor:
    """Apply to each group of neighbouring replicates its own function."""
    if len(groups) == 1:
        return function_of(groups[0][0])(*values)
    counts = [count for _, count in groups]
    columns = zip(*(torch.split(value, counts) for value in values), strict=True)
    return torch.cat([function_of(name)(*column) for (name, _), column in zip(groups, columns, strict=True)])


def penalty_of(penalty: tuple[str, float] | None) -> Callable[[Tensor], Tensor]:
    """Return the penalty of one layer's weights (R, ...), a function to (R,)."""
    if penalty is None:
        return lambda weights: weights.new_zeros(len(weights))
    kind, strength = penalty
    return lambda weights: strength * PENALTIES[kind](weights).mean(tuple(range(1, weights.ndim)))
