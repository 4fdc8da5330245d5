"""A made-up report for all tests of the page: drawn once."""

from pathlib import Path

import pytest

from tests.reports.factory import made_up_report


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a made-up report with claims of every kind; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("report")
    made_up_report(folder)
    return folder
