"""results.json, schema 1: assembled, made valid JSON, read again. Its fields are described in docs and design.md."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_claims.errors import ResultsError
from pytest_claims.files import write_atomically
from pytest_claims.vocabulary import SCHEMA

Record = dict[str, Any]
Results = dict[str, Any]


def as_json(value: Any) -> Any:
    """Return the value in JSON's own types; numbers that JSON has no word for (NaN, infinities) become null."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, Iterable):
        return [as_json(one) for one in value]
    if hasattr(value, "item"):  # numpy scalars
        return as_json(value.item())
    return str(value)


def parse_record(text: str) -> Record:
    """Read a claim's evidence off a test report; NaN and infinities become None."""
    record: Record = as_json(json.loads(text, parse_constant=lambda _: None))
    return record


def natural(identifier: str) -> tuple[Any, ...]:
    """Sort key that puts 2.a before 10.a and a claim before its variants."""
    bare, _, variant = identifier.partition("@")
    parts = re.split(r"(\d+)", bare)
    return (*((1, 0, part) if i % 2 == 0 else (0, int(part), "") for i, part in enumerate(parts)), (2, 0, variant))


def assemble(records: Iterable[Record], facts: Mapping[str, Any]) -> Results:
    """Return the results of a run: ``facts`` are the fields beside "schema" and "claims"."""
    claims = sorted((as_json(record) for record in records), key=lambda record: natural(str(record.get("id", ""))))
    adjust(claims)
    results: Results = {"schema": SCHEMA, **as_json(facts), "claims": claims}
    return results


def adjust(claims: Sequence[Record]) -> None:
    """Set "p_holm", Holm's adjusted p-value over the claims at hand. Descriptive: the interval decides."""
    tested = [claim for claim in claims if claim.get("p_value") is not None and claim.get("verdict") != "error"]
    for claim in claims:
        claim["p_holm"] = None
    if not tested:
        return
    from statsmodels.stats.multitest import multipletests  # a second that only reports need

    p_values = [min(1.0, max(0.0, claim["p_value"])) for claim in tested]
    for claim, adjusted in zip(tested, multipletests(p_values, method="holm")[1], strict=True):
        claim["p_holm"] = float(adjusted)


def write(folder: Path, results: Results) -> Path:
    """Write results.json whole or not at all; one claim a line, so that two runs can be compared by diff."""
    claims = [json.dumps(claim, ensure_ascii=False, allow_nan=False) for claim in results["claims"]]
    # claims come last, whatever was added after them
    facts = {name: value for name, value in results.items() if name != "claims"} | {"claims": []}
    head = json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=1)
    body = head.removesuffix("[]\n}") + ("[\n" + ",\n".join(claims) + "\n]" if claims else "[]") + "\n}\n"
    path = folder / "results.json"
    write_atomically(path, body)
    return path


def load(path: Path) -> tuple[Path, Any]:
    """Return a stored run's file and what it holds; a folder stands for the results.json in it. ResultsError if none.

    What it holds may be anything that is JSON; numbers that JSON lacks are None.
    """
    if path.is_dir():
        path = path / "results.json"
    try:
        return path, json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ResultsError(f"{path} is no valid JSON: {error}.") from error


def read(path: Path) -> Results:
    """Read a results.json of schema 1; a folder stands for the file in it. ResultsError in one sentence otherwise."""
    path, results = load(path)
    if not isinstance(results, dict) or "schema" not in results:
        raise ResultsError(f"{path} is no results.json of a claims run: it has no field 'schema'.")
    if results["schema"] != SCHEMA:
        raise ResultsError(f"{path} has schema {results['schema']!r}; this version reads schema {SCHEMA}.")
    if not isinstance(results.get("claims"), list) or not all(
        isinstance(claim, dict) and isinstance(claim.get("id"), str) for claim in results["claims"]
    ):
        raise ResultsError(f"{path} is no results.json of a claims run: 'claims' is not a list of claims with ids.")
    return dict(results)
