"""What a verdict says beyond itself: the chance that more seeds decide, and the margins that would hold."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pytest_claims import all_of, at_least, at_most, between, equivalent, exactly, exceeds, proportion, sooner, within
from pytest_claims.inference.forecast import chance_of_decision, expected_seeds
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.sequence import judge_in_turn

N, LATER, LEVEL = 32, 128, 0.005


def sample(distance, n=N):
    """Return n numbers without skewness with standard deviation 1, whose mean is ``distance`` standard errors."""
    half = np.linspace(0.1, 2, n // 2)
    values = np.r_[half, -half]
    return values / values.std(ddof=1) + distance / np.sqrt(n)


def by_hand(z, level, later=LATER, n=N):
    """Write the formula for the chance of one end out, for numbers without skewness."""
    x = later / n
    return stats.norm.cdf((z * np.sqrt(x) - stats.t.isf(level, later - 1)) / np.sqrt(x - 1))


@pytest.mark.parametrize("z", [-2.0, -0.5, 0.0, 1.0, 2.0])
def test_the_chance_of_one_end_is_the_formula_s(z, given):
    """A decision either way: the chances of support and of refutation are added."""
    verdict = exceeds(given(sample(z)), by=0.0).judge()

    assert verdict.verdict == "inconclusive"
    assert verdict.outlook.later == LATER
    assert verdict.outlook.chance == pytest.approx(by_hand(z, LEVEL) + by_hand(-z, LEVEL), abs=1e-6)


@pytest.mark.parametrize("n, chance", [(8, None), (16, 1.0)])
def test_no_number_of_seeds_below_64_decides_about_ties(n, chance, given):
    """A quick look of 8 seeds once said that 32 would decide, beside "which decides nothing below 64 seeds"."""
    verdict = exceeds(given([1.0] * n), by=0.2).judge(looks=Looks((n,), quick=True))

    assert verdict.verdict == "inconclusive"
    assert "decides nothing below 64 seeds" in verdict.message
    assert verdict.outlook.chance == chance
    assert ("seeds would decide" in verdict.message) is (chance is not None)


def test_of_two_ends_both_must_hold(given):
    """The sum of both minus one for support, the larger for a refutation."""
    verdict = between(given(sample(0.5)), low=-0.4, high=0.4).judge()
    ends = [by_hand(0.4 * np.sqrt(N) + z, LEVEL) for z in (0.5, -0.5)]
    out = by_hand(-(0.4 * np.sqrt(N) - 0.5), LEVEL)

    assert verdict.outlook.chance == pytest.approx(max(0, sum(ends) - 1) + out, abs=1e-6)


def test_of_several_parts_the_least_likely_counts_and_what_is_supported_does_not(given):
    """A part at its margin keeps the claim open; each part refutes at its share."""
    near, far, held = (exceeds(given(sample(z)), by=0.0) for z in (0.5, 2.0, 9.0))
    verdict = all_of(near, far, held).judge()

    assert [part.verdict for part in verdict.parts] == ["inconclusive", "inconclusive", "supported"]
    assert verdict.outlook.chance == pytest.approx(by_hand(0.5, LEVEL) + by_hand(-0.5, LEVEL / 3), abs=1e-6)


def test_the_forecast_comes_true(rng):
    """Of claims with a chance of 40 to 60 %, drawn under a flat prior, half are decided by four times the seeds."""
    decided, promised = [], []
    for truth in rng.uniform(-1, 1, 1500):
        values = truth + rng.standard_normal(LATER)
        data = xr.DataArray(values, dims="seed", coords={"seed": np.arange(LATER)})
        verdict = exceeds(data.isel(seed=slice(0, N))).judge()
        if verdict.verdict == "inconclusive" and 0.4 <= verdict.outlook.chance <= 0.6:
            promised.append(verdict.outlook.chance)
            decided.append(exceeds(data).judge().verdict != "inconclusive")

    assert len(decided) > 50
    assert np.mean(decided) == pytest.approx(np.mean(promised), abs=3 * 0.5 / np.sqrt(len(decided)))


def test_the_chance_of_a_share_is_counted(rng, given):
    """Drawn: the share from its posterior, then the seeds to come."""
    verdict = proportion(given(np.arange(N) < 22), above=0.5).judge()
    shares = rng.beta(22.5, 10.5, 20_000)
    won = 22 + rng.binomial(LATER - N, shares)
    enough = [stats.binomtest(k, LATER).proportion_ci(0.99, "exact") for k in range(LATER + 1)]
    decided = np.array([interval.low > 0.5 or interval.high <= 0.5 for interval in enough])[won]

    assert verdict.verdict == "inconclusive"
    assert verdict.outlook.chance == pytest.approx(decided.mean(), abs=0.015)


def test_a_chance_is_known_only_where_there_are_more_seeds(given):
    """And never for a number that is exact, or where nothing is open."""
    parts = exceeds(given(sample(1.0))).judge().parts

    assert chance_of_decision(parts, LEVEL, N) is None
    assert chance_of_decision(parts, LEVEL, LATER) > 0
    assert chance_of_decision(exactly(given(np.ones(N)), 2.0).judge().parts, LEVEL, LATER) is None
    assert exceeds(given(sample(9.0))).judge().outlook.chance is None


@pytest.mark.parametrize("z, kind", [(0.3, "at its margin"), (2.2, "too few seeds"), (-2.2, "too few seeds")])
def test_the_two_kinds_of_inconclusive(z, kind, given):
    """By whether four times the seeds would decide with a chance of one half."""
    verdict = exceeds(given(sample(z))).judge()

    assert verdict.outlook.undecided == kind
    assert verdict.message.startswith(f"Inconclusive ({kind}): ")
    assert (verdict.outlook.chance >= 0.5) is (kind == "too few seeds")


@pytest.mark.parametrize("build, ends", [
    (lambda x: exceeds(x, by=0.1), (0, 0.1)), (lambda x: at_most(x, 0.4), (1, 0.4)),
    (lambda x: within(x, 0.0, 0.3), (1, 0.3)), (lambda x: between(x, low=-5, high=0.2), (0, 0.2)),
])  # fmt: skip
def test_within_is_the_distance_of_the_farther_end(build, ends, given):
    """From the margin, or from the end of a region that is nearer to the effect."""
    verdict = build(given(sample(0.6))).judge()

    assert verdict.verdict == "inconclusive"
    assert verdict.outlook.within == pytest.approx(max(abs(end - ends[1]) for end in verdict.interval))


BEYOND = {
    "above": lambda x, margin: exceeds(x, by=margin),
    "at least": at_least,
    "at most": at_most,
    "several": lambda x, margin: exceeds(xr.concat([x, x + 0.1], "arm"), by=margin),
    "share": lambda x, margin: proportion(x > 0.5, above=margin),
}


@pytest.mark.parametrize("kind", BEYOND)
def test_the_margins_are_where_the_verdict_changes(kind, given):
    """Just before the first the claim is supported, from the second on it is refuted; in between neither."""
    x = given(0.6 + 0.1 * sample(0.0, n=64))
    build = BEYOND[kind]
    holds, fails = build(x, 0.5).judge().outlook.margins
    inward = -1 if holds < fails else 1
    verdicts = [
        build(x, margin).judge().verdict
        for margin in (holds + 1e-6 * inward, holds - 1e-6 * inward, fails + 1e-6 * inward, fails - 1e-6 * inward)
    ]

    assert verdicts == ["supported", "inconclusive", "inconclusive", "refuted"]


@pytest.mark.parametrize("share, known", [(0.0, True), (0.3, True), (1.0, False)])
def test_margins_beyond_all_that_cut_runs_allow_are_not_said_to_be_refuted(share, known, given):
    """A slow run that was cut off may have taken any time: a larger factor would not be refuted, and none is named."""
    fast, slow = given(np.linspace(50, 80, 64)), given(np.linspace(90, 200, 64))
    slow = slow.where(np.arange(64) >= 64 * share, 1000.0)
    verdict = sooner(fast, slow, by=1.1, budget=1000).judge()
    holds, fails = verdict.outlook.margins
    upper = sooner(fast, slow, by=2 ** (verdict.interval[1] + 0.01), budget=1000).judge()

    assert (fails is not None) is known is (upper.verdict == "refuted")
    assert f"supported for every factor below {2**holds:.3g}" in verdict.message
    assert ("refuted from" in verdict.message) is known
    assert verdict.as_json()["margins"] == [holds, fails]


def test_the_margins_of_an_equivalence_are_half_widths(given):
    """Supported above the farther end's distance from zero, refuted up to the nearer one's; none if zero is inside."""
    a, b = given(0.3 + 0.1 * sample(0.0, n=64)), given(np.linspace(-1e-6, 1e-6, 64))
    data = xr.concat([a, b], "arm").assign_coords(arm=["a", "b"])
    apart = equivalent(data, "arm", within=1.0).judge()
    same = within(a, 0.3, 0.2).judge()
    (low, high), (lower, upper) = apart.interval, same.interval

    assert apart.outlook.margins == pytest.approx((high, low), rel=1e-6)
    assert same.outlook.margins == pytest.approx((max(0.3 - lower, upper - 0.3), 0.0))
    assert "supported for every margin above 0.333, refuted up to 0.267" in apart.message
    assert "refuted for none" in same.message


def test_parts_with_different_regions_have_margins_of_their_own(given):
    """The sentence does not mix them; results.json has those that each region has when it is claimed alone."""
    x = given(0.6 + 0.1 * sample(0.0, n=64))
    both = all_of(at_least(x, 0.5), exceeds(x, by=0.1)).judge(looks=Looks.doubling(32, 512))
    alone = [build.judge(looks=Looks.doubling(32, 512)) for build in (at_least(x, 0.5), exceeds(x, by=0.1))]
    told = both.as_json()["region_margins"]

    assert both.outlook.margins is None
    assert [(entry["role"], entry["region"]) for entry in told] == [("level", [0.5, None]), ("gain", [0.1, None])]
    assert [entry["margins"][0] for entry in told] == [verdict.outlook.margins[0] for verdict in alone]
    # one of two parts is refuted at half of the level, so from a larger margin on
    assert all(entry["margins"][1] > verdict.outlook.margins[1] for entry, verdict in zip(told, alone, strict=True))
    assert "region_margins" not in alone[0].as_json()


def test_regions_have_no_margins_that_this_run_could_not_support(given):
    """Where an assay fails, only the margins that would be refuted are known, as for a single region."""
    x = given(0.6 + 0.1 * sample(0.0, n=64))
    verdict = all_of(at_most(x, 0.61), within(x, 0.6, 0.5)).assay(x, against=1.0, by=0.9).judge()

    assert verdict.verdict == "inconclusive"
    assert [entry["margins"][0] for entry in verdict.as_json()["region_margins"]] == [None, None]


def test_the_outlook_is_in_the_results(given):
    """In results.json, at the level of the looks."""
    looks = Looks.doubling(32, 512)
    verdict = exceeds(given(sample(1.0))).judge(looks=looks)
    entry = verdict.as_json()

    assert verdict.outlook.chance == pytest.approx(by_hand(1.0, looks.level) + by_hand(-1.0, looks.level), abs=1e-6)
    assert {name: entry[name] for name in ("undecided", "within", "chance", "chance_seeds", "margins")} == {
        "undecided": verdict.outlook.undecided,
        "within": verdict.outlook.within,
        "chance": verdict.outlook.chance,
        "chance_seeds": LATER,
        "margins": list(verdict.outlook.margins),
    }
    assert entry["parts"][0]["refuted_at"] == looks.level
    assert entry["parts"][0]["strict"] == list(verdict.interval)


def ends_of(values, looks, taken):
    """Return after how many seeds the rule itself stops, for each row of ``values``, by judging claims above zero."""
    ends = []
    for row in values:
        data = xr.DataArray(row, dims="seed", coords={"seed": range(len(row))})
        turns = list(judge_in_turn(lambda n, data=data: exceeds(data.isel(seed=slice(0, n)), by=0.0), looks, taken))
        ends.append(turns[-1].seeds)
    return np.mean(ends)


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0])
def test_judging_ends_where_the_forecast_expects_it(effect, rng):
    """The mean number of seeds at the end, by the rule itself on normal data; a clear claim ends at its first look."""
    looks, taken = Looks.doubling(32, 512), (32, 64, 128)
    expected = expected_seeds((0.0, np.inf), effect, 1.0, looks, taken, np.random.default_rng(0))
    judged = ends_of(rng.normal(effect, 1.0, (200, 128)), looks, taken)

    assert expected == pytest.approx(judged, abs=6)
    assert effect < 1 or expected < 36


def test_nothing_is_gained_beyond_the_point_of_futility(rng):
    """A claim exactly on its margin mostly stops at its first look, and its chance there is below a tenth."""
    looks = Looks.doubling(32, 512)
    ended = []
    for row in rng.normal(0.0, 1.0, (100, 64)):
        data = xr.DataArray(row, dims="seed", coords={"seed": range(64)})
        last = list(judge_in_turn(lambda n, data=data: exceeds(data.isel(seed=slice(0, n)), by=0.0), looks, (32, 64)))[
            -1
        ]
        ended.append((last.ended, last.seeds))
        assert last.ended != "futile" or (last.seeds, last.verdict.verdict) == (32, "inconclusive")
        assert last.ended != "futile" or last.chance < 0.1

    assert sum(end == ("futile", 32) for end in ended) > 60
    assert {end for end, _ in ended} >= {"futile", "last look"}


def test_an_assay_that_cannot_hold_makes_the_chance_small(rng):
    """A refuted assay decides nothing: equal networks that learned nothing stop at the first look, undecided."""
    arms = xr.DataArray(rng.normal(0.7, 1e-3, (512, 2)), dims=("seed", "arm"), coords={"seed": range(512)})

    def take(n):
        now = arms.isel(seed=slice(0, n))
        return equivalent(now, along="arm", within=0.03).assay(now, against=0.7, by=0.03)

    (turn,) = judge_in_turn(take, Looks.doubling(32, 512))

    assert (turn.verdict.verdict, turn.ended, turn.chance) == ("inconclusive", "futile", pytest.approx(0.0, abs=1e-6))
    assert turn.verdict.p_value > 0.5
    assert turn.verdict.outlook.margins is None


def test_a_constant_on_its_margin_will_be_refuted():
    """Below 64 seeds ties decide nothing; from 64 on it is certain that the effect is not beyond the margin."""
    zeros = xr.DataArray(np.zeros((128, 2)), dims=("seed", "arm"), coords={"seed": range(128), "arm": ["a", "b"]})

    def take(n):
        now = zeros.isel(seed=slice(0, n))
        return exceeds(now.sel(arm="a"), now.sel(arm="b"), by=0.0)

    first, second = judge_in_turn(take, Looks.doubling(32, 512), (32, 64, 128))

    assert (first.verdict.verdict, first.chance, first.ended) == ("inconclusive", 1.0, None)
    assert (second.seeds, second.verdict.verdict) == (64, "refuted")


@pytest.mark.parametrize("tied", [0.4, 0.6])
def test_ties_of_more_than_half_put_a_decision_off(tied, rng):
    """As the rule itself: where most seeds gain exactly one, no look below 64 decides, however clear the gain is."""
    looks, taken = Looks.doubling(16, 256), (16, 32, 64)
    values = np.where(rng.random((100, 64)) < tied, 1.0, rng.normal(1.0, 0.1, (100, 64)))
    judged = ends_of(values, looks, taken)
    expected = expected_seeds((0.0, np.inf), 1.0, 0.1, looks, taken, np.random.default_rng(0), tied)

    assert expected == pytest.approx(judged, abs=4)
    assert expected > (45 if tied > 0.5 else 16)
    assert expected_seeds((0.0, np.inf), 1.0, 0.1, looks, taken, np.random.default_rng(0)) == 16


def test_a_share_ends_where_its_exact_interval_decides():
    """32 of 32 prove no share above 90 %, 64 of 64 do at this level: as many as it takes, by counting."""
    looks = Looks.doubling(32, 64)

    assert expected_seeds((0.87, np.inf), 1.0, None, looks, (32, 64), np.random.default_rng(0)) == 64
    assert expected_seeds((0.1, np.inf), 1.0, None, looks, (32, 64), np.random.default_rng(0)) == 32
    assert 32 < expected_seeds((0.5, np.inf), 0.75, None, looks, (32, 64), np.random.default_rng(0)) < 64


def test_times_that_nobody_reaches_are_given_up():
    """Every pair is cut on both sides: no number of such seeds decides, so the first look is the last."""
    steps = xr.DataArray(np.full((256, 2), 20.0), dims=("seed", "arm"), coords={"seed": range(256), "arm": ["a", "b"]})

    def take(n):
        now = steps.isel(seed=slice(0, n))
        return sooner(now.sel(arm="a"), now.sel(arm="b"), by=1.1, budget=20)

    (turn,) = judge_in_turn(take, Looks.doubling(32, 256))

    assert (turn.verdict.verdict, turn.ended) == ("inconclusive", "futile")
    assert turn.chance < 0.01


def test_no_margin_holds_where_nothing_can_be_decided(given):
    """Most values tie at 32 seeds, or it is a quick look: no margin is said to be supported."""
    tied = at_least(given(np.r_[np.zeros(30), [0.01, 0.01]]), -1.0).judge(looks=Looks.doubling(32, 512))
    quick = at_least(given(sample(0, n=8)), -9.0).judge(looks=Looks((8,), quick=True))

    for verdict in (tied, quick):
        assert (verdict.verdict, verdict.outlook.margins) == ("inconclusive", None)
        assert "supported for every" not in verdict.message


def test_more_seeds_than_a_quick_look_s_are_judged_at_the_level_of_the_registered_looks(given):
    """It once judged 32 seeds at alpha, not alpha / c, and named an effect that "8 seeds would have detected"."""
    x, registered = given(sample(1.5, n=8)), Looks.doubling(32, 512)
    quick = exceeds(x, by=0.0).judge(looks=Looks((8,), quick=True, later=registered.level))
    pooled = exceeds(x, by=0.0).judge(looks=Looks((8,), quick=True))
    ordinary = exceeds(x, by=0.0).judge(looks=registered)

    assert quick.interval == pooled.interval != ordinary.interval
    assert quick.outlook.chance == ordinary.outlook.chance < pooled.outlook.chance
    assert quick.seeds_needed == ordinary.seeds_needed > pooled.seeds_needed
    assert (quick.detectable, ordinary.detectable is None) == (None, False)
    assert "would have detected" not in quick.message


def test_a_quick_look_names_only_margins_that_are_refuted(given):
    """It supports nothing, whatever the margin: neither its sentence nor results.json says so."""
    x = given(0.6 + 0.1 * sample(0.0, n=8))
    above, below = exceeds(x, by=0.6), at_most(x, 0.6)
    for hypothesis, words in ((above, "refuted for every margin from"), (below, "refuted for every bound up to")):
        verdict = hypothesis.judge(looks=Looks((8,), quick=True))

        assert verdict.verdict == "inconclusive"
        assert words in verdict.message
        assert "supported for" not in verdict.message
        assert verdict.as_json()["margins"] == [None, verdict.outlook.margins[1]]
