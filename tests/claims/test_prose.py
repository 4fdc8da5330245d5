"""The claims' prose: plain English, no measured numbers, and templates that will render."""

import dataclasses
import re

import pytest

from pytest_claims.running.reasons import check
from tests.claims.reading import EVERY_FILE, ID, claim_files, numbers_in, strange_numbers

FOREIGN = ("told", "in the place of", "what may come out", "the other way about")
pytest.importorskip("sklearn", reason="claim files import it")
IDS = {claim.id for file in claim_files() for claim, _ in file.claims}


@EVERY_FILE
def test_numbers_in_prose_stand_in_the_code(file):
    """A number that was measured comes from the run's results instead."""
    assert strange_numbers(file) == []


@EVERY_FILE
def test_a_measured_number_in_prose_is_noticed(file):
    """In a docstring, in a reason and in a claim's text; the protocol's own numbers pass."""
    first, quotes, rest = file.source.partition('"""\n\n')
    measured = dataclasses.replace(
        file, source=f"{first}\nIt falls by 0.98765 and 61.7 %, to .4321 in 1,234,567 rows.{quotes}{rest}"
    )
    reason = dataclasses.replace(
        file, source=f'{file.source}\n@claim("0.z", "To 0.98765", reason="by 61.7 %")\ndef test(): ...\n'
    )

    assert strange_numbers(measured) == [0.98765, 61.7, 0.4321, 1_234_567]
    assert sorted(strange_numbers(reason)) == [0.98765, 61.7]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1,171 steps at 0.003", [1171, 0.003]),
        ("U(0,1), x = 15/16, 1-37-2", [0, 1, 15, 16, 1, 37, 2]),
        ("-2x^4, L2, float32, .94", [2, 4, 0.94]),
        ("80 % in 2,500", [80, 2500]),
        ("step 450.", [450]),
    ],
)
def test_how_numbers_are_read(text, expected):
    """Thousands, decimals, powers; digits in names do not count."""
    assert [value for value, _ in numbers_in(text)] == expected


@EVERY_FILE
def test_ids_in_prose_are_those_of_claims(file):
    """A reader who looks up an id finds its claim."""
    mentioned = {name for text in file.prose for name in ID.findall(text)}

    assert mentioned <= IDS


@EVERY_FILE
def test_variants_in_prose_exist(file):
    """A name quoted as "@name" is a variant of one of the file's claims."""
    variants = {claim.variant for claim, _ in file.claims}
    mentioned = {name for text in file.prose for name in re.findall(r'"@([\w-]+)"', text)}

    assert mentioned <= variants


@EVERY_FILE
def test_prose_is_plain(file):
    """It has none of the phrases that readers stumble over."""
    prose = [" ".join(text.split()) for text in file.prose]

    assert [text for text in prose for phrase in FOREIGN if re.search(rf"\b{phrase}\b", text, re.IGNORECASE)] == []


@EVERY_FILE
def test_an_expected_failure_has_a_reason(file):
    """A claim has a reason exactly if it is registered as refuted or inconclusive."""
    assert [claim.fault for claim, _ in file.claims if claim.fault] == []
    for claim, _ in file.claims:
        assert bool(claim.reason) == (claim.registered != "supported"), claim.id


@EVERY_FILE
def test_templates_fit_the_declared_conditions(file):
    """Their syntax, their measurements, and the labels of conditions; test_reasons.py tests rendering."""
    for claim, function in file.claims:
        conditions = {name: declared.levels for name, declared in file.measurements_of(function).items()}
        for template in (claim.reason, claim.departs, claim.departures):
            assert template is None or check(template, conditions) is None
