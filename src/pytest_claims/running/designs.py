"""What a claim asks, found without data: its function is run with placeholders instead of measurements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isclose, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_claims import _compat
from pytest_claims.errors import DesignError
from pytest_claims.inference.adjustment import FEWEST_ADJUSTED
from pytest_claims.inference.design import (
    Design,
    Placeholder,
    cannot_decide,
    cannot_refute,
    describe_design,
    faulty,
    smallest_detectable,
)
from pytest_claims.inference.forecast import expected_seeds
from pytest_claims.results import natural
from pytest_claims.running.judging import returned
from pytest_claims.running.looks import Schedule, registered, schedule
from pytest_claims.running.pilots import PILOTS
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import VERDICTS, visible

#: A pilot without any spread: its claim is decided at the first look.
SMALLEST_SD = 1e-12


def design_of(item: pytest.Item, claim: Claim) -> Design | str:
    """Return a claim's design, or why it is not known without data."""
    function = getattr(item, "obj", None)
    if function is None:
        return "it is not a function"
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    arguments = {name: chosen.get(name, Placeholder()) for name in _compat.argument_names(item)}
    try:
        hypothesis, _ = returned(function(**arguments), claim)
    except DesignError as error:
        return faulty(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - placeholders do not support all that data do; a skip or exit counts when the claim runs
        return said(error).splitlines()[0]
    return hypothesis if isinstance(hypothesis, Design) else "it does not depend on a measurement"


def said(error: BaseException) -> str:
    """Return an exception in words, also where it has none: ``ValueError: the oven is cold``."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - somebody else's exception
        text = "it has no text"
    return visible(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def undecidable(design: Design | str, claim: Claim) -> str | None:
    """Say why a claim can never be supported; None where it can.

    Its registered seeds must suffice where that verdict is expected of them, else those of its deepest look.
    """
    if isinstance(design, str):
        return None
    if design.adjusted and claim.first < FEWEST_ADJUSTED:
        return (
            f"Claim {claim.id} is adjusted for a covariate, which is judged from {FEWEST_ADJUSTED} seeds on, but its "
            f"first look is at {claim.first}: register looks=({FEWEST_ADJUSTED},) and at least as many seeds."
        )
    n = claim.seeds if claim.registered == VERDICTS[0] else claim.deepest
    why = cannot_decide(design, n, registered(claim).level)
    return None if why is None else f"The design of claim {claim.id} cannot decide: {why}"


@dataclass(frozen=True)
class Row:
    """A claim's line in the table of ``--design``."""

    id: str
    seeds: tuple[int, ...]  # the looks of this run
    deepest: int  # look
    alpha: float
    asks: str
    sd: float | None
    detectable: float | None
    needs: int | None  # seeds that would probably decide, by the pilot
    note: str
    ends: float | None = None  # after how many seeds judging ends on average, by the pilot
    cost: float | None = None  # core-seconds until then, of all that the claim rests on


def row(item: pytest.Item, claim: Claim, settings: Settings, a_seed: float | None) -> Row:
    """Describe a claim's design, with the spread that its pilot had; ``a_seed``: what a seed costs in core-seconds."""
    design = design_of(item, claim)
    plan = schedule(claim, settings)
    n, alpha = plan.last, plan.looks.level
    pilot = PILOTS.read(Path(item.path).parent / PILOTS.name).get(claim.id, {})
    sd = pilot.get("gain_sd", pilot.get("sd"))
    asked = Row(claim.id, plan.seeds, claim.deepest, alpha, "not known without data", sd, None, pilot.get("needs"), "")
    if isinstance(design, str):
        return replace(asked, note=design)
    member = _deciding(design, pilot.get("margin"))
    mismatch = _mismatch(member, pilot)
    quick = plan.looks.quick
    detectable = None if mismatch or quick else smallest_detectable(member, n, sd, alpha)
    note = "a quick look supports nothing" if quick else cannot_decide(design, n, alpha)
    note = note or cannot_refute(design, n, alpha)
    if note is None and detectable is None and member.estimator != "exact":
        note = "no pilot" if sd is None else mismatch or _out_of_reach(n)
    if member.kind == "time" and detectable is not None:
        detectable = 2**detectable  # a factor, like the margin
    ends = None if mismatch else _ends(member, pilot, plan)
    cost = None if ends is None or a_seed is None else ends * a_seed
    asks = describe_design(design)
    return replace(asked, asks=asks, detectable=detectable, note=note or "", ends=ends, cost=cost)


def _ends(design: Design, pilot: Mapping[str, Any], plan: Schedule) -> float | None:
    """Return after how many seeds judging ends on average, if the pilot's mean and spread are the true ones."""
    mean, sd = pilot.get("mean"), pilot.get("sd")
    if design.estimator == "exact":
        return float(plan.seeds[0])
    if mean is None or sd is None:
        return None
    region, margin = design.region, pilot.get("margin")
    if design.kind == "ordered" and margin is not None and not isclose(margin, design.margin):
        region = (margin, inf)  # the pilot's mean is that of a step between neighbours, which may fall by a tolerance
    spread = None if design.estimator == "count" else max(sd, SMALLEST_SD)
    tied = 0.0 if spread is None else pilot.get("tied") or 0.0
    return expected_seeds(region, mean, spread, plan.looks, plan.seeds, np.random.default_rng(0), tied)


def _deciding(design: Design, margin: float | None) -> Design:
    """Return the member of a conjunction that the pilot's spread belongs to: the member with the same margin."""
    return next((part for part in design.members if margin is not None and isclose(part.margin, margin)), design)


def _mismatch(design: Design, pilot: Mapping[str, Any]) -> str | None:
    """Say why a pilot's spread does not belong to what the design asks; None where it does."""
    if pilot.get("counted") and "gain_sd" not in pilot:
        return "in the pilot most seeds tied, so they were counted"
    step = design.kind == "ordered" and "gain_sd" not in pilot and not isclose(pilot.get("margin", nan), design.margin)
    if "sd" in pilot and (design.members or step):
        return "the pilot's spread is of one part, not of the whole claim"
    return None


def _out_of_reach(n: int) -> str:
    """Say that no effect is detectable with a pilot's spread."""
    return f"with the pilot's spread {n} seeds cannot confirm even the middle of the range"


def table(rows: Iterable[Row]) -> list[str]:
    """Return the table of ``--design`` as lines of text."""
    head = ("claim", "looks", "deep", "alpha", "asks for", "pilot sd", "detectable", "pilot needs", "ends at",
            "core-s", "note")  # fmt: skip
    cells = [
        (entry.id, _range(entry.seeds), str(entry.deepest), f"{entry.alpha:.3g}", entry.asks, _figure(entry.sd),
         _figure(entry.detectable), "-" if entry.needs is None else str(entry.needs), _whole(entry.ends),
         _whole(entry.cost), entry.note)
        for entry in sorted(rows, key=lambda entry: natural(entry.id))
    ]  # fmt: skip
    widths = [max(len(line[at]) for line in (head, *cells)) for at in range(len(head) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in (head, *cells)
    ]


def _range(looks: Sequence[int]) -> str:
    return str(looks[0]) if len(looks) == 1 else f"{looks[0]}-{looks[-1]}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
