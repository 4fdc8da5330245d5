"""The rule is the textbook's: scipy's and statsmodels' intervals and tests, and the hull of ``interval.py``."""

import numpy as np
import pytest
from scipy import stats

from pytest_claims import at_least, exceeds, proportion
from pytest_claims.inference.interval import hull, moments
from pytest_claims.inference.rule import Terms, decimals_of, exact_intervals, mostly_equal, rounded


def symmetric(n=32):
    """Return n numbers without skewness: there the hull is Student's interval, up to rounding."""
    half = np.random.default_rng(3).uniform(0.01, 0.1, n // 2)
    return np.concatenate([half, -half])


def test_the_interval_of_a_symmetric_difference_is_the_paired_t_interval(given):
    """Effect, 99 % interval and one-sided p-value are those of ttest_1samp on the differences."""
    d = 0.1 + symmetric()
    expected = stats.ttest_1samp(d, 0.05, alternative="greater")
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.99)

    verdict = exceeds(given(0.7 + d), given(np.full(32, 0.7)), by=0.05).judge()

    assert verdict.effect == pytest.approx(d.mean(), abs=1e-12)
    assert verdict.interval == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert verdict.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert verdict.d_z == pytest.approx(d.mean() / d.std(ddof=1))
    assert verdict.win_rate == np.mean(d > 0)


def test_the_interval_of_a_skewed_difference_is_the_hull(given, rng):
    """On the side of the long tail it is wider than Student's."""
    d = rng.exponential(size=32)
    student = stats.ttest_1samp(d, 0).confidence_interval(0.99)

    verdict = exceeds(given(d), by=0.05).judge()

    assert verdict.interval == pytest.approx(hull(moments(d), 0.005), abs=1e-9)
    assert verdict.interval[0] == pytest.approx(student.low, abs=1e-9)
    assert verdict.interval[1] > student.high + 0.05


def test_the_p_value_of_a_two_sided_region_is_the_worse_of_two_one_sided_tests(given):
    """As TOST: the larger of the two p-values."""
    ttost_paired = pytest.importorskip("statsmodels.stats.weightstats").ttost_paired

    from pytest_claims import between

    a, b = 0.81 + symmetric(), np.full(32, 0.8)
    expected, *_ = ttost_paired(a, b, -0.03, 0.05)

    assert between(given(a), given(b), low=-0.03, high=0.05).judge().p_value == pytest.approx(expected, rel=1e-5)


def test_p_values_are_multiplied_by_what_alpha_is_divided_by(measured):
    """At one of five looks: 4.226 times, and never more than one."""
    from pytest_claims.inference.looks import Looks

    hypothesis, looks = at_least(measured(0.8), 0.78), Looks.doubling(32, 512)

    assert hypothesis.judge(looks=looks).p_value == pytest.approx(4.226 * hypothesis.judge(looks.level).p_value)
    assert at_least(measured(0.8), 0.9).judge(looks=looks).p_value == 1.0


@pytest.mark.parametrize("magnitude, decimals", [(0.0, 12), (0.97, 12), (1.0, 12), (1.5, 11), (2500.0, 8), (0.1, 13),
                                                 (3e-13, 24), (1e150, -138), (2e-290, 301)])  # fmt: skip
def test_the_decimals_compared_are_those_of_the_largest_number(magnitude, decimals):
    """12 - ceil(log10 M)."""
    assert decimals_of(magnitude) == decimals


@pytest.mark.parametrize("magnitude", [0.97, 2500.0, 3e-13, 1e150, 2e-290])
def test_rounding_keeps_twelve_digits(magnitude):
    """Whatever the unit; a difference of one part in a million stays, of one in 10^15 goes."""
    values = magnitude * np.array([[1.0, 1 - 1e-6, 1 - 1e-15]])
    at = rounded(values, np.array([decimals_of(magnitude)]))[0]

    assert at == pytest.approx(values[0], rel=1e-11)
    assert at[0] == at[2] != at[1]


@pytest.mark.parametrize("n", [8, 9, 64])
def test_more_than_half_is_not_half(n):
    """Wherever among the others the equal values lie."""
    for value in (-1.0, 0.3, 2.0):
        values = np.linspace(0, 1, n)
        values[: n // 2] = value
        assert not mostly_equal(values)
        values[: n // 2 + 1] = value
        assert mostly_equal(values)


def test_terms_are_of_one_look_by_default():
    """Nothing is shared or divided."""
    assert Terms(0.005) == Terms(0.005, share=1, ties=True, divisor=1.0)


@pytest.mark.parametrize("alpha", [0.005, 0.00125, 0.005 / 54])
@pytest.mark.parametrize("n", [8, 16, 32, 64])
def test_exact_intervals_are_those_of_binomtest(n, alpha):
    """Clopper and Pearson's bounds for every count, as binomtest(...).proportion_ci computes them singly."""
    expected = [stats.binomtest(k, n).proportion_ci(1 - 2 * alpha, "exact") for k in range(n + 1)]

    lower, upper = exact_intervals(n, alpha)

    assert lower == pytest.approx([interval.low for interval in expected], abs=1e-12)
    assert upper == pytest.approx([interval.high for interval in expected], abs=1e-12)


@pytest.mark.parametrize("n, share", [(8, 0.52), (16, 0.72), (32, 0.85), (64, 0.92)])
def test_the_best_provable_share(n, share):
    """At n = 8/16/32/64 all seeds succeeding proves .52/.72/.85/.92."""
    assert exact_intervals(n, 0.005)[0][n] == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("n, fewest", [(8, 8), (16, 14), (32, 24)])
def test_a_majority_needs(n, fewest, given):
    """Against .5: 8 of 8, 14 of 16, 24 of 32, and one less is inconclusive."""
    verdicts = [proportion(given(np.arange(n) < k), above=0.5).judge().verdict for k in (fewest, fewest - 1)]

    assert verdicts == ["supported", "inconclusive"]


def test_alpha_is_a_parameter(measured):
    """A sequential look needs a wider interval than the final judgement."""
    hypothesis = at_least(measured(0.8, n=16), 0.7)
    wide, narrow = (hypothesis.judge(alpha).interval for alpha in (0.00125, 0.005))

    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert hypothesis.judge(0.00125).alpha == 0.00125
