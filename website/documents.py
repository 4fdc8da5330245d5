"""The repository's documents as pages of the site: the same files, with links that lead to the site's other pages.

A link to another document stays as it is. A link to a Python file or a notebook leads to a page that shows it, a link
to a folder to the document in it. Any other file (a report, data) is copied to the site under its own path; a report's
own links to documents and Python files lead to their pages.
"""

import html
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from pytest_claims.errors import ResultsError

ROOT = Path(__file__).resolve().parents[1]
#: The documents that the site shows and the tests check.
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reports/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
#: The executed notebooks, in the order of their experiments; website/notebooks.py makes pages of them.
NOTEBOOKS = tuple(
    sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"), key=lambda path: [*map(int, re.findall(r"\d+", path.stem))])
)
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
#: A link of a report's page to a file of its clone.
CARRIED = re.compile(r'<a href="(\.\./[^"#?]*)">(.*?)</a>')


def page_of(notebook: str) -> str:
    """Return the name of a notebook's page."""
    return str(PurePosixPath(notebook).with_suffix(".md"))


class Pages:
    """Pages of the site as they are collected: Markdown below ``source``, files to copy below ``extra``."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.extra = folder / "extra"
        self.names = {path.relative_to(ROOT).as_posix() for path in DOCUMENTS}
        self.notebooks = {path.relative_to(ROOT).as_posix() for path in NOTEBOOKS}
        self._shown: set[str] = set()
        for part in (self.source, self.extra):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        """Write a page; ``name`` is its path on the site, with the suffix .md."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def copy(self, name: str, below: Path) -> None:
        """Copy a file of the repository below ``below``, under its own path; links of a page are led to pages."""
        target = below / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".html"):
            text = (ROOT / name).read_text(encoding="utf-8")
            target.write_text(CARRIED.sub(lambda link: self._carried(link, name), text), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, target)

    def show(self, name: str) -> str:
        """Make a page that shows a Python file of the repository; returns the page's name."""
        page = f"source/{name}.md"
        if name not in self._shown:
            self._shown.add(name)
            code = (ROOT / name).read_text(encoding="utf-8")
            # no page lists these pages: they are reached from what they explain
            self.write(page, f"---\norphan: true\n---\n\n# {name}\n\n````python\n{code}\n````\n")
        return page

    def add(self, documents: Iterable[Path]) -> None:
        """Add documents of the repository."""
        for path in documents:
            name = path.relative_to(ROOT).as_posix()
            self.write(name, self.linked(path.read_text(encoding="utf-8"), name))

    def linked(self, text: str, name: str) -> str:
        """Return the text of document ``name`` with links that work on the site; code blocks stay as they are.

        Raises ResultsError for a link to a file that is not there.
        """
        parts = FENCE.split(text)
        return "".join(
            part if part.startswith("```") else LINK.sub(lambda link: self._link(link, name), part) for part in parts
        )

    def _link(self, link: re.Match[str], name: str) -> str:
        image, words, address = link.groups()
        if re.match(r"\w+:|#", address):
            return link[0]
        path, _, anchor = address.partition("#")
        target = os.path.normpath(PurePosixPath(name).parent / path)
        if (ROOT / target).is_dir():
            target = f"{target}/README.md"
        if not (ROOT / target).is_file():
            raise ResultsError(f"{name} links to {address}, which is not there: correct the link.")
        ending = f"#{anchor}" if anchor else ""
        if image:
            self.copy(target, self.source)
            return link[0]
        if target in self.names:
            return f"[{words}]({self._from(name, target)}{ending})"
        if target in self.notebooks:
            return f"[{words}]({self._from(name, page_of(target))})"
        if target.endswith(".py"):
            return f"[{words}]({self._from(name, self.show(target))})"
        self.copy(target, self.extra)
        return f'<a href="{self._from(name, target)}{ending}">{words}</a>'

    def _carried(self, link: re.Match[str], name: str) -> str:
        """Return a link of the report ``name``, leading to a page of the site; only its words where there is none."""
        address, words = link.groups()
        target = os.path.normpath(PurePosixPath(name).parent / unquote(html.unescape(address)))
        if target.endswith(".py") and (ROOT / target).is_file():
            target = self.show(target)
        elif target not in self.names:
            return words
        return f'<a href="{html.escape(quote(self._from(name, target.removesuffix(".md"))))}.html">{words}</a>'

    @staticmethod
    def _from(name: str, target: str) -> str:
        return os.path.relpath(target, PurePosixPath(name).parent)
