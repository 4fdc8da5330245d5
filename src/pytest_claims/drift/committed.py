"""The baseline that is committed: one run made small enough to be reviewed like code.

A claim keeps its verdict, its interval and the deciding part's effect of each seed; hashes, derived arrays and first
steps that several claims share stand once. One claim and one entry of evidence a line, so that a change of either is a
line of the diff.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_claims.drift.comparison import Comparison, compare
from pytest_claims.drift.evidence import Record, deciding, numbers_of
from pytest_claims.errors import ResultsError
from pytest_claims.files import write_atomically
from pytest_claims.results import Results

#: Fields of a claim's record that are kept as they are.
KEPT = ("id", "text", "registered", "verdict", "kind", "effect", "interval", "margin", "region", "alpha", "seeds")
DESIGN = ("stream", "engine", "clock")
PART = ("text", "role", "effect", "interval", "region", "margin", "values")
LEDGER = ("inputs", "derived", "trace")
DIGITS = 12  # significant digits of a seed's effect: the digest of the numbers is what is compared bit for bit


def condensed(results: Results) -> Results:
    """Return what a later run is compared with, and no more."""
    pool: dict[str, Record] = {}
    claims = [_claim(record, pool) for record in results["claims"]]
    head: dict[str, Any] = {name: results[name] for name in ("schema", "started", "environment") if name in results}
    return {**head, "condensed": True, "evidence": dict(sorted(pool.items())), "claims": claims}


def _claim(record: Record, pool: dict[str, Record]) -> dict[str, Any]:
    kept = {name: record[name] for name in (*KEPT, *DESIGN) if name in record}
    part = deciding(record)
    if record.get("clock"):
        return {**kept, "effect": None, "interval": None}  # measured times differ from night to night
    if part is not None:
        small = {name: part[name] for name in PART if name in part}
        small["values"] = [_rounded(value) for value in part.get("values") or []]
        kept |= {"parts": [small], "numbers": numbers_of(record)}
    ledger = {name: record[name] for name in LEDGER if record.get(name)}
    return {**kept, "evidence": _pooled(ledger, pool)} if ledger else kept


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _pooled(ledger: Record, pool: dict[str, Record]) -> str:
    """Name evidence after the measurements that it comes from; equal evidence is kept once."""
    measurements = sorted({name.partition("/")[0].partition("[")[0] for name in ledger.get("inputs") or {}})
    name = stem = "+".join(measurements) or "evidence"
    number = 1
    while name in pool and pool[name] != ledger:
        number += 1
        name = f"{stem}.{number}"
    pool[name] = ledger
    return name


def why_not(results: Results) -> str | None:
    """Return why a run cannot be a baseline, in one sentence; None where it can."""
    claims = results["claims"]
    if not results.get("complete"):
        return "The run was interrupted: a baseline needs a complete one."
    errors = [claim["id"] for claim in claims if claim.get("verdict") == "error"]
    if errors:
        return f"{', '.join(errors)}: an error is no verdict that a later run could be compared with."
    other = [claim["id"] for claim in claims if not _as_registered(claim)]
    if other:
        return f"{', '.join(other)}: not at the registered seeds; run pytest without --seeds, --fresh and --sequential."
    return None


def _as_registered(claim: Record) -> bool:
    seeds = claim.get("seeds")
    return bool(claim.get("stream", "registered") == "registered" and claim.get("registered_seeds", seeds) == seeds)


def review(path: Path, results: Results) -> tuple[Results, list[str]]:
    """Return the new baseline and, in lines, what it changes; ResultsError where the run cannot be one."""
    reason = why_not(results)
    if reason:
        raise ResultsError(reason)
    new = condensed(results)
    if not path.exists():
        return new, [f"A new baseline of {len(new['claims'])} claims."]
    old = json.loads(path.read_text(encoding="utf-8"))
    return new, changes(compare(old, results))


def changes(comparison: Comparison) -> list[str]:
    """Say what replacing a baseline changes: the comparison, then claims that come and go."""
    field = comparison.as_json()
    comes = [f"new: {identifier}" for identifier in field["only_now"]]
    goes = [f"dropped: {identifier} (not in this run)" for identifier in field["only_baseline"]]
    return [*comparison.sentences(), *comes, *goes]


def write(path: Path, baseline: Mapping[str, Any]) -> None:
    """Write a baseline whole or not at all, one claim and one entry of evidence a line."""
    head = {name: value for name, value in baseline.items() if name not in {"claims", "evidence"}}
    lines = ["{", *(f" {_json(name)}: {_json(value)}," for name, value in head.items())]
    evidence = [f"  {_json(name)}: {_json(value)}" for name, value in baseline["evidence"].items()]
    lines += [' "evidence": {', ",\n".join(evidence), " },"]
    lines += [' "claims": [', ",\n".join(f"  {_json(claim)}" for claim in baseline["claims"]), " ]", "}"]
    write_atomically(path, "\n".join(line for line in lines if line) + "\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
