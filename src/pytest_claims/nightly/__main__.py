"""`python -m nightly check LEG FILE` in a leg's environment, `... summary FOLDER LEG ...` over all legs."""

import argparse
import os
import sys
from pathlib import Path

from pytest_claims.nightly import legs
from pytest_claims.nightly.requirements import installed, lower_bounds, newest, pins

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nightly", description="The legs of the nightly run.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check", help="record what this environment has, and whether the leg got what it is for"
    )
    check.add_argument("leg", choices=legs.LEGS)
    check.add_argument("file", type=Path, help="where to write the record")
    merge = commands.add_parser("summary", help="put all legs together; exit 1 when somebody must be told")
    merge.add_argument("folder", type=Path, help="holds a folder for each leg, with leg.json and report/")
    merge.add_argument("legs", nargs="+", help="the legs that should be there")
    merge.add_argument("--markdown", type=Path, help="append the summary to this file")
    merge.add_argument("--history", type=Path, help="keep each leg's verdicts and effects in this folder")
    merge.add_argument("--site", type=Path, help="write the night's pages into this folder")
    options = parser.parse_args(arguments)
    return _check(options.leg, options.file) if options.command == "check" else _summary(options)


def _check(leg: str, file: Path) -> int:
    pinned, bounds = pins(ROOT / "constraints.txt"), lower_bounds(ROOT / "pyproject.toml", legs.EXTRAS)
    wanted = legs.targets(leg, ROOT, os.environ)
    names = dict.fromkeys((*legs.WATCHED, *bounds, *wanted))
    got = legs.judge(leg, installed(names), wanted, pinned, legs.held_versions(ROOT, os.environ))
    if leg == "latest":
        got = legs.with_kept_out(got, newest(legs.WATCHED))
    got.write(file)
    sys.stdout.write("\n".join(got.lines) + "\n")
    return 0


def _summary(options: argparse.Namespace) -> int:
    from pytest_claims.nightly import site, summary  # they need the suite's reports; a leg's environment may not

    outcomes = [summary.outcome(leg, options.folder / leg) for leg in options.legs]
    text = summary.markdown(outcomes)
    sys.stdout.write(text)
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as file:
            file.write(text)
    if options.history:
        summary.keep_history(outcomes, options.history)
    if options.site:
        site.publish(options.folder, outcomes, options.history, options.site)
    return 1 if summary.failed(outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
