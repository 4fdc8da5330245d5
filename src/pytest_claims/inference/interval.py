"""The interval of a mean: the hull of Student's t and Hall's skewness-corrected interval.

Student's interval is too short on the side of a long tail. Hall (On the removal of skewness by transformation,
*J. Royal Statistical Society B* 54, 1992, 221-228) corrects the statistic for the sample's skewness; the correction
alone is too short on the other side. The hull takes the farther of the two ends on each side, at every level.

Arrays have shape (..., parts): the leading axes are worlds, and the axis of the seeds is summed over. A mean's standard
error is ``scale / sqrt n``; distances are measured in ``scale``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

#: Below this skewness (a third of it) Hall's transformation is the identity, up to a shift.
STRAIGHT = 1e-6


@dataclass(frozen=True, eq=False)
class Moments:
    """What the interval of a mean needs to know of n seeds; arrays of shape (..., parts).

    ``scale`` is the standard deviation (divided by n - 1), or the floor under it; of an adjusted mean it is its
    standard error times sqrt n. ``skew`` is the third central moment over the cube of the standard deviation (divided
    by n), 0 where all values are equal; of an adjusted mean, of its residuals. ``degrees`` are those of Student's t.
    """

    n: int
    mean: Floats
    scale: Floats
    skew: Floats
    degrees: int

    def of(self, part: int) -> "Moments":
        """Return the moments of one part."""
        return Moments(self.n, self.mean[..., part], self.scale[..., part], self.skew[..., part], self.degrees)


def moments(values: Floats, floor: Floats | float = 0.0) -> Moments:
    """Return the moments of ``values``, shape (..., parts, n); ``floor`` is the smallest scale believed, (parts,)."""
    n = values.shape[-1]
    mean = values.mean(axis=-1)
    apart = values - mean[..., None]
    # equal values differ from their mean in its last bits, which is no spread
    widest = np.where(np.ptp(values, axis=-1) > 0, np.abs(apart).max(axis=-1), 0.0)
    # in units of the widest deviation neither squares nor cubes leave the range of a float
    unit = apart / np.where(widest > 0, widest, 1.0)[..., None]
    spread = np.sqrt(np.mean(unit**2, axis=-1))
    skew = np.where(widest > 0, np.mean(unit**3, axis=-1) / np.where(widest > 0, spread, 1.0) ** 3, 0.0)
    sd = widest * spread * np.sqrt(n / (n - 1))
    return Moments(n, mean, np.maximum(sd, floor), skew, n - 1)


def reaches(known: Moments, alpha: Floats | float, n: int | None = None) -> tuple[Floats, Floats]:
    """Return how far the interval reaches below and above the mean, in scales, ``alpha`` a side: shape (..., parts).

    ``n``: how far it would reach with so many seeds of the same skewness.
    """
    size = known.n if n is None else n
    q = quantile(alpha, known.degrees + size - known.n) / np.sqrt(size)
    below = np.maximum(q, _straightened(q, known.skew, size))
    above = np.maximum(q, -_straightened(-q, known.skew, size))
    return below, above


def hull(known: Moments, alpha: Floats | float) -> tuple[Floats, Floats]:
    """Return the lower and the upper end of the interval, ``alpha`` a side, each of shape (..., parts)."""
    below, above = reaches(known, alpha)
    return known.mean - known.scale * below, known.mean + known.scale * above


def statistic(gap: Floats, known: Moments, *, above: bool) -> Floats:
    """Return the smaller of Student's and Hall's statistic for a mean that lies ``gap`` beyond an end, (..., parts).

    ``above``: the mean is claimed to lie above that end (gap = mean - end), else below it (gap = end - mean). A gap of
    zero without any spread is a statistic of zero: a constant exactly on the margin proves nothing.
    """
    skew = known.skew if above else -known.skew
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = gap / known.scale
        distance = np.where(np.isnan(distance), 0.0, distance)
        a = skew / 3
        curved = np.abs(a) >= STRAIGHT
        bent = np.where(curved, ((1 + a * distance) ** 3 - 1) / np.where(curved, 3 * a, 1.0), distance)
    return np.asarray(np.sqrt(known.n) * np.minimum(distance, bent + skew / (6 * known.n)))


def p_value(gap: Floats, known: Moments, *, above: bool) -> Floats:
    """Return the one-sided p-value, the larger of Student's and Hall's, for arguments as ``statistic`` takes them."""
    return np.asarray(stats.t.sf(statistic(gap, known, above=above), known.degrees))


def _straightened(point: Floats | float, skew: Floats, n: int) -> Floats:
    """Return the inverse of Hall's transformation at ``point``: Student's statistic over sqrt n where Hall's is it."""
    a = skew / 3
    shifted = point - skew / (6 * n)
    curved = np.abs(a) >= STRAIGHT
    return np.where(curved, (np.cbrt(1 + 3 * a * shifted) - 1) / np.where(curved, a, 1.0), shifted)


def quantile(alpha: Floats | float, degrees: int) -> Floats | float:
    """Return Student's upper quantile."""
    return _quantile(alpha, degrees) if isinstance(alpha, float) else np.asarray(stats.t.isf(alpha, degrees))


@lru_cache(maxsize=1024)
def _quantile(alpha: float, degrees: int) -> float:
    return float(stats.t.isf(alpha, degrees))
