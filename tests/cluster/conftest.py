"""The toy projects of the tests of trials serve here, too; and a cluster of this machine."""

import pytest

from tests.cluster.machines import Machines, Suite
from tests.trials.conftest import toy  # noqa: F401 - a fixture


@pytest.fixture
def machines(tmp_path):
    """Return a cluster without machines."""
    made = Machines(tmp_path / "machines")
    yield made
    made.end()


@pytest.fixture
def suite(toy, machines, tmp_path):  # noqa: F811
    """Return an empty toy project."""
    return Suite(toy, machines, tmp_path / "events")
