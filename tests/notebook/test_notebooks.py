"""The notebooks of docs/: executed, small, without anything of the machine that executed them."""

import re

import pytest

from tests.docs.documents import ROOT

nbformat = pytest.importorskip("nbformat", reason="reads notebooks")

BOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
#: The cell that shows what an error looks like.
SHOWN = "raises-exception"

books = pytest.mark.parametrize("path", BOOKS, ids=[path.stem for path in BOOKS])


def code_cells(book):
    """Return a notebook's code cells."""
    return [cell for cell in book.cells if cell.cell_type == "code"]


def kinds(cell):
    """Return the kinds of a cell's outputs, and of a result what it can be shown as."""
    return [(output.output_type, sorted(output.get("data", {}))) for output in cell.outputs]


def sentences(book):
    """Return what the results in a notebook say of themselves."""
    texts = [output.get("data", {}).get("text/plain", "") for cell in code_cells(book) for output in cell.outputs]
    return [text for text in texts if text.startswith("Claim ")]


def verdicts(book):
    """Return the verdicts that these sentences give; their numbers differ between kinds of processor."""
    return [re.findall("Supported|Refuted|Inconclusive", text) for text in sentences(book)]


def runs(book):
    """Return the calls of `run` in a notebook."""
    return re.findall(r"\brun\(.*", "\n".join(cell.source for cell in code_cells(book)))


def test_there_is_one_for_three_experiments():
    """Twelve experiments, four notebooks."""
    assert len(BOOKS) == 4


@books
def test_outputs_are_committed_and_small(path):
    """Every cell was executed, with figures and results; an error only where one is shown on purpose."""
    book = nbformat.read(path, as_version=4)
    cells = code_cells(book)
    shown = [kind for cell in cells for kind in kinds(cell)]

    assert path.stat().st_size < 400_000
    assert all(cell.execution_count for cell in cells)
    assert any("text/html" in data for _, data in shown)
    assert any("image/png" in data for _, data in shown)
    assert [cell for cell in cells if any(kind == "error" for kind, _ in kinds(cell))] == [
        cell for cell in cells if SHOWN in cell.metadata.get("tags", ())
    ]


@books
def test_notebooks_look_at_few_fresh_seeds(path):
    """No registered seeds by the way, and quick enough for a reader."""
    calls = runs(nbformat.read(path, as_version=4))

    assert len(calls) >= 2
    assert all("seeds=8" in call and "fresh" not in call for call in calls)


@books
def test_a_quick_look_supports_nothing(path):
    """What a result says of itself, also under changed conditions."""
    texts = sentences(nbformat.read(path, as_version=4))

    assert len(texts) >= 2
    assert [text for text in texts if "upported for every margin" in text] == []
    assert all("a quick look, which can refute a claim and cannot support it" in text for text in texts)


@books
def test_nothing_of_a_machine_is_in_them(path):
    """No folders of the machine on which they were executed."""
    assert re.findall(r"/(?:home|root|tmp|work|Users|usr)/[\w./-]*", path.read_text(encoding="utf-8")) == []


@pytest.mark.slow
@books
def test_they_can_be_executed(path):
    """From top to bottom, each cell giving outputs of the same kinds as those committed."""
    nbclient = pytest.importorskip("nbclient", reason="executes notebooks")
    for needed in ("ipykernel", "torch", "sklearn"):
        pytest.importorskip(needed, reason="the claims train")
    committed = nbformat.read(path, as_version=4)
    book = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        book, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()

    assert [kinds(cell) for cell in code_cells(book)] == [kinds(cell) for cell in code_cells(committed)]
    assert verdicts(book) == verdicts(committed)
