"""The example that the repository carries: the page and results.json of one finished run, in few enough bytes."""

from pathlib import Path

from reports.files import write_atomically
from reports.results import ResultsError, read, write

#: Bytes of page and results.json together.
MOST_BYTES = 5_000_000
SPARE = 50_000


def write_example(folder: Path, target: Path) -> Path:
    """Copy a whole run's results.json to ``target`` and draw its page there; ResultsError where it is no example."""
    from reports.page import page_text

    results = read(folder)
    if not results.get("complete"):
        raise ResultsError(f"{folder} holds a partial run: an example shows a whole one.")
    if folder.resolve() == target.resolve():
        raise ResultsError(f"{folder} is the example itself: name the folder of a run.")
    bare = {**results, "claims": [{**claim, "curves": None} for claim in results["claims"]]}
    used = write(target, bare).stat().st_size
    page = page_text(folder, results, MOST_BYTES - SPARE - used)
    path = target / "index.html"
    write_atomically(path, page)
    used += path.stat().st_size
    if used > MOST_BYTES:
        raise ResultsError(f"the example in {target} has {used / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}.")
    return path
