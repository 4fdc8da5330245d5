"""Which process reports a claim, and whether the run was stopped: small files in the run's folder."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

#: What separates the claim's node id from the trial's label in the node id of a trial item.
TRIAL = "::trial["
CONTROLLER = "controller"
STOP = "stop"


def owner_file(folder: Path, nodeid: str) -> Path:
    """Return the file that says which process reports a claim."""
    return folder / f"claim-{hashlib.sha256(nodeid.encode()).hexdigest()[:24]}"


def take(folder: Path, nodeid: str, who: str) -> str:
    """Make ``who`` the process that reports a claim, unless another already does; return the one that does."""
    path = owner_file(folder, nodeid)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_text(who, encoding="utf-8")
        os.link(draft, path)  # appears with its content, or not at all
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    except OSError:  # a full disk must not hide a claim
        return who
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return who


def stop(folder: Path) -> None:
    """Stop the run (-x): queued trials are not trained any more."""
    with suppress(OSError):
        (folder / STOP).touch()


def stopped(folder: Path) -> bool:
    """Whether the controller has stopped the run."""
    return (folder / STOP).exists()
