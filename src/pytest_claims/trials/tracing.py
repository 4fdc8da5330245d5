"""What code reads while it runs: files, folders, environment variables, options, imports.

Files are seen through Python's audit events, the rest through wrappers that are in place only while something is
traced. Not seen are files that C code opens, ``stat``, and the clock (docs/how-it-works.md lists what no hook sees).
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pytest_claims.trials.places import LIBRARY, READING, builtin, installed, untraced

#: Events after which a number may depend on what lies outside this process.
OUTSIDE: Mapping[str, str] = {
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
         "os.startfile"),
        "started a process",
    ),
    **dict.fromkeys(
        ("socket.__new__", "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
         "socket.gethostbyname", "urllib.Request", "http.client.connect", "ftplib.connect"),
        "used the network",
    ),
    **dict.fromkeys(("ctypes.dlopen", "ctypes.call_function", "ctypes.dlsym"), "called a library through ctypes"),
    **dict.fromkeys(("sqlite3.connect", "dbm.open"), "opened a database"),
}  # fmt: skip
LISTED = frozenset({"os.listdir", "os.scandir"})
#: Files of the system: what they say belongs to the machine.
SYSTEM = ("/dev/", "/proc/", "/sys/")
#: Attributes of pytest's configuration that say nothing, or are traced by themselves.
PLAIN = frozenset({"option", "pluginmanager", "stash", "hook", "trace", "cache", "workerinput", "getini"})
#: A disk in memory, where data lie as on any other.
IN_MEMORY = "/dev/shm/"  # noqa: S108 - a place to know, not one to write to
#: These read source files for the text of a traceback or a warning.
READERS = ("linecache.py", "tokenize.py", "inspect.py")


@dataclass(eq=False)
class Reads:
    """What was read: names with hashes, or None for what was looked for and is not there.

    Each trace is itself alone: one that has seen the same as another must not end in its place.
    """

    files: dict[str, str | None] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)  # local modules that were loaded from a file
    folders: dict[str, str | None] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)  # what forbids reuse, each as a verb with its object
    written: set[str] = field(default_factory=set)

    def include(self, other: Reads) -> None:
        """Add what another trace holds; what was seen first stays."""
        for name in ("files", "folders", "environment", "options"):
            mine: dict[str, Any] = getattr(self, name)
            for key, value in getattr(other, name).items():
                mine.setdefault(key, value)
        for name in ("sources", "imports", "outside", "written"):
            getattr(self, name).update(getattr(other, name))


_ACTIVE: list[Reads] = []
#: Threads that are not traced.
_ASIDE: set[int] = set()
_HOOKED: list[bool] = []


@contextmanager
def tracing(config: pytest.Config | None = None) -> Iterator[Reads]:
    """Trace what happens in the block, in this process and whichever thread; traces may be nested."""
    if not _HOOKED:  # an audit hook stays for the life of the process
        _HOOKED.append(True)
        sys.addaudithook(_audit)
    reads = Reads()
    _ACTIVE.append(reads)
    undo: list[Callable[[], None]] = []
    try:
        if len(_ACTIVE) == 1:
            undo += [_watch_environment(), _watch_imports()]
        if config is not None and not isinstance(config.option, _Options):
            undo += [_watch_options(config), _watch_config(config)]
        yield reads
    finally:
        for put_back in undo:
            put_back()
        _ACTIVE.remove(reads)


@contextmanager
def aside() -> Iterator[None]:
    """Let this thread do what no trial of its process asked for, such as to watch the store, unnoticed."""
    _ASIDE.add(threading.get_ident())
    try:
        yield
    finally:
        _ASIDE.discard(threading.get_ident())


# -- audit events ---------------------------------------------------------------------------------------------------


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what an event means for the numbers; called for every audit event of the process, so quick where idle."""
    if not _ACTIVE or READING or not (event == "open" or event in LISTED or event in OUTSIDE):
        return
    if threading.get_ident() in _ASIDE:
        return
    with untraced():
        frame = sys._getframe(1)  # noqa: SLF001 - the documented way to the caller
        if event == "open":
            _opened(arguments, frame)
        elif _while_installed_code_loads(frame):
            return
        elif event in LISTED:
            _listed(arguments[0])
        elif not (event.startswith("ctypes") and _by_installed_code(frame, arguments)):
            for reads in _ACTIVE:
                reads.outside.add(f"{OUTSIDE[event]} ({event})")


def _opened(arguments: tuple[Any, ...], frame: FrameType) -> None:
    path, mode, flags = arguments
    if not isinstance(path, str | bytes | os.PathLike):
        return
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - Path.absolute keeps ".."
    if _of_the_system(name) or installed(name) or _while_installed_code_loads(frame):
        return
    caller = frame.f_code.co_filename
    if caller.startswith("<frozen importlib"):
        source = name if name.endswith(".py") else _source_of(name)
        for reads in _ACTIVE:
            reads.sources.add(source)
        return
    if Path(caller).name in READERS and builtin(caller):
        return
    creates = _creates(mode, flags)
    for reads in _ACTIVE:
        if creates:
            reads.written.add(name)
        elif name not in reads.written and name not in reads.files:
            ordinary = is_ordinary(name)
            if ordinary is False:
                reads.outside.add(f"read {Path(name).name}, which is no ordinary file")
            reads.files[name] = file_digest(name) if ordinary else None


def _of_the_system(name: str) -> bool:
    return name.startswith(SYSTEM) and not name.startswith(IN_MEMORY)


def _source_of(cached: str) -> str:
    try:
        return importlib.util.source_from_cache(cached)
    except ValueError:
        return cached


def _creates(mode: Any, flags: Any) -> bool:
    """Whether a file is opened without a look at what it held."""
    if isinstance(mode, str):
        return "w" in mode or "x" in mode
    return isinstance(flags, int) and bool(flags & (os.O_TRUNC | os.O_EXCL))


def _listed(path: Any) -> None:
    if path is not None and not isinstance(path, str | bytes | os.PathLike):
        return
    name = os.path.abspath(os.fsdecode(path if path is not None else "."))  # noqa: PTH100
    if _of_the_system(f"{name}/") or installed(f"{name}/"):
        return
    for reads in _ACTIVE:
        reads.folders.setdefault(name, folder_digest(name))


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _asking(frame: FrameType) -> FrameType | None:
    """Return the nearest caller outside Python's own library."""
    return next((each for each in _callers(frame) if not builtin(each.f_code.co_filename)), None)


def _while_installed_code_loads(frame: FrameType) -> bool:
    """Whether something happens because an installed module is loaded: its version says what it does then."""
    return any(
        caller.f_code.co_name == "<module>"
        and installed(caller.f_code.co_filename)
        and caller.f_back is not None
        and caller.f_back.f_code.co_filename.startswith("<frozen importlib")  # not the module that a process began with
        for caller in _callers(frame)
    )


def _by_installed_code(frame: FrameType, arguments: tuple[Any, ...]) -> bool:
    """Whether an installed package calls ctypes for itself, with no library of the user's."""
    library = arguments[0] if arguments else None
    if isinstance(library, str) and Path(library).exists() and not installed(library):
        return False
    caller = _asking(frame)
    return caller is None or installed(caller.f_code.co_filename)


# -- hashes ---------------------------------------------------------------------------------------------------------


def is_ordinary(name: str) -> bool | None:
    """Whether a path is a file or folder that can be read again; None where nothing is there."""
    try:
        mode = Path(name).stat().st_mode
    except OSError:
        return None
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def file_digest(name: str) -> str | None:
    """Hash a file's content; None where there is none."""
    try:
        facts = Path(name).stat()
        return _digest(name, facts.st_mtime_ns, facts.st_size) if stat.S_ISREG(facts.st_mode) else None
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _digest(name: str, modified: int, size: int) -> str:  # noqa: ARG001 - the time makes the cache notice edits
    with untraced(), Path(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(name: str) -> str | None:
    """Hash the names in a folder; None where there is none."""
    try:
        with untraced():
            names = sorted(os.listdir(name))  # noqa: PTH208 - names, not paths
    except OSError:
        return None
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()


def variable_digest(name: str) -> str | None:
    """Hash an environment variable, which may be a secret; None where it is not set."""
    value = os.environ.get(name)
    return None if value is None else hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()


def value_digest(value: Any) -> str:
    """Hash the value of an option."""
    return hashlib.sha256(repr(value).encode(errors="surrogatepass")).hexdigest()


# -- environment variables, which raise no events -------------------------------------------------------------------

_Environ: Any = type(os.environ)


class _Environment(_Environ):  # type: ignore[misc] # a class of os without a public name
    """``os.environ`` that notes what is read."""

    def __getitem__(self, key: Any) -> Any:
        if _noted(sys._getframe(1)):  # noqa: SLF001
            with untraced():
                for reads in _ACTIVE:
                    reads.environment.setdefault(os.fsdecode(key), variable_digest(os.fsdecode(key)))
        return super().__getitem__(key)

    def __iter__(self) -> Any:
        if _noted(sys._getframe(1)):  # noqa: SLF001
            for reads in _ACTIVE:
                reads.outside.add("read all environment variables")
        return super().__iter__()


def _noted(frame: FrameType) -> bool:
    """Whether reading the environment counts: not where this library looks, or an installed module that is loaded."""
    if not _ACTIVE or READING or _while_installed_code_loads(frame):
        return False
    caller = _asking(frame)
    return caller is None or LIBRARY not in Path(caller.f_code.co_filename).parents


def _watch_environment() -> Callable[[], None]:
    watched = [environment for environment in (os.environ, getattr(os, "environb", None)) if environment is not None]
    for environment in watched:
        environment.__class__ = _Environment

    def put_back() -> None:
        for environment in watched:
            environment.__class__ = _Environ

    return put_back


# -- imports, which raise an event only the first time ---------------------------------------------------------------


def _note_import(file: str, name: str, package: str | None, level: int, parts: Any) -> None:
    """Note what code in a local file imports. Looking at paths imports modules itself, in some versions of Python."""
    with untraced():
        if installed(file):
            return
        if level:
            try:
                name = importlib.util.resolve_name("." * level + name, package or "")
            except (ImportError, ValueError):
                return
        names = {name, *(f"{name}.{part}" for part in parts or () if part != "*")}
        for reads in _ACTIVE:
            reads.imports |= names


def _watch_imports() -> Callable[[], None]:
    """Note what local code imports while it runs, by statements and by ``importlib.import_module``."""
    original = builtins.__import__
    bootstrap: Any = getattr(importlib, "_bootstrap", None)
    inner = getattr(bootstrap, "_gcd_import", None)

    def noting(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0  # noqa: A002
    ) -> Any:  # fmt: skip
        if _ACTIVE and not READING:
            space = globals or {}
            _note_import(str(space.get("__file__", "")), name, space.get("__package__"), level, fromlist)
        return original(name, globals, locals, fromlist, level)

    def noting_by_name(name: str, package: Any = None, level: int = 0) -> Any:
        if _ACTIVE and not READING:
            caller = _asking(sys._getframe(1))  # noqa: SLF001
            _note_import("<frozen>" if caller is None else caller.f_code.co_filename, name, package, level, ())
        return inner(name, package, level)  # type: ignore[misc]

    builtins.__import__ = noting
    if inner is not None:
        bootstrap._gcd_import = noting_by_name  # noqa: SLF001 - what import_module calls; the name is as old as importlib

    def put_back() -> None:
        if builtins.__import__ is noting:
            builtins.__import__ = original
        if inner is not None and bootstrap._gcd_import is noting_by_name:  # noqa: SLF001
            bootstrap._gcd_import = inner  # noqa: SLF001

    return put_back


# -- pytest's options and ini values --------------------------------------------------------------------------------


def _note_option(name: str, value: Any, frame: FrameType) -> None:
    """Note an option or ini value that code outside pytest reads."""
    if not _outside_pytest(frame):
        return
    for reads in _ACTIVE:
        reads.options.setdefault(name, value_digest(value))


def _outside_pytest(frame: FrameType) -> bool:
    """Whether code outside pytest, xdist and this library asks for something of pytest's configuration."""
    asking = next((each for each in _callers(frame) if not _in(each, "_pytest/config")), None)
    return asking is not None and not any(_in(asking, f"/{name}/") for name in ("_pytest", "xdist", "pytest_claims"))


def _in(frame: FrameType, folder: str) -> bool:
    return folder in frame.f_code.co_filename.replace("\\", "/")


class _Options:
    """Mixed into the class of ``config.option`` while something is traced."""

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if _ACTIVE and not name.startswith("__"):
            _note_option(name, value, sys._getframe(1))  # noqa: SLF001
        return value


class _Config:
    """Mixed into the class of pytest's configuration: notes the attributes that others have set on it."""

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if _ACTIVE and name[0] != "_" and name not in PLAIN and name in object.__getattribute__(self, "__dict__"):
            frame = sys._getframe(1)  # noqa: SLF001
            if not _in(frame, "/_pytest/"):  # a property or method of pytest's own
                _note_option(f"config {name}", value, frame)
        return value


class _Stash(pytest.Stash):
    """pytest's stash: its keys are objects that no later run has."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        _note_stash(sys._getframe(1))  # noqa: SLF001
        return super().__getitem__(key)

    def get(self, key: Any, default: Any) -> Any:
        """Return what is stashed, or the default."""
        _note_stash(sys._getframe(1))  # noqa: SLF001 - pytest's own get would be the caller of __getitem__
        return super().get(key, default)


def _note_stash(frame: FrameType) -> None:
    if _ACTIVE and _outside_pytest(frame):
        for reads in _ACTIVE:
            reads.outside.add("read pytest's stash")


def _watch_config(config: pytest.Config) -> Callable[[], None]:
    plain, stash = type(config), type(config.stash)
    config.stash.__class__ = _Stash
    config.__class__ = type("Config", (_Config, plain), {})

    def put_back() -> None:
        config.__class__ = plain
        config.stash.__class__ = stash

    return put_back


def _watch_options(config: pytest.Config) -> Callable[[], None]:
    plain = type(config.option)
    config.option.__class__ = type("Options", (_Options, plain), {})
    getini = config.getini

    def noting(name: str) -> Any:
        value = getini(name)
        if _ACTIVE:
            _note_option(f"ini {name}", value, sys._getframe(1))  # noqa: SLF001
        return value

    config.getini = noting  # type: ignore[method-assign]

    def put_back() -> None:
        config.option.__class__ = plain
        del config.getini

    return put_back
