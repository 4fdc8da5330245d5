"""Every verdict of a run, recomputed from its results.json alone by the independent rule of tests/inference."""

import json
from collections.abc import Mapping, Sequence
from math import isinf
from pathlib import Path

import pytest

from pytest_claims.record import Record
from tests.claims.reading import claim_files
from tests.inference.independent import ALPHA, C, differing, judge_record

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
#: Whole runs that are committed. A condensed baseline has the deciding part only, in twelve digits.
COMMITTED = [ROOT / "reports" / "example" / "results.json"]
#: What is left of an interval whose values have six figures, as those of the example.
SIX_FIGURES = 1e-4

CLAIMS = '''
"""Are toys as they seem?"""
import numpy as np
import xarray as xr

from pytest_claims import (
    all_of, at_least, claim, equivalent, exactly, exceeds, increases, measurement, proportion, sooner, within,
)

@measurement(experiment=2)
def toys(seeds, noise):
    draws = np.stack([g.normal(size=12) for g in seeds.generator("toys")])
    one = lambda values: xr.DataArray(values, dims=["seed"])
    return {
        "size": xr.DataArray(draws[:, :3] + [0, 0.6, 1.2], dims=["seed", "level"], coords={"level": [1, 2, 3]}),
        "alike": xr.DataArray(0.1 * draws[:, 3:6] + 1, dims=["seed", "loss"], coords={"loss": ["a", "b", "c"]}),
        "steps": xr.DataArray(np.ceil(2 ** (6 + draws[:, 6:8] + [0, 1.5])), dims=["seed", "arm"],
                              coords={"arm": ["fast", "slow"]}),
        "luck": one(draws[:, 8]),
        "lucky": one(draws[:, 8] + 0.3 * draws[:, 9] + 0.2),
        "rare": one(np.where(draws[:, 10] > 1, 1.0, 0.0)),
        "parameters": one(np.full(len(draws), 7.0)),
    }

@claim("2.a", "Levels rise", seeds=64)
def test_rise(toys):
    return increases(toys.size, along="level", by=0.5)

@claim("2.b", "Levels fall", seeds=32, registered="refuted", reason="they rise")
def test_fall(toys):
    return exceeds(toys.size.sel(level=1), toys.size.sel(level=3), by=0.1)

@claim("2.c", "Losses are alike, and alive", seeds=32)
def test_alike(toys):
    return equivalent(toys.alike, along="loss", within=0.25).assay(toys.alike, against=0.5, by=0.25)

@claim("2.d", "Losses are alike, and better than they are", seeds=32, registered="inconclusive", reason="they are not")
def test_dead(toys):
    return equivalent(toys.alike, along="loss", within=0.25).assay(toys.alike, against=1.0, by=0.25)

@claim("2.e", "Fast is faster", seeds=64)
def test_faster(toys):
    return sooner(toys.steps.sel(arm="fast"), toys.steps.sel(arm="slow"), by=1.1, budget=(200, 250))

@claim("2.f", "Nobody arrives", seeds=32, registered="inconclusive", reason="nobody arrives")
def test_late(toys):
    return sooner(toys.steps.sel(arm="fast"), toys.steps.sel(arm="slow"), by=1.1, budget=20)

@claim("2.g", "Luck apart, the lucky gain", seeds=64, looks=(64,))
def test_lucky(toys):
    return exceeds(toys.lucky, by=0.0, adjusted_by=toys.luck, population=0.0)

@claim("2.h", "Rare is common", seeds=32, registered="inconclusive", reason="most are equal")
def test_common(toys):
    return at_least(toys.rare, 0.9)

@claim("2.i", "Rare is rare", seeds=64, registered="refuted", reason="one of six")
def test_rare(toys):
    return all_of(proportion(toys.rare < 0.5, above=0.6), within(toys.rare, 0.8, 0.15), exactly(toys.parameters, 7))

@claim("2.j", "There are seven parameters", seeds=32)
def test_count(toys):
    return exactly(toys.parameters, 7)
'''


def recomputed(path: Path, at_ties: Mapping[str, Sequence[int]], close: float = 1e-8) -> set[str]:
    """Recompute every claim of a run, its numbers to ``close``; return the verdicts that there are.

    ``at_ties``: the looks below 64 seeds that claims registered to decide about ties, by id.
    """
    entries = json.loads(path.read_text(encoding="utf-8"))["claims"]
    for entry in entries:
        record = Record.from_json(entry)
        if entry["verdict"] == "error":
            continue
        assert (entry["id"], differing(record, judge_record(entry), close)) == (entry["id"], [])

        assert entry["divisor"] in C.values()
        assert entry["alpha"] == pytest.approx(ALPHA / entry["divisor"], rel=max(close, 1e-6))
        for part in record.parts:
            assert part.refuted_at == pytest.approx(record.alpha / len(record.parts), rel=max(close, 1e-6))
            assert part.ties == (part.seeds >= 64 or part.seeds in at_ties.get(entry["id"], ()))
        looks = entry["registered_looks"]
        if looks:
            assert entry["divisor"] == C[len(looks)]
            assert {part.seeds for part in record.parts} <= set(looks)
        check_looks(entry, close)
    return {entry["verdict"] for entry in entries}


def check_looks(entry, close: float) -> None:
    """Recompute every look of a claim: its verdict, its interval, and the parts that it closed."""
    rows = entry["looks"]
    assert [row["seeds"] for row in rows] == (entry["registered_looks"][: len(rows)] or [entry["seeds"]])
    for row in rows:
        judged = judge_record(entry, row["seeds"])
        parts = list(zip(entry["parts"], judged.parts, strict=True))

        assert (entry["id"], row["seeds"], row["verdict"]) == (entry["id"], row["seeds"], judged.verdict)
        assert row["verdict"] == "inconclusive" or row is rows[-1]
        assert row["closed"] == [
            part["text"] for part, found in parts if found.verdict == "supported" and part["seeds"] == row["seeds"]
        ]
        ends = [finite(end) for end in row["interval"]]
        assert any(ends == pytest.approx([finite(end) for end in found.interval], rel=10 * close, abs=10 * close)
                   for _, found in parts)  # fmt: skip


def finite(end: float | None) -> float | None:
    """Return an end of an interval as results.json has it: None where it is infinite."""
    return None if end is None or isinf(end) else end


def test_a_run_can_be_recomputed(toy) -> None:
    """Gains, orders, pairs with assays, times that are cut, ties, a covariate, shares and exact numbers."""
    toy.write(CLAIMS).reporting().alone("claims")

    verdicts = recomputed(toy.path / "reports" / "latest" / "results.json", {"2.g": (64,)})

    assert verdicts == {"supported", "refuted", "inconclusive"}
    assert len(toy.claims) == 10
    assert {
        name: claim["verdict"] for name, claim in toy.claims.items() if claim["verdict"] != claim["registered"]
    } == {}


def test_a_quick_look_can_be_recomputed(toy) -> None:
    """It supports nothing."""
    toy.write(CLAIMS).reporting().alone("claims", "--seeds", "8")

    assert recomputed(toy.path / "reports" / "latest" / "results.json", {}) <= {"refuted", "inconclusive"}
    assert any(claim["registered_looks"] == [] for claim in toy.claims.values())


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_committed_verdicts_can_be_recomputed(path: Path) -> None:
    """Whatever is published follows from the numbers that are published with it."""
    if not any("divisor" in claim for claim in json.loads(path.read_text(encoding="utf-8"))["claims"]):
        pytest.skip(f"{path.relative_to(ROOT)} was judged by the rule's first edition")

    at_ties = {claim.id: claim.looks for file in claim_files() for claim, _ in file.claims}

    assert recomputed(path, at_ties, SIX_FIGURES) <= {"supported", "refuted", "inconclusive"}
