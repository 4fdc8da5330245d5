"""What can go wrong: each error is one sentence for a person. Nothing here needs pytest; `outcomes` does."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_claims.vocabulary import visible


class EvidenceError(ValueError):
    """The evidence cannot be judged: a NaN, a missing trial, fewer than 8 seeds, dimensions that do not fit.

    Its message is one plain sentence. A run reports it as an *error*, never as a verdict.
    """


class DesignError(EvidenceError):
    """A hypothesis makes no sense, whatever the data: a missing argument, a margin that is not a number."""


class ResultsError(Exception):
    """A results.json that cannot be used for what was asked, in one sentence."""


class UnreadableError(ResultsError):
    """A stored file that cannot be read, or holds something else than it should, in one sentence that names it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence))  # a file may hold anything


class FolderError(Exception):
    """A folder or a file that may not be written, in one sentence."""


class GitHubError(Exception):
    """GitHub's command line cannot do what was asked, in one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence))  # it says what a server said


class SeedError(ValueError):
    """A block of seeds that cannot be used, in one sentence."""


class EngineError(ValueError):
    """An engine that is unknown, not installed or cannot be loaded, in one sentence."""


class ClusterError(Exception):
    """A cluster that cannot be used, or was lost, in one sentence without its full stop."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence.rstrip(".")))


class UnsupportedError(EngineError):
    """An engine lacks what a measurement asks for, in one sentence; claims that rest on it are skipped."""


@dataclass(frozen=True)
class Attempt:
    """An attempt at a trial: the worker that computes it, since when (seconds since the epoch), the trial in words."""

    key: str
    worker: str
    started: float
    label: str
    measurement: str


class TrialError(Exception):
    """A trial gave nothing that can be judged; the message is one sentence, ``details`` a traceback as text.

    ``died`` is the attempt whose process died, where that is what happened. ``unsupported``: the engine lacks what the
    measurement asks for, which is no fault of either.
    """

    def __init__(
        self, sentence: str, details: str = "", died: Attempt | None = None, *, unsupported: bool = False
    ) -> None:
        super().__init__(visible(sentence))
        self.details = visible(details)
        self.died = died
        self.unsupported = unsupported


class TrialTimeout(BaseException):
    """Raised by the alarm inside a trial; no ``except Exception`` of a measurement may swallow it."""


class ClaimWarning(UserWarning):
    """Something about a claim or its trials that a reader should know; it makes nothing fail."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(visible(sentence))


class RunError(Exception):
    """A run in a notebook that gave no verdict, in one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible(sentence))

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows instead of a traceback."""
        return [str(self)]


class RequirementsError(ValueError):
    """A requirement that cannot be used, in one sentence."""


class ScaffoldError(Exception):
    """A folder of claims that cannot be started, in one sentence."""
