"""What a run may touch in a report folder: what an earlier run wrote there, and nothing else; a project's sources.

A marker file lists what the last run wrote. A folder without one is taken over only if it holds nothing but a report of
an earlier version, known by its content, and what this run itself writes beside its report. A lock, which the system
frees when its process ends, keeps a second run out.
"""

import hashlib
import json
import os
import re
import time
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pytest_claims.errors import FolderError
from pytest_claims.files import read_ordinary, why_unwritable, write_atomically

MARKER, LOCK = ".pytest-claims", ".pytest-claims.lock"
WHAT = "A report folder of pytest-claims. The next run replaces or deletes the files under 'written', and no others."
PAGE, RESULTS, TABLE = FIXED = ("index.html", "results.json", "measurements.csv")
SOURCES = frozenset({".py", ".toml", ".ini", ".cfg"})
FIGURES, TRIALS, DURATIONS = "figures", "trials", "durations.json"
#: Files that other programs leave in any folder; no run writes or deletes them.
HARMLESS = frozenset({".gitignore", ".gitkeep", ".DS_Store", "Thumbs.db", "desktop.ini"})
#: What the files of all versions begin with, or have in their first bytes.
_SIGNS = {
    ".html": re.compile(rb'<a class="skip" href="#main">Skip to the claims</a>'),
    ".svg": re.compile(rb'aria-label="Figure of claim '),
    ".csv": re.compile(rb"\A(?:claim,source,condition,seed,x,value\r?\n|[^\n]*,figure \d+,)"),
    ".md": re.compile(rb"^Made by `pytest-claims fresh` from ", re.MULTILINE),
}
#: The name of a run's folder below trials/, as options.read gives it; a folder with another name is not ours.
RUN = re.compile(r"run-\d{8}-\d{6}-[0-9a-f]{8}")
#: What a file of ours may be: for people to look at, or JSON.
SHOWN = "a page, a figure or a table"
RUN_FILE, BASELINE, CTRF, BADGE, LEG = "the results of a run", "a baseline", "a CTRF file", "a badge", "a leg's record"
_FIRST_BYTES = 200_000  # a page has its style sheet before its first words


def as_typed(path: Path, here: Path) -> str:
    """Return a path as one would type it in the folder ``here``: relative where it lies below it, else absolute."""
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


# -- whose file is this? --------------------------------------------------------------------------------------------


def is_ours(path: Path) -> bool:
    """Whether the content of a page, a figure, a table or a stored run says that this library wrote it."""
    return _kind_of(path) is not None


def _kind_of(path: Path) -> str | None:
    """Return what a file of ours is, in words; None where its content does not say that this library wrote it."""
    try:
        if path.suffix in _SIGNS:
            return SHOWN if _SIGNS[path.suffix].search(read_ordinary(path, _FIRST_BYTES)) else None
        content = json.loads(read_ordinary(path))
    except (OSError, ValueError, RecursionError):
        return None
    return _kind(content) if isinstance(content, dict) else None


def _kind(content: dict[str, Any]) -> str | None:
    """Return what JSON of ours is, in words; None for other people's."""
    claims = content.get("claims")
    if isinstance(claims, list):
        if "schema" in content or (claims and all(isinstance(claim, dict) and "id" in claim for claim in claims)):
            return BASELINE if content.get("condensed") else RUN_FILE
        return None
    if content.get("reportFormat") == "CTRF" and str(content.get("generatedBy")).startswith("pytest-claims"):
        return CTRF
    ours = {LEG: {"leg", "state"}, BADGE: {"schemaVersion", "label", "message", "color"}}
    return next((kind for kind, names in ours.items() if content.keys() >= names), None)


def refuse_path(spelled: str, name: str) -> None:
    """Raise a FolderError where what should be the name of a file leads to another folder."""
    if not re.fullmatch(r"[\w@+-][\w.@+-]*", name):
        raise FolderError(f"{spelled} {name}: give a name without folders, of letters, digits and the signs . _ - + @.")


def refuse_to_replace(path: Path, kind: str | None = None) -> None:
    """Raise a FolderError where a file is in the way that this library did not write, or one of another ``kind``."""
    if not os.path.lexists(path):
        return
    found = _kind_of(path)
    if found is None:
        raise FolderError(
            f"{path} was not written by pytest-claims and would be replaced: move it away, or name another place."
        )
    if kind is not None and found != kind:
        raise FolderError(f"{path} holds {found}, not {kind}, and would be replaced: name another place.")


def foreign(folder: Path, beside: Collection[Path] = ()) -> Path | None:
    """Return a file in the folder that is in a run's way, as no run wrote it; None where a run may write there.

    In a folder with a marker, that is a file with the name of our page, results or table, or a folder. In any other
    folder, every file is, but for CTRF files and badges of ours, and the files ``beside`` the report.
    """
    marked = read_marker(folder)
    if marked is not None:
        known = set(marked["written"])
        kept = (folder / name for name in FIXED if os.path.lexists(folder / name))
        return next((path for path in kept if not (path.is_file() if path.name in known else is_ours(path))), None)
    try:
        entries = sorted(folder.iterdir(), key=lambda path: (path.name.startswith("."), path.name))
    except OSError:  # missing, no folder or not readable: whether it can be written is another question
        return None
    known = {path.resolve() for path in beside}
    return next((found for entry in entries if (found := _foreign_entry(entry, known)) is not None), None)


def _foreign_entry(entry: Path, known: Collection[Path]) -> Path | None:
    if entry.name in {MARKER, LOCK} | HARMLESS or (entry.name in FIXED and is_ours(entry)):
        return None
    if entry.name in FIXED:
        return entry
    if not entry.is_dir():
        added = entry.resolve() in known or (entry.suffix == ".json" and _kind_of(entry) in {CTRF, BADGE})
        return None if added else entry
    files = (Path(folder, name) for folder, _, names in os.walk(entry) for name in names)
    if entry.name == FIGURES:
        return next((file for file in files if file.parent != entry or not is_ours(file)), None)
    if entry.name == TRIALS:
        return next((file for file in files if not _is_trial(file, entry)), None)
    return next((file for file in files if file.resolve() not in known), None)


def _is_trial(file: Path, trials: Path) -> bool:
    """Whether a file below trials/ is one that runs write: the durations, or in a run's folder."""
    run, *below = file.relative_to(trials).parts
    if below:
        return bool(RUN.fullmatch(run))
    try:
        durations = json.loads(read_ordinary(file)) if run == DURATIONS else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(durations, dict) and all(isinstance(seconds, int | float) for seconds in durations.values())


# -- the marker -----------------------------------------------------------------------------------------------------


def read_marker(folder: Path) -> dict[str, Any] | None:
    """Return the marker: "written" lists files, "run" is a run that goes on or died. None where there is no marker."""
    try:
        content = json.loads(read_ordinary(folder / MARKER))
    except (OSError, ValueError, RecursionError):
        return None
    written = content.get("written") if isinstance(content, dict) else None
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        return None
    return dict(content)


def _listed(folder: Path) -> set[str]:
    """Return the files that an earlier run wrote: as its marker says, or else its results.json."""
    marked = read_marker(folder)
    if marked is not None:
        return set(marked["written"])
    try:
        claims = json.loads(read_ordinary(folder / RESULTS))["claims"]
        named = [name for claim in claims for kind in ("figures", "curves") for name in claim.get(kind) or ()]
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        named = []
    return {name for name in FIXED if (folder / name).exists()} | {name for name in named if isinstance(name, str)}


class ReportFolder:
    """A report folder, held by one run: taken before the run writes, released when the run ends.

    ``shown`` is the folder and ``option`` the way to choose another, as the user spells them; ``command`` is this
    run's command line, for a second run's message. ``beside`` are files that its other options name: an earlier run of
    the same command, which ended before it took the folder, may have left them there.
    """

    def __init__(self, path: Path, shown: str, option: str, command: str, beside: Collection[Path] = ()) -> None:
        self.path, self.shown, self.option, self.command = path, shown, option, command
        self.beside = beside
        self.taken = False
        self.written: set[str] = set()
        self._earlier: set[str] = set()
        self._unmarked = False
        self._made: list[Path] = []
        self._lock: Any = None

    def check(self) -> None:
        """Raise a FolderError where the folder cannot be written or holds files of others; change nothing."""
        reason = why_unwritable(self.path)
        if reason:
            raise FolderError(f"The report folder {self.shown} cannot be written ({reason}): {self._advice}.")
        found = foreign(self.path, self.beside)
        if found is not None:
            raise FolderError(
                f"The report folder {self.shown} holds files that no run wrote, such as "
                f"{found.relative_to(self.path).as_posix()}: {self._advice}, or move them away."
            )

    def take(self) -> None:
        """Take the folder for this run; a FolderError where it cannot be written, is another's, or is in use."""
        if self.taken:
            return
        self.check()
        self._make()
        self._unmarked = not os.path.lexists(self.path / MARKER)
        self._acquire()
        self._earlier = _listed(self.path)
        self.taken = True
        self._mark(self._earlier, running=True)

    @property
    def _advice(self) -> str:
        return f"choose another with {self.option} DIR"

    def _make(self) -> None:
        missing = [place for place in (self.path, *self.path.parents) if not place.exists()]
        for place in reversed(missing):
            with suppress(OSError):
                place.mkdir()
                self._made.append(place)

    def _acquire(self) -> None:
        from filelock import FileLock, Timeout  # imports asyncio: a tenth of a second, for claims only

        lock = FileLock(self.path / LOCK, timeout=0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a file system that has no such locks
                lock.acquire()
        except Timeout:
            used = f"The report folder {self.shown} is in use by another run{self._holder()}"
            raise FolderError(f"{used}: wait for it, or {self._advice}.") from None
        except (OSError, NotImplementedError):  # no lock can be made here: nothing keeps two runs apart
            return
        self._lock = lock

    def _holder(self) -> str:
        """Return who holds the folder, as far as its marker says: " (process 12, since 14:02:11, pytest claims/)"."""
        run = (read_marker(self.path) or {}).get("run")
        if not isinstance(run, dict):
            return ""
        return f" (process {run.get('process')}, since {run.get('started')}, {run.get('command')})"

    def _mark(self, written: Iterable[str], *, running: bool) -> None:
        run = {"process": os.getpid(), "started": time.strftime("%Y-%m-%d %H:%M:%S"), "command": self.command}
        content = {"what": WHAT, **({"run": run} if running else {}), "written": sorted(written)}
        with suppress(OSError):  # a full disk: the next run knows these files by their content
            write_atomically(self.path / MARKER, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def note(self, names: Iterable[str]) -> None:
        """Note files that this run wrote (relative to the folder), so that a later run may replace them."""
        self.written |= set(names)
        self._mark(self._earlier | self.written, running=True)

    def drop_stale(self) -> None:
        """Remove figures and curves that an earlier run wrote and this one did not; other files stay.

        Nothing is removed where figures/ is a link: who knows whose folder that is.
        """
        linked = (self.path / FIGURES).is_symlink()
        for name in () if linked else self._earlier - self.written:
            path = self.path / FIGURES / Path(name).name  # whatever a list says, only there
            if name == f"{FIGURES}/{path.name}" and path.suffix in {".svg", ".csv"}:
                path.unlink(missing_ok=True)
        self._earlier -= {name for name in self._earlier if name.startswith(f"{FIGURES}/")}

    def release(self) -> None:
        """Let the next run in; leave no trace where this run wrote nothing into a folder without a marker."""
        if not self.taken:
            self._unmake()
            return
        nothing = self._unmarked and not self.written and not (self.path / TRIALS).exists()
        if nothing:
            self._remove(MARKER, LOCK)
        else:
            self._mark(self._earlier | self.written, running=False)
        if self._lock is not None:
            self._lock.release()
            if nothing:  # Windows removes no file that is open
                self._remove(LOCK)
        self.taken = False
        self._unmake()

    def _remove(self, *names: str) -> None:
        for name in names:
            with suppress(OSError):
                (self.path / name).unlink()

    def _unmake(self) -> None:
        """Remove the folders that were made for nothing."""
        for place in reversed(self._made):
            with suppress(OSError):
                place.rmdir()
        self._made = []


def sources(root: Path, skipped: Sequence[str], leave_out: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield the source files below ``root``, sorted.

    Left out are hidden folders, those that match one of the patterns ``skipped``, virtual environments, this library
    and the folders in ``leave_out``.
    """
    out = {path.resolve() for path in (*leave_out, Path(__file__).parent)}
    for folder, below, names in os.walk(root):
        below[:] = sorted(
            name
            for name in below
            if not name.startswith(".")
            and name != "__pycache__"
            and not any(fnmatch(name, pattern) for pattern in skipped)
            and not Path(folder, name, "pyvenv.cfg").exists()
            and Path(folder, name).resolve() not in out
        )
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix in SOURCES and path.is_file():
                yield path


def digest_of(root: Path, files: Iterable[Path]) -> str:
    """Return a hash of files below ``root``: of their names there and of what they hold."""
    digest = hashlib.sha256()
    for path in files:
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]
