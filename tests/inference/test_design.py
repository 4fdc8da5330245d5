"""A claim's function runs before there are data, and a design that cannot decide is detected."""

import functools
import re
from fractions import Fraction
from math import inf

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pytest_claims import (
    Design,
    DesignError,
    EvidenceError,
    Placeholder,
    all_of,
    at_least,
    at_most,
    between,
    boundary,
    decreases,
    equivalent,
    exactly,
    exceeds,
    functions,
    increases,
    lines,
    proportion,
    sooner,
    strips,
    traces,
    within,
)
from pytest_claims.inference.design import cannot_decide, cannot_refute, describe_design, smallest_detectable
from pytest_claims.inference.power import (
    detectable,
    detectable_share,
    power,
    power_of_share,
    seeds_for_share,
    seeds_needed,
)

P = Placeholder()


NUMBERS = xr.DataArray(np.linspace(1, 2, 32).reshape(16, 2), dims=("seed", "loss"))


@pytest.mark.parametrize(
    "ask, why",
    [
        (lambda x: between(x, x, low=0.3, high=0.1), "The range from 0.3 to 0.1 is empty"),
        (lambda x: equivalent(x, "loss", within=0), "within is a margin above zero, not 0"),
        (lambda x: within(x, 0.88, -0.1), "margin is a margin above zero, not -0.1"),
        (lambda x: increases(x, "loss", -1), "An ordered claim asks for at least 0 from end to end, not -1"),
        (lambda x: decreases(x, "loss", -1), "An ordered claim asks for at least 0 from end to end, not -1"),
        (lambda x: sooner(x, x, by=0.5, budget=100), "A factor of 0.5 would be slower, not sooner"),
        (lambda x: proportion(x > 0, above=1), r"A share of seeds lies in \[0, 1\), not at 1"),
        (lambda x: exceeds(x, by=float("nan")), "by is a number that is fixed before there are data, not nan"),
        (lambda x: increases(x, "loss", by=None), "by is a number that is fixed before there are data, not None"),
        (lambda x: at_least(x, "0.9"), "bound is a number that is fixed before there are data, not '0.9'"),
        (lambda x: at_least(x, Fraction(9, 10)), "bound is a number that is fixed before there are data, not Fraction"),
        (lambda x: exceeds(x, by=10**400), "by is a number that is fixed before there are data, not 1000"),
        (lambda x: at_least(x, 0.9, resolution="1/16"), "resolution is a number that is fixed before there are data"),
        (lambda x: increases(x, "seed", 0.1), "along names the conditions to compare; seeds are what a mean is taken"),
        (lambda x: sooner(x, x, budget=float("nan")), "A budget is a number above zero, an array of them or a pair"),
        (lambda x: sooner(x, x, budget=(100, 0)), "A budget is a number above zero, an array of them or a pair, not 0"),
        (lambda x: sooner(x, x, budget=None), "A budget is a number above zero, an array of them or a pair, not None"),
        (lambda x: all_of(exceeds(x), None), r"all_of\(\) joins hypotheses, not NoneType"),
        (lambda x: all_of(exceeds(x), x), r"all_of\(\) joins hypotheses, not (a measurement|DataArray)"),
        (
            lambda x: sooner(x, x, budget=(100,)),
            "A pair of budgets is that of the fast arm and that of the slow one, not 1",
        ),
        (
            lambda x: exceeds(x, by=x.mean()),
            "by is a number that is fixed before there are data, not (a meas|DataArray)",
        ),
        (lambda x: at_least(x, 0.9, resolution=-1 / 16), "A resolution is a step of the unit, not -0.0625"),
        (lambda x: all_of(exceeds(x), equivalent(x, "loss", within=0)), "within is a margin above zero"),
    ],
)
def test_what_makes_no_sense_is_found_before_training_and_with_data(ask, why):
    """In the same words: a claim's function is called at collection, and a user's script has data at once."""
    assert re.match(why, cannot_decide(ask(P), 32))
    assert describe_design(ask(P))
    assert smallest_detectable(ask(P), 32, 0.1) is None
    with pytest.raises(EvidenceError, match=why):
        ask(NUMBERS)


def test_a_constructor_names_itself_where_an_argument_is_missing():
    """Python's own words, with the constructor's name."""
    with pytest.raises(DesignError, match=r"^increases\(\): missing a required argument: 'by'"):
        increases(NUMBERS, "loss")


def test_a_missing_argument_is_found_before_training():
    """The design says so, and the claim is not trained."""
    assert cannot_decide(increases(P, "loss"), 32) == "increases(): missing a required argument: 'by'."


def test_a_budget_must_be_known_for_every_run():
    """An array with a gap becomes the claim's error, not a verdict about nan."""
    budget = xr.full_like(NUMBERS, 100.0)
    budget[3, 1] = float("nan")

    with pytest.raises(EvidenceError, match="Every run needs a budget above zero"):
        sooner(NUMBERS, NUMBERS + 1, budget=budget)
    assert sooner(NUMBERS, NUMBERS + 1, budget=float("inf")).judge().verdict == "supported"


def test_all_of_nothing_is_refused():
    """There is nothing to judge, and no design."""
    with pytest.raises(EvidenceError, match="there are none"):
        all_of()


@pytest.mark.parametrize("ask", [lambda s: equivalent(P, "loss", within=0.04, resolution=s),
                                 lambda s: within(P, 0.9, 0.04, resolution=s),
                                 lambda s: between(P, P, low=-0.04, high=0.04, resolution=s)])  # fmt: skip
def test_a_region_narrower_than_the_interval_of_one_step_is_found_out(ask):
    """8 seeds in steps of 1/8 leave an interval .089 wide though all agree; more seeds leave a narrower one."""
    assert "is no wider than the narrowest interval of 8 seeds in steps of 0.125" in cannot_decide(ask(1 / 8), 8)
    assert cannot_decide(ask(1 / 16), 16) is None
    assert cannot_decide(ask(1 / 2), 16) is not None
    assert cannot_decide(ask(1 / 2), 128) is None


@pytest.mark.parametrize("n", [64, 128])
@pytest.mark.parametrize("step", [1, 1 / 2, 1 / 4, 1 / 8])
def test_the_narrowest_interval_is_what_identical_seeds_get(n, step):
    """A range beside zero, in whose middle every seed lies: supported exactly where the design says that it can be."""
    constant = xr.DataArray(np.full((n, 1), 1.0), dims=("seed", "x"))
    ask = functools.partial(between, low=0.96, high=1.04, resolution=step)

    assert (ask(constant).judge().verdict == "supported") is (cannot_decide(ask(P), n) is None)


def test_a_placeholder_survives_what_claims_do_to_data():
    """Selecting, arithmetic, numpy and xarray functions."""
    accuracy = P.accuracy.sel(technique=["deep", "svc"]).mean("n")

    for result in (
        accuracy - P["other"], 1 - accuracy, np.log10(accuracy), np.where(accuracy > 0.5, 1, 0), -accuracy,
        xr.where(accuracy > 0.5, accuracy, 0), (accuracy >= 0.95) & (accuracy < 1), accuracy.isel(step=-1) / 2,
        np.abs(accuracy).clip(0, 1), P.assign(x=3).x, accuracy @ accuracy, P.coords["n"], np.mean(accuracy),
    ):  # fmt: skip
        assert isinstance(result, Placeholder)
    assert float(accuracy) != float(accuracy)
    assert f"{accuracy}" == "<not measured yet>"


@pytest.mark.parametrize(
    "design, kind, region",
    [
        (increases(P, "layers", 0.05), "ordered", (0.05, inf)),
        (exceeds(P, P, by=0.02), "difference", (0.02, inf)),
        (exceeds(P), "difference", (0, inf)),
        (between(P, P, low=0.005, high=0.03), "difference", (0.005, 0.03)),
        (equivalent(P, "loss", within=0.03), "equivalence", (-0.03, 0.03)),
        (at_least(P, 0.95), "level", (0.95, inf)),
        (at_most(P, 0.55), "level", (-inf, 0.55)),
        (within(P, 0.88, 0.03), "level", (0.85, 0.91)),
        (proportion(P > 0, above=0.5), "proportion", (0.5, inf)),
        (sooner(P, P, by=2, budget=100), "time", (1, inf)),
        (exactly(P, 152), "exact", (152, 152)),
        (all_of(at_least(P, 0.5), exceeds(P)), "conjunction", (0.5, inf)),
    ],
)
def test_constructors_answer_placeholders_with_a_design(design, kind, region):
    """Kind and region are known before the data."""
    assert isinstance(design, Design)
    assert (design.kind, design.region) == (kind, pytest.approx(region))
    assert describe_design(design)
    assert design.named(unit="steps", text="x").unit == "steps"


def test_pictures_take_placeholders():
    """A claim returns its pictures beside its hypothesis."""
    for draw in (lines(P, "x"), strips(P, "x"), traces(P), functions(P, truth=P, points=P), boundary(P, points=P)):
        assert draw.data is not None


def test_a_share_that_no_outcome_could_prove_is_found_out():
    """Above .8: 16 of 16 prove only .72, 32 of 32 prove .85."""
    design = proportion(P, above=0.8)

    assert "even 16 of 16 successes only prove more than 71.8 %" in cannot_decide(design, 16)
    assert cannot_decide(design, 32) is None
    assert cannot_decide(all_of(at_least(P, 0.5), design), 16) == cannot_decide(design, 16)
    assert cannot_decide(proportion(P, above=0.5), 8) is None
    assert cannot_decide(proportion(P, above=0.5), 8, alpha=0.00125) is not None


def test_a_share_that_no_outcome_could_refute_is_noted():
    """0 of 32 still allow a share of .15."""
    assert "0 of 32 still allow it" in cannot_refute(proportion(P, above=0.1), 32)
    assert cannot_refute(proportion(P, above=0.1), 64) is None
    assert cannot_refute(at_least(P, 0.5), 8) is None


def test_fewer_than_8_seeds_decide_nothing():
    """Whatever the kind."""
    assert "too few" in cannot_decide(at_least(P, 0.5), 7)
    assert cannot_decide(at_least(P, 0.5), 8) is None


@pytest.mark.parametrize("n", [16, 32, 64])
def test_what_is_detectable_has_ninety_per_cent_power(n):
    """Simulated: 90 % of t-tests find it."""
    effect = detectable(n, sd=2.0)
    d = effect + 2 * np.random.default_rng(n).standard_normal((20_000, n))
    supported = stats.ttest_1samp(d, 0, axis=-1, alternative="greater").pvalue < 0.005

    assert supported.mean() == pytest.approx(0.9, abs=0.01)
    assert power(n, effect, 2.0) == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.005, 0.00125])
@pytest.mark.parametrize("n", [16, 32, 64])
def test_the_power_of_a_mean_is_that_of_statsmodels(n, alpha):
    """TTestPower, where its root finder converges; a conjunction's alpha of 1e-4 makes it give up."""
    TTestPower = pytest.importorskip("statsmodels.stats.power").TTestPower  # noqa: N806 - a class

    expected = TTestPower().solve_power(nobs=n, alpha=alpha, power=0.9, alternative="larger")

    assert detectable(n, 1.0, alpha) == pytest.approx(expected, rel=1e-4)
    assert detectable(n, 1.0, 1e-4) > detectable(n, 1.0, alpha)


def test_seeds_needed_is_the_first_multiple_of_8_that_suffices():
    """And the block before does not."""
    n = seeds_needed(0.5, sd=1.0)

    assert n % 8 == 0
    assert detectable(n, 1.0) <= 0.5 < detectable(n - 8, 1.0)
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(1e-6, 1.0) is None


def test_shares_have_exact_power():
    """24 of 32 prove a majority; the share that gets there with 90 % power is .82."""
    share = detectable_share(32, 0.5)

    assert power_of_share(32, share, 0.5) == pytest.approx(0.9)
    assert share == pytest.approx(0.823, abs=0.001)
    assert detectable_share(16, 0.8) is None
    assert power_of_share(16, 1.0, 0.8) == 0
    assert seeds_for_share(1.0, 0.8) == 24
    assert seeds_for_share(0.1, 0.5) == 24
    assert seeds_for_share(0.5, 0.5) is None


def test_the_smallest_detectable_effect_of_a_design():
    """From the margin inwards, by the pilot's sd; from the middle outwards in a two-sided region."""
    reach = detectable(32, 0.1)

    assert smallest_detectable(exceeds(P, by=0.05), 32, 0.1) == pytest.approx(0.05 + reach)
    assert smallest_detectable(at_most(P, 0.5), 32, 0.1) == pytest.approx(0.5 - reach)
    assert smallest_detectable(within(P, 0.5, 0.2), 32, 0.1) == pytest.approx(0.2 - detectable(32, 0.1, power=0.95))
    assert smallest_detectable(within(P, 0.5, 0.01), 32, 0.1) is None
    assert smallest_detectable(proportion(P, above=0.5), 32, None) == detectable_share(32, 0.5)
    assert smallest_detectable(exceeds(P), 32, None) is None


@pytest.mark.parametrize("margin", [0.08, 0.085, 0.2])
def test_what_is_detectable_between_two_ends_has_ninety_per_cent_power(margin):
    """Both sides must hold: near the middle of a narrow region each may fail."""
    able = smallest_detectable(within(P, 0.5, margin), 32, 0.1)
    data = 0.5 + able + 0.1 * np.random.default_rng(3).standard_normal((20_000, 32))
    half = stats.t.isf(0.005, 31) * data.std(axis=-1, ddof=1) / 32**0.5
    supported = (data.mean(axis=-1) - half > 0.5 - margin) & (data.mean(axis=-1) + half < 0.5 + margin)

    assert supported.mean() >= 0.895


def test_a_time_is_asked_for_as_a_factor():
    """Nobody thinks in log2."""
    assert describe_design(sooner(P, P, by=1.25, budget=100)) == "time shorter by a factor above 1.25"
