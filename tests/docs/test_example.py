"""The committed example, a run of all claims: every control holds, and its claims are those that pytest collects."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_claims.report import fresh
from pytest_claims.report.chance import kept_of
from pytest_claims.report.example import links_from
from pytest_claims.report.page import page_text
from pytest_claims.report.runs import load
from pytest_claims.results import read
from pytest_claims.running.deep import with_findings

ROOT = Path(__file__).resolve().parents[2]
WORLDS = 400


@pytest.fixture(scope="module")
def example():
    """Return the committed results.json."""
    return json.loads((ROOT / "reports" / "example" / "results.json").read_text(encoding="utf-8"))


def test_every_claim_has_a_negative_control_that_holds(example):
    """Each has 400 worlds, and no more are supported than the bound allows, also in worlds beyond the margin."""
    controls = {claim["id"]: claim["controls"] for claim in example["claims"]}

    assert {name for name, control in controls.items() if control is None or control["worlds"] != WORLDS} == set()
    assert {name for name, control in controls.items() if not control["ok"]} == set()
    assert {name for name, control in controls.items() if control["supported"] > control["bound"]} == set()
    shifted = {name: control for name, control in controls.items() if control["kind"] == "shifted to the margin"}
    assert shifted
    assert {name for name, control in shifted.items() if control["beyond"] is None} == set()
    assert {name for name, control in shifted.items() if control["beyond"] > control["bound"]} == set()


def test_no_claim_is_supported_together_with_its_opposite(example):
    """Every claim's opposite is judged as well; it may be supported only where the claim is not."""
    opposites = {claim["id"]: (claim["verdict"], claim["controls"]["reversed"]) for claim in example["claims"]}

    assert {opposite for _, opposite in opposites.values()} <= {"supported", "refuted", "inconclusive"}
    assert {name for name, pair in opposites.items() if pair == ("supported", "supported")} == set()


def test_the_example_has_the_claims_that_are_collected(example):
    """No more and no fewer, and none ended as an error."""
    pytest.importorskip("sklearn", reason="the claims need scikit-learn")
    command = [sys.executable, "-m", "pytest", "claims", "--collect-only", "-q", "-n0", "-p", "no:cacheprovider"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    collected = {line for line in listed.splitlines() if line.startswith("claims/") and "::" in line}

    assert collected
    assert {claim["nodeid"] for claim in example["claims"]} == collected
    assert example["complete"]
    assert {claim["verdict"] for claim in example["claims"]} == {"supported", "refuted", "inconclusive"}


def test_the_fresh_draws_are_of_these_claims(example):
    """docs/fresh.md is what `pytest-claims fresh` makes of the kept draws, of claims as they are registered today."""
    runs = load(fresh.kept(ROOT))
    registered = {claim["id"]: claim["registered"] for claim in example["claims"]}
    drawn = {claim.id: claim.registered for run in runs for claim in run.results.claims}

    assert drawn
    assert drawn.items() <= registered.items()
    assert (ROOT / "docs" / "fresh.md").read_text(encoding="utf-8") == fresh.page(runs)


def test_the_example_tells_how_fresh_draws_fared():
    """Each claim that was drawn has its draws, as `make example` would write them; the page has the sum."""
    results = read(ROOT / "reports" / "example")
    drawn = fresh.with_draws(results, fresh.kept_draws(ROOT)).claims
    told = [[(draw.stream, draw.verdict, draw.seeds) for draw in claim.fresh] for claim in drawn]
    fared = kept_of(results.claims)
    page = " ".join((ROOT / "reports" / "example" / "index.html").read_text(encoding="utf-8").split())

    assert [[(draw.stream, draw.verdict, draw.seeds) for draw in claim.fresh] for claim in results.claims] == told
    assert f"judge {fared.claims} of the {len(results.claims)} claims here: of {fared.drawn} verdicts" in page


def test_the_example_tells_what_deep_runs_found():
    """Each claim that it leaves open has what `claims/deep.json` says of it, as `make example` would write it."""
    results = read(ROOT / "reports" / "example")
    known = {claim.id: claim.deep for claim in with_findings(results, ROOT).claims}
    found = {name: finding and (finding.verdict, finding.seeds) for name, finding in known.items()}
    page = (ROOT / "reports" / "example" / "index.html").read_text(encoding="utf-8")

    assert any(found.values())
    assert {claim.id: claim.deep and (claim.deep.verdict, claim.deep.seeds) for claim in results.claims} == found
    assert page.count("deep run: ") >= sum(finding is not None for finding in found.values())


def test_the_page_says_what_the_templates_say_today():
    """It cannot be drawn anew without its run's figures, so a change of these sentences is made in it by hand."""
    page = (ROOT / "reports" / "example" / "index.html").read_text(encoding="utf-8")
    folder = ROOT / "reports" / "example"
    results = read(folder)
    drawn = page_text(Path("no figures"), results, link=links_from(folder, ROOT, results), alone=True)
    trust = re.compile(r'<section class="trust".*?</section>', re.DOTALL)
    foot = re.compile(r'<p class="note">[^<]*next to this file.*?</p>')

    assert trust.search(page)[0] == trust.search(drawn)[0]
    assert foot.search(page)[0] == foot.search(drawn)[0]


def test_the_page_names_only_files_that_lie_beside_it():
    """Neither a table that a run writes, nor figures as if they were there."""
    folder = ROOT / "reports" / "example"
    page = (folder / "index.html").read_text(encoding="utf-8")

    assert "measurements.csv" not in page
    assert {path.name for path in folder.iterdir()} == {"index.html", "results.json"}
    assert set(re.findall(r"[^.;>]* figures/", page)) == {" a run writes it as figures/"}
