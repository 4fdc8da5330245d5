"""Every trap of the statistical design, one test each: what must never become a verdict, or the wrong one."""

import warnings

import numpy as np
import pytest
import xarray as xr

from pytest_claims import (
    EvidenceError,
    Hypothesis,
    Part,
    all_of,
    at_least,
    at_most,
    equivalent,
    exceeds,
    increases,
    proportion,
    sooner,
    within,
)
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.parts import decide
from pytest_claims.inference.rule import Terms


@pytest.fixture(autouse=True)
def _no_numerical_warnings():
    """Call a division by zero on the way to a verdict a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_an_error(bad, measured):
    """Nan > alpha is False and permutation tests answer p = .0001: no verdict, but an error that names the place."""
    data = measured(0.9, layers=[1, 2])
    data[3, 1] = bad

    for build in (lambda: increases(data, "layers", 0.05), lambda: at_least(data, 0.5), lambda: exceeds(data)):
        with pytest.raises(EvidenceError, match=r"not finite 1 times, first at seed 3, layers 2"):
            build()


@pytest.mark.parametrize("n", [1, 2, 7])
def test_fewer_than_8_seeds_are_an_error(n, measured):
    """Below 8 seeds there is no verdict, nor a control."""
    hypothesis = at_least(measured(0.9, n=n), 0.5)

    with pytest.raises(EvidenceError, match=f"There are {n} seeds; below 8"):
        hypothesis.judge()
    with pytest.raises(EvidenceError, match="below 8"):
        hypothesis.control(np.random.default_rng(0))


def test_a_missing_trial_is_an_error(measured):
    """Arms with different seeds are not silently cut to what they share."""
    a, b = measured(0.9), measured(0.8)

    with pytest.raises(EvidenceError, match=r"same seeds.*\[31\]"):
        exceeds(a, b.isel(seed=slice(0, 31)))


def test_a_seed_that_occurs_twice_is_an_error(measured):
    """One seed is one replicate."""
    data = measured(0.9)

    with pytest.raises(EvidenceError, match="a seed twice"):
        at_least(xr.concat([data, data], "seed"), 0.5)


def test_all_zero_differences_refute_a_gain_from_64_seeds_on(given):
    """A t-test gives NaN: without a spread the mean itself is the interval."""
    few, many = (exceeds(given(np.zeros(n)), by=0.05).judge() for n in (32, 64))

    assert (few.verdict, many.verdict, many.direction) == ("inconclusive", "refuted", "smaller than the margin")
    assert many.region == (0.05, np.inf)
    assert (many.effect, many.interval) == (0, (0, 0))


@pytest.mark.parametrize("n, expected", [(8, "inconclusive"), (32, "inconclusive"), (64, "supported")])
def test_identical_arms_are_equivalent_only_with_enough_seeds(n, expected, given):
    """ttost_paired gives p = 0 here; equal values decide nothing below 64 seeds."""
    data = xr.concat([given(np.full(n, 0.9)), given(np.full(n, 0.9))], "arm").assign_coords(arm=["a", "b"])

    assert equivalent(data, "arm", within=0.02, resolution=1 / 100).judge().verdict == expected


@pytest.mark.parametrize("build", [lambda x: exceeds(x, by=-0.5), lambda x: at_least(x + 1, 0.5)])
def test_mostly_equal_values_decide_nothing_below_64_seeds(build, given):
    """Differences and levels, 17 of 32 equal; 16 of 32 are a mean like any other. The sentence says why."""
    d = np.r_[np.zeros(17), np.linspace(0.01, 0.1, 47)]
    tied, half, many = (build(given(values)).judge() for values in (d[:32], d[1:33], np.r_[d[:32], d[:32]]))

    assert [verdict.verdict for verdict in (tied, half, many)] == ["inconclusive", "supported", "supported"]
    assert "more than half of the values are equal, which decides nothing below 64 seeds" in tied.message


def test_a_look_that_the_claim_registered_decides_about_ties(given):
    """Its author knew of them."""
    d = np.r_[np.zeros(20), np.linspace(0.01, 0.1, 12)]

    assert exceeds(given(d), by=-0.5).judge(looks=Looks((32,), named=(32,))).verdict == "supported"
    assert exceeds(given(d), by=-0.5).judge(looks=Looks((32,), named=(16,))).verdict == "inconclusive"


def test_a_claim_that_rare_seeds_make_false_is_not_supported(rng, given):
    """8 % of seeds lose 1: "not worse by .05" is false. A count of seeds supported it in 91 % of cases at 128 seeds."""
    called = [exceeds(given(np.where(rng.random(128) < 0.08, -1.0, 0.0)), by=-0.05).judge().verdict for _ in range(100)]

    assert called.count("supported") == 0


def test_the_mean_decides_also_where_most_seeds_lie_below_it(given):
    """Forty seeds lose .01, 24 gain .3. Signed ranks, which test another number, withheld the support."""
    d = np.concatenate([np.full(40, -0.01), np.full(24, 0.3)]) + 1e-4 * np.arange(64)

    assert exceeds(given(d)).judge().verdict == "supported"


@pytest.mark.parametrize("unit", [1e-250, 1e-13, 1.0, 1e140])
def test_a_verdict_does_not_depend_on_the_unit(unit, given):
    """3e-13 with a spread of 1e-14 is above 1e-13: twelve decimals made zero of it, and refuted."""
    d = unit * (3 + 0.1 * np.linspace(-1, 1, 32))

    assert exceeds(given(d), by=unit).judge().verdict == "supported"
    assert exceeds(given(d), by=3.5 * unit).judge().verdict == "refuted"


def test_numbers_without_decimals_are_an_error(given):
    """Below 1e-290 a float has fewer than twelve digits that could be compared."""
    with pytest.raises(EvidenceError, match=r"none as large as 1e-290; choose a smaller unit"):
        exceeds(given(np.linspace(1, 2, 32) * 1e-300)).judge()


def test_a_part_without_a_number_for_each_seed_is_an_error():
    """Whatever constructor made it."""
    values = np.ones(16)
    values[3] = np.nan

    with pytest.raises(EvidenceError, match="There is no number for every seed in a gain"):
        Hypothesis("difference", (Part("a gain", values, (0, np.inf), "gain", 0),), ())


def test_a_constant_difference_has_an_interval_of_some_width(given):
    """Interval = mean +- t * floor / sqrt(n), floor = resolution / sqrt(12)."""
    from scipy import stats

    width = stats.t.isf(0.005, 63) * (1 / 16 / np.sqrt(12)) / 8
    verdict = exceeds(given(np.full(64, 0.25)), by=0.05, resolution=1 / 16).judge()

    assert verdict.interval == pytest.approx((0.25 - width, 0.25 + width))
    assert verdict.verdict == "supported"


def test_a_constant_difference_within_its_floor_of_the_margin_is_undecided(given):
    """Always exactly a little more than claimed is not yet proof."""
    assert exceeds(given(np.full(64, 0.053)), by=0.05, resolution=1 / 16).judge().verdict == "inconclusive"


def test_the_resolution_travels_with_the_measurement(given):
    """An array that says attrs["resolution"] needs no argument."""
    data = given(np.full(16, 0.25)).assign_attrs(resolution=1 / 16)

    assert exceeds(data, by=0.05).judge() == exceeds(data, by=0.05, resolution=1 / 16).judge()


def test_an_unknown_resolution_is_read_off_the_numbers(given):
    """Two constant arms show one gap: the interval is wider than nothing."""
    low, high = exceeds(given(np.full(16, 0.9)), given(np.full(16, 0.6)), by=0.05).judge().interval

    assert low < 0.3 < high


def test_a_constant_on_the_margin_proves_nothing(given):
    """0.15 - 0.10 is 0.05 to twelve digits, so not above 0.05, and not below it either."""
    a, b = given(np.full(64, 0.15)), given(np.full(64, 0.10))

    assert exceeds(a, b, by=0.05).judge().verdict == "inconclusive"


def test_differences_are_rounded_to_twelve_digits(given):
    """Ties that the last bits hide are ties."""
    a = np.tile([0.1, 0.2, 0.3, 0.7], 8)
    b = a + 1e-15 * np.arange(32)

    assert "more than half of the values are equal" in exceeds(given(b), given(a)).judge().message


@pytest.mark.parametrize("arms, digits", [(0.7, "a tie"), (1e-5, "no tie")])
def test_what_a_tie_is_depends_on_the_raw_arms(arms, digits, given):
    """Differences of 1e-15 are rounding where the arms are near 1, and not where they are near 1e-5."""
    b = np.linspace(1, 2, 32) * 1e-15
    message = exceeds(given(arms + b), given(np.full(32, arms))).judge().message

    assert ("more than half of the values are equal" in message) is (digits == "a tie")


def test_a_tent_does_not_increase(measured):
    """Page's test calls .80/.92/.86 increasing every time; a step back beyond the tolerance refutes it."""
    verdict = increases(measured([0.80, 0.92, 0.86], layers=[1, 2, 3], sd=0.02), "layers", 0.05).judge()

    assert (verdict.verdict, verdict.direction) == ("refuted", "reversed")
    assert verdict.region[0] == -0.025


def test_a_difference_at_the_full_margin_is_not_called_equal(measured):
    """Absence of evidence is not equivalence: at the margin itself hardly any world is supported."""
    called = [
        equivalent(measured([0.90, 0.92], n=16, sd=0.01, arm=["a", "b"]), "arm", within=0.02).judge().verdict
        for _ in range(50)
    ]

    assert called.count("supported") <= 3


def test_a_bimodal_outcome_is_counted(given):
    """A network that fits or is stuck: the share that fits, not the mean, is the claim."""
    mse = np.where(np.arange(32) < 27, 0.01, 0.5)

    verdict = proportion(given(mse < 0.1), above=0.5).judge()

    assert verdict.verdict == "supported"
    assert verdict.effect == 27 / 32


def test_equal_values_are_legitimate(given):
    """Saturated accuracies, equal in every seed, are judged; another check finds seeds that are not used."""
    assert at_least(given(np.ones(64)), 0.95, resolution=1 / 2000).judge().verdict == "supported"
    assert at_most(given(np.ones(64)), 0.95, resolution=1 / 2000).judge().verdict == "refuted"
    assert within(given(np.full(64, 0.88)), 0.88, 0.03, resolution=1 / 2000).judge().verdict == "supported"


class TestCensoring:
    """Runs that never reach a threshold are bounds: they count as badly as the data allow."""

    @staticmethod
    def times(rng, n, log_mean, name):
        """Log-normal times in steps."""
        steps = np.ceil(np.exp2(log_mean + 0.3 * rng.standard_normal(n)))
        return xr.DataArray(steps, dims="seed", coords={"seed": np.arange(n)}, name=name)

    def test_a_faster_arm_is_sooner(self, rng):
        """The effect is log2 of the ratio of times, the margin log2 of the factor."""
        fast, slow = self.times(rng, 32, 7, "true"), self.times(rng, 32, 8, "random")
        verdict = sooner(fast, slow, by=1.25, budget=2500).judge()

        assert (verdict.verdict, verdict.kind) == ("supported", "time")
        assert verdict.effect == pytest.approx(np.mean(np.log2(slow / fast)))
        assert verdict.margin == pytest.approx(np.log2(1.25))

    def test_a_cut_slow_run_counts_for_the_claim_in_a_refutation(self, rng):
        """It may have been as good as the best pair seen: a few leave a clear refutation, a third do not."""
        fast, slow = self.times(rng, 64, 7, "a"), self.times(rng, 64, 7, "b")
        free, few, many = (
            sooner(fast, slow, by=1.25, budget=(1e9, float(slow.quantile(1 - share)))).judge()
            for share in (0.0, 0.05, 0.35)
        )

        assert [verdict.verdict for verdict in (free, few, many)] == ["refuted", "refuted", "inconclusive"]
        assert free.interval[0] == pytest.approx(few.interval[0], abs=0.2)
        assert free.interval[1] < few.interval[1] < many.interval[1]

    def test_a_cut_fast_run_counts_against_the_claim(self, rng):
        """It may have been as bad as the worst pair seen: one run of 32 does not forbid support, a third does."""
        fast, slow = self.times(rng, 32, 7, "a"), self.times(rng, 32, 9, "b")
        fast[5] = 2500
        one = sooner(fast, slow, budget=2500).judge()
        fast[5:16] = 2500
        many = sooner(fast, slow, budget=2500).judge()

        assert [verdict.verdict for verdict in (one, many)] == ["supported", "inconclusive"]
        assert one.parts[0].fast_cut == (5,)
        assert one.parts[0].unknown == 0

    def test_the_values_of_cut_pairs_are_their_worst_and_their_best_case(self):
        """Six pairs, number by number: least d -1, largest 2, by = 2."""
        d = np.array([-1.0, 2.0, 1.0, 0.0, 0.5, 1.5])
        nothing = np.zeros(6, dtype=bool)
        fast, slow = nothing.copy(), nothing.copy()
        fast[[2, 3]], slow[[3, 4]] = True, True  # pair 3 is unknown
        part = Part("it", d, (1.0, np.inf), "time", 1.0, censored=(fast, slow))
        decisions = decide([part], d[None], Terms(0.005))

        assert decisions.near.mean == pytest.approx(np.mean([-1, 2, -1, -1, 0.5, 1.5]))
        assert decisions.far.mean == pytest.approx(np.mean([-1, 2, 1, 2, 2, 1.5]))
        assert decisions.effect == pytest.approx(np.mean([-1, 2, 1, 0.5, 1.5]))

    def test_slow_runs_that_are_mostly_cut_do_not_tie_what_supports(self, rng):
        """Their best case is one number, but support rests on the bounds, which differ."""
        fast = self.times(rng, 32, 7, "a")
        slow = xr.full_like(fast, 2500.0)

        verdict = sooner(fast, slow, by=2, budget=2500).judge()

        assert (verdict.verdict, verdict.parts[0].note) == ("supported", "")
        assert len(verdict.parts[0].slow_cut) == 32

    @pytest.mark.parametrize("budgets", [2500.0, (2500.0, 10_000.0), (10_000.0, 2500.0)])
    def test_runs_that_are_all_cut_decide_nothing(self, budgets):
        """Also under unequal budgets, where the first edition said "supported": the budgets differ, not the arms."""
        never = xr.DataArray(np.full(64, 1e6), dims="seed", coords={"seed": np.arange(64)})

        for verdict in (sooner(never, never, by=1.25, budget=budgets).judge(),
                        sooner(never, never, budget=budgets).reversed().judge()):  # fmt: skip
            assert verdict.verdict == "inconclusive"
            assert verdict.parts[0].unknown == 64
            assert "neither run of more than half of the pairs reached the threshold" in verdict.message

    def test_pairs_that_are_unknown_are_said(self, rng):
        """In the sentence, and in results.json with the masks."""
        fast, slow = self.times(rng, 32, 7, "a"), self.times(rng, 32, 9, "b")
        fast[[3, 4]], slow[[3, 4]] = 2500, 2500
        verdict = sooner(fast, slow, budget=2500).judge()
        (part,) = verdict.as_json()["parts"]

        assert verdict.verdict == "supported"
        assert "(neither run of 2 pairs reached the threshold)" in verdict.message
        assert verdict.parts[0].wins == 30
        assert (part["unknown"], part["fast_cut"], part["slow_cut"]) == (2, [3, 4], [3, 4])

    def test_never_is_not_zero(self, given):
        """The argmax of a comparison says 0 for never: refused."""
        with pytest.raises(EvidenceError, match="above zero"):
            sooner(given(np.zeros(8)), given(np.ones(8)), budget=10)


def test_parts_of_unequal_size_are_an_error(measured):
    """All parts of a conjunction have the same seeds."""
    with pytest.raises(EvidenceError, match="different numbers of seeds"):
        all_of(at_least(measured(0.9, n=16), 0.5), at_least(measured(0.9, n=32), 0.5))


def test_a_proportion_of_numbers_is_an_error(measured):
    """The caller's comparison decides what a tie counts as, so there must be a comparison."""
    with pytest.raises(EvidenceError, match="counts a comparison"):
        proportion(measured(0.9), above=0.5)


def test_an_empty_selection_is_an_error(measured):
    """Nothing to judge is not "all hold"."""
    data = measured(0.9, layers=[1, 2])

    with pytest.raises(EvidenceError, match="empty"):
        at_least(data.sel(layers=[]), 0.5)


@pytest.mark.parametrize("scale", [1e151, 1e300, 1.7e308])
def test_numbers_whose_square_overflows_are_an_error(scale, given):
    """They gave "inconclusive, nan to nan"; just below, the arithmetic still holds."""
    values = np.linspace(0.5, 1.0, 16)

    with pytest.raises(EvidenceError, match=r"has numbers beyond 1e\+150, whose spread cannot be computed"):
        exceeds(given(values * scale), given(-values * scale))
    assert exceeds(given(values * 1e150), given(-values * 1e150)).judge().verdict == "supported"


def test_a_difference_that_overflowed_in_the_claim_is_an_error(given):
    """What a claim computes itself is checked as what a measurement returns."""
    values = given(np.full(16, 1.7e308))
    with np.errstate(over="ignore"):
        difference = values - -values

    with pytest.raises(EvidenceError, match="not finite 16 times"):
        at_least(difference, 0.5)


@pytest.mark.parametrize("resolution", [np.nan, np.inf, -0.1, "coarse", 10**400])
def test_a_resolution_that_is_no_step_is_an_error(resolution, given):
    """Of a measurement's attributes; what the claim states is checked before there are data."""
    data = given(np.linspace(0, 1, 16))
    data.attrs["resolution"] = resolution

    with pytest.raises(EvidenceError, match="it is the step of its unit, a finite number, at least 0"):
        exceeds(data, by=0.1)


def test_a_part_with_numbers_that_cannot_be_judged_is_an_error():
    """Parts of one's own making are held to the same."""
    values = np.linspace(0, 1, 16)

    for wrong in ({"resolution": np.nan}, {"resolution": np.inf}, {"values": values * 1e200}, {"margin": np.nan}):
        part = Part(**{"text": "it", "values": values, "region": (0.1, np.inf), "role": "gain", "margin": 0.1, **wrong})
        with pytest.raises(EvidenceError, match="The numbers of it are too large to compute their spread"):
            Hypothesis("difference", (part,), ())


@pytest.mark.parametrize("fast, slow", [(1e-60, 1.0), (1.0, 1e60)])
def test_a_time_beyond_all_clocks_is_an_error(fast, slow, given):
    """The ends of an interval of ratios would not be numbers."""
    with pytest.raises(EvidenceError, match=r"A time lies between 1e-50 and 1e\+50; choose another unit."):
        sooner(given(np.full(16, fast)), given(np.full(16, slow)), budget=1e70)
    with pytest.raises(EvidenceError, match=r"A factor of 1e\+60 is beyond 1e\+50"):
        sooner(given(np.full(16, 1.0)), given(np.full(16, 2.0)), by=1e60, budget=10)


@pytest.mark.parametrize("build", [lambda data: at_least(data, 1e200), lambda data: exceeds(data, by=-1e308)])
def test_a_margin_that_overflows_is_an_error_before_there_are_data(build, given):
    """In the same sentence as for a number that is none."""
    with pytest.raises(EvidenceError, match=r"beyond the 1e\+150 up to which a spread can be computed"):
        build(given(np.linspace(0, 1, 16)))


def test_large_numbers_are_said_with_their_exponent(given):
    """Not with three hundred digits."""
    message = at_least(given(np.linspace(1, 2, 16) * 1e149), 1.0).judge().message

    assert "the mean is 1.5e+149, 99 % interval 1.27e+149 to 1.73e+149" in message
