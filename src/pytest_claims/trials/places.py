"""Whose code a file is: installed code has a version, local code is what its file says."""

import os
import site
import sysconfig
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

LIBRARY = Path(__file__).parents[1]


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
    return path.startswith(_homes()) or "/site-packages/" in path or "/dist-packages/" in path


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
