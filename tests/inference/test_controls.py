"""Negative controls: worlds in which a claim is false are hardly ever called supported, and are quick to make."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from benchmarks.calibration import NOISE
from pytest_claims import (
    all_of,
    at_least,
    at_most,
    between,
    equivalent,
    exactly,
    exceeds,
    increases,
    proportion,
    sooner,
    within,
)
from pytest_claims.inference import interval, parts
from pytest_claims.inference.controls import Levels, mammen, most_expected
from pytest_claims.inference.hypotheses import Hypothesis
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.parts import Part


def test_labels_shuffled_within_seeds_are_not_supported(measured):
    """A clear effect vanishes when the arms change places at random in each seed."""
    control = exceeds(measured(0.9), measured(0.5), by=0.0).control(np.random.default_rng(1))

    assert (control.kind, control.worlds, control.ok, control.beyond) == ("relabelled", 400, True, None)
    assert control.supported <= control.bound == most_expected(400, 0.005)
    assert control.text.startswith(f"{control.supported} of 400 shuffled worlds were called supported")


def test_the_bound_is_consistent_with_alpha():
    """Exceeded by a sound control once in 10,000 runs, and not much wider than that."""
    from scipy import stats

    bound = most_expected(400, 0.005)

    assert bound == 9
    assert stats.binom.sf(bound, 400, 0.005) <= 1e-4 < stats.binom.sf(bound - 1, 400, 0.005)


def test_shuffled_worlds_are_supported_as_often_as_the_rule_errs(measured):
    """With a margin of zero and pure noise the control shows alpha, not zero."""
    counts = [
        exceeds(measured(0.0, sd=1)).control(np.random.default_rng(i), worlds=2000).supported for i in range(5)
    ]  # fmt: skip

    assert 10 <= sum(counts) <= 90


MEANS = {
    "difference": lambda x: exceeds(x.sel(arm="b"), x.sel(arm="a")),
    "not worse": lambda x: exceeds(x.sel(arm="b"), x.sel(arm="a"), by=-1),
    "difference of differences": lambda x: exceeds(x.sel(arm="b") - x.sel(arm="a"), x.sel(arm="c") - x.sel(arm="b")),
    "range": lambda x: between(x.sel(arm="b"), x.sel(arm="a"), low=-2, high=2),
    "ordered": lambda x: increases(x.sel(arm=["a", "b"]), "arm", 0.0),
    "equivalence": lambda x: equivalent(x, "arm", within=2),
    "level": lambda x: at_least(x.sel(arm="a"), -1),
    "level below": lambda x: at_most(x.sel(arm="a"), 1),
    "level within": lambda x: within(x.sel(arm="a"), 0, 1),
    "time": lambda x: sooner(np.exp2(x.sel(arm="a")), np.exp2(x.sel(arm="b")), budget=1e9, resolution=None),
    "conjunction": lambda x: all_of(at_least(x.sel(arm="a"), -1), exceeds(x.sel(arm="b"), x.sel(arm="a"))),
}


@pytest.mark.parametrize("kind", MEANS)
def test_a_control_fails_when_the_rule_is_broken(kind, measured, monkeypatch):
    """If the interval were ten times too narrow, worlds where the claim is false would be supported, for every kind."""
    data = measured(0.0, sd=1, arm=list("abc"))
    sound = MEANS[kind](data).control(np.random.default_rng(1))
    monkeypatch.setattr(interval, "quantile", lambda *_: 0.25)

    broken = MEANS[kind](data).control(np.random.default_rng(1))

    assert sound.ok
    assert not broken.ok
    assert broken.supported > broken.bound


def test_the_control_of_a_share_fails_when_its_interval_is_broken(measured, monkeypatch):
    """If the share itself were the lower end of its interval, worlds at the bound would be supported."""

    def hopeful(success, low, high, terms, judged=parts.judge_counts):
        decisions = judged(success, low, high, terms)
        return replace(decisions, supported=decisions.effect > low)

    monkeypatch.setattr(parts, "judge_counts", hopeful)
    control = proportion(measured(0.8) > 0.5, above=0.5).control(np.random.default_rng(1))

    assert not control.ok


def test_the_control_of_an_exact_claim_fails_when_it_is_not_exact(given, monkeypatch):
    """If 152 and the next number were called equal, the perturbed worlds would be supported."""
    exact = parts._exactly
    monkeypatch.setattr(parts, "_exactly", lambda some, values: exact(some, np.round(values, 6)))

    control = exactly(given(np.full(16, 152)), 152).control(np.random.default_rng(1))

    assert (control.supported, control.ok) == (400, False)


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("n", [8, 16, 64])
def test_a_sound_control_is_no_false_alarm(noise, n, given):
    """Whatever the data's shape: 20 samples of each, both kinds of control, none fails."""
    rng = np.random.default_rng(n)
    samples = [given(NOISE[noise](rng, (n,))) for _ in range(20)]
    controls = [
        build(sample).control(np.random.default_rng(at))
        for at, sample in enumerate(samples)
        for build in (exceeds, lambda x: at_least(x, -1))
    ]

    assert [control.text for control in controls if not control.ok] == []
    assert {control.beyond for control in controls} <= {None, 0}


@pytest.mark.parametrize("build", [exceeds, lambda x: exceeds(x, by=-1), lambda x: proportion(x > 0, above=0.5)])
def test_every_world_goes_through_all_looks_up_to_the_one_reached(build, measured):
    """Three looks at alpha call more of the same worlds supported than the last alone, and at most all of alpha."""
    hypothesis = build(measured(0.0, n=128, sd=1))
    last, peeking = (
        hypothesis.control(np.random.default_rng(2), worlds=4000, looks=Looks(seeds)).supported
        for seeds in ((128,), (32, 64, 128))
    )
    at_alpha = [replace(Looks((32, 64, 128)), alpha=alpha) for alpha in (0.005, 0.005 * 2.593)]
    paid, unpaid = (hypothesis.control(np.random.default_rng(2), worlds=4000, looks=looks) for looks in at_alpha)

    assert paid.supported == peeking
    assert unpaid.supported > 1.2 * last
    assert paid.ok


def test_an_ordered_claim_permutes_its_levels(measured):
    """Levels change places within each seed, for all parts alike."""
    data = measured([0.6, 0.7, 0.8], sd=0.01, layers=[1, 2, 3])
    control = increases(data, "layers", 0.0).control(np.random.default_rng(1))

    assert control.kind == "relabelled"
    assert control.ok


def test_the_permuted_levels_are_the_claim_s_own(measured):
    """Without a permutation the levels give the parts' values."""
    data = measured([[3, 2, 1]] * 2, function=["sin", "abs"], units=[2, 4, 16])
    hypothesis = increases(data, "units", 1)
    values = hypothesis.levels.parts(hypothesis.levels.data)

    assert np.allclose(values, [part.values for part in hypothesis.parts])
    assert isinstance(hypothesis.levels, Levels)


def test_decreasing_levels_are_turned_for_the_control(measured):
    """The parts of the reversed order follow from its levels as well."""
    from pytest_claims import decreases

    hypothesis = decreases(measured([3, 2, 1], units=[2, 4, 16]), "units", 1)

    for claim in (hypothesis, hypothesis.reversed()):
        values = claim.levels.parts(claim.levels.data)
        expected = sorted(part.values.tolist() for part in claim.parts)
        assert np.allclose(sorted(values.tolist()), expected)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: at_least(x, 0.7),
        lambda x: at_most(x, 0.9),
        lambda x: within(x, 0.8, 0.05),
        lambda x: exceeds(x - 0.8, by=-0.05),
        lambda x: between(x - 0.8, low=-0.05, high=0.05),
    ],
)
def test_levels_are_shifted_to_their_margin(build, measured):
    """At the margin about alpha of the worlds are supported (at most 6 %), one sd beyond it hardly any."""
    control = build(measured(0.8)).control(np.random.default_rng(1))

    assert control.kind == "shifted to the margin"
    assert control.ok
    assert control.supported <= 12
    assert control.beyond == 0
    assert control.bound == 24
    assert "shifted to the margin" in control.text


def test_equivalence_is_shifted_too(measured):
    """The pair closest to its margin is moved onto it."""
    data = measured([0.9] * 4, sd=0.005, activation=list("abcd"))
    control = equivalent(data, "activation", within=0.02).control(np.random.default_rng(1))

    assert control.kind == "shifted to the margin"
    assert control.ok
    assert control.beyond == 0


def test_mammen_s_weights_keep_three_moments():
    """Mean 0, second and third moment 1."""
    weights = mammen(np.random.default_rng(0), (200_000,))

    assert [float(np.mean(weights**k)) for k in (1, 2, 3)] == pytest.approx([0, 1, 1], abs=0.02)


def test_skewed_levels_stay_within_six_per_cent(rng, given):
    """The long tail below the bound is the rule's weakness; the bound of the control allows for it."""
    control = at_least(given(1 - 0.02 * rng.exponential(size=32)), 0.9).control(np.random.default_rng(1))

    assert control.ok


def test_proportions_are_drawn_at_their_bound(measured):
    """Binomial(n, bound), and beyond it."""
    control = proportion(measured(0.8) > 0.5, above=0.5).control(np.random.default_rng(1))

    assert control.ok
    assert control.bound == most_expected(400, 0.005)
    assert control.beyond == 0


def test_an_exact_claim_is_perturbed(given):
    """One value changed by the last bit must not be supported."""
    control = exactly(given(np.full(16, 152)), 152).control(np.random.default_rng(1))

    assert (control.kind, control.supported, control.bound, control.ok) == ("exact", 0, 0, True)


def test_times_are_relabelled_with_their_censoring(given):
    """A run that was cut off stays marked when the arms change places."""
    fast, slow = given(np.arange(100, 132)), given(np.full(32, 2500))
    control = sooner(fast, slow, budget=2500).control(np.random.default_rng(1))

    assert control.kind == "relabelled"
    assert control.ok


def test_a_conjunction_tells_the_worst_of_its_members(measured):
    """Each member is controlled as if the others held."""
    clear = exceeds(measured(0.9), measured(0.5))
    control = all_of(clear, at_least(measured(0.9), 0.5)).control(np.random.default_rng(1))

    assert control.kind in {"relabelled", "shifted to the margin"}
    assert control.ok


@pytest.fixture
def judged(monkeypatch):
    """Return how many worlds each call of the rule judged."""
    worlds = []

    def counted(values, *args, means=parts.judge_means, **more):
        worlds.append(values.shape[:-2])
        return means(values, *args, **more)

    monkeypatch.setattr(parts, "judge_means", counted)
    return worlds


def test_54_parts_in_400_worlds_are_judged_at_once(judged, rng):
    """3.b: one call for all worlds and parts."""
    values = 0.3 + 0.05 * rng.standard_normal((32, 6, 9))
    data = xr.DataArray(values, dims=("seed", "pair", "n"), coords={"seed": range(32)})
    hypothesis = exceeds(data)

    control = hypothesis.control(np.random.default_rng(1))

    assert len(hypothesis.parts) == 54
    assert control.ok
    assert judged == [(400,)]


def test_a_conjunction_of_conjunctions_is_controlled_member_by_member(judged, rng):
    """A hundred members take a hundred calls, not a hundred times 400."""
    values = xr.DataArray(0.3 + 0.05 * rng.standard_normal((16, 100)), dims=("seed", "arm"))
    members = [exceeds(values.isel(arm=arm)) for arm in range(100)]

    control = all_of(all_of(*members[:50]), *members[50:]).control(np.random.default_rng(1))

    assert control.ok
    assert judged == [(400,)] * 100


def test_the_same_generator_gives_the_same_control(measured):
    """Worlds come from the generator alone."""
    hypothesis = at_least(measured(0.8), 0.75)

    assert hypothesis.control(np.random.default_rng(3)) == hypothesis.control(np.random.default_rng(3))


def test_the_worlds_do_not_touch_the_evidence(measured):
    """A control leaves the hypothesis as it was."""
    hypothesis = increases(measured([0.6, 0.7], layers=[1, 2]), "layers", 0.05)
    before = hypothesis.judge()
    hypothesis.control(np.random.default_rng(1))

    assert hypothesis.judge() == before
    assert isinstance(hypothesis, Hypothesis)
    assert isinstance(hypothesis.parts[0], Part)
