"""Looks: after how many seeds a claim is judged, and at which level.

A claim that is judged after 32, 64, 128, ... seeds until it is decided may err at each of these looks. Every look
judges at alpha / c instead of alpha, so that all together err alpha (Pocock, Group sequential methods, *Biometrika* 64,
1977, 191-199). c counts the looks that a claim registered, up to its deepest, also in a run that ends earlier: so a
short run is the beginning of a long one, and the two never contradict each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pytest_claims.errors import DesignError
from pytest_claims.vocabulary import ALPHA

#: What alpha is divided by at each of 1, 2, ... looks whose numbers of seeds double, from any first one. By recursive
#: integration for normal data; for Student's t the looks together err .0049 to .0051 instead of .005.
DIVISORS = (1.0, 1.794, 2.593, 3.404, 4.226, 5.057, 5.896, 6.741)
#: From this many seeds on, values of which most are equal are ordinary data.
MANY = 64


@dataclass(frozen=True)
class Looks:
    """The looks of a claim, in seeds, up to its deepest; each judges at ``level`` a side.

    ``named``: the looks that the claim itself registered with ``looks=``. Below 64 seeds only these decide about a part
    of which most values are equal. ``alpha`` is the error a side of all looks together. ``quick``: a single look at
    fewer seeds than the claim's first one. It may refute, but it supports nothing: a few seeds say next to nothing
    about a failure that happens in one of ten. ``later``: the level of the looks that the claim did register, at which
    more seeds than a quick look's are judged; None where it is ``level``.
    """

    seeds: tuple[int, ...]
    named: tuple[int, ...] = ()
    alpha: float = ALPHA
    quick: bool = False
    later: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.seeds) <= len(DIVISORS):
            raise DesignError(f"A claim has 1 to {len(DIVISORS)} looks, not {len(self.seeds)}.")

    @classmethod
    def doubling(cls, first: int, last: int, named: Sequence[int] = (), alpha: float = ALPHA) -> Self:
        """Return the looks at ``first``, twice as many, four times, ... seeds, none beyond ``last``."""
        seeds = [first]
        while 2 * seeds[-1] <= last:
            seeds.append(2 * seeds[-1])
        return cls(tuple(seeds), tuple(named), alpha)

    @property
    def divisor(self) -> float:
        """What alpha is divided by at each look; p-values are multiplied by it."""
        return DIVISORS[len(self.seeds) - 1]

    @property
    def level(self) -> float:
        """The level of each side of every look's interval."""
        return self.alpha / self.divisor

    def judges_ties(self, n: int) -> bool:
        """Whether n seeds decide about a part of which more than half of the values are equal."""
        return n >= MANY or n in self.named
