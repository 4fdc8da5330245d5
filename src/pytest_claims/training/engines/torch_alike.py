"""Whether two modules compute the same, but for the values of their parameters and buffers; and if not, what differs.

One forward serves all seeds of a block and all runs with one structure, so all that it may read must be alike: layers,
hooks, which tensors are shared, which train, and every further attribute.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
RECORDS = frozenset(vars(nn.Module()))  # what torch itself keeps in every module
UNREAD = {"__dict__", "__weakref__", "__doc__", "__slotnames__"}  # of a class: what Python keeps there for itself


@dataclass(frozen=True)
class Difference:
    """What differs, in words; of an attribute the path of its layer and its name."""

    what: str
    path: str = ""
    attribute: str | None = None


def difference(one: nn.Module, other: nn.Module) -> str | None:
    """Name the first layer or attribute in which two modules differ; None where they compute the same.

    The values of parameters and buffers, and whether a module is in training mode, do not count.
    """
    return next((found.what for found in differences(one, other)), None)


def differences(one: nn.Module, other: nn.Module) -> Iterator[Difference]:
    """Yield all of them."""
    whole, comparison = type(one).__name__, Comparison(one, other)
    ours, theirs = (dict(module.named_modules(remove_duplicate=False)) for module in (one, other))
    for path in ours.keys() ^ theirs.keys():
        yield Difference(f"whether {whole} has a layer {path}")
    for path in [path for path in ours if path in theirs]:
        yield from _between_layers(comparison, path, ours[path], theirs[path])
    tensors, tensors_of_other = _tensors(one), _tensors(other)
    for key in [key for key in tensors if key in tensors_of_other]:
        if not comparison.names_of(tensors[key], tensors_of_other[key]):
            yield Difference(f"which layers of {whole} share {key}")
        if tensors[key].requires_grad != tensors_of_other[key].requires_grad:
            yield Difference(f"whether {key} of {whole} trains")


def name_of(path: str, layer: nn.Module) -> str:
    """Return how sentences name a layer; the path of the whole module is empty."""
    return f"the layer {path} ({type(layer).__name__})" if path else type(layer).__name__


def _between_layers(comparison: Comparison, path: str, layer: nn.Module, other: nn.Module) -> Iterator[Difference]:
    name = name_of(path, layer)
    if not comparison.classes(type(layer), type(other)):
        kinds = [type(module).__name__ for module in (layer, other)]
        made = f"whether {name} is a {kinds[0]} or a {kinds[1]}"
        yield Difference(made if kinds[0] != kinds[1] else f"the class of {name}")
        return
    if not comparison.names_of(layer, other):
        yield Difference(f"where {name} is used")
    own, own_of_other = (
        {key: value for key, value in vars(module).items() if key not in RECORDS} for module in (layer, other)
    )
    for key in dict.fromkeys((*own, *own_of_other)):
        comparison.seen.clear()
        if key not in own or key not in own_of_other or not comparison.alike(own[key], own_of_other[key]):
            yield Difference(f"{key} of {name}", path, key)
    for hooks in HOOKS:  # their keys are numbers that torch counts through the process
        comparison.seen.clear()
        if not comparison.sequences(*(list(getattr(module, hooks).values()) for module in (layer, other))):
            yield Difference(f"a hook of {name}")


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers under all of their names."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    return {**parameters, **dict(module.named_buffers(remove_duplicate=False))}


class Comparison:
    """Compares what two modules hold; what is registered in them stands for its name, not for its values."""

    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        self.names, self.names_in_other = _registered(one), _registered(other)
        self.seen: dict[tuple[int, int], Any] = {}  # pairs already compared; kept, so that no id is used again

    def names_of(self, one: Any, other: Any) -> bool:
        """Whether two registered layers or tensors have one name."""
        return self.names.get(id(one)) == self.names_in_other.get(id(other))

    def alike(self, one: Any, other: Any) -> bool:
        """Whether two values are equal in all that Python shows of them; what shows nothing is."""
        if id(one) in self.names or id(other) in self.names_in_other:
            return self.names_of(one, other)
        if isinstance(one, type) and isinstance(other, type):
            return self.classes(one, other)
        if one is other or self._met(one, other):
            return True
        if not self.classes(type(one), type(other)):
            return False
        for kinds, compare in KINDS:
            if isinstance(one, kinds):
                return compare(self, one, other)
        return self._objects(one, other)

    def classes(self, one: type, other: type) -> bool:
        """Whether two classes are one, or made by the same lines, as inside a factory."""
        if one is other:
            return True
        if (one.__module__, one.__qualname__) != (other.__module__, other.__qualname__):
            return False
        if self._met(one, other):
            return True
        held, held_in_other = ({k: v for k, v in vars(kind).items() if k not in UNREAD} for kind in (one, other))
        return (
            len(one.__bases__) == len(other.__bases__)
            and all(map(self.classes, one.__bases__, other.__bases__))
            and self.mappings(held, held_in_other)
        )

    def mappings(self, one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
        """Whether two mappings have the same keys, in order, and values."""
        return self.sequences(list(one), list(other)) and self.sequences(list(one.values()), list(other.values()))

    def sequences(self, one: Any, other: Any) -> bool:
        """Whether two sequences are as long and have the same values."""
        return len(one) == len(other) and all(map(self.alike, one, other))

    def functions(self, one: FunctionType, other: FunctionType) -> bool:
        """Whether two functions have the same code, defaults and variables of the functions around them."""
        return (
            one.__code__ == other.__code__
            and self.alike(one.__defaults__, other.__defaults__)
            and self.alike(one.__kwdefaults__, other.__kwdefaults__)
            and self.sequences(_enclosed(one), _enclosed(other))
        )

    def _met(self, one: Any, other: Any) -> bool:
        """Whether this pair is compared already, or being compared, as in a circle."""
        known = (id(one), id(other)) in self.seen
        self.seen[id(one), id(other)] = one, other
        return known

    def _objects(self, one: Any, other: Any) -> bool:
        """Compare objects of one class: by ==, or by what pickle would keep of them."""
        try:
            if one == other:
                return True
        except Exception:  # noqa: BLE001, S110 - as objects that hold arrays do
            pass
        try:
            kept, kept_in_other = one.__reduce_ex__(2), other.__reduce_ex__(2)
        except Exception:  # noqa: BLE001 - what has no state that could be kept
            return True
        if isinstance(kept, str) or isinstance(kept_in_other, str):
            return bool(kept == kept_in_other)
        return self.sequences(*([*map(_listed, parts)] for parts in (kept, kept_in_other)))


def _registered(module: nn.Module) -> dict[int, str]:
    names: dict[int, str] = {}
    for name, held in (*module.named_modules(remove_duplicate=False), *_tensors(module).items()):
        names.setdefault(id(held), name)
    return names


def _enclosed(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            found.append(None)
    return found


def _listed(part: Any) -> Any:
    """Return the iterators of __reduce_ex__ as lists."""
    return list(part) if hasattr(part, "__next__") else part


def _numbers(_comparison: Comparison, one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124 - both NaN


def _arrays(comparison: Comparison, one: Any, other: Any) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return (
        comparison.sequences(one.tolist(), other.tolist()) if one.dtype == object else one.tobytes() == other.tobytes()
    )


def _equal_tensors(_comparison: Comparison, one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape or one.requires_grad != other.requires_grad:
        return False
    one, other = one.detach(), other.detach()
    return bool(((one == other) | ((one != one) & (other != other))).all())  # noqa: PLR0124 - NaN


#: How values of some kinds are compared; the first that fits.
KINDS: tuple[tuple[Any, Callable[[Comparison, Any, Any], bool]], ...] = (
    ((str, bytes, int, float, complex), _numbers),
    (Tensor, _equal_tensors),
    (torch.Generator, lambda _, one, other: torch.equal(one.get_state(), other.get_state())),
    (np.ndarray, _arrays),
    (Mapping, Comparison.mappings),
    ((list, tuple, deque), Comparison.sequences),
    ((set, frozenset), _numbers),
    (FunctionType, Comparison.functions),
    (MethodType, lambda c, one, other: c.alike(one.__func__, other.__func__) and c.alike(one.__self__, other.__self__)),
    (property, lambda c, one, other: c.alike((one.fget, one.fset), (other.fget, other.fset))),
    ((staticmethod, classmethod), lambda c, one, other: c.alike(one.__func__, other.__func__)),
    (weakref.ref, lambda c, one, other: c.alike(one(), other())),
)
