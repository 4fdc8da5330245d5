"""Seeds: every random draw of a measurement, and the ledger that proves where it came from.

A draw is determined by (stream, experiment, seed, purpose) and nothing else:

    SeedSequence([code(stream), code(experiment), seed, code(purpose)])  ->  PCG64  ->  numpy Generator

where `code` is the first eight bytes of a name's SHA-256. The same purpose always gets a fresh generator in the same
state, so two conditions of a seed get the same dataset, the same initial weights and the same minibatches. The
global generators of numpy and torch are never touched.

A later run is compared with the ledger of a block, in this order (docs/statistics.md, "Drift between versions"):
`inputs`, hashes of raw draws (bitwise); `derived`, fingerprints of datasets and weights (rtol 1e-9); `trace`, loss
and gradient norm of the first training steps in float64 (rtol 1e-10).
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_claims.errors import SeedError
from pytest_claims.vocabulary import DEFAULT_ENGINE, REGISTERED

RAW_DRAWS = 8  # 64-bit words of a generator that enter its hash


class Seeds:
    """A block of seeds of one experiment.

    `values` are the seeds, in the order of every leading `seed` axis; `stream` separates the registered seeds from
    pilots ("pilot") and fresh ones ("fresh-N"); `engine` names the framework that `train` uses.
    """

    def __init__(
        self, experiment: int | str, values: Sequence[int], stream: str = REGISTERED, engine: str = DEFAULT_ENGINE
    ) -> None:
        self.experiment = str(experiment)
        self.values = tuple(int(value) for value in values)
        self.stream = stream
        self.engine = engine
        if not self.values:
            raise SeedError(f"experiment {experiment}: a block of seeds needs at least one seed")
        if len(set(self.values)) < len(self.values) or min(self.values) < 0:
            raise SeedError(f"experiment {experiment}: seeds must be distinct and not negative, got {self.values}")
        self.inputs: dict[str, list[str]] = {}
        self.derived: dict[str, NDArray[np.float64]] = {}
        self.trace: dict[str, dict[str, Any]] | None = None
        # operations of the matrix products so far, by dtype; None where they are not known (products.py)
        self.products: dict[str, float] | None = {}

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Seeds({self.experiment!r}, {self.values}, stream={self.stream!r}, engine={self.engine!r})"

    def generator(self, purpose: str) -> list[np.random.Generator]:
        """Return a fresh generator per seed for `purpose` ("data", "weights", "batches", or any name)."""
        generators = [np.random.Generator(bit_generator(self._sequence(seed, purpose))) for seed in self.values]
        hashes = [raw_hash(generator) for generator in generators]
        if len(set(hashes)) < len(hashes):
            raise SeedError(f"experiment {self.experiment}: two seeds of {self.values} draw the same {purpose!r}")
        self.inputs[purpose] = hashes
        return generators

    def integers(self, purpose: str) -> list[int]:
        """Return one non-negative integer below 2**31 per seed, for estimators that take `random_state`."""
        return [int(generator.integers(2**31)) for generator in self.generator(purpose)]

    def record(self, name: str, *arrays: NDArray[Any]) -> None:
        """Enter fingerprints of arrays with a leading seed axis into `derived`; a name used again is numbered."""
        columns = np.concatenate([fingerprints(array) for array in arrays], axis=1)
        self.derived[_unused(name, self.derived)] = columns

    def record_trace(self, name: str, trace: dict[str, Any]) -> None:
        """Enter the first training steps of one `train` call."""
        self.trace = {} if self.trace is None else self.trace
        self.trace[_unused(name, self.trace)] = trace

    def _sequence(self, seed: int, purpose: str) -> np.random.SeedSequence:
        return np.random.SeedSequence([_code(self.stream), _code(self.experiment), seed, _code(purpose)])


def bit_generator(sequence: np.random.SeedSequence) -> np.random.BitGenerator:
    """Make the bit generator of every draw."""
    return np.random.PCG64(sequence)


def raw_hash(generator: np.random.Generator) -> str:
    """Hash the raw words that `generator` would draw next, from a copy: the generator does not move."""
    words = copy.deepcopy(generator.bit_generator).random_raw(RAW_DRAWS)
    return hashlib.sha256(np.asarray(words, dtype="<u8").tobytes()).hexdigest()[:16]


def fingerprints(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return three float64 numbers per seed, (S, 3): sum |x|, the sum weighted by position, and weighted sum |x + 1|.

    All terms are positive: nothing cancels, so a comparison at rtol 1e-9 is well conditioned. The weights by position
    detect a change of order, the shift by one detects a change of sign.
    """
    rows = np.asarray(array).reshape(len(array), -1)
    weight = np.linspace(1.0, 2.0, rows.shape[1])
    result = np.empty((len(rows), 3))
    for seed, row in enumerate(rows):  # one seed at a time: a block of wide datasets must not be doubled in memory
        values = row.astype(np.float64)
        size = np.abs(values)
        result[seed] = size.sum(), size @ weight, np.abs(values + 1.0) @ weight
    return result


def refuse_beyond_memory(what: str, wanted: float) -> None:
    """Raise a MemoryError where `what` takes more bytes, `wanted`, than the machine has memory.

    Without this check the system may promise the memory, and later end the process without a message.
    """
    held = memory_of_this_machine()
    if held is not None and wanted > held:
        raise MemoryError(
            f"{what} would take {wanted / 1024**3:,.0f} GiB, and this machine has {held / 1024**3:,.0f} GiB: ask for "
            "fewer rows, dimensions, units or seeds."
        )


def memory_of_this_machine() -> int | None:
    """Return the bytes of physical memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _code(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}.{number}"
    return candidate
