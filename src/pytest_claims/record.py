"""Records: what results.json says of a claim (design.md, contract 5)."""

import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_claims.trials.claims import Claim
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import PROPERTY

if TYPE_CHECKING:
    from pytest_claims.trials.evidence import Evidence

#: Fields that only a verdict fills.
_UNKNOWN: dict[str, Any] = {
    "kind": None,
    "effect": None,
    "interval": None,
    "margin": None,
    "region": None,
    "alpha": None,
    "p_value": None,
    "parts": [],
    "conditions": [],
    "unit": "",
    "diverged": 0,
    "inputs": {},
    "derived": {},
    "trace": None,
    "controls": None,
    "looks": None,
    "seconds_by_trial": [],
    "reused": 0,
    "duration_s": 0.0,
    "direction": None,
    "win_rate": None,
    "d_z": None,
    "detectable": None,
    "seeds_needed": None,
}


def declared(item: pytest.Item, claim: Claim, settings: Settings) -> dict[str, Any]:
    """Return what is known of a claim before anything is measured, every field in place."""
    module = inspect.cleandoc(getattr(getattr(item, "module", None), "__doc__", None) or "")
    question, _, protocol = module.partition("\n\n")
    root = item.config.rootpath
    path = Path(item.path)
    return {
        "id": claim.id,
        "nodeid": item.nodeid,
        "text": claim.text,
        "source": claim.source,
        "registered": claim.registered,
        "reason": claim.reason,
        "verdict": "error",
        "outcome": "error",
        "message": "",
        **_UNKNOWN,
        "seeds": settings.size(claim.seeds),
        "published": None if claim.published is None else jsonable(claim.published),
        "experiment": claim.id.partition(".")[0],
        "question": " ".join(question.split()),
        "protocol": protocol.strip(),
        "file": path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name,
        "line": (item.reportinfo()[1] or 0) + 1,
        "discussion": inspect.cleandoc(getattr(getattr(item, "obj", None), "__doc__", None) or ""),
        "variant_of": claim.variant_of,
        "variant": claim.variant,
        "departs": claim.departs,
        "departures": claim.departures,
        "registered_seeds": claim.seeds,
        "clock": claim.clock,
        "stream": settings.stream,
        "engine": settings.engine,
    }


def of_evidence(evidence: Mapping[str, "Evidence"]) -> dict[str, Any]:
    """Return the fields that tell where a claim's numbers come from."""
    from pytest_claims.trials.evidence import ledger

    trials = [
        {
            "measurement": trial.measurement.name,
            "condition": stored.facts["condition"],
            "seeds": stored.facts["seeds"],
            "seconds": stored.facts["seconds"],
            "processor_s": stored.facts.get("processor_s"),
            "began": stored.facts.get("began"),  # seconds since the epoch
            "worker": stored.facts["worker"],
            "reused": bool(stored.facts.get("reused")),
        }
        for one in evidence.values()
        for trial, stored in one.runs
    ]
    experiments = {str(trial.measurement.experiment) for one in evidence.values() for trial, _ in one.runs}
    return {
        **ledger(evidence),
        "diverged": sum(one.diverged for one in evidence.values()),
        "seconds_by_trial": trials,
        "reused": sum(trial["reused"] for trial in trials),
        "duration_s": round(sum(trial["seconds"] for trial in trials), 3),
        **({"experiment": experiments.pop()} if len(experiments) == 1 else {}),
    }


def error(record: Mapping[str, Any], sentence: str, root: Path) -> dict[str, Any]:
    """Return the record of a claim that could not be judged."""
    return {**record, "verdict": "error", "outcome": "error", "message": without_paths(sentence, root)}


def without_paths(text: str, root: Path) -> str:
    """Return the text without places of this machine: files below the root keep their relative name."""
    text = text.replace(f"{root}/", "")
    return re.sub(r"(?<![\w.:/])/(?:[\w.+-]+/)+([\w.+-]+)", r"\1", text)


def attach(properties: list[tuple[str, Any]], record: Mapping[str, Any]) -> None:
    """Put a record on a report's or an item's properties, in the place of an earlier one."""
    properties[:] = [(name, value) for name, value in properties if name != PROPERTY]
    properties.append((PROPERTY, json.dumps(jsonable(record), ensure_ascii=False, allow_nan=False)))


def jsonable(value: Any) -> Any:
    """Return the value in JSON's words: numbers that are not finite as null, keys as strings, arrays as lists."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [jsonable(one) for one in value]
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - false for NaN only
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
