"""Calibration: how often the rule is wrong, and how often it decides, measured by simulation.

Every rule is simulated with truths on, inside and outside its margin, on data like ours: normal, accuracies in steps of
1/16 and 1/100, skewed, mostly tied, and with 15 or 5 % of seeds that fail. A hypothesis is judged once, as a claim with
a single look, and look by look at 32, 64, ... 512 seeds. ``python -m benchmarks.calibration --write
docs/statistics.md`` renews the tables between the markers there; ``tests/inference/test_calibration.py`` checks the
same numbers against bounds. Truths are in standard deviations of a seed: 0 is on the margin, +0.5 half a standard
deviation inside the claimed region.
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import numpy as np

from pytest_claims.inference.adjustment import Covariate
from pytest_claims.inference.interval import Floats
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.parts import Part, Role, decide
from pytest_claims.inference.rule import Bools, Terms
from pytest_claims.vocabulary import ALPHA

WORLDS = 10_000
#: Off the margin hardly anything is decided wrongly: fewer worlds show that.
FEWER = 2_000
#: Worlds that are drawn and judged together.
CHUNK = 500
SEEDS = (32, 64, 128, 512)
LOOKS = Looks.doubling(32, 512)
QUICK = (8, 16)
#: Other looks that claims of the suite register, and rules that are simulated with them.
PLANS = tuple(Looks.doubling(first, last) for first, last in ((32, 2048), (64, 512), (64, 2048)))
IN_PLANS = ("difference", "level .97 of 100 rows", "proportion above .5", "not worse, rare losses", "gains, 85 % tie",
            "time, 2 % of the fast cut off", "adjusted, on a line")  # fmt: skip
AT, INSIDE, OUTSIDE = 0.0, 0.5, -0.5
#: Truths for which power is tabulated.
TRUTHS = (0.15, 0.25, 0.5, 1.0)
DULL = 0.99  # above this, the digits of a power do not matter
BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"

Size = tuple[int, ...]
Noise = Callable[[np.random.Generator, Size], Floats]


def _lognormal(rng: np.random.Generator, shape: Size) -> Floats:
    e = float(np.e)
    return np.asarray((np.exp(rng.standard_normal(shape)) - e**0.5) / ((e - 1) * e) ** 0.5)


def _failing(share: float) -> Noise:
    """Let a share of seeds fail and lose 1; the others have a standard deviation of 0.05."""

    def draw(rng: np.random.Generator, shape: Size) -> Floats:
        lost = np.where(rng.random(shape) < share, -1.0, 0.0)
        return np.asarray((lost + share + 0.05 * rng.standard_normal(shape)) / (share * (1 - share) + 0.0025) ** 0.5)

    return draw


def _tied(rng: np.random.Generator, shape: Size) -> Floats:
    """65 % of seeds tie, the others gain an exponential amount."""
    gains = np.where(rng.random(shape) < 0.65, 0.0, rng.exponential(size=shape))
    return np.asarray((gains - 0.35) / (2 * 0.35 - 0.35**2) ** 0.5)


#: Noise with mean 0 and standard deviation 1. "left" has its long tail below, as rare bad seeds make it.
NOISE: Mapping[str, Noise] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "steps of 1/100": lambda rng, shape: (rng.binomial(100, 0.5, shape) - 50) / 5,
    "steps of 1/16": lambda rng, shape: (rng.binomial(16, 0.5, shape) - 8) / 2,
    "skewed left": lambda rng, shape: 1 - rng.exponential(size=shape),
    "skewed right": lambda rng, shape: rng.exponential(size=shape) - 1,
    "very skewed left": lambda rng, shape: -_lognormal(rng, shape),
    "very skewed right": _lognormal,
    "65 % tie, left": lambda rng, shape: -_tied(rng, shape),
    "65 % tie, right": _tied,
    "15 % fail": _failing(0.15),
    "5 % fail": _failing(0.05),
}
#: The kinds of data for rules of several parts.
SOME = ("normal", "steps of 1/16", "skewed left", "skewed right", "65 % tie, right", "15 % fail")
#: The steps of the discrete noises, in standard deviations.
RESOLUTION: Mapping[str, float] = {"steps of 1/100": 0.2, "steps of 1/16": 0.5}


@dataclass(frozen=True, eq=False)
class Drawn:
    """What one simulated experiment judges: ``values`` (worlds, parts, n), and what a time or a covariate needs.

    ``cut`` are the masks (worlds, parts, n) of the fast and the slow arm's runs that never reached the threshold;
    ``x`` (worlds, n) is a covariate with population mean 0.
    """

    values: Floats
    cut: tuple[Bools, Bools] | None = None
    x: Floats | None = None

    def judge(self, parts: Sequence[Part], n: int, terms: Terms) -> tuple[Bools, Bools]:
        """Judge the first n seeds: which parts support and which refute, each (worlds, parts)."""
        values = self.values[..., :n]
        if self.x is not None:
            parts = [replace(part, covariate=Covariate("x", self.x[:, :n], 0.0)) for part in parts]
        cut = None if self.cut is None else (self.cut[0][..., :n], self.cut[1][..., :n])
        decisions = decide(parts, values, terms, cut)
        return decisions.supported, decisions.refuted


Draw = Callable[[np.random.Generator, Noise, float, tuple[int, int]], Drawn]


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule to simulate: the parts it judges, how their values are drawn for a truth, and on which kinds of data.

    Without ``noises`` a rule draws data of its own.
    """

    name: str
    parts: tuple[Part, ...]
    draw: Draw
    noises: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rates:
    """The share of worlds in which a rule says "supported" and "refuted", and the mean number of seeds taken."""

    supported: float
    refuted: float
    worlds: int
    seeds: float


def part(low: float, high: float, role: Role, resolution: float = 0.0) -> Part:
    """Make a part without evidence; simulations draw their own. Its numbers are of the size of 1."""
    count = role == "share"
    return Part(role, np.zeros(2), (low, high), role, low, "count" if count else "mean", resolution, scale=1.0)


def _plain(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    return Drawn(noise(rng, (size[0], 1, size[1])) + truth)


def _columns(rng: np.random.Generator, noise: Noise, means: Sequence[float], size: tuple[int, int]) -> Floats:
    """Draw levels, (levels, worlds, n): the last has the noise, the others a little normal noise."""
    data = 0.3 * rng.standard_normal((len(means), *size))
    data[-1] = noise(rng, size)
    return np.asarray(data + np.array(means)[:, None, None])


def _ordered(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    """Rise by 1 + truth over three levels; claimed: more than 1."""
    low, middle, high = _columns(rng, noise, [0, (1 + truth) / 2, 1 + truth], size)
    return Drawn(np.stack([high - low, middle - low, high - middle], axis=1))


def _step_back(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    """Rise far enough from end to end, but with a last step of truth - 0.5, where -0.5 is tolerated."""
    low, middle, high = _columns(rng, noise, [0, 5, 4.5 + truth], size)
    return Drawn(np.stack([high - low, middle - low, high - middle], axis=1))


def _pairs(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    """Draw three groups, one pair of which differs by 3 - truth; claimed: less than 3."""
    a, b, c = _columns(rng, noise, [0, 1.5, 3 - truth], size)
    return Drawn(np.stack([b - a, c - a, c - b], axis=1))


def _accuracy(rows: int, bound: float) -> Draw:
    """Draw accuracies on ``rows`` rows: discrete, and skewed near 1."""

    def draw(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Drawn:
        rate = min(bound + truth * (bound * (1 - bound) / rows) ** 0.5, 1.0)
        return Drawn(rng.binomial(rows, rate, (size[0], 1, size[1])) / rows)

    return draw


def _successes(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    """Draw successes with a share of 0.5 + truth / 2."""
    return Drawn((rng.random((size[0], 1, size[1])) < 0.5 + truth / 2).astype(float))


def _losses(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    """Draw rare losses: a share of 0.08 - 0.13 truth of seeds loses 1, all others tie; claimed: not worse by .08."""
    share = max(0.08 - 0.13 * truth, 0.0)
    return Drawn(np.where(rng.random((size[0], 1, size[1])) < share, -1.0, 0.0))


def _gains(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    """Draw rare gains: 85 % of seeds tie, the mean over all is 0.1 + 0.15 truth; claimed: more than 0.1."""
    shape = (size[0], 1, size[1])
    gains = (0.1 + 0.15 * truth) / 0.15 * rng.exponential(size=shape)
    return Drawn(np.where(rng.random(shape) < 0.85, 0.0, gains))


def _five(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    return Drawn(noise(rng, (size[0], 5, size[1])) + truth)


def _one_of_five(rng: np.random.Generator, noise: Noise, truth: float, size: tuple[int, int]) -> Drawn:
    return Drawn(np.asarray(noise(rng, (size[0], 5, size[1])) + np.array([truth, 2, 2, 2, 2])[:, None]))


def _times(budget: float) -> Draw:
    """Draw times to a threshold in whole steps, cut at a budget; the fast arm takes 64 steps in the median."""

    def draw(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Drawn:
        shape = (size[0], 1, size[1])
        fast = 6 + 0.5 * rng.standard_normal(shape)
        slow = fast + truth + rng.standard_normal(shape)
        steps = np.minimum(np.ceil(np.exp2(np.stack([fast, slow]))), budget)
        cut = steps >= budget
        return Drawn(np.log2(steps[1]) - np.log2(steps[0]), None if budget == inf else (cut[0], cut[1]))

    return draw


#: How the effect depends on a normal covariate: value minus truth, mean 0, from x and standard normal noise.
_LINES: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "on a line": lambda x, noise: 2 * x + noise,
    "unrelated": lambda x, noise: noise,  # noqa: ARG005 - x explains nothing
    "more spread for large x": lambda x, noise: 2 * x + noise * np.exp(0.7 * x) / np.exp(0.49),
    "on a bent line": lambda x, noise: 2 * x + (x**2 - 1) + 0.5 * noise,
}


def _adjusted(kind: str) -> Draw:
    """Draw values that depend on a covariate; truths are in standard deviations of the noise around the line."""

    def draw(rng: np.random.Generator, _: Noise, truth: float, size: tuple[int, int]) -> Drawn:
        x = rng.standard_normal(size)
        return Drawn((_LINES[kind](x, rng.standard_normal(size)) + truth)[:, None], x=x)

    return draw


_GAIN = part(0, inf, "gain")
_STEPS = (part(1, inf, "gain"), part(-0.5, inf, "step"), part(-0.5, inf, "step"))
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("difference", (_GAIN,), _plain, tuple(NOISE)),
        Rule("ordered, end to end", _STEPS, _ordered, SOME),
        Rule("ordered, a step back", _STEPS, _step_back, SOME),
        Rule("equivalence", (part(-3, 3, "pair"),) * 3, _pairs, SOME),
        Rule("level .9 of 16 rows", (part(0.9, inf, "level", 1 / 16),), _accuracy(16, 0.9)),
        Rule("level .97 of 100 rows", (part(0.97, inf, "level", 1 / 100),), _accuracy(100, 0.97)),
        Rule("proportion above .5", (part(0.5, inf, "share"),), _successes),
        Rule("not worse, rare losses", (part(-0.08, inf, "gain"),), _losses),
        Rule("gains, 85 % tie", (part(0.1, inf, "gain"),), _gains),
        Rule("conjunction of 5", (_GAIN,) * 5, _five, SOME),
        Rule("conjunction, one in doubt", (_GAIN,) * 5, _one_of_five, SOME),
        Rule("time, nothing cut off", (part(0, inf, "time", 1 / 64),), _times(inf)),
        Rule("time, 2 % of the fast cut off", (part(0, inf, "time", 1 / 64),), _times(128.0)),
        Rule("time, 16 % of the fast cut off", (part(0, inf, "time", 1 / 64),), _times(91.0)),
        *(Rule(f"adjusted, {kind}", (_GAIN,), _adjusted(kind)) for kind in _LINES),
    )
}


def generator(*names: object) -> np.random.Generator:
    """Derive a simulation's seed from its cell, so that a single cell can be repeated."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, names)).encode()))


def kinds(rule: str) -> tuple[str, ...]:
    """Return the kinds of data to tabulate for a rule; "own" where it draws its own."""
    return RULES[rule].noises or ("own",)


def _chunks(rule: str, noise: str, n: int, truth: float, worlds: int) -> Iterator[tuple[Sequence[Part], Drawn]]:
    """Draw the worlds of a cell, a few at a time, with the resolution of the noise, as measurements have it."""
    chosen, rng = RULES[rule], generator(rule, noise, truth)
    step = RESOLUTION.get(noise)
    parts = chosen.parts if step is None else tuple(replace(one, resolution=step) for one in chosen.parts)
    draw = NOISE.get(noise, NOISE["normal"])
    for start in range(0, worlds, CHUNK):
        yield parts, chosen.draw(rng, draw, truth, (min(CHUNK, worlds - start), n))


def _combined(supports: Bools, refutes: Bools) -> tuple[Bools, Bools]:
    """Return which hypotheses are supported, and which refuted, from their parts."""
    refuted = refutes.any(axis=-1)
    return np.asarray(supports.all(axis=-1) & ~refuted), np.asarray(refuted)


def once(rule: str, noise: str, truth: float, worlds: int = WORLDS, sizes: Sequence[int] = SEEDS) -> dict[int, Rates]:
    """Simulate claims with a single look, at each of ``sizes`` seeds."""
    counts = {n: np.zeros(2) for n in sizes}
    for parts, drawn in _chunks(rule, noise, max(sizes), truth, worlds):
        for n in sizes:
            terms = Terms(ALPHA, len(parts), Looks((n,)).judges_ties(n))
            supported, refuted = _combined(*drawn.judge(parts, n, terms))
            counts[n] += supported.sum(), refuted.sum()
    return {n: Rates(float(count[0] / worlds), float(count[1] / worlds), worlds, n) for n, count in counts.items()}


def in_turn(rule: str, noise: str, truth: float, worlds: int = WORLDS, looks: Looks = LOOKS) -> Rates:
    """Simulate looks that stop at the first decision; a part that supports once stays supported."""
    counts, taken = np.zeros(2), 0
    for parts, drawn in _chunks(rule, noise, looks.seeds[-1], truth, worlds):
        open_ = np.ones(len(drawn.values), dtype=bool)
        closed = np.zeros(drawn.values.shape[:-1], dtype=bool)
        before = 0
        for n in looks.seeds:
            taken, before = taken + (n - before) * int(open_.sum()), n
            supports, refutes = drawn.judge(parts, n, Terms(looks.level, len(parts), looks.judges_ties(n)))
            closed |= supports
            supported, refuted = _combined(closed, refutes & ~closed)
            counts += (supported & open_).sum(), (refuted & open_).sum()
            open_ &= ~(supported | refuted)
    return Rates(float(counts[0] / worlds), float(counts[1] / worlds), worlds, taken / worlds)


def percent(rate: float) -> str:
    """Write a rate as the tables show it."""
    if rate in {0.0, 1.0}:
        return f"{100 * rate:.0f}"
    return f"{100 * rate:.2g}" if rate < DULL else "> 99"


def error_table(worlds: int, fewer: int, rules: Sequence[str] | None = None) -> list[str]:
    """Tabulate errors in per cent: on the margin both verdicts are errors, half an sd beyond it one of them is."""
    lines = [
        "| rule | data | supported on it | refuted on it | supported outside | refuted inside |",
        "|---|---|---|---|---|---|",
    ]
    for rule in rules or RULES:
        for noise in kinds(rule):
            at = once(rule, noise, AT, worlds)
            off = {truth: once(rule, noise, truth, fewer) for truth in (OUTSIDE, INSIDE)}
            shown = " | ".join(
                " / ".join(percent(getattr(cells[n], verdict)) for n in SEEDS)
                for cells, verdict in (
                    (at, "supported"), (at, "refuted"), (off[OUTSIDE], "supported"), (off[INSIDE], "refuted"),
                )
            )  # fmt: skip
            lines.append(f"| {rule} | {noise} | {shown} |")
    return lines


def look_table(worlds: int, fewer: int, rules: Sequence[str] | None = None) -> list[str]:
    """Tabulate the errors of all looks together, and how many seeds a claim on its margin takes."""
    lines = [
        "| rule | data | supported on it | refuted on it | supported outside | refuted inside | seeds on it |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in rules or RULES:
        for noise in kinds(rule):
            at = in_turn(rule, noise, AT, worlds)
            outside, inside = (in_turn(rule, noise, truth, fewer) for truth in (OUTSIDE, INSIDE))
            rates = (at.supported, at.refuted, outside.supported, inside.refuted)
            lines.append(f"| {rule} | {noise} | {' | '.join(map(percent, rates))} | {at.seeds:.0f} |")
    return lines


def plan_table(worlds: int, rules: Sequence[str] | None = None) -> list[str]:
    """Tabulate the errors of other looks on the margin."""
    plans = [f"{plan.seeds[0]} to {plan.seeds[-1]:,}" for plan in PLANS]
    heads = [f"supported, {plan}" for plan in plans] + [f"refuted, {plan}" for plan in plans]
    lines = [f"| rule | data | {' | '.join(heads)} |", "|---|---|" + "---|" * len(heads)]
    for rule in rules or [rule for rule in IN_PLANS if rule in RULES]:
        for noise in kinds(rule):
            cells = [in_turn(rule, noise, AT, worlds, plan) for plan in PLANS]
            rates = [cell.supported for cell in cells] + [cell.refuted for cell in cells]
            lines.append(f"| {rule} | {noise} | {' | '.join(map(percent, rates))} |")
    return lines


def power_table(fewer: int, rules: Sequence[str] | None = None) -> list[str]:
    """Tabulate how often a true claim is supported by the last look, and after how many seeds on average."""
    lines = [
        "| rule | data | " + " | ".join(f"{truth} sd inside, %" for truth in TRUTHS) + " |",
        "|---|---|" + "---|" * len(TRUTHS),
    ]
    for rule in rules or RULES:
        for noise in kinds(rule):
            cells = [in_turn(rule, noise, truth, fewer) for truth in TRUTHS]
            shown = [f"{percent(cell.supported)} ({cell.seeds:.0f} seeds)" for cell in cells]
            lines.append(f"| {rule} | {noise} | {' | '.join(shown)} |")
    return lines


def quick_table(worlds: int) -> list[str]:
    """Tabulate a quick look, which refutes or says nothing."""
    lines = ["| rule | data | refuted on it | refuted inside |", "|---|---|---|---|"]
    for noise in NOISE:
        cells = [once("difference", noise, truth, worlds, QUICK) for truth in (AT, INSIDE)]
        shown = " | ".join(" / ".join(percent(cell[n].refuted) for n in QUICK) for cell in cells)
        lines.append(f"| difference | {noise} | {shown} |")
    return lines


def tables(worlds: int = WORLDS, fewer: int = FEWER) -> str:
    """Write all tables as Markdown."""
    seeds, quick = " / ".join(map(str, SEEDS)), " / ".join(map(str, QUICK))
    looks = ", ".join(map(str, LOOKS.seeds))
    sections = [
        (f"### Errors of a single look, at {seeds} seeds", error_table(worlds, fewer)),
        (f"### Errors of looks at {looks} seeds", look_table(worlds, fewer)),
        ("### Errors of other looks, on the margin", plan_table(worlds)),
        (f"### Power of looks at {looks} seeds", power_table(fewer)),
        (f"### Errors of a quick look, at {quick} seeds", quick_table(worlds)),
    ]
    head = (
        f"{worlds:,} simulated experiments a cell, {fewer:,} off the margin, alpha {ALPHA} a side. Made by `python -m "
        "benchmarks.calibration`."
    )
    return "\n\n".join([head, *(f"{title}\n\n" + "\n".join(lines) for title, lines in sections)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them between the markers of a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description="Simulate the decision rule.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the tables between the markers of FILE")
    parser.add_argument("--worlds", type=int, default=WORLDS, help=f"experiments a cell (default {WORLDS})")
    parser.add_argument("--fewer", type=int, default=FEWER, help=f"experiments off the margin (default {FEWER})")
    chosen = parser.parse_args(arguments)
    if chosen.write is None:
        sys.stdout.write(tables(chosen.worlds, chosen.fewer) + "\n")
        return 0
    text = chosen.write.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        parser.error(f"{chosen.write} has no markers {BEGIN} and {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    made = tables(chosen.worlds, chosen.fewer)
    chosen.write.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
