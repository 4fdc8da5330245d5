"""The order of trials and claims under xdist: long trials first, claims last."""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import pytest

from trials.settings import Settings

if TYPE_CHECKING:
    from trials.expansion import TrialItem


def in_order(trials: Sequence["TrialItem"], items: Sequence[pytest.Item], settings: Settings) -> list[pytest.Item]:
    """Return trials before claims, long ones first, in the order in which the scheduler hands them out.

    The order must be the same on every worker: it rests on what the controller sent, never on the clock.
    """
    known = {trial.nodeid: _seconds(trial, settings) for trial in trials}
    usual = median([seconds for seconds in known.values() if seconds is not None] or [0.0])
    costs = {name: usual if seconds is None else seconds for name, seconds in known.items()}
    ordered = sorted(trials, key=lambda trial: -costs[trial.nodeid])  # stable: unknown ones keep their place
    if settings.dist != "worksteal" or settings.workers == 1:
        return [*ordered, *items]
    return _dealt(ordered, list(items), settings.workers)


def _seconds(item: "TrialItem", settings: Settings) -> float | None:
    """Return how long a trial took in an earlier run, or its measurement's hint."""
    return settings.durations.get(item.trial.shape, item.trial.measurement.cost)


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
