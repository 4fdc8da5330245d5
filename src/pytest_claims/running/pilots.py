"""Pilots: what ``--pilot`` measured on seeds of its own, so that a design can be planned before there are data."""

from collections import Counter
from typing import Any

from pytest_claims.record import PartRecord, Record
from pytest_claims.running.beside import Beside

PILOTS = Beside("pilots.json", "pilots", ("margin", "mean", "sd", "gain_sd", "tied", "n", "needs"))


def pilot_entry(record: Record) -> dict[str, Any] | None:
    """Return a claim's entry of pilots.json: kind, margin, and the deciding part's mean and spread over n seeds.

    ``sd`` is what the interval rests on, no smaller than the unit's step allows. An ordered claim has ``gain_sd`` as
    well, the spread from end to end: its deciding part may be a step between neighbours. ``needs``: the seeds that
    would decide that part with 90 % power in a single look, if the pilot's mean and spread were the true ones.
    ``tied``: the share of the seeds that have its commonest value, where any two are equal: below 64 seeds, ties of
    more than half keep a look from deciding.
    """
    part, n = record.deciding, record.seeds
    if part is None or n is None:
        return None
    ends = [part for part in record.parts if part.role == "gain"] if record.kind == "ordered" else []
    gains = [sd for end in ends if (sd := spread(end)) is not None]
    return {
        "kind": record.kind,
        "margin": record.margin,
        "part": part.text,
        "mean": part.effect,
        "sd": spread(part),
        **({"gain_sd": max(gains)} if gains else {}),
        **({"tied": share} if (share := tied(part)) else {}),
        "n": n,
        "needs": record.seeds_needed,
        "unit": record.unit,
    }


def tied(part: PartRecord) -> float:
    """Return the share of seeds that have the commonest value, as the rule compares them; 0 where no two are equal."""
    from pytest_claims.inference.rule import decimals_of  # numpy, which a session without claims need not load

    if part.estimator != "mean" or not any(value is not None for value in part.values):
        return 0.0
    sizes = (part.magnitude, *part.values, *(part.region or ()))
    decimals = decimals_of(max(abs(size) for size in sizes if size is not None))
    most = max(Counter(value if value is None else round(value, decimals) for value in part.values).values())
    return most / len(part.values) if most > 1 else 0.0


def spread(part: PartRecord) -> float | None:
    """Return the standard deviation behind a part's interval, floor included; for counts, that of their values."""
    return part.sd if part.scale is None else part.scale
