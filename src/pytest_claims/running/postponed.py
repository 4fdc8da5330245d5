"""The test loop of a run whose trials are measured elsewhere: claims are judged as their trials arrive.

A claim that lacks trials is put aside and the next one is tried, so that every claim asks for its next look as soon as
it has judged the one before, and judging goes on while others measure.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

import pytest

from pytest_claims.running.expansion import Expansion
from pytest_claims.running.items import Running
from pytest_claims.trials.claims import claim_of
from pytest_claims.trials.workshop import Trial

#: Seconds between two looks at what has arrived.
PAUSE = 0.5


class Source(Protocol):
    """Where trials come from: `cluster.session.Cluster`."""

    broken: str | None

    def failed(self, keys: Iterable[str]) -> bool:
        """Whether one of these trials has failed."""

    def wait(self, seconds: float) -> None:
        """Return when a trial has arrived, at the latest after these seconds."""

    def spare(self, trial: Trial, wanted: Callable[[], bool]) -> None:
        """Measure a trial where nothing else is to do, if it may be ``wanted`` at that time."""


class PostponingLoop:
    """Runs the items in an order that depends on what has arrived; reports each once."""

    def __init__(self, running: Running, expansion: Expansion, source: Source) -> None:
        self.running = running
        self.expansion = expansion
        self.store = running.workshop.store
        self.source = source

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all items. Raises Interrupted where the source of trials is lost, and as pytest's own loop does."""
        if session.config.option.collectonly or (
            session.testsfailed and not session.config.option.continue_on_collection_errors
        ):
            return None  # pytest's own loop ends such a run
        for trial in self.expansion.ahead:
            self.running.workshop.ask(trial)
        left = list(session.items)
        for trial, items in self.expansion.later().items():
            self.running.workshop.ask(trial, partial(self.source.spare, wanted=partial(_any_of, items, left)))
        follower: pytest.Item | None = (
            None  # the ordinary test that is next: the one before it has left it their fixtures
        )
        while left:
            ready = follower or next((item for item in left if self._ready(item)), None)
            if ready is None:
                if self.source.broken is not None:
                    raise session.Interrupted(self.source.broken)
                self.source.wait(PAUSE)
                continue
            follower = _ordinary_after(ready, left)
            # whatever comes after a claim, it is of this session: its fixtures stay, all others are torn down
            session.config.hook.pytest_runtest_protocol(item=ready, nextitem=follower or session)
            if ready not in self.running.awaited:
                left.remove(ready)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def _ready(self, item: pytest.Item) -> bool:
        """Whether an item has what it waited for, or will never get it."""
        awaited = self.running.awaited.get(item, frozenset())
        return all(map(self.store.done, awaited)) or self.source.failed(awaited)


def _any_of(items: Iterable[pytest.Item], left: list[pytest.Item]) -> bool:
    """Whether one of these items is still to be judged; asked in another thread than the one that judges."""
    return any(item in left for item in items)


def _ordinary_after(item: pytest.Item, items: list[pytest.Item]) -> pytest.Item | None:
    """Return the ordinary test that comes next after an ordinary test, so that both share their module's fixtures."""
    if claim_of(item) is not None:
        return None
    after = items[items.index(item) + 1 :][:1]
    return after[0] if after and claim_of(after[0]) is None else None
