"""Where trials are made: a claim asks for its blocks, and each is read from the store, computed, or waited for.

A stored block is read. A block that no process is computing is computed here. Only a block that another process is
computing is waited for, and no longer than a trial may take. No process ever waits for queued work: a process
prefetches its next item, so it could be waiting for itself. Instead of waiting it computes queued trials of other
claims.
"""

import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, Protocol

import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pytest_claims import _compat
from pytest_claims.errors import ClaimWarning, TrialError, TrialTimeout, UnsupportedError
from pytest_claims.outcomes import Postponed
from pytest_claims.trials.canonical import NoCanonicalForm, canonical, digest
from pytest_claims.trials.conditions import Condition, in_words, said
from pytest_claims.trials.deadline import deadline, heeding_interrupts
from pytest_claims.trials.dependencies import (
    Reached,
    Version,
    canonical_name,
    departure,
    difference_elsewhere,
    rests_on,
)
from pytest_claims.trials.fingerprint import kind, library
from pytest_claims.trials.identity import Identity, identify
from pytest_claims.trials.isolation import isolated
from pytest_claims.trials.labelled import labelled
from pytest_claims.trials.measurements import Handle, Measurement, blocks
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import FORMAT, Store, Stored, died
from pytest_claims.trials.tracing import Reads, tracing
from pytest_claims.trials.turns import stopped

#: Seconds that a claim waits, beyond the time limit, for a trial that another process is computing.
GRACE = 30.0
POLL = (0.02, 0.25)
NOTHING = Reads()


@dataclass(frozen=True)
class Trial:
    """One block of seeds of a measurement under one condition: the unit of work and of storage."""

    key: str
    known: Identity = field(compare=False)
    seeds: tuple[int, ...]
    condition: Condition = field(compare=False)

    @property
    def measurement(self) -> Measurement:
        """The measurement as declared."""
        return self.known.measurement

    @property
    def identity(self) -> str:
        """What its measurement is called in this run: no other has the same name."""
        return self.known.name

    @property
    def place(self) -> str:
        """Measurement and condition: ``by_depth, layers=2``."""
        return ", ".join(filter(None, [self.measurement.name, in_words(self.condition)]))

    @property
    def series(self) -> tuple[str, str]:
        """What the blocks of one condition have in common, and no other trial of this run."""
        return self.identity, in_words(self.condition)

    @property
    def label(self) -> str:
        """The trial in words: ``by_depth, layers=2, seeds 0-7``."""
        return f"{self.place}, seeds {self.seeds[0]}-{self.seeds[-1]}"

    @property
    def shape(self) -> str:
        """Trials that share this take about as long, whatever the run."""
        return f"{self.known.place} {self.place} x{len(self.seeds)}"


class Elsewhere(Protocol):
    """Where a run's trials are measured if not by its own processes.

    ``kind`` is what of those machines the numbers depend on (`fingerprint.kind`), ``distributions`` what is installed
    there (`dependencies.distributions`).
    """

    kind: Mapping[str, Any]
    distributions: Mapping[str, str | None]

    def want(self, trial: Trial) -> None:
        """Ask for a trial, whose result appears in the run's store; asked again, do nothing."""


class Workshop:
    """Makes and fetches trials for one process; with ``elsewhere`` it only fetches them."""

    def __init__(self, settings: Settings, config: pytest.Config, elsewhere: Elsewhere | None = None) -> None:
        self.settings = settings
        self.config = config
        self.elsewhere = elsewhere
        self.store = Store(
            settings.folder / settings.run, settings.worker, settings.reuse, spelled=settings.flag("reuse")
        )
        self._identities: dict[tuple[str, str], Identity] = {}
        self.queue: list[Trial] = []
        self.handles: dict[str, Handle] = {}
        self.setups: dict[Any, Reads] = {}  # what each fixture read while it was set up

    # -- which trials a claim needs -------------------------------------------------------------------------------

    def identity(self, item: pytest.Item, name: str, measurement: Measurement) -> Identity:
        """Return a measurement as an item gets it under ``name``."""
        at = item.nodeid, name
        if at not in self._identities:
            self._identities[at] = identify(item, name, measurement, self.config.rootpath)
        return self._identities[at]

    def trials(self, known: Identity, needed: int, only: Mapping[str, Any]) -> list[Trial]:
        """Return the trials that ``needed`` seeds of a measurement take, under each of the conditions in ``only``."""
        chunks = blocks(known.measurement.block, needed, clip=self.settings.clip)
        conditions = known.measurement.conditions_of(only)
        return [self.trial(known, seeds, condition) for condition in conditions for seeds in chunks]

    def trial(self, known: Identity, seeds: tuple[int, ...], condition: Condition) -> Trial:
        """Return one trial, with its key."""
        facts = self._facts() | dict(known.facts) | {"seeds": seeds}
        functions: list[FunctionType] = []
        try:
            facts["condition"] = canonical(dict(condition), functions)
        except NoCanonicalForm as error:
            facts["condition"] = list(map(str, condition))
            known = replace(known, private=f"its condition holds {error}")
        if functions:
            known = replace(known, functions=(*known.functions, *functions))
        if known.private is not None:
            facts |= {"claim": known.nodeid, "run": self.settings.run, "private": repr(condition)}
        return Trial(f"{known.measurement.name}-{digest(facts)[:24]}", known, seeds, condition)

    def _facts(self) -> dict[str, Any]:
        """Return what the numbers of all trials of this run depend on."""
        return {
            "format": FORMAT,
            "library": library(),
            "stream": self.settings.stream,
            "engine": self.settings.engine,
            **(kind(self.settings.engine) if self.elsewhere is None else self.elsewhere.kind),
        }

    def _departure(self, trial: Trial, facts: Mapping[str, Any]) -> str | None:
        """Say why an earlier trial may not be reused; None where it may."""
        return departure(facts["rests_on"], trial.known, self._option, self._version)

    def difference_elsewhere(self, facts: Mapping[str, Any]) -> str | None:
        """Say why a trial that was measured elsewhere is not the one that this process asked for; None where it is.

        Its code, the variables and the project's files that it read are as they are here, the packages that it used as
        on the workers that measure.
        """
        rests = facts.get("rests_on")
        return None if rests is None else difference_elsewhere(rests, self.config.rootpath, self._version)

    @property
    def _version(self) -> Version | None:
        """Returns a distribution's version on a cluster of another kind than this process; else None: as here."""
        if self.elsewhere is None or dict(self.elsewhere.kind) == kind(self.settings.engine):
            return None
        installed = self.elsewhere.distributions
        return lambda name: installed.get(canonical_name(name))

    def _option(self, name: str) -> Any:
        """Return an option by its destination, an ini value by "ini" and its name, an attribute by "config" and its.

        None where there is none.
        """
        kind, _, rest = name.partition(" ")
        try:
            if kind == "config" and rest:
                return getattr(self.config, rest, None)
            return self.config.getini(rest) if kind == "ini" and rest else getattr(self.config.option, name, None)
        except ValueError:
            return None

    # -- fetching ---------------------------------------------------------------------------------------------------

    def collect(self, wanted: Iterable[tuple[Handle, Trial]]) -> dict[str, Stored]:
        """Return all trials by key: read, computed here, or waited for. Raises the first TrialError.

        Raises Postponed where trials are being measured elsewhere.
        """
        todo = list(wanted)
        confined = any(trial.known.confined for _, trial in todo)
        for _, trial in todo:  # a trial that has failed already ends the claim before anything more is trained
            self._refuse_dead(trial)
        collected: dict[str, Stored] = {}
        pause = POLL[0]
        while todo:
            left = []
            for handle, trial in todo:
                stored = self.obtain(handle, trial)
                if stored is None:
                    left.append((handle, trial))
                else:
                    collected[trial.key] = stored
            if left and self.elsewhere is not None:
                raise Postponed(trial.key for _, trial in left)
            if len(left) == len(todo):
                for _, trial in left:
                    self._not_forever(trial)
                if confined or not self._help():
                    time.sleep(pause)
                    pause = min(2 * pause, POLL[1])
            todo = left
        return collected

    def prefetch(self, handle: Handle, trial: Trial) -> None:
        """Compute a trial if no process has; a failure is stored, and the claims report it."""
        if self.store.given_up(trial.identity) or self.store.done(trial.key):
            return
        try:
            self.obtain(handle, trial)
        except TrialError:
            return

    def _help(self) -> bool:
        """Compute a queued trial instead of waiting; return whether there was one.

        Others take from the front of the queue, where the long trials are, so this takes from the end.
        """
        if stopped(self.store.folder):
            return False
        self.queue = [trial for trial in self.queue if not self.store.done(trial.key)]
        able = [trial for trial in self.queue if trial.identity in self.handles and not trial.known.confined]
        if able:
            self.queue.remove(able[-1])  # never look at it again, even if another process computes it
            self.prefetch(self.handles[able[-1].identity], able[-1])
        return bool(able)

    def obtain(self, handle: Handle, trial: Trial) -> Stored | None:
        """Return a trial, computed here if need be; None while another process is computing it."""
        self.handles[trial.identity] = handle
        accept = partial(self._departure, trial)
        with storing(trial):
            stored = self.store.read(trial.key, accept)
            if stored is not None:
                return stored
            if self.elsewhere is not None:
                self.elsewhere.want(trial)
                return None
            with self.store.locked(trial.key) as mine:
                if not mine:
                    return None
                stored = self.store.read(trial.key)  # another process may have just stored it
                if stored is not None:
                    return stored
                if (mark := self.store.attempt(trial.key)) is not None:
                    raise self._failed(trial, died(mark, self.settings))
                return self._compute(handle, trial)

    def ask(self, trial: Trial, want: Callable[[Trial], None] | None = None) -> None:
        """Ask for a trial that is measured elsewhere, unless this run or the one that it reuses has it.

        ``want`` asks in another way than `Elsewhere.want`.
        """
        with suppress(TrialError), storing(trial):  # its claims report the failure
            if self.elsewhere is not None and self.store.read(trial.key, partial(self._departure, trial)) is None:
                (want or self.elsewhere.want)(trial)

    def _refuse_dead(self, trial: Trial) -> None:
        """Raise a trial's known failure before any other trial is computed for the same claim."""
        with storing(trial):
            if self.store.done(trial.key):
                self.store.read(trial.key)
            if self.store.done(trial.key) or (mark := self.store.attempt(trial.key)) is None:
                return
            with self.store.locked(trial.key) as mine:
                if mine and not self.store.done(trial.key) and self.store.attempt(trial.key) is not None:
                    raise self._failed(trial, died(mark, self.settings))

    def _not_forever(self, trial: Trial) -> None:
        """Raise a TrialError where another process takes too long over a trial."""
        mark = self.store.attempt(trial.key)
        if mark is not None and time.time() - mark.started > self.settings.timeout + GRACE:
            raise TrialError(
                f"{trial.label}: {mark.worker} has worked on it for more than the {self.settings.timeout:g} s that a "
                f"trial may take ({self.settings.flag('timeout')})."
            )

    # -- computing --------------------------------------------------------------------------------------------------

    def _compute(self, handle: Handle, trial: Trial) -> Stored:
        """Run a trial whose lock is held; store its result, or its failure."""
        self.store.begin(trial.key, trial.label, trial.identity)
        try:
            dataset, facts = self.measure(handle, trial)
            with storing(trial):
                return self.store.save(trial.key, dataset, facts)
        except TrialError as error:
            raise self._failed(trial, error) from error
        finally:
            self.store.end(trial.key)

    def _failed(self, trial: Trial, error: TrialError) -> TrialError:
        """Store a failure for the other claims, if the disk has room; return it."""
        try:
            self.store.save_error(trial.key, error, trial.identity)
            self.store.end(trial.key)
        except OSError:
            self.store.give_up(trial.identity)
        return error

    def measure(self, handle: Handle, trial: Trial) -> tuple[xr.Dataset, dict[str, Any]]:
        """Return a trial's labelled result and the facts about it; store nothing. Raises a TrialError."""
        settings = self.settings
        reached = Reached(trial.known.functions, Path(trial.measurement.file))
        with warnings.catch_warnings(record=True) as caught, tracing(self.config) as reads:
            seeds, returned, times = self._run(handle, trial)
        for definition in trial.known.definitions:
            reads.include(self.setups.get(definition, NOTHING))
        dataset = labelled(returned, trial.seeds, trial.label, trial.condition)
        facts = {
            "label": trial.label,
            "shape": trial.shape,
            **times,
            "measurement": trial.measurement.name,
            "seeds": [trial.seeds[0], trial.seeds[-1]],
            "condition": said(trial.condition),
            "stream": settings.stream,
            "engine": settings.engine,
            "inputs": {name: list(map(str, hashes)) for name, hashes in (getattr(seeds, "inputs", None) or {}).items()},
            "trace": getattr(seeds, "trace", None),
            "products": {str(dtype): float(n) for dtype, n in (getattr(seeds, "products", None) or {}).items()},
            "derived": {name: np.asarray(values) for name, values in (getattr(seeds, "derived", None) or {}).items()},
            "rests_on": rests_on(trial.known, reached, reads),
            "warnings": sorted({f"{warning.category.__name__}: {warning.message}" for warning in caught}),
        }
        return dataset, facts

    def _run(self, handle: Handle, trial: Trial) -> tuple[Any, Any, dict[str, float]]:
        """Call the measurement on one thread within the time limit; every failure becomes a TrialError."""
        settings = self.settings
        began, start, busy = time.time(), time.perf_counter(), time.process_time()
        try:
            limit = deadline(settings.timeout, hard=settings.worker != "main")
            with heeding_interrupts(), isolated() as watch, threadpool_limits(1), limit:
                seeds = handle.factory(
                    handle.measurement.experiment, seeds=trial.seeds, stream=settings.stream, engine=settings.engine
                )
                returned = handle.run(seeds, trial.condition)
        except TrialTimeout as error:
            raise TrialError(
                f"{trial.label}: did not end within {settings.timeout:g} s ({settings.flag('timeout')})."
            ) from error
        except UnsupportedError as error:
            raise TrialError(f"{trial.label}: {error}", unsupported=True) from error
        except _compat.RAISED as error:
            words = " ".join(str(error).split()) or "no message"
            raise TrialError(f"{trial.label}: {type(error).__name__}: {words}", traceback.format_exc()) from error
        if watch.fault is not None:
            raise TrialError(f"{trial.label}: {watch.fault}")
        seconds, processor = time.perf_counter() - start, time.process_time() - busy
        times = {"seconds": round(seconds, 4), "processor_s": round(processor, 4), "began": round(began, 3)}
        return seeds, returned, times


@contextmanager
def storing(trial: Trial) -> Iterator[None]:
    """Turn an error of the file system into a TrialError that names no path of this machine."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise TrialError(f"{trial.label}: the trial could not be stored ({reason}).") from error


def replay_warnings(name: str, stored: Iterable[Stored]) -> None:
    """Repeat the trials' warnings at their claim, whichever process ran the trials."""
    for text in sorted({text for trial in stored for text in trial.facts.get("warnings", ())}):
        warnings.warn(f"{name}: {text}", ClaimWarning, stacklevel=2)
