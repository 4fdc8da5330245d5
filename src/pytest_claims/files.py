"""Writing: whole files or none, folders found out to be unwritable in time, and no paths of this machine."""

import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never half; OSError as ``open`` would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes private files; a report is read by web servers and other users
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # noqa: PTH101 - beside os.replace, on the name mkstemp gave
        os.replace(name, path)  # noqa: PTH105 - likewise
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def why_unwritable(folder: Path) -> str | None:
    """Return why no report could be written to ``folder`` (the system's words), None where it could. Leaves no trace.

    Tried, not looked up: permissions say nothing to root, and nothing about a read-only or a full file system.
    """
    made: list[Path] = []
    try:
        for part in (*reversed(folder.parents), folder):
            if not part.exists():
                part.mkdir()
                made.append(part)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can be written")
    except OSError as error:
        return error.strerror or str(error)
    finally:
        for part in reversed(made):
            part.rmdir()
    return None


def machine_paths(*extra: Path) -> list[str]:
    """Return prefixes that say where on this machine something lies, the longest first; ``extra`` adds to them."""
    own = [Path.cwd(), Path.home(), Path(sys.prefix), Path(sys.base_prefix), Path(tempfile.gettempdir()), *extra]
    both = {str(path) for one in own for path in (one, one.resolve())}
    return sorted((path for path in both if len(path) > 1), key=len, reverse=True)


def without_paths(value: Any, prefixes: Iterable[str]) -> Any:
    """Return the value with these prefixes taken out of every string in it: ``/home/me/x/a.py`` becomes ``a.py``."""
    alternatives = "|".join(map(re.escape, prefixes))
    if not alternatives:
        return value
    return _without(value, re.compile(rf"(?<![\w.-])(?:{alternatives})(?:/|\\|(?=$|[\s\"',:;)\]]))"))


def _without(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub("", value) or (value and ".")
    if isinstance(value, dict):
        return {key: _without(one, pattern) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, pattern) for one in value]
    return value
