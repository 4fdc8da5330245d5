"""Negative controls: worlds in which a claim is false are hardly ever called supported, and quickly made."""

import time

import numpy as np
import pytest
import xarray as xr

from inference import (
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
from inference.controls import Levels, mammen, most_expected
from inference.hypotheses import Hypothesis
from inference.parts import Part


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

    assert stats.binom.sf(bound, 400, 0.005) <= 1e-4 < stats.binom.sf(bound - 1, 400, 0.005)


def test_shuffled_worlds_are_supported_as_often_as_the_rule_errs(measured):
    """With a margin of zero and pure noise the control sees alpha, not never."""
    counts = [
        exceeds(measured(0.0, sd=1)).control(np.random.default_rng(i), worlds=2000).supported for i in range(5)
    ]  # fmt: skip

    assert 10 <= sum(counts) <= 90


def test_a_control_fails_when_the_rule_is_broken(measured, monkeypatch):
    """Were the interval ten times too narrow, shuffled worlds would be supported, and the control would say so."""
    from inference import rule

    monkeypatch.setattr(rule, "_t", lambda *_: 0.25)
    monkeypatch.setattr(rule, "GUARD", 1.0)

    control = exceeds(measured(0.1, sd=1)).control(np.random.default_rng(1))

    assert not control.ok


def test_an_ordered_claim_permutes_its_levels(measured):
    """Levels change places within each seed, for all parts alike."""
    data = measured([0.6, 0.7, 0.8], sd=0.01, layers=[1, 2, 3])
    control = increases(data, "layers", 0.0).control(np.random.default_rng(1))

    assert control.kind == "relabelled"
    assert control.ok


def test_the_permuted_levels_are_the_claim_s_own(measured):
    """Without a permutation the levels give the parts' values back."""
    data = measured([[3, 2, 1]] * 2, function=["sin", "abs"], units=[2, 4, 16])
    hypothesis = increases(data, "units", 1)
    values = hypothesis.levels.parts(hypothesis.levels.data)

    assert np.allclose(values, [part.values for part in hypothesis.parts])
    assert isinstance(hypothesis.levels, Levels)


def test_decreasing_levels_are_turned_for_the_control(measured):
    """The reversed order's parts come out of its levels as well."""
    from inference import decreases

    hypothesis = decreases(measured([3, 2, 1], units=[2, 4, 16]), "units", 1)

    for one in (hypothesis, hypothesis.reversed()):
        values = one.levels.parts(one.levels.data)
        expected = sorted(part.values.tolist() for part in one.parts)
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
    """At the margin about alpha of the worlds are supported (at most 8 %), one sd beyond it hardly any."""
    control = build(measured(0.8)).control(np.random.default_rng(1))

    assert control.kind == "shifted to the margin"
    assert control.ok
    assert control.supported <= 12
    assert control.beyond == 0
    assert control.bound == 32
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


def test_skewed_levels_stay_within_eight_per_cent(rng, given):
    """The long tail below the bound is the rule's weakness; the bound of the control is made for it."""
    control = at_least(given(1 - 0.02 * rng.exponential(size=32)), 0.9).control(np.random.default_rng(1))

    assert control.ok


def test_proportions_are_drawn_at_their_bound(measured):
    """Binomial(n, bound), and beyond it."""
    control = proportion(measured(0.8) > 0.5, above=0.5).control(np.random.default_rng(1))

    assert control.ok
    assert control.bound == most_expected(400, 0.005)
    assert control.beyond == 0


def test_a_count_of_ties_is_controlled_as_a_count(given):
    """Where ties made the rule count seeds, worlds are counts at .8."""
    control = exceeds(given(np.zeros(32)), by=-0.01).control(np.random.default_rng(1))

    assert "share is at the bound" in control.text
    assert control.ok


def test_an_exact_claim_is_perturbed(given):
    """One value changed by the last bit must not be supported."""
    control = exactly(given(np.full(16, 152)), 152).control(np.random.default_rng(1))

    assert (control.kind, control.supported, control.bound, control.ok) == ("exact", 0, 0, True)


def test_times_are_relabelled_with_their_censoring(given):
    """A run that was cut off takes its mark along when the arms change places."""
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


def test_54_parts_in_400_worlds_take_less_than_a_second(rng):
    """3.b: the controls of every claim run in every run."""
    values = 0.3 + 0.05 * rng.standard_normal((32, 6, 9))
    data = xr.DataArray(values, dims=("seed", "pair", "n"), coords={"seed": range(32)})
    hypothesis = exceeds(data)
    start = time.process_time()

    control = hypothesis.control(np.random.default_rng(1))

    assert time.process_time() - start < 1
    assert len(hypothesis.parts) == 54
    assert control.ok


def test_ties_at_8_seeds_are_quick_too(rng):
    """Scipy enumerates tied ranks row by row, 0.2 s each; the guard does it for all worlds at once."""
    values = 0.5 + rng.integers(0, 4, (8, 1)) / 16
    start = time.process_time()

    at_least(xr.DataArray(values, dims=("seed", "arm")), 0.25).control(np.random.default_rng(1))
    exceeds(xr.DataArray(values, dims=("seed", "arm"))).control(np.random.default_rng(1))

    assert time.process_time() - start < 1


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
