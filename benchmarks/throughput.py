"""How many trials a second one process can have measured on a cluster: ``python -m benchmarks.throughput [TRIALS]``.

``python -m benchmarks.throughput --write docs/cluster.md`` writes it into the docs.

The real controller and a real scheduler, each a process of its own, on loopback; the workers measure nothing and answer
at once with a result of usual size. So what is measured is the way of a trial from the queue to the store. Beside the
rate stand processor time and memory of the two processes that every trial passes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from benchmarks.document import IncompleteError, replaced
from benchmarks.ledger import machine
from pytest_claims.cluster.session import Cluster
from pytest_claims.trials.plan import Settings

TRIALS, BYTES = 10_000, 18_000
#: With few threads the way to the worker and back would be measured, not what the two processes can do.
WORKERS, THREADS = 2, 64
BEGIN = "<!-- begin: written by `python -m benchmarks.throughput --write docs/cluster.md` -->"
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
#: Seconds until the scheduler must have written where it is.
PATIENCE = 120.0


def pretended(size: int) -> Callable[[str, bytes], tuple[bytes, bytes]]:
    """Return what a worker does instead of measuring: a closure, which travels by value."""

    def measure(_project: str, _task: bytes) -> tuple[bytes, bytes]:
        import hashlib
        import json
        import random

        data = random.Random(0).randbytes(size)  # noqa: S311 - bytes that no compression makes smaller
        facts = {"seconds": 1.0, "inputs": "x" * 1500, "sha256": hashlib.sha256(data).hexdigest()}
        return json.dumps({"facts": facts}).encode(), data

    return measure


def trial(number: int) -> Any:
    """Return what the controller looks at of a trial."""
    measurement = SimpleNamespace(conditions=[{}], seconds=lambda _seeds, _condition: 1.0)
    known = SimpleNamespace(nodeid="claims/test_pretended.py::test", name="pretended")
    return SimpleNamespace(
        key=f"pretended-{number}", known=known, measurement=measurement, condition={}, seeds=tuple(range(8)),
        shape="pretended", label=f"pretended, number {number}", identity="pretended",
    )  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """What ``trials`` took: ``seconds`` of wall time; processor seconds and the growth of memory in MB, by process."""

    trials: int
    seconds: float
    processor: Mapping[str, float]
    memory: Mapping[str, float]

    def text(self) -> str:
        """Say it in a sentence."""
        each = " and ".join(
            f"{1000 * seconds / self.trials:.1f} ms of the {name}'s" for name, seconds in self.processor.items()
        )
        more = " and ".join(f"{grown:+.0f} MB of the {name}'s" for name, grown in self.memory.items())
        return (
            f"{self.trials:,} trials of {BYTES / 1000:.0f} kB, on {WORKERS} workers of {THREADS} threads, in "
            f"{self.seconds:.0f} s, {self.trials / self.seconds:.0f} a second. Each takes {each} processor time. "
            f"From the first tenth to the end: {more} memory."
        )


def flow(cluster: Cluster, trials: int, processes: Mapping[str, psutil.Process]) -> Flow:
    """Let a cluster that is laid out measure so many trials."""
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    memory: dict[str, int] = {}
    begun = time.monotonic()
    for number in range(trials):
        cluster.want(trial(number))
    waiting = list(reversed(range(trials)))
    while waiting:
        cluster.wait(1.0)
        if cluster.broken:
            raise RuntimeError(cluster.broken)
        # in the order in which they were asked for: looking for all of them each time would take half of the time
        while waiting and cluster.store.done(f"pretended-{waiting[-1]}"):
            waiting.pop()
        if not memory and len(waiting) <= 0.9 * trials:
            memory = {name: process.memory_info().rss for name, process in processes.items()}
    seconds = time.monotonic() - begun
    return Flow(
        trials,
        seconds,
        {name: sum(process.cpu_times()[:2]) - before[name] for name, process in processes.items()},
        {name: (process.memory_info().rss - memory[name]) / 1e6 for name, process in processes.items()},
    )


def measured(trials: int, folder: Path) -> Flow:
    """Start a scheduler and workers in a folder, measure, and end them."""
    from pytest_claims.cluster.addresses import parse
    from pytest_claims.cluster.dask_engine import DaskEngine

    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    commands = [[*dask, "scheduler", *LOOPBACK, "--port", "0", "--scheduler-file", str(file)]]
    commands += [
        [*dask, "worker", "--scheduler-file", str(file), *LOOPBACK, "--nthreads", str(THREADS), "--no-nanny",
         "--local-directory", str(folder)]
    ] * WORKERS  # fmt: skip
    started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]
    try:
        until = time.monotonic() + PATIENCE
        while not (file.exists() and _whole(file)):
            if time.monotonic() > until:
                raise RuntimeError("the scheduler did not start")
            time.sleep(0.1)
        engine = DaskEngine(parse(str(file), folder))
        settings = Settings(folder=folder, run="run-pretended")
        (folder / settings.run).mkdir()
        cluster = Cluster(engine, settings, "pretended", PATIENCE)
        alike = {"kind": {"versions": {}, "processor": "pretended", "system": "pretended"}, "environment": {}}
        engine.kinds = lambda workers, _project, _archive: dict.fromkeys(workers, alike)  # type: ignore[method-assign]
        engine.measure = pretended(BYTES)
        cluster.lay_out(b"", "pretended", "")
        try:
            return flow(cluster, trials, {"controller": psutil.Process(), "scheduler": psutil.Process(started[0].pid)})
        finally:
            cluster.close()
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def _whole(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_text(encoding="utf-8")))
    except ValueError:  # it is being written
        return False


def main(arguments: list[str] | None = None) -> int:
    """Print what so many trials took; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("trials", type=int, nargs="?", default=TRIALS, help=f"how many trials (default {TRIALS})")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the part between the markers of FILE, too")
    chosen = parser.parse_args(arguments)
    if chosen.trials < 1:
        parser.error("give a number of trials from 1.")
    try:
        if chosen.write is not None:
            replaced(chosen.write.read_text(encoding="utf-8"), BEGIN, "")  # before minutes are spent on it
        with tempfile.TemporaryDirectory() as folder:
            said = measured(chosen.trials, Path(folder)).text()
        sys.stdout.write(said + "\n")
        if chosen.write is not None:
            page = chosen.write.read_text(encoding="utf-8")
            facts = machine()
            origin = f"Measured on {facts['cpu']}, {facts['platform']}, Python {facts['python']}:"
            chosen.write.write_text(replaced(page, BEGIN, f"{origin} {said}"), encoding="utf-8")
    except IncompleteError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{chosen.write} cannot be read or written ({error.strerror}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
