"""What a claim's section shows beyond its effect and interval: its looks, what is undecided, covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_claims.drift.notes import listed
from pytest_claims.inference.looks import DIVISORS
from pytest_claims.record import AdjustedRecord, Look, PartRecord, Record
from pytest_claims.report.words import (
    confidence,
    ended,
    is_share,
    is_time,
    number,
    plural,
    quantity,
    seeds_text,
    span,
)

#: Why an inconclusive claim is, as its record has it, and what that means.
UNDECIDED = {
    "at its margin": "even four times the seeds would decide with a chance below one half",
    "too few seeds": "four times the seeds would decide with a chance of one half or more",
}
#: A look that closes more parts than this says how many; the table of parts says which.
MOST_NAMES = 2


@dataclass(frozen=True)
class LookRow:
    """A row of the table of looks, in words."""

    seeds: str
    verdict: str
    effect: str
    interval: str
    closed: str  # parts that this look supported
    chance: str  # of a decision at the run's last look
    note: str  # why the verdict was withheld


@dataclass(frozen=True)
class Looks:
    """The looks of a claim. ``rows`` is empty where there was one look; ``closes``: whether parts closed at looks."""

    title: str
    rows: Sequence[LookRow]
    closes: bool
    sentences: Sequence[str]


def looks_of(claim: Record) -> Looks | None:
    """Return a claim's looks and what a reader should know about them; None where it was not judged by looks."""
    if not claim.looks:
        return None
    closes = len(claim.parts) > 1
    rows = [_row(claim, look) for look in claim.looks] if len(claim.looks) > 1 else []
    title, registered = plural(len(claim.looks), "look"), len(claim.registered_looks)
    if registered > 1:
        title += f" of {registered} registered"
    sentences = (_levels(claim), _end(claim, claim.looks[-1]), _bias(claim))
    return Looks(title, rows, closes, [sentence for sentence in sentences if sentence])


def _row(claim: Record, look: Look) -> LookRow:
    names = look.closed
    return LookRow(
        "—" if look.seeds is None else f"{look.seeds:,}",
        look.verdict,
        quantity(claim, look.effect),
        span(claim, look.interval),
        "; ".join(names) if len(names) <= MOST_NAMES else plural(len(names), "part"),
        "—" if look.chance is None else _percent(look.chance),
        look.note or "",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _levels(claim: Record) -> str:
    """Say at which level each look judges; the rule's first edition registered no looks."""
    count = len(claim.registered_looks)
    if claim.alpha is None or not 1 < count <= len(DIVISORS):
        return ""
    together = claim.alpha * DIVISORS[count - 1]
    registered = ", ".join(f"{n:,}" for n in claim.registered_looks)
    return (
        f"The claim registered {count} looks, at {registered} seeds. Each judges at {number(together)} / "
        f"{DIVISORS[count - 1]} = {number(claim.alpha)} a side, so that all together err {number(together)}: each "
        f"interval holds with {confidence(claim.alpha)}, all of them with {confidence(together)}."
    )


def _end(claim: Record, last: Look) -> str:
    """Say why the claim was judged no further."""
    why = ended(claim)
    seeds = "" if last.seeds is None else f" at {last.seeds:,} seeds"
    if why == "decided":
        return f"The run stopped{seeds}, where this claim was decided."
    if why == "futile":
        chance = "little" if last.chance is None else f"only {_percent(last.chance)}"
        return (
            f"The run stopped{seeds} because more seeds promised too little: the chance that its last look would "
            f"decide was {chance}. Stopping so decides nothing and saves seeds."
        )
    return f"The run stopped{seeds}, its last look." if why == "last look" else ""


def _bias(claim: Record) -> str:
    """Warn of an estimate at the look that decided, where there could have been others."""
    if ended(claim) != "decided" or len(claim.registered_looks) < 2:  # noqa: PLR2004 - several looks
        return ""
    return (
        "An effect at the look that decides is biased outward: on average it lies further from the margin than the "
        "truth, because lucky seeds decide early. The interval allows for that."
    )


def facts_of(claim: Record) -> list[tuple[str, str]]:
    """Return rows of a claim's design, as (term, text): what is undecided, pairs of times."""
    rows = [
        ("undecided", _undecided(claim)),
        ("deep run", _deep(claim)),
        ("fresh seeds", _fresh(claim)),
        ("cut off", _cut_off(claim)),
    ]
    return [(term, text) for term, text in rows if text]


def _undecided(claim: Record) -> str:
    if claim.verdict != "inconclusive":
        return ""
    sentences = []
    if claim.undecided is not None:
        meaning = UNDECIDED.get(claim.undecided)
        sentences.append(f"{claim.undecided.capitalize()}{f': {meaning}' if meaning else ''}.")
    if claim.within is not None:
        sentences.append(f"The effect lies within {_distance(claim, claim.within)} of its margin.")
    if claim.chance is not None and claim.chance_seeds is not None:
        sentences.append(f"{claim.chance_seeds:,} seeds would decide with a chance of {_percent(claim.chance)}.")
    return " ".join(sentences)


def _deep(claim: Record) -> str:
    """Say what a run with more seeds found."""
    deep = claim.deep
    if deep is None or deep.seeds is None:
        return ""
    measured = f"{quantity(claim, deep.effect)} {span(claim, deep.interval)}" if deep.interval else ""
    if deep.verdict != "inconclusive":
        return f"{deep.verdict.capitalize()} after {deep.seeds:,} seeds: {measured}."
    within = "" if deep.within is None else f", within {_distance(claim, deep.within)} of its margin"
    return f"Still open after {deep.seeds:,} seeds{within}: {measured}."


def _fresh(claim: Record) -> str:
    """Say which verdicts the kept draws of fresh seeds gave: "Supported by fresh-1 (64 seeds); refuted by fresh-2"."""
    draws: dict[str, list[str]] = {}
    for draw in claim.fresh:
        seeds = "" if draw.seeds is None else f" ({draw.seeds:,} seeds)"
        draws.setdefault(draw.verdict, []).append(f"{draw.stream}{seeds}")
    if not draws:
        return ""
    text = "; ".join(f"{verdict} in {listed(streams)}" for verdict, streams in draws.items())
    return f"{text[0].upper()}{text[1:]}."


def _distance(claim: Record, distance: float) -> str:
    if is_share(claim):
        return f"{100 * distance:.3g} percentage points"
    return f"a factor of {quantity(claim, distance)}" if is_time(claim) else number(distance, claim.unit)


def _cut_off(claim: Record) -> str:
    """Count the runs that never reached a threshold, where the claim has one part; a table has those of several."""
    if len(claim.parts) != 1 or claim.parts[0].unknown is None:
        return ""
    part = claim.parts[0]
    fast, slow = len(part.fast_cut), len(part.slow_cut)
    if not fast and not slow:
        return "No run: all reached the threshold within the budget."
    text = f"{plural(fast, 'fast run')} and {plural(slow, 'slow run')} never reached the threshold within the budget."
    if part.unknown:
        both = f"{plural(part.unknown, 'pair')} of {seeds_text(claim, part).partition(' ')[0]}"
        text += f" In {both} neither did: which was sooner is unknown."
    return text


@dataclass(frozen=True)
class Adjusted:
    """A part that was adjusted for a covariate, in words."""

    part: str
    covariate: str
    slope: str
    explained: str
    plain: str
    effect: str
    here: str  # the covariate's mean over this run's seeds
    population: str


def adjusted_of(claim: Record) -> list[Adjusted]:
    """Return what each part's mean was adjusted for; empty where all means are plain."""
    return [_adjusted(claim, part, part.adjusted) for part in claim.parts if part.adjusted is not None]


def _adjusted(claim: Record, part: PartRecord, known: AdjustedRecord) -> Adjusted:
    values = [value for value in known.values if value is not None]
    error = f" ± {number(known.population_error)}" if known.population_error else ""
    return Adjusted(
        part.text,
        known.covariate or "—",
        number(known.slope),
        "—" if known.explained is None else f"{known.explained:.2f}",
        quantity(claim, known.unadjusted, part),
        quantity(claim, part.effect, part),
        number(fmean(values)) if values else "—",
        f"{number(known.population)}{error}",
    )


def assay_title(claim: Record) -> str:
    """Say whether the run could have seen a difference, and how many arms show it."""
    if claim.is_quick:
        return "Whether a run could have seen a difference: a quick look supports nothing, so it cannot show that"
    held = sum(part.verdict == "supported" for part in claim.assays)
    could = "could have seen" if held == len(claim.assays) else "could not have seen"
    return f"This run {could} a difference: {held} of {plural(len(claim.assays), 'check')} passed"
