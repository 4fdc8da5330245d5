"""The trial store: one folder for each run, one npz file and one JSON file for each trial.

The JSON file is written last and makes a trial complete: it holds the facts about the trial, the npz file's checksum
and its own. All writes are atomic renames. A process that computes a trial holds its lock and leaves an attempt mark
meanwhile. A mark whose lock is free belongs to a process that died, so a trial that kills its process is tried only
once. Marks are kept in their run's folder: an earlier run that was interrupted leaves nothing that looks like a death.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_claims.errors import Attempt, TrialError
from pytest_claims.files import read_ordinary, write_atomically
from pytest_claims.trials.plan import Settings, flag

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr  # loaded only for arrays: the controller has none, and starts faster

ATTEMPT, LOCK, RESULT = ".attempt", ".lock", ".json"
FORMAT = 2
#: Says why a trial of an earlier run may not be taken over, from its facts; None where it may.
Accept = Callable[[Mapping[str, Any]], str | None]


@dataclass(frozen=True, eq=False)
class Stored:
    """A finished trial: what it measured, and the facts about it (label, seconds, worker, ledger, reused)."""

    dataset: xr.Dataset
    facts: dict[str, Any]


class Store:
    """The trials of one run in ``folder``; with ``reuse``, also those of the earlier runs in that folder."""

    def __init__(
        self, folder: Path, worker: str, reuse: Path | None = None, *, spelled: str = flag("reuse", short=False)
    ) -> None:
        self.folder = folder
        self.worker = worker
        self.spelled = spelled  # the option that reads earlier trials, as the user spells it
        self.refused: dict[str, str] = {}  # by key, why an earlier trial was not reused
        self.earlier = sorted(reuse.glob("run-*/"), reverse=True) if reuse is not None else []

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, key: str, accept: Accept | None = None) -> Stored | None:
        """Return a stored trial, None where there is none; a TrialError where it failed or its file is damaged.

        A trial of an earlier run is read where ``accept`` has nothing against it.
        """
        path = self._path(key, RESULT)
        if not path.exists():
            return None if accept is None else self._take_over(key, accept)
        facts = self._facts(path)
        if "error" in facts:
            unsupported = bool(facts.get("unsupported"))
            raise TrialError(str(facts["error"]), str(facts.get("details", "")), unsupported=unsupported)
        return Stored(unpack(self._checked(path, facts), facts), facts)

    def done(self, key: str) -> bool:
        """Whether a trial has finished, with a result or an error."""
        return self._path(key, RESULT).exists()

    def seconds(self, key: str) -> float | None:
        """Return how long a finished trial took; None for one that failed."""
        seconds = None
        with suppress(OSError, TrialError):
            seconds = self._facts(self._path(key, RESULT)).get("seconds")
        return None if seconds is None else float(seconds)

    def attempt(self, key: str) -> Attempt | None:
        """Return the mark of the process that is, or was, computing a trial; None without a mark."""
        return _attempt(self._path(key, ATTEMPT))

    def attempts(self) -> list[Attempt]:
        """Return all marks: the trials in flight, and those whose process died."""
        marks = (_attempt(path) for path in self.folder.glob(f"*{ATTEMPT}"))
        return sorted((mark for mark in marks if mark is not None), key=lambda mark: mark.started)

    def deaths(self) -> list[tuple[Attempt, str]]:
        """Return the stored attempts whose process died, each with its error's sentence."""
        deaths = [(Attempt(**facts["died"]), str(facts["error"])) for facts in self.all_facts() if facts.get("died")]
        return sorted(deaths, key=lambda death: death[0].started)

    def all_facts(self) -> Iterator[dict[str, Any]]:
        """Return the facts of this run's finished trials, as far as they can be read."""
        for path in sorted(self.folder.glob(f"*{RESULT}")):
            with suppress(OSError, TrialError):
                yield self._facts(path)

    def finished(self) -> dict[str, float]:
        """Return the keys of the finished trials, each with the time at which it finished."""
        times = {}
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(RESULT) and entry.name != PLAN:
                    with suppress(OSError):
                        times[entry.name.removesuffix(RESULT)] = entry.stat().st_mtime
        return times

    def _facts(self, path: Path) -> dict[str, Any]:
        """Return the facts of a trial; a TrialError where they are not what was written."""
        try:
            facts: dict[str, Any] = json.loads(read_ordinary(path))
            intact = facts.pop("checksum", None) == _checksum(facts)
        # AttributeError, TypeError: JSON that is no object. OSError: a folder in its place, or no right to read it.
        except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
            raise TrialError(self._damaged(path, str(error))) from error
        if not intact:
            raise TrialError(self._damaged(path, "its checksum does not match"))
        return facts

    def _damaged(self, path: Path, why: str) -> str:
        return f"The stored trial {path.parent.name}/{path.name} is damaged: {why}; {self._remedy}."

    @property
    def _remedy(self) -> str:
        return f"to measure again, delete it or run without {self.spelled}"

    def _checked(self, path: Path, facts: dict[str, Any]) -> bytes:
        """Return the stored arrays' bytes; a TrialError where they are not what was written."""
        arrays = path.with_suffix(".npz")
        data = b""  # a file that is missing or cannot be read has no right checksum either
        with suppress(OSError):
            data = read_ordinary(arrays)
        if hashlib.sha256(data).hexdigest() != facts.get("sha256"):
            raise TrialError(
                f"{facts.get('label', path.stem)}: the stored file {arrays.parent.name}/{arrays.name} is damaged: its "
                f"checksum does not match; {self._remedy}."
            )
        return data

    def _take_over(self, key: str, accept: Accept) -> Stored | None:
        """Copy a good trial of an earlier run into this one, marked as reused, and return it; None where there is none.

        A TrialError where there is none but a damaged one: what was measured must not be replaced unnoticed.
        """
        damaged: TrialError | None = None
        for folder in self.earlier:
            path = folder / f"{key}{RESULT}"
            if not path.exists():
                continue
            try:
                facts = self._facts(path)
                if "error" in facts:
                    continue
                data = self._checked(path, facts)
            except TrialError as error:
                damaged = damaged or error
                continue
            refused = accept(facts)
            if refused is not None:
                self.refused.setdefault(key, refused)
                continue
            facts["reused"] = True
            write_atomically(self._path(key, ".npz"), data)
            self._write(key, facts)
            return Stored(unpack(data, facts), facts)
        if damaged is not None:
            raise damaged
        return None

    def _write(self, key: str, facts: dict[str, Any]) -> None:
        """Write a trial's facts with their checksum."""
        write_atomically(self._path(key, RESULT), json.dumps(facts | {"checksum": _checksum(facts)}).encode())

    # -- computing ----------------------------------------------------------------------------------------------

    @contextmanager
    def locked(self, key: str) -> Iterator[bool]:
        """Hold a trial's lock; yield False where another process has it."""
        from filelock import FileLock, Timeout  # imports asyncio: a tenth of a second, for claims only

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path(key, LOCK), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(self, key: str, label: str, measurement: str) -> None:
        """Leave the attempt mark. A full disk is noticed here, before anything is trained."""
        mark = Attempt(key, self.worker, time.time(), label, measurement)
        write_atomically(self._path(key, ATTEMPT), json.dumps(mark.__dict__).encode())

    def end(self, key: str) -> None:
        """Remove the attempt mark."""
        self._path(key, ATTEMPT).unlink(missing_ok=True)

    def save(self, key: str, dataset: xr.Dataset, facts: dict[str, Any]) -> Stored:
        """Store a trial that succeeded; a TrialError where the file does not hold what was written."""
        data, facts = sealed(dataset, facts | {"worker": self.worker})
        self.put(key, data, facts)
        # read again: a claim that computes its trial is judged on what the next one will read
        return Stored(unpack(self._checked(self._path(key, RESULT), facts), facts), facts)

    def put(self, key: str, data: bytes, facts: dict[str, Any]) -> None:
        """Write a trial that was measured here or elsewhere, sealed and with the name of its worker."""
        if key in self.refused:
            facts["not_reused"] = self.refused[key]
        write_atomically(self._path(key, ".npz"), data)
        self._write(key, facts)

    def save_error(self, key: str, error: TrialError, measurement: str) -> None:
        """Store that a trial failed, so that no other claim tries it again in this run."""
        died = None if error.died is None else asdict(error.died)
        facts = {
            "error": str(error),
            "details": error.details,
            "died": died,
            "unsupported": error.unsupported,
            "worker": self.worker,
            "format": FORMAT,
        }
        self._write(key, facts)
        self.give_up(measurement)

    # -- a measurement with a failed trial is not prefetched any more ---------------------------------------------

    def give_up(self, measurement: str) -> None:
        """Note that a trial of this measurement failed."""
        with suppress(OSError):
            self._failed(measurement).touch()

    def given_up(self, measurement: str) -> bool:
        """Whether a trial of this measurement failed in this run."""
        return self._failed(measurement).exists()

    def _failed(self, measurement: str) -> Path:
        return self.folder / f"failed-{hashlib.sha256(measurement.encode()).hexdigest()[:16]}"

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / f"{key}{suffix}"


def _checksum(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


#: The claims and their trials, written by the process that collected them (running/expansion.py).
PLAN = "plan.json"


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file in one atomic step, with the folders it needs."""
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _attempt(path: Path) -> Attempt | None:
    try:
        mark = Attempt(**json.loads(read_ordinary(path)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return mark if isinstance(mark.started, int | float) else None


def died(mark: Attempt, settings: Settings) -> TrialError:
    """Return the error of a trial whose process died without a result, or was stopped because it hung."""
    if time.time() - mark.started > settings.timeout:
        limit = f"{settings.timeout:g} s ({settings.flag('timeout')})"
        return TrialError(f"{mark.label}: did not end within {limit} and was stopped.", died=mark)
    return TrialError(f"{mark.label}: its process ({mark.worker}) died while measuring.", died=mark)


def sealed(dataset: xr.Dataset, facts: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Return a trial as its npz file's bytes and its facts, which hold the bytes' checksum."""
    data, packed = pack(dataset, dict(facts.get("derived") or {}))
    return data, dict(facts) | packed | {"sha256": hashlib.sha256(data).hexdigest(), "format": FORMAT}


def pack(dataset: xr.Dataset, derived: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Return a Dataset and the derived fingerprints as npz bytes, and the JSON needed to read them: no pickle."""
    import numpy as np

    arrays: dict[str, np.ndarray[Any, Any]] = {}

    def put(values: Any) -> str:
        name = f"a{len(arrays)}"
        arrays[name] = np.asarray(values)
        return name

    def described(array: xr.DataArray) -> list[Any]:
        attributes = {str(key): value for key, value in array.attrs.items() if isinstance(value, str | int | float)}
        return [str(array.name), list(map(str, array.dims)), put(array.values), attributes]

    packed = {
        "variables": [described(array) for array in dataset.data_vars.values()],
        "coordinates": [described(array) for array in dataset.coords.values()],
        "derived": {name: put(values) for name, values in derived.items()},
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue(), packed


def unpack(data: bytes, facts: dict[str, Any]) -> xr.Dataset:
    """Return the Dataset; the fingerprints replace their arrays' names in ``facts``."""
    import numpy as np
    import xarray as xr

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    variables, coordinates = (
        {name: (dims, held[at], attributes) for name, dims, at, attributes in facts[part]}
        for part in ("variables", "coordinates")
    )
    facts["derived"] = {name: held[at] for name, at in facts["derived"].items()}
    return xr.Dataset(variables, coords=coordinates)
