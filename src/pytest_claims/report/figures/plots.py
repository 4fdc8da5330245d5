"""Pictures of one quantity against another: lines, strips, traces."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pytest_claims.inference.labels import say
from pytest_claims.inference.pictures import Lines, Series, Strips, Traces
from pytest_claims.report.figures import canvas
from pytest_claims.report.figures.palette import INK, look
from pytest_claims.report.figures.seeds import (
    MANY,
    POINTS,
    TENTHS,
    Floats,
    Summary,
    binned,
    finite_range,
    strands,
    summarise,
    swarm,
    thinned,
)
from pytest_claims.report.words import clip

DOT = 3.6  # points
LETTERS = 10  # of a title, per inch
#: Within a strip, in parts of its width: the spread of the dots, and the places of dots, mean and published value.
SWARM, DOTS_AT, MEAN_AT, PUBLISHED_AT = 0.56, -0.1, 0.3, -0.5


def draw_lines(picture: Lines) -> Figure:
    """Draw means with intervals, joined, in front of a thin line for each seed. Names are spaced evenly."""
    series = picture.series()
    figure, (axes,) = canvas.paper()
    log: str = picture.log or ""
    if not _numeric(series):
        log = log.replace("x", "")
    canvas.scale(axes, log)
    share = _share(series)
    marked = False
    for at, curves in enumerate(series):
        looks, x = look(at), _positions(curves)
        canvas.threads(axes, _threads(x, strands(curves.y), log, share), looks.colour, alpha=_faint(series))
        summary = summarise(curves.y, log="y" in log)
        few = len(x) <= 25  # noqa: PLR2004 - more markers hide the line
        style: dict[str, Any] = {"color": looks.colour, "linewidth": 2, "linestyle": looks.dash, "zorder": 5}
        if few:
            canvas.bars(axes, x, summary, looks.colour)
            style |= {"marker": looks.marker, "markersize": 5}
        axes.plot(x, summary.mean, **style)
        if not few:
            axes.fill_between(x, summary.low, summary.high, color=looks.colour, alpha=0.25, linewidth=0, zorder=3)
        marked |= _publish(axes, picture, curves)
    _category_ticks(axes, series)
    if picture.ceiling is not None:
        canvas.horizontal(axes, picture.ceiling, "ceiling")
    canvas.name_axes(axes, picture.xlabel, picture.ylabel)
    canvas.key(figure, [curves.label for curves in series], published=marked)
    return figure


def draw_traces(picture: Traces) -> Figure:
    """Draw curves over training: a thin line for each seed, a thick one for the mean."""
    series = picture.series()
    figure, (axes,) = canvas.paper()
    log = picture.log or ""
    canvas.scale(axes, log)
    share = _share(series)
    for at, curves in enumerate(series):
        looks, x = look(at), np.asarray(curves.x, dtype=float)
        canvas.threads(axes, _threads(x, strands(curves.y), log, share), looks.colour, alpha=_faint(series))
        mean = summarise(curves.y, log="y" in log).mean
        (thin,) = thinned(x, [mean], 160)
        axes.plot(*thin, color=looks.colour, linewidth=2.2, linestyle=looks.dash, zorder=5)
    if picture.threshold is not None:
        canvas.horizontal(axes, picture.threshold, "threshold", dash=":")
    if picture.ceiling is not None:
        canvas.horizontal(axes, picture.ceiling, "ceiling")
    canvas.name_axes(axes, picture.xlabel, picture.ylabel)
    canvas.key(figure, [curves.label for curves in series], "line")
    return figure


def draw_strips(picture: Strips) -> Figure:
    """Draw a strip for each level: a dot for each seed, beside their mean and interval.

    Long names are on the vertical axis.
    """
    series = picture.series()
    names = [say(level) for level in series[0].x]
    return strips_figure(
        names,
        [group.y for group in series],
        [group.label for group in series],
        log=bool(picture.log),
        published=[_matched(group.x, picture.published_of(group.coords)) for group in series],
        lines=[
            (value, text)
            for value, text in ((picture.ceiling, "ceiling"), (picture.bound, "bound"))
            if value is not None
        ],
        titles=(picture.xlabel, picture.ylabel),
    )


def strips_figure(
    names: Sequence[str],
    groups: Sequence[Floats],
    labels: Sequence[str],
    *,
    log: bool = False,
    published: Sequence[Sequence[float | None]] = (),
    lines: Sequence[tuple[float, str]] = (),
    titles: tuple[str | None, str | None] = (None, None),
    summaries: Sequence[Summary] = (),
) -> Figure:
    """Draw ``groups``, arrays of shape (n seeds, levels), side by side within each level.

    Dots are beside their mean and interval, not under it: with few seeds the bar would hide them all. ``summaries``,
    one for each group, replace the means with t intervals.
    """
    names = [canvas.label(name, 40) for name in names]
    # level names that would run into each other are listed from top to bottom instead
    flip = canvas.crowded(names)
    rows = len(names) * len(groups)
    height = max(canvas.HEIGHT * 0.6, min(0.7 + 0.27 * rows + 0.12 * len(names), 9.5)) if flip else canvas.HEIGHT
    figure, (axes,) = canvas.paper(height=height)
    canvas.scale(axes, ("x" if flip else "y") if log else False)
    if flip:
        names = [clip(name, canvas.BESIDE + 6) for name in names]
        canvas.beside(figure, names)
    values = [
        *groups,
        np.array([y for group_values in published for y in group_values if y is not None]),
        np.array([y for y, _ in lines]),
        *(np.concatenate([summary.low, summary.high]) for summary in summaries),
    ]
    low, high = finite_range(values, log=log)
    length = 60 * height - 50 if not flip else 215
    unit = ((np.log10(high / low) if log else high - low) or 1.0) * DOT / length
    share = 0.8 / len(groups)
    marked = False
    for at, group in enumerate(groups):
        looks = look(at)
        middle = np.arange(len(names)) + (at - (len(groups) - 1) / 2) * share
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = list(np.log10(group.T) if log else group.T)
        if len(group) > MANY:
            bars = [binned(column, share * SWARM, unit) for column in columns]
            _bars(axes, middle + share * DOTS_AT, bars, looks.colour, flip=flip, log=log)
        else:
            offsets = [swarm(column, share * SWARM, unit) for column in columns]
            places = np.concatenate([x + share * DOTS_AT + offset for x, offset in zip(middle, offsets, strict=True)])
            _dots(axes, places, group.T.ravel(), looks.colour, flip=flip)
        summary = summaries[at] if summaries else summarise(group, log=log)
        _means(axes, middle + share * MEAN_AT, summary, share, flip=flip)
        points = [(x, y) for x, y in zip(middle, published[at] if published else [], strict=False) if y is not None]
        if points:
            xs, ys = [x + share * PUBLISHED_AT for x, _ in points], [y for _, y in points]
            canvas.published_marks(axes, *((ys, xs) if flip else (xs, ys)))
            marked = True
    for value, text in lines:
        canvas.horizontal(
            axes,
            value,
            text,
            flip=flip,
            dash="--" if text == "ceiling" else ":",
        )
    _name_levels(figure, axes, names, titles, flip=flip)
    canvas.key(figure, labels, "dots", published=marked)
    return figure


def _dots(axes: Axes, places: Floats, values: Floats, colour: str, *, flip: bool) -> None:
    canvas.dots(axes, *((values, places) if flip else (places, values)), colour, DOT)


def _bars(
    axes: Axes, middle: Any, levels: Sequence[tuple[Floats, Floats]], colour: str, *, flip: bool, log: bool
) -> None:
    """Draw how many seeds have each value: bars on both sides of each level's middle, the fullest the widest."""
    strokes = []
    for place, (values, halves) in zip(middle, levels, strict=True):
        for value, half in zip(10**values if log else values, halves, strict=True):
            along, across = np.array([place - half, place + half]), np.array([value, value])
            strokes.append((across, along) if flip else (along, across))
    canvas.threads(axes, strokes, colour, 0.55, width=DOT)


def _means(axes: Axes, middle: Any, summary: Summary, share: float, *, flip: bool) -> None:
    """Draw mean and interval in ink beside the dots: a cross whose long stroke is the interval."""
    canvas.bars(axes, middle, summary, INK, flip=flip)
    across = 9 if flip else min(15.0, 90 * share / max(len(middle), 2) + 5)
    at = (summary.mean, middle) if flip else (middle, summary.mean)
    axes.plot(*at, color=INK, linestyle="", marker="|" if flip else "_", markersize=across, markeredgewidth=2, zorder=5)


def _name_levels(
    figure: Figure, axes: Axes, names: Sequence[str], titles: tuple[str | None, str | None], *, flip: bool
) -> None:
    if flip:
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        # long names leave little room for the axes: one title spans the figure, the other is cut to its height
        figure.supxlabel(canvas.label(titles[1] or ""), fontsize=9.5)
        inches = figure.get_size_inches()[1]
        canvas.name_axes(axes, None, clip(titles[0] or "", min(canvas.BESIDE, int(LETTERS * inches))))
    else:
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.6, len(names) - 0.4)
        canvas.name_axes(axes, *titles)
    (axes.tick_params)(axis="y" if flip else "x", length=0)


def _numeric(series: Sequence[Series]) -> bool:
    return np.issubdtype(np.asarray(series[0].x).dtype, np.number)


def _positions(curves: Series) -> Floats:
    """Return numbers unchanged; names and truth values are spaced evenly."""
    return np.asarray(curves.x, dtype=float) if _numeric([curves]) else np.arange(len(curves.x), dtype=float)


def _category_ticks(axes: Axes, series: Sequence[Series]) -> None:
    x = series[0].x
    if not _numeric(series):
        names = [canvas.label(say(level), 20) for level in x]
        slanted: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(x)), names, **(slanted if canvas.crowded(names) else {}))
    elif len(x) <= 4:  # noqa: PLR2004 - few levels are their own ticks
        axes.set_xticks(_positions(series[0]), [say(level) for level in x])
        axes.minorticks_off()


def _matched(levels: Any, published: dict[Any, float]) -> list[float | None]:
    """Return the published value of each level; levels match if they read the same."""
    values = {say(level): value for level, value in published.items()}
    return [values.get(say(level)) for level in levels]


def _publish(axes: Axes, picture: Lines, curves: Series) -> bool:
    values = _matched(curves.x, picture.published_of(curves.coords))
    points = [(x, y) for x, y in zip(_positions(curves), values, strict=True) if y is not None]
    if points:
        canvas.published_marks(axes, [x for x, _ in points], [y for _, y in points])
    return bool(points)


def _share(series: Sequence[Series]) -> int:
    """Return the number of points that each series may use for its seeds."""
    return POINTS // len(series)


def _threads(x: Floats, y: Floats, log: str, budget: int) -> list[tuple[Floats, Floats]]:
    """Return the seeds' curves, thinned as they look on these scales."""
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.log10(x) if "x" in log else x
        v = np.log10(y) if "y" in log else y
    curves = thinned(u, list(v), budget)
    return [(10**a if "x" in log else a, 10**b if "y" in log else b) for a, b in curves]


def _faint(series: Sequence[Series]) -> float:
    """Return the opacity of thin lines: the more lines, the fainter each."""
    drawn = sum(len(curves.y) if len(curves.y) <= MANY else len(TENTHS) for curves in series)
    return min(0.35, max(0.14, 14 / drawn))
