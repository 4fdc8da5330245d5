"""Every claim has a pilot, and the table of --design shows it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PILOTS = json.loads((ROOT / "claims" / "pilots.json").read_text(encoding="utf-8"))
EXAMPLE = json.loads((ROOT / "reports" / "example" / "results.json").read_text(encoding="utf-8"))["claims"]


def test_every_claim_has_a_pilot():
    """Each was measured on 16 seeds."""
    assert {claim["id"] for claim in EXAMPLE} == set(PILOTS)
    assert {pilot["n"] for pilot in PILOTS.values()} == {16}


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
