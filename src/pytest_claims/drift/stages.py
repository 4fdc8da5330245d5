"""Where a run departs from its baseline, in order: inputs, derived arrays, first steps, final numbers.

The order is that of cause and effect, so the first stage that differs is where to look. The first steps are compared in
float64, before rounding grows into chaos: they distinguish a changed optimiser from a changed last bit.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pytest_claims.drift.evidence import Evidence, Floats, Point

Stage = Literal["inputs", "derived", "trace", "numbers", "effect", "verdict"]
#: What pages call the stages, in the order in which they are compared.
IN_WORDS: Mapping[Stage, str] = {
    "inputs": "raw draws",
    "derived": "derived arrays",
    "trace": "first steps",
    "numbers": "final numbers",
    "effect": "drift",
    "verdict": "verdict",
}
#: Same, different, or not compared, because a run lacks the stage or an earlier stage makes it meaningless.
State = Literal["same", "differs", "not compared"]

DERIVED_RTOL = 1e-9
TRACE_RTOL = 1e-10
#: Below this a loss or a gradient norm is rounding of zero (the constant loss has a gradient of zero).
TRACE_ATOL = 1e-13


@dataclass(frozen=True)
class Finding:
    """What a stage showed; `names` are the purposes or arrays that differ, `size` by how much (relative)."""

    state: State
    names: tuple[str, ...] = ()
    size: float | None = None


NOT_COMPARED = Finding("not compared")


@dataclass(frozen=True)
class Departure:
    """The first training step at which a probe departed from its baseline, and the number that did."""

    probe: str
    step: int
    number: Literal["loss", "gradient"]
    was: float | None
    now: float | None
    agreed: int | None  # the last step compared at which everything agreed, None where step 0 differs

    @property
    def relative(self) -> float:
        """Relative difference; infinite where one of the two is not finite."""
        if self.was is None or self.now is None:
            return math.inf
        return abs(self.now - self.was) / max(abs(self.was), abs(self.now))

    @property
    def place(self) -> str:
        """Where training departed, in words."""
        return f"step {self.step}, in {'the loss' if self.number == 'loss' else 'the gradient (the loss agrees)'}"

    @property
    def cause(self) -> str:
        """The cause that this leaves."""
        if self.agreed is None:
            part = "the forward pass or the loss" if self.number == "loss" else "the backward pass"
            return f"before any update, so {part} changed"
        last = "step 0" if self.agreed == 0 else f"steps 0 to {self.agreed}"
        return f"loss and gradient agree at {last}, so the update of the weights changed"


def inputs(was: Evidence, now: Evidence) -> Finding:
    """Compare the hashes of the generators' raw draws; hashes of other blocks of seeds cannot be compared."""
    return _finding(was, now, was.inputs, now.inputs, lambda was, now: None if was == now else math.inf)


def derived(was: Evidence, now: Evidence) -> Finding:
    """Compare the fingerprints of datasets, initial weights and minibatches at rtol 1e-9."""
    return _finding(was, now, was.derived, now.derived, _gap)


def _finding(
    was: Evidence,
    now: Evidence,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    gap: Callable[[Any, Any], float | None],
) -> Finding:
    pairs = dict(counterparts(ours, theirs, now.places))
    if not pairs or was.first_look != now.first_look:
        return NOT_COMPARED
    different = {name: size for name, pair in pairs.items() if (size := gap(*pair)) is not None}
    if not different:
        return Finding("same")
    size = max(different.values())
    return Finding("differs", tuple(different), size if math.isfinite(size) else None)


def counterparts(
    was: Mapping[str, Any], now: Mapping[str, Any], places: Collection[str]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Pair entries by name.

    An array that all conditions share has one entry, `measurement/purpose`; another has one for each condition,
    `measurement[layers=2]/purpose`. A change under one condition turns the first form into the second. So does a claim
    that looks at fewer conditions now (``only=``) the other way round, and of those it does not look at, nothing is
    compared: ``places`` holds those that it does, empty where that is not known.
    """
    for name, value in now.items():
        other = was.get(name, was.get(_unconditional(name)))
        if other is not None:
            yield name, (other, value)
    for name, value in was.items():
        place = f"{name.partition(']/')[0]}]"
        if name not in now and _unconditional(name) in now and (not places or place in places):
            yield name, (value, now[_unconditional(name)])


def _unconditional(name: str) -> str:
    return re.sub(r"\[.*\](?=/)", "", name)


def _gap(was: Floats, now: Floats) -> float | None:
    """Largest relative difference, None within the tolerance, infinite where shapes differ or numbers are missing."""
    if was.shape != now.shape:
        return math.inf
    if np.allclose(was, now, rtol=DERIVED_RTOL, atol=0.0, equal_nan=True):
        return None
    size = np.maximum(np.abs(was), np.abs(now))
    gap = float(np.max(np.abs(now - was) / np.where(size > 0, size, 1.0)))
    return gap if math.isfinite(gap) else math.inf


def departure(was: Evidence, now: Evidence) -> Departure | None:
    """Return the earliest departure of all probes; of equally early ones, the largest."""
    pairs = counterparts(was.trace, now.trace, now.places)
    firsts = [first for name, (ours, theirs) in pairs if (first := _first(name, ours, theirs)) is not None]
    return min(firsts, key=lambda first: (first.step, first.number == "gradient", -first.relative), default=None)


def traces_compared(was: Evidence, now: Evidence) -> bool:
    """Whether both runs probed the same training."""
    return any(True for _ in counterparts(was.trace, now.trace, now.places))


def _first(probe: str, was: tuple[Point, ...], now: tuple[Point, ...]) -> Departure | None:
    later = {point.step: point for point in now}
    agreed: int | None = None
    for point in was:
        other = later.get(point.step)
        if other is None:
            continue
        if not _agree(point.loss, other.loss):
            return Departure(probe, point.step, "loss", point.loss, other.loss, agreed)
        if not _agree(point.gradient, other.gradient):
            return Departure(probe, point.step, "gradient", point.gradient, other.gradient, agreed)
        agreed = point.step
    return None


def _agree(was: float | None, now: float | None) -> bool:
    if was is None or now is None:
        return was is now
    return math.isclose(was, now, rel_tol=TRACE_RTOL, abs_tol=TRACE_ATOL)


def numbers(was: Evidence, now: Evidence) -> Finding:
    """Compare every number of the conditions and parts, bit for bit."""
    if was.numbers is None or now.numbers is None:
        return NOT_COMPARED
    return Finding("same" if was.numbers == now.numbers else "differs")
