"""After how many seeds a claim is judged in this run."""

from dataclasses import dataclass

from pytest_claims.inference.looks import Looks
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.plan import Settings


@dataclass(frozen=True)
class Schedule:
    """The looks that a claim registered, and those that this run may take: ``seeds``, the first of them."""

    looks: Looks
    seeds: tuple[int, ...]

    @property
    def last(self) -> int:
        """The seeds of this run's last look, which is taken unless an earlier one ends the judging."""
        return self.seeds[-1]


def registered(claim: Claim) -> Looks:
    """Return the looks that a claim registered, up to its deepest."""
    return Looks.doubling(claim.first, claim.deepest, claim.looks)


def schedule(claim: Claim, settings: Settings) -> Schedule:
    """Return when a claim is judged: at its registered looks, up to where this run ends.

    A run that ends before the claim's first look takes a quick look there, and a pilot one look. The looks' level
    counts all registered ones in every run: so a shorter run is the beginning of a longer one, and the two never
    contradict each other.
    """
    last = settings.last_look(claim.first, claim.seeds, claim.deepest)
    if settings.pilot:  # for a mean and a spread, so that it must not stop where these look well
        return Schedule(Looks((last,)), (last,))
    looks = registered(claim)
    taken = tuple(n for n in looks.seeds if n <= last)
    return Schedule(looks, taken) if taken else Schedule(Looks((last,), quick=True, later=looks.level), (last,))
