"""Colours of figures: drawn in the light theme's hex codes, written as CSS variables that the page redefines for dark.

Series follow Okabe and Ito's palette (distinct for all common kinds of colour blindness), darker on white paper and
lighter on dark screens, so that each has a contrast of at least 3 with its background. Dashes and markers show the same
as the colours.
"""

from dataclasses import dataclass

INK = "#1b2024"
MUTED = "#5b646d"
GRID = "#dfe3e7"
PAPER = "#fefefe"
SERIES = ("#0068a8", "#c14f00", "#00805d", "#a8487f", "#946b00", "#3a7ca5", "#7350b8", "#4d4f53")

#: CSS variable -> (light, dark)
VARIABLES = {
    "ink": (INK, "#e8ebee"),
    "muted": (MUTED, "#a3adb8"),
    "grid": (GRID, "#343c45"),
    "paper": (PAPER, "#14181c"),
    **{
        f"c{at}": (light, dark)
        for at, (light, dark) in enumerate(
            zip(
                SERIES,
                ("#5ab4f0", "#f58a42", "#2fc79a", "#e48cc0", "#e0b23c", "#8cc5e6", "#b49af0", "#b9bec4"),
                strict=True,
            )
        )
    },
}
NAMES = {light: name for name, (light, _) in VARIABLES.items()}

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES: tuple[tuple[int, tuple[float, ...]], ...] = (
    (0, ()),
    (0, (5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (2, 3)),
    (0, (9, 1)),
)


@dataclass(frozen=True)
class Look:
    """How the n-th series looks."""

    colour: str
    marker: str
    dash: tuple[int, tuple[float, ...]]


def look(at: int) -> Look:
    """Return the look of series ``at``; after eight, the colours repeat with other dashes and markers."""
    turn = at + at // len(SERIES)
    return Look(SERIES[at % len(SERIES)], MARKERS[turn % len(MARKERS)], DASHES[turn % len(DASHES)])


def style_sheet(theme: int) -> str:
    """Return the declarations of all variables: 0 for light, 1 for dark."""
    return ";".join(f"--f-{name}:{both[theme]}" for name, both in VARIABLES.items())
