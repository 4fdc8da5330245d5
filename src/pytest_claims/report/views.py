"""What the page shows of one claim: words, tables and plots made from its record."""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from markupsafe import Markup

from pytest_claims.record import Controls, PartRecord, Record
from pytest_claims.report import detail, forest
from pytest_claims.report.conditions import Conditions, aligned, conditions_of
from pytest_claims.report.margins import margins_text
from pytest_claims.report.published import direction
from pytest_claims.report.words import (
    MOST_ROWS,
    bare,
    confidence,
    departed,
    excused,
    interval_text,
    is_time,
    level_text,
    number,
    quantity,
    region_text,
    seeds_text,
    stricter,
    with_minus,
)
from pytest_claims.trials.plan import flag
from pytest_claims.vocabulary import ALPHA, DEFAULT_ENGINE, is_registered

KINDS = {
    "ordered": "Ordered: no step back beyond the tolerance between neighbours, and a gain of more than the margin from "
    "first to last.",
    "difference": "Difference within each seed: both conditions see the same data, initial weights and minibatches.",
    "equivalence": "Equivalence: all pairs differ by less than the margin. Finding no difference would not be evidence "
    "that they are the same.",
    "level": "Level: the mean over seeds is compared with a bound.",
    "proportion": "Proportion: the share of seeds that show it, with an exact binomial interval. A tie does not count.",
    "time": "Time to a threshold: the ratio of times within each seed. A run that never reaches it is cut off at its "
    "budget: support takes the worst that this allows, a refutation the best.",
    "conjunction": "Conjunction: every part must hold.",
    "exact": "Exact: the numbers are compared as they are; nothing is estimated.",
}
#: What returns the address of a line in a file of the suite's repository, None where it is not known.
Link = Callable[[str | None, int | None], str | None]


def no_link(_file: str | None, _line: int | None) -> None:
    """Return None: no address is known."""


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption: an image whose address holds the drawing. Sizes are in CSS pixels."""

    source: Markup
    words: str
    caption: str
    width: float
    height: float


@dataclass
class ClaimView:
    """One claim or variant for the templates."""

    record: Record
    link: Link = no_link
    figures: Sequence[Figure] = ()
    lost_figures: Sequence[str] = ()
    variants: "list[ClaimView]" = field(default_factory=list)
    parent: Record | None = None
    short_options: bool = True

    @property
    def id(self) -> str:
        """The claim's id."""
        return self.record.id

    @property
    def verdict(self) -> str:
        """Supported, refuted, inconclusive or error."""
        return self.record.verdict

    @property
    def experiment(self) -> str:
        """The experiment that the claim belongs to."""
        return self.record.experiment or bare(self.id).partition(".")[0]

    @cached_property
    def departed(self) -> bool:
        """Whether this verdict fails the run."""
        return departed(self.record)

    @cached_property
    def other_seeds(self) -> bool:
        """Whether the claim was judged at other seeds than it is registered for."""
        return not self.record.as_registered

    @cached_property
    def undecided(self) -> bool:
        """Whether the verdict differs from the registered one but does not fail: a quick look, a claim about time."""
        return excused(self.record)

    @cached_property
    def changes_verdict(self) -> bool | None:
        """Whether a variant's verdict differs from its claim's; None where one of them is an error."""
        if self.parent is None or "error" in {self.verdict, self.parent.verdict}:
            return None
        return self.verdict != self.parent.verdict

    def repeats(self, field: str) -> bool:
        """Whether a variant's field only repeats its claim's."""
        return self.parent is not None and getattr(self.parent, field) == getattr(self.record, field)

    @cached_property
    def own(self) -> PartRecord | None:
        """The part that is a supported claim's own effect, such as three layers minus one; None: the deciding one is.

        A claim of rising accuracy also allows no step back between neighbours, and such a step may be the narrowest
        part. What the claim says is its first part, or the narrowest of those with that part's role.
        """
        parts, deciding = self.record.parts, self.record.deciding
        if self.verdict != "supported" or deciding is None or deciding.role in {"", parts[0].role}:
            return None
        return max((part for part in parts if part.role == parts[0].role), key=lambda part: part.p_value or 0.0)

    @cached_property
    def shown(self) -> Record:
        """The record with the effect that the reader sees first: the claim's own, else that of the deciding part."""
        if self.own is None:
            return self.record
        return replace(self.record, effect=self.own.effect, interval=self.own.interval, region=self.own.region)

    @cached_property
    def strip(self) -> Markup:
        """The small forest plot."""
        return forest.strip(self.shown)

    @cached_property
    def panel(self) -> Markup:
        """The large forest plot."""
        return forest.panel(self.shown)

    @cached_property
    def narrowest(self) -> str:
        """The narrowest part in words, where the claim's own effect is another one."""
        part = self.record.deciding if self.own is not None else None
        if part is None:
            return ""
        effect, interval = quantity(self.record, part.effect, part), interval_text(self.record, part)
        return f"{part.text}: {effect} ({interval}; claimed: {region_text(self.record, part)})"

    @cached_property
    def margins(self) -> str:
        """Which margins these data would support, and which they would refute."""
        return margins_text(self.record)

    @cached_property
    def effect(self) -> str:
        """The effect with its unit."""
        return quantity(self.shown, self.shown.effect)

    @cached_property
    def unit(self) -> str:
        """The unit, where the effect is shown in it."""
        return "" if "%" in self.effect or is_time(self.record) else self.record.unit

    @cached_property
    def interval(self) -> str:
        """The interval in words."""
        return interval_text(self.shown)

    @cached_property
    def asked(self) -> str:
        """The claimed region in words."""
        return region_text(self.shown)

    @cached_property
    def level(self) -> str:
        """The interval's level."""
        return level_text(self.record)

    @cached_property
    def published(self) -> tuple[str, str] | None:
        """The published direction and values."""
        return direction(self.record)

    @cached_property
    def kind(self) -> str:
        """The decision rule in a sentence."""
        return KINDS.get(self.record.kind or "", "")

    @cached_property
    def sentence(self) -> str:
        """The verdict's sentence without its first word, which the badge shows: "Reversed: in 0 of 32 seeds"."""
        message = with_minus(self.record.message)
        head = re.match(rf"{re.escape(self.verdict)}(?: \((?P<how>[^()]*)\))?: ", message, re.IGNORECASE)
        if head:
            rest = message[head.end() :]
            message = f"{head['how']}: {rest}" if head["how"] else rest
        return message[:1].upper() + message[1:]

    @cached_property
    def which(self) -> str:
        """The part whose effect is shown at the top, where the claim has several parts."""
        part = self.own or self.record.deciding
        return "" if len(self.record.parts) < 2 or part is None else part.text  # noqa: PLR2004 - several

    @cached_property
    def why_shown(self) -> str:
        """Why this part is at the top."""
        if self.own is not None:
            return "the claim's own effect"
        verdict = "" if self.record.deciding is None else self.record.deciding.verdict
        how = {"supported": "the narrowest", "refuted": "the clearest"}.get(verdict, "the least certain")
        return f"{how} of {len(self.record.parts)} parts"

    @cached_property
    def variant_effects(self) -> list[tuple["ClaimView", str]]:
        """Each variant, and whether it changes the verdict."""
        words = {True: "changes the verdict", False: "does not change the verdict", None: "has no verdict to compare"}
        return [(variant, words[variant.changes_verdict]) for variant in self.variants]

    @cached_property
    def _ordered_parts(self) -> list[PartRecord]:
        """Parts, failing ones first; where there are too many for a table, then by how certain they are."""
        order = ("error", "refuted", "inconclusive", "supported")
        many = len(self.record.parts) > MOST_ROWS
        return sorted(
            self.record.parts,
            key=lambda part: (
                order.index(part.verdict) if part.verdict in order else 0, -(part.p_value or 0.0) if many else 0.0
            ),
        )  # fmt: skip

    @cached_property
    def parts(self) -> list[tuple[PartRecord, Markup]]:
        """The first parts with their plots; on one scale where they are of one kind."""
        if len(self.record.parts) < 2:  # noqa: PLR2004 - a single part is the claim itself
            return []
        shared = None if self.record.kind == "conjunction" else forest.scale_of(self.record, self.record.parts)
        shown = self._ordered_parts[:MOST_ROWS]
        return [(part, forest.strip(self.record, part, shared)) for part in shown]

    @cached_property
    def further_parts(self) -> str:
        """The other parts as lines of text."""
        record = self.record
        rows = [
            [part.verdict, quantity(record, part.effect, part), interval_text(record, part), part.text]
            for part in self._ordered_parts[MOST_ROWS:]
        ]
        return aligned(rows) if rows else ""

    @cached_property
    def parts_alike(self) -> bool:
        """Whether all parts and assays were judged on the claim's own number of seeds, so that no column says so."""
        record = self.record
        return {seeds_text(record, part) for part in (*record.parts, *record.assays)} <= {str(record.seeds)}

    @cached_property
    def assays(self) -> list[tuple[PartRecord, Markup]]:
        """What shows that this run could have seen a difference, with plots on one scale, failing ones first."""
        scale = forest.scale_of(self.record, self.record.assays)
        parts = sorted(self.record.assays, key=lambda part: part.verdict == "supported")
        return [(part, forest.strip(self.record, part, scale)) for part in parts]

    @cached_property
    def assay_title(self) -> str:
        """Whether this run could have seen a difference, in words."""
        return detail.assay_title(self.record)

    @cached_property
    def adjusted(self) -> list[detail.Adjusted]:
        """What the parts' means were adjusted for."""
        return detail.adjusted_of(self.record)

    @cached_property
    def looks(self) -> detail.Looks | None:
        """The looks at which the claim was judged."""
        return detail.looks_of(self.record)

    @cached_property
    def facts(self) -> list[tuple[str, str]]:
        """Rows of the design: what is undecided, which margins hold, pairs of times."""
        return detail.facts_of(self.record)

    @cached_property
    def strictest(self) -> str:
        """The level at which one of several parts is refuted: "0.00129 a side (99.74 % interval)"; "" where it is one.

        Parts of a conjunction share the level, so that all together err no more than one part may.
        """
        levels = [part.refuted_at for part in self.record.parts if part.refuted_at and stricter(self.record, part)]
        return f"{number(min(levels))} a side ({confidence(min(levels))} interval)" if levels else ""

    @cached_property
    def conditions(self) -> Conditions:
        """Measured and published values by condition."""
        return conditions_of(self.record)

    @cached_property
    def regions(self) -> str:
        """The claimed regions of all parts: "more than 0.05 for 1 of 3 parts; more than -0.025 for 2 of 3 parts"."""
        parts = self.record.parts
        counts = Counter(region_text(self.record, part) for part in parts)
        if len(counts) < 2:  # noqa: PLR2004 - one region for all
            return self.asked
        return "; ".join(f"{words} for {count} of {len(parts)} parts" for words, count in counts.items())

    @cached_property
    def diverged(self) -> str:
        """How many replicates diverged; where none did, the share that this bounds."""
        count, seeds = self.record.diverged, self.record.seeds
        if count is None or not seeds:
            return ""
        if count == 0:
            bound = 100 * (1 - (self.record.alpha or ALPHA) ** (1 / seeds))
            return f"none in {seeds} seeds (so the true share is at most {bound:.0f} %)"
        return f"{count}; they stay in the sample, with the value of a constant predictor"

    @cached_property
    def controls(self) -> list[tuple[str, bool | None]]:
        """Negative controls: a sentence each, and whether it passes."""
        return controls_of(self.record.controls)

    @cached_property
    def command(self) -> str:
        """The command that runs this claim alone."""
        file = (self.record.nodeid or "claims/").partition("::")[0]
        place = f"{file.partition('/')[0]}/" if "/" in file else file
        return f"pytest {shlex.quote(place)} {flag('id', short=self.short_options)} {shlex.quote(self.id)}"

    @cached_property
    def source(self) -> tuple[str, str | None]:
        """(file:line, address or None) of the claim's source."""
        file, line = self.record.file or self.record.nodeid.partition("::")[0], self.record.line
        return f"{file}:{line}" if line else file, self.link(file, line)

    @cached_property
    def marks(self) -> list[str]:
        """What is unusual about this run of the claim."""
        marks = []
        if not is_registered(self.record.stream):
            marks.append(f"{self.record.stream.replace('-', ' ')} seeds")
        if self.record.changed:
            marks.append("conditions changed")
        if self.record.ended == "futile":
            marks.append("given up early")
        if self.record.engine != DEFAULT_ENGINE:
            marks.append(f"engine {self.record.engine}")
        if self.other_seeds:
            quick = "a quick look at " if self.record.is_quick else ""
            marks.append(f"{quick}{self.record.seeds} seeds, registered for {self.record.registered_seeds}")
        if count := self.record.reused:
            marks.append(f"{count} trial{'s' if count != 1 else ''} reused")
        if self.record.clock:
            marks.append("clock")
        return marks


def controls_of(controls: Controls | None) -> list[tuple[str, bool | None]]:
    """Return the sentences of a control, or of several named ones, as older versions have them."""
    if controls is None:
        return []
    if controls.text is not None:
        text = controls.text
        sentences = [(text[:1].upper() + text[1:] + ("" if text.endswith(".") else "."), controls.ok)]
        if controls.reversed:  # never a failure here: a claim supported together with its reverse is an error
            sentences.append((f"The reverse of the claim, judged on the same measurements: {controls.reversed}.", True))
        return sentences
    named: list[tuple[str, bool | None]] = []
    for name, member in controls.extra.items():
        if isinstance(member, Mapping):
            named += [(f"{name.capitalize()}: {text}", ok) for text, ok in controls_of(Controls.from_json(member))]
        elif member is not None:
            named.append((f"{name.replace('_', ' ').capitalize()}: {member}", None))
    return named
