"""How far from the floor a run is: `python -m benchmarks.floor reports/latest/results.json` writes it into the docs.

src/pytest_claims/report/times.py says what the floor is. A run counts its products while it trains, and measures the
speed of its machine at its end; its page tells the total, and this table each measurement.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.document import PAGE, IncompleteError, replaced
from pytest_claims.errors import UnreadableError
from pytest_claims.report.times import Floor, floors, total
from pytest_claims.report.words import gflops
from pytest_claims.results import Results, read

BEGIN = "<!-- begin: written by `python -m benchmarks.floor` -->"


def text(run: Results) -> str:
    """Return the generated part of the page; an IncompleteError where the run does not say what it takes."""
    rows: Mapping[tuple[str, str], Floor] = floors(run)
    whole = total(rows.values())
    if whole is None:
        raise IncompleteError(
            "This run does not tell its floor: it was short or interrupted, trained no networks "
            "whose products are counted, or measured elsewhere, or an older version measured it."
        )
    lines = [
        "| experiment | measurement | seconds | products, TFLOP | floor, s | seconds / floor |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *(_line(*name, row) for name, row in rows.items()),
        _line("all", "", whole),
    ]
    facts = run.environment
    speeds = ", ".join(f"{gflops(speed)} in {dtype}" for dtype, speed in (run.fastest or {}).items())
    return (
        f"The run of {run.started[:10]}, commit {str(facts.get('commit'))[:7]}, on {facts.get('cpu')}, torch "
        f"{facts.get('torch')}, took {whole.seconds:.0f} core-seconds, {whole.ratio:.1f} times its floor of "
        f"{whole.floor:.0f}. The fastest product on one thread of this processor: {speeds}.\n\n" + "\n".join(lines)
    )


def _line(experiment: str, measurement: str, row: Floor) -> str:
    tera, ratio = f"{row.operations / 1e12:.2f}", f"{row.ratio:.1f}x"
    return f"| {experiment} | {measurement} | {row.seconds:.0f} | {tera} | {row.floor:.1f} | {ratio} |"


def main(arguments: Sequence[str]) -> int:
    """Write the table of a finished run into the page; return the exit status."""
    try:
        (path,) = arguments
    except ValueError:
        print("Name one results.json: python -m benchmarks.floor reports/latest/results.json", file=sys.stderr)  # noqa: T201
        return 1
    try:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replaced(page, BEGIN, text(read(Path(path)))), encoding="utf-8")
    except (IncompleteError, UnreadableError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
