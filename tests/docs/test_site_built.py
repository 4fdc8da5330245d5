"""The whole site, built as `make site` does: no warning, no broken link, nothing from elsewhere, axe, search."""

import functools
import re
import subprocess
import sys
import tempfile
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

import pytest_claims
import pytest_claims.training
from benchmarks.picture import launched
from tests.docs.documents import DOCUMENTS, ROOT
from tests.reports.test_in_browser import browser, watch  # noqa: F401 - a fixture
from website.documents import NOTEBOOKS

pytest.importorskip("sphinx", reason="the extra [site] is not installed")
pytestmark = pytest.mark.slow

#: A page of every kind, with the ways in which it is looked at: (page, width, colour scheme).
LOOKS = (
    ("index.html", 1440, "light"),
    ("index.html", 390, "dark"),
    ("experiments/index.html", 1440, "dark"),
    ("experiments/index.html", 390, "light"),
    ("experiments/2.html", 1440, "light"),
    ("experiments/2.html", 390, "dark"),
    ("docs/statistics.html", 390, "light"),
    ("docs/notebooks/experiments-1-to-3.html", 1440, "light"),
    ("docs/notebooks/experiments-7-to-9.html", 390, "dark"),
    ("README.html", 1440, "dark"),
    ("api/training.html", 390, "light"),
    ("source/claims/test_depth.py.html", 1440, "dark"),
    ("search.html?q=overfit", 1440, "light"),
)


class Read(HTMLParser):
    """What a page links to, what it loads, and its ids."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.ids = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect a tag's addresses and id."""
        known = dict(attrs)
        self.ids |= {known[name] for name in ("id", "name") if known.get(name)}
        if tag == "a" and known.get("href"):
            self.links.append(known["href"])
        elif tag != "a":
            self.loaded += [known[name] for name in ("href", "src", "srcset", "data") if known.get(name)]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "website.build", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    """Return what the site's own pages contain, by path; committed reports are carried along and tested elsewhere."""
    paths = [path for path in site.rglob("*.html") if path.relative_to(site).parts[0] != "reports"]
    paths.append(site / "reports" / "README.html")
    return {path: Read(path) for path in paths}


@pytest.fixture
def opened(request, site):
    """Return a function that opens a page; afterwards nothing may have gone wrong or have been asked for elsewhere."""
    playwright = request.getfixturevalue("browser")
    problems = []
    with tempfile.TemporaryDirectory() as profiles:
        contexts = []

        def open_(page, width=1440, scheme="light", base=""):
            base = base or site.as_uri()
            contexts.append(launched(playwright, f"{profiles}/{len(contexts)}", (width, 900), scheme))
            tab = contexts[-1].pages[0]
            watch(tab, problems, (base, "data:"))
            tab.goto(f"{base}/{page}")
            return tab

        yield open_
        for context in contexts:
            context.close()
    assert not problems


def test_every_document_and_experiment_has_a_page(pages, site):
    """Documents and notebooks keep their paths."""
    documents = {str(path.relative_to(ROOT).with_suffix(".html")) for path in (*DOCUMENTS, *NOTEBOOKS)}
    experiments = {f"experiments/{number}.html" for number in (*range(1, 13), "index")}

    assert documents | experiments | {"index.html", "api/pytest_claims.html"} <= {
        str(path.relative_to(site)) for path in pages
    }


def test_public_names_are_in_the_reference(pages, site):
    """Each has an entry that links can lead to, with its docstring; nothing of a directive is left in the text."""
    for module in (pytest_claims, pytest_claims.training):
        path = site / "api" / f"{module.__name__.rpartition('.')[2]}.html"
        text = path.read_text(encoding="utf-8")

        assert {f"{module.__name__}.{name}" for name in module.__all__} <= pages[path].ids
        assert ":::" not in text
    assert "Train all runs for" in text


def test_every_link_leads_somewhere(pages, site):
    """Links between files are relative, so that the site works below any path; each has its file and its heading."""
    broken = []
    for path, page in pages.items():
        for address in (*page.links, *page.loaded):
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(target)
            lost = known is not None and parts.fragment and unquote(parts.fragment) not in known.ids
            if address.startswith("/") or not target.is_file() or site not in target.parents or lost:
                broken.append((path.name, address))

    assert sum(len(page.links) for page in pages.values()) > 500
    assert broken == []


def test_claims_in_the_report_are_linked(site):
    """An experiment's page leads to the section of each of its claims in the committed report."""
    report = Read(site / "reports" / "example" / "index.html")
    page = Read(site / "experiments" / "2.html")
    linked = {address.rpartition("#")[2] for address in page.links if "reports/example/index.html#" in address}

    assert linked == {"2.a", "2.b", "2.c", "2.d", "2.e"}
    assert linked <= report.ids


def test_the_report_leads_back_to_the_site(site):
    """Its links to claims and documents, which lead to files in a clone, lead to pages here."""
    report = site / "reports" / "example" / "index.html"
    links = {address for address in Read(report).links if not address.startswith("#")}

    assert "../../docs/audit.html" in links
    assert "../../source/claims/test_depth.py.html" in links
    assert {address for address in links if not (report.parent / address).is_file()} == set()


def test_experiments_and_the_start_lead_to_the_notebooks(site):
    """Each experiment to its own, the start page to what is said about them; each is in every page's navigation."""
    for number, name in ((1, "1-to-3"), (9, "7-to-9"), (12, "10-to-12")):
        page = (site / "experiments" / f"{number}.html").read_text(encoding="utf-8")
        assert f'href="../docs/notebooks/experiments-{name}.html"' in page[page.index("<article") :]
    start = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="docs/notebook.html"' in start[start.index("<article") :]
    assert {f"docs/notebooks/{path.stem}.html" for path in NOTEBOOKS} <= set(Read(site / "index.html").links)


def test_nothing_is_loaded_from_elsewhere(pages, site):
    """No page, style sheet or script names an address from which a browser would fetch."""
    assert [address for page in pages.values() for address in page.loaded if re.match(r"(\w+:)?//", address)] == []
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//[^)]*\)|@import[^;]*", text) == [], sheet.name


@pytest.mark.parametrize("page, width, scheme", LOOKS)
def test_accessibility_rules_hold(opened, page, width, scheme):
    """axe-core finds nothing, best practice included; no page scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe

    tab = opened(page, width, scheme)
    # without preload: axe would fetch style sheets, which a page from files must not
    results = Axe().run(tab, options={"preload": False}).response

    found = {
        violation["id"]: [node["html"][:200] for node in violation["nodes"]][:3] for violation in results["violations"]
    }
    assert found == {}
    assert "color-contrast" in {rule["id"] for rule in results["passes"]}
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_search_finds_a_word_from_files(opened):
    """A word of a claim leads to its experiment, from the field on every page."""
    tab = opened("docs/reading.html")
    tab.get_by_role("textbox", name="Search").fill("oversampling")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results ul.search li a")

    found = tab.eval_on_selector_all("#search-results ul.search li a", "all => all.map(link => link.href)")
    assert any(address.split("?")[0].endswith("experiments/4.html") for address in found)
    tab.get_by_role("link", name="Does class imbalance hurt").last.click()
    assert tab.title().startswith("Does class imbalance hurt a neural network")


def test_the_theme_button_changes_figures_too(opened):
    """Light, whatever the system prefers: paper and ink of the page, and ink of its figures."""
    tab = opened("experiments/2.html", scheme="dark")
    colours = """() => [document.body, document.querySelector('svg.figure')]
        .map(place => getComputedStyle(place).getPropertyValue('--f-ink'))"""
    dark = tab.evaluate(colours)
    tab.evaluate("document.body.dataset.theme = 'light'")
    light = tab.evaluate(colours)

    assert dark[0] == dark[1] == "#e8ebee"
    assert light[0] == light[1] == "#1b2024"


def test_it_works_below_a_path(opened, site):
    """Served from a folder of a server, pages, styles and search come from below that folder."""
    handler = functools.partial(Quiet, directory=site.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}/html"
        tab = opened("search.html?q=overfit", base=base)
        tab.wait_for_selector("#search-results ul.search li a")
        assert tab.locator("#search-results ul.search li a").count() >= 1
        server.shutdown()
