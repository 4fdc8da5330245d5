"""Hypotheses over seeds, and the verdicts that data give on them.

A claim returns a hypothesis; ``judge()`` turns it into a ``Verdict`` by one rule: a 99 % interval of the effect against
a region fixed beforehand. Inside: supported. Outside: refuted. Otherwise: inconclusive. docs/statistics.md explains the
rule, its error rates and where it is weak.

    verdict = exceeds(accuracy.sel(layers=3), accuracy.sel(layers=1), by=0.05).judge()
    verdict.verdict   # "supported"
    verdict.message   # one sentence that stands alone

Constructors: ``increases`` ``decreases`` (ordered), ``exceeds`` ``between`` (paired difference), ``equivalent``,
``at_least`` ``at_most`` ``within`` (level), ``proportion``, ``sooner`` (time to a threshold), ``exactly``, ``all_of``.
Pictures: ``lines`` ``strips`` ``traces`` ``functions`` ``boundary``.
"""

from inference.constructors import (
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
from inference.controls import Control
from inference.design import Design, Placeholder
from inference.errors import DesignError, EvidenceError
from inference.hypotheses import Hypothesis
from inference.parts import Part, PartVerdict
from inference.pictures import boundary, functions, lines, strips, traces
from inference.rule import ALPHA
from inference.verdicts import Verdict

__all__ = [
    "ALPHA",
    "Control",
    "Design",
    "DesignError",
    "EvidenceError",
    "Hypothesis",
    "Part",
    "PartVerdict",
    "Placeholder",
    "Verdict",
    "all_of",
    "at_least",
    "at_most",
    "between",
    "boundary",
    "decreases",
    "equivalent",
    "exactly",
    "exceeds",
    "functions",
    "increases",
    "lines",
    "proportion",
    "sooner",
    "strips",
    "traces",
    "within",
]
