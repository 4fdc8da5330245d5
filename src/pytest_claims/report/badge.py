"""A badge: how many claims are supported, refuted and open, as JSON that shields.io draws from an address."""

from typing import Any

from pytest_claims.report.words import departed
from pytest_claims.results import Results

#: What a badge says of each verdict.
WORDS = {"supported": "supported", "refuted": "refuted", "inconclusive": "open", "error": "in error"}


def badge(results: Results, label: str = "claims") -> dict[str, Any]:
    """Return the JSON of shields.io's endpoint badge.

    Red: a verdict departs from its registration, or the comparison with the baseline raised an alarm. Grey: the run is
    not complete, so it says nothing about the claims that are missing. Green: neither.
    """
    counts = {verdict: sum(claim.verdict == verdict for claim in results.claims) for verdict in WORDS}
    words = [f"{count} {WORDS[verdict]}" for verdict, count in counts.items() if count or verdict != "error"]
    partial = results.complete is False
    if partial:
        words.append("run not complete")
    alarm = bool(results.alarms) or any(map(departed, results.claims))
    return {
        "schemaVersion": 1,
        "label": label,
        "message": ", ".join(words),
        "color": "red" if alarm else "lightgrey" if partial or not results.claims else "brightgreen",
    }
