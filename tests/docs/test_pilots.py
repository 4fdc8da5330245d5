"""What the claims' files say of their pilots is what claims/pilots.json holds."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PILOTS = json.loads((ROOT / "claims" / "pilots.json").read_text(encoding="utf-8"))
EXAMPLE = json.loads((ROOT / "reports" / "example" / "results.json").read_text(encoding="utf-8"))["claims"]
SENTENCE = re.compile(r"the pilots ask for (?P<numbers>[^.:]*(?:\.[a-z][^.:]*)*)", re.IGNORECASE)
NUMBER = re.compile(r"([\d,]+)\s\(([^)]*)\)")
WORDS = "two three four five six seven eight nine ten eleven twelve".split()


def asks(claim):
    """Return how many seeds a pilot asks for, where it is more than the claim has."""
    needs = PILOTS[claim["id"]]["needs"]
    return needs if needs is not None and needs > claim["registered_seeds"] else None


def test_every_claim_has_a_pilot():
    """On as many seeds as a pilot has."""
    assert {claim["id"] for claim in EXAMPLE} == set(PILOTS)
    assert {pilot["n"] for pilot in PILOTS.values()} == {16}


@pytest.mark.parametrize("file", sorted({claim["file"] for claim in EXAMPLE}))
def test_a_file_says_where_pilots_ask_for_more(file):
    """The least and the most that is asked for, under the names of the claims that ask."""
    wanted = {claim["id"]: needs for claim in EXAMPLE if claim["file"] == file and (needs := asks(claim)) is not None}
    text = ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))).replace("\n", " ")
    found = SENTENCE.search(text)

    assert bool(wanted) == (found is not None)
    if found is None:
        return
    told = {
        name.strip(): int(number.replace(",", ""))
        for number, names in NUMBER.findall(found["numbers"])
        for name in names.split(",")
        if name.strip() in PILOTS
    }
    assert told == {name: wanted.get(name) for name in told}
    assert {min(wanted.values()), max(wanted.values())} <= set(told.values())
    counted = re.match(r"more in (\w+) claims", found["numbers"])
    assert WORDS[len(wanted) - 2] == counted[1] if counted else told == wanted
