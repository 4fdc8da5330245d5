"""Calibration: how often the rule is wrong, and how often it decides, measured by simulation.

Every rule is simulated with truths at, inside and outside its margin, on data like ours: normal, accuracies in steps
of 1/16 and 1/100, skewed, heavily tied. ``python -m benchmarks.calibration --write docs/statistics.md`` renews the
tables between the markers there; ``tests/inference/test_calibration.py`` checks the same numbers against bounds. Truths
are in standard deviations of a seed: 0 is on the margin, +0.5 half a standard deviation inside the claimed region.
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from pytest_claims.inference.interval import Floats
from pytest_claims.inference.parts import Part, Role, decide
from pytest_claims.inference.rule import Bools, Terms
from pytest_claims.vocabulary import ALPHA

WORLDS = 10_000
LOOKS = (8, 16, 32, 64)
LOOK_ALPHA = ALPHA / len(LOOKS)
SEEDS = (8, 16, 32, 64)
AT, INSIDE, OUTSIDE = 0.0, 0.5, -0.5
TIES = 0.65
DULL = 0.99  # above this, the digits of a power do not matter
BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"

Noise = Callable[[np.random.Generator, tuple[int, ...]], Floats]
Draw = Callable[[np.random.Generator, Noise, float, tuple[int, int]], Floats]


def _lognormal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    e = float(np.e)
    return np.asarray((np.exp(rng.standard_normal(shape)) - e**0.5) / ((e - 1) * e) ** 0.5)


#: Noise with mean 0 and standard deviation 1. "left" has its long tail below, as rare bad seeds make it.
NOISE: Mapping[str, Noise] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "steps of 1/100": lambda rng, shape: (rng.binomial(100, 0.5, shape) - 50) / 5,
    "steps of 1/16": lambda rng, shape: (rng.binomial(16, 0.5, shape) - 8) / 2,
    "skewed left": lambda rng, shape: 1 - rng.exponential(size=shape),
    "skewed right": lambda rng, shape: rng.exponential(size=shape) - 1,
    "very skewed left": lambda rng, shape: -_lognormal(rng, shape),
    "very skewed right": _lognormal,
}


#: The steps of the discrete noises, in standard deviations.
RESOLUTION: Mapping[str, float] = {"steps of 1/100": 0.2, "steps of 1/16": 0.5}


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule to simulate: the parts it judges and how their values, (worlds, parts, n), are drawn for a truth."""

    name: str
    parts: tuple[Part, ...]
    draw: Draw
    deepest: float = inf  # how far inside a truth can lie before it leaves the region at the other end


@dataclass(frozen=True)
class Rates:
    """The share of worlds in which a rule says "supported" and "refuted"."""

    supported: float
    refuted: float
    worlds: int
    seeds: float = 0.0  # mean number of seeds taken (sequential runs)


def part(low: float, high: float, role: Role, resolution: float = 0.0) -> Part:
    """Make a part without evidence; simulations draw their own."""
    count = role == "share"
    return Part(role, np.zeros(SEEDS[0]), (low, high), role, low, "count" if count else "mean", resolution)


def _plain(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Floats:
    return noise(rng, (size[0], 1, size[1])) + truth


def _columns(rng: np.random.Generator, noise: Noise, means: Sequence[float], size: tuple[int, int]) -> Floats:
    """Draw levels, (worlds, levels, n): the last has the noise, the others a little normal noise."""
    data = 0.3 * rng.standard_normal((size[0], len(means), size[1]))
    data[:, -1] = noise(rng, size)
    return np.asarray(data + np.array(means)[:, None])


def _ordered(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Floats:
    """Rise by 1 + truth over three levels; claimed: more than 1."""
    low, middle, high = np.moveaxis(_columns(rng, noise, [0, (1 + truth) / 2, 1 + truth], size), 1, 0)
    return np.stack([high - low, middle - low, high - middle], axis=1)


def _step_back(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Floats:
    """Rise far enough from end to end, but with a last step of truth - 0.5, where -0.5 is tolerated."""
    low, middle, high = np.moveaxis(_columns(rng, noise, [0, 5, 4.5 + truth], size), 1, 0)
    return np.stack([high - low, middle - low, high - middle], axis=1)


def _pairs(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Floats:
    """Draw three groups, one pair of which differs by 3 - truth; claimed: less than 3."""
    a, b, c = np.moveaxis(_columns(rng, noise, [0, 1.5, 3 - truth], size), 1, 0)
    return np.stack([b - a, c - a, c - b], axis=1)


def _accuracy(rows: int) -> Draw:
    """Draw accuracies on ``rows`` rows, with the bound 0.9: discrete, and skewed."""

    def draw(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Floats:
        rate = min(0.9 + truth * (0.09 / rows) ** 0.5, 1.0)
        return rng.binomial(rows, rate, (size[0], 1, size[1])) / rows

    return draw


def _successes(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Floats:
    """Draw successes with a share of 0.5 + truth / 2."""
    return (rng.random((size[0], 1, size[1])) < 0.5 + truth / 2).astype(float)


def _tied(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Floats:
    """Draw rare differences: 65 % of seeds tie, and a share of 0.8 + 0.3 truth is not worse by 0.1.

    The other seeds lose 0.5, so that mean and share reach their margins together.
    """
    share = 0.8 + 0.3 * truth
    which = rng.random((size[0], 1, size[1]))
    return np.where(which < TIES, 0.0, np.where(which < share, 0.02 * which, -0.5))


def _gains(ties: float, size_of: Noise) -> Draw:
    """Draw rare gains: a share ``ties`` of seeds tie, the mean over all is 0.1 + 0.15 truth; claimed: more than 0.1.

    No seed loses, and fewer than half of the seeds are above 0.1. The standard deviation of a seed grows with the
    truth; on the margin it is 0.14 (65 % ties, uniform gains) and 0.35 (85 %, exponential gains).
    """

    def draw(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Floats:
        typical = (0.1 + 0.15 * truth) / (1 - ties)
        shape = (size[0], 1, size[1])
        return np.where(rng.random(shape) < ties, 0.0, typical * size_of(rng, shape))

    return draw


def _five(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Floats:
    return noise(rng, (size[0], 5, size[1])) + truth


def _one_of_five(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Floats:
    return np.asarray(noise(rng, (size[0], 5, size[1])) + np.array([truth, 2, 2, 2, 2])[:, None])


_GAIN = part(0, inf, "gain")
_STEPS = (part(1, inf, "gain"), part(-0.5, inf, "step"), part(-0.5, inf, "step"))
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("difference", (_GAIN,), _plain),
        Rule("ordered, end to end", _STEPS, _ordered),
        Rule("ordered, a step back", _STEPS, _step_back),
        Rule("equivalence", (part(-3, 3, "pair"),) * 3, _pairs, deepest=3),
        Rule("level of 16 rows", (part(0.9, inf, "level", 1 / 16),), _accuracy(16)),
        Rule("level of 100 rows", (part(0.9, inf, "level", 1 / 100),), _accuracy(100)),
        Rule("proportion above .5", (part(0.5, inf, "share"),), _successes),
        Rule("ties, by count", (part(-0.1, inf, "gain"),), _tied),
        Rule("ties outside", (part(0.1, inf, "gain"),), _gains(TIES, lambda rng, shape: 0.5 + rng.random(shape))),
        Rule(
            "ties outside, 85 %",
            (part(0.1, inf, "gain"),),
            _gains(0.85, lambda rng, shape: rng.exponential(size=shape)),
        ),
        Rule("conjunction of 5", (_GAIN,) * 5, _five),
        Rule("conjunction, one in doubt", (_GAIN,) * 5, _one_of_five),
    )
}
#: Rules that draw their own data; the others run on every kind of noise.
OWN_DATA = (
    "level of 16 rows",
    "level of 100 rows",
    "proportion above .5",
    "ties, by count",
    "ties outside",
    "ties outside, 85 %",
)
#: Times to a threshold have their own simulation, by budget.
TIMES: Mapping[str, float] = {"time, nothing censored": inf, "time, budget of 128 steps": 128.0}
#: Truths and data for which power is tabulated.
TRUTHS = (0.5, 1.0, 1.3, 2.0, 5.0)
POWER_NOISE = ("normal", "steps of 1/16", "skewed left", "skewed right")


def generator(*names: object) -> np.random.Generator:
    """Derive a simulation's seed from its cell, so that a single cell can be repeated."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, names)).encode()))


def outcome(parts: Sequence[Part], values: Floats, alpha: float = ALPHA) -> tuple[Bools, Bools]:
    """Judge whole hypotheses, ``values`` of shape (worlds, parts, n): which worlds are supported, which refuted."""
    decisions = decide(parts, values, Terms(alpha, len(parts)))
    refuted = decisions.refuted.any(axis=-1)
    return np.asarray(decisions.supported.all(axis=-1) & ~refuted), np.asarray(refuted)


def _stepped(parts: Sequence[Part], noise: str) -> Sequence[Part]:
    """Give the parts the resolution of the noise, as measurements do."""
    step = RESOLUTION.get(noise)
    return parts if step is None else [replace(member, resolution=step) for member in parts]


def rates(rule: str, noise: str, n: int, truth: float, worlds: int = WORLDS) -> Rates:
    """Simulate one rule on one kind of data at one truth."""
    chosen = RULES[rule]
    values = chosen.draw(generator(rule, noise, n, truth), NOISE[noise], truth, (worlds, n))
    supported, refuted = outcome(_stepped(chosen.parts, noise), values)
    return Rates(float(supported.mean()), float(refuted.mean()), worlds, n)


def sequential(
    noise: str, truth: float, worlds: int = WORLDS, alpha: float = LOOK_ALPHA, rule: str = "difference"
) -> Rates:
    """Simulate looks at 8, 16, 32 and 64 seeds that stop at the first decision."""
    chosen = RULES[rule]
    values = chosen.draw(generator("sequential", rule, noise, truth), NOISE[noise], truth, (worlds, LOOKS[-1]))
    parts = _stepped(chosen.parts, noise)
    return _in_turn(worlds, lambda going, n: outcome(parts, values[going][..., :n], alpha))


def _in_turn(worlds: int, judge: Callable[[Any, int], tuple[Bools, Bools]]) -> Rates:
    """For each n, look at the first n seeds of the worlds that are still undecided."""
    supported, refuted = np.zeros(worlds, dtype=bool), np.zeros(worlds, dtype=bool)
    taken = np.zeros(worlds)
    for n in LOOKS:
        going = np.flatnonzero(~(supported | refuted))
        taken[going] = n
        supported[going], refuted[going] = judge(going, n)
    return Rates(float(supported.mean()), float(refuted.mean()), worlds, float(taken.mean()))


def timed(n: int, truth: float, budget: float, worlds: int = WORLDS) -> Rates:
    """Simulate times to a threshold, recorded in whole steps and cut at ``budget`` (median time: 64 steps)."""
    supported, refuted = _judged_times(_times(generator("timed", n, truth, budget), (worlds, n), truth, budget), budget)
    return Rates(float(supported.mean()), float(refuted.mean()), worlds, n)


def sequential_times(truth: float, budget: float, worlds: int = WORLDS, alpha: float = LOOK_ALPHA) -> Rates:
    """Simulate looks at times to a threshold."""
    steps = _times(generator("sequential times", truth, budget), (worlds, LOOKS[-1]), truth, budget)
    return _in_turn(worlds, lambda going, n: _judged_times(steps[:, going, :n], budget, alpha))


def _times(rng: np.random.Generator, size: tuple[int, int], truth: float, budget: float) -> Floats:
    """Draw the steps that the fast and the slow arm take, of shape (2, worlds, n)."""
    fast = 6 + 0.5 * rng.standard_normal(size)
    slow = fast + truth + rng.standard_normal(size)
    return np.minimum(np.ceil(np.exp2(np.stack([fast, slow]))), budget)


def _judged_times(steps: Floats, budget: float, alpha: float = ALPHA) -> tuple[Bools, Bools]:
    """Judge times as ``sooner`` does, censoring included."""
    fast, slow = (steps >= budget)[:, :, None]
    values = (np.log2(steps[1]) - np.log2(steps[0]))[:, None]
    decisions = decide([part(0, inf, "time", 1 / 64)], values, Terms(alpha), (fast, slow))
    return decisions.supported[:, 0], decisions.refuted[:, 0]


def percent(rate: float) -> str:
    """Write a rate as the tables show it."""
    if rate in {0.0, 1.0}:
        return f"{100 * rate:.0f}"
    return f"{100 * rate:.2g}" if rate < DULL else "> 99"


def _kinds(rule: str, noises: Sequence[str]) -> list[tuple[str, str]]:
    """Return the kinds of data to tabulate for a rule: (name in the table, name of the noise)."""
    return [("own", "normal")] if rule in OWN_DATA else [(noise, noise) for noise in noises]


def error_table(worlds: int) -> list[str]:
    """Tabulate errors in per cent: on the margin both verdicts are errors, half an sd beyond it one of them is."""
    lines = [
        "| rule | data | seeds | supported on it | refuted on it | supported outside | refuted inside |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in RULES:
        for noise, kind in _kinds(rule, list(NOISE)):
            cells = {n: [rates(rule, kind, n, truth, worlds) for truth in (AT, OUTSIDE, INSIDE)] for n in SEEDS}
            columns = (
                [percent(cells[n][0].supported) for n in SEEDS],
                [percent(cells[n][0].refuted) for n in SEEDS],
                [percent(cells[n][1].supported) for n in SEEDS],
                [percent(cells[n][2].refuted) for n in SEEDS],
            )
            shown = " | ".join(" / ".join(column) for column in columns)
            lines.append(f"| {rule} | {noise} | {' / '.join(map(str, SEEDS))} | {shown} |")
    for name, budget in TIMES.items():
        cells = {n: [timed(n, truth, budget, worlds) for truth in (AT, OUTSIDE, INSIDE)] for n in SEEDS}
        shown = " | ".join(
            " / ".join(percent(getattr(cells[n][at], verdict)) for n in SEEDS)
            for at, verdict in ((0, "supported"), (0, "refuted"), (1, "supported"), (2, "refuted"))
        )
        lines.append(f"| {name} | own | {' / '.join(map(str, SEEDS))} | {shown} |")
    return lines


def power_table(worlds: int) -> list[str]:
    """Tabulate how often a true claim is supported; for a difference, also after how many seeds with looks."""
    lines = [
        "| rule | data | seeds | " + " | ".join(f"{truth} sd inside, %" for truth in TRUTHS) + " |",
        "|---|---|---|" + "---|" * len(TRUTHS),
    ]
    seeds = " / ".join(map(str, SEEDS))
    for rule, chosen in RULES.items():
        for noise, kind in _kinds(rule, POWER_NOISE):
            columns = [
                [percent(rates(rule, kind, n, truth, worlds).supported) for n in SEEDS]
                if truth <= chosen.deepest
                else "-"
                for truth in TRUTHS
            ]
            lines.append(f"| {rule} | {noise} | {seeds} | {' | '.join(map(' / '.join, columns))} |")
    for name, budget in TIMES.items():
        columns = [[percent(timed(n, truth, budget, worlds).supported) for n in SEEDS] for truth in TRUTHS]
        lines.append(f"| {name} | own | {seeds} | {' | '.join(map(' / '.join, columns))} |")
    for noise in POWER_NOISE:
        looks = [sequential(noise, truth, worlds) for truth in TRUTHS]
        shown = " | ".join(f"{percent(look.supported)} ({look.seeds:.0f} seeds)" for look in looks)
        lines.append(f"| difference | {noise} | 8, 16, 32, 64 in turn | {shown} |")
    return lines


def sequential_table(worlds: int) -> list[str]:
    """Tabulate the errors of looking four times, at alpha / 4 and, for a difference, at alpha as well."""
    lines = [
        "| rule | data | looks at | supported on it, % | refuted on it, % | supported outside, % | refuted inside, % |",
        "|---|---|---|---|---|---|---|",
    ]
    looks = {"alpha / 4": LOOK_ALPHA, "alpha (peeking)": ALPHA}
    for rule in RULES:
        for noise, kind in _kinds(rule, list(NOISE)):
            for name, alpha in list(looks.items())[: 2 if rule == "difference" else 1]:
                at, out, inside = (sequential(kind, truth, worlds, alpha, rule) for truth in (AT, OUTSIDE, INSIDE))
                shown = " | ".join(map(percent, (at.supported, at.refuted, out.supported, inside.refuted)))
                lines.append(f"| {rule} | {noise} | {name} | {shown} |")
    for name, budget in TIMES.items():
        at, out, inside = (sequential_times(truth, budget, worlds) for truth in (AT, OUTSIDE, INSIDE))
        shown = " | ".join(map(percent, (at.supported, at.refuted, out.supported, inside.refuted)))
        lines.append(f"| {name} | own | alpha / 4 | {shown} |")
    return lines


def tables(worlds: int = WORLDS) -> str:
    """Write all tables as Markdown."""
    sections = [
        ("### Errors", error_table(worlds)),
        ("### Power", power_table(worlds)),
        ("### Sequential looks", sequential_table(worlds)),
    ]
    head = f"{worlds:,} simulated experiments a cell, alpha {ALPHA} a side. Made by `python -m benchmarks.calibration`."
    return "\n\n".join([head, *(f"{title}\n\n" + "\n".join(lines) for title, lines in sections)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them between the markers of a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description="Simulate the decision rule.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the tables between the markers of FILE")
    parser.add_argument("--worlds", type=int, default=WORLDS, help=f"experiments a cell (default {WORLDS})")
    chosen = parser.parse_args(arguments)
    if chosen.write is None:
        sys.stdout.write(tables(chosen.worlds) + "\n")
        return 0
    text = chosen.write.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        parser.error(f"{chosen.write} has no markers {BEGIN} and {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    chosen.write.write_text(f"{before}{BEGIN}\n\n{tables(chosen.worlds)}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
