"""Claims about learning as tests: measured over many seeds, judged by one rule, shown on one page.

    from pytest_claims import claim, exceeds, measurement

    @measurement(layers=[1, 3])
    def accuracy_by_depth(seeds, layers): ...

    @claim("2.a", "Deeper is better")
    def test_deeper_is_better(accuracy_by_depth):
        return exceeds(accuracy_by_depth.accuracy.sel(layers=3), accuracy_by_depth.accuracy.sel(layers=1), by=0.05)

Names are loaded when they are first used: ``import pytest_claims`` alone loads neither numpy nor xarray, so that
sessions without claims start as quickly as before.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_claims.inference import (
        Control,
        Design,
        DesignError,
        EvidenceError,
        Hypothesis,
        Part,
        PartVerdict,
        Placeholder,
        Verdict,
        all_of,
        at_least,
        at_most,
        between,
        boundary,
        decreases,
        equivalent,
        exactly,
        exceeds,
        functions,
        increases,
        lines,
        proportion,
        sooner,
        stack,
        strips,
        traces,
        within,
    )
    from pytest_claims.notebook import run
    from pytest_claims.trials.claims import claim, variant
    from pytest_claims.trials.measurements import measurement
    from pytest_claims.vocabulary import ALPHA

__version__ = "0.2.0"

__all__ = [
    "ALPHA",
    "Control",
    "Design",
    "DesignError",
    "EvidenceError",
    "Hypothesis",
    "Part",
    "PartVerdict",
    "Placeholder",
    "Verdict",
    "all_of",
    "at_least",
    "at_most",
    "between",
    "boundary",
    "claim",
    "decreases",
    "equivalent",
    "exactly",
    "exceeds",
    "functions",
    "increases",
    "lines",
    "measurement",
    "proportion",
    "run",
    "sooner",
    "stack",
    "strips",
    "traces",
    "variant",
    "within",
]

_ELSEWHERE = {
    "claim": "pytest_claims.trials.claims",
    "variant": "pytest_claims.trials.claims",
    "measurement": "pytest_claims.trials.measurements",
    "run": "pytest_claims.notebook",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_ELSEWHERE.get(name, "pytest_claims.inference")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
