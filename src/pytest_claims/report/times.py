"""Where the time of a run went: the seconds of its trials, how busy its workers were, how far it was from its floor.

The floor is the processor time below which no engine can go on the machine of the run. Of a trial it is the operations
of its networks' matrix products at the speed of the machine's fastest product (training/products.py). A trial without
such products, as one that trains with scikit-learn or times something, counts as it is; so does one with networks whose
products are not known, as modules. Not counted, so that the floor is too low: drawing and mixing the data, PCA,
activations, losses, the optimiser, gradients that a measurement takes itself, and what scikit-learn does beside
networks in one trial.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from pytest_claims.record import Record, TrialTime
from pytest_claims.results import Results

#: Seconds of processor time of a run from which on it is worth measuring how fast its machine is, which takes some.
WORTH = 60.0


def trials_of(claims: Iterable[Record]) -> dict[tuple[str, ...], TrialTime]:
    """Return the trials of the claims, each once, by experiment, measurement, condition and seeds."""
    return {(claim.experiment, *trial.key): trial for claim in claims for trial in claim.seconds_by_trial}


def seconds_of(
    claims: Iterable[Record], of: Callable[[TrialTime], float | None] = attrgetter("seconds")
) -> dict[str, float]:
    """Seconds that each experiment's trials took, in this run or an earlier one; of wall time, or what ``of`` returns.

    A trial that several claims rest on counts once.
    """
    seconds: dict[str, float] = {}
    for (number, *_), trial in trials_of(claims).items():
        seconds[number] = seconds.get(number, 0.0) + (of(trial) or 0.0)
    return seconds


def busy(claims: Iterable[Record]) -> dict[str, float] | None:
    """Return the workers, the seconds from the first trial's start to the last one's end, and the share they used.

    The share is the trials' processor time over workers x seconds; judging and drawing in between count as idle. None
    where an earlier version stored the trials, or none was measured.
    """
    trials = [trial for trial in trials_of(claims).values() if not trial.reused]
    known = [
        (trial.began, trial.seconds, trial.processor_s)
        for trial in trials
        if trial.began is not None and trial.seconds is not None and trial.processor_s is not None
    ]
    if not trials or len(known) < len(trials):
        return None
    seconds = max(began + took for began, took, _ in known) - min(began for began, *_ in known)
    workers = len({trial.worker for trial in trials})
    share = sum(used for *_, used in known) / (workers * seconds) if seconds else 1.0
    return {"workers": workers, "seconds": seconds, "share": share}


@dataclass
class Floor:
    """What trials took: seconds of processor time, their floor, and the part of it that counts as it is."""

    seconds: float = 0.0
    operations: float = 0.0  # of products
    floor: float = 0.0
    whole: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times their floor the trials took."""
        return self.seconds / self.floor if self.floor else 1.0

    def add(self, trial: TrialTime, speeds: Mapping[str, float]) -> None:
        """Enter one trial."""
        seconds, products = trial.processor_s or 0.0, trial.products or {}
        self.seconds += seconds
        self.operations += sum(map(float, products.values()))
        if products:
            self.floor += sum(operations / speeds[dtype] for dtype, operations in products.items())
        else:
            self.floor += seconds
            self.whole += seconds


def dtypes(claims: Iterable[Record]) -> list[str]:
    """Return the dtypes whose fastest product must be known; none where a run is short or has no products."""
    trials = trials_of(claims).values()
    if sum(trial.processor_s or 0.0 for trial in trials) < WORTH:
        return []
    return sorted({dtype for trial in trials for dtype in trial.products or {}})


def floors(run: Results) -> dict[tuple[str, str], Floor]:
    """Return the floor of each measurement, by experiment and name, in the order of the claims.

    Empty where it is not known: no speed was measured, or an older version stored the trials. Trials of an earlier run
    count: only those of the same kind of processor are reused.
    """
    trials, speeds = trials_of(run.claims), run.fastest or {}
    known = all(
        trial.processor_s is not None
        and trial.products is not None
        and speeds.keys() >= trial.products.keys()
        and min([trial.processor_s, *trial.products.values()]) >= 0
        for trial in trials.values()
    )
    if not known or not speeds or min(speeds.values()) < 1:
        return {}
    found: dict[tuple[str, str], Floor] = {}
    for (experiment, measurement, *_), trial in trials.items():
        found.setdefault((experiment, measurement), Floor()).add(trial, speeds)
    return found


def total(rows: Iterable[Floor]) -> Floor | None:
    """Return the sum of floors; None where there is none.

    Nor is it one where the run took less: an engine on an accelerator is measured against another machine's products.
    """
    summed = [*rows]
    names = ("seconds", "operations", "floor", "whole")
    whole = Floor(**{name: sum(getattr(row, name) for row in summed) for name in names})
    return whole if 0 < whole.floor <= whole.seconds < math.inf else None
