"""Engines: the frameworks that can train. `engine(name)` imports the one that is asked for, and only that."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pytest_claims.training.engines.base import Engine

DEFAULT = "torch"
_MODULES = {"torch": "pytest_claims.training.engines.torch_engine", "jax": "pytest_claims.training.engines.jax_engine"}


class EngineError(ValueError):
    """An engine that is unknown or not installed, in one sentence."""


def available() -> list[str]:
    """Names of the engines whose framework is installed."""
    return [
        name for name, module in _MODULES.items() if importlib.util.find_spec(name) and importlib.util.find_spec(module)
    ]


def engine(name: str) -> Engine:
    """Return the engine of that name; each module has a factory `make_engine()`."""
    check(name)
    return cast("Engine", importlib.import_module(_MODULES[name]).make_engine())


def check(name: str) -> None:
    """Raise EngineError if there is no such engine or its framework is not installed; imports nothing."""
    if name not in _MODULES or importlib.util.find_spec(_MODULES[name]) is None:
        known = [known for known, module in _MODULES.items() if importlib.util.find_spec(module)]
        raise EngineError(f"unknown engine {name!r}: choose from {', '.join(known)}")
    if importlib.util.find_spec(name) is None:
        raise EngineError(f"the engine {name!r} needs {name}, which is not installed: pip install -e '.[{name}]'")
