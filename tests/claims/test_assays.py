"""Claims that also hold when nothing works: each names what its arms must beat (docs/statistics.md)."""

import inspect
from math import isfinite

import pytest

from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.running.judging import returned
from tests.claims.reading import claim_files

#: Claims that arms fail, and claims that arms are equal or not worse: the first have a positive control.
MEANT_TO_FAIL = {"4.b", "4.b@train-range", "5.b", "5.b@step-2250", "10.d"}
ALIKE = {"3.h", "4.e", "4.e@train-range", "6.f", "7.b", "9.a", "9.e"}
#: A claim that training rows are learned hardly better than others.
NO_GAP = {"3.k"}


def designs():
    """Return the designs of all claims, with those that a conjunction joins, by id."""
    found = {}
    for file in claim_files():
        for claim, function in file.claims:
            rows = [row for mark in function.pytestmark if mark.name == "parametrize" for row in mark.args[1]]
            names = next((mark.args[0] for mark in function.pytestmark if mark.name == "parametrize"), ())
            given = next((dict(zip(names, row.values, strict=True)) for row in rows if row.id == claim.id), {})
            parameters = inspect.signature(function).parameters
            design, _ = returned(function(**{name: given.get(name, Placeholder()) for name in parameters}), claim)
            found[claim.id] = design.members or (design,)
    return found


@pytest.fixture(scope="module")
def every_design():
    """All claims' designs."""
    return designs()


def test_claims_that_hold_when_nothing_works_have_an_assay(every_design):
    """A region of differences that contains zero is met by arms that learned nothing, and so is a bound from above."""
    alike = {
        name
        for name, members in every_design.items()
        for member in members
        if member.kind in {"difference", "equivalence"} and member.region[0] < 0 < member.region[1]
    }
    assayed = {name for name, members in every_design.items() if any(member.assayed for member in members)}

    # in a conjunction another part may need what was learned, as in 12.c
    bounded = {
        name
        for name, members in every_design.items()
        if len(members) == 1 and members[0].kind == "level" and not isfinite(members[0].region[0])
    }

    assert alike == ALIKE
    assert bounded == MEANT_TO_FAIL | NO_GAP
    assert assayed == alike | bounded


def test_no_design_has_a_fault(every_design):
    """Among others, every arm must beat its constant by the claim's own margin."""
    assert {member.fault for members in every_design.values() for member in members} == {""}
