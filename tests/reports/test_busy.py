"""How busy the workers were while trials ran, shown under the table of where the time went."""

from pathlib import Path
from typing import Any

import pytest

from pytest_claims.record import Record
from pytest_claims.report.page import busy, page_text
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
