"""Dask distributed as the engine: the only module that imports it.

Nothing of this library is pickled by reference: functions for workers are closures, which travel by value, and what
they do is in `worker`, which they load from the archive. A task names its worker, so that this process knows what runs
where, and counts its own tries. Whoever reaches a scheduler's port runs code on all workers: what is started here
listens on loopback only, both web servers included.
"""

import asyncio
import json
import logging
import platform
import queue
import threading
import warnings
from collections.abc import Callable, Collection
from contextlib import suppress
from importlib import metadata
from typing import Any

from pytest_claims.cluster.addresses import Address
from pytest_claims.cluster.engine import Answer
from pytest_claims.errors import ClusterError

try:
    import dask
    from distributed import Client, LocalCluster
    from distributed.core import rpc
    from distributed.security import Security
except ImportError as error:
    raise ClusterError(
        "it needs Dask's package distributed, which is not installed: pip install 'pytest-claims[cluster]'"
    ) from error
except Exception as error:  # a configuration file that is no YAML
    raise ClusterError(
        f"Dask cannot be loaded; see its configuration ({' '.join(str(error).split()) or type(error).__name__})"
    ) from error

#: Both web servers of a local cluster; by default they listen on all interfaces.
LOOPBACK = "127.0.0.1:0"
#: Seconds until a scheduler must answer; what is no scheduler may never.
PATIENCE = 20.0
#: Seconds until workers must have taken an archive and said what they are.
LAYING_OUT = 600.0


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """Return what a call returns, or raise what it raises; a TimeoutError after some seconds, whatever it does then."""
    found: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()

    def attempt() -> None:
        try:
            found.put((what(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            found.put((None, error))

    threading.Thread(target=attempt, name="claims-cluster-call", daemon=True).start()
    try:
        value, error = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return value


# -- what runs on workers -------------------------------------------------------------------------------------------
# Closures: what a module holds by name would be looked for on the worker.


def _layer() -> Callable[..., Any]:
    """Return what lays the project out on a worker, and asks what it is."""

    async def lay_out(project: str, version: str, archive: bytes | None, dask_worker: Any = None) -> dict[str, Any]:
        import asyncio
        import importlib.metadata
        import importlib.util
        import io
        import shutil
        import sys
        import zipfile
        from pathlib import Path

        def lay() -> dict[str, Any]:
            here = importlib.metadata.version("distributed")
            if here != version:
                return {"unable": f"it has distributed {here}, this run {version}"}
            if project not in sys.modules and archive is None:
                return {"missing": True}
            if project not in sys.modules and archive is not None:
                folder = Path(dask_worker.local_directory).resolve() / project
                try:
                    shutil.rmtree(folder, ignore_errors=True)
                    zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
                except OSError as error:
                    shutil.rmtree(folder, ignore_errors=True)
                    return {"unable": f"the project cannot be stored there ({error.strerror or error})"}
                file = folder / "library" / "pytest_claims" / "cluster" / "worker.py"
                spec: Any = importlib.util.spec_from_file_location(project, file)
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                module.__dict__["PROJECT"] = module.Project(folder)
                sys.modules[project] = module
            found: dict[str, Any] = sys.modules[project].__dict__["PROJECT"].begin()
            return found

        return await asyncio.to_thread(lay)

    return lay_out


def _measurer() -> Callable[..., Any]:
    """Return what measures a trial on a worker."""

    def measure(project: str, task: bytes) -> tuple[bytes, bytes]:
        import sys

        if project not in sys.modules:  # the worker is another one, which has the address of a dead one
            return b'{"missing": true}', b""
        answer: tuple[bytes, bytes] = sys.modules[project].__dict__["PROJECT"].measure(task)
        return answer

    return measure


def _ender() -> Callable[..., Any]:
    """Return what ends a project's benches on a worker, and removes its files."""

    async def end(project: str) -> None:
        import asyncio
        import shutil
        import sys

        def forget() -> None:
            module = sys.modules.pop(project, None)
            if module is not None:
                module.__dict__["PROJECT"].end()
                shutil.rmtree(module.__dict__["PROJECT"].folder, ignore_errors=True)

        await asyncio.to_thread(forget)

    return end


# -- this process ---------------------------------------------------------------------------------------------------


class DaskEngine:
    """A scheduler with its workers, or some of one's own; see `engine.Engine`. Construction raises a ClusterError."""

    def __init__(self, address: Address) -> None:
        # its notes would stand under every claim that fails; what matters is said by the errors below
        for name in ("distributed", *logging.root.manager.loggerDict):
            if name.partition(".")[0] == "distributed":  # some have levels of their own, by Dask's configuration
                logging.getLogger(name).setLevel(logging.CRITICAL)
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
        try:
            self.cluster = _local(address.local) if address.local else None
            self.client = _connected(address) if self.cluster is None else _client(self.cluster)
        except ClusterError:
            raise
        except Exception as error:
            raise ClusterError(f"Dask does not start here; see its configuration ({_words(error)})") from error
        self.measure, self.lay_out, self.end = _measurer(), _layer(), _ender()
        self.flying: dict[int, Any] = {}
        self._back: queue.Queue[tuple[int, Any] | Answer] = queue.Queue()

    def slots(self) -> dict[str, int]:
        """Return the threads of each worker, by its address."""
        try:
            found = within(PATIENCE, lambda: self.client.scheduler_info(n_workers=-1))
        except Exception as error:
            raise ClusterError(f"the scheduler is gone ({_words(error)})") from error
        if self.client.status != "running":
            raise ClusterError("the scheduler is gone")
        return {name: int(worker["nthreads"]) for name, worker in found["workers"].items()}

    def kinds(self, workers: Collection[str], project: str, archive: bytes) -> dict[str, dict[str, Any]]:
        """Lay the project out; the archive goes to workers that have not had it."""
        version = metadata.version("distributed")
        found = self._run(self.lay_out, project, version, None, workers=list(workers))
        missing = [name for name, reply in found.items() if "missing" in reply]
        return found | (self._run(self.lay_out, project, version, archive, workers=missing) if missing else {})

    def _run(self, function: Callable[..., Any], *arguments: Any, workers: list[str]) -> dict[str, dict[str, Any]]:
        """Call a function on workers; where it raises, the reply is why that worker is ``unable``."""
        try:
            found = within(
                LAYING_OUT, lambda: self.client.run(function, *arguments, workers=workers, on_error="return")
            )
        except Exception as error:
            raise ClusterError(f"the connection to the scheduler was lost ({_words(error)})") from error
        return {
            name: {"unable": _words(reply)} if isinstance(reply, BaseException) else reply
            for name, reply in found.items()
        }

    def submit(self, number: int, worker: str, project: str, task: bytes) -> None:
        """Give a task to one worker and no other; its name makes another key of each try."""
        future = self.client.submit(
            self.measure, project, task, key=json.loads(task)["name"], workers=[worker], allow_other_workers=False,
            pure=False,
        )  # fmt: skip
        self.flying[number] = future
        future.add_done_callback(lambda done: self._back.put((number, done)))

    def cancel(self, numbers: Collection[int]) -> None:
        """Cancel tasks."""
        futures = [self.flying.pop(number) for number in numbers if number in self.flying]
        if futures:
            with suppress(Exception):  # a scheduler that is gone is noticed by `slots`
                within(PATIENCE, lambda: self.client.cancel(futures, force=True))

    def done(self, seconds: float) -> list[Answer]:
        """Return what has come back.

        Results are fetched by a thread of their own: a worker that dies with one is noticed meanwhile, and cancelling
        what it had ends the fetching.
        """
        back: list[tuple[int, Any] | Answer] = []
        with suppress(queue.Empty):
            back.append(self._back.get(timeout=seconds))
            while True:
                back.append(self._back.get_nowait())
        answers = [each for each in back if isinstance(each, Answer)]
        here = [each for each in back if not isinstance(each, Answer) and each[0] in self.flying]
        answers += [self._failed(number, future) for number, future in here if future.status != "finished"]
        good = [(number, future) for number, future in here if future.status == "finished"]
        if good:
            threading.Thread(target=self._fetch, args=(good,), name="claims-cluster-fetch", daemon=True).start()
        return [answer for answer in answers if self.flying.pop(answer.number, None) is not None]

    def _fetch(self, good: list[tuple[int, Any]]) -> None:
        """Put the answers of finished tasks into the queue: all at once, or one by one where one of them is lost."""
        try:
            values = self.client.gather([future for _, future in good])
        except Exception:  # noqa: BLE001 - whatever it is, the result is not here
            if len(good) == 1:
                self._back.put(Answer(good[0][0], lost=True))
            else:
                for each in good:
                    self._fetch([each])
            return
        for (number, _), (reply, data) in zip(good, values, strict=True):
            self._back.put(Answer(number, json.loads(reply), data))

    def _failed(self, number: int, future: Any) -> Answer:
        """Return the answer of a task that has no result: its worker died, or could not run it at all."""
        if future.status != "error":
            return Answer(number, lost=True)
        error = future.exception()
        lost = type(error).__name__ == "KilledWorker"
        return Answer(number, lost=lost, reply={} if lost else {"unable": _words(error)})

    def close(self, project: str) -> None:
        """End the project's benches; close the client, and what was started here."""
        flying, self.flying = list(self.flying.values()), {}

        def leave() -> None:
            self.client.cancel(flying, force=True)
            self.client.run(self.end, project, on_error="ignore")

        for step in (leave, lambda: self.client.close(timeout=5), self.cluster.close if self.cluster else None):
            if step is not None:
                with suppress(Exception):
                    within(10, step)


def _local(processes: int) -> Any:
    """Return a scheduler and a worker inside this process, for so many benches."""
    # a machine that has slept has not lost its own worker
    with warnings.catch_warnings(), dask.config.set({"distributed.scheduler.worker-ttl": None}):
        warnings.simplefilter("ignore")  # a port that is taken, a machine with little memory
        return LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=processes, processes=False, protocol="inproc://", memory_limit=0,
            dashboard_address=LOOPBACK, worker_dashboard_address=LOOPBACK, silence_logs=logging.CRITICAL,
        )  # fmt: skip


def _client(where: Any) -> Any:
    return Client(where, timeout=PATIENCE, set_as_default=False, name="pytest-claims")  # type: ignore[no-untyped-call]


def _connected(address: Address) -> Any:
    """Return a client of a scheduler; a ClusterError, soon, where something else listens there."""
    url = address.url
    secure = url.startswith("tls://")
    security: Any = Security()  # type: ignore[no-untyped-call] # certificates are named in Dask's own configuration
    other = "tcp://, without encryption, or it refuses this certificate" if secure else "tls://"
    try:
        arguments = security.get_connection_args("client")
    except Exception as error:
        raise ClusterError(
            f"the certificates that Dask's configuration names cannot be used ({_words(error)})"
        ) from error
    if secure and arguments.get("ssl_context") is None:
        raise ClusterError(
            "tls:// needs certificates, which Dask's configuration names: distributed.comm.tls.ca-file, .client.cert "
            "and .client.key"
        )

    async def identity() -> Any:
        remote: Any = rpc(url, timeout=PATIENCE / 2, connection_args=arguments)  # type: ignore[no-untyped-call]
        try:
            return await asyncio.wait_for(remote.identity(), PATIENCE)
        finally:
            await remote.close_rpc()

    try:
        # a client that cannot connect tries again for minutes, and holds up the end of this process
        found = within(PATIENCE + 5, lambda: asyncio.run(identity()))
    except Exception as error:
        raise ClusterError(
            f"no scheduler of Dask answers there ({_words(error)}); perhaps something else listens on that port, or it "
            f"speaks {other}"
        ) from error
    if not isinstance(found, dict) or found.get("type") != "Scheduler":
        raise ClusterError("what answers there is no scheduler; perhaps it is one of its workers")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are compared in `_check_versions`
            client = within(PATIENCE + 5, lambda: _client(url))
    except Exception as error:
        raise ClusterError(f"the scheduler does not take this client ({_words(error)})") from error
    _check_versions(client)
    return client


def _check_versions(client: Any) -> None:
    """Raise a ClusterError where the scheduler has another version of distributed than this process."""
    try:
        # not `get_versions`, which asks all workers: one that does not answer is no reason
        found = within(PATIENCE, lambda: client.sync(client.scheduler.versions))
        here, there = metadata.version("distributed"), found["packages"]["distributed"]
    except Exception as error:
        within(PATIENCE, client.close)
        raise ClusterError(f"the scheduler does not say its versions ({_words(error)})") from error
    if here != there:
        within(PATIENCE, client.close)
        raise ClusterError(
            f"the scheduler has distributed {there}, this process {here} (Python {platform.python_version()}); install "
            "the same version on both"
        )


def _words(error: BaseException) -> str:
    """Return an error in one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
