"""A claim's record: its entry in results.json, typed and frozen.

Judging builds it once; the report, the comparison with a baseline and JUnit read it. Writing it to JSON and reading it
again changes nothing: a field that an older version did not write is marked as absent and has its default, a field that
this version does not know is kept in ``extra``, and both are written as they were read.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from math import isclose
from pathlib import Path
from typing import Any, NamedTuple, Self

from pytest_claims.files import jsonable, without_paths
from pytest_claims.vocabulary import DEFAULT_ENGINE, PROPERTY, REGISTERED, visible

#: The two ends of an interval or a region; None where it is open.
Ends = tuple[float | None, float | None]

#: Relative: a margin that was moved moves by more.
CLOSE = 1e-5

#: Fields of every entry that its JSON does not have.
_OWN = frozenset({"extra", "absent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object of results.json. In JSON, null means a field's default.

    Hidden characters in texts are written out where an entry is read and where it is written, so that whatever shows an
    entry shows them.
    """

    extra: Mapping[str, Any] = field(default_factory=dict)  # fields that this version does not know
    absent: frozenset[str] = frozenset()  # fields that are not written while they have their defaults

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry of this version, an older one or a newer one."""
        shape = _shape(cls)
        known = {name: value for name, value in entry.items() if name in shape.defaults and value is not None}
        values = {name: shape.readers[name](value) for name, value in known.items()}
        return cls(
            **{name: value for name, value in values.items() if value is not None},
            extra={visible(name): _seen(value) for name, value in entry.items() if name not in shape.defaults},
            absent=_shared(frozenset(shape.defaults.keys() - entry.keys())),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the entry as results.json holds it."""
        known: dict[str, Any] = {}
        for name, default in _shape(type(self)).defaults.items():
            value = getattr(self, name)
            if name not in self.absent or value != default:
                known[name] = jsonable(value)
        return {**known, **{name: jsonable(value) for name, value in self.extra.items()}}

    def extended(self, more: Mapping[str, Any]) -> Self:
        """Return the entry with further fields, as in JSON; fields that it has already are replaced."""
        return type(self).from_json(self.as_json() | jsonable(more))

    def without(self, names: Collection[str]) -> Self:
        """Return the entry without some of its fields."""
        return type(self).from_json({name: value for name, value in self.as_json().items() if name not in names})

    def only(self, names: Collection[str]) -> Self:
        """Return the entry with only these fields."""
        return type(self).from_json({name: value for name, value in self.as_json().items() if name in names})


class _Shape(NamedTuple):
    """A reader and a default for each field of a kind of entry, in the order in which fields are written."""

    readers: Mapping[str, Callable[[Any], Any]]
    defaults: Mapping[str, Any]


_SHAPES: dict[type, _Shape] = {}


def _shape(kind: type[Entry]) -> _Shape:
    """Return the shape of a kind of entry; it is worked out once."""
    if kind not in _SHAPES:
        known = [entry for entry in fields(kind) if entry.name not in _OWN]
        _SHAPES[kind] = _Shape(
            {entry.name: entry.metadata.get("read", _seen) for entry in known},
            {
                entry.name: entry.default if entry.default_factory is MISSING else entry.default_factory()
                for entry in known
            },
        )
    return _SHAPES[kind]


@lru_cache(maxsize=256)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """Return one object for equal sets: a history holds thousands of records that lack the same fields."""
    return names


def _seen(value: Any) -> Any:
    """Return JSON with the hidden characters in its texts written out: a stored file may be anybody's."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): _seen(item) for key, item in value.items()}
    return [_seen(item) for item in value] if isinstance(value, list) else value


def _ends(value: Any) -> Ends | None:
    return (value[0], value[1]) if isinstance(value, list | tuple) and len(value) == 2 else None  # noqa: PLR2004


def _is_close(one: Any, other: Any) -> bool:
    """Whether two numbers are the same; a committed example has its numbers to six figures."""
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return isclose(one, other, rel_tol=CLOSE) if numbers else one is None and other is None


#: How to read fields that are more than a number or a word; a value that cannot be read becomes the default.
ENDS: Mapping[str, Any] = {"read": _ends}
LIST: Mapping[str, Any] = {"read": lambda value: tuple(map(_seen, value)) if isinstance(value, list | tuple) else None}


def single(kind: type[Entry]) -> Mapping[str, Any]:
    """Return how to read an entry inside another entry."""
    return {"read": lambda value: kind.from_json(value) if isinstance(value, Mapping) else None}


def several(kind: type[Entry]) -> Mapping[str, Any]:
    """Return how to read a list of entries; anything else in the list is left out."""

    def read(value: Any) -> tuple[Entry, ...] | None:
        if not isinstance(value, list | tuple):
            return None
        return tuple(kind.from_json(item) for item in value if isinstance(item, Mapping))

    return {"read": read}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedRecord(Entry):
    """What a part's mean was adjusted for: one covariate, known before training."""

    covariate: str | None = None  # its name
    slope: float | None = None  # of the effect on the covariate
    explained: float | None = None  # R^2: the share of the effect's variance that the covariate explains
    unadjusted: float | None = None  # the plain mean of the effect
    population: float | None = None  # the covariate's mean in the population, at which the effect is stated
    population_error: float | None = None  # the standard error of that mean; 0 where it is exact
    values: tuple[float | None, ...] = field(default=(), metadata=LIST)  # the covariate of each seed


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord(Entry):
    """One part of a claim: an effect with its interval, and the claimed region."""

    text: str = ""  # names the part in words
    effect: float | None = None  # in the claim's unit
    interval: Ends | None = field(default=None, metadata=ENDS)  # of the effect
    region: Ends | None = field(default=None, metadata=ENDS)  # the claimed one
    verdict: str = "error"
    margin: float | None = None  # the number that the claim names
    estimator: str | None = None  # mean, count or exact
    p_value: float | None = None  # one-sided, times the divisor of the looks; None where nothing is estimated
    refuted_at: float | None = None  # the level of a refutation
    strict: Ends | None = field(default=None, metadata=ENDS)  # the interval at that level
    sd: float | None = None  # over seeds
    scale: float | None = None  # the sd that the interval rests on: no smaller than the unit's step allows
    seeds: int | None = None  # that the part was judged on
    wins: int | None = None  # seeds that agree with the claim
    role: str = ""  # gain, step, pair, range, level, share, time or exact
    values: tuple[float | None, ...] = field(default=(), metadata=LIST)  # the effect of each seed
    outside: bool = False  # the complement of the region is claimed
    resolution: float | None = None  # the unit's step; over sqrt 12 it is the smallest sd believed
    magnitude: float | None = None  # of the largest raw number: 12 digits of it, or of the region's ends, are compared
    ties: bool | None = None  # whether its look decides about a part of which more than half of the values are equal
    adjusted: AdjustedRecord | None = field(default=None, metadata=single(AdjustedRecord))  # None: a plain mean
    counted: bool = False  # by the rule's first edition: most differences were ties, and the share of seeds decided
    note: str | None = None  # why a verdict was withheld
    unknown: int | None = None  # pairs of which neither run reached the threshold; None where no times are compared
    fast_cut: tuple[int, ...] = field(default=(), metadata=LIST)  # seeds, counted from 0, whose run did not; fast arm
    slow_cut: tuple[int, ...] = field(default=(), metadata=LIST)  # slow arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Entry):
    """The values measured under one condition. All fields but the statistics are the condition's labels."""

    mean: float | None = None  # over seeds
    sd: float | None = None  # over seeds
    n: int | None = None  # seeds
    values: tuple[float | None, ...] = field(default=(), metadata=LIST)  # one for each seed

    @property
    def labels(self) -> Mapping[str, Any]:
        """The labels by name: ``{"layers": 3, "activation": "relu"}``."""
        return self.extra

    def as_json(self) -> dict[str, Any]:
        """Return the row as results.json holds it, labels first."""
        row = Entry.as_json(self)
        return {name: row[name] for name in self.extra} | row


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTime(Entry):
    """The time and place of one trial that a claim rests on."""

    measurement: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict)  # the trial's condition, values in words
    seeds: tuple[int, ...] = field(default=(), metadata=LIST)  # the first and the last
    seconds: float | None = None  # of wall time
    processor_s: float | None = None  # seconds of processor time; None in trials of an older version
    products: Mapping[str, float] | None = None  # operations of the networks' matrix products, by dtype; None as above
    began: float | None = None  # seconds since the epoch; None in trials of an older version
    worker: str | None = None
    reused: bool = False  # read from an earlier run

    @property
    def key(self) -> tuple[str, ...]:
        """A name that no other trial of the experiment has; claims on one measurement share trials."""
        return self.measurement, str(self.condition), str(list(self.seeds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls(Entry):
    """A claim's negative control, and the verdict on its reverse. Older versions had several controls, by name."""

    kind: str | None = None  # relabelled, shifted to the margin or exact
    worlds: int | None = None  # in which the claim is false
    supported: int | None = None  # worlds that were nevertheless judged supported
    bound: int | None = None  # the most that may be
    ok: bool | None = None  # whether `supported` is within the bound
    beyond: int | None = None  # like `supported`, one standard deviation beyond the margin; None for other kinds
    text: str | None = None  # the control in words
    reversed: str | None = None  # the verdict on the opposite claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Entry):
    """The result of one look."""

    seeds: int | None = None
    verdict: str = "error"
    effect: float | None = None
    interval: Ends | None = field(default=None, metadata=ENDS)
    closed: tuple[str, ...] = field(default=(), metadata=LIST)  # parts that this look supported; they stay so
    chance: float | None = None  # of a decision at the run's last look, if nothing is decided yet
    note: str | None = None  # why a verdict was withheld, such as too many equal values


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Entry):
    """What a deep run found about a claim that this run left open."""

    verdict: str = "error"
    seeds: int | None = None  # of the look at which it ended
    effect: float | None = None  # of the deciding part
    interval: Ends | None = field(default=None, metadata=ENDS)
    undecided: str | None = None  # why it is still open, if it is
    within: float | None = None  # how far from its margin the effect may then lie
    ended: str | None = None  # why it was judged no further


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionMargins(Entry):
    """Which margins would hold for one of the regions that a claim's parts ask for."""

    role: str = ""  # of these parts
    region: Ends | None = field(default=None, metadata=ENDS)  # which they ask for
    margins: Ends | None = field(default=None, metadata=ENDS)  # the last that would hold, the first that would not


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw(Entry):
    """What a kept run on fresh seeds found about a claim."""

    stream: str = ""  # of its seeds
    verdict: str = "error"
    seeds: int | None = None  # of the look at which it ended
    effect: float | None = None  # of the deciding part
    interval: Ends | None = field(default=None, metadata=ENDS)


#: Fields that are written only where drawing, the report or a condensed baseline has filled them.
_LATER = frozenset({
    "reason_template", "curves", "figures", "captions", "figure_error", "seed_values", "numbers", "evidence", "p_holm",
    "deep", "changed", "fresh", "region_margins",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Entry):
    """One claim of one run. Effects, margins and values are in the claim's ``unit``; a time is the log2 of a ratio."""

    # what is claimed
    id: str = ""  # 2.a, or 2.a@name for a variant
    nodeid: str = ""  # pytest's
    text: str = ""  # the claim in a sentence
    source: str | None = None  # who claims it
    registered: str | None = None  # the expected verdict; None where another version did not record it
    reason: str | None = None  # why another verdict than supported is expected, with this run's numbers
    reason_template: str | None = None  # the same as written in the claim's file, before numbers are filled in
    # the result
    verdict: str = "error"  # supported, refuted, inconclusive or error
    outcome: str | None = None  # pytest's word: passed, failed, xfailed, skipped or error; None where it is not known
    message: str = ""  # the verdict in a sentence that stands alone
    kind: str | None = None  # of hypothesis, such as ordered; this and all numbers are None where nothing was judged
    effect: float | None = None  # of the deciding part
    interval: Ends | None = field(default=None, metadata=ENDS)  # of the deciding part
    margin: float | None = None  # the number that the claim names
    region: Ends | None = field(default=None, metadata=ENDS)  # the claimed one
    alpha: float | None = None  # of each side of the interval
    divisor: float | None = None  # of the error of all looks together, to get the level `alpha`
    p_value: float | None = None  # the parts' largest; None where nothing is estimated
    parts: tuple[PartRecord, ...] = field(default=(), metadata=several(PartRecord))  # all of which must hold
    assays: tuple[PartRecord, ...] = field(default=(), metadata=several(PartRecord))  # needed for support
    conditions: tuple[Condition, ...] = field(default=(), metadata=several(Condition))
    unit: str = ""
    diverged: int | None = None  # replicates that training flagged
    inputs: Mapping[str, Any] = field(default_factory=dict)  # hash of the raw draws, by measurement and purpose
    derived: Mapping[str, Any] = field(default_factory=dict)  # sums over arrays made from these draws, by name
    trace: Mapping[str, Any] | None = None  # losses and gradients of the first steps, by probe
    controls: Controls | None = field(default=None, metadata=single(Controls))
    looks: tuple[Look, ...] | None = field(default=None, metadata=several(Look))  # None: by an older version, at once
    ended: str | None = None  # why the claim was judged no further: decided, futile or last look
    deep: Finding | None = field(default=None, metadata=single(Finding))  # only of a claim that this run leaves open
    # the cost
    seconds_by_trial: tuple[TrialTime, ...] = field(default=(), metadata=several(TrialTime))
    reused: int = 0  # trials read from an earlier run
    duration_s: float | None = None  # sum over the trials
    # more about the deciding part
    direction: str | None = None  # how a difference was refuted: reversed, or smaller than the margin
    win_rate: float | None = None  # share of the seeds that agree with the claim
    d_z: float | None = None  # a paired difference in standard deviations; None for levels and shares
    detectable: float | None = None  # the smallest effect that this many seeds support with 90 % power
    seeds_needed: int | None = None  # that would probably decide; None where no number within reach would
    undecided: str | None = None  # why an inconclusive claim is: at its margin, or too few seeds
    within: float | None = None  # how far from its margin the effect of an inconclusive claim may lie
    chance: float | None = None  # that `chance_seeds` seeds would decide an inconclusive claim
    chance_seeds: int | None = None  # four times its seeds
    margins: Ends | None = field(default=None, metadata=ENDS)  # the last that would hold, the first that would not
    region_margins: tuple[RegionMargins, ...] = field(default=(), metadata=several(RegionMargins))  # of each
    seeds: int | None = None  # that the claim rests on
    # the claim's source and protocol
    published: Any = None  # numbers by condition, nested to any depth, or words
    experiment: str = ""
    question: str = ""  # the first paragraph of the claim's file
    protocol: str = ""  # the rest of it
    file: str = ""  # below the repository's root
    line: int | None = None  # in that file
    discussion: str = ""  # the docstring of the claim's test
    variant_of: str | None = None  # the claim's id, for a variant
    variant: str | None = None  # its name
    departs: str | None = None  # how a variant departs from its claim's protocol
    departures: str | None = None  # how the claim departs from what was published
    registered_seeds: int | None = None  # the last look of a run with default settings
    registered_looks: tuple[int, ...] = field(default=(), metadata=LIST)  # up to the deepest; none for a quick look
    first_look: int | None = None  # seeds of the first look, over which `inputs` and `derived` are taken
    last_look: int | None = None  # the seeds at which this run judges for the last time, if no earlier look ends it
    changed: Mapping[str, Any] = field(default_factory=dict)  # conditions that this run gave other values, by name
    clock: bool = False  # measures time, so that numbers differ from run to run
    stream: str = REGISTERED  # of seeds
    engine: str = DEFAULT_ENGINE  # that trained
    # added by drawing
    seed_values: tuple[Any, ...] = field(default=(), metadata=LIST)  # names of the seeds, in the order of all values
    curves: tuple[str, ...] = field(default=(), metadata=LIST)  # files with the points of the figures' curves
    figures: tuple[str, ...] = field(default=(), metadata=LIST)  # files, below the report folder
    captions: tuple[str, ...] = field(default=(), metadata=LIST)  # one for each figure
    figure_error: str | None = None  # why a figure could not be drawn
    # added by the report
    p_holm: float | None = None  # the p-value, adjusted over the claims of the run; descriptive
    fresh: tuple[Draw, ...] = field(default=(), metadata=several(Draw))  # draws that the repository keeps
    # only in a committed baseline
    numbers: str | None = None  # digest of all numbers that the verdict rests on
    evidence: str | None = None  # the entry of the baseline's pool that holds inputs, derived and trace
    absent: frozenset[str] = _LATER

    @property
    def as_registered(self) -> bool:
        """Whether it was judged at its registered seeds: to the end that it is registered for, or decided before.

        Of an older version, which had looks only where it was asked for them: at that number of seeds, and without.
        """
        planned, last = self.registered_seeds, self.last_look
        if last is None:
            return planned in {None, self.seeds} and not self.looks
        if planned is None or last == planned:
            return True
        decided = self.ended == "decided" and bool(self.registered_looks)
        return decided and self.seeds is not None and self.seeds <= planned

    @property
    def is_quick(self) -> bool:
        """Whether it was judged once, before its first registered look."""
        return self.last_look is not None and not self.registered_looks

    @property
    def deciding(self) -> PartRecord | None:
        """The part whose effect and interval are the claim's; None where there is none."""
        return next((part for part in self.parts if (part.effect, part.interval) == (self.effect, self.interval)), None)

    def asks_for(self, margin: Any, region: Any) -> bool:
        """Whether the claim or one of its parts asks for this margin and region, of a record or of a file."""
        wanted = (margin, *(_ends(region) or ()))
        asked = [(self.margin, *(self.region or ())), *((part.margin, *(part.region or ())) for part in self.parts)]
        return any(len(ends) == len(wanted) and all(map(_is_close, ends, wanted)) for ends in asked)

    def failed(self, sentence: str, root: Path) -> Self:
        """Return the record of a claim that could not be judged; the sentence loses all paths of this machine."""
        text = without_paths(sentence, [str(root)], elsewhere=True)
        return self.extended({"verdict": "error", "outcome": "error", "message": text})


def attach(properties: list[tuple[str, Any]], record: Record) -> None:
    """Add a record to the properties of a test report or item, where JUnit shows it; an earlier record is replaced."""
    properties[:] = [(name, value) for name, value in properties if name != PROPERTY]
    properties.append((PROPERTY, json.dumps(record.as_json(), ensure_ascii=False, allow_nan=False)))


def attached(properties: Collection[tuple[str, Any]]) -> Record | None:
    """Return the record from the properties of a test report or item; None where there is none.

    Other people's tests may have a property of that name, which is no record.
    """
    text = next((value for name, value in properties if name == PROPERTY), None)
    try:
        return None if text is None else parse_record(str(text))
    except (ValueError, AttributeError):
        return None


def parse_record(text: str) -> Record:
    """Read a record from its JSON; NaN and infinities, which JSON lacks, become None."""
    return Record.from_json(jsonable(json.loads(text, parse_constant=lambda _: None)))
