"""What runs inside a worker of the cluster: it lays the project out and keeps one bench for each trial at a time.

Loaded there from the project's archive by its file, so that neither scheduler nor worker need this library: it imports
the standard library alone. A bench is a process of its own; one that dies costs a try, not the worker.
"""

import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

#: What a bench sends when a trial's fixtures are there and its measurement begins.
BEGUN = b"begun"
#: In what is sent from a worker, the folder of the project is written like this.
ROOT = "<root>"
#: Seconds until a bench must have collected the project.
START = 900.0
#: So often a bench is started that somebody kills before it has.
STARTS = 3
#: Seconds until a worker must have said what it is.
PROBE = 300.0
#: Seconds in which what has begun must end: a reply after its first frame, a process after its stream.
GRACE = 30.0
#: Of what a bench wrote before it died so many bytes are kept.
TAIL = 6000
#: Variables of the worker's own pytest, if it has one, and what would change how a bench starts.
_NOT_FOR_BENCHES = ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_XDIST_WORKER")


# -- frames between worker and bench ----------------------------------------------------------------------------------


def send(stream: BinaryIO, *frames: bytes) -> None:
    """Write frames, each with its length before it."""
    for frame in frames:
        stream.write(struct.pack("<Q", len(frame)))
        stream.write(frame)
    stream.flush()


def receive(stream: BinaryIO, more: Callable[[], bool] = lambda: True) -> bytes | None:
    """Return a frame of an unbuffered stream (a buffer would hide from select what has come); None at its end.

    ``more`` returns whether to go on reading, as soon as something can be read.
    """
    head = _exactly(stream, 8, more)
    if len(head) < 8:  # noqa: PLR2004 - the bytes of a frame's length
        return None
    size = struct.unpack("<Q", head)[0]
    frame = _exactly(stream, size, more)
    return frame if len(frame) == size else None


def _exactly(stream: BinaryIO, count: int, more: Callable[[], bool]) -> bytes:
    parts = []
    while count and more() and (part := stream.read(min(count, 2**20))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def arrives(stream: BinaryIO, seconds: float, alive: Callable[[], bool] = lambda: True) -> bool:
    """Whether something can be read within these seconds; the end of the stream counts.

    What nobody writes any more is not waited for: ``alive`` returns whether the writer is there. A child that it has
    forked may hold the stream open.
    """
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([stream], [], [], min(left, 1.0))[0]:
            return True
        if not alive():
            return bool(select.select([stream], [], [], 0)[0])
    return False


# -- benches --------------------------------------------------------------------------------------------------------


class BenchDied(Exception):  # noqa: N818 - what happened
    """A bench ended, or did not answer in time. ``details`` is the end of what it wrote."""

    def __init__(self, sentence: str, details: str, *, late: bool = False) -> None:
        super().__init__(sentence)
        self.details = details
        self.late = late


def _environment(folder: Path) -> dict[str, str]:
    """Return the variables of a bench: the library that travelled comes first, and pytest's are the user's."""
    session = json.loads((folder / "session.json").read_text(encoding="utf-8"))
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_BENCHES}
    kept.update(session["variables"])
    path = os.pathsep.join(filter(None, [str(folder / "library"), kept.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path}


class Bench:
    """A bench, seen from the worker."""

    def __init__(self, folder: Path, slot: int) -> None:
        self.folder, self.slot = folder, slot
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the bench is
        # a session of its own: Ctrl-C in the terminal of a worker is for the worker, which ends its benches
        self.process = subprocess.Popen(
            # -P: the folder in which the worker was started is no place for modules
            [sys.executable, "-P", "-m", "pytest_claims.cluster.bench", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            bufsize=0,
            env=_environment(folder),
            start_new_session=True,
        )

    def ask(self, task: bytes, seconds: float) -> list[bytes]:
        """Return a bench's answer to a task, a reply and a file's bytes. Raises BenchDied."""
        assert self.process.stdin is not None  # noqa: S101 - a pipe
        with suppress(OSError):  # it is dead, as the next line finds
            send(self.process.stdin, task)  # type: ignore[arg-type]
        first = self.hear(START, late=False)
        if first != BEGUN:
            return [first, self.hear(GRACE)]
        return [self.hear(seconds), self.hear(GRACE)]

    def hear(self, seconds: float, *, late: bool = True) -> bytes:
        """Return the next frame. Raises BenchDied; ``late`` says whether time is the trial's own affair."""
        stream: Any = self.process.stdout
        until = time.monotonic() + seconds
        frame = receive(stream, lambda: arrives(stream, until - time.monotonic(), self._lives))
        if frame is not None:
            return frame
        overdue = self._lives() and time.monotonic() >= until
        if not overdue:
            with suppress(subprocess.TimeoutExpired):  # its stream has ended, and it is about to
                self.process.wait(timeout=GRACE)
        self.kill()
        if overdue:
            raise BenchDied(f"its process did not answer within {seconds:g} s", self._written(), late=late)
        code = self.process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit status {code}"
        raise BenchDied(f"its process {how}", self._written())

    def _lives(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it and all that it has started, whatever they do."""
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()

    def _written(self) -> str:
        size = self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, size - TAIL))
        return without_folder(self.log.read().decode(errors="replace"), self.folder)


class Project:
    """A run's project on one worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.benches: dict[int, Bench | None] = {}  # by slot; None while nobody is there
        self.busy: set[int] = set()
        self.over = False
        self._lock = threading.Lock()
        self._start = threading.Lock()

    def begin(self) -> dict[str, Any]:
        """Say what this worker is: ``kind`` and ``environment``, or why it is ``unable``."""
        session = json.loads((self.folder / "session.json").read_text(encoding="utf-8"))
        command = [sys.executable, "-P", "-m", "pytest_claims.cluster.bench", "--kind", session["engine"]]
        try:
            finished = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=PROBE,
                check=False,
                env=_environment(self.folder),
                cwd=self.folder,
            )
        except subprocess.TimeoutExpired:
            return {"unable": f"its Python did not start within {PROBE:g} s"}
        if finished.returncode:
            return {"unable": last_error(finished.stderr)}
        found: dict[str, Any] = json.loads(finished.stdout)
        return found

    def measure(self, task: bytes) -> tuple[bytes, bytes]:
        """Return the reply to a task as JSON, and the bytes of a trial's file.

        A task is JSON with ``name``, ``nodeid``, ``identity``, ``seeds``, ``condition``, ``key``, ``settings`` and
        ``patience``, in seconds. A reply holds ``facts`` and ``slot``, or ``error``; ``unable``, where this worker
        measures nothing at all; ``died``, where the trial took its bench with it.
        """
        slot = self._take()
        try:
            return self._asked(slot, task)
        except OSError as error:
            return _json({"unable": f"a process cannot be started there ({error.strerror or error})"}), b""
        finally:
            self.busy.discard(slot)

    def _asked(self, slot: int, task: bytes) -> tuple[bytes, bytes]:
        bench = self.benches.get(slot)
        if bench is None or bench.process.poll() is not None:
            try:
                bench = self._started(slot)
            except BenchDied as error:
                return _json({"unable": last_error(error.details) or str(error)}), b""
        try:
            reply, data = bench.ask(task, json.loads(task)["patience"])
        except BenchDied as error:
            self.benches[slot] = None
            return _json({"died": str(error), "details": error.details, "late": error.late}), b""
        return _json(json.loads(reply) | {"slot": slot}), data

    def _started(self, slot: int) -> Bench:
        """Return a new bench that has collected the project; one that is killed meanwhile gets a successor.

        Raises BenchDied where none starts.
        """
        for tried in range(1, STARTS + 1):
            bench = self.benches[slot] = Bench(self.folder, slot)
            if self.over:
                bench.kill()
            try:
                hello = json.loads(bench.hear(START))
                break
            except BenchDied:
                if tried == STARTS or self.over or (bench.process.returncode or 0) >= 0:
                    raise
        if "unable" in hello:
            bench.kill()
            raise BenchDied("it cannot collect the claims", str(hello["unable"]))
        return bench

    def _take(self) -> int:
        """Return the lowest slot that is free: one whose bench has started, if there is one."""
        with self._lock:
            free = [slot for slot in range(len(self.busy) + 1) if slot not in self.busy]
            self.busy.add(free[0])
            return free[0]

    def end(self) -> None:
        """End all benches; tasks that are under way get no result."""
        self.over = True
        for bench in list(self.benches.values()):
            if bench is not None:
                bench.kill()


def without_folder(text: str, folder: Path) -> str:
    """Return what was written on a worker, with `ROOT` for the project's folder and without the library's."""
    return text.replace(str(folder / "project"), ROOT).replace(f"{folder / 'library'}/", "")


def last_error(written: str) -> str:
    """Return the line that says what went wrong, of all that a process wrote."""
    lines = [line.removeprefix("E ").strip() for line in written.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line.partition(":")[0] or line.startswith("ERROR")]
    return (errors or lines or [""])[-1]


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()
