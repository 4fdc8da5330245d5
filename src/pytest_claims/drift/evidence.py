"""The evidence of a claim that a later run is compared with, from a full `results.json` or a committed baseline.

A full record keeps every part's effect of each seed; a committed baseline keeps only the deciding part's. There,
evidence that several claims share (they use one measurement) is kept once, in a pool that the claims refer to.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_claims.record import PartRecord, Record
from pytest_claims.results import Results

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """Loss and gradient norm after `step` updates; None is a number that was not finite."""

    step: int
    loss: float | None
    gradient: float | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """One claim of one run.

    `inputs`: hash or hashes per purpose. `derived`: fingerprints per array. `trace`: the first steps of each probe.
    `numbers`: digest of every number that the verdict rests on. `values`: per part's text, its effect of each seed.
    """

    id: str
    record: Record
    inputs: Mapping[str, Any]
    derived: Mapping[str, Floats]
    trace: Mapping[str, tuple[Point, ...]]
    numbers: str | None
    values: Mapping[str, Floats]

    @property
    def verdict(self) -> str:
        """Supported, refuted, inconclusive or error."""
        return self.record.verdict

    @property
    def clock(self) -> bool:
        """Whether the claim is about measured time, so that only its verdict can be compared."""
        return self.record.clock

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return self.record.seeds or 0

    @property
    def first_look(self) -> int:
        """The seeds over which inputs and derived arrays are taken; in an older version, all of them."""
        return self.record.first_look or self.seeds

    @property
    def last_look(self) -> int:
        """The seeds to which this run would have gone; in an older version, which judged once, the number of seeds."""
        return self.record.last_look or self.seeds

    @property
    def places(self) -> frozenset[str]:
        """The conditions that the claim rests on, as the names in `derived` begin: ``by_depth[layers=2]``.

        Empty in a committed baseline, which keeps no trials.
        """
        trials = ((trial.measurement, trial.condition.items()) for trial in self.record.seconds_by_trial)
        return frozenset(f"{name}[{', '.join(f'{key}={value}' for key, value in items)}]" for name, items in trials)

    @property
    def has_looks(self) -> bool:
        """Whether it was judged at looks that the claim registered: not by an older version, nor by a quick look.

        A committed baseline does not keep the looks, but holds no quick one.
        """
        return self.record.last_look is not None and not (self.record.looks and self.record.is_quick)

    @property
    def design(self) -> tuple[str, str]:
        """The stream of the seeds and the engine that trained."""
        return self.record.stream, self.record.engine


def evidence_of(results: Results) -> dict[str, Evidence]:
    """Read every claim of a run, by id."""
    return {record.id: _evidence(record, results.evidence) for record in results.claims}


def _evidence(record: Record, pool: Mapping[str, Any]) -> Evidence:
    shared = pool.get(record.evidence or "")
    whole = record.extended(shared) if shared else record
    return Evidence(
        id=record.id,
        record=record,
        inputs=whole.inputs,
        derived={name: np.asarray(values, dtype=np.float64) for name, values in whole.derived.items()},
        trace={name: tuple(points) for name, points in probes(whole.trace or {})},
        numbers=numbers_of(record),
        values={part.text: np.asarray(part.values, dtype=np.float64) for part in parts_of(record) if part.values},
    )


def probes(trace: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, list[Point]]]:
    """Yield every probe of a trace with its points; conditions may nest the probes to any depth."""
    if isinstance(trace.get("step"), list):
        rows = zip(trace["step"], trace["loss"], trace["gradient"], strict=True)
        yield name, [Point(int(step), loss, gradient) for step, loss, gradient in rows]
        return
    for key, inner in trace.items():
        if isinstance(inner, Mapping):
            yield from probes(inner, f"{name}, {key}" if name else str(key))


def parts_of(record: Record) -> list[PartRecord]:
    """Return the parts, the deciding one first; where it is not known, in their own order."""
    first = record.deciding
    return list(record.parts) if first is None else [first, *(part for part in record.parts if part is not first)]


def numbers_of(record: Record) -> str | None:
    """Return a digest of the numbers of all conditions and parts, bit for bit; None where there are none."""
    if record.numbers:
        return record.numbers
    numbers = [[_hex(value) for value in row.values] for row in record.conditions]
    numbers += [[_hex(value) for value in part.values] for part in record.parts]
    if not any(numbers):
        return None
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:16]


def _hex(value: float | None) -> str | None:
    return None if value is None else float(value).hex()
