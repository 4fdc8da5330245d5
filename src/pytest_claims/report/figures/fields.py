"""Pictures of what a network computes: learned functions, decision boundaries."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pytest_claims.inference.pictures import Boundary, Functions
from pytest_claims.report.figures import canvas
from pytest_claims.report.figures.palette import INK, MUTED, SERIES
from pytest_claims.report.figures.seeds import MANY, POINTS, Floats, strands, thinned

PANELS_WIDE = 3


def draw_functions(picture: Functions) -> Figure:
    """Draw a panel for each condition: a thin line for each seed, with the target dashed over them."""
    series = picture.series()
    columns = min(PANELS_WIDE, len(series))
    rows = ceil(len(series) / columns)
    figure, panels = canvas.paper(rows, columns, height=min(9.5, max(canvas.HEIGHT * 0.85, 1.75 * rows + 0.6)))
    budget = int(POINTS * 0.9) // len(series)
    target = False
    drawn = "tenths of the seeds" if len(series[0].y) > MANY else "one line per seed"
    for curves, axes in zip(series, panels, strict=False):
        canvas.scale(axes, False)
        x = np.asarray(curves.x, dtype=float)
        canvas.threads(axes, thinned(x, list(strands(curves.y)), budget), SERIES[0], alpha=0.45, width=0.8)
        truth = picture.truth_of(curves.coords)
        if truth is not None:
            ((u, v),) = thinned(x, [truth], 120)
            axes.plot(u, v, color=INK, linewidth=1.6, linestyle=(0, (4, 2)), zorder=5)
            target = True
        if picture.points is not None:
            _rug(axes, picture.points[:200])
        if len(series) > 1:
            axes.set_title(canvas.label(curves.label, 26), loc="left")
        axes.label_outer()
    _blank(panels, len(series))
    figure.supxlabel(canvas.label(picture.xlabel or ""), fontsize=9.5)
    figure.supylabel(canvas.label(picture.ylabel or "", 44), fontsize=9.5)
    if target:
        handles = [Line2D([], [], color=SERIES[0], linewidth=1, label=f"learned, {drawn}"),
                   Line2D([], [], color=INK, linewidth=1.6, linestyle=(0, (4, 2)), label="target")]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, borderaxespad=0.1,
                      columnspacing=3)  # fmt: skip
    return figure


def draw_boundary(picture: Boundary) -> Figure:
    """One panel for each condition: the plane in two tints, the boundary between them, the training points."""
    panels = picture.panels()
    columns = min(PANELS_WIDE, len(panels))
    rows = ceil(len(panels) / columns)
    figure, places = canvas.paper(rows, columns, height=min(9.5, max(canvas.HEIGHT * 0.8, 2.0 * rows + 0.6)))
    room = POINTS // len(panels)
    for (name, across, up, logits, points, classes), axes in zip(panels, places, strict=False):
        canvas.scale(axes, False)
        axes.grid(visible=False)
        grid = np.where(np.isfinite(logits), logits, 0.0)
        crosses = grid.min() < 0 < grid.max()
        if crosses:
            axes.contourf(across, up, np.sign(grid), levels=[-2, 0, 2], colors=[SERIES[0], SERIES[1]], alpha=0.13)
            axes.contour(across, up, grid, levels=[0], colors=[INK], linewidths=1.6)
        else:
            tint = SERIES[1] if grid.max() > 0 else SERIES[0]
            axes.axvspan(across.min(), across.max(), color=tint, alpha=0.13, linewidth=0)
        axes.set_xlim(across.min(), across.max())
        axes.set_ylim(up.min(), up.max())
        if points is not None:
            step = ceil(len(points) / room)
            kinds = np.zeros(len(points), dtype=int) if classes is None else np.asarray(classes)
            for kind, cap in ((0, "round"), (1, "square")):
                chosen = points[kinds == kind][::step]
                canvas.dots(axes, chosen[:, 0], chosen[:, 1], SERIES[kind], 3.0, cap=cap)
        if len(panels) > 1:
            axes.set_title(canvas.label(name, 26), loc="left")
        axes.label_outer()
    _blank(places, len(panels))
    figure.supxlabel(canvas.label(picture.xlabel or ""), fontsize=9.5)
    figure.supylabel(canvas.label(picture.ylabel or "", 44), fontsize=9.5)
    return figure


def _blank(panels: Sequence[Axes], used: int) -> None:
    for axes in panels[used:]:
        axes.set_axis_off()


def _rug(axes: Axes, points: Floats) -> None:
    """Mark the training points by short strokes at the bottom."""
    strokes = [(np.array([x, x]), np.array([0.0, 0.02])) for x in points]
    canvas.threads(axes, strokes, MUTED, 0.9, transform=axes.get_xaxis_transform())
