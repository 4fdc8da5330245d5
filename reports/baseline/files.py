"""Baselines as files: an earlier `results.json`, or the small one that is committed."""

import json
from pathlib import Path
from typing import Any

from reports.baseline.comparison import compare
from reports.results import Results, ResultsError


def read_baseline(path: Path) -> Results:
    """Read an earlier run of any schema that lists its claims; ResultsError in one sentence where that cannot be."""
    if path.is_dir():
        path /= "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ResultsError(f"{path} is no valid JSON: {error}.") from error
    claims = results.get("claims") if isinstance(results, dict) else None
    if not isinstance(claims, list) or not all(
        isinstance(one, dict) and isinstance(one.get("id"), str) for one in claims
    ):
        raise ResultsError(f"{path} is no results of a claims run: it holds no list of claims with ids.")
    return dict(results)


def compare_with(baseline: Results, results: Results) -> dict[str, Any]:
    """Return the field "baseline" of results.json."""
    return compare(baseline, results).as_json()
