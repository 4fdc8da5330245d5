"""The command `pytest-claims`: starts a folder of claims, and works with the results of runs. It trains nothing.

Each subcommand imports what it needs when it runs: `pytest-claims --help` loads neither numpy nor matplotlib.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest_claims
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
#: The exit status after Ctrl-C, as shells give it.
BROKEN_OFF = 130
#: The most changed verdicts of a history that are printed; the page has them all.
MOST_EVENTS = 20

Command = Callable[[argparse.Namespace], int]
#: What ``add_subparsers`` returns; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status.

    0: all went well. 1: something changed, or needs attention. 2: the command cannot be carried out. 4: a stored file
    cannot be read, and nothing else gives 4. After 2 and 4, one sentence says why. `bisect` has more of them.
    """
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
    _add_nightly(commands)
    _add_bisect(commands)
    _add_elsewhere(commands)
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
    fresh.add_argument("files", type=Path, nargs="+", metavar="results.json")
    fresh.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    fresh.set_defaults(run=_fresh)


def _add_files(commands: Commands) -> None:
    """Add the commands that make a smaller copy of a run, to keep."""
    condense = commands.add_parser("condense", help="keep only verdicts and effects, for a history of many nights")
    condense.add_argument("file", type=Path, metavar="results.json")
    condense.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    condense.set_defaults(run=_condense)

    example = commands.add_parser(
        "example", help="write page and results.json of a whole run, small enough to commit, with what deep.json knows"
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


def _add_nightly(commands: Commands) -> None:
    nightly = commands.add_parser("nightly", help="check and sum up the claims on other versions of the libraries")
    steps = nightly.add_subparsers(required=True, metavar="STEP")

    check = steps.add_parser(
        "check", help="record this environment's versions, and whether they are those the leg is for"
    )
    check.add_argument("leg", help="oldest, pinned, latest, nightly or chosen")
    check.add_argument("file", type=Path, help="where to write the record")
    check.add_argument("--root", type=Path, metavar="DIR", default=Path(),
                       help="holds pyproject.toml and constraints.txt (default: the current folder)")  # fmt: skip
    check.set_defaults(run=_nightly_check)

    summary = steps.add_parser("summary", help="sum up all legs; exit status 1 when one needs attention")
    summary.add_argument("folder", type=Path, help="holds a folder for each leg, with leg.json and report/")
    summary.add_argument("legs", nargs="+", help="the legs that should be there")
    summary.add_argument("--markdown", type=Path, metavar="FILE", help="append the summary to this file")
    summary.add_argument("--history", type=Path, metavar="DIR", help="keep each leg's verdicts and effects here")
    summary.add_argument("--site", type=Path, metavar="DIR", help="write the night's pages into this folder")
    summary.set_defaults(run=_nightly_summary)


def _add_bisect(commands: Commands) -> None:
    bisect = commands.add_parser(
        "bisect",
        help="find the first version of a package in which a claim departs",
        description="Run the claim with versions of PACKAGE between FIRST and LAST, each in an environment of its own, "
        "until the first is found in which the claim departs from its run with FIRST. Start it in the folder of the "
        "claims. Exit status: 0 found; 1 LAST is as FIRST; 3 skipped versions leave several; 2 it cannot be carried "
        "out; 4 a stored file cannot be read; 130 Ctrl-C, after which the same command goes on. With --against: 0 as "
        "before, 1 departs, 125 cannot be judged, 128 stop, as `git bisect run` reads them.",
    )
    bisect.add_argument("package", nargs="?", metavar="PACKAGE", help="the package as pip knows it: scikit-learn")
    bisect.add_argument("first", nargs="?", metavar="FIRST", help="the version that is taken as good")
    bisect.add_argument("last", nargs="?", metavar="LAST", help="a newer version, in which the claim departs")
    bisect.add_argument("--claim", required=True, metavar="ID", help="the claim: 2.a")
    bisect.add_argument("--stage", default="verdict", metavar="STAGE",
                        help="what departs: raw draws, derived arrays, first steps, final numbers, drift or verdict "
                        "(default: verdict)")  # fmt: skip
    bisect.add_argument(
        "--pre", action="store_true", help="try alphas, betas, candidates and development versions, too"
    )
    bisect.add_argument(
        "--pytest", default="", metavar="ARGS", help='further arguments of pytest: --pytest="--seeds 8"'
    )
    bisect.add_argument("--constraints", type=Path, metavar="FILE",
                        help="install everything else anew, in these versions (default: use what is here)")  # fmt: skip
    bisect.add_argument("--installer", choices=("uv", "pip"), help="default: uv where it is there, else pip")
    bisect.add_argument("--state", type=Path, metavar="DIR",
                        help="keeps what was found and the reports (default: bisect/PACKAGE-ID)")  # fmt: skip
    bisect.add_argument("--keep", action="store_true", help="keep the environments in DIR")
    bisect.add_argument("--json", action="store_true", help="write the answer as JSON, and the steps to standard error")
    bisect.add_argument("--against", type=Path, metavar="results.json",
                        help="name no package: judge the running environment against this run")  # fmt: skip
    bisect.set_defaults(run=_bisect)


def _add_elsewhere(commands: Commands) -> None:
    """Add the commands that show a run in other places."""
    badge = commands.add_parser("badge", help="write a badge of the verdicts, as JSON that shields.io draws")
    badge.add_argument("file", type=Path, metavar="results.json")
    badge.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    badge.add_argument("--label", default="claims", help="the badge's left side (default: claims)")
    badge.set_defaults(run=_badge)

    issues = commands.add_parser("issues", help="open, update and close GitHub issues about changed verdicts, with gh")
    issues.add_argument("runs", type=Path, nargs="+", metavar="RUN",
                        help="results.json or its folder, a folder of legs, or a report log (*.jsonl)")  # fmt: skip
    issues.add_argument("--baseline", type=Path, metavar="FILE", help="compare runs that have no comparison with it")
    issues.add_argument("--repo", metavar="OWNER/NAME", help="repository of the issues (default: as gh takes it)")
    issues.add_argument("--label", default="claim-verdict", help="label of the issues (default: claim-verdict)")
    issues.add_argument("--dry-run", action="store_true", help="only print what would be said")
    issues.set_defaults(run=_issues)


def _new(options: argparse.Namespace) -> int:
    from pytest_claims.scaffold import start

    _say(*start(options.folder))
    return 0


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
    for event in history.events[:MOST_EVENTS]:
        _say(f"{event.when}  {event.id}: {event.was} -> {event.now}")
    _say(f"{len(history.runs)} runs, {len(history.stories)} claims, {len(history.events)} changed verdicts.")
    _say(write_history(options.output or options.folder, history))
    return 0


def _fresh(options: argparse.Namespace) -> int:
    from pytest_claims.report.fresh import write
    from pytest_claims.report.runs import load

    _say(write(options.output, load(options.files)))
    return 0


def _condense(options: argparse.Namespace) -> int:
    import json

    from pytest_claims.files import write_atomically
    from pytest_claims.folders import refuse_to_replace
    from pytest_claims.report.runs import condensed
    from pytest_claims.results import read

    refuse_to_replace(options.output)
    text = json.dumps(condensed(read(options.file)).as_json(), ensure_ascii=False, separators=(",", ":"))
    write_atomically(options.output, f"{text}\n")
    _say(options.output)
    return 0


def _example(options: argparse.Namespace) -> int:
    from pytest_claims.report.cite import with_citation
    from pytest_claims.report.example import write_example
    from pytest_claims.results import read
    from pytest_claims.running.deep import with_findings

    results = with_citation(with_findings(read(options.folder), Path()), Path())
    _say(write_example(results, options.folder, options.output))
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
    _say(*lines)
    if not options.yes and not _agreed(path):
        _say(f"{path} was left as it is; --yes writes it without asking.")
        return 1
    write(path, baseline)
    _say(f"{path}: {len(baseline.claims)} claims, {path.stat().st_size / 1000:.0f} kB.")
    return 0


def _agreed(path: Path) -> bool:
    """Ask on a terminal; without one, the answer is no."""
    if not sys.stdin.isatty():
        return False
    return input(f"Write {path}? [y/N] ").strip().lower() in {"y", "yes"}


def _nightly_check(options: argparse.Namespace) -> int:
    from pytest_claims.nightly.legs import check

    _say(*check(options.leg, options.file, options.root, os.environ).lines)
    return 0


def _nightly_summary(options: argparse.Namespace) -> int:
    """Print the summary of a night, and write the files that the options name."""
    from pytest_claims.folders import refuse_path
    from pytest_claims.nightly import summary

    for leg in options.legs:
        refuse_path("leg", leg)
    outcomes = [summary.read_outcome(leg, options.folder / leg) for leg in options.legs]
    text = summary.markdown(outcomes)
    sys.stdout.write(text)
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as file:
            file.write(text)
    if options.history:
        summary.keep_history(outcomes, options.history)
    if options.site:
        summary.publish(options.folder, outcomes, options.history, options.site)
    unreadable = [sentence for outcome in outcomes if outcome.unreadable for sentence in outcome.sentences]
    if unreadable:
        raise UnreadableError(" ".join(unreadable))
    return int(summary.failed(outcomes))


def _bisect(options: argparse.Namespace) -> int:
    """Search with a package and two versions; with ``--against``, judge the running environment."""
    if options.against is not None:
        return _against(options)
    if options.last is None:
        example = "pytest-claims bisect --claim 2.a torch 2.6 2.14"
        raise RequirementsError(f"name a package and two of its versions, as in `{example}`.")
    return _search(options)


def _against(options: argparse.Namespace) -> int:
    """Judge the running environment; all that goes wrong before that has the status that stops `git bisect run`."""
    from pytest_claims.nightly import judging

    try:
        _refuse_package(options.package)
        stage, arguments = judging.stage_named(options.stage), _pytest_arguments(options.pytest)
        status, sentence = judging.against(options.against, options.claim, stage, Path(), arguments)
    except (RequirementsError, ResultsError) as error:
        print(f"pytest-claims: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return judging.STOP
    _say(sentence)
    return status


def _refuse_package(name: str | None) -> None:
    if name is not None:
        raise RequirementsError(f"--against judges the running environment: leave {name} out.")


def _pytest_arguments(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise RequirementsError(f"--pytest {text}: {str(error).lower()}.") from error


def _search(options: argparse.Namespace) -> int:
    import json

    from pytest_claims.folders import refuse_path
    from pytest_claims.nightly.bisect import Bisection
    from pytest_claims.nightly.environments import Installer, installer_named
    from pytest_claims.nightly.judging import Question, stage_named

    refuse_path("PACKAGE", options.package)
    refuse_path("--claim", options.claim)
    arguments = _pytest_arguments(options.pytest)

    def say(*lines: str) -> None:
        print(*lines, sep="\n", file=sys.stderr if options.json else sys.stdout, flush=True)

    constraints = options.constraints and options.constraints.absolute()
    bisection = Bisection(
        Question(
            options.package, options.claim, options.first, options.last, stage_named(options.stage), options.pre,
            arguments, constraints and constraints.read_text(encoding="utf-8", errors="replace"),
        ),
        (options.state or Path("bisect") / f"{options.package}-{options.claim}").absolute(),
        Installer(options.package, Path(), constraints, installer_named(options.installer)),
        say,
        keep=options.keep,
    )  # fmt: skip
    try:
        answer = bisection.find()
    except KeyboardInterrupt:
        say("Broken off; the same command goes on from here.")
        return BROKEN_OFF
    if options.json:
        sys.stdout.write(json.dumps(answer.as_json(), indent=1, ensure_ascii=False) + "\n")
    else:
        say(*answer.lines())
    return answer.status


def _badge(options: argparse.Namespace) -> int:
    import json

    from pytest_claims.files import write_atomically
    from pytest_claims.folders import refuse_to_replace
    from pytest_claims.report.badge import badge
    from pytest_claims.results import read

    shown = badge(read(options.file), options.label)
    refuse_to_replace(options.output)
    write_atomically(options.output, json.dumps(shown, indent=1) + "\n")
    _say(f"{options.output}: {shown['message']}")
    return 0


def _issues(options: argparse.Namespace) -> int:
    from pytest_claims.nightly import changed, issues

    runs, unreadable = changed.read_runs(options.runs, options.baseline)
    for line in issues.settle(runs, issues.GitHub(options.repo), options.label, dry=options.dry_run):
        _say(line)
    if unreadable:
        raise UnreadableError(" ".join(unreadable))
    return 0


def _say(*lines: object) -> None:
    print(*lines, sep="\n")  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main())
