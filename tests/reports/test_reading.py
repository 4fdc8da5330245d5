"""What stored files may hold: the published schema, one sentence for what is wrong, and never a traceback.

Each reader gets real files with random nodes dropped, replaced, nested or given another type, random JSON, and random
bytes. The quick tests take fifty examples of each, the slow ones five hundred.
"""

import contextlib
import copy
import dataclasses
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_claims import stored
from pytest_claims.cli import main
from pytest_claims.drift import compare, read_baseline
from pytest_claims.errors import TrialError, UnreadableError
from pytest_claims.nightly import Got
from pytest_claims.record import (
    AdjustedRecord,
    Condition,
    Controls,
    Draw,
    Finding,
    Look,
    PartRecord,
    Record,
    RegionMargins,
    TrialTime,
)
from pytest_claims.results import NotJudged, Results, read
from pytest_claims.running.deep import FINDINGS
from pytest_claims.running.kept import read_durations, read_plan
from pytest_claims.running.pilots import PILOTS
from pytest_claims.stored import read_json, read_mapping
from pytest_claims.trials.store import Store

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), 1e308, -1e308, 5e-324])
    | st.floats()
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def example() -> dict[str, Any]:
    """Return the committed example, as JSON: claims of four kinds, with two entries of each list and eight values."""
    whole = json.loads((REPORTS / "example" / "results.json").read_text(encoding="utf-8"))
    kinds: dict[str, dict[str, Any]] = {}
    for claim in sorted(whole["claims"], key=lambda claim: -len(json.dumps(claim))):
        kinds[claim["kind"]] = claim
    claims = [kinds[kind] for kind in ("ordered", "difference", "time", "proportion")]
    for claim in claims:
        claim |= {name: claim[name][:2] for name in ("parts", "conditions", "seconds_by_trial")}
        for row in (*claim["parts"], *claim["conditions"]):
            row["values"] = row["values"][:8]
    return whole | {"claims": claims}


def pinned() -> dict[str, Any]:
    """Return the same claims of the committed baseline, with the evidence that they name."""
    whole = json.loads((REPORTS / "baseline" / "pinned.json").read_text(encoding="utf-8"))
    kept = {claim["id"] for claim in example()["claims"]}
    claims = [claim for claim in whole["claims"] if claim["id"] in kept]
    named = {claim.get("evidence") for claim in claims}
    return whole | {"claims": claims, "evidence": {n: e for n, e in whole["evidence"].items() if n in named}}


def nodes(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every node below the top; of a list, the first entries and the last."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        if isinstance(value, list) and 2 < key < len(value) - 1:
            continue
        yield (*at, key)
        yield from nodes(inner, (*at, key))


def retyped(value: Any) -> Any:
    """Return a value of another type that looks alike."""
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, int | float):
        return str(value)
    return [value] if isinstance(value, str) else str(value) if isinstance(value, dict) else dict(enumerate(value))


def extreme(value: Any) -> Any:
    """Return a value of the same type that nobody expects."""
    if isinstance(value, bool) or value is None:
        return value is False
    if isinstance(value, int | float):
        return type(value)(-(10**9)) if value > 0 else 10**18 if isinstance(value, int) else 1e308
    return "\u202e\n7.5.e99999@" if isinstance(value, str) else type(value)()


CHANGES: tuple[Callable[[Any], Any], ...] = (
    extreme,
    extreme,
    extreme,
    retyped,
    lambda value: [value],
    lambda value: {"a": value},
    lambda _: None,
    lambda value: [value, value, value] if not isinstance(value, list) else value[:1],
    lambda value: value * 10**300 if isinstance(value, int | float) and not isinstance(value, bool) else {},
)


@st.composite
def mutated(draw: st.DrawFn, original: Any) -> Any:
    """Draw a copy of JSON with one to three nodes dropped, replaced, nested or given another type."""
    value = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        places = list(nodes(value))
        if not places:
            return value
        *above, last = draw(st.sampled_from(places))
        parent = value
        for step in above:
            parent = parent[step]
        how = draw(st.integers(-3, len(CHANGES) - 1))
        if how <= -2:
            del parent[last]
        elif how == -1:
            parent[last] = draw(JSON)
        else:
            parent[last] = CHANGES[how](parent[last])
    return value


def contents(original: Any) -> st.SearchStrategy[bytes]:
    """Return what a file may hold: mostly the original with a few changes, else any JSON or any bytes."""
    as_bytes = lambda value: json.dumps(value).encode()  # noqa: E731
    return st.one_of(mutated(original).map(as_bytes), mutated(original).map(as_bytes), JSON.map(as_bytes), st.binary())


# -- the published schema -------------------------------------------------------------------------------------------

DEFINITIONS = stored.schema()["$defs"]


def test_the_schema_is_one() -> None:
    """It is valid by the draft that it names."""
    Draft202012Validator.check_schema(stored.schema())

    assert stored.schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "kind, described",
    [
        (Results, stored.schema()),
        (Record, DEFINITIONS["claim"]),
        (PartRecord, DEFINITIONS["part"]),
        (AdjustedRecord, DEFINITIONS["adjusted"]),
        (Finding, DEFINITIONS["finding"]),
        (RegionMargins, DEFINITIONS["region_margins"]),
        (Draw, DEFINITIONS["draw"]),
        (Condition, DEFINITIONS["condition"]),
        (TrialTime, DEFINITIONS["trial"]),
        (Controls, DEFINITIONS["controls"]),
        (Look, DEFINITIONS["look"]),
        (NotJudged, DEFINITIONS["not_judged"]),
    ],
)
def test_the_schema_has_every_field_and_no_other(kind: type, described: Mapping[str, Any]) -> None:
    """A field that a record gets or loses must get into the schema, or out of it."""
    fields = {field.name for field in dataclasses.fields(kind)} - {"extra", "absent"}

    assert set(described["properties"]) == fields


WHOLE = [f"{at}-{part}" for at in (5, 6, 7) for part in ("batch", "imbalance", "memorising", "pca", "quick")]
DRAWS = sorted(["7-init", *WHOLE])
COMMITTED = ["baseline/pinned.json", "example/results.json", *(f"fresh/{draw}.json" for draw in DRAWS)]


@pytest.mark.parametrize("path", COMMITTED)
def test_committed_runs_are_valid(path: str) -> None:
    """By the plain schema too, without the shortcuts of this library."""
    value = read_json(REPORTS / path)

    assert stored.problem_of(value) is None
    assert list(Draft202012Validator(stored.schema()).iter_errors(value)) == []


def test_every_committed_run_is_one_of_these() -> None:
    """No other file below reports/ lists claims."""
    holding = [
        path.relative_to(REPORTS).as_posix()
        for path in REPORTS.rglob("*.json")
        if "latest" not in path.parts and "claims" in json.loads(path.read_text(encoding="utf-8"))
    ]

    assert sorted(holding) == COMMITTED


def test_a_run_that_was_compared_is_valid() -> None:
    """Its field "baseline" too, with departures, drift, and claims that only one of the two has."""
    earlier = copy.deepcopy(example())
    for claim in earlier["claims"]:
        claim["parts"][0]["values"] = [value + 0.5 for value in claim["parts"][0]["values"]]
    earlier["claims"][0]["inputs"] = dict.fromkeys(earlier["claims"][0]["inputs"], "0")
    earlier["claims"][-1]["id"] = "99.z"
    compared = compare(Results.from_json(earlier), GOOD_RUN).as_json()

    assert {"inputs", "numbers"} <= {claim["departed"] for claim in compared["claims"]}
    assert stored.problem_of(example() | {"baseline": compared}) is None


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(mutated(example()), mutated(pinned())))
def test_shortcuts_change_no_answer(value: Any) -> None:
    """What is passed over because it plainly fits, the whole of jsonschema passes as well."""
    assert (stored.problem_of(value) is None) == Draft202012Validator(stored.schema()).is_valid(value)


def test_jsonschema_sees_what_is_not_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the values of the committed example, most of them numbers of seeds, jsonschema visits less than a quarter."""
    whole = json.loads((REPORTS / "example" / "results.json").read_text(encoding="utf-8"))
    validator = type(stored._validator())
    descend, visits = validator.descend, 0

    def counted(self: Any, *args: Any, **more: Any) -> Iterator[Any]:
        nonlocal visits
        visits += 1
        yield from descend(self, *args, **more)

    monkeypatch.setattr(validator, "descend", counted)

    assert stored.problem_of(whole) is None
    assert 0 < visits < values_in(whole) / 4


def values_in(value: Any) -> int:
    """Return how many values JSON has, lists and objects included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_in, inner))


def test_a_field_that_an_older_version_did_not_write_may_be_missing() -> None:
    """Everything but a claim's id has a default; null means that default."""
    (claim, *_) = example()["claims"]
    optional = sorted(set(claim) - {"id"})
    dropped = [{key: value for key, value in claim.items() if key != name} for name in optional]
    empty = [claim | {name: None} for name in optional]

    assert len(optional) > 30
    assert stored.problem_of(example() | {"claims": [*dropped, *empty]}) is None
    assert stored.problem_of({"schema": 1, "claims": [{"id": "1.a"}]}) is None


# -- one sentence ---------------------------------------------------------------------------------------------------


def changed(*place: Any, to: Any) -> bytes:
    """Return the example with another value at a place."""
    value = example()
    *above, last = place
    parent: Any = value
    for step in above:
        parent = parent[step]
    parent[last] = to
    return json.dumps(value).encode()


LATER = "a later run is compared with"
NO_RUN = "run.json is no results.json of a claims run:"
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "run.json is no valid JSON: it is empty."),
    "blank": (b" \n", "run.json is no valid JSON: it is empty."),
    "mark": (b"\xef\xbb\xbf{}",
             "run.json is no valid JSON: it begins with a byte order mark; save it as UTF-8 without."),
    "bytes": (b'{"a": "\xff"}', "run.json is no valid JSON: byte 7 is no text in UTF-8."),
    "half": (b'{"schema": 1', "run.json is no valid JSON: Expecting ',' delimiter: line 1 column 13 (char 12)."),
    "deep": (b"[" * 100_000, "run.json cannot be used: it is nested more than 64 levels deep."),
    "deep enough": (b"[" * 70 + b"]" * 70, "run.json cannot be used: it is nested more than 64 levels deep."),
    "nan": (changed("claims", 1, "effect", to=float("nan")),
            "run.json cannot be used: claims[1].effect is no finite number."),
    "huge": (changed("claims", 1, "line", to=10**400),
             "run.json cannot be used: claims[1].line is a number too large to compute with."),
    "half a character": (changed("claims", 0, "text", to="\ud800"),
                         "run.json cannot be used: claims[0].text has half of a character."),
    "list": (b"[]", f"{NO_RUN} it has no field 'schema'."),
    "pilots": ((ROOT / "claims" / "pilots.json").read_bytes(), f"{NO_RUN} it has no field 'schema'."),
    "schema true": (changed("schema", to=True), f"{NO_RUN} schema is true; a whole number is expected."),
    "schema 7": (changed("schema", to=7), "run.json has schema 7; this version reads schema 1."),
    "schema nested": (changed("schema", to={"a": 1}), f"{NO_RUN} schema is an object; a whole number is expected."),
    "no claims": (b'{"schema": 1}', f"{NO_RUN} the file has no field claims."),
    "claims": (changed("claims", to={}), f"{NO_RUN} claims is an object; a list is expected."),
    "claim": (changed("claims", 1, to=["2.a"]), f"{NO_RUN} claims[1] is a list; an object is expected."),
    "no id": (changed("claims", 1, to={"text": ""}), f"{NO_RUN} claims[1] has no field id."),
    "effect": (changed("claims", 1, "effect", to="0.5"),
               f"{NO_RUN} claims[1].effect is a string; a number or null is expected."),
    "true": (changed("claims", 1, "effect", to=True),
             f"{NO_RUN} claims[1].effect is true; a number or null is expected."),
    "value": (changed("claims", 1, "conditions", 0, "values", 3, to=[0.5]),
              f"{NO_RUN} claims[1].conditions[0].values[3] is a list; a number or null is expected."),
    "ends": (changed("claims", 1, "interval", to=[0, 1, 2]),
             f"{NO_RUN} claims[1].interval has 3 entries; 2 are expected."),
    "verdict": (changed("claims", 1, "verdict", to="maybe"),
                f"{NO_RUN} claims[1].verdict is maybe; supported, refuted, inconclusive, error or null is expected."),
    "trace": (changed("claims", 0, "trace", to={"train": {"step": [0, 1], "loss": [1.0], "gradient": [1.0, 2.0]}}),
              f"{NO_RUN} claims[0].trace.train has other numbers of steps, losses and gradients."),
    "baseline": ((REPORTS / "baseline" / "pinned.json").read_bytes(),
                 f"run.json is a baseline, with only what {LATER}: name the results.json of a run."),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_compare_says_what_is_wrong_with_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One sentence that names the file and the field, and exit status 4."""
    content, sentence = BAD[name]
    monkeypatch.chdir(tmp_path)
    Path("run.json").write_bytes(content)

    assert main(["compare", "run.json", str(REPORTS / "example")]) == 4
    assert capsys.readouterr() == ("", f"pytest-claims: {sentence}\n")


def test_what_is_no_file_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a run, a folder of that name, a circle of links."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("deeper/results.json").mkdir(parents=True)
    Path("circle").symlink_to("circle")
    statuses = [main(["compare", name, name]) for name in ("folder", "deeper", "circle")]

    assert statuses == [4, 4, 4]
    assert capsys.readouterr().err.splitlines() == [
        "pytest-claims: folder/results.json cannot be read: No such file or directory.",
        "pytest-claims: deeper/results.json cannot be read: Is a directory.",
        "pytest-claims: circle cannot be read: Too many levels of symbolic links.",
    ]


COMMANDS = {
    "render": ["render", "bad"],
    "compare": ["compare", "good", "bad", "-o", "out"],
    "condense": ["condense", "bad", "-o", "small.json"],
    "example": ["example", "bad", "-o", "out"],
    "fresh": ["fresh", "bad", "-o", "out.md"],
    "baseline": ["baseline", "bad", "--yes"],
    "history": ["history", "bad", "-o", "out"],
    "nightly": ["nightly", "summary", ".", "bad"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_malformed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Exit status 4 and a sentence on stderr; nothing is written, and the file stays."""
    monkeypatch.chdir(tmp_path)
    content = changed("claims", 1, "effect", to={"mean": 1})
    for path, data in (("good", json.dumps(example()).encode()), ("bad", content), ("bad/report", content)):
        Path(path).mkdir()
        Path(path, "results.json").write_bytes(data)
    Got("bad", "as meant", "Fine.").write(Path("bad/leg.json"))
    before = sorted(tmp_path.rglob("*"))

    assert main(COMMANDS[command]) == 4
    assert capsys.readouterr().err.startswith("pytest-claims: bad")
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("bad/results.json").read_bytes() == content


def test_the_night_sums_up_the_legs_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One leg's damaged record is that leg's alarm: the table has all legs, and the sentence names the field."""
    monkeypatch.chdir(tmp_path)
    Got("latest", "nothing new", "Nothing.").write(Path("latest/leg.json"))
    Path("oldest").mkdir()
    Path("oldest/leg.json").write_text('{"leg": "oldest", "state": 3, "text": ""}')

    assert main(["nightly", "summary", ".", "latest", "oldest"]) == 4
    out, err = capsys.readouterr()
    assert "| latest | nothing new |" in out
    assert "| oldest | **unreadable** |" in out
    assert err == (
        "pytest-claims: oldest/leg.json is no record of a leg: state is a number, not what `nightly check` writes.\n"
    )


# -- pilots, plans, durations ---------------------------------------------------------------------------------------


def test_pilots_that_cannot_be_read_are_never_overwritten(tmp_path: Path) -> None:
    """New ones go into a file of the run beside it; a good file keeps its other entries."""
    path = tmp_path / "pilots.json"
    assert PILOTS.add(path, {"1.a": {"sd": 1.0}}, "run-1") == path
    assert PILOTS.add(path, {"1.b": {"sd": 2.0}}, "run-2") == path
    assert set(PILOTS.read(path)) == {"1.a", "1.b"}

    path.write_text('{"1.a": {"sd": "1"}}')
    with pytest.raises(UnreadableError, match=r"pilots.json is no file of pilots: 1.a.sd is a string, no number.$"):
        PILOTS.read(path)

    assert PILOTS.add(path, {"1.c": {"sd": 3.0}}, "run-3") == tmp_path / "pilots-run-3.json"
    assert path.read_text() == '{"1.a": {"sd": "1"}}'


def test_damaged_durations_and_plans_are_as_good_as_none(tmp_path: Path) -> None:
    """No verdict needs them, so nothing fails."""
    (tmp_path / "durations.json").write_text('{"a": 1.5, "b": "2", "c": null, "d": true}')
    (tmp_path / "plan.json").write_text('{"claims": {"t.py::test": []}, "measurements": {}, "trials": {}}')

    assert read_durations(tmp_path) == {"a": 1.5}
    assert read_plan(tmp_path) == {}
    (tmp_path / "durations.json").write_text("[" * 100_000)
    assert read_durations(tmp_path) == {}


# -- any content ----------------------------------------------------------------------------------------------------

SPREADS = {"1.a": {"kind": "ordered", "margin": 1.0, "mean": 1.5, "sd": 0.9, "n": 16, "needs": 56, "unit": "decades"}}
FOUND = {
    "1.a": {
        "stream": "registered", "registered_looks": [32, 64], "margin": 1.0, "region": [1.0, None], "kind": "ordered",
        "verdict": "inconclusive", "seeds": 64, "effect": 1.2, "interval": [0.9, 1.5], "undecided": "at its margin",
        "within": 0.5, "ended": "last look",
    }
}  # fmt: skip
PLAN = {
    "unknown": None,
    "claims": {"t.py::test": {"id": "1.a", "nodeid": "t.py::test", "file": "t.py"}},
    "measurements": {"t.py::test": ["t.py::depth"]},
    "trials": {"depth-1": {"place": "depth", "seconds": 1.0}},
}
LEG = {"leg": "latest", "state": "as meant", "text": "Newer.", "versions": {"numpy": "2"}, "held": {}, "python": "3.11"}
MARK = {"key": "trial", "worker": "gw0", "started": 1.0, "label": "depth", "measurement": "depth"}
GOOD_RUN = Results.from_json(example())


def command(*arguments: str) -> Callable[[Path], Any]:
    """Return a reader that runs a command beside the file, quietly; an exit status of 4 is an UnreadableError."""

    def run(path: Path) -> int:
        places = {"FILE": str(path), "OUT": str(path.with_name("out")), "GOOD": str(REPORTS / "example")}
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = main([places.get(argument, argument) for argument in arguments])
        shutil.rmtree(path.with_name("out"), ignore_errors=True)
        assert status in {0, 1, 2, 4}
        if status == 4:
            raise UnreadableError(out.getvalue())
        return status

    return run


def stored_trial(path: Path) -> float | None:
    """Read the facts of a trial, in this run and as an earlier one; what is refused is damaged."""
    seconds = Store(path.parent, "main").seconds("trial")
    with contextlib.suppress(TrialError):
        Store(path.parent, "main").read("trial")
        raise AssertionError("a trial without arrays was read")
    return seconds


READERS: dict[str, tuple[Any, Callable[[Path], Any]]] = {
    "results": (example(), read),
    "baseline of a run": (example(), lambda path: compare(read_baseline(path), GOOD_RUN).as_json()),
    "baseline": (pinned(), lambda path: compare(read_baseline(path), GOOD_RUN).as_json()),
    "compare": (example(), command("compare", "FILE", "FILE", "-o", "OUT")),
    "condense": (example(), command("condense", "FILE", "-o", "OUT")),
    "render": (example(), lambda path: command("render", str(path.parent))(path)),
    "history": (example(), lambda path: command("history", str(path.parent), "-o", "OUT")(path)),
    "leg": (LEG, Got.read),
    "pilots": (SPREADS, PILOTS.read),
    "deep runs": (FOUND, FINDINGS.read),
    "plan": (PLAN, lambda path: read_plan(path.parent)),
    "durations": ({"a x8": 1.5, "b x8": 3}, lambda path: read_durations(path.parent)),
    "any object": (PLAN, read_mapping),
    "facts of a trial": ({"seconds": 1.0, "label": "depth"}, stored_trial),
    "mark of an attempt": (MARK, lambda path: Store(path.parent, "main").attempts()),
}
NAMES = {
    "plan": "plan.json", "durations": "durations.json", "facts of a trial": "trial.json",
    "mark of an attempt": "trial.attempt",
}  # fmt: skip


def reading(name: str, folder: Path, examples: int) -> int:
    """Give a reader of a file this many contents; return how many of them it could read."""
    original, reader = READERS[name]
    path = folder / NAMES.get(name, "results.json")
    read_well = 0

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(contents(original))
    def any_content(content: bytes) -> None:
        nonlocal read_well
        path.write_bytes(content)
        sentence = ""
        try:
            reader(path)
        except UnreadableError as error:
            sentence = str(error)
        read_well += not sentence

        assert not sentence or str(folder) in sentence

    path.write_text(json.dumps(original))
    reader(path)
    any_content()
    return read_well


@pytest.mark.parametrize("name", [name for name in READERS if name not in {"compare", "render", "history"}])
def test_no_content_gives_a_traceback(tmp_path: Path, name: str) -> None:
    """Fifty files: each is read, or refused in a sentence that names the file."""
    assert reading(name, tmp_path, 50) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_content_at_all_gives_a_traceback(tmp_path: Path, name: str) -> None:
    """The same with five hundred, and with the commands that draw pages."""
    assert reading(name, tmp_path, 500) > 0
