"""Removes the folders of old runs, so that stored trials do not pile up: only what runs wrote, and through no link."""

import re
from collections.abc import Iterator
from pathlib import Path

from pytest_claims.folders import RUN

#: Folders of earlier runs that are kept beside the current one, for --reuse.
KEPT_RUNS = 4
ALIVE = "alive.lock"
_NAMES = r"(\w+-[0-9a-f]+\.(json|npz|attempt|lock)|failed-[0-9a-f]+|claim-[0-9a-f]+|plan\.json|stop|alive\.lock)"
#: What runs write into their folders: trials (trials/store.py), the plan, turns (trials/turns.py), and the drafts of
#: these that a killed run left, which end with eight characters or the number of a process.
_WRITTEN = re.compile(rf"{_NAMES}|\.{_NAMES}\.([a-z0-9_]{{8}}|\d+)")


def remove_old_runs(trials: Path, current: Path) -> None:
    """Remove the oldest runs' folders from ``trials``, unless they are in use; keep ``KEPT_RUNS`` beside the current.

    A folder that holds anything that no run wrote is kept whole. Links are not followed: neither a run's folder nor
    ``trials`` itself is touched where it is one. OSError where ``trials`` cannot be read.
    """
    from filelock import FileLock, Timeout

    others = sorted(path for path in _folders(trials) if path != current)
    for folder in others[:-KEPT_RUNS]:
        try:
            if not _ours_alone(folder):
                continue
            with FileLock(folder / ALIVE, timeout=0):
                for path in folder.iterdir():
                    if path.name != ALIVE:
                        path.unlink()
            (folder / ALIVE).unlink(missing_ok=True)
            folder.rmdir()
        except (Timeout, OSError):
            continue


def _folders(trials: Path) -> Iterator[Path]:
    if not trials.is_symlink():
        yield from (
            path for path in trials.iterdir() if RUN.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        )


def _ours_alone(folder: Path) -> bool:
    """Whether a folder holds nothing but files, no links, with the names that runs give."""
    return all(path.is_file() and not path.is_symlink() and _WRITTEN.fullmatch(path.name) for path in folder.iterdir())
