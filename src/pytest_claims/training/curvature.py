"""How the loss changes with weights and inputs: gradients, and the largest eigenvalues of its Hessian.

    loss_gradient(now)                                   # (seed, axes of the runs, parameter)
    input_gradient(now, data.x_test, data.y_test)        # (seed, axes of the runs, row, column)
    hessian_eigenvalues(now).isel(eigenvalue=0)          # sharpness: (seed, axes of the runs)

Without x and y the loss is what training minimises, over all training rows, with penalty and weights of rows; with them
it is the mean over these rows, and penalty. All is computed in float64, and with torch: other engines have no gradients
to offer. The functions at the end know no snapshot. They work on any stack of networks, given as a function from the
list of its parameters, (R, ...) each, and of rows, to R losses that do not depend on each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pytest_claims.errors import EngineError
from pytest_claims.training.engines.base import Floats, Task
from pytest_claims.training.labels import one_hot
from pytest_claims.training.modules import HIDDEN_AXES, axes_named
from pytest_claims.training.runs import Rows
from pytest_claims.training.train import Snapshot
from pytest_claims.vocabulary import BLOCK

if TYPE_CHECKING:
    from torch import Tensor

    Losses = Callable[[Sequence[Tensor], Tensor, Tensor], Tensor]
    """Of R replicates: parameters (R, ...), rows x (R, rows, ...) and targets (R, rows, outputs) to losses (R,)."""

    Compute = Callable[[Losses, list[Tensor], Tensor, Tensor], Tensor]

PURPOSE = "power iteration"
ITERATIONS = 20


def loss_gradient(now: Snapshot, x: Rows | None = None, y: Rows | None = None) -> xr.DataArray:
    """Return the gradient with respect to all weights and biases, side by side: (seed, ..., parameter).

    Layer by layer, a layer's weights (fan_in, fan_out) row by row, before its biases; a module's parameters in its own
    order. Of a module everything here is taken in evaluation mode.
    """

    def compute(losses: Losses, parameters: list[Tensor], x: Tensor, targets: Tensor) -> Tensor:
        return flat(gradients(losses, parameters, x, targets))

    return now.training.layout.labelled(_by_part(now, x, y, lambda _: compute), ("parameter",))


def input_gradient(now: Snapshot, x: Rows | None = None, y: Rows | None = None) -> xr.DataArray:
    """Return the gradient of each row's loss with respect to the row's own inputs: (seed, ..., row, column).

    Rows of a module may have more axes: (row, channel, position) or (row, channel, height, width).

    Of the mean loss, times the number of rows: the same where no row's loss depends on another row.
    """

    def compute(losses: Losses, parameters: list[Tensor], x: Tensor, targets: Tensor) -> Tensor:
        return input_gradients(losses, parameters, x, targets) * x.shape[1]

    values = _by_part(now, x, y, lambda _: compute)
    dims = ("row", "column") if values.ndim == 3 else axes_named(HIDDEN_AXES, values.ndim - 1)  # noqa: PLR2004 - (R, row, column)
    return now.training.layout.labelled(values, dims)


def squared_gradient(now: Snapshot, x: Rows, y: Rows) -> xr.DataArray:
    """Return the mean over rows of the square of each row's own gradient: (seed, ..., parameter).

    Without penalty. Where y are classes drawn from the network's own probabilities, and the loss is cross-entropy, this
    is the diagonal of the Fisher information, estimated from one draw a row (Kirkpatrick et al. 2017).
    """

    def compute(losses: Losses, parameters: list[Tensor], x: Tensor, targets: Tensor) -> Tensor:
        return squared_gradients(losses, parameters, x, targets)

    return now.training.layout.labelled(_by_part(now, x, y, lambda _: compute, penalty=False), ("parameter",))


def hessian_eigenvalues(
    now: Snapshot, x: Rows | None = None, y: Rows | None = None, *, count: int = 1, iterations: int = ITERATIONS
) -> xr.DataArray:
    """Return the eigenvalues of largest magnitude of the loss's Hessian, with their sign: (seed, ..., eigenvalue).

    By power iteration from a random vector (purpose "power iteration", the same for all runs of a seed), without the
    Hessian: an iteration costs about two gradients. After few iterations an eigenvalue is a lower bound of its
    magnitude. ValueError below one eigenvalue or iteration.
    """
    size = sum(array[0].size for array in now.arrays[: now.training.task.trained])
    if not 1 <= count <= size or iterations < 1:
        raise ValueError(
            f"{size} parameters have 1 to {size} eigenvalues, found by at least one iteration; asked for {count} by "
            f"{iterations}"
        )
    drawn = [generator.standard_normal((count, size)) for generator in now.training.layout.seeds.generator(PURPOSE)]

    def of_part(task: Task) -> Compute:
        import torch

        starts = torch.from_numpy(np.stack([drawn[seed] for seed in task.seed_of], axis=1))

        def compute(losses: Losses, parameters: list[Tensor], x: Tensor, targets: Tensor) -> Tensor:
            return largest_eigenvalues(losses, parameters, x, targets, starts, iterations)

        return compute

    values = now.training.layout.labelled(_by_part(now, x, y, of_part), ("eigenvalue",))
    return values.assign_coords(eigenvalue=range(count))


def _by_part(
    now: Snapshot, x: Rows | None, y: Rows | None, of_part: Callable[[Task], Compute], *, penalty: bool = True
) -> Floats:
    """Compute something for every replicate, a few of them at a time: their graphs hold all rows of all layers."""
    if now.training.engine.name != "torch":
        raise EngineError(
            f"gradients are computed by the engine torch, and these seeds have {now.training.engine.name}"
        )
    if (x is None) != (y is None):
        raise ValueError("gradients need x and y, or neither for the training rows")
    from pytest_claims.training.engines.torch_engine import arithmetic

    whole, parts = now.training.task, []
    for start in range(0, len(whole), BLOCK):
        stop = min(start + BLOCK, len(whole))
        parameters = [array[start:stop] for array in now.measured_arrays()]
        task = dataclasses.replace(whole.part(start, stop), parameters=parameters, batches=None, dtype="float64")
        if x is not None and y is not None:
            inputs, targets = _rows(now, x, y, range(start, stop))
            task = dataclasses.replace(task, row_weight=None, x=inputs, targets=targets)
        if not penalty:
            settings = tuple(dataclasses.replace(each, penalty=None) for each in task.settings)
            task = dataclasses.replace(task, settings=settings)
        with arithmetic(task.threads):
            parts.append(of_part(task)(*_differentiable(task)).detach().numpy())
    return np.concatenate(parts)


def _rows(now: Snapshot, x: Rows, y: Rows, replicates: range) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return inputs and targets of some replicates, classes as one-hot targets."""
    layout, outputs = now.training.layout, now.training.task.targets.shape[-1]
    first = next(iter(y.values())) if isinstance(y, dict) else np.asarray(y)
    classes = np.issubdtype(first.dtype, np.integer)
    targets = layout.rows(y, replicates, ndim=2 if classes else 3)
    return layout.rows(x, replicates, ndim=now.training.task.x.ndim), one_hot(targets, outputs) if classes else targets


def _differentiable(task: Task) -> tuple[Losses, list[Tensor], Tensor, Tensor]:
    """Return the function that a task minimises, its parameters and its rows, all in the order of base.py."""
    import torch

    from pytest_claims.training.engines.torch_engine import Stack

    stack = Stack(task)
    turned = stack.order.turned

    def losses(parameters: Sequence[Tensor], x: Tensor, targets: Tensor) -> Tensor:
        stack.parameters = [turned(parameter) for parameter in parameters]
        return stack.measured_losses(turned(x), turned(targets), stack.row_weight)

    def leaf(array: Floats) -> Tensor:
        return torch.from_numpy(np.array(array, task.dtype)).requires_grad_()

    parameters = [leaf(array) for array in task.parameters[: task.trained]]
    return losses, parameters, leaf(task.x), leaf(task.targets).detach()


# Of any stack of networks; R replicates, P parameters each.


def gradients(losses: Losses, parameters: Sequence[Tensor], x: Tensor, targets: Tensor) -> list[Tensor]:
    """Return the gradients with respect to the parameters, in their shapes; zeros where a loss does not use one."""
    import torch

    found = torch.autograd.grad(losses(parameters, x, targets).sum(), parameters, allow_unused=True)
    return _zeros_for_none(found, parameters)


def input_gradients(losses: Losses, parameters: Sequence[Tensor], x: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the losses with respect to x, in its shape."""
    import torch

    return torch.autograd.grad(losses(parameters, x, targets).sum(), x)[0]


def squared_gradients(losses: Losses, parameters: Sequence[Tensor], x: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over rows of the squares of the gradients of a loss of that row alone, (R, P)."""
    import torch

    total = torch.zeros_like(flat(parameters))
    for row in range(x.shape[1]):
        own = flat(gradients(losses, parameters, x[:, row : row + 1], targets[:, row : row + 1]))
        total += own.square()
    return total / x.shape[1]


def largest_eigenvalues(
    losses: Losses, parameters: Sequence[Tensor], x: Tensor, targets: Tensor, starts: Tensor, iterations: int
) -> Tensor:
    """Return the eigenvalues of largest magnitude of each replicate's Hessian, (R, count).

    `starts` (count, R, P) are the vectors that power iteration begins with. Norms and products are taken within a
    replicate. Later vectors are kept orthogonal to the earlier ones.
    """
    import torch

    slopes = torch.autograd.grad(losses(parameters, x, targets).sum(), parameters, create_graph=True, allow_unused=True)
    used = [(slope, place) for place, slope in enumerate(slopes) if slope is not None and slope.requires_grad]

    def product(vector: Tensor) -> Tensor:
        pieces = unflat(vector, parameters)
        along = sum((slope * pieces[place]).sum() for slope, place in used)
        if not isinstance(along, torch.Tensor):  # no gradient depends on a parameter: the Hessian is zero
            return torch.zeros_like(vector)
        found = torch.autograd.grad(along, parameters, retain_graph=True, allow_unused=True)
        return flat(_zeros_for_none(found, parameters))

    vectors: list[Tensor] = []
    values: list[Tensor] = []
    for start in starts:
        vector = _direction(start, vectors)
        for _ in range(iterations):
            vector = _direction(product(vector), vectors, otherwise=vector)
        values.append((vector * product(vector)).sum(-1))
        vectors.append(vector)
    return torch.stack(values, dim=-1)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors (R, ...) side by side, (R, P)."""
    import torch

    return torch.cat([tensor.flatten(1) for tensor in tensors], dim=1)


def unflat(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Return a vector (R, P) as tensors with the shapes of others: the inverse of `flat`."""
    import torch

    pieces = torch.split(vector, [tensor[0].numel() for tensor in like], dim=1)
    return [piece.reshape(tensor.shape) for piece, tensor in zip(pieces, like, strict=True)]


def _zeros_for_none(found: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    import torch

    return [torch.zeros_like(other) if one is None else one for one, other in zip(found, like, strict=True)]


def _direction(vector: Tensor, others: Sequence[Tensor], otherwise: Tensor | None = None) -> Tensor:
    """Return a unit vector for each replicate, orthogonal to the others; `otherwise` where nothing is left of it."""
    import torch

    for other in others:
        vector = vector - (vector * other).sum(-1, keepdim=True) * other
    length = vector.norm(dim=-1, keepdim=True)
    unit = vector / length.clamp_min(torch.finfo(vector.dtype).tiny)
    return unit if otherwise is None else torch.where(length > 0, unit, otherwise)
