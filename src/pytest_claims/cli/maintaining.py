"""Subcommands for maintainers: nightly legs, bisection, and what shows a run in other places."""

import argparse
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_claims.cli.shared import Commands, say
from pytest_claims.errors import RequirementsError, UnreadableError

#: The exit status after Ctrl-C, as shells give it.
BROKEN_OFF = 130
#: The exit status that ends `git bisect run`, which takes 1 to 127 for a bad commit, but for 125.
GIT_STOPS = 128


def add_nightly(commands: Commands) -> None:
    """Add the commands of nightly legs."""
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


def add_bisect(commands: Commands) -> None:
    """Add the search for the version in which a claim departs."""
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


def add_elsewhere(commands: Commands) -> None:
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


def _nightly_check(options: argparse.Namespace) -> int:
    from pytest_claims.nightly.legs import check

    say(*check(options.leg, options.file, options.root, os.environ).lines)
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
    """Judge the running environment."""
    from pytest_claims.nightly import judging

    if options.package is not None:
        raise RequirementsError(f"--against judges the running environment: leave {options.package} out.")
    stage, arguments = judging.stage_named(options.stage), _pytest_arguments(options.pytest)
    try:
        status, sentence = judging.against(options.against, options.claim, stage, Path(), arguments)
    except KeyboardInterrupt:
        say("Broken off; nothing was judged.")
        return BROKEN_OFF
    say(sentence)
    return status


def is_for_git(arguments: Sequence[str]) -> bool:
    """Whether `git bisect run` reads the exit status: with --against, shortened or mistyped, too."""
    return "bisect" in arguments[:1] and any(argument.startswith("--a") for argument in arguments)


def for_git(run: Callable[[], int]) -> int:
    """Run a command and return its exit status, with ``GIT_STOPS`` for all that went wrong."""
    try:
        status = run()
    except SystemExit as ended:  # argparse's, after its help or its sentence
        status = GIT_STOPS if ended.code else 0
    except Exception:  # noqa: BLE001 - a defect, or a library that this commit broke
        traceback.print_exc()
        status = GIT_STOPS
    return GIT_STOPS if status in {2, 4} else status


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
    from pytest_claims.folders import BADGE, refuse_to_replace
    from pytest_claims.report.badge import badge
    from pytest_claims.results import read

    shown = badge(read(options.file), options.label)
    refuse_to_replace(options.output, BADGE)
    write_atomically(options.output, json.dumps(shown, indent=1) + "\n")
    say(f"{options.output}: {shown['message']}")
    return 0


def _issues(options: argparse.Namespace) -> int:
    from pytest_claims.nightly import changed, issues

    runs, unreadable = changed.read_runs(options.runs, options.baseline)
    for line in issues.settle(runs, issues.GitHub(options.repo), options.label, dry=options.dry_run):
        say(line)
    if unreadable:
        raise UnreadableError(" ".join(unreadable))
    return 0
