"""Pilots: what ``--pilot`` measured on seeds of its own, so that a design can be planned before there are data."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.record import PartRecord, Record

PILOTS = "pilots.json"


def read_pilots(path: Path) -> dict[str, Any]:
    """Return what ``--pilot`` wrote: an entry for each claim; a UsageError where the file holds something else."""
    try:
        pilots: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no valid JSON"
    else:
        wrong = _wrong(pilots)
        if wrong is None:
            return pilots
        reason = wrong
    raise pytest.UsageError(
        f"{Path(os.path.relpath(path)).as_posix()} cannot be read ({reason}): mend it, or move it away; --pilot then "
        "writes a new one."
    )


def _wrong(pilots: Any) -> str | None:
    """Return why JSON is not what ``--pilot`` writes; None where it may be."""
    if not isinstance(pilots, dict) or not all(isinstance(entry, dict) for entry in pilots.values()):
        return "it has no entry for each claim"
    for identifier, entry in pilots.items():
        for name in ("margin", "mean", "sd", "gain_sd", "n", "needs"):
            value = entry.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                return f"{name} of claim {identifier} is no number"
    return None


def pilot_entry(record: Record) -> dict[str, Any] | None:
    """Return a claim's entry of pilots.json: kind, margin, and the deciding part's mean and spread over n seeds.

    ``sd`` is what the interval rests on, no smaller than the unit's step allows. An ordered claim has ``gain_sd`` as
    well, the spread from end to end: its deciding part may be a step between neighbours. Where most seeds tied and
    were counted (``counted``), the mean is the share of seeds. ``needs``: the seeds that would decide that part
    with 90 % power in a single look, if the pilot's mean and spread were the true ones.
    """
    part, n, alpha = record.deciding, record.seeds, record.alpha
    if part is None or n is None or alpha is None:
        return None
    ends = (
        [part for part in record.parts if part.role == "gain" and not part.counted] if record.kind == "ordered" else []
    )
    gains = [sd for end in ends if (sd := spread(end, n, alpha)) is not None]
    return {
        "kind": record.kind,
        "margin": record.margin,
        "part": part.text,
        "mean": part.effect,
        "sd": spread(part, n, alpha),
        **({"gain_sd": max(gains)} if gains else {}),
        **({"counted": True} if part.counted else {}),
        "n": n,
        "needs": record.seeds_needed,
        "unit": record.unit,
    }


def spread(part: PartRecord, n: int, alpha: float) -> float | None:
    """Return the standard deviation behind a part's interval, floor included; for counts, that of their values."""
    low, high = part.interval or (None, None)
    if part.estimator != "mean" or low is None or high is None:
        return part.sd
    from pytest_claims.inference.verdicts import sd_of  # loads numpy and scipy

    return sd_of((low, high), n, alpha)
