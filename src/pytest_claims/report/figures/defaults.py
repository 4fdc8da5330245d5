"""The figure of a claim without pictures: drawn from its record alone, so that it can be drawn again at any time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pytest_claims.inference.labels import describe, say
from pytest_claims.record import Condition, PartRecord, Record
from pytest_claims.report.figures import canvas
from pytest_claims.report.figures.captions import BINNED, BINNED_SHARES, CAPTION, SHARES
from pytest_claims.report.figures.palette import INK, SERIES
from pytest_claims.report.figures.plots import strips_figure
from pytest_claims.report.figures.seeds import MANY, Summary
from pytest_claims.report.published import DIAMONDS, published_of
from pytest_claims.report.words import clip, ends, level_text

#: With more conditions than this, the figure shows the parts' effects instead.
MOST_CONDITIONS = 30
MOST_PARTS = 40


def draw_record(record: Record) -> tuple[Figure, str] | None:
    """Return the figure and its caption: conditions as strips, else the parts' effects; None where there is neither."""
    rows = [row for row in record.conditions if row.values]
    sizes = {len(row.values) for row in rows}
    if rows and len(rows) <= MOST_CONDITIONS and len(sizes) == 1:
        return _conditions(record, rows)
    parts = [part for part in record.parts if part.effect is not None]
    if parts:
        return _effects(record, parts[:MOST_PARTS]), EFFECTS
    return None


EFFECTS = "Dot and bar: the effect of each part with its interval. Tint: the claimed region."


def _conditions(record: Record, rows: Sequence[Condition]) -> tuple[Figure, str]:
    values = np.array([[np.nan if v is None else float(v) for v in row.values] for row in rows]).T
    title, names = _names([row.labels for row in rows])
    shares = _shares(record, len(rows))
    quantity = record.unit or "measured value"
    published = _published(record, rows)
    marked = any(value is not None for value in published)
    figure = strips_figure(
        names,
        [values],
        [""],
        published=[published] if marked else (),
        titles=(title, quantity),
        summaries=[shares] if shares else (),
    )
    few = len(values) <= MANY
    if shares:
        caption = (SHARES if few else BINNED_SHARES).format(level=level_text(record), seeds=len(values))
    else:
        caption = CAPTION if few else BINNED.format(seeds=len(values))
    return figure, f"{caption} {DIAMONDS}" if marked else caption


def _published(record: Record, rows: Sequence[Condition]) -> list[float | None]:
    """Return the published number of each row, if it has one."""
    known = {
        id(record.conditions[value.condition]): float(value.value)
        for value in published_of(record)
        if value.condition is not None and value.is_number
    }
    return [known.get(id(row)) for row in rows]


def _shares(record: Record, count: int) -> Summary | None:
    """Return shares of seeds with the exact intervals that decide the claim; a t interval could leave 0 to 1."""
    parts = record.parts
    bounds = [ends(part.interval) for part in parts if part.estimator == "count"]
    if record.kind != "proportion" or not len(bounds) == len(parts) == count:
        return None
    shares = np.array([(part.effect, *pair) for part, pair in zip(parts, bounds, strict=True)], dtype=float)
    return Summary(*shares.T)


def _names(labels: Sequence[Mapping[str, Any]]) -> tuple[str | None, list[str]]:
    """Name the rows by the labels in which they differ; if there is only one such label, it names the axis."""
    keys = list(dict.fromkeys(key for row in labels for key in row))
    differing = [key for key in keys if len({str(row.get(key)) for row in labels}) > 1] or keys
    if len(differing) == 1:
        (key,) = differing
        return None if key == "condition" else key, [say(row[key]) if key in row else "—" for row in labels]
    return None, [describe({key: row[key] for key in differing if key in row}) or "all" for row in labels]


def _effects(record: Record, parts: Sequence[PartRecord]) -> Figure:
    figure, (axes,) = canvas.paper(height=min(9.5, 0.9 + 0.24 * len(parts)))
    head, names = canvas.distinct([part.text for part in parts])
    canvas.scale(axes, False)
    centres = np.array([part.effect for part in parts], dtype=float)
    bounds = [ends(part.interval) for part in parts]
    low = np.array([c if b[0] is None else b[0] for b, c in zip(bounds, centres, strict=True)])
    high = np.array([c if b[1] is None else b[1] for b, c in zip(bounds, centres, strict=True)])
    canvas.bars(axes, range(len(parts)), Summary(centres, low, high), INK, width=1.8, flip=True)
    axes.plot(centres, range(len(parts)), color=INK, linestyle="", marker="o", markersize=4.5, zorder=6)
    start, end = ends(record.region)
    shown = [*axes.get_xlim(), 0.0, *(edge for edge in (start, end) if edge is not None)]
    left, right = min(shown), max(shown)
    tinted = left if start is None else start, right if end is None else end
    axes.axvspan(*tinted, color=SERIES[0], alpha=0.13, linewidth=0)
    axes.set_xlim(left, right)
    axes.axvline(0, color=INK, linewidth=0.8)
    names = [clip(name, 40) for name in names]
    canvas.beside(figure, names)
    axes.set_yticks(range(len(parts)), names)
    axes.set_title(canvas.label(f"{head} …", 80) if head else "", loc="left")
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    canvas.name_axes(axes, f"effect ({record.unit})" if record.unit else "effect", None)
    return figure
