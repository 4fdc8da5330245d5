"""What a claim's record holds for a later run to be compared with, in a full `results.json` or a committed baseline.

A full record keeps every part's effect of each seed; a committed baseline keeps the deciding part's, and evidence that
several claims share (they rest on one measurement) stands once, in a pool that the claims point into.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Record = Mapping[str, Any]


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
        return str(self.record.get("verdict", "error"))

    @property
    def clock(self) -> bool:
        """Whether the claim is about measured time, of which only the verdict can be compared."""
        return bool(self.record.get("clock"))

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return int(self.record.get("seeds") or 0)

    @property
    def design(self) -> tuple[str, str]:
        """Where the seeds come from and what trained them: the stream and the engine."""
        return str(self.record.get("stream") or "registered"), str(self.record.get("engine") or "torch")


def evidence_of(results: Mapping[str, Any]) -> dict[str, Evidence]:
    """Read every claim of a run, by id."""
    pool: Mapping[str, Record] = results.get("evidence") or {}
    return {str(record["id"]): _evidence(record, pool) for record in results["claims"]}


def _evidence(record: Record, pool: Mapping[str, Record]) -> Evidence:
    shared = {**record, **pool.get(str(record.get("evidence")), {})}
    derived = {name: np.asarray(values, dtype=np.float64) for name, values in (shared.get("derived") or {}).items()}
    return Evidence(
        id=str(record["id"]),
        record=record,
        inputs=shared.get("inputs") or {},
        derived=derived,
        trace={name: tuple(points) for name, points in probes(shared.get("trace") or {})},
        numbers=numbers_of(record),
        values={name: np.asarray(values, dtype=np.float64) for name, values in values_of(record).items()},
    )


def probes(trace: Record, name: str = "") -> Iterator[tuple[str, list[Point]]]:
    """Every probe of a trace with its points; conditions may nest the probes to any depth."""
    if isinstance(trace.get("step"), list):
        rows = zip(trace["step"], trace["loss"], trace["gradient"], strict=True)
        yield name, [Point(int(step), loss, gradient) for step, loss, gradient in rows]
        return
    for key, inner in trace.items():
        if isinstance(inner, Mapping):
            yield from probes(inner, f"{name}, {key}" if name else str(key))


def deciding(record: Record) -> Record | None:
    """Return the part that the record's top level repeats, None where there is none."""
    parts: list[Record] = record.get("parts") or []
    for part in parts:
        if part.get("effect") == record.get("effect") and part.get("interval") == record.get("interval"):
            return part
    return parts[0] if parts else None


def values_of(record: Record) -> dict[str, list[float | None]]:
    """Every part's effect of each seed, the deciding part first."""
    first = deciding(record)
    parts = [] if first is None else [first, *(part for part in record["parts"] if part is not first)]
    return {str(part["text"]): part["values"] for part in parts if part.get("values")}


def numbers_of(record: Record) -> str | None:
    """Digest of the numbers of all conditions and parts, bit for bit; None where the record holds none."""
    if record.get("numbers"):
        return str(record["numbers"])
    rows = record.get("conditions") or []
    numbers = [[_hex(value) for value in row.get("values") or []] for row in rows]
    numbers += [[_hex(value) for value in part.get("values") or []] for part in record.get("parts") or []]
    if not any(numbers):
        return None
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:16]


def _hex(value: float | None) -> str | None:
    return None if value is None else float(value).hex()
