"""Training cut to a few dozen steps, for tests of the alarm: a pytest plugin.

The first steps, where the alarm looks, are those of the whole training. Verdicts mean nothing here.
"""

import importlib
from typing import Any

#: What sets the length of training in a claim file; records are those that the claims in CLAIMS read.
SHORT: dict[str, dict[str, Any]] = {
    "test_approximation": {"STEPS": 100},
    "test_depth": {"STEPS": 100},
    "test_activations": {"STEPS": 80, "RECORDS": range(0, 81, 80)},
    "test_losses": {"STEPS": 50, "RECORDS": range(0, 51, 50)},
}
#: One claim of each experiment that can be judged so early.
CLAIMS = ("1.a", "2.a", "7.c", "9.d")


def pytest_configure() -> None:
    """Shorten the training before any claim is collected."""
    for name, values in SHORT.items():
        vars(importlib.import_module(f"claims.{name}")).update(values)
