"""``pytest-claims fresh``: registered verdicts against fresh draws, with the counts."""

import copy
from pathlib import Path

import pytest

from pytest_claims.cli import main
from pytest_claims.results import Results, write
from tests.reports.factory import FACTS

RECORD = {
    "id": "2.a", "text": "Accuracy rises", "registered": "supported", "verdict": "supported", "outcome": "passed",
    "seeds": 16, "registered_seeds": 16, "looks": None,
}  # fmt: skip


def run(folder: Path, stream: str, *records: dict, **facts: object) -> str:
    """Write a run's results.json."""
    claims = [{**RECORD, "stream": stream, **record} for record in records]
    results = {"schema": 1, **copy.deepcopy(FACTS), "complete": True, **facts, "claims": claims}
    return str(write(folder, Results.from_json(results)))


def test_the_page_counts_and_tells_every_claim(tmp_path: Path) -> None:
    """A table of counts, one sentence with the sums, and a row a claim in which departures are bold."""
    refuted = {"id": "10.b", "text": "One | another", "registered": "refuted"}
    paths = [
        run(tmp_path / "a", "fresh-1", {}, {**refuted, "verdict": "refuted"}, {"id": "3.c", "verdict": "error"}),
        run(tmp_path / "b", "fresh-2", {"verdict": "inconclusive"}, {**refuted, "verdict": "supported"}),
        run(tmp_path / "c", "fresh-30", {}, {**refuted, "verdict": "refuted"}),
    ]
    page = tmp_path / "fresh.md"

    assert main(["fresh", *paths, "-o", str(page)]) == 0
    lines = page.read_text(encoding="utf-8").splitlines()
    assert "`pytest claims/ --fresh=1`, `pytest claims/ --fresh=2`, `pytest claims/ --fresh=30`." in lines
    assert "| registered as | claims | supported | refuted | inconclusive | error | not run |" in lines
    assert "| supported | 2 | 2 | 0 | 1 | 1 | 2 |" in lines
    assert "| refuted | 1 | 1 | 2 | 0 | 0 | 0 |" in lines
    assert (
        "Of 7 fresh verdicts, 4 are as registered, 1 are undecided on one side, 1 contradict the registered verdict "
        "and 1 are errors. 0 of 3 claims got the registered verdict in every draw that ran them."
    ) in lines
    rows = [line for line in lines if line.startswith(("| 2", "| 3", "| 10"))]
    assert rows == [
        "| 2.a | Accuracy rises | supported | supported | **inconclusive** | supported | 2 of 3 |",
        "| 3.c | Accuracy rises | supported | **error** | not run | not run | 0 of 1 |",
        "| 10.b | One \\| another | refuted | refuted | **supported** | refuted | 2 of 3 |",
    ]


def test_a_draw_may_be_made_in_parts(tmp_path: Path) -> None:
    """Runs of different claims on the same seeds are one draw."""
    paths = [
        run(tmp_path / "a", "fresh-1", {}),
        run(tmp_path / "b", "fresh-1", {"id": "3.c"}),
        run(tmp_path / "c", "fresh-2", {}),
    ]

    assert main(["fresh", *paths, "-o", str(tmp_path / "fresh.md")]) == 0
    lines = (tmp_path / "fresh.md").read_text(encoding="utf-8").splitlines()
    assert "| claim | | registered | fresh-1 | fresh-2 | as registered |" in lines
    assert "| 2.a | Accuracy rises | supported | supported | supported | 2 of 2 |" in lines
    assert "| 3.c | Accuracy rises | supported | supported | not run | 1 of 1 |" in lines
    assert any("2 of 2 claims got the registered verdict in every draw that ran them." in line for line in lines)


def test_versions_that_differ_are_told(tmp_path: Path) -> None:
    """What the runs share once, what they do not each."""
    paths = [
        run(
            tmp_path / torch, f"fresh-{torch[-1]}", {},
            environment={"torch": torch, "numpy": "2.3.1", "commit": f"{'76e4068aa' * 4}{torch[-1]}+"},
        )
        for torch in ("2.12.0", "2.13.1")
    ]  # fmt: skip
    main(["fresh", *paths, "-o", str(tmp_path / "fresh.md")])
    text = (tmp_path / "fresh.md").read_text(encoding="utf-8")

    assert "numpy 2.3.1, commit 76e4068a\\+." in text
    assert r"torch: 2.12.0 \(2.12.0\), 2.13.1 \(2.13.1\)." in text


def test_a_claim_that_a_look_decides_has_its_registered_seeds(tmp_path: Path) -> None:
    """Fewer than its last look's, and as many as it was to have; so has one that was given up."""
    looked = {"registered_seeds": 64, "last_look": 64, "registered_looks": [16, 32, 64], "looks": [{"seeds": 16}]}
    paths = [run(tmp_path / ended, f"fresh-{at}", looked | {"ended": ended})
             for at, ended in enumerate(("decided", "futile"))]  # fmt: skip

    assert main(["fresh", *paths, "-o", str(tmp_path / "fresh.md")]) == 0


def test_without_a_run_there_is_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is named and nothing kept: one sentence, exit status 2."""
    monkeypatch.chdir(tmp_path)

    assert main(["fresh", "-o", "fresh.md"]) == 2
    assert capsys.readouterr().err == "pytest-claims: no run is named, and reports/fresh holds none.\n"


@pytest.mark.parametrize(
    "stream, record, facts, complaint",
    [
        ("registered", {}, {}, "holds claims on registered seeds; this page takes runs of pytest --fresh=N."),
        ("fresh-2", {"seeds": 8}, {}, "2.a rests on 8 seeds and is registered for 16."),
        ("fresh-2", {"last_look": 8}, {}, "2.a rests on 16 seeds and is registered for 16."),
        (
            "fresh-2",
            {"verdict": "inconclusive", "registered_seeds": 64, "registered_looks": [16, 32, 64], "ended": "last look"},
            {},
            "2.a rests on 16 seeds and is registered for 64.",
        ),
        (
            "fresh-2",
            {"changed": {"layers": [1, 2]}},
            {},
            "2.a was measured under other conditions than it is registered",
        ),
        ("fresh-2", {"engine": "jax"}, {}, "2.a was measured with the engine jax, and is registered with torch."),
        ("fresh-2", {}, {"complete": False}, "was interrupted; this page takes whole runs."),
        ("fresh-1", {}, {}, "fresh-1 is given 2 times; the same seeds are only one fresh draw."),
    ],
)
def test_other_runs_are_refused(
    stream: str, record: dict, facts: dict, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and one sentence; nothing is written."""
    paths = [run(tmp_path / "a", "fresh-1", {}), run(tmp_path / "b", stream, record, **facts)]

    assert main(["fresh", *paths, "-o", str(tmp_path / "fresh.md")]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "fresh.md").exists()
