"""The exceptions of this package."""


class EvidenceError(ValueError):
    """The evidence cannot be judged: a NaN, a missing trial, fewer than 8 seeds, dimensions that do not fit.

    Its message is one plain sentence. Whoever runs claims reports it as an *error*, never as a verdict.
    """


class DesignError(EvidenceError):
    """What is asked makes no sense, whatever the data: a missing argument, a margin that is no number."""
