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
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pytest_claims.trials.places import installed, module_installed

#: Types whose ``repr`` says all there is to say, in every process.
SPOKEN = (
    type(None), bool, int, str, bytes, type(Ellipsis), type(NotImplemented), range, dt.date, dt.datetime,
    dt.time, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID,
)  # fmt: skip
#: Types of which one process may hold one object where another holds two that are equal.
MERGED = (tuple, frozenset, re.Pattern, types.GenericAlias, types.BuiltinFunctionType)
_OWN_DOCSTRING = 0x4000000  # the flag of code that begins with a docstring, since Python 3.13
_HEAP = 1 << 9  # of a class that was made by a class statement
_IMMUTABLE = 1 << 8  # of a class that C code made
#: What functions carry for pytest and functools; what is wrapped is described by itself.
_UNSAID_OF_FUNCTIONS = frozenset({"__wrapped__", "__signature__", "pytestmark", "_pytestfixturefunction"})
#: What every class carries and no behaviour depends on.
_UNSAID = frozenset({
    "__dict__", "__doc__", "__firstlineno__", "__module__", "__static_attributes__", "__weakref__",
    "__abstractmethods__", "_abc_impl", "__annotations__", "__annotate_func__", "__annotations_cache__", "__qualname__",
})  # fmt: skip


#: What a class statement makes of functions.
_CODED = (types.FunctionType, classmethod, staticmethod, property, functools.cached_property)


class NoCanonicalForm(TypeError):  # noqa: N818 - it says what is missing, and is always answered
    """A value that cannot be described so that equal descriptions mean equal behaviour."""


def digest(content: Any) -> str:
    """Hash JSON-like content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode(errors="surrogatepass")).hexdigest()


def canonical(value: Any, functions: list[types.FunctionType] | None = None) -> Any:
    """Return the canonical form of a value; NoCanonicalForm where it, or a part of it, has none.

    ``functions`` takes the functions of local code that the value holds.
    """
    describer = Describer()
    try:
        form = describer.describe(value)
    except RecursionError as error:
        raise NoCanonicalForm(f"an object of type {type(value).__name__} that is nested too deeply") from error
    if functions is not None:
        functions += describer.functions
    return form


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
            return ["enum", self.describe(type(value)), value.name, self.describe(value.value)]
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

    def _apart(self, value: Any) -> str:
        """Describe a value by itself, as text that can be sorted; what it holds counts here, too."""
        other = Describer()
        form = json.dumps(other.describe(value))
        self.functions += other.functions
        self.modules += other.modules
        return form

    def _all(self, values: Iterable[Any]) -> list[Any]:
        return [self.describe(value) for value in values]

    def _sequence(self, value: Any) -> Any:
        kind = type(value)
        return [kind.__name__, *self._all(value), *(() if kind in {list, tuple} else self._beyond(value))]

    def _beyond(self, value: Any) -> list[Any]:
        """Describe what an object of a subclass has beyond the built-in container: its class and attributes."""
        filler = [self.describe(value.default_factory)] if isinstance(value, defaultdict) else []
        return [self.describe(type(value)), *filler, self._pairs(getattr(value, "__dict__", {}))]

    def _mapping(self, value: Any) -> Any:
        kind = type(value)
        items = dict.items(value) if isinstance(value, dict) else value.items()
        # in the order of insertion: code may take the first
        pairs = [[self._apart(key), self.describe(item)] for key, item in items]
        return [kind.__name__, pairs, *(() if kind in {dict, types.MappingProxyType} else self._beyond(value))]

    def _pairs(self, value: Mapping[Any, Any]) -> list[Any]:
        """Describe members or attributes, by name: they may have been set in another order."""
        described = [(self._apart(key), key) for key in value]
        return [[name, self.describe(value[key])] for name, key in sorted(described, key=lambda pair: pair[0])]

    def _set(self, value: Any) -> Any:
        kind = type(value)
        members = sorted(self._apart(member) for member in value)
        return [kind.__name__, *members, *(() if kind in {set, frozenset} else self._beyond(value))]

    def _array(self, value: Any) -> Any:
        kind = type(value)
        form = ["scalar" if isinstance(value, np.generic) else "array", str(value.dtype), list(value.shape)]
        if value.dtype.hasobject:
            form += self._all(np.asarray(value).ravel())
        else:
            form.append(hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest())
        if isinstance(value, np.generic) or kind in {np.ndarray, np.memmap}:
            return form
        if isinstance(value, np.ma.MaskedArray):
            # of the constant np.ma.masked nobody may ask the fill value: it is made at the first question, and refused
            mask, filler = np.ma.getmaskarray(value), None if value is np.ma.masked else value.fill_value
            return [*form, self.describe(kind), self.describe(mask), self.describe(filler)]
        return [*form, *self._beyond(value)]

    def _module(self, value: types.ModuleType) -> Any:
        self.modules.append(value)
        return ["module", value.__name__]

    def _function(self, value: types.FunctionType) -> Any:
        # a decorator may put installed code under a local name
        if _importable(value) and installed(value.__code__.co_filename) and comes_installed(value):
            self._top(value.__module__)
            return ["installed", *_named(value)]
        registry = getattr(value, "registry", None)
        if value.__code__.co_filename == functools.__file__ and isinstance(registry, types.MappingProxyType):
            return ["singledispatch", *_named(value), self.describe(registry)]
        self.functions.append(value)
        cells = [_content(cell) for cell in value.__closure__ or ()]
        attributes = {name: member for name, member in vars(value).items() if name not in _UNSAID_OF_FUNCTIONS}
        return [
            "function", *_named(value), self.code(value.__code__), self.describe(value.__defaults__),
            self.describe(value.__kwdefaults__), self._all(cells), self.describe(getattr(value, "__wrapped__", None)),
            *([self._pairs(attributes)] if attributes else []),
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
        if _importable(value) and comes_installed(value):
            self._top(value.__module__)
            return ["installed", *_named(value)]
        made_by = [] if type(value) is type else [self.describe(type(value))]
        members = {name: member for name, member in vars(value).items() if name not in _UNSAID}
        if issubclass(value, enum.Enum):  # its class holds its members in several tables
            listed = [[name, self.describe(member.value)] for name, member in value.__members__.items()]
            coded = {name: member for name, member in members.items() if isinstance(member, _CODED)}
            return ["class", *_named(value), self._all(value.__bases__), listed, self._pairs(coded), *made_by]
        slots = {name for name, member in members.items() if isinstance(member, types.MemberDescriptorType)}
        plain = {name: member for name, member in members.items() if name not in slots}
        return ["class", *_named(value), self._all(value.__bases__), sorted(slots), self._pairs(plain), *made_by]

    def _method(self, value: Any) -> Any:
        return ["method", self.describe(value.__func__), self.describe(value.__self__)]

    def _builtin(self, value: Any) -> Any:
        owner = getattr(value, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            return ["builtin", *_named(value)]
        return ["builtin", *_named(value), self.describe(owner)]

    def _ufunc(self, value: np.ufunc) -> Any:
        for module in (np, sys.modules.get("scipy.special")):
            if getattr(module, value.__name__, None) is value:
                return ["ufunc", value.__name__]
        raise NoCanonicalForm(f"the ufunc {value.__name__}, which numpy made of a function")

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
        (np.ufunc, _ufunc),
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


def comes_installed(value: Any) -> bool:
    """Whether the module that a function or class is of belongs to Python or an installed package."""
    return module_installed(sys.modules.get(value.__module__))


def names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the globals and attributes that code names, that of functions and comprehensions in it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


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
    return not unusual and all(_written_in_python(base) for base in kind.__mro__[:-1])


def _written_in_python(kind: type) -> bool:
    """Whether a class was made by a class statement: C code makes classes on the heap, too."""
    module = sys.modules.get(kind.__module__)
    file = str(getattr(module, "__file__", None) or ".py")
    made_by_c = kind.__module__ in sys.builtin_module_names or not file.endswith((".py", ".pyc"))
    return bool(kind.__flags__ & _HEAP) and not kind.__flags__ & _IMMUTABLE and not made_by_c


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
