"""Verdicts: what the evidence says about a hypothesis, for a reader and for results.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from pytest_claims.inference.forecast import Outlook, RegionMargins, outlook
from pytest_claims.inference.messages import Story, given_up, insensitive, sentence
from pytest_claims.inference.parts import PartVerdict, VerdictName, finite
from pytest_claims.inference.power import EACH_SIDE, detectable, detectable_share, seeds_for_share, seeds_needed
from pytest_claims.inference.rule import Terms

if TYPE_CHECKING:
    from pytest_claims.inference.labels import Label

Kind = Literal["ordered", "difference", "equivalence", "level", "proportion", "time", "conjunction", "exact"]
Direction = Literal["reversed", "smaller than the margin"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """A verdict and everything it rests on; the top level repeats the deciding part.

    ``detectable`` is the smallest effect (for a share: the smallest share) that this many seeds would have supported
    with 90 % power, given the observed spread, None in a quick look, which supports nothing; ``seeds_needed`` is how
    many seeds would probably decide. ``outlook`` says why an inconclusive claim is undecided, what more seeds would do,
    and which margins would hold. ``assays`` are the parts that show that this run could have seen a difference.
    ``alpha`` is the level of each side of the interval, ``divisor`` what the error of all looks together was divided by
    to get it.
    """

    verdict: VerdictName
    kind: Kind
    effect: float
    interval: tuple[float, float]
    margin: float
    region: tuple[float, float]
    alpha: float
    divisor: float
    p_value: float | None
    parts: tuple[PartVerdict, ...]
    seeds: int
    direction: Direction | None
    win_rate: float
    d_z: float | None
    detectable: float | None
    seeds_needed: int | None
    outlook: Outlook
    message: str
    unit: str
    conditions: tuple[Row, ...]
    assays: tuple[PartVerdict, ...] = ()

    def sensitive(self, assays: tuple[PartVerdict, ...]) -> "Verdict":
        """Return the verdict with the parts that show that this run could have seen a difference.

        These never refute. Where one of them does not hold, nothing is supported, whatever the margin. The p-value is
        that of an intersection of parts and assays, the largest of all.
        """
        judged = tuple(replace(part, verdict="inconclusive") if part.verdict == "refuted" else part for part in assays)
        seeds = max(self.seeds, *(part.seeds for part in judged))
        failed = [part for part in judged if part.verdict != "supported"]
        largest = largest_p((*self.parts, *judged))
        if self.verdict != "supported" or not failed:
            return replace(self, assays=judged, seeds=seeds, p_value=largest)
        worst = min(failed, key=lambda part: part.slack)
        return replace(
            self,
            verdict="inconclusive",
            assays=judged,
            seeds=seeds,
            p_value=largest,
            detectable=None,
            seeds_needed=None,
            outlook=Outlook(),
            message=insensitive(worst, self.alpha, self.unit),
        )

    def given_up(self, chance: float) -> "Verdict":
        """Return the verdict of a run that takes no further look, and says so.

        ``chance``: that the run's last look would decide. Nothing but the sentence changes.
        """
        return replace(self, message=given_up(self.message, chance))

    def as_json(self) -> dict[str, Any]:
        """Return the verdict's fields of results.json: finite numbers or null."""
        return {
            "verdict": self.verdict,
            "kind": self.kind,
            "effect": finite(self.effect),
            "interval": [finite(end) for end in self.interval],
            "margin": finite(self.margin),
            "region": [finite(end) for end in self.region],
            "alpha": self.alpha,
            "divisor": self.divisor,
            "p_value": finite(self.p_value),
            "parts": [part.as_json() for part in self.parts],
            "assays": [part.as_json() for part in self.assays],
            "seeds": self.seeds,
            "direction": self.direction,
            "win_rate": finite(self.win_rate),
            "d_z": finite(self.d_z),
            "detectable": finite(self.detectable),
            "seeds_needed": self.seeds_needed,
            "undecided": self.outlook.undecided,
            "within": finite(self.outlook.within),
            "chance": finite(self.outlook.chance),
            "chance_seeds": self.outlook.later,
            "margins": None if self.outlook.margins is None else [finite(end) for end in self.outlook.margins],
            **({"region_margins": list(map(_of_region, self.outlook.by_region))} if self.outlook.by_region else {}),
            "message": self.message,
            "unit": self.unit,
            "conditions": [_row(row) for row in self.conditions],
        }


def combine(
    kind: Kind,
    parts: tuple[PartVerdict, ...],
    terms: Terms,
    unit: str,
    conditions: tuple[Row, ...],
    assays: tuple[PartVerdict, ...] = (),
) -> Verdict:
    """Combine parts by intersection-union (Berger 1982): supported iff every part is, refuted iff any part is.

    What ``assays`` take away from a support is left to ``Verdict.sensitive``.
    """
    alpha = terms.level
    verdict: VerdictName = "inconclusive"
    if all(part.verdict == "supported" for part in parts):
        verdict = "supported"
    elif any(part.verdict == "refuted" for part in parts):
        verdict = "refuted"
    # a refuted end-to-end difference says more than any step inside it
    deciding = min(
        (part for part in parts if part.verdict == verdict),
        key=lambda part: (verdict == "refuted" and part.role == "step", part.slack),
    )
    direction = _direction(deciding) if verdict == "refuted" else None
    later = terms.later or alpha  # the level at which more seeds are judged
    reached, needed = _reach(_judged_later(deciding, terms), later)
    effect = None if terms.quick else reached
    beyond = outlook([_judged_later(part, terms) for part in parts], deciding, later, assays, quick=terms.quick)
    return Verdict(
        verdict=verdict,
        kind=kind,
        effect=deciding.effect,
        interval=deciding.interval,
        margin=deciding.margin,
        region=deciding.region,
        alpha=alpha,
        divisor=terms.divisor,
        p_value=largest_p(parts),
        parts=parts,
        seeds=max(part.seeds for part in parts),
        direction=direction,
        win_rate=deciding.wins / deciding.seeds,
        d_z=_standardised(deciding),
        detectable=effect,
        seeds_needed=needed,
        outlook=beyond,
        message=sentence(Story(verdict, direction, deciding, parts, alpha, unit, effect, beyond, terms.quick)),
        unit=unit,
        conditions=conditions,
    )


def _judged_later(part: PartVerdict, terms: Terms) -> PartVerdict:
    """Return a part as the looks after a quick one will test it, at their own level."""
    return part if terms.later is None else replace(part, refuted_at=terms.later / terms.share)


def largest_p(parts: Sequence[PartVerdict]) -> float | None:
    """Return the largest p-value of several parts, that of their intersection; None where nothing is estimated."""
    return max((part.p_value for part in parts if part.p_value is not None), default=None)


def _standardised(part: PartVerdict) -> float | None:
    """Return a paired difference in standard deviations (d_z); None for levels and shares."""
    if part.estimator != "mean" or part.role == "level" or part.sd <= 0:
        return None
    return part.effect / part.sd


def _direction(part: PartVerdict) -> Direction | None:
    """Say how a claimed difference was refuted; levels, shares and equivalences have no direction."""
    low, high = part.region
    if (
        part.outside
        or part.role not in {"gain", "step", "time", "range"}
        or (part.estimator == "mean" and not isfinite(low))
    ):
        return None
    if part.interval[1] < 0 <= low or (low < 0 and part.interval[1] <= low):
        return "reversed"
    return "smaller than the margin" if part.interval[0] < high else None


def _reach(part: PartVerdict, alpha: float) -> tuple[float | None, int | None]:
    """Return the smallest detectable effect and how many seeds would probably decide, for the deciding part."""
    low, high = part.region
    if part.estimator == "exact":
        return None, None
    if part.estimator == "count":
        bound = low if isfinite(low) else high
        share = detectable_share(part.seeds, bound, alpha) if isfinite(low) else None
        return share, seeds_for_share(part.effect, bound, alpha)
    sd = max(float(part.near.scale), float(part.far.scale))  # the floor included
    if isfinite(low) and isfinite(high):
        rest = (high - low) / 2 - detectable(part.seeds, sd, alpha, EACH_SIDE)
        distance = min(part.effect - low, high - part.effect)
        return (rest if rest > 0 else None), _needed(distance, sd, alpha, part)
    reach = detectable(part.seeds, sd, alpha)
    effect = low + reach if isfinite(low) else high - reach
    return effect, _needed(part.effect - low if isfinite(low) else high - part.effect, sd, alpha, part)


def _needed(distance: float, sd: float, alpha: float, part: PartVerdict) -> int | None:
    """Return the seeds needed to support an effect inside its margin, or to refute an effect outside."""
    return seeds_needed(distance, sd, alpha) if distance > 0 else seeds_needed(-distance, sd, part.refuted_at)


def _of_region(known: RegionMargins) -> dict[str, Any]:
    role, region, margins = known
    return {"role": role, "region": list(map(finite, region)), "margins": list(map(finite, margins))}


def _row(row: Row) -> dict[str, Any]:
    """Turn a condition, with its statistics and one value per seed, into JSON."""
    clean: dict[str, Label | list[float | None] | None] = {}
    for key, value in row.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            clean[key] = [finite(float(number)) for number in value]
        elif isinstance(value, float):
            clean[key] = finite(value)
        else:
            clean[key] = value
    return clean
