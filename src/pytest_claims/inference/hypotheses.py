"""Hypotheses: what a claim returns. constructors.py builds them; they are judged and reversed here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Self

import numpy as np

from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.controls import Control, Levels, Null, Subject, control, worst
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.parts import Part, PartVerdict, judge_parts
from pytest_claims.inference.rule import LARGEST, Terms
from pytest_claims.inference.sensitivity import assay_fault, assay_parts
from pytest_claims.inference.verdicts import Kind, Row, Verdict, combine
from pytest_claims.vocabulary import ALPHA, FEWEST_SEEDS

#: What a proportion counts, until its author names it.
SUCCESS = "success"


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A claim's statistical form with its evidence: one or several parts, all of which must hold.

    ``members`` are the hypotheses that a conjunction joins; ``levels`` the columns that an ordered claim permutes.
    ``assays`` are the parts that show that this run could have seen a difference (sensitivity.py).
    """

    kind: Kind
    parts: tuple[Part, ...]
    conditions: tuple[Row, ...]
    unit: str = ""
    null: Null = "relabelled"
    levels: Levels | None = None
    members: tuple["Hypothesis", ...] = ()
    assays: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if not self.parts:
            raise EvidenceError("This hypothesis has nothing to judge: its selection is empty.")
        sizes = {part.values.size for part in (*self.parts, *self.assays)}
        if len(sizes) > 1:
            raise EvidenceError(f"The parts of a conjunction rest on different numbers of seeds: {sorted(sizes)}.")
        for part in (*self.parts, *self.assays):
            if not np.isfinite(part.values).all():
                raise EvidenceError(f"There is no number for every seed in {part.text}.")
            numbers = [*part.values, part.resolution, part.margin, *(end for end in part.region if isfinite(end))]
            if not all(abs(number) <= 2 * LARGEST for number in numbers):
                raise EvidenceError(f"The numbers of {part.text} are too large to compute their spread, or no numbers.")
            try:
                part.decimals  # noqa: B018 - numbers whose decimals cannot be counted are refused before judging
            except EvidenceError as error:
                raise EvidenceError(f"The numbers of {part.text} cannot be judged. {error}") from None

    @property
    def n(self) -> int:
        """The number of seeds."""
        return int(self.parts[0].values.size)

    def judge(self, alpha: float = ALPHA, looks: Looks | None = None, earlier: Verdict | None = None) -> Verdict:
        """Judge at the only look, at ``alpha`` a side, or at one of ``looks``; EvidenceError for fewer than 8 seeds.

        ``earlier``: the verdict of the look before. What it supports stays supported and is not judged again.
        """
        terms = self._terms(looks or Looks((self.n,), alpha=alpha))
        closed: dict[int, PartVerdict] = {}
        closed_assays: dict[int, PartVerdict] = {}
        if earlier is not None:
            for known, now in ((earlier.parts, self.parts), (earlier.assays, self.assays)):
                if [part.text for part in known] != [part.text for part in now]:
                    raise EvidenceError("A claim has the same parts at every look.")
            closed = _supported(earlier.parts)
            closed_assays = _supported(earlier.assays)
        parts = judge_parts(self.parts, terms, closed)
        assays = judge_parts(self.assays, replace(terms, share=1), closed_assays)
        verdict = combine(self.kind, parts, terms, self.unit, self.conditions, assays)
        return verdict.sensitive(assays) if assays else verdict

    def reversed(self) -> "Hypothesis":
        """Return the opposite claim: B beats A by as much, the reversed order, the other side of a level's bound.

        Where the region of a difference contains zero (not worse than, equal, between), no mirror image contradicts
        it; its reverse claims the complement of the region. An assay has no opposite.
        """
        if self.members:
            members = tuple(member.reversed() for member in self.members)
            parts = tuple(part for member in members for part in member.parts)
            return replace(self, members=members, parts=parts, assays=())
        if self.null == "relabelled":
            levels = None if self.levels is None else self.levels.reversed()
            return replace(self, parts=tuple(part.mirrored() for part in self.parts), levels=levels, assays=())
        return replace(self, parts=tuple(part.complement() for part in self.parts), assays=())

    def control(
        self, rng: np.random.Generator, worlds: int = 400, alpha: float = ALPHA, looks: Looks | None = None
    ) -> Control:
        """Judge again in worlds where the claim is false; controls.py explains the worlds and the bound.

        With several ``looks``, every world goes through all of them up to this one. A conjunction has a control for
        each member and returns the worst.
        """
        self._check_seeds()
        looks = looks or Looks((self.n,), alpha=alpha)
        if self.members:
            return worst([member.control(rng, worlds, looks=looks) for member in self.members])
        return control(Subject(self.parts, self.null, self.levels, looks), rng, worlds)

    def named(self, *, unit: str | None = None, text: str | None = None) -> Self:
        """Return the same hypothesis with a unit, or with the author's own words for its parts."""
        parts = self.parts
        if text is not None:
            single = len(parts) == 1
            parts = tuple(replace(part, text=_renamed(part.text, text, single=single)) for part in parts)
        return replace(self, parts=parts, unit=self.unit if unit is None else unit)

    def assay(self, arms: Any, *, against: Any, by: float, lower_is_better: bool = False) -> Self:
        """Return the same hypothesis, supported only if every arm beats the constant ``against`` by more than ``by``.

            equivalent(losses, along="loss", within=0.03).assay(losses, against=constant, by=0.03)

        For claims that also hold when nothing works: equal, not worse than, no more than. ``arms`` is an array over
        seeds, each of whose conditions is an arm; ``against`` a number or an array of a predictor that learned nothing;
        ``by`` at least the claim's margin. ``lower_is_better``: for losses and times. DesignError where ``by`` is less.
        """
        kinds = [(member.kind, part.region) for member in self.members or (self,) for part in member.parts]
        fault = assay_fault(kinds, against, by)
        if fault:
            raise DesignError(fault)
        added = assay_parts(arms, against, by, lower_is_better=lower_is_better)
        return replace(self, assays=(*self.assays, *added))

    def _terms(self, looks: Looks) -> Terms:
        """Return how strictly this look judges."""
        self._check_seeds()
        ties = looks.judges_ties(self.n)
        return Terms(looks.level, len(self.parts), ties, looks.divisor, looks.quick, looks.later)

    def _check_seeds(self) -> None:
        if self.n < FEWEST_SEEDS:
            raise EvidenceError(f"There are {self.n} seeds; below {FEWEST_SEEDS} there is no verdict.")


def _supported(parts: tuple[PartVerdict, ...]) -> dict[int, PartVerdict]:
    """Return the supported parts by position."""
    return {at: part for at, part in enumerate(parts) if part.verdict == "supported"}


def _renamed(old: str, new: str, *, single: bool) -> str:
    """Use an author's words for a part: instead of "success", or before the labels of one of several parts."""
    if old.startswith(SUCCESS):
        return new + old.removeprefix(SUCCESS)
    return new if single else f"{new}: {old}"


#: The columns of the condition table, beside the labels.
COLUMNS = frozenset({"mean", "sd", "n", "values"})


def row(labels: Mapping[str, Any], values: Any) -> Row:
    """Return one line of the condition table: labels, then mean, sd, n and every seed's value.

    A condition that has the name of one of these columns, such as a dataset's n, becomes "condition n".
    """
    values = np.asarray(values, dtype=float)
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    labels = {f"condition {name}" if name in COLUMNS else name: label for name, label in labels.items()}
    return {**labels, "mean": float(values.mean()), "sd": sd, "n": int(values.size), "values": values.tolist()}
