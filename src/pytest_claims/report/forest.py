"""Forest plots: an effect with its interval and the claimed region, as small SVGs.

They stretch with the page: positions are per cent of the width, so lines and letters have the same size on a phone and
on a wide screen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pytest_claims.record import PartRecord, Record
from pytest_claims.report.words import ends, interval_text, quantity, region_text
from pytest_claims.vocabulary import ENDS

#: Kinds whose effect is a difference, so that a reader looks for zero.
DIFFERENCES = frozenset({"ordered", "difference", "equivalence", "time", "conjunction"})
PADDING = 0.09
#: Labels of the axis that are closer than this (per cent of the width) would run into each other.
CLOSE = 20.0
WORDS = 27.0  # the same for a label in words
EDGE = 12.0


@dataclass(frozen=True)
class Scale:
    """A horizontal scale: values to per cent."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return a value's position, always within the plot."""
        return round(min(100.0, max(0.0, 100 * (value - self.low) / (self.high - self.low))), 2)


def scale_of(claim: Record, parts: Iterable[Record | PartRecord]) -> Scale | None:
    """Return a scale that holds all effects, intervals and region edges; None where there is no number."""
    values: list[float] = []
    for part in parts:
        numbers = (part.effect, *ends(part.interval), *ends(part.region))
        values += [value for value in numbers if value is not None]
    if not values:
        return None
    if claim.kind in DIFFERENCES:
        values.append(0.0)
    low, high = min(values), max(values)
    room = PADDING * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(low - room, high + room)


def strip(claim: Record, part: PartRecord | None = None, scale: Scale | None = None) -> Markup:
    """Return the plot of a row: region, zero, interval, effect. Empty where there is no effect."""
    shown = part or claim
    scale = scale or scale_of(claim, [shown])
    if scale is None or shown.effect is None:
        return Markup("")
    measured = f"effect {quantity(claim, shown.effect, part)}, interval {interval_text(claim, part)}"
    label = f"{measured}; claimed: {region_text(claim, part)}"
    marks = _marks(claim.kind, shown, scale)
    if part is not None:
        # the other cells of the table's row say the same in words
        return Markup('<svg class="forest" aria-hidden="true">{}</svg>').format(marks)
    return Markup('<svg class="forest" role="img" aria-label="{}">{}</svg>').format(label, marks)


def panel(claim: Record) -> Markup:
    """Return the plot for a claim's own section, with a labelled axis. Empty where there is no effect."""
    scale = scale_of(claim, [claim])
    if scale is None or claim.effect is None:
        return Markup("")
    texts = [_text(scale.at(claim.effect), 13, quantity(claim, claim.effect), "value")]
    ticks: dict[float, str] = {}
    for edge in ends(claim.region):
        if edge is not None:
            ticks[scale.at(edge)] = quantity(claim, edge)
    if claim.kind in DIFFERENCES and all(abs(scale.at(0.0) - place) > WORDS for place in ticks):
        ticks[scale.at(0.0)] = "no difference" if claim.kind != "time" else "equally fast"
    texts += [_text(place, 67, words, "tick") for place, words in _apart(ticks)]
    label = f"Effect {quantity(claim, claim.effect)}, interval {interval_text(claim)}; claimed: {region_text(claim)}"
    return Markup(
        '<svg class="forest panel" role="img" aria-label="{}"><svg y="20" height="32">{}</svg>{}</svg>'
    ).format(label, _marks(claim.kind, claim, scale), Markup("").join(texts))


def _apart(ticks: Mapping[float, str]) -> list[tuple[float, str]]:
    """Return the labels without those that would touch an earlier one."""
    kept: list[tuple[float, str]] = []
    for place, words in ticks.items():
        if all(abs(place - other) > CLOSE for other, _ in kept):
            kept.append((place, words))
    return kept


def _text(place: float, y: int, words: str, kind: str) -> Markup:
    anchor = "start" if place < EDGE else "end" if place > 100 - EDGE else "middle"
    return Markup('<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>').format(
        kind, _p(place), y, anchor, words
    )


def _marks(kind: str | None, shown: Record | PartRecord, scale: Scale) -> Markup:
    verdict = shown.verdict if shown.verdict in ENDS else "error"
    low, high = ends(shown.interval)
    out = [_region(kind, shown, scale)]
    if kind in DIFFERENCES:
        out.append(Markup('<line class="zero" x1="{0}%" x2="{0}%" y1="2" y2="100%"/>').format(_p(scale.at(0.0))))
    if low is not None and high is not None:
        out.append(
            Markup('<line class="ci {}" x1="{}%" x2="{}%" y1="50%" y2="50%"/>').format(
                verdict, _p(scale.at(low)), _p(scale.at(high))
            )
        )
    if shown.effect is not None:
        place = _p(scale.at(shown.effect))
        out.append(Markup('<use href="#m-{0}" class="{0}" x="{1}%" y="50%"/>').format(verdict, place))
    return Markup("").join(out)


def _region(kind: str | None, shown: Record | PartRecord, scale: Scale) -> Markup:
    low, high = ends(shown.region)
    if low is None and high is None:
        return Markup("")
    if kind == "exact" or low == high:
        place = _p(scale.at(low if low is not None else high or 0.0))
        return Markup('<line class="edge" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(place)
    left = 0.0 if low is None else scale.at(low)
    right = 100.0 if high is None else scale.at(high)
    band = Markup('<rect class="claimed" x="{}%" width="{}%" height="100%"/>').format(_p(left), _p(right - left))
    edges = [
        Markup('<line class="edge" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(_p(scale.at(edge)))
        for edge in (low, high)
        if edge is not None
    ]
    return band + Markup("").join(edges)


def _p(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def lesson(verdict: str) -> Markup:
    """Return the picture that explains a verdict: the interval inside, outside, or across the edge of the region."""
    places = {"supported": (0.4, 0.9), "refuted": (-0.9, -0.35), "inconclusive": (-0.35, 0.45)}
    low, high = places[verdict]
    made_up = PartRecord(effect=(low + high) / 2, interval=(low, high), region=(0.0, None), verdict=verdict)
    return Markup('<svg class="forest" aria-hidden="true">{}</svg>').format(_marks("level", made_up, Scale(-1.2, 1.2)))
