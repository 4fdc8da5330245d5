"""Which margins these data would support and which they would refute: a line for every claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import cast

from pytest_claims.inference.forecast import Margins, by_region, margins_that_hold
from pytest_claims.inference.messages import margin_line
from pytest_claims.inference.parts import PartVerdict
from pytest_claims.record import Ends, PartRecord, Record
from pytest_claims.report.words import ends, is_share, is_time, quantity, region_text, span, strict_text, with_minus

#: What the parts of a claim with several regions are called.
NAMES = {"gain": "gains", "step": "single steps", "pair": "pairs", "level": "levels", "share": "shares",
         "time": "times", "range": "ranges"}  # fmt: skip


def margins_text(claim: Record) -> str:
    """Return the line of a claim: "supported for every margin below 0.1, refuted from 0.2 on", or why there is none.

    A claim whose parts have different regions gets a clause for each region. "" where nothing was judged, or where an
    older version did not record what the line needs.
    """
    if claim.kind is None or not claim.parts or claim.verdict == "error":
        return ""
    if not claim.is_quick and any(part.verdict != "supported" for part in claim.assays):
        return "supported for none, because this run could not have seen a difference"
    low, high = ends(claim.margins)
    if high is not None and (low is not None or claim.is_quick):
        return _line(claim, claim.parts[0], (low, high)) + _unit(claim)
    lines = [(parts[0], _clause(claim, parts)) for parts in by_region(claim.parts).values()]
    if len(lines) == 1:
        text = lines[0][1]
    else:
        text = "; ".join(
            f"{NAMES.get(part.role, 'parts')} ({region_text(claim, part)} claimed): {line}"
            for part, line in lines
            if line
        )
    return text + (_unit(claim) if text else "")


def _unit(claim: Record) -> str:
    return "" if is_time(claim) or is_share(claim) or not claim.unit else f" ({claim.unit})"


def _clause(claim: Record, parts: Sequence[PartRecord]) -> str:
    """Return the line of parts that share a role and a region."""
    first = parts[0]
    if first.estimator == "exact" or first.role == "exact":
        return "no margin: the numbers are compared as they are"
    waiting = next((part.note for part in parts if part.note and not strict_text(claim, part)), None)
    if waiting:
        return f"nothing is decided, whatever the margin: {with_minus(waiting)}"
    if any(None in ends(part.interval) or None in ends(part.strict) for part in parts):
        return ""
    if first.role == "range" or first.outside:
        within, beyond = ("lies outside of", "holds") if first.outside else ("holds", "lies outside of")
        supported = f"supported for every range that {within} {span(claim, first.interval, first)}, "
        refuted = f"refuted for every range that {beyond} {span(claim, first.strict, first)}"
        return refuted if claim.is_quick else supported + refuted
    judged = cast("list[PartVerdict]", [_Judged.of(part) for part in parts])  # it has all that is read here
    found = margins_that_hold(judged)
    return "" if found is None else _line(claim, first, found)


def _line(claim: Record, part: PartRecord, margins: Margins) -> str:
    known = (None if claim.is_quick else margins[0], margins[1])  # also in files whose quick looks say otherwise
    return margin_line(part.role, _open(part.region), known, lambda margin: quantity(claim, margin, part))


def _open(pair: Ends | None) -> tuple[float, float]:
    """Return two ends with infinities where JSON has null."""
    low, high = ends(pair)
    return -inf if low is None else low, inf if high is None else high


@dataclass(frozen=True)
class _Judged:
    """A recorded part as ``margins_that_hold`` reads it."""

    role: str
    region: tuple[float, float]
    interval: tuple[float, float]
    strict: tuple[float, float]
    estimator: str
    margin: float
    values: tuple[float, ...]
    fast_cut: tuple[int, ...]
    slow_cut: tuple[int, ...]
    outside: bool = False
    waits: bool = False

    @classmethod
    def of(cls, part: PartRecord) -> "_Judged":
        region, interval, strict = (_open(pair) for pair in (part.region, part.interval, part.strict))
        margin = -inf if part.margin is None else part.margin
        values = tuple(-inf if value is None else value for value in part.values)
        estimator = part.estimator or "mean"
        return cls(part.role, region, interval, strict, estimator, margin, values, part.fast_cut, part.slow_cut)
