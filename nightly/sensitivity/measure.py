"""Runs of the claims of experiments 1, 2, 7 and 9, with a regression or without, each compared with one baseline."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightly.sensitivity.regressions import VARIABLE
from reports.baseline import Comparison, compare

ROOT = Path(__file__).resolve().parents[2]
FILES = {"1": "test_approximation.py", "2": "test_depth.py", "7": "test_activations.py", "9": "test_losses.py"}
JUDGED = (0, 1)  # exit statuses: all verdicts as registered, or not

Results = dict[str, Any]


class MeasurementError(RuntimeError):
    """A run that ended without verdicts."""


@dataclass(frozen=True)
class Bench:
    """Where runs are kept, and what all of them share. Runs that are there already are read, not repeated."""

    folder: Path
    seeds: int | None = None
    claims: tuple[str, ...] = ()  # ids; all claims of the four experiments where empty

    def run(self, name: str, workers: int = 0, regression: str = "") -> Results:
        """Run the claims under a name; returns its results."""
        report = self.folder / name
        path = report / "results.json"
        if not path.exists():
            report.mkdir(parents=True, exist_ok=True)
            self._run(report, workers, regression)
        results: Results = json.loads(path.read_text(encoding="utf-8"))
        return results

    def _run(self, report: Path, workers: int, regression: str) -> None:
        options = ["-n", str(workers), "-p", "no:cacheprovider", "-p", "nightly.sensitivity.regressions"]
        options += ["--report", str(report)]
        options += ["--seeds", str(self.seeds)] if self.seeds else []
        options += ["--claim", ",".join(self.claims)] if self.claims else []
        files = [f"claims/{file}" for file in FILES.values()]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment = {**inherited, VARIABLE: regression, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *files, *options],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode not in JUDGED or not (report / "results.json").exists():
            raise MeasurementError(
                f"{report.name} ended without verdicts:\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
            )


@dataclass(frozen=True)
class Seen:
    """What the comparison saw of a regression in one experiment."""

    experiment: str
    claims: int
    departed: int  # claims that left the baseline at the earliest stage
    stage: str | None  # the earliest stage, None where nothing departs
    place: str  # where training departed, in words
    changed: int  # verdicts
    drifted: int  # material drift


def seen(comparison: Comparison) -> list[Seen]:
    """Sum up a comparison by experiment."""
    return [_seen(experiment, comparison) for experiment in FILES if _of(experiment, comparison)]


def _of(experiment: str, comparison: Comparison) -> list[Any]:
    return [claim for claim in comparison.claims if claim.id.partition(".")[0] == experiment]


def _seen(experiment: str, comparison: Comparison) -> Seen:
    claims = _of(experiment, comparison)
    order = ("inputs", "derived", "trace", "numbers", "effect", "verdict")
    stages = [claim.departed for claim in claims if claim.departed]
    first = min(stages, key=order.index, default=None)
    at = [claim for claim in claims if claim.departed == first and first]
    left = min((claim.departure for claim in at if claim.departure), key=lambda one: one.step, default=None)
    return Seen(
        experiment=experiment,
        claims=len(claims),
        departed=len(at),
        stage=first,
        place="" if left is None else left.place,
        changed=sum(claim.verdict_changed for claim in claims),
        drifted=sum(claim.drift is not None and claim.drift.material for claim in claims),
    )


def against(baseline: Results, runs: Iterable[Results]) -> list[Comparison]:
    """Compare runs with a baseline, each."""
    return [compare(baseline, run) for run in runs]


def disturbed(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the claims of all comparisons in which anything at all differs."""
    return [claim.id for one in comparisons for claim in one.claims if claim.departed]
