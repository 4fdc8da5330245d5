"""Hypotheses over seeds, and the verdicts that data give on them.

A claim returns a hypothesis; ``judge()`` turns it into a ``Verdict`` by one rule: a 99 % interval of the effect against
a region fixed beforehand. Inside: supported. Outside: refuted. Otherwise: inconclusive. docs/statistics.md explains the
rule, its error rates and where it is weak.

    verdict = exceeds(accuracy.sel(layers=3), accuracy.sel(layers=1), by=0.05).judge()
    verdict.verdict   # "supported"
    verdict.message   # one sentence that stands alone

Constructors: ``increases`` ``decreases`` (ordered), ``exceeds`` ``between`` (paired difference), ``equivalent``,
``at_least`` ``at_most`` ``within`` (level), ``proportion``, ``sooner`` (time to a threshold), ``exactly``, ``all_of``.
``.assay(arms, against=, by=)`` on any of them asks whether the run could have seen a difference (sensitivity.py);
``adjusted_by=`` and ``population=`` adjust a mean for one covariate (adjustment.py).
Pictures: ``lines`` ``strips`` ``traces`` ``functions`` ``boundary``.
"""

from pytest_claims.errors import DesignError, EvidenceError
from pytest_claims.inference.constructors import (
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
from pytest_claims.inference.controls import Control
from pytest_claims.inference.design import Design, Placeholder
from pytest_claims.inference.hypotheses import Hypothesis
from pytest_claims.inference.parts import Part, PartVerdict
from pytest_claims.inference.pictures import boundary, functions, lines, strips, traces
from pytest_claims.inference.stacking import stack
from pytest_claims.inference.verdicts import Verdict
from pytest_claims.vocabulary import ALPHA

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
    "stack",
    "strips",
    "traces",
    "within",
]
