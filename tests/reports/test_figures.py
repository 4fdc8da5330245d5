"""Figures: small, deterministic, themed, with ids of their own; every seed visible; pictures that cannot be drawn."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from pytest_claims import lines, strips
from pytest_claims.files import jsonable as as_json
from pytest_claims.record import Record
from pytest_claims.report.figures import illustrate
from pytest_claims.report.figures.canvas import crowded, key, paper, styled
from pytest_claims.report.figures.defaults import draw_record
from pytest_claims.report.figures.illustrate import draw, file_name
from pytest_claims.report.figures.palette import VARIABLES
from pytest_claims.report.figures.seeds import binned, strands, summarise, swarm, thinned
from pytest_claims.report.figures.svg import for_page, short_path
from tests.reports.factory import claims, record

RNG = np.random.default_rng(0)
EVERY_KIND = [(about, hypothesis, pictures) for about, hypothesis, pictures in claims()]
IDS = [about["id"] for about, _, _ in EVERY_KIND]


def drawn(folder: Path, about: dict, hypothesis: object, pictures: list) -> tuple[dict, list[str]]:
    """Draw one made-up claim; its record and its SVGs."""
    entry = record(about, hypothesis, np.random.default_rng(1))
    entry |= illustrate(folder, Record.from_json(entry), pictures)
    return entry, [(folder / name).read_text(encoding="utf-8") for name in entry["figures"]]


@pytest.mark.parametrize("about, hypothesis, pictures", EVERY_KIND, ids=IDS)
def test_every_kind_of_picture_is_small_clean_and_repeatable(
    report: Path, tmp_path: Path, about: dict, hypothesis: object, pictures: list
) -> None:
    """At most 30 kB, the same bytes again, no date, no foreign reference, no fixed colour."""
    entry, texts = drawn(tmp_path, about, hypothesis, pictures)

    assert "figure_error" not in entry
    assert len(texts) == max(len(pictures), 1)
    for name, text in zip(entry["figures"], texts, strict=True):
        assert text == (report / name).read_text(encoding="utf-8")
        assert len(text.encode()) <= 30_000
        assert not re.search(r"\b20\d\d-\d\d-\d\d|matplotlib|https?://(?!www\.w3\.org)", text)
        assert not re.search(r"(?:fill|stroke):#", text)
        assert "DejaVu" not in text
        ET.fromstring(text)  # noqa: S314 - our own output


def test_figures_never_share_an_id(report: Path) -> None:
    """Ids of all figures of a page are different, so that one never borrows another's marks."""
    found: list[str] = []
    for path in (report / "figures").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        own = re.findall(r'\bid="([^"]+)"', text)
        found += own
        assert set(re.findall(r'(?:href="|url\()#(\w+)', text)) <= set(own)

    assert len(found) == len(set(found)) > 0


def test_every_seed_is_drawn() -> None:
    """A strip of 64 equal values shows 64 dots, none on top of another."""
    values = np.full(64, 0.5)
    offsets = swarm(values, 0.8, 0.01)

    assert len(np.unique(offsets)) == 64
    assert np.abs(offsets).max() <= 0.4

    data = xr.DataArray(np.full((64, 2), 0.5), dims=["seed", "arm"], coords={"arm": ["a", "b"]})
    text, _ = draw(Record(id="1.a"), strips(data, along="arm"), "salt")
    assert max(path.count("h0") for path in re.findall(r'd="([^"]+)"', text)) == 128


@pytest.mark.parametrize(
    "make", [lambda data: strips(data, along="arm"), lambda data: strips(data, along="arm", log="y")]
)
def test_above_128_seeds_strips_are_bars(make: Callable) -> None:
    """512 seeds take no more bytes than 128 dots; the widest bar has most seeds; the caption says so."""
    values = np.exp(np.random.default_rng(0).normal(0, 0.2, (512, 2)))
    data = xr.DataArray(values, dims=["seed", "arm"], coords={"arm": ["a", "b"]})
    text, caption = draw(Record(id="1.a"), make(data), "salt")
    few, short = draw(Record(id="1.a"), make(data[:128]), "salt")

    assert "h0" not in text
    assert len(text) < len(few)
    assert caption.startswith("The wider the bar, the more of the 512 seeds")
    assert short.startswith("Each dot is a seed")


def test_bins_count_every_seed() -> None:
    """Equal values share a bin; the fullest is as wide as asked, a bin with half as many half as wide."""
    values = np.array([0.5] * 40 + [0.7] * 20 + [np.nan])
    middles, halves = binned(values, 0.8, 0.1)

    assert middles == pytest.approx([0.5, 0.7])
    assert halves == pytest.approx([0.4, 0.2])
    assert [len(part) for part in binned(np.array([np.nan]), 1.0, 0.1)] == [0, 0]


def test_above_128_seeds_lines_are_tenths() -> None:
    """Eleven curves from the lowest to the highest seed, and a caption that says so; few seeds stay themselves."""
    curves = np.random.default_rng(0).permutation(np.arange(301.0))[:, None] + np.array([0.0, 1000.0])
    data = xr.DataArray(curves, dims=["seed", "n"], coords={"n": [1, 2]})
    _, caption = draw(Record(id="1.a"), lines(data, x="n"), "salt")

    assert strands(curves)[:, 0].tolist() == [0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300]
    assert len(strands(curves[:128])) == 128
    assert caption.startswith(
        "Thin lines: the lowest of 301 seeds, the tenths between, and the highest; the thick line"
    )


def test_seeds_do_not_hide_behind_their_mean() -> None:
    """Eight seeds that are all different: dots stand in one column, mean and interval in another."""
    values = np.linspace(0.4, 0.6, 8)[:, None].repeat(2, axis=1)
    data = xr.DataArray(values, dims=["seed", "arm"], coords={"arm": ["a", "b"]})
    text, _ = draw(Record(id="1.a"), strips(data, along="arm"), "salt")
    paths = re.findall(r'd="(m[^"]+)"', text)
    dots = next(path for path in paths if path.count("h0") == 16)
    bars = next(path for path in paths if "h0" not in path and path.count("m") == 2 and "l" in path[1:])

    assert abs(float(re.match(r"m(-?[\d.]+)", dots)[1]) - float(re.match(r"m(-?[\d.]+)", bars)[1])) > 10


def test_a_share_of_seeds_stays_between_0_and_1() -> None:
    """7 of 8 seeds: the default figure shows the exact interval of the claim, not one of t that passes 1."""
    about, hypothesis, _ = next(kind for kind in EVERY_KIND if kind[0]["id"] == "2.b")
    figure, caption = draw_record(Record.from_json(record(about, hypothesis, np.random.default_rng(1))))
    low, high = figure.axes[0].get_ylim()

    assert caption.endswith("The bar is the share with its 99 % interval.")
    assert -0.1 < low < 0
    assert 1 < high < 1.1
    assert figure.axes[0].get_ylabel() == "share of seeds"


def test_the_caption_of_a_share_has_the_level_of_its_look() -> None:
    """The bar is the interval that decides, which is wider where the claim registered several looks."""
    about, hypothesis, _ = next(kind for kind in EVERY_KIND if kind[0]["id"] == "2.b")
    entry = record(about, hypothesis, np.random.default_rng(1)) | {"alpha": 0.005 / 4.226}
    _, caption = draw_record(Record.from_json(entry))

    assert caption.endswith("The bar is the share with its 99.76 % interval.")


def test_the_default_figure_shows_what_was_published() -> None:
    """A diamond for the one condition that a published number belongs to; words and other conditions get none."""
    about, hypothesis, _ = next(kind for kind in EVERY_KIND if kind[0]["id"] == "3.d")
    published = {"deep network": 0.91, "shallow network": "a little worse"}
    entry = record(about, hypothesis, np.random.default_rng(1)) | {"published": published}
    figure, caption = draw_record(Record.from_json(entry))
    diamonds = [line for line in figure.axes[0].lines if line.get_marker() == "D"]

    assert caption.endswith("Diamonds are published values.")
    assert [list(line.get_ydata()) for line in diamonds] == [[0.91]]


@pytest.mark.parametrize(
    "names, expected",
    [
        (["1", "2", "3"], False),
        (["relu", "tanh", "square", "sin", "sign", "identity"], False),
        (["cross entropy", "absolute", "squared", "fourth", "hinge", "constant"], True),
        (["a single name that is really much too long to stand"], True),
        ([], False),
    ],
)
def test_names_that_would_collide_are_noticed(names: list, expected: bool) -> None:
    """Names below an axis are read from top to bottom where neighbours would touch on a phone."""
    assert crowded(names) is expected


def test_thinning_keeps_what_the_eye_sees() -> None:
    """10,000 points of a sine become at most 100, and no point of the curve lies far from the drawn line."""
    x = np.linspace(0, 10, 10_000)
    ((u, v),) = thinned(x, [np.sin(x)], 100)

    assert len(u) <= 100
    assert np.abs(np.interp(x, u, v) - np.sin(x)).max() < 0.05


def test_intervals_are_those_of_t() -> None:
    """Mean and 99 % interval over seeds, against scipy's own; gaps are left out."""
    from scipy import stats

    values = np.random.default_rng(2).normal(3, 1, (16, 2))
    expected = stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.99)
    values[3, 1] = np.nan
    summary = summarise(values)

    assert (summary.low[0], summary.high[0]) == pytest.approx((expected.low, expected.high))
    assert summary.mean[1] == pytest.approx(np.nanmean(values[:, 1]))


@pytest.mark.parametrize(
    "long, short",
    [
        ("M 10 10 L 10 10 M 20 10 L 20 10", "m10 10h0m10 0h0"),
        ("M 0 0 L 1.04 2.06 L 3 3 z M 5 5 L 6 6", "m0 0l1 2.1 2 .9zm5 5l1 1"),
        ("M 0 0 C 1 1 2 2 3 3 L 3 3.5", "m0 0c1 1 2 2 3 3l0 .5"),
    ],
)
def test_paths_are_written_short(long: str, short: str) -> None:
    """Relative, in tenths, repeated letters left out; dots stay dots."""
    assert short_path(long) == short


def test_gaps_and_infinities_are_left_out() -> None:
    """NaN and infinite values in a picture: drawn without them, no warning, no error."""
    values = RNG.normal(size=(8, 5))
    values[0, 0], values[1, 1], values[:, 2] = np.nan, np.inf, np.nan
    data = xr.DataArray(values, dims=["seed", "n"], coords={"n": [1, 2, 3, 4, 5]})
    for picture in (lines(data, x="n"), strips(data, along="n"), lines(data, x="n", log="xy")):
        text, _ = draw(Record(id="1.a"), picture, "salt")

        assert "nan" not in text
        assert "inf" not in text


def drawing(text: str) -> str:
    """Return what the page shows of a stored figure."""
    return unquote(for_page(text)[0]).removeprefix("data:image/svg+xml,")


LABELS = ["<script>alert(1)</script>", "</svg><b>", "$x_1$ & \\alpha \"q\" 'q'", "مرحبا", "a" * 300, "\x00\x1b\ud800"]


def test_labels_are_shown_as_they_are() -> None:
    """Markup, mathematics, right-to-left, control characters, endless words: text in the figure, nothing else."""
    data = xr.DataArray(RNG.normal(size=(8, len(LABELS))), dims=["seed", "arm"], coords={"arm": LABELS})
    text, _ = draw(Record(id=LABELS[0]), strips(data, along="arm", title=LABELS[1], ylabel=LABELS[2]), LABELS[0])
    root = ET.fromstring(drawing(text))  # noqa: S314 - our own output

    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg",
        "g",
        "path",
        "text",
        "use",
        "defs",
        "clipPath",
        "rect",
        "style",
    }
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "<script>alert(1)</script>" in words
    assert "مرحبا" in words


def test_a_stored_figure_cannot_bring_a_script() -> None:
    """for_page drops whatever runs or loads, and refuses what is no SVG."""
    evil = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><script>x()</script>'
        '<a href="javascript:x()"><text>in</text></a><image href="https://example.org/x.png"/>'
        '<style>@import "x"</style><path d="M0 0" onclick="x()" style="fill:url(http://x)"/></svg>'
    )
    kept = re.sub("<style>.*?</style>", "", drawing(evil))
    assert kept == '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'

    for nonsense in ("", "<p>", "<p></p>", '<!DOCTYPE x [<!ENTITY a "b">]><svg/>'):
        with pytest.raises(ValueError, match="it "):
            for_page(nonsense)


def test_an_image_of_the_page_ends_no_attribute_and_has_both_schemes() -> None:
    """Its address has no letter that HTML or a URL reads, its style the colours it uses in light and in dark."""
    data = xr.DataArray(RNG.normal(size=(8, 2)), dims=["seed", "arm"], coords={"arm": ["<'\"&", "b#%"]})
    text, _ = draw(Record(id="1.a"), strips(data, along="arm"), "salt")
    address, words = for_page(text)

    assert address.startswith("data:image/svg+xml,%3Csvg ")
    assert not re.search("[#<>&'\"\n]", address)
    assert words.startswith("Figure of claim 1.a: Each dot is a seed")
    used = set(re.findall(r"var\(--f-(\w+)\)", drawing(text)))
    for colours in (both[theme] for theme in (0, 1) for name, both in VARIABLES.items() if name in used):
        assert colours in drawing(text)


def test_a_picture_that_raises_is_recorded(tmp_path: Path) -> None:
    """The sentence says what failed; figures that came before it stay."""
    data = xr.DataArray(RNG.normal(size=(8, 2)), dims=["seed", "n"], coords={"n": [1, 2]})
    additions = illustrate(tmp_path, Record(id="1.a"), [lines(data, x="n"), object()])

    assert additions["figures"] == ["figures/1.a.svg"]
    assert additions["figure_error"] == "TypeError: there is no drawing for a picture of type object"


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    """No global state: the user's settings are the same afterwards, and nothing of pyplot was loaded for it."""
    mpl.rcParams["font.size"] = 23
    try:
        draw(Record(id="1.a"), lines(xr.DataArray(RNG.normal(size=(8, 2)), dims=["seed", "n"]), x="n"), "salt")
        assert mpl.rcParams["font.size"] == 23
    finally:
        mpl.rcdefaults()


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_can_be_told_from_the_paper(theme: int) -> None:
    """Series have a contrast of at least 3 against the paper, letters of at least 4.5, in light and dark."""
    paper = luminance(VARIABLES["paper"][theme])
    for name, both in VARIABLES.items():
        needed = 4.5 if name in {"ink", "muted"} else 3.0
        if name not in {"paper", "grid"}:
            light, dark = sorted((luminance(both[theme]), paper), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= needed, name


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_file_names_are_safe_and_distinct() -> None:
    """Ids stay as they are where they can; others become safe names that differ."""
    assert file_name("4.a@train-range") == "4.a@train-range"
    odd = [
        "../../etc/passwd",
        "a/b",
        "a_b",
        "a:b",
        "é",
        "É",
        ".hidden",
        "x" * 300,
        "X" * 300,
        "A.a",
        "a.a",
        "a.A",
        "\ud800",
    ]
    names = [file_name(identifier).lower() for identifier in odd]

    assert len(set(names)) == len(odd), "many systems do not tell large letters from small ones"
    assert all(re.fullmatch(r"[\w@-][\w.@-]{0,95}", name) for name in names)


def test_records_stay_json(tmp_path: Path) -> None:
    """What drawing adds to a record is JSON."""
    about, hypothesis, pictures = EVERY_KIND[0]
    entry, _ = drawn(tmp_path, about, hypothesis, pictures)

    assert as_json(entry) == entry
    assert entry["captions"][0].startswith("Each dot is a seed")


@pytest.mark.parametrize("count", [2, 9, 20])
def test_a_long_key_makes_the_figure_higher(count: int) -> None:
    """The axes keep two of the figure's usual three inches, or nearly, however many series the key names."""
    with styled("key"):
        figure, (axes,) = paper()
        key(figure, [f"a technique with a long name, the {at}th" for at in range(count)], published=True)
        figure.draw_without_rendering()

    assert axes.get_position().height * figure.get_figheight() > 1.6
