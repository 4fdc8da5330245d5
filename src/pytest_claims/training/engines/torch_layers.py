"""How the layers that have parameters are lowered: one torch operation for all replicates (torch_lowering.py).

Parameters are (R, their own shape). Every function here gives what the layer gives to each replicate alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pytest_claims.training.engines.torch_lowering import Builder, Mode, NotLowered, Order, Value

# oneDNN's grouped convolution is fast for channels in whole vectors; for few or odd channels columns are up to four
# times faster (seen on an AMD EPYC, family 25: 1,090 against 1,960 µs a seed with 25 channels, windows of 3)
VECTOR = 8
FEW_INPUTS = 32  # values that one output of a convolution is made of


def linear(builder: Builder, name: str, x: Value, weight: Value, bias: Value | None) -> Value:
    """Lower x W' + b, whose last axis holds the inputs."""
    outputs, inputs = weight.shape
    if not x.shape or x.shape[-1] != inputs:
        raise NotLowered(name, f"its inputs have shape {x.shape}")
    biases = [] if bias is None else [bias]
    if len(x.shape) == 1 and (x.given or x.order is Order.UNITS):
        return builder.emit(_units_linear, builder.units(x), weight, *biases, order=Order.UNITS, shape=(outputs,))
    x = builder.by_rows(x)
    shape = (*x.shape[:-1], outputs)
    return builder.emit(_rows_linear, x, weight, *biases, order=Order.ROWS, shape=shape)


def _units_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.bmm(weight, x) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, x)


def _rows_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    flat = x.reshape(len(x), -1, x.shape[-1])
    sums = torch.bmm(flat, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), flat, weight.mT)
    return sums.view(*x.shape[:-1], -1)


def convolution(builder: Builder, name: str, x: Value, weight: Value, bias: Value | None, how: Sequence[Any]) -> Value:
    """Lower a convolution over one or two axes; `how` is stride, padding, dilation and groups, as torch takes them."""
    axes = len(weight.shape) - 2
    stride, padding, dilation = (_each(part, axes) for part in how[:3])
    groups = how[3]
    if len(x.shape) != axes + 1 or x.shape[0] != weight.shape[1] * groups:
        raise NotLowered(name, f"its inputs have shape {x.shape}")
    window = [step * (size - 1) + 1 for step, size in zip(dilation, weight.shape[2:], strict=True)]
    if isinstance(padding, str):
        around = [0] * axes if padding == "valid" else [size - 1 for size in window]
        if any(size % 2 for size in around):
            raise NotLowered(name, "its padding differs at the two ends")
        padding = [size // 2 for size in around]
    places = [
        (size + 2 * margin - reach) // step + 1
        for size, margin, reach, step in zip(x.shape[1:], padding, window, stride, strict=True)
    ]
    if min(places) < 1:
        raise NotLowered(name, f"its window is larger than inputs of shape {x.shape}")
    biases = [] if bias is None else [bias]
    by_columns = groups == 1 and not (weight.shape[0] % VECTOR == 0 and weight.shape[1] % VECTOR == 0)
    if axes == 2 and prod(weight.shape[1:]) > FEW_INPUTS:  # noqa: PLR2004 - images: their columns are copied twice
        by_columns = False
    how = (stride, padding, dilation)
    function = _columns(axes, *how) if by_columns else _grouped(axes, *how, groups)
    shape = (weight.shape[0], *places)
    return builder.emit(function, builder.units(x), weight, *biases, order=Order.UNITS, shape=shape)


def _each(setting: Any, axes: int) -> Any:
    """Return a setting for each axis; words stay words."""
    if isinstance(setting, str):
        return setting
    return [setting] * axes if isinstance(setting, int) else list(setting)


def _grouped(axes: int, stride: Any, padding: Any, dilation: Any, groups: int) -> Callable[..., Tensor]:
    """One convolution whose groups are the replicates."""
    convolve = functional.conv1d if axes == 1 else functional.conv2d

    def apply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        replicates = len(x)
        joined = _channels(x)
        biases = None if bias is None else bias.flatten()
        sums = convolve(joined, weight.flatten(0, 1), biases, stride, padding, dilation, replicates * groups)
        return _split(sums, replicates)

    return apply


def _columns(axes: int, stride: Any, padding: Any, dilation: Any) -> Callable[..., Tensor]:
    """One product of the weights with the windows that they meet, one window a column."""

    def series(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        replicates, outputs, _, size = weight.shape
        columns = functional.unfold(x, (1, size), (1, *dilation), (0, *padding), (1, *stride))
        return _units_linear(columns, weight.flatten(2), bias).view(replicates, outputs, x.shape[2], -1)

    def images(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        replicates, outputs, channels, *size = weight.shape
        rows, height = x.shape[2:4]
        columns = functional.unfold(x.flatten(1, 2), tuple(size), tuple(dilation), tuple(padding), tuple(stride))
        columns = columns.view(replicates, channels, rows, prod(size), -1).transpose(2, 3)
        high = (height + 2 * padding[0] - dilation[0] * (size[0] - 1) - 1) // stride[0] + 1
        sums = _units_linear(columns.reshape(replicates, channels * prod(size), -1), weight.flatten(2), bias)
        return sums.view(replicates, outputs, rows, high, -1)

    return series if axes == 1 else images


def _channels(x: Tensor) -> Tensor:
    """Turn (R, units, rows, ...) into (rows, R * units, ...): no copy after a convolution."""
    return x.permute(2, 0, 1, *range(3, x.ndim)).flatten(1, 2)


def _split(x: Tensor, replicates: int) -> Tensor:
    """Turn (rows, R * units, ...) into (R, units, rows, ...), a view."""
    parts = x.view(len(x), replicates, -1, *x.shape[2:])
    return parts.permute(1, 2, 0, *range(3, parts.ndim))


def on_channels(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Apply what torch does to each unit of (rows, units, ...) to values (R, units, rows, ...).

    Values that lie as they are read are taken as R * units rows of one another's: nothing is copied.
    """

    def apply(x: Tensor) -> Tensor:
        if x.is_contiguous():
            pooled = function(x.flatten(0, 1))
            return pooled.view(*x.shape[:2], *pooled.shape[1:])
        return _split(function(_channels(x)), len(x))

    return apply


def batch_norm(builder: Builder, name: str, layer: Any, x: Value) -> Value:
    """Lower batch norm over rows (and places): each replicate has its own statistics and running averages."""
    held = {key: builder.parameter(name, key) for key in ("weight", "bias", "running_mean", "running_var")}
    count = builder.rows * prod(x.shape[1:])
    averages = held["running_mean"] is not None
    collects = builder.mode is not Mode.EVALUATION or not averages
    if layer.momentum is None and averages:
        raise NotLowered(name, "momentum=None averages all steps")
    if builder.mode is Mode.TRAINING and not layer.training and averages:
        raise NotLowered(name, "it is in evaluation mode while the others train")
    if collects and count == 1:
        raise ValueError(f"{name} normalises over one row, which leaves nothing: take larger batches")
    momentum = 1.0 if builder.mode is Mode.STATISTICS else (layer.momentum or 0.0)
    affine, running = held["weight"] is not None, builder.mode is not Mode.EVALUATION
    given = [value for value in held.values() if value is not None]

    def apply(x: Tensor, *tensors: Tensor) -> Tensor:
        rest = [tensor.flatten() for tensor in tensors]
        weight, bias = (rest[0], rest[1]) if affine else (None, None)
        mean, var = (rest[-2], rest[-1]) if averages else (None, None)
        whole = x.is_contiguous()
        joined = x.view(1, x.shape[0] * x.shape[1], -1) if whole else _channels(x)
        result = torch.batch_norm(joined, weight, bias, mean, var, collects, momentum, layer.eps, False)
        if builder.mode is Mode.STATISTICS and var is not None:
            var.mul_((count - 1) / count)  # these rows are all there are, not a sample
        return result.view(x.shape) if whole else _split(result, len(x))

    tracked = builder.parameter(name, "num_batches_tracked")
    if tracked is not None and builder.mode is Mode.TRAINING and running:
        builder.emit(lambda number: number.add_(1), tracked, order=Order.STATE, shape=())
    return builder.emit(apply, builder.units(x), *given, order=Order.UNITS, shape=x.shape)


def layer_norm(builder: Builder, name: str, layer: Any, x: Value) -> Value:
    """Lower layer norm over the last axes."""
    size = tuple(layer.normalized_shape)
    if x.shape[-len(size) :] != size:
        raise NotLowered(name, f"its inputs have shape {x.shape}")
    scale = [value for key in ("weight", "bias") if (value := builder.parameter(name, key)) is not None]
    between = len(x.shape) - len(size) + 1

    def apply(x: Tensor, *scale: Tensor) -> Tensor:
        normal = torch.layer_norm(x, size, None, None, layer.eps)
        wide = [tensor.view(len(tensor), *([1] * between), *size) for tensor in scale]
        if len(wide) == 1:
            return normal * wide[0]
        return torch.addcmul(wide[1], normal, wide[0]) if wide else normal

    return builder.emit(apply, builder.by_rows(x), *scale, order=Order.ROWS, shape=x.shape)


def group_norm(builder: Builder, name: str, layer: Any, x: Value) -> Value:
    """Lower group norm: the groups of all replicates side by side."""
    if not x.shape or x.shape[0] != layer.num_channels:
        raise NotLowered(name, f"its inputs have shape {x.shape}")
    scale = [value for key in ("weight", "bias") if (value := builder.parameter(name, key)) is not None]

    def apply(x: Tensor, *scale: Tensor) -> Tensor:
        weight, bias = (tensor.flatten() for tensor in scale) if scale else (None, None)
        joined, groups = _channels(x).contiguous(), len(x) * layer.num_groups
        return _split(functional.group_norm(joined, groups, weight, bias, layer.eps), len(x))

    return builder.emit(apply, builder.units(x), *scale, order=Order.UNITS, shape=x.shape)
