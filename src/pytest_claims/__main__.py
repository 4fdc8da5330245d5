"""`python -m pytest_claims` is the command `pytest-claims`."""

import sys

from pytest_claims.cli import main

sys.exit(main())
