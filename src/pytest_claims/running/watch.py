"""Ends workers that a signal has stopped: they cannot end themselves, and xdist would wait for them for ever."""

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from pytest_claims.trials.deadline import overdue
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import Store

#: Seconds between two looks at the workers: at least, and at most.
OFTEN, SELDOM = 0.5, 10.0


class Watch:
    """A thread of the controller that kills workers: in one trial for too long, or stopped for as long outside of any.

    The time that counts is the controller's own: while the whole run is stopped (Ctrl-Z, a laptop that sleeps), nobody
    is late. A killed worker is then handled like any that died. ``ended`` says why, by the worker's name.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.limit = overdue(settings.timeout)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: dict[str, str] = {}
        self._since: dict[str, tuple[str | None, float]] = {}  # what a worker is at, and for how many seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="claims-watch", daemon=True)

    def add(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """Watch a worker from now on."""
        self.processes[name] = process
        if not self._thread.is_alive() and not self._over.is_set():
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        pause = min(SELDOM, max(OFTEN, self.limit / 20))
        before = time.monotonic()
        while not self._over.wait(pause):
            now = time.monotonic()
            with suppress(OSError, ValueError):
                self.look(min(now - before, 2 * pause))
            before = now

    def look(self, seconds: float) -> None:
        """Look at every worker; ``seconds`` have passed since the last look. Kill those that are overdue."""
        marks = {mark.worker: mark.key for mark in self.store.attempts()}
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                del self.processes[name]
                continue
            stopped = is_stopped(process.pid)
            at = marks.get(name) or ("stopped" if stopped else None)
            was, spent = self._since.get(name, (None, 0.0))
            spent = spent + seconds if at is not None and at == was else 0.0
            self._since[name] = at, spent
            if spent > self.limit and (stopped or self._computes(str(at))):
                self.ended[name] = (
                    f"its process ({name}) was stopped from outside for more than {self.limit:g} s, and was ended."
                    if stopped
                    else f"its process ({name}) did not end its trial, and was ended."
                )
                process.kill()  # also ends a process that is stopped

    def _computes(self, key: str) -> bool:
        """Whether a trial's mark belongs to a process at work; one that could not be removed (a full disk) does not."""
        with self.store.locked(key) as mine:
            return not mine


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped a process; one that a debugger holds is not meant."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1] == [b"T"]
    except OSError:
        if Path("/proc/self/stat").exists():
            return False  # the process has ended
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False
    )
    return listed.stdout.strip().startswith("T")
