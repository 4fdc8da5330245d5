"""The figures of a report's page, taken from the page itself: it is what the repository keeps of a run's drawings."""

import html
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from markupsafe import Markup

from pytest_claims.report.figures.palette import style_sheet

#: What a page has, in its order: a claim's section begins, a figure drawn in the page, one as an image, a caption.
PIECES = re.compile(
    r'<article\b[^>]*\bdata-id="(?P<claim>[^"]+)"'
    r'|(?P<drawn><svg\b[^>]*\bclass="figure"[^>]*>.*?</svg>)'
    r'|(?P<image><img\b[^>]*\bclass="figure"[^>]*>)'
    r"|<figcaption>(?P<caption>.*?)</figcaption>",
    re.DOTALL,
)
#: The site's theme button sets data-theme; "auto" follows the system.
THEMES = """body{{{light}}}
body[data-theme="dark"]{{{dark}}}
@media (prefers-color-scheme:dark){{body:not([data-theme="light"]){{{dark}}}}}
"""


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG without a style sheet, and how to read it. The report lets only drawing elements pass."""

    svg: Markup
    caption: str = ""


def figures_of(page: str) -> dict[str, list[Figure]]:
    """Return the figures on a report's page, by the id of their claim or variant."""
    found: dict[str, list[Figure]] = {}
    claim = ""
    for piece in PIECES.finditer(page):
        if piece["claim"]:
            claim = html.unescape(piece["claim"])
        elif piece["caption"] is not None:
            if figures := found.get(claim):
                figures[-1] = replace(figures[-1], caption=Markup(piece["caption"]))  # noqa: S704 - the report escaped it
        elif claim:
            svg = piece["drawn"] or _from_image(piece["image"])
            found.setdefault(claim, []).append(Figure(Markup(svg)))  # noqa: S704 - as Figure says
    return found


def _from_image(tag: str) -> str:
    """Return the drawing in an image's address, named as the image is."""
    attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
    address = html.unescape(attributes["src"])
    svg = unquote(address.removeprefix("data:image/svg+xml,"))
    svg = re.sub(r"<style\b.*?</style>", "", svg, flags=re.DOTALL)
    return svg.replace("<svg", f'<svg class="figure" role="img" aria-label="{attributes.get("alt", "")}"', 1)


def theme_sheet() -> str:
    """Return the style sheet with the figures' colours for the site's light and dark theme."""
    return THEMES.format(light=style_sheet(0), dark=style_sheet(1))
