"""`python -m reports baseline`: makes the committed baseline from a run, after showing what that changes."""

import argparse
import sys
from pathlib import Path

from pytest_claims.drift.committed import review, write
from pytest_claims.results import read

FOLDER = Path("baselines")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    # not called "run": that name holds the subcommand's function
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", default=Path("reports") / "latest",
                        help="report folder of the run (default: reports/latest)")  # fmt: skip
    parser.add_argument("--name", default="pinned", help="which baseline: baselines/NAME.json (default: pinned)")
    parser.add_argument("--yes", action="store_true", help="write without asking")


def run(options: argparse.Namespace) -> int:
    """Show what changes, ask, write; returns the exit status. ResultsError where the run cannot be a baseline."""
    path = FOLDER / f"{options.name}.json"
    baseline, lines = review(path, read(options.folder))
    sys.stdout.write("\n".join(lines) + "\n")
    if not options.yes and not _agreed(path):
        sys.stdout.write(f"{path} was left as it is; --yes writes it without asking.\n")
        return 1
    write(path, baseline)
    sys.stdout.write(f"{path}: {len(baseline.claims)} claims, {path.stat().st_size / 1000:.0f} kB.\n")
    return 0


def _agreed(path: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"Write {path}? [y/N] ").strip().lower() in {"y", "yes"}
