"""The command `pytest-claims`: starts a folder of claims, and works with the results of runs. It trains nothing.

Each subcommand imports what it needs when it runs: `pytest-claims --help` loads neither numpy nor matplotlib.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest_claims
from pytest_claims.cli.maintaining import add_bisect, add_elsewhere, add_nightly, for_git, is_for_git
from pytest_claims.cli.shared import Commands, say
from pytest_claims.errors import (
    FolderError,
    GitHubError,
    RequirementsError,
    ResultsError,
    ScaffoldError,
    UnreadableError,
)

LATEST = Path("reports") / "latest"
BASELINES = Path("reports") / "baseline"
#: The exit status where a stored file cannot be read.
UNREADABLE = 4
#: The most changed verdicts of a history that are printed; the page has them all.
MOST_EVENTS = 20

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status.

    0: all went well. 1: something changed, or needs attention. 2: the command cannot be carried out. 4: a stored file
    cannot be read, and nothing else gives 4. After 2 and 4, one sentence says why. `bisect` has more of them.
    """
    given = sys.argv[1:] if arguments is None else arguments
    return for_git(lambda: _carried_out(given)) if is_for_git(given) else _carried_out(given)


def _carried_out(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    run: Command = options.run
    status = 2
    try:
        return run(options)
    except (FolderError, GitHubError, RequirementsError, ResultsError, ScaffoldError) as error:
        problem, status = str(error), UNREADABLE if isinstance(error, UnreadableError) else status
    except OSError as error:
        problem = f"{error.filename or 'a file'} cannot be used: {error.strerror or error}."
    print(f"pytest-claims: {problem}", file=sys.stderr)  # noqa: T201 - a command's output
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-claims", description="Start a folder of claims; draw, compare and keep their runs."
    )
    parser.add_argument("--version", action="version", version=f"pytest-claims {pytest_claims.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_new(commands)
    _add_pages(commands)
    _add_files(commands)
    add_nightly(commands)
    add_bisect(commands)
    add_elsewhere(commands)
    return parser


def _add_new(commands: Commands) -> None:
    new = commands.add_parser(
        "new",
        help="start a folder of claims, with a first one that runs",
        description="Write a first claim, pytest's setting for its report, and a line for .gitignore. Existing files "
        "stay: settings are added to pytest's configuration, and nothing is replaced.",
    )
    new.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", default=Path("my_claims"),
                     help="new folder for the claims (default: my_claims)")  # fmt: skip
    new.set_defaults(run=_new)


def _add_pages(commands: Commands) -> None:
    """Add the commands that draw pages of stored runs."""
    render = commands.add_parser("render", help="draw the page of a stored run again")
    render.add_argument("folder", type=Path, metavar="DIR", help="report folder: results.json and figures/")
    render.set_defaults(run=_render)

    compare = commands.add_parser(
        "compare", help="show several runs side by side; exit status 1 when a verdict differs"
    )
    compare.add_argument("files", type=Path, nargs="+", metavar="results.json")
    compare.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for a page (default: no page)")
    compare.set_defaults(run=_compare)

    history = commands.add_parser("history", help="show effects over time and versions, from many runs")
    history.add_argument("folder", type=Path, metavar="DIR", help="holds the results.json files, in any subfolders")
    history.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the page (default: DIR)")
    history.set_defaults(run=_history)

    fresh = commands.add_parser(
        "fresh", help="write a Markdown page: registered verdicts against runs with --claims-fresh"
    )
    fresh.add_argument("files", type=Path, nargs="*", metavar="results.json", help="default: those in reports/fresh")
    fresh.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    fresh.set_defaults(run=_fresh)


def _add_files(commands: Commands) -> None:
    """Add the commands that make a smaller copy of a run, to keep."""
    condense = commands.add_parser("condense", help="keep only verdicts and effects, for a history of many nights")
    condense.add_argument("file", type=Path, metavar="results.json")
    condense.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    condense.set_defaults(run=_condense)

    example = commands.add_parser(
        "example",
        help="write page and results.json of a whole run, small enough to commit, with what deep.json and kept draws "
        "know",
    )
    example.add_argument("folder", type=Path, metavar="DIR", help="report folder of the run")
    example.add_argument("-o", "--output", type=Path, metavar="DIR", required=True)
    example.set_defaults(run=_example)

    baseline = commands.add_parser(
        "baseline", help="make a run the baseline for later runs; shows what changes, and asks"
    )
    baseline.add_argument("folder", nargs="?", type=Path, metavar="DIR", default=LATEST,
                          help=f"report folder of the run (default: {LATEST})")  # fmt: skip
    baseline.add_argument("--name", default="pinned", help=f"writes {BASELINES}/NAME.json (default: pinned)")
    baseline.add_argument("--yes", action="store_true", help="write without asking")
    baseline.set_defaults(run=_baseline)


def _new(options: argparse.Namespace) -> int:
    from pytest_claims.scaffold import start

    say(*start(options.folder))
    return 0


def _render(options: argparse.Namespace) -> int:
    from pytest_claims.report.session import render

    say(render(options.folder))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from pytest_claims.report.compare import Comparison, print_comparison, write_comparison
    from pytest_claims.report.runs import load

    if len(options.files) < 2:  # noqa: PLR2004 - one run has nothing beside it
        raise ResultsError("a comparison needs at least two results.json.")
    comparison = Comparison(load(options.files))
    print_comparison(comparison, sys.stdout)
    if options.output:
        say(write_comparison(options.output, comparison))
    return int(bool(comparison.changed))


def _history(options: argparse.Namespace) -> int:
    from pytest_claims.report.history import load_history, write_history

    history = load_history(options.folder)
    for event in history.events[:MOST_EVENTS]:
        say(f"{event.when}  {event.id}: {event.was} -> {event.now}")
    say(f"{len(history.runs)} runs, {len(history.stories)} claims, {len(history.events)} changed verdicts.")
    say(write_history(options.output or options.folder, history))
    return 0


def _fresh(options: argparse.Namespace) -> int:
    from pytest_claims.report.fresh import KEPT, kept, write
    from pytest_claims.report.runs import load

    files = options.files or kept(Path())
    if not files:
        raise ResultsError(f"no run is named, and {KEPT.as_posix()} holds none.")
    say(write(options.output, load(files)))
    return 0


def _condense(options: argparse.Namespace) -> int:
    import json

    from pytest_claims.files import write_atomically
    from pytest_claims.folders import RUN_FILE, refuse_to_replace
    from pytest_claims.report.runs import condensed
    from pytest_claims.results import read

    refuse_to_replace(options.output, RUN_FILE)
    if options.output.exists() and read(options.output).command:  # what condense writes has lost it
        raise FolderError(
            f"{options.output} holds {RUN_FILE}, not a condensed run, and would be replaced: name another place."
        )
    text = json.dumps(condensed(read(options.file)).as_json(), ensure_ascii=False, separators=(",", ":"))
    write_atomically(options.output, f"{text}\n")
    say(options.output)
    return 0


def _example(options: argparse.Namespace) -> int:
    from pytest_claims.report.cite import with_citation
    from pytest_claims.report.example import write_example
    from pytest_claims.report.fresh import kept_draws, with_draws
    from pytest_claims.results import read
    from pytest_claims.running.deep import with_findings

    results = with_citation(with_findings(read(options.folder), Path()), Path())
    results = with_draws(results, kept_draws(Path()))
    say(write_example(results, options.folder, options.output, Path()))
    return 0


def _baseline(options: argparse.Namespace) -> int:
    """Show what the new baseline changes, ask, write it."""
    from pytest_claims.drift.committed import review, write
    from pytest_claims.folders import refuse_path, refuse_to_replace
    from pytest_claims.results import read

    refuse_path("--name", options.name)
    path = BASELINES / f"{options.name}.json"
    refuse_to_replace(path)
    baseline, lines = review(path, read(options.folder))
    say(*lines)
    if not options.yes and not _agreed(path):
        say(f"{path} was left as it is; --yes writes it without asking.")
        return 1
    write(path, baseline)
    say(f"{path}: {len(baseline.claims)} claims, {path.stat().st_size / 1000:.0f} kB.")
    return 0


def _agreed(path: Path) -> bool:
    """Ask on a terminal; without one, the answer is no."""
    if not sys.stdin.isatty():
        return False
    return input(f"Write {path}? [y/N] ").strip().lower() in {"y", "yes"}
