"""Progress of the training: what is being trained, how many blocks are done, a rough time left."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from statistics import median
from typing import Any, TextIO

import pytest

from pytest_claims.errors import Attempt
from pytest_claims.trials.store import Store
from pytest_claims.trials.tracing import aside

#: Seconds between two updates, on a terminal and in a log.
ON_TERMINAL, IN_LOG = 1.0, 30.0
#: So many of the trials that are under way are named.
SHOWN = 8
#: Seconds until the first.
FIRST = 1.5
# ANSI: make room below without moving the column; remember, go to the line below; clear it; come back
BELOW = "\x1bD\x1b[A\x1b7\x1b[B\r"
BACK = "\x1b[K\x1b8"


class Count:
    """How far a run is, from its store: trial items send no reports, and claims compute trials as well.

    ``running`` says what is under way elsewhere, on the workers of a cluster; without it the store does.
    """

    def __init__(
        self,
        store: Store,
        trials: Mapping[str, Mapping[str, Any]],
        workers: int,
        running: Callable[[], Sequence[Attempt]] | None = None,
    ) -> None:
        self.store = store
        self.running = running or store.attempts
        self.elsewhere = running is not None
        self.trials = trials
        self.workers = workers
        self.expected = {key: facts.get("seconds") for key, facts in trials.items()}
        self.taken: dict[str, float | None] = {}

    def line(self, now: float | None = None) -> str | None:
        """Return the current line; None when everything is trained."""
        now = time.time() if now is None else now
        finished = self.store.finished()
        done = [key for key in self.trials if key in finished]
        running = self.running()
        if not running and len(done) == len(self.trials):
            return None
        # what later looks will ask for is not known: once only their blocks are trained, nothing is said of the time
        left = self._left(done, running, now) if len(done) < len(self.trials) else None
        about = f", about {spoken(left)} left" if left is not None else ""
        shown = [f"{mark.label} on {mark.worker}" if self.elsewhere else mark.label for mark in running[:SHOWN]]
        what = "; ".join([*shown, *([f"{len(running) - SHOWN} more"] if len(running) > SHOWN else [])])
        later = len(finished) - len(done)
        more = f", {later} more for later looks" if later else ""
        count = f"{len(done)} of {len(self.trials)} blocks trained{more}{about}"
        return f"training: {count}{f' - now {what}' if what else ''}"

    def _left(self, done: Sequence[str], running: Sequence[Attempt], now: float) -> float | None:
        """Estimate the seconds left: those expected for the rest, times the factor by which the done ones were slower.

        None before anything is done, unless every trial has an expected time.
        """
        self.taken.update({key: self.store.seconds(key) for key in done if key not in self.taken})
        took = {key: seconds for key in done if (seconds := self.taken[key]) is not None}
        if not took and None in self.expected.values():
            return None
        expected = filled(self.expected)
        hoped = sum(expected[key] for key in took)
        pace = sum(took.values()) / hoped if hoped else 1.0
        left = {key: pace * seconds for key, seconds in expected.items() if key not in self.taken}
        under_way = sum(min(now - mark.started, left.get(mark.key, 0.0)) for mark in running)
        return (sum(left.values()) - under_way) / self.workers


class Progress(Count):
    """A thread that shows the count.

    On a terminal the line is below pytest's own and is rewritten; in a log a line is added every half minute, if it
    says anything new.
    """

    def __init__(
        self,
        config: pytest.Config,
        store: Store,
        trials: Mapping[str, Mapping[str, Any]],
        workers: int,
        running: Callable[[], Sequence[Attempt]] | None = None,
    ) -> None:
        super().__init__(store, trials, workers, running)
        self.out = _terminal(config)
        self.live = self.out is not None and self.out.isatty() and os.environ.get("TERM") not in {None, "dumb"}
        self._drawn = False
        self._logged = ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="claims-progress", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        if self.out is not None:
            self._thread.start()

    def stop(self) -> None:
        """End, and leave a clean line."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self.clear()

    def clear(self) -> None:
        """Erase the line, so that pytest can write there."""
        with self._lock:
            if self._drawn:
                self._drawn = False
                self._write(BELOW + BACK)

    def _watch(self) -> None:
        pause = FIRST
        while not self._over.wait(pause):
            pause = ON_TERMINAL if self.live else IN_LOG
            with suppress(OSError, ValueError), aside():
                text = self.line()
                if text is None:
                    continue
                with self._lock:
                    if self._over.is_set():
                        return
                    if self.live:
                        width = shutil.get_terminal_size().columns - 1
                        self._drawn = True
                        self._write(f"{BELOW}{text[:width]}{BACK}")
                    elif text != self._logged:
                        self._logged = text
                        self._write(f"\n{text}\n")

    def _write(self, text: str) -> None:
        if self.out is not None:
            with suppress(OSError, ValueError):
                self.out.write(text)
                self.out.flush()


def _terminal(config: pytest.Config) -> TextIO | None:
    """Return a stream to pytest's terminal that output capturing does not divert; None without a terminal report."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or config.get_verbosity() < 0:
        return None
    try:
        number = os.dup(sys.__stdout__.fileno()) if sys.__stdout__ is not None else -1
        return os.fdopen(number, "w", encoding="utf-8", errors="replace")
    except (OSError, ValueError, AttributeError):
        return None


def filled(known: Mapping[str, float | None]) -> dict[str, float]:
    """Give trials without a known time the median of the others, or one unit of time."""
    usual = median([seconds for seconds in known.values() if seconds is not None] or [1.0])
    return {key: usual if seconds is None else seconds for key, seconds in known.items()}


def spoken(seconds: float) -> str:
    """Return a rough duration in words: ``40 s``, ``3 min``, ``2 h 10 min``."""
    minute, hour = 60, 3600
    if seconds < minute:
        return f"{max(seconds, 1):.0f} s"
    if seconds < hour:
        return f"{seconds / minute:.0f} min"
    return f"{seconds // hour:.0f} h {seconds % hour / minute:.0f} min"
