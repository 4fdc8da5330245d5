"""Reports: the evidence that test reports carry, as results.json, figures and one HTML page.

As a pytest plugin (``reports.plugin``) it collects a run; ``pytest-claims`` draws pages of runs that are stored.
"""

from pytest_claims.errors import ResultsError
from pytest_claims.results import read

__all__ = ["ResultsError", "read"]
