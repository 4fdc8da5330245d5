"""The vocabulary of claims: each function turns labelled arrays into a hypothesis.

The arrays are ``xr.DataArray`` with a dimension ``seed``. Every combination of the other dimensions is a part, and all
parts must hold. Called with a placeholder, each function returns a ``Design`` instead.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from itertools import combinations as pairs_of
from itertools import pairwise
from math import inf, log2
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
import xarray as xr

from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.adjustment import covariate
from pytest_claims.inference.arms import contrasts, evidence, resolution_of, single, step_of
from pytest_claims.inference.controls import Levels, Null
from pytest_claims.inference.design import Design, design_of, fault_in, faulty
from pytest_claims.inference.hypotheses import COLUMNS, SUCCESS, Hypothesis, row
from pytest_claims.inference.labels import combinations, describe, fixed, other_dims, plain, say
from pytest_claims.inference.parts import Part, Role
from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.inference.rule import LONGEST
from pytest_claims.inference.verdicts import Kind, Row
from pytest_claims.vocabulary import SEED

if TYPE_CHECKING:
    from pytest_claims.inference.interval import Floats

P = ParamSpec("P")


def _or_design(build: Callable[P, Hypothesis]) -> Callable[P, Hypothesis]:
    """Let a constructor return a ``Design`` for placeholders, and refuse impossible arguments before it sees data.

    The annotated type stays Hypothesis: claims are written for it, and only ``running`` ever sees a Design.
    """
    name, signature = build.__name__, inspect.signature(build)

    @wraps(build)
    def either(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            fault = f"{name}(): {error}."
        else:
            bound.apply_defaults()
            fault = fault_in(name, bound.arguments)
        if any(isinstance(value, Placeholder | Design) for value in [*args, *kwargs.values()]):
            return faulty(fault) if fault else design_of(name, bound.arguments)
        if fault:
            raise DesignError(fault)
        return build(*args, **kwargs)

    return either


@_or_design
def increases(
    data: Any,
    along: str,
    by: float,
    tolerance: float | None = None,
    resolution: float | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean rises along a dimension: last minus first level above ``by``, no step back.

    A step between neighbours may fall by less than ``tolerance``, by default ``by`` / number of steps.
    """
    return _adjusted(_ordered(data, along, by, tolerance, resolution, sign=1), adjusted_by, population)


@_or_design
def decreases(
    data: Any,
    along: str,
    by: float,
    tolerance: float | None = None,
    resolution: float | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean falls along a dimension: first minus last level above ``by``, no step back."""
    return _adjusted(_ordered(data, along, by, tolerance, resolution, sign=-1), adjusted_by, population)


@_or_design
def exceeds(
    a: Any,
    b: Any = None,
    by: float = 0.0,
    resolution: float | None = None,
    of: xr.DataArray | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean over seeds of a - b is above ``by``; without ``b``, ``a`` is the difference itself.

    A negative ``by`` is non-inferiority ("not worse by more than"). ``of``: the raw conditions to show in the table.
    """
    by = float(by)
    null: Null = "relabelled" if by >= 0 else "shifted to the margin"
    gain = _difference(a, b, (by, inf), resolution=resolution, of=of, role="gain", margin=by, null=null)
    return _adjusted(gain, adjusted_by, population)


@_or_design
def between(
    a: Any,
    b: Any = None,
    *,
    low: float,
    high: float,
    resolution: float | None = None,
    of: xr.DataArray | None = None,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean over seeds of a - b lies between ``low`` and ``high``."""
    region = (float(low), float(high))
    null: Null = "shifted to the margin"
    gap = _difference(a, b, region, resolution=resolution, of=of, role="range", margin=(high - low) / 2, null=null)
    return _adjusted(gap, adjusted_by, population)


@_or_design
def equivalent(
    data: Any,
    along: str,
    within: float,
    resolution: float | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that all pairs of levels of ``along`` have means closer than ``within`` (TOST on every pair)."""
    step = resolution_of(resolution, data)
    data = _levels_of(data, along)
    parts = []
    for coords, at in combinations(data, other_dims(data, along)):
        group = data.isel(at)
        for first, second in pairs_of(range(group.sizes[along]), 2):
            a, b = group.isel({along: first}), group.isel({along: second})
            (pair,) = contrasts(a, b)
            size = step if step is not None else step_of(pair.first, pair.second)
            region = (-within, within)
            parts.append(
                Part(pair.text, pair.values, region, "pair", within, resolution=size, scale=pair.scale, coords=coords)
            )
    pairs = Hypothesis("equivalence", tuple(parts), _rows(data), _unit(data), "shifted to the margin")
    return _adjusted(pairs, adjusted_by, population)


@_or_design
def at_least(
    data: Any,
    bound: float,
    resolution: float | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean level is above ``bound``, in every condition."""
    return _adjusted(_level(data, (float(bound), inf), float(bound), resolution), adjusted_by, population)


@_or_design
def at_most(
    data: Any,
    bound: float,
    resolution: float | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean level is below ``bound``, in every condition."""
    return _adjusted(_level(data, (-inf, float(bound)), float(bound), resolution), adjusted_by, population)


@_or_design
def within(
    data: Any,
    centre: float,
    margin: float,
    resolution: float | None = None,
    *,
    adjusted_by: Any = None,
    population: Any = None,
) -> Hypothesis:
    """Claim that the mean level lies within ``margin`` of ``centre`` (equivalence about the middle)."""
    return _adjusted(
        _level(data, (centre - margin, centre + margin), float(margin), resolution), adjusted_by, population
    )


@_or_design
def proportion(success: Any, above: float) -> Hypothesis:
    """Claim that more than this share of seeds succeed, in every condition (exact binomial).

    ``success`` is a bool array; the caller's comparison decides what a tie counts as (``>``: a failure).
    """
    if isinstance(success, xr.DataArray) and success.dtype != bool:
        raise EvidenceError(f"A proportion counts a comparison (bool), not numbers ({success.dtype}).")
    data = evidence(success)
    parts = tuple(
        Part(f"{SUCCESS} at {text}" if coords else SUCCESS, values, (float(above), inf), "share",
             float(above), "count", coords=coords)
        for text, values, coords in _unnamed(data)
    )  # fmt: skip
    return Hypothesis("proportion", parts, _rows(data), "share of seeds", "shifted to the margin")


@_or_design
def sooner(fast: Any, slow: Any, by: float = 1.0, *, budget: Any, resolution: float | None = 1.0) -> Hypothesis:
    """Claim that ``fast`` takes less time (steps, epochs) than ``slow``, by more than a factor ``by``.

    d = log2(min(slow, budget)) - log2(min(fast, budget)). The time of a run that never reached the threshold is the
    budget (never NaN). A pair of which one run was cut off there has its bound as d, a pair of two cut runs is unknown
    (``parts._cut_off`` says how they count). ``budget``: a number, an array, or a pair (of fast, of slow).
    ``resolution``: the step at which times are recorded, in their unit (seconds are not recorded as whole seconds).
    """
    fast, slow = evidence(fast), evidence(slow)
    ends = budget if isinstance(budget, tuple) else (budget, budget)
    fast_log, fast_never = _censor(fast, ends[0])
    slow_log, slow_never = _censor(slow, ends[1])
    times, masks = contrasts(slow_log, fast_log), contrasts(slow_never, fast_never)
    parts = []
    for pair, mask in zip(times, masks, strict=True):
        # a step of the clock, on the log2 scale, at a typical time
        typical = float(np.exp2(np.median(np.concatenate([pair.first, pair.second]))))
        size = 0.0 if resolution is None else float(np.log2(1 + resolution / typical))
        parts.append(
            Part(pair.sooner, pair.values, (log2(by), inf), "time", log2(by), resolution=size, scale=pair.scale,
                 opposite=pair.later, censored=(mask.second > 0, mask.first > 0), coords=pair.coords)
        )  # fmt: skip
    return Hypothesis("time", tuple(parts), _both_rows(fast, slow), "log2 of the time")


@_or_design
def exactly(data: Any, value: float) -> Hypothesis:
    """Claim that every seed gives exactly this number; nothing is estimated and there is no error rate."""
    data = evidence(data)
    parts = tuple(
        Part(text, values, (float(value), float(value)), "exact", float(value), "exact", coords=coords)
        for text, values, coords in single(data)
    )
    return Hypothesis("exact", parts, _rows(data), _unit(data), "exact")


@_or_design
def all_of(*hypotheses: Hypothesis) -> Hypothesis:
    """Claim all of these together: supported iff every part is, refuted iff any part is at alpha / parts."""
    members = tuple(
        member for hypothesis in hypotheses for member in (hypothesis.members or (hypothesis,))
    )  # conjunctions of conjunctions are flattened
    rows: list[Row] = []
    for member in members:
        rows += [condition for condition in member.conditions if condition not in rows]
    parts = tuple(part for member in members for part in member.parts)
    units = {member.unit for member in members}
    unit = units.pop() if len(units) == 1 else ""
    assays = tuple(part for hypothesis in hypotheses for part in hypothesis.assays)
    return Hypothesis("conjunction", parts, tuple(rows), unit, members=members, assays=assays)


def _ordered(
    data: Any, along: str, by: float, tolerance: float | None, resolution: float | None, *, sign: int
) -> Hypothesis:
    """Build the intersection of end-to-end and every adjacent step, for each combination of the other dimensions."""
    step = resolution_of(resolution, data)
    data = _levels_of(data, along).transpose(SEED, ..., along)
    names = [plain(level) for level in data[along].values]
    order = list(range(len(names)))[::sign]
    steps = [(order[0], order[-1]), *pairwise(order)]
    slack = by / (len(names) - 1) if tolerance is None else float(tolerance)
    groups: list[Floats] = []
    parts: list[Part] = []
    for coords, at in combinations(data, other_dims(data, along)):
        group = data.isel(at).values
        groups.append(group[:, order])
        behind = f" (at {describe(coords)})" if coords else ""
        for index, (first, last) in enumerate(steps):
            size = step if step is not None else step_of(group[:, [first, last]])
            role: Role = "step" if index else "gain"
            margin = -slack if index else float(by)
            left, right = say(names[last]), say(names[first])
            scale = float(np.abs(group[:, [first, last]]).max())
            parts.append(Part(f"{along} {left} minus {right}{behind}", group[:, last] - group[:, first], (margin, inf),
                              role, margin, resolution=size, scale=scale,
                              opposite=f"{along} {right} minus {left}{behind}", coords=coords))  # fmt: skip
    matrix = np.zeros((len(names), len(steps)))
    for column, (first, last) in enumerate([(0, len(names) - 1), *pairwise(range(len(names)))]):
        matrix[first, column], matrix[last, column] = -1, 1
    return Hypothesis("ordered", tuple(parts), _rows(data), _unit(data), levels=Levels(np.stack(groups), matrix))


def _difference(
    a: Any,
    b: Any,
    region: tuple[float, float],
    *,
    resolution: float | None,
    of: xr.DataArray | None,
    role: Role,
    margin: float,
    null: Null,
) -> Hypothesis:
    """Build a paired difference for every combination of arms."""
    step = resolution_of(resolution, a, b)
    a = evidence(a)
    if b is None:
        parts = [
            Part(text, values, region, role, margin, resolution=step_of(values) if step is None else step,
                 opposite=f"the reverse of {text}", coords=coords)
            for text, values, coords in single(a)
        ]  # fmt: skip
        rows = _rows(a)
    else:
        b = evidence(b)
        parts = [
            Part(pair.text, pair.values, region, role, margin, opposite=pair.opposite, coords=pair.coords,
                 scale=pair.scale, resolution=step_of(pair.first, pair.second) if step is None else step)
            for pair in contrasts(a, b)
        ]  # fmt: skip
        rows = _both_rows(a, b)
    kind: Kind = "difference"
    return Hypothesis(kind, tuple(parts), rows if of is None else _rows(evidence(of)), _unit(a), null)


def _level(data: Any, region: tuple[float, float], margin: float, resolution: float | None) -> Hypothesis:
    """Build a level against its bound, in every condition."""
    step = resolution_of(resolution, data)
    data = evidence(data)
    parts = tuple(
        Part(text, values, region, "level", margin, resolution=step_of(values) if step is None else step,
             coords=coords)
        for text, values, coords in single(data)
    )  # fmt: skip
    return Hypothesis("level", parts, _rows(data), _unit(data), "shifted to the margin")


def _adjusted(hypothesis: Hypothesis, adjusted_by: Any, population: Any) -> Hypothesis:
    """Give every part its covariate, by the labels that the part and the covariate share.

    Where the draws of the population have labels, too, a part gets those of its own: another condition may be easier.
    """
    if adjusted_by is None:
        return hypothesis
    known = evidence(adjusted_by)
    name = str(known.attrs.get("long_name", known.name or "x")).replace("_", " ")
    parts = []
    for part in hypothesis.parts:
        missing = [dim for dim in other_dims(known) if dim not in part.coords]
        if missing:
            raise EvidenceError(f"The covariate {name} differs by {missing[0]}, but {part.text} does not name one.")
        labels = {dim: part.coords[dim] for dim in other_dims(known)}
        own, drawn = known.sel(labels), population
        if isinstance(population, xr.DataArray):
            drawn = population.sel({dim: label for dim, label in labels.items() if dim in population.dims}).values
        if own.sizes[SEED] != part.values.size:
            raise EvidenceError(f"The claim and its covariate {name} do not have the same seeds.")
        parts.append(replace(part, covariate=covariate(name, own.values, drawn)))
    return replace(hypothesis, parts=tuple(parts))


def _levels_of(data: Any, along: str) -> xr.DataArray:
    """Check that an array has at least two levels of ``along``."""
    checked = evidence(data)
    if along not in checked.dims:
        raise EvidenceError(f"There is no dimension {along!r} to compare along, only {list(map(str, checked.dims))}.")
    if checked.sizes[along] < 2:  # noqa: PLR2004 - a comparison takes two
        raise EvidenceError(f"There is only a single level of {along!r}: nothing to compare.")
    return checked


def _censor(arm: xr.DataArray, budget: Any) -> tuple[xr.DataArray, xr.DataArray]:
    """Return log2 of the time, cut at the budget, and a mask of the runs that are cut."""
    if bool((arm <= 0).any()):
        raise EvidenceError("A time to a threshold is above zero; for a run that never reaches it, give the budget.")
    if bool((arm < 1 / LONGEST).any() or (arm.where(arm < budget, 1.0) > LONGEST).any()):
        raise EvidenceError(f"A time lies between {1 / LONGEST:g} and {LONGEST:g}; choose another unit.")
    if not bool(np.all(np.asarray(budget, dtype=float) > 0)):
        raise EvidenceError("Every run needs a budget above zero.")
    cut = arm.where(arm < budget, budget).transpose(*arm.dims)
    never = (arm >= budget).astype(float).transpose(*arm.dims)
    logs: Floats = np.log2(cut.values)
    return cut.copy(data=logs), never.assign_coords(arm.coords)


def _unnamed(data: xr.DataArray) -> Any:
    """List a comparison's conditions without the name that xarray keeps from the first operand."""
    return single(data.rename(None))


def _rows(data: xr.DataArray) -> tuple[Row, ...]:
    """Build the condition table of one array."""
    return tuple(_labelled(data))


def _labelled(data: xr.DataArray) -> Iterable[Row]:
    for coords, at in combinations(data, other_dims(data)):
        labels: dict[str, Any] = {**fixed(data), **coords}
        yield row(labels or {"condition": str(data.name or "all")}, data.isel(at).values)


def _both_rows(a: xr.DataArray, b: xr.DataArray) -> tuple[Row, ...]:
    """Build the condition table of two arms; where their labels are equal, names distinguish them."""
    rows = [*_rows(a), *_rows(b)]
    labels = [tuple((k, v) for k, v in condition.items() if k not in COLUMNS) for condition in rows]
    if len(set(labels)) == len(labels):
        return tuple(rows)
    names = [str(array.name or default) for array, default in ((a, "first arm"), (b, "second arm"))]
    if names[0] == names[1]:
        names = ["first arm", "second arm"]
    count = len(_rows(a))
    return tuple({"arm": names[index >= count], **condition} for index, condition in enumerate(rows))


def _unit(data: xr.DataArray) -> str:
    """Return the unit that the array's attributes name (CF's ``units``)."""
    return str(data.attrs.get("units", ""))
