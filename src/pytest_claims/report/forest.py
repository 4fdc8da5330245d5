"""Forest plots: an effect with its interval and the claimed region.

A plot is one element: its style holds the places, in per cent of the width, and style.css draws region, edges, interval
and marker from them. A page of a hundred claims has a thousand plots; drawn as SVG they were a third of its elements.
They stretch with the page, and lines and letters have the same size on a phone and on a wide screen.
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
OUTSIDE = (-3.0, 103.0)  # per cent: where the region's open side ends


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
    """Return the plot of a row: region, zero, interval, effect; of a part it is a cell of the parts' table.

    Empty where there is no effect.
    """
    shown = part or claim
    scale = scale or scale_of(claim, [shown])
    if scale is None or shown.effect is None:
        return Markup("") if part is None else Markup("<td></td>")
    measured = f"effect {quantity(claim, shown.effect, part)}, interval {interval_text(claim, part)}"
    label = f"{measured}; claimed: {region_text(claim, part)}"
    if part is not None:  # the other cells of the row say the same in words
        return Markup('<td class="plot forest {}" style="{}"></td>').format(*_drawn(claim.kind, shown, scale))
    return _plot(claim.kind, shown, scale, label)


def panel(claim: Record) -> Markup:
    """Return the plot for a claim's own section, with a labelled axis. Empty where there is no effect."""
    scale = scale_of(claim, [claim])
    if scale is None or claim.effect is None:
        return Markup("")
    texts = [_text(scale.at(claim.effect), quantity(claim, claim.effect), "value")]
    ticks: dict[float, str] = {}
    for edge in ends(claim.region):
        if edge is not None:
            ticks[scale.at(edge)] = quantity(claim, edge)
    if claim.kind in DIFFERENCES and all(abs(scale.at(0.0) - place) > WORDS for place in ticks):
        ticks[scale.at(0.0)] = "no difference" if claim.kind != "time" else "equally fast"
    texts += [_text(place, words, "tick") for place, words in _apart(ticks)]
    label = f"Effect {quantity(claim, claim.effect)}, interval {interval_text(claim)}; claimed: {region_text(claim)}"
    return Markup('<div class="panel" role="img" aria-label="{}">{}{}</div>').format(
        label, _plot(claim.kind, claim, scale, None), Markup("").join(texts)
    )


def _apart(ticks: Mapping[float, str]) -> list[tuple[float, str]]:
    """Return the labels without those that would touch an earlier one."""
    kept: list[tuple[float, str]] = []
    for place, words in ticks.items():
        if all(abs(place - other) > CLOSE for other, _ in kept):
            kept.append((place, words))
    return kept


def _text(place: float, words: str, kind: str) -> Markup:
    side = " start" if place < EDGE else " end" if place > 100 - EDGE else ""
    return Markup('<span class="{}{}" style="left:{}%">{}</span>').format(kind, side, _p(place), words)


def _plot(kind: str | None, shown: Record | PartRecord, scale: Scale, label: str | None) -> Markup:
    """Return the plot's one element; ``label`` says it in words, None hides it from screen readers."""
    spoken = Markup('aria-hidden="true"') if label is None else Markup('role="img" aria-label="{}"').format(label)
    verdict, style = _drawn(kind, shown, scale)
    return Markup('<i class="forest {}" {} style="{}"></i>').format(verdict, spoken, style)


def _drawn(kind: str | None, shown: Record | PartRecord, scale: Scale) -> tuple[str, str]:
    """Return a plot's verdict and its style: the places of region, zero, interval and effect."""
    places = _region(kind, shown, scale)
    if kind in DIFFERENCES:
        places["zero"] = scale.at(0.0)
    low, high = ends(shown.interval)
    if low is not None and high is not None:
        places |= {"low": scale.at(low), "wide": scale.at(high) - scale.at(low)}
    if shown.effect is not None:
        places["at"] = scale.at(shown.effect)
    style = ";".join(f"--{name}:{_p(place)}%" for name, place in places.items())
    return shown.verdict if shown.verdict in ENDS else "error", style


def _region(kind: str | None, shown: Record | PartRecord, scale: Scale) -> dict[str, float]:
    """Return where the claimed region begins and ends; an open side lies outside of the plot, so that it has no edge.

    Empty where nothing is claimed: style.css then puts the region outside.
    """
    low, high = ends(shown.region)
    if low is None and high is None:
        return {}
    if kind == "exact" or low == high:
        place = scale.at(low if low is not None else high or 0.0)
        return {"from": place, "to": place}
    return {"from": OUTSIDE[0] if low is None else scale.at(low), "to": OUTSIDE[1] if high is None else scale.at(high)}


def _p(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def lesson(verdict: str) -> Markup:
    """Return the picture that explains a verdict: the interval inside, outside, or across the edge of the region."""
    places = {"supported": (0.4, 0.9), "refuted": (-0.9, -0.35), "inconclusive": (-0.35, 0.45)}
    low, high = places[verdict]
    made_up = PartRecord(effect=(low + high) / 2, interval=(low, high), region=(0.0, None), verdict=verdict)
    return _plot("level", made_up, Scale(-1.2, 1.2), None)
