"""Legs: the combinations of versions that the claims run on every night, and whether a leg got what it is for.

A leg that quietly tests the stable versions is worse than none. So each leg has a *state*: "as meant"; "nothing new"
(the latest versions are the pinned ones) and "unavailable" (could not be installed), neither of which is run, raises an
alarm or counts as tested; "not what it is for" (fails).
"""

import json
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from packaging.version import Version

from pytest_claims.errors import RequirementsError, UnreadableError
from pytest_claims.files import write_atomically
from pytest_claims.folders import refuse_to_replace
from pytest_claims.nightly.requirements import (
    as_constraints,
    exact,
    installed_versions,
    lower_bounds,
    newest,
    pins,
    public,
)
from pytest_claims.stored import kind_of, read_mapping

State = Literal["as meant", "nothing new", "not what it is for", "unavailable"]
Versions = Mapping[str, str]

#: The libraries whose new versions the nightly run tests.
WATCHED = ("torch", "numpy", "scipy", "scikit-learn")

LEGS: Mapping[str, str] = {
    "oldest": "the lower bounds of pyproject.toml",
    "pinned": "the tested set of constraints.txt",
    "latest": "the newest releases",
    "nightly": "pre-releases and development versions",
    "chosen": "the versions named in ATOMIC_CLAIMS_VERSIONS",
}
EXTRAS = ("test",)

#: Environment variables that a leg obeys.
HOLD = "ATOMIC_CLAIMS_HOLD"  # packages kept at the pinned version, as in "torch" or "torch,scipy"
VERSIONS = "ATOMIC_CLAIMS_VERSIONS"  # of the leg "chosen", as in "numpy==2.2.6,scipy==1.15.3"
INDEXES = "ATOMIC_CLAIMS_INDEXES"  # further package indexes, separated by blanks


@dataclass(frozen=True)
class Plan:
    """How a leg is installed: pip's arguments, and the contents of the constraints file."""

    leg: str
    arguments: tuple[str, ...]
    constraints: str
    held: Versions


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


#: The fields of leg.json, each with what tells whether a value is one that `nightly check` writes.
_RECORD: Mapping[str, Callable[[Any], bool]] = {
    "leg": _is_text,
    "state": lambda value: _is_text(value) and value in get_args(State),
    "text": _is_text,
    "versions": _is_versions,
    "held": _is_versions,
    "python": _is_text,
}


@dataclass(frozen=True)
class Got:
    """What a leg really got; written to leg.json beside its report."""

    leg: str
    state: State
    text: str
    versions: Versions = field(default_factory=dict)
    held: Versions = field(default_factory=dict)
    python: str = field(default_factory=platform.python_version)

    def write(self, path: Path) -> None:
        """Write the record as JSON; a FolderError where a file of others is in its place."""
        refuse_to_replace(path)
        write_atomically(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Got":
        """Read a record that ``write`` wrote; an UnreadableError, which names the field, where it is something else."""
        record = read_mapping(path)
        wrong = next((name for name, right in _RECORD.items() if name in record and not right(record[name])), None)
        wrong = wrong or next((name for name in ("leg", "state", "text") if name not in record), None)
        if wrong is not None:
            what = f"{kind_of(record[wrong])}" if wrong in record else "missing"
            raise UnreadableError(f"{path} is no record of a leg: {wrong} is {what}, not what `nightly check` writes.")
        return cls(**{name: value for name, value in record.items() if name in _RECORD})

    @property
    def lines(self) -> list[str]:
        """The record for a terminal."""
        watched = ", ".join(f"{name} {version}" for name, version in self.versions.items() if name in WATCHED)
        return [f"leg {self.leg} ({LEGS[self.leg]}): {self.state}", self.text, *([watched] if watched else [])]


def held_versions(root: Path, environ: Versions) -> dict[str, str]:
    """Return the packages that this machine keeps at the pinned version."""
    pinned = pins(root / "constraints.txt")
    return {name: pinned[name] for name in _split(environ.get(HOLD, ""))}


def targets(leg: str, root: Path, environ: Versions) -> dict[str, str]:
    """Return the versions that a leg must get exactly; empty where it takes the newest."""
    if leg == "oldest":
        return lower_bounds(root / "pyproject.toml", EXTRAS)
    if leg == "pinned":
        return pins(root / "constraints.txt")
    if leg != "chosen":
        return {}
    versions = exact(_split(environ.get(VERSIONS, "")))
    if not versions:
        raise RequirementsError(f"The leg chosen needs versions: {VERSIONS}='numpy==2.2.6,scipy==1.15.3'.")
    return versions


def plan(leg: str, root: Path, environ: Versions, file: Path) -> Plan:
    """Return how to install a leg; the caller writes its constraints to ``file``."""
    held = held_versions(root, environ)
    constraints = as_constraints({**targets(leg, root, environ), **held})
    arguments = ["--upgrade", "--upgrade-strategy", "eager", "--constraint", str(file)]
    if leg == "nightly":
        arguments.append("--pre")
    for index in environ.get(INDEXES, "").split():
        arguments += ["--extra-index-url", index]
    return Plan(leg, (*arguments, "--editable", f".[{','.join(EXTRAS)}]"), constraints, held)


def check(leg: str, file: Path, root: Path, environ: Versions) -> Got:
    """Record in ``file`` the versions of this environment, and whether they are those that the leg is for.

    ``root`` holds pyproject.toml and constraints.txt.
    """
    if leg not in LEGS:
        raise RequirementsError(f"there is no leg {leg}; the legs are {', '.join(LEGS)}.")
    pinned, bounds = pins(root / "constraints.txt"), lower_bounds(root / "pyproject.toml", EXTRAS)
    wanted = targets(leg, root, environ)
    names = dict.fromkeys((*WATCHED, *bounds, *wanted))
    got = judge(leg, installed_versions(names), wanted, pinned, held_versions(root, environ))
    if leg == "latest":
        got = with_kept_out(got, newest(WATCHED))
    got.write(file)
    return got


def judge(leg: str, installed: Versions, wanted: Versions, pinned: Versions, held: Versions) -> Got:
    """Return whether the installed versions are those that the leg is for.

    ``wanted``: versions that it must have exactly (``targets``). ``held``: those that this machine keeps at the pinned
    version; they do not count.
    """
    kept = f" Held at the pinned version, so not tested: {_listed(held)}." if held else ""
    expected = {**(wanted if leg != "pinned" else _installed_of(wanted, installed)), **held}
    wrong = [name for name, version in expected.items() if not _is(installed.get(name), version)]
    if wrong:
        missed = _listed({name: expected[name] for name in wrong})
        got = _listed({name: installed.get(name, "missing") for name in wrong})
        return Got(leg, "not what it is for", f"Wanted {missed}; got {got}.{kept}", installed, held)
    free = {name: installed[name] for name in WATCHED if name in installed and name not in held}
    if leg == "latest":
        state, text = _latest(free, pinned)
    elif leg == "nightly":
        state, text = _nightly(free)
    else:
        state, text = "as meant", f"{len(expected) - len(held)} packages have the wanted versions."
    return Got(leg, state, text + kept, installed, held)


def _installed_of(wanted: Versions, installed: Versions) -> dict[str, str]:
    """Leave out packages that only developers need, which the pinned set names too."""
    return {name: version for name, version in wanted.items() if name in installed}


def clear(folder: Path) -> None:
    """Remove the files of an earlier run, so that a leg that crashes is not judged by old results."""
    (folder / "leg.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "report", ignore_errors=True)


def unavailable(leg: str, reason: str, held: Versions) -> Got:
    """Record a leg that could not be installed."""
    return Got(leg, "unavailable", f"Could not be installed: {reason}", {}, held)


def reason_of(log: str) -> str:
    """Return the last errors that pip logged, as one line without the machine's paths."""
    errors = [line.partition("ERROR: ")[2].strip() for line in log.splitlines() if "ERROR: " in line]
    return "; ".join(dict.fromkeys(errors[-3:])) or "pip gave no reason"


def _latest(free: Versions, pinned: Versions) -> tuple[State, str]:
    older = {name: version for name, version in free.items() if public(version) < public(pinned[name])}
    newer = {name: version for name, version in free.items() if public(version) > public(pinned[name])}
    if older:
        return "not what it is for", f"Older than the pinned set: {_listed(older)}."
    if newer:
        return "as meant", f"Newer than the pinned set: {_listed(newer)}."
    return "nothing new", f"The newest releases are the pinned ones: {_listed(free)}."


def _nightly(free: Versions) -> tuple[State, str]:
    early = {name: version for name, version in free.items() if Version(version).is_prerelease}
    if early:
        return "as meant", f"Development versions: {_listed(early)}."
    return "not what it is for", f"No development version, only releases: {_listed(free)}."


def with_kept_out(got: Got, newest: Versions) -> Got:
    """Add the newer releases that a leg did not get, because this Python or another package does not allow them."""
    kept_out = {
        name: version
        for name, version in newest.items()
        if name in got.versions and name not in got.held and public(version) > public(got.versions[name])
    }
    if not kept_out:
        return got
    return replace(got, text=f"{got.text} Kept out by Python {got.python} or by another package: {_listed(kept_out)}.")


def _is(version: str | None, wanted: str) -> bool:
    return version is not None and public(version) == public(wanted)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _listed(versions: Versions) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "none"


def pytest_arguments(extra: Iterable[str], folder: str, baseline: Path) -> list[str]:
    """Return pytest's arguments for a leg: the claims, unless other paths are named, with report and baseline."""
    arguments = list(extra)
    if not arguments or arguments[0].startswith("-"):
        arguments = ["claims/", *arguments]
    if not arguments[0].startswith("claims"):
        return arguments
    return [*arguments, "--report", folder, *(["--baseline", str(baseline)] if baseline.exists() else [])]
