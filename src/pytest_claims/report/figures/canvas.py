"""Figures and axes to draw on: matplotlib's figure objects in one style, without global state."""

import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import ceil
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Transform

from pytest_claims.report.figures.palette import GRID, INK, MUTED, PAPER, look
from pytest_claims.report.figures.seeds import Floats, Summary
from pytest_claims.report.words import MINUS, clip
from pytest_claims.vocabulary import visible

WIDTH = 5.0  # inches of 72 points: 480 CSS pixels; small, so that letters stay readable on a phone
HEIGHT = 3.0
LINE = 46  # letters that fit on a line, at their size on a phone
PAD = 0.06
LABEL = 60
BESIDE = 26  # letters of a title beside an axis, on one line
KEY_ROWS, KEY_ROW = 3, 0.19  # rows of a key that the usual height has room for; inches of each further one
THOUSAND, MANY = 1e3, 1e7  # written 1,000; written 1e+07

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.id": None,
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.unicode_minus": True,
    "path.simplify": False,
    "figure.dpi": 72,
    "savefig.dpi": 72,
}


@contextmanager
def styled(salt: str) -> Iterator[None]:
    """Draw in our style, whatever a user's matplotlibrc says; afterwards all settings are restored."""
    with mpl.rc_context(), warnings.catch_warnings():
        # the browser draws the letters that matplotlib's own font lacks, in its own font
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        mpl.rcdefaults()
        for name, value in STYLE.items():
            mpl.rcParams[name] = value
        mpl.rcParams["svg.hashsalt"] = salt
        yield


def paper(rows: int = 1, columns: int = 1, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """Return a new figure with a grid of axes, row by row; axes of a grid share both scales."""
    figure = Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    return figure, list(axes.ravel())


def name_axes(axes: Axes, x: str | None, y: str | None) -> None:
    """Write the axes' titles; a long one on the vertical axis gets two lines."""
    axes.set_xlabel(label(x or ""))
    # on a phone letters are larger than here: room for them before the ticks, and along the axis
    axes.set_ylabel("\n".join(textwrap.wrap(label(y or "", 2 * BESIDE), BESIDE)), labelpad=7)


def label(text: Any, most: int = LABEL) -> str:
    """Return a label on one line, short enough to be drawn."""
    return clip(" ".join(visible(str(text).replace("_", " ")).split()), most)


def scale(axes: Axes, log: object) -> None:
    """Make axes logarithmic ("x", "y", "xy"), and write ticks as 0.01, 10,000."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if isinstance(log, str) and name in log:
            (axes.set_xscale if name == "x" else axes.set_yscale)("log")
            axis.set_major_locator(LogLocator(numticks=7))
            axis.set_minor_formatter(NullFormatter())
        else:
            axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def tick(value: float) -> str:
    """Return a tick's label: 0.01, 10,000, 1e-06 with true minus signs."""
    form = ",.0f" if THOUSAND <= abs(value) < MANY else ".0e" if abs(value) >= MANY else ".6g"
    return format(value, form).replace("-", MINUS)


def dots(axes: Axes, x: Floats, y: Floats, colour: str, size: float = 3.6, *, cap: str = "round") -> None:
    """Draw a dot at each point, all in one path: a line of length zero with a round (or square) cap.

    A dot takes a tenth of a marker's bytes, and one path has the same opacity where dots overlap.
    """
    ok = np.isfinite(x) & np.isfinite(y)
    if not ok.any():
        return
    vertices = np.repeat(np.column_stack([x[ok], y[ok]]), 2, axis=0)
    codes = np.tile([Outline.MOVETO, Outline.LINETO], int(ok.sum()))
    outline = Outline(vertices, codes)
    patch = PathPatch(
        outline,
        facecolor="none",
        edgecolor=colour,
        linewidth=size,
        capstyle="projecting" if cap == "square" else "round",
        alpha=0.5,
        zorder=2,
    )
    axes.add_patch(patch)
    axes.update_datalim(vertices)
    axes.autoscale_view()


def threads(
    axes: Axes,
    curves: Sequence[tuple[Floats, Floats]],
    colour: str,
    alpha: float = 0.35,
    *,
    width: float = 0.7,
    transform: Transform | None = None,
) -> None:
    """Draw a thin line for each seed, all in one path. ``transform``: for coordinates other than the data's."""
    curves = [(x, y) for x, y in curves if len(x)]
    if not curves:
        return
    vertices = np.concatenate([np.column_stack(pair) for pair in curves])
    codes = np.concatenate([[Outline.MOVETO] + [Outline.LINETO] * (len(x) - 1) for x, _ in curves])
    style: dict[str, Any] = {"facecolor": "none", "edgecolor": colour, "linewidth": width, "alpha": alpha}
    if transform is not None:
        axes.add_patch(PathPatch(Outline(vertices, codes), transform=transform, zorder=2, **style))
        return
    axes.add_patch(PathPatch(Outline(vertices, codes), zorder=2, joinstyle="round", **style))
    axes.update_datalim(vertices)
    axes.autoscale_view()


def bars(axes: Axes, places: Any, summary: Summary, colour: str, *, width: float = 2.0, flip: bool = False) -> None:
    """Draw intervals as strokes, all in one path; places without a number are left out."""
    ok = np.isfinite(summary.low) & np.isfinite(summary.high)
    if not ok.any():
        return
    along = np.repeat(np.asarray(places, dtype=float)[ok], 2)
    across = np.column_stack([summary.low[ok], summary.high[ok]]).ravel()
    vertices = np.column_stack([across, along] if flip else [along, across])
    codes = np.tile([Outline.MOVETO, Outline.LINETO], int(ok.sum()))
    axes.add_patch(PathPatch(Outline(vertices, codes), facecolor="none", edgecolor=colour, linewidth=width, zorder=5))
    axes.update_datalim(vertices)
    axes.autoscale_view()


def published_marks(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw published points: open diamonds."""
    axes.plot(
        x,
        y,
        linestyle="",
        marker="D",
        markersize=6.5,
        markerfacecolor=PAPER,
        markeredgecolor=INK,
        markeredgewidth=1.5,
        zorder=6,
    )


def horizontal(axes: Axes, value: float, text: str, *, flip: bool = False, dash: str = "--") -> None:
    """Draw a line across the axes at a value; its name is outside, where there are no data."""
    (axes.axvline if flip else axes.axhline)(value, color=INK, linewidth=1, linestyle=dash, zorder=3)
    name = f"{text}\n{tick(float(f'{value:.3g}'))}"
    where: Mapping[str, Any] = (
        {"xy": (value, 1), "xycoords": ("data", "axes fraction"), "xytext": (0, 2), "va": "bottom", "ha": "center"}
        if flip
        else {"xy": (1, value), "xycoords": ("axes fraction", "data"), "xytext": (4, 0), "va": "center", "ha": "left"}
    )
    axes.annotate(
        name, textcoords="offset points", color=MUTED, fontsize=8.5, linespacing=1.35, annotation_clip=False, **where
    )


def crowded(names: Sequence[str]) -> bool:
    """Whether names below an axis, evenly spaced, would run into each other."""
    slot = LINE / max(len(names), 1)
    return any((len(a) + len(b)) / 2 + 1 > slot for a, b in pairwise(names)) or max(map(len, names), default=0) > LINE


def beside(figure: Figure, names: Sequence[str]) -> None:
    """Leave room at the left for names beside the axis, which are a fifth longer on a phone."""
    share = min(0.11, 0.0028 * max(map(len, names), default=0))
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD, rect=(share, 0, 1 - share, 1)))


def distinct(texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the words that all texts begin with, and the texts without them; nothing is cut from a single text."""
    words = [text.split(" ") for text in texts]
    shared = 0
    if len(texts) > 1:
        while all(len(text) > shared + 1 and text[shared] == words[0][shared] for text in words):
            shared += 1
    return " ".join(words[0][:shared]) if words else "", [" ".join(text[shared:]) for text in words]


def key(figure: Figure, names: Sequence[str], kind: str = "both", *, published: bool = False) -> None:
    """Write the key above the axes, where there are several series or published points.

    ``kind`` says what a series looks like: "line", "dots" or "both".
    """
    handles = []
    head, names = distinct([label(name, 80) for name in names])
    if len(names) > 1:
        for at, name in enumerate(names):
            looks = look(at)
            style: dict[str, Any] = {"linewidth": 2, "linestyle": looks.dash, "marker": looks.marker, "markersize": 5}
            if kind == "dots":
                style = {"linewidth": 0, "marker": "o", "markersize": 5}
            elif kind == "line":
                style["marker"] = ""
            handles.append(Line2D([], [], color=looks.colour, label=clip(name, 34), **style))
    if published:
        style = {"marker": "D", "markersize": 6, "markerfacecolor": PAPER, "markeredgecolor": INK}
        handles.append(Line2D([], [], linestyle="", markeredgewidth=1.4, label="published", **style))
    if not handles:
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), LINE // (longest + 5)))
    columns = ceil(len(handles) / ceil(len(handles) / columns))  # full rows: none with a single entry
    rows = ceil(len(handles) / columns) + bool(head)
    # a long key makes the figure higher instead of the axes smaller
    figure.set_figheight(figure.get_figheight() + KEY_ROW * max(0, rows - KEY_ROWS))
    made = figure.legend(handles=handles, loc="outside upper left", ncols=columns, frameon=False, handlelength=2.2,
                         columnspacing=2.2, borderaxespad=0.1, title=head or None, alignment="left")  # fmt: skip
    made.get_title().set_color(MUTED)
