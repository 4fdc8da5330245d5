"""The committed whole run: every claim was controlled, and is one that pytest collects."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORLDS = 400


@pytest.fixture(scope="module")
def example():
    """Return the committed results.json."""
    return json.loads((ROOT / "reports" / "example" / "results.json").read_text(encoding="utf-8"))


def test_every_claim_has_a_negative_control_that_holds(example):
    """400 worlds each, no more supported than the bound; shifted worlds beyond the margin, too."""
    controls = {claim["id"]: claim["controls"] for claim in example["claims"]}

    assert {name for name, one in controls.items() if one is None or one["worlds"] != WORLDS} == set()
    assert {name for name, one in controls.items() if not one["ok"] or one["supported"] > one["bound"]} == set()
    shifted = {name: one for name, one in controls.items() if one["kind"] == "shifted to the margin"}
    assert shifted
    assert {name for name, one in shifted.items() if one["beyond"] is None or one["beyond"] > one["bound"]} == set()


def test_no_claim_is_supported_together_with_its_opposite(example):
    """All are judged the other way round as well; a claim that is refuted may have a supported opposite."""
    opposites = {claim["id"]: (claim["verdict"], claim["controls"]["reversed"]) for claim in example["claims"]}

    assert {opposite for _, opposite in opposites.values()} <= {"supported", "refuted", "inconclusive"}
    assert {name for name, pair in opposites.items() if pair == ("supported", "supported")} == set()


def test_the_example_has_the_claims_that_are_collected(example):
    """No more and no fewer, with nothing that ended as an error."""
    pytest.importorskip("sklearn", reason="the claims need scikit-learn")
    pytest.importorskip("xdist", reason="this repository's settings ask for workers")
    command = [sys.executable, "-m", "pytest", "claims", "--collect-only", "-q", "-n0", "-p", "no:cacheprovider"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    collected = {line for line in listed.splitlines() if line.startswith("claims/") and "::" in line}

    assert collected
    assert {claim["nodeid"] for claim in example["claims"]} == collected
    assert example["complete"]
    assert {claim["verdict"] for claim in example["claims"]} == {"supported", "refuted", "inconclusive"}


def test_the_fresh_draws_are_of_these_claims(example):
    """docs/fresh.md has a row for every claim, with the verdict that it registers."""
    rows = [line.split("|") for line in (ROOT / "docs" / "fresh.md").read_text(encoding="utf-8").splitlines()]
    told = {row[1].strip().replace("\\", ""): row[3].strip() for row in rows if len(row) > 6 and "." in row[1]}

    assert told == {claim["id"]: claim["registered"] for claim in example["claims"]}
