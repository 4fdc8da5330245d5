"""What a claim asks, found without data: its function is run with placeholders instead of measurements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose, nan
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.errors import DesignError
from pytest_claims.inference.design import (
    Design,
    Placeholder,
    cannot_decide,
    cannot_refute,
    describe_design,
    faulty,
    smallest_detectable,
)
from pytest_claims.results import natural
from pytest_claims.running.judging import returned
from pytest_claims.running.looks import schedule
from pytest_claims.running.pilots import PILOTS, read_pilots
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import visible


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
    """Say why a claim can never be supported at its registered number of seeds; None where it can."""
    why = None if isinstance(design, str) else cannot_decide(design, claim.seeds)
    return None if why is None else f"The design of claim {claim.id} cannot decide: {why}"


@dataclass(frozen=True)
class Row:
    """A claim's line in the table of ``--design``."""

    id: str
    seeds: int
    alpha: float
    asks: str
    sd: float | None
    detectable: float | None
    needs: int | None  # seeds that would probably decide, by the pilot
    note: str


def row(item: pytest.Item, claim: Claim, settings: Settings) -> Row:
    """Describe a claim's design, with the spread that its pilot had."""
    design = design_of(item, claim)
    plan = schedule(claim, settings)
    n, alpha = plan.seeds[-1], plan.looks.level
    pilot = read_pilots(Path(item.path).parent / PILOTS).get(claim.id, {})
    sd = pilot.get("gain_sd", pilot.get("sd"))
    if isinstance(design, str):
        return Row(claim.id, n, alpha, "not known without data", sd, None, pilot.get("needs"), design)
    member = _deciding(design, pilot.get("margin"))
    mismatch = _mismatch(member, pilot)
    detectable = None if mismatch else smallest_detectable(member, n, sd, alpha)
    note = cannot_decide(design, n, alpha) or cannot_refute(design, n, alpha)
    if note is None and detectable is None and member.estimator != "exact":
        note = "no pilot" if sd is None else mismatch or _out_of_reach(n)
    if member.kind == "time" and detectable is not None:
        detectable = 2**detectable  # a factor, like the margin
    return Row(claim.id, n, alpha, describe_design(design), sd, detectable, pilot.get("needs"), note or "")


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
    head = ("claim", "seeds", "alpha", "asks for", "pilot sd", "detectable", "pilot needs", "note")
    cells = [
        (entry.id, str(entry.seeds), f"{entry.alpha:.4g}", entry.asks, _figure(entry.sd), _figure(entry.detectable),
         "-" if entry.needs is None else str(entry.needs), entry.note)
        for entry in sorted(rows, key=lambda entry: natural(entry.id))
    ]  # fmt: skip
    widths = [max(len(line[at]) for line in (head, *cells)) for at in range(len(head) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in (head, *cells)
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
