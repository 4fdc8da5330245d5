"""Assay sensitivity: whether this run could have seen a difference at all.

"The five losses end alike" and "not worse than" also hold in a run in which nothing works. So such a claim names a
constant, what a predictor reaches that learned nothing, and its arms must beat that constant by at least the claim's
margin (ICH E10, *Choice of control group in clinical trials*, 2000, section 1.5). Where arms are *meant* to fail, the
arm that must beat the constant is a positive control: another arm of the same measurement, which is known to work.

These parts are judged at the level of a support, and a claim is supported only if they all are. They never refute, a
refutation needs none of them, they count in no conjunction's number of parts, and the reverse of a claim has none.
"""

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np

from pytest_claims.inference.arms import contrasts, evidence, resolution_of, single, step_of
from pytest_claims.inference.interval import Floats
from pytest_claims.inference.labels import Label, say
from pytest_claims.inference.parts import Part

REAL = int | float | np.integer | np.floating


def assay_parts(arms: Any, against: Any, by: float, *, lower_is_better: bool = False) -> tuple[Part, ...]:
    """Return one part for each arm: the arm minus the constant is above ``by``.

    ``arms`` is an array over seeds, each of whose conditions is an arm; ``against`` a number, or an array over the same
    seeds whose conditions, if it has any, are those of the arms. ``lower_is_better``: the constant minus the arm.
    """
    resolution = resolution_of(None, arms, against)
    sign = -1.0 if lower_is_better else 1.0
    arms = evidence(arms)
    rows: list[tuple[str, Floats, Mapping[str, Label], Floats, float]]
    if isinstance(against, REAL):
        constant = float(against)
        rows = [
            (
                _in_words(text, say(constant), sign),
                sign * (values - constant),
                coords,
                values,
                _largest(values, constant),
            )
            for text, values, coords in single(arms)
        ]
    else:
        rows = [
            (pair.text if sign > 0 else pair.opposite, sign * pair.values, pair.coords, pair.first, pair.scale)
            for pair in contrasts(arms, evidence(against))
        ]
    return tuple(
        Part(text, values, (float(by), inf), "gain", float(by), coords=coords, scale=scale,
             resolution=step_of(raw) if resolution is None else resolution)
        for text, values, coords, raw, scale in rows
    )  # fmt: skip


def _largest(arm: Floats, constant: float) -> float:
    """Return the largest magnitude among the numbers that are compared."""
    return max(float(np.abs(arm).max()), abs(constant))


def _in_words(arm: str, constant: str, sign: float) -> str:
    return f"{arm} minus the constant {constant}" if sign > 0 else f"the constant {constant} minus {arm}"


def assay_fault(regions: Sequence[tuple[str, tuple[float, float]]], against: Any, by: Any) -> str:
    """Say why an assay makes no sense for a claim with these kinds and regions; "" where it does.

    ``by`` is at least the claim's margin: the farther end from zero of a region of differences, and for a level the
    distance of its bound from the constant, where that is a number.
    """
    if isinstance(by, bool) or not isinstance(by, REAL) or not isfinite(by) or by <= 0:
        return "An arm beats the constant by more than a number above zero, which is fixed before there are data."
    margins = [_margin(kind, region, against) for kind, region in regions]
    least = max(margins, default=0.0)
    # 0.55 - 0.5 is 0.05, whatever the last bits are
    if by < least and not np.isclose(by, least):
        return f"An arm must beat the constant by at least the claim's margin, {least:.3g}, not by {by:.3g}."
    return ""


def _margin(kind: str, region: tuple[float, float], against: Any) -> float:
    """Return the least that an arm must beat the constant by; 0 where the claim names no such number."""
    ends = [end for end in region if isfinite(end)]
    if kind in {"difference", "equivalence"}:
        return max((abs(end) for end in ends), default=0.0) if region[0] < 0 < region[1] else 0.0
    if kind == "level" and isinstance(against, REAL):
        return min((abs(end - float(against)) for end in ends), default=0.0)
    return 0.0
