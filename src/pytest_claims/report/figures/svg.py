"""From matplotlib's SVG to ours: small, themed, with unique ids, and without anything that could run."""

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from pytest_claims.report.figures.palette import NAMES, VARIABLES, style_sheet
from pytest_claims.vocabulary import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
ALLOWED = frozenset({
    "svg", "g", "path", "text", "tspan", "use", "defs", "clipPath", "rect", "line", "circle", "polyline", "polygon",
    "title", "desc", "ellipse",
})  # fmt: skip
# (property, value) pairs that are SVG's defaults, so that nobody needs to write them
DEFAULTS = {
    "stroke-linecap": "butt", "stroke-linejoin": "miter", "opacity": "1", "fill-opacity": "1", "stroke-opacity": "1",
    "stroke-dashoffset": "0", "font-style": "normal", "font-weight": "normal", "font-variant": "normal",
    "stroke-miterlimit": "100000", "font-stretch": "normal", "font-family": "sans-serif", "text-anchor": "start",
}  # fmt: skip
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+")
_TOKEN = re.compile(r"[A-Za-z]|-?\d*\.?\d+(?:e-?\d+)?")
#: Characters that end an attribute or an address, or begin a tag: written as codes, an image's address is plain text.
_UNSAFE = re.compile(r"""[%#<>&'"\x00-\x1f\x7f]""")
#: Room at the right of an image: names outside of the axes are wider there on a phone, and an image cuts them off.
ROOM = 9
#: Letters of an image that is shown narrow, as on a phone.
PHONE = "@media(max-width:400px){text{font-size:10.8px!important}}"
_HEX = re.compile(r"#[0-9a-f]{6}")


# matplotlib writes dates and its own name otherwise
_NO_METADATA: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def from_figure(figure: "Figure", identifier: str, title: str) -> str:
    """Return the figure as a standalone SVG: identical bytes for identical data, on any day and in any folder."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    root = _parse(out.getvalue())
    _clean(root)
    _compact(root)
    _own_ids(root, "f" + hashlib.sha256(identifier.encode()).hexdigest()[:7])
    _name(root, title)
    sheet = ET.Element(f"{{{SVG}}}style")
    sheet.text = (
        f"svg{{{style_sheet(0)};font-family:system-ui,sans-serif}}"
        f"@media(prefers-color-scheme:dark){{svg{{{style_sheet(1)}}}}}"
    )
    root.insert(0, sheet)
    return _text(root)


def for_page(svg: str) -> tuple[str, str]:
    """Return a stored figure for a page, as (address, its words): an image of one element that loads nothing.

    The address holds the whole drawing (a data URI), checked again. Its own style follows the reader's light or dark
    scheme and the width at which the image is shown, so it needs nothing of the page. Nothing in an image can run.
    Raises ValueError for anything that is not an SVG.
    """
    root = _parse(svg)
    if root.tag != f"{{{SVG}}}svg":
        raise ValueError("it is not an SVG")
    _clean(root)
    words = root.attrib.pop("aria-label", "")
    for name in ("width", "height", "version", "role"):
        root.attrib.pop(name, None)
    wide, high = size(svg)
    if wide and "viewBox" in root.attrib:
        root.set("viewBox", f"0 0 {wide + ROOM:g} {high:g}")
    sheet = ET.Element(f"{{{SVG}}}style")
    sheet.text = _image_style(_text(root))
    root.insert(0, sheet)
    text = _text(root).replace(" />", "/>")
    return "data:image/svg+xml," + _UNSAFE.sub(lambda letter: f"%{ord(letter[0]):02X}", text), words


def _image_style(text: str) -> str:
    """Return a style sheet with the colours that a drawing uses: light, and dark on dark screens but not on paper."""
    themes = [
        ";".join(f"--f-{name}:{both[theme]}" for name, both in VARIABLES.items() if f"var(--f-{name})" in text)
        for theme in (0, 1)
    ]
    return (
        f"svg{{{themes[0]};font-family:system-ui,sans-serif}}"
        f"@media screen and (prefers-color-scheme:dark){{svg{{{themes[1]}}}}}{PHONE}"
    )


def on_paper(svg: str) -> str:
    """Return a stored figure with a background of its own, for places whose colours are not known."""
    return svg.replace("<style>", "<style>svg{background:var(--f-paper)}", 1)


def size(svg: str) -> tuple[float, float]:
    """Return width and height of the figure's box, in its own units."""
    box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', svg)
    return (float(box[1]), float(box[2])) if box else (0.0, 0.0)


def _parse(svg: str) -> ET.Element:
    if "<!ENTITY" in svg:
        raise ValueError("it declares entities")
    try:
        return ET.fromstring(svg)  # noqa: S314 - entities are refused above; nothing else expands
    except ET.ParseError as error:
        raise ValueError(f"it cannot be parsed ({error})") from error


def _text(root: ET.Element) -> str:
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    return ET.tostring(root, encoding="unicode")


def _clean(parent: ET.Element) -> None:
    """Drop elements that are not drawing, attributes that run or load, and matplotlib's metadata."""
    for child in list(parent):
        name = str(child.tag).removeprefix(f"{{{SVG}}}") if isinstance(child.tag, str) else ""
        if name not in ALLOWED:
            parent.remove(child)
        else:
            _clean(child)
    for key, value in list(parent.attrib.items()):
        local = key.rpartition("}")[2].lower()
        link = local == "href" and not value.startswith("#")
        loads = "url(" in value and "url(#" not in value
        if local.startswith("on") or link or loads or "javascript:" in value.lower():
            del parent.attrib[key]


def _compact(root: ET.Element) -> None:
    """Round coordinates to a tenth of a point, relative paths, styles without defaults, groups that do nothing gone."""
    for element in root.iter():
        element.text = element.text if element.tag in {f"{{{SVG}}}text", f"{{{SVG}}}tspan"} else None
        element.tail = None
        if "d" in element.attrib:
            element.set("d", short_path(element.attrib["d"]))
        for name in ("x", "y", "width", "height", "transform"):
            if name in element.attrib and element is not root:
                element.set(name, _NUMBER.sub(lambda number: _short(float(number[0])), element.attrib[name]))
        if "style" in element.attrib:
            element.set("style", short_style(element.attrib["style"]))
            if not element.attrib["style"]:
                del element.attrib["style"]
        for link in [key for key in element.attrib if key.endswith("}href")]:
            element.set("href", element.attrib.pop(link))
        if element.attrib.get("transform", "").startswith("rotate(0 "):
            del element.attrib["transform"]
    _without_bare_groups(root)
    _shared_styles(root)


def _shared_styles(parent: ET.Element) -> None:
    """Write a style that neighbours share only once, on a group around them."""
    at = 0
    while at < len(parent):
        child = parent[at]
        _shared_styles(child)
        style: dict[str, str] = {name: child.attrib[name] for name in ("style", "clip-path") if name in child.attrib}
        end = at + 1
        while end < len(parent) and all(
            parent[end].attrib.get(name) == style.get(name) for name in ("style", "clip-path")
        ):
            end += 1
        if style and end - at > 1 and parent.tag != f"{{{SVG}}}defs":
            group = ET.Element(f"{{{SVG}}}g", style)
            members = list(parent[at:end])
            for member in members:
                parent.remove(member)
                for name in style:
                    del member.attrib[name]
                group.append(member)
            parent.insert(at, group)
        at += 1


def _without_bare_groups(parent: ET.Element) -> None:
    at = 0
    while at < len(parent):
        child = parent[at]
        _without_bare_groups(child)
        if child.tag == f"{{{SVG}}}g" and not set(child.attrib) - {"id"}:
            parent.remove(child)
            for offset, grandchild in enumerate(list(child)):
                parent.insert(at + offset, grandchild)
            at += len(child)
        else:
            at += 1


def short_style(style: str) -> str:
    """Return a style without defaults, its colours as variables of the theme."""
    kept = []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if not name or DEFAULTS.get(name) == value or name == "font-family":
            continue
        if name == "font":  # "10px 'DejaVu Sans', sans-serif": the page uses its own font
            name, value = "font-size", next((part for part in value.split() if part.endswith("px")), "10px")
        kept.append(f"{name}:{_HEX.sub(_variable, value)}")
    return ";".join(kept)


def _variable(colour: re.Match[str]) -> str:
    name = NAMES.get(colour[0])
    return f"var(--f-{name})" if name else colour[0]


def _short(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    if text == "-0":
        return "0"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def short_path(data: str) -> str:
    """Return a path of M, L, C, Q and z in relative coordinates of a tenth of a point.

    A line of length zero, which draws a dot, stays: ``h0``.
    """
    tokens = _TOKEN.findall(data)
    out: list[str] = []
    here, start, at, command = (0, 0), (0, 0), 0, "M"
    arity = {"M": 1, "L": 1, "Q": 2, "C": 3}
    last = ""
    while at < len(tokens):
        if tokens[at].isalpha():
            command = tokens[at]
            at += 1
            if command in "zZ":
                out.append("z")
                here, last = start, "z"
                continue
        count = arity[command]
        pairs = [
            (round(10 * float(tokens[at + 2 * k])), round(10 * float(tokens[at + 2 * k + 1]))) for k in range(count)
        ]
        at += 2 * count
        if command == "L" and pairs[0] == here:
            # only a dot keeps its line of length zero; repeated points of a curve are left out
            if last in {"m", "M"}:
                out.append("h0")
                last = "h"
            continue
        # the first point is absolute, later subpaths are relative to the end of the last one
        letter = command.lower()
        flat = [value - here[k % 2] for pair in pairs for k, value in enumerate(pair)]
        out.append(
            ("" if letter == last and letter != "m" else letter)
            + _joined(flat, spaced=letter == last and letter != "m")
        )
        here, last = pairs[-1], letter
        if command == "M":
            start, command = here, "L"
    return "".join(out)


def _joined(values: list[int], *, spaced: bool) -> str:
    text = ""
    for value in values:
        digits = _short(value / 10)
        text += digits if (not text and not spaced) or digits.startswith("-") else f" {digits}"
    return text


def _own_ids(root: ET.Element, prefix: str) -> None:
    """Keep ids that something refers to, with a prefix that no other figure on a page has."""
    used: dict[str, str] = {}

    def renamed(reference: re.Match[str]) -> str:
        return "#" + used.setdefault(reference[1], f"{prefix}{len(used)}")

    for element in root.iter():
        for key, value in element.attrib.items():
            if key.endswith("href"):
                element.set(key, re.sub(r"#(.+)", renamed, value))
            elif "url(#" in value:
                element.set(key, re.sub(r"(?<=url\()#([^)]+)", renamed, value))
    for element in root.iter():
        identifier = element.attrib.pop("id", None)
        if identifier in used:
            element.set("id", used[identifier])


def _name(root: ET.Element, title: str) -> None:
    """Describe the figure in words, for those who do not see it."""
    root.set("role", "img")
    root.set("aria-label", " ".join(visible(title).split()))
