"""What a verdict says beyond itself, on the terminal and on the page."""

from types import SimpleNamespace

import pytest

from pytest_claims.record import PartRecord, Record
from pytest_claims.report.terminal import counts
from pytest_claims.report.words import seeds_text


def test_the_counts_say_why_claims_are_inconclusive() -> None:
    """By kind; a claim of an earlier version has none."""
    kinds = ("too few seeds", "at its margin", "too few seeds", None)
    claims = [Record(id=str(at), verdict="inconclusive", undecided=kind) for at, kind in enumerate(kinds)]

    assert counts(SimpleNamespace(claims=[*claims, Record(id="a", verdict="supported")])) == (
        "5 claims: 1 supported, 4 inconclusive (1 at its margin, 2 too few seeds)"
    )
    assert counts(SimpleNamespace(claims=claims[3:])) == "1 claim: 1 inconclusive"


@pytest.mark.parametrize(
    "part, text",
    [
        ({}, "128"),
        ({"seeds": 32}, "32"),
        ({"seeds": 64, "unknown": 1}, "64 (1 pair unknown)"),
        ({"seeds": 64, "unknown": 0}, "64"),
    ],
)
def test_a_part_says_on_how_many_seeds_it_was_judged(part: dict, text: str) -> None:
    """A part that closed at an earlier look has fewer than its claim; unknown pairs of times are counted."""
    assert seeds_text(Record(seeds=128), PartRecord(**part)) == text
    assert seeds_text(Record(), PartRecord()) == "—"
