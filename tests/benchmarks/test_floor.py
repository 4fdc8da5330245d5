"""The table of a run's floor in docs/performance.md: computed from the run that the file holds, or refused."""

import json

import pytest

from benchmarks import document, floor

RUN = {
    "schema": 1,
    "started": "2026-01-02T03:04:05+00:00",
    "environment": {"cpu": "A processor", "torch": "2.13.0", "commit": "0123456789abcdef"},
    "fastest": {"float32": 8e10},
}
FITTED, TRAINED = (
    {"measurement": name, "condition": {}, "seeds": [0, 31], "seconds": 40.0, "processor_s": 30.0, "products": products}
    for name, products in (("fitted", {}), ("trained", {"float32": 4e11}))
)
BEFORE = f"Above.\n\n{floor.BEGIN}\nold\n{document.END}\n\nBelow.\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write the table of a run with these facts and trials; return the exit status and the page."""
    page = tmp_path / "performance.md"
    page.write_text(BEFORE, encoding="utf-8")
    monkeypatch.setattr(floor, "PAGE", page)

    def written(*trials, **facts):
        claims = [{"id": f"1.{letter}", "experiment": "1", "seconds_by_trial": trials} for letter in "ab"]
        (tmp_path / "results.json").write_text(json.dumps({**RUN, **facts, "claims": claims}), encoding="utf-8")
        return floor.main([str(tmp_path / "results.json")]), page.read_text(encoding="utf-8")

    return written


def test_each_measurement_has_a_row(write):
    """5 s of products in 30, and 30 s that count as they are; only the part between the comments changes."""
    status, page = write(FITTED, TRAINED)

    assert status == 0
    assert page.startswith("Above.")
    assert page.endswith(f"{document.END}\n\nBelow.\n")
    assert (
        "The run of 2026-01-02, commit 0123456, on A processor, torch 2.13.0, took 60 core-seconds, 1.7 times" in page
    )
    assert "80 GFLOP/s in float32." in page
    assert "| 1 | fitted | 30 | 0.00 | 30.0 | 1.0x |\n| 1 | trained | 30 | 0.40 | 5.0 | 6.0x |\n" in page
    assert "| all |  | 60 | 0.40 | 35.0 | 1.7x |" in page


def test_a_run_that_does_not_tell_its_floor_is_refused(write, capsys):
    """The page stays as it is, and one sentence says why."""
    for trials, facts in (
        ((TRAINED,), {"fastest": None}),
        (({**TRAINED, "products": None},), {}),
    ):
        assert write(*trials, **facts) == (1, BEFORE)
        assert "does not tell its floor" in capsys.readouterr().err
    assert floor.main([]) == 1
    assert "Name one results.json" in capsys.readouterr().err
    assert floor.main(["nowhere.json"]) == 1
    assert "nowhere.json cannot be read" in capsys.readouterr().err
