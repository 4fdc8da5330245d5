"""Hooks that this package calls; other plugins implement them."""

from typing import Any

import pytest


@pytest.hookspec
def pytest_claim_judged(
    config: pytest.Config, item: pytest.Item, record: dict[str, Any], hypothesis: Any, pictures: tuple[Any, ...]
) -> None:
    """Take note of a claim that has a verdict, on the process that judged it, before its test report travels.

    Not called for errors: nothing was judged. ``record`` is the claim's entry of results.json; implementers may extend
    it with JSON values. ``hypothesis`` and ``pictures`` are what the claim returned.
    """


@pytest.hookspec(firstresult=True)
def pytest_engine_problem(config: pytest.Config, engine: str) -> str | None:
    """Say in one sentence why ``--engine NAME`` cannot be used, or return None.

    Called on the controller before anything is trained; the sentence becomes a usage error (exit status 4).
    """
