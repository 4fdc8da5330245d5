"""The figure of a claim that asks for none: drawn from its record alone, so that it can be drawn again at any time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pytest_claims.inference.labels import describe, say
from pytest_claims.report.figures import canvas
from pytest_claims.report.figures.palette import INK, SERIES
from pytest_claims.report.figures.plots import strips_figure
from pytest_claims.report.figures.seeds import Summary
from pytest_claims.report.published import DIAMONDS, published_of
from pytest_claims.report.words import clip, ends, labels_of
from pytest_claims.results import Record

#: More conditions than this are not read one by one; the effects of the parts are.
MOST_CONDITIONS = 30
MOST_PARTS = 40


def draw_record(record: Record) -> tuple[Figure, str] | None:
    """Return the figure and its caption: conditions as strips, else the parts' effects; None where there is neither."""
    rows = [row for row in record.get("conditions") or [] if row.get("values")]
    sizes = {len(row["values"]) for row in rows}
    if rows and len(rows) <= MOST_CONDITIONS and len(sizes) == 1:
        return _conditions(record, rows)
    parts = [part for part in record.get("parts") or [] if part.get("effect") is not None]
    if parts:
        return _effects(record, parts[:MOST_PARTS]), EFFECTS
    return None


EFFECTS = "Dot and bar: the effect of each part with its interval. Tint: the claimed region."
CAPTION = "Each dot is a seed; the bar is the mean over seeds with its 99 % interval."
SHARES = (
    "Each dot is a seed: at 1 where it shows what is claimed, else at 0. The bar is the share with its 99 % interval."
)


def _conditions(record: Record, rows: Sequence[Record]) -> tuple[Figure, str]:
    values = np.array([[np.nan if v is None else float(v) for v in row["values"]] for row in rows]).T
    title, names = _names([labels_of(row) for row in rows])
    shares = _shares(record, len(rows))
    quantity = record.get("unit") or "measured value"
    told = _published(record, rows)
    marked = any(value is not None for value in told)
    figure = strips_figure(
        names,
        [values],
        [""],
        published=[told] if marked else (),
        titles=(title, str(quantity)),
        summaries=[shares] if shares else (),
    )
    caption = SHARES if shares else CAPTION
    return figure, f"{caption} {DIAMONDS}" if marked else caption


def _published(record: Record, rows: Sequence[Record]) -> list[float | None]:
    """Return the published number of each row, if it has one."""
    conditions = record.get("conditions") or []
    told = {
        id(conditions[one.condition]): float(one.value)
        for one in published_of(record)
        if one.condition is not None and one.is_number
    }
    return [told.get(id(row)) for row in rows]


def _shares(record: Record, count: int) -> Summary | None:
    """Shares of seeds with the exact intervals that the claim is judged by: a t interval would leave 0 to 1."""
    parts = record.get("parts") or []
    bounds = [ends(part.get("interval")) for part in parts if part.get("estimator") == "count"]
    if record.get("kind") != "proportion" or not len(bounds) == len(parts) == count:
        return None
    told = np.array([(part["effect"], *pair) for part, pair in zip(parts, bounds, strict=True)], dtype=float)
    return Summary(*told.T)


def _names(labels: Sequence[dict[str, Any]]) -> tuple[str | None, list[str]]:
    """Name the rows by the labels in which they differ; a single one of these names the axis."""
    keys = list(dict.fromkeys(key for one in labels for key in one))
    telling = [key for key in keys if len({str(one.get(key)) for one in labels}) > 1] or keys
    if len(telling) == 1:
        (key,) = telling
        return None if key == "condition" else key, [say(one[key]) if key in one else "—" for one in labels]
    return None, [describe({key: one[key] for key in telling if key in one}) or "all" for one in labels]


def _effects(record: Record, parts: Sequence[Record]) -> Figure:
    figure, (axes,) = canvas.paper(height=min(9.5, 0.9 + 0.24 * len(parts)))
    head, names = canvas.distinct([str(part.get("text") or "") for part in parts])
    canvas.scale(axes, False)
    centres = np.array([float(part["effect"]) for part in parts])
    bounds = [ends(part.get("interval")) for part in parts]
    low = np.array([c if b[0] is None else b[0] for b, c in zip(bounds, centres, strict=True)])
    high = np.array([c if b[1] is None else b[1] for b, c in zip(bounds, centres, strict=True)])
    canvas.bars(axes, range(len(parts)), Summary(centres, low, high), INK, width=1.8, flip=True)
    axes.plot(centres, range(len(parts)), color=INK, linestyle="", marker="o", markersize=4.5, zorder=6)
    start, end = ends(record.get("region"))
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
    canvas.name_axes(axes, f"effect ({record['unit']})" if record.get("unit") else "effect", None)
    return figure
