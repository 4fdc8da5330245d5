"""What can go wrong on the way to a verdict. All of these end as a pytest *error*, never as a verdict."""

from typing import TYPE_CHECKING

from _pytest.outcomes import Failed

if TYPE_CHECKING:
    from trials.store import Attempt


class TrialError(Exception):
    """A trial gave nothing that can be judged; the message is one sentence, ``details`` a traceback as text.

    ``died``: the attempt of which a process died, where that is what happened.
    """

    def __init__(self, sentence: str, details: str = "", died: "Attempt | None" = None) -> None:
        super().__init__(sentence)
        self.details = details
        self.died = died


class TrialTimeout(BaseException):
    """Raised by the alarm inside a trial; no ``except Exception`` of a measurement may swallow it."""


class ClaimError(Failed):
    """A claim that cannot be judged, in one sentence; shown without a traceback."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, pytrace=False)


class ClaimWarning(UserWarning):
    """Something about a claim or its trials that a reader should know and that fails nothing."""


class Departure(Failed):
    """A verdict that departs from its registration: the claim fails."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, pytrace=False)


# terminals show "ClaimError: sentence", not the module (pytest does so for its own outcomes)
for _shown in (ClaimError, Departure):
    _shown.__module__ = "builtins"
