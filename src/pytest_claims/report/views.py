"""What the page shows of a claim: words, tables and drawings made from its record."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from markupsafe import Markup

from pytest_claims.environment import source_link
from pytest_claims.report import forest
from pytest_claims.report.published import direction, published_of
from pytest_claims.report.words import (
    bare,
    deciding,
    departed,
    interval_text,
    labels_of,
    level_text,
    number,
    quantity,
    region_text,
    with_minus,
)
from pytest_claims.results import Record

KINDS = {
    "ordered": "Ordered: no step back beyond the tolerance between neighbours, and from first to last more than the "
    "margin.",
    "difference": "Difference within each seed: both conditions see the same data, the same initial weights, the same "
    "minibatches.",
    "equivalence": "Equivalence: all pairs differ by less than the margin. That no difference was found would be no "
    "evidence of sameness.",
    "level": "Level: the mean over seeds against a bound.",
    "proportion": "Proportion: the share of seeds that show it, with the exact binomial interval. A tie is no success.",
    "time": "Time to a threshold: the ratio of times within each seed. Runs that never get there count at the budget.",
    "conjunction": "Conjunction: every part must hold.",
    "exact": "Exact: numbers are compared, nothing is estimated.",
}
#: A table of seeds x conditions with more cells than this stays in measurements.csv.
MOST_CELLS = 3000
#: Conditions that a table shows before it is folded.
FEW = 12
SEEDS_IN_ROWS = 8


class Loose(dict[str, Any]):
    """A record in which a field that another version did not write is None."""

    def __missing__(self, key: str) -> None:
        return None


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption, or the sentence that says why there is none."""

    svg: Markup
    caption: str
    width: float


@dataclass
class ClaimView:
    """One claim or variant for the templates."""

    record: Record
    environment: Mapping[str, Any]
    figures: Sequence[Figure] = ()
    lost_figures: Sequence[str] = ()
    variants: "list[ClaimView]" = field(default_factory=list)
    parent: Record | None = None

    @property
    def id(self) -> str:
        """The claim's id."""
        return str(self.record["id"])

    @property
    def verdict(self) -> str:
        """Supported, refuted, inconclusive or error."""
        return str(self.record.get("verdict") or "error")

    @property
    def experiment(self) -> str:
        """The experiment that the claim belongs to."""
        return str(self.record.get("experiment") or bare(self.id).partition(".")[0])

    @cached_property
    def departed(self) -> bool:
        """Whether this verdict fails the run."""
        return departed(self.record)

    @cached_property
    def other_seeds(self) -> bool:
        """Whether the claim was judged on another number of seeds than it is registered for."""
        planned, seeds = self.record.get("registered_seeds"), self.record.get("seeds")
        return bool(planned and seeds and planned != seeds)

    @cached_property
    def undecided(self) -> bool:
        """Whether another verdict than the registered one is excused: a quick look, a claim about the clock."""
        registered = self.record.get("registered")
        return registered is not None and registered != self.verdict and not self.departed

    @cached_property
    def changes_verdict(self) -> bool | None:
        """Whether a variant's verdict is another than its claim's; None where that cannot be said."""
        if self.parent is None or "error" in {self.verdict, self.parent.get("verdict")}:
            return None
        return self.verdict != self.parent.get("verdict")

    def repeats(self, field: str) -> bool:
        """Whether a variant only repeats what its claim says there."""
        return self.parent is not None and self.parent.get(field) == self.record.get(field)

    @cached_property
    def strip(self) -> Markup:
        """The small forest plot."""
        return forest.strip(self.record)

    @cached_property
    def panel(self) -> Markup:
        """The large forest plot."""
        return forest.panel(self.record)

    @cached_property
    def effect(self) -> str:
        """The effect with its unit."""
        return quantity(self.record, self.record.get("effect"))

    @cached_property
    def unit(self) -> str:
        """The unit, where the effect is told in it."""
        return "" if "%" in self.effect or self.record.get("kind") == "time" else str(self.record.get("unit") or "")

    @cached_property
    def interval(self) -> str:
        """The interval in words."""
        return interval_text(self.record)

    @cached_property
    def asked(self) -> str:
        """The claimed region in words."""
        return region_text(self.record)

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
        return KINDS.get(str(self.record.get("kind")), "")

    @cached_property
    def sentence(self) -> str:
        """The verdict's sentence without its first word, which the badge has said: "Reversed: in 0 of 32 seeds"."""
        message = with_minus(str(self.record.get("message") or ""))
        head = re.match(rf"{re.escape(self.verdict)}(?: \((?P<how>[^()]*)\))?: ", message, re.IGNORECASE)
        if head:
            rest = message[head.end() :]
            message = f"{head['how']}: {rest}" if head["how"] else rest
        return message[:1].upper() + message[1:]

    @cached_property
    def which(self) -> str:
        """What the effect at the top is of, where the claim has several parts."""
        parts = self.record.get("parts") or []
        told = deciding(self.record)
        return "" if len(parts) < 2 or told is None else str(told.get("text") or "")  # noqa: PLR2004 - several

    @cached_property
    def variants_say(self) -> list[tuple["ClaimView", str]]:
        """Each variant with whether it changes the verdict: what the departures amount to."""
        words = {True: "changes the verdict", False: "does not change the verdict", None: "has no verdict to compare"}
        return [(one, words[one.changes_verdict]) for one in self.variants]

    @cached_property
    def parts(self) -> list[tuple[Mapping[str, Any], Markup]]:
        """Parts with their plots, those that do not hold first; on one scale where they are of one kind."""
        parts: list[Mapping[str, Any]] = list(self.record.get("parts") or [])
        if len(parts) < 2:  # noqa: PLR2004 - a single part is the claim itself
            return []
        shared = None if self.record.get("kind") == "conjunction" else forest.scale_of(self.record, parts)
        order = ("error", "refuted", "inconclusive", "supported")
        parts.sort(key=lambda part: order.index(str(part.get("verdict"))) if part.get("verdict") in order else 0)
        return [(part, forest.strip(self.record, part, shared)) for part in parts]

    @cached_property
    def conditions(self) -> "Conditions":
        """Measured beside published."""
        return conditions_of(self.record)

    @cached_property
    def regions(self) -> str:
        """What was asked of all parts: "more than 0.05; more than -0.025 for 2 of 3 parts"."""
        parts = self.record.get("parts") or []
        told: dict[str, int] = {}
        for part in parts:
            words = region_text(self.record, part)
            told[words] = told.get(words, 0) + 1
        if len(told) < 2:  # noqa: PLR2004 - one region for all
            return self.asked
        return "; ".join(f"{words} for {count} of {len(parts)} parts" for words, count in told.items())

    @cached_property
    def diverged(self) -> str:
        """How many replicates diverged, with the bound that an absence proves."""
        count, seeds = self.record.get("diverged"), self.record.get("seeds")
        if count is None or not seeds:
            return ""
        if count == 0:
            bound = 100 * (1 - 0.005 ** (1 / seeds))
            return f"none in {seeds} seeds (so the true share is at most {bound:.0f} %)"
        return f"{count}; they stay in the sample, at the constant predictor's value"

    @cached_property
    def controls(self) -> list[tuple[str, bool | None]]:
        """Negative controls: a sentence each, and whether it is as it must be."""
        return controls_of(self.record.get("controls"))

    @cached_property
    def command(self) -> str:
        """The command that runs this claim alone."""
        folder = str(self.record.get("nodeid") or "claims/").partition("/")[0]
        folder = "claims/" if "::" in folder or not folder else f"{folder}/"
        return f"pytest {folder} --claim {_shell(self.id)}"

    @cached_property
    def source(self) -> tuple[str, str | None]:
        """(file:line, address or None) of the claim's source."""
        file, line = self.record.get("file"), self.record.get("line")
        if not file:
            file = str(self.record.get("nodeid") or "").partition("::")[0]
        return f"{file}:{line}" if line else str(file), source_link(self.environment, file, line)

    @cached_property
    def marks(self) -> list[str]:
        """What is not as registered about this run of the claim."""
        marks = []
        stream, engine = self.record.get("stream"), self.record.get("engine")
        if stream and stream != "registered":
            marks.append(f"{str(stream).replace('-', ' ')} seeds")
        looks = self.record.get("looks")
        if looks:
            marks.append(
                f"sequential: look {len(looks)} decided"
                if self.verdict != "inconclusive"
                else f"sequential: {len(looks)} looks"
            )
        if engine and engine != "torch":
            marks.append(f"engine {engine}")
        if self.other_seeds and not looks:
            marks.append(f"{self.record['seeds']} seeds, registered for {self.record['registered_seeds']}")
        if self.record.get("reused"):
            count = self.record["reused"]
            marks.append(f"{count} trial{'s' if count != 1 else ''} reused")
        if self.record.get("clock"):
            marks.append("clock")
        return marks


@dataclass(frozen=True)
class Conditions:
    """A table of conditions: ``labels`` are its columns, ``rows`` (label cells, mean, sd, n, published, values)."""

    labels: Sequence[str]
    rows: Sequence[tuple[Sequence[str], str, str, str, str, Sequence[Any]]]
    unmatched: Sequence[tuple[str, str]]
    any_published: bool

    @property
    def seeds(self) -> int:
        """The most values that a condition has."""
        return max((len(row[5]) for row in self.rows), default=0)

    @property
    def too_many(self) -> bool:
        """Whether a table of all values would be too long for a page."""
        return self.seeds * len(self.rows) > MOST_CELLS

    @property
    def seeds_in_rows(self) -> bool:
        """Whether seeds are the rows of the table of values."""
        return len(self.rows) <= SEEDS_IN_ROWS

    @property
    def names(self) -> list[str]:
        """One name for each condition."""
        return [
            ", ".join(f"{label} {cell}".strip() for label, cell in zip(self.labels, row[0], strict=True) if cell)
            or "all"
            for row in self.rows
        ]


def conditions_of(claim: Record) -> Conditions:
    """Return the claim's conditions with what was published about each."""
    rows = claim.get("conditions") or []
    labels = list(dict.fromkeys(key for row in rows for key in labels_of(row)))
    published = published_of(claim)
    beside: dict[int, list[str]] = {}
    for one in published:
        if one.condition is not None:
            beside.setdefault(one.condition, []).append(number(one.value))
    told = [
        (
            [_cell(row[key]) if key in row else "" for key in labels],
            number(row.get("mean")),
            number(row.get("sd")),
            str(row.get("n") or len(row.get("values") or [])),
            ", ".join(beside.get(at, [])),
            row.get("values") or [],
        )
        for at, row in enumerate(rows)
    ]
    unmatched = [(one.name, number(one.value)) for one in published if one.condition is None]
    return Conditions([label.replace("_", " ") for label in labels], told, unmatched, bool(beside))


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) and not value.is_integer() else _whole(value)


def _whole(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}"


def controls_of(controls: Any) -> list[tuple[str, bool | None]]:
    """Return the sentences of one control or of several under names."""
    if not isinstance(controls, Mapping) or not controls:
        return []
    if "text" in controls:
        text = str(controls["text"])
        said = [(text[:1].upper() + text[1:] + ("" if text.endswith(".") else "."), controls.get("ok"))]
        if reverse := controls.get("reversed"):  # had claim and reverse been supported, the claim were an error
            said.append((f"The reverse of the claim, judged on the same measurements: {reverse}.", True))
        return said
    found = []
    for name, one in controls.items():
        if isinstance(one, Mapping):
            found += [(f"{str(name).capitalize()}: {text}", ok) for text, ok in controls_of(one)]
        elif one is not None:
            found.append((f"{str(name).replace('_', ' ').capitalize()}: {one}", None))
    return found


def _shell(text: str) -> str:
    import shlex

    return shlex.quote(text)
