"""The executed notebooks as pages of the site: their text, their code, and what the code printed and drew."""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_claims.errors import ResultsError
from website.documents import NOTEBOOKS, ROOT, Pages, page_of

#: The document about notebooks, below which the site's navigation has them.
ABOUT = "docs/notebook.md"
#: HTML with a style sheet of its own is made for Jupyter's page: it follows no theme of ours, and its tables have empty
#: headers. Its plain text is shown instead.
FOREIGN = re.compile(r"<(?:style|script)\b")
#: Colours of a terminal, which a traceback may have.
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def write_notebooks(pages: Pages) -> None:
    """Write a page for each notebook, and list them below the document about notebooks."""
    for path in NOTEBOOKS:
        name = path.relative_to(ROOT).as_posix()
        pages.copy(name, pages.extra)  # to download
        pages.write(page_of(name), "\n\n".join(_parts(pages, path, name)) + "\n")
    listed = "\n".join(f"notebooks/{path.stem}" for path in NOTEBOOKS)
    text = (pages.source / ABOUT).read_text(encoding="utf-8")
    pages.write(ABOUT, f"{text}\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n")


def notebook_of(number: str) -> tuple[str, str] | None:
    """Return an experiment's notebook, its name and its page; None where it has none."""
    for path in NOTEBOOKS:
        first, last = map(int, re.findall(r"\d+", path.stem))
        if first <= int(number) <= last:
            return f"Experiments {first} to {last}", page_of(path.relative_to(ROOT).as_posix())
    return None


def _parts(pages: Pages, path: Path, name: str) -> Iterator[str]:
    """Yield the Markdown of each cell; behind the first one stands where the notebook is."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for at, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            yield fenced("python", source)
            if shown := "\n".join(_shown(output, cell, f"{name}, cell {at + 1}") for output in cell["outputs"]):
                # what is wide scrolls, also by the keyboard
                box = f'<div class="output" role="group" aria-label="Output of cell {at + 1}" tabindex="0">'
                yield fenced("{raw} html", f"{box}\n{shown}\n</div>")
        else:
            yield pages.linked(source, name)
        if not at:
            yield (
                f'<a href="{path.name}" download>Download this notebook</a> to run it in `docs/notebooks/` of a clone; '
                "the outputs below are those of one run."
            )


def _shown(output: Mapping[str, Any], cell: Mapping[str, Any], place: str) -> str:
    """Return an output of a cell as HTML: its own where that is plain, else a picture, else text."""
    data: Mapping[str, Sequence[str] | str] = output.get("data", {})
    own = "".join(data.get("text/html", ""))
    if own and not FOREIGN.search(own):
        return own
    if "image/png" in data:
        alt = cell["metadata"].get("alt")
        if not alt:
            raise ResultsError(f'{place} draws a picture: say in the cell\'s metadata, as "alt", what it shows.')
        coded = "".join("".join(data["image/png"]).split())
        return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{coded}">'
    raised = "\n".join(output.get("traceback", ()))
    text = "".join(data.get("text/plain") or output.get("text") or raised)
    return f'<pre class="{"raised" if raised else "printed"}">{html.escape(COLOUR.sub("", text).rstrip())}</pre>'


def fenced(kind: str, text: str) -> str:
    """Return text between fences that are longer than any in it."""
    fence = "`" * max(3, *(len(found) + 1 for found in re.findall("`+", text)), 0)
    return f"{fence}{kind}\n{text}\n{fence}"
