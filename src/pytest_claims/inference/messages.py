"""The sentence that explains a verdict, the same in a terminal, in JUnit and on the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from pytest_claims.inference.parts import PartVerdict, VerdictName

LARGE = 1000.0


@dataclass(frozen=True)
class Story:
    """Everything that the sentence is made of."""

    verdict: VerdictName
    direction: str | None
    deciding: PartVerdict
    parts: Sequence[PartVerdict]
    alpha: float
    unit: str
    detectable: float | None
    seeds_needed: int | None


def sentence(story: Story) -> str:
    """Write one plain sentence: the verdict, the evidence, what the claim asked for, and what would decide."""
    head = story.verdict.capitalize()
    if story.direction:
        head += f" ({story.direction})"
    clauses = [_evidence(story), _claimed(story)]
    if story.verdict == "inconclusive":
        clauses += _undecided(story)
    return f"{head}: {_parts(story)}" + "; ".join(clause for clause in clauses if clause) + "."


def insensitive(part: PartVerdict, alpha: float, unit: str) -> str:
    """Write the sentence for a claim that would be supported, if this run could have seen a difference."""
    low, high = part.interval
    why = f", and {part.note}" if part.note else ""
    return (
        f"Inconclusive: this run could not have seen a difference: {part.text} is {number(part.effect)} on average, "
        f"{100 * (1 - 2 * alpha):.4g} % interval {number(low)} to {number(high, unit)}, where more than "
        f"{number(part.margin, unit)} must be certain{why}."
    )


def number(value: float, unit: str = "") -> str:
    """Write three figures, thousands separated, then the unit: ``0.0213``, ``1,171 steps``."""
    if value == 0:
        text = "0"
    elif abs(value) >= LARGE:
        text = f"{value:,.0f}" if abs(value) < LARGE**3 else f"{value:.3g}"
    else:
        text = f"{value:.3g}"
    return f"{text} {unit}" if unit else text


def _parts(story: Story) -> str:
    """Say how many of several parts hold; the sentence goes on with the deciding part."""
    total = len(story.parts)
    if total == 1:
        return ""
    held, failed = (sum(part.verdict == name for part in story.parts) for name in ("supported", "refuted"))
    if story.verdict == "supported":
        return f"all {total} parts hold; the narrowest: "
    if story.verdict == "refuted":
        return f"{failed} of {total} parts {'fails' if failed == 1 else 'fail'}; the clearest: "
    return f"{held} of {total} parts {'holds' if held == 1 else 'hold'}, {total - held} undecided; the least certain: "


def _evidence(story: Story) -> str:
    """Say what the data show: how many seeds, the estimate, its interval."""
    part, unit = story.deciding, story.unit
    seeds = f"in {part.wins} of {part.seeds} seeds {part.text}"
    level = f"{100 * (1 - 2 * story.alpha):.4g} % interval"
    low, high = part.interval
    if part.estimator == "exact":
        return f"{seeds} is exactly {number(part.margin, unit)}"
    if part.estimator == "count":
        held = round(part.effect * part.seeds)
        share = f"{100 * part.effect:.3g} %, {level} {100 * low:.3g} to {100 * high:.3g} %"
        return f"{held} of {part.seeds} seeds ({share}) show {part.text}"
    if part.role == "time":
        factor = f"by a factor of {number(2**part.effect)} on average"
        evidence = f"{seeds}, {factor}, {level} {number(2**low)} to {number(2**high)}"
        if part.unknown:
            evidence += f" (neither run of {part.unknown} pair{'s' * (part.unknown > 1)} reached the threshold)"
        return evidence
    in_seeds = {"gain": "is above zero", "step": "is above zero", "level": "meets the bound"}.get(
        part.role, "lies in the range"
    )
    interval = f"{level} {number(low)} to {number(high, unit)}"
    mean = f"the mean{' gain' if part.role == 'gain' else ''}"
    if part.adjusted is not None:
        mean += f", adjusted for {part.adjusted.covariate} (R^2 {part.adjusted.explained:.2f}),"
    return f"{seeds} {in_seeds}; {mean} is {number(part.effect)}, {interval}"


def _claimed(story: Story) -> str:
    """Say what the claim asked for, and why the verdict is withheld if it is."""
    part, unit = story.deciding, story.unit
    if part.estimator == "exact":
        return "" if not part.outside else "the claim asked for another number"
    low, high = part.region
    if part.estimator == "count":
        bound = low if isfinite(low) else high
        claim = f"the claim asked for {'more' if isfinite(low) else 'less'} than {100 * bound:.3g} % of seeds"
    elif part.role == "time":
        claim = f"the claim asked for a factor of {'more' if isfinite(low) else 'less'} than {_factor(low, high)}"
    elif isfinite(low) and isfinite(high):
        where = "outside" if part.outside else "between"
        claim = (
            f"the claim asked for a mean {where} {number(low)} {'to' if part.outside else 'and'} {number(high, unit)}"
        )
    elif part.role == "step" and low < 0:
        claim = f"the claim allows a step back of less than {number(-low, unit)}"
    else:
        claim = f"the claim asked for {'more' if isfinite(low) else 'less'} than "
        claim += number(low if isfinite(low) else high, unit)
    return f"{claim}, but {part.note}" if part.note else claim


def _factor(low: float, high: float) -> str:
    return number(2 ** (low if isfinite(low) else high))


def _undecided(story: Story) -> list[str]:
    """Say what this run could have detected, and how many seeds would probably decide."""
    part = story.deciding
    clauses = []
    if story.detectable is not None:
        clauses.append(f"{part.seeds} seeds would have detected {_detectable(story, story.detectable)} (90 % power)")
    elif part.estimator == "count":
        clauses.append(f"{part.seeds} seeds can never prove such a share")
    elif part.estimator == "mean":
        clauses.append(f"with this spread {part.seeds} seeds could not have confirmed even the middle of the range")
    if part.note:
        return clauses
    if story.seeds_needed is None:
        return [*clauses, "the effect lies so close to the margin that no practical number of seeds would decide"]
    if story.seeds_needed <= part.seeds:
        return [*clauses, "the same number of fresh seeds would probably decide"]
    return [*clauses, f"about {story.seeds_needed:,} seeds would probably decide"]


def _detectable(story: Story, effect: float) -> str:
    """Say the smallest detectable effect in the words of its kind."""
    part = story.deciding
    if part.estimator == "count":
        return f"a share of {100 * effect:.3g} %"
    if part.role == "time":
        return f"a factor of {number(2**effect)}"
    if all(map(isfinite, part.region)):
        return f"a mean within {number(effect, story.unit)} of the middle"
    return f"a mean of {number(effect, story.unit)}"
