"""Short spellings of the options, for a repository that is all claims: ``--seeds`` instead of ``--claims-seeds``.

Opt in at the root: ``pytest_plugins = ["pytest_claims.short"]`` in conftest.py.
"""

import pytest

from pytest_claims.running.options import add_options


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the short spellings beside the long ones."""
    add_options(parser, short=True)
