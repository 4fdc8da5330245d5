"""`python -m nightly.sensitivity`: measure what the alarm sees, and write the page about it."""

import argparse
import sys
from pathlib import Path

from nightly.sensitivity.measure import Bench, seen
from nightly.sensitivity.page import page
from nightly.sensitivity.regressions import REGRESSIONS
from reports.baseline import compare
from reports.files import write_atomically


def main(arguments: list[str] | None = None) -> int:
    """Run a baseline, every regression, repeats and other numbers of workers; returns 1 where an expectation failed."""
    options = _options(arguments)
    bench = Bench(options.work, options.seeds, tuple(options.claim.split(",")) if options.claim else ())
    baseline = bench.run("baseline", options.workers)
    told = {}
    for name in REGRESSIONS:
        told[name] = compare(baseline, bench.run(name, options.workers, name))
        _say(f"{name}: {told[name].sentences()[0]}")
    repeats = []
    for number in range(1, options.repeats + 1):
        repeats.append(compare(baseline, bench.run(f"repeat-{number}", options.workers)))
        _say(f"repeat {number}: {repeats[-1].sentences()[0]}")
    workers = {count: compare(baseline, bench.run(f"workers-{count}", count)) for count in options.other_workers}
    found = {name: seen(comparison) for name, comparison in told.items()}
    text = page(found, told, repeats, workers, baseline["environment"], options.seeds)
    write_atomically(options.output, text)
    missed = [name for name in found if not any(one.stage == REGRESSIONS[name].stage for one in found[name])]
    raised = [one for one in (*repeats, *workers.values()) if any(claim.departed for claim in one.claims)]
    _say(f"{options.output}: {len(missed)} regressions seen later than expected, {len(raised)} false alarms")
    return 1 if missed or raised else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m nightly.sensitivity", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs") / "sensitivity.md")
    parser.add_argument(
        "--work", type=Path, default=Path("legs") / "sensitivity", help="keeps the runs; resumes from there"
    )
    parser.add_argument("--seeds", type=int, help="default: the registered seeds")
    parser.add_argument("--claim", default="", help="ids; default: all claims of experiments 1, 2, 7 and 9")
    parser.add_argument("--workers", type=int, default=2, help="of all runs but those on other numbers of workers")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--other-workers", type=int, nargs="*", default=[0, 1, 3])
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
