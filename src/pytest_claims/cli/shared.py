"""What all subcommands share."""

import argparse
from typing import TypeAlias

#: What ``add_subparsers`` returns; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def say(*lines: object) -> None:
    """Print lines: a command's output."""
    print(*lines, sep="\n")  # noqa: T201
