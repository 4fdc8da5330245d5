"""The badge: counts and a colour, as shields.io reads them."""

import json

import pytest

from pytest_claims.cli import main

SUPPORTED = {"id": "1.a", "verdict": "supported", "registered": "supported", "outcome": "passed"}
REFUTED = {"id": "1.b", "verdict": "refuted", "registered": "refuted", "outcome": "xfailed"}
OPEN = {"id": "1.c", "verdict": "inconclusive", "registered": "inconclusive", "outcome": "xfailed"}
DEPARTED = {"id": "1.d", "verdict": "refuted", "registered": "supported", "outcome": "failed"}
SLOW = {**DEPARTED, "outcome": "passed", "clock": True}
QUICK = {**REFUTED, "registered_looks": [], "last_look": 8}
OTHER = {**SUPPORTED, "registered": None}
FRESH = {**SUPPORTED, "stream": "fresh-5"}
JAX = {**SUPPORTED, "engine": "jax"}
OTHERWISE = {**SUPPORTED, "changed": {"layers": [1, 2]}}
EDITION = {**SUPPORTED, "stream": "registered-2", "registered_seeds": 64, "registered_looks": [32, 64],
           "last_look": 32, "ended": "decided"}  # fmt: skip
SHORTER = {**OPEN, "registered_seeds": 64, "registered_looks": [32, 64], "last_look": 32, "ended": "last look"}
ERROR = {"id": "1.e", "verdict": "error", "registered": "supported", "outcome": "error"}
CHANGED = {"failed": True, "claims": [{"id": "1.a", "alarm": True, "verdict_changed": True}]}


def write(folder, *claims, complete=True, **more):
    """Write a results.json with these claims."""
    full = [{"text": "", "source": None, "message": "", "kind": "level", "effect": 0.0, "interval": [0.0, 1.0],
             "region": [0.0, None], "alpha": 0.005, "seeds": 32, "unit": "", "parts": [], "nodeid": "", **claim}
            for claim in claims]  # fmt: skip
    path = folder / "results.json"
    path.write_text(json.dumps({"schema": 1, "started": "2026-11-20T01:00:00+00:00", "complete": complete,
                                "environment": {}, "claims": full, **more}))  # fmt: skip
    return path


@pytest.mark.parametrize(
    "claims, more, message, color",
    [
        ((SUPPORTED, REFUTED, OPEN), {}, "1 supported, 1 refuted, 1 open", "brightgreen"),
        ((SUPPORTED, DEPARTED), {}, "1 supported, 1 refuted, 0 open", "red"),
        ((SUPPORTED, ERROR), {}, "1 supported, 0 refuted, 0 open, 1 in error", "red"),
        ((SUPPORTED,), {"baseline": CHANGED}, "1 supported, 0 refuted, 0 open", "red"),
        ((SUPPORTED,), {"complete": False}, "1 supported, 0 refuted, 0 open, run not complete", "lightgrey"),
        ((SUPPORTED, SLOW), {}, "1 supported, 1 refuted, 0 open, 1 not as registered", "lightgrey"),
        ((OTHER,), {}, "1 supported, 0 refuted, 0 open, 1 not registered", "lightgrey"),
        ((QUICK,), {}, "0 supported, 1 refuted, 0 open, quick look", "lightgrey"),
        ((SHORTER,), {}, "0 supported, 0 refuted, 1 open, more or fewer seeds", "lightgrey"),
        ((FRESH,), {}, "1 supported, 0 refuted, 0 open, other seeds", "lightgrey"),
        ((JAX,), {}, "1 supported, 0 refuted, 0 open, another engine", "lightgrey"),
        ((OTHERWISE,), {}, "1 supported, 0 refuted, 0 open, other conditions", "lightgrey"),
        ((EDITION,), {}, "1 supported, 0 refuted, 0 open", "brightgreen"),
        ((SUPPORTED,), {"skipped": [{"id": "1.f"}]}, "1 supported, 0 refuted, 0 open, 1 skipped", "lightgrey"),
        ((), {}, "0 supported, 0 refuted, 0 open", "lightgrey"),
    ],
    ids=[
        "as registered",
        "departed",
        "error",
        "changed",
        "partial",
        "excused",
        "unregistered",
        "quick",
        "shorter",
        "fresh seeds",
        "another engine",
        "other conditions",
        "second edition, decided early",
        "skipped",
        "nothing",
    ],
)
def test_a_badge_counts_and_has_the_colour_of_the_worst(tmp_path, capsys, claims, more, message, color):
    """Green says that every verdict is as registered, not that every claim holds."""
    target = tmp_path / "badges" / "badge.json"

    assert main(["badge", str(write(tmp_path, *claims, **more)), "-o", str(target), "--label", "our claims"]) == 0
    assert json.loads(target.read_text()) == {
        "schemaVersion": 1, "label": "our claims", "message": message, "color": color,
    }  # fmt: skip
    assert capsys.readouterr().out == f"{target}: {message}\n"


def test_a_badge_replaces_a_badge_and_nothing_else(tmp_path, capsys):
    """A file that is none is left as it is."""
    results, target = write(tmp_path, SUPPORTED), tmp_path / "badge.json"
    assert [main(["badge", str(results), "-o", str(target)]) for _ in range(2)] == [0, 0]
    assert main(["badge", str(results), "-o", str(results)]) == 2
    assert "results.json holds the results of a run, not a badge" in capsys.readouterr().err
    assert "claims" in json.loads(results.read_text())
    target.write_text('{"mine": true}')

    assert main(["badge", str(results), "-o", str(target)]) == 2
    assert "was not written by pytest-claims" in capsys.readouterr().err
    assert target.read_text() == '{"mine": true}'
