"""Reads stored JSON files: whatever is in one, the caller gets plain data of the right shape, or one sentence.

The shape of results.json is published: `schemas/results-1.json`, a JSON Schema that ships with the library.
"""

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_claims.errors import UnreadableError
from pytest_claims.files import read_ordinary

#: Levels of lists and objects inside each other; ours have about ten.
DEEPEST = 64
#: Characters of a wrong value that a sentence repeats.
SHOWN = 40
KINDS = {
    "object": "an object", "array": "a list", "string": "a string", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "null": "null",
}  # fmt: skip


def read_json(path: Path) -> Any:
    """Return what a JSON file holds: finite numbers, whole characters, at most ``DEEPEST`` levels.

    Raises an UnreadableError that names the file, and the field where one is wrong.
    """
    try:
        data = read_ordinary(path)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise UnreadableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    value = _parsed(path, data)
    problem = _first_oddity(value)
    if problem:
        raise UnreadableError(f"{path} cannot be used: {problem}.")
    return value


def read_mapping(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds that must be an object; UnreadableError where it is anything else."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise UnreadableError(f"{path} cannot be used: it holds {kind_of(value)}; an object is expected.")
    return value


def _parsed(path: Path, data: bytes) -> Any:
    if not data.strip():
        raise UnreadableError(f"{path} is no valid JSON: it is empty.")
    if data.startswith(b"\xef\xbb\xbf"):
        raise UnreadableError(f"{path} is no valid JSON: it begins with a byte order mark; save it as UTF-8 without.")
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is no valid JSON: byte {error.start} is no text in UTF-8.") from error
    except RecursionError as error:
        raise UnreadableError(f"{path} cannot be used: it is nested more than {DEEPEST} levels deep.") from error
    except ValueError as error:  # what is no JSON, and a whole number of thousands of digits
        raise UnreadableError(f"{path} is no valid JSON: {error}.") from error


def _first_oddity(value: Any) -> str | None:
    """Return what Python reads as JSON and nothing can compute with or write: the first such value, with its place."""
    todo: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while todo:
        at, inner = todo.pop()
        if len(at) > DEEPEST:
            return f"it is nested more than {DEEPEST} levels deep"
        problem = _oddity(inner)
        if problem:
            return f"{place(at)} {problem}"
        if isinstance(inner, dict):
            if any(_broken(key) for key in inner):
                return f"a name in {place(at)} has half of a character"
            todo += [((*at, key), item) for key, item in inner.items()]
        elif isinstance(inner, list):
            if set(map(type, inner)) == {float} and all(map(math.isfinite, inner)):
                continue  # most of a file: the values of each seed
            todo += [((*at, index), item) for index, item in enumerate(inner)]
    return None


def _oddity(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "is no finite number"
    if isinstance(value, int):
        try:
            float(value)
        except OverflowError:
            return "is a number too large to compute with"
    if isinstance(value, str) and _broken(value):
        return "has half of a character"
    return None


def _broken(text: str) -> bool:
    """Whether a text has a lone surrogate, which no file and no terminal takes."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def kind_of(value: Any) -> str:
    """Return what kind of JSON a value is, in words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return "a number"
    return KINDS["string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"]


def place(at: Iterable[str | int]) -> str:
    """Return where in a file a value is: ``claims[3].effect``; "the file" for all of it."""
    text = ""
    for step in at:
        text += f"[{step}]" if isinstance(step, int) else f".{_clip(step)}"
    return text.removeprefix(".") or "the file"


def _clip(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


# -- the published schema -------------------------------------------------------------------------------------------


@cache
def schema(name: str = "results-1") -> Mapping[str, Any]:
    """Return a published schema."""
    text = resources.files("pytest_claims").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def problem_of(value: Any, part: str = "") -> str | None:
    """Return what keeps JSON from being a results.json of schema 1, as part of a sentence; None where it is one.

    ``part`` names a definition of the schema that refers to no other: then JSON is checked to be that.
    """
    from jsonschema.exceptions import best_match

    validator = _validator()
    if part:
        validator = validator.evolve(schema=schema()["$defs"][part])
    error = best_match(validator.iter_errors(value))
    return None if error is None else _in_words(error)


@cache
def _validator() -> Any:
    """Return the schema's validator. jsonschema is loaded where a file is read, not when a session starts.

    jsonschema takes some ten microseconds for each value, and a run has a hundred thousand. Plain values that plainly
    have the type asked for are passed over here; all others take jsonschema's own way.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    original = Draft202012Validator.VALIDATORS

    def properties(validator: Any, wanted: Any, instance: Any, whole: Any) -> Any:
        if isinstance(instance, dict):
            left = {name: rule for name, rule in wanted.items() if name in instance and not _fits(instance[name], rule)}
            yield from original["properties"](validator, left, instance, whole)

    def items(validator: Any, wanted: Any, instance: Any, whole: Any) -> Any:
        if isinstance(instance, list) and not all(_fits(item, wanted) for item in instance):
            yield from original["items"](validator, wanted, instance, whole)

    def further(validator: Any, wanted: Any, instance: Any, whole: Any) -> Any:
        if isinstance(instance, dict) and not all(_fits(item, wanted) for item in instance.values()):
            yield from original["additionalProperties"](validator, wanted, instance, whole)

    return extend(Draft202012Validator, {"properties": properties, "items": items, "additionalProperties": further})(
        schema()
    )


#: The names of types in a schema that values of plain types fit.
_FITS = {float: {"number"}, int: {"number", "integer"}, str: {"string"}, bool: {"boolean"}, type(None): {"null"}}
#: What a rule may say that is about nothing but the type.
_TYPE_ONLY = {"type", "description"}


def _fits(value: Any, rule: Any) -> bool:
    """Whether a value plainly is what a rule asks for; False where that is not plain."""
    if isinstance(rule, bool) or not rule.keys() <= _TYPE_ONLY:
        return False
    wanted = rule.get("type", ())
    names = _FITS.get(type(value), ())
    return any(name in names for name in ([wanted] if isinstance(wanted, str) else wanted))


def _in_words(error: Any) -> str:
    """Return jsonschema's error as part of a sentence, with the place of the field."""
    where, wanted, found = place(error.absolute_path), error.validator_value, error.instance
    match error.validator:
        case "type":
            names = [KINDS[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
            verb = "is" if error.absolute_path else "holds"
            what = f"{verb} {kind_of(found)}; {_either(names)} is expected"
        case "required":
            what = f"has no field {next(name for name in wanted if name not in found)}"
        case "enum":
            what = f"is {_clip(found)}; {_either([_clip(value) for value in wanted])} is expected"
        case "const":
            what = f"is {_clip(found)}; {_clip(wanted)} is expected"
        case "minItems" | "maxItems":
            what = f"has {len(found)} entries; {wanted} are expected"
        case "maxLength":
            what = f"has {len(found)} characters; at most {wanted} are allowed"
        case _:
            what = f"is {_clip(found)}, which is not what this field holds"
    return f"{where} {what}"


def _either(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
