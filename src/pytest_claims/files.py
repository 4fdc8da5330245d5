"""Writing files: valid JSON, whole files or none, unwritable folders noticed early, no paths of this machine.

And reading those that others may have put there, without waiting for a pipe that nobody writes to.
"""

import errno
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_claims.vocabulary import visible

#: Where a shell passes an open file on, as in ``--claims-baseline <(gunzip -c old.json.gz)``: somebody writes to it.
_PASSED_ON = re.compile(r"/dev/(fd/\d+|stdin)|/proc/(self|\d+)/fd/\d+")


def read_ordinary(path: Path, size: int = -1) -> bytes:
    """Return what a file holds, its first ``size`` bytes if that is given; OSError as ``open`` would.

    Also an OSError for a named pipe or a device, which are not opened: reading them might never end. A pipe that the
    shell passes on is read.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or _PASSED_ON.fullmatch(str(path))):
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    with path.open("rb") as file:
        return file.read(size)


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
    """Return why no report can be written to ``folder``, in the system's words; None where it can. Leaves no trace.

    It tries to write: permissions mean nothing for root, or on a read-only or full file system.
    """
    why = None
    for _ in range(5):
        try:
            _try_to_write(folder)
        except FileNotFoundError as error:
            why = error.strerror or str(error)  # perhaps another run, which tries at the same time, tidied up
        except OSError as error:
            return error.strerror or str(error)
        else:
            return None
    return why


def _try_to_write(folder: Path) -> None:
    made: list[Path] = []
    try:
        for part in (*reversed(folder.parents), folder):
            if not part.exists():
                with suppress(FileExistsError):  # another run was quicker: the folder is not ours to take away
                    part.mkdir()
                    made.append(part)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can be written")
    finally:
        for part in reversed(made):
            with suppress(OSError):  # another run has put something there
                part.rmdir()


def jsonable(value: Any) -> Any:
    """Return the value in JSON's own types: NaN and infinities as null, keys as strings, arrays and sets as lists.

    Hidden characters in texts are written out. An object with a method ``as_json`` converts itself.
    """
    if value is None or isinstance(value, bool | str):
        return visible(value) if isinstance(value, str) else value
    if isinstance(value, int | float):  # an integer beyond all floats is no number to those who read JSON
        return (float(value) if isinstance(value, float) else value) if abs(value) <= sys.float_info.max else None
    if isinstance(value, Mapping):
        return {visible(str(key)): jsonable(item) for key, item in value.items()}
    for method in ("as_json", "tolist"):  # ours; numpy's scalars and arrays
        if hasattr(value, method):
            return jsonable(getattr(value, method)())
    return [jsonable(item) for item in value] if isinstance(value, Iterable) else visible(str(value))


def machine_paths(*extra: Path) -> list[str]:
    """Return the prefixes of this machine's paths, the longest first; ``extra`` adds to them."""
    folders = [Path.cwd(), Path.home(), Path(sys.prefix), Path(sys.base_prefix), Path(tempfile.gettempdir()), *extra]
    paths = {str(path) for folder in folders for path in (folder, folder.resolve())}
    return sorted((path for path in paths if len(path) > 1), key=len, reverse=True)


#: An absolute path of at least two names, whose last is kept; not the path of a web address.
_ABSOLUTE = re.compile(r"(?<![\w.:/])/(?:[\w.+-]+/)+([\w.+-]+)")


def without_paths(value: Any, prefixes: Iterable[str], *, elsewhere: bool = False) -> Any:
    """Return the value with these prefixes taken out of every string in it: ``/home/me/x/a.py`` becomes ``a.py``.

    With ``elsewhere`` every other absolute path is shortened to its last name, wherever it leads.
    """
    alternatives = "|".join(map(re.escape, prefixes))
    below = re.compile(rf"(?<![\w.-])(?:{alternatives})(?:/|\\|(?=$|[\s\"',:;)\]]))") if alternatives else None

    def clean(text: str) -> str:
        if below is not None:
            text = below.sub("", text) or (text and ".")
        return _ABSOLUTE.sub(r"\1", text) if elsewhere else text

    return in_strings(value, clean)


def in_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with every string in it changed, keys too; keys that become the same are numbered."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        changed: dict[str, Any] = {}
        for key, item in value.items():
            name, number = change(key), 2
            while name in changed:
                name, number = f"{change(key)} ({number})", number + 1
            changed[name] = in_strings(item, change)
        return changed
    if isinstance(value, list):
        return [in_strings(item, change) for item in value]
    return value
