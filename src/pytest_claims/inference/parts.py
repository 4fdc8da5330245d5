"""Parts: the single effects of a hypothesis, and how several of them are judged at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite, sqrt
from typing import Any, Literal

import numpy as np

from pytest_claims.inference.labels import Label
from pytest_claims.inference.rule import CENSORED, DIGITS, Bools, Decisions, Floats, Regions, judge_counts, judge_means

#: What a part means to a reader; its sentence depends on it.
Role = Literal["gain", "step", "pair", "range", "level", "share", "time", "exact"]
Estimator = Literal["mean", "count", "exact"]
VerdictName = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True, eq=False)
class Part:
    """One effect and the region it is claimed to lie in.

    ``values`` has shape (n,), one number a seed: differences, levels, 0/1 for counts. ``region`` is open and may be
    infinite on a side. ``margin`` is the number that the claim names. ``censored`` are two (n,) masks, fast arm and
    slow arm, of runs that never reached the threshold.
    """

    text: str
    values: Floats
    region: tuple[float, float]
    role: Role
    margin: float
    estimator: Estimator = "mean"
    resolution: float = 0.0
    tie: float = 0.0
    outside: bool = False
    opposite: str = ""
    censored: tuple[Bools, Bools] | None = None
    coords: Mapping[str, Label] = field(default_factory=dict)

    def mirrored(self) -> "Part":
        """Claim the opposite difference, with the same margin."""
        fast_slow = None if self.censored is None else (self.censored[1], self.censored[0])
        text, opposite = self.opposite or f"the reverse of {self.text}", self.text
        return replace(self, text=text, opposite=opposite, values=-self.values, censored=fast_slow)

    def complement(self) -> "Part":
        """Claim that the effect lies on the other side of the margin."""
        low, high = self.region
        if self.estimator == "exact" or (isfinite(low) and isfinite(high)):
            return replace(self, outside=not self.outside)
        return replace(self, region=(-inf, low) if isfinite(low) else (high, inf))


@dataclass(frozen=True)
class PartVerdict:
    """What the evidence says about one part. ``region`` is what decided: (0.8, inf) where seeds were counted."""

    text: str
    effect: float
    interval: tuple[float, float]
    region: tuple[float, float]
    verdict: VerdictName
    role: Role
    margin: float
    estimator: Estimator
    p_value: float | None
    sd: float
    seeds: int
    wins: int  # seeds above zero (differences), inside the region (the others)
    slack: float
    refuted_at: float  # the level at which a refutation was tested
    values: tuple[float, ...]  # one per seed; a later run is paired with them
    outside: bool = False  # the claim is the complement of the region
    counted: bool = False  # most differences are exact ties, so seeds were counted
    overruled: bool = False  # a count would refute, but the mean does not
    note: str = ""  # why a verdict was withheld

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``parts`` in results.json: finite numbers or null."""
        return {
            "text": self.text,
            "effect": finite(self.effect),
            "interval": [finite(end) for end in self.interval],
            "region": [finite(end) for end in self.region],
            "verdict": self.verdict,
            "margin": finite(self.margin),
            "estimator": self.estimator,
            "p_value": finite(self.p_value),
            "sd": finite(self.sd),
            "wins": self.wins,
            "role": self.role,
            "values": [finite(value) for value in self.values],
            "counted": self.counted,
            "note": self.note or None,
        }


def finite(value: float | None) -> float | None:
    """Return the number, or None where JSON cannot write it."""
    return None if value is None or not isfinite(value) else float(value)


def regions_of(parts: Sequence[Part]) -> Regions:
    """Stack the regions of several parts."""
    return Regions(
        low=np.array([part.region[0] for part in parts]),
        high=np.array([part.region[1] for part in parts]),
        floor=np.array([part.resolution / sqrt(12) for part in parts]),
        tie=np.array([part.tie for part in parts]),
        outside=np.array([part.outside for part in parts]),
    )


def judge_parts(parts: Sequence[Part], alpha: float) -> tuple[PartVerdict, ...]:
    """Judge every part; a refutation is tested at alpha / number of parts."""
    verdicts: dict[int, PartVerdict] = {}
    for estimator in ("mean", "count", "exact"):
        at = [i for i, part in enumerate(parts) if part.estimator == estimator]
        if not at:
            continue
        group = [parts[i] for i in at]
        decisions = decide(group, np.stack([part.values for part in group]), alpha, len(parts))
        blocks = [_censoring(part) for part in group]
        verdicts |= {
            i: _verdict(part, decisions, k, blocks[k], alpha / len(parts))
            for k, (i, part) in enumerate(zip(at, group, strict=True))
        }
    return tuple(verdicts[i] for i in range(len(parts)))


def decide(parts: Sequence[Part], values: Floats, alpha: float, share: int, *, whole: bool = False) -> Decisions:
    """Apply the rule to ``values``, shape (..., parts, n), instead of the parts' own (all of one estimator)."""
    regions = regions_of(parts)
    if parts[0].estimator == "mean":
        return judge_means(values, regions, alpha, share, whole=whole)
    if parts[0].estimator == "count":
        return judge_counts(values > 0, regions.low, regions.high, alpha, share)
    return _exactly(parts, values)


def _exactly(parts: Sequence[Part], values: Floats) -> Decisions:
    """Check whether every seed has exactly the claimed number; nothing is estimated."""
    expected = np.array([part.margin for part in parts])
    outside = np.array([part.outside for part in parts])
    equal = (values == expected[:, None]).all(axis=-1)
    flags = np.zeros(equal.shape, dtype=bool)
    # the effect is the value farthest from the expected number: that is what a reader wants to see
    far = np.abs(values - expected[:, None]).argmax(axis=-1)
    effect = np.take_along_axis(values, far[..., None], axis=-1)[..., 0]
    supported = equal ^ outside
    ends = np.broadcast_to(expected, effect.shape)
    return Decisions(effect, values.min(axis=-1), values.max(axis=-1), ends, ends, values.std(axis=-1, ddof=1),
                     supported, ~supported, np.full(effect.shape, np.nan), np.where(supported, inf, -inf),
                     flags, flags, flags)  # fmt: skip


def _censoring(part: Part) -> tuple[str, str]:
    """Say why runs that never reached the threshold forbid "supported" and "refuted" ("" where they do not)."""
    if part.censored is None:
        return "", ""
    no_support, no_refutation = forbidden(*part.censored)
    slow = int(part.censored[1].sum())
    return (
        "a run of the fast arm never reached the threshold although the slow arm did" if no_support else "",
        f"{slow} {'run' if slow == 1 else 'runs'} of the slow arm never reached the threshold" if no_refutation else "",
    )


def forbidden(fast: Bools, slow: Bools) -> tuple[Bools, Bools]:
    """Return where censoring forbids "supported" and "refuted"; masks of shape (..., n).

    A slow run that is cut off at the budget hides how much slower it was: with more than 5 % of them nothing is
    refuted. A fast run that is cut off, while its slow partner is not, hides how much later it was: nothing is
    supported.
    """
    return np.asarray((fast & ~slow).any(axis=-1)), np.asarray(slow.mean(axis=-1) > CENSORED)


def _wins(part: Part) -> int:
    """Count the seeds that agree with the claim: above zero for a gain, inside the region for the rest."""
    if part.role in {"gain", "step", "time"}:
        won = np.round(part.values, DIGITS) > 0
    elif part.estimator == "count":
        won = part.values > 0
    elif part.estimator == "exact":
        won = part.values == part.margin
    else:
        low, high = part.region
        won = (np.round(part.values - low, DIGITS) > 0) & (np.round(high - part.values, DIGITS) > 0)
    return int((won ^ (part.outside and part.estimator == "mean")).sum())


def _verdict(part: Part, decisions: Decisions, at: int, blocks: tuple[str, str], refuted_at: float) -> PartVerdict:
    """Return one part's verdict, with the reason where it is withheld."""
    supported, refuted = bool(decisions.supported[at]), bool(decisions.refuted[at])
    note = ""
    if decisions.guarded[at]:
        note = "Wilcoxon's signed ranks do not agree with the interval, which lies inside the margin"
    if decisions.overruled[at]:
        mean = float(part.values.mean())
        note = f"a tie is not a success here, and the mean of all seeds, {mean:.3g}, does not refute the claim"
    if supported and blocks[0]:
        supported, note = False, blocks[0]
    if refuted and blocks[1]:
        refuted, note = False, blocks[1]
    low, high = float(decisions.low[at]), float(decisions.high[at])
    lower, upper = float(decisions.lower[at]), float(decisions.upper[at])
    counted = bool(decisions.counted[at])
    if not (supported or refuted or note) and not part.outside and (upper <= low or lower >= high):
        note = (
            f"one of several parts is refuted only if its interval at level {refuted_at:.2g} is outside the margin too"
        )
    p_value = float(decisions.p_value[at])
    return PartVerdict(
        text=part.text,
        effect=float(decisions.effect[at]),
        interval=(lower, upper),
        region=(low, high),
        verdict="supported" if supported else "refuted" if refuted else "inconclusive",
        role=part.role,
        margin=part.margin,
        estimator="count" if counted and part.estimator == "mean" else part.estimator,
        p_value=None if np.isnan(p_value) else p_value,
        sd=float(decisions.sd[at]),
        seeds=part.values.size,
        wins=_wins(part),
        slack=float(decisions.slack[at]),
        refuted_at=refuted_at,
        values=tuple(float(value) for value in part.values),
        outside=part.outside,
        counted=counted and part.estimator == "mean",
        overruled=bool(decisions.overruled[at]),
        note=note,
    )
