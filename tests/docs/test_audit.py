"""docs/audit.md: its code recomputes the committed example's verdicts, and what it says of numbers is so."""

import re
import shutil
from collections import Counter

import pytest

from pytest_claims.report.chance import chance_of
from pytest_claims.report.measurements import write_measurements
from pytest_claims.results import read
from tests.docs.documents import DOCUMENTS, ROOT, blocks

EXAMPLE = ROOT / "reports" / "example"
AUDIT = ROOT / "docs" / "audit.md"
#: The example's numbers have six figures.
CLOSE = 2e-3
NUMBERS = {"one": 1, "two": 2, "three": 3}


@pytest.fixture(scope="module")
def example():
    """Return the committed run."""
    return read(EXAMPLE)


@pytest.fixture(scope="module")
def text():
    """Return the page as one line."""
    return " ".join(AUDIT.read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def audited(tmp_path_factory, example):
    """Run the page's code in a folder with the committed results.json and the CSV that a run writes; return its names.

    Nothing else is there: the code may need no report folder of an earlier run.
    """
    folder = tmp_path_factory.mktemp("audit")
    (folder / "reports" / "example").mkdir(parents=True)
    (folder / "reports" / "mine").mkdir()
    shutil.copy(EXAMPLE / "results.json", folder / "reports" / "example")
    write_measurements(folder / "reports" / "mine", example)
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile("\n".join(blocks(AUDIT, "python")), "docs/audit.md", "exec"), names)  # noqa: S102 - the page's own code
    return names


def test_the_code_uses_nothing_of_the_library():
    """A sceptic's own lines: the standard library, numpy and scipy."""
    code = "\n".join(blocks(AUDIT, "python"))
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))

    assert imported == {"collections", "csv", "functools", "json", "math", "numpy", "scipy"}


def test_one_verdict_of_each_kind_comes_out_of_raw_numbers(audited, example):
    """No kind is left out, all three verdicts occur, and each is the committed one."""
    verdicts = {claim.id: claim.verdict for claim in example.claims}
    kinds = {claim.id: claim.kind for claim in example.claims}
    found = audited["from_raw"]

    assert found == {name: verdicts[name] for name in found}
    assert sorted(kinds[name] for name in found) == sorted(set(kinds.values()))
    assert set(found.values()) == {"supported", "refuted", "inconclusive"}


def test_the_regions_that_are_typed_in_are_those_of_the_claims(audited):
    """In the order of the parts. An exact claim's numbers are compared, not a region."""
    for name, parts in audited["typed"].items():
        records = audited["claims"][name]["parts"]
        if audited["claims"][name]["kind"] != "exact":
            ends = [[None if abs(end) == float("inf") else end for end in part[1:]] for part in parts]
            known = [end for record in records for end in record["region"]]

            assert [end for pair in ends for end in pair] == [end and pytest.approx(end, rel=1e-5) for end in known]
        assert len(parts) == len(records)


def test_all_other_verdicts_come_out_of_the_effects(audited, example):
    """Only claims that are adjusted for a covariate are left out, and the page says so."""
    adjusted = {claim.id for claim in example.claims if any(part.adjusted for part in claim.parts)}

    assert set(audited["left_out"]) == adjusted
    assert audited["from_effects"] == {claim.id: claim.verdict for claim in example.claims if claim.id not in adjusted}
    assert audited["differing"] == []


def test_every_interval_of_the_page_is_the_committed_one(audited):
    """A verdict may agree by luck: the intervals of all parts, too, except where ties decide nothing."""
    compared = 0
    for name in audited["from_effects"]:
        claim = audited["claims"][name]
        for record in claim["parts"]:
            interval = audited["part_of"](record)[0](claim["alpha"])
            low, high = record["interval"]
            if record["estimator"] != "exact" and interval != (-float("inf"), float("inf")):
                scale = max(abs(low), abs(high), high - low)
                assert interval == pytest.approx((low, high), rel=CLOSE, abs=CLOSE * scale)
                compared += 1

    assert compared > len(audited["from_effects"])


def test_the_margin_that_the_page_moves_leaves_the_first_look_open(audited):
    """With 10.h's margin at .25 the committed seeds decide nothing, so a run goes on to new ones."""
    text = AUDIT.read_text(encoding="utf-8")
    moved = float(re.search(r"10\.h does so with `by=([\d.]+)`", text)[1])
    low, high = audited["claims"]["10.h"]["margins"]

    assert low < moved < high
    assert audited["claims"]["10.h"]["seeds"] < audited["claims"]["10.h"]["registered_seeds"]


def test_a_csv_of_a_run_gives_the_same_verdict(audited):
    """From measurements.csv, as a run writes it."""
    claim = audited["claims"]["10.h"]
    interval = audited["mean"](audited["small"] - audited["large"], claim["alpha"])

    assert audited["from_csv"] == claim["verdict"]
    assert interval == pytest.approx(claim["interval"], rel=CLOSE)


def test_the_bounds_of_the_controls_are_those_of_the_example(example):
    """The table has a row for each bound, with the number of claims that have it."""
    rows = re.findall(r"^\| (\d+) \| (\d+) \| [a-z]", AUDIT.read_text(encoding="utf-8"), re.MULTILINE)
    bounds = Counter(claim.controls.bound for claim in example.claims)

    assert {int(bound): int(claims) for bound, claims in rows} == bounds
    assert {claim.controls.worlds for claim in example.claims} == {400}


def test_how_many_are_wrong_by_chance_is_what_the_example_says(text, example):
    """The same numbers of claims, and the same sum, as on the page of the example."""
    chance = chance_of(example.claims)
    stated = re.search(r"Of the (\d+) claims (\d+) rest on an interval; the (\w+) exact ones", text)
    product = re.search(r"(\d+) x \.005 = (\.\d+) wrong verdicts", text)

    assert (int(stated[1]), int(stated[2]), NUMBERS[stated[3]]) == (len(example.claims), chance.tested, chance.exact)
    assert (int(product[1]), float(product[2])) == (chance.tested, pytest.approx(chance.expected, rel=1e-4))


def test_errors_under_skew_and_rare_failures_are_the_simulated_ones(text):
    """Quoted from the table of docs/statistics.md, whose columns are 32, 64, 128 and 512 seeds."""
    table = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8").partition("### Errors of looks")[0]
    left, right, rare = (
        re.search(rf"^\| difference \| {row} \| ([^|]*) \| ([^|]*) \|", table, re.MULTILINE)
        for row in ("very skewed left", "very skewed right", "5 % fail")
    )
    supported, refuted = left[1].split(" / "), right[2].split(" / ")
    failing = rare[1].split(" / ")

    assert f"comes in {supported[0]} to {refuted[0]} % of runs at 32 seeds" in text
    assert f"comes in {failing[0]} % at 32 seeds and {failing[1]} % at 64" in text


def test_the_comparison_of_engines_is_told_as_it_is(text):
    """Both documents name the claims that the committed page names, and no more."""
    page = (ROOT / "reports" / "engines" / "index.html").read_text(encoding="utf-8")
    listed = re.search(r"have another verdict in another run: (.*?)</p>", page)[1]
    differing = re.findall(r"\b\d+\.[a-z]\b", re.sub("<[^>]+>", "", listed))
    folder = " ".join((ROOT / "reports" / "README.md").read_text(encoding="utf-8").split())

    assert re.search(r"Two verdicts differ, ([^;]*?), each supported by one", text)[1] == " and ".join(differing)
    assert re.search(r"Two verdicts differ: ([^;]*?), each supported with one", folder)[1] == " and ".join(differing)


def test_no_page_calls_a_stream_new_that_has_been_seen():
    """No document suggests a stream of fresh seeds that has been judged: in docs/fresh.md, or before that page."""
    drawn = ROOT / "docs" / "fresh.md"
    seen = {"1", "2", "3", "4"} | set(re.findall(r"\bfresh-(\d+)\b", drawn.read_text(encoding="utf-8")))
    templates = [path for folder in ("website", "src") for path in (ROOT / folder).rglob("templates/*.*")]
    pages = [path for path in (*DOCUMENTS, *templates, EXAMPLE / "index.html") if path != drawn]
    named = {
        (path.name, stream)
        for path in pages
        if path.name != "CHANGELOG.md"  # says how things were
        for stream in re.findall(r"--(?:claims-)?fresh[= ](\d+)", path.read_text(encoding="utf-8"))
    }

    assert seen
    assert {(name, stream) for name, stream in named if stream in seen} == set()
    assert [path.name for path in pages if "--fresh" in path.read_text(encoding="utf-8")]
