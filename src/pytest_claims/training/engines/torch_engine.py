"""The default engine: many networks as one batched torch computation.

R replicates of one shape are trained together. A layer is one `torch.baddbmm` over arrays with a leading replicate
axis, so a step costs the same few dozen dispatches for 96 networks as for one; the losses of the replicates are
independent, and one backward pass gives all gradients. torch's autograd and torch's own Adam do the mathematics: they
are what the claims test.

Besides stacking, four things matter (docs/performance.md): `set_flush_denormal`, since Adam's moments of dead units
decay into denormal numbers; one intra-op thread; a loop that never reads a value; and freed memory that stays with the
process (`keep_freed_memory`). A stack is cut to fit the cache, in multiples of eight replicates: with these a network's
bits depend on no neighbour.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pytest_claims.training.engines.base import (
    Batches,
    Floats,
    Parameters,
    Settings,
    Task,
    Visit,
    keep_freed_memory,
)
from pytest_claims.vocabulary import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

CACHE_BYTES = 24e6  # working set of a stack; beyond the last-level cache a wider stack gains nothing
WIDEST_STACK = 128  # replicates; dispatch is amortised by then
GATHER_BYTES = 8e6  # minibatch rows copied at a time
GATHER_STEPS = 256

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "square": torch.square,
    "sin": torch.sin,
    "sign": torch.sign,
    "identity": lambda hidden: hidden,
}


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross-entropy of each row, (R, rows)."""
    return -(functional.log_softmax(outputs, dim=-1) * targets).sum(-1)


def hinge(outputs: Tensor, targets: Tensor) -> Tensor:
    """Hinge loss per logit against labels -1 and +1, mean over the logits, (R, rows)."""
    return torch.relu(1 - (2 * targets - 1) * outputs).mean(-1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "absolute": lambda outputs, targets: (outputs - targets).abs().mean(-1),
    "squared": lambda outputs, targets: (outputs - targets).square().mean(-1),
    "fourth": lambda outputs, targets: (outputs - targets).square().square().mean(-1),
    "hinge": hinge,
    "constant": lambda outputs, targets: 0 * (outputs - targets).square().mean(-1),
}

PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {"L1": torch.abs, "L2": torch.square}


def optimiser(parameters: list[Tensor], rate: float) -> torch.optim.Optimizer:
    """Make the optimiser: torch's Adam, one fused kernel over all parameters of a stack."""
    return torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=True)


class Stack:
    """Replicates that share a learning rate, with their parameters and optimiser."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.x, self.targets = _tensor(task.x, task), _tensor(task.targets, task)
        self.row_weight = None if task.row_weight is None else _tensor(task.row_weight, task)
        self.parameters = [_tensor(array, task).clone().requires_grad_() for array in task.parameters]
        self.optimiser = optimiser(self.parameters, task.settings[0].rate)
        self.ones = torch.ones(len(task), dtype=self.x.dtype)
        self.frozen = _positions(task, lambda settings: settings.frozen)
        self.averaged = _positions(task, lambda settings: settings.average_units)

    def losses(self, x: Tensor, targets: Tensor, row_weight: Tensor | None) -> Tensor:
        """Return what each replicate minimises on these rows, (R,)."""
        outputs = forward(self.task, self.parameters, x)
        rows = _by_group(self.task.losses, LOSSES.__getitem__, outputs, targets)
        losses = rows.mean(-1) if row_weight is None else (rows * row_weight).mean(-1)
        if self.task.penalties:
            losses = losses + sum(_by_group(self.task.penalties, _penalty, weights) for weights in self.parameters[::2])
        return losses

    def step(self, x: Tensor, targets: Tensor, row_weight: Tensor | None) -> None:
        """Update once on these rows."""
        self.optimiser.zero_grad()
        torch.autograd.backward(self.losses(x, targets, row_weight), self.ones)
        for replicates, layers in self.frozen:
            for position in (index for layer in layers for index in (2 * layer, 2 * layer + 1)):
                gradient = self.parameters[position].grad
                if gradient is not None:
                    gradient[replicates] = 0
        self.optimiser.step()
        for replicates, _ in self.averaged:
            average_units([parameter.detach()[replicates] for parameter in self.parameters])

    def run(self, steps: int, rows: NDArray[np.int64] | None) -> None:
        """Update `steps` times: on all rows, or on those numbered in `rows` (S, steps, size)."""
        if rows is None:
            for _ in range(steps):
                self.step(self.x, self.targets, self.row_weight)
            return
        chunk = max(
            1, int(GATHER_BYTES / (4 * len(self.task) * rows.shape[2] * (self.x.shape[2] + self.targets.shape[2])))
        )
        for first in range(0, steps, chunk):
            for batch in self._gather(rows[self.task.seed_of, first : first + chunk]):
                self.step(*batch)

    def _gather(self, rows: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Copy the rows (R, steps, size) of several steps at once: two dispatches, not two a step."""
        replicates, steps, size = rows.shape
        flat = rows.transpose(1, 0, 2) + self.x.shape[1] * np.arange(replicates)[None, :, None]
        index = torch.from_numpy(flat.reshape(-1))

        def taken(values: Tensor) -> Sequence[Tensor]:
            return values.flatten(0, 1).index_select(0, index).view(steps, replicates, size, *values.shape[2:]).unbind()

        weights = [None] * steps if self.row_weight is None else taken(self.row_weight)
        return zip(taken(self.x), taken(self.targets), weights, strict=True)


class TorchEngine:
    """Stacked torch; the module's docstring explains it."""

    name = "torch"

    def train(self, task: Task, at: Sequence[int], visit: Visit) -> None:
        """Train all replicates; stacks advance in turn, a few hundred steps each, so that batches are drawn once."""
        with arithmetic(task.threads):
            stacks = [Stack(part) for part in task.parts(stack_size(task), lambda settings: settings.rate)]
            done = 0
            for step in at:
                for count, rows in chunks(task.batches, step - done):
                    for stack in stacks:
                        stack.run(count, rows)
                done = step
                columns = zip(*(stack.parameters for stack in stacks), strict=True)
                visit(step, [_joined([tensor.detach().numpy() for tensor in column]) for column in columns])

    def outputs(self, task: Task, parameters: Parameters, x: Floats, layer: int | None = None) -> Floats:
        """Apply the networks to x, or give the activations of one applied hidden layer."""
        with arithmetic(task.threads), torch.no_grad():
            tensors = [_tensor(array, task) for array in parameters]
            return np.asarray(forward(task, tensors, _tensor(x, task), layer).numpy())

    def objective(self, task: Task, parameters: Parameters) -> tuple[Floats, Floats]:
        """Return the minimised loss over all training rows and the norm of its gradient, each (R,)."""
        with arithmetic(task.threads):
            stack = Stack(task)
            stack.parameters = [_tensor(array, task).clone().requires_grad_() for array in parameters]
            losses = stack.losses(stack.x, stack.targets, stack.row_weight)
            gradients = torch.autograd.grad(losses, stack.parameters, stack.ones)
            squares = torch.stack([gradient.square().sum((1, 2)) for gradient in gradients])
            return losses.detach().numpy(), squares.sum(0).sqrt().numpy()


def make_engine() -> TorchEngine:
    """Return the engine (pytest_claims.training.engines calls this)."""
    keep_freed_memory()
    return TorchEngine()


def forward(task: Task, parameters: Sequence[Tensor], x: Tensor, layer: int | None = None) -> Tensor:
    """Apply the networks to x (R, rows, d), up to the outputs or to the activations of applied hidden layer `layer`."""
    *hidden_layers, last = task.layers
    hidden = x
    for position, index in enumerate(hidden_layers):
        linear = torch.baddbmm(parameters[2 * index + 1], hidden, parameters[2 * index])
        hidden = _by_group(task.activations, ACTIVATIONS.__getitem__, linear)
        if position == layer:
            return hidden
    return torch.baddbmm(parameters[2 * last + 1], hidden, parameters[2 * last])


def average_units(parameters: Sequence[Tensor]) -> None:
    """Give all units of a hidden layer their mean: incoming weights, biases and outgoing weights, in place."""
    for layer in range(len(parameters) // 2 - 1):
        incoming, biases, outgoing = parameters[2 * layer], parameters[2 * layer + 1], parameters[2 * layer + 2]
        incoming.copy_(incoming.mean(2, keepdim=True).expand_as(incoming))
        biases.copy_(biases.mean(2, keepdim=True).expand_as(biases))
        outgoing.copy_(outgoing.mean(1, keepdim=True).expand_as(outgoing))


def stack_size(task: Task) -> int:
    """Return how many replicates to train at once, a multiple of eight."""
    rows = task.batches.size if task.batches is not None else task.x.shape[1]
    parameters = sum(array[0].size for array in task.parameters)
    activations = rows * sum(task.sizes[layer + 1] for layer in task.layers)
    working_set = 4 * (
        4 * parameters + 3 * activations
    )  # float32: weights, gradients, two moments; values and gradients
    return BLOCK * int(np.clip(CACHE_BYTES / working_set / BLOCK, 1, WIDEST_STACK // BLOCK))


def chunks(batches: Batches | None, steps: int) -> Iterator[tuple[int, NDArray[np.int64] | None]]:
    """Cut `steps` into counts, each with the rows of its batches (None: all rows)."""
    if batches is None:
        yield steps, None
        return
    for first in range(0, steps, GATHER_STEPS):
        count = min(GATHER_STEPS, steps - first)
        yield count, batches.draw(count)


@contextmanager
def arithmetic(threads: int) -> Iterator[None]:
    """Flush denormals and use `threads` intra-op threads within the block; restore both after it."""
    before, flushed = torch.get_num_threads(), _flushes_denormals()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(before)


def _flushes_denormals() -> bool:
    return bool((torch.full((8,), 1e-40) * 1.0 == 0).all())


def _tensor(array: Floats, task: Task) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=task.dtype))


def _joined(arrays: list[Any]) -> Floats:
    return np.asarray(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))


def _by_group(
    groups: list[tuple[Any, int]], function_of: Callable[[Any], Callable[..., Tensor]], *values: Tensor
) -> Tensor:
    """Apply to each group of neighbouring replicates its own function."""
    if len(groups) == 1:
        return function_of(groups[0][0])(*values)
    counts = [count for _, count in groups]
    columns = zip(*(torch.split(value, counts) for value in values), strict=True)
    return torch.cat([function_of(name)(*column) for (name, _), column in zip(groups, columns, strict=True)])


def _penalty(penalty: tuple[str, float] | None) -> Callable[[Tensor], Tensor]:
    """Return the penalty of one layer's weights (R, fan_in, fan_out), a function to (R,)."""
    if penalty is None:
        return lambda weights: weights.new_zeros(len(weights))
    kind, strength = penalty
    return lambda weights: strength * PENALTIES[kind](weights).mean((1, 2))


def _positions(task: Task, key: Callable[[Settings], Any]) -> list[tuple[slice, Any]]:
    """Return the replicates for which `key` is set, as slices with its value."""
    positions, start = [], 0
    for value, count in task.groups(key):
        if value:
            positions.append((slice(start, start + count), value))
        start += count
    return positions
