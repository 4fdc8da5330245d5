"""For sceptics: how many of a run's verdicts may be wrong by chance, and how far its seeds are new."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_claims.inference.looks import DIVISORS
from pytest_claims.record import Record
from pytest_claims.vocabulary import is_registered

#: Runs of a hundred, of which the bound for independent claims covers all but one.
LIKELY = 0.99
DECIDED = frozenset({"supported", "refuted"})


@dataclass(frozen=True)
class Chance:
    """Wrong verdicts, if every effect lay on its margin, where they are most likely."""

    tested: int  # claims whose verdict rests on an interval
    decided: int  # of these
    exact: int  # claims in which nothing is estimated
    expected: float  # the most wrong verdicts in the mean over runs, however the claims depend on each other
    most: int  # that 99 of 100 runs do not exceed, if claims erred independently


def chance_of(claims: Iterable[Record]) -> Chance:
    """Return how many verdicts may be wrong by chance.

    A claim whose effect lies on its margin gets the wrong one of its two verdicts with at most its alpha a side, all
    its looks together. The expected number is the sum of these, by linearity also where claims share trials. Claims
    that stayed open count, too: each of them had its chance to err.
    """
    judged = [claim for claim in claims if claim.verdict != "error" and claim.kind is not None]
    tested = [(claim, error) for claim in judged if claim.kind != "exact" and (error := error_of(claim)) is not None]
    errors = [error for _, error in tested]
    return Chance(
        tested=len(tested),
        decided=sum(claim.verdict in DECIDED for claim, _ in tested),
        exact=sum(claim.kind == "exact" for claim in judged),
        expected=sum(errors),
        most=most_wrong(errors, LIKELY),
    )


def error_of(claim: Record) -> float | None:
    """Return the error a side of all of a claim's looks together; None where no level was recorded."""
    if claim.alpha is None:
        return None
    looks = len(claim.registered_looks)
    by_looks = DIVISORS[looks - 1] if 1 <= looks <= len(DIVISORS) else 1.0
    return min(1.0, claim.alpha * (by_looks if claim.divisor is None else claim.divisor))


def most_wrong(errors: Sequence[float], share: float) -> int:
    """Return the smallest k such that at most k of independent events happen with a chance of at least ``share``.

    ``errors`` are their chances; the number that happens has the Poisson binomial distribution, added up here.
    """
    chances = [1.0]
    for error in errors:
        without = [chance * (1 - error) for chance in chances]
        with_it = [chance * error for chance in chances]
        chances = [a + b for a, b in zip([*without, 0.0], [0.0, *with_it], strict=True)]
    total = 0.0
    for most, chance in enumerate(chances):
        total += chance
        if total >= share:
            return most
    return len(errors)


@dataclass(frozen=True)
class Fresh:
    """How verdicts on fresh seeds, which had no part in registering, compare with the registered ones.

    ``drawn`` is 0 where there are none.
    """

    drawn: int
    same: int  # the registered verdict
    open: int  # decided on one side only
    against: int  # supported against refuted, or an error
    claims: int  # that were drawn
    draws: int  # streams of seeds


def fresh_of(claims: Iterable[Record]) -> Fresh:
    """Compare the verdicts of a run on fresh seeds."""
    return _compared((claim, claim.stream, claim.verdict) for claim in claims if not is_registered(claim.stream))


def kept_of(claims: Iterable[Record]) -> Fresh:
    """Compare the verdicts of the draws that the repository keeps of a run's claims."""
    return _compared((claim, draw.stream, draw.verdict) for claim in claims for draw in claim.fresh)


def _compared(verdicts: Iterable[tuple[Record, str, str]]) -> Fresh:
    drawn = [(claim.id, stream, claim.registered, got) for claim, stream, got in verdicts if claim.registered]
    same = sum(got == registered for *_, registered, got in drawn)
    against = sum(got == "error" or {got, registered} == DECIDED for *_, registered, got in drawn)
    claims, draws = ({entry[at] for entry in drawn} for at in (0, 1))
    return Fresh(len(drawn), same, len(drawn) - same - against, against, len(claims), len(draws))
