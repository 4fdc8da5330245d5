"""The order of trials and claims under xdist: long trials first, claims last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import pytest

from pytest_claims.running.progress import filled
from pytest_claims.trials.measurements import Handle
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.turns import stopped
from pytest_claims.trials.workshop import Trial, Workshop

#: A measurement's identity, and one of its conditions in words: `Trial.series`.
Series = tuple[str, str]


class TrialItem(pytest.Function):
    """Computes one trial; a ``pytest.Function``, so that its measurement gets its datasets the ordinary way."""

    workshop: Workshop
    trial: Trial

    def runtest(self) -> None:
        """Compute the trial, unless it is stored already."""
        handle = next((value for value in self.funcargs.values() if isinstance(value, Handle)), None)
        if handle is not None and not stopped(self.workshop.store.folder):
            self.workshop.prefetch(handle, self.trial)


@dataclass
class Needed:
    """What claims need: the ``trials`` of their first looks, each with the first claim that asks for it.

    ``looks``: of each claim the seeds of its first and of its last look in this run, and the series that it rests on,
    each one condition of a measurement.
    """

    trials: dict[Trial, pytest.Item] = field(default_factory=dict)
    looks: dict[pytest.Item, tuple[int, int, tuple[Series, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Costs:
    """How long a run takes, by what trials took in an earlier run or their authors' hints; in core-seconds.

    ``a_seed``: of each claim, all that it rests on; nothing where nothing is known. ``later``: its looks after the
    first. ``total``: of the run, the first looks alone, and all looks together, the most that it can take; None where
    nothing is known of any measurement. ``trials``: of each trial of the first looks, by key; None where not known.
    """

    a_seed: Mapping[pytest.Item, float]
    later: Mapping[pytest.Item, float]
    total: tuple[float, float] | None
    trials: Mapping[str, float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, wanted: Needed, settings: Settings) -> Self:
        """Add up the trials' seconds; a trial of which nothing is known counts as the median of the others."""
        known = expected(wanted.trials, settings)
        seconds = filled(known)
        first: dict[Series, float] = {}
        seeds: dict[Series, set[int]] = {}
        for trial in wanted.trials:
            first[trial.series] = first.get(trial.series, 0.0) + seconds[trial.key]
            seeds.setdefault(trial.series, set()).update(trial.seeds)
        a_seed = {name: cost / len(seeds[name]) for name, cost in first.items()}
        of_claims = {item: sum(a_seed[name] for name in names) for item, (_, _, names) in wanted.looks.items()}
        later = {item: of_claims[item] * (last - begin) for item, (begin, last, _) in wanted.looks.items()}
        deepest: dict[Series, int] = {}
        for _, last, names in wanted.looks.values():
            deepest |= {name: max(last, deepest.get(name, 0)) for name in names}
        if all(cost is None for cost in known.values()):
            return cls({}, later, None, known)
        more = sum(a_seed[name] * max(last - len(seeds[name]), 0) for name, last in deepest.items())
        return cls(of_claims, later, (sum(first.values()), sum(first.values()) + more), known)


def expected(trials: Iterable[Trial], settings: Settings) -> dict[str, float | None]:
    """Return by key the seconds that each trial took in an earlier run, or its measurement's hint."""
    return {
        trial.key: settings.durations.get(trial.shape, trial.measurement.seconds(len(trial.seeds), trial.condition))
        for trial in trials
    }


def in_order(
    trials: Sequence[TrialItem], items: Sequence[pytest.Item], settings: Settings, costs: Costs
) -> list[pytest.Item]:
    """Return trials before claims, long ones first, in the order in which the scheduler hands them out.

    Claims whose later looks could take long come before the others, so that no worker begins one when all is done.

    The order must be the same on every worker: it depends on what the controller sent, never on the clock.
    """
    seconds = filled(costs.trials)
    ordered = sorted(trials, key=lambda item: -seconds[item.trial.key])  # stable: equal costs keep their order
    claims = sorted(items, key=lambda item: -costs.later.get(item, 0.0))
    if settings.dist != "worksteal" or settings.workers == 1:
        return [*ordered, *claims]
    return _dealt(ordered, claims, settings.workers)


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
