"""Records that nobody meant: hidden characters are written out in each output, and one bad record costs one row."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_claims.folders import ReportFolder
from pytest_claims.record import PROPERTY, Record, attach, attached
from pytest_claims.report.markdown import summary
from pytest_claims.report.measurements import write_measurements
from pytest_claims.report.page import page_text
from pytest_claims.report.session import Run
from pytest_claims.report.soundness import sound
from pytest_claims.report.terminal import line, summarise
from pytest_claims.results import Results, read, write
from pytest_claims.vocabulary import visible
from tests.reports.factory import FACTS, assemble, error_record, hostile

pytest_plugins = ["pytester"]

HIDDEN = "\x1b[31mred\u202eder\u2028\x07\ud800\x85\uffff"
SEEN = "\\x1b[31mred\\u202eder\\u2028\\x07\\ud800\\x85\\uffff"


def test_hidden_characters_are_written_out() -> None:
    """What moves a cursor, turns the reading direction or cannot be encoded; not what joins words or breaks lines."""
    kept = "a line\n\tof é, 日本, \N{NO-BREAK SPACE}מלה, \N{WOMAN}\u200d\N{MICROSCOPE} and \\x1b"

    assert visible(HIDDEN) == SEEN
    assert visible(SEEN) == SEEN
    assert visible(kept) == kept


@pytest.fixture
def entry(tmp_path: Path) -> dict:
    """Return a record with hidden characters in every text, and in its figure."""
    return hostile(tmp_path, "1.a", HIDDEN)


def outputs(folder: Path, entry: dict) -> dict[str, str]:
    """Return what each output makes of a record."""
    results = assemble([entry], {**FACTS, "environment": {"python": HIDDEN}})
    return {
        "terminal": "".join(line(results.claims[0], (0, 0, 0))),
        "markdown": summary(results).replace("\\\\", "\\").replace("\\[", "["),
        "page": page_text(folder, results),
        "results.json": json.loads(write(folder, results).read_text(encoding="utf-8"))["claims"][0]["text"],
        "measurements.csv": write_measurements(folder, results).read_text(encoding="utf-8"),
        "JUnit": dict(properties_of(results.claims[0]))[PROPERTY].replace("\\\\", "\\"),
    }


def properties_of(record: Record) -> list[tuple[str, str]]:
    """Return the properties of a report that carries a record."""
    properties: list[tuple[str, str]] = []
    attach(properties, record)
    return properties


@pytest.mark.parametrize("output", ["terminal", "markdown", "page", "results.json", "measurements.csv", "JUnit"])
def test_every_output_writes_them_out(tmp_path: Path, entry: dict, output: str) -> None:
    """Escape sequences, overrides of the reading direction and lone surrogates, each where it is seen."""
    text = outputs(tmp_path, entry)[output]

    assert SEEN in text
    assert not set(HIDDEN) - set(SEEN) & set(text)


def test_figures_write_them_out(tmp_path: Path, entry: dict) -> None:
    """In their labels, their titles and the caption."""
    texts = [(tmp_path / name).read_text(encoding="utf-8") for name in (*entry["figures"], *entry["curves"])]

    assert "\\u202e" in texts[0]
    assert "\\u202e" in entry["captions"][0]
    assert not [text for text in (*texts, *entry["captions"]) if (set(HIDDEN) - set(SEEN)) & set(text)]


def test_a_stored_file_is_read_the_same_way(tmp_path: Path, entry: dict) -> None:
    """It may come from anybody: names of conditions and nested values too."""
    raw = {**entry, "looks": None, "published": {HIDDEN: [HIDDEN, {HIDDEN: 1}]}, "unknown": HIDDEN}
    text = json.dumps({"schema": 1, **FACTS, "command": [HIDDEN], "claims": [raw]})
    text = text.replace("\\ud800", "\\u0085")  # half of a character is refused with its file
    (tmp_path / "results.json").write_text(text, encoding="utf-8")
    results = read(tmp_path)
    seen = visible(HIDDEN.replace("\ud800", "\x85"))

    assert results.command == (seen,)
    assert results.claims[0].published == {seen: [seen, {seen: 1}]}
    assert results.claims[0].extra["unknown"] == seen
    assert list(results.claims[0].conditions[0].labels) == [seen]


GOOD, BAD = {**error_record(), "id": "1.a"}, Record.from_json({**error_record(), "id": "2.a"})
BROKEN = {
    "a word for a number": {"effect": "much", "interval": (0.1, 0.2), "verdict": "supported"},
    "a word for an interval": {"effect": 1.0, "interval": ("a", "b"), "verdict": "supported", "kind": "difference"},
    "a number for a text": {"message": 5},
    "an object for a p-value": {"p_value": "small", "verdict": "supported"},
    "a number for an id": {"id": 5},
}


class Reporter:
    """Keeps what is written to the terminal."""

    isatty, verbosity, _tw = False, 0, SimpleNamespace(fullwidth=80)

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str, **_: object) -> None:
        """Keep a piece of a line."""
        self.text += text

    def write_line(self, text: str, **_: object) -> None:
        """Keep a line."""
        self.text += f"{text}\n"

    def write_sep(self, _: str, text: str) -> None:
        """Keep a heading."""
        self.text += f"{text}\n"


@pytest.fixture
def run(tmp_path: Path, pytester: pytest.Pytester) -> Run:
    """Return a run that collects records."""
    run = Run(pytester.parseconfig(), ReportFolder(tmp_path / "out", "out", "--claims-report", "pytest"), None)
    run.begin()
    return run


def test_only_a_registered_refutation_is_called_one(run: Run) -> None:
    """A claim about time that departs has passed, and a changed claim has no registered verdict: each has a heading."""
    registered = {"1.a": "refuted", "1.b": "supported", "1.c": None}
    records = [
        Record(id=name, verdict="refuted", registered=verdict, outcome="passed", message="Refuted: so it is.")
        for name, verdict in registered.items()
    ]
    run.results, reporter = Results(claims=tuple(records), complete=True), Reporter()
    summarise(reporter, run)

    headed = [section.splitlines()[:2] for section in reporter.text.split("\n\n")[2:5]]
    assert headed == [
        ["Not as registered, which this run allows", "1.b  registered supported, got refuted"],
        ["Refuted, as registered", "1.a  claimed \N{EM DASH}"],
        ["Refuted; no verdict is registered", "1.c  claimed \N{EM DASH}"],
    ]


@pytest.mark.parametrize("name", BROKEN)
def test_one_record_that_cannot_be_shown_costs_one_row(run: Run, name: str) -> None:
    """Its row says so in each file and on the terminal; the others are whole, and the run fails."""
    broken = replace(BAD, **BROKEN[name])
    run.records = {"a": Record.from_json(GOOD), "b": broken}
    run.finish()
    reporter = Reporter()
    summarise(reporter, run)
    results = read(run.folder)
    page = (run.folder / "index.html").read_text(encoding="utf-8")

    assert [claim.id for claim in results.claims] == ["1.a", str(broken.id)]
    assert results.claims[0].as_json() == {**Record.from_json(GOOD).as_json(), "p_holm": None}
    assert (run.folder / "measurements.csv").read_text(encoding="utf-8").startswith("claim,source")
    assert GOOD["message"].removeprefix("Error: ").capitalize()[:30] in page
    assert GOOD["text"] in reporter.text
    assert run.problem is None
    assert run.failed
    for sentence in run.unshown:
        assert sentence.startswith(f"Claim {broken.id}: its record cannot be shown (")
        assert sentence in reporter.text
    assert run.unshown


def test_each_output_replaces_what_it_cannot_show() -> None:
    """A sentence names the claim and the reason; what no single claim causes is raised."""
    results = assemble([GOOD, {**error_record(), "id": "2.a"}], FACTS)

    def ids(shown: Results) -> list[str]:
        for claim in shown.claims:
            if claim.id == "2.a" and not claim.message.startswith("Claim 2.a"):
                raise ValueError("odd")
        return [claim.id for claim in shown.claims]

    def never(_: Results) -> str:
        raise KeyError("all")

    def full(_: Results) -> str:
        raise OSError("disk")

    assert sound(results, ids) == (["1.a", "2.a"], ["Claim 2.a: its record cannot be shown (ValueError: odd)."])
    assert sound(results, lambda shown: len(shown.claims)) == (2, [])

    def at_odds(shown: Results) -> list[str]:
        return sorted(claim.message if claim.message.startswith("Claim") else claim.unit for claim in shown.claims)

    first, second = results.claims
    mixed = replace(results, claims=(replace(first, unit="a"), replace(second, unit=5)))
    assert sound(mixed, at_odds)[1] == [
        "Claim 2.a: its record cannot be shown (TypeError: '<' not supported between instances of 'int' and 'str')."
    ]
    with pytest.raises(KeyError):
        sound(replace(results, claims=()), never)
    with pytest.raises(OSError, match="disk"):
        sound(results, full)


def test_a_comparison_that_fails_loses_no_verdict(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run fails, and says why; everything else is written."""

    def broken(*_: object) -> None:
        raise TypeError("odd")

    monkeypatch.setattr("pytest_claims.drift.compare_with", broken)
    run.baseline = assemble([GOOD], FACTS)
    run.records = {"a": Record.from_json(GOOD)}
    run.finish()

    assert run.uncompared == "The comparison with the baseline failed: TypeError: odd."
    assert run.failed
    assert [claim.id for claim in read(run.folder).claims] == ["1.a"]


@pytest.mark.parametrize("value", ["5", "[1]", "no JSON", "null", '"text"'])
def test_a_property_of_other_tests_is_no_record(value: str) -> None:
    """A test beside claims may record a property of the same name."""
    assert attached([(PROPERTY, value)]) is None
