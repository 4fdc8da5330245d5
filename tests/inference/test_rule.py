"""The rule is the textbook's: scipy's intervals, tests and ranks, row by row."""

import numpy as np
import pytest
from scipy import stats

from pytest_claims import at_least, exceeds, proportion
from pytest_claims.inference.rule import exact_intervals, wilcoxon_p


def test_the_interval_of_a_difference_is_the_paired_t_interval(measured):
    """Effect, 99 % interval and one-sided p-value are those of ttest_1samp on the differences."""
    a, b = measured(0.8), measured(0.7)
    d = np.round((a - b).values, 12)
    expected = stats.ttest_1samp(d, 0.05, alternative="greater")
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.99)

    verdict = exceeds(a, b, by=0.05).judge()

    assert verdict.effect == pytest.approx(d.mean(), abs=1e-12)
    assert verdict.interval == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert verdict.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert verdict.d_z == pytest.approx(d.mean() / d.std(ddof=1))
    assert verdict.win_rate == np.mean(d > 0)


def test_the_p_value_of_a_two_sided_region_is_the_worse_of_two_one_sided_tests(measured):
    """As TOST: the larger of the two p-values."""
    ttost_paired = pytest.importorskip("statsmodels.stats.weightstats").ttost_paired

    from pytest_claims import between

    a, b = measured(0.81), measured(0.8)
    expected, *_ = ttost_paired(a.values, b.values, -0.03, 0.05)

    assert between(a, b, low=-0.03, high=0.05).judge().p_value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.005, 0.00125, 0.005 / 54])
@pytest.mark.parametrize("n", [8, 16, 32, 64])
def test_exact_intervals_are_those_of_binomtest(n, alpha):
    """Clopper and Pearson's bounds for every count, as binomtest(...).proportion_ci computes them singly."""
    expected = [stats.binomtest(k, n).proportion_ci(1 - 2 * alpha, "exact") for k in range(n + 1)]

    lower, upper = exact_intervals(n, alpha)

    assert lower == pytest.approx([interval.low for interval in expected], abs=1e-12)
    assert upper == pytest.approx([interval.high for interval in expected], abs=1e-12)


@pytest.mark.parametrize("n", [8, 9, 16, 32, 64])
def test_signed_ranks_do_not_depend_on_the_neighbours(n, rng):
    """Each row has the same p-value in a batch as alone in scipy, with and without ties and zeros."""
    rows = np.concatenate([rng.standard_normal((4, n)) + 0.3, rng.integers(-2, 4, (4, n)) / 16, np.zeros((1, n))])
    expected = [stats.wilcoxon(row, zero_method="zsplit", alternative="greater").pvalue for row in rows]

    assert wilcoxon_p(rows) == pytest.approx(expected, abs=1e-12)


def test_the_smallest_p_of_the_guard_at_8_seeds(rng):
    """1/256 = .0039: all eight seeds beyond the margin, which is why the guard stays at .005 in every look."""
    assert wilcoxon_p(1 + rng.random((1, 8)))[0] == pytest.approx(1 / 256)


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
