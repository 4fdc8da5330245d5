"""What more seeds would decide, and which margins hold: what a verdict says beyond itself.

The predictive chance is that of a decision after N seeds, when n are known, under a flat prior for the mean and the
present spread and skewness (Spiegelhalter, Freedman, Blackburn, Monitoring clinical trials: conditional or predictive
power?, *Controlled Clinical Trials* 7, 1986, 8-17). With x = N / n, z the distance of the mean from an end of the
region in standard errors, and t the distance that N seeds ask for, it is Phi((z sqrt x - t) / sqrt(x - 1)).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, isclose, isfinite, sqrt
from typing import Any, Literal

import numpy as np
from scipy import stats

from pytest_claims.inference.interval import Floats, quantile, reaches
from pytest_claims.inference.looks import MANY, Looks
from pytest_claims.inference.parts import PartVerdict
from pytest_claims.inference.rule import exact_intervals

#: The prior of a share, before its seeds are counted: Jeffreys'.
PRIOR = 0.5
#: A claim lies at its margin if even this many times its seeds would decide it with a chance below one half.
FURTHER = 4
EVEN = 0.5
#: A distance that is only rounding.
NOTHING = 1e-12
#: Below this chance of a decision at the last look the looks in between are not taken.
FUTILE = 0.1
#: A standard error that is not zero.
SMALLEST = 1e-300
#: Worlds in which the end of judging is simulated.
WORLDS = 2_000

#: The last margin that would hold, and the first that would not; each None where there is none, or it is not known.
Margins = tuple[float | None, float | None]
#: What parts ask for, and which margins of it hold: their role, their region, both margins.
RegionMargins = tuple[str, tuple[float, float], Margins]
#: Why a claim is inconclusive.
Undecided = Literal["at its margin", "too few seeds"]


@dataclass(frozen=True)
class Outlook:
    """What a verdict says beyond itself.

    ``undecided``, ``within`` (how far from its margin the effect may lie), and the ``chance`` that ``later`` seeds
    would decide are those of an inconclusive claim, and None where they are not known. ``margins``: which would hold,
    and which would not; the first is None in a quick look, which supports none, the second where it is not known.
    ``by_region``: the same for each region, where the parts ask for several.
    ``blind``: this run could not have seen a difference, so it supports no margin either.
    """

    undecided: Undecided | None = None
    within: float | None = None
    chance: float | None = None
    later: int | None = None
    margins: Margins | None = None
    by_region: tuple[RegionMargins, ...] = ()
    blind: bool = False


def outlook(
    parts: Sequence[PartVerdict],
    deciding: PartVerdict,
    level: float,
    assays: Sequence[PartVerdict] = (),
    *,
    quick: bool = False,
) -> Outlook:
    """Look beyond a verdict on ``parts``, judged at ``level`` a side; ``quick``: in a look that supports nothing.

    Where an assay does not hold, more seeds support nothing unless it does by then. Which kind of inconclusive it is
    says where the effect lies, so only the parts count for that.
    """
    blind = not quick and any(part.verdict != "supported" for part in assays)
    regions = by_region(parts)
    known = [(role, region, margins_that_hold(same)) for (role, region), same in regions.items()]
    told = tuple(
        (role, region, (None if quick or blind else margins[0], margins[1]))
        for role, region, margins in known
        if margins is not None
    )
    margins, several = (None, told) if len(regions) > 1 else (next((found for *_, found in told), None), ())
    if deciding.verdict != "inconclusive":
        return Outlook(margins=margins, by_region=several, blind=blind)
    later = FURTHER * deciding.seeds
    # as many seeds would decide nothing about these ties either, however sure their mean is
    waits = later < MANY and any(part.tied for part in parts)
    chance = None if waits else chance_of_decision(parts, level, later)
    undecided: Undecided | None = None
    if chance is not None:
        undecided = "at its margin" if chance < EVEN else "too few seeds"
    if assays and not waits:
        chance = chance_of_decision(parts, level, later, assays)
    return Outlook(undecided, distance_from_margin(deciding), chance, later, margins, several, blind)


def chance_of_decision(
    parts: Sequence[PartVerdict], level: float, later: int, assays: Sequence[PartVerdict] = ()
) -> float | None:
    """Return the chance that ``later`` seeds decide about parts at ``level`` a side; None where it is not known.

    A support needs every part and every assay that is still open, so it is as likely as the least likely of them; a
    refutation needs one part. Nothing is known where more than half of a part's pairs are unknown, or where there are
    no more seeds.
    """
    opened = [part for part in parts if part.verdict != "supported"]
    needed = opened + [part for part in assays if part.verdict != "supported"]
    if not needed or any(part.estimator == "exact" or part.is_blind or later <= part.seeds for part in needed):
        return None
    support = min(_chances(part, level, later)[0] for part in needed)
    refutation = max((_chances(part, level, later)[1] for part in opened), default=0.0)
    return min(1.0, support + refutation)


def chance_to_know(parts: Sequence[PartVerdict], later: int) -> float | None:
    """Return the chance that ``later`` seeds know more than half of the pairs of each part; None where they do now.

    Pairs of which neither run reached the threshold are unknown. Beta-binomial, as for shares.
    """
    blind = [part for part in parts if part.is_blind and later > part.seeds]
    return min((_known(part, later) for part in blind), default=None)


def _known(part: PartVerdict, later: int) -> float:
    unknown, more = part.unknown or 0, later - part.seeds
    known = part.seeds - unknown
    missing = ceil(later / 2) - known  # of the further pairs, so many must be known
    return float(stats.betabinom.sf(missing - 1, more, known + PRIOR, unknown + PRIOR))


def _chances(part: PartVerdict, level: float, later: int) -> tuple[float, float]:
    """Return the chances that ``later`` seeds support and refute one part."""
    strict = part.refuted_at
    if part.estimator == "count":
        return _of_counts(part, level, later)
    if part.outside:
        return _beyond(part, level, later), _inside(part, strict, later)
    return _inside(part, level, later), _beyond(part, strict, later)


def _inside(part: PartVerdict, level: float, later: int) -> float:
    """Return the chance that the interval lies inside the region; of two ends both must hold (Bonferroni)."""
    low, high = part.region
    near, far = part.near, part.far
    chances = []
    if isfinite(low):
        reach = float(reaches(near, level, later)[0])
        chances.append(_reached(float(near.mean) - low, float(near.scale), reach, (part.seeds, later)))
    if isfinite(high):
        reach = float(reaches(far, level, later)[1])
        chances.append(_reached(high - float(far.mean), float(far.scale), reach, (part.seeds, later)))
    return max(0.0, sum(chances) - (len(chances) - 1))


def _beyond(part: PartVerdict, level: float, later: int) -> float:
    """Return the chance that the interval lies beyond an end of the region."""
    low, high = part.region
    near, far = part.near, part.far
    chances = [0.0]
    if isfinite(low):
        reach = float(reaches(far, level, later)[1])
        chances.append(_reached(low - float(far.mean), float(far.scale), reach, (part.seeds, later), on_end=True))
    if isfinite(high):
        reach = float(reaches(near, level, later)[0])
        chances.append(_reached(float(near.mean) - high, float(near.scale), reach, (part.seeds, later), on_end=True))
    return max(chances)


def _reached(gap: float, scale: float, reach: float, seeds: tuple[int, int], *, on_end: bool = False) -> float:
    """Return the chance that a mean, now ``gap`` beyond an end, will be ``reach`` scales beyond it with all seeds.

    ``on_end``: a constant on the end itself counts as beyond it: regions are open, so it refutes.
    """
    n, later = seeds
    if scale == 0:
        return float(gap > 0 or (on_end and isclose(gap, 0.0, abs_tol=NOTHING)))
    return float(_predictive(sqrt(n) * gap / scale, later / n, sqrt(later) * reach))


def _predictive(z: Any, x: float, asked: float) -> Any:
    """Return the chance of the formula above for a distance of ``z`` standard errors; numbers or arrays."""
    return stats.norm.cdf((z * sqrt(x) - asked) / sqrt(x - 1))


def _of_counts(part: PartVerdict, level: float, later: int) -> tuple[float, float]:
    """Return the chances that ``later`` seeds support and refute a share: the successes to come are beta-binomial."""
    n, won = part.seeds, round(part.effect * part.seeds)
    more = later - n
    chance = stats.betabinom.pmf(np.arange(more + 1), more, won + PRIOR, n - won + PRIOR)
    low, high = part.region
    lower, upper = (ends[won : won + more + 1] for ends in exact_intervals(later, level))
    strict_lower, strict_upper = (ends[won : won + more + 1] for ends in exact_intervals(later, part.refuted_at))
    supports = (lower > low) & (upper < high)
    refutes = (strict_upper <= low) | (strict_lower >= high)
    return float(chance[supports].sum()), float(chance[refutes].sum())


def expected_seeds(
    region: tuple[float, float],
    mean: float,
    sd: float | None,
    looks: Looks,
    taken: Sequence[int],
    rng: np.random.Generator,
    tied: float = 0.0,
) -> float:
    """Return after how many seeds on average the judging ends, if a pilot's mean and spread are the true ones.

    ``sd`` is None for a share, whose ``mean`` it is. ``taken``: the looks of the run, in seeds. ``tied``: the share of
    seeds that have the commonest value; where it comes to more than half, a look that judges no ties waits. Simulated
    in WORLDS worlds: a look decides, or the chance of a decision at the last one is below FUTILE. The data of a mean
    are taken as normal with a known spread, and its interval as Student's.
    """
    going = np.ones(WORLDS, dtype=bool)
    total, sums, before = np.zeros(WORLDS), np.zeros(WORLDS), 0
    equal = np.zeros(WORLDS)  # seeds that have the commonest value
    for n in taken:
        more = n - before
        sums += (
            rng.binomial(more, min(max(mean, 0.0), 1.0), WORLDS)
            if sd is None
            else rng.normal(mean * more, sd * sqrt(more), WORLDS)
        )
        if tied:
            equal += rng.binomial(more, tied, WORLDS)
        before, now = n, sums / n
        total[going] = n
        if sd is None:
            lower, upper = (ends[np.rint(sums).astype(int)] for ends in exact_intervals(n, looks.level))
        else:
            reach = float(quantile(looks.level, n - 1)) * sd / sqrt(n)
            lower, upper = now - reach, now + reach
        low, high = region
        decided = ((lower > low) & (upper < high)) | (upper <= low) | (lower >= high)
        going &= ~decided if looks.judges_ties(n) else ~decided | (equal > n / 2)
        if n < taken[-1]:
            error = np.sqrt(now * (1 - now) / n) if sd is None else np.full(WORLDS, sd / sqrt(n))
            going &= (error == 0) | (_chance(now, np.maximum(error, SMALLEST), region, looks, (n, taken[-1])) >= FUTILE)
    return float(total.mean())


def _chance(now: Floats, error: Floats, region: tuple[float, float], looks: Looks, seeds: tuple[int, int]) -> Floats:
    """Return the chance of a decision at the last look, for means ``now`` with standard errors ``error``."""
    n, last = seeds
    x, needed = last / n, float(quantile(looks.level, last - 1))
    beyond = [(now - region[0]) / error, (region[1] - now) / error]  # the distance inside each end
    within = sum(_predictive(z, x, needed) for z in beyond) - 1
    outside = [_predictive(-z, x, needed) for z in beyond]
    return np.asarray(np.maximum(within, 0) + np.maximum(*outside))


def distance_from_margin(part: PartVerdict) -> float | None:
    """Return how far from its margin an effect may lie: the distance of the interval's farther end from it.

    Of two ends of a region, the margin is the one nearer to the effect. None where nothing is estimated.
    """
    ends = [end for end in part.region if isfinite(end)]
    if part.estimator == "exact" or not ends:
        return None
    margin = min(ends, key=lambda end: abs(end - part.effect))
    return max(abs(end - margin) for end in part.interval)


def by_region(parts: Iterable[Any]) -> dict[tuple[str, Any], list[Any]]:
    """Return the parts, of a verdict or of a record, that have the same role and region, in their order."""
    asked: dict[tuple[str, Any], list[Any]] = {}
    for part in parts:
        asked.setdefault((part.role, part.region), []).append(part)
    return asked


def margins_that_hold(parts: Sequence[PartVerdict]) -> Margins | None:
    """Return (a, b): which margins the data of parts with one role and region would support, and would refute.

    A region above its margin: supported for every margin below a, refuted from b on; b is None where none is known to
    be refuted. Below its margin: supported above a, refuted up to b. Around a centre: supported for every half width
    above a, refuted up to b. None where the region is a range of its own, where nothing is estimated, and where these
    data can decide nothing, whatever the margin.
    """
    first = parts[0]
    if any(part.waits for part in parts) or first.estimator == "exact" or first.outside or first.role == "range":
        return None
    low, high = first.region
    if not isfinite(high):
        fails = [part.strict[1] for part in parts if not _moves_with_the_margin(part)]
        return min(part.interval[0] for part in parts), min(fails, default=None)
    if not isfinite(low):
        return max(part.interval[1] for part in parts), max(part.strict[0] for part in parts)
    centre = (low + high) / 2
    widest = max(abs(end - centre) for part in parts for end in part.interval)
    return widest, max(_nearest(part.strict, centre) for part in parts)


def _moves_with_the_margin(part: PartVerdict) -> bool:
    """Whether a margin as large as the upper end would move that end away.

    A slow run that was cut off counts as no better than the best pair seen, unless the margin asks for more. Where most
    of them were cut off, the upper end lies beyond all that was seen, and another margin there is not refuted.
    """
    if not part.slow_cut:
        return False
    unknown = set(part.fast_cut) & set(part.slow_cut)
    seen = [value for seed, value in enumerate(part.values) if seed not in unknown]
    return part.strict[1] > max([part.margin, *seen])


def _nearest(interval: tuple[float, float], centre: float) -> float:
    """Return the distance of an interval from a point, 0 where the point lies inside."""
    low, high = interval
    return 0.0 if low <= centre <= high else min(abs(low - centre), abs(high - centre))
