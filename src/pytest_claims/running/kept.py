"""What runs keep beside their trials and read again: the plan of this run, the durations of the last one.

No verdict needs these files. One that is damaged is as good as none: progress and durations are then guessed.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_claims.errors import UnreadableError
from pytest_claims.folders import DURATIONS
from pytest_claims.stored import read_mapping
from pytest_claims.trials.store import PLAN, RESULT


def read_plan(folder: Path) -> dict[str, Any]:
    """Return what the process that collected has planned; empty where there is no plan, or not a whole one.

    ``unknown``: a sentence where an id is unknown, else None. ``claims``: each claim's record as JSON, by node id.
    ``measurements``: the identities of a claim's measurements, by node id. ``trials``: place and expected seconds, by
    key. ``seconds``: of the first looks, and of all that may follow, in core-seconds; None where nothing is known.
    ``smoke``: whether the tier "smoke" takes some of these claims.
    """
    try:
        plan = read_mapping(folder / PLAN)
    except UnreadableError:
        return {}
    claims, measurements, trials = (plan.get(name) for name in ("claims", "measurements", "trials"))
    total = plan.get("seconds")
    whole = (
        _holds(claims, lambda record: all(isinstance(record.get(name), str) for name in ("id", "nodeid", "file")))
        and isinstance(measurements, dict)
        and all(isinstance(names, list) for names in measurements.values())
        and _holds(trials, lambda trial: trial.get("seconds") is None or _seconds(trial["seconds"]))
        and (total is None or (isinstance(total, list) and list(map(_seconds, total)) == [True, True]))
    )
    return plan if whole else {}


def _holds(entries: Any, right: Any) -> bool:
    return isinstance(entries, dict) and all(isinstance(entry, dict) and right(entry) for entry in entries.values())


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def read_durations(folder: Path) -> dict[str, float]:
    """Return the seconds of an earlier run's trials by their shape; what is no duration is left out."""
    try:
        durations = read_mapping(folder / DURATIONS)
    except UnreadableError:
        return {}
    return {shape: float(seconds) for shape, seconds in durations.items() if _seconds(seconds)}


def durations_of(run: Path, earlier: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of the trials in a run's folder by their shape, with those of earlier runs."""
    durations = dict(earlier)
    for path in run.glob(f"*{RESULT}"):
        with suppress(UnreadableError):
            facts = read_mapping(path)
            if isinstance(facts.get("shape"), str) and _seconds(facts.get("seconds")):
                durations[facts["shape"]] = facts["seconds"]
    return durations
