"""The rule a second time: written from its specification, without a line of ``pytest_claims.inference``.

One part at a time, plain floats, exact sums; slow, and short enough to check by eye. It knows nothing of worlds,
messages or forecasts, only what decides: an interval, a region, looks, and what withholds a verdict. Parts are made
from raw numbers by the functions at the end, or read from results.json by ``part_of_record``.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from math import ceil, copysign, fsum, inf, isclose, isfinite, log, log2, log10, sqrt
from statistics import median
from typing import Any

from scipy.stats import binomtest, t

ALPHA = 0.005
#: Smaller p-values are all alike.
TINY = 1e-300
#: What alpha is divided by at each look, by the number of looks registered.
C = {1: 1.0, 2: 1.794, 3: 2.593, 4: 3.404, 5: 4.226, 6: 5.057, 7: 5.896, 8: 6.741}


@dataclass(frozen=True)
class Luck:
    """A covariate: its number for each seed, its population mean, and the standard error of that mean."""

    x: Sequence[float]
    mu: float
    error: float = 0.0


@dataclass(frozen=True)
class Claimed:
    """One part: its numbers, the region (low, high) or all outside of it, and what the rule needs besides.

    ``largest``: the largest magnitude among the raw numbers. ``step``: the unit's step. ``late_fast`` and ``late_slow``
    are the positions of runs cut off at their budget; None where no times are compared.
    """

    d: Sequence[float]
    low: float
    high: float
    largest: float
    step: float = 0.0
    kind: str = "mean"
    outside: bool = False
    margin: float = 0.0
    late_fast: frozenset[int] | None = None
    late_slow: frozenset[int] | None = None
    luck: Luck | None = None


@dataclass(frozen=True)
class Found:
    """What the rule says about one part, after how many seeds. ``p`` is not yet multiplied by c."""

    verdict: str
    interval: tuple[float, float]
    p: float | None
    seeds: int


@dataclass(frozen=True)
class Level:
    """How a look judges: support at ``alpha``, refutation at ``alpha / parts``; whether ties wait, and supports."""

    alpha: float
    parts: int = 1
    ties_wait: bool = False
    quick: bool = False


# -- one part -------------------------------------------------------------------------------------------------------


def judge_part(part: Claimed, level: Level) -> Found:
    """Judge one part by its interval."""
    if part.kind == "exact":
        same = all(value == part.margin for value in part.d) != part.outside
        return _found(part, (min(part.d), max(part.d)), None, holds=same, fails=not same, level=level)
    if part.kind == "count":
        return _judge_share(part, level)
    largest = max([part.largest, *(abs(end) for end in (part.low, part.high) if isfinite(end))])
    digits = 12 if largest == 0 else 12 - ceil(log10(largest))
    worst, best = _bounds(part)
    lower, upper = _Sample(worst, part, digits), _Sample(best, part, digits)
    strict = level.alpha / level.parts
    outer, inner = _places(part, lower, upper, level.alpha), _places(part, lower, upper, strict)
    waits_lower, waits_upper = (sample.mostly_one_value and level.ties_wait for sample in (lower, upper))
    if part.luck is not None:
        waits_lower = waits_upper = lower.mostly_one_value or len(part.d) < 64
    unknown = len((part.late_fast or frozenset()) & (part.late_slow or frozenset()))
    blind = 2 * unknown > len(part.d)
    holds, fails = (outer["beyond"], inner["inside"]) if part.outside else (outer["inside"], inner["beyond"])
    interval = (lower.centre - lower.reach(level.alpha, -1), upper.centre + upper.reach(level.alpha, +1))
    p = _p_value(part, lower, upper)
    return _found(
        part, interval, p, holds=holds and not (waits_lower or blind), fails=fails and not (waits_upper or blind),
        level=level,
    )  # fmt: skip


def _found(
    part: Claimed, interval: tuple[float, float], p: float | None, *, holds: bool, fails: bool, level: Level
) -> Found:
    verdict = "supported" if holds and not level.quick else "refuted" if fails else "inconclusive"
    return Found(verdict, interval, p, len(part.d))


def _judge_share(part: Claimed, level: Level) -> Found:
    """Judge a share by the exact binomial interval: the bounds whose tail beyond the count is alpha."""
    n, count = len(part.d), sum(value > 0 for value in part.d)

    def ends(alpha: float) -> tuple[float, float]:
        known = binomtest(count, n).proportion_ci(1 - 2 * alpha, "exact")
        return float(known.low), float(known.high)

    (low, high), (strict_low, strict_high) = ends(level.alpha), ends(level.alpha / level.parts)
    sides = [binomtest(count, n, part.low, "greater").pvalue] if isfinite(part.low) else []
    sides += [binomtest(count, n, part.high, "less").pvalue] if isfinite(part.high) else []
    holds = low > part.low and high < part.high
    fails = strict_high <= part.low or strict_low >= part.high
    return _found(part, (low, high), max(sides), holds=holds, fails=fails, level=level)


def _bounds(part: Claimed) -> tuple[list[float], list[float]]:
    """Return the values that support must stand, and those that a refutation must: they differ where runs were cut."""
    if part.late_fast is None or part.late_slow is None:
        return list(part.d), list(part.d)
    known = [d for seed, d in enumerate(part.d) if not (seed in part.late_fast and seed in part.late_slow)]
    bad, good = min([0.0, *known]), max([part.margin, *known])
    return (
        [bad if seed in part.late_fast else d for seed, d in enumerate(part.d)],
        [good if seed in part.late_slow else d for seed, d in enumerate(part.d)],
    )


class _Sample:
    """Moments of n rounded values, and how far the interval reaches from their mean."""

    def __init__(self, values: Sequence[float], part: Claimed, digits: int) -> None:
        self.values = [_round(value, digits) for value in values]
        self.digits = digits
        self.n = len(self.values)
        self.mostly_one_value = 2 * max(Counter(self.values).values()) > self.n
        self.mean = fsum(self.values) / self.n
        self.centre, self.degrees, self.moved = self.mean, self.n - 1, 0.0
        away = [value - self.mean for value in self.values] if len(set(self.values)) > 1 else [0.0] * self.n
        sd = sqrt(fsum(d * d for d in away) / (self.n - 1))
        if part.luck is not None:
            sd, away = self._adjust(part.luck)
        self.sd = max(sd, part.step / sqrt(12))
        second = fsum(d * d for d in away) / self.n
        self.g = fsum(d**3 for d in away) / self.n / second**1.5 if second > 0 else 0.0

    def _adjust(self, luck: Luck) -> tuple[float, list[float]]:
        """Move the mean to the covariate's population mean; return its standard error times root n, and residuals."""
        n, x = self.n, luck.x
        xbar = fsum(x) / n
        sxx = fsum((at - xbar) ** 2 for at in x)
        slope = fsum((at - xbar) * (y - self.mean) for at, y in zip(x, self.values, strict=True)) / sxx
        rest = [y - self.mean - slope * (at - xbar) for at, y in zip(x, self.values, strict=True)]
        weights = [1 / n + (luck.mu - xbar) * (at - xbar) / sxx for at in x]
        leverages = [1 / n + (at - xbar) ** 2 / sxx for at in x]
        rss = fsum(e * e for e in rest)
        alike = rss / (n - 2) * (1 / n + (luck.mu - xbar) ** 2 / sxx)
        own = fsum((w * e / (1 - h)) ** 2 for w, e, h in zip(weights, rest, leverages, strict=True))
        self.moved = slope * (luck.mu - xbar)
        self.centre, self.degrees = self.mean + self.moved, n - 2
        return sqrt((max(alike, own) + (slope * luck.error) ** 2) * n), rest

    def reach(self, alpha: float, side: int) -> float:
        """Return how far the hull reaches below (-1) or above (+1) the mean."""
        q = float(t.isf(alpha, self.degrees)) / sqrt(self.n)
        return self.sd * (max(q, self._h(q)) if side < 0 else -min(-q, self._h(-q)))

    def _h(self, point: float) -> float:
        a = self.g / 3
        if abs(a) < 1e-6:
            return point - self.g / (6 * self.n)
        inner = 1 + 3 * a * (point - self.g / (6 * self.n))
        return (copysign(abs(inner) ** (1 / 3), inner) - 1) / a

    def above(self, end: float) -> float:
        """Return how far the mean lies above an end, of gaps that are rounded one by one."""
        return fsum(_round(value - end, self.digits) for value in self.values) / self.n + self.moved

    def p(self, gap: float, sign: int) -> float:
        """Return the p-value of a mean that lies ``gap`` above (+1) or below (-1) an end: the larger of two.

        One is that of Student's statistic T root n, one that of Hall's, T + a T^2 + a^2 T^3 / 3 + g / 6n for T.
        """
        if self.sd == 0:
            return 0.5 if gap == 0 else float(gap < 0)
        size, g = gap / self.sd, sign * self.g
        a = g / 3
        bent = size + a * size**2 + a**2 * size**3 / 3 + g / (6 * self.n)
        return float(max(t.sf(sqrt(self.n) * size, self.degrees), t.sf(sqrt(self.n) * bent, self.degrees)))


def _places(part: Claimed, lower: _Sample, upper: _Sample, alpha: float) -> Mapping[str, bool]:
    """Say whether the interval at one level lies inside, or beyond, the region."""
    above_low = not isfinite(part.low) or lower.above(part.low) > lower.reach(alpha, -1)
    below_high = not isfinite(part.high) or -upper.above(part.high) > upper.reach(alpha, +1)
    under = isfinite(part.low) and upper.above(part.low) <= -upper.reach(alpha, +1)
    over = isfinite(part.high) and -lower.above(part.high) <= -lower.reach(alpha, -1)
    return {"inside": above_low and below_high, "beyond": under or over}


def _p_value(part: Claimed, lower: _Sample, upper: _Sample) -> float:
    if part.outside:
        sides = [upper.p(-upper.above(part.low), -1)] if isfinite(part.low) else []
        sides += [lower.p(lower.above(part.high), +1)] if isfinite(part.high) else []
        return min(sides)
    sides = [lower.p(lower.above(part.low), +1)] if isfinite(part.low) else []
    sides += [upper.p(-upper.above(part.high), -1)] if isfinite(part.high) else []
    return max(sides)


def _round(value: float, digits: int) -> float:
    """Round to so many decimals, as floats do: Python's ``round`` would look at the exact decimal expansion."""
    power = 10.0 ** abs(digits)
    return round(value * power) / power if digits >= 0 else round(value / power) * power


# -- a claim, look by look ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """A claim's verdict, after which look; the parts, each as it was when it was judged last."""

    verdict: str
    look: int
    p: float | None
    parts: tuple[Found, ...]
    assays: tuple[Found, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The looks that a claim registered, and those of them below 64 that it registered by name.

    ``quick``: one look at alpha, at fewer seeds than any registered look; it supports nothing.
    """

    looks: tuple[int, ...]
    by_name: frozenset[int] = frozenset()
    quick: bool = False


#: The parts and the assays of a claim after its first n seeds.
Take = Callable[[int], tuple[Sequence[Claimed], Sequence[Claimed]]]


def judge(take: Take, plan: Plan, last: int) -> Judged:
    """Judge at each look up to ``last`` seeds and stop at a decision; what a look supports stays as it was."""
    c = C[len(plan.looks)]
    known: dict[int, Found] = {}
    known_assays: dict[int, Found] = {}
    for n in [look for look in plan.looks if look <= last]:
        parts, assays = take(n)
        level = Level(ALPHA / c, len(parts), n < 64 and n not in plan.by_name, plan.quick)
        found = [known.get(at) or judge_part(part, level) for at, part in enumerate(parts)]
        live = [known_assays.get(at) or judge_part(part, replace(level, parts=1)) for at, part in enumerate(assays)]
        verdict = together(found, live)
        if verdict != "inconclusive":
            break
        known = {at: part for at, part in enumerate(found) if part.verdict == "supported"}
        known_assays = {at: part for at, part in enumerate(live) if part.verdict == "supported"}
    return Judged(verdict, n, _largest_p([*found, *live], c), tuple(found), tuple(live))


def _largest_p(parts: Sequence[Found], c: float) -> float | None:
    """Return a claim's p-value: c times the largest of its parts and assays."""
    ps = [part.p for part in parts if part.p is not None]
    return min(1.0, c * max(ps)) if ps else None


def together(parts: Sequence[Found], assays: Sequence[Found]) -> str:
    """Combine parts: all must hold, one that does not refutes; no support where an assay does not hold."""
    verdicts = {part.verdict for part in parts}
    if verdicts == {"supported"}:
        return "supported" if all(part.verdict == "supported" for part in assays) else "inconclusive"
    return "refuted" if "refuted" in verdicts else "inconclusive"


# -- from results.json ----------------------------------------------------------------------------------------------


def part_of_record(entry: Mapping[str, Any], n: int) -> Claimed:
    """Read an entry of ``parts`` or ``assays``, its first n seeds."""
    low, high = entry["region"]
    times, adjusted = entry.get("unknown") is not None, entry["adjusted"]
    return Claimed(
        d=entry["values"][:n],
        low=-inf if low is None else low,
        high=inf if high is None else high,
        largest=entry["magnitude"],
        step=entry["resolution"],
        kind=entry["estimator"],
        outside=entry["outside"],
        margin=entry["margin"],
        late_fast=frozenset(at for at in entry["fast_cut"] if at < n) if times else None,
        late_slow=frozenset(at for at in entry["slow_cut"] if at < n) if times else None,
        luck=adjusted and Luck(adjusted["values"][:n], adjusted["population"], adjusted["population_error"]),
    )


def judge_record(entry: Mapping[str, Any], n: int | None = None) -> Judged:
    """Judge a claim from its entry in results.json alone: each part on the seeds on which it was judged.

    ``n``: as the look at n seeds did, where the parts that it left open were judged on n.
    """
    alpha = ALPHA / entry["divisor"]
    quick = entry.get("registered_looks") == []  # a look before the first registered one
    parts, assays = ([
        judge_part(part_of_record(part, seeds), Level(alpha, count, ties_wait=waits, quick=quick))
        for part in entry[name]
        for seeds in [part["seeds"] if n is None else min(n, part["seeds"])]
        for waits in [not part["ties"] if seeds == part["seeds"] else seeds < 64]
    ] for name, count in (("parts", len(entry["parts"])), ("assays", 1)))  # fmt: skip
    look = max(part.seeds for part in [*parts, *assays])
    return Judged(
        together(parts, assays), look, _largest_p([*parts, *assays], entry["divisor"]), tuple(parts), tuple(assays)
    )


def differing(ours: Any, theirs: Judged, close: float = 1e-8) -> list[str]:
    """Return in words where a verdict of the library, or a claim's record, and the independent rule differ.

    Numbers agree to ``close``: ends of an interval relative to its larger end, p-values in their logarithm.
    """
    pairs = [("verdict", ours.verdict, theirs.verdict), ("look", ours.seeds, theirs.look)]
    numbers = [("p-value", *(None if p is None else log(max(p, TINY)) for p in (ours.p_value, theirs.p)), 1.0)]
    for name, mine, known in (("part", ours.parts, theirs.parts), ("assay", ours.assays, theirs.assays)):
        pairs.append((f"number of {name}s", len(mine), len(known)))
        for at, (one, other) in enumerate(zip(mine, known, strict=False)):
            never = name == "assay" and other.verdict == "refuted"  # an assay refutes nothing
            pairs.append((f"verdict of {name} {at}", one.verdict, "inconclusive" if never else other.verdict))
            pairs.append((f"look of {name} {at}", one.seeds, other.seeds))
            size = max(map(abs, other.interval))
            numbers += [
                (f"interval of {name} {at}", *ends, size) for ends in zip(one.interval, other.interval, strict=True)
            ]
    wrong = [(what, one, other) for what, one, other in pairs if one != other]
    wrong += [(what, one, other) for what, one, other, size in numbers if not _near(one, other, close, close * size)]
    return [f"{what}: {one}, independently {other}" for what, one, other in wrong]


def _near(one: float | None, other: float | None, relative: float, absolute: float) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=relative, abs_tol=max(absolute, 1e-25))


# -- from raw numbers -----------------------------------------------------------------------------------------------


def _top(*arms: Sequence[float]) -> float:
    return max(abs(value) for arm in arms for value in arm)


def gain(a: Sequence[float], b: Sequence[float], low: float, high: float = inf, step: float = 0.0) -> Claimed:
    """Claim that the mean of a - b lies between ``low`` and ``high``."""
    return Claimed([x - y for x, y in zip(a, b, strict=True)], low, high, _top(a, b), step)


def rising(levels: Sequence[Sequence[float]], by: float, tolerance: float, step: float) -> list[Claimed]:
    """Claim that the mean rises from the first level to the last by more than ``by``, and that no step falls."""
    steps = [gain(after, before, -tolerance, step=step) for before, after in pairwise(levels)]
    return [gain(levels[-1], levels[0], by, step=step), *steps]


def alike(levels: Sequence[Sequence[float]], within: float, step: float) -> list[Claimed]:
    """Claim that all pairs of levels are closer than ``within``."""
    return [gain(a, b, -within, within, step) for a, b in combinations(levels, 2)]


def level(values: Sequence[float], low: float, high: float, step: float) -> Claimed:
    """Claim that a mean lies between two bounds."""
    return Claimed(values, low, high, _top(values), step)


def share(success: Sequence[bool], above: float) -> Claimed:
    """Claim that more than a share of the seeds succeed."""
    return Claimed([float(won) for won in success], above, inf, 1.0, kind="count")


def exact(values: Sequence[float], value: float) -> Claimed:
    """Claim that every seed has this number."""
    return Claimed(values, value, value, _top(values), kind="exact", margin=value)


def faster(fast: Sequence[float], slow: Sequence[float], by: float, ends: tuple[float, float], step: float) -> Claimed:
    """Claim that ``fast`` takes less time by more than a factor ``by``; ``ends`` are the two budgets."""
    logs = [[log2(min(time, end)) for time in arm] for arm, end in zip((fast, slow), ends, strict=True)]
    # the step of the clock, at a typical time
    size = log2(1 + step / 2 ** median([*logs[0], *logs[1]]))
    late = [
        frozenset(at for at, time in enumerate(arm) if time >= end) for arm, end in ((fast, ends[0]), (slow, ends[1]))
    ]
    part = gain(logs[1], logs[0], log2(by), step=size)
    return replace(part, margin=log2(by), late_fast=late[0], late_slow=late[1])


def mirrored(part: Claimed) -> Claimed:
    """Claim the opposite difference, by the same margin."""
    return replace(part, d=[-value for value in part.d], late_fast=part.late_slow, late_slow=part.late_fast)


def rest(part: Claimed) -> Claimed:
    """Claim that the effect lies elsewhere: for what no mirror image contradicts."""
    if part.low == part.high or (isfinite(part.low) and isfinite(part.high)):
        return replace(part, outside=True)
    low, high = (-inf, part.low) if isfinite(part.low) else (part.high, inf)
    return replace(part, low=low, high=high)
