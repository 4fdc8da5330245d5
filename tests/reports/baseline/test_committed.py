"""The committed baseline: small, compared like a whole run, replaced only after showing what changes."""

import copy
import json

import numpy as np
import pytest

from pytest_claims.cli import main
from pytest_claims.drift import compare, read_baseline
from pytest_claims.drift.committed import condensed, review, write
from pytest_claims.errors import ResultsError
from pytest_claims.results import Results


def record(identifier, **fields):
    """Make a claim's record with two parts, of which the second decides."""
    values = np.linspace(0.1, 0.5, 32).tolist()
    first = {"text": "step", "role": "step", "effect": 0.1, "interval": [0, 1], "values": values}
    second = {
        "text": "gain",
        "role": "gain",
        "effect": 0.3,
        "interval": [0.2, 0.4],
        "region": [0.05, None],
        "margin": 0.05,
        "values": [value / 3 for value in values],
    }
    trace = {"m/train": {"step": [0, 1], "loss": [0.7, 0.6], "gradient": [1.0, 0.9]}}
    return {
        "id": identifier,
        "verdict": "supported",
        "effect": 0.3,
        "interval": [0.2, 0.4],
        "seeds": 32,
        "alpha": 0.005,
        "margin": 0.05,
        "kind": "ordered",
        "registered_seeds": 32,
        "stream": "registered",
        "engine": "torch",
        "clock": False,
        "parts": [first, second],
        "conditions": [{"layers": 1, "values": values}],
        "inputs": {"m/data": "aa"},
        "derived": {"m/data": [1.0, 2.0, 3.0]},
        "trace": trace,
        "discussion": "long",
        **fields,
    }


def results(*claims):
    """Make a run's results."""
    return Results.from_json(as_json(*claims))


def as_json(*claims):
    """Make what a run's results.json holds."""
    return {
        "schema": 1,
        "started": "2026-11-20T01:00:00+00:00",
        "complete": True,
        "environment": {"numpy": "2.4.6"},
        "claims": list(claims or [record("2.a"), record("2.b")]),
    }


def test_a_run_equals_its_own_baseline(tmp_path):
    """Written and read again, the baseline of a run says that nothing changed, effects included."""
    write(tmp_path / "pinned.json", condensed(results()))

    comparison = compare(read_baseline(tmp_path / "pinned.json"), results())

    assert comparison.sentences()[0].startswith("nothing changed: 2 claims compared")
    assert set(comparison.claims[0].states.values()) == {"same"}


def test_a_last_bit_of_any_number_is_seen():
    """The digest covers the numbers that are not kept: a bit of one seed of a part that did not decide."""
    later = copy.deepcopy(as_json())
    later["claims"][0]["parts"][0]["values"][5] *= 1 + 2**-52

    comparison = compare(condensed(results()), Results.from_json(later))

    assert comparison.claims[0].departed == "numbers"
    assert comparison.claims[1].departed is None


def test_what_depends_on_a_condition_is_compared_with_what_did_not():
    """A change under one condition gives the array other names; it is found all the same."""
    later = copy.deepcopy(as_json())
    later["claims"][0]["derived"] = {"m[layers=1]/data": [1.0, 2.0, 3.0], "m[layers=2]/data": [1.0, 2.0, 4.0]}

    comparison = compare(condensed(results()), Results.from_json(later))

    assert comparison.claims[0].departed == "derived"
    assert comparison.claims[0].finding.names == ("m[layers=2]/data",)


@pytest.mark.parametrize(
    "layers, now, departed",
    [
        ("2", [1.0, 2.0, 4.0], None),
        ("2", [1.0, 2.0, 3.0], "derived"),  # of the condition that it no longer looks at
        ("12", [1.0, 2.0, 4.0], "derived"),  # both conditions have the same now
    ],
)
def test_a_claim_that_looks_at_fewer_conditions_is_compared_on_those(layers, now, departed):
    """What all its conditions share has one name, also where it looks at a single one; the others are no change."""
    earlier, later = as_json(), as_json()
    earlier["claims"][0]["derived"] = {"m[layers=1]/data": [1.0, 2.0, 3.0], "m[layers=2]/data": [1.0, 2.0, 4.0]}
    later["claims"][0]["derived"] = {"m/data": now}
    later["claims"][0]["seconds_by_trial"] = [
        {"measurement": "m", "condition": {"layers": layer}, "seeds": [0, 7]} for layer in layers
    ]

    comparison = compare(condensed(Results.from_json(earlier)), Results.from_json(later))

    assert comparison.claims[0].departed == departed


def test_evidence_of_one_measurement_stands_once():
    """Two claims on one measurement point to one entry, named after the measurement; other evidence is numbered."""
    other = record("2.c", inputs={"m/data": "bb"})

    baseline = condensed(results(record("2.a"), record("2.b"), other))

    assert list(baseline.evidence) == ["m", "m.2"]
    assert [claim.evidence for claim in baseline.claims] == ["m", "m", "m.2"]


def test_clock_claims_keep_their_verdict_only():
    """Measured times would change the file at every update."""
    (claim,) = condensed(results(record("8.a", clock=True))).claims

    assert claim.verdict == "supported"
    assert claim.effect is None
    assert not {"parts", "evidence", "numbers"} & set(claim.as_json())


def test_a_claim_is_a_line(tmp_path):
    """One claim and one entry of evidence a line, so that a diff shows which changed."""
    write(tmp_path / "pinned.json", condensed(results()))

    lines = (tmp_path / "pinned.json").read_text().splitlines()

    assert sum('"id"' in line for line in lines) == 2
    assert json.loads("".join(lines))["condensed"] is True


@pytest.mark.parametrize(
    "fault, sentence",
    [
        ({"complete": False}, "Not every claim was judged"),
        ({"claims": [record("2.a", verdict="error")]}, "2.a: an error is no verdict"),
        ({"claims": [record("2.a", seeds=8)]}, "2.a: not at the registered seeds"),
        ({"claims": [record("2.a", stream="fresh-1")]}, "2.a: not at the registered seeds"),
    ],
)
def test_only_complete_runs_at_registered_seeds_become_baselines(tmp_path, fault, sentence):
    """Interrupted runs, errors and other seeds are refused in one sentence."""
    with pytest.raises(ResultsError, match=sentence):
        review(tmp_path / "pinned.json", Results.from_json({**as_json(), **fault}))


def test_a_review_shows_what_changes(tmp_path):
    """Changed verdicts, new and dropped claims are listed before anything is written."""
    path = tmp_path / "pinned.json"
    write(path, condensed(results()))
    before = path.read_text()

    _, lines = review(path, results(record("2.a", verdict="refuted"), record("2.c")))

    assert "the verdict of 2.a changed" in lines[0]
    assert lines[-2:] == ["new: 2.c", "dropped: 2.b (not in this run)"]
    assert path.read_text() == before


def test_the_command_writes_only_when_told(tmp_path, monkeypatch, capsys):
    """Without a terminal to ask on, nothing is written unless --yes is given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text(json.dumps(as_json()))

    assert main(["baseline", "out"]) == 1
    assert not (tmp_path / "reports" / "baseline").exists()
    assert main(["baseline", "out", "--yes"]) == 0
    assert (tmp_path / "reports" / "baseline" / "pinned.json").exists()
    assert "A new baseline of 2 claims." in capsys.readouterr().out


def test_the_command_refuses_a_run_in_one_sentence(tmp_path, monkeypatch, capsys):
    """A run that was interrupted is refused: exit status 2, one sentence, nothing written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps({**as_json(), "complete": False}))

    assert main(["baseline", ".", "--yes"]) == 2
    assert capsys.readouterr().err == "pytest-claims: Not every claim was judged: a baseline needs a complete run.\n"
    assert not (tmp_path / "reports" / "baseline").exists()


def changed(path, value):
    """Return a run's JSON with one field changed; ``path`` leads to it from the top."""
    run = as_json(record("2.a", conditions=[{"layers": 1, "values": [0.5]}]))
    run["evidence"] = {"m": {"inputs": {}}}
    *ways, last = path
    place = run
    for way in ways:
        place = place[way]
    place[last] = value
    return run


CLAIM, PART = ("claims", 0), ("claims", 0, "parts", 1)
PROBE = {"step": [0, 1], "loss": [0.7], "gradient": [1.0, 0.9]}
WRONG = [
    (("started",), 7, "started"),
    (("environment",), [], "environment"),
    (("evidence", "m"), [], "evidence.m"),
    (("evidence", "m", "derived"), {"x": ["a"]}, "evidence.m.derived"),
    ((*CLAIM, "verdict"), "maybe", "claims[0].verdict"),
    ((*CLAIM, "effect"), "large", "claims[0].effect"),
    ((*CLAIM, "interval"), [0.1], "claims[0].interval"),
    ((*CLAIM, "seeds"), 7.5, "claims[0].seeds"),
    ((*CLAIM, "parts"), [3], "claims[0].parts"),
    ((*PART, "values"), [0.1, "b"], "claims[0].parts[1].values"),
    ((*PART, "region"), "above", "claims[0].parts[1].region"),
    ((*CLAIM, "conditions", 0, "values"), 3, "claims[0].conditions[0].values"),
    ((*CLAIM, "inputs"), "aa", "claims[0].inputs"),
    ((*CLAIM, "trace"), {"m": PROBE}, "claims[0].trace"),
    ((*CLAIM, "text"), {}, "claims[0].text"),
]


@pytest.mark.parametrize("path, value, place", WRONG, ids=[".".join(map(str, path)) for path, *_ in WRONG])
def test_a_field_that_cannot_be_compared_is_named(tmp_path, path, value, place):
    """A baseline is validated when it is read, before anything is trained."""
    (tmp_path / "old.json").write_text(json.dumps(changed(path, value)))

    with pytest.raises(ResultsError) as refused:
        read_baseline(tmp_path / "old.json")
    assert str(refused.value).startswith(f"{tmp_path / 'old.json'} ")
    assert place in str(refused.value)


def test_what_no_list_of_fields_foresees_is_found_too(tmp_path, monkeypatch):
    """Every claim is compared with itself once: what raises there would have raised at the end of the run."""

    def fail(*_):
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr("pytest_claims.drift.comparison.drift", fail)
    (tmp_path / "old.json").write_text(json.dumps(as_json()))

    with pytest.raises(ResultsError, match=r"cannot be compared with: claim 2\.a \(float division by zero\)\.$"):
        read_baseline(tmp_path / "old.json")


def test_fields_may_be_missing(tmp_path):
    """A baseline of a version that wrote fewer fields, or null, is good."""
    (tmp_path / "old.json").write_text('{"claims": [{"id": "2.a", "verdict": "refuted", "effect": null}]}')

    assert read_baseline(tmp_path / "old.json").claims[0].verdict == "refuted"


@pytest.mark.parametrize("name", ["../..", "a/b", "/x", "", ".", "..", ".hidden", "a\\b", "a\nb"])
def test_a_name_that_is_a_path_is_refused(tmp_path, monkeypatch, capsys, name):
    """`--name` is the name of a file in reports/baseline, and leads nowhere else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps(as_json()))

    assert main(["baseline", ".", "--yes", "--name", name]) == 2
    assert "give a name without folders" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["results.json"]


@pytest.mark.parametrize("content", ["{", "[]", '{"mine": 1}', ""])
def test_a_baseline_that_cannot_be_read_is_not_replaced(tmp_path, monkeypatch, capsys, content):
    """Not even with --yes: it may be somebody's file, or a merge that went wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps(as_json()))
    path = tmp_path / "reports" / "baseline" / "pinned.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)

    assert main(["baseline", ".", "--yes"]) == 2
    assert "was not written by pytest-claims and would be replaced: move it away" in capsys.readouterr().err
    assert path.read_text() == content
