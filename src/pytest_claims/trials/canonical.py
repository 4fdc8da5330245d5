"""Canonical forms: JSON-like descriptions of values and code that are equal in every process where the values are.

A function is described by its bytecode without docstrings and line numbers, its defaults, and what it closes over; an
object of a Python class by its class and its state. A value that may behave otherwise tomorrow although it looks the
same (an open file, a generator, an object of a C extension) has no canonical form.
"""

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import hashlib
import json
import logging
import pathlib
import re
import sys
import types
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pytest_claims.trials.places import installed

#: Types whose ``repr`` says all there is to say, in every process.
SPOKEN = (
    type(None), bool, int, str, bytes, type(Ellipsis), type(NotImplemented), range, dt.date, dt.datetime,
    dt.time, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID,
)  # fmt: skip
#: Types of which one process may hold one object where another holds two that are equal.
MERGED = (tuple, frozenset, re.Pattern, types.GenericAlias, types.BuiltinFunctionType)
_OWN_DOCSTRING = 0x4000000  # the flag of code that begins with a docstring, since Python 3.13
_HEAP = 1 << 9  # of a class that was made by a class statement
#: What every class carries and no behaviour depends on.
_UNSAID = frozenset({
    "__dict__", "__doc__", "__firstlineno__", "__module__", "__static_attributes__", "__weakref__",
    "__abstractmethods__", "_abc_impl", "__annotations__", "__annotate_func__", "__annotations_cache__", "__qualname__",
})  # fmt: skip


class NoCanonicalForm(TypeError):  # noqa: N818 - it says what is missing, and is always answered
    """A value that cannot be described so that equal descriptions mean equal behaviour."""


def digest(content: Any) -> str:
    """Hash JSON-like content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode(errors="surrogatepass")).hexdigest()


def canonical(value: Any) -> Any:
    """Return the canonical form of a value; NoCanonicalForm where it, or a part of it, has none."""
    try:
        return Describer().describe(value)
    except RecursionError as error:
        raise NoCanonicalForm(f"an object of type {type(value).__name__} that is nested too deeply") from error


class Describer:
    """Describes values, and keeps what it met: functions of local code, and modules.

    An object that is met again is described by a number, so that circles end.
    """

    def __init__(self) -> None:
        self.functions: list[types.FunctionType] = []
        self.modules: list[types.ModuleType] = []
        self._met: dict[int, int] = {}
        self._alive: list[Any] = []  # ids stay unique as long as their objects live

    def describe(self, value: Any) -> Any:
        """Return the canonical form of a value."""
        if isinstance(value, enum.Enum):
            return ["enum", *_named(type(value)), value.name, self.describe(value.value)]
        if type(value) in SPOKEN or isinstance(value, (pathlib.PurePath, np.dtype)):
            return [type(value).__name__, repr(value)]
        if type(value) in {float, complex}:
            parts = (value,) if isinstance(value, float) else (value.real, value.imag)
            return [type(value).__name__, *(part.hex() for part in parts)]
        if not isinstance(value, MERGED):
            if id(value) in self._met:
                return ["again", self._met[id(value)]]
            self._met[id(value)] = len(self._met)
            self._alive.append(value)
        for kinds, form in self._FORMS:
            if isinstance(value, kinds):
                return form(self, value)
        return self._object(value)

    def _all(self, values: Iterable[Any]) -> list[Any]:
        return [self.describe(value) for value in values]

    def _sequence(self, value: Any) -> Any:
        kind = type(value)
        return [kind.__name__, *(() if kind in {list, tuple} else (self.describe(kind),)), *self._all(value)]

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        return [type(value).__name__, self._pairs(value)]

    def _pairs(self, value: Mapping[Any, Any]) -> list[Any]:
        # keys are plain in practice; sorted by description, because the order of insertion may be one of execution
        described = [(json.dumps(Describer().describe(key)), key) for key in value]
        return [[name, self.describe(value[key])] for name, key in sorted(described, key=lambda pair: pair[0])]

    def _set(self, value: Any) -> Any:
        return [type(value).__name__, *sorted(json.dumps(Describer().describe(member)) for member in value)]

    def _array(self, value: Any) -> Any:
        if value.dtype.hasobject:
            return ["array", list(value.shape), *self._all(value.ravel())]
        data = np.ascontiguousarray(value)
        return ["array", str(value.dtype), list(value.shape), hashlib.sha256(data.tobytes()).hexdigest()]

    def _module(self, value: types.ModuleType) -> Any:
        self.modules.append(value)
        return ["module", value.__name__]

    def _function(self, value: types.FunctionType) -> Any:
        if _importable(value) and installed(value.__code__.co_filename):
            self._top(value.__module__)
            return ["installed", *_named(value)]
        self.functions.append(value)
        cells = [_content(cell) for cell in value.__closure__ or ()]
        return [
            "function", *_named(value), self.code(value.__code__), self.describe(value.__defaults__),
            self.describe(value.__kwdefaults__), self._all(cells), self.describe(getattr(value, "__wrapped__", None)),
        ]  # fmt: skip

    def code(self, code: types.CodeType) -> Any:
        """Describe bytecode: no names of files, no lines, no docstrings."""
        constants = list(code.co_consts)
        if constants and _has_docstring(code):
            constants[0] = None
        consts = [self.code(part) if isinstance(part, types.CodeType) else self.describe(part) for part in constants]
        return [
            code.co_code.hex(), code.co_exceptiontable.hex(), consts, list(code.co_names), list(code.co_varnames),
            list(code.co_freevars), list(code.co_cellvars), code.co_argcount, code.co_posonlyargcount,
            code.co_kwonlyargcount, code.co_flags & ~_OWN_DOCSTRING,
        ]  # fmt: skip

    def _class(self, value: type) -> Any:
        if _importable(value) and _comes_installed(value):
            self._top(value.__module__)
            return ["installed", *_named(value)]
        members = {name: member for name, member in vars(value).items() if name not in _UNSAID}
        slots = {name for name, member in members.items() if isinstance(member, types.MemberDescriptorType)}
        plain = {name: member for name, member in members.items() if name not in slots}
        return ["class", *_named(value), self._all(value.__bases__), sorted(slots), self._pairs(plain)]

    def _method(self, value: Any) -> Any:
        return ["method", self.describe(value.__func__), self.describe(value.__self__)]

    def _builtin(self, value: Any) -> Any:
        owner = getattr(value, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            return ["builtin", *_named(value)]
        return ["builtin", *_named(value), self.describe(owner)]

    def _wrapper(self, value: Any) -> Any:
        return [type(value).__name__, self.describe(getattr(value, "__func__", None) or value.__wrapped__)]

    def _property(self, value: property) -> Any:
        return ["property", self.describe(value.fget), self.describe(value.fset), self.describe(value.fdel)]

    def _partial(self, value: Any) -> Any:
        return ["partial", self.describe(value.func), self.describe(value.args), self.describe(value.keywords)]

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if kind.__module__ == "typing":
            return ["typing", repr(value)]
        if kind.__module__.partition(".")[0] == "torch":
            form = _of_torch(value)
            if form is not None:
                return form
        if not _plain(kind):
            raise NoCanonicalForm(f"an object of type {kind.__module__}.{kind.__qualname__}")
        state = dict(vars(value)) if hasattr(value, "__dict__") else {}
        for base in kind.__mro__:
            for name, member in vars(base).items():
                if isinstance(member, types.MemberDescriptorType) and hasattr(value, name):
                    state[name] = getattr(value, name)
        return ["object", self.describe(kind), self._pairs(state)]

    def _top(self, module: str | None) -> None:
        loaded = sys.modules.get(str(module).partition(".")[0])
        if loaded is not None:
            self.modules.append(loaded)

    _FORMS: tuple[tuple[Any, Callable[..., Any]], ...] = (
        ((list, tuple), _sequence),
        ((dict, types.MappingProxyType), _mapping),
        ((set, frozenset), _set),
        (slice, lambda self, value: ["slice", *self._all((value.start, value.stop, value.step))]),
        ((np.ndarray, np.generic), _array),
        (types.ModuleType, _module),
        (types.FunctionType, _function),
        (type, _class),
        (types.MethodType, _method),
        (
            (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
             types.MethodWrapperType, types.ClassMethodDescriptorType, types.GetSetDescriptorType),
            _builtin,
        ),
        (functools._lru_cache_wrapper, _wrapper),  # noqa: SLF001 - the type of what lru_cache returns has no other name
        ((staticmethod, classmethod), _wrapper),
        (property, _property),
        (functools.partial, _partial),
        (functools.cached_property, lambda self, value: ["cached", self.describe(value.func)]),
        (np.ufunc, lambda _, value: ["ufunc", value.__name__]),
        (re.Pattern, lambda _, value: ["pattern", repr(value.pattern), value.flags]),
        (logging.Logger, lambda _, value: ["logger", value.name]),
        (types.GenericAlias, lambda _, value: ["alias", repr(value)]),
        (dataclasses.Field, lambda self, value: ["field", value.name, self.describe(value.default)]),
    )  # fmt: skip


def _named(value: Any) -> tuple[str, str]:
    return str(getattr(value, "__module__", None)), str(getattr(value, "__qualname__", value.__class__.__qualname__))


def _importable(value: Any) -> bool:
    """Whether a name leads to this very object: to functions and classes of a module, not to those made later."""
    found: Any = sys.modules.get(str(getattr(value, "__module__", None)))
    for name in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, name, None)
    return found is value


def _comes_installed(value: type) -> bool:
    file = getattr(sys.modules.get(value.__module__), "__file__", None)
    return file is None or installed(file)


def _has_docstring(code: types.CodeType) -> bool:
    if sys.version_info >= (3, 13):
        return bool(code.co_flags & _OWN_DOCSTRING)
    return not code.co_name.startswith("<") and isinstance(code.co_consts[0], str)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _plain(kind: type) -> bool:
    """Whether an object's state is what its ``__dict__`` and slots hold: its class and all bases are Python classes."""
    unusual = any(getattr(kind, name) is not getattr(object, name) for name in ("__reduce__", "__reduce_ex__"))
    return not unusual and all(base.__flags__ & _HEAP for base in kind.__mro__[:-1])


def _of_torch(value: Any) -> Any:
    """Describe what torch makes: arrays, dtypes and devices; None for anything else.

    NoCanonicalForm where a tensor's values cannot be read: one on the device "meta" has none, quantized ones are no
    arrays.
    """
    import torch

    if isinstance(value, torch.Tensor):
        form = ["tensor", str(value.dtype), str(value.device), value.requires_grad]
        try:
            digests = [_tensor_digest(part) for part in _tensor_parts(value.detach())]
        except Exception as error:  # torch raises many kinds, also for what a later version adds
            raise NoCanonicalForm(f"a tensor whose values cannot be read ({value.layout}, {value.device})") from error
        layout = [] if value.layout is torch.strided else [repr(value.layout)]
        return [*form, *layout, *digests, list(value.shape)]
    if isinstance(value, torch.dtype | torch.device | torch.memory_format | torch.layout):
        return ["torch", repr(value)]
    return None


def _tensor_parts(tensor: Any) -> list[Any]:
    """Return the plain tensors that a tensor consists of: itself, or where a sparse one has values, and these."""
    import torch

    if tensor.layout is torch.sparse_coo:
        sparse = tensor.coalesce()
        return [sparse.indices(), sparse.values()]
    if tensor.layout in {torch.sparse_csr, torch.sparse_bsr}:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in {torch.sparse_csc, torch.sparse_bsc}:
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor]


def _tensor_digest(tensor: Any) -> str:
    import torch

    array = tensor.cpu().resolve_conj().resolve_neg()
    if array.dtype is torch.bfloat16:
        array = array.float()
    return hashlib.sha256(np.ascontiguousarray(array.numpy()).tobytes()).hexdigest()
