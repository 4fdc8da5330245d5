"""Negative controls: the same judgement in worlds where the claim is false.

Relabelled: within each seed the conditions change places at random (a difference changes its sign; the levels of an
ordered claim are permuted), with one draw per seed for all parts. If labels meant nothing, these worlds would be as
likely as the real one, so they are "supported" no more often than alpha: an exact randomisation test of the pipeline
(Fisher 1935; Pitman 1937). A difference of differences, or of a gain and half of another gain, changes its sign as a
whole: in such worlds it is above zero as often as below.

Shifted to the margin: where exchanging labels does not make the claim false (levels, equivalences, "not worse than"),
the deciding part is moved onto the nearest end of its region, where it is just false. Its residuals are multiplied by
Mammen's (1993) two-point weights, which have mean 0 and second and third moment 1, so the worlds keep the data's spread
and skew; the line of an adjusted claim stays. The rule has a known weakness under skew, so up to 6 % are allowed. Only
the deciding part moves, the others are assumed to hold: the least favourable case of an intersection (Berger 1982).
"Beyond" is the same, one standard deviation outside the margin. Counts are drawn from the binomial distribution at
their bound.

Where a claim is judged at several looks, every world goes through all of them up to the one reached, and counts as
supported if it is supported at any: a part that one look supports stays so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Literal

import numpy as np
from scipy import stats

from pytest_claims.inference.adjustment import adjust
from pytest_claims.inference.interval import Floats
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.parts import Cut, Part, cut_of, decide, judge_parts
from pytest_claims.inference.rule import Bools, Terms

#: Share of shifted worlds that may come out supported: the rule's known weakness under skew.
SHIFTED_BOUND = 0.06
#: Chance that the control of a sound claim fails.
FALSE_ALARM = 1e-4

#: The worlds in which a hypothesis is false.
Null = Literal["relabelled", "shifted to the margin", "exact"]


@dataclass(frozen=True, eq=False)
class Levels:
    """An ordered claim before its contrasts: ``data`` (groups, n, levels), ``contrasts`` (levels, parts a group)."""

    data: Floats
    contrasts: Floats

    def reversed(self) -> "Levels":
        """Turn the order of the levels around."""
        return Levels(self.data[..., ::-1], self.contrasts)

    def parts(self, data: Floats) -> Floats:
        """Return the parts' values, shape (..., groups * parts, n), for data of shape (..., groups, n, levels)."""
        values = np.swapaxes(data @ self.contrasts, -1, -2)
        return values.reshape(*data.shape[:-3], -1, data.shape[-2])


@dataclass(frozen=True)
class Control:
    """How many worlds in which the claim is false were called supported, and how many may be.

    ``beyond``: the same count one standard deviation outside the margin (shifted worlds only).
    """

    kind: Null
    worlds: int
    supported: int
    bound: int
    ok: bool
    beyond: int | None
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return the field ``controls`` of results.json."""
        return {
            "kind": self.kind,
            "worlds": self.worlds,
            "supported": self.supported,
            "bound": self.bound,
            "ok": self.ok,
            "beyond": self.beyond,
            "text": self.text,
        }


@dataclass(frozen=True, eq=False)
class Subject:
    """What a control needs from a hypothesis: its parts, how to make it false, an ordered claim's levels, its looks."""

    parts: tuple[Part, ...]
    null: Null
    levels: Levels | None
    looks: Looks

    @property
    def n(self) -> int:
        """The number of seeds."""
        return int(self.parts[0].values.size)

    def supported(self, parts: Sequence[Part], values: Floats, cut: Cut | None = None) -> Bools:
        """Return which worlds are supported at any look up to the last, for ``values`` of shape (worlds, parts, n)."""
        stay = np.zeros(values.shape[:2], dtype=bool)
        for n in (*(size for size in self.looks.seeds if size < self.n), self.n):
            terms = Terms(self.looks.level, ties=self.looks.judges_ties(n))
            until = None if cut is None else (cut[0][..., :n], cut[1][..., :n])
            stay |= decide(parts, values[..., :n], terms, until).supported
        return np.asarray(stay.all(axis=-1))


def control(subject: Subject, rng: np.random.Generator, worlds: int) -> Control:
    """Run the control that fits the subject."""
    if subject.null == "exact":
        return _perturbed(subject, rng, worlds)
    if subject.null == "relabelled":
        return _relabelled(subject, rng, worlds)
    return _shifted(subject, rng, worlds)


def worst(controls: Iterable[Control]) -> Control:
    """Return the control of a conjunction: the control of the member that comes closest to its bound."""
    return max(controls, key=lambda c: (not c.ok, c.supported / c.bound if c.bound else c.supported))


def most_expected(worlds: int, alpha: float) -> int:
    """Return the largest count that is consistent with alpha; chance exceeds it once in 10,000 controls."""
    return int(stats.binom.isf(FALSE_ALARM, worlds, alpha))


def _relabelled(subject: Subject, rng: np.random.Generator, worlds: int) -> Control:
    """Exchange labels within each seed."""
    n = subject.n
    parts = subject.parts
    if subject.levels is not None:
        data = subject.levels.data
        order = rng.permuted(np.broadcast_to(np.arange(data.shape[-1]), (worlds, n, data.shape[-1])), axis=-1)
        shuffled = np.take_along_axis(data[None], order[:, None], axis=-1)
        supported = subject.supported(parts, subject.levels.parts(shuffled))
    else:
        signs = rng.choice([-1.0, 1.0], size=(worlds, 1, n))
        supported = subject.supported(parts, np.stack([part.values for part in parts]) * signs, _swapped(parts, signs))
    count, bound = int(supported.sum()), most_expected(worlds, subject.looks.alpha)
    text = f"{count} of {worlds} shuffled worlds were called supported (at most {bound} are consistent with alpha)"
    return Control("relabelled", worlds, count, bound, count <= bound, None, text)


def _swapped(parts: Sequence[Part], signs: Floats) -> Cut | None:
    """Return the masks of cut runs, shape (worlds, parts, n), where the labels change places with the signs."""
    cut = cut_of(parts)
    if cut is None:
        return None
    fast, slow = cut
    return np.where(signs > 0, fast, slow), np.where(signs > 0, slow, fast)


def _shifted(subject: Subject, rng: np.random.Generator, worlds: int) -> Control:
    """Move the deciding part to its margin, and beyond."""
    verdicts = judge_parts(subject.parts, Terms(subject.looks.level, len(subject.parts)))
    part = subject.parts[min(range(len(verdicts)), key=lambda i: verdicts[i].slack)]
    if part.estimator == "count":
        return _binomial(subject, part, rng, worlds)
    mean, line, left = _fitted(part)
    edge = min((end for end in part.region if isfinite(end)), key=lambda end: abs(end - mean))
    # outwards from the claimed region: below a lower end, above an upper one; inwards for a complement
    away = -1.0 if (edge == part.region[0]) != part.outside else 1.0
    residuals = left * mammen(rng, (worlds, part.values.size))
    step = max(float(left.std(ddof=1)), part.resolution / sqrt(12))
    counts = [
        int(subject.supported([part], (edge + away * far + line + residuals)[:, None]).sum()) for far in (0.0, step)
    ]
    bound = int(SHIFTED_BOUND * worlds)
    text = (
        f"{counts[0]} of {worlds} worlds shifted to the margin were called supported (at most {bound} may be), "
        f"{counts[1]} of {worlds} one standard deviation beyond it"
    )
    return Control("shifted to the margin", worlds, counts[0], bound, max(counts) <= bound, counts[1], text)


def _fitted(part: Part) -> tuple[float, Floats, Floats]:
    """Return a part's effect, what a covariate adds to it in each seed (nothing without one), and what is left."""
    if part.covariate is None:
        mean = float(part.values.mean())
        return mean, np.zeros(part.values.size), part.values - mean
    found = adjust(part.values[None], [part.covariate])
    line = found.slope[0] * (part.covariate.values - part.covariate.mean)
    return float(found.effect[0]), line, found.residuals[0]


def mammen(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Mammen's two-point weights: mean 0, second and third moment 1 (Annals of Statistics 21, 1993, 255-285)."""
    root = sqrt(5)
    small = rng.random(shape) < (root + 1) / (2 * root)
    return np.where(small, (1 - root) / 2, (1 + root) / 2)


def _binomial(subject: Subject, part: Part, rng: np.random.Generator, worlds: int) -> Control:
    """Draw every seed's success at the bound itself, and one standard deviation of a seed beyond it."""
    share = next(end for end in part.region if isfinite(end))
    step = sqrt(share * (1 - share))
    beyond = max(share - step, 0.0) if isfinite(part.region[0]) else min(share + step, 1.0)
    counts = [
        int(subject.supported([part], (rng.random((worlds, 1, part.values.size)) < rate).astype(float)).sum())
        for rate in (share, beyond)
    ]
    bound = most_expected(worlds, subject.looks.alpha)
    text = (
        f"{counts[0]} of {worlds} worlds whose share is at the bound were called supported (at most {bound} are "
        f"consistent with alpha), {counts[1]} of {worlds} beyond it"
    )
    return Control("shifted to the margin", worlds, counts[0], bound, max(counts) <= bound, counts[1], text)


def _perturbed(subject: Subject, rng: np.random.Generator, worlds: int) -> Control:
    """Change one seed's value in one part by the smallest step of a float: it must not be supported."""
    parts = subject.parts
    data = np.stack([part.values for part in parts])
    values = np.repeat(data[None], worlds, axis=0)
    world = np.arange(worlds)
    part, seed = rng.integers(len(parts), size=worlds), rng.integers(subject.n, size=worlds)
    expected = np.array([claimed.margin for claimed in parts])[part]
    # a perturbed seed must differ from the expected value, whatever the evidence is
    values[world, part, seed] = np.nextafter(expected, np.inf)
    count = int(decide(parts, values, Terms(0.0)).supported.all(axis=-1).sum())
    text = f"{count} of {worlds} worlds with one value perturbed were called supported (none may be)"
    return Control("exact", worlds, count, 0, count == 0, None, text)
