"""Measurements of a finished run as the claims' files declare them today."""

import importlib
from pathlib import Path

from pytest_claims.record import Record
from pytest_claims.trials.measurements import _DECLARED, Measurement

ROOT = Path(__file__).resolve().parents[1]


def declared(claim: Record, name: str) -> Measurement | None:
    """Return a measurement that a claim rests on; None where its file, or the measurement in it, is no longer there."""
    if not (ROOT / claim.file).is_file():
        return None
    fixture = getattr(importlib.import_module(".".join(Path(claim.file).with_suffix("").parts)), name, None)
    # pytest has no public way back from a fixture to its function
    return None if fixture is None else getattr(fixture._get_wrapped_function(), _DECLARED)  # noqa: SLF001
