"""Modules as a stack: the best way to apply one module with R sets of parameters (torch_engine.py trains them).

Three ways, best first: the forward lowered to operations with a replicate axis (torch_lowering.py); torch.func's `vmap`
over the module; the plain loop over the replicates. A way that cannot be taken, or does not give in float64 what the
module itself gives, is passed over, and a warning says once per process which layer was the reason.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vmap

from pytest_claims.errors import ClaimWarning
from pytest_claims.training.engines.base import ModuleStack, Task
from pytest_claims.training.engines.torch_lowering import Mode, NotLowered, Traced, trace
from pytest_claims.training.engines.torch_mistakes import returned_by
from pytest_claims.training.engines.torch_noise import Masks, Site, SuppliedMasks
from pytest_claims.training.engines.torch_rules import lower

CHECKED_ROWS, CHECKED_REPLICATES = 3, 2
CLOSE = 1e-9  # of the largest output, in float64: how much a way may differ from the module itself

Function = Callable[[Sequence[Tensor], Tensor, Sequence[Tensor]], Tensor]
"""From parameters and buffers (R, ...), rows (R, N, ...) and masks (R, units, rows, ...) to results (R, N, ...)."""


@dataclass(frozen=True)
class Forward:
    """How a module is applied to R replicates; `sites` are the dropout masks that it takes."""

    function: Function
    sites: Sequence[Site]


class ModuleNetwork:
    """The modules of one stack. Calling it trains: batch norm moves its averages, dropout takes the next masks."""

    def __init__(self, task: Task, buffers: Sequence[Tensor]) -> None:
        assert task.modules is not None  # noqa: S101 - for the type checker: the caller has looked
        self.task, self.buffers = task, list(buffers)
        self.module = applied(task.modules, task.settings[0].structure)
        self.masks: Masks | None = None

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, _order: object = None) -> Tensor:
        """Return the outputs (R, rows, outputs) in training mode."""
        forward = self.module.forward(tuple(x.shape[1:]), Mode.TRAINING)
        if self.masks is None:
            generators = self.module.stack.noise() if forward.sites else []
            self.masks = Masks(generators, self.task.seed_of, forward.sites, x.dtype)
        if self.masks.sites != tuple(forward.sites):
            before, now = (sites[0].shape[1] for sites in (self.masks.sites, forward.sites))
            raise ValueError(
                f"a module with dropout needs as many rows at every step, got {before} and then {now}: its masks are "
                "drawn for so many"
            )
        return forward.function([*parameters, *self.buffers], x, self.masks())

    @staticmethod
    def fill(parameters: Sequence[Tensor]) -> None:
        """Give a zero gradient to what forward, which looks at values, used in no replicate at this step."""
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)


_APPLIED: WeakKeyDictionary[ModuleStack, dict[int, AppliedModule]] = WeakKeyDictionary()
_SAID: set[str] = set()


def applied(stack: ModuleStack, structure: int) -> AppliedModule:
    """Return how the modules of one structure are applied, which is worked out once."""
    known = _APPLIED.setdefault(stack, {})
    if structure not in known:
        known[structure] = AppliedModule(stack, stack.structures[structure], stack.rows[structure])
    return known[structure]


def evaluate(task: Task, state: Sequence[Tensor], x: Tensor, mode: Mode, layer: str | None = None) -> Tensor:
    """Apply modules without dropout to x (R, rows, ...), structure by structure: outputs, or what a submodule returns.

    Mode.STATISTICS leaves the statistics of these rows in the state's batch-norm buffers.
    """
    assert task.modules is not None  # noqa: S101 - for the type checker: the caller has looked
    parts, start = [], 0
    for structure, count in task.groups(lambda settings: settings.structure):
        here = slice(start, start + count)
        forward = applied(task.modules, structure).forward(tuple(x.shape[1:]), mode, layer)
        parts.append(forward.function([tensor[here] for tensor in state], x[here], []))
        start += count
    return parts[0] if len(parts) == 1 else torch.cat(parts)


@dataclass
class AppliedModule:
    """One structure, and the ways found to apply it: one for each shape of rows, mode and layer.

    `rows` (rows, ...) are inputs to try it on.
    """

    stack: ModuleStack
    module: nn.Module
    rows: NDArray[Any]
    found: dict[Any, Forward] = field(default_factory=dict)
    traced: dict[bool, Traced] = field(default_factory=dict)
    obstacles: dict[Mode, NotLowered | None] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of all tensors that a replicate has."""
        return [*self.stack.parameter_names, *self.stack.buffer_names]

    def forward(self, rows: tuple[int, ...], mode: Mode, layer: str | None = None) -> Forward:
        """Return how the module is applied to rows (N, ...), up to the outputs or to what a submodule returns."""
        key = rows, mode, layer
        if key not in self.found:
            self.found[key] = self._find(rows, mode, layer)
        return self.found[key]

    def _find(self, rows: tuple[int, ...], mode: Mode, layer: str | None) -> Forward:
        if mode not in self.obstacles:
            self.obstacles[mode] = self._obstacle(rows[1:], mode)
        obstacle = self.obstacles[mode]
        if obstacle is None:
            try:
                return self._lowered(rows, mode, layer)
            except NotLowered as late:
                obstacle = late
        if mode is Mode.STATISTICS:
            raise ValueError(
                f"statistics of the training rows cannot be taken ({obstacle.what}: {obstacle.why}): leave "
                "batch_statistics out"
            )
        looped = self._looped(rows, mode, layer)
        mapped = self._mapped(rows, mode, layer)
        way = "a plain loop over the seeds" if mapped is None else "torch.func.vmap"
        name = type(self.module).__name__
        _say_once(f"{name} is applied by {way}, which is slower: {obstacle.what}: {obstacle.why}.")
        return mapped or looped

    def _obstacle(self, row: tuple[int, ...], mode: Mode) -> NotLowered | None:
        """Say what stands against lowering: no rule, or another result than the module's own."""
        rows, name = (CHECKED_ROWS, *row), type(self.module).__name__
        try:
            lowered = self._lowered(rows, mode, None)
        except NotLowered as obstacle:
            return obstacle
        if mode is Mode.STATISTICS:
            return None
        try:
            agree = self._agree(lowered, self._looped(rows, mode, None), rows)
        except Exception as error:  # noqa: BLE001 - whatever a forward raises in float64
            lines = str(error).splitlines() or [type(error).__name__]
            return NotLowered(name, f"it cannot be compared with what it is lowered to, in float64 ({lines[0]})")
        return None if agree else NotLowered(name, "lowered, it gives other numbers")

    # -- the three ways ----------------------------------------------------------------------------------------------

    def _lowered(self, rows: tuple[int, ...], mode: Mode, layer: str | None) -> Forward:
        training = mode is Mode.TRAINING
        if training not in self.traced:
            self.traced[training] = trace(copy.deepcopy(self.module).train(training))
        held = dict(_state(self.module))
        shapes = {name: tuple(held[name].shape) for name in self.names}
        program = lower(self.traced[training], shapes, rows, mode, layer)
        return Forward(program, program.sites)

    def _mapped(self, rows: tuple[int, ...], mode: Mode, layer: str | None) -> Forward | None:
        """Map the module over the replicates; None where vmap cannot, or gives something else."""
        sites = self._sites(rows, mode)
        mapped = vmap(self._one(mode, layer, sites), randomness="error")
        forward = Forward(lambda state, x, masks: mapped(list(state), x, list(masks)).contiguous(), sites)
        try:
            return forward if self._agree(forward, self._looped(rows, mode, layer), rows) else None
        except Exception:  # noqa: BLE001 - whatever vmap raises: the loop is left
            return None

    def _looped(self, rows: tuple[int, ...], mode: Mode, layer: str | None) -> Forward:
        sites = self._sites(rows, mode)
        return Forward(partial(_loop, self._one(mode, layer, sites)), sites)

    def _one(
        self, mode: Mode, layer: str | None, sites: Sequence[Site]
    ) -> Callable[[list[Tensor], Tensor, list[Tensor]], Tensor]:
        """Return the module as a function of one replicate's state, its rows and its masks.

        In training it writes buffers back, also those that forward assigns anew. ValueError where forward replaces a
        parameter, or asks for other masks than those of `sites`.
        """
        module = copy.deepcopy(self.module).train(mode is Mode.TRAINING)
        layers = dict(module.named_modules())
        if layer is not None and layer not in layers:
            raise ValueError(f"no submodule is named {layer!r}: choose from {', '.join(filter(None, layers))}")
        whole, buffers = type(module).__name__, self.stack.buffer_names

        def apply(state: list[Tensor], x: Tensor, masks: list[Tensor]) -> Tensor:
            given = dict(zip(self.names, state, strict=True))
            # autograd may keep a buffer that the step itself changes, so each step has its own
            tensors = {name: tensor.clone() if name in buffers else tensor for name, tensor in given.items()}
            watched = _returned(layers[layer or ""], inner=bool(layer))
            with default_dtype(x.dtype), SuppliedMasks(masks, sites, whole), watched as returned:
                functional_call(module, tensors, (x,))
            for name, tensor in given.items():
                if name in buffers:
                    tensor.copy_(tensors[name].detach())
                elif tensors[name] is not tensor:
                    raise ValueError(f"forward of {whole} replaces its parameter {name}: an optimiser alone updates it")
            return returned_by(layer, returned)

        return apply

    def _sites(self, rows: tuple[int, ...], mode: Mode) -> list[Site]:
        """Return the dropout masks that the module asks for."""
        if mode is not Mode.TRAINING:
            return []
        module = copy.deepcopy(self.module).train()
        dtype = next(module.parameters()).dtype
        with SuppliedMasks() as noted, torch.no_grad(), default_dtype(dtype):
            module(self._rows(rows).to(dtype))
        sites: list[Site] = noted.sites
        return sites

    def _rows(self, shape: tuple[int, ...]) -> Tensor:
        """Return the run's own values in another shape: a module may need integers, or numbers above 0."""
        return torch.from_numpy(np.resize(self.rows, shape).astype(np.float64))

    def _agree(self, one: Forward, other: Forward, rows: tuple[int, ...]) -> bool:
        """Whether two ways give the same in float64, for a few replicates and rows: results and buffers.

        The rows are the run's own and, where the module takes them, normally distributed ones, which take no special
        values.
        """
        noise = torch.Generator().manual_seed(0)

        def drawn(*shape: int) -> Tensor:
            return torch.randn(CHECKED_REPLICATES, *shape, dtype=torch.float64, generator=noise)

        held = dict(_state(self.module))
        state = [held[name].detach() for name in self.names]
        state = [
            tensor.double() + 0.01 * drawn(*tensor.shape).abs() if tensor.is_floating_point()
            else tensor.expand(CHECKED_REPLICATES, *tensor.shape)
            for tensor in state
        ]  # fmt: skip
        normal, masks = drawn(*rows), [drawn(*site.shape) for site in one.sites]

        def applied(way: Forward, x: Tensor) -> list[Tensor]:
            copied = [tensor.clone() for tensor in state]
            with torch.no_grad():
                return [way.function(copied, x, masks), *copied]

        own = self._rows((CHECKED_REPLICATES, *rows))
        if not all(map(_close, applied(one, own), applied(other, own))):
            return False
        try:
            expected = applied(other, normal)
        except Exception:  # noqa: BLE001 - whatever a forward raises for numbers that are none of its inputs
            return True
        return all(map(_close, applied(one, normal), expected))


def _close(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two results agree; infinite values and NaN must stand in the same places."""
    if ours.shape != theirs.shape:
        return False
    size = theirs.double().nan_to_num(0, 0, 0).abs().amax().clamp(min=1)
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    return bool((same | ((ours - theirs).abs() <= CLOSE * size)).all())


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Within the block a forward that makes tensors makes them of this type, unless it names another."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _loop(
    one: Callable[[list[Tensor], Tensor, list[Tensor]], Tensor],
    state: Sequence[Tensor],
    x: Tensor,
    masks: Sequence[Tensor],
) -> Tensor:
    """Apply one replicate after another."""
    columns = zip(x.unbind(), *(tensor.unbind() for tensor in (*state, *masks)), strict=True)
    count = len(state)
    return torch.stack([one(list(held[:count]), rows, list(held[count:])) for rows, *held in columns])


def _state(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


@contextmanager
def _returned(layer: nn.Module, *, inner: bool) -> Iterator[list[Any]]:
    """Collect what a layer returns within the block."""
    returned: list[Any] = []

    def keep(_layer: nn.Module, _inputs: Any, outputs: Any) -> None:  # later layers may write into what it returns
        returned.append(outputs.clone() if inner and isinstance(outputs, Tensor) else outputs)

    handle = layer.register_forward_hook(keep)
    try:
        yield returned
    finally:
        handle.remove()


def _say_once(sentence: str) -> None:
    if sentence not in _SAID:
        _SAID.add(sentence)
        warnings.warn(sentence, ClaimWarning, stacklevel=2)
