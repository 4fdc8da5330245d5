"""Claims that also hold when nothing works: each names what its arms must beat (docs/statistics.md)."""

import inspect

import pytest

from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.running.judging import returned
from tests.claims.reading import claim_files

#: Claims that arms fail, and claims that arms are equal or not worse: the first have a positive control.
MEANT_TO_FAIL = {"4.b", "4.b@train-range", "5.b", "5.b@step-2250", "10.d"}
ALIKE = {"3.h", "4.e", "4.e@train-range", "6.f", "7.b", "9.a", "9.e"}


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
    """A region of differences that contains zero is met by arms that learned nothing."""
    alike = {
        name
        for name, members in every_design.items()
        for member in members
        if member.kind in {"difference", "equivalence"} and member.region[0] < 0 < member.region[1]
    }
    assayed = {name for name, members in every_design.items() if any(member.assayed for member in members)}

    assert alike == ALIKE
    assert assayed == ALIKE | MEANT_TO_FAIL


def test_no_design_has_a_fault(every_design):
    """Among others, every arm must beat its constant by the claim's own margin."""
    assert {member.fault for members in every_design.values() for member in members} == {""}
