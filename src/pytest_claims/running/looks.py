"""After how many seeds a claim is judged in this run."""

from dataclasses import dataclass

from pytest_claims.inference.looks import Looks
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.plan import Settings
from pytest_claims.vocabulary import LOOKS


@dataclass(frozen=True)
class Schedule:
    """The looks that a claim registered, and those that this run takes: ``seeds``, the first of them."""

    looks: Looks
    seeds: tuple[int, ...]


def schedule(claim: Claim, settings: Settings) -> Schedule:
    """Return when a claim is judged.

    Without ``--sequential`` it is judged once, at its registered number of seeds. A sequential run looks at 32 seeds,
    or at the first look that the claim registered, then at twice as many, ...; it may end before the claim's deepest
    look, which is 512 seeds unless the claim registered several looks. A run that ends before the claim's first look
    judges once, where it ends.
    """
    last = settings.size(claim.seeds)
    first = claim.looks[0] if claim.looks else LOOKS[0]
    if not settings.sequential or last < first:
        return Schedule(Looks((last,), claim.looks), (last,))
    deepest = claim.looks[-1] if len(claim.looks) > 1 else max(LOOKS[-1], first)
    looks = Looks.doubling(first, deepest, claim.looks)
    return Schedule(looks, tuple(n for n in looks.seeds if n <= last))
