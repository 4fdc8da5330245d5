"""A run that is asked to end finishes as after Ctrl-C: page, partial mark, resume line, no worker left behind."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

#: What asks a process to end: `kill`, a job's time limit, a terminal that is closed.
ASKS = ("SIGTERM", "SIGHUP")
#: So many signals while the run finishes are noted and no more; the next one ends it at once.
PATIENCE = 1
#: A Ctrl-C that follows another by less than this is the same one: `timeout` sends it to the process and to its group,
#: and Python's locks do not survive two at once.
ECHO_S = 0.5


class Interruption:
    """Turns requests to end into Ctrl-C, and keeps a second Ctrl-C from cutting off the report.

    Only on the main thread, where Python hears signals, and only for signals that nobody else handles or ignores. The
    earlier handlers are put back at the end.
    """

    def __init__(self) -> None:
        self._earlier: dict[int, Any] = {}
        self._finishing = False
        self._noted = 0
        self._heard = -ECHO_S

    def begin(self) -> None:
        """Listen from now on."""
        if threading.current_thread() is not threading.main_thread():
            return
        for name in ASKS:
            number = getattr(signal, name, None)  # there is no SIGHUP on Windows
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                self._earlier[number] = signal.signal(number, self._hear)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._earlier[signal.SIGINT] = signal.signal(signal.SIGINT, self._hear)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Finish the run in peace: the next Ctrl-C is only noted."""
        self._finish()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Likewise where the run ends by itself."""
        self._finish()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Put the earlier handlers back."""
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._earlier.clear()

    def _finish(self) -> None:
        self._finishing = True
        if signal.SIGINT not in self._earlier and self._earlier:
            self._earlier[signal.SIGINT] = signal.signal(signal.SIGINT, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if number == signal.SIGINT and now - self._heard < ECHO_S:
            return
        self._heard = now
        if self._finishing and self._noted < PATIENCE:
            self._noted += 1
            return
        if number != signal.SIGINT:
            self._finishing = True  # a second request comes while the first one is on its way up
        raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hear no Ctrl-C meanwhile, for what takes seconds at the very end and must not be left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier or signal.default_int_handler)
