"""Around a trial: what it changes for the whole process is put back, and randomness that is not its seeds' is noticed.

Noticed are the global generators of numpy, `random` and torch, by their states before and after, and generators that
the system seeds, by what they call: `default_rng()`, `random.Random()`, `os.urandom` and what rests on these, or the
file `/dev/urandom`. Not noticed are the clock, `uuid`, `torch.Generator().seed()`, a GPU's generator, hashes of texts,
other processes, compiled code that asks the system by itself, and a generator that was made before the trial or while a
module was imported.

Four names that others do not promise are replaced during a trial: `random._urandom`, importlib's `_find_and_load`,
numpy's `randbits` and `_MT19937`. tests/trials/test_isolation.py says what broke where one is missing.
"""

import locale
import os
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import _bootstrap
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import xarray as xr
from numpy.random import bit_generator, mtrand

from pytest_claims.trials.places import builtin, installed

NUMPY, PYTHON, TORCH = (
    "the global generator of numpy (np.random)",
    "the global generator of Python (random)",
    "the global generator of torch",
)
UNSEEDED = "a numpy generator without a seed"
UNSEEDED_PYTHON = "random.Random() without a seed"
SYSTEM = "the system's random numbers (os.urandom, secrets or SystemRandom)"

#: The files that hold the system's random numbers.
DEVICES = ("/dev/urandom", "/dev/random", "/dev/hwrng")

#: Modules that only pass a call on: their caller is whose generator it is.
_BETWEEN = {"random", "secrets", "pathlib", "pathlib._local", "pathlib._abc", __name__}

#: The spies of the trials that are going on, for the hook that hears which files are opened.
_SPIES: list["_Spy"] = []
_HOOKED: list[bool] = []


@dataclass
class Watch:
    """What a trial drew from besides its seeds: each generator with the place of its first use, if that is known."""

    used: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, generator: str, place: str = "") -> None:
        """Keep a generator that was used."""
        with self._lock:
            self.used.setdefault(generator, place)

    @property
    def fault(self) -> str | None:
        """The generators in a sentence; None where there were none."""
        if not self.used:
            return None
        named = " and ".join(f"{name}{f' ({place})' if place else ''}" for name, place in self.used.items())
        return (
            f"it used {named}, so that its numbers depend on more than its seeds; draw from "
            'seeds.generator("purpose"), or seed with seeds.integers("purpose").'
        )


@contextmanager
def isolated() -> Iterator[Watch]:
    """Put back afterwards what the block changes for the process; yield what it draws from besides its seeds.

    The watch is complete when the block has ended. Put back are: the global generators; torch's default type and
    device, threads, gradients, flushing of denormals, deterministic mode and precision of products; numpy's error state
    and print options; xarray's options; the working directory, the environment and the locale. (Warnings' filters are
    put back by whoever catches the trial's warnings.) torch is not imported for this.
    """
    watch = Watch()
    with ExitStack() as stack:
        for keep in (_settings, _torch_settings):
            stack.callback(keep())
        stack.enter_context(_watching(watch))
        yield watch


# -- settings of the process ----------------------------------------------------------------------------------------

#: How to read and to set something of the process.
Setting = tuple[Callable[[], Any], Callable[[Any], Any]]


def _settings() -> Callable[[], None]:
    """Note the settings of Python and numpy; return what puts them back."""
    known: tuple[Setting, ...] = (
        (np.geterr, lambda saved: np.seterr(**saved)),
        (np.geterrcall, np.seterrcall),
        (np.get_printoptions, lambda saved: np.set_printoptions(**saved)),
        (_xarray_options, _set_xarray),
        (_folder, _go_back),
        (lambda: dict(os.environ), _set_environment),
        (lambda: locale.setlocale(locale.LC_ALL), lambda saved: locale.setlocale(locale.LC_ALL, saved)),
    )
    return _restoring([(read, write, read()) for read, write in known])


def _torch_settings() -> Callable[[], None]:
    """Note torch's settings, where it is loaded; return what puts them back (its defaults, if it is loaded later)."""
    before = None if _torch() is None else [read() for read, _, _ in _torch_known()]

    def put_back() -> None:
        if _torch() is not None:
            known = _torch_known()
            values = [default for _, _, default in known] if before is None else before
            pairs = zip(known, values, strict=True)
            _restoring([(read, write, value) for (read, write, _), value in pairs if value is not None])()

    return put_back


def _torch_known() -> tuple[tuple[Callable[[], Any], Callable[[Any], Any], Any], ...]:
    """Return torch's settings, each with its default (None: it depends on the machine)."""
    torch = _torch()
    cudnn = torch.backends.cudnn
    return (
        (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        (torch.get_default_device, _set_device, torch.device("cpu")),
        (torch.get_num_threads, torch.set_num_threads, None),
        (torch.is_grad_enabled, torch.set_grad_enabled, True),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        (
            lambda: (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            ),
            lambda saved: torch.use_deterministic_algorithms(saved[0], warn_only=saved[1]),
            (False, False),
        ),
        (
            lambda: (cudnn.benchmark, cudnn.deterministic),
            _set_cudnn,
            (False, False),
        ),
        (_flushes_denormals, torch.set_flush_denormal, False),
    )


def _restoring(noted: list[tuple[Callable[[], Any], Callable[[Any], Any], Any]]) -> Callable[[], None]:
    """Return what sets each of these to its value, where it has another by then."""

    def put_back() -> None:
        with ExitStack() as stack:  # all are put back, even if one cannot be
            for read, write, value in noted:
                stack.callback(_put_back, read, write, value)

    return put_back


def _put_back(read: Callable[[], Any], write: Callable[[Any], Any], value: Any) -> None:
    if read() != value:
        write(value)


def _torch() -> Any:
    """Return torch where it is loaded, whole; else None."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "get_default_device") else None


def _set_device(device: Any) -> None:
    """Set torch's default device; for the processor, take the mode away that another one needs."""
    _torch().set_default_device(None if device.type == "cpu" else device)


def _set_cudnn(saved: tuple[bool, bool]) -> None:
    cudnn = _torch().backends.cudnn
    cudnn.benchmark, cudnn.deterministic = saved


def _flushes_denormals() -> bool:
    torch = _torch()
    return bool((torch.full((8,), 1e-40, dtype=torch.float32, device="cpu") * 1.0 == 0).all())


def _xarray_options() -> dict[str, Any]:
    return dict(xr.get_options())  # type: ignore[no-untyped-call]


def _set_xarray(saved: Mapping[str, Any]) -> None:
    now = _xarray_options()
    changed = {name: value for name, value in saved.items() if now.get(name) != value}
    xr.set_options(**changed)  # type: ignore[no-untyped-call]


def _folder() -> str | None:
    """Return the working directory; None where it does not exist any more."""
    with suppress(OSError):
        return os.getcwd()  # noqa: PTH109 - a text, as chdir takes it
    return None


def _go_back(folder: str | None) -> None:
    if folder is not None:
        with suppress(OSError):  # the trial removed it
            os.chdir(folder)


def _set_environment(saved: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(saved):
        del os.environ[name]
    for name, value in saved.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


# -- global generators ----------------------------------------------------------------------------------------------


class _Globals:
    """The states of the global generators: where they were, whether they moved, and how to put them back."""

    def __init__(self) -> None:
        self.numpy = _numpy_state()
        self.python = random.getstate()
        self.torch = None if _torch() is None else _torch().random.get_rng_state()

    def moved(self) -> list[str]:
        """Put the generators back; return the names of those that had moved."""
        names = []
        if pickle.dumps(_numpy_state()) != pickle.dumps(self.numpy):
            names.append(NUMPY)
            np.random.set_state(self.numpy)  # noqa: NPY002 - the generator that nobody should use
        if random.getstate() != self.python:
            names.append(PYTHON)
            random.setstate(self.python)
        torch = _torch()
        if torch is not None and self.torch is not None and not torch.equal(torch.random.get_rng_state(), self.torch):
            names.append(TORCH)
            torch.random.set_rng_state(self.torch)
        return names

    def meet_torch(self) -> None:
        """Begin to watch torch's generator, where torch has just been loaded."""
        if self.torch is None and _torch() is not None:
            self.torch = _torch().random.get_rng_state()


def _numpy_state() -> Any:
    return np.random.get_state(legacy=False)  # noqa: NPY002 - likewise


# -- generators that the system seeds -------------------------------------------------------------------------------


@contextmanager
def _watching(watch: Watch) -> Iterator[None]:
    """Notice what the block draws from besides its seeds, and put the global generators back."""
    if not _HOOKED:  # an audit hook stays for the life of the process
        _HOOKED.append(True)
        sys.addaudithook(_opened)
    spy = _Spy(watch)
    with ExitStack() as stack:
        stack.callback(spy.finish)
        _SPIES.append(spy)
        stack.callback(_SPIES.remove, spy)
        for owner, name, value in spy.replacements():
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _opened(event: str, arguments: tuple[Any, ...]) -> None:
    """Note that a file with the system's random numbers is opened; called for every audit event of the process."""
    if _SPIES and event == "open" and (name := _device(arguments[0])) is not None:
        for spy in _SPIES:
            spy.opened(name)


def _device(path: Any) -> str | None:
    name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
    return name if name in DEVICES else None


class _Spy:
    """Functions that stand in for what generators without a seed call: they note it, and do the same.

    Imports do not count: many libraries draw while they are imported, and only a process's first trial imports them.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.states = _Globals()
        self.quiet = threading.local()
        self.thread = threading.get_ident()
        self.legacy: list[tuple[Any, Watch]] = []  # generators that RandomState made, with the place

    def replacements(self) -> list[tuple[Any, str, Any]]:
        """Return what to replace: (owner, name, value)."""
        found: list[tuple[Any, str, Any]] = [
            (os, "urandom", self._noting(SYSTEM, os.urandom, strict=False)),
            (random, "_urandom", self._noting(SYSTEM, os.urandom, strict=False)),
            (random.Random, "seed", self._seed(random.Random.seed)),
        ]
        if hasattr(_bootstrap, "_find_and_load"):
            found.append((_bootstrap, "_find_and_load", self._load(_bootstrap._find_and_load)))  # noqa: SLF001
        if hasattr(bit_generator, "randbits") and hasattr(mtrand, "_MT19937"):
            found.append((bit_generator, "randbits", self._noting(UNSEEDED, bit_generator.randbits, strict=True)))
            found.append((mtrand, "_MT19937", self._twister(mtrand._MT19937)))  # noqa: SLF001
        return found

    def finish(self) -> None:
        """Note what is known only at the end."""
        for generator in self.states.moved():
            self.watch.note(generator)
        for made, noted in self.legacy:
            if made.seed_seq is not None:  # RandomState(5) makes a generator without a seed, and seeds it then
                self.watch.used = noted.used | self.watch.used

    def opened(self, device: str) -> None:
        """Note one of the ``DEVICES``."""
        if not self._quiet():
            _note(self.watch, f"the system's random numbers ({device})", strict=False)

    def _quiet(self) -> bool:
        return bool(getattr(self.quiet, "depth", 0))

    def _noting(self, generator: str, original: Callable[[int], Any], *, strict: bool) -> Callable[[int], Any]:
        def asked(size: int) -> Any:
            if not self._quiet():
                _note(self.watch, generator, strict=strict)
            with _deeper(self.quiet):
                return original(size)

        return asked

    def _seed(self, original: Callable[..., None]) -> Callable[..., None]:
        def seed(generator: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None and not self._quiet():
                _note(self.watch, UNSEEDED_PYTHON, strict=True)
            original(generator, a, version)

        return seed

    def _load(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def load(name: str, import_: Any) -> Any:
            if self._quiet() or threading.get_ident() != self.thread:
                return original(name, import_)
            before = _Globals()  # perhaps in the middle of a fork_rng: an import leaves the generators as it finds them
            try:
                with _deeper(self.quiet):
                    return original(name, import_)
            finally:
                before.moved()
                self.states.meet_torch()

        return load

    def _twister(self, original: Any) -> Any:
        spy = self

        class Twister(type):
            """The class of RandomState's generators, which RandomState makes before it seeds them."""

            def __call__(cls) -> Any:
                with _deeper(spy.quiet):
                    made = original()
                noted = Watch()
                if not spy._quiet():
                    _note(noted, UNSEEDED, strict=True)
                spy.legacy.append((made, noted))
                return made

            def __instancecheck__(cls, instance: Any) -> bool:
                return isinstance(instance, original)

        return Twister("MT19937", (), {})


@contextmanager
def _deeper(quiet: threading.local) -> Iterator[None]:
    """Let this thread ask the system unnoticed: for somebody who is noted already, or does not count."""
    quiet.depth = getattr(quiet, "depth", 0) + 1
    try:
        yield
    finally:
        quiet.depth -= 1


def _note(watch: Watch, generator: str, *, strict: bool) -> None:
    """Note a generator, unless whoever made it has another use for it than numbers.

    The standard library names temporary files and the like; installed packages do so as well, with the system's bytes
    (not ``strict``).
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the frames above are what this is about
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    if frame is None or str(frame.f_globals.get("__name__")).startswith("numpy.random"):  # it copies a generator
        return
    file = frame.f_code.co_filename
    if not builtin(file) and (strict or not installed(file)):
        watch.note(generator, f"{Path(file).name}, line {frame.f_lineno}")
