"""`python -m benchmarks.sensitivity`: measure what the alarm sees, and write the page about it."""

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks.sensitivity.measure import Bench, disturbed, missed, seen
from benchmarks.sensitivity.page import Measured, page
from benchmarks.sensitivity.regressions import REGRESSIONS
from benchmarks.sensitivity.shortened import CLAIMS
from pytest_claims.drift import Comparison, compare
from pytest_claims.files import write_atomically


def main(arguments: list[str] | None = None) -> int:
    """Run a baseline, every regression, repeats and other numbers of workers; return 1 where an expectation failed."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _options(words)
    claims = tuple(options.claim.split(",")) if options.claim else CLAIMS if options.shortened else ()
    plugins = ("benchmarks.sensitivity.shortened",) if options.shortened else ()
    work = options.work.resolve()  # runs have the repository as their working folder
    bench = Bench(work / "regressions", options.seeds, claims, plugins, tier=options.tier)
    baseline = bench.run("baseline", options.workers)
    comparisons = {}
    for name in REGRESSIONS:
        comparisons[name] = compare(baseline, bench.run(name, options.workers, name))
        _say(name, comparisons[name])
    repeat_seeds = options.repeat_seeds or options.seeds
    calm = Bench(work / "repeats", repeat_seeds, claims, plugins, tier="" if repeat_seeds else options.tier)
    first = calm.run("baseline", options.workers) if options.repeats or options.other_workers else baseline
    repeats = []
    for number in range(1, options.repeats + 1):
        repeats.append(compare(first, calm.run(f"repeat-{number}", options.workers)))
        _say(f"repeat {number}", repeats[-1])
    workers = {}
    for count in options.other_workers:
        workers[count] = compare(first, calm.run(f"workers-{count}", count))
        _say(f"{count} workers", workers[count])
    command = shlex.join(["python", "-m", __package__, *_measuring(words)])
    measured = Measured(comparisons, repeats, workers, baseline, first, command, shortened=options.shortened)
    write_atomically(options.output, page(measured))
    unexpected = [name for name in comparisons if missed(REGRESSIONS[name], seen(comparisons[name]))]
    alarms = [comparison for comparison in (*repeats, *workers.values()) if disturbed(comparison)]
    sys.stdout.write(f"{options.output}: {len(unexpected)} regressions not as expected, {len(alarms)} false alarms\n")
    return 1 if unexpected or alarms else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sensitivity", description=__doc__, parents=[_places()])
    parser.add_argument("--seeds", type=int, help="default: the registered seeds")
    parser.add_argument("--repeat-seeds", type=int, help="for the runs in which nothing is broken; default: as --seeds")
    parser.add_argument("--tier", default="", help="as pytest's option, with the claims of all experiments")
    parser.add_argument("--claim", default="", help="ids; default: all claims of experiments 1, 2, 7 and 9")
    parser.add_argument(
        "--shortened", action="store_true", help="a few dozen steps: shows where faults are seen, not their effects"
    )
    parser.add_argument("--workers", type=int, default=2, help="for all runs except those on other numbers of workers")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--other-workers", type=int, nargs="*", default=[0, 1, 3])
    return parser.parse_args(arguments)


def _places() -> argparse.ArgumentParser:
    """Return the options that name places of this machine."""
    places = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    places.add_argument("-o", "--output", type=Path, default=Path("docs") / "sensitivity.md")
    places.add_argument(
        "--work", type=Path, default=Path("legs") / "sensitivity",
        help="keeps the runs, so that an interrupted call goes on; remove it when the suite's code has changed",
    )  # fmt: skip
    return places


def _measuring(words: list[str]) -> list[str]:
    """Return the options without the places of this machine, which change no number."""
    return _places().parse_known_args(words)[1]


def _say(name: str, comparison: Comparison) -> None:
    sys.stdout.write(f"{name}: {comparison.sentences()[0]}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
