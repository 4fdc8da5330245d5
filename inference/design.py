"""Designs: what a claim will ask, known before there is any data.

``trials`` runs a claim's function with ``Placeholder`` measurements; the constructors then return a ``Design``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, log2
from typing import Any

from inference.messages import number
from inference.parts import Estimator
from inference.placeholder import Placeholder
from inference.power import detectable, detectable_share, fewest_successes, most_successes
from inference.rule import ALPHA, FEWEST_SEEDS
from inference.verdicts import Kind

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

    def named(self, *, unit: str | None = None, text: str | None = None) -> "Design":  # noqa: ARG002 - a Hypothesis's
        """Take the place of ``Hypothesis.named``."""
        return replace(self, unit=self.unit if unit is None else unit)

    def reversed(self) -> "Design":
        """Take the place of ``Hypothesis.reversed``."""
        return self


def cannot_decide(design: Design, n: int, alpha: float = ALPHA) -> str | None:
    """Say why n seeds can never support this design; None where they can."""
    if n < FEWEST_SEEDS:
        return f"{n} seeds are too few: below {FEWEST_SEEDS} there is no verdict."
    for member in design.members:
        if (why := cannot_decide(member, n, alpha)) is not None:
            return why
    low, high = design.region
    if not design.members and design.estimator != "exact" and not low < high:
        return f"no effect lies in its region, from {number(low)} to {number(high)}."
    if design.kind in {"ordered", "time"} and low < 0:
        return "it asks for less than no change; exchange the order or the arms."
    if design.estimator == "count" and fewest_successes(n, design.region[0], alpha) is None:
        best = 100 * detectable_limit(n, alpha)
        return (
            f"{n} seeds can never prove a share above {100 * design.region[0]:.3g} %: even {n} of {n} successes only "
            f"prove more than {best:.3g} %."
        )
    return None


def cannot_refute(design: Design, n: int, alpha: float = ALPHA) -> str | None:
    """Say why n seeds can never refute this design; None where they can. A note, not a fault."""
    for member in design.members:
        if (why := cannot_refute(member, n, alpha)) is not None:
            return why
    if design.estimator == "count" and most_successes(n, design.region[0], alpha) is None:
        return f"{n} seeds can never refute a share above {100 * design.region[0]:.3g} %: 0 of {n} still allow it."
    return None


def smallest_detectable(design: Design, n: int, sd: float | None, alpha: float = ALPHA) -> float | None:
    """Return the smallest effect (share, for counts) that n seeds support with 90 % power, given a pilot's sd.

    In a two-sided region: how far from its middle an effect may lie; a time: its logarithm, as the margin is. None
    where nothing is detectable or sd unknown.
    """
    low, high = design.region
    if design.estimator == "count":
        return detectable_share(n, low, alpha)
    if design.estimator == "exact" or sd is None or design.members:
        return None
    reach = detectable(n, sd, alpha)
    if isfinite(low) and isfinite(high):
        rest = (high - low) / 2 - reach
        return rest if rest > 0 else None
    return low + reach if isfinite(low) else high - reach


def detectable_limit(n: int, alpha: float = ALPHA) -> float:
    """Return the best provable share: the lower bound when all n seeds succeed."""
    return float(alpha ** (1 / n))


def describe_design(design: Design) -> str:
    """Put the region in words, for ``--design``: "difference above 0.05"."""
    low, high = design.region
    if design.members:
        return "all of: " + "; ".join(describe_design(member) for member in design.members)
    if design.estimator == "exact":
        return f"exactly {number(design.margin)}"
    if design.kind == "time":
        return f"time shorter by a factor above {number(2**low)}"
    if isfinite(low) and isfinite(high):
        return f"{design.kind} between {number(low)} and {number(high)}"
    return f"{design.kind} {'above' if isfinite(low) else 'below'} {number(low if isfinite(low) else high)}"


def design_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Design:
    """Build the design of the constructor called ``name`` from what it was given; data arguments are ignored."""
    if name == "all_of":
        found = tuple(one for one in args if isinstance(one, Design))
        members = tuple(member for one in found for member in (one.members or (one,)))
        return Design("conjunction", members[0].margin, members[0].region, members[0].estimator, members)
    said = _arguments(name, args, kwargs)
    kind, margin, region = _SHAPES[name]({key: said[key] for key in said if key not in _DATA})
    return Design(kind, margin, region, {"proportion": "count", "exact": "exact"}.get(kind, "mean"))  # type: ignore[arg-type]


Shape = tuple[Kind, float, tuple[float, float]]
_DATA = {"data", "a", "b", "success", "fast", "slow", "of", "budget"}


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


def _arguments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a constructor's arguments by name, defaults filled in."""
    import inspect

    from inference import constructors  # it imports this module; at call time both are there

    bound = inspect.signature(getattr(constructors, name)).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)
