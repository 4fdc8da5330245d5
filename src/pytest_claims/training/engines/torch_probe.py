"""What a module must be to train as one of a stack: looked at once, on two rows, before anything is trained."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_claims.training.engines.torch_noise import SuppliedMasks

OUTPUT_AXES = 2  # (rows, outputs)


@dataclass(frozen=True)
class Facts:
    """What a forward of one module on a few rows showed; numbers of values are for one row."""

    outputs: int
    values: int
    widest: int


def examine(module: nn.Module, rows: np.ndarray[Any, Any]) -> Facts:
    """Apply a copy of the module to rows (N, ...) and return what it gives; the module is left as it is.

    ValueError, one sentence that names the layer, where the module cannot be one of a stack: no parameters; draws from
    global generators; inputs changed in place; anything but a tensor (rows, outputs) returned; a parameter that no
    gradient reaches.
    """
    whole = type(module).__name__
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError(f"{whole} has no parameters that train: a run needs a module that can learn")
    model = copy.deepcopy(module).train()
    watch = Watch(whole, torch.tensor(rows, dtype=next(model.parameters()).dtype))
    with undrawn(), SuppliedMasks(), watch.hooked(model):
        outputs = model(watch.x)
    if not isinstance(outputs, Tensor):
        raise ValueError(  # noqa: TRY004 - as all refusals of modules
            f"{whole} returns a {type(outputs).__name__}: forward must return the outputs alone"
        )
    if outputs.ndim != OUTPUT_AXES or len(outputs) != len(rows):
        wanted = f"({len(rows)}, outputs)"
        raise ValueError(f"{whole} returns {tuple(outputs.shape)} for {len(rows)} rows: forward must return {wanted}")
    if outputs.requires_grad:
        torch.autograd.backward(outputs.sum())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.grad is None:
            raise ValueError(
                f"the parameter {name} of {whole} never gets a gradient, because forward does not use it: take it out, "
                "or keep it as it is with requires_grad_(False)"
            )
    values = [*watch.values, outputs.numel()]
    return Facts(outputs.shape[1], sum(values) // len(rows), max(values) // len(rows))


class Watch:
    """Hooks that note what layers do to the inputs `x` and to the global generators."""

    def __init__(self, whole: str, x: Tensor) -> None:
        self.whole, self.x, self.given = whole, x, x.clone()
        self.values: list[int] = []

    @contextmanager
    def hooked(self, model: nn.Module) -> Iterator[None]:
        """Watch every layer of the model within the block."""
        states: dict[str, Any] = {}
        handles = []
        for path, layer in model.named_modules():
            name = f"the layer {path} ({type(layer).__name__})" if path else self.whole
            leaf = not any(True for _ in layer.children())
            handles.append(layer.register_forward_pre_hook(self._before(name, states)))
            handles.append(layer.register_forward_hook(self._after(name, states, leaf=leaf)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, name: str, states: dict[str, Any]) -> Callable[..., None]:
        def hook(_layer: nn.Module, _inputs: Any) -> None:
            states[name] = generators()

        return hook

    def _after(self, name: str, states: dict[str, Any], *, leaf: bool) -> Callable[..., None]:
        def hook(_layer: nn.Module, _inputs: Any, outputs: Any) -> None:
            before = states.pop(name)
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
