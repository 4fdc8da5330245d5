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
    """Return a claim's entry of pilots.json: kind, margin, and the deciding part's mean and spread over n seeds."""
    parts = record.get("parts") or []
    same = [part for part in parts if part["effect"] == record["effect"] and part["interval"] == record["interval"]]
    if not same:
        return None
    part = same[0]
    return {
        "kind": record["kind"],
        "margin": record["margin"],
        "part": part["text"],
        "mean": part["effect"],
        "sd": part.get("sd"),
        "n": record["seeds"],
        "unit": record["unit"],
    }
