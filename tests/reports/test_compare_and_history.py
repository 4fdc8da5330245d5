"""``pytest-claims``: runs side by side, stored runs drawn again, many nights; one sentence for bad input."""

import copy
import json
import re
from pathlib import Path

import pytest

from pytest_claims.cli import main
from pytest_claims.files import write_atomically
from pytest_claims.report.history import load_history
from pytest_claims.report.runs import condensed, names
from pytest_claims.results import Results, read, write
from tests.reports.factory import FACTS, error_record, nights

RECORD = {
    "id": "2.a", "text": "Accuracy rises", "registered": "supported", "verdict": "supported", "outcome": "passed",
    "kind": "difference", "effect": 0.2, "interval": [0.1, 0.3], "region": [0.05, None], "margin": 0.05, "alpha": 0.005,
    "p_value": 0.001, "seeds": 8, "unit": "", "parts": [], "conditions": [], "message": "Supported: so it is.",
}  # fmt: skip


def run(folder: Path, *records: dict, **environment: str) -> Path:
    """Write a run's results.json."""
    facts = copy.deepcopy(FACTS)
    facts["environment"].update(environment)
    return write(folder, Results.from_json({"schema": 1, **facts, "claims": list(records)}))


def test_a_changed_verdict_is_named_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run and a copy with one verdict changed: that claim first, on terminal and page, exit status 1."""
    other = {**RECORD, "id": "1.a"}
    before = run(tmp_path / "old", other, RECORD, torch="2.12.0")
    after = run(tmp_path / "new", other, {**RECORD, "verdict": "refuted", "effect": 0.01}, torch="2.13.0")

    assert main(["compare", str(before), str(after), "-o", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["old", "new"]
    assert lines[1].split() == ["torch", "2.12.0", "2.13.0"]
    assert lines[3] == "* 2.a  supported 0.2 (0.1 to 0.3)  refuted 0.01 (0.1 to 0.3)"
    assert "1 of 2 claims has different verdicts in different runs: 2.a." in lines
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.index('id="2.a"') < page.index('id="1.a"')


@pytest.mark.parametrize("other, title", [("Our lab", "Our lab"), ("Theirs", "Claims"), (None, "Claims")])
def test_pages_of_several_runs_have_their_common_title(tmp_path: Path, other: str | None, title: str) -> None:
    """A neutral one where the runs are of different repositories, or a file is older than titles."""
    paths = [run(tmp_path / "runs" / name, RECORD) for name in ("a", "b")]
    for path, named in zip(paths, ("Our lab", other), strict=True):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"title": named}))

    main(["compare", *map(str, paths), "-o", str(tmp_path / "compared")])
    main(["history", str(tmp_path / "runs"), "-o", str(tmp_path / "nights")])
    for page, text in (("compared", "2 runs compared"), ("nights", "2 runs")):
        assert f"<title>{title}: {text}</title>" in (tmp_path / page / "index.html").read_text(encoding="utf-8")


def test_equal_runs_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing differs: exit status 0, and one sentence says so; a claim that one run lacks changes nothing."""
    paths = [run(tmp_path / name, *records) for name, records in (("a", [RECORD]), ("b", [RECORD, error_record()]))]

    assert main(["compare", *map(str, paths)]) == 0
    assert "No verdict differs between 2 runs of 2 claims." in capsys.readouterr().out


def test_a_shorter_run_that_leaves_a_claim_open_is_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for the alarm: decided at 128 seeds, open at 32. Open at the same last look, or contradicted, it is one."""
    looks = {"first_look": 32, "last_look": 128, "seeds": 128, "looks": [{"seeds": n} for n in (32, 64, 128)]}
    whole = {**RECORD, **looks}
    short = {**whole, "verdict": "inconclusive", "last_look": 32, "seeds": 32, "looks": [{"seeds": 32}]}
    gave_up = {**whole, "verdict": "inconclusive"}
    paths = {
        name: str(run(tmp_path / name, {**record, "id": "2.a"}))
        for name, record in {"whole": whole, "short": short, "gave-up": gave_up}.items()
    }

    assert main(["compare", paths["whole"], paths["short"], "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "which is no difference: 1 claim (2.a)." in said
    assert "(0.1 to 0.3), 32 seeds" in said
    assert 'class="differs"' not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert main(["compare", paths["whole"], paths["gave-up"]]) == 1
    assert "1 of 1 claims has different verdicts in different runs: 2.a." in capsys.readouterr().out


def test_comparison_writes_the_summary_of_a_ci_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With GITHUB_STEP_SUMMARY set, at most 200 kB of Markdown, changed verdicts first."""
    many = [{**RECORD, "id": f"{n}.a", "text": "|" * 50} for n in range(1, 3000)]
    changed = [{**claim, "verdict": "refuted" if claim["id"] == "2999.a" else "supported"} for claim in many]
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    paths = [run(tmp_path / "a", *many), run(tmp_path / "b", *changed)]

    assert main(["compare", *map(str, paths), "-o", str(tmp_path / "out")]) == 1
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 200_000
    assert text.index("**2999.a**") < text.index("| 1.a |")
    capsys.readouterr()


@pytest.mark.parametrize(
    "command, status, sentence",
    [
        (["compare", "only-one.json"], 2, "a comparison needs at least two results.json."),
        (["compare", "gone.json", "gone2.json"], 4, "gone.json cannot be read: No such file or directory."),
        (["render", "gone"], 4, "gone cannot be read: No such file or directory."),
        (["history", "gone"], 4, "gone is not a folder."),
        (["history", "."], 4, ". holds no results: there is no .json file in it."),
        (
            ["compare", "run", "run", "-o", "run"],
            2,
            "run holds a run, whose page would be lost: name another folder for the comparison.",
        ),
        (["example", "gone", "-o", "x"], 4, "gone cannot be read: No such file or directory."),
        (["example", "run", "-o", "run"], 2, "run is the example itself: name the folder of a run."),
        (["example", "partial", "-o", "x"], 2, "partial holds a partial run: an example needs a complete one."),
        (["condense", "gone.json", "-o", "x.json"], 4, "gone.json cannot be read: No such file or directory."),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list,
    status: int,
    sentence: str,
) -> None:
    """One sentence on stderr, nothing else; exit status 4 where a stored file cannot be read, otherwise 2."""
    monkeypatch.chdir(tmp_path)
    for name, complete in (("run", True), ("partial", False)):
        if name in command:
            stored = {"schema": 1, **FACTS, "complete": complete, "claims": [RECORD]}
            write(tmp_path / name, Results.from_json(stored))

    assert main(command) == status
    output = capsys.readouterr()
    assert output.err == f"pytest-claims: {sentence}\n"
    assert "index.html" not in output.out


def test_an_example_stays_below_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures stay out of the page where it and results.json would have too many bytes together; else an error."""
    records = [
        {**RECORD, "id": f"{n}.a", "figures": [f"figures/{n}.svg"], "trace": {"loss": [1.0]}, "p_value": 0.00123456789}
        for n in range(8)
    ]
    path = run(tmp_path / "run", *records)
    for n in range(8):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0{"l1 1" * 30_000}"/></svg>'
        write_atomically(path.parent / "figures" / f"{n}.svg", svg)
    monkeypatch.setattr("pytest_claims.report.example.MOST_BYTES", 600_000)

    assert main(["example", str(path.parent), "-o", str(tmp_path / "example")]) == 0
    capsys.readouterr()
    files = [tmp_path / "example" / name for name in ("index.html", "results.json")]
    assert sum(file.stat().st_size for file in files) <= 600_000
    text = files[0].read_text(encoding="utf-8")
    assert "A figure is left out to keep this page small; a run writes it as figures/" in text
    assert "it is in figures/" not in text
    assert "The numbers are in results.json, next to this file, rounded" in text
    assert "measurements.csv" not in text
    (claim, *_) = read(files[1]).claims
    assert (claim.verdict, claim.effect, claim.p_value) == ("supported", 0.2, 0.00123457)
    assert "trace" not in claim.as_json()

    monkeypatch.setattr("pytest_claims.report.example.MOST_BYTES", 60_000)
    assert main(["example", str(path.parent), "-o", str(tmp_path / "example")]) == 2
    assert "more than 0." in capsys.readouterr().err


@pytest.mark.parametrize(
    "output, links",
    [
        ("docs/an example", ['../audit.md">docs/audit.md', '../../a%20claim.py">a claim.py:3']),
        ("../elsewhere", []),
    ],
    ids=["in the repository", "outside"],
)
def test_an_example_links_to_files_of_its_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, links: list[str]
) -> None:
    """Where no address on the web is known: relative links to claims and documents, if they are there."""
    (tmp_path / "repo" / "docs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    for name in ("a claim.py", "docs/audit.md", "../secret.py"):
        Path(name).write_text("")
    names = ("a claim.py", "gone.py", "../secret.py", "a\0b", "/etc/passwd")
    records = [{**RECORD, "id": f"{at}.a", "file": name, "line": 3} for at, name in enumerate(names, 1)]
    path = run(tmp_path / "run", *records)
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["environment"]["repository"] = None
    facts.pop("citation", None)
    path.write_text(json.dumps(facts), encoding="utf-8")

    assert main(["example", str(path.parent), "-o", output]) == 0
    page = Path(output, "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<a href="([^#].*?)</a>', page) == links
    assert '<span class="source">../secret.py:3</span>' in page


@pytest.mark.parametrize(
    "paths, expected",
    [
        (["legs/pinned/results.json", "legs/nightly/results.json"], ["pinned", "nightly"]),
        (["a/run/results.json", "b/run/results.json"], ["a/run", "b/run"]),
        (["2026-01-01.json", "2026-01-02.json"], ["2026-01-01", "2026-01-02"]),
        (["x/results.json", "x/results.json"], ["x (1)", "x (2)"]),
    ],
)
def test_runs_are_named_by_what_tells_them_apart(paths: list, expected: list) -> None:
    """The shortest part of the path that differs; numbers where the path is the same."""
    assert names([Path(path) for path in paths]) == expected


@pytest.mark.parametrize("effects", [(1e308, -1e308), (1e308, 1e308)])
@pytest.mark.parametrize("interval", [[-1e308, 1e308], [0.1, 1.7]])
def test_history_draws_effects_whose_differences_overflow(
    tmp_path: Path, effects: tuple[float, float], interval: list[float]
) -> None:
    """A number near the largest that a float can be is drawn, not a traceback; also far from its interval."""
    for night, effect in enumerate(effects):
        run(tmp_path / "nights" / str(night), {**RECORD, "effect": effect, "interval": interval})

    assert main(["history", str(tmp_path / "nights"), "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'class="mean" d="M' in page
    assert "inf" not in page.partition('class="mean" d="')[2][:200]


def test_history_of_a_year_is_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """365 nights of 110 claims: less than 5 MB; the changed verdict with the version that came with it."""
    report = tmp_path / "report"
    run(report, *[{**RECORD, "id": f"{n}.{letter}"} for n in range(1, 12) for letter in "abcdefghij"])
    nights(report, tmp_path / "nights", 365)

    assert main(["history", str(tmp_path / "nights"), "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "index.html").read_bytes()
    assert len(page) <= 5_000_000
    out = capsys.readouterr().out
    assert "2.a: supported -> refuted" in out
    assert "365 runs, 110 claims, 1 changed verdicts." in out
    assert "torch 2.12.0 → 2.13.0" in page.decode()
    assert page.index(b'id="2.a"') < page.index(b'id="1.a"')


def test_history_remembers_a_claim_that_was_away(tmp_path: Path) -> None:
    """A change across nights without the claim is reported once, with all versions that changed in between."""
    for day, records, torch in ((1, [RECORD], "1"), (2, [], "2"), (3, [{**RECORD, "verdict": "refuted"}], "2")):
        path = run(tmp_path / f"{day}", *records, torch=torch)
        path.write_text(path.read_text().replace("2026-11-23T", f"2026-11-0{day}T"))
    (tmp_path / "other.json").write_text("[]")
    history = load_history(tmp_path)

    (event,) = history.events
    assert (event.was, event.now, event.night) == ("supported", "refuted", 2)
    assert event.versions == [("torch", "1", "2")]
    assert history.skipped == ["other.json"]


def test_condensed_keeps_what_a_history_shows(tmp_path: Path) -> None:
    """Verdicts, effects, intervals and what a time is known by stay; values of seeds, inputs and figures go."""
    heavy = {
        **RECORD,
        "conditions": [{"values": [0.1] * 1000}],
        "inputs": {"data": "0"},
        "figures": ["figures/2.a.svg"],
        "parts": [{"effect": 0.2, "interval": [0.1, 0.3], "role": "time", "values": [0.2]}],
        "assays": [{"effect": 0.5, "values": [0.5]}],
    }
    path = run(tmp_path / "a", heavy)

    assert main(["condense", str(path), "-o", str(tmp_path / "night.json")]) == 0
    slim = read(tmp_path / "night.json")
    assert slim == condensed(read(path))
    (claim,) = slim.claims
    assert (claim.verdict, claim.effect, claim.interval) == ("supported", 0.2, (0.1, 0.3))
    assert not {"conditions", "inputs", "figures", "assays"} & set(claim.as_json())
    assert [part.as_json() for part in claim.parts] == [{"effect": 0.2, "interval": [0.1, 0.3], "role": "time"}]
    assert json.loads((tmp_path / "night.json").read_text())["schema"] == 1
