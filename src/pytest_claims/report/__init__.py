"""Reports: from the records of a run to results.json, figures and one HTML page.

``session`` collects a run while pytest goes on; the command ``pytest-claims`` draws pages of stored runs.
"""

from pytest_claims.errors import ResultsError
from pytest_claims.results import read

__all__ = ["ResultsError", "read"]
