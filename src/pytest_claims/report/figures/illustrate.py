"""From a judged claim to files in figures/: an SVG for each picture, and the numbers of its curves."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_claims.errors import FolderError
from pytest_claims.files import write_atomically
from pytest_claims.folders import is_ours
from pytest_claims.inference.pictures import Boundary, Functions, Lines, Picture, Strips, Traces
from pytest_claims.record import Record
from pytest_claims.report.figures import svg
from pytest_claims.report.figures.canvas import styled
from pytest_claims.report.figures.captions import BINNED, CAPTION
from pytest_claims.report.figures.seeds import MANY, thinned
from pytest_claims.report.measurements import Row, as_csv, condition_text
from pytest_claims.report.published import DIAMONDS
from pytest_claims.vocabulary import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The most points of one seed's curve in measurements.csv.
CURVE = 25


def illustrate(folder: Path, record: Record, pictures: Sequence[Any]) -> Mapping[str, Any]:
    """Draw a claim's pictures, or its default figure; return "figures" and "captions", "curves" or "figure_error".

    No failure in here changes a verdict.
    """
    name = file_name(record.id)
    figures: list[str] = []
    captions: list[str] = []
    rows: list[Row] = []
    more: dict[str, Any] = {}
    try:
        for at, picture in enumerate(list(pictures) or [None]):
            drawn = draw(record, picture, f"{record.id}.{at}")
            if drawn is None:
                continue
            file = f"figures/{name}.svg" if at == 0 else f"figures/{name}+{at + 1}.svg"  # no id has a plus
            _write(folder, file, drawn[0])
            figures.append(file)
            captions.append(drawn[1])
            if picture is not None:
                rows += curve_rows(record.id, picture, at + 1)
        if rows:
            file = f"figures/{name}.csv"
            _write(folder, file, as_csv(rows, header=False))
            more["curves"] = [file]
    except FolderError as error:
        more["figure_error"] = str(error)
    except Exception as error:  # noqa: BLE001 - draws a claim's own data and labels: anything can happen
        more["figure_error"] = f"{type(error).__name__}: {error}"
    return {"figures": figures, "captions": captions, **more}


def _write(folder: Path, file: str, content: str) -> None:
    """Write a figure or its curves; a FolderError where somebody's own file has that name."""
    path = folder / file
    if os.path.lexists(path) and not is_ours(path):
        raise FolderError(f"{file} was there already and is not of pytest-claims: it was kept.")
    write_atomically(path, content)


def file_name(identifier: str) -> str:
    """Return a claim's id as a file name for any system; a checksum separates ids that would share a name.

    Many systems do not tell large letters from small ones: an id with a large letter has a checksum, too.
    """
    safe = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in ".@-_") else "_" for letter in identifier
    )
    safe = safe.lstrip(".")[:80] or "claim"
    if safe == identifier == identifier.lower():
        return safe
    import zlib

    return f"{safe}-{zlib.crc32(identifier.encode('utf-8', 'replace')):08x}"


def draw(record: Record, picture: Any, salt: str) -> tuple[str, str] | None:
    """Return (SVG, caption) of a picture, or of the default figure where it is None; None if nothing can be shown."""
    with styled(salt):
        if picture is None:
            from pytest_claims.report.figures.defaults import draw_record

            default = draw_record(record)
            if default is None:
                return None
            figure, caption = default
        else:
            figure, caption = _figure(picture), caption_of(picture)
        title = f"Figure of claim {record.id}: {caption}"
        return svg.from_figure(figure, salt, title), caption


def _figure(picture: Any) -> "Figure":
    from pytest_claims.report.figures import fields, plots

    match picture:
        case Lines():
            return plots.draw_lines(picture)
        case Strips():
            return plots.draw_strips(picture)
        case Traces():
            return plots.draw_traces(picture)
        case Functions():
            return fields.draw_functions(picture)
        case Boundary():
            return fields.draw_boundary(picture)
    raise TypeError(f"there is no drawing for a picture of type {type(picture).__name__}")


def caption_of(picture: Picture) -> str:
    """Return how to read a picture, in a sentence or two."""
    head = f"{' '.join(visible(str(picture.title)).split()).rstrip('.')}. " if picture.title else ""
    seeds = int(picture.data.sizes.get("seed", 1)) if hasattr(picture, "data") else 1
    match picture:
        case Lines():
            text = f"{_threads(seeds)}; the thick line is the mean over seeds with its 99 % interval."
        case Strips():
            text = CAPTION if seeds <= MANY else BINNED.format(seeds=seeds)
        case Traces():
            text = f"{_threads(seeds)} during training; the thick line is the mean over seeds."
        case Functions():
            text = "Each thin line is the function that one seed's network computes."
            if seeds > MANY:
                text = f"{_threads(seeds)}: of what the networks compute at each place."
        case Boundary():
            shown = "" if picture.seed is None else f" of seed {picture.seed}"
            text = f"Tint: the class that the network{shown} predicts; round dots are class 0, square ones class 1."
        case _:
            text = ""
    if isinstance(picture, Lines | Strips) and picture.published:
        text += f" {DIAMONDS}"
    if isinstance(picture, Lines | Strips | Traces) and picture.ceiling is not None:
        text += " The dashed line is the best possible value."
    if isinstance(picture, Lines | Strips | Traces) and picture.log and "y" in picture.log:
        text += " Means are geometric, because the axis is logarithmic."
    return head + text


def _threads(seeds: int) -> str:
    """Say what the thin lines are."""
    if seeds <= MANY:
        return "Each thin line is a seed"
    return f"Thin lines: the lowest of {seeds} seeds, the tenths between, and the highest"


def curve_rows(identifier: str, picture: Any, at: int) -> list[Row]:
    """Return rows of measurements.csv: every seed's curve, thinned. Boundaries show one seed and have no curves."""
    if isinstance(picture, Boundary) or not hasattr(picture, "series"):
        return []
    rows: list[Row] = []
    for series in picture.series():
        text, source = condition_text(dict(series.coords)), f"figure {at}"
        numeric = np.issubdtype(np.asarray(series.x).dtype, np.number)
        seeds = np.asarray(picture.data["seed"].values).tolist()
        for seed, y in zip(seeds, series.y, strict=True):
            if numeric:
                ((xs, ys),) = thinned(np.asarray(series.x, dtype=float), [y], CURVE)
                rows += [(identifier, source, text, seed, float(x), float(v)) for x, v in zip(xs, ys, strict=True)]
            else:
                rows += [(identifier, source, text, seed, str(x), float(v)) for x, v in zip(series.x, y, strict=True)]
    return rows
