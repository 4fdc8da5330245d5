"""A badge: how many claims are supported, refuted and open, as JSON that shields.io draws from an address."""

from typing import Any

from pytest_claims.report.words import departed, excused
from pytest_claims.results import Results
from pytest_claims.vocabulary import DEFAULT_ENGINE, is_registered

#: What a badge says of each verdict.
WORDS = {"supported": "supported", "refuted": "refuted", "inconclusive": "open", "error": "in error"}


def badge(results: Results, label: str = "claims") -> dict[str, Any]:
    """Return the JSON of shields.io's endpoint badge.

    Red: a verdict departs from its registration, or the comparison with the baseline raised an alarm. Green: every
    claim was judged as it is registered (seeds, engine, conditions), and every verdict is as registered. Grey: neither,
    and the message says why.
    """
    claims = results.claims
    counts = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in WORDS}
    words = [f"{count} {WORDS[verdict]}" for verdict, count in counts.items() if count or verdict != "error"]
    doubts = _doubts(results)
    alarm = bool(results.alarms) or any(map(departed, claims))
    return {
        "schemaVersion": 1,
        "label": label,
        "message": ", ".join(words + doubts),
        "color": "red" if alarm else "lightgrey" if doubts or not claims else "brightgreen",
    }


def _doubts(results: Results) -> list[str]:
    """Return why a run without a failure does not say that every verdict is as registered."""
    claims = results.claims
    counts = {
        "not as registered": sum(map(excused, claims)),
        "not registered": sum(claim.registered is None for claim in claims),
        "skipped": len(results.skipped),
    }
    kinds = {
        "quick look": any(claim.is_quick for claim in claims),
        "more or fewer seeds": any(not (claim.as_registered or claim.is_quick) for claim in claims),
        "other seeds": any(not is_registered(claim.stream) for claim in claims),
        "another engine": any(claim.engine != DEFAULT_ENGINE for claim in claims),
        "other conditions": any(claim.changed for claim in claims),
        "run not complete": results.complete is False,
    }
    return [
        *(f"{count} {what}" for what, count in counts.items() if count),
        *(what for what, doubtful in kinds.items() if doubtful),
    ]
