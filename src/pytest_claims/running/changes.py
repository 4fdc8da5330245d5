"""`--claims-change layers=1,2,4`: claims asked under other conditions than those that they are registered for.

A changed claim is another claim. It has no registered verdict, its text says what was changed, and its run may not use
the report folder of the registered ones.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.errors import UnreadableError
from pytest_claims.folders import RESULTS
from pytest_claims.stored import read_mapping
from pytest_claims.trials.claims import claim_of, register
from pytest_claims.trials.conditions import values_in_words
from pytest_claims.trials.measurements import change
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import DEEP


def read(spelled: str, text: str) -> tuple[str, tuple[Any, ...]]:
    """Read NAME=VALUES: numbers, true, false and texts, with commas between them; a JSON list is read, too."""
    name, equals, listed = text.partition("=")
    try:
        values = json.loads(f"[{listed}]")
    except (ValueError, RecursionError):
        values = [part.strip() for part in listed.split(",")]  # texts without quotes
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    plain = all(isinstance(value, bool | int | float | str) and value != "" for value in values)
    if not (name.strip() and equals and values and plain):
        raise pytest.UsageError(
            f"{spelled} {text}: name a condition and its values, numbers or texts, as in {spelled} layers=1,2,4."
        )
    return name.strip(), tuple(values)


def holds_registered(folder: Path) -> bool:
    """Whether a report folder has a run in which a claim was asked as it is registered."""
    try:
        claims = read_mapping(folder / RESULTS).get("claims")
    except UnreadableError:
        return False  # there is none, or what is there is no run: the folder's own check speaks of it
    return isinstance(claims, list) and any(isinstance(each, dict) and not each.get("changed") for each in claims)


def check_together(option: Any, spelled: Callable[[str], str]) -> None:
    """Refuse options that are about registered claims; a UsageError."""
    others = {
        "pilot": option.claims_pilot,
        "design": option.claims_design,
        "tier": option.claims_tier == DEEP,
        "baseline": option.claims_baseline,
        "registrations": option.claims_registrations,
    }
    clash = [spelled(name) for name, given in others.items() if given]
    if option.claims_change and clash:
        raise pytest.UsageError(
            f"{spelled('change')} and {clash[0]} contradict each other: under other conditions it is another claim "
            "than the registered one."
        )


def apply(items: Sequence[pytest.Item], settings: Settings) -> str | None:
    """Change the selected claims among the items; return what does not fit, in one sentence, or None."""
    words = values_in_words(settings.change)
    for item in items:
        claim = claim_of(item)
        if claim is None or not settings.selects(claim.id, claim.variant_of):
            continue
        misfit = change(item, settings.change)
        if misfit is not None:
            return f"{settings.flag('change')}: claim {claim.id} cannot be asked with {words}: {misfit}"
        departures = " ".join(filter(None, [f"This run changed conditions: {words}.", claim.departures]))
        # what the registered claim looks at is no limit for the values that are asked for now; and a reason explains
        # the registered verdict, with numbers that may not be measured now
        only = {name: values for name, values in claim.only.items() if name not in settings.change}
        text = f"{claim.text} [changed: {words}]"
        register(item, replace(claim, text=text, departures=departures, reason=None, only=only))
    return None
