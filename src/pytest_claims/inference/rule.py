"""The decision rule: one interval against one region, for many parts and many worlds at once.

A *part* is one effect theta with a region C = (low, high) fixed beforehand. Its interval at ``level`` a side decides:
wholly inside C it supports, wholly outside it refutes, otherwise it decides nothing. A refutation may be tested at a
smaller level (``level / share``): any refuted part refutes the whole hypothesis, so each part gets its share.

Arrays have shape (..., parts, n seeds): the leading axes are *worlds* (none for a verdict, 400 for a control), and a
part's region, floor and decimals have shape (parts,). The interval of a mean is that of ``interval.py``, of a share the
exact binomial one (Clopper and Pearson 1934).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from math import ceil, log10
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from pytest_claims.errors import EvidenceError
from pytest_claims.inference.adjustment import FEWEST_ADJUSTED, Covariate, adjust
from pytest_claims.inference.interval import Floats, Moments, moments, p_value, reaches, statistic

Bools = npt.NDArray[np.bool_]

#: Significant digits that are compared: 0.15 - 0.10 is 0.05, whatever the last bits are.
DIGITS = 12
#: Beyond this the square of a number, and with it a spread, overflows.
LARGEST = 1e150
#: Below this the decimals that are compared cannot be counted any more: a number is 0, or at least this large.
SMALLEST = 1e-290
#: Times lie between this and one over it: a ratio of times, and the ends of its interval, must be numbers.
LONGEST = 1e50


@dataclass(frozen=True)
class Terms:
    """How strictly a look judges.

    ``level``: of each side of the interval. ``share``: a refutation is tested at ``level / share``. ``ties``: whether
    it decides about a part of which more than half of the values are equal. ``divisor``: what alpha was divided by to
    get the level, because there are several looks; p-values are multiplied by it. ``quick``: a look that supports
    nothing, and ``later`` the level of the looks after it (looks.py).
    """

    level: float
    share: int = 1
    ties: bool = True
    divisor: float = 1.0
    quick: bool = False
    later: float | None = None


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of several parts, each array of shape (parts,)."""

    low: Floats
    high: Floats
    floor: Floats  # the smallest standard deviation believed, resolution / sqrt(12)
    decimals: npt.NDArray[np.int_]  # that are compared
    outside: Bools  # the claim is the complement of the region (reversals of two-sided claims)


@dataclass(frozen=True, eq=False)
class Decisions:
    """What the rule says about each part in each world; every array has shape (..., parts).

    ``near`` and ``far`` are the moments that the lower and the upper end of the interval are made of; they differ only
    where runs were cut off at a budget.
    """

    effect: Floats
    lower: Floats
    upper: Floats
    strict_lower: Floats  # the interval at the level of a refutation
    strict_upper: Floats
    sd: Floats
    supported: Bools
    refuted: Bools
    p_value: Floats  # one-sided, of the null hypothesis that theta is not in C
    slack: Floats  # how far inside C in standard errors; negative is outside
    tied: Bools  # more than half of the values are equal
    near: Moments
    far: Moments

    def of(self, part: int) -> "Decisions":
        """Return the decisions on one part."""
        values = (getattr(self, entry.name) for entry in fields(self))
        own: list[Any] = [value.of(part) if isinstance(value, Moments) else value[..., part] for value in values]
        return Decisions(*own)


def decimals_of(magnitude: float) -> int:
    """Return how many decimals of numbers up to this magnitude are compared; EvidenceError where it is too small."""
    if magnitude == 0:
        return DIGITS
    if magnitude < SMALLEST:
        raise EvidenceError(f"There are numbers, but none as large as {SMALLEST:g}; choose a smaller unit.")
    return DIGITS - ceil(log10(magnitude))


def rounded(values: Floats, decimals: npt.NDArray[np.int_]) -> Floats:
    """Round ``values``, shape (..., parts, n), to the decimals of each part, shape (parts,), negative ones too."""
    power = 10.0 ** np.abs(decimals)[:, None]
    with np.errstate(over="ignore"):  # the branch that is not taken
        return np.where(decimals[:, None] >= 0, np.rint(values * power) / power, np.rint(values / power) * power)


def mostly_equal(values: Floats) -> Bools:
    """Return whether more than half of the last axis is one value."""
    n = values.shape[-1]
    # a value that fills more than half of the sorted seeds fills their middle
    middle = np.partition(values, n // 2, axis=-1)[..., n // 2, None]
    return np.asarray(np.sum(values == middle, axis=-1) > n / 2)


def judge_means(
    values: Floats,
    regions: Regions,
    terms: Terms,
    farthest: Floats | None = None,
    covariates: Sequence[Covariate] = (),
) -> Decisions:
    """Judge the means of ``values``, shape (..., parts, n), adjusted for one covariate a part where there are any.

    ``farthest``: where runs were cut off, the largest values that the data allow; ``values`` are then the smallest. The
    lower end of the interval is that of ``values``, the upper end that of ``farthest``.
    """
    n = values.shape[-1]
    smallest = rounded(values, regions.decimals)
    largest = smallest if farthest is None else rounded(farthest, regions.decimals)
    near = adjust(smallest, covariates).moments(regions.floor) if covariates else moments(smallest, regions.floor)
    far = near if farthest is None else moments(largest, regions.floor)
    strict = terms.level / terms.share
    (below, _), (_, above) = reaches(near, terms.level), reaches(far, terms.level)
    (strict_below, _), (_, strict_above) = reaches(near, strict), reaches(far, strict)

    # the mean's distance inside each end of the region; rounded gaps put a constant on the margin exactly on it
    low, high = regions.low[:, None], regions.high[:, None]
    near_low, near_high = (rounded(gap, regions.decimals).mean(axis=-1) for gap in (smallest - low, high - smallest))
    if covariates:  # the adjustment moves the mean, and with it its distance from each end
        moved = near.mean - smallest.mean(axis=-1)
        near_low, near_high = near_low + moved, near_high - moved
    far_low, far_high = near_low, near_high
    if farthest is not None:
        far_low, far_high = (rounded(gap, regions.decimals).mean(axis=-1) for gap in (largest - low, high - largest))
    inside = (near_low > near.scale * below) & (far_high > far.scale * above)
    beyond = (far_low <= -far.scale * above) | (near_high <= -near.scale * below)
    strict_inside = (near_low > near.scale * strict_below) & (far_high > far.scale * strict_above)
    strict_beyond = (far_low <= -far.scale * strict_above) | (near_high <= -near.scale * strict_below)
    # a verdict waits where the values that it rests on tie: support rests on the smallest, a refutation on the largest
    tied, tied_far = mostly_equal(smallest), mostly_equal(largest)
    if covariates:
        waits = waits_far = tied | (n < FEWEST_ADJUSTED)
    else:
        waits, waits_far = tied & (not terms.ties), tied_far & (not terms.ties)

    slack, p = _inward((near_low, far_high), (near, far))
    out_slack, out_p = _outward((far_low, near_high), (far, near))
    return Decisions(
        effect=near.mean,
        lower=near.mean - near.scale * below,
        upper=far.mean + far.scale * above,
        strict_lower=near.mean - near.scale * strict_below,
        strict_upper=far.mean + far.scale * strict_above,
        sd=near.scale if covariates or n == 1 else _sd(smallest),
        supported=np.where(regions.outside, beyond, inside) & ~waits,
        refuted=np.where(regions.outside, strict_inside, strict_beyond) & ~waits_far,
        p_value=np.where(regions.outside, out_p, p),
        slack=np.where(regions.outside, out_slack, slack),
        tied=tied | tied_far,
        near=near,
        far=far,
    )


def _sd(values: Floats) -> Floats:
    """Return standard deviations over the last axis, exactly 0 where all values are equal."""
    return np.where(np.ptp(values, axis=-1) > 0, values.std(axis=-1, ddof=1), 0.0)


def _inward(gaps: tuple[Floats, Floats], known: tuple[Moments, Moments]) -> tuple[Floats, Floats]:
    """Return statistic and p-value of lying above the low and below the high end: of the worse side."""
    (low, high), (near, far) = gaps, known
    return (
        np.minimum(statistic(low, near, above=True), statistic(high, far, above=False)),
        np.maximum(p_value(low, near, above=True), p_value(high, far, above=False)),
    )


def _outward(gaps: tuple[Floats, Floats], known: tuple[Moments, Moments]) -> tuple[Floats, Floats]:
    """Return statistic and p-value of lying below the low or above the high end: of the better side."""
    (low, high), (far, near) = gaps, known
    return (
        np.maximum(statistic(-low, far, above=False), statistic(-high, near, above=True)),
        np.minimum(p_value(-low, far, above=False), p_value(-high, near, above=True)),
    )


def judge_counts(success: Bools, low: Floats, high: Floats, terms: Terms) -> Decisions:
    """Judge the share of seeds that succeed, ``success`` of shape (..., parts, n), by the exact binomial interval."""
    n = success.shape[-1]
    count = success.sum(axis=-1)
    lower, upper = (end[count] for end in exact_intervals(n, terms.level))
    strict_lower, strict_upper = (end[count] for end in exact_intervals(n, terms.level / terms.share))
    p = np.maximum(
        np.where(np.isfinite(low), stats.binom.sf(count - 1, n, np.clip(low, 0, 1)), 0),
        np.where(np.isfinite(high), stats.binom.cdf(count, n, np.clip(high, 0, 1)), 0),
    )
    rate = count / n
    sd = np.sqrt(rate * (1 - rate))
    known = Moments(n, rate, sd, np.zeros(rate.shape), n - 1)
    return Decisions(
        effect=rate,
        lower=lower,
        upper=upper,
        strict_lower=strict_lower,
        strict_upper=strict_upper,
        sd=sd,
        supported=(lower > low) & (upper < high),
        refuted=(strict_upper <= low) | (strict_lower >= high),
        p_value=p,
        slack=stats.norm.isf(p),
        tied=np.zeros(rate.shape, dtype=bool),
        near=known,
        far=known,
    )


@lru_cache(maxsize=256)
def exact_intervals(n: int, alpha: float) -> tuple[Floats, Floats]:
    """Clopper-Pearson bounds of a share for every count 0..n, each of shape (n + 1,), alpha a side."""
    # binomtest(k, n).proportion_ci(1 - 2 * alpha, "exact") for all k at once; a test compares them
    k = np.arange(n + 1)
    lower = np.where(k == 0, 0.0, stats.beta.ppf(alpha, np.maximum(k, 1), n - k + 1))
    upper = np.where(k == n, 1.0, stats.beta.isf(alpha, k + 1, np.maximum(n - k, 1)))
    return lower, upper
