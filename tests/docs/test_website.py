"""The site: how documents, figures and sabotages become its pages, without building it (test_site_built.py does)."""

import json
import re

import pytest

from pytest_claims.errors import ResultsError
from pytest_claims.report.page import Page
from pytest_claims.results import read
from website.documents import DOCUMENTS, NOTEBOOKS, ROOT, Pages
from website.experiments import EXAMPLE, NAVIGATION, Shown, inline, markdown, navigation
from website.figures import figures_of
from website.notebooks import fenced, notebook_of, write_notebooks
from website.sabotage import sabotages

EXPERIMENTS = [str(number) for number in range(1, 13)]
DRAWING = '<svg viewBox="0 0 4 4" role="img" aria-label="Dots &amp; lines" class="figure"><path d="M0 0h1"/></svg>'
IMAGE = (
    '<img class="figure" loading="lazy" alt="Dots &amp; lines" src="data:image/svg+xml,%3Csvg viewBox=%220 0 4 4%22%3E'
    '%3Cstyle%3Esvg{--f-ink:black}%3C/style%3E%3Cpath d=%22M0 0h1%22/%3E%3C/svg%3E">'
)


@pytest.fixture
def pages(tmp_path):
    """Return an empty collection of pages."""
    return Pages(tmp_path)


@pytest.mark.parametrize(
    "name, link, expected",
    [
        ("docs/reading.md", "[s](statistics.md#looks)", "[s](statistics.md#looks)"),
        ("README.md", "[s](docs/statistics.md)", "[s](docs/statistics.md)"),
        ("README.md", "[r](reports/)", "[r](reports/README.md)"),
        ("docs/reading.md", "[t](../claims/test_depth.py)", "[t](../source/claims/test_depth.py.md)"),
        (
            "docs/notebook.md",
            "[n](notebooks/experiments-1-to-3.ipynb)",
            "[n](notebooks/experiments-1-to-3.md)",
        ),
        (
            "docs/reading.md",
            "[e](../reports/example/index.html#2.a)",
            '<a href="../reports/example/index.html#2.a">e</a>',
        ),
        ("README.md", "[w](https://example.org/a.md) [h](#more)", "[w](https://example.org/a.md) [h](#more)"),
        ("README.md", "```\n[a](not-a-link.md)\n```\n", "```\n[a](not-a-link.md)\n```\n"),
    ],
)
def test_links_lead_to_pages_of_the_site(pages, name, link, expected):
    """A document's links stay, Python files and notebooks have pages, a folder is its document, the rest is copied."""
    assert pages.linked(link, name) == expected


def test_what_links_lead_to_is_on_the_site(pages):
    """The file behind each rewritten link is there; a picture lies beside its page."""
    pages.linked("[t](claims/test_depth.py) [p](reports/example/index.html) ![q](reports/example.png)", "README.md")

    shown = (pages.source / "source" / "claims" / "test_depth.py.md").read_text(encoding="utf-8")
    assert (ROOT / "claims" / "test_depth.py").read_text(encoding="utf-8") in shown
    assert (pages.extra / "reports" / "example" / "index.html").exists()
    assert (pages.source / "reports" / "example.png").exists()


def test_links_of_a_report_lead_to_pages(pages, tmp_path, monkeypatch):
    """To a document's page and to a page that shows the claims; where there is none, the words stay."""
    monkeypatch.setattr("website.documents.ROOT", tmp_path / "clone")
    pages.names = {"docs/audit.md"}
    for name in ("claims/test_a.py", "reports/run/index.html"):
        (tmp_path / "clone" / name).parent.mkdir(parents=True)
        (tmp_path / "clone" / name).write_text(
            '<a href="../../docs/audit.md">a</a> <a href="../../claims/test_a.py">c:1</a> <a href="#x">x</a> '
            '<a href="../../claims/gone.py">g</a> <a href="../../docs/lost.md">l</a>'
        )
    pages.copy("reports/run/index.html", pages.extra)

    assert (pages.extra / "reports/run/index.html").read_text(encoding="utf-8") == (
        '<a href="../../docs/audit.html">a</a> <a href="../../source/claims/test_a.py.html">c:1</a> <a href="#x">x</a> '
        "g l"
    )
    assert (pages.source / "source/claims/test_a.py.md").exists()


def test_a_link_to_nothing_is_an_error(pages):
    """One sentence names the document and the link."""
    with pytest.raises(ResultsError, match=r"^docs/a\.md links to b\.md, which is not there: correct the link\.$"):
        pages.linked("[b](b.md)", "docs/a.md")


def test_figures_are_found_as_drawings_and_as_images():
    """Both give the same drawing with the same words, under the claim whose section they stand in."""
    page = (
        f'{DRAWING}<article class="claim" id="1.a" data-id="1.a">{DRAWING}'
        f'<article class="claim variant" data-id="1.a@b">{IMAGE}<figcaption>a &lt; b</figcaption></article></article>'
    )
    found = figures_of(page)

    assert {claim: len(figures) for claim, figures in found.items()} == {"1.a": 1, "1.a@b": 1}
    (drawn,), (image,) = found.values()
    assert (drawn.svg, drawn.caption, image.caption) == (DRAWING, "", "a &lt; b")
    for part in ('viewBox="0 0 4 4"', 'aria-label="Dots &amp; lines"', 'class="figure"', '<path d="M0 0h1"/>'):
        assert part in image.svg
    assert "<style" not in image.svg


def test_the_committed_example_has_a_picture_for_each_experiment():
    """The gallery's cards are drawn from it."""
    found = figures_of((EXAMPLE / "index.html").read_text(encoding="utf-8"))

    assert sorted({claim.partition(".")[0] for claim in found}, key=int) == EXPERIMENTS


def test_every_experiment_has_a_sabotage():
    """Its text begins with a capital letter or a claim's id, and its command names a test that exists."""
    found = sabotages()

    assert sorted(found, key=int) == EXPERIMENTS
    for sabotage in (one for many in found.values() for one in many):
        assert re.match(r"[A-Z]|\d+\.[a-z]", sabotage.text)
        assert f"def {sabotage.test}(" in (ROOT / sabotage.file).read_text(encoding="utf-8")
        assert sabotage.command == f"pytest {sabotage.file} -m slow -k {sabotage.test}"


def test_verdicts_are_a_sentence_and_surprises_are_not_supported():
    """Counts add up to the number of claims; what surprised is a claim with a reason, refuted where one is."""
    shown = [Shown(experiment, {}, [], {}) for experiment in Page(read(EXAMPLE), EXAMPLE).experiments]

    for one in shown:
        assert sum(map(int, re.findall(r"(\d+) (?:is|are)", one.sentence))) == len(one.claims)
        assert one.sentence.startswith(f"Of {len(one.claims)} claims ")
        verdicts = {claim.verdict for claim in one.claims}
        assert one.surprise.verdict == ("refuted" if "refuted" in verdicts else "inconclusive")
        assert one.surprise.record.reason


def test_a_new_document_is_in_the_navigation():
    """Nobody has to name it in the site's code."""
    names = {*(f"{page}.md" for pages in NAVIGATION.values() for page in pages), "docs/new.md"}

    assert navigation(names) == {**NAVIGATION_LISTS, "More": ["docs/new"]}


def test_every_document_has_its_place_in_the_navigation():
    """None is left over for the end, where nobody looks for it."""
    assert "More" not in navigation(path.relative_to(ROOT).as_posix() for path in DOCUMENTS)


def test_every_experiment_has_a_notebook():
    """One for three experiments, in their order."""
    assert [notebook_of(number)[0] for number in EXPERIMENTS[::3]] == [
        "Experiments 1 to 3", "Experiments 4 to 6", "Experiments 7 to 9", "Experiments 10 to 12",
    ]  # fmt: skip
    assert notebook_of("12")[1] == "docs/notebooks/experiments-10-to-12.md"
    assert notebook_of("13") is None


def test_a_notebook_is_a_page(pages):
    """Its text, its code, its results, and each picture with words; the file itself can be downloaded."""
    pages.write("docs/notebook.md", "# About")
    write_notebooks(pages)

    for path in NOTEBOOKS:
        text = (pages.source / "docs" / "notebooks" / f"{path.stem}.md").read_text(encoding="utf-8")
        assert text.startswith("# Experiments ")
        assert "```python\nfrom pytest_claims import run\n" in text
        assert "inconclusive</strong>" in text or "? inconclusive</td>" in text
        assert re.search(r'<img alt="[^"]{50,}" src="data:image/png;base64,\w', text)
        assert not re.search(r"<style|<script|\x1b|<th[^>]*></th>", text)
        assert (pages.extra / "docs" / "notebooks" / path.name).read_bytes() == path.read_bytes()
        assert f"\nnotebooks/{path.stem}\n" in (pages.source / "docs" / "notebook.md").read_text(encoding="utf-8")


@pytest.fixture
def shown(pages, tmp_path, monkeypatch):
    """Return a function that returns the page of a notebook with one cell of code."""
    monkeypatch.setattr("website.notebooks.ROOT", tmp_path)
    path = tmp_path / "experiments-1-to-3.ipynb"
    monkeypatch.setattr("website.notebooks.NOTEBOOKS", (path,))
    monkeypatch.setattr(Pages, "copy", lambda *_: None)

    def page(output, **metadata):
        cell = {"cell_type": "code", "source": ["a\n", "b"], "metadata": metadata, "outputs": [output]}
        path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
        pages.write("docs/notebook.md", "")
        write_notebooks(pages)
        return (pages.source / "experiments-1-to-3.md").read_text(encoding="utf-8")

    return page


@pytest.mark.parametrize(
    "output, expected",
    [
        ({"data": {"text/html": ["<p>a", "</p>"], "text/plain": "a"}}, "\n<p>a</p>\n"),
        ({"data": {"text/html": "<style>p{}</style>", "text/plain": "a<b"}}, '<pre class="printed">a&lt;b</pre>'),
        ({"data": {"text/html": "<script></script>", "text/plain": "a"}}, '<pre class="printed">a</pre>'),
        (
            {"data": {"image/png": "QUJD\n", "text/plain": "a"}},
            '<img alt="A &amp; B" src="data:image/png;base64,QUJD">',
        ),
        ({"text": ["one\n", "two\n"]}, '<pre class="printed">one\ntwo</pre>'),
        ({"traceback": ["\x1b[31mE\x1b[0m", "<e>"]}, '<pre class="raised">E\n&lt;e&gt;</pre>'),
        ({"text": ""}, '<pre class="printed"></pre>'),
    ],
    ids=["HTML", "with a style sheet", "with a script", "picture", "printed", "error", "nothing"],
)
def test_outputs_of_a_cell(shown, output, expected):
    """HTML that is plain, else a picture with its words, else text; terminal colours are left out."""
    text = shown(output, alt="A & B")

    assert "```python\na\nb\n```" in text
    assert expected in text


def test_a_picture_without_words_is_an_error(shown):
    """One sentence names the cell and says where the words belong."""
    with pytest.raises(
        ResultsError, match=r"^experiments-1-to-3\.ipynb, cell 1 draws a picture: say in the cell's meta"
    ):
        shown({"data": {"image/png": "QUJD"}})


def test_a_fence_is_longer_than_what_it_holds():
    """Text with a fence of its own cannot end it."""
    assert fenced("python", "a") == "```python\na\n```"
    assert fenced("python", "`a` ````") == "`````python\n`a` ````\n`````"


NAVIGATION_LISTS = {caption: list(pages) for caption, pages in NAVIGATION.items()}


def test_code_in_plain_text_is_shown_as_code():
    """What stands between backticks is code; everything is escaped first."""
    assert inline("`a < b` & <i>") == "<code>a &lt; b</code> &amp; &lt;i&gt;"


def test_a_heading_shows_signs_as_they_are():
    """What Markdown would read as emphasis, a tag or a table stays a letter."""
    assert markdown("|x| and  *y*_z <b> `c`\n#d") == r"\|x\| and \*y\*\_z \<b\> \`c\` \#d"
