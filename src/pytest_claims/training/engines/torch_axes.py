"""How functions that change the shape of values, or go along an axis, are lowered (torch_lowering.py).

A method `_on_NAME` lowers the function and the method NAME of torch; arguments are those of torch, values come as
`Value`. What would mix the rows of a batch raises `NotLowered`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pytest_claims.training.engines.torch_lowering import Builder, NotLowered, Order, Value

PAIR = 2


class Axes(Builder):
    """The rules for shapes and axes."""

    def _axis(self, x: Value, dim: int) -> int:
        """Return the axis of an argument `dim` in a row's shape; the rows themselves cannot be meant."""
        if not isinstance(dim, int):
            raise NotLowered("dim", f"{dim!r} is no axis")
        axis = (dim if dim >= 0 else dim + len(x.shape) + 1) - 1
        if not 0 <= axis < len(x.shape):
            raise NotLowered("dim", "it mixes the rows of a batch")
        return axis

    def _reduce(
        self, function: Callable[..., Tensor], x: Value, dim: int | Sequence[int] | None = None, keepdim: bool = False
    ) -> Value:
        if dim is None:
            raise NotLowered("a reduction", "it mixes the rows of a batch")
        axes = sorted({self._axis(x, one) for one in (dim if isinstance(dim, tuple | list) else (dim,))})
        over = [(1 if axis == 0 else axis + 2) if x.order is Order.UNITS else axis + 2 for axis in axes]
        kept = [size for axis, size in enumerate(x.shape) if axis not in axes]
        shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)] if keepdim else kept
        order = Order.ROWS if 0 in axes and not keepdim else x.order
        return self.emit(lambda tensor: function(tensor, over, keepdim), x, order=order, shape=shape)

    def _on_mean(self, x: Value, *arguments: Any, **named: Any) -> Value:
        return self._reduce(torch.mean, x, *arguments, **named)

    def _on_sum(self, x: Value, *arguments: Any, **named: Any) -> Value:
        return self._reduce(torch.sum, x, *arguments, **named)

    def _on_amax(self, x: Value, *arguments: Any, **named: Any) -> Value:
        return self._reduce(torch.amax, x, *arguments, **named)

    def _on_amin(self, x: Value, *arguments: Any, **named: Any) -> Value:
        return self._reduce(torch.amin, x, *arguments, **named)

    def _on_softmax(self, x: Value, dim: int, _stacklevel: int = 3, dtype: None = None) -> Value:
        return self._along(torch.softmax, x, dim, dtype)

    def _on_log_softmax(self, x: Value, dim: int, _stacklevel: int = 3, dtype: None = None) -> Value:
        return self._along(torch.log_softmax, x, dim, dtype)

    def _along(self, function: Callable[..., Tensor], x: Value, dim: int, dtype: None = None) -> Value:
        if dtype is not None:
            raise NotLowered("softmax", "it changes the type of numbers")
        axis = self._axis(x, dim)
        over = 1 if axis == 0 and x.order is Order.UNITS else axis + 2
        return self.emit(lambda tensor: function(tensor, over), x, order=x.order, shape=x.shape)

    def _flatten(self, x: Value, start: int = 0, end: int = -1) -> Value:
        first, last = self._axis(x, start), self._axis(x, end)
        shape = (*x.shape[:first], prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
        if len(shape) == 1 and x.order is Order.UNITS:
            if len(x.shape) == 1:
                return x
            return self.emit(lambda tensor: tensor.movedim(2, -1).flatten(1, -2), x, order=Order.UNITS, shape=shape)
        return self._shaped(x, shape)

    _on_flatten = _flatten

    def _shaped(self, x: Value, shape: Sequence[int]) -> Value:
        x = self.by_rows(x) if x.shape else x
        return self.emit(lambda tensor: tensor.reshape(*tensor.shape[:2], *shape), x, order=Order.ROWS, shape=shape)

    def _on_reshape(self, x: Value, *sizes: Any) -> Value:
        wanted = list(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes)
        total = self.rows * prod(x.shape)
        if -1 in wanted:
            rest = prod(size for size in wanted if size != -1)
            wanted[wanted.index(-1)] = total // rest if rest else 0
        if not wanted or wanted[0] != self.rows or prod(wanted) != total:
            raise NotLowered("reshape", "it mixes the rows of a batch")
        return self._flatten(x, 1) if len(wanted) == PAIR and x.shape else self._shaped(x, wanted[1:])

    _on_view = _on_reshape

    def _on_unsqueeze(self, x: Value, dim: int) -> Value:
        at = dim if dim >= 0 else dim + len(x.shape) + 2
        if at == 0:
            raise NotLowered("unsqueeze", "it adds an axis before the rows")
        return self._shaped(x, (*x.shape[: at - 1], 1, *x.shape[at - 1 :]))

    def _on_squeeze(self, x: Value, dim: int) -> Value:
        axis = self._axis(x, dim)
        return self._shaped(x, (*x.shape[:axis], *x.shape[axis + 1 :])) if x.shape[axis] == 1 else x

    def _on_permute(self, x: Value, *dims: Any) -> Value:
        order = list(dims[0] if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims)
        if order[:1] != [0]:
            raise NotLowered("permute", "it moves the rows of a batch")
        axes = [self._axis(x, dim) for dim in order[1:]]
        moved = [0, 1, *(axis + 2 for axis in axes)]
        shape = [x.shape[axis] for axis in axes]
        return self.emit(lambda tensor: tensor.permute(moved), self.by_rows(x), order=Order.ROWS, shape=shape)

    def _on_transpose(self, x: Value, dim0: int, dim1: int) -> Value:
        one, two = self._axis(x, dim0), self._axis(x, dim1)
        order = list(range(len(x.shape) + 1))
        order[one + 1], order[two + 1] = two + 1, one + 1
        return self._on_permute(x, order)

    def _on_getitem(self, x: Value, index: Any) -> Value:
        parts = index if isinstance(index, tuple) else (index,)
        plain = all(isinstance(part, int | slice) or part is None or part is Ellipsis for part in parts)
        if not plain or parts[0] != slice(None):
            raise NotLowered("getitem", "it chooses among the rows of a batch")
        shape = torch.zeros(1, *x.shape, device="meta")[parts].shape[1:]
        chosen = (slice(None), *parts)
        return self.emit(lambda tensor: tensor[chosen], self.by_rows(x), order=Order.ROWS, shape=shape)

    def _on_cat(self, tensors: Sequence[Any], dim: int = 0) -> Value:
        if not all(isinstance(value, Value) and value.order is not Order.STATE for value in tensors):
            raise NotLowered("cat", "it joins rows with something else")
        order = Order.ROWS if all(value.order is Order.ROWS for value in tensors) else Order.UNITS
        same = [self.units(value) if order is Order.UNITS else value for value in tensors]
        axis = self._axis(same[0], dim)
        shape = list(same[0].shape)
        shape[axis] = sum(value.shape[axis] for value in same)
        over = 1 if axis == 0 and order is Order.UNITS else axis + 2
        return self.emit(lambda *parts: torch.cat(parts, over), *same, order=order, shape=shape)

    _on_concat = _on_cat

    def _on_pad(self, x: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
        if mode != "constant" or len(pad) // 2 >= len(x.shape):
            raise NotLowered("pad", "it pads otherwise than with a constant, or the rows of a batch")
        shape = functional.pad(torch.zeros(x.shape, device="meta"), list(pad)).shape
        padded = partial(functional.pad, pad=list(pad), value=value)
        return self.emit(padded, self.units(x), order=Order.UNITS, shape=shape)

    def _on_size(self, x: Value, dim: int | None = None) -> Any:
        return (self.rows, *x.shape) if dim is None else (self.rows, *x.shape)[dim]

    def _on_getattr(self, x: Value, name: str) -> Any:
        if name != "shape":
            raise NotLowered(name, "there is no rule for it")
        return self._on_size(x)

    def _on_dim(self, x: Value) -> int:
        return len(x.shape) + 1
