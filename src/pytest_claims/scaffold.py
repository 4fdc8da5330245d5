"""`pytest-claims new FOLDER`: a first claim that runs, pytest's setting for its report, a line for .gitignore.

Nothing is replaced. Everything is checked before anything is written. The claim is written last: until it exists, the
command can be repeated.
"""

import importlib.util
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import iniconfig

from pytest_claims.errors import ScaffoldError

FILE = "test_first_claim.py"
TEMPLATE = "first_claim.py.txt"
KEY = "claims_report"
COMMENT = "# the report of claims, relative to this file (pytest-claims)"

#: pytest's configuration files in pytest's own order, each with the table that pytest reads.
TABLES = {
    "pytest.toml": "pytest",
    ".pytest.toml": "pytest",
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "pyproject.toml": "tool.pytest.ini_options",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}
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


def start(folder: Path) -> list[str]:
    """Start a folder of claims. Return in lines what was done and what to do next; ScaffoldError if nothing was."""
    file = folder / FILE
    _refuse(folder, file)
    configuration = _configuration(folder.resolve())
    root = configuration.path.parent
    done = []

    report = (configuration.settings or {}).get(KEY)
    if report is None:
        report = _report_folder(root, folder.resolve())
        done.append(_configure(configuration, report))
    else:
        done.append(f"{_shown(configuration.path)} has {KEY} already: left as it is.")
    if _is_inside(report):
        done.append(_ignore(root / ".gitignore", Path(report).as_posix()))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(resources.files("pytest_claims").joinpath(TEMPLATE).read_text(encoding="utf-8"), encoding="utf-8")

    if importlib.util.find_spec("sklearn") is None:
        done.append("This claim needs scikit-learn: pip install scikit-learn")
    page = _shown(root / str(report) / "index.html")
    return [f"{file}: a first claim.", *done, "", f"Next: pytest {folder.as_posix()}/", f"Then open {page}."]


def _refuse(folder: Path, file: Path) -> None:
    """Raise where the claim cannot be written without replacing something."""
    blocking = next((path for path in (folder, *folder.parents) if path.exists()), Path())
    if not blocking.is_dir():
        raise ScaffoldError(f"{blocking} is a file, so there can be no folder {folder}: choose another name.")
    if file.exists():
        raise ScaffoldError(f"{file} exists already: name another folder, or write your next claim beside it.")


def _configuration(folder: Path) -> Configuration:
    """Return the configuration that pytest reads for a folder; if there is none, a new pytest.ini here.

    A pyproject.toml without a table for pytest gets one. A missing pyproject.toml is not created, since pip takes it
    as a statement of how the project is built; a pytest.ini concerns pytest alone.
    """
    places = list(_upwards(folder))
    for place in places:
        for name in TABLES:
            configuration = _read(place / name)
            if configuration is not None and configuration.settings is not None:
                return configuration
    for place in places:
        configuration = _read(place / "pyproject.toml")
        if configuration is not None:
            return configuration
    here = Path.cwd()
    return Configuration((here if folder.is_relative_to(here) else folder) / "pytest.ini", "pytest", "", None)


def _upwards(folder: Path) -> Iterator[Path]:
    """Yield the folder and those above it, up to the repository's root."""
    for place in (folder, *folder.parents):
        yield place
        if (place / ".git").exists():
            return


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
    return Configuration(path, table, text, tables.get(table, {} if path.name in OWN else None))


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
    tools = tables.pop("tool", {})
    settings = tools.pop("pytest", {})
    if "ini_options" in settings:
        tables[TABLES[path.name]] = settings["ini_options"]
    elif settings:
        tables[NATIVE] = settings
    return {**tables, "other tools": tools}


def _report_folder(root: Path, folder: Path) -> str:
    """Return a folder for the report: below reports/, unless that holds the project's own code or the claims."""
    reports = root / "reports"
    return "claims_report" if folder.is_relative_to(reports) or any(reports.glob("*.py")) else "reports/latest"


def _configure(configuration: Configuration, report: str) -> str:
    """Add the setting to pytest's configuration; return what was done."""
    shown = _shown(configuration.path)
    text = configuration.with_setting(KEY, report)
    if text is None:
        return f"{shown} could not be edited safely: add {KEY} = {report} to pytest's settings there yourself."
    # written in place, so that permissions and links stay
    configuration.path.write_bytes(text.encode())
    return f"{shown}: added {KEY} = {report} to [{configuration.table}]."


def _ignore(path: Path, report: str) -> str:
    """Add the report to a .gitignore, unless it or a folder above it is listed; return what was done."""
    text = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
    listed = {line.strip().strip("/") for line in text.splitlines()}
    if listed & {report, *(parent.as_posix() for parent in Path(report).parents)}:
        return f"{_shown(path)} lists {report}/ already: left as it is."
    newline = "\r\n" if "\r\n" in text else "\n"
    path.write_bytes(f"{_ended(text, newline)}/{report}/{newline}".encode("utf-8", "surrogateescape"))
    return f"{_shown(path)}: added /{report}/."


def _is_inside(report: Any) -> bool:
    """Whether a configured report folder lies below the configuration, so that its .gitignore can name it."""
    return isinstance(report, str) and not Path(report).is_absolute() and ".." not in Path(report).parts


def _ended(text: str, newline: str) -> str:
    """Return the text with its last line ended."""
    return text if not text or text.endswith("\n") else text + newline


def _shown(path: Path) -> str:
    """Return a path as seen from the current folder."""
    return Path(os.path.relpath(path)).as_posix()
