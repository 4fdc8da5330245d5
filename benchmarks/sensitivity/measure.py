"""Runs of claims with and without a regression, and what a comparison sees of it.

The claims are those of experiments 1, 2, 7 and 9, or of a tier.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from benchmarks.sensitivity.regressions import VARIABLE, Regression
from pytest_claims.drift import ClaimComparison, Comparison
from pytest_claims.drift.comparison import ORDER
from pytest_claims.record import Record
from pytest_claims.results import Results, read

ROOT = Path(__file__).resolve().parents[2]
FILES = {"1": "test_approximation.py", "2": "test_depth.py", "7": "test_activations.py", "9": "test_losses.py"}
JUDGED = (0, 1)  # exit statuses: all verdicts as registered, or not


class MeasurementError(RuntimeError):
    """A run ended without verdicts."""


@dataclass(frozen=True)
class Bench:
    """Where runs are kept, and what all of them share. A run that is already there is read, not repeated."""

    folder: Path
    seeds: int | None = None
    claims: tuple[str, ...] = ()  # ids; all claims of the four experiments, or of the tier, where empty
    plugins: tuple[str, ...] = ()  # further modules that pytest loads
    more: tuple[str, ...] = ()  # further options
    tier: str = ""

    def run(self, name: str, workers: int = 0, regression: str = "") -> Results:
        """Run the claims under a name; return the results."""
        report = self.folder / name
        options = self._options(report, workers)
        request = json.dumps({"options": options, "regression": regression})
        note = report / "asked.json"
        report.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f"{name}.lock"):  # tests on several workers share their runs
            if not note.exists() or note.read_text(encoding="utf-8") != request:
                note.unlink(missing_ok=True)
                self._run(report, options, regression)
                note.write_text(request, encoding="utf-8")  # last: an interrupted run does not count
        return read(report)

    def _options(self, report: Path, workers: int) -> list[str]:
        options = ["-n", str(workers), "-p", "no:cacheprovider", "-p", "benchmarks.sensitivity.regressions"]
        options += [part for plugin in self.plugins for part in ("-p", plugin)]
        options += ["--report", str(report), *self.more]
        options += ["--seeds", str(self.seeds)] if self.seeds else []
        options += ["--tier", self.tier] if self.tier else []
        return options + (["--claim", ",".join(self.claims)] if self.claims else [])

    def _run(self, report: Path, options: Sequence[str], regression: str) -> None:
        stored = report / "results.json"
        stored.unlink(missing_ok=True)
        files = ["claims"] if self.tier else [f"claims/{file}" for file in FILES.values()]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment = {**inherited, VARIABLE: regression, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *files, *options],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode not in JUDGED or not stored.exists():
            raise MeasurementError(
                f"{report.name} ended without verdicts:\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
            )


@dataclass(frozen=True)
class Seen:
    """What the comparison sees of a regression in one experiment."""

    experiment: str
    claims: int
    departed: int  # claims that left the baseline at the earliest stage
    stage: str | None  # the earliest stage, None where nothing departs
    step: int | None  # the training step at which the first of them departed
    place: str  # that step in words
    changed: int  # verdicts
    drifted: int  # material drift


def seen(comparison: Comparison) -> list[Seen]:
    """Sum up a comparison by experiment, in the order of their numbers."""
    return [_seen(experiment, _of(experiment, comparison)) for experiment in experiments_of(comparison.claims)]


def experiments_of(claims: Iterable[ClaimComparison | Record]) -> list[str]:
    """Return the experiments that claims belong to, in the order of their numbers."""
    return sorted({claim.id.partition(".")[0] for claim in claims}, key=lambda number: (len(number), number))


def _of(experiment: str, comparison: Comparison) -> list[ClaimComparison]:
    return [claim for claim in comparison.claims if claim.id.partition(".")[0] == experiment]


def _seen(experiment: str, claims: Sequence[ClaimComparison]) -> Seen:
    first = min((claim.departed for claim in claims if claim.departed), key=ORDER.index, default=None)
    at = [claim for claim in claims if first and claim.departed == first]
    departures = (claim.departure for claim in at if claim.departure)
    left = min(departures, key=lambda departure: departure.step, default=None)
    return Seen(
        experiment=experiment,
        claims=len(claims),
        departed=len(at),
        stage=first,
        step=None if left is None else left.step,
        place="" if left is None else left.place,
        changed=sum(claim.verdict_changed for claim in claims),
        drifted=sum(claim.drift is not None and claim.drift.material for claim in claims),
    )


def missed(regression: Regression, sightings: Sequence[Seen]) -> list[str]:
    """Return the experiments that do not see a regression at its earliest place, or see one that they do not use.

    What other experiments than those of FILES must see is not known beforehand.
    """
    earliest = (regression.stage, regression.step)
    return [
        sighting.experiment
        for sighting in sightings
        if sighting.experiment in FILES
        and (sighting.stage, sighting.step)
        != (earliest if sighting.experiment in regression.experiments else (None, None))
    ]


def disturbed(comparison: Comparison) -> list[str]:
    """Return the claims in which anything at all differs."""
    return [claim.id for claim in comparison.claims if claim.departed]
