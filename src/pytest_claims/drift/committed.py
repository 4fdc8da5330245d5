"""The committed baseline: one run, made small enough to review like code.

A claim keeps its verdict, its interval and the deciding part's effect of each seed. Hashes, derived arrays and first
steps that several claims share are kept once. Each claim and each entry of evidence has its own line, so that a diff
shows which one changed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_claims.drift.comparison import Comparison, compare
from pytest_claims.drift.evidence import numbers_of, parts_of
from pytest_claims.errors import ResultsError, UnreadableError
from pytest_claims.files import write_atomically
from pytest_claims.record import Record
from pytest_claims.results import Results, checked, load
from pytest_claims.vocabulary import SCHEMA, is_registered

#: Fields of a claim's record that a baseline keeps unchanged.
KEPT = ("id", "text", "registered", "verdict", "kind", "effect", "interval", "margin", "region", "alpha", "seeds")
DESIGN = ("stream", "engine", "clock", "first_look", "last_look")
PART = ("text", "role", "effect", "interval", "region", "margin", "values")
LEDGER = ("inputs", "derived", "trace")
#: The order in which a claim's fields are written; any others come after them.
ORDER = (*KEPT, *DESIGN, "parts", "numbers", "evidence")
DIGITS = 12  # significant digits of a seed's effect; bit for bit, only the digest of all numbers is compared


def read_baseline(path: Path) -> Results:
    """Read an earlier run, whole or cut down, of any schema whose fields are those of this one.

    Raises an UnreadableError, one sentence that names the file and the field that is wrong.
    """
    path, results = load(path)
    if not isinstance(results, dict) or "claims" not in results:
        raise UnreadableError(f"{path} is no results of a claims run: it holds no list of claims with ids.")
    schema = results.get("schema")
    known = schema is None or (isinstance(schema, int) and not isinstance(schema, bool))
    checked(path, results | {"schema": SCHEMA} if known else results)
    baseline = Results.from_json(results)
    for claim in baseline.claims:
        try:
            compare(alone := replace(baseline, claims=(claim,)), alone)
        except Exception as error:  # what no schema foresees must not cost a run its report either
            raise UnreadableError(f"{path} cannot be compared with: claim {claim.id} ({error}).") from error
    return baseline


def compare_with(baseline: Results, results: Results) -> dict[str, Any]:
    """Return the field "baseline" of results.json."""
    return compare(baseline, results).as_json()


def condensed(results: Results) -> Results:
    """Return a run with only what a later run is compared with."""
    pool: dict[str, dict[str, Any]] = {}
    claims = tuple(_claim(record, pool) for record in results.claims)
    head = replace(results, claims=()).only(("schema", "started", "environment"))
    return replace(head, condensed=True, evidence=dict(sorted(pool.items())), claims=claims)


def _claim(record: Record, pool: dict[str, dict[str, Any]]) -> Record:
    kept = record.only((*KEPT, *DESIGN))
    if record.clock:
        return kept.extended({"effect": None, "interval": None})  # measured times differ from night to night
    if record.parts:
        part = parts_of(record)[0]
        small = part.only(PART).extended({"values": [_rounded(value) for value in part.values]})
        kept = kept.extended({"parts": [small], "numbers": numbers_of(record)})
    ledger = {name: value for name, value in record.only(LEDGER).as_json().items() if value}
    return kept.extended({"evidence": _pooled(ledger, pool)}) if ledger else kept


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _pooled(ledger: dict[str, Any], pool: dict[str, dict[str, Any]]) -> str:
    """Return a name for evidence, made from its measurements; equal evidence is kept once."""
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
    if not results.complete:
        return "Not every claim was judged: a baseline needs a complete run."
    errors = [claim.id for claim in results.claims if claim.verdict == "error"]
    if errors:
        return f"{', '.join(errors)}: an error is no verdict that a later run could be compared with."
    other = [claim.id for claim in results.claims if not is_registered(claim.stream) or not claim.as_registered]
    if other:
        return f"{', '.join(other)}: not at the registered seeds; run pytest without --seeds, --fresh and --tier."
    return None


def review(path: Path, results: Results) -> tuple[Results, list[str]]:
    """Return the new baseline and the lines that say what it changes; ResultsError if the run cannot be a baseline."""
    reason = why_not(results)
    if reason:
        raise ResultsError(reason)
    new = condensed(results)
    if not path.exists():
        return new, [f"A new baseline of {len(new.claims)} claims."]
    return new, changes(compare(read_baseline(path), results))


def changes(comparison: Comparison) -> list[str]:
    """Return what replacing a baseline changes: the comparison, then new and dropped claims."""
    field = comparison.as_json()
    new = [f"new: {identifier}" for identifier in field["only_now"]]
    dropped = [f"dropped: {identifier} (not in this run)" for identifier in field["only_baseline"]]
    return [*comparison.sentences(), *new, *dropped]


def write(path: Path, baseline: Results) -> None:
    """Write a baseline whole or not at all, with a line for each claim and each entry of evidence."""
    head = replace(baseline, claims=()).without(("claims", "evidence")).as_json()
    lines = ["{", *(f" {_json(name)}: {_json(value)}," for name, value in head.items())]
    evidence = [f"  {_json(name)}: {_json(value)}" for name, value in baseline.evidence.items()]
    lines += [' "evidence": {', ",\n".join(evidence), " },"]
    lines += [' "claims": [', ",\n".join(f"  {_json(_in_order(claim))}" for claim in baseline.claims), " ]", "}"]
    write_atomically(path, "\n".join(line for line in lines if line) + "\n")


def _in_order(claim: Record) -> dict[str, Any]:
    """Return a claim's JSON with its fields in the order of earlier baselines, so that a diff shows only changes."""
    entry = claim.as_json()
    entry |= {"parts": [_sorted(part, PART) for part in entry["parts"]]} if "parts" in entry else {}
    return _sorted(entry, ORDER)


def _sorted(entry: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    return {name: entry[name] for name in order if name in entry} | dict(entry)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
