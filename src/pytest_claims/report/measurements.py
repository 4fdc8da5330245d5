"""measurements.csv: a row for each scalar (a seed's value in a condition) and each point of a thinned curve."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_claims.files import write_atomically
from pytest_claims.record import Record
from pytest_claims.results import Results
from pytest_claims.vocabulary import visible

COLUMNS = ("claim", "source", "condition", "seed", "x", "value")
Row = tuple[str, str, str, Any, Any, Any]


def condition_text(labels: Mapping[str, Any]) -> str:
    """Return "layers=3; activation=relu"."""
    return "; ".join(f"{name}={value}" for name, value in labels.items())


def condition_rows(claim: Record) -> Iterator[Row]:
    """Yield a row for each seed's value in each condition. Where seeds have no names, ``seed`` is the position."""
    names = claim.seed_values
    for condition in claim.conditions:
        text = condition_text(condition.labels)
        for at, value in enumerate(condition.values):
            yield claim.id, "conditions", text, names[at] if at < len(names) else at, "", value


def as_csv(rows: Iterable[Row], *, header: bool) -> str:
    """Return rows as CSV: hidden characters written out, an apostrophe before what a spreadsheet would run."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return out.getvalue()


def _inert(cell: Any) -> Any:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return repr(cell)
    if isinstance(cell, str):
        text = visible(cell)
        return f"'{text}" if cell[:1] in {"=", "+", "@", "\t", "\r"} else text
    return cell


def measurements_text(folder: Path, results: Results) -> str:
    """Return measurements.csv: conditions from the records, curves from the files that workers wrote beside figures."""
    pieces = [as_csv([], header=True)]
    for claim in results.claims:
        pieces.append(as_csv(condition_rows(claim), header=False))
        for name in claim.curves:
            path = folder / name
            if path.is_file():
                pieces.append(path.read_text(encoding="utf-8"))
    return "".join(pieces)


def write_measurements(folder: Path, results: Results) -> Path:
    """Write measurements.csv into a run's folder."""
    path = folder / "measurements.csv"
    write_atomically(path, measurements_text(folder, results))
    return path
