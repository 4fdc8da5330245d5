"""The page of a run shows what the fresh runs found that the repository keeps, claim by claim and in sum."""

import json
from pathlib import Path

import pytest

from pytest_claims.cli import main
from pytest_claims.record import Draw, Record
from pytest_claims.report.chance import kept_of
from pytest_claims.report.detail import facts_of
from pytest_claims.report.fresh import kept_draws, with_draws
from pytest_claims.results import Results
from tests.reports.test_fresh import RECORD, run
from tests.reports.test_trust_and_citing import page_of

pytest_plugins = ["pytester"]

CLAIM = {**RECORD, "kind": "difference", "margin": 0.05}
DRAWN = {"kind": "difference", "margin": 0.05}


def keep(root: Path, name: str, stream: str, *records: dict) -> None:
    """Keep a condensed run on fresh seeds, as its maker would."""
    path = run(root / name, stream, *({**DRAWN, **record} for record in records))
    kept = root / "reports" / "fresh" / f"{name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    assert main(["condense", path, "-o", str(kept)]) == 0


def told(root: Path, *claims: dict) -> list[Record]:
    """Return a run's claims with what the kept draws say."""
    results = Results.from_json({"schema": 1, "claims": list(claims)})
    return list(with_draws(results, kept_draws(root)).claims)


def test_each_claim_gets_its_verdicts(tmp_path: Path) -> None:
    """Two draws, one of them in two parts; in results.json and in words."""
    keep(tmp_path, "a", "fresh-1", {}, {"id": "2.b", "verdict": "inconclusive"})
    keep(tmp_path, "b", "fresh-2", {"verdict": "refuted", "effect": -0.2, "interval": [-0.3, -0.1]})
    keep(tmp_path, "c", "fresh-2", {"id": "2.b", "verdict": "error", "seeds": None})

    first, second, third = told(tmp_path, CLAIM, {**CLAIM, "id": "2.b"}, {**CLAIM, "id": "2.c"})

    assert first.fresh[1] == Draw(stream="fresh-2", verdict="refuted", seeds=16, effect=-0.2, interval=(-0.3, -0.1))
    assert dict(facts_of(first))["fresh seeds"] == "Supported in fresh-1 (16 seeds); refuted in fresh-2 (16 seeds)."
    assert dict(facts_of(second))["fresh seeds"] == "Inconclusive in fresh-1 (16 seeds); error in fresh-2."
    assert "fresh seeds" not in dict(facts_of(third))
    assert first.as_json()["fresh"][0]["stream"] == "fresh-1"
    assert "fresh" not in third.as_json()


@pytest.mark.parametrize(
    "change",
    [
        {"margin": 0.06}, {"kind": "level"}, {"region": [0.06, None]}, {"registered_seeds": 32},
        {"registered_looks": [8, 16]}, {"engine": "jax"}, {"changed": {"layers": [1, 2]}}, {"stream": "fresh-1"},
    ],
)  # fmt: skip
def test_a_draw_of_another_claim_says_nothing(tmp_path: Path, change: dict) -> None:
    """The margin moved, the looks did; this run is no run of the claim; it is the draw itself."""
    keep(tmp_path, "a", "fresh-1", {"registered_looks": [16, 32], "last_look": 16})
    same = {**CLAIM, "registered_looks": [16, 32]}

    assert told(tmp_path, same)[0].fresh
    assert told(tmp_path, {**CLAIM, "registered_looks": []})[0].fresh  # a quick look has none
    assert not told(tmp_path, {**same, **change})[0].fresh


def test_a_draw_may_be_decided_by_another_part(tmp_path: Path) -> None:
    """From end to end here, a step back there, each with its own margin and region."""
    keep(tmp_path, "a", "fresh-1", {"kind": "ordered", "margin": -0.025, "region": [-0.025, None]})
    gain, step = ({"margin": margin, "region": [margin, None]} for margin in (0.05, -0.025))
    claims = [{**CLAIM, "kind": "ordered", **gain, "parts": parts} for parts in ([gain, step], [gain])]

    assert [bool(told(tmp_path, claim)[0].fresh) for claim in claims] == [True, False]


def test_a_run_with_shortened_numbers_is_of_the_same_claim(tmp_path: Path) -> None:
    """The committed example has six figures of each; a margin that moved by a hundredth is another one."""
    margin = 0.32192809488736235
    keep(tmp_path, "a", "fresh-1", {"margin": margin, "region": [margin, None]})

    assert told(tmp_path, {**CLAIM, "margin": 0.321928, "region": [0.321928, None]})[0].fresh
    assert not told(tmp_path, {**CLAIM, "margin": 0.325, "region": [0.325, None]})[0].fresh
    assert not told(tmp_path, {**CLAIM, "margin": 0.321928, "region": None})[0].fresh


def test_a_draw_that_ended_in_an_error_is_told(tmp_path: Path) -> None:
    """An error has no kind, margin or seeds, and counts as one nevertheless."""
    keep(tmp_path, "a", "fresh-1", {"verdict": "error", "kind": None, "margin": None, "seeds": None})
    claims = told(tmp_path, CLAIM)

    assert dict(facts_of(claims[0]))["fresh seeds"] == "Error in fresh-1."
    assert (kept_of(claims).drawn, kept_of(claims).against) == (1, 1)


def test_the_page_says_how_the_draws_fared(tmp_path: Path) -> None:
    """Counted over claims and draws, with what contradicts; the run's own seeds are the registered ones."""
    drawn = [{"stream": f"fresh-{at}", "verdict": verdict, "seeds": 16}
             for at, verdict in enumerate(("supported", "supported", "inconclusive", "refuted"))]  # fmt: skip
    claims = [{**CLAIM, "fresh": drawn}, {**CLAIM, "id": "2.b", "fresh": drawn[:1]}, {**CLAIM, "id": "2.c"}]
    kept = kept_of(map(Record.from_json, claims))
    text = page_of(tmp_path, claims)

    assert (kept.drawn, kept.same, kept.open, kept.against, kept.claims, kept.draws) == (5, 3, 1, 1, 2, 4)
    assert (
        "4 draws of such seeds are kept beside this suite, and judge 2 of the 3 claims here: of 5 verdicts <b>3</b> "
        "are as registered, 1 decided on one side only, and <b>1</b> contradicts the registered one or is in error."
    ) in text
    assert "draws others at random" in text
    assert "are kept beside this suite" not in page_of(tmp_path, [CLAIM])


CLAIMS = """
import numpy as np
import xarray as xr
from pytest_claims import claim, exceeds, measurement

@measurement()
def gain(seeds):
    return {"gain": np.array([rng.normal(1, 0.1) for rng in seeds.generator("gain")])}

@claim("1.a", "It gains", seeds=32, looks=(32,))
def test_it_gains(gain):
    return exceeds(gain.gain, xr.zeros_like(gain.gain), by=0.1)
"""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """Make a repository with one claim."""
    pytester.makepyfile(test_gain=CLAIMS)
    return pytester


def test_a_run_tells_what_its_repository_keeps(repository: pytest.Pytester) -> None:
    """Draw, condense into reports/fresh, run again: the draw is in results.json and on the page."""
    options = ("-n0", "--claims-report", "out")
    repository.runpytest_subprocess("--claims-fresh=9", *options).assert_outcomes(passed=1)
    assert "Supported in fresh-9" not in Path("out/index.html").read_text(encoding="utf-8")
    Path("reports/fresh").mkdir(parents=True)
    assert main(["condense", "out/results.json", "-o", "reports/fresh/9.json"]) == 0
    repository.runpytest_subprocess(*options).assert_outcomes(passed=1)

    assert main(["fresh", "-o", "fresh.md"]) == 0
    assert "| 1.a | It gains | supported | supported | 1 of 1 |" in Path("fresh.md").read_text(encoding="utf-8")
    (record,) = json.loads(Path("out/results.json").read_text(encoding="utf-8"))["claims"]
    assert [(draw["stream"], draw["verdict"]) for draw in record["fresh"]] == [("fresh-9", "supported")]
    assert "Supported in fresh-9 (32 seeds)." in Path("out/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text, complaint", [("{", "is no valid JSON"), ('{"schema": 1, "claims": []}', "holds claims on no seeds")]
)
def test_a_broken_file_there_costs_no_run(repository: pytest.Pytester, text: str, complaint: str) -> None:
    """The verdict stands, exit status 0, and one line says why the draws are not on the page."""
    Path("reports/fresh").mkdir(parents=True)
    Path("reports/fresh/9.json").write_text(text, encoding="utf-8")
    result = repository.runpytest_subprocess("-n0", "--claims-report", "out")

    result.assert_outcomes(passed=1)
    assert result.ret == 0
    lines = [line for line in result.outlines if line.startswith("The draws in reports/fresh are not on the page: ")]
    assert len(lines) == 1
    assert complaint in lines[0]
