"""What may end a trial from outside: its time limit, and Ctrl-C. Neither can be swallowed by what the trial calls."""

import faulthandler
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pytest_claims.errors import TrialTimeout

#: The descriptor that a process which ends itself writes to, the last one; standard error where there is none.
DUMPS: list[int] = []


def last_resort(seconds: float) -> float:
    """Return after how many seconds a worker that hangs in native code ends itself: some time after the deadline."""
    return seconds + min(15.0, max(2.0, seconds))


def overdue(seconds: float) -> float:
    """Return after how many seconds the controller ends a worker: some time after it should have ended itself."""
    return last_resort(seconds) + min(30.0, max(5.0, seconds))


@contextmanager
def deadline(seconds: float, *, hard: bool) -> Iterator[None]:
    """Raise ``TrialTimeout`` inside the block when it takes too long.

    The alarm needs the main thread; elsewhere, and on systems without it, there is no limit. Native code that never
    returns to Python does not hear the alarm: with ``hard``, the process then ends itself, and xdist replaces it.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    rung = []

    def ring(number: int, _frame: FrameType | None) -> None:
        rung.append(number)
        raise TrialTimeout

    handler = signal.signal(signal.SIGALRM, ring)
    start = time.monotonic()
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    if hard:
        file = DUMPS[-1] if DUMPS else sys.__stderr__ or sys.stderr
        faulthandler.dump_traceback_later(last_resort(seconds), exit=True, file=file)
    try:
        yield
    finally:
        if hard:
            faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        # restore the alarm of somebody else (pytest-timeout), less the time that has passed
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - start), 0.01))
    if rung:
        raise TrialTimeout


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block where one was swallowed inside.

    scikit-learn's networks do that: they stop training and go on with half a network, whose number must not be stored.
    Signals reach the main thread alone.
    """
    heard: list[int] = []
    earlier: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        names = (name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
        for number in (getattr(signal, name) for name in names):
            handler = signal.getsignal(number)
            if callable(handler):
                earlier[number] = handler

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        earlier[number](number, frame)

    for number in earlier:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        if heard:
            raise KeyboardInterrupt
