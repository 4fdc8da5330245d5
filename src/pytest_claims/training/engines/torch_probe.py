"""What a module must be to train as one of a stack: looked at once, on a few rows, before anything is trained."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_claims.training.engines.torch_alike import Difference, differences, name_of
from pytest_claims.training.engines.torch_lowering import NotLowered, trace
from pytest_claims.training.engines.torch_noise import DROPS_IN_EVALUATION, SuppliedMasks

OUTPUT_AXES = 2  # (rows, outputs)
ROWS_OF_A_CALL = 2


@dataclass(frozen=True)
class Facts:
    """What a forward of one module on a few rows showed; numbers of values are for one row."""

    outputs: int
    values: int
    widest: int


def examine(module: nn.Module, rows: np.ndarray[Any, Any]) -> Facts:
    """Apply copies of the module to the first two of rows (N, ...) and to the last two; the module is left as it is.

    ValueError, one sentence that names the layer, where the module cannot be one of a stack: no parameters; draws from
    global generators; inputs changed in place; anything but a tensor (rows, outputs) returned; a parameter that no
    gradient reaches; dropout in evaluation; an attribute that one call leaves to the next.
    """
    whole = type(module).__name__
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError(f"{whole} has no parameters that train: a run needs a module that can learn")
    model = copy.deepcopy(module).train()
    x, last = (_inputs(model, part) for part in (rows[:ROWS_OF_A_CALL], rows[-ROWS_OF_A_CALL:]))
    watch = Watch(x)
    with undrawn(), SuppliedMasks() as supplied, watch.hooked(model, supplied):
        outputs = model(watch.x)
    if not isinstance(outputs, Tensor):
        raise ValueError(  # noqa: TRY004 - as all refusals of modules
            f"{whole} returns a {type(outputs).__name__}: forward must return the outputs alone"
        )
    if outputs.ndim != OUTPUT_AXES or len(outputs) != len(x):
        wanted = f"({len(x)}, outputs)"
        raise ValueError(f"{whole} returns {tuple(outputs.shape)} for {len(x)} rows: forward must return {wanted}")
    if outputs.requires_grad:
        torch.autograd.backward(outputs.sum())
    unused = [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]
    if unused and not _looks_at_values(module):
        raise ValueError(
            f"the parameter {unused[0]} of {whole} never gets a gradient, because forward does not use it: take it "
            "out, or keep it as it is with requires_grad_(False)"
        )
    with undrawn(), torch.no_grad():
        _refuse_dropout_in_evaluation(module, x)
        _refuse_state(module, x, last)
    values = [*watch.values, outputs.numel()]
    return Facts(outputs.shape[1], sum(values) // len(x), max(values) // len(x))


def refuse_unlike(modules: Sequence[nn.Module], rows: np.ndarray[Any, Any]) -> None:
    """Refuse modules of several seeds whose forward may differ: that of the first seed is applied for all.

    ValueError, one sentence that names the layer or attribute.
    """
    first, x = modules[0], _inputs(modules[0], rows)
    unread: set[tuple[str, str | None]] = set()  # attributes that differ, which forward only writes
    for other in modules[1:]:
        for each in differences(first, other):
            if (each.path, each.attribute) in unread:
                continue
            if _reads(first, each, x):
                raise ValueError(
                    f"{each.what} differs between seeds, and one forward serves them all: keep what is drawn in a "
                    "buffer (register_buffer), layers in an nn.ModuleList, and make the same layers for every seed"
                )
            unread.add((each.path, each.attribute))


def _inputs(module: nn.Module, rows: np.ndarray[Any, Any]) -> Tensor:
    return torch.tensor(rows, dtype=next(module.parameters()).dtype)


def _reads(module: nn.Module, each: Difference, x: Tensor) -> bool:
    """Whether forward reads an attribute, and not only writes it: it gives something else where it finds nonsense."""
    if each.attribute is None:
        return True
    blank, usual = (copy.deepcopy(module).train() for _ in range(2))
    setattr(blank.get_submodule(each.path), each.attribute, object())
    with undrawn(), torch.no_grad(), SuppliedMasks():
        outputs = usual(x)
        try:
            return not _equal(blank(x), outputs)
        except Exception:  # noqa: BLE001 - whatever a forward raises where it finds nonsense
            return True


def _looks_at_values(module: nn.Module) -> bool:
    """Whether forward may take another way for other rows, so that one way does not show what it uses."""
    try:
        trace(copy.deepcopy(module).train())
    except NotLowered:
        return True
    return False


def _refuse_dropout_in_evaluation(module: nn.Module, x: Tensor) -> None:
    model = copy.deepcopy(module).eval()
    with SuppliedMasks() as supplied, Watch(x).hooked(model, supplied):
        model(x)


def _refuse_state(module: nn.Module, x: Tensor, last: Tensor) -> None:
    """Refuse what a call leaves to the next one, but for buffers: on its last rows an earlier call must not show.

    An attribute that forward only writes, as one that keeps activations to look at, does no harm.
    """
    fresh, used = (copy.deepcopy(module).train() for _ in range(2))
    with SuppliedMasks():
        used(x)
        outputs, outputs_of_used = fresh(last), used(last)
    found = list(differences(fresh, used))
    if not _equal(outputs, outputs_of_used):
        found += differences(module, fresh)
    for each in found:
        if _reads(module, each, last):
            raise ValueError(
                f"forward reads {each.what} and changes it, so that a call depends on those before it: keep what one "
                "call leaves to the next in a buffer (register_buffer), and use dropout, not a generator of your own"
            )


def _equal(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(), other.nan_to_num())


class Watch:
    """Hooks that note what layers do to the inputs `x`, to the global generators, and in evaluation by dropout."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.given = x, x.clone()
        self.values: list[int] = []

    @contextmanager
    def hooked(self, model: nn.Module, supplied: SuppliedMasks) -> Iterator[None]:
        """Watch every layer of the model within the block."""
        states: dict[str, Any] = {}
        handles = []
        for path, layer in model.named_modules():
            name = name_of(path, layer)
            leaf = not any(True for _ in layer.children())
            handles.append(layer.register_forward_pre_hook(self._before(name, states, supplied)))
            handles.append(layer.register_forward_hook(self._after(name, states, supplied, leaf=leaf)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, name: str, states: dict[str, Any], supplied: SuppliedMasks) -> Callable[..., None]:
        def hook(_layer: nn.Module, _inputs: Any) -> None:
            states[name] = generators(), len(supplied.sites)

        return hook

    def _after(self, name: str, states: dict[str, Any], supplied: SuppliedMasks, *, leaf: bool) -> Callable[..., None]:
        def hook(layer: nn.Module, _inputs: Any, outputs: Any) -> None:
            before, sites = states.pop(name)
            if len(supplied.sites) > sites and not layer.training:
                raise ValueError(f"{name} {DROPS_IN_EVALUATION}")
            for generator, state in generators().items():
                if state != before[generator]:
                    raise ValueError(
                        f"{name} draws from the global generator of {generator} in forward, so that a seed's numbers "
                        "would depend on its neighbours: use dropout, whose masks the library draws for each seed, or "
                        "draw before training"
                    )
            if not torch.equal(self.x, self.given):
                raise ValueError(f"{name} changes its inputs in place: compute a new tensor instead")
            if leaf and isinstance(outputs, Tensor):
                self.values.append(outputs.numel())

        return hook


def generators() -> dict[str, Any]:
    """Return the states of the global generators, to compare."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - to see that nobody draws from it
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (kind, np.asarray(keys).tobytes(), *rest),
        "Python": random.getstate(),
    }


@contextmanager
def undrawn() -> Iterator[None]:
    """Put the global generators back after the block."""
    ours, theirs = np.random.get_state(), random.getstate()  # noqa: NPY002 - as above
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            np.random.set_state(ours)  # noqa: NPY002 - as above
            random.setstate(theirs)
