"""Conditions in words: one label for each value, the same in messages, node ids, figures and results.

A label must be the same in every process: xdist's workers compare the names of what they collect.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pytest_claims.vocabulary import SEED, visible

Condition = Mapping[str, Any]
Label = bool | int | float | str

#: The parameter of a measurement that takes the block of seeds.
SEEDS = "seeds"
#: An address in memory, as Python's default ``repr`` writes it: another in every process.
_ADDRESS = re.compile(r"\bat 0x[0-9A-Fa-f]+")


def label(value: Any) -> Label:
    """Return a condition's value as a label: numbers and texts as they are, anything else in words.

    numpy's numbers become Python's. A function or class is its ``__qualname__``. An absolute path is its last name: the
    folders above it belong to one machine. The members of a set are sorted.
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not getattr(value, "ndim", 0):
        value = value.item()
    if isinstance(value, str):
        return str.__str__(value)  # the text itself, also of a member of an enumeration
    for number in (bool, int, float):
        if isinstance(value, number):
            return number(value)
    if isinstance(value, PurePath):
        return value.name if value.is_absolute() and value.name else value.as_posix()
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(str(label(member)) for member in value))}}}"
    if callable(value) and isinstance(getattr(value, "__qualname__", None), str):
        return str(value.__qualname__)
    return " ".join(str(value).split())


def said(condition: Condition) -> dict[str, str]:
    """Return a condition's labels as text that can be shown anywhere, by name."""
    return {name: visible(str(label(value))) for name, value in condition.items()}


def in_words(condition: Condition) -> str:
    """Return ``layers=2, activation=relu``."""
    return ", ".join(f"{name}={text}" for name, text in said(condition).items())


def values_in_words(conditions: Mapping[str, Sequence[Any]]) -> str:
    """Return ``layers = 1, 2, 4; activation = relu``."""
    each = (f"{name} = {', '.join(str(label(value)) for value in values)}" for name, values in conditions.items())
    return visible("; ".join(each))


def fault_of(name: str, levels: Mapping[str, Sequence[Any]]) -> str | None:
    """Say what is wrong with the values of a measurement's conditions, in one sentence; None where nothing is."""
    for condition, values in levels.items():
        if condition in {SEED, SEEDS}:
            return (
                f"The measurement {name} has a condition {condition}, which is the name of the seeds; choose another."
            )
        why = _fault_of_labels(values)
        if why is not None:
            return f"The measurement {name} has values of {condition} {why}."
    return None


def _fault_of_labels(values: Sequence[Any]) -> str | None:
    """Say what is wrong with the labels of one condition's values; None where nothing is."""
    try:
        labels = [label(value) for value in values]
    except Exception as error:  # noqa: BLE001 - a value's own __str__ may raise anything
        return f"that have no text ({type(error).__name__})"
    for value, text in zip(values, labels, strict=True):
        if isinstance(text, str) and not isinstance(value, str) and _ADDRESS.search(text):
            kind = type(value).__qualname__
            return f"without a name: a {kind} is written with its address in memory, which changes; give it a __str__"
    if any(text != text for text in labels):  # noqa: PLR0124 - NaN alone differs from itself
        return "that are NaN, which equals nothing and cannot be selected"
    kinds = {"yes or no" if isinstance(text, bool) else "text" if isinstance(text, str) else "numbers"
             for text in labels}  # fmt: skip
    if len(kinds) > 1:
        shown = ", ".join(visible(repr(text)) for text in labels[:4])
        return f"of several kinds ({' and '.join(sorted(kinds))}: {shown}); make all of them text, or all numbers"
    twice = [visible(str(text)) for at, text in enumerate(labels) if text in labels[:at]]
    return f"that have the same label, {twice[0]}" if twice else None
