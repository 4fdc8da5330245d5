"""Designs: a claim's kind, margin and region, known before there are data.

``running`` calls a claim's function with ``Placeholder`` measurements; the constructors then return a ``Design``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, log2, nan, sqrt
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from pytest_claims.inference.hypotheses import Hypothesis
from pytest_claims.inference.messages import number
from pytest_claims.inference.parts import Estimator
from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.inference.power import EACH_SIDE, detectable, detectable_share, fewest_successes, most_successes
from pytest_claims.inference.rule import LARGEST, LONGEST
from pytest_claims.inference.sensitivity import assay_fault
from pytest_claims.inference.verdicts import Kind
from pytest_claims.vocabulary import ALPHA, FEWEST_SEEDS, SEED

REAL = int | float | np.integer | np.floating
SHOWN = 20  # characters shown of a value that is no number

__all__ = ["Design", "Placeholder", "cannot_decide", "cannot_refute", "smallest_detectable"]


@dataclass(frozen=True)
class Design:
    """A hypothesis without evidence: its kind, margin and region; its parts are not known yet."""

    kind: Kind
    margin: float
    region: tuple[float, float]
    estimator: Estimator = "mean"
    members: tuple["Design", ...] = ()
    unit: str = ""
    resolution: float = 0.0  # the step of the unit, where the claim names it
    fault: str = ""  # why the claim makes no sense, whatever the data
    assayed: bool = False  # whether its arms must beat a constant
    adjusted: bool = False  # for a covariate, so that it is judged from FEWEST_ADJUSTED seeds on

    def named(self, *, unit: str | None = None, text: str | None = None) -> "Design":  # noqa: ARG002 - a Hypothesis's
        """Do what ``Hypothesis.named`` does."""
        return replace(self, unit=self.unit if unit is None else unit)

    def assay(self, arms: Any, *, against: Any, by: float, lower_is_better: bool = False) -> "Design":  # noqa: ARG002 - a Hypothesis's
        """Do what ``Hypothesis.assay`` does, as far as it is known without data."""
        fault = self.fault or assay_fault([(one.kind, one.region) for one in self.members or (self,)], against, by)
        return replace(self, fault=fault, assayed=True)

    def reversed(self) -> "Design":
        """Stand in for ``Hypothesis.reversed``."""
        return self


def cannot_decide(design: Design, n: int, alpha: float = ALPHA) -> str | None:
    """Say why n seeds can never support this design; None where they can."""
    if n < FEWEST_SEEDS:
        return f"{n} seeds are too few: below {FEWEST_SEEDS} there is no verdict."
    if design.fault:
        return design.fault
    if design.members:
        reasons = (cannot_decide(member, n, alpha) for member in design.members)
        return next((reason for reason in reasons if reason is not None), None)
    if design.estimator == "count":
        return _too_few(n, design.region[0], alpha)
    return None if design.estimator == "exact" else _too_narrow(design, n, alpha)


def _too_few(n: int, share: float, alpha: float) -> str | None:
    """Say why n successes of n would not prove a share."""
    if fewest_successes(n, share, alpha) is not None:
        return None
    return (
        f"{n} seeds can never prove a share above {100 * share:.3g} %: even {n} of {n} successes only prove more than "
        f"{100 * detectable_limit(n, alpha):.3g} %."
    )


def _too_narrow(design: Design, n: int, alpha: float) -> str | None:
    """Say why not even seeds that all agree would prove that a mean lies in the region.

    Only a resolution that the claim states is known here; a measurement's attributes come with the data.
    """
    low, high = design.region
    reach = _narrowest_reach(design.resolution, n, alpha)
    if high - low > 2 * reach:
        return None
    return (
        f"its region, from {number(low)} to {number(high)}, is no wider than the narrowest interval of {n} seeds in "
        f"steps of {number(design.resolution)}, which is {number(2 * reach)} wide."
    )


def _narrowest_reach(resolution: float, n: int, alpha: float = ALPHA) -> float:
    """Return half the width of a mean's narrowest interval: its sd is at least resolution / sqrt(12)."""
    return float(stats.t.isf(alpha, n - 1)) * resolution / sqrt(12 * n)


def cannot_refute(design: Design, n: int, alpha: float = ALPHA) -> str | None:
    """Say why n seeds can never refute this design; None where they can. A note, not a fault."""
    for member in design.members:
        reason = cannot_refute(member, n, alpha)
        if reason is not None:
            return reason
    if design.estimator == "count" and most_successes(n, design.region[0], alpha) is None:
        return f"{n} seeds can never refute a share above {100 * design.region[0]:.3g} %: 0 of {n} still allow it."
    return None


def smallest_detectable(design: Design, n: int, sd: float | None, alpha: float = ALPHA) -> float | None:
    """Return the smallest effect (share, for counts) that n seeds support with 90 % power, given a pilot's sd.

    For a two-sided region: how far from its middle an effect may lie. For a time: its logarithm, as for the margin.
    None where nothing is detectable or sd is not known.
    """
    low, high = design.region
    if design.estimator == "count":
        return detectable_share(n, low, alpha)
    if design.estimator == "exact" or sd is None or design.members or design.fault:
        return None
    spread = max(sd, design.resolution / sqrt(12))
    if isfinite(low) and isfinite(high):
        rest = (high - low) / 2 - detectable(n, spread, alpha, EACH_SIDE)
        return rest if rest > 0 else None
    reach = detectable(n, spread, alpha)
    return low + reach if isfinite(low) else high - reach


def detectable_limit(n: int, alpha: float = ALPHA) -> float:
    """Return the best provable share: the lower bound when all n seeds succeed."""
    return float(alpha ** (1 / n))


def describe_design(design: Design) -> str:
    """Put the region in words, for ``--design``: "difference above 0.05"."""
    low, high = design.region
    if design.fault:
        return "-"
    if design.members:
        return "all of: " + "; ".join(describe_design(member) for member in design.members)
    if design.estimator == "exact":
        return f"exactly {number(design.margin)}"
    if design.kind == "time":
        return f"time shorter by a factor above {number(2**low)}"
    if isfinite(low) and isfinite(high):
        return f"{design.kind} between {number(low)} and {number(high)}"
    return f"{design.kind} {'above' if isfinite(low) else 'below'} {number(low if isfinite(low) else high)}"


def fault_in(name: str, said: Mapping[str, Any]) -> str:
    """Say why the arguments of the constructor ``name`` make no sense, whatever the data; "" where they do."""
    optional = {key for key in ("tolerance", "resolution") if said.get(key) is None}
    for key in sorted((said.keys() & _NUMBERS) - optional):
        if not _is_number(said[key]):
            return f"{key} is a number that is fixed before there are data, not {_shown(said[key])}."
        if abs(said[key]) > LARGEST:
            return f"{key} is {_shown(said[key])}, beyond the {LARGEST:g} up to which a spread can be computed."
    if said.get("resolution") is not None and said["resolution"] < 0:
        return f"A resolution is a step of the unit, not {said['resolution']}."
    if said.get("adjusted_by") is not None and not _is_population(said["population"]):
        return (
            "A claim that is adjusted for a covariate names its population: its exact mean, or an array of draws, not "
            f"{_shown(said['population'])}."
        )
    if said.get("along") == SEED:
        return "along names the conditions to compare; seeds are what a mean is taken over."
    return _FAULTS[name](said) if name in _FAULTS else ""


def _is_number(value: Any) -> bool:
    """Whether a value is finite and of a type that arithmetic with arrays keeps."""
    try:
        return isinstance(value, REAL) and isfinite(value)
    except OverflowError:  # an int beyond all floats
        return False


def _is_population(value: Any) -> bool:
    """Whether a value can be the population mean of a covariate, or draws from it."""
    if isinstance(value, Placeholder | xr.DataArray | np.ndarray):
        return True
    return not isinstance(value, bool) and _is_number(value)


def _shown(value: Any) -> str:
    """Name a value that is not the number it should be."""
    if isinstance(value, Placeholder):
        return "a measurement"
    text = str(value) if isinstance(value, REAL) else repr(value)
    return type(value).__name__ if "\n" in text else text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def faulty(fault: str) -> Design:
    """Return the design of a claim whose arguments make no sense."""
    return Design("difference", nan, (-inf, inf), fault=fault)


def design_of(name: str, said: Mapping[str, Any]) -> Design:
    """Build the design of the constructor ``name`` from its arguments by name; data arguments are ignored."""
    if name == "all_of":
        designs = tuple(member for member in said["hypotheses"] if isinstance(member, Design))
        members = tuple(member for design in designs for member in (design.members or (design,)))
        adjusted = any(member.adjusted for member in members)
        return Design(
            "conjunction", members[0].margin, members[0].region, members[0].estimator, members, adjusted=adjusted
        )
    kind, margin, region = _SHAPES[name](said)
    estimator: Estimator = "count" if kind == "proportion" else "exact" if kind == "exact" else "mean"
    # the step of a clock is not in the unit of the effect, which is a logarithm
    step = 0.0 if kind == "time" else float(said.get("resolution") or 0.0)
    return Design(kind, margin, region, estimator, resolution=step, adjusted=said.get("adjusted_by") is not None)


Shape = tuple[Kind, float, tuple[float, float]]
_NUMBERS = {"by", "low", "high", "within", "bound", "centre", "margin", "above", "value", "tolerance", "resolution"}


def _around(kind: Kind, low: float, high: float) -> Shape:
    return kind, (high - low) / 2, (low, high)


def _above(kind: Kind, bound: float) -> Shape:
    return kind, bound, (bound, inf)


#: Kind, margin and region of each constructor, from its arguments by name.
_SHAPES: Mapping[str, Callable[[Mapping[str, Any]], Shape]] = {
    "increases": lambda said: _above("ordered", float(said["by"])),
    "decreases": lambda said: _above("ordered", float(said["by"])),
    "exceeds": lambda said: _above("difference", float(said["by"])),
    "between": lambda said: _around("difference", float(said["low"]), float(said["high"])),
    "equivalent": lambda said: _around("equivalence", -float(said["within"]), float(said["within"])),
    "at_least": lambda said: _above("level", float(said["bound"])),
    "at_most": lambda said: ("level", float(said["bound"]), (-inf, float(said["bound"]))),
    "within": lambda said: (
        "level",
        said["margin"],
        (said["centre"] - said["margin"], said["centre"] + said["margin"]),
    ),
    "proportion": lambda said: _above("proportion", float(said["above"])),
    "sooner": lambda said: _above("time", log2(said["by"])),
    "exactly": lambda said: ("exact", float(said["value"]), (float(said["value"]), float(said["value"]))),
}

#: Which arguments make no sense for each constructor, as a sentence; "" where they do.
_FAULTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "increases": lambda said: _ordered_fault(said["by"]),
    "decreases": lambda said: _ordered_fault(said["by"]),
    "between": lambda said: (
        "" if said["low"] < said["high"] else f"The range from {said['low']} to {said['high']} is empty."
    ),
    "equivalent": lambda said: _margin_fault("within", said["within"]),
    "within": lambda said: _margin_fault("margin", said["margin"]),
    "proportion": lambda said: (
        "" if 0 <= said["above"] < 1 else f"A share of seeds lies in [0, 1), not at {said['above']}."
    ),
    "sooner": lambda said: (
        f"A factor of {said['by']} would be slower, not sooner; swap the arms."
        if said["by"] < 1
        else f"A factor of {said['by']} is beyond {LONGEST:g}, the largest that can be computed."
        if said["by"] > LONGEST
        else _budget_fault(said["budget"])
    ),
    "all_of": lambda said: _members_fault(said["hypotheses"]),
}


def _ordered_fault(by: float) -> str:
    return "" if by >= 0 else f"An ordered claim asks for at least 0 from end to end, not {by}; reverse the order."


def _margin_fault(name: str, value: float) -> str:
    return "" if value > 0 else f"{name} is a margin above zero, not {value}."


def _budget_fault(budget: Any) -> str:
    """Say what is wrong with a budget that is no array; infinity means no budget."""
    budgets = budget if isinstance(budget, tuple) else (budget,)
    for value in budgets:
        is_array = isinstance(value, Placeholder | xr.DataArray | np.ndarray)
        if not is_array and not (isinstance(value, REAL) and value > 0):
            return f"A budget is a number above zero, an array of them or a pair, not {_shown(value)}."
    if isinstance(budget, tuple) and len(budgets) != len(("fast", "slow")):
        count = f"{len(budgets)} {'number' if len(budgets) == 1 else 'numbers'}"
        return f"A pair of budgets is that of the fast arm and that of the slow one, not {count}."
    return ""


def _members_fault(hypotheses: Sequence[Any]) -> str:
    if not hypotheses:
        return "all_of() joins hypotheses, but there are none."
    strange = [
        "a measurement" if isinstance(member, Placeholder) else type(member).__name__
        for member in hypotheses
        if not isinstance(member, Design | Hypothesis)
    ]
    return f"all_of() joins hypotheses, not {strange[0]}." if strange else ""
