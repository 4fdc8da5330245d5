"""A run's trials on a cluster: what is wanted goes out, longest first; what comes back goes into the run's store.

One thread does all of this; the main thread judges meanwhile. A trial is given to one worker at a time, and comes back
to the queue where that worker dies. One that was on a dying worker is a suspect: it is tried again alone, so that no
neighbour is blamed for it.
"""

import hashlib
import heapq
import itertools
import json
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_claims.cluster import kinds
from pytest_claims.cluster.engine import Answer, Engine
from pytest_claims.cluster.worker import ROOT
from pytest_claims.errors import Attempt, ClusterError, TrialError
from pytest_claims.files import in_strings
from pytest_claims.running.interruption import undisturbed
from pytest_claims.running.schedule import expected
from pytest_claims.trials.conditions import in_words
from pytest_claims.trials.deadline import overdue
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import Store
from pytest_claims.trials.workshop import Trial

#: So often a trial may take its process, or its worker, with it.
TRIES = 3
#: Seconds between two looks at the workers, and until a thread that waits looks up.
LOOK, PAUSE = 1.0, 0.1


@dataclass(order=True)
class Task:
    """A trial on its way. The longest comes first, then the one that was asked for first."""

    cost: float
    order: int
    trial: Trial = field(compare=False)
    content: dict[str, Any] = field(compare=False)
    deaths: int = field(default=0, compare=False)  # of benches, and of workers that it was alone on


@dataclass(order=True)
class Spare:
    """A task for a worker that would wait; in vain where no claim that is still open can want it."""

    task: Task
    wanted: Callable[[], bool] = field(compare=False)


@dataclass
class Worker:
    """A worker as this run knows it: ``number`` in the order of joining; ``usable`` once it is ``met``, and alike."""

    address: str
    number: int
    slots: int
    met: bool = False
    usable: bool = False
    clearing: bool = False  # it gets nothing until it is idle: then a suspect has it for itself
    suspect: int | None = None  # the number of that task
    busy: dict[int, Task] = field(default_factory=dict)
    since: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why a task has no result."""

    sentence: str
    details: str = ""
    unsupported: bool = False


class Cluster:
    """The cluster as this run sees it; `trials.workshop.Elsewhere` and `running.postponed.Source`.

    ``broken`` says in a sentence why nothing more will come, or None. ``difference`` says why a result
    is not what this process has asked for; None where it is.
    """

    def __init__(self, engine: Engine, settings: Settings, spelled: str, wait: float) -> None:
        self.engine, self.settings, self.spelled, self.patience = engine, settings, spelled, wait
        self.store = Store(settings.folder / settings.run, "cluster")
        self.kind: Mapping[str, Any] = {}
        self.environment: Mapping[str, Any] = {}
        self.distributions: Mapping[str, str | None] = {}
        self.workers: dict[str, Worker] = {}
        self.notes: list[str] = []
        self.broken: str | None = None
        self.project, self.archive, self.root = "", b"", ""
        self._numbers = itertools.count(1)
        self._orders = itertools.count()
        self._todo: list[Task] = []
        self._suspects: list[Task] = []
        self._spare: list[Spare] = []
        self._known: set[str] = set()  # the keys of what is to do, on its way, or there
        self._in_vain: Counter[str] = Counter()  # spares that came to nothing, by their measurement
        self._wanted: set[str] = set()
        self._most = (0, 0)  # workers and slots
        self._failures: set[str] = set()
        self._inbox: queue.Queue[Task | Spare | dict[str, dict[str, Any]]] = queue.Queue()
        self._arrived = threading.Event()
        self.difference: Callable[[Mapping[str, Any]], str | None] = lambda _facts: None
        self._over = threading.Event()
        self._lonely = time.monotonic()  # since when no worker is usable
        self._thread = threading.Thread(target=self._run, name="claims-cluster", daemon=True)

    # -- before the first trial -----------------------------------------------------------------------------------

    def await_workers(self) -> None:
        """Return when a worker is there. Raises a ClusterError after the time to wait."""
        until = time.monotonic() + self.patience
        while not self.engine.slots():
            if time.monotonic() > until:
                raise ClusterError(
                    f"the scheduler answers, but no worker has joined it within {self.patience:g} s "
                    f"({self.settings.flag('cluster_wait')})"
                )
            time.sleep(PAUSE)

    def lay_out(self, archive: bytes, project: str, root: str) -> None:
        """Send the project to the workers that are there, and choose their kind. Raises a ClusterError."""
        self.archive, self.root = archive, root
        self.project = f"{project}-{os.urandom(4).hex()}"  # another run of it must not lose its benches with ours
        self.await_workers()
        slots = self.engine.slots()
        self._enter(slots)
        found = self.engine.kinds(list(slots), self.project, self.archive)
        able = {name: reply for name, reply in found.items() if "kind" in reply}
        if not able:
            raise ClusterError(f"none of its {len(found)} workers can measure: {_reasons(found)[0]}")
        self.kind = kinds.majority({name: reply["kind"] for name, reply in able.items()})
        first = next(reply for reply in able.values() if reply["kind"] == self.kind)
        self.environment, self.distributions = first["environment"], first.get("distributions", {})
        self._welcome(found)
        self._thread.start()

    def _enter(self, slots: Mapping[str, int]) -> None:
        """Give numbers to workers that have joined; what they are is not known yet."""
        for address in slots:
            self.workers[address] = Worker(address, next(self._numbers), slots[address])

    def _welcome(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Give work to those that are of the chosen kind; note the others."""
        others = []
        for address, reply in found.items():
            if address in self.workers:
                self.workers[address].met = True
            if reply.get("kind") == self.kind and address in self.workers:
                self.workers[address].usable = True
                self._lonely = time.monotonic()
            elif "kind" in reply:
                others.append(reply["kind"])
        self._most = max(self._most, (sum(worker.usable for worker in self.workers.values()), self.slots))
        self.notes += kinds.left_out(self.kind, others, len(self.workers))
        self.notes += [f"a worker is left out: {reason}" for reason in _reasons(found)]

    @property
    def slots(self) -> int:
        """How many trials can be measured at a time, at the moment."""
        return sum(worker.slots for worker in list(self.workers.values()) if worker.usable)

    def header(self) -> list[str]:
        """Return what the user is told when measuring begins, and what was noted since the last time."""
        usable = [worker for worker in list(self.workers.values()) if worker.usable]
        what = f"{len(usable)} worker{'s' * (len(usable) != 1)}, {self.slots} trials at a time"
        return [f"{self.spelled}: {what}, {self.kind.get('processor')}", *self.news()]

    def news(self) -> list[str]:
        """Return what was noted since the last time."""
        notes, self.notes = self.notes, []
        return [f"{self.spelled}: {note}" for note in dict.fromkeys(notes)]

    def facts(self) -> dict[str, Any]:
        """Return the field "cluster" of results.json: the workers' kind, the most that measured, those left out."""
        workers, cores = self._most
        others = sum(not worker.usable for worker in list(self.workers.values()))
        return {"kind": kinds.flat(self.kind), "workers": workers, "left_out": others, "cores": cores}

    # -- for the main thread ----------------------------------------------------------------------------------------

    def want(self, trial: Trial) -> None:
        """Ask for a trial, once."""
        if trial.key in self._wanted:
            return
        self._wanted.add(trial.key)
        self._inbox.put(self._task(trial))

    def spare(self, trial: Trial, wanted: Callable[[], bool]) -> None:
        """Measure a trial where nothing else is to do, if it may be ``wanted`` at that time; longest first."""
        self._inbox.put(Spare(self._task(trial), wanted))

    def _task(self, trial: Trial) -> Task:
        settings, known = self.settings, trial.known
        conditions = [in_words(condition) for condition in trial.measurement.conditions]
        content = {
            "key": trial.key,
            "nodeid": known.nodeid,
            "identity": known.name,
            "seeds": trial.seeds,
            "condition": conditions.index(in_words(trial.condition)),
            "patience": overdue(settings.timeout),
            "settings": {
                "stream": settings.stream,
                "engine": settings.engine,
                "timeout": settings.timeout,
                "run": settings.run,
                "short": settings.short,
            },
        }
        seconds = expected([trial], settings)[trial.key] or 1.0
        return Task(-seconds, next(self._orders), trial, content)

    def failed(self, keys: Iterable[str]) -> bool:
        """Whether one of these trials has failed."""
        return not self._failures.isdisjoint(keys)

    def wait(self, seconds: float) -> None:
        """Return when a trial has arrived since the last call, or after these seconds."""
        if self._arrived.wait(seconds):
            self._arrived.clear()

    def attempts(self) -> list[Attempt]:
        """Return what runs where."""
        return [
            Attempt(trial.key, f"worker-{worker.number}", worker.since[number], trial.label, trial.identity)
            for worker in list(self.workers.values())
            for number, task in list(worker.busy.items())
            for trial in [task.trial]
        ]  # fmt: skip

    def close(self) -> None:
        """Leave nothing behind: no task, no process, no file."""
        if not self._over.is_set():
            self._over.set()
            with undisturbed():
                if self._thread.is_alive():
                    self._thread.join(timeout=5)
                self.engine.close(self.project)

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        looked = 0.0
        try:
            while not self._over.is_set():
                if time.monotonic() - looked > LOOK:
                    looked = time.monotonic()
                    self._look()
                self._open_inbox()
                self._hand_out()
                for answer in self.engine.done(PAUSE):
                    self._take(answer)
                    self._arrived.set()
        except ClusterError as error:
            self.broken = f"{self.spelled}: {error}."
        except OSError as error:
            self.broken = f"{self.spelled}: trials cannot be stored here ({error.strerror or error})."
        except Exception as error:  # noqa: BLE001 - the main thread would wait for ever
            self.broken = f"{self.spelled}: {type(error).__name__}: {' '.join(str(error).split())}."
        finally:
            self._arrived.set()

    def _look(self) -> None:
        """Notice workers that are gone, and meet those that are new."""
        slots = self.engine.slots()
        for address in self.workers.keys() - slots.keys():
            worker = self.workers.pop(address)
            self.engine.cancel(list(worker.busy))
            self._left(worker)
        new = {address: slots[address] for address in slots.keys() - self.workers.keys()}
        if new:
            self._enter(new)
            threading.Thread(target=self._introduce, args=(new,), daemon=True).start()
        if self.slots or any(not worker.met for worker in self.workers.values()):
            self._lonely = time.monotonic()  # one that is being met may turn out to be of use
        elif time.monotonic() - self._lonely > max(self.patience, 2 * LOOK):
            why = f": {self.notes[-1]}" if self.notes else ""
            raise ClusterError(
                f"no worker has been left that can measure for {self.patience:g} s "
                f"({self.settings.flag('cluster_wait')}){why}"
            )

    def _introduce(self, new: Mapping[str, int]) -> None:
        """Meet new workers, beside the thread that keeps the others busy."""
        try:
            found = self.engine.kinds(list(new), self.project, self.archive)
        except ClusterError as error:  # if the scheduler is gone, `_look` finds out
            found = {address: {"unable": str(error)} for address in new}
        self._inbox.put(found)

    def _open_inbox(self) -> None:
        while True:
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(message, Task):
                if message.trial.key not in self._known:  # as a spare it may be on its way
                    self._known.add(message.trial.key)
                    heapq.heappush(self._todo, message)
            elif isinstance(message, Spare):
                heapq.heappush(self._spare, message)
            else:
                self._welcome(message)

    def _hand_out(self) -> None:
        """Fill the free slots; a suspect gets a worker of its own."""
        usable = [worker for worker in self.workers.values() if worker.usable]
        while self._suspects and (idle := next((worker for worker in usable if not worker.busy), None)):
            idle.clearing, idle.suspect = False, self._send(self._suspects.pop(0), idle)
        for worker in usable:
            worker.clearing = False
        free = [worker for worker in usable if worker.suspect is None]
        if self._suspects and free:
            min(free, key=lambda worker: len(worker.busy)).clearing = True
        for worker in sorted(free, key=lambda worker: len(worker.busy)):
            while self._todo and not worker.clearing and len(worker.busy) < worker.slots:
                self._send(heapq.heappop(self._todo), worker)
            while self._spare and not worker.clearing and len(worker.busy) < worker.slots:
                spare = heapq.heappop(self._spare)
                trial = spare.task.trial
                if trial.key not in self._known and self._in_vain[trial.identity] < TRIES and spare.wanted():
                    self._known.add(trial.key)
                    self._send(spare.task, worker)

    def _send(self, task: Task, worker: Worker) -> int:
        """Give a task to a worker; return its number."""
        number = next(self._orders)
        name = f"{task.trial.key}-{self.project}-{number}"
        worker.busy[number], worker.since[number] = task, time.time()
        self.engine.submit(number, worker.address, self.project, json.dumps(task.content | {"name": name}).encode())
        return number

    def _take(self, answer: Answer) -> None:
        """Store what came back, or try again."""
        worker = next((each for each in self.workers.values() if answer.number in each.busy), None)
        if worker is None:
            return  # it was given up already
        task = worker.busy[answer.number]
        alone = worker.suspect == answer.number
        del worker.busy[answer.number]
        if alone:
            worker.suspect = None
        # what the worker wrote about its copy of the project is about this one
        reply = in_strings(dict(answer.reply), lambda text: text.replace(ROOT, self.root))
        if answer.lost:
            self._suspect(task, alone=alone)
        elif "missing" in reply:
            self._again(task)
            if worker.usable:  # once: all of its tasks say so, and two at a time would be in each other's way
                worker.usable = False
                threading.Thread(target=self._introduce, args=({worker.address: worker.slots},), daemon=True).start()
        elif "unable" in reply:
            worker.usable = False
            self.notes.append(f"worker-{worker.number} is left out: {reply['unable']}")
            self._again(task)
        elif "died" in reply:
            self._died(task, reply)
        elif "facts" in reply:
            self._store(task, worker, reply, answer.data)
        else:
            self._fail(task, self._failure(task, reply))

    def _failure(self, task: Task, reply: Mapping[str, Any]) -> Failure:
        """Return why a worker has no result, from its reply."""
        if "stranger" in reply:
            differ = kinds.differences(self.kind, reply["stranger"])
            why = f"its environment differs ({differ})" if differ else f"{reply['what']} is not the same there"
            return Failure(f"{task.trial.label}: a worker of the cluster refused to measure it, because {why}.")
        sentence = str(reply["error"])
        if "FileNotFoundError" in sentence:
            sentence += (
                " Data files that travel to a cluster are named by @measurement(files=...) or the ini key claims_data."
            )
        return Failure(sentence, str(reply.get("details", "")), bool(reply.get("unsupported")))

    def _died(self, task: Task, reply: Mapping[str, Any]) -> None:
        """Try a trial again that took its bench with it; not one that was beyond its time."""
        task.deaths += 1
        if reply.get("late") or "Timeout (" in reply["details"]:  # what `deadline` writes when it ends a process
            sentence = (
                f"did not end within {self.settings.timeout:g} s ({self.settings.flag('timeout')}) and was stopped."
            )
            self._fail(task, Failure(f"{task.trial.label}: {sentence}", reply["details"]))
        elif task.deaths >= TRIES:
            self._fail(task, Failure(f"{task.trial.label}: {reply['died']}, {TRIES} times.", reply["details"]))
        else:
            self._again(task)

    def _again(self, task: Task) -> None:
        """Put a task back that has come to nothing, if it is wanted."""
        if not self._forgone(task):
            heapq.heappush(self._todo, task)

    def _forgone(self, task: Task) -> bool:
        """Whether to forget a task: no claim has asked for it, so it may not cost another try, or another worker.

        A claim that asks for it later gets it all the same. After some such of a measurement its others stay here, too.
        """
        spare = task.trial.key not in self._wanted
        if spare:
            self._known.discard(task.trial.key)
            self._in_vain[task.trial.identity] += 1
        return spare

    def _left(self, worker: Worker) -> None:
        """Take back what a dead worker had."""
        for number, task in worker.busy.items():
            self._suspect(task, alone=worker.suspect == number)

    def _suspect(self, task: Task, *, alone: bool) -> None:
        """Try a trial again, alone, whose worker has died; in company it is suspected at most once."""
        if self._forgone(task):
            return
        task.deaths = task.deaths + 1 if alone else max(task.deaths, 1)
        if task.deaths >= TRIES:
            self._fail(task, Failure(f"{task.trial.label}: its worker died while measuring it, {TRIES} times."))
        else:
            self._suspects.append(task)

    def _store(self, task: Task, worker: Worker, reply: Mapping[str, Any], data: bytes) -> None:
        facts = dict(reply["facts"])
        if hashlib.sha256(data).hexdigest() != facts.get("sha256"):
            self._died(task, {"died": "its result arrived damaged", "details": ""})
            return
        if (why := self.difference(facts)) is not None:
            if self._forgone(task):
                return  # what differs may be of this look alone, and all other results are compared, too
            worker.usable = False
            self.notes.append(f"worker-{worker.number} is left out: what it measured rests on something else ({why})")
            heapq.heappush(self._todo, task)
            return
        facts["worker"] = f"worker-{worker.number}.{reply.get('slot', 0)}"
        self.store.put(task.trial.key, data, facts)

    def _fail(self, task: Task, failure: Failure) -> None:
        error = TrialError(failure.sentence, failure.details, unsupported=failure.unsupported)
        self.store.save_error(task.trial.key, error, task.trial.identity)
        self._failures.add(task.trial.key)


def _reasons(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return why workers are unable, each reason once."""
    return list(dict.fromkeys(str(reply["unable"]) for reply in found.values() if "unable" in reply))
