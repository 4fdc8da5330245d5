"""Modules and layers that torch knows and a stack cannot have as they are; each is refused with the way round it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pytest_claims.training.engines.torch_alike import name_of


def refuse_unfinished(module: nn.Module) -> None:
    """Raise a ValueError, one sentence that names the layer.

    For a layer whose weights are drawn at its first call, when no seed is set any more, and for one that holds a
    computed tensor, which no copy of the module could have.
    """
    for path, layer in module.named_modules():
        name = name_of(path, layer)
        if any(is_lazy(tensor) for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False))):
            raise ValueError(f"{name} is lazy, it has no weights before its first call: say how many inputs it has")
        for attribute, value in vars(layer).items():
            if isinstance(value, Tensor) and value.grad_fn is not None:
                raise ValueError(
                    f"{name} holds a tensor that was computed from parameters, {attribute}: compute it in forward; for "
                    "torch.nn.utils.weight_norm and spectral_norm take those of torch.nn.utils.parametrizations"
                )


def returned_by(layer: str | None, results: Sequence[Any]) -> Tensor:
    """Return the last result of a layer; ValueError where forward does not call it, or for a tuple, as a GRU gives."""
    if not results:
        raise ValueError(f"hidden(layer={layer!r}): the module does not call this layer")
    last = results[-1]
    if not isinstance(last, Tensor):
        raise ValueError(  # noqa: TRY004 - as all refusals of modules
            f"hidden(layer={layer!r}): it returns a {type(last).__name__}, not one tensor: give the part that you "
            "want a layer of its own, nn.Identity(), and name that"
        )
    return last
