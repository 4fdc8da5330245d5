"""What claim files say about their pilots agrees with claims/pilots.json."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PILOTS = json.loads((ROOT / "claims" / "pilots.json").read_text(encoding="utf-8"))
EXAMPLE = json.loads((ROOT / "reports" / "example" / "results.json").read_text(encoding="utf-8"))["claims"]
SENTENCE = re.compile(r"Pilots ask for more than ([\w-]+) seeds in (\w+) claims?: ([^()]+) \(--design says how many\)")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
TENS = {16: "sixteen", 24: "twenty-four", 32: "thirty-two", 64: "sixty-four"}


def further_seeds(claim):
    """Return how many seeds a claim's pilot asks for, if that is more than the claim has; else None."""
    needs = PILOTS[claim["id"]]["needs"]
    return needs if needs is not None and needs > claim["registered_seeds"] else None


def test_every_claim_has_a_pilot():
    """Each was measured on 16 seeds."""
    assert {claim["id"] for claim in EXAMPLE} == set(PILOTS)
    assert {pilot["n"] for pilot in PILOTS.values()} == {16}


@pytest.mark.parametrize("file", sorted({claim["file"] for claim in EXAMPLE}))
def test_a_file_says_where_pilots_ask_for_more(file):
    """It names every such claim and no other, and how many seeds its claims have."""
    claims = [claim for claim in EXAMPLE if claim["file"] == file]
    wanted = {claim["id"] for claim in claims if further_seeds(claim) is not None}
    text = ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))).replace("\n", " ")
    sentences = SENTENCE.findall(text)

    assert len(sentences) == bool(wanted)
    assert text.lower().count("pilot") == len(sentences)
    for seeds, number, listed in sentences:
        names = re.split(r", | and ", listed)
        assert sorted(names) == sorted(wanted)
        assert number == NUMBERS[len(wanted) - 1]
        assert {seeds} == {TENS[claim["registered_seeds"]] for claim in claims}


@pytest.mark.slow
def test_design_says_how_many(pytestconfig):
    """The table of --design has beside each claim the number that claims/pilots.json holds."""
    command = [sys.executable, "-m", "pytest", "claims", "--design", "--collect-only", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=True)
    rows = {line.split()[0]: line for line in ended.stdout.splitlines() if line.split() and line.split()[0] in PILOTS}

    assert rows.keys() == PILOTS.keys()
    for name, pilot in PILOTS.items():
        shown = "-" if pilot["needs"] is None else str(pilot["needs"])
        assert shown in rows[name].split()
