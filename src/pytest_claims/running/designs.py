"""What a claim asks, known without data: its function is run with placeholders in the place of measurements."""

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
from pytest_claims.outcomes import ClaimError
from pytest_claims.results import natural
from pytest_claims.running.judging import returned
from pytest_claims.running.pilots import PILOTS, read_pilots
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import ALPHA, LOOKS


def design_of(item: pytest.Item, claim: Claim) -> Design | str:
    """Return a claim's design, or why it cannot be told without data."""
    function = getattr(item, "obj", None)
    if function is None:
        return "it is not a function"
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    arguments = {name: chosen.get(name, Placeholder()) for name in _compat.argument_names(item)}
    try:
        found, _ = returned(function(**arguments), claim)
    except DesignError as error:
        return faulty(str(error))
    except (Exception, ClaimError) as error:  # noqa: BLE001 - placeholders do not support everything that data do
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return found if isinstance(found, Design) else "it does not depend on a measurement"


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
    n = settings.size(claim.seeds)
    alpha = ALPHA / len(LOOKS) if settings.sequential else ALPHA
    pilot = read_pilots(Path(item.path).parent / PILOTS).get(claim.id, {})
    sd = pilot.get("gain_sd", pilot.get("sd"))
    if isinstance(design, str):
        return Row(claim.id, n, alpha, "not known without data", sd, None, pilot.get("needs"), design)
    asked = _deciding(design, pilot.get("margin"))
    unlike = _unlike(asked, pilot)
    found = None if unlike else smallest_detectable(asked, n, sd, alpha)
    note = cannot_decide(design, n, alpha) or cannot_refute(design, n, alpha)
    if note is None and found is None and asked.estimator != "exact":
        note = "no pilot" if sd is None else unlike or _out_of_reach(n)
    if asked.kind == "time" and found is not None:
        found = 2**found  # a factor, as it is asked for
    return Row(claim.id, n, alpha, describe_design(design), sd, found, pilot.get("needs"), note or "")


def _deciding(design: Design, margin: float | None) -> Design:
    """Return the member of a conjunction that the pilot's spread belongs to: the one with the same margin."""
    return next((one for one in design.members if margin is not None and isclose(one.margin, margin)), design)


def _unlike(design: Design, pilot: Mapping[str, Any]) -> str | None:
    """Say why a pilot's spread is not that of what the design asks for; None where it is."""
    if pilot.get("counted") and "gain_sd" not in pilot:
        return "in the pilot most seeds tied, so they were counted"
    step = design.kind == "ordered" and "gain_sd" not in pilot and not isclose(pilot.get("margin", nan), design.margin)
    if "sd" in pilot and (design.members or step):
        return "the pilot's spread is of one part, not of the whole claim"
    return None


def _out_of_reach(n: int) -> str:
    """Say that a pilot's spread leaves nothing that could be detected."""
    return f"with the pilot's spread {n} seeds cannot confirm even the middle of the range"


def table(rows: Iterable[Row]) -> list[str]:
    """Return the table of ``--design`` as lines of text."""
    head = ("claim", "seeds", "alpha", "asks for", "pilot sd", "detectable", "pilot needs", "note")
    cells = [
        (one.id, str(one.seeds), f"{one.alpha:.4g}", one.asks, _figure(one.sd), _figure(one.detectable),
         "-" if one.needs is None else str(one.needs), one.note)
        for one in sorted(rows, key=lambda one: natural(one.id))
    ]  # fmt: skip
    widths = [max(len(line[at]) for line in (head, *cells)) for at in range(len(head) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in (head, *cells)
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
