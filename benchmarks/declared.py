"""Measurements as the claims' files declare them today."""

import importlib
from pathlib import Path
from typing import Any

from pytest_claims.record import Record
from pytest_claims.trials.measurements import _DECLARED, Measurement

ROOT = Path(__file__).resolve().parents[1]


def of_fixture(fixture: Any) -> Measurement | None:
    """Return the measurement behind a module's fixture; None for any other object."""
    if not hasattr(fixture, "_get_wrapped_function"):
        return None
    # pytest has no public way back from a fixture to its function
    found: Measurement | None = getattr(fixture._get_wrapped_function(), _DECLARED, None)  # noqa: SLF001 - as said above
    return found


def declared(claim: Record, name: str) -> Measurement | None:
    """Return a measurement that a claim rests on; None where its file, or the measurement in it, is no longer there."""
    if not (ROOT / claim.file).is_file():
        return None
    module = importlib.import_module(".".join(Path(claim.file).with_suffix("").parts))
    return of_fixture(getattr(module, name, None))
