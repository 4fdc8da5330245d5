"""A mean adjusted for one covariate: the effect at the covariate's population mean, with its standard error.

A covariate x is a number a seed that is known before training and explains a part of the effect's spread, such as the
best accuracy that the seed's data allow. The effect is what a line of y on x says at the *population* mean of x, so
that luck in the draws of x, too much of which is easy or hard, is taken out (analysis of covariance, Fisher 1932).

The standard error is the larger of two: the one of least squares, which supposes the same spread everywhere, and HC3
(MacKinnon and White 1985), which does not. Where the population mean is itself estimated, from N0 other draws, its own
error is added. Everything is a function of arrays of shape (..., n seeds), one row a part or a world.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.interval import Floats, Moments

#: An estimated population mean needs this many draws for each seed that is judged: with fewer, its error shows.
DRAWS_PER_SEED = 100
#: An adjusted claim is judged from this many seeds on: below, a bent line errs too often.
FEWEST_ADJUSTED = 64
#: Below this, one minus a leverage is zero but for rounding: the seed alone decides the slope and has no residual.
NO_RESIDUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Covariate:
    """One covariate of a part: ``values`` (n,), or (worlds, n), its population mean, and how well that is known.

    ``variance`` is that of the draws in the population and ``draws`` their number; an exact mean has variance 0 and an
    infinite number of draws.
    """

    name: str
    values: Floats
    mean: float
    variance: float = 0.0
    draws: float = float("inf")

    def first(self, n: int) -> "Covariate":
        """Return the covariate of the first n seeds."""
        return replace(self, values=self.values[..., :n])


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Adjusted means, each array of shape (...).

    ``spread`` is the standard error times sqrt(n), so that it takes the place of a standard deviation; ``skewness`` is
    that of the residuals; ``explained`` is R^2; ``residuals`` has shape (..., n).
    """

    effect: Floats
    spread: Floats
    skewness: Floats
    slope: Floats
    explained: Floats
    residuals: Floats

    def moments(self, floor: Floats | float = 0.0) -> Moments:
        """Return what the interval needs: two degrees of freedom are spent, on the mean and the slope."""
        n = self.residuals.shape[-1]
        return Moments(n, self.effect, np.maximum(self.spread, floor), self.skewness, n - 2)


def covariate(name: str, values: Floats, population: float | Floats) -> Covariate:
    """Check a covariate (n,) with its population mean: a number, or an array of draws of any shape.

    DesignError where there are fewer than 100 draws a seed; EvidenceError where the covariate has the same value for
    every seed, or a draw is not finite.
    """
    values = np.asarray(values, dtype=float)
    drawn = np.asarray(population, dtype=float)
    if not (np.isfinite(values).all() and np.isfinite(drawn).all()):
        raise EvidenceError(f"The covariate {name}, or a draw of its population, is not finite.")
    if np.ptp(values) == 0:
        raise EvidenceError(f"The covariate {name} is the same for every seed, so it explains nothing.")
    if drawn.ndim == 0:
        return Covariate(name, values, float(drawn))
    needed = DRAWS_PER_SEED * values.size
    if drawn.size < needed:
        raise DesignError(
            f"The population mean of the covariate {name} rests on {drawn.size:,} draws; {values.size} seeds need "
            f"{needed:,}, or an exact mean."
        )
    return Covariate(name, values, float(drawn.mean()), float(drawn.var(ddof=1)), float(drawn.size))


def adjust(values: Floats, covariates: Sequence[Covariate]) -> Adjusted:
    """Adjust ``values``, shape (..., parts, n), each part for its own covariate.

    With x the covariate, xbar its mean over the seeds, mu its population mean, Sxx = sum (x - xbar)^2, slope b and
    residuals e: the effect is mean(y - b (x - mu)), and se^2 is the larger of RSS / (n - 2) (1/n + (mu - xbar)^2 / Sxx)
    and sum (w e / (1 - l))^2, plus b^2 variance / draws, where w = 1/n + (mu - xbar)(x - xbar) / Sxx and the leverage
    l = 1/n + (x - xbar)^2 / Sxx.
    """
    n = values.shape[-1]
    x = np.stack([covariate.values for covariate in covariates], axis=-2)
    mu = np.array([covariate.mean for covariate in covariates])
    xbar = x.mean(axis=-1)
    away = x - xbar[..., None]
    sxx = np.square(away).sum(axis=-1)
    # the first seeds of many may have one x: then there is no slope, and nothing is adjusted
    direction = np.divide(away, sxx[..., None], out=np.zeros_like(away), where=sxx[..., None] > 0)
    offset = mu - xbar

    ybar = values.mean(axis=-1, keepdims=True)
    apart = values - ybar
    slope = (apart * direction).sum(axis=-1)
    residuals = apart - slope[..., None] * away
    residuals -= residuals.mean(axis=-1, keepdims=True)  # zero but for rounding
    square = np.square(residuals).sum(axis=-1)
    total = np.square(apart).sum(axis=-1)

    equal_spread = square / (n - 2) * (1 / n + np.square(offset) * np.square(direction).sum(axis=-1))
    weight = 1 / n + offset[..., None] * direction
    left = 1 - 1 / n - away * direction
    share = np.divide(weight, left, out=np.zeros_like(weight), where=left > NO_RESIDUAL)
    own_spread = np.square(share * residuals).sum(axis=-1)
    of_mean = np.array([covariate.variance / covariate.draws for covariate in covariates])
    error = np.maximum(equal_spread, own_spread) + np.square(slope) * of_mean

    third = (residuals**3).mean(axis=-1)
    scale = (square / n) ** 1.5
    # residuals that are nothing but rounding have no shape
    real = square > 1e-24 * np.maximum(total, np.finfo(float).tiny)
    return Adjusted(
        effect=ybar[..., 0] + slope * offset,
        spread=np.sqrt(error) * sqrt(n),
        skewness=np.divide(third, scale, out=np.zeros_like(third), where=real & (scale > 0)),
        slope=slope,
        explained=np.divide(total - square, total, out=np.zeros_like(total), where=total > 0),
        residuals=residuals,
    )
