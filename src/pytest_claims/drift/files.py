"""Baselines as files: an earlier `results.json`, or the small one that is committed."""

from pathlib import Path
from typing import Any

from pytest_claims.drift.comparison import compare
from pytest_claims.errors import ResultsError
from pytest_claims.results import Results, load


def read_baseline(path: Path) -> Results:
    """Read an earlier run of any schema that lists its claims; ResultsError in one sentence where that cannot be."""
    path, results = load(path)
    claims = results.get("claims") if isinstance(results, dict) else None
    if not isinstance(claims, list) or not all(
        isinstance(one, dict) and isinstance(one.get("id"), str) for one in claims
    ):
        raise ResultsError(f"{path} is no results of a claims run: it holds no list of claims with ids.")
    return dict(results)


def compare_with(baseline: Results, results: Results) -> dict[str, Any]:
    """Return the field "baseline" of results.json."""
    return compare(baseline, results).as_json()
