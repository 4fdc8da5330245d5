"""The pages in a real browser: Debian's Chromium, driven by Playwright, from file://, with nothing let out."""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.picture import launched, missing
from pytest_claims.cli import main
from pytest_claims.report.page import write_page
from pytest_claims.results import read, write
from pytest_claims.vocabulary import visible
from tests.reports.by_looks import made_up
from tests.reports.factory import FACTS, NASTY, assemble, hostile, nights

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WIDTHS = (320, 390, 768, 990, 991, 1279, 1280, 1440, 1920)
SCHEMES = ("light", "dark")
PAGES = ("report", "looks", "comparison", "history", "hostile")

Open = Callable[..., Any]


class BrowserMissing(UserWarning):
    """The page's browser tests did not run."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return Playwright; without a browser skip loudly, and fail where a browser is demanded."""
    reason = missing("axe_playwright_python")
    if reason:
        if os.environ.get("CI") or os.environ.get("ATOMIC_CLAIMS_REQUIRE_BROWSER"):
            pytest.fail(f"The browser tests of the page are demanded here, but there is {reason}.", pytrace=False)
        warnings.warn(f"BROWSER TESTS OF THE PAGE SKIPPED: there is {reason}.", BrowserMissing, stacklevel=1)
        pytest.skip(f"there is {reason}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def folders(report: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders by what they hold: claims of every kind, claims with looks, a comparison, hostile texts, ..."""
    top = tmp_path_factory.mktemp("pages")
    shutil.copytree(report, top / "report")
    write(top / "report", replace(read(report), complete=False, baseline=BASELINE))
    main(["render", str(top / "report")])
    shutil.copytree(top / "report", top / "other")
    other = read(top / "other")
    claims = [replace(claim, verdict="refuted") if claim.id == "2.a" else claim for claim in other.claims]
    write(top / "other", replace(other, claims=tuple(claims)))
    assert main(["compare", str(top / "report"), str(top / "other"), "-o", str(top / "comparison")]) == 1
    nights(top / "report", top / "history", 40)
    main(["history", str(top / "history")])
    (top / "looks").mkdir()
    write_page(top / "looks", assemble(made_up(), FACTS))
    records = [hostile(top / "hostile", f"1.{letter}", text) for letter, text in zip("abcdef", NASTY, strict=True)]
    write_page(top / "hostile", assemble(records, {**FACTS, "command": list(NASTY)}))
    return {name: top / name for name in PAGES} | {"example": ROOT / "reports" / "example"}


#: For each figure what is wrong with its words: too small, outside of the section, on top of another.
FAULTS = """images => images.flatMap(image => {
  // the words of an image cannot be measured: its drawing is put in its place, in a document of its own width
  const shadow = document.createElement("div");
  shadow.style.width = `${image.getBoundingClientRect().width}px`;
  image.closest("article").append(shadow);
  shadow.attachShadow({mode: "open"}).innerHTML = decodeURIComponent(image.src.slice(image.src.indexOf(",") + 1));
  const figure = shadow.shadowRoot.querySelector("svg");
  const narrow = shadow.getBoundingClientRect().width <= 400;
  figure.querySelector("style").textContent += narrow ? "text{font-size:10.8px!important}" : "";
  figure.style.width = "100%";
  const frame = figure.getBoundingClientRect();
  const scale = figure.getBoundingClientRect().width / figure.viewBox.baseVal.width;
  const words = [...figure.querySelectorAll("text")].filter(word => word.textContent.trim()).map(word => ({
    text: word.textContent, box: word.getBoundingClientRect(),
    size: scale * parseFloat(getComputedStyle(word).fontSize)}));
  const name = image.alt;
  const inside = box => box.left >= frame.left - 1 && box.right <= frame.right + 1;
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  return [
    ...words.filter(word => word.size < 9).map(word => `${name}: ${word.text} has ${word.size.toFixed(1)} px`),
    ...words.filter(word => !inside(word.box)).map(word => `${name}: ${word.text} is cut`),
    ...words.flatMap((a, i) => words.slice(i + 1).filter(b => meet(a.box, b.box))
      .map(b => `${name}: ${a.text} lies on ${b.text}`)),
  ];
})"""
BASELINE = {
    "started": "2026-11-22T22:10:00+00:00", "failed": True, "versions": {"torch": ["2.12.0", "2.13.0"]},
    "notes": ["Seeds of 4.b are others: its numbers are not compared."],
    "claims": [
        {"id": "2.a", "was": "refuted", "now": "supported", "alarm": True, "where": "the loss differs from step 1 on"},
        {"id": "7.b", "was": "supported", "now": "supported", "alarm": False, "where": "the effect drifted by 0.001"},
    ],
}  # fmt: skip


@pytest.fixture
def opened(browser: Any, folders: dict[str, Path]) -> Iterator[Open]:
    """Return a function that opens a page at a width in a colour scheme; afterwards nothing may have gone wrong.

    Every console message, every error and every request that is not for the file itself fails the test.
    """
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as profiles:
        contexts = []

        def open_(page: str = "report", hash_: str = "", width: int = 1440, scheme: str = "light", **more: Any) -> Any:
            profile = f"{profiles}/{len(contexts)}"
            contexts.append(launched(browser, profile, (width, 900), scheme, offline=True, **more))
            tab = contexts[-1].pages[0]
            watch(tab, problems, ("file:", "data:"))
            tab.goto(f"{(folders[page] / 'index.html').as_uri()}{hash_}")
            return tab

        yield open_
        for context in contexts:
            context.close()
    assert not problems


def watch(tab: Any, problems: list[str], allowed: tuple[str, ...]) -> None:
    """Collect a tab's console messages and errors, and requests for what does not begin with one of ``allowed``."""
    tab.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda asked: None if asked.url.startswith(allowed) else problems.append(asked.url))


def unfold(tab: Any, selector: str = "details") -> None:
    """Open what is folded."""
    tab.evaluate("what => document.querySelectorAll(what).forEach(fold => { fold.open = true; })", selector)


def shown_ids(tab: Any) -> list[str]:
    """Return the ids of the rows that are shown, in their order."""
    return tab.eval_on_selector_all("tr.row", "rows => rows.filter(r => r.checkVisibility()).map(r => r.dataset.id)")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("page", PAGES)
def test_no_violation_of_accessibility_rules(opened: Open, page: str, scheme: str) -> None:
    """axe-core finds nothing, best practice and contrast of text (at least 4.5) included, with all folds open."""
    from axe_playwright_python.sync_playwright import Axe

    tab = opened(page, scheme=scheme)
    unfold(tab)
    results = Axe().run(tab).response
    found = {
        violation["id"]: [node["html"][:200] for node in violation["nodes"]][:3] for violation in results["violations"]
    }

    assert found == {}
    assert "color-contrast" in {rule["id"] for rule in results["passes"]}
    assert any("best-practice" in rule["tags"] for rule in results["passes"])


@pytest.mark.parametrize("width", [390, 1440])
def test_words_in_figures_are_read_and_whole(opened: Open, width: int) -> None:
    """No letter of a figure is smaller than 9 pixels, none is cut off, no two words lie on each other."""
    tab = opened(width=width)
    unfold(tab)
    faults = tab.eval_on_selector_all("img.figure", FAULTS)

    assert tab.locator("img.figure").count() >= 16

    assert [fault for fault in faults if fault] == []


@pytest.mark.parametrize("page", PAGES)
def test_fits_every_width(opened: Open, page: str) -> None:
    """From 320 to 1,920 pixels nothing but tables in their own frames scrolls sideways."""
    tab = opened(page)
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_ids_are_not_broken_letter_by_letter(opened: Open) -> None:
    """In the table of all claims an id such as 4.c@with-replacement is broken at its hyphens, if at all."""
    tab = opened("example")
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 900})
        lines = tab.eval_on_selector_all(
            ".claims .id",
            """cells => cells.map(cell => {
              const range = document.createRange();
              range.selectNodeContents(cell);
              const lines = new Set([...range.getClientRects()].map(box => Math.round(box.bottom)));
              return [cell.textContent.trim(), lines.size];
            })""",
        )

        assert len(lines) >= 123
        assert [(text, n) for text, n in lines if n > len(text.split("-"))] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_figures_are_there(opened: Open, scheme: str) -> None:
    """Every figure and every forest plot has a size, and its pixels are more than paper, in light and dark."""
    from PIL import Image

    tab = opened(scheme=scheme)
    unfold(tab)
    tab.evaluate("document.querySelectorAll('img').forEach(image => { image.loading = 'eager'; })")
    tab.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")
    for selector, at_least in (("img.figure", 100), (".forest", 20)):
        sizes = tab.eval_on_selector_all(
            selector,
            "all => all.filter(figure => figure.checkVisibility())"
            ".map(figure => figure.getBoundingClientRect()).map(box => [box.width, box.height])",
        )
        assert len(sizes) >= 16
        assert min(min(size) for size in sizes) >= at_least

    screen = np.asarray(Image.open(io.BytesIO(tab.screenshot(full_page=True))).convert("L"), dtype=int)
    boxes = tab.eval_on_selector_all(
        "img.figure",
        "all => all.map(figure => [figure.alt, figure.getBoundingClientRect()])"
        ".map(([label, box]) => [label, box.x, box.y + scrollY, box.width, box.height])",
    )
    for label, *box in boxes:
        x, y, width, height = map(int, box)
        pixels = screen[y : y + height, x : x + width]
        paper = np.bincount(pixels.ravel()).argmax()
        assert (np.abs(pixels - paper) > 40).mean() > 0.003, label
        assert (paper > 200) == (scheme == "light")


def test_filters_live_in_the_address(opened: Open) -> None:
    """#?verdict=refuted shows the refuted claims alone; what is chosen shows in the address; reset shows all."""
    tab = opened(hash_="#?verdict=refuted")
    refuted = shown_ids(tab)
    everything = tab.locator("tr.row").count()

    assert refuted == ["3.d", "4.b", "4.b@own-range-2000"]
    assert tab.locator("output.found").inner_text() == f"3 of {everything} claims"
    assert tab.locator("article.claim:not(.away)").count() == 3  # a variant stands inside its claim's closed section

    tab.locator("label:has(input[value=inconclusive])").click()
    assert tab.evaluate("location.hash") == "#?verdict=refuted,inconclusive"
    tab.locator("select[name=experiment]").select_option("3")
    assert shown_ids(tab) == ["3.a", "3.b", "3.d"]
    assert tab.evaluate("location.hash") == "#?verdict=refuted,inconclusive&experiment=3"

    tab.get_by_role("button", name="Show all").click()
    assert len(shown_ids(tab)) == everything
    assert tab.evaluate("location.hash") == ""

    tab.get_by_role("searchbox", name="Text").fill("PARAMETERS depth")
    assert shown_ids(tab) == ["2.d"]


def test_sorting(opened: Open) -> None:
    """By verdict what went wrong comes first; back by experiment the order is as before."""
    tab = opened()
    before = shown_ids(tab)
    tab.locator("select[name=sort]").select_option("verdict")

    assert shown_ids(tab)[0] == "11.a"
    assert sorted(shown_ids(tab)) == sorted(before)
    assert tab.evaluate("location.hash") == "#?sort=verdict"

    tab.locator("select[name=sort]").select_option("text")
    texts = tab.locator("tr.row .text > a").all_inner_texts()
    assert [text.lower() for text in texts] == sorted(text.lower() for text in texts)

    tab.locator("select[name=sort]").select_option("")
    assert shown_ids(tab) == before


@pytest.mark.parametrize("identifier", ["2.a", "4.b@train-range", "experiment-9"])
def test_links_lead_to_their_claim(opened: Open, identifier: str) -> None:
    """#2.a opens claim 2.a and shows it at the top, on load and later, also when a filter had hidden it."""
    tab = opened(hash_=f"#{identifier}")
    for _ in range(2):
        tab.wait_for_timeout(300)
        place = tab.evaluate("id => document.getElementById(id).getBoundingClientRect().top", identifier)
        assert -5 < place < 450
        assert tab.evaluate("id => document.getElementById(id).checkVisibility()", identifier)
        tab.evaluate("location.hash = '#?verdict=error'")
        tab.wait_for_function("document.querySelectorAll('article.claim.away').length > 5")
        tab.evaluate("document.querySelectorAll('.whole').forEach(fold => { fold.open = false; })")
        tab.evaluate("id => { location.hash = '#' + id; }", identifier)
        tab.wait_for_function("document.querySelectorAll('article.claim.away').length === 0")


def test_every_claim_can_be_reached_without_javascript(opened: Open) -> None:
    """Sections are closed until wanted; a click on a row's link opens the claim's section, or its variant's inside."""
    tab = opened(java_script_enabled=False)
    assert tab.locator("details.whole[open]").count() == 0
    rows = tab.locator("tr.row .text > a")
    assert rows.count() == tab.locator("article.claim").count() >= 16
    for row in rows.all():
        row.click()
        identifier = str(row.get_attribute("href")).removeprefix("#")
        section = tab.locator(f'article[data-id="{identifier}"]')
        section.locator(".sentence").first.wait_for(state="visible")
        assert tab.url.endswith(f"#{identifier}")


def test_all_sections_open_and_close_at_once(opened: Open) -> None:
    """A button does it, and says which of the two comes next."""
    tab = opened()
    tab.get_by_role("button", name="Open all sections").click()
    assert tab.locator("details.whole:not([open])").count() == 0
    tab.get_by_role("button", name="Close all sections").click()
    assert tab.locator("details.whole[open]").count() == 0


def test_works_with_the_keyboard(opened: Open) -> None:
    """The first stop is the link past the navigation; every stop is visible; space ticks a filter; copies say so."""
    tab = opened()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    for _ in range(60):
        tab.keyboard.press("Tab")
        outlined = tab.evaluate(
            "() => { const a = document.activeElement; const box = a.closest('.chip') || a;"
            " return getComputedStyle(box).outlineStyle !== 'none' && box.checkVisibility(); }"
        )
        assert outlined, tab.evaluate("document.activeElement.outerHTML.slice(0, 200)")

    tab.get_by_role("checkbox", name="refuted").focus()
    tab.keyboard.press("Space")
    assert tab.evaluate("location.hash") == "#?verdict=refuted"

    tab.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    unfold(tab, ".whole")
    tab.get_by_role("button", name="Copy the command that runs claim 4.b@own-range-2000").click()
    tab.wait_for_function("[...document.querySelectorAll('button.copy')].some(b => b.textContent === 'Copied')")
    assert tab.evaluate("window.copied") == "pytest claims/ --claim 4.b@own-range-2000"
    tab.locator(".cites button.copy").first.click()
    tab.wait_for_function("window.copied.startsWith('@software{')")


def test_all_is_readable_without_javascript(opened: Open) -> None:
    """Every claim's section opens and has its sentence; controls that would do nothing are hidden."""
    tab = opened(java_script_enabled=False)

    for article in tab.locator(".experiment > article.claim").all():
        article.locator("summary").first.click()
        assert article.locator(".sentence").first.inner_text().strip()
    assert not tab.locator("form.filters").is_visible()
    assert tab.locator("button.copy:visible").count() == 0


def test_hostile_texts_stay_texts(opened: Open) -> None:
    """Scripts, closing tags, turned lines and endless words in every field: shown, nothing run, nothing asked for."""
    tab = opened("hostile")

    assert tab.locator("article.claim").count() == len(NASTY)
    assert [text.split() for text in tab.locator("article.claim h3").all_inner_texts()] == [
        visible(text).split() for text in NASTY
    ]
    assert tab.locator("img.figure").count() == len(NASTY)
    assert tab.evaluate("document.querySelectorAll('script').length") == 1
    assert tab.evaluate("document.querySelectorAll('img:not(.figure)').length") == 0


def test_reduced_motion_is_respected(opened: Open) -> None:
    """No smooth scrolling for those who asked for none."""
    tab = opened(reduced_motion="reduce")

    assert tab.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_prints_on_a4(opened: Open, scheme: str) -> None:
    """On paper: dark ink on white whatever the screen shows, no navigation; a summary, and the sections that are open.

    An open section is printed with what is folded in it, but without the values of all seeds.
    """
    tab = opened(scheme=scheme)
    assert 1 <= pages_of(tab) <= 5
    tab.emulate_media(media="print")
    assert not tab.locator("nav.side").is_visible()
    assert not tab.locator("form.filters").is_visible()
    assert tab.locator("article.claim:visible").count() == 0
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.querySelector('h2')).color") == "rgb(0, 0, 0)"

    unfold(tab, "[data-id='3.b'] > .whole")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("article.claim:visible").count() == 1
    assert tab.locator("[data-id='3.b'] details:not([open])").count() == 1
    assert tab.locator("[data-id='3.b'] details.seeds[open]").count() == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("details.protocol[open]").count() == 0


def pages_of(tab: Any) -> int:
    """Return how many sheets of A4 a page takes."""
    printed = tab.pdf(format="A4", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def test_the_committed_example_is_small(opened: Open) -> None:
    """123 claims: under 20,000 elements and 25,000 pixels, at most ten printed pages, no wider than a phone."""
    tab = opened("example")

    assert tab.evaluate("document.querySelectorAll('*').length") < 20_000
    assert tab.evaluate("document.documentElement.scrollHeight") < 25_000
    assert 5 <= pages_of(tab) <= 10
    tab.set_viewport_size({"width": 360, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("width", [360, 1280])
def test_provenance_has_one_fact_a_row(opened: Open, width: int) -> None:
    """Names stand on one line, each beside its value."""
    tab = opened("example", width=width)
    rows = tab.evaluate(
        """[...document.querySelectorAll('#provenance dt')].map(dt => {
            const range = document.createRange();
            range.selectNodeContents(dt);
            const name = dt.getBoundingClientRect(), value = dt.nextElementSibling.getBoundingClientRect();
            return [dt.textContent, range.getClientRects().length, value.top - name.top, value.left >= name.right];
        })"""
    )

    assert len(rows) > 10
    assert [row for row in rows if row[1:] != [1, 0, True]] == []


@pytest.mark.usefixtures("browser")
def test_the_example_comes_with_its_picture(report: Path, tmp_path: Path) -> None:
    """Page and results.json in a folder of their own; 1,440 pixels of the light page's top in at most 300 kB."""
    from PIL import Image

    # a process of its own: Playwright's interface drives one browser at a time
    example, picture = tmp_path / "example", tmp_path / "example.png"
    subprocess.run([sys.executable, "-m", "pytest_claims", "example", report, "-o", example], check=True, cwd=ROOT)
    subprocess.run([sys.executable, "-m", "benchmarks.picture", example / "index.html", picture], check=True, cwd=ROOT)

    assert sorted(path.name for path in example.iterdir()) == ["index.html", "results.json"]
    assert picture.stat().st_size <= 300_000
    image = Image.open(picture)
    assert image.size[0] == 1440
    assert min(image.convert("RGB").getpixel((1430, 10))) > 200
