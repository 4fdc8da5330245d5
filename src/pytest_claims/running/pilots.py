"""Pilots: what ``--pilot`` measured on seeds of its own, so that a design can be planned before there are data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PILOTS = "pilots.json"


def read_pilots(path: Path) -> dict[str, Any]:
    """Return what ``--pilot`` wrote: an entry for each claim."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def pilot_entry(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a claim's entry of pilots.json: kind, margin, and the deciding part's mean and spread over n seeds.

    ``sd`` is what the interval rests on, no smaller than the unit's step allows. An ordered claim has ``gain_sd``
    besides, the spread from end to end, as its deciding part may be a step between neighbours. Where most seeds tied
    and were counted (``counted``) the mean is the share of seeds. ``needs``: seeds that would decide about that part
    with 90 % power in a single look, if the pilot's mean and spread were the true ones.
    """
    parts = record.get("parts") or []
    same = [part for part in parts if part["effect"] == record["effect"] and part["interval"] == record["interval"]]
    if not same:
        return None
    part, n, alpha = same[0], record["seeds"], record["alpha"]
    ends = [one for one in parts if one["role"] == "gain" and not one["counted"]]
    gains = [sd for one in ends if (sd := spread(one, n, alpha)) is not None] if record["kind"] == "ordered" else []
    return {
        "kind": record["kind"],
        "margin": record["margin"],
        "part": part["text"],
        "mean": part["effect"],
        "sd": spread(part, n, alpha),
        **({"gain_sd": max(gains)} if gains else {}),
        **({"counted": True} if part["counted"] else {}),
        "n": n,
        "needs": record["seeds_needed"],
        "unit": record["unit"],
    }


def spread(part: Mapping[str, Any], n: int, alpha: float) -> float | None:
    """Return a part's standard deviation as its interval has it, floor included; counts have that of their values."""
    if part["estimator"] != "mean":
        return part.get("sd")
    from pytest_claims.inference.verdicts import sd_of  # numpy and scipy, which an ordinary session does without

    return sd_of(part["interval"], n, alpha)
