"""The covariate estimator: slope, effect at the population mean and standard error, against independent code."""

import numpy as np
import pytest

from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.adjustment import adjust, covariate


def lines(rng, n, worlds=1, slope=2.0, spread=lambda x: 1.0 + 0 * x):
    """Draw a standard normal covariate (n,) and values (worlds, 1, n) on a line with normal noise."""
    x = rng.standard_normal(n)
    return x, slope * x + spread(x) * rng.standard_normal((worlds, 1, n))


def test_slope_effect_and_error_are_those_of_statsmodels(rng):
    """Least squares on 1 and x - mu: the effect is the intercept, its error the larger of the plain one and HC3's."""
    api = pytest.importorskip("statsmodels.api")
    larger = set()
    for spread in (lambda x: 1.0 + 0 * x, lambda x: np.exp(0.7 * x), np.abs):
        x, values = lines(rng, 80, spread=spread)
        fit = api.OLS(values[0, 0], api.add_constant(x - 0.1)).fit()
        errors = fit.bse[0], fit.HC3_se[0]
        larger.add(int(np.argmax(errors)))
        found = adjust(values, [covariate("x", x, 0.1)])

        assert found.effect[0, 0] == pytest.approx(fit.params[0])
        assert found.slope[0, 0] == pytest.approx(fit.params[1])
        assert found.explained[0, 0] == pytest.approx(fit.rsquared)
        assert found.residuals[0, 0] == pytest.approx(fit.resid)
        assert found.spread[0, 0] == pytest.approx(max(errors) * 80**0.5)

    assert larger == {0, 1}


def test_the_error_of_an_estimated_population_mean_is_added(rng):
    """Slope squared times the draws' variance over their number, as for a mean of as many draws."""
    x, values = lines(rng, 64)
    draws = rng.standard_normal((64, 100))
    exact = adjust(values, [covariate("x", x, draws.mean())])
    estimated = adjust(values, [covariate("x", x, draws)])
    added = (estimated.spread**2 - exact.spread**2)[0, 0] / 64

    assert estimated.effect == pytest.approx(exact.effect)
    assert added == pytest.approx(exact.slope[0, 0] ** 2 * draws.var(ddof=1) / 6400)


def test_many_parts_and_worlds_are_judged_as_each_alone(rng):
    """Shape (worlds, parts, n): a row depends on nothing but itself and its covariate."""
    columns = [covariate("x", rng.standard_normal(70), 0.0), covariate("z", rng.exponential(size=70), 1.0)]
    values = rng.standard_normal((3, 2, 70)) + [column.values for column in columns]
    together = adjust(values, columns)

    for world in range(3):
        for part, column in enumerate(columns):
            alone = adjust(values[world, part][None], [column])
            for name in ("effect", "spread", "skewness", "slope", "explained"):
                assert getattr(together, name)[world, part] == pytest.approx(getattr(alone, name)[0])


def test_the_unit_of_the_covariate_is_of_no_consequence(rng):
    """Moved and stretched, with its population mean, it explains as much."""
    x, values = lines(rng, 64)
    plain, other = adjust(values, [covariate("x", x, 0.2)]), adjust(values, [covariate("x", 5 - 1e3 * x, 5 - 200)])

    for name in ("effect", "spread", "skewness", "explained"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name))
    assert other.slope == pytest.approx(plain.slope / -1e3)


def test_the_skewness_is_that_of_the_residuals(rng):
    """Third central moment over the cube of their standard deviation; 0 where the line leaves nothing but rounding."""
    x, _ = lines(rng, 64)
    skewed = adjust((3 * x + rng.exponential(size=64))[None], [covariate("x", x, 0.0)])
    left = skewed.residuals[0]
    straight = adjust((3 * x)[None], [covariate("x", x, 0.0)])

    assert skewed.skewness[0] == pytest.approx(np.mean(left**3) / np.std(left) ** 3)
    assert straight.skewness[0] == 0
    assert straight.explained[0] == pytest.approx(1)
    assert straight.spread[0] == pytest.approx(0, abs=1e-12)


def test_a_seed_that_alone_decides_the_slope_has_no_residual():
    """One x apart from all others: its leverage is one, and the error stays finite."""
    x = np.zeros(64)
    x[3] = 1.0
    values = np.random.default_rng(0).standard_normal((1, 64))
    found = adjust(values, [covariate("x", x, 0.0)])

    assert found.residuals[0, 3] == pytest.approx(0, abs=1e-12)
    assert found.effect[0] == pytest.approx(np.delete(values[0], 3).mean())
    assert np.isfinite(found.spread[0])


def test_too_few_draws_of_the_population_are_refused(rng):
    """100 for each seed that is judged."""
    with pytest.raises(DesignError, match="rests on 6,399 draws; 64 seeds need 6,400, or an exact mean"):
        covariate("bayes", rng.random(64), rng.random(6399))


def test_a_covariate_that_explains_nothing_is_refused(rng):
    """The same for every seed, or not finite."""
    with pytest.raises(EvidenceError, match="bayes is the same for every seed"):
        covariate("bayes", np.ones(64), 1.0)
    with pytest.raises(EvidenceError, match="bayes, or a draw of its population, is not finite"):
        covariate("bayes", rng.random(64), np.nan)
