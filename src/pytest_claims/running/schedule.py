"""The order of trials and claims under xdist: long trials first, claims last."""

from collections.abc import Iterable, Sequence

import pytest

from pytest_claims.running.progress import filled
from pytest_claims.trials.measurements import Handle
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.turns import stopped
from pytest_claims.trials.workshop import Trial, Workshop


class TrialItem(pytest.Function):
    """Computes one trial; a ``pytest.Function``, so that its measurement gets its datasets the ordinary way."""

    workshop: Workshop
    trial: Trial

    def runtest(self) -> None:
        """Compute the trial, unless it is stored already."""
        handle = next((value for value in self.funcargs.values() if isinstance(value, Handle)), None)
        if handle is not None and not stopped(self.workshop.store.folder):
            self.workshop.prefetch(handle, self.trial)


def expected(trials: Iterable[Trial], settings: Settings) -> dict[str, float | None]:
    """Return by key the seconds that each trial took in an earlier run, or its measurement's hint."""
    return {
        trial.key: settings.durations.get(trial.shape, trial.measurement.seconds(len(trial.seeds), trial.condition))
        for trial in trials
    }


def in_order(trials: Sequence[TrialItem], items: Sequence[pytest.Item], settings: Settings) -> list[pytest.Item]:
    """Return trials before claims, long ones first, in the order in which the scheduler hands them out.

    The order must be the same on every worker: it depends on what the controller sent, never on the clock.
    """
    costs = filled(expected((item.trial for item in trials), settings))
    ordered = sorted(trials, key=lambda item: -costs[item.trial.key])  # stable: equal costs keep their order
    if settings.dist != "worksteal" or settings.workers == 1:
        return [*ordered, *items]
    return _dealt(ordered, list(items), settings.workers)


def _dealt(trials: Sequence[pytest.Item], claims: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deal trials, then claims, to the workers like cards.

    Work stealing first cuts the list into one stretch for each worker; dealt like this, each begins with long trials
    and ends with claims. The stretches must be as long as the scheduler will cut them.
    """
    total = len(trials) + len(claims)
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    sizes, left = [], total
    for waiting in range(workers, 0, -1):
        sizes.append(left // waiting)
        left -= left // waiting
    at = 0
    for card in (*trials, *claims):
        while len(hands[at]) >= sizes[at]:
            at = (at + 1) % workers
        hands[at].append(card)
        at = (at + 1) % workers
    return [card for hand in hands for card in hand]
