"""Environments for a bisection: the versions that an index offers, and one environment for each that is tried.

An environment holds the package in one version. Everything else it takes from the running environment, whose folders
come behind its own, so two versions differ in nothing but the package and what the package itself asks for. With a
constraints file the project is installed anew instead, in an environment that sees no other.
"""

import importlib.util
import os
import re
import shutil
import signal
import site
import subprocess
import sysconfig
import tomllib
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path, PurePath
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_claims.errors import RequirementsError
from pytest_claims.files import machine_paths, without_paths
from pytest_claims.nightly.legs import EXTRAS, reason_of
from pytest_claims.nightly.requirements import (
    as_constraints,
    index_listing,
    listened,
    pins,
    pip_command,
    public,
    uv_command,
)

#: What pip and uv write where the machine or the network is at fault, not the version.
_NOT_THE_VERSION = re.compile(
    r"Retrying \(|ConnectionError|ConnectTimeout|Read timed out|error sending request|network timeout|"
    r"No space left on device|Connection refused|Temporary failure in name resolution|"
    # a download that broke off; pip before 25 takes what came for the whole file
    r"Connection reset|Connection broken|IncompleteRead|not enough bytes|DO NOT MATCH THE HASHES|"
    r"error decoding response body|reading a body from connection|"
    # answers that say nothing about a file; a wheel that is listed and no longer there is the version's own fault
    r"Max retries exceeded|\b(?:401|407|408|429) Client Error|\b5\d\d Server Error|"
    r"Failed to fetch(?![^(]*\.whl[^(]*client error \((?:40[034]|410|451)\b)"
)
#: With this option pip says why a page of the index was of no use to it.
_IN_DETAIL = "-vv"
#: pip's settings that say where packages are, each with uv's option of the same meaning.
_SETTINGS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "no-index": "--no-index",
}
#: How pytest marks its own errors and those of tests.
_OF_PYTEST = re.compile(r"ERROR: |E {3,}")
#: Characters of an installer's or Python's own words that a sentence repeats.
SHOWN = 300
#: Seconds after which an import will never end.
IMPORT_LIMIT = 600.0


class UnusableVersionError(Exception):
    """A version that cannot be tried, in one sentence; a bisection skips it."""


# -- which versions there are ---------------------------------------------------------------------------------------


def versions(package: str, *, pre: bool = False) -> list[str]:
    """Return the versions that pip's index offers for this Python, the oldest first; development versions with ``pre``.

    Builds of one version (2.13.0+cpu) count as that version. A RequirementsError where pip lists none.
    """
    listing = index_listing(package, _IN_DETAIL, *(["--pre"] if pre else []))
    match = re.search(r"^\s*Available versions: (.+)$", listing.stdout, re.MULTILINE)
    found: set[Version] = set()
    for text in match[1].split(",") if match else ():
        with suppress(InvalidVersion):  # of a time before there were rules
            found.add(public(text.strip()))
    if not found:
        raise RequirementsError(f"pip lists no versions of {package}: {_why_none(listing)}.")
    return [str(version) for version in sorted(found)]


def _why_none(listing: subprocess.CompletedProcess[str]) -> str:
    said = _complaints(listing)
    if "401 Client Error" in said:
        return (
            "the package index wants a name and a password; write them into its address, which `pip config list` "
            "shows, or into ~/.netrc"
        )
    if _NOT_THE_VERSION.search(said):
        return "the package index cannot be reached"
    return f"{reason_of(listing.stderr)} (see `pip config list` for the index that is asked)"


# -- an environment -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """An environment with one version of the package.

    ``moved`` are other packages that have another version than in the running environment; ``conflicts`` are sentences
    that say which packages of it want another version of the package.
    """

    python: Path
    moved: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()


class _Facts(NamedTuple):
    """What is asked of an installed package; read once, since its file is parsed at each question."""

    name: str
    version: str
    requires: Sequence[str] | None


@dataclass(frozen=True)
class Installer:
    """Makes environments with uv, or else with venv and pip.

    ``root`` is the folder of the claims. ``constraints``: the versions of everything else; without it they are those
    of the running environment.
    """

    package: str
    root: Path
    constraints: Path | None = None
    uv: tuple[str, ...] | None = field(default_factory=uv_command)

    def check(self) -> None:
        """Raise a RequirementsError where the constraints, or the project that they are for, cannot be used."""
        if self.constraints is not None:
            pins(self.constraints)
            _project(self.root)

    def make(self, folder: Path, version: str) -> Environment:
        """Make an environment with this version of the package.

        Raises an UnusableVersionError where the version cannot be had or imported, a RequirementsError where network or
        disk are at fault.
        """
        venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False).create(folder)
        python = Path(_path(folder, "scripts")) / ("python.exe" if os.name == "nt" else "python")
        log = folder / "install.log"
        # a build from source can take hours and need a compiler of its time; users get the wheels
        only_wheels = ("--only-binary", self.package)
        said = self._install(python, log, "--no-deps", *only_wheels, f"{self.package}=={version}")
        if re.search(r"\bis (a )?yanked\b", said):
            raise UnusableVersionError("it was withdrawn from the index (yanked)")
        package = _distribution(folder, self.package)
        if self.constraints is None:
            environment = self._on_the_running_one(folder, python, log, package)
        else:
            file = folder / "constraints.txt"
            kept = _kept(pins(self.constraints), package)
            file.write_text(as_constraints(kept), encoding="utf-8")
            wanted = ("--constraint", str(file), *only_wheels, f"{self.package}=={version}")
            self._install(python, log, *wanted, "--editable", _project(self.root))
            environment = Environment(python, _moved(folder, pins(self.constraints), self.package))
        self._import(environment, folder, package)
        return environment

    def _on_the_running_one(self, folder: Path, python: Path, log: Path, package: metadata.Distribution) -> Environment:
        """Put the running environment behind the new one, and install what the package needs in other versions."""
        user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
        behind = [path for path in (*site.getsitepackages(), *user) if Path(path).is_dir()]
        # a path file's own paths are not searched for path files, such as that of an editable install: addsitedir does
        lines = [f"import site; site.addsitedir({path!r})\n" for path in behind]
        Path(_path(folder, "purelib"), "zz_running_environment.pth").write_text("".join(lines), encoding="utf-8")
        running = {dist.name: dist.version for dist in self._running}
        unmet = [
            wanted for wanted in _needs(package) if not _meets(running.get(canonicalize_name(wanted.name)), wanted)
        ]
        if unmet:
            file = folder / "constraints.txt"
            file.write_text(as_constraints(_kept(_publicly(running), package)), encoding="utf-8")
            self._install(python, log, "--constraint", str(file), *map(str, map(_plain, unmet)))
        conflicts = tuple(
            f"{dist.name} {dist.version} needs {_plain(wanted)}"
            for dist in self._running
            for wanted in _needs(dist, of=self.package)
            if not _meets(package.version, wanted)
        )
        return Environment(python, _moved(folder, running, self.package), tuple(dict.fromkeys(conflicts)))

    @cached_property
    def _running(self) -> list[_Facts]:
        """What is installed in the running environment; where that is two versions, the first counts."""
        found: dict[str, _Facts] = {}
        for dist in metadata.distributions():
            if name := _name(dist):
                found.setdefault(name, _Facts(name, dist.version, dist.requires))
        return list(found.values())

    @cached_property
    def _indexes(self) -> list[str]:
        return _index_of_pip()

    def _install(self, python: Path, log: Path, *arguments: str) -> str:
        """Install, and return what the installer said; the errors of ``make`` where it failed."""
        if self.uv is not None:
            command = [*self.uv, "pip", "install", "--python", str(python), *self._indexes, *arguments]
        else:
            command = [*pip_command(), "--python", str(python), "install", _IN_DETAIL, *arguments]
        ended = listened(command, cwd=self.root)
        said = ended.stdout + ended.stderr
        with log.open("a", encoding="utf-8") as file:
            file.write(said)
        if ended.returncode == 0:
            return said
        reason = _clean(reason_of(said) if self.uv is None else _plain_words(ended.stderr))
        # uv says so of a package whose page it may not read, and this one was listed
        unread = f"Because {canonicalize_name(self.package)} was not found" in said
        if unread or _NOT_THE_VERSION.search(_complaints(ended)):
            raise RequirementsError(
                f"{arguments[-1]} could not be installed, which is not its own fault: {reason}; the same command tries "
                "it again."
            )
        raise UnusableVersionError(f"it cannot be installed: {reason}")

    def _import(self, environment: Environment, folder: Path, package: metadata.Distribution) -> None:
        """Import the package's modules as the claims would; an UnusableVersionError where that fails."""
        names = modules_of(package, self.package)
        if not names:
            return
        code = (
            f"import importlib\nfor name in {names!r}:\n"
            "    print('at', getattr(importlib.import_module(name), '__file__', None))"
        )
        command: list[str | Path] = [environment.python, "-c", code]
        try:
            ended = listened(command, cwd=self.root, env=variables(), timeout=IMPORT_LIMIT)
        except subprocess.TimeoutExpired:
            raise UnusableVersionError(f"its import does not end within {IMPORT_LIMIT:g} s") from None
        if ended.returncode:
            raise UnusableVersionError(f"it cannot be imported: {last_words(ended)}")
        places = [line.removeprefix("at ") for line in ended.stdout.splitlines() if line.startswith("at ")]
        elsewhere = [
            place for place in places if place != "None" and folder.resolve() not in Path(place).resolve().parents
        ]
        if elsewhere:
            raise RequirementsError(
                f"{self.package} is imported from {elsewhere[0]}, which hides every version that is installed: run the "
                "command in a folder without it, and without PYTHONPATH."
            )


def variables() -> dict[str, str]:
    """Return the environment variables for a Python of another environment."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "VIRTUAL_ENV"}}


def last_words(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the last error or else the last line that a process wrote, or the signal that ended it."""
    if ended.returncode < 0:
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-ended.returncode).name}"
    lines = [line.strip() for line in (ended.stdout + "\n" + ended.stderr).splitlines() if line.strip()]
    errors = [re.sub(_OF_PYTEST, "", line) for line in lines if re.match(_OF_PYTEST, line)]
    return _clean((errors or lines)[-1].rstrip(".")) if lines else f"exit status {ended.returncode}, without a word"


def modules_of(package: metadata.Distribution, name: str) -> list[str]:
    """Return the modules that a package is imported by: the one of its own name, else all public ones at its top."""
    found = set()
    for file in map(PurePath, package.files or ()):
        if len(file.parts) == 2 and file.stem == "__init__":  # noqa: PLR2004 - a folder and its first file
            found.add(file.parts[0])
        elif len(file.parts) == 1 and file.suffix in {".py", ".so", ".pyd"}:
            found.add(file.name.partition(".")[0])
    public_names = sorted(module for module in found if module.isidentifier() and not module.startswith("_"))
    return [module for module in public_names if canonicalize_name(module) == canonicalize_name(name)] or public_names


def _path(folder: Path, kind: str) -> str:
    return sysconfig.get_path(kind, "venv", {"base": str(folder), "platbase": str(folder)})


def _inside(folder: Path) -> Iterator[metadata.Distribution]:
    """Yield what is installed in the environment itself."""
    return iter(
        metadata.distributions(path=list(dict.fromkeys(_path(folder, kind) for kind in ("purelib", "platlib"))))
    )


def _distribution(folder: Path, package: str) -> metadata.Distribution:
    name = canonicalize_name(package)
    found = [dist for dist in _inside(folder) if _name(dist) == name]
    if not found:
        raise UnusableVersionError("it cannot be installed: the installer reported success, and nothing is there")
    return found[0]


def _name(package: metadata.Distribution) -> str:
    """Return a package's canonical name, empty for what is left of a broken installation."""
    return canonicalize_name(package.name or "")


def _needs(package: "_Facts | metadata.Distribution", of: str = "") -> list[Requirement]:
    """Return what a package requires on this Python, or of one other package; without its extras.

    What is no requirement is left out.
    """
    needs = []
    for text in package.requires or ():
        with suppress(ValueError):  # InvalidRequirement: of a time before there were rules
            requirement = Requirement(text)
            if of and canonicalize_name(requirement.name) != canonicalize_name(of):
                continue
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needs.append(requirement)
    return needs


def _meets(version: str | None, requirement: Requirement) -> bool:
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _plain(requirement: Requirement) -> Requirement:
    """Return a requirement without its marker, which was evaluated."""
    plain = Requirement(str(requirement))
    plain.marker = None
    return plain


def _kept(versions_of: Mapping[str, str], package: metadata.Distribution) -> dict[str, str]:
    """Return constraints without the package itself and without those that its own requirements rule out."""
    ruled_out = {
        canonicalize_name(wanted.name)
        for wanted in _needs(package)
        if not _meets(versions_of.get(canonicalize_name(wanted.name)), wanted)
    }
    left_out = ruled_out | {_name(package)}
    return {name: version for name, version in versions_of.items() if name not in left_out}


def _publicly(versions_of: Mapping[str, str]) -> dict[str, str]:
    """Return versions that any build satisfies."""
    return {name: str(public(version)) for name, version in versions_of.items()}


def _moved(folder: Path, usual: Mapping[str, str], package: str) -> dict[str, str]:
    """Return what is installed in an environment in another version than usual, the package itself left out."""
    inside = {_name(dist): dist.version for dist in _inside(folder)}
    return {
        name: version
        for name, version in sorted(inside.items())
        if name != canonicalize_name(package) and name in usual and public(version) != public(usual[name])
    }


def _project(root: Path) -> str:
    """Return the folder's project with its extra for tests, as a requirement; a RequirementsError where it is none."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project")
    except (OSError, ValueError):
        project = None
    if not isinstance(project, dict):
        raise RequirementsError(
            "with --constraints the project is installed anew, and no pyproject.toml with a table [project] is here: "
            "leave the option out, and everything else is taken from the running environment."
        )
    extras = [extra for extra in EXTRAS if extra in project.get("optional-dependencies", {})]
    return f".[{','.join(extras)}]" if extras else "."


def installer_named(name: str | None) -> tuple[str, ...] | None:
    """Return how uv is called, None for pip; without a name, uv where it is there.

    A RequirementsError where what is named is not there.
    """
    uv = None if name == "pip" else uv_command()
    if name == "uv" and uv is None:
        raise RequirementsError("uv is not here: leave --installer out, and pip is taken.")
    if name == "pip" and importlib.util.find_spec("pip") is None:
        raise RequirementsError("pip is not here: `python -m ensurepip` installs it.")
    return uv


# -- what installers say --------------------------------------------------------------------------------------------


def _index_of_pip() -> list[str]:
    """Return uv's options for the indexes that pip is configured with, so that both see the same versions."""
    listing = listened([*pip_command(), "config", "list"]).stdout
    settings: dict[str, str] = {}
    for line in listing.splitlines():  # files first, variables last
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = value.strip("'\"")
    options: list[str] = []
    for name, option in _SETTINGS.items():
        # pip separates values by blanks or new lines, which it lists as \n
        values: Sequence[str] = settings.get(name, "").replace("\\n", " ").split()
        if name == "no-index":
            options += [option] if values and values[0].lower() in {"1", "true", "yes", "on"} else []
        else:
            options += [part for value in values for part in (option, value)]
    # as pip does: the best version of all indexes, not the first index that knows the name
    return [*options, "--index-strategy", "unsafe-best-match"]


def _complaints(ended: subprocess.CompletedProcess[str]) -> str:
    """Return what an installer wrote as an error, and pages that pip could not read, which it tells among its details.

    Other details, such as tracebacks with pip's own code, are about anything.
    """
    return "\n".join([ended.stderr, *re.findall(r"Could not fetch URL .*", ended.stdout)])


def _plain_words(text: str) -> str:
    """Return uv's error as one line, without the signs that draw its tree."""
    lines = [re.sub(r"^\W+", "", line).strip() for line in text.splitlines()]
    errors = [line.removeprefix("error: ") for line in lines if line and not line.startswith(("Using ", "Resolved "))]
    return " ".join(errors).rstrip(".") or "uv gave no reason"


def _clean(text: str) -> str:
    """Return words of others for a sentence of ours: one line, not too long, without this machine's paths."""
    line = " ".join(str(without_paths(text, machine_paths(), elsewhere=True)).split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def remove(folder: Path) -> None:
    """Remove an environment; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)
