"""Drift of an effect between two runs on the same seeds: paired, with its interval.

Where training is chaotic, a new version moves every seed's number a little without moving the effect. An unpaired
comparison of such runs sees nothing; a paired one sees a systematic shift at once (docs/nightly.md).
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from pytest_claims.drift.evidence import Evidence, Floats
from pytest_claims.vocabulary import FEWEST_SEEDS

Word = Literal["changed", "no material change", "undecided"]

LEVEL = 0.99
#: The level of "changed" over all claims that are compared (Bonferroni).
CHANGED = 0.001
ROUNDING = 1e-11
#: Parts whose margin is a distance. In the others (a bound, a share) it is a position, which cannot measure drift.
DISTANCES = {"gain", "step", "pair", "range", "time"}


@dataclass(frozen=True)
class Drift:
    """The mean change of a part's effect over the seeds that both runs have.

    `tolerated`: half the margin or, where the margin is a bound, half the distance of the baseline's effect from that
    bound; drift within it is not material. `material`: the drift is real and not shown to be within it.
    """

    part: str
    seeds: int
    mean: float
    interval: tuple[float, float]
    p_value: float
    tolerated: float
    word: Word
    material: bool

    def as_json(self) -> dict[str, Any]:
        """Return the drift as results.json holds it."""
        return {**asdict(self), "interval": list(self.interval)}

    @property
    def text(self) -> str:
        """The drift in words."""
        low, high = self.interval
        numbers = f"{self.mean:+.3g} [{low:+.3g}, {high:+.3g}], paired over {self.seeds} seeds"
        if self.word == "changed":
            return f"the effect changed by {numbers}" + ("" if self.material else ", less than half the margin")
        return f"{self.word} of the effect: {numbers}"


def drift(was: Evidence, now: Evidence, claims: int) -> Drift | None:
    """Pair the effects of the part that decided in the baseline; None where fewer than 8 seeds can be paired.

    `claims`: how many claims are compared.
    """
    part = next((text for text in was.values if text in now.values), None)
    if part is None:
        return None
    seeds = min(len(was.values[part]), len(now.values[part]))
    ours, theirs = was.values[part][:seeds], now.values[part][:seeds]
    # a committed baseline keeps twelve digits of each seed: the rounding is no drift
    change = np.where(np.isclose(ours, theirs, rtol=ROUNDING, atol=ROUNDING), 0.0, theirs - ours)
    if seeds < FEWEST_SEEDS or not np.isfinite(change).all():
        return None
    p_value, interval = _paired(change)
    tolerated = _tolerated(was, part)
    inside = not change.any() or max(abs(interval[0]), abs(interval[1])) < tolerated
    is_changed = p_value < CHANGED / max(claims, 1)
    word: Word = "changed" if is_changed else "no material change" if inside else "undecided"
    return Drift(part, seeds, float(change.mean()), interval, p_value, tolerated, word, is_changed and not inside)


def _paired(change: Floats) -> tuple[float, tuple[float, float]]:
    """Return the two-sided p-value of no change, and the 99 % interval of the mean change."""
    from scipy import stats  # a second that only a comparison needs

    if np.ptp(change) == 0:  # a shift without spread: the t statistic is 0/0 or infinite
        shift = float(change[0])
        return (1.0 if shift == 0 else 0.0), (shift, shift)
    result = stats.ttest_1samp(change, 0.0)
    interval = result.confidence_interval(LEVEL)
    return float(result.pvalue), (float(interval.low), float(interval.high))


def _tolerated(was: Evidence, part: str) -> float:
    entry = next(entry for entry in was.record.parts if entry.text == part)
    margin = entry.margin or 0.0
    if entry.role in DISTANCES and margin > 0:
        return margin / 2
    ends = [end for end in entry.region or () if end is not None]
    effect = math.nan if entry.effect is None else entry.effect
    return min((abs(effect - end) for end in ends), default=math.nan) / 2
