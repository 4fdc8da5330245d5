"""Measurements: functions of a block of seeds, declared once and trained block by block.

``@measurement`` turns a function into a session-scoped pytest fixture, so that datasets reach it the ordinary way. The
fixture's value is a ``Handle``, which knows how to run one trial: one block of seeds under one combination of the
conditions. The plugin gives the claim an ``xr.Dataset`` instead of the handle.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.outcomes import ClaimError
from pytest_claims.trials.conditions import SEEDS, Condition, fault_of, label

BLOCKS = (4, 8, 16, 32)
_DECLARED = "__measurement__"


@dataclass(frozen=True, eq=False)
class Measurement:
    """A measurement as declared."""

    function: Callable[..., Any]
    name: str
    experiment: int | str
    levels: Mapping[str, tuple[Any, ...]]
    block: int
    cost: float | Mapping[Any, float] | None
    fixtures: tuple[str, ...]
    fault: str | None
    smoke: bool = False
    files: tuple[str, ...] = ()  # data files that it reads, as patterns relative to its own file's folder

    @property
    def conditions(self) -> list[Condition]:
        """Every combination of the conditions, the first declared varying slowest."""
        return self.conditions_of({})

    def restricted(self, only: Mapping[str, Sequence[Any]]) -> Mapping[str, tuple[Any, ...]]:
        """Return the values of the conditions that ``only`` leaves; a condition that it does not name keeps all."""
        wanted = {name: set(map(label, values)) for name, values in only.items()}
        return {
            name: tuple(value for value in values if name not in wanted or label(value) in wanted[name])
            for name, values in self.levels.items()
        }

    def conditions_of(self, only: Mapping[str, Sequence[Any]]) -> list[Condition]:
        """Return the combinations of the values that ``only`` leaves, the first condition varying slowest."""
        levels = self.restricted(only)
        return [dict(zip(levels, values, strict=True)) for values in product(*levels.values())]

    def seconds(self, seeds: int, condition: Condition) -> float | None:
        """Return how long a trial takes by its author's hint; None without a hint."""
        first = next(iter(condition.values()), None)
        block = self.cost.get(first) if isinstance(self.cost, Mapping) else self.cost
        return None if block is None else block * seeds / self.block

    @property
    def file(self) -> str:
        """The source file of the function itself, inside its decorators."""
        inner = inspect.unwrap(self.function)
        code = getattr(inner, "__code__", None)
        return str(code.co_filename) if code is not None else f"<{self.name}>"


@dataclass(frozen=True, eq=False)
class Handle:
    """The value of a measurement's fixture: the measurement with its datasets, ready to run trials."""

    measurement: Measurement
    arguments: Mapping[str, Any]
    factory: Callable[..., Any]

    def run(self, seeds: Any, condition: Condition) -> Any:
        """Measure one block of seeds under one condition; return what the measurement returned."""
        return self.measurement.function(seeds, **self.arguments, **condition)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise ClaimError(
            f"{self.measurement.name} is measured when a claim asks for it by name; it cannot be used in other "
            "fixtures, and a measurement takes its datasets from fixtures, not from other measurements."
        )


def measurement(
    *function: Callable[..., Any],
    experiment: int | str | None = None,
    block: int = 8,
    cost: float | Mapping[Any, float] | None = None,
    smoke: bool = False,
    files: Sequence[str] = (),
    **conditions: Sequence[Any],
) -> Any:
    """Declare how a block of seeds is measured.

    The function takes ``seeds``, the conditions named here, and pytest fixtures. It returns a mapping of names to
    arrays whose first axis is the seed (or ``xr.DataArray`` with a dimension ``seed``), or an ``xr.Dataset``. It runs
    once for each block of ``block`` seeds (8, 16 or 32; 4 only where it trains one seed after another and a block of 8
    takes minutes) and each combination of conditions; conditions that train as one batch are better written as an axis
    that the function labels itself. The random streams depend on
    ``experiment`` (default: the module's name). ``cost`` is a hint: roughly the seconds that a block takes, one number
    or one for each value of the first condition. It sets the order of the blocks and the time left, until an earlier
    run has shown better numbers. ``smoke`` says that this is quick: with ``--claims-tier smoke`` only claims run whose
    measurements all are. ``files`` names the data files that the function and its fixtures read, as patterns relative
    to the folder of its module: they travel to the machines of ``--claims-cluster``.
    """
    if function:  # @measurement without parentheses
        return measurement()(function[0])

    def decorate(function: Callable[..., Any]) -> Any:
        parameters = inspect.signature(function).parameters
        fixtures = tuple(
            name
            for name, parameter in parameters.items()
            if name not in {SEEDS, *conditions}
            and parameter.default is inspect.Parameter.empty
            and parameter.kind not in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
        )
        levels = {name: _levels(values) for name, values in conditions.items()}
        declared = Measurement(
            function,
            function.__name__,
            experiment if experiment is not None else function.__module__.rpartition(".")[2],
            levels,
            block,
            cost,
            fixtures,
            _fault(function.__name__, parameters, levels, block, cost),
            bool(smoke),
            (files,) if isinstance(files, str) else tuple(files),
        )
        return _fixture(declared)

    return decorate


def _levels(values: Any) -> tuple[Any, ...]:
    """Return a condition's values; none where they are no list."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        return tuple(values)
    return ()


def _fault(
    name: str,
    parameters: Mapping[str, inspect.Parameter],
    levels: Mapping[str, Sequence[Any]],
    block: int,
    cost: Any,
) -> str | None:
    """Say what is wrong with a declaration, in one sentence; None where nothing is."""
    hinted = cost if isinstance(cost, Mapping) else None
    strays = [condition for condition in levels if condition not in parameters]
    empty = [condition for condition, values in levels.items() if not values]
    checks = [
        (next(iter(parameters), None) != SEEDS, f"The first argument of the measurement {name} must be seeds."),
        (bool(strays), f"The measurement {name} has conditions that its function does not take: {', '.join(strays)}."),
        (bool(empty), f"The measurement {name} has conditions without values: {', '.join(empty)}; give a list."),
        (
            hinted is not None and not all(_names(hinted, value) for value in next(iter(levels.values()), [None])),
            f"The measurement {name} has a cost by condition, which must name every value of its first condition.",
        ),
        (block not in BLOCKS, f"The measurement {name} has blocks of {block} seeds; choose 4, 8, 16 or 32."),
    ]
    return next((sentence for wrong, sentence in checks if wrong), None) or fault_of(name, levels)


def _names(hints: Mapping[Any, float], value: Any) -> bool:
    """Whether a hint is given for a value; never for one that cannot be a key."""
    try:
        return value in hints
    except TypeError:
        return False


def _fixture(declared: Measurement) -> Any:
    """Return the session-scoped fixture that yields the measurement's handle."""

    def handle(seed_block_factory: Callable[..., Any], **values: Any) -> Handle:
        current: Measurement = getattr(handle, _DECLARED)  # `change` may have replaced what was declared
        if current.fault:
            raise ClaimError(current.fault)
        return Handle(current, values, seed_block_factory)

    names = ("seed_block_factory", *declared.fixtures)
    handle.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # pytest reads here what to pass
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    handle.__name__ = handle.__qualname__ = declared.name
    handle.__doc__ = declared.function.__doc__
    handle.__module__ = declared.function.__module__
    setattr(handle, _DECLARED, declared)
    return pytest.fixture(scope="session", name=declared.name)(handle)


def is_measurement(function: Any) -> bool:
    """Whether this is the function of a measurement's fixture."""
    return isinstance(getattr(function, _DECLARED, None), Measurement)


def measurements_of(item: pytest.Item) -> dict[str, Measurement]:
    """Return the measurements that an item asks for by name, in the order of its arguments."""
    measurements = {}
    for name in _compat.argument_names(item):
        declared = getattr(_compat.fixture_function(item, name), _DECLARED, None)
        if isinstance(declared, Measurement):
            measurements[name] = declared
    return measurements


def change(item: pytest.Item, conditions: Mapping[str, Sequence[Any]]) -> str | None:
    """Give an item's measurements these values of their conditions, for the rest of the session.

    A value that reads as one of those declared is that one, so that functions can be named. Returns, in one sentence,
    which condition none of the measurements has, or what is wrong with the values; None where nothing is.
    """
    measured = measurements_of(item)
    for condition in conditions:
        if not any(condition in declared.levels for declared in measured.values()):
            have = ", ".join(dict.fromkeys(name for declared in measured.values() for name in declared.levels))
            return (
                f"no measurement of it has a condition {condition}; conditions that can be changed: {have or 'none'}."
            )
    for name, declared in measured.items():
        levels = dict(declared.levels)
        for condition in levels.keys() & conditions.keys():
            known = {label(value): value for value in levels[condition]}
            levels[condition] = tuple(known.get(value, value) for value in conditions[condition])
        fault = fault_of(declared.name, levels)
        if fault is not None:
            return fault
        setattr(_compat.fixture_function(item, name), _DECLARED, replace(declared, levels=levels))
    return None


def blocks(size: int, needed: int, *, clip: int | None = None) -> list[tuple[int, ...]]:
    """Cut the seeds 0, 1, ... into blocks of ``size`` until ``needed`` seeds are covered.

    The last block is whole, so that claims registered for different numbers of seeds share blocks. Beyond ``clip``
    seeds nothing is measured.

    >>> [len(block) for block in blocks(32, 48)]
    [32, 32]
    """
    end = -(-needed // size) * size
    if clip is not None:
        end = min(end, clip)
    return [tuple(range(low, min(low + size, end))) for low in range(0, end, size)]
