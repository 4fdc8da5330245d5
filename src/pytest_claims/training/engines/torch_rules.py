"""Which torch modules and functions are lowered, and how: one rule for each kind (torch_lowering.py).

A function and a method of the same name have one rule, so `torch.relu(x)`, `functional.relu(x)` and `x.relu()` are one
case. What stands here gives each replicate what torch gives it alone; what does not stand here raises `NotLowered`.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from pytest_claims.training.engines.torch_axes import Axes
from pytest_claims.training.engines.torch_layers import (
    batch_norm,
    convolution,
    group_norm,
    layer_norm,
    linear,
    on_channels,
)
from pytest_claims.training.engines.torch_lowering import Mode, NotLowered, Order, Program, Traced, Value
from pytest_claims.training.engines.torch_noise import DROPOUTS, dropout_arguments, site_of

#: Modules that act on each value alone; they hold no parameters.
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.LogSigmoid,
    nn.Tanh, nn.Softplus, nn.Softsign, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.Hardtanh, nn.Hardsigmoid,
    nn.Hardswish, nn.Threshold,
)  # fmt: skip
POOLS = {
    nn.MaxPool1d: 1, nn.AvgPool1d: 1, nn.AdaptiveAvgPool1d: 1, nn.AdaptiveMaxPool1d: 1,
    nn.MaxPool2d: 2, nn.AvgPool2d: 2, nn.AdaptiveAvgPool2d: 2, nn.AdaptiveMaxPool2d: 2,
}  # fmt: skip
POOLING = {
    "max_pool1d": 1, "avg_pool1d": 1, "adaptive_avg_pool1d": 1, "adaptive_max_pool1d": 1,
    "max_pool2d": 2, "avg_pool2d": 2, "adaptive_avg_pool2d": 2, "adaptive_max_pool2d": 2,
}  # fmt: skip
UNARY = frozenset((
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "logsigmoid", "tanh",
    "softplus", "softsign", "tanhshrink", "softshrink", "hardshrink", "hardtanh", "hardsigmoid", "hardswish", "abs",
    "neg", "exp", "log", "log1p", "sqrt", "rsqrt", "square", "sin", "cos", "sign", "erf", "reciprocal", "clamp",
    "detach", "contiguous", "clone",
))  # fmt: skip
BINARY = frozenset(("add", "sub", "mul", "truediv", "div", "pow", "maximum", "minimum"))
IN_PLACE = {"iadd": operator.add, "isub": operator.sub, "imul": operator.mul, "itruediv": operator.truediv}
#: What may run on numbers alone: sizes and what is worked out from them.
ON_NUMBERS = {value for value in vars(operator).values() if callable(value)} | {getattr, int, len, math.prod, max, min}
#: Results of these are views, or what they were given, so that nothing may be written into them.
VIEWS = frozenset((
    "view", "reshape", "flatten", "unsqueeze", "squeeze", "permute", "transpose", "getitem", "contiguous", "detach",
    "dropout", "Flatten", "Unflatten", "Identity", "Dropout", "getattr", "swapaxes", "movedim", "feature_dropout",
))  # fmt: skip


def lower(
    traced: Traced,
    state: Mapping[str, tuple[int, ...]],
    rows: tuple[int, ...],
    mode: Mode,
    layer: str | None = None,
) -> Program:
    """Lower a module for rows (N, ...), up to its outputs or to what a named submodule returns.

    `state` names parameters and buffers in the order in which the program gets them, with their shapes. The result is
    (R, N, ...). NotLowered where a node has no rule; ValueError where no submodule has the name.
    """
    builder = Rules(traced, state, rows[0], mode)
    inputs = Value(len(state), Order.ROWS, rows[1:], given=True)
    stop = None if layer is None else traced.returned.get(layer)
    if layer is not None and stop is None:
        raise ValueError(f"no submodule that is applied is named {layer!r}: choose from {', '.join(traced.returned)}")
    values: dict[fx.Node, Any] = {}
    for node in traced.graph.nodes:
        values[node] = builder.node(node, values, inputs)
        if node is stop or node.op == "output":
            break
    result = values[node]
    if not isinstance(result, Value):
        raise NotLowered(str(node), "it is no tensor with rows")
    result = builder.by_rows(result) if result.shape else result
    builder.program.result = builder.emit(Tensor.contiguous, result, order=Order.ROWS, shape=result.shape).place
    return builder.program


class Rules(Axes):
    """The rules; each method lowers one kind of node."""

    def node(self, node: fx.Node, values: Mapping[fx.Node, Any], inputs: Value) -> Any:
        """Return a node's value: a Value, or a number or tuple of numbers where it has no rows."""
        arguments = fx.map_arg(node.args, values.__getitem__)
        named = dict(fx.map_arg(node.kwargs, values.__getitem__))
        target: Any = node.target
        if node.op == "placeholder":
            return inputs
        if node.op == "output":
            return arguments[0]
        if node.op == "get_attr":
            if target not in self.held:
                raise NotLowered(str(target), "it is neither a parameter nor a buffer")
            return self.held[target]
        if node.op == "call_module":
            return self._layer(node, target, arguments, named)
        return self._call(node, target, arguments, named)

    def _call(self, node: fx.Node, target: Any, arguments: Sequence[Any], named: dict[str, Any]) -> Any:
        name = target if node.op == "call_method" else getattr(target, "__name__", str(target))
        if not any(isinstance(leaf, Value) for leaf in _leaves((arguments, named))):
            if node.op == "call_function" and target in ON_NUMBERS:
                return target(*arguments, **named)
            raise NotLowered(name, "it makes values out of nothing that has rows")
        if node.op == "call_function" and not _known(target):
            raise NotLowered(name, "it is no function of torch")
        return self._function(node, name, target, arguments, named)

    # -- modules -----------------------------------------------------------------------------------------------------

    def _layer(self, node: fx.Node, path: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        layer, kind = self.layers[path], type(self.layers[path])
        name = f"the layer {path} ({kind.__name__})"
        if len(arguments) != 1 or named or not isinstance(arguments[0], Value):
            raise NotLowered(name, "it takes more than one tensor")
        x: Value = arguments[0]
        if kind in ACTIVATIONS:
            return self._elementwise(self._outwardly(node, layer), x)
        if kind in POOLS and not getattr(layer, "return_indices", False):
            return self._pool(name, layer.forward, POOLS[kind], x)
        if kind not in LAYERS:
            raise NotLowered(name, "there is no rule for it")
        return LAYERS[kind](self, path, layer, x)

    def linear_layer(self, path: str, _layer: Any, x: Value) -> Value:
        """Lower nn.Linear."""
        return linear(self, path, x, self._own(path, "weight"), self.parameter(path, "bias"))

    def convolution_layer(self, path: str, layer: Any, x: Value) -> Value:
        """Lower nn.Conv1d and nn.Conv2d."""
        if layer.padding_mode != "zeros":
            raise NotLowered(f"the layer {path}", f"its padding is {layer.padding_mode}")
        how = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return convolution(self, path, x, self._own(path, "weight"), self.parameter(path, "bias"), how)

    def batch_norm_layer(self, path: str, layer: Any, x: Value) -> Value:
        """Lower nn.BatchNorm1d and nn.BatchNorm2d."""
        if len(x.shape) not in ({1, 2} if isinstance(layer, nn.BatchNorm1d) else {3}):
            raise NotLowered(f"the layer {path}", f"its inputs have shape {x.shape}")
        return batch_norm(self, path, layer, x)

    def dropout_layer(self, _path: str, layer: Any, x: Value) -> Value:
        """Lower nn.Dropout, which drops values, and the kinds that drop units."""
        return self._dropout(x, layer.p, active=layer.training, whole_units=type(layer) is not nn.Dropout)

    def softmax_layer(self, path: str, layer: Any, x: Value) -> Value:
        """Lower nn.Softmax and nn.LogSoftmax."""
        if layer.dim is None:
            raise NotLowered(f"the layer {path}", "it does not name its axis")
        return self._along(torch.softmax if isinstance(layer, nn.Softmax) else torch.log_softmax, x, layer.dim)

    def same_layer(self, _path: str, _layer: Any, x: Value) -> Value:
        """Lower nn.Identity."""
        return x

    def flat_layer(self, _path: str, layer: Any, x: Value) -> Value:
        """Lower nn.Flatten."""
        return self._flatten(x, layer.start_dim, layer.end_dim)

    def _own(self, path: str, name: str) -> Value:
        value = self.parameter(path, name)
        if value is None:
            raise NotLowered(path, f"its {name} is computed")
        return value

    def _outwardly(self, node: fx.Node, layer: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return a layer's function, which writes into nothing: one that does may not show where it does not matter."""
        if getattr(layer, "inplace", False):
            self._refuse_shared_target(node)
            layer = copy.copy(layer)
            layer.inplace = False  # type: ignore[assignment] # a flag, not a tensor
        function: Callable[[Tensor], Tensor] = layer.forward
        return function

    def _refuse_shared_target(self, node: fx.Node) -> None:
        """Refuse to write in place where somebody else may read the old or the new value."""
        written = node.args[0]
        if isinstance(written, fx.Node) and written.op not in {"placeholder", "get_attr"} and len(written.users) == 1:
            made_by: Any = written.target
            if written.op == "call_module":
                made_by = type(self.layers[made_by])
            if getattr(made_by, "__name__", made_by) not in VIEWS:
                return
        raise NotLowered(str(node), "it works in place on what others may read")

    # -- functions ---------------------------------------------------------------------------------------------------

    def _function(self, node: fx.Node, name: str, target: Any, arguments: Any, named: dict[str, Any]) -> Any:
        method = node.op == "call_method"
        if name in IN_PLACE or (method and name.endswith("_")) or named.get("inplace"):
            self._refuse_shared_target(node)
            name, target = (IN_PLACE[name].__name__, IN_PLACE[name]) if name in IN_PLACE else (name.rstrip("_"), target)
        named = {key: value for key, value in named.items() if key != "inplace"}
        if method:
            target = getattr(Tensor, name, None)
        if name in UNARY | BINARY:
            return self._elementwise_call(name, target, arguments, named)
        x = arguments[0] if arguments else named.get("input")
        if isinstance(x, Value) and x.order is Order.STATE:
            raise NotLowered(name, "there is no rule for it on parameters")
        if target in DROPOUTS:
            values, drop, active = dropout_arguments(*arguments, **named)
            return self._dropout(values, drop, active=active, whole_units=DROPOUTS[target])
        if name in POOLING:
            return self._pool(name, target, POOLING[name], arguments[0], arguments[1:], named)
        rule = getattr(self, f"_on_{name}", None)
        if rule is None:
            raise NotLowered(name, "there is no rule for it")
        try:
            return rule(*arguments, **named)
        except NotLowered as obstacle:  # rules for axes do not know for which function they act
            raise NotLowered(name, obstacle.why) from obstacle
        except (TypeError, AttributeError) as error:
            raise NotLowered(name, f"its arguments are unusual ({error})") from error

    def _elementwise_call(self, name: str, target: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> Value:
        values = [argument for argument in arguments if isinstance(argument, Value)]
        if any(isinstance(value, Value) for value in named.values()) or len(values) != sum(
            1 for leaf in _leaves(arguments) if isinstance(leaf, Value)
        ):
            raise NotLowered(name, "a tensor is not among its first arguments")
        places = [index for index, argument in enumerate(arguments) if isinstance(argument, Value)]

        def apply(*tensors: Tensor) -> Tensor:
            full = list(arguments)
            for index, tensor in zip(places, tensors, strict=True):
                full[index] = tensor
            result: Tensor = target(*full, **named)
            return result

        if len(values) == 1:
            simple = places == [0] and len(arguments) == 1 and not named
            return self._elementwise(target if simple else apply, values[0])
        if name not in BINARY or len(values) != 2:  # noqa: PLR2004 - a and b
            raise NotLowered(name, "it takes several tensors")
        one, two, order, shape = self._aligned(name, *values)
        return self.emit(apply if named or len(arguments) > 2 else target, one, two, order=order, shape=shape)  # noqa: PLR2004

    def _elementwise(self, function: Callable[..., Tensor], x: Value) -> Value:
        return self.emit(function, x, order=x.order, shape=x.shape)

    def _aligned(self, name: str, one: Value, two: Value) -> tuple[Value, Value, Order, tuple[int, ...]]:
        """Bring two values into one order, so that torch's broadcasting means for R what it means for one."""
        if Order.STATE in {one.order, two.order}:
            return self._with_state(name, one, two)
        if len(one.shape) != len(two.shape):
            raise NotLowered(name, f"it broadcasts shapes {one.shape} and {two.shape}")
        order = Order.UNITS if Order.UNITS in {one.order, two.order} else Order.ROWS
        one, two = (self.units(v) if order is Order.UNITS else v for v in (one, two))
        return one, two, order, _broadcast(one.shape, two.shape)

    def _with_state(self, name: str, one: Value, two: Value) -> tuple[Value, Value, Order, tuple[int, ...]]:
        """Align a parameter (R, ...) with rows, from the last axis on."""
        if one.order is two.order:
            if len(one.shape) != len(two.shape):
                raise NotLowered(name, f"it broadcasts shapes {one.shape} and {two.shape}")
            return one, two, Order.STATE, _broadcast(one.shape, two.shape)
        rows, held = (two, one) if one.order is Order.STATE else (one, two)
        shape = (1,) * (len(rows.shape) - len(held.shape)) + held.shape
        if len(shape) > len(rows.shape):
            raise NotLowered(name, f"it broadcasts shapes {rows.shape} and {held.shape}")
        wide = (*shape[:1], 1, *shape[1:]) if rows.order is Order.UNITS else (1, *shape)
        held = self.emit(lambda tensor: tensor.view(len(tensor), *wide), held, order=rows.order, shape=shape)
        result = _broadcast(rows.shape, shape)
        return (held, rows, rows.order, result) if one.order is Order.STATE else (rows, held, rows.order, result)

    def _pool(self, name: str, function: Any, axes: int, x: Value, arguments: Any = (), named: Any = None) -> Value:
        if len(x.shape) != axes + 1 or any(isinstance(leaf, Value) for leaf in _leaves((arguments, named))):
            raise NotLowered(name, f"its inputs have shape {x.shape}")
        pool = partial(_applied, function, tuple(arguments), dict(named or {}))
        places = pool(torch.zeros(1, *x.shape)).shape[2:]
        return self.emit(on_channels(pool), self.units(x), order=Order.UNITS, shape=(x.shape[0], *places))

    def _dropout(self, x: Value, drop: float, *, active: bool, whole_units: bool) -> Value:
        if not active or not drop or self.mode is not Mode.TRAINING:
            return x
        if not x.shape:
            raise NotLowered("dropout", "its inputs have no units")
        mask = self.mask(site_of((self.rows, *x.shape), drop, whole_units=whole_units))
        return self.emit(torch.mul, self.units(x), mask, order=Order.UNITS, shape=x.shape)

    def _on_linear(self, x: Value, weight: Value, bias: Value | None = None) -> Value:
        return linear(self, "linear", x, weight, bias)

    def _on_conv1d(
        self, x: Value, weight: Value, bias: Value | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1,
    ) -> Value:  # fmt: skip
        return convolution(self, "a convolution", x, weight, bias, (stride, padding, dilation, groups))

    _on_conv2d = _on_conv1d


#: Layers and their rules; a subclass may do anything, so that only the very type counts.
LAYERS: dict[type[nn.Module], Callable[[Rules, str, Any, Value], Value]] = {
    nn.Linear: Rules.linear_layer,
    nn.Conv1d: Rules.convolution_layer,
    nn.Conv2d: Rules.convolution_layer,
    nn.BatchNorm1d: Rules.batch_norm_layer,
    nn.BatchNorm2d: Rules.batch_norm_layer,
    nn.LayerNorm: layer_norm,
    nn.GroupNorm: group_norm,
    nn.Dropout: Rules.dropout_layer,
    nn.Dropout1d: Rules.dropout_layer,
    nn.Dropout2d: Rules.dropout_layer,
    nn.Softmax: Rules.softmax_layer,
    nn.LogSoftmax: Rules.softmax_layer,
    nn.Identity: Rules.same_layer,
    nn.Flatten: Rules.flat_layer,
}


def _known(function: Any) -> bool:
    """Whether a function is torch's or Python's own."""
    if function is getattr or function in ON_NUMBERS:
        return True
    name = getattr(function, "__name__", "")
    return any(getattr(where, name, None) is function for where in (torch, functional, torch.special, torch._C._nn))  # noqa: SLF001 - torch's own functions lie there


def _applied(function: Any, arguments: tuple[Any, ...], named: Mapping[str, Any], x: Tensor) -> Tensor:
    result: Tensor = function(x, *arguments, **named)
    return result


def _leaves(arguments: Any) -> list[Any]:
    """Return all that is nested in arguments."""
    if isinstance(arguments, Mapping):
        return _leaves(list(arguments.values()))
    if isinstance(arguments, tuple | list):
        return [leaf for argument in arguments for leaf in _leaves(argument)]
    return [arguments]


def _broadcast(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(one, two))  # type: ignore[no-untyped-call]
