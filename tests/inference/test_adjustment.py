"""The covariate estimator against independent code, and claims that are adjusted by it."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pytest_claims import all_of, at_least, equivalent, exceeds, increases, proportion, sooner
from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.adjustment import Covariate, adjust, covariate
from pytest_claims.inference.design import Design
from pytest_claims.inference.parts import Part, decide
from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.inference.rule import Terms


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


def test_on_its_margin_an_adjusted_claim_errs_no_more_than_alpha():
    """Around a line, and where the spread grows with x, both ways; the sample's mean of x instead errs far more."""
    rng = np.random.default_rng(5)
    worlds, n = 4000, 64
    most = stats.binom.isf(1e-5, worlds, 0.005)
    for growth in (0.0, 0.7):
        x = rng.standard_normal((worlds, n))
        values = (2 * x + np.exp(growth * x) * rng.standard_normal((worlds, n)))[:, None]
        luck = Covariate("x", x, 0.0)
        part = Part("gain", np.zeros(n), (0, np.inf), "gain", 0.0, scale=1.0, covariate=luck)
        decisions = decide([part], values, Terms(0.005))
        blind = values.mean(axis=-1) > stats.t.isf(0.005, n - 2) * adjust(values, [luck]).residuals.std(axis=-1) / 8

        assert decisions.supported.sum() <= most
        assert decisions.refuted.sum() <= most
        assert blind.mean() > 0.02


@pytest.fixture
def lucky(rng):
    """Two arms over 64 seeds whose lead of .02 hides behind the luck of x, with x and its population."""
    x = rng.standard_normal(64)
    base = rng.standard_normal((64, 1))
    values = base + np.stack([0.02 + 0.2 * (x - x.mean()) + 0.02 * rng.standard_normal(64), np.zeros(64)], axis=1)
    coords = {"seed": range(64), "arm": ["a", "b"]}
    arms = xr.DataArray(values, dims=("seed", "arm"), coords=coords, name="accuracy")
    return arms, xr.DataArray(x, dims="seed", coords={"seed": range(64)}, name="luck"), float(x.mean())


def test_a_lead_that_luck_hides_is_seen_once_it_is_adjusted(lucky):
    """The record names the covariate, its slope, R^2, the plain mean and the population mean."""
    arms, luck, mean = lucky
    a, b = arms.sel(arm="a"), arms.sel(arm="b")
    plain, verdict = exceeds(a, b).judge(), exceeds(a, b, adjusted_by=luck, population=mean).judge()
    stored = verdict.as_json()["parts"][0]["adjusted"]

    assert (plain.verdict, verdict.verdict) == ("inconclusive", "supported")
    assert verdict.effect == pytest.approx(0.02, abs=0.01)
    assert plain.parts[0].as_json()["adjusted"] is None
    assert (stored["covariate"], stored["population"], stored["population_error"]) == ("luck", mean, 0.0)
    assert stored["slope"] == pytest.approx(0.2, abs=0.02)
    assert stored["explained"] > 0.9
    assert stored["unadjusted"] == pytest.approx(plain.effect)
    assert stored["values"] == luck.values.tolist()
    assert "adjusted for luck (R^2 0.9" in verdict.message


def test_every_part_takes_its_own_covariate_by_its_labels(rng):
    """A covariate over arms goes to the parts of these arms; the labels of other parts are an error."""
    coords = {"seed": range(64), "arm": ["a", "b"]}
    x = xr.DataArray(rng.standard_normal((64, 2)), dims=("seed", "arm"), coords=coords, name="x")
    levels = 1 + x * xr.DataArray([2.0, -3.0], dims="arm", coords={"arm": ["a", "b"]})
    parts = at_least(levels.transpose("arm", "seed"), 0.5, adjusted_by=x, population=0.0).judge().parts

    assert [part.adjusted.slope for part in parts] == pytest.approx([2, -3])
    assert [part.effect for part in parts] == pytest.approx([1, 1])
    with pytest.raises(EvidenceError, match="The covariate x differs by arm, but arm a minus b does not name one"):
        equivalent(levels, along="arm", within=1, adjusted_by=x, population=0.0)
    with pytest.raises(EvidenceError, match="do not have the same seeds"):
        at_least(levels, 0.5, adjusted_by=x.isel(seed=slice(0, 32), arm=0, drop=True), population=0.0)


def test_every_part_has_the_population_of_its_own_labels(rng):
    """One dataset is easier than the other: each effect is stated at its own mean, not at that of both together."""
    coords = {"seed": range(64), "data": ["easy", "hard"]}
    mean = xr.DataArray([0.9, 0.6], dims="data", coords={"data": coords["data"]})
    x = (xr.DataArray(rng.standard_normal((64, 2)), dims=("seed", "data"), coords=coords) * 0.1 + mean).rename("x")
    draws = mean + 0.1 * xr.DataArray(rng.standard_normal((6400, 2)), dims=("draw", "data"))
    parts = at_least(x + 0.01 * rng.standard_normal((64, 2)), 0.5, adjusted_by=x, population=draws).judge().parts

    assert [part.adjusted.population for part in parts] == pytest.approx([0.9, 0.6], abs=0.01)
    assert [part.effect for part in parts] == pytest.approx([0.9, 0.6], abs=0.01)


def test_a_covariate_that_differs_between_the_arms_compared_is_refused(rng):
    """Neither arm's is that of their difference."""
    coords = {"seed": range(64), "data": ["easy", "hard"]}
    x = xr.DataArray(rng.standard_normal((64, 2)), dims=("seed", "data"), coords=coords, name="x")
    one, other, both = x.sel(data="easy"), x.sel(data="hard"), xr.concat([x, x + 1], "network")

    with pytest.raises(EvidenceError, match=r"The covariate x differs by data, but .* does not name one"):
        exceeds(one, other, adjusted_by=x, population=0.0)
    each = exceeds(both.isel(network=1), both.isel(network=0), adjusted_by=x, population=0.0)
    assert [part.covariate.values.tolist() for part in each.parts] == [one.values.tolist(), other.values.tolist()]


@pytest.mark.parametrize("n", [8, 32, 56])
def test_below_64_seeds_an_adjusted_claim_decides_nothing(n, rng):
    """However clear it is."""
    x = xr.DataArray(rng.standard_normal(n), dims="seed", coords={"seed": range(n)}, name="x")
    verdict = exceeds(x + 5, adjusted_by=x, population=0.0).judge()

    assert verdict.verdict == "inconclusive"
    assert "a claim that is adjusted for a covariate is judged from 64 seeds on" in verdict.message


def test_a_mostly_tied_part_is_not_adjusted(rng):
    """More than half of the values are equal: nothing is decided, whatever the others are."""
    x = xr.DataArray(rng.standard_normal(64), dims="seed", coords={"seed": range(64)}, name="x")
    values = xr.where(x.seed < 33, 1.0, 1.1 + 0.01 * x)
    verdict = exceeds(values, by=0.5, adjusted_by=x, population=0.0).judge()

    assert exceeds(values, by=0.5).judge().verdict == "supported"
    assert verdict.verdict == "inconclusive"
    assert "a covariate cannot adjust them" in verdict.message


def test_times_and_shares_take_no_covariate(measured):
    """An error of the claim's design, in one sentence."""
    times = measured(50.0)
    for build in (lambda: sooner(times, times, budget=100, adjusted_by=times), lambda: proportion(times > 1, above=0.5,
                  adjusted_by=times)):  # fmt: skip
        with pytest.raises(DesignError, match="unexpected keyword argument 'adjusted_by'"):
            build()


@pytest.mark.parametrize("population", [None, "0.9", True])
def test_an_adjusted_claim_names_the_population_mean(population, measured):
    """A number or draws; known before there are data."""
    x = measured(0.5, n=64)
    for data in (x, Placeholder()):
        build = exceeds(data, adjusted_by=data, population=population) if data is not x else None
        if build is not None:
            assert build.fault.startswith("A claim that is adjusted for a covariate names its population")
    with pytest.raises(DesignError, match="names its population"):
        exceeds(x, adjusted_by=x, population=population)


def test_a_design_is_known_without_the_covariate():
    """Placeholders for the measurement, the covariate and its population."""
    data = Placeholder()
    design = exceeds(data, data, by=0.02, adjusted_by=data.bayes, population=data.population)

    assert isinstance(design, Design)
    assert (design.region, design.fault) == ((0.02, np.inf), "")


def test_the_control_of_an_adjusted_claim_keeps_its_line(lucky):
    """Worlds on the margin are hardly ever supported; a reversed claim is adjusted, too."""
    arms, luck, mean = lucky
    a, b = arms.sel(arm="a"), arms.sel(arm="b")
    shifted = exceeds(a, b, by=-0.1, adjusted_by=luck, population=mean)
    control = shifted.control(np.random.default_rng(1))

    assert control.ok
    assert control.kind == "shifted to the margin"
    assert control.supported <= 24
    assert exceeds(a, b, adjusted_by=luck, population=mean).control(np.random.default_rng(2)).ok
    assert (
        increases(arms.sel(arm=["b", "a"]), "arm", 0.0, adjusted_by=luck, population=mean)
        .control(np.random.default_rng(3))
        .ok
    )
    assert shifted.reversed().judge().verdict == "refuted"
    assert shifted.reversed().judge().effect == pytest.approx(shifted.judge().effect)


def test_a_conjunction_joins_adjusted_and_plain_parts(lucky):
    """Each part is judged by its own estimator, in the order of the parts."""
    arms, luck, mean = lucky
    gain = exceeds(arms.sel(arm="a"), arms.sel(arm="b"), adjusted_by=luck, population=mean)
    whole = all_of(at_least(arms, -3), gain).judge()

    assert [part.adjusted is None for part in whole.parts] == [True, True, False]
    assert whole.parts[2].effect == gain.judge().effect
