"""Seeds made visible: dots that do not hide each other, curves without invisible points, means with intervals."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_claims.vocabulary import ALPHA

Floats = npt.NDArray[np.float64]

#: The most curve points and dots of one figure: about 15 kB of SVG.
POINTS = 1800
#: The most levels of a curve before thinning begins: twice as many as a figure's width in pixels can show.
LEVELS = 400
#: With more seeds than this a figure shows bins and tenths of them: single dots and lines would hide each other.
MANY = 128
TENTHS = tuple(tenth / 10 for tenth in range(11))
#: Share of the drawn box by which a line may move unseen.
FINEST = 0.001
COARSER = 1.6  # the factor from one tried tolerance to the next, up to the whole box


@dataclass(frozen=True)
class Summary:
    """Mean over seeds with its two-sided interval, one entry for each level: shapes (k,)."""

    mean: Floats
    low: Floats
    high: Floats


def summarise(values: Floats, *, log: bool = False, alpha: float = ALPHA) -> Summary:
    """Mean over axis 0 with its t interval, ``alpha`` a side; on a logarithmic axis the geometric mean.

    Missing values are left out; where fewer than two are left the interval is the mean.
    """
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        data = np.log10(values) if log else np.asarray(values, dtype=float)
    data = np.where(np.isfinite(data), data, np.nan)
    n = np.isfinite(data).sum(axis=0)
    held = np.where(np.isfinite(data), data, 0.0)
    mean = np.where(n > 0, held.sum(axis=0) / np.maximum(n, 1), np.nan)
    spread = np.where(np.isfinite(data), data - mean, 0.0)
    sd = np.sqrt((spread**2).sum(axis=0) / np.maximum(n - 1, 1))
    half = np.where(n > 1, stats.t.isf(alpha, np.maximum(n - 1, 1)) * sd / np.sqrt(np.maximum(n, 1)), 0.0)
    low, high = mean - half, mean + half
    return Summary(10**mean, 10**low, 10**high) if log else Summary(mean, low, high)


def strands(curves: Floats) -> Floats:
    """Return what is drawn of the seeds' curves, shape (seeds, levels): each; of many the tenths, shape (11, levels).

    A tenth is the value of the seed that stands there at that level, the lowest and the highest included.
    """
    if len(curves) <= MANY:
        return curves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a level without any number stays without
        tenths: Floats = np.nanquantile(curves, TENTHS, axis=0, method="nearest")
    return tenths


def binned(values: Floats, width: float, height: float) -> tuple[Floats, Floats]:
    """Return the middles of bins of ``height``, and half the width of each one's bar: shapes (bins,).

    The fullest bin is ``width`` wide; empty ones are left out.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(0), np.zeros(0)
    rows = np.floor((known - known.min()) / height + 0.5) if height > 0 else np.zeros(len(known))
    places, counts = np.unique(rows, return_counts=True)
    return known.min() + places * height, width / 2 * counts / counts.max()


def swarm(values: Floats, width: float, height: float) -> Floats:
    """Return offsets that keep dots of equal values apart: shape of ``values``, within ±``width`` / 2.

    ``height`` is a dot's diameter in the unit of the values. Dots whose values are closer than that share a row, side
    by side around its middle in the order of their values. Nothing here is random, so it needs no seed.
    """
    offsets = np.zeros(len(values))
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return offsets
    rows = np.floor((values[known] - values[known].min()) / height + 0.5) if height > 0 else np.zeros(len(known))
    most = max(int((rows == row).sum()) for row in np.unique(rows))
    step = min(width / 14, width / max(most - 1, 1))
    for row in np.unique(rows):
        members = known[rows == row]
        members = members[np.argsort(values[members], kind="stable")]
        places = (np.arange(len(members)) - (len(members) - 1) / 2) * step
        # from the middle outwards: the eye reads the width as a count
        offsets[members[np.argsort(np.abs(places), kind="stable").argsort(kind="stable")]] = places
    return offsets


def thinned(x: Floats, curves: Sequence[Floats], budget: int) -> list[tuple[Floats, Floats]]:
    """Return each curve as (x, y), with about ``budget`` points at most in all; gaps (NaN) are left out.

    The points that change the drawn line least are dropped first (Douglas and Peucker 1973), in units of the drawn box.
    """
    finite = [np.isfinite(x) & np.isfinite(y) for y in curves]
    kept = [(x[ok], y[ok]) for ok, y in zip(finite, curves, strict=True)]
    kept = [(a[_spread(len(a))], b[_spread(len(a))]) for a, b in kept]
    if sum(len(a) for a, _ in kept) <= budget:
        return kept
    tops = [b for _, b in kept if len(b)]
    height = (max(b.max() for b in tops) - min(b.min() for b in tops)) or 1.0
    breadth = (np.nanmax(x) - np.nanmin(x)) or 1.0
    tolerance = FINEST
    moved = [_moved(a / breadth, b / height) for a, b in kept]
    while tolerance * COARSER < 1 and sum(int((by > tolerance).sum()) for by in moved) > budget:
        tolerance *= COARSER
    return [(a[by > tolerance], b[by > tolerance]) for (a, b), by in zip(kept, moved, strict=True)]


def _spread(count: int) -> npt.NDArray[np.intp]:
    """Return at most ``LEVELS`` indices, evenly spread, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, LEVELS)).round().astype(int)) if count else np.arange(0)


def _moved(u: Floats, v: Floats) -> Floats:
    """Return how far the line would move without each point, in the box's coordinates; below ``FINEST`` it is 0.

    A point inside a stretch never gets more than the points that end the stretch: so at every tolerance, the points
    above it are those that Douglas and Peucker keep.
    """
    by = np.zeros(len(u))
    by[[0, -1] if len(u) else []] = np.inf
    spans = [(0, len(u) - 1, np.inf)]
    while spans:
        first, last, above = spans.pop()
        if last - first < 2:  # noqa: PLR2004 - nothing between
            continue
        inside = slice(first + 1, last)
        run, rise = u[last] - u[first], v[last] - v[first]
        length = np.hypot(run, rise) or 1.0
        distance = np.abs(run * (v[inside] - v[first]) - rise * (u[inside] - u[first])) / length
        far = int(distance.argmax())
        if distance[far] > FINEST:
            middle = first + 1 + far
            by[middle] = min(above, distance[far])
            spans += [(first, middle, by[middle]), (middle, last, by[middle])]
    return by


def finite_range(arrays: Iterable[Floats], *, log: bool = False) -> tuple[float, float]:
    """Return the smallest and largest finite (on a logarithmic axis: positive) value; (0, 1) where there is none."""
    values = np.concatenate([np.ravel(np.asarray(array, dtype=float)) for array in arrays] or [np.zeros(0)])
    values = values[np.isfinite(values) & ((values > 0) if log else True)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
