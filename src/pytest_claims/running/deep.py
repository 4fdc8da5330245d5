"""What deep runs found: kept beside the claims, and shown where a run ends before it decides."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_claims.record import Record
from pytest_claims.results import Results
from pytest_claims.running.beside import Beside
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import DEEP, DEFAULT_ENGINE, is_registered

FINDINGS = Beside("deep.json", "deep runs", ("margin",), "finding")
#: The fields of a record that a finding keeps.
KEPT = ("verdict", "seeds", "effect", "interval", "undecided", "within", "ended")
#: A finding is about the same claim where these fields of the records are equal,
SAME = ("stream", "registered_looks", "kind")
#: and where one of the claim's parts has these: of several parts another may have decided in the deep run.
OF_A_PART = ("margin", "region")


def is_deep(settings: Settings) -> bool:
    """Whether this run goes on to the deepest looks, on the registered seeds and as they are registered."""
    plain = not settings.pilot and settings.seeds is None and settings.engine == DEFAULT_ENGINE
    return settings.tier == DEEP and plain and is_registered(settings.stream)


def finding(record: Record) -> dict[str, Any] | None:
    """Return a claim's entry of deep.json after a deep run; None where its registered seeds decide it, or an error."""
    registered = record.registered_seeds
    beyond = record.seeds is not None and registered is not None and record.seeds > registered
    if record.verdict == "error" or not (beyond or record.verdict == "inconclusive"):
        return None
    known = record.as_json()
    return {name: known.get(name) for name in (*SAME, *OF_A_PART, *KEPT)}


def found(record: Record, path: Path) -> dict[str, Any] | None:
    """Return what a deep run found about a claim that this run left open; None where nothing is known.

    A finding about another edition of the seeds, other looks or another margin is of another claim. Raises an
    UnreadableError where the file is damaged.
    """
    if record.verdict != "inconclusive" or record.engine != DEFAULT_ENGINE:
        return None
    entry = FINDINGS.read(path).get(record.id)
    if entry is None:
        return None
    known = record.as_json()
    if any(entry.get(name) != known.get(name) for name in SAME):
        return None
    if not record.asks_for(*(entry.get(name) for name in OF_A_PART)):
        return None
    if (entry.get("seeds") or 0) <= (record.seeds or 0):
        return None  # no more than this run saw
    return {name: entry.get(name) for name in KEPT}


def with_findings(results: Results, root: Path) -> Results:
    """Return a run with what deep runs have found since about the claims that it left open, whose files are in root."""
    claims = []
    for record in results.claims:
        entry = found(record, FINDINGS.path(root, record.file)) if record.file else None
        claims.append(record if entry is None else record.extended({"deep": entry}))
    return replace(results, claims=tuple(claims))
