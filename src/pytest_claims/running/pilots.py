"""Pilots: what ``--pilot`` measured on seeds of its own, so that a design can be planned before there are data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_claims.errors import UnreadableError
from pytest_claims.record import PartRecord, Record
from pytest_claims.stored import kind_of, place, read_mapping
from pytest_claims.trials.store import write_json

PILOTS = "pilots.json"
#: The fields of an entry that are numbers, or null.
NUMBERS = ("margin", "mean", "sd", "gain_sd", "n", "needs")


def read_pilots(path: Path) -> dict[str, Any]:
    """Return what ``--pilot`` wrote: an entry for each claim, nothing where there is no file.

    Raises an UnreadableError, one sentence that names the file and the field that is wrong.
    """
    if not path.exists() and not path.is_symlink():
        return {}
    pilots = read_mapping(path)
    for name, entry in pilots.items():
        if not isinstance(entry, dict):
            raise UnreadableError(f"{path} is no file of pilots: {place([name])} is {kind_of(entry)}, no object.")
        wrong = next((field for field in NUMBERS if not _is_number(entry.get(field))), None)
        if wrong is not None:
            raise UnreadableError(
                f"{path} is no file of pilots: {place([name, wrong])} is {kind_of(entry[wrong])}, no number."
            )
    return pilots


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def add_pilots(path: Path, entries: Mapping[str, Any], run: str) -> Path:
    """Write entries into a file of pilots, whose other entries stay; return the file written.

    A file that cannot be read stays as it is: the entries then go into a file of this run beside it. Where ``path`` is
    a link it stays one, and its target is written.
    """
    try:
        earlier = read_pilots(path)
    except UnreadableError:
        earlier, path = {}, path.with_name(f"{path.stem}-{run}{path.suffix}")
    write_json(path.resolve(), dict(sorted((earlier | dict(entries)).items())))
    return path


def pilot_entry(record: Record) -> dict[str, Any] | None:
    """Return a claim's entry of pilots.json: kind, margin, and the deciding part's mean and spread over n seeds.

    ``sd`` is what the interval rests on, no smaller than the unit's step allows. An ordered claim has ``gain_sd`` as
    well, the spread from end to end: its deciding part may be a step between neighbours. ``needs``: the seeds that
    would decide that part with 90 % power in a single look, if the pilot's mean and spread were the true ones.
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
        "n": n,
        "needs": record.seeds_needed,
        "unit": record.unit,
    }


def spread(part: PartRecord) -> float | None:
    """Return the standard deviation behind a part's interval, floor included; for counts, that of their values."""
    return part.sd if part.scale is None else part.scale
