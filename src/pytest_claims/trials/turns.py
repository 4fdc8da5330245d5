"""Whose turn it is to report a claim, and whether anything is still to be done: small files in the run's folder."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

#: Between a claim's node id and the trial's name in the node id of a trial item.
TRIAL = "::trial["
CONTROLLER = "controller"
STOP = "stop"


def owner_file(folder: Path, nodeid: str) -> Path:
    """Return the file that says which process reports a claim."""
    return folder / f"claim-{hashlib.sha256(nodeid.encode()).hexdigest()[:24]}"


def take(folder: Path, nodeid: str, who: str) -> str:
    """Become the one that reports a claim, unless somebody is already; return who is."""
    path = owner_file(folder, nodeid)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_text(who, encoding="utf-8")
        os.link(draft, path)  # appears with its content, or not at all
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    except OSError:  # a full disk keeps nobody from reporting
        return who
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return who


def stop(folder: Path) -> None:
    """Call it a day (-x): what is queued is not trained any more."""
    with suppress(OSError):
        (folder / STOP).touch()


def stopped(folder: Path) -> bool:
    """Whether the controller has called it a day."""
    return (folder / STOP).exists()
