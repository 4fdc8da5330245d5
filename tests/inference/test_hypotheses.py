"""What each constructor claims: its region, its parts, its words, its table of conditions."""

import json
from math import inf, log2

import numpy as np
import pytest
import xarray as xr

from pytest_claims import (
    EvidenceError,
    all_of,
    at_least,
    at_most,
    between,
    decreases,
    equivalent,
    exactly,
    exceeds,
    increases,
    proportion,
    sooner,
    within,
)

ACTIVATIONS = ["relu", "tanh", "square", "sin", "identity"]


def texts(hypothesis):
    """Return the names of the parts."""
    return [part.text for part in hypothesis.parts]


class TestOrdered:
    """End to end above the margin, no step back beyond the tolerance."""

    def test_parts(self, measured):
        """End to end first, then each step; the tolerance is the margin over the number of steps."""
        hypothesis = increases(measured([0.6, 0.7, 0.8], layers=[1, 2, 3]), "layers", 0.05)

        assert texts(hypothesis) == ["layers 3 minus 1", "layers 2 minus 1", "layers 3 minus 2"]
        assert [part.region for part in hypothesis.parts] == [(0.05, inf), (-0.025, inf), (-0.025, inf)]

    def test_a_tolerance_of_its_own(self, measured):
        """As 1.a's 0.15 and 8.g's 0.01."""
        hypothesis = decreases(measured([3, 2, 1], units=[2, 4, 16]), "units", 1, tolerance=0.15)

        assert [part.region[0] for part in hypothesis.parts] == [1, -0.15, -0.15]
        assert hypothesis.judge().verdict == "supported"

    def test_decreases_is_increases_of_the_negative(self, measured):
        """Same verdict, same effect."""
        data = measured([0.8, 0.75, 0.6], ratio=[1, 10, 100])

        assert decreases(data, "ratio", 0.1).judge().effect == increases(-data, "ratio", 0.1).judge().effect

    def test_the_array_gives_the_order(self, measured):
        """Not the labels' alphabet, nor their size."""
        data = measured([0.8, 0.7, 0.6], layer=["last", "middle", "first"])

        assert decreases(data, "layer", 0.05).judge().verdict == "supported"

    def test_other_dimensions_are_an_intersection(self, measured):
        """Three functions, three parts each, all of which must hold; the words say which."""
        good = [[3, 2, 1]] * 3
        hypothesis = decreases(measured(good, function=["sin", "poly", "abs"], units=[2, 4, 16]), "units", 1)
        bad = measured([*good[:2], [1, 2, 3]], function=["sin", "poly", "abs"], units=[2, 4, 16])

        assert len(hypothesis.parts) == 9
        assert "units 2 minus 16 (at function sin)" in texts(hypothesis)
        assert hypothesis.judge().verdict == "supported"
        assert decreases(bad, "units", 1).judge().verdict == "refuted"

    def test_a_refutation_is_asked_at_alpha_over_steps_plus_one(self, measured):
        """Nine levels: eight steps and the whole."""
        verdict = increases(measured([0.8] * 9, level=range(9)), "level", 0.05).judge()

        assert {part.refuted_at for part in verdict.parts} == {0.005 / 9}

    def test_a_single_level_is_an_error(self, measured):
        """There is nothing to compare."""
        with pytest.raises(EvidenceError, match="single level"):
            increases(measured([0.8], layers=[1]), "layers", 0.05)
        with pytest.raises(EvidenceError, match="no dimension 'depth'"):
            increases(measured([0.8], layers=[1]), "depth", 0.05)


class TestDifference:
    """Arms are broadcast; every combination is a part."""

    def test_four_against_one(self, measured):
        """7.c: each of the four against the identity."""
        data = measured([0.9, 0.9, 0.9, 0.9, 0.7], activation=ACTIVATIONS)
        hypothesis = exceeds(data.sel(activation=ACTIVATIONS[:4]), data.sel(activation="identity"), by=0.05)

        assert texts(hypothesis) == [f"activation {name} minus identity" for name in ACTIVATIONS[:4]]
        assert hypothesis.judge().verdict == "supported"
        assert [row["activation"] for row in hypothesis.conditions] == ACTIVATIONS

    def test_each_against_each(self, measured):
        """7.e: labels that differ on both sides are crossed."""
        data = measured([0.9] * 5, activation=ACTIVATIONS)
        hypothesis = exceeds(data.sel(activation=["relu", "tanh"]), data.sel(activation=["square", "sin"]), by=0.01)

        assert texts(hypothesis) == [
            "activation relu minus square", "activation relu minus sin",
            "activation tanh minus square", "activation tanh minus sin",
        ]  # fmt: skip

    def test_shared_conditions_are_compared_one_by_one(self, measured):
        """3.b: networks against rivals, at every n: 2 x 3 x 9 parts."""
        data = measured(0.8, technique=["deep", "shallow", "svc", "svc auto", "tree"], rows=range(9))
        networks, rivals = data.sel(technique=["deep", "shallow"]), data.sel(technique=["svc", "svc auto", "tree"])
        hypothesis = exceeds(networks, rivals)
        part = next(part for part in hypothesis.parts if part.text == "technique shallow minus tree (at rows 4)")
        expected = data.sel(technique="shallow", rows=4) - data.sel(technique="tree", rows=4)

        assert len(hypothesis.parts) == 54
        assert part.values.tolist() == expected.values.tolist()

    def test_labels_in_another_order_are_matched(self, measured):
        """Labels, not positions, say what is compared."""
        data = measured([0.9, 0.5], rows=[20, 50])
        hypothesis = exceeds(data, data.sel(rows=[50, 20]))

        assert all((part.values == 0).all() for part in hypothesis.parts)

    def test_a_partial_overlap_is_an_error(self, measured):
        """It could mean either."""
        data = measured(0.8, technique=["deep", "svc", "tree"])

        with pytest.raises(EvidenceError, match="share some labels"):
            exceeds(data.sel(technique=["deep", "svc"]), data.sel(technique=["svc", "tree"]))

    def test_a_contrast_shows_the_raw_conditions_on_request(self, measured):
        """`of` replaces the contrast's own row in the table."""
        data = measured([0.9, 0.7], hidden=[2, 8])
        hypothesis = exceeds(data.sel(hidden=2) - data.sel(hidden=8), by=0.05, of=data)

        assert [row["hidden"] for row in hypothesis.conditions] == [2, 8]
        assert len(hypothesis.conditions[0]["values"]) == 32

    def test_a_condition_called_n_is_not_the_number_of_seeds(self, measured):
        """A label with the name of one of the table's columns becomes "condition n"."""
        sizes = measured([0.6, 0.9], size=[20, 500]).rename(size="n")
        rows = increases(sizes, along="n", by=0.05).conditions

        assert [(row["condition n"], row["n"]) for row in rows] == [(20, 32), (500, 32)]

    def test_arms_without_labels_are_told_apart_by_name(self, measured):
        """Two arrays, two names."""
        with_pca, without = measured(0.9, name="with_pca"), measured(0.7, name="without")
        hypothesis = exceeds(with_pca, without)

        assert texts(hypothesis) == ["with pca minus without"]
        assert [row.get("arm", row.get("condition")) for row in hypothesis.conditions] == ["with_pca", "without"]

    def test_refuted_says_which(self, measured):
        """Reversed: beyond zero on the other side. Otherwise: smaller than the margin."""
        small = exceeds(measured(0.81, sd=0.01), measured(0.80, sd=0.01), by=0.05).judge()
        other = exceeds(measured(0.70, sd=0.01), measured(0.80, sd=0.01), by=0.05).judge()

        assert (small.verdict, small.direction) == ("refuted", "smaller than the margin")
        assert (other.verdict, other.direction) == ("refuted", "reversed")

    def test_non_inferiority(self, measured):
        """A negative margin: not worse by more than 0.01."""
        a, b = measured(0.800, sd=0.005), measured(0.801, sd=0.005)

        assert exceeds(a, b, by=-0.01).judge().verdict == "supported"
        assert exceeds(b - 0.05, a, by=-0.01).judge().direction == "reversed"

    def test_a_range(self, measured):
        """9.c: worse, but only slightly."""
        a, b = measured(0.815, sd=0.005), measured(0.80, sd=0.005)
        verdicts = [between(a + shift, b, low=0.005, high=0.03).judge().verdict for shift in (0, -0.05, 0.05)]

        assert verdicts == ["supported", "refuted", "refuted"]

    def test_an_empty_range_is_an_error(self, measured):
        """Low is below high."""
        with pytest.raises(EvidenceError, match="empty"):
            between(measured(0.8), low=0.3, high=0.1)


def test_equivalence_takes_all_pairs(measured):
    """Four groups, six pairs; one group apart refutes at alpha / 6."""
    data = measured([0.9] * 4, sd=0.005, activation=ACTIVATIONS[:4])
    apart = data + xr.DataArray([0, 0, 0, 0.1], dims="activation")

    assert len(equivalent(data, "activation", within=0.02).parts) == 6
    assert equivalent(data, "activation", within=0.02).judge().verdict == "supported"
    verdict = equivalent(apart, "activation", within=0.02).judge()
    assert verdict.verdict == "refuted"
    assert {part.refuted_at for part in verdict.parts} == {0.005 / 6}
    assert verdict.direction is None


def test_levels(measured):
    """Above, below, within; every condition must comply."""
    data = measured([0.97, 0.96], sd=0.005, n_rows=[50, 100])

    assert at_least(data, 0.95).judge().verdict == "supported"
    assert at_most(data, 0.95).judge().verdict == "refuted"
    assert at_most(data, 0.98).judge().region == (-inf, 0.98)
    assert within(data, 0.965, 0.02).judge().verdict == "supported"
    assert within(data, 0.965, 0.02).judge().margin == 0.02


def test_a_proportion_counts_ties_as_the_comparison_does(measured):
    """2.b: accuracy(3) > accuracy(1), a tie is no win."""
    a, b = measured(0.8, sd=0), measured(0.8, sd=0)
    b[:20] = 0.7
    verdict = proportion(a > b, above=0.5).named(text="an accuracy with three layers above that with one").judge()

    assert verdict.effect == 20 / 32
    assert verdict.message.startswith(
        "Inconclusive (too few seeds): 20 of 32 seeds (62.5 %, 99 % interval 38.4 to 82.8 %) show an acc"
    )


def test_exactly(given):
    """All seeds give this number, or the claim is refuted; there is no p-value."""
    verdict = exactly(given(np.full(16, 152)), 152).judge()
    assert (verdict.verdict, verdict.interval, verdict.p_value) == ("supported", (152, 152), None)

    verdict = exactly(given(np.where(np.arange(16) == 3, 153, 152)), 152).judge()
    assert (verdict.verdict, verdict.effect) == ("refuted", 153)
    assert verdict.message == "Refuted: in 15 of 16 seeds gain is exactly 152."


def test_time_takes_a_budget_for_each_arm(given):
    """8.e: steps times seconds a step have another budget in each arm."""
    fast, slow = given(np.linspace(1, 2, 16)), given(np.linspace(3, 8, 16))
    hypothesis = sooner(fast, slow, budget=(5.0, 20.0), resolution=0.01)

    assert hypothesis.judge().verdict == "supported"
    assert hypothesis.parts[0].censored[1].sum() == 0
    with pytest.raises(EvidenceError, match="swap the arms"):
        sooner(fast, slow, by=0.5, budget=10)


def test_a_conjunction_flattens(measured):
    """Supported iff all parts are; refuted iff any part is, at alpha / parts; nested conjunctions are flattened."""
    data = measured([0.6, 0.7, 0.8], sd=0.02, layers=[1, 2, 3])
    rises, high = increases(data, "layers", 0.05), at_least(data.sel(layers=3), 0.7)
    both = all_of(all_of(rises, high), at_most(data.sel(layers=1), 0.7))

    assert (both.kind, len(both.parts), len(both.members)) == ("conjunction", 5, 3)
    assert both.judge().verdict == "supported"
    assert all_of(rises, at_least(data.sel(layers=3), 0.95)).judge().verdict == "refuted"
    assert {part.refuted_at for part in both.judge().parts} == {0.001}
    assert {part.refuted_at for part in both.judge(0.005 / 4).parts} == {0.005 / 20}
    assert len(both.conditions) == 3


def test_the_top_level_repeats_the_deciding_part(measured):
    """Effect, interval, region and p-value are those of the part that is closest to another verdict."""
    data = measured([0.9, 0.8], sd=0.01, layers=[1, 2])
    verdict = at_least(data, 0.75).judge()
    closest = verdict.parts[1]

    assert (verdict.effect, verdict.interval, verdict.p_value) == (closest.effect, closest.interval, closest.p_value)
    assert verdict.p_value == max(part.p_value for part in verdict.parts)


def test_a_verdict_is_json_with_the_contract_s_fields(measured):
    """Finite numbers or null: infinity and NaN are not JSON."""
    data = measured([0.9, 0.8], layers=[1, 2])
    for hypothesis in (
        increases(data, "layers", 0.05),
        exactly(data, 1),
        at_most(data, 0.5),
        proportion(data > 0, 0.5),
    ):
        record = json.loads(json.dumps(hypothesis.judge().as_json(), allow_nan=False))

        assert {
            "verdict", "kind", "effect", "interval", "margin", "region", "alpha", "p_value", "parts", "seeds", "unit",
            "conditions", "message",
        } <= set(record)  # fmt: skip
        assert {"text", "effect", "interval", "region", "verdict"} <= set(record["parts"][0])
        assert {"mean", "sd", "n", "values"} <= set(record["conditions"][0])


def test_not_an_array_is_an_error(measured):
    """A sentence, not a traceback from the depths of numpy."""
    with pytest.raises(EvidenceError, match="labelled array"):
        at_least(0.9, 0.5)
    with pytest.raises(EvidenceError, match="no dimension 'seed'"):
        at_least(measured(0.9).mean("seed"), 0.5)


def test_the_time_s_margin_is_a_factor_in_words(given):
    """The effect is log2, the sentence says factors."""
    fast, slow = given(np.arange(100, 116), "true"), given(np.arange(300, 316), "permuted")
    verdict = sooner(fast, slow, by=1.25, budget=2500).judge()

    assert verdict.region == (log2(1.25), inf)
    assert verdict.message.startswith("Supported: in 16 of 16 seeds true is sooner than permuted, by a factor of 2.")
    assert "asked for a factor of more than 1.25" in verdict.message
