"""The repository's documents as pages of the site: the same files, with links that lead to the site's other pages.

A link to another document stays as it is. A link to a Python file leads to a page that shows it, a link to a folder to
the document in it. Any other file (a report, data) is copied to the site under its own path.
"""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pytest_claims.errors import ResultsError

ROOT = Path(__file__).resolve().parents[1]
#: The documents that the site shows and the tests check.
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reports/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


class Pages:
    """Pages of the site as they are collected: Markdown below ``source``, files to copy below ``extra``."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.extra = folder / "extra"
        self.names = {path.relative_to(ROOT).as_posix() for path in DOCUMENTS}
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
        """Copy a file of the repository below ``below``, under its own path."""
        target = below / name
        target.parent.mkdir(parents=True, exist_ok=True)
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
        if target.endswith(".py"):
            return f"[{words}]({self._from(name, self.show(target))})"
        self.copy(target, self.extra)
        return f'<a href="{self._from(name, target)}{ending}">{words}</a>'

    @staticmethod
    def _from(name: str, target: str) -> str:
        return os.path.relpath(target, PurePosixPath(name).parent)
