"""Patches that several sabotages share; tests/sabotage/conftest.py explains patches."""

ENGINE = "pytest_claims.training.engines.torch_engine"
FUNCTIONS = "pytest_claims.training.engines.torch_functions"


def without(*labels):
    """Leave these conditions out of every measurement: what the claim does not need is not trained.

    Put this before a patch of the claim file: such a patch imports the file, and its measurements are declared then.
    """
    kept = f"tuple(value for value in _levels(values) if value not in {labels!r})"
    return f"pytest_claims.trials.measurements: _levels = lambda values, _levels=_levels: {kept}"
