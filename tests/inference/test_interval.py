"""The hull of Student's and Hall's interval: against a scalar implementation, and the properties that it promises."""

from math import copysign, sqrt

import numpy as np
import pytest
from scipy import stats

from pytest_claims.inference.interval import hull, moments, p_value, reaches

SIZES = (8, 16, 32, 64, 512)
LEVELS = (0.05, 0.005, 0.005 / 4.226, 0.005 / 4.226 / 30)
SHAPES = ("normal", "exponential", "log-normal", "two values", "one outlier", "steps", "equal")


def cube_root(x):
    """Return the real cube root."""
    return copysign(abs(x) ** (1 / 3), x)


def by_hand(values, alpha, resolution=0.0):
    """One interval, number by number, as the rule is written in words."""
    n = len(values)
    mean = sum(values) / n
    apart = [value - mean for value in values]
    if max(values) == min(values):
        sd, skew = 0.0, 0.0
    else:
        variance = sum(gap**2 for gap in apart) / n
        sd, skew = sqrt(variance * n / (n - 1)), sum(gap**3 for gap in apart) / n / variance**1.5
    s, a = max(sd, resolution / sqrt(12)), skew / 3
    q = stats.t.isf(alpha, n - 1) / sqrt(n)

    def h(point):
        shifted = point - skew / (6 * n)
        return shifted if abs(a) < 1e-6 else (cube_root(1 + 3 * a * shifted) - 1) / a

    return mean - s * max(q, h(q)), mean - s * min(-q, h(-q))


def p_by_hand(values, end, resolution=0.0):
    """Hall's statistic as he writes it, and Student's: the larger p-value that the mean is not above ``end``."""
    n, mean = len(values), float(np.mean(values))
    skew = float(stats.skew(values)) if np.ptp(values) > 0 else 0.0
    s = max(float(np.std(values, ddof=1)), resolution / sqrt(12))
    distance, a = (mean - end) / s, skew / 3
    hall = sqrt(n) * (distance + a * distance**2 + a**2 * distance**3 / 3 + skew / (6 * n))
    return max(stats.t.sf(sqrt(n) * distance, n - 1), stats.t.sf(hall, n - 1))


def draw(shape, n, rng):
    """One sample of n seeds."""
    return {
        "normal": lambda: rng.standard_normal(n),
        "exponential": lambda: rng.exponential(size=n),
        "log-normal": lambda: -np.exp(2 * rng.standard_normal(n)),
        "two values": lambda: np.where(rng.random(n) < 0.2 * rng.random(), -1.0, 0.0),
        "one outlier": lambda: np.r_[0.02 * rng.standard_normal(n - 1), -1.0],
        "steps": lambda: rng.binomial(16, 0.9, n) / 16,
        "equal": lambda: np.full(n, 0.1) + 0.2,
    }[shape]()


@pytest.fixture(params=[(shape, n) for shape in SHAPES for n in SIZES], ids=str)
def sample(request, rng):
    """Draw samples of every shape and size, with a floor that sometimes is larger than the spread."""
    shape, n = request.param
    return [(draw(shape, n, rng), resolution) for resolution in (0.01, 0.5, 5.0) for _ in range(4)]


@pytest.mark.parametrize("alpha", LEVELS)
def test_the_interval_is_the_one_computed_by_hand(sample, alpha):
    """Number by number, for outliers, two values, floors and 8 to 512 seeds."""
    for values, resolution in sample:
        expected = by_hand(values.tolist(), alpha, resolution)

        lower, upper = hull(moments(values, resolution / sqrt(12)), alpha)

        assert (lower, upper) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("alpha", LEVELS)
def test_the_interval_agrees_with_the_p_value(sample, alpha):
    """An end of the interval is where the p-value is alpha: just inside it is more, just outside less."""
    for values, resolution in sample:
        known = moments(values, resolution / sqrt(12))
        for end, sign in zip(hull(known, alpha), (1, -1), strict=True):
            for step in (-1e-6, 1e-6):
                at = end + step * float(known.scale)
                p = float(p_value(sign * (known.mean - at), known, above=sign > 0))

                assert p == pytest.approx(p_by_hand(sign * values, sign * at, resolution), rel=1e-6)
                assert (p < alpha) is (sign * step < 0)


def test_a_smaller_level_gives_a_wider_interval(sample):
    """Intervals are nested: what is decided at a small level is decided at a larger one."""
    for values, resolution in sample:
        known = moments(values, resolution / sqrt(12))
        lower, upper = zip(*(hull(known, alpha) for alpha in LEVELS), strict=True)

        assert list(lower) == sorted(lower, reverse=True)
        assert list(upper) == sorted(upper)
        assert lower[0] < known.mean < upper[0]


def test_the_interval_flips_with_the_sign(sample):
    """Of -x it is the mirror image: a claim and its opposite are judged alike."""
    for values, resolution in sample:
        lower, upper = hull(moments(values, resolution / sqrt(12)), 0.005)
        flipped = hull(moments(-values, resolution / sqrt(12)), 0.005)

        assert flipped == pytest.approx((-upper, -lower), rel=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e-9, 1e140])
def test_the_interval_scales_with_the_unit(sample, unit):
    """Also where squares and cubes of the numbers leave the range of a float."""
    for values, resolution in sample:
        expected = [unit * end for end in hull(moments(values, resolution / sqrt(12)), 0.005)]

        assert hull(moments(unit * values, unit * resolution / sqrt(12)), 0.005) == pytest.approx(expected, rel=1e-9)


def test_the_interval_is_never_narrower_than_student_s(sample):
    """On each side it is the farther of the two ends."""
    for values, resolution in sample:
        known = moments(values, resolution / sqrt(12))
        half = stats.t.isf(0.005, known.n - 1) / sqrt(known.n)
        below, above = reaches(known, 0.005)

        assert below >= half
        assert above >= half
        # a long tail below lengthens the interval below
        assert (below > above) == (known.skew < 0) or abs(known.skew) < 0.05


def test_equal_values_have_neither_spread_nor_skew():
    """.1 + .2 - .3 is 5.6e-17 in every seed: a mean that differs in its last bits is no spread."""
    known = moments(np.full(32, 0.1) + 0.2 - 0.3)

    assert (float(known.scale), float(known.skew)) == (0.0, 0.0)
    assert hull(known, 0.005) == (known.mean, known.mean)
    assert p_value(np.array(0.0), known, above=True) == 0.5


def test_many_worlds_are_judged_as_each_alone(rng):
    """Worlds and parts are leading axes; a world's interval does not depend on its neighbours."""
    values = np.stack([np.stack([draw(shape, 32, rng) for shape in SHAPES]) for _ in range(5)])
    floors = np.linspace(0, 1, len(SHAPES))

    lower, upper = hull(moments(values, floors), 0.005)

    assert lower.shape == upper.shape == (5, len(SHAPES))
    for world in range(5):
        for part, floor in enumerate(floors):
            assert (lower[world, part], upper[world, part]) == hull(moments(values[world, part], floor), 0.005)


def test_the_level_may_differ_from_part_to_part(rng):
    """A vector of levels is a vector of intervals."""
    values = rng.exponential(size=(3, 32))
    lower, upper = hull(moments(values), np.array(LEVELS[:3]))

    assert list(zip(lower, upper, strict=True)) == [
        pytest.approx(hull(moments(row), alpha)) for row, alpha in zip(values, LEVELS[:3], strict=True)
    ]


def test_more_seeds_of_the_same_skewness_reach_less_far(rng):
    """The reach with 4 n seeds is that of 4 n seeds: a forecast needs no data."""
    values = rng.exponential(size=32)
    four = np.tile(values, 4)

    assert reaches(moments(values), 0.005, n=128) == pytest.approx(reaches(moments(four), 0.005))
    assert reaches(moments(four), 0.005)[0] < reaches(moments(values), 0.005)[0]
