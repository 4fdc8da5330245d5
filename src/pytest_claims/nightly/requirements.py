"""The versions that the project requires (lower bounds), those that were tested (pins), and the installed ones."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_claims.errors import RequirementsError


def lower_bounds(pyproject: Path, extras: Iterable[str] = ()) -> dict[str, str]:
    """Return the lower bound of every dependency, and of those of the extras, by canonical name.

    An extra may include other extras of the project, as in ``project[torch]``. Where two entries name one package, both
    bounds must hold, so the higher one is returned.
    """
    try:
        project = tomllib.loads(_text(pyproject))["project"]
        entries = [*project["dependencies"], *_entries_of(project, extras)]
    except tomllib.TOMLDecodeError as error:
        raise RequirementsError(f"{pyproject} is no valid TOML: {error}.") from error
    except KeyError as error:
        raise RequirementsError(f"{pyproject} has no entry {error} that a project's dependencies need.") from error
    except (AttributeError, TypeError) as error:
        raise RequirementsError(f"{pyproject} does not list dependencies as a Python project does: {error}.") from error
    bounds: dict[str, str] = {}
    for entry in entries:
        name, bound = _lower_bound(_requirement(entry))
        if name not in bounds or Version(bound) > Version(bounds[name]):
            bounds[name] = bound
    return bounds


def _entries_of(project: Mapping[str, Any], extras: Iterable[str]) -> Iterator[str]:
    """Yield the entries of the extras, and of the project's own extras that these include."""
    todo, seen = list(extras), set()
    while todo:
        extra = todo.pop(0)
        if extra in seen:
            continue
        seen.add(extra)
        for entry in project.get("optional-dependencies", {})[extra]:
            requirement = _requirement(entry)
            if canonicalize_name(requirement.name) == canonicalize_name(project.get("name", "")):
                todo += sorted(requirement.extras)
            else:
                yield entry


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequirementsError(f"{path} cannot be read: byte {error.start} is no text in UTF-8.") from error


def _requirement(entry: Any) -> Requirement:
    """Return a requirement; RequirementsError where an entry is none."""
    try:
        return Requirement(entry)
    except (InvalidRequirement, TypeError) as error:
        why = " ".join(str(error).split())
        raise RequirementsError(f"{entry!r} is no requirement such as 'numpy>=2.1': {why}.") from error


def _lower_bound(requirement: Requirement) -> tuple[str, str]:
    bounds = [specifier.version for specifier in requirement.specifier if specifier.operator == ">="]
    if len(bounds) != 1:
        raise RequirementsError(f"{requirement}: a dependency needs one lower bound, written >=.")
    return canonicalize_name(requirement.name), bounds[0]


def pins(constraints: Path) -> dict[str, str]:
    """Return the versions that a constraints file pins, by canonical name."""
    lines = (line.partition("#")[0].strip() for line in _text(constraints).splitlines())
    return exact(line for line in lines if line)


def exact(requirements: Iterable[str]) -> dict[str, str]:
    """Return name and version of requirements of the form name==version."""
    versions: dict[str, str] = {}
    for text in requirements:
        requirement = _requirement(text)
        specifiers = list(requirement.specifier)
        if len(specifiers) != 1 or specifiers[0].operator != "==":
            raise RequirementsError(f"{text}: write name==version.")
        versions[canonicalize_name(requirement.name)] = specifiers[0].version
    return versions


def as_constraints(versions: Mapping[str, str]) -> str:
    """Write versions as a constraints file."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of the named packages that are installed."""
    versions: dict[str, str] = {}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            versions[canonicalize_name(name)] = metadata.version(name)
    return versions


def uv_command() -> tuple[str, ...] | None:
    """Return how uv is called: beside the running Python, or on the path; None where it is not there."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    return None if found is None else (found,)


def pip_command() -> tuple[str, ...]:
    """Return how pip is called: that of the running Python, or else one that uv brings; RequirementsError without.

    It never asks for a name or a password: nobody would see the question.
    """
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "--no-input")
    uv = uv_command()
    if uv is None:
        raise RequirementsError("neither pip nor uv is here: `python -m ensurepip` installs pip.")
    return (*uv, "tool", "run", "--python", sys.executable, "pip", "--no-input")


def index_listing(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Return what `pip index versions` says of a package, on the indexes that pip is configured with."""
    return listened([*pip_command(), "index", "versions", name, *options])


def listened(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; what it reads is empty, so that no question of its keeps it waiting."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)


def newest(names: Iterable[str]) -> dict[str, str]:
    """Return each package's newest release for any Python; a package that pip does not know is left out."""
    versions = {}
    for name in names:
        listing = index_listing(name, "--ignore-requires-python").stdout
        version = newest_listed(listing)
        if version is not None:
            versions[name] = version
    return versions


def newest_listed(listing: str) -> str | None:
    """Read the newest version from the first words of `pip index versions`: "numpy (2.5.5)"."""
    match = re.match(r"\S+ \(([^)\s]+)\)", listing)
    return None if match is None else match[1]


def public(version: str) -> Version:
    """Return the version without its local part: 2.13.0+cpu is a build of 2.13.0."""
    return Version(Version(version).public)
