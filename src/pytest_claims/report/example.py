"""The repository's example report: page and results.json of one complete run, small enough to commit."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_claims.environment import source_link
from pytest_claims.errors import ResultsError
from pytest_claims.files import write_atomically
from pytest_claims.folders import PAGE, RESULTS, refuse_to_replace
from pytest_claims.results import Results, write

if TYPE_CHECKING:
    from pytest_claims.report.views import Link

#: Bytes of page and results.json together.
MOST_BYTES = 6_000_000
SPARE = 50_000
#: Fields that only a comparison with a baseline needs, and no reader.
DROPPED = frozenset({"trace", "derived", "curves"})
FIGURES = 6


def slim(results: Results) -> Results:
    """Return results without traces and array sums, numbers to six figures: half of the bytes, the same page."""
    shorter = replace(results, claims=tuple(claim.without(DROPPED) for claim in results.claims))
    return Results.from_json(_rounded(shorter.as_json()))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{FIGURES}g}")
    if isinstance(value, dict):  # times since 1970 stay whole: six figures would round them to hours
        return {key: item if key == "began" else _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


def links_from(target: Path, root: Path, results: Results) -> "Link":
    """Return what leads to a file of the repository at ``root``, from a page in ``target``.

    On the web at the run's commit; where that is not known, to the file beside the page in the same clone, if both are
    there. An example is committed, so these links work wherever the clone is.
    """
    clone, place = root.resolve(), target.resolve()

    def link(file: str | None, line: int | None) -> str | None:
        address = source_link(results.environment, file, line)
        if address or not file or not place.is_relative_to(clone):
            return address
        try:  # results.json may hold any text as a file's name
            path = (clone / file).resolve()
            found = path.is_relative_to(clone) and path.is_file()
        except (OSError, ValueError):
            return None
        return quote(Path(os.path.relpath(path, place)).as_posix()) if found else None

    return link


def write_example(results: Results, folder: Path, target: Path, root: Path) -> Path:
    """Write a complete run's results.json, slimmed, and its page to ``target``; ResultsError if it cannot be used.

    ``folder`` is the run's report folder, which has the figures; ``root`` is the repository, to which the page links.
    """
    from pytest_claims.report.page import page_text

    if not results.complete:
        raise ResultsError(f"{folder} holds a partial run: an example needs a complete one.")
    if folder.resolve() == target.resolve():
        raise ResultsError(f"{folder} is the example itself: name the folder of a run.")
    path = target / PAGE
    for file in (path, target / RESULTS):
        refuse_to_replace(file)
    used = write(target, slim(results)).stat().st_size
    link = links_from(target, root, results)
    page = page_text(folder, results, MOST_BYTES - SPARE - used, link, alone=True)
    write_atomically(path, page)
    used += path.stat().st_size
    if used > MOST_BYTES:
        raise ResultsError(f"the example in {target} has {used / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}.")
    return path
