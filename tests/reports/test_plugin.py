"""The reporting plugin in whole pytest runs, with a stand-in for the trials: evidence in, report folder out."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]

STAND_IN = """
import json
import pytest

from pytest_claims.plugin import Drawing
from pytest_claims.record import Record

pytest_plugins = ["pytest_claims.short"]


def pytest_configure(config):
    config.pluginmanager.register(Drawing(), "claims-drawing")


@pytest.fixture
def judged(request, record_property):
    def judge(identifier, verdict="supported", pictures=(), **more):
        entry = {
            "id": identifier, "text": f"Text of {identifier}", "registered": "supported", "verdict": verdict,
            "kind": "difference", "effect": 0.21, "interval": [0.17, 0.25], "region": [0.05, None], "margin": 0.05,
            "alpha": 0.005, "p_value": 0.001, "seeds": 8, "message": f"{verdict.capitalize()}: so it is.",
            "parts": [],
            "conditions": [{"layers": n, "mean": n, "sd": 1.0, "n": 8, "values": [float(n)] * 8} for n in (1, 2)],
            **more,
        }
        for further in request.config.hook.pytest_claim_judged(
            config=request.config, item=request.node, record=Record.from_json(entry), hypothesis=None,
            pictures=pictures, datasets={},
        ):
            entry |= further
        record_property("claim", json.dumps(entry))
        if verdict != "supported":
            pytest.fail(entry["message"], pytrace=False)
    return judge
"""

TWO_CLAIMS = """
def test_depth(judged):
    judged("2.a")

def test_width(judged):
    judged("1.a", "refuted")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return an empty project whose conftest stands in for the trials."""
    for name in ("GITHUB_STEP_SUMMARY", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(STAND_IN)
    return pytester


def results(folder: Path) -> dict:
    """Read results.json as strict JSON: a NaN in it is a failure."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads((folder / "results.json").read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("workers", [(), ("-n0",), ("-n2",)])
def test_writes_the_folder_under_every_mode(project: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """results.json, measurements.csv, the page and a figure for each claim, sorted by id, whoever judged them."""
    if workers:
        pytest.importorskip("xdist")
    project.makepyfile(TWO_CLAIMS)
    run = project.runpytest_subprocess("--report", "out", *workers)
    folder = project.path / "out"

    assert run.ret == 1
    written = results(folder)
    assert [(claim["id"], claim["outcome"]) for claim in written["claims"]] == [("1.a", "failed"), ("2.a", "passed")]
    assert written["complete"] is True
    assert written["schema"] == 1
    assert [claim["figures"] for claim in written["claims"]] == [["figures/1.a.svg"], ["figures/2.a.svg"]]
    assert all((folder / claim["figures"][0]).read_text().startswith("<svg") for claim in written["claims"])
    assert (folder / "measurements.csv").read_text().count("\n") == 1 + 2 * 2 * 8
    assert 'id="2.a"' in (folder / "index.html").read_text()


@pytest.mark.parametrize("short", [True, False])
def test_says_whether_options_have_their_short_names(project: pytest.Pytester, short: bool) -> None:
    """results.json says it, and the page spells the command of one claim so that it runs in this repository."""
    if not short:
        project.makeconftest(STAND_IN.replace('pytest_plugins = ["pytest_claims.short"]', ""))
    project.makepyfile(TWO_CLAIMS)
    project.runpytest_subprocess("--report" if short else "--claims-report", "out", "-k", "depth")
    folder = project.path / "out"

    assert results(folder)["short_options"] is short
    assert f"{'--claim' if short else '--claims-id'} 2.a</code>" in (folder / "index.html").read_text()


def test_default_folder_is_reports_latest(project: pytest.Pytester) -> None:
    """Without --report the page lies in reports/latest of the project, also when pytest was called elsewhere."""
    project.makepyfile(TWO_CLAIMS)
    project.runpytest_subprocess("-k", "depth")

    assert (project.path / "reports" / "latest" / "index.html").is_file()


def test_names_no_path_of_this_machine(project: pytest.Pytester) -> None:
    """Neither folder nor home is in any file: not in the command, not in messages."""
    project.makepyfile(
        """
        def test_depth(judged, request):
            judged("2.a", message=f"Error in {request.path}:3 and {request.config.rootpath}.")
        """
    )
    elsewhere = str(project.path.parent / "elsewhere")
    project.runpytest_subprocess(
        "--report", str(project.path / "out"), f"--ignore={elsewhere}", "--ignore", elsewhere, str(project.path)
    )
    folder = project.path / "out"

    written = [path for path in folder.rglob("*") if path.is_file()]
    assert len(written) == 6
    for path in written:
        assert str(project.path.parent).encode() not in path.read_bytes(), path.name
    assert results(folder)["claims"][0]["message"].startswith("Error in test_names_no_path_of_this_machine.py:3")
    command = results(folder)["command"]
    assert command[:1] + command[-6:] == [
        "pytest",
        "--report",
        "out",
        "--ignore=elsewhere",
        "--ignore",
        "elsewhere",
        ".",
    ]


def test_does_nothing_without_claims(project: pytest.Pytester) -> None:
    """A session without claims leaves no folder and says nothing."""
    project.makepyfile("def test_other(): pass")
    run = project.runpytest_subprocess("--report", "out")

    assert run.ret == 0
    assert not (project.path / "out").exists()
    assert "Report:" not in run.stdout.str()


def test_refuses_an_unwritable_folder_before_anything_runs(project: pytest.Pytester) -> None:
    """Exit status 4 and one sentence, found out by trying: root may write anywhere but into a file."""
    (project.path / "taken").write_text("a file")
    project.makepyfile("def test_depth(judged): open('ran', 'w').close()")
    run = project.runpytest_subprocess("--report", "taken/out")

    assert run.ret == 4
    run.stderr.fnmatch_lines(
        ["ERROR: The report folder taken/out cannot be written (*): choose another with --report DIR."]
    )
    assert not (project.path / "ran").exists()


@pytest.mark.parametrize(
    "content, complaint",
    [
        (None, "cannot be read"),
        ("{", "is no valid JSON"),
        ("[]", "holds no list of claims with ids"),
        ('{"schema": 1}', "holds no list of claims with ids"),
    ],
)
def test_refuses_a_baseline_that_cannot_be_used(project: pytest.Pytester, content: str | None, complaint: str) -> None:
    """Exit status 4 and one sentence that names the file as it was given."""
    if content is not None:
        (project.path / "old.json").write_text(content)
    project.makepyfile(TWO_CLAIMS)
    run = project.runpytest_subprocess("--baseline", "old.json")

    assert run.ret == 4
    run.stderr.fnmatch_lines([f"ERROR: --baseline old.json: *{complaint}*"])


def test_a_changed_verdict_fails_the_run(project: pytest.Pytester) -> None:
    """A run against its own results says so; with one verdict edited it exits 1 and names the claim."""
    project.makepyfile("def test_depth(judged): judged('2.a')")
    project.runpytest_subprocess("--report", "first")
    same = project.runpytest_subprocess("--report", "second", "--baseline", "first/results.json")
    path = project.path / "first" / "results.json"
    path.write_text(path.read_text().replace('"verdict": "supported"', '"verdict": "refuted"'))
    other = project.runpytest_subprocess("--report", "third", "--baseline", "first/results.json")

    assert same.ret == 0
    assert "othing changed" in same.stdout.str()
    assert other.ret == 1
    assert results(project.path / "third")["baseline"]["failed"] is True
    other.stdout.fnmatch_lines(["*2.a*refuted*supported*"])


def test_terminal_tells_every_claim_and_ends_with_the_page(project: pytest.Pytester) -> None:
    """One line a claim with verdict, effect and interval; departures explained; the path of the page last."""
    project.makepyfile(TWO_CLAIMS)
    run = project.runpytest_subprocess("--report", "out")

    run.stdout.fnmatch_lines(
        [
            "1.a  refuted   * 0.21 [[]0.17, 0.25[]]  Text of 1.a",
            "2.a  supported   0.21 [[]0.17, 0.25[]]  Text of 2.a",
            "2 claims: 1 supported, 1 refuted",
            "1.a  registered supported, got refuted",
            "    Refuted: so it is.",
            "Report: out/index.html",
        ]
    )


@pytest.mark.parametrize("options, supported", [((), False), (("-v",), True)])
def test_terminal_says_why_a_claim_is_open(project: pytest.Pytester, options: tuple[str, ...], supported: bool) -> None:
    """Every open claim has its sentence, which says what would decide and which margins hold; with -v all have."""
    project.makepyfile(
        """
        def test_depth(judged):
            judged("2.a", message="Supported: the margin could be larger.")

        def test_width(judged):
            judged("1.a", "inconclusive", registered="inconclusive", message="Inconclusive: 128 seeds would decide.")
        """
    )
    run = project.runpytest_subprocess("--report", "out", *options)

    assert "\nInconclusive\n1.a  claimed" in run.stdout.str().replace("\r", "")
    assert "    Inconclusive: 128 seeds would decide." in run.stdout.str()
    assert ("Supported: the margin could be larger." in run.stdout.str()) is supported


def test_a_file_that_cannot_be_collected_makes_the_run_partial(project: pytest.Pytester) -> None:
    """Nobody knows its claims, so the run does not pass for complete, and its badge is not green."""
    project.makepyfile(test_broken="def broken(:", test_whole="def test_one(judged): judged('1.a')")
    run = project.runpytest_subprocess("--report", "out", "--continue-on-collection-errors")

    written = results(project.path / "out")
    assert (written["complete"], [entry["id"] for entry in written["missing"]]) == (False, ["test_broken.py"])
    run.stdout.fnmatch_lines(["*test_broken.py: It could not be collected*", "Not every claim was judged: *"])


def test_texts_cannot_move_the_cursor(project: pytest.Pytester) -> None:
    """Escape sequences, carriage returns and turned lines in a claim's words are written out."""
    project.makepyfile(
        """
        def test_depth(judged):
            judged("2.a", "refuted", text="a\\x1b[31mred\\r\\u202eb", message="Refuted: \\x1b[2Jgone.")
        """
    )
    run = project.runpytest_subprocess("--report", "out", "--color=no", "--tb=no", "-rN")

    output = run.stdout.str()
    assert "a\\x1b[31mred\\x0d\\u202eb" in output
    assert "    Refuted: \\x1b[2Jgone." in output
    assert not {"\x1b", "\u202e"} & set(output)


def test_stopping_early_leaves_a_partial_report(project: pytest.Pytester) -> None:
    """After -x the report holds what was judged, and says that it is partial."""
    project.makepyfile(
        """
        def test_width(judged): judged("1.a", "refuted")
        def test_depth(judged): judged("2.a")
        """
    )
    project.runpytest_subprocess("--report", "out", "-x")

    written = results(project.path / "out")
    assert (written["complete"], len(written["claims"])) == (False, 1)
    assert "partial" in (project.path / "out" / "index.html").read_text()


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_an_interrupt_leaves_a_partial_report(project: pytest.Pytester, workers: str) -> None:
    """Ctrl-C while a claim is under way: the page is written and says so, with the claims that were through."""
    pytest.importorskip("xdist")
    project.makepyfile(
        """
        import pathlib, time
        def test_depth(judged):
            judged("2.a")
        def test_long(judged):
            while not pathlib.Path("out/figures/2.a.svg").exists():
                time.sleep(0.1)
            time.sleep(1)
            pathlib.Path("under-way").touch()
            time.sleep(600)
        """
    )
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--report", "out", workers], cwd=project.path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 300  # a loaded machine takes its time to start
    while not (project.path / "under-way").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.kill(run.pid, signal.SIGINT)
    out, _ = run.communicate(timeout=300)

    written = results(project.path / "out")
    assert (written["complete"], [claim["id"] for claim in written["claims"]]) == (False, ["2.a"]), out.decode()
    assert (project.path / "out" / "index.html").is_file()


def test_a_figure_that_raises_costs_only_the_figure(project: pytest.Pytester) -> None:
    """The verdict stays; the record says what failed, and so does the page."""
    project.makepyfile("def test_depth(judged): judged('2.a', pictures=['no picture'])")
    run = project.runpytest_subprocess("--report", "out")

    (claim,) = results(project.path / "out")["claims"]
    assert run.ret == 0
    assert (claim["verdict"], claim["figures"]) == ("supported", [])
    assert claim["figure_error"] == "TypeError: there is no drawing for a picture of type str"
    assert "there is no drawing for a picture of type str" in (project.path / "out" / "index.html").read_text()


def test_numbers_that_json_lacks_become_null(project: pytest.Pytester) -> None:
    """NaN and infinities in a record: valid JSON, and a page."""
    project.makepyfile(
        """
        def test_depth(judged):
            judged("2.a", effect=float("nan"), interval=[float("-inf"), float("inf")], p_value=float("nan"))
        """
    )
    run = project.runpytest_subprocess("--report", "out")

    (claim,) = results(project.path / "out")["claims"]
    assert run.ret == 0
    assert (claim["effect"], claim["interval"], claim["p_value"]) == (None, [None, None], None)


def test_stale_figures_of_an_earlier_run_go(project: pytest.Pytester) -> None:
    """The folder holds one run: figures of claims that are no longer in it are removed, other files stay."""
    project.makepyfile(TWO_CLAIMS)
    project.runpytest_subprocess("--report", "out")
    (project.path / "out" / "notes.txt").write_text("mine")
    project.runpytest_subprocess("--report", "out", "-k", "depth")

    assert sorted(path.name for path in (project.path / "out" / "figures").iterdir()) == ["2.a.svg"]
    assert (project.path / "out" / "notes.txt").exists()


def test_step_summary_is_appended(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With GITHUB_STEP_SUMMARY set the Markdown summary lands there, after what is there already."""
    target = project.path / "summary.md"
    target.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(target))
    project.makepyfile(TWO_CLAIMS)
    project.runpytest_subprocess("--report", "out")

    text = target.read_text()
    assert text.startswith("before\n")
    assert "**1.a**" in text


def test_evidence_reaches_junit_and_report_log(project: pytest.Pytester) -> None:
    """The record travels as a property that other reporters carry too."""
    project.makepyfile(TWO_CLAIMS)
    project.runpytest_subprocess("--report", "out", "--junitxml", "junit.xml", "--report-log", "log.jsonl")

    assert '<property name="claim" value="{&quot;id&quot;: &quot;2.a&quot;' in (project.path / "junit.xml").read_text()
    lines = [json.loads(line) for line in (project.path / "log.jsonl").read_text().splitlines()]
    carried = [dict(line["user_properties"]) for line in lines if line.get("user_properties")]
    assert json.loads(carried[-1]["claim"])["id"] in {"1.a", "2.a"}


LONG = """
def test_depth(judged):
    took = {"seconds": 61.0, "processor_s": %s, "products": {"float32": 1e9}}
    judged("2.a", seconds_by_trial=[{"measurement": "m", "condition": {}, "seeds": [0, 7], **took}])

def test_width(judged):
    judged("1.a", "refuted")

def test_height(judged):
    judged("1.b")
"""


def test_a_long_run_measures_how_fast_its_machine_is(project: pytest.Pytester) -> None:
    """Once it is complete, for the floor that the page tells; a short run does not take the second that it takes."""
    for name, processor, options, speeds in (
        ("whole", "61.0", (), {"float32"}),
        ("short", "59.0", (), set()),
        ("stopped", "61.0", ("--maxfail=1",), set()),
    ):
        project.makepyfile(**{f"test_{name}": LONG % processor})
        project.runpytest(f"test_{name}.py", f"--report={name}", *options)
        found = results(project.path / name)
        assert found["complete"] == (name != "stopped")
        assert (found.get("fastest") or {}).keys() == speeds, name
        assert ("times their floor of" in (project.path / name / "index.html").read_text(encoding="utf-8")) == bool(
            speeds
        )


BROKEN = """
import pytest
from pytest_claims.training import products

def broken(dtypes):
    raise %s

products.fastest = broken
"""


@pytest.mark.parametrize("error", ["OSError('no such product')", "KeyboardInterrupt"])
def test_a_machine_that_cannot_be_measured_costs_no_report(project: pytest.Pytester, error: str) -> None:
    """The page only says nothing of the floor; the exit status is that of the claims."""
    project.makeconftest(STAND_IN + BROKEN % error)
    project.makepyfile(test_whole=(LONG % "61.0").replace("refuted", "supported"))

    ended = project.runpytest_subprocess("--report=whole")

    assert ended.ret == pytest.ExitCode.OK
    found = results(project.path / "whole")
    assert found["complete"]
    assert "fastest" not in found
    assert "Text of 2.a" in (project.path / "whole" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "trial",
    [
        {"processor_s": "99"},
        {"processor_s": 99, "products": 5},
        {"processor_s": 99, "products": [["a"]]},
        {"measurement": {}},
    ],
)
def test_an_odd_trial_costs_its_own_claim_alone(project: pytest.Pytester, trial: dict) -> None:
    """Whatever a plugin writes into a record, the other claims have their table and their page."""
    project.makepyfile(
        f"def test_odd(judged):\n    judged('2.a', seconds_by_trial=[{trial!r}])\n" + TWO_CLAIMS.partition("\n\n")[2]
    )

    project.runpytest("--report=odd")

    assert {claim["id"]: claim["verdict"] for claim in results(project.path / "odd")["claims"]}["1.a"] == "refuted"
    assert "Text of 1.a" in (project.path / "odd" / "index.html").read_text(encoding="utf-8")
