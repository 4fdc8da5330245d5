"""`pytest-claims new FOLDER`: a first claim that runs, pytest's setting for its report, a line for .gitignore.

Nothing is replaced. Everything is checked before anything is written. The claim is written last: until it exists, the
command can be repeated.
"""

import importlib.util
import json
import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

import iniconfig

from pytest_claims.errors import ScaffoldError
from pytest_claims.files import read_ordinary
from pytest_claims.vocabulary import TABLES

STEM = "first_claim"
ID = "scale.a"  # of the claim in the template
PATTERNS = ["test_*.py", "*_test.py"]  # what pytest collects, unless python_files says otherwise
MOST_FILES = 20_000  # Python files that are searched for names; a home folder without end is no repository
DEFAULT_REPORT = "reports/latest"
TEMPLATE = "first_claim.py.txt"
KEY = "claims_report"
COMMENT = "# the report of claims, relative to this file (pytest-claims)"

#: Files for pytest alone, which configure it even if they are empty.
OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
NATIVE = "tool.pytest"  # in pyproject.toml, since pytest 9


@dataclass(frozen=True)
class Configuration:
    """pytest's configuration file. ``settings`` is None where the file has no table for pytest yet."""

    path: Path
    table: str
    text: str
    settings: Mapping[str, Any] | None
    above: bool = False  # whether it lies above the repository

    def with_setting(self, key: str, value: str) -> str | None:
        """Return the text with a setting added; None where only a person can add it safely."""
        newline = "\r\n" if "\r\n" in self.text else "\n"
        written = json.dumps(value, ensure_ascii=False) if self.path.suffix == ".toml" else value
        lines = f"{COMMENT}{newline}{key} = {written}{newline}"
        name = r"\s*\.\s*".join(map(re.escape, self.table.split(".")))
        header = re.search(rf"^\[\s*{name}\s*\][^\n]*(?:\n|\Z)", self.text, re.MULTILINE)
        if header:
            head, tail = self.text[: header.end()], self.text[header.end() :]
            changed = _ended(head, newline) + lines + tail
        else:
            gap = newline if self.text.strip() else ""
            changed = f"{_ended(self.text, newline)}{gap}[{self.table}]{newline}{lines}"
        expected = {**_parsed(self.path, self.text), self.table: {**(self.settings or {}), key: value}}
        try:
            return changed if _parsed(self.path, changed) == expected else None
        except ScaffoldError:
            return None


@dataclass(frozen=True)
class Change:
    """A file's new content."""

    path: Path
    content: bytes


def start(folder: Path) -> list[str]:
    """Start a folder of claims. Return in lines what was done and what to do next; ScaffoldError if nothing was."""
    _refuse(folder)
    configuration = _configuration(folder.resolve())
    root, settings = configuration.path.parent, configuration.settings or {}
    shown, changes, done = _shown(configuration.path), [], []

    report = settings.get(KEY)
    if report is not None:
        done.append(f"{shown} has {KEY} already: left as it is.")
    elif configuration.above:
        report = DEFAULT_REPORT
        done.append(f"{shown}, which pytest reads here, lies above this repository: left as it is.")
    else:
        report = _report_folder(root, folder.resolve())
        text = configuration.with_setting(KEY, report)
        if text is None:
            done.append(
                f"{shown} could not be edited safely: add {KEY} = {report} to pytest's settings there yourself."
            )
        else:
            changes.append(Change(configuration.path, text.encode()))
            done.append(f"{shown}: added {KEY} = {report} to [{configuration.table}].")
    if not isinstance(report, str):
        raise ScaffoldError(f"{shown}: {KEY} = {report!r} is no name of a folder; mend it first.")
    if _is_inside(report) and not configuration.above:
        change, line = _ignore(root / ".gitignore", Path(report).as_posix())
        changes += [change] if change else []
        done.append(line)
    file, identifier = _names(folder, root, _patterns(configuration))
    template = resources.files("pytest_claims").joinpath(TEMPLATE).read_text(encoding="utf-8")
    changes.append(Change(file, template.replace(f'"{ID}"', f'"{identifier}"').encode()))
    _write(changes)

    if importlib.util.find_spec("sklearn") is None:
        done.append("This claim needs scikit-learn: pip install scikit-learn")
    page = _shown(root / report / "index.html")
    return [f"{file}: a first claim.", *done, "", f"Next: pytest {folder.as_posix()}/", f"Then open {page}."]


def _refuse(folder: Path) -> None:
    """Raise where there can be no such folder, or where it has a first claim."""
    blocking = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), Path())
    if not blocking.is_dir():
        what = "a link that leads nowhere" if blocking.is_symlink() else "a file"
        raise ScaffoldError(f"{blocking} is {what}, so there can be no folder {folder}: choose another name.")
    inside = sorted(folder.iterdir()) if blocking == folder else []
    file = next((path for path in inside if STEM in path.name and path.suffix == ".py"), None)
    if file is not None:
        raise ScaffoldError(f"{file} exists already: name another folder, or write your next claim beside it.")


# -- the claim's names ----------------------------------------------------------------------------------------------


def _patterns(configuration: Configuration) -> list[str]:
    """Return the file names that pytest collects."""
    value = (configuration.settings or {}).get("python_files", PATTERNS)
    try:
        patterns = shlex.split(value) if isinstance(value, str) else [str(pattern) for pattern in value]
    except (TypeError, ValueError) as error:
        shown = _shown(configuration.path)
        raise ScaffoldError(f"{shown}: python_files = {value!r} is no list of file names; mend it first.") from error
    for pattern in patterns:
        name = _named(pattern, STEM)
        if "*" in pattern and any(fnmatch(name, other) for other in patterns) and re.fullmatch(r"\w+\.py", name):
            return [pattern, *patterns]
    raise ScaffoldError(
        f"{_shown(configuration.path)}: python_files = {' '.join(patterns)} collects no file that this command could "
        f"name: add {PATTERNS[0]} to it."
    )


def _named(pattern: str, stem: str) -> str:
    """Return a file name for a pattern: test_first_claim.py for test_*.py, and for *.py too."""
    name = pattern if pattern.endswith(".py") else f"{pattern}.py"
    return name.replace("*", stem, 1).replace("*", "") if name != "*.py" else PATTERNS[0].replace("*", stem)


def _names(folder: Path, root: Path, patterns: Sequence[str]) -> tuple[Path, str]:
    """Return a file and a claim's id that the repository does not have.

    By default pytest imports two test files of one name as one module, and refuses the second.
    """
    taken, used = _taken(root)
    for number in count(1):
        suffix = "" if number == 1 else f"_{number}"
        name, identifier = _named(patterns[0], STEM + suffix), ID.replace(".", f"{suffix.removeprefix('_')}.")
        if name not in taken and identifier.encode() not in used:
            break
    return folder / name, identifier


def _taken(root: Path) -> tuple[set[str], set[bytes]]:
    """Return the names of the Python files below a folder, and the ids in them that this command gives."""
    names: set[str] = set()
    used: set[bytes] = set()
    stem, _, letter = ID.encode().partition(b".")
    pattern = re.compile(rb"[\"'](" + stem + rb"\d*\." + letter + rb")[\"']")
    for folder, below, files in os.walk(root):
        below[:] = [
            name for name in sorted(below)
            if not name.startswith(".") and name != "node_modules" and not Path(folder, name, "pyvenv.cfg").exists()
        ]  # fmt: skip
        for name in files:
            if name.endswith(".py"):
                names.add(name)
                with suppress(OSError):
                    used.update(pattern.findall(read_ordinary(Path(folder, name))))
        if len(names) > MOST_FILES:
            break
    return names, used


# -- pytest's configuration -----------------------------------------------------------------------------------------


def _configuration(folder: Path) -> Configuration:
    """Return the configuration that pytest reads for a folder; if there is none, a new pytest.ini here.

    pytest looks in all folders above, also above the repository; a new file in the repository would hide what it finds
    there. A pyproject.toml of the repository without a table for pytest gets one. A missing pyproject.toml is not
    created, since pip takes it as a statement of how the project is built; a pytest.ini concerns pytest alone.
    """
    places = (folder, *folder.parents)
    top = next((at for at, place in enumerate(places) if (place / ".git").exists()), len(places))
    for at, place in enumerate(places):
        for name in TABLES:
            configuration = _read(place / name)
            if configuration is not None and configuration.settings is not None:
                return replace(configuration, above=at > top)
    for place in places[: top + 1]:
        configuration = _read(place / "pyproject.toml")
        if configuration is not None:
            return configuration
    here = Path.cwd()
    return Configuration((here if folder.is_relative_to(here) else folder) / "pytest.ini", "pytest", "", None)


def _read(path: Path) -> Configuration | None:
    """Read a configuration file, None where there is none."""
    if not path.is_file():
        return None
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(f"{_shown(path)} is no text in UTF-8, which pytest's configuration must be.") from error
    tables = _parsed(path, text)
    table = NATIVE if path.name == "pyproject.toml" and NATIVE in tables else TABLES[path.name]
    settings = tables.get(table, {} if path.name in OWN else None)
    return Configuration(path, table, text, None if settings is None else _table(path, table, settings))


def _table(path: Path, name: str, value: Any) -> dict[str, Any]:
    """Return a table; a ScaffoldError where a file has something else under its name."""
    if not isinstance(value, dict):
        raise ScaffoldError(f"{_shown(path)} cannot be read by pytest: {name} is no table. Mend it first.")
    return value


def _parsed(path: Path, text: str) -> dict[str, Any]:
    """Return an ini file's sections, or a TOML file's contents with pytest's table under its full name."""
    try:
        if path.suffix != ".toml":
            sections = iniconfig.IniConfig(str(path), data=text)
            return {section.name: dict(section.items()) for section in sections}
        tables: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, iniconfig.ParseError) as error:
        raise ScaffoldError(f"{_shown(path)} cannot be read: {' '.join(str(error).split())}.") from error
    if path.name != "pyproject.toml":
        return tables
    tools = _table(path, "tool", tables.pop("tool", {}))
    settings = _table(path, NATIVE, tools.pop("pytest", {}))
    older = settings.pop("ini_options", None)
    if older and settings:
        raise ScaffoldError(
            f"{_shown(path)} cannot be read by pytest: it has settings in [{NATIVE}] and in [{TABLES[path.name]}]. "
            "Mend it first."
        )
    if settings:
        tables[NATIVE] = settings
    elif older is not None:
        tables[TABLES[path.name]] = older
    return {**tables, "other tools": tools}


def _report_folder(root: Path, folder: Path) -> str:
    """Return a folder for the report: below reports/, unless that holds the project's own code or the claims."""
    reports = root / "reports"
    return "claims_report" if folder.is_relative_to(reports) or any(reports.glob("*.py")) else DEFAULT_REPORT


def _ignore(path: Path, report: str) -> tuple[Change | None, str]:
    """Return how the report is added to a .gitignore, unless it or a folder above it is listed; and that in words."""
    _check(path)
    text = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
    listed = {line.strip().strip("/") for line in text.splitlines()}
    if listed & {report, *(parent.as_posix() for parent in Path(report).parents)}:
        return None, f"{_shown(path)} lists {report}/ already: left as it is."
    newline = "\r\n" if "\r\n" in text else "\n"
    added = f"{_ended(text, newline)}/{report}/{newline}".encode("utf-8", "surrogateescape")
    return Change(path, added), f"{_shown(path)}: added /{report}/."


# -- writing --------------------------------------------------------------------------------------------------------


def _write(changes: Sequence[Change]) -> None:
    """Write all files, in place so that permissions and links stay; where one cannot be written, leave none changed."""
    for change in changes:
        _check(change.path)
    before: list[tuple[Path, bytes | None]] = []
    made: list[Path] = []
    try:
        for change in changes:
            for place in reversed(change.path.parents):
                if not place.exists():
                    place.mkdir()
                    made.append(place)
            before.append((change.path, change.path.read_bytes() if change.path.exists() else None))
            change.path.write_bytes(change.content)
    except OSError:
        for path, content in before:
            with suppress(OSError):
                path.unlink(missing_ok=True) if content is None else path.write_bytes(content)
        for place in reversed(made):
            with suppress(OSError):
                place.rmdir()
        raise


def _check(path: Path) -> None:
    """Raise where a file cannot be written, or would be written somewhere else."""
    if path.exists():
        if not path.is_file():
            raise ScaffoldError(f"{_shown(path)} is no file, but this command would write there: move it away first.")
        writable = path
    elif path.is_symlink():
        raise ScaffoldError(f"{_shown(path)} is a link that leads nowhere: remove it or mend it first.")
    else:
        writable = next(place for place in path.parents if place.exists())
    if not os.access(writable, os.W_OK):
        raise ScaffoldError(f"{_shown(writable)} cannot be written: permission denied.")


def _is_inside(report: Any) -> bool:
    """Whether a configured report folder lies below the configuration, so that its .gitignore can name it."""
    return isinstance(report, str) and not Path(report).is_absolute() and ".." not in Path(report).parts


def _ended(text: str, newline: str) -> str:
    """Return the text with its last line ended."""
    return text if not text or text.endswith("\n") else text + newline


def _shown(path: Path) -> str:
    """Return a path as seen from the current folder."""
    return Path(os.path.relpath(path)).as_posix()
