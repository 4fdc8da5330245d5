"""The sentence that explains a verdict, the same in a terminal, in JUnit and on the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from pytest_claims.inference.forecast import Margins, Outlook
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
    outlook: Outlook
    quick: bool = False  # a look that supports nothing, and so detects nothing


def sentence(story: Story) -> str:
    """Write one plain sentence: the verdict, the evidence, what the claim asked for, and what would decide."""
    head = story.verdict.capitalize()
    why = story.direction or story.outlook.undecided
    if why:
        head += f" ({why})"
    clauses = [_evidence(story), _claimed(story)]
    if story.verdict == "inconclusive":
        clauses += _undecided(story)
    if story.outlook.blind:
        clauses.append("this run could not have seen a difference, so it supports no margin")
    clauses.append(_margins(story))
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


def given_up(message: str, chance: float) -> str:
    """Add to the sentence of an undecided claim that its run went no further."""
    why = f"the run's last look would decide with a chance of only {100 * chance:.0f} %"
    return f"{message.removesuffix('.')}; given up here, as {why}."


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
    """Say what this run could have detected, how far off its margin the effect may lie, and what more seeds do."""
    part = story.deciding
    clauses = []
    if story.detectable is not None:
        clauses.append(f"{part.seeds} seeds would have detected {_detectable(story, story.detectable)} (90 % power)")
    elif story.quick:
        pass  # its note says that it supports nothing
    elif part.estimator == "count":
        clauses.append(f"{part.seeds} seeds can never prove such a share")
    elif part.estimator == "mean":
        clauses.append(f"with this spread {part.seeds} seeds could not have confirmed even the middle of the range")
    beyond = story.outlook
    if beyond.within is not None:
        clauses.append(f"the effect lies within {_distance(story, beyond.within)} of its margin")
    if beyond.chance is not None and beyond.later is not None:
        clauses.append(f"{beyond.later:,} seeds would decide with a chance of {100 * beyond.chance:.0f} %")
    return clauses


def _distance(story: Story, distance: float) -> str:
    """Say a distance from a margin in the words of its kind."""
    if story.deciding.estimator == "count":
        return f"{100 * distance:.3g} percentage points"
    if story.deciding.role == "time":
        return f"a factor of {number(2**distance)}"
    return number(distance, story.unit)


def _margins(story: Story) -> str:
    """Say which margins the same data would support, and which they would refute."""
    if story.outlook.margins is None:
        return ""
    part = story.deciding
    return margin_line(part.role, part.region, story.outlook.margins, lambda margin: _margin(story, margin))


def margin_line(role: str, region: tuple[float, float], margins: Margins, say: Callable[[float], str]) -> str:
    """Say that a claim is supported for every margin below the first of ``margins``, and refuted from the second on.

    ``role`` and ``region`` are those of its parts: a bound from above and an equivalence hold for larger margins.
    ``say`` puts a margin into words. Where the first is None, as in a quick look, only the second is said, and where
    the second is not known only the first.
    """
    last, first = margins
    what = {"level": "bound", "share": "share", "time": "factor"}.get(role, "margin")
    low, high = region
    upwards = not isfinite(high)
    if isfinite(low) and isfinite(high):
        what = "margin"
    supported = "" if last is None else f"supported for every {what} {'below' if upwards else 'above'} {say(last)}"
    if first is None:
        return supported
    fits = upwards or not isfinite(low) or first > 0
    refuted = f"{'from' if upwards else 'up to'} {say(first)}{' on' if upwards else ''}" if fits else "for none"
    if last is None:
        return f"refuted for every {what} {refuted}" if fits else "refuted for no margin"
    return f"{supported}, refuted {refuted}"


def _margin(story: Story, margin: float) -> str:
    """Say a margin in the words of its kind."""
    if story.deciding.estimator == "count":
        return f"{100 * margin:.3g} %"
    return number(2**margin) if story.deciding.role == "time" else number(margin, story.unit)


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
