"""Build the site: `python -m website.build [FOLDER]`, or `make site`. It is website/build/html by default.

First the pages are collected in FOLDER/source, then Sphinx turns them into FOLDER/html; a warning ends the build.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_claims.errors import ResultsError
from website.api import write_reference
from website.documents import DOCUMENTS, Pages
from website.experiments import write_experiments
from website.figures import theme_sheet
from website.notebooks import write_notebooks

HERE = Path(__file__).resolve().parent


def collect(folder: Path) -> None:
    """Write all pages of the site as Markdown below ``folder``."""
    pages = Pages(folder)
    pages.add(DOCUMENTS)
    write_notebooks(pages)
    write_experiments(pages)
    write_reference(pages)
    (pages.extra / "_static").mkdir()
    (pages.extra / "_static" / "figures.css").write_text(theme_sheet(), encoding="utf-8")


def build(folder: Path) -> int:
    """Build the site in ``folder``/html; returns Sphinx's exit status, which is 1 for any warning."""
    from sphinx.cmd.build import build_main

    collect(folder)
    shutil.rmtree(folder / "html", ignore_errors=True)
    return build_main([
        "--fail-on-warning", "--keep-going", "--fresh-env", "--quiet", "--conf-dir", str(HERE),
        "--define", f"html_extra_path={folder / 'extra'}", "--doctree-dir", str(folder / "doctrees"),
        str(folder / "source"), str(folder / "html"),
    ])  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Build the site; returns the exit status."""
    if len(arguments) > 1:
        print("Usage: python -m website.build [FOLDER]", file=sys.stderr)  # noqa: T201 - a command's output
        return 4
    folder = Path(*arguments).resolve() if arguments else HERE / "build"
    try:
        status = build(folder)
    except ImportError as error:
        print(f"site: {error.name} is missing: pip install -e '.[test,site]'.", file=sys.stderr)  # noqa: T201
        return 4
    except ResultsError as error:
        print(f"site: {error}", file=sys.stderr)  # noqa: T201
        return 1
    if not status:
        print(f"The site: {folder / 'html' / 'index.html'}")  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
