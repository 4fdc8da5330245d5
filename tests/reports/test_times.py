"""Where the time of a run went: how busy its workers were, and how far it was from its floor."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.record import Record
from pytest_claims.report.page import page_text
from pytest_claims.report.session import with_speed
from pytest_claims.report.times import Floor, busy, dtypes, floors, total
from pytest_claims.results import Results, read
from tests.reports.factory import FACTS, assemble, error_record


def trial(worker: str, began: float, seconds: float, processor: float | None, **more: Any) -> dict[str, Any]:
    """Return one entry of a record's seconds_by_trial."""
    return {
        "measurement": "m",
        "condition": {},
        "seeds": [began, began],
        "seconds": seconds,
        "processor_s": processor,
        "began": began,
        "worker": worker,
        "reused": False,
        **more,
    }


TRIALS = [trial("gw0", 100.0, 10.0, 9.0), trial("gw1", 100.5, 5.0, 4.5), trial("gw1", 105.5, 4.5, 4.5)]


def records(*trials: dict[str, Any]) -> list[dict[str, Any]]:
    """Return two claims that rest on the same trials."""
    return [{**error_record(), "id": name, "seconds_by_trial": list(trials)} for name in ("1.a", "1.b")]


def test_the_share_is_processor_time_over_workers_and_wall_time() -> None:
    """18 s of processor time in 10 s of two workers are 90 %; trials count once, reused ones not at all."""
    shares = busy(map(Record.from_json, records(*TRIALS, trial("gw0", 5.0, 500.0, 1.0, reused=True))))

    assert shares == {"workers": 2, "seconds": pytest.approx(10), "share": pytest.approx(0.9)}


def test_it_is_unknown_for_trials_of_an_earlier_version() -> None:
    """Without the processor time of every trial there is no share; without trials neither."""
    assert busy(map(Record.from_json, records(*TRIALS, trial("gw0", 101.0, 1.0, None)))) is None
    assert busy(map(Record.from_json, records())) is None


def test_the_page_tells_it_where_the_time_went(tmp_path: Path) -> None:
    """One sentence under the table; none where it is not known."""
    sentence = "they used 90 % of the processor time of 2 workers."

    with_times, without_times = (page_text(tmp_path, assemble(records(*trials), FACTS)) for trials in (TRIALS, []))

    assert sentence in with_times
    assert "of the processor time" not in without_times


# -- the floor ------------------------------------------------------------------------------------------------------

SPEEDS = {"float32": 1e9, "float64": 5e8}
#: 4 s of products in float32 and 2 s in float64, in 60 s; a second measurement counts as it is.
COUNTED = [
    trial("gw0", 0.0, 60.0, 60.0, products={"float32": 4e9, "float64": 1e9}),
    trial("gw0", 60.0, 12.0, 10.0, measurement="fitted", products={}),
]


def run_of(*trials: dict[str, Any], fastest: dict[str, float] | None = SPEEDS) -> Results:
    """Return a run whose two claims rest on the same trials."""
    return assemble(records(*trials), {**FACTS, "fastest": fastest})


def test_the_floor_is_products_at_the_fastest_speed_and_the_rest_as_it_is() -> None:
    """A trial counts once, also one of an earlier run: that had the same kind of processor, or it were not reused."""
    reused = trial("gw0", 72.0, 30.0, 30.0, measurement="again", reused=True, products={"float32": 3e9})

    found = floors(run_of(*COUNTED, reused))

    assert [name for _, name in found] == ["m", "fitted", "again"]
    assert total(found.values()) == Floor(seconds=100.0, operations=8e9, floor=6.0 + 10.0 + 3.0, whole=10.0)
    assert next(iter(found.values())).ratio == 10.0


@pytest.mark.parametrize(
    "run",
    [
        run_of(*COUNTED, fastest=None),
        run_of(*COUNTED, fastest={}),
        run_of(*COUNTED, fastest={"float32": 1e9}),
        run_of(*COUNTED, fastest={"float32": 0.0, "float64": -1.0}),
        run_of(*COUNTED, trial("gw1", 0.0, 1.0, 1.0)),
        run_of(*COUNTED, trial("gw1", 0.0, 1.0, None, products={})),
        run_of(),
        run_of(trial("gw0", 0.0, 1.0, 0.0, products={})),
        run_of(trial("gw0", 0.0, 1.0, 1.0, products={"float32": 2e9})),  # a floor above what the run took is none
        run_of(trial("gw0", 0.0, 9.0, 9.0, products={"float32": -3e9})),
        run_of(trial("gw0", 0.0, 9.0, 9.0, products=dict.fromkeys(SPEEDS, 10**308))),
        run_of(*[trial("gw0", at, 1.0, 1.7e308, products={"float32": 1.0}) for at in (0.0, 2.0)]),
        run_of(
            trial("gw0", 0.0, 1.0, 1.0, products=dict.fromkeys(SPEEDS, 1.7e308)), fastest=dict.fromkeys(SPEEDS, 1.0)
        ),
    ],
)
def test_the_floor_is_unknown_without_counts_and_speeds(run: Results) -> None:
    """Then the page says nothing of it, and nothing fails."""
    assert total(floors(run).values()) is None


def test_the_page_tells_how_far_from_its_floor_a_run_was(tmp_path: Path) -> None:
    """With the speeds that it rests on, and how much counts as it is; nothing where it is not known."""
    told = (
        "All trials took 1 min 10 s of processor time, 4.4 times their floor of 16 s: what the matrix products of the "
        "networks take at the speed of the fastest product of this processor (1 GFLOP/s in float32, 0.5 GFLOP/s in "
        "float64), and, as they are, 10 s of trials without such products."
    )

    known, without_others, unknown = (
        page_text(tmp_path, run) for run in (run_of(*COUNTED), run_of(COUNTED[0]), run_of(*COUNTED, fastest=None))
    )

    assert told in known
    assert "in float64).</p>" in without_others
    assert "their floor" not in unknown


def test_a_speed_is_measured_for_a_run_that_is_worth_it() -> None:
    """Of a minute and more, and only of the dtypes that its trials have."""
    reused = trial("gw0", 5.0, 500.0, 400.0, reused=True, products={"float64": 1e12})

    assert dtypes(map(Record.from_json, records(*COUNTED))) == ["float32", "float64"]
    assert dtypes(map(Record.from_json, records(COUNTED[1], reused))) == ["float64"]
    assert dtypes(map(Record.from_json, records(trial("gw0", 0.0, 80.0, 80.0)))) == []


def test_a_cluster_has_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machines measured, and this one is another; a run of this machine has one, and results.json is written."""
    monkeypatch.setattr("pytest_claims.training.products.fastest", lambda names: dict.fromkeys(names, 1e9))
    run = run_of(*COUNTED, fastest=None)

    assert with_speed(tmp_path, replace(run, cluster={"workers": 2})).fastest is None
    assert not (tmp_path / "results.json").exists()
    assert with_speed(tmp_path, run).fastest == {"float32": 1e9, "float64": 1e9}
    assert read(tmp_path).fastest == {"float32": 1e9, "float64": 1e9}
