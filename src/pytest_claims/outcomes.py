"""How a claim's test ends without a verdict, or with a verdict that departs from its registration."""

from collections.abc import Iterable

import pytest

from pytest_claims.vocabulary import visible


class ClaimError(pytest.fail.Exception):  # type: ignore[name-defined,misc] # mypy does not see the public name
    """A claim that cannot be judged, in one sentence; shown without a traceback. It ends as a pytest *error*."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence), pytrace=False)


class Departure(pytest.fail.Exception):  # type: ignore[name-defined,misc] # mypy does not see the public name
    """A verdict that departs from its registration: the claim fails."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence), pytrace=False)


class Postponed(pytest.skip.Exception):  # type: ignore[name-defined,misc] # mypy does not see the public name
    """A claim whose trials, by ``keys``, are still being measured elsewhere: it is run again, and nobody hears of this.

    A skip, because it must wake no debugger.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        super().__init__("its trials are being measured")
        self.keys = frozenset(keys)


# terminals show "ClaimError: sentence", not the module (pytest does so for its own outcomes)
for _outcome in (ClaimError, Departure):
    _outcome.__module__ = "builtins"
