"""A claim's record and its JSON: the same there and back, lenient towards older and newer versions, never changed."""

import json
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from pytest_claims.drift.committed import read_baseline
from pytest_claims.drift.committed import write as write_baseline
from pytest_claims.record import Condition, Controls, Look, PartRecord, Record, TrialTime, attach, attached
from pytest_claims.results import Results, holm, read, write

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports" / "example"
PINNED = ROOT / "reports" / "baseline" / "pinned.json"


def claims_of(path: Path) -> list[dict]:
    """Return the claims of a file, as JSON."""
    return json.loads(path.read_text(encoding="utf-8"))["claims"]


def test_every_claim_of_the_example_is_the_same_there_and_back() -> None:
    """All 123 entries, nulls included, and in the same order of fields."""
    entries = claims_of(EXAMPLE / "results.json")
    written = [Record.from_json(entry).as_json() for entry in entries]

    assert len(entries) == 123
    assert written == entries
    assert [list(entry) for entry in written] == [list(entry) for entry in entries]


def test_the_examples_file_is_the_same_there_and_back(tmp_path: Path) -> None:
    """Byte for byte, the facts of the run included."""
    assert write(tmp_path, read(EXAMPLE)).read_bytes() == (EXAMPLE / "results.json").read_bytes()


def test_the_committed_baseline_is_the_same_there_and_back(tmp_path: Path) -> None:
    """Its claims have fewer fields, and no more are written: byte for byte, so that a diff shows changes alone."""
    write_baseline(tmp_path / "pinned.json", read_baseline(PINNED))

    assert (tmp_path / "pinned.json").read_bytes() == PINNED.read_bytes()


def test_the_example_leaves_no_field_unread() -> None:
    """Every field of every entry has a place and a type of its own; none falls through into ``extra``."""
    records = [Record.from_json(entry) for entry in claims_of(EXAMPLE / "results.json")]
    inner = [entry for record in records for entry in (*record.parts, *record.seconds_by_trial, record.controls)]

    assert {name for entry in (*records, *inner) for name in entry.extra} == set()
    assert {type(entry) for entry in inner} == {PartRecord, TrialTime, Controls}


def test_a_record_with_nothing_but_an_id() -> None:
    """What an older version did not write has its default, and is not written either."""
    record = Record.from_json({"id": "2.a"})

    assert (record.verdict, record.effect, record.parts, record.looks) == ("error", None, (), None)
    assert (record.stream, record.engine, record.clock) == ("registered", "torch", False)
    assert record.as_json() == {"id": "2.a"}


def test_fields_of_a_newer_version_are_kept() -> None:
    """They are written again as they were, in the record and inside of it."""
    entry = {"id": "2.a", "mood": {"good": True}, "parts": [{"text": "a part", "weight": 2}], "absent": 1, "extra": 2}
    record = Record.from_json(entry)

    assert record.extra == {"mood": {"good": True}, "absent": 1, "extra": 2}
    assert record.parts[0].extra == {"weight": 2}
    assert record.as_json() == entry


@pytest.mark.parametrize("nonsense", [None, 3, "text", {"a": 1}, [1, 2, 3], [{}, 5]])
def test_what_cannot_be_read_costs_its_field_only(nonsense: object) -> None:
    """Intervals, parts, trials and controls of another shape are as if they were not there; the rest is read."""
    names = ("interval", "region", "controls", "parts", "conditions", "seconds_by_trial", "looks", "figures")
    record = Record.from_json({"id": "2.a", "verdict": "refuted", **dict.fromkeys(names, nonsense)})

    assert (record.id, record.verdict) == ("2.a", "refuted")
    assert all(isinstance(part, PartRecord) for part in record.parts)
    assert record.interval is None or len(record.interval) == 2
    json.dumps(record.as_json(), allow_nan=False)


def test_a_whole_record_has_every_field() -> None:
    """A new record writes nulls where nothing was judged, as contract 5 has them; what comes later is not there yet."""
    entry = Record(id="2.a").as_json()

    assert {
        name: entry[name] for name in ("reason", "effect", "interval", "trace", "looks", "published")
    } == dict.fromkeys(("reason", "effect", "interval", "trace", "looks", "published"))
    assert (entry["parts"], entry["derived"], entry["unit"]) == ([], {}, "")
    assert not {"figures", "curves", "p_holm", "numbers", "extra", "absent"} & set(entry)


def test_a_condition_is_its_labels_and_its_statistics() -> None:
    """Labels come first in JSON; whatever is no statistic is one."""
    row = {"layers": 3, "condition n": 20, "mean": 0.5, "sd": 0.1, "n": 2, "values": [0.4, None]}
    condition = Condition.from_json(row)

    assert condition.labels == {"layers": 3, "condition n": 20}
    assert condition.values == (0.4, None)
    assert list(condition.as_json().items()) == list(row.items())


def test_the_deciding_part_is_the_one_that_the_top_repeats() -> None:
    """Effect and interval tell it; where no part is the same there is none."""
    parts = [{"text": "a", "effect": 1.0, "interval": [0, 2]}, {"text": "b", "effect": 1.0, "interval": [0.5, 1.5]}]
    record = Record.from_json({"id": "2.a", "effect": 1.0, "interval": [0.5, 1.5], "parts": parts})

    assert record.deciding is record.parts[1]
    assert replace(record, effect=3.0).deciding is None


def test_records_do_not_change() -> None:
    """A field cannot be set; further fields make another record, in which known ones have their types."""
    record = Record(id="2.a", verdict="supported")
    further = record.extended(
        {"looks": [{"seeds": 8, "verdict": "refuted"}], "figures": ["a.svg"], "mood": float("nan")}
    )

    with pytest.raises(FrozenInstanceError):
        record.verdict = "refuted"  # type: ignore[misc]
    assert (record.looks, record.figures) == (None, ())
    assert further.looks == (Look.from_json({"seeds": 8, "verdict": "refuted"}),)
    assert (further.figures, further.extra, further.verdict) == (("a.svg",), {"mood": None}, "supported")
    assert further.without({"looks", "figures", "mood"}).only({"id", "verdict"}).as_json() == {
        "id": "2.a", "verdict": "supported",
    }  # fmt: skip


def test_a_record_travels_on_a_test_report() -> None:
    """As a property, of which there is one; it is read as it was written."""
    properties: list = [("other", 1)]
    attach(properties, Record(id="1.a"))
    attach(properties, Record(id="2.a", effect=float("inf")))

    assert [name for name, _ in properties] == ["other", "claim"]
    assert attached(properties) == Record(id="2.a")
    assert attached([("other", 1)]) is None


@pytest.mark.parametrize(
    "sentence, message",
    [
        ("Claim 2.a: no file {root}/data/a.npz", "Claim 2.a: no file data/a.npz"),
        ("Claim 2.a: /usr/lib/python3/x.py:7 failed", "Claim 2.a: x.py:7 failed"),
        ("see https://example.org/a/b/c, and and/or", "see https://example.org/a/b/c, and and/or"),
    ],
)
def test_an_error_names_no_path_of_this_machine(tmp_path: Path, sentence: str, message: str) -> None:
    """Below the root a path keeps its relative name, elsewhere its last one; web addresses stay."""
    record = Record(id="2.a", verdict="supported").failed(sentence.format(root=tmp_path), tmp_path)

    assert (record.verdict, record.outcome, record.message) == ("error", "error", message)


@pytest.mark.parametrize(
    "p_values, adjusted",
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # by hand: .005 x 4, .01 x 3, .03 x 2, .04 at least .06
        ([0.5, 0.5], [1.0, 1.0]),
        # what statsmodels 0.15.0 gives: multipletests(p, method="holm")
        (
            [0.03, 0.001, 0.2, 0.2, 0.0049, 0.9, 0.012, 1e-7, 0.5],
            [0.15, 0.008, 0.8, 0.8, 0.0343, 1.0, 0.072, 9e-7, 1.0],
        ),
    ],
)
def test_holm_against_hand_and_statsmodels(p_values: list, adjusted: list) -> None:
    """In the order given: each value times the number of those that are not smaller, never below a smaller one's."""
    assert holm(p_values) == pytest.approx(adjusted, rel=1e-12)


def test_a_run_says_what_departed_from_its_baseline() -> None:
    """Alarms and mere drift apart; a run without a baseline has neither."""
    changed = {"id": "1.a", "alarm": True, "where": "step 1"}
    drifted = {"id": "1.b", "alarm": False, "where": "step 2"}
    silent: Mapping = {"id": "1.c", "alarm": False, "where": None}
    results = Results(baseline={"claims": [changed, drifted, silent]})

    assert (results.alarms, results.drifted) == ([changed], [drifted])
    assert (Results().alarms, Results().drifted) == ([], [])
