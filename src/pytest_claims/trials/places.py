"""Whose code a file is: installed code has a version, local code is what its file says."""

import os
import site
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

LIBRARY = Path(__file__).parents[1]
#: Not empty while this library reads for itself: that is no reading of a trial's.
READING: list[bool] = []


@contextmanager
def untraced() -> Iterator[None]:
    """Read something for this library's own sake."""
    READING.append(True)
    try:
        yield
    finally:
        READING.pop()


@lru_cache(maxsize=1)
def _homes() -> tuple[str, ...]:
    """Return the folders of Python's own library and of installed packages, and this library's."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {*site.getsitepackages(), site.getusersitepackages()}
    homes = {str(Path(path).resolve()) for path in paths if path} | {str(Path(path)) for path in paths if path}
    return tuple(sorted(f"{home}/" for home in {*homes, str(LIBRARY), str(LIBRARY.resolve())}))


@cache
def installed(file: str) -> bool:
    """Whether a file belongs to Python, an installed package or this library; frozen modules have names like <...>."""
    if file.startswith("<frozen"):
        return True
    path = os.path.abspath(file)  # noqa: PTH100 - a Path imports modules, and this is asked while modules are imported
    return path.startswith(_homes()) or "/site-packages/" in path or "/dist-packages/" in path or _recorded(path)


def _recorded(path: str) -> bool:
    """Whether a package that lies in an unusual folder (`pip install --target`, PYTHONPATH) lists this file as its."""
    folder, below = os.path.split(path)
    while True:
        if below in _records(folder):
            return True
        above, name = os.path.split(folder)
        if above == folder:
            return False
        folder, below = above, f"{name}/{below}"


@cache
def _records(folder: str) -> frozenset[str]:
    """Return the files below a folder that the packages installed there list in their RECORD."""
    found: set[str] = set()
    with untraced(), suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - a Path imports modules
            if not name.endswith(".dist-info"):
                continue
            record = f"{folder}/{name}/RECORD"
            with suppress(OSError, UnicodeError), open(record, encoding="utf-8") as lines:  # noqa: PTH123 - as above
                # a package that is not whole, or lists no files, says nothing
                found |= {line.rsplit(",", 2)[0] for line in lines}
    return frozenset(found)


def module_installed(module: ModuleType | None) -> bool:
    """Whether a module belongs to Python or an installed package; so does one without a file, or that is not there."""
    file = getattr(module, "__file__", None)
    return file is None or installed(str(file))


@cache
def builtin(file: str) -> bool:
    """Whether a file belongs to Python itself."""
    if file.startswith("<frozen"):
        return True
    path = os.path.abspath(file)  # noqa: PTH100
    return path.startswith(tuple(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib"))) and (
        "/site-packages/" not in path and "/dist-packages/" not in path
    )
