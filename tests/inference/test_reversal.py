"""Where a claim is supported its reverse is not: for every kind, whatever the data."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_claims import (
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

BUILD = {
    "increases": lambda x: increases(x, "arm", 0.05),
    "increases at all": lambda x: increases(x, "arm", 0.0),
    "decreases": lambda x: decreases(x, "arm", 0.05, tolerance=0.2),
    "exceeds": lambda x: exceeds(x.sel(arm="b"), x.sel(arm="a"), by=0.02),
    "exceeds at all": lambda x: exceeds(x.sel(arm=["b", "c"]), x.sel(arm="a")),
    "not worse": lambda x: exceeds(x.sel(arm="b"), x.sel(arm="a"), by=-0.1),
    "between": lambda x: between(x.sel(arm="b"), x.sel(arm="a"), low=-0.2, high=0.3),
    "equivalent": lambda x: equivalent(x, "arm", within=0.2),
    "at least": lambda x: at_least(x, 0.4),
    "at most": lambda x: at_most(x, 0.6),
    "within": lambda x: within(x, 0.5, 0.1),
    "proportion": lambda x: proportion(x > 0.5, above=0.5),
    "sooner": lambda x: sooner(x.sel(arm="a") + 1, x.sel(arm="b") + 1, budget=1.9, resolution=0.01),
    "exactly": lambda x: exactly(x, 0.5),
    "conjunction": lambda x: all_of(at_least(x, 0.2), exceeds(x.sel(arm="b"), x.sel(arm="a"))),
}

# accuracies on 16 rows, with the ties and saturation that such data have
EVIDENCE = arrays(np.int64, (16, 3), elements=st.integers(0, 16))


def labelled(counts):
    """Make an accuracy of three arms from counts of 16 rows."""
    return xr.DataArray(counts / 16, dims=("seed", "arm"), coords={"seed": range(16), "arm": list("abc")})


@pytest.mark.parametrize("kind", BUILD)
@for_all(counts=EVIDENCE)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_a_claim_and_its_reverse_are_never_both_supported(kind, counts):
    """Random discrete data, ties included."""
    hypothesis = BUILD[kind](labelled(counts))
    verdicts = [hypothesis.judge().verdict, hypothesis.reversed().judge().verdict]

    assert verdicts.count("supported") <= 1


@pytest.mark.parametrize("kind", BUILD)
def test_a_supported_claim_s_reverse_is_refuted(kind, rng):
    """On data where each claim is plainly true."""
    means = {
        "decreases": [0.9, 0.6, 0.3], "equivalent": [0.5] * 3, "within": [0.5] * 3, "not worse": [0.5, 0.5, 0.5],
        "between": [0.5, 0.5, 0.5], "at most": [0.3] * 3,
    }.get(kind, [0.6, 0.8, 0.9])  # fmt: skip
    values = np.array(means) + 0.01 * rng.standard_normal((64, 3))
    data = xr.DataArray(values, dims=("seed", "arm"), coords={"seed": range(64), "arm": list("abc")})
    if kind == "exactly":
        data = xr.full_like(data, 0.5)
    hypothesis = BUILD[kind](data)

    assert hypothesis.judge().verdict == "supported"
    assert hypothesis.reversed().judge().verdict == "refuted"
    assert hypothesis.reversed().reversed().judge().verdict == "supported"


@pytest.mark.parametrize("kind", BUILD)
@for_all(counts=EVIDENCE, order=st.permutations(range(16)))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_the_order_of_the_seeds_is_of_no_consequence(kind, counts, order):
    """A verdict is a function of the set of seeds."""
    data = labelled(counts)
    original, shuffled = BUILD[kind](data).judge(), BUILD[kind](data.isel(seed=list(order))).judge()

    assert original.verdict == shuffled.verdict
    assert original.interval == pytest.approx(shuffled.interval, nan_ok=True)


@pytest.mark.parametrize("kind", BUILD)
@for_all(counts=EVIDENCE)
@settings(max_examples=6, deadline=None, derandomize=True)
def test_a_stricter_alpha_never_decides_more(kind, counts):
    """What is undecided at 99 % is undecided at 99.75 %."""
    hypothesis = BUILD[kind](labelled(counts))
    loose, strict = hypothesis.judge(0.005).verdict, hypothesis.judge(0.00125).verdict

    assert strict in {loose, "inconclusive"}
