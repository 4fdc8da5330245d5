"""What n seeds can detect, and how many seeds an effect needs: the rule's power, without any data.

Means: the power of the one-sided t-test (noncentral t). The rule's interval is Student's or, under skew, a little wider
on one side: for normal data its power is a point or two less. Counts: exact binomial sums.
Distances are from the margin, in the unit of ``sd``.
"""

from functools import lru_cache
from math import inf, sqrt

import numpy as np
from scipy import optimize, stats

from pytest_claims.inference.rule import exact_intervals
from pytest_claims.vocabulary import ALPHA, BLOCK, FEWEST_SEEDS

#: The power at which effects are called detectable and seeds sufficient.
POWER = 0.9
#: The power that each side of a two-sided region takes, so that both together have POWER (Bonferroni).
EACH_SIDE = (1 + POWER) / 2
#: Standard deviations beyond which every design has full power.
FAR = 100.0
#: More seeds than anybody would train; beyond it the answer is None.
MOST_SEEDS = 8192


@lru_cache(maxsize=1024)
def detectable_in_sds(n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest distance from the margin, in standard deviations, that n seeds support with this power."""
    if n < FEWEST_SEEDS:
        return inf
    # TTestPower().solve_power of statsmodels is the same inversion, and a test compares them; but at the small alpha of
    # a conjunction its root finder gives up and returns an array
    return float(optimize.brentq(lambda d: _power_in_sds(d, n, alpha) - power, 0.0, FAR))


def detectable(n: int, sd: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest distance from the margin that n seeds support with this power, in the unit of ``sd``."""
    return detectable_in_sds(n, alpha, power) * sd


@lru_cache(maxsize=1024)
def _power_in_sds(distance: float, n: int, alpha: float) -> float:
    critical = stats.t.isf(alpha, n - 1)
    chance = float(stats.nct.sf(critical, n - 1, distance * sqrt(n)))
    # scipy's noncentral t underflows to nan far out, where the power is 1 to any digit
    return 1.0 if np.isnan(chance) and distance > 0 else chance


def power(n: int, distance: float, sd: float, alpha: float = ALPHA) -> float:
    """Return the probability that n seeds support an effect that lies ``distance`` inside its margin."""
    if sd <= 0:
        return float(distance > 0)
    return _power_in_sds(distance / sd, n, alpha)


def seeds_needed(distance: float, sd: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Return how many seeds, a multiple of 8, decide about an effect this far from its margin; None if none do."""
    if distance <= 0 or not np.isfinite(distance):
        return None
    n = FEWEST_SEEDS
    while n <= MOST_SEEDS and detectable(n, sd, alpha, power) > distance:
        n += BLOCK if n < 16 * BLOCK else BLOCK * (n // (16 * BLOCK))
    return n if n <= MOST_SEEDS else None


def power_of_share(n: int, share: float, above: float, alpha: float = ALPHA) -> float:
    """Return the probability that n seeds prove a share above ``above`` when the true share is ``share``."""
    fewest = fewest_successes(n, above, alpha)
    return 0.0 if fewest is None else float(stats.binom.sf(fewest - 1, n, share))


def fewest_successes(n: int, above: float, alpha: float = ALPHA) -> int | None:
    """Return how many successes among n seeds prove a share above ``above``; None where even n of n do not."""
    enough = np.flatnonzero(exact_intervals(n, alpha)[0] > above)
    return int(enough[0]) if enough.size else None


def most_successes(n: int, above: float, alpha: float = ALPHA) -> int | None:
    """Return how many successes among n seeds still refute a share above ``above``; None where even 0 of n do not."""
    few = np.flatnonzero(exact_intervals(n, alpha)[1] <= above)
    return int(few[-1]) if few.size else None


def detectable_share(n: int, above: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Return the smallest true share that n seeds prove to lie above ``above`` with this power; None where none is."""
    fewest = fewest_successes(n, above, alpha)
    # P(X >= k) = power is a quantile of the beta distribution (Clopper-Pearson's own inversion)
    return None if fewest is None else float(stats.beta.ppf(power, fewest, n - fewest + 1))


def seeds_for_share(share: float, above: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Return how many seeds, a multiple of 8, decide whether a share is above or below ``above``; None if none do."""
    for n in (*range(8, 129, 8), *range(160, 2049, 32)):
        if share > above:
            chance = power_of_share(n, share, above, alpha)
        else:
            most = most_successes(n, above, alpha)
            chance = 0.0 if most is None else float(stats.binom.cdf(most, n, share))
        if chance >= power:
            return int(n)
    return None
