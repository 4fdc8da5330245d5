"""The table of a claim's conditions: what was measured under each, what was published, every seed's value as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pytest_claims.record import Record
from pytest_claims.report.published import published_of
from pytest_claims.report.words import number

#: More values than this are left to measurements.csv.
MOST_CELLS = 3000
SEEDS_IN_ROWS = 8
LONG = 12  # letters of a column's name; columns with longer ones are numbered


@dataclass(frozen=True)
class Conditions:
    """A table of conditions. ``labels`` are its columns; a row is (label cells, mean, sd, n, published, values)."""

    labels: Sequence[str]
    rows: Sequence[tuple[Sequence[str], str, str, str, str, Sequence[Any]]]
    unmatched: Sequence[tuple[str, str]]
    any_published: bool

    @property
    def seeds(self) -> int:
        """The largest number of values of a condition."""
        return max((len(row[5]) for row in self.rows), default=0)

    @property
    def shared(self) -> str:
        """The number of seeds of every condition; "" where conditions have different ones."""
        return self.rows[0][3] if len({row[3] for row in self.rows}) == 1 else ""

    @cached_property
    def rows_text(self) -> str:
        """The conditions with mean, sd, seeds and published value as aligned text, a line each."""
        table = [[*self.labels, "mean", "sd", "seeds", "published"]]
        table += [[*labels, mean, sd, n, published or "—"] for labels, mean, sd, n, published, _ in self.rows]
        return aligned(table)

    @property
    def too_many(self) -> bool:
        """Whether a table of all values would be too long for a page."""
        return self.seeds * len(self.rows) > MOST_CELLS

    @property
    def seeds_in_rows(self) -> bool:
        """Whether the table of values has a row for each seed, not for each condition."""
        return len(self.rows) <= SEEDS_IN_ROWS

    @cached_property
    def values_text(self) -> str:
        """All values as aligned text, a row for each seed, or for each condition where there are many of these.

        Text costs a page one element; a table of 32 seeds and 10 conditions costs 360.
        """
        names = self.names
        columns = [[number(value) for value in row[5]] for row in self.rows]
        legend = []
        if max(map(len, names)) > LONG:
            legend = [f"({at}) {name}" for at, name in enumerate(names, 1)]
            names = [f"({at})" for at in range(1, len(names) + 1)]
        seeds = [str(seed) for seed in range(self.seeds)]
        columns = [column + [""] * (self.seeds - len(column)) for column in columns]
        table = [["seed", *seeds], *([name, *column] for name, column in zip(names, columns, strict=True))]
        if self.seeds_in_rows:
            table = [list(row) for row in zip(*table, strict=True)]
        return "\n".join([*legend, *([""] if legend else []), aligned(table)])

    @property
    def names(self) -> list[str]:
        """One name for each condition."""
        return [
            ", ".join(f"{label} {cell}".strip() for label, cell in zip(self.labels, row[0], strict=True) if cell)
            or "all"
            for row in self.rows
        ]


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines of text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table)


def conditions_of(claim: Record) -> Conditions:
    """Return the claim's conditions with the values published for each."""
    rows = claim.conditions
    labels = list(dict.fromkeys(name for row in rows for name in row.labels))
    published = published_of(claim)
    by_condition: dict[int, list[str]] = {}
    for reading in published:
        if reading.condition is not None:
            by_condition.setdefault(reading.condition, []).append(number(reading.value))
    table = [
        (
            [_cell(row.labels[name]) if name in row.labels else "" for name in labels],
            number(row.mean),
            number(row.sd),
            str(row.n or len(row.values)),
            ", ".join(by_condition.get(at, [])),
            row.values,
        )
        for at, row in enumerate(rows)
    ]
    unmatched = [(reading.name, number(reading.value)) for reading in published if reading.condition is None]
    return Conditions([label.replace("_", " ") for label in labels], table, unmatched, bool(by_condition))


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) and not value.is_integer() else _whole(value)


def _whole(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}"
