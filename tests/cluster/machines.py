"""A cluster of this machine for tests: a scheduler and workers, each a process of its own, on loopback only."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import venv
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.trials.conftest import Toy

#: Seconds: a loaded machine is slow, not broken.
PATIENCE = 240
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")


def until(what, condition):
    """Return the first true value of a condition; fail where it does not come true."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"waited in vain for {what}")


class Machines:
    """Processes that a test starts; all are ended after it, each with what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.started: list[subprocess.Popen] = []

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, command, *, cwd=None, before="", **variables) -> subprocess.Popen:
        """Start a process in a session of its own; ``before``: what a shell does first; output goes to a log."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DASK_", "PYTEST_"))}
        plain = {"TMPDIR": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        log = self.folder / f"log-{len(self.started)}"
        shell = ["bash", "-c", f'{before}; exec "$@"', "bash"] if before else []
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*shell, *command], cwd=cwd or self.folder, env=inherited | plain | variables, stdin=subprocess.DEVNULL,
                stdout=sink, stderr=sink, start_new_session=True,
            )  # fmt: skip
        process.log = log
        self.started.append(process)
        return process

    def scheduler(self, *options, **variables) -> subprocess.Popen:
        """Start the scheduler; return when it listens."""
        command = [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            *LOOPBACK,
            "--port",
            str(self.port),
            *options,
        ]
        process = self.start(command, **variables)
        until("the scheduler", lambda: answers(self.port))
        return process

    def worker(self, *options, threads=1, python=sys.executable, scheduler="", **settings) -> subprocess.Popen:
        """Start a worker; it looks for the scheduler at another address where one is given."""
        command = [
            str(python), "-m", "distributed.cli.dask_worker", scheduler or self.address, *LOOPBACK, "--nworkers", "1",
            "--nthreads", str(threads), "--memory-limit", "0", *options,
        ]  # fmt: skip
        return self.start(command, **settings)

    def joined(self, *workers: subprocess.Popen) -> None:
        """Return when these workers have joined the scheduler."""
        for worker in workers:
            until("a worker to join", lambda log=worker.log: "Registered to:" in log.read_text())

    def kill(self, process: subprocess.Popen) -> None:
        """End a process and all that it started, at once."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)

    def end(self) -> None:
        """End everything: workers with their nannies first, so that no nanny starts another."""
        for process in reversed(self.started):
            self.kill(process)


#: Two trials that begin together where there is room for two, and wait.
HELD = """
import pathlib
EVENTS = pathlib.Path({events!r})

def begun(what):
    (EVENTS / f"began {{what}} {{os.getpid()}} {{os.getppid()}}").touch()
    while (EVENTS / "hold").exists():
        time.sleep(0.05)

@measurement(experiment=4, part=["a", "b"])
def held(seeds, noise, part):
    begun(part)
    return {{"height": 1 + noise(seeds), "long": np.cumsum(noise(seeds))[:, None] * np.ones(1000)}}

@claim("4.a", "They are high", seeds=8)
def test_held(held):
    return exceeds(held.height.sel(part="a"), by=0.5)
"""


class Suite:
    """The toy project on the cluster of a test."""

    def __init__(self, toy: Toy, machines: Machines, events: Path) -> None:
        self.toy, self.machines, self.events = toy, machines, events
        events.mkdir()

    def write(self, source: str = HELD) -> "Suite":
        """Write the usual claims with more, which knows where its events are."""
        self.toy.add(source.format(events=str(self.events)))
        return self

    def hold(self) -> None:
        """Let trials wait."""
        (self.events / "hold").touch()

    def go(self) -> None:
        """Let them go on."""
        (self.events / "hold").unlink()

    def began(self) -> list[tuple[str, int, int]]:
        """Return each beginning of a trial: its name, its process, and its worker's."""
        named = (path.name.split() for path in self.events.glob("began *"))
        return [(what, int(bench), int(worker)) for _, what, bench, worker in named]

    def under_way(self, *args: str, address: str = "") -> subprocess.Popen:
        """Start a run whose trials wait; return when a trial has begun."""
        self.hold()
        process = self.start(*args, address=address)
        until("a trial to begin", lambda: self.began() or process.poll() is not None)
        assert process.poll() is None, process.log.read_text()
        return process

    def start(self, *args: str, address: str = "") -> subprocess.Popen:
        """Start a run on the cluster."""
        command = self.toy.command("--cluster", address or self.machines.address, *args)
        return self.machines.start(command, cwd=self.toy.path)

    def ended(self, process: subprocess.Popen) -> str:
        """Wait for a run's end; return what it printed, and read what it reported."""
        process.wait(timeout=PATIENCE)
        self.toy.read()
        return process.log.read_text()

    def run(self, *args: str, address: str = "") -> tuple[int, str]:
        """Run on the cluster; return the exit status and what was printed."""
        process = self.start(*args, address=address)
        printed = self.ended(process)
        return process.returncode, printed

    def arrays(self) -> dict[str, dict[str, np.ndarray]]:
        """Return all stored arrays of the last run, by trial and name."""
        found = {}
        for path in self.toy.store("*.npz"):
            with np.load(path) as stored:
                found[path.stem] = dict(stored)
        return found


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(port: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


class Proxy:
    """Stands between two programs: what arrives at its port goes to another port, until it cuts all connections."""

    def __init__(self, port: int) -> None:
        self.there = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                here, _ = self.server.accept()
                other = socket.create_connection(("127.0.0.1", self.there))
            except OSError:
                return
            self.open += [here, other]
            for pair in ((here, other), (other, here)):
                threading.Thread(target=self._pour, args=pair, daemon=True).start()

    @staticmethod
    def _pour(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"tcp://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End all connections, and take new ones."""
        for each in self.open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """End all connections, and take no more."""
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.cut()


def without(folder: Path, *packages: str) -> Path:
    """Return the interpreter of a new environment that has all packages of this one but these."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    lacking = {name.lower() for name in packages}
    for path in (path for entry in sys.path if entry.endswith("site-packages") for path in Path(entry).iterdir()):
        here = site / path.name
        if path.suffix != ".pth" and path.name.partition("-")[0].lower() not in lacking and not here.exists():
            here.symlink_to(path)
    return folder / "bin" / "python"


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
