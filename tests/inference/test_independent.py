"""Every verdict twice: by the library, and by the rule as independent.py has it; from raw numbers and from a record."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pytest_claims import (
    all_of,
    at_least,
    at_most,
    between,
    decreases,
    equivalent,
    exactly,
    exceeds,
    increases,
    proportion,
    sooner,
    within,
)
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.verdicts import Verdict
from pytest_claims.record import Record
from tests.inference import independent as rule
from tests.inference.independent import Claimed, Luck, Plan, differing

N = 128
STEP = 0.01

# -- evidence -------------------------------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
#: Shapes of data, each with a mean of 0 and a spread of about 1.
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "steps": lambda rng, size: np.round(rng.normal(size=size) * 2) / 2,
    "tied": lambda rng, size: np.where(rng.random(size) < 0.75, 0.0, rng.normal(0, 2, size=size)),
    "long tail above": lambda rng, size: rng.exponential(size=size) - 1,
    "long tail below": lambda rng, size: 1 - rng.exponential(size=size),
    "rare failures": lambda rng, size: np.where(rng.random(size) < 0.06, -4.0, 0.25) + rng.normal(0, 0.05, size=size),
    "equal": lambda _, size: np.zeros(size),
}


@dataclass(frozen=True)
class Case:
    """A claim twice: as a hypothesis on the first n seeds, and as the independent rule's parts and assays of them."""

    ours: Callable[[int], Any]
    parts: Callable[[int], Sequence[Claimed]]
    opposite: Callable[[Claimed], Claimed]
    assays: Callable[[int], Sequence[Claimed]] = lambda _: ()


def arm(values: np.ndarray, **levels: Sequence[Any]) -> Callable[[int], xr.DataArray]:
    """Return a labelled array of the first n seeds: values of shape (seed, *levels)."""
    array = xr.DataArray(values, dims=["seed", *levels], coords={"seed": np.arange(len(values)), **levels}, name="size")
    return lambda n: array.isel(seed=slice(n))


def columns(values: np.ndarray, n: int) -> list[list[float]]:
    """Return each level's first n values."""
    return values[:n].T.tolist()


# -- claims: each from a generator, a shape of data, and the truth's distance from the margin ------------------------


def difference(rng: np.random.Generator, draw: Draw, truth: float, by: float = 0.3) -> Case:
    """Build a gain over another arm."""
    a, b = 5 + draw(rng, (N,)) + by + truth, np.full(N, 5.0)
    one, other = arm(a), arm(b)
    return Case(
        lambda n: exceeds(one(n), other(n), by=by, resolution=STEP),
        lambda n: [rule.gain(a[:n].tolist(), b[:n].tolist(), by, step=STEP)],
        rule.mirrored if by >= 0 else rule.rest,
    )


def not_worse(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build a gain over a margin below zero."""
    return difference(rng, draw, truth, by=-0.4)


def tiny(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build differences of about 1e-13: digits are counted from the data's own size."""
    a, b = 1e-13 * (draw(rng, (N,)) + truth + 3), np.full(N, 2e-13)
    one, other = arm(a), arm(b)
    return Case(
        lambda n: exceeds(one(n), other(n), by=1e-13, resolution=0.0),
        lambda n: [rule.gain(a[:n].tolist(), b[:n].tolist(), 1e-13)],
        rule.mirrored,
    )


def bounded(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build a difference between two bounds."""
    a, b = draw(rng, (N,)) + truth + 0.5, np.zeros(N)
    one, other = arm(a), arm(b)
    return Case(
        lambda n: between(one(n), other(n), low=0.1, high=1.6, resolution=STEP),
        lambda n: [rule.gain(a[:n].tolist(), b[:n].tolist(), 0.1, 1.6, STEP)],
        rule.rest,
    )


def rising(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build three levels in order."""
    values = draw(rng, (N, 3)) + np.array([0, 1, 2]) * (truth + 0.4)
    data = arm(values, layers=[1, 2, 3])
    return Case(
        lambda n: increases(data(n), along="layers", by=0.6, tolerance=0.25, resolution=STEP),
        lambda n: rule.rising(columns(values, n), 0.6, 0.25, STEP),
        rule.mirrored,
    )


def falling(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build three levels in the reverse order, with the usual tolerance."""
    values = draw(rng, (N, 3)) - np.array([0, 1, 2]) * (truth + 0.4)
    data = arm(values, layers=[1, 2, 3])
    return Case(
        lambda n: decreases(data(n), along="layers", by=0.6, resolution=STEP),
        lambda n: rule.rising(columns(values, n)[::-1], 0.6, 0.3, STEP),
        rule.mirrored,
    )


def alike(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build three pairs of levels that are about equal."""
    values = 0.6 * draw(rng, (N, 3)) + np.array([0, 0, 1]) * (0.5 - truth)
    data = arm(values, loss=["a", "b", "c"])
    return Case(
        lambda n: equivalent(data(n), along="loss", within=0.5, resolution=STEP),
        lambda n: rule.alike(columns(values, n), 0.5, STEP),
        rule.rest,
    )


def lowest(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build two levels above a bound."""
    values = draw(rng, (N, 2)) + truth + 0.8
    data = arm(values, n=[10, 20])
    return Case(
        lambda n: at_least(data(n), 0.8, resolution=STEP),
        lambda n: [rule.level(column, 0.8, inf, STEP) for column in columns(values, n)],
        rule.rest,
    )


def highest(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build a level below a bound."""
    values = draw(rng, (N,)) - truth + 0.8
    data = arm(values)
    return Case(
        lambda n: at_most(data(n), 0.8, resolution=STEP),
        lambda n: [rule.level(values[:n].tolist(), -inf, 0.8, STEP)],
        rule.rest,
    )


def middle(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build a level near a number."""
    values = draw(rng, (N,)) + 2 + 0.75 - truth
    data = arm(values)
    return Case(
        lambda n: within(data(n), 2.0, 0.75, resolution=STEP),
        lambda n: [rule.level(values[:n].tolist(), 1.25, 2.75, STEP)],
        rule.rest,
    )


def share(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build a share of seeds above one half."""
    won = draw(rng, (N,)) + truth / 2 > 0
    data = arm(won)
    return Case(lambda n: proportion(data(n), above=0.5), lambda n: [rule.share(won[:n].tolist(), 0.5)], rule.rest)


def exact(rng: np.random.Generator, _: Draw, truth: float) -> Case:
    """Build a number that one seed may miss."""
    values = np.full(N, 3.0)
    values[rng.integers(N)] += max(0.0, truth)
    data = arm(values)
    return Case(lambda n: exactly(data(n), 3.0), lambda n: [rule.exact(values[:n].tolist(), 3.0)], rule.rest)


def times(rng: np.random.Generator, draw: Draw, truth: float, budget: tuple[float, float] = (160.0, 220.0)) -> Case:
    """Build times, some of which are cut at unequal budgets."""
    fast = np.round(64 * np.exp2(0.7 * draw(rng, (N,)))) + 1
    slow = np.round(64 * np.exp2(0.7 * draw(rng, (N,)) + 0.5 + truth)) + 1
    one, other = arm(fast), arm(slow)
    return Case(
        lambda n: sooner(one(n), other(n), by=2**0.5, budget=budget, resolution=1.0),
        lambda n: [rule.faster(fast[:n].tolist(), slow[:n].tolist(), 2**0.5, budget, 1.0)],
        rule.mirrored,
    )


def often_cut(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build times with budgets that cut a quarter of the fast runs, and more of the slow ones."""
    return times(rng, draw, truth, budget=(90.0, 200.0))


def mostly_unknown(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build times with a budget that most runs of both arms exceed, unless the slow arm is far faster."""
    return times(rng, draw, truth, budget=(40.0, 40.0))


def adjusted(rng: np.random.Generator, draw: Draw, truth: float, drawn: bool = False) -> Case:
    """Build a gain adjusted for a covariate, whose mean is exact or that of draws."""
    x = rng.normal(2, 1, N)
    noise = draw(rng, (N,))
    # without noise what is left of a line is rounding, whose shape no two ways of adding agree about
    a, b = 0.5 * noise + 1.5 * (x - 2) * noise.any() + truth + 0.3, np.zeros(N)
    one, other, known = arm(a), arm(b), arm(x)
    population = rng.normal(2, 1, 100 * N) if drawn else 2.0
    mu, error = float(np.mean(population)), float(np.std(population, ddof=1) / np.sqrt(100 * N)) if drawn else 0.0

    def parts(n: int) -> list[Claimed]:
        luck = Luck(x[:n].tolist(), mu, error)
        return [rule.replace(rule.gain(a[:n].tolist(), b[:n].tolist(), 0.3, step=STEP), luck=luck)]

    return Case(
        lambda n: exceeds(one(n), other(n), by=0.3, resolution=STEP, adjusted_by=known(n), population=population),
        parts,
        rule.mirrored,
    )


def adjusted_to_a_sample(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build the same, with a population mean from draws."""
    return adjusted(rng, draw, truth, drawn=True)


def alive(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build "not worse", for arms of which one may not beat what learned nothing."""
    values = np.stack([draw(rng, (N,)) + 0.2 + truth, 0.3 * draw(rng, (N,)) + 0.2], axis=1) + rng.choice([1.0, 1.4])
    data = arm(values, arm=["new", "old"])
    return Case(
        lambda n: exceeds(data(n).sel(arm="new"), data(n).sel(arm="old"), by=-0.4, resolution=STEP).assay(
            data(n).assign_attrs(resolution=STEP), against=0.7, by=0.4
        ),
        lambda n: [rule.gain(*columns(values, n), -0.4, step=STEP)],
        rule.rest,
        lambda n: [rule.gain(column, [0.7] * n, 0.4, step=STEP) for column in columns(values, n)],
    )


def joined(rng: np.random.Generator, draw: Draw, truth: float) -> Case:
    """Build a conjunction of four kinds, one of whose parts may be in doubt."""
    members = [kind(rng, draw, at) for kind, at in ((difference, truth), (highest, 1.5), (share, 3.0), (times, 1.5))]

    def parts(n: int) -> list[Claimed]:
        return [part for member in members for part in member.parts(n)]

    def opposite(part: Claimed) -> Claimed:
        mirrors = part.late_fast is not None or (part.kind == "mean" and part.low == 0.3)
        return (rule.mirrored if mirrors else rule.rest)(part)

    return Case(lambda n: all_of(*(member.ours(n) for member in members)), parts, opposite)


CASES = [
    difference, not_worse, tiny, bounded, rising, falling, alike, lowest, highest, middle, share, exact, times,
    often_cut, mostly_unknown, adjusted, adjusted_to_a_sample, alive, joined,
]  # fmt: skip
#: Decisions about a claim, and about its opposite, that no data here can bring.
NEVER = {mostly_unknown: {"supported"}}
NEVER_OF_OPPOSITE = {alike: {"supported"}, joined: {"supported"}, mostly_unknown: {"refuted"}}
TRUTHS = (-3.0, -0.45, 0.0, 0.45, 1.2)
#: Registered looks, by name those below 64 that the claim itself registered; how many seeds there are.
PLANS = [
    (Plan((32,)), 32), (Plan((40,), frozenset({40})), 40), (Plan((64,)), 64), (Plan((128,)), 128),
    (Plan((32, 64, 128)), 128), (Plan((32, 64, 128, 256, 512)), 128), (Plan((32, 64), frozenset({32})), 64),
    (Plan((64, 128, 256, 512)), 128), (Plan((16, 32, 64, 128, 256, 512, 1024, 2048)), 128),
]  # fmt: skip

# -- comparison -----------------------------------------------------------------------------------------------------


def in_turn(take: Callable[[int], Any], plan: Plan, last: int) -> Verdict:
    """Judge with the library at each look up to ``last`` seeds, until one decides."""
    looks = Looks(plan.looks, tuple(plan.by_name))
    verdict = None
    for n in (look for look in plan.looks if look <= last):
        verdict = take(n).judge(looks=looks, earlier=verdict)
        if verdict.verdict != "inconclusive":
            break
    assert verdict is not None
    return verdict


def recorded(verdict: Verdict) -> dict[str, Any]:
    """Return a claim's entry as results.json holds it, written and read again."""
    return json.loads(json.dumps(Record.from_json({"id": "1.a", **verdict.as_json()}).as_json(), allow_nan=False))


def misstated(entries: Sequence[dict[str, Any]], parts: Callable[[int], Sequence[Claimed]]) -> list[str]:
    """Return where a record's parts say something else than what they were made of, after their own look."""
    wrong = []
    for at, entry in enumerate(entries):
        read, made = rule.part_of_record(entry, entry["seeds"]), parts(entry["seeds"])[at]
        names = ["d", "low", "high", "step", "kind", "outside", "late_fast", "late_slow"]
        names += ["largest"] if made.kind == "mean" else []
        for name in names:
            one, other = getattr(read, name), getattr(made, name)
            if one != (other if name in {"kind", "late_fast", "late_slow"} else pytest.approx(other, rel=1e-12)):
                wrong.append(f"{name} of part {at}: {one}, made with {other}")
    return wrong


@pytest.fixture(autouse=True)
def verdicts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out how many seeds would decide, which takes most of the time and no part in a verdict."""
    for name in ("seeds_needed", "seeds_for_share"):
        monkeypatch.setattr(f"pytest_claims.inference.verdicts.{name}", lambda *_: None)


@pytest.mark.parametrize("kind", CASES)
def test_both_rules_agree(kind: Callable[..., Case]) -> None:
    """On all shapes of data, truths and plans: verdict, look, p-value and every interval, and again from the record."""
    verdicts, opposites = set(), set()
    for number, (shape, draw) in enumerate(SHAPES.items()):
        for index, truth in enumerate(TRUTHS):
            rng = np.random.default_rng([number, index])
            case = kind(rng, draw, truth)
            plan, last = PLANS[(len(TRUTHS) * number + index) % len(PLANS)]
            ours = in_turn(case.ours, plan, last)
            theirs = rule.judge(lambda n, case=case: (case.parts(n), case.assays(n)), plan, last)
            reverse = in_turn(lambda n, case=case: case.ours(n).reversed(), plan, last)
            reversed_ = rule.judge(lambda n, case=case: (list(map(case.opposite, case.parts(n))), ()), plan, last)
            verdicts.add(ours.verdict)
            opposites.add(reverse.verdict)
            where = f"{shape}, truth {truth}, {plan}"

            assert (where, differing(ours, theirs)) == (where, [])
            assert (where, differing(reverse, reversed_)) == (where, [])
            record = recorded(ours)

            assert (where, differing(ours, rule.judge_record(record))) == (where, [])
            assert (where, differing(reverse, rule.judge_record(recorded(reverse)))) == (where, [])
            assert (where, misstated(record["parts"], case.parts)) == (where, [])
            assert (where, misstated(record["assays"], case.assays)) == (where, [])

    decided = {"supported", "refuted"}
    assert verdicts - {"inconclusive"} == decided - NEVER.get(kind, set())
    assert opposites - {"inconclusive"} == decided - NEVER_OF_OPPOSITE.get(kind, set())
    assert ("inconclusive" in verdicts) == (kind is not exact)


@pytest.mark.parametrize("n", [8, 16])
def test_a_quick_look_refutes_or_says_nothing(n: int) -> None:
    """Where one look of so many seeds at alpha refutes, a quick look does; it never supports."""
    seen = set()
    for index, truth in enumerate((-3.0, -1.0, 0.0, 1.0, 3.0)):
        case = difference(np.random.default_rng(index), SHAPES["normal"], truth)
        full = case.ours(n).judge().verdict
        quick = rule.judge(lambda n, case=case: (case.parts(n), ()), Plan((n,), quick=True), n).verdict
        seen.add(quick)

        assert quick == ("refuted" if full == "refuted" else "inconclusive")

    assert seen == {"refuted", "inconclusive"}
