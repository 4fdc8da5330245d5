"""``python -m reports``: draw stored runs again, compare runs, show many nights. No training."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_claims.drift.command import add_arguments as add_baseline_arguments
from pytest_claims.drift.command import run as update_baseline
from pytest_claims.errors import ResultsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it went well, 1 when verdicts differ, 2 with one sentence for input that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ResultsError as error:
        print(f"reports: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    except OSError as error:
        print(f"reports: {error.filename or 'a file'} cannot be used: {error.strerror or error}.", file=sys.stderr)  # noqa: T201
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("render", help="draw the page of a stored run again, from results.json and figures/")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.set_defaults(run=_render)

    one = commands.add_parser("compare", help="a page of claims x runs; exit status 1 when a verdict differs")
    one.add_argument("files", type=Path, nargs="+", metavar="results.json")
    one.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the page (default: terminal only)")
    one.set_defaults(run=_compare)

    one = commands.add_parser("history", help="effects against date and versions, over every results.json below DIR")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the page (default: DIR)")
    one.set_defaults(run=_history)

    one = commands.add_parser("condense", help="keep a run's verdicts and effects only, for a history of many nights")
    one.add_argument("file", type=Path, metavar="results.json")
    one.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    one.set_defaults(run=_condense)

    one = commands.add_parser("fresh", help="a Markdown page: how registered verdicts fared in runs with --fresh")
    one.add_argument("files", type=Path, nargs="+", metavar="results.json")
    one.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    one.set_defaults(run=_fresh)

    one = commands.add_parser("example", help="make the repository's example, page and results.json, of a whole run")
    one.add_argument("folder", type=Path, metavar="DIR")
    one.add_argument("-o", "--output", type=Path, metavar="DIR", required=True)
    one.add_argument("--picture", type=Path, metavar="PNG", help="a picture of the page's top as well, for the README")
    one.set_defaults(run=_example)

    one = commands.add_parser("baseline", help="make the committed baseline from a run, showing what that changes")
    add_baseline_arguments(one)
    one.set_defaults(run=update_baseline)
    return parser


def _render(options: argparse.Namespace) -> int:
    from pytest_claims.report.session import render

    _say(render(options.folder))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from pytest_claims.report.compare import Comparison, print_comparison, write_comparison
    from pytest_claims.report.runs import load

    if len(options.files) < 2:  # noqa: PLR2004 - one run has nothing beside it
        raise ResultsError("a comparison needs at least two results.json.")
    comparison = Comparison(load(options.files))
    print_comparison(comparison, sys.stdout)
    if options.output:
        _say(write_comparison(options.output, comparison))
    return int(bool(comparison.changed))


def _history(options: argparse.Namespace) -> int:
    from pytest_claims.report.history import load_history, write_history

    history = load_history(options.folder)
    for event in history.events[:20]:
        print(f"{event.when}  {event.id}: {event.was} -> {event.now}")  # noqa: T201 - a command's output
    print(f"{len(history.runs)} runs, {len(history.stories)} claims, {len(history.events)} changed verdicts.")  # noqa: T201
    _say(write_history(options.output or options.folder, history))
    return 0


def _example(options: argparse.Namespace) -> int:
    from pytest_claims.report.example import write_example

    page = write_example(options.folder, options.output)
    _say(page)
    if options.picture:
        from benchmarks.picture import take_picture

        _say(take_picture(page, options.picture))
    return 0


def _condense(options: argparse.Namespace) -> int:
    import json

    from pytest_claims.files import write_atomically
    from pytest_claims.report.runs import condensed
    from pytest_claims.results import read

    text = json.dumps(condensed(read(options.file)).as_json(), ensure_ascii=False, separators=(",", ":"))
    write_atomically(options.output, f"{text}\n")
    _say(options.output)
    return 0


def _fresh(options: argparse.Namespace) -> int:
    from pytest_claims.report.fresh import write
    from pytest_claims.report.runs import load

    _say(write(options.output, load(options.files)))
    return 0


def _say(path: Path) -> None:
    print(path)  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main())
