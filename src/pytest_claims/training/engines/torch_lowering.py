"""A module's forward for R replicates at once, written down as a list of torch operations: what "lowering" means here.

torch.fx traces the module, and each node of its graph becomes one operation on tensors with a replicate axis. A linear
layer is one `baddbmm`, a convolution one grouped convolution or one product with its columns, batch norm one batch norm
over replicates times units. Only what is known to equal the module is lowered (torch_rules.py has the rules); anything
else raises `NotLowered`, and torch_modules.py finds another way.

Activations lie in one of two orders, so that no layer has to turn them:

    UNITS   (R, units, rows, ...)   what linear layers, convolutions, batch norm and pooling give
    ROWS    (R, rows, ...)          inputs, outputs, and what reads the last axis, such as layer norm

A value's `shape` is that of one row, as the module sees it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from pytest_claims.training.engines.torch_alike import HOOKS
from pytest_claims.training.engines.torch_noise import Site

Instruction = tuple[int, Callable[..., Tensor], tuple[int, ...]]
"""Where the result goes, the function, and where its arguments are."""


class NotLowered(Exception):  # noqa: N818 - no error: another way is taken
    """What cannot be lowered: the layer or function, and why."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what, self.why = what, why


class Order(enum.Enum):
    """How a value lies."""

    UNITS = "(R, units, rows, ...)"
    ROWS = "(R, rows, ...)"
    STATE = "(R, ...)"  # a parameter or a buffer; it has no rows


class Mode(enum.Enum):
    """How the module is applied."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    STATISTICS = "evaluation, batch norm with the statistics of these rows, which it keeps"


@dataclass(frozen=True)
class Value:
    """A tensor of the program: its place, its order, the shape of one row, and whether it is the program's input."""

    place: int
    order: Order
    shape: tuple[int, ...]
    given: bool = False


class Tracer(fx.Tracer):
    """torch.fx's tracer, which also notes what each submodule returns and passes no hook by."""

    def __init__(self) -> None:
        super().__init__()
        self.returned: dict[str, Any] = {}

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> tuple[Any, list[Any]]:
        """Give forward the inputs alone, as training does; whatever else it takes keeps its default."""
        del is_module, concrete_args
        return root_fn, [self.root, self.create_proxy("placeholder", "inputs", (), {})]

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Trace a submodule."""
        path = self.path_of_module(m)
        if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks:  # noqa: SLF001 - fx would pass them by
            raise NotLowered(f"the layer {path} ({type(m).__name__})", "it has hooks")
        returned = super().call_module(m, forward, args, kwargs)
        self.returned[path] = getattr(returned, "node", None)
        return returned


@dataclass(frozen=True)
class Traced:
    """A module and its graph; `returned` has the node of each submodule's last result."""

    module: nn.Module
    graph: fx.Graph
    returned: Mapping[str, Any]


def trace(module: nn.Module) -> Traced:
    """Trace a module in the mode that it is in; NotLowered where its forward looks at values."""
    tracer = Tracer()
    if any(getattr(module, hooks) for hooks in HOOKS):
        raise NotLowered(type(module).__name__, "it has hooks")
    try:
        graph = tracer.trace(module)
    except NotLowered:
        raise
    except Exception as error:  # a forward may raise anything when it is given a proxy
        lines = str(error).splitlines() or [type(error).__name__]
        raise NotLowered(type(module).__name__, f"torch.fx cannot trace it: {lines[0]}") from error
    return Traced(module, graph, tracer.returned)


class Program:
    """What a lowered forward does, step by step."""

    def __init__(self, state: int) -> None:
        self.state = state  # so many tensors come first, then the inputs
        self.places = state + 1
        self.instructions: list[Instruction] = []
        self.masks: list[tuple[int, Site]] = []
        self.result = state

    @property
    def sites(self) -> list[Site]:
        """The dropout masks that it takes."""
        return [site for _, site in self.masks]

    def __call__(self, state: Sequence[Tensor], x: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Apply to x (R, rows, ...); masks (R, units, rows, ...)."""
        values: list[Any] = [*state, x, *([None] * (self.places - self.state - 1))]
        for (place, _), mask in zip(self.masks, masks, strict=True):
            values[place] = mask
        for place, function, arguments in self.instructions:
            values[place] = function(*[values[argument] for argument in arguments])
        result: Tensor = values[self.result]
        return result


class Builder:
    """Lowers a traced module for N rows and any R; torch_rules.py says how each node is lowered."""

    def __init__(self, traced: Traced, state: Mapping[str, tuple[int, ...]], rows: int, mode: Mode) -> None:
        self.traced, self.rows, self.mode = traced, rows, mode
        self.program = Program(len(state))
        self.layers = dict(traced.module.named_modules())
        self.held = {
            name: Value(place, Order.STATE, shape) for place, (name, shape) in enumerate(state.items())
        } | self._other_names(state)
        self.turned: dict[tuple[int, Order], Value] = {}

    def _other_names(self, state: Mapping[str, tuple[int, ...]]) -> dict[str, Value]:
        """Return the further names of tensors that layers share."""
        module = self.traced.module
        named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
        first = {id(tensor): name for name, tensor in reversed(named) if name in state}
        places = {name: place for place, name in enumerate(state)}
        shared = {name: first[id(tensor)] for name, tensor in named if name not in state}
        return {name: Value(places[other], Order.STATE, state[other]) for name, other in shared.items()}

    def emit(self, function: Callable[..., Tensor], *arguments: Value, order: Order, shape: Sequence[int]) -> Value:
        """Add an operation and return its result."""
        place = self.place()
        self.program.instructions.append((place, function, tuple(argument.place for argument in arguments)))
        return Value(place, order, tuple(shape))

    def place(self) -> int:
        """Return a new place."""
        self.program.places += 1
        return self.program.places - 1

    def mask(self, site: Site) -> Value:
        """Return the mask of one use of dropout."""
        self.program.masks.append((self.place(), site))
        return Value(self.program.masks[-1][0], Order.UNITS, (site.shape[0], *site.shape[2:]))

    def units(self, value: Value) -> Value:
        """Return the value with its units before its rows: a view."""
        return self._in(Order.UNITS, value)

    def by_rows(self, value: Value) -> Value:
        """Return the value with its rows first: a view."""
        return self._in(Order.ROWS, value)

    def _in(self, order: Order, value: Value) -> Value:
        if value.order is order:
            return value
        if value.order is Order.STATE or not value.shape:
            raise NotLowered("a value without rows or units", "it would have to be turned")
        key = value.place, order
        if key not in self.turned:
            self.turned[key] = self.emit(lambda tensor: tensor.transpose(1, 2), value, order=order, shape=value.shape)
        return self.turned[key]

    def parameter(self, layer: str, name: str) -> Value | None:
        """Return a layer's parameter or buffer; None where it has none."""
        return self.held.get(f"{layer}.{name}" if layer else name)
