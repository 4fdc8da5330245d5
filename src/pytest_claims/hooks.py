"""Hooks that this package calls; other plugins implement them."""

from collections.abc import Mapping
from typing import Any

import pytest

from pytest_claims.record import Record


@pytest.hookspec
def pytest_claim_judged(
    config: pytest.Config,
    item: pytest.Item,
    record: Record,
    hypothesis: Any,
    pictures: tuple[Any, ...],
    datasets: Mapping[str, Any],
) -> Mapping[str, Any] | None:
    """Use a claim's verdict in the process that judged it, before its test report is sent.

    Not called for errors: nothing was judged. ``record`` is the claim's entry of results.json, and frozen;
    implementers may return further fields for it, JSON values by name (such as ``{"figures": [...]}``). ``hypothesis``
    and ``pictures`` are what the claim returned; ``datasets`` what it got: an ``xr.Dataset`` by measurement.
    """
