"""The comparison page pairs the effects of two runs on the same draws, such as one of each engine."""

import numpy as np
import pytest

from pytest_claims.report.compare import Comparison, write_comparison
from pytest_claims.report.runs import NamedRun
from pytest_claims.results import Results

VALUES = 0.3 + 0.05 * np.random.default_rng(7).standard_normal(16)


def run(name, shift=0.0, **fields):
    """Return a run of one claim whose effect of each seed is moved by about `shift`."""
    values = (VALUES + shift * (1 + 0.1 * np.sin(np.arange(16)))).tolist()
    part = {"text": "accuracy rises", "effect": float(np.mean(values)), "values": values, "margin": 0.05}
    part |= {"interval": [0.27, 0.33], "region": [0.05, None], "role": "gain", "verdict": "supported"}
    record = {
        **part,
        "id": "2.a",
        "text": "Accuracy rises",
        "kind": "difference",
        "alpha": 0.005,
        "registered": "supported",
        "seeds": 16,
        "parts": [part],
        "inputs": {"data": ["aa11"]},
    }
    facts = {"schema": 1, "started": "2026-11-20T01:00:00+00:00", "complete": True, "environment": {}}
    return NamedRun(name, Results.from_json({**facts, "claims": [{**record, **fields}]}))


def drifts(*runs):
    """Return the drifts of the only row."""
    (row,) = Comparison(runs).rows
    return row.drifts


def test_the_second_run_has_its_drift_from_the_first():
    """Mean change with its interval and what it means; the first run has none."""
    first, second = drifts(run("torch"), run("jax", shift=0.01))

    assert first == ""
    assert second.startswith("drift +0.0")
    assert second.endswith("paired over 16 seeds: changed")


@pytest.mark.parametrize("margin", [0.05, 0.0])
def test_what_is_the_same_has_not_changed(margin):
    """Whatever the margin: an exact claim has none."""
    same = run("torch").results.claims[0].as_json()
    parts = [{**same["parts"][0], "margin": margin}]

    assert drifts(run("torch", parts=parts), run("jax", parts=parts)) == [
        "",
        "drift +0 [+0, +0], paired over 16 seeds: no material change",
    ]


@pytest.mark.parametrize("other", [{"inputs": {"data": ["bb22"]}}, {"clock": True}, {"parts": []}])
def test_what_cannot_be_paired_has_none(other):
    """Other draws, claims about measured time, and condensed runs that keep no seeds."""
    assert drifts(run("torch", **other if "inputs" not in other else {}), run("jax", shift=0.01, **other)) == ["", ""]


def test_the_page_shows_it(tmp_path):
    """Under effect and interval, on the page."""
    page = write_comparison(tmp_path, Comparison([run("torch"), run("jax", shift=0.01)])).read_text(encoding="utf-8")

    assert "paired over 16 seeds: changed" in page
