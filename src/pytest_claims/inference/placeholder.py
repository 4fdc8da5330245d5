"""Stand-ins for measurements, so that a claim's function can be run before there is any data."""

from collections.abc import Iterator
from typing import Any

#: How often a placeholder says that it is true, or is a number, before it counts as asked for ever.
MOST_ASKED = 10_000


class EndlessError(BaseException):
    """A claim's function asks a placeholder again and again, as a ``while`` over measured values does.

    No ``except Exception`` of the function may swallow it.
    """


class Placeholder:
    """Whatever a claim does to a Dataset or DataArray, a placeholder returns a placeholder.

    Attributes, items, calls, arithmetic, comparisons, numpy functions and ufuncs all return a ``Placeholder``; the
    constructors of hypotheses turn it into a ``Design``. ``xr.concat`` insists on real arrays: ``stack`` replaces it.
    """

    def __init__(self) -> None:
        self._asked = 0

    def _answer(self, answer: Any) -> Any:
        """Answer what decides how a function goes on, so that a loop over measured values ends."""
        self._asked += 1
        if self._asked > MOST_ASKED:
            raise EndlessError("it asks a measurement again and again before there are data, as a while loop does")
        return answer

    # numpy calls these two instead of guessing an array from the object
    def __array_ufunc__(self, *_: Any, **__: Any) -> "Placeholder":
        return self

    def __array_function__(self, *_: Any, **__: Any) -> "Placeholder":
        return self

    def __getattr__(self, name: str) -> "Placeholder":
        # xarray, copy and pickle recognise their own objects by these names, so they must be missing
        if name.startswith("_") or name in {"keys", "variables"}:
            raise AttributeError(name)
        return _Nothing(self) if name in {"coords", "data_vars"} else self

    def __call__(self, *_: Any, **__: Any) -> "Placeholder":
        """Return a placeholder from any method."""
        return self

    def __getitem__(self, _: Any) -> "Placeholder":
        return self

    def __setitem__(self, _: Any, __: Any) -> None:
        return None

    def __iter__(self) -> Iterator["Placeholder"]:
        return iter((self._answer(self),))

    def __len__(self) -> int:
        return int(self._answer(1))

    def __bool__(self) -> bool:
        return bool(self._answer(True))

    def __contains__(self, _: Any) -> bool:
        return bool(self._answer(True))

    def __float__(self) -> float:
        return float(self._answer("nan"))

    def __int__(self) -> int:
        return int(self._answer(0))

    def __index__(self) -> int:
        return int(self._answer(0))

    def __repr__(self) -> str:
        return "<not measured yet>"

    def _same(self, *_: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _same
    __neg__ = __pos__ = __abs__ = __invert__ = _same
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _same
    __lt__ = __le__ = __gt__ = __ge__ = _same
    __eq__ = __ne__ = _same
    __hash__ = object.__hash__


class _Nothing(Placeholder):
    """The names inside a placeholder: empty, so that loops over them end (``xr.where`` copies attributes in one)."""

    def __init__(self, of: Placeholder) -> None:
        super().__init__()
        self._of = of

    def _answer(self, answer: Any) -> Any:
        return self._of._answer(answer)  # noqa: SLF001 - another placeholder

    def __iter__(self) -> Iterator[Placeholder]:
        return iter(())
