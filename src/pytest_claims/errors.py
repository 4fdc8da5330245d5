"""What can go wrong, each error one sentence for a person. Knows nothing of pytest; `outcomes` ends its tests."""

from __future__ import annotations

from dataclasses import dataclass


class EvidenceError(ValueError):
    """The evidence cannot be judged: a NaN, a missing trial, fewer than 8 seeds, dimensions that do not fit.

    Its message is one plain sentence. Whoever runs claims reports it as an *error*, never as a verdict.
    """


class DesignError(EvidenceError):
    """What is asked makes no sense, whatever the data: a missing argument, a margin that is no number."""


class ResultsError(Exception):
    """A results.json that cannot be used, in one sentence."""


class SeedError(ValueError):
    """A block of seeds that cannot be used, in one sentence."""


class EngineError(ValueError):
    """An engine that is unknown, not installed or cannot be loaded, in one sentence."""


@dataclass(frozen=True)
class Attempt:
    """Who is computing a trial, since when (seconds since the epoch), and which trial it is in words."""

    key: str
    worker: str
    started: float
    label: str
    measurement: str


class TrialError(Exception):
    """A trial gave nothing that can be judged; the message is one sentence, ``details`` a traceback as text.

    ``died``: the attempt of which a process died (``trials.store.Attempt``), where that is what happened.
    """

    def __init__(self, sentence: str, details: str = "", died: Attempt | None = None) -> None:
        super().__init__(sentence)
        self.details = details
        self.died = died


class TrialTimeout(BaseException):
    """Raised by the alarm inside a trial; no ``except Exception`` of a measurement may swallow it."""


class ClaimWarning(UserWarning):
    """Something about a claim or its trials that a reader should know and that fails nothing."""


class RequirementsError(ValueError):
    """A requirement that cannot be used, in one sentence."""


class ScaffoldError(Exception):
    """A folder of claims that cannot be started, in one sentence."""
