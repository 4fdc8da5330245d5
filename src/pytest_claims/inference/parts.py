"""Parts: the single effects of a hypothesis, and how several of them are judged at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite, sqrt
from typing import Any, Literal

import numpy as np

from pytest_claims.inference.adjustment import FEWEST_ADJUSTED, Covariate, adjust
from pytest_claims.inference.interval import Floats, Moments
from pytest_claims.inference.labels import Label
from pytest_claims.inference.looks import MANY
from pytest_claims.inference.rule import (
    Bools,
    Decisions,
    Regions,
    Terms,
    decimals_of,
    judge_counts,
    judge_means,
    rounded,
)

#: What a part means to a reader; its sentence depends on it.
Role = Literal["gain", "step", "pair", "range", "level", "share", "time", "exact"]
Estimator = Literal["mean", "count", "exact"]
VerdictName = Literal["supported", "refuted", "inconclusive"]
#: Masks of shape (..., n): the runs of the fast and of the slow arm that never reached the threshold.
Cut = tuple[Bools, Bools]


@dataclass(frozen=True, eq=False)
class Part:
    """One effect and the region it is claimed to lie in.

    ``values`` has shape (n,), one number a seed: differences, levels, 0/1 for counts. ``region`` is open and may be
    infinite on a side. ``margin`` is the number that the claim names. ``scale`` is the largest magnitude among the raw
    arms that the values are made of, 0 where there are none but the values. ``censored`` are two (n,) masks, fast arm
    and slow arm, of runs that never reached the threshold.
    """

    text: str
    values: Floats
    region: tuple[float, float]
    role: Role
    margin: float
    estimator: Estimator = "mean"
    resolution: float = 0.0
    scale: float = 0.0
    outside: bool = False
    opposite: str = ""
    censored: Cut | None = None
    coords: Mapping[str, Label] = field(default_factory=dict)
    #: what the mean is adjusted for
    covariate: Covariate | None = None

    @property
    def magnitude(self) -> float:
        """The largest magnitude among the raw numbers, or among the values where there are no others."""
        return self.scale or float(np.abs(self.values).max())

    @property
    def decimals(self) -> int:
        """How many decimals are compared: 12 digits of the largest raw number or end of the region."""
        return decimals_of(max(self.magnitude, *(abs(end) for end in self.region if isfinite(end))))

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
class Adjustment:
    """What a part's mean was adjusted for, and what that changed.

    ``explained`` is R^2, ``unadjusted`` the plain mean. ``population`` is the covariate's population mean and
    ``population_error`` its standard error, 0 where it is exact. ``values`` are the covariate's, one a seed.
    """

    covariate: str
    slope: float
    explained: float
    unadjusted: float
    population: float
    population_error: float
    values: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the field ``adjusted`` of a part in results.json."""
        return {**vars(self), "values": [finite(value) for value in self.values]}


@dataclass(frozen=True)
class PartVerdict:
    """What the evidence says about one part.

    ``p_value`` is multiplied by the divisor of the looks. ``strict`` is the interval at ``refuted_at``, the level at
    which a refutation was tested. ``near`` and ``far`` are the moments of its lower and its upper end. ``resolution``
    and ``magnitude`` are those of the part: the verdict can be recomputed from this entry alone.
    """

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
    refuted_at: float
    strict: tuple[float, float]
    values: tuple[float, ...]  # one per seed; a later run is paired with them
    resolution: float
    magnitude: float
    ties: bool  # whether this look decides about a part of which more than half of the values are equal
    near: Moments = field(compare=False, repr=False)
    far: Moments = field(compare=False, repr=False)
    adjusted: Adjustment | None = None
    outside: bool = False  # the claim is the complement of the region
    note: str = ""  # why a verdict was withheld
    waits: bool = False  # it was, whatever the margin: ties, a quick look, too few seeds, unknown pairs
    tied: bool = False  # it was, because more than half of the values are equal
    unknown: int | None = None  # pairs of which neither run reached the threshold; None where no times are compared
    fast_cut: tuple[int, ...] = ()  # which runs of the fast and the slow arm did not, counted from 0
    slow_cut: tuple[int, ...] = ()

    @property
    def is_blind(self) -> bool:
        """Whether more than half of the pairs are unknown, so that nothing is decided."""
        return 2 * (self.unknown or 0) > self.seeds

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
            "refuted_at": self.refuted_at,
            "strict": [finite(end) for end in self.strict],
            "sd": finite(self.sd),
            "scale": finite(float(self.near.scale)),
            "seeds": self.seeds,
            "wins": self.wins,
            "role": self.role,
            "values": [finite(value) for value in self.values],
            "outside": self.outside,
            "resolution": finite(self.resolution),
            "magnitude": finite(self.magnitude),
            "ties": self.ties,
            "adjusted": None if self.adjusted is None else self.adjusted.as_json(),
            "note": self.note or None,
            **({} if self.unknown is None else self._cut_as_json()),
        }

    def _cut_as_json(self) -> dict[str, Any]:
        return {"unknown": self.unknown, "fast_cut": list(self.fast_cut), "slow_cut": list(self.slow_cut)}


def finite(value: float | None) -> float | None:
    """Return the number, or None where JSON cannot write it."""
    return None if value is None or not isfinite(value) else float(value)


def regions_of(parts: Sequence[Part]) -> Regions:
    """Stack the regions of several parts."""
    return Regions(
        low=np.array([part.region[0] for part in parts]),
        high=np.array([part.region[1] for part in parts]),
        floor=np.array([part.resolution / sqrt(12) for part in parts]),
        decimals=np.array([part.decimals for part in parts]),
        outside=np.array([part.outside for part in parts]),
    )


def judge_parts(
    parts: Sequence[Part], terms: Terms, closed: Mapping[int, PartVerdict] | None = None
) -> tuple[PartVerdict, ...]:
    """Judge every part, but those that an earlier look supported: ``closed``, by position, stay as they were."""
    verdicts = dict(closed or {})
    kinds = {i: (part.estimator, part.covariate is not None) for i, part in enumerate(parts) if i not in verdicts}
    for kind in dict.fromkeys(kinds.values()):
        at = [i for i, own in kinds.items() if own == kind]
        group = [parts[i] for i in at]
        decisions = decide(group, np.stack([part.values for part in group]), terms)
        verdicts |= {
            i: _verdict(part, decisions.of(k), terms) for k, (i, part) in enumerate(zip(at, group, strict=True))
        }
    return tuple(verdicts[i] for i in range(len(parts)))


def decide(parts: Sequence[Part], values: Floats, terms: Terms, cut: Cut | None = None) -> Decisions:
    """Apply the rule to ``values``, shape (..., parts, n), instead of the parts' own.

    The parts are of one estimator, all with a covariate or none; of more seeds than n, their covariates' first n count.
    ``cut``: of which pairs a run was cut off at its budget, masks of that shape; by default those of the parts.
    """
    regions = regions_of(parts)
    if parts[0].estimator == "count":
        return judge_counts(values > 0, regions.low, regions.high, terms)
    if parts[0].estimator == "exact":
        return _exactly(parts, values)
    cut = cut_of(parts) if cut is None else cut
    if cut is None:
        known = [part.covariate.first(values.shape[-1]) for part in parts if part.covariate is not None]
        return judge_means(values, regions, terms, covariates=known)
    return _cut_off(values, cut, regions, terms, np.array([part.margin for part in parts]))


def cut_of(parts: Sequence[Part]) -> Cut | None:
    """Return the masks of the runs that were cut off, each of shape (parts, n); None where no part is a time."""
    if all(part.censored is None for part in parts):
        return None
    none = np.zeros(parts[0].values.shape, dtype=bool)
    pairs = [(none, none) if part.censored is None else part.censored for part in parts]
    return np.stack([fast for fast, _ in pairs]), np.stack([slow for _, slow in pairs])


def _cut_off(values: Floats, cut: Cut, regions: Regions, terms: Terms, margins: Floats) -> Decisions:
    """Judge log2 ratios of times, some of which are bounds because a run was cut off at its budget.

    A pair whose slow run alone was cut is at least what it shows, a pair whose fast run alone was cut at most; a pair
    of two cut runs is unknown. Support must hold though every cut fast run were as bad as the worst pair seen (and no
    better than a tie), a refutation though every cut slow run were as good as the best pair seen (and as the margin).
    Where more than half of the pairs are unknown, nothing is decided.
    """
    fast, slow = cut
    known = ~(fast & slow)
    least = np.where(known, values, np.inf).min(axis=-1, keepdims=True)
    most = np.where(known, values, -np.inf).max(axis=-1, keepdims=True)
    near = np.where(fast, np.minimum(least, 0.0), values)
    far = np.where(slow, np.maximum(most, margins[:, None]), values)
    decisions = judge_means(near, regions, terms, far)
    count = known.sum(axis=-1)
    seen = 2 * count >= values.shape[-1]
    return replace(
        decisions,
        effect=np.where(known, values, 0.0).sum(axis=-1) / np.maximum(count, 1),
        sd=values.std(axis=-1, ddof=1),
        supported=decisions.supported & seen,
        refuted=decisions.refuted & seen,
    )


def _exactly(parts: Sequence[Part], values: Floats) -> Decisions:
    """Check whether every seed has exactly the claimed number; nothing is estimated."""
    expected = np.array([part.margin for part in parts])
    outside = np.array([part.outside for part in parts])
    equal = (values == expected[:, None]).all(axis=-1)
    # the effect is the value farthest from the expected number: that is what a reader wants to see
    far = np.abs(values - expected[:, None]).argmax(axis=-1)
    effect = np.take_along_axis(values, far[..., None], axis=-1)[..., 0]
    supported = equal ^ outside
    least, most = values.min(axis=-1), values.max(axis=-1)
    sd = values.std(axis=-1, ddof=1)
    known = Moments(values.shape[-1], effect, sd, np.zeros(effect.shape), values.shape[-1] - 1)
    return Decisions(
        effect=effect,
        lower=least,
        upper=most,
        strict_lower=least,
        strict_upper=most,
        sd=sd,
        supported=supported,
        refuted=~supported,
        p_value=np.full(effect.shape, np.nan),
        slack=np.where(supported, inf, -inf),
        tied=np.zeros(effect.shape, dtype=bool),
        near=known,
        far=known,
    )


def _wins(part: Part) -> int:
    """Count the seeds that agree with the claim: above zero for a gain, inside the region for the rest."""
    if part.role in {"gain", "step", "time"}:
        won = _rounded(part, part.values) > 0
        if part.censored is not None:
            won &= ~(part.censored[0] & part.censored[1])
    elif part.estimator == "count":
        won = part.values > 0
    elif part.estimator == "exact":
        won = part.values == part.margin
    else:
        low, high = part.region
        won = (_rounded(part, part.values - low) > 0) & (_rounded(part, high - part.values) > 0)
    return int((won ^ (part.outside and part.estimator == "mean")).sum())


def _rounded(part: Part, values: Floats) -> Floats:
    """Round as the rule does for this part."""
    return np.asarray(rounded(values[None], np.array([part.decimals]))[0])


def _verdict(part: Part, decision: Decisions, terms: Terms) -> PartVerdict:
    """Return one part's verdict, with the reason where it is withheld."""
    supported, refuted = bool(decision.supported) and not terms.quick, bool(decision.refuted)
    refuted_at = terms.level / terms.share
    note = ""
    if part.covariate is not None and part.values.size < FEWEST_ADJUSTED:
        note = f"a claim that is adjusted for a covariate is judged from {FEWEST_ADJUSTED} seeds on"
    elif part.covariate is not None and decision.tied:
        note = "more than half of the values are equal, and a covariate cannot adjust them"
    elif decision.supported and terms.quick:
        note = f"a quick look of {part.values.size} seeds may refute a claim and supports none"
    elif decision.tied and not (terms.ties or supported or refuted):
        note = f"more than half of the values are equal, which decides nothing below {MANY} seeds"
    fast, slow = (np.zeros(0, dtype=bool),) * 2 if part.censored is None else part.censored
    unknown = int((fast & slow).sum())
    if 2 * unknown > part.values.size:
        note = "neither run of more than half of the pairs reached the threshold"
    waits = bool(note)
    low, high = part.region
    if not (supported or refuted or note) and not part.outside and (decision.upper <= low or decision.lower >= high):
        note = (
            f"one of several parts is refuted only if its interval at level {refuted_at:.2g} is outside the margin too"
        )
    return PartVerdict(
        text=part.text,
        effect=float(decision.effect),
        interval=(float(decision.lower), float(decision.upper)),
        region=part.region,
        verdict="supported" if supported else "refuted" if refuted else "inconclusive",
        role=part.role,
        margin=part.margin,
        estimator=part.estimator,
        p_value=None if np.isnan(decision.p_value) else min(1.0, terms.divisor * float(decision.p_value)),
        sd=float(decision.sd),
        seeds=part.values.size,
        wins=_wins(part),
        slack=float(decision.slack),
        refuted_at=refuted_at,
        strict=(float(decision.strict_lower), float(decision.strict_upper)),
        values=tuple(float(value) for value in part.values),
        resolution=part.resolution,
        magnitude=part.magnitude,
        ties=terms.ties,
        near=decision.near,
        far=decision.far,
        adjusted=_adjustment(part),
        outside=part.outside,
        note=note,
        waits=waits,
        tied=bool(decision.tied) and not (terms.ties or supported or refuted),
        unknown=None if part.censored is None else unknown,
        fast_cut=tuple(np.flatnonzero(fast).tolist()),
        slow_cut=tuple(np.flatnonzero(slow).tolist()),
    )


def _adjustment(part: Part) -> Adjustment | None:
    """Return what a part's mean was adjusted for."""
    known = part.covariate
    if known is None:
        return None
    found = adjust(_rounded(part, part.values)[None], [known])
    return Adjustment(
        covariate=known.name,
        slope=float(found.slope[0]),
        explained=float(found.explained[0]),
        unadjusted=float(part.values.mean()),
        population=known.mean,
        population_error=sqrt(known.variance / known.draws),
        values=tuple(float(value) for value in known.values),
    )
