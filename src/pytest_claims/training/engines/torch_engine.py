"""The default engine: many networks as one batched torch computation.

R replicates of one shape are trained together. A layer is one `torch.baddbmm` over arrays with a leading replicate
axis, so a step costs the same few dozen dispatches for 96 networks as for one; the losses of the replicates are
independent, and one backward pass gives all gradients. torch's autograd and torch's own Adam do the mathematics: they
are what the claims test.

What a network computes, and in which order of axes, stands in torch_functions.py. The arrays that go in and out have
the shapes of base.py.

Besides stacking, four things matter (docs/performance.md): `set_flush_denormal`, since Adam's moments of dead units
decay into denormal numbers; one intra-op thread; a loop that never reads a value; and freed memory that stays with the
process (`keep_freed_memory`). A stack is cut to fit the cache, in multiples of eight replicates: with these a network's
bits depend on no neighbour.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from pytest_claims.training.engines.base import (
    Batches,
    Floats,
    Parameters,
    Settings,
    Task,
    Visit,
    keep_freed_memory,
)
from pytest_claims.training.engines.torch_functions import (
    FEATURES_FIRST,
    LOSSES,
    ROWS_FIRST,
    Order,
    average_units,
    by_group,
    forward,
    penalty_of,
)
from pytest_claims.training.engines.torch_guide import Guide, extra_losses
from pytest_claims.training.engines.torch_lowering import Mode
from pytest_claims.training.engines.torch_modules import ModuleNetwork, evaluate
from pytest_claims.vocabulary import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

CACHE_BYTES = 24e6  # working set of a stack; beyond the last-level cache a wider stack gains nothing
WIDEST_STACK = 128  # replicates; dispatch is amortised by then
# a module has many small operations, whose dispatch costs more than the cache saves: seen on an AMD EPYC, family 25, a
# stack of 32 replicates takes .6 to .8 of the time of one of 8 for 34 layers, and about the same for a small CNN
WIDE_STACK, MODULE_BYTES = 32, 512e6
GATHER_BYTES = 8e6  # minibatch rows copied at a time
GATHER_STEPS = 256
FEW_ROWS = 4  # rows in a step; up to here products are faster with the units side by side


class Adam:
    """torch's Adam in its functional form: one fused kernel over all parameters of a stack.

    `torch.optim.Adam` calls the same function. What that class does around it takes longer than the kernel where
    networks are small; a test compares the two bit by bit. Betas 0.9 and 0.999, eps 1e-8.
    """

    def __init__(self, parameters: list[Tensor], rate: float) -> None:
        self.parameters, self.rate = parameters, rate
        self.values = [parameter.detach() for parameter in parameters]
        self.first, self.second = ([torch.zeros_like(value) for value in self.values] for _ in range(2))
        self.updates = [torch.zeros((), dtype=torch.float32) for _ in parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update all parameters once by their gradients."""
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        adam(
            self.values, gradients, self.first, self.second, [], self.updates, fused=True, amsgrad=False,
            beta1=0.9, beta2=0.999, lr=self.rate, weight_decay=0.0, eps=1e-8, maximize=False,
        )  # fmt: skip


def optimiser(parameters: list[Tensor], rate: float) -> Adam:
    """Make the optimiser of a stack."""
    return Adam(parameters, rate)


class Stack:
    """Replicates that share a learning rate, with their parameters and optimiser."""

    def __init__(self, task: Task) -> None:
        self.task, self.order = task, order_of(task)
        self.x, self.targets = _tensor(task.x, task), _tensor(task.targets, task)
        if task.batches is None:
            self.x, self.targets = (self.order.turned(rows).contiguous() for rows in (self.x, self.targets))
        self.row_weight = None if task.row_weight is None else _tensor(task.row_weight, task)
        self.state = _parameters(task.parameters, task, self.order)
        self.parameters = self.state if task.modules is None else self.state[: task.trained]
        self.buffers = self.state[len(self.parameters) :]
        self.network: Callable[..., Tensor] = partial(forward, task)
        if task.modules is not None:
            self.network = ModuleNetwork(task, self.buffers)
        for parameter in self.parameters:
            parameter.requires_grad_()
        self.ones = torch.ones(len(task), dtype=self.x.dtype)
        self.frozen = _positions(task, lambda settings: settings.frozen)
        self.averaged = _positions(task, lambda settings: settings.average_units)

    @cached_property
    def optimiser(self) -> Adam:
        """What updates the parameters; one whose loss alone is wanted needs none."""
        return optimiser(self.parameters, self.task.settings[0].rate)

    def losses(self, x: Tensor, targets: Tensor, row_weight: Tensor | None) -> Tensor:
        """Return what each replicate minimises on these rows, (R,)."""
        return self.losses_of(self.network(self.parameters, x, self.order), targets, row_weight)

    def measured_losses(self, x: Tensor, targets: Tensor, row_weight: Tensor | None) -> Tensor:
        """Return the same of networks that are measured, not trained: modules are in evaluation mode."""
        if self.task.modules is None:
            return self.losses(x, targets, row_weight)
        outputs = evaluate(self.task, [*self.parameters, *self.buffers], x, Mode.EVALUATION)
        return self.losses_of(outputs, targets, row_weight)

    def losses_of(self, outputs: Tensor, targets: Tensor, row_weight: Tensor | None) -> Tensor:
        """Return what each replicate minimises where the networks give these outputs, (R,)."""
        dim = self.order.units
        rows = by_group(self.task.losses, lambda loss: partial(LOSSES[loss], dim=dim), outputs, targets)
        losses = rows.mean(-1) if row_weight is None else (rows * row_weight).mean(-1)
        if self.task.penalties:
            losses = losses + sum(by_group(self.task.penalties, penalty_of, weights) for weights in self.weights)
        if self.task.extra_losses:
            losses = losses + extra_losses(self.task, self.parameters, outputs, self.order.turned)
        return losses

    @property
    def weights(self) -> list[Tensor]:
        """What a penalty is about: the weights of all layers; of a module all parameters with two axes or more."""
        if self.task.modules is None:
            return self.parameters[::2]
        return [parameter for parameter in self.parameters if parameter.ndim > 2]  # noqa: PLR2004 - replicates and two

    @property
    def averages(self) -> list[Tensor]:
        """The running averages of the parameters; without any, the parameters."""
        return self.parameters

    def step(self, x: Tensor, targets: Tensor, row_weight: Tensor | None) -> None:
        """Update once on these rows."""
        self.optimiser.zero_grad()
        torch.autograd.backward(self.losses(x, targets, row_weight), self.ones)
        if isinstance(self.network, ModuleNetwork):
            self.network.fill(self.parameters)
        for replicates, layers in self.frozen:
            for position in (index for layer in layers for index in (2 * layer, 2 * layer + 1)):
                gradient = self.parameters[position].grad
                if gradient is not None:
                    gradient[replicates] = 0
        self.optimiser.step()
        for replicates, _ in self.averaged:
            average_units([parameter.detach()[replicates] for parameter in self.parameters], self.order)

    def run(self, steps: int, rows: NDArray[np.int64] | None) -> None:
        """Update `steps` times: on all rows, or on those numbered in `rows` (S, steps, size)."""
        if rows is None:
            for _ in range(steps):
                self.step(self.x, self.targets, self.row_weight)
            return
        chunk = max(
            1, int(GATHER_BYTES / (4 * len(self.task) * rows.shape[2] * (self.x[0, 0].numel() + self.targets.shape[2])))
        )
        for first in range(0, steps, chunk):
            for batch in self._gather(rows[self.task.seed_of, first : first + chunk]):
                self.step(*batch)

    def _gather(self, rows: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Copy the rows (R, steps, size) of several steps at once: a few dispatches, not a few a step.

        The rows of x are copied as they lie and turned as a view, which a product takes as it is. Targets are copied
        once more: from a view, losses would be computed by other kernels.
        """
        replicates, steps, size = rows.shape
        flat = rows.transpose(1, 0, 2) + self.x.shape[1] * np.arange(replicates)[None, :, None]
        index = torch.from_numpy(flat.reshape(-1))

        def taken(values: Tensor) -> Tensor:
            return values.flatten(0, 1).index_select(0, index).view(steps, replicates, size, *values.shape[2:])

        x, targets = taken(self.x), taken(self.targets)
        if self.order == FEATURES_FIRST:
            x, targets = x.mT, targets.mT.contiguous()
        weights = [None] * steps if self.row_weight is None else taken(self.row_weight).unbind()
        return zip(x.unbind(), targets.unbind(), weights, strict=True)


class GuidedStack(Stack):
    """A stack that trains by a regime (torch_guide.py)."""

    @cached_property
    def optimiser(self) -> Guide:  # type: ignore[override]
        """What updates the parameters."""
        masks = None if self.task.masks is None else _parameters(self.task.masks, self.task, self.order)
        return Guide(self.task, self.parameters, self.order.turned, frozen_parameters, masks, self.buffers)

    @property
    def averages(self) -> list[Tensor]:
        """The running averages of the parameters; without any, the parameters."""
        return self.optimiser.averages or self.parameters

    def step(self, x: Tensor, targets: Tensor, row_weight: Tensor | None) -> None:
        """Update once on these rows, or on those that the regime makes of them."""
        super().step(*self.optimiser.rows((x, targets, row_weight), self.measured_losses))
        self.optimiser.after(self._loss_of_all_rows)

    def run(self, steps: int, rows: NDArray[np.int64] | None) -> None:
        """Update `steps` times, unless all replicates have stopped."""
        if not self.optimiser.finished:
            super().run(steps, rows)

    def _loss_of_all_rows(self) -> Tensor:
        rows = (self.x, self.targets)
        x, targets = rows if self.task.batches is None else map(self.order.turned, rows)
        return self.measured_losses(x, targets, self.row_weight)


def stack_of(task: Task) -> Stack:
    """Return the stack of replicates that train in one way."""
    return Stack(task) if task.settings[0].regime is None else GuidedStack(task)


def way(settings: Settings) -> Any:
    """Return what a stack's replicates have in common: structure, and the rate of plain Adam or a regime's parts."""
    return settings.structure, settings.rate if settings.regime is None else settings.regime.shared


def frozen_parameters(settings: Settings) -> set[int]:
    """Return the positions of the frozen layers' parameters."""
    return {index for layer in settings.frozen for index in (2 * layer, 2 * layer + 1)}


class TorchEngine:
    """Stacked torch; the module's docstring explains it."""

    name = "torch"
    trains_modules = True

    def train(self, task: Task, at: Sequence[int], visit: Visit) -> None:
        """Train all replicates; stacks advance in turn, a few hundred steps each, so that batches are drawn once."""
        with arithmetic(task.threads):
            stacks = [stack_of(part) for part in task.parts(stack_size(task), way)]
            done = 0
            for step in at:
                for count, rows in chunks(task.batches, step - done):
                    for stack in stacks:
                        stack.run(count, rows)
                done = step
                turned = order_of(task).turned
                averages = None
                if any(stack.averages is not stack.parameters for stack in stacks):
                    averages = _handed([[*stack.averages, *stack.buffers] for stack in stacks], turned)
                visit(step, _handed([stack.state for stack in stacks], turned), averages)

    def outputs(self, task: Task, parameters: Parameters, x: Floats, layer: Any = None) -> Floats:
        """Apply the networks to x, or give what one applied hidden layer, or a module's submodule, returns."""
        with arithmetic(task.threads), torch.no_grad():
            if task.modules is not None:
                state = _parameters(parameters, task, ROWS_FIRST)
                return np.asarray(evaluate(task, state, _tensor(x, task), Mode.EVALUATION, layer).numpy())
            tensors, turned = _parameters(parameters, task, FEATURES_FIRST), FEATURES_FIRST.turned
            outputs = forward(task, tensors, turned(_tensor(x, task)), FEATURES_FIRST, layer)
            return np.asarray(turned(outputs).contiguous().numpy())

    def objective(self, task: Task, parameters: Parameters) -> tuple[Floats, Floats]:
        """Return what is minimised over all training rows and the norm of its gradient, each (R,)."""
        with arithmetic(task.threads):
            stack = Stack(dataclasses.replace(task, parameters=parameters, batches=None))
            losses = stack.measured_losses(stack.x, stack.targets, stack.row_weight)
            gradients = torch.autograd.grad(losses, stack.parameters, stack.ones, materialize_grads=True)
            squares = torch.stack([_by_replicate(gradient.square()) for gradient in gradients])
            return losses.detach().numpy(), squares.sum(0).sqrt().numpy()

    def losses_of(self, task: Task, outputs: Floats) -> Floats:
        """Return what is minimised where the networks give these outputs on the training rows, (R,)."""
        with arithmetic(task.threads), torch.no_grad():
            stack = Stack(dataclasses.replace(task, batches=None))
            given = stack.order.turned(_tensor(outputs, task))
            return np.asarray(stack.losses_of(given, stack.targets, stack.row_weight).numpy())

    def settled(self, task: Task, parameters: Parameters) -> Parameters:
        """Return parameters and buffers with batch norm's statistics taken over all training rows, layer by layer."""
        with arithmetic(task.threads), torch.no_grad():
            state = _parameters(parameters, task, ROWS_FIRST)
            evaluate(task, state, _tensor(task.x, task), Mode.STATISTICS)
            return [np.asarray(tensor.numpy()) for tensor in state]


def make_engine() -> TorchEngine:
    """Return the engine (pytest_claims.training.engines calls this)."""
    keep_freed_memory()
    return TorchEngine()


def rows_in_a_step(task: Task) -> int:
    """Return how many rows every replicate sees in one step."""
    return task.batches.size if task.batches is not None else int(task.x.shape[1])


def order_of(task: Task) -> Order:
    """Return the order in which a task's replicates train; it depends on the number of rows in a step alone."""
    few = rows_in_a_step(task) <= FEW_ROWS
    return ROWS_FIRST if few or task.modules is not None else FEATURES_FIRST


def stack_size(task: Task) -> int:
    """Return how many replicates to train at once, a multiple of eight."""
    parameters = sum(array[0].size for array in task.parameters)
    activations = rows_in_a_step(task) * task.values_in_a_row
    working_set = 4 * (
        4 * parameters + 3 * activations
    )  # float32: weights, gradients, two moments; values and gradients
    size = CACHE_BYTES / working_set
    if task.modules is not None:
        size = max(size, min(WIDE_STACK, MODULE_BYTES / working_set))
    return BLOCK * int(np.clip(size / BLOCK, 1, WIDEST_STACK // BLOCK))


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


def _parameters(arrays: Parameters, task: Task, order: Order) -> list[Tensor]:
    """Copy parameters into this order; training changes them in place, and leaves the task's own as they are."""
    return [torch.from_numpy(np.array(order.turned(array), _type(array, task), order="C")) for array in arrays]


def _type(array: Floats, task: Task) -> Any:
    """Return the type of an array in the engine; a module's counters stay whole numbers."""
    return task.dtype if array.dtype.kind == "f" else array.dtype


def _by_replicate(values: Tensor) -> Tensor:
    """Sum (R, ...) over everything but the replicates."""
    return values.sum(tuple(range(1, values.ndim))) if values.ndim > 1 else values


def _handed(stacks: list[list[Tensor]], turned: Callable[[Any], Any]) -> list[Floats]:
    """Return the parameters of all stacks in the shapes of base.py."""
    columns = zip(*stacks, strict=True)
    return [turned(_joined([tensor.detach().numpy() for tensor in column])) for column in columns]


def _joined(arrays: list[Any]) -> Floats:
    return np.asarray(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))


def _positions(task: Task, key: Callable[[Settings], Any]) -> list[tuple[slice, Any]]:
    """Return the replicates for which `key` is set, as slices with its value."""
    positions, start = [], 0
    for value, count in task.groups(key):
        if value:
            positions.append((slice(start, start + count), value))
        start += count
    return positions
