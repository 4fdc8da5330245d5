"""The decision rule: one interval against one region, for many parts and many worlds at once.

A *part* is one effect theta with a region C = (low, high) fixed beforehand. Its interval at ``alpha`` a side decides:
wholly inside C it supports, wholly outside it refutes, otherwise it decides nothing. A refutation may be tested at a
smaller level (``alpha / share``): any refuted part refutes the whole hypothesis, so each part gets its share of alpha.

Arrays have shape (..., parts, n seeds): the leading axes are *worlds* (none for a verdict, 400 for a control), and a
part's region and floor have shape (parts,). Means use Student's t with a floor on the standard deviation, counts the
exact binomial interval (Clopper and Pearson 1934). A mean that supports must convince Wilcoxon's signed ranks as well.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from pytest_claims.vocabulary import ALPHA, LOOKS

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: The level of the Wilcoxon guard, at every look of a sequential run too: at 8 seeds its smallest p is .0039.
GUARD = 0.005
#: Up to this many seeds, all signs are enumerated where ranks tie, as in scipy.
ENUMERABLE = 13
#: Where seeds are counted because most differences are exactly zero, a claim must hold in this share of them.
MOST = 0.8
#: Decimals that are compared: 0.15 - 0.10 is 0.05, whatever the last bits are.
DIGITS = 12
#: Beyond this the square of a number, and with it a spread, overflows.
LARGEST = 1e150
#: Times lie between this and one over it: a ratio of times, and the ends of its interval, must be numbers.
LONGEST = 1e50
LOOK_ALPHA = ALPHA / len(LOOKS)
#: A slow arm censored in more than this share of the seeds forbids "refuted".
CENSORED = 0.05


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of several parts, each array of shape (parts,)."""

    low: Floats
    high: Floats
    floor: Floats  # the smallest standard deviation believed, resolution / sqrt(12)
    tie: Floats  # the value that is an exact tie: 0 for a difference, the bound for a level
    outside: Bools  # the claim is the complement of the region (reversals of two-sided claims)


@dataclass(frozen=True, eq=False)
class Decisions:
    """What the rule says about each part in each world; every array has shape (..., parts)."""

    effect: Floats
    lower: Floats
    upper: Floats
    low: Floats  # the region that decided: (0.8, inf) where seeds were counted
    high: Floats
    sd: Floats
    supported: Bools
    refuted: Bools
    p_value: Floats  # one-sided, of the null hypothesis that theta is not in C
    slack: Floats  # how far inside C in standard errors; negative is outside
    counted: Bools  # decided by counting seeds
    guarded: Bools  # the interval supports, but Wilcoxon does not
    overruled: Bools  # the count of seeds refutes, but the mean does not


def judge_means(values: Floats, regions: Regions, alpha: float, share: int, *, whole: bool = False) -> Decisions:
    """Judge the means of ``values``, shape (..., parts, n); by count where more than half are exact ties.

    Where a tie itself lies outside the region, a count nearly always refutes, whatever the other seeds gain. There it
    refutes only what the mean refutes too, unless all seeds tie.

    ``share``: a refutation is tested at ``alpha / share``. ``whole``: only the verdict on all parts together is needed,
    so the guard (the slow step) runs only in worlds where every interval supports.
    """
    values = np.round(values, DIGITS)
    n = values.shape[-1]
    above, below = _gaps(values, regions)
    sd = values.std(axis=-1, ddof=1)
    error = np.maximum(sd, regions.floor) / np.sqrt(n)
    # the mean's distance from each end of the region; rounded gaps put a constant on the margin exactly on it
    inner, outer = above.mean(axis=-1), below.mean(axis=-1)
    supports = _support(inner, outer, _t(alpha, n) * error, regions.outside)
    refutes = _refute(inner, outer, _t(alpha / share, n) * error, regions.outside)
    p_value, slack = _significance(inner, outer, error, n, regions.outside)

    inside = ((above > 0) & (below > 0)) ^ regions.outside[..., None]
    ties = np.sum(np.round(values - regions.tie[..., None], DIGITS) == 0, axis=-1)
    counted = ties > n / 2
    wanted = supports & ~counted & ~regions.outside
    if whole:
        wanted &= (supports | counted).all(axis=-1, keepdims=True)
    guarded = wanted & ~_guard(above, below, wanted)

    mean = values.mean(axis=-1)
    width = _t(alpha, n) * error
    shape = np.broadcast_shapes(mean.shape, regions.low.shape)
    counts = judge_counts(inside, np.full(shape[-1:], MOST), np.full(shape[-1:], np.inf), alpha, share)
    tie_holds = ((regions.tie > regions.low) & (regions.tie < regions.high)) ^ regions.outside
    # where all seeds tie, the mean shows no gain either
    overruled = counted & counts.refuted & ~tie_holds & ~refutes & (ties < n)
    return Decisions(
        effect=np.where(counted, counts.effect, mean),
        lower=np.where(counted, counts.lower, mean - width),
        upper=np.where(counted, counts.upper, mean + width),
        low=np.where(counted, MOST, np.broadcast_to(regions.low, shape)),
        high=np.where(counted, np.inf, np.broadcast_to(regions.high, shape)),
        sd=sd,
        supported=np.where(counted, counts.supported, supports & ~guarded),
        refuted=np.where(counted, counts.refuted & ~overruled, refutes),
        p_value=np.where(counted, counts.p_value, p_value),
        slack=np.where(counted, counts.slack, slack),
        counted=counted,
        guarded=guarded,
        overruled=overruled,
    )


def judge_counts(success: Bools, low: Floats, high: Floats, alpha: float, share: int) -> Decisions:
    """Judge the share of seeds that succeed, ``success`` of shape (..., parts, n), by the exact binomial interval."""
    n = success.shape[-1]
    count = success.sum(axis=-1)
    lower, upper = (end[count] for end in exact_intervals(n, alpha))
    strict_lower, strict_upper = (end[count] for end in exact_intervals(n, alpha / share))
    p_value = np.maximum(
        np.where(np.isfinite(low), stats.binom.sf(count - 1, n, np.clip(low, 0, 1)), 0),
        np.where(np.isfinite(high), stats.binom.cdf(count, n, np.clip(high, 0, 1)), 0),
    )
    rate = count / n
    return Decisions(
        effect=rate,
        lower=lower,
        upper=upper,
        low=np.broadcast_to(low, rate.shape),
        high=np.broadcast_to(high, rate.shape),
        sd=np.sqrt(rate * (1 - rate)),
        supported=(lower > low) & (upper < high),
        refuted=(strict_upper <= low) | (strict_lower >= high),
        p_value=p_value,
        slack=stats.norm.isf(p_value),
        counted=np.ones(rate.shape, dtype=bool),
        guarded=np.zeros(rate.shape, dtype=bool),
        overruled=np.zeros(rate.shape, dtype=bool),
    )


@lru_cache(maxsize=256)
def exact_intervals(n: int, alpha: float) -> tuple[Floats, Floats]:
    """Clopper-Pearson bounds of a share for every count 0..n, each of shape (n + 1,), alpha a side."""
    # binomtest(k, n).proportion_ci(1 - 2 * alpha, "exact") for all k at once; a test compares them
    k = np.arange(n + 1)
    lower = np.where(k == 0, 0.0, stats.beta.ppf(alpha, np.maximum(k, 1), n - k + 1))
    upper = np.where(k == n, 1.0, stats.beta.isf(alpha, k + 1, np.maximum(n - k, 1)))
    return lower, upper


def wilcoxon_p(gaps: Floats) -> Floats:
    """One-sided signed-rank p-values that ``gaps``, shape (rows, n), lie above zero; zeros are split.

    scipy looks for ties in the whole batch and then changes its method for every row. Rows with and without ties are
    therefore separated: a row's p-value must not depend on its neighbours.
    """
    p = np.ones(len(gaps))
    magnitude = np.sort(np.abs(gaps), axis=-1)
    tied = (magnitude[:, 0] == 0) | (np.diff(magnitude, axis=-1) == 0).any(axis=-1)
    for rows in (tied, ~tied):
        if not rows.any():
            continue
        if rows is tied and gaps.shape[-1] <= ENUMERABLE:
            p[rows] = _enumerated(gaps[rows])
        else:
            p[rows] = stats.wilcoxon(gaps[rows], zero_method="zsplit", alternative="greater", axis=-1).pvalue
    return p


def _enumerated(gaps: Floats) -> Floats:
    """Signed-rank p-values over all 2^n signs, for rows with ties.

    scipy does the same here, and a test compares them; but it enumerates row by row, 0.2 s each: too slow for the 400
    worlds of a control.
    """
    n = gaps.shape[-1]
    ranks = stats.rankdata(np.abs(gaps), axis=-1)
    zeros = np.where(gaps == 0, ranks, 0).sum(axis=-1) / 2
    ranks = np.where(gaps == 0, 0, ranks)
    observed = np.where(gaps > 0, ranks, 0).sum(axis=-1) + zeros
    signs = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    # ranks are multiples of one half, exact in floating point: equality needs no tolerance
    return np.asarray((ranks @ signs.T + zeros[:, None] >= observed[:, None]).mean(axis=-1))


@lru_cache(maxsize=1024)
def _t(alpha: float, n: int) -> float:
    """Student's upper quantile for an interval of n seeds."""
    return float(stats.t.isf(alpha, n - 1))


def _gaps(values: Floats, regions: Regions) -> tuple[Floats, Floats]:
    """Return each value's distance above the lower and below the upper end of its region, infinite if none."""
    return (
        np.round(values - regions.low[..., None], DIGITS),
        np.round(regions.high[..., None] - values, DIGITS),
    )


def _support(inner: Floats, outer: Floats, width: Floats, outside: Bools) -> Bools:
    """Return whether the interval lies wholly inside the claimed region."""
    return np.where(outside, _beyond(inner, outer, width), (inner > width) & (outer > width))


def _refute(inner: Floats, outer: Floats, width: Floats, outside: Bools) -> Bools:
    """Return whether the interval lies wholly outside the claimed region."""
    return np.where(outside, (inner > width) & (outer > width), _beyond(inner, outer, width))


def _beyond(inner: Floats, outer: Floats, width: Floats) -> Bools:
    """Return whether the interval lies beyond an end of the region (the ends belong to the outside)."""
    return (inner <= -width) | (outer <= -width)


def _significance(inner: Floats, outer: Floats, error: Floats, n: int, outside: Bools) -> tuple[Floats, Floats]:
    """Return one-sided p-value and standardised distance into the region; for two sides, of the worse side."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.minimum(inner, outer) / error
    # zero by zero: a constant exactly on the margin proves nothing
    slack = np.where(np.isnan(distance), 0.0, distance)
    slack = np.where(outside, -slack, slack)
    return stats.t.sf(slack, n - 1), slack


def _guard(above: Floats, below: Floats, wanted: Bools) -> Bools:
    """Return where Wilcoxon agrees, on each finite side of the region, among the parts ``wanted``."""
    agrees = np.ones(wanted.shape, dtype=bool)
    for gaps in (above, below):
        rows = wanted & np.isfinite(gaps[..., 0])
        if rows.any():
            agrees[rows] &= wilcoxon_p(gaps[rows]) <= GUARD
    return agrees
