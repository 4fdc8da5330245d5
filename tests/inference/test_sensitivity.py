"""Assay sensitivity: a claim that also holds when nothing works must show that its arms beat a constant."""

import numpy as np
import pytest
import xarray as xr

from pytest_claims import all_of, at_least, at_most, between, equivalent, exceeds
from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.inference.sequence import judge_in_turn

KINDS = {
    "equal": lambda x: equivalent(x, along="arm", within=0.03),
    "not worse": lambda x: exceeds(x.sel(arm=["a"]), x.sel(arm=["b"]), by=-0.03),
    "in a range": lambda x: between(x.sel(arm=["a"]), x.sel(arm=["b"]), low=-0.03, high=0.03),
    "both": lambda x: all_of(equivalent(x, along="arm", within=0.03), at_least(x, 0.49)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_arms_that_learned_nothing_are_equal_but_support_nothing(kind, measured):
    """Both at chance: supported without the assay, with it inconclusive for the reason that it gives."""
    chance = measured([0.5, 0.5], arm=["a", "b"], sd=0.01, n=64)
    claim = KINDS[kind](chance)
    verdict = claim.assay(chance, against=0.5, by=0.03).judge()

    assert claim.judge().verdict == "supported"
    assert verdict.verdict == "inconclusive"
    assert verdict.message.startswith("Inconclusive: this run could not have seen a difference: ")
    assert "minus the constant 0.5 is " in verdict.message


@pytest.mark.parametrize("kind", KINDS)
def test_arms_that_beat_the_constant_are_judged_as_before(kind, measured):
    """Same verdict, same effect, same number of parts; the assay's parts are beside them."""
    learned = measured([0.9, 0.9], arm=["a", "b"], sd=0.01, n=64)
    claim = KINDS[kind](learned)
    plain, verdict = claim.judge(), claim.assay(learned, against=0.5, by=0.03).judge()

    assert verdict.verdict == "supported"
    assert (verdict.effect, verdict.interval, verdict.p_value) == (plain.effect, plain.interval, plain.p_value)
    assert len(verdict.parts) == len(plain.parts)
    assert [part.verdict for part in verdict.assays] == ["supported"] * 2
    assert [part["effect"] for part in verdict.as_json()["assays"]] == pytest.approx([0.4, 0.4], abs=0.01)


def test_one_arm_that_fails_is_enough(measured):
    """One part for each arm, and the message names the arm."""
    arms = measured([0.52, 0.5], arm=["a", "b"], sd=0.01, n=64)
    lifted = arms + 0.4 * (arms.arm == "a")
    verdict = equivalent(arms, along="arm", within=0.04).assay(lifted, against=0.5, by=0.04).judge()

    assert verdict.verdict == "inconclusive"
    assert [part.verdict for part in verdict.assays] == ["supported", "inconclusive"]
    assert "arm b minus the constant 0.5" in verdict.message


def test_an_undecided_claim_whose_arms_fail_supports_no_margin(given):
    """Neither the sentence nor results.json names a margin that would hold; nor do more seeds promise a verdict."""
    gap = given(0.1 * np.linspace(-1, 1, 32))
    claim = exceeds(gap, by=-0.02)
    plain, verdict = claim.judge(), claim.assay(given(np.linspace(-0.3, 0.3, 32)), against=0.5, by=0.02).judge()

    assert plain.verdict == verdict.verdict == "inconclusive"
    assert "supported for every margin below" in plain.message
    assert "supported for" not in verdict.message
    assert "this run could not have seen a difference, so it supports no margin; refuted for every" in verdict.message
    assert verdict.as_json()["margins"] == [None, plain.outlook.margins[1]]
    assert verdict.outlook.undecided == plain.outlook.undecided
    assert verdict.outlook.chance < 0.1 < plain.outlook.chance


def test_a_refutation_needs_no_assay(measured):
    """Arms below the constant never refute, and a claim that its data refute is refuted."""
    equal = measured([0.2, 0.2], arm=["a", "b"], sd=0.01, n=64)
    apart = measured([0.2, 0.4], arm=["a", "b"], sd=0.01, n=64)

    assert equivalent(equal, along="arm", within=0.03).assay(equal, against=0.5, by=0.03).judge().verdict == (
        "inconclusive"
    )
    assert equivalent(apart, along="arm", within=0.03).assay(apart, against=0.5, by=0.03).judge().verdict == "refuted"


def test_a_refutation_is_as_strict_as_without_an_assay(measured):
    """The assay's parts do not count among the parts that share the level of a refutation."""
    arms = measured([0.9, 0.9, 0.9], arm=list("abc"), n=64)
    plain = equivalent(arms, along="arm", within=0.03)
    levels = {part.refuted_at for part in plain.assay(arms, against=0.5, by=0.03).judge().parts}

    assert levels == {part.refuted_at for part in plain.judge().parts}


def test_where_lower_is_better_the_constant_must_be_higher(measured):
    """The constant minus the arm, for losses and errors; against an array, arm by arm."""
    errors = measured([0.1, 0.1], arm=["a", "b"], sd=0.01, n=64)
    untrained = measured([0.6, 0.7], arm=["a", "b"], sd=0.01, n=64, name="untrained")
    claim = equivalent(errors, along="arm", within=0.03)
    lower = claim.assay(errors, against=untrained, by=0.03, lower_is_better=True).judge()

    assert [part.effect for part in lower.assays] == pytest.approx([0.5, 0.6], abs=0.01)
    assert lower.verdict == "supported"
    assert claim.assay(errors, against=untrained, by=0.03).judge().verdict == "inconclusive"


def test_a_positive_control_is_another_arm(measured):
    """Where the arm is meant to fail, a reference arm shows that the same run can learn."""
    accuracy = measured([0.5, 0.8], ratio=[100, 1], sd=0.01, n=64)
    fails = at_most(accuracy.sel(ratio=100), 0.55)

    assert fails.assay(accuracy.sel(ratio=1), against=0.5, by=0.05).judge().verdict == "supported"
    assert fails.assay(accuracy.sel(ratio=100), against=0.5, by=0.05).judge().verdict == "inconclusive"


def test_the_reverse_has_no_assay_and_the_control_does_without(measured):
    """They hold in the worlds of a control; the opposite claim is judged on its own parts."""
    chance = measured([0.5, 0.5], arm=["a", "b"], sd=0.01, n=64)
    claim = equivalent(chance, along="arm", within=0.03)
    assayed = claim.assay(chance, against=0.5, by=0.03)
    seeds = [np.random.default_rng(1) for _ in range(2)]

    assert assayed.reversed().assays == ()
    assert all_of(assayed, at_most(chance, 0.9)).reversed().assays == ()
    assert assayed.control(seeds[0]) == claim.control(seeds[1])


def test_a_conjunction_keeps_the_assays_of_its_members(measured):
    """Each member's, in order."""
    learned = measured([0.9, 0.9], arm=["a", "b"], sd=0.01, n=64)
    alike = equivalent(learned, along="arm", within=0.03).assay(learned, against=0.5, by=0.03)
    whole = all_of(at_least(learned, 0.7), alike)

    assert [part.text for part in whole.assays] == [part.text for part in alike.assays]
    assert whole.judge().verdict == "supported"


def test_a_claim_that_waits_for_its_assay_goes_on_to_the_next_look(rng):
    """Its parts and arms keep the looks that supported them; the claim is supported when the last arm is."""
    coords = {"seed": range(512), "arm": ["a", "b"]}
    noise = rng.standard_normal((512, 2))
    arms = xr.DataArray(0.9 + 0.001 * noise, dims=("seed", "arm"), coords=coords, name="accuracy")
    weak = xr.DataArray([0.9, 0.55] + [0.01, 0.1] * noise, dims=("seed", "arm"), coords=coords, name="accuracy")

    def take(n):
        first = {"seed": slice(0, n)}
        return equivalent(arms.isel(first), along="arm", within=0.03).assay(weak.isel(first), against=0.5, by=0.03)

    turns = list(judge_in_turn(take, Looks.doubling(32, 512)))
    first, last = turns[0].verdict, turns[-1].verdict

    assert (first.verdict, last.verdict) == ("inconclusive", "supported")
    assert [part.verdict for part in first.parts] == ["supported"]
    assert [part.verdict for part in first.assays] == ["supported", "inconclusive"]
    assert first.message.startswith("Inconclusive: this run could not have seen a difference: ")
    assert {part.seeds for part in (*last.parts, last.assays[0])} == {32}
    assert last.assays[1].seeds == last.seeds == turns[-1].seeds > 32


@pytest.mark.parametrize(
    "kind, least", [("equal", "0.03"), ("not worse", "0.03"), ("in a range", "0.03"), ("level", "0.05")]
)
@pytest.mark.parametrize("data", ["placeholder", "measured"])
def test_an_arm_must_beat_the_constant_by_the_claim_s_margin(kind, least, data, measured):
    """Less is a fault of the design, known before there are data."""
    x = Placeholder() if data == "placeholder" else measured([0.5, 0.5], arm=["a", "b"])
    build = KINDS.get(kind, lambda x: at_most(x, 0.55))
    sentence = f"An arm must beat the constant by at least the claim's margin, {least}, not by 0.02."
    if data == "placeholder":
        assert build(x).assay(x, against=0.5, by=0.02).fault == sentence
        assert not build(x).assay(x, against=0.5, by=0.05).fault
    else:
        with pytest.raises(DesignError, match=sentence):
            build(x).assay(x, against=0.5, by=0.02)


@pytest.mark.parametrize("by", [0.0, -0.1, np.inf, np.nan, "0.1", True])
def test_what_an_arm_must_beat_the_constant_by_is_a_number_above_zero(by, measured):
    """Fixed before there are data."""
    with pytest.raises(DesignError, match="by more than a number above zero"):
        at_most(measured(0.5), 0.9).assay(measured(0.5), against=0.5, by=by)


def test_an_assay_rests_on_the_claim_s_seeds(measured):
    """Other numbers of seeds are refused."""
    with pytest.raises(EvidenceError, match="different numbers of seeds"):
        at_most(measured(0.5, n=32), 0.9).assay(measured(0.9, n=64), against=0.5, by=0.4)
