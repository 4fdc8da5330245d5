"""Verdicts that a project expects of claims it did not write: a TOML file of ids, verdicts and reasons.

    strict = true               # an entry that matches no claim fails the run; without this line it warns

    [claims."2.a"]
    registered = "inconclusive"
    reason = "our build has no float32"

A project that runs somebody else's suite, or another build of torch, so keeps what it knows in its own repository.
"""

import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.errors import ClaimWarning, UnreadableError
from pytest_claims.files import read_ordinary
from pytest_claims.running import reasons
from pytest_claims.trials.claims import claim_of, register, unexpected
from pytest_claims.vocabulary import VERDICTS

KEYS = ("registered", "reason")


@dataclass(frozen=True)
class Registrations:
    """The entries of such a file, by claim id: (verdict, reason or None). ``shown``: how the user names the file."""

    shown: str
    strict: bool
    entries: Mapping[str, tuple[str, str | None]]

    def apply(self, items: Sequence[pytest.Item]) -> str | None:
        """Register the collected claims as the file says; return a sentence where entries match none and it is strict.

        Where it is not, they are warned of; a sentence again where the user's filters make an error of the warning.
        """
        unused = dict.fromkeys(self.entries)
        for item in items:
            claim = claim_of(item)
            if claim is not None and claim.id in self.entries:
                unused.pop(claim.id, None)
                verdict, reason = self.entries[claim.id]
                register(item, replace(claim, registered=verdict, reason=reason))
        if not unused:
            return None
        names, many = ", ".join(unused), len(unused) > 1
        sentence = f"{self.shown} registers {names}, and no such claim{'s were' if many else ' was'} collected"
        if self.strict:
            return f"{sentence} (strict = true)."
        try:
            warnings.warn(f"{sentence}.", ClaimWarning, stacklevel=2)
        except ClaimWarning:  # raised while pytest collects, it would look like an error inside pytest
            return f"{sentence} (a warning, and warnings are errors here: mend the file, or filterwarnings)."
        return None


def read(path: Path, shown: str) -> Registrations:
    """Read a file of registrations; an UnreadableError, one sentence that names file and entry, where it is none."""
    try:
        content = tomllib.loads(read_ordinary(path).decode("utf-8"))
    except OSError as error:
        raise UnreadableError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML
        raise UnreadableError(f"{shown} is no TOML: {error}.") from error
    strange = [name for name in content if name not in {"strict", "claims"}]
    if strange:
        raise UnreadableError(
            f'{shown} has an entry {strange[0]}; claims stand under [claims."ID"], beside them only strict = true.'
        )
    strict, claims = content.get("strict", False), content.get("claims", {})
    if not isinstance(strict, bool):
        raise UnreadableError(f"{shown}: strict is true or false.")
    if not isinstance(claims, dict):
        raise UnreadableError(f'{shown}: claims are tables, [claims."ID"].')
    return Registrations(shown, strict, {name: _entry(shown, name, entry) for name, entry in claims.items()})


def _entry(shown: str, name: str, entry: Any) -> tuple[str, str | None]:
    """Return the verdict and the reason of one claim."""
    called = f'{shown}, [claims."{name}"]'
    if not isinstance(entry, dict) or "registered" not in entry:
        raise UnreadableError(
            f"{called} says no verdict: write registered = and one of {', '.join(VERDICTS)}, and ids in quotes."
        )
    strange = [key for key in entry if key not in KEYS]
    if strange:
        raise UnreadableError(f"{called} has a {strange[0]}; an entry has {' and '.join(KEYS)}.")
    verdict, reason = entry["registered"], entry.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise UnreadableError(f"{called} has a reason that is no text.")
    wrong = unexpected(called, verdict, reason)
    if wrong is not None:
        raise UnreadableError(wrong)
    fault = None if reason is None else reasons.check(reason)
    if fault is not None:
        raise UnreadableError(f"{called}: {fault}")
    return verdict, reason
