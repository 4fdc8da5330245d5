"""What a baseline must hold to be compared with: each field that the comparison reads, and the kind of its value.

A baseline is checked when the options are read: a faulty field costs a sentence, not a run. Fields may be missing or
null, as in the files of older versions.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_claims.vocabulary import ENDS

#: A kind of value: its name in words, and the test for it.
Kind = tuple[str, Callable[[Any], bool]]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Any) -> bool:
    """Whether a value is a list of numbers; null stands for one that was not finite."""
    return isinstance(value, list) and all(item is None or _is_number(item) for item in value)


def _is_trace(value: Any) -> bool:
    """Whether a value holds the first steps of probes: lists of one length, nested by condition to any depth."""
    if not isinstance(value, dict):
        return False
    if not isinstance(value.get("step"), list):
        return all(_is_trace(inner) for inner in value.values() if isinstance(inner, dict))
    columns: list[Any] = [value.get(name) for name in ("step", "loss", "gradient")]
    return all(map(_numbers, columns)) and len(set(map(len, columns))) == 1 and None not in columns[0]


TEXT: Kind = ("a text", lambda value: isinstance(value, str))
FLAG: Kind = ("true or false", lambda value: isinstance(value, bool))
NUMBER: Kind = ("a number", _is_number)
COUNT: Kind = ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0)
NUMBERS: Kind = ("a list of numbers", _numbers)
PAIR: Kind = ("two numbers", lambda value: _numbers(value) and len(value) == 2)  # noqa: PLR2004 - two ends
OBJECT: Kind = ("an object", lambda value: isinstance(value, dict))
OBJECTS: Kind = (
    "a list of objects",
    lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
)
ARRAYS: Kind = (
    "lists of numbers by name",
    lambda value: isinstance(value, dict) and all(map(_numbers, value.values())),
)
TRACE: Kind = ("the steps, losses and gradients of probes", _is_trace)
VERDICT: Kind = (f"one of {', '.join(ENDS)}", lambda value: isinstance(value, str) and value in ENDS)

LEDGER = {"inputs": OBJECT, "derived": ARRAYS, "trace": TRACE}
RESULT = {"effect": NUMBER, "interval": PAIR, "region": PAIR, "margin": NUMBER}
RUN = {"started": TEXT, "complete": FLAG, "condensed": FLAG, "environment": OBJECT, "evidence": OBJECT}
CLAIM = {
    **RESULT, **LEDGER, "verdict": VERDICT, "alpha": NUMBER, "seeds": COUNT, "registered_seeds": COUNT, "clock": FLAG,
    "stream": TEXT, "engine": TEXT, "text": TEXT, "kind": TEXT, "numbers": TEXT, "evidence": TEXT, "parts": OBJECTS,
    "conditions": OBJECTS,
}  # fmt: skip
PART = {**RESULT, "text": TEXT, "role": TEXT, "verdict": VERDICT, "estimator": TEXT, "values": NUMBERS}
CONDITION = {"values": NUMBERS}


def wrong_field(run: Mapping[str, Any]) -> str | None:
    """Return a clause that names the first field of a run's JSON that cannot be compared; None where all can be.

    ``run`` lists its claims, each with an id.
    """
    for place, entry, kinds in _entries(run):
        for name, (words, holds) in kinds.items():
            if entry.get(name) is not None and not holds(entry[name]):
                return f"{place}{name} should be {words}"
    return None


def _entries(run: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Kind]]]:
    """Yield every object with its place in words; what an object holds comes after it, so is of the right kind."""
    yield "", run, RUN
    for name, ledger in (run.get("evidence") or {}).items():
        yield "", {f"evidence.{name}": ledger}, {f"evidence.{name}": OBJECT}
        yield f"evidence.{name}.", ledger, LEDGER
    for claim in run["claims"]:
        yield f"claim {claim['id']}: ", claim, CLAIM
        for at, part in enumerate(claim.get("parts") or ()):
            yield f"claim {claim['id']}: parts[{at}].", part, PART
        for at, condition in enumerate(claim.get("conditions") or ()):
            yield f"claim {claim['id']}: conditions[{at}].", condition, CONDITION
