"""Compares a run with an earlier one on the same seeds: an alarm when a verdict or an input changed, else silence.

comparison = compare(read_baseline(path), results)
comparison.failed         # whether the run must exit 1
comparison.sentences()    # for the terminal
comparison.as_json()      # the field "baseline" of results.json
"""

from pytest_claims.drift.committed import compare_with, read_baseline
from pytest_claims.drift.comparison import ClaimComparison, Comparison, compare

__all__ = ["ClaimComparison", "Comparison", "compare", "compare_with", "read_baseline"]
