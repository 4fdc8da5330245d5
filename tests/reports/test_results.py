"""results.json and what is written beside it: valid, whole, sorted, adjusted, without paths, within limits."""

import csv
import io
import json
import math
import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_claims.environment import environment, source_link, web_address
from pytest_claims.errors import ResultsError
from pytest_claims.files import jsonable as as_json
from pytest_claims.files import machine_paths, why_unwritable, without_paths, write_atomically
from pytest_claims.record import Record, parse_record
from pytest_claims.report.markdown import MOST_BYTES, escape, summary
from pytest_claims.report.measurements import as_csv, condition_rows
from pytest_claims.report.published import direction, published_of
from pytest_claims.report.words import (
    departed,
    duration,
    interval_text,
    number,
    paragraphs,
    quantity,
    region_text,
    with_minus,
)
from pytest_claims.results import natural, read, write
from tests.reports.factory import FACTS, assemble, error_record

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_every_value_becomes_valid_json(value: Any) -> None:
    """Numbers that JSON lacks become null; everything else survives the way there and back."""
    plain = as_json(value)

    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    if isinstance(value, float) and not math.isfinite(value):
        assert plain is None


def test_numpy_becomes_plain() -> None:
    """Scalars and arrays of numpy, keys that are numbers; an integer beyond all floats is null."""
    plain = as_json({1: np.float64(0.5), "a": np.arange(3), "b": np.bool_(True), "c": np.float32("nan"), "d": 10**400})

    assert plain == {"1": 0.5, "a": [0, 1, 2], "b": True, "c": None, "d": None}


def test_a_record_with_nan_is_read() -> None:
    """Python's own JSON may carry NaN and Infinity; they are read as null."""
    record = parse_record('{"a": NaN, "b": [Infinity, -Infinity, 1e999]}')

    assert record.as_json() == {"a": None, "b": [None, None, None]}


def test_claims_are_sorted_as_a_person_would() -> None:
    """2.a before 10.a, a claim before its variants, letters in order."""
    ids = ["10.a", "2.b", "2.a@z", "2.a", "2.a@b", "1.e", "x"]

    assert sorted(ids, key=natural) == ["1.e", "2.a", "2.a@b", "2.a@z", "2.b", "10.a", "x"]


def test_holm_adjusts_over_the_claims_of_the_run() -> None:
    """p-values .01, .02, .03 become .03, .04, .04; errors and claims without a p-value take no part."""
    records = [
        {"id": f"1.{letter}", "verdict": "supported", "p_value": p}
        for letter, p in zip("abc", (0.01, 0.02, 0.03), strict=True)
    ]
    records += [
        {"id": "1.d", "verdict": "error", "p_value": 0.001},
        {"id": "1.e", "verdict": "supported", "p_value": None},
    ]
    adjusted = [claim.p_holm for claim in assemble(records, FACTS).claims]

    assert adjusted[:3] == pytest.approx([0.03, 0.04, 0.04])
    assert adjusted[3:] == [None, None]


def test_written_and_read_again(tmp_path: Path) -> None:
    """Reading gives back what was written; each claim is a line; claims come last; another schema is refused."""
    results = assemble([error_record(), {**error_record(), "id": "2.a"}], {**FACTS, "baseline": {"failed": False}})
    path = write(tmp_path, results)

    assert read(path) == read(tmp_path) == results
    assert sum(line.startswith('{"id"') for line in path.read_text().splitlines()) == 2
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 7'))
    with pytest.raises(ResultsError, match="has schema 7; this version reads schema 1"):
        read(path)


def test_equal_results_are_equal_bytes(tmp_path: Path) -> None:
    """The order in which workers report changes nothing."""
    records = [{**error_record(), "id": name} for name in ("1.a", "1.b", "10.a")]
    first = write(tmp_path / "a", assemble(records, FACTS)).read_bytes()
    second = write(tmp_path / "b", assemble(reversed(records), FACTS)).read_bytes()

    assert first == second


def test_writing_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a write fails the old file stays and no other is left behind; files are as readable as any."""
    path = tmp_path / "file"
    write_atomically(path, "old")
    mode = stat.S_IMODE(path.stat().st_mode)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert (path.read_text(), [file.name for file in tmp_path.iterdir()]) == ("old", ["file"])
    assert mode & 0o044 == 0o044 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_trying_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    """A folder that can be written is not made; one below a file cannot be."""
    assert why_unwritable(tmp_path / "a" / "b") is None
    assert not (tmp_path / "a").exists()

    (tmp_path / "file").write_text("")
    assert why_unwritable(tmp_path / "file" / "b") == "Not a directory"
    assert why_unwritable(tmp_path / "file") is not None


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{root}/claims/a.py:3: Error", "claims/a.py:3: Error"),
        ("in '{root}'", "in ''"),
        ("{root}", "."),
        ("{root}-other/a", "{root}-other/a"),
        ("/not{root}/a", "/not{root}/a"),
        ('File "{prefix}/lib/x.py"', 'File "lib/x.py"'),
    ],
)  # fmt: skip
def test_paths_of_this_machine_are_taken_out(tmp_path: Path, text: str, expected: str) -> None:
    """Prefixes go, names that only begin alike stay; nested values are searched, and keys."""
    names = {"root": str(tmp_path), "prefix": sys.prefix}
    cleaned = without_paths({"a": [text.format(**names)]}, [str(tmp_path), sys.prefix])
    assert {str(tmp_path), sys.prefix, str(Path.home())} <= set(machine_paths(tmp_path))

    assert cleaned["a"][0] == expected.format(**names)
    assert list(without_paths({text.format(**names): 1}, [str(tmp_path), sys.prefix])) == [expected.format(**names)]


def test_keys_that_lose_their_folders_stay_apart() -> None:
    """A published value for each of two files of one name: neither is lost."""
    cleaned = without_paths({"/home/me/x.csv": 1, "/srv/x.csv": 2, "y": {"/home/me/z": 3}}, ["/home/me", "/srv"])

    assert cleaned == {"x.csv": 1, "x.csv (2)": 2, "y": {"z": 3}}


@pytest.mark.parametrize(
    "remote, address",
    [
        ("git@github.com:someone/claims.git", "https://github.com/someone/claims"),
        ("https://user:token@gitlab.com/a/b.git", "https://gitlab.com/a/b"),
        ("ssh://git@github.com/a/b", "https://github.com/a/b"),
        ("/home/me/claims", None),
        ("file:///srv/git/claims", None),
        ("", None),
    ],
)
def test_addresses_of_repositories(remote: str, address: str | None) -> None:
    """No user or token stays in an address; local remotes have none."""
    assert web_address(remote) == address


def test_environment_names_versions_and_no_person(tmp_path: Path) -> None:
    """Versions as installed; outside of a repository no commit; no host name, no user, no path."""
    facts = environment(tmp_path)

    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["numpy"] == np.__version__
    assert facts["commit"] is None
    assert not {os.uname().nodename, os.environ.get("USER")} & {str(value) for value in facts.values()}


def test_source_links_need_a_clean_commit() -> None:
    """file:line at the commit; none when files differed from it."""
    known = {"commit": "abc", "repository": "https://example.org/r"}

    assert source_link(known, "claims/a.py", 3) == "https://example.org/r/blob/abc/claims/a.py#L3"
    assert source_link({**known, "commit": "abc+"}, "claims/a.py", 3) is None
    assert source_link({}, "claims/a.py", 3) is None


def test_the_summary_stays_below_its_limit() -> None:
    """5,000 claims with long texts: at most 200 kB, and it says what is missing."""
    records = [{**error_record(), "id": f"{n}.a", "text": "long " * 100, "message": "x" * 900} for n in range(5000)]
    text = summary(assemble(records, {**FACTS, "complete": False}))

    assert len(text.encode()) <= MOST_BYTES
    assert "more claims in results.json" in text
    assert "**Partial:**" in text


def test_markdown_is_escaped() -> None:
    """No text of a claim becomes markup."""
    assert escape("<b>*a*|[x](y)`\n#") == "&lt;b&gt;\\*a\\*\\|\\[x\\]\\(y\\)\\` \\#"


def test_measurements_are_tidy() -> None:
    """One row a seed and condition; seeds by name where they have one; no formula for a spreadsheet."""
    claim = {
        "id": "=1.a", "seed_values": [10, 11],
        "conditions": [{"layers": 1, "mean": 0.5, "sd": 0.1, "n": 2, "values": [0.25, None]}],
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(as_csv(condition_rows(Record.from_json(claim)), header=True))))

    assert [(row["claim"], row["condition"], row["seed"], row["value"]) for row in rows] == [
        ("'=1.a", "layers=1", "10", "0.25"),
        ("'=1.a", "layers=1", "11", ""),
    ]


@pytest.mark.parametrize(
    "published, conditions, expected",
    [
        ({"layers 1": 0.6, "layers 3": 0.7}, [{"layers": 1}, {"layers": 3}], [0, 1]),
        ({"1": 0.6}, [{"layers": 1.0}, {"layers": 2}], [0]),
        ({"sin": {"2": 0.4}}, [{"function": "sin", "units": 2}, {"function": "abs", "units": 2}], [0]),
        ({"relu": 1.0}, [{"activation": "tanh"}], [None]),
        ({"relu": 1.0}, [{"a": "relu", "b": 1}, {"a": "relu", "b": 2}], [None]),
        (0.5, [{"a": 1}], [None]),
        (None, [], []),
    ],
)
def test_published_values_find_their_condition(published: Any, conditions: list, expected: list) -> None:
    """By label, by name and label, through nested keys; what is ambiguous belongs to none."""
    rows = conditions if published != 0.5 else [{"a": 1}, {"a": 2}]
    readings = published_of(Record.from_json({"published": published, "conditions": rows}))

    assert [reading.condition for reading in readings] == expected


@pytest.mark.parametrize(
    "published, expected",
    [
        ({"layers 1": 0.625, "layers 2": 0.5, "layers 3": 0.688}, ("rises", "0.625 to 0.688")),
        ({"1": 0.4, "2": 0.2}, ("falls", "0.4 to 0.2")),
        ({"relu": 1.0, "sign": 0.977}, ("", "0.977 to 1")),
        ({"parameters": 152}, ("", "152")),
        ({"sin": {"2": 0.4, "16": 0.03}, "abs": {"2": 1}}, ("falls", "0.4 to 0.03")),
        ({"reading": "about 150"}, None),
        (None, None),
    ],
)
def test_published_direction(published: Any, expected: tuple | None) -> None:
    """Along numbers a direction, among names a range, a single value as it is."""
    assert direction(Record.from_json({"published": published})) == expected


@pytest.mark.parametrize(
    "published, expected",
    [
        ({"mean squared error": {"sin": 0.0, "abs": 0.03}}, ("", "0 to 0.03 (mean squared error)")),
        ({"mean squared error": {"sin": 0.03}}, ("", "0.03 (mean squared error)")),
        ({"accuracy": {"sin": {"2": 0.4, "16": 0.5}}}, ("rises", "0.4 to 0.5 (accuracy)")),
        ({"sin": {"2": 0.4, "16": 0.03}}, ("falls", "0.4 to 0.03")),
        ({"sin": 0.4}, ("", "0.4")),
    ],
)
def test_a_published_quantity_is_named(published: Any, expected: tuple) -> None:
    """Beside a share of seeds a published error would be read as a share."""
    conditions = [{"function": name, "units": units} for name in ("sin", "abs") for units in (2, 16)]

    assert direction(Record.from_json({"published": published, "conditions": conditions})) == expected


@pytest.mark.parametrize(
    "claim, expected",
    [
        ({"kind": "difference", "effect": -0.02134, "interval": [-0.03, 0.1], "region": [0.05, None]},
         ("\N{MINUS SIGN}0.0213", "\N{MINUS SIGN}0.03 to 0.1", "more than 0.05")),
        ({"kind": "proportion", "effect": 0.875, "interval": [0.5, 0.99], "region": [0.5, None]},
         ("87.5 %", "50 % to 99 %", "more than 50 %")),
        ({"kind": "time", "effect": 1.0, "interval": [0.0, 2.0], "region": [None, 1.0]},
         ("2\N{MULTIPLICATION SIGN}", "1\N{MULTIPLICATION SIGN} to 4\N{MULTIPLICATION SIGN}",
          "less than 2\N{MULTIPLICATION SIGN}")),
        ({"kind": "exact", "effect": 152, "interval": [152, 152], "region": [152, 152], "margin": 152},
         ("152", "152", "exactly 152")),
        ({"kind": "equivalence", "effect": 0, "interval": [None, None], "region": [-0.02, 0.02]},
         ("0", "\N{EM DASH}", "between \N{MINUS SIGN}0.02 and 0.02")),
        ({"kind": None, "effect": None, "interval": None, "region": None}, ("\N{EM DASH}",) * 3),
    ],
)  # fmt: skip
def test_words_for_effects(claim: dict, expected: tuple) -> None:
    """Each kind in its own terms: numbers, shares in per cent, factors of time."""
    record = Record.from_json(claim)

    assert (quantity(record, record.effect), interval_text(record), region_text(record)) == expected


def test_words_for_numbers() -> None:
    """Three figures, thousands separated, durations as people say them."""
    assert [number(value) for value in (0, 1171, 0.00012345, 1e12, None, "x")] == [
        "0",
        "1,171",
        "0.000123",
        "1.00e+12",
        "\N{EM DASH}",
        "x",
    ]
    assert [duration(seconds) for seconds in (3.21, 42, 245, 4320, None)] == [
        "3.2 s",
        "42 s",
        "4 min 5 s",
        "1 h 12 min",
        "\N{EM DASH}",
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "gain is -0.022, 99 % interval -.03 to 1",
            "gain is \N{MINUS SIGN}0.022, 99 % interval \N{MINUS SIGN}.03 to 1",
        ),
        ("8.87e-05", "8.87e\N{MINUS SIGN}05"),
        ("seeds 0-31, network 1-37-2, pytest -n0, (a)-1", "seeds 0-31, network 1-37-2, pytest -n0, (a)-1"),
    ],
)
def test_minus_signs_only_before_numbers(text: str, expected: str) -> None:
    """Negative numbers get a true minus sign; ranges, names, options and dates keep their hyphens."""
    assert with_minus(text) == expected


def test_words_for_paragraphs() -> None:
    """A docstring's paragraphs, the first word of a section as its heading."""
    assert paragraphs("Protocol. One\nline.\n\nMore. Text") == [("Protocol", "One line."), ("", "More. Text")]


@pytest.mark.parametrize(
    "record, expected",
    [
        ({"registered": "supported", "verdict": "refuted", "outcome": "failed"}, True),
        ({"registered": "supported", "verdict": "inconclusive", "outcome": "skipped"}, False),
        ({"registered": "refuted", "verdict": "refuted", "outcome": "xfailed"}, False),
        ({"registered": "supported", "verdict": "refuted", "outcome": "passed", "clock": True}, False),
        ({"registered": "supported", "verdict": "error", "outcome": "error"}, True),
        ({"registered": "supported", "verdict": "refuted"}, True),
    ],
)
def test_what_counts_as_a_departure(record: dict, expected: bool) -> None:
    """What fails the run, and nothing that the gate excuses."""
    assert departed(Record.from_json(record)) is expected
