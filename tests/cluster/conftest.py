"""The toy projects of the tests of trials serve here, too."""

from tests.trials.conftest import toy  # noqa: F401 - a fixture
