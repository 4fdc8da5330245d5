"""Patches that several sabotages share; tests/sabotage/conftest.py says what a patch is."""

ENGINE = "pytest_claims.training.engines.torch_engine"


def without(*labels):
    """Leave conditions out of every measurement, sabotaged or not: what the claim does not need is not trained.

    It comes before a patch of the claim file, which is imported for it.
    """
    kept = f"tuple(value for value in _levels(values) if value not in {labels!r})"
    return f"pytest_claims.trials.measurements: _levels = lambda values, _levels=_levels: {kept}"
