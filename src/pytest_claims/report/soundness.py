"""One record that cannot be shown costs its own row, never the report: the others are shown whole."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from pytest_claims.record import Record
from pytest_claims.results import Results
from pytest_claims.vocabulary import visible

Shown = TypeVar("Shown")


def sound(results: Results, show: Callable[[Results], Shown]) -> tuple[Shown, list[str]]:
    """Return what ``show`` makes of a run, and a sentence for each claim that it could not show.

    Such a claim is replaced by an error that says why. What ``show`` raises passes through where no single claim is to
    blame, and so does an OSError, which no record causes.
    """
    try:
        return show(results), []
    except OSError:
        raise
    except Exception:
        claims = [
            (claim, why(claim, lambda claim: show(replace(results, claims=(claim,))))) for claim in results.claims
        ]
        if not any(error is not None for _, error in claims):
            claims = together(results, show)  # a claim may be at odds with the others only
        if not any(error is not None for _, error in claims):
            raise
    stand_ins = [claim if error is None else stand_in(claim, error) for claim, error in claims]
    sentences = [stand.message for stand, (_, error) in zip(stand_ins, claims, strict=True) if error is not None]
    return show(replace(results, claims=tuple(stand_ins))), sentences


def together(results: Results, show: Callable[[Results], Any]) -> list[tuple[Record, Exception | None]]:
    """Return each claim with what ``show`` raises when it is shown after those before it, None if nothing."""
    found: list[tuple[Record, Exception | None]] = []

    def after_the_others(claim: Record) -> Any:
        return show(replace(results, claims=(*(kept for kept, error in found if error is None), claim)))

    for claim in results.claims:
        found.append((claim, why(claim, after_the_others)))  # noqa: PERF401 - each looks at those before it
    return found


def why(claim: Record, show: Callable[[Record], Any]) -> Exception | None:
    """Return what ``show`` raises for a claim, None if nothing."""
    try:
        show(claim)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a record may hold anything, also what a plugin added
        return error
    return None


def stand_in(claim: Record, error: Exception) -> Record:
    """Return the record of an error in place of one that cannot be shown."""
    identifier = visible(str(claim.id))
    sentence = f"Claim {identifier}: its record cannot be shown ({type(error).__name__}: {visible(str(error))})."
    return Record(
        id=identifier,
        nodeid=visible(str(claim.nodeid)),
        text=claim.text if isinstance(claim.text, str) else "",
        outcome="error",
        message=sentence,
    )
