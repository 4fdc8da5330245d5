"""Engines: the frameworks that can train, found by name. `engine(name)` imports that engine and no other.

Packages offer engines in the entry-point group `pytest_claims.engines`; base.py explains how.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import cast

from packaging.requirements import Requirement

from pytest_claims.errors import EngineError
from pytest_claims.training.engines.base import Engine
from pytest_claims.vocabulary import DEFAULT_ENGINE

GROUP = "pytest_claims.engines"


def available() -> list[str]:
    """Return the names of the engines whose framework is installed, the default first."""
    return [name for name in _known() if _problem(name) is None]


def engine(name: str) -> Engine:
    """Return the engine with this name; EngineError where there is none or its module cannot be loaded."""
    check(name)
    (entry,) = _offers()[name]
    try:
        return cast("Engine", entry.load().make_engine())
    except Exception as error:
        raise EngineError(
            f"the engine {name!r} cannot be loaded from {entry.value}: {type(error).__name__}: {error}"
        ) from error


def check(name: str) -> None:
    """Raise EngineError if there is no such engine or its framework is not installed; imports nothing."""
    problem = _problem(name)
    if problem is not None:
        raise EngineError(problem)


@cache  # every training looks up its engine; reading what is installed takes tens of milliseconds
def _offers() -> dict[str, tuple[metadata.EntryPoint, ...]]:
    """Return the entry points by name; a name that two packages offer has two."""
    offers: dict[str, tuple[metadata.EntryPoint, ...]] = {}
    for entry in metadata.entry_points(group=GROUP):
        offers[entry.name] = (*offers.get(entry.name, ()), entry)
    return offers


def _known() -> list[str]:
    """Return the names of all engines, the default first."""
    return sorted(_offers(), key=lambda name: (name != DEFAULT_ENGINE, name))


def _problem(name: str) -> str | None:
    """Say in a sentence why an engine cannot be used; None where its framework is installed."""
    entries = _offers().get(name, ())
    packages = [_package(entry) for entry in entries]
    if not _offers():  # run from a folder of sources, or installed by an older version
        return f"unknown engine {name!r}: no installed package offers engines; install pytest-claims again"
    if not entries:
        return f"unknown engine {name!r}: choose from {', '.join(_known())}"
    if len(entries) > 1:
        return f"the engine {name!r} is offered by several packages, {' and '.join(packages)}: uninstall all but one"
    missing = _missing(entries[0])
    if missing:
        are = "is" if len(missing) == 1 else "are"
        needed = " and ".join(missing)
        return f"the engine {name!r} needs {needed}, which {are} not installed: pip install '{packages[0]}[{name}]'"
    return None


def _package(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "a package without a name"


def _missing(entry: metadata.EntryPoint) -> list[str]:
    """Return what the extra with the engine's name requires and this environment lacks."""
    requirements = [Requirement(text) for text in (entry.dist.requires if entry.dist is not None else None) or ()]
    needed = [requirement.name for requirement in requirements if _by_extra(requirement, entry.name)]
    return [name for name in needed if not _installed(name)]


def _by_extra(requirement: Requirement, extra: str) -> bool:
    """Whether the requirement comes with this extra, and with extras only, in this environment."""
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
