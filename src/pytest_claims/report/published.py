"""Published values: which measured condition each of them belongs to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_claims.record import Record
from pytest_claims.report.words import number

DIAMONDS = "Diamonds are published values."
ARROWS = {1: "rises", -1: "falls", 0: "stays"}


@dataclass(frozen=True)
class Published:
    """A published value, its keys, and the index of its condition, if there is one."""

    keys: tuple[str, ...]
    value: Any
    condition: int | None

    @property
    def is_number(self) -> bool:
        """Whether the value is a number, which can be drawn, and not a word."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    @property
    def name(self) -> str:
        """The keys in words."""
        return ", ".join(self.keys)


def published_of(claim: Record) -> list[Published]:
    """Return every published value; a value that fits several conditions gets none."""
    values = []
    for keys, value in _flat(claim.published):
        fitting = [at for at, row in enumerate(claim.conditions) if all(_fits(key, row.labels) for key in keys)]
        values.append(Published(keys, value, fitting[0] if len(fitting) == 1 else None))
    return values


def _flat(published: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(published, Mapping):
        for key, value in published.items():
            yield from _flat(value, (*keys, str(key)))
    elif isinstance(published, Sequence) and not isinstance(published, str):
        for at, value in enumerate(published):
            yield from _flat(value, (*keys, str(at + 1)))
    elif published is not None:
        yield keys, published


def _fits(key: str, labels: Mapping[str, Any]) -> bool:
    """Whether a key such as "layers 1", "layers=1", "1" or "relu" names one of a condition's labels."""
    wanted = {_plain(part) for part in key.split(",")}
    names = set()
    for name, value in labels.items():
        label = _plain(value)
        names |= {label, f"{name} {label}".lower(), f"{name}={label}".lower()}
    return wanted <= names


def _plain(value: Any) -> str:
    """1, 1.0 and "1" are one label."""
    text = str(value).strip().lower().replace("_", " ")
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def direction(claim: Record) -> tuple[str, str] | None:
    """Return the direction and values published: ("rises", "0.625 to 0.688"), ("", "152") for a single value, or None.

    Values keep their published order; of several series, the first one counts. A named quantity is shown, since it may
    differ from the measured one: ("", "0 to 0.033 (mean squared error)").
    """
    values = [reading for reading in published_of(claim) if reading.is_number]
    if not values:
        return None
    series = [reading for reading in values if reading.keys[:-1] == values[0].keys[:-1]]
    of = _quantity(claim, series[0])
    if len(series) == 1:
        return "", number(series[0].value) + of
    first, last = series[0].value, series[-1].value
    if not all(_ordinal(reading.keys[-1]) for reading in series):
        low, high = min(reading.value for reading in series), max(reading.value for reading in series)
        return "", f"{number(low)} to {number(high)}{of}"
    return ARROWS[(last > first) - (last < first)], f"{number(first)} to {number(last)}{of}"


def _quantity(claim: Record, reading: Published) -> str:
    """Return " (accuracy)" where the first of several keys names no condition, but a quantity."""
    rows = claim.conditions
    if len(reading.keys) == 1 or not rows or any(_fits(reading.keys[0], row.labels) for row in rows):
        return ""
    return f" ({reading.keys[0]})"


def _ordinal(key: str) -> bool:
    """Whether a key ends in a number, so that the order of keys is an order of conditions."""
    try:
        float(key.rpartition(" ")[2].rpartition("=")[2].replace(",", ""))
    except ValueError:
        return False
    return True
