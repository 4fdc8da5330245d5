"""What CI dashboards get: JUnit, the report log and CTRF, read by their own tools."""

import errno
import json
import os
import shutil
import subprocess

import pytest

from pytest_claims.report import ctrf  # before pytester notes which modules there are: a run then uses this one

pytest_plugins = ["pytester"]

CLAIMS = """
import pytest
from pytest_claims import claim, exceeds, measurement

@measurement(experiment=1)
def flat(seeds):
    return {"value": [generator.normal() * 0.1 for generator in seeds.generator("flat")]}

@claim("1.a", "Above minus one", seeds=16)
def test_supported(flat):
    return exceeds(flat.value, by=-1)

@claim("1.b", "Above one", seeds=16, registered="refuted", reason="it is around zero")
def test_refuted(flat):
    return exceeds(flat.value, by=1)

@claim("1.c", "Above its mean", seeds=16, registered="inconclusive", reason="it is its mean")
def test_undecided(flat):
    return exceeds(flat.value - flat.value.mean(), by=0)

@claim("1.d", "Above two, which it is not", seeds=16)
def test_departs(flat):
    return exceeds(flat.value, by=2)

@pytest.mark.skip(reason="the oven is cold")
@claim("1.e", "Never run", seeds=16)
def test_skipped(flat):
    return exceeds(flat.value, by=0)
"""
#: Status and verdict of each claim.
EXPECTED = {
    "test_supported": ("passed", "supported"),
    "test_refuted": ("passed", "refuted"),
    "test_undecided": ("passed", "inconclusive"),
    "test_departs": ("failed", "refuted"),
    "test_skipped": ("skipped", None),
}
#: How often each status is in the summary of a CTRF file.
COUNTS = {"tests": 5, "passed": 3, "failed": 1, "skipped": 1}


@pytest.mark.parametrize("workers", [None, 2], ids=["serial", "xdist"])
def test_a_verdict_as_registered_has_passed(toy, workers):
    """Every claim counts once, and only what was not run is skipped. pytest's terminal says xfailed, as ever."""
    junitparser = pytest.importorskip("junitparser")
    pytest.importorskip("pytest_reportlog")
    files = ["--junitxml=junit.xml", "-p", "pytest_reportlog.plugin", "--report-log=log.jsonl", "--ctrf=ctrf.json"]
    toy.write(CLAIMS).spread("-rx", *files, workers=workers)

    toy.result.assert_outcomes(passed=1, xfailed=2, failed=1, skipped=1)
    toy.result.stdout.fnmatch_lines(["XFAIL *::test_refuted - refuted as registered: it is around zero"])
    assert toy.outcomes == {"1.a": "passed", "1.b": "xfailed", "1.c": "xfailed", "1.d": "failed"}
    (suite,) = junitparser.JUnitXml.fromfile(str(toy.path / "junit.xml"))
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (5, 1, 1, 0)
    assert {case.name: in_junit(case) for case in suite} == {name: status for name, (status, _) in EXPECTED.items()}
    properties = {name: case.find("properties/property[@name='verdict']") for name, case in toy.junit().items()}
    assert {name: None if found is None else found.get("value") for name, found in properties.items()} == {
        name: verdict for name, (_, verdict) in EXPECTED.items()
    }
    lines = map(json.loads, (toy.path / "log.jsonl").read_text().splitlines())
    calls = {line["nodeid"].partition("::")[2]: line for line in lines if line.get("when") == "call"}
    assert {name: (line["outcome"], dict(line["user_properties"])["verdict"]) for name, line in calls.items()} == {
        name: told for name, told in EXPECTED.items() if name != "test_skipped"
    }
    assert in_log(toy.path / "log.jsonl") == {"test_departs": "Departure: Claim 1.d is refuted,"}
    file = json.loads((toy.path / "ctrf.json").read_text())["results"]
    assert in_ctrf(file["summary"]) == COUNTS
    assert {test["name"]: (test["status"], test.get("labels", {}).get("verdict")) for test in file["tests"]} == EXPECTED
    assert {test["rawStatus"] for test in file["tests"]} == {"passed", "xfailed", "failed", "skipped"}


def test_what_a_quick_look_leaves_open_was_judged(toy):
    """The terminal and results.json say skipped; for dashboards, which would count it as not run, it has passed."""
    toy.write(CLAIMS).run("--seeds", "8", "-rs", "--junitxml=junit.xml", "--ctrf=ctrf.json", "-k", "supported")

    assert toy.outcomes == {"1.a": "skipped"}
    toy.result.stdout.fnmatch_lines(["SKIPPED*Inconclusive*"])
    (test,) = json.loads((toy.path / "ctrf.json").read_text())["results"]["tests"]
    assert (test["status"], test["rawStatus"], test["labels"]["verdict"]) == ("passed", "skipped", "inconclusive")
    assert toy.junit()["test_supported"].find("skipped") is None


MORE = """
import pytest

def test_passes():
    pass

@pytest.mark.xfail
def test_expected():
    raise ValueError("as ever")

class TestGroup:
    @pytest.mark.parametrize("text", ["a::b"])
    def test_fails(self, text):
        assert text == ""

@pytest.fixture
def broken():
    yield
    raise ValueError("not cleaned up")

def test_left_over(broken):
    pass
"""


def test_ctrf_has_every_test_of_the_session(toy):
    """Also tests that are no claims, and files that cannot be collected: without them all would look well."""
    toy.write(MORE, "test_more").write("import nothing_of_that_name", "test_broken")
    toy.run("--ctrf", "out/ctrf.json", "--continue-on-collection-errors")

    file = json.loads((toy.path / "out" / "ctrf.json").read_text())
    found = {test["testId"]: (test["name"], test["status"], test["rawStatus"]) for test in file["results"]["tests"]}
    assert found == {
        "claims/test_broken.py": ("claims/test_broken.py", "failed", "error"),
        "claims/test_more.py::test_passes": ("test_passes", "passed", "passed"),
        "claims/test_more.py::test_expected": ("test_expected", "skipped", "xfailed"),
        "claims/test_more.py::TestGroup::test_fails[a::b]": ("test_fails[a::b]", "failed", "failed"),
        "claims/test_more.py::test_left_over": ("test_left_over", "failed", "error"),
    }
    suites = {test["name"]: test["suite"] for test in file["results"]["tests"]}
    assert suites["test_fails[a::b]"] == ["claims/test_more.py", "TestGroup"]
    assert str(toy.path) not in json.dumps(file)


def test_ctrf_replaces_its_own_file_and_no_other(toy):
    """Which is noticed before anything runs: exit status 4, and one sentence."""
    toy.write(MORE)
    for name in ("notes.json", "folder"):
        (toy.path / "folder").mkdir(exist_ok=True)
        (toy.path / "notes.json").write_text('{"reportFormat": "CTRF", "generatedBy": "another tool"}')
        toy.run("--ctrf", name)

        assert toy.ret == 4
        assert f"--ctrf{':' if name == 'notes.json' else ''} {name}" in toy.text
    for _ in range(2):
        toy.run("--ctrf", "ctrf.json", "-k", "passes")

        assert toy.ret == 0
    toy.result.stdout.fnmatch_lines(["CTRF: ctrf.json"])


def test_ctrf_replaces_no_run_no_baseline_and_no_file_of_the_report(toy):
    """Neither one that exists, nor one that this run is going to write."""
    (toy.path / "base.json").write_text('{"schema": 1, "claims": [], "condensed": true, "environment": {}}')
    for name, why in (
        ("base.json", "holds a baseline, not a CTRF file"),
        ("out/results.json", "the report has a file"),
    ):
        toy.write(MORE).run("--report", "out", "--ctrf", name, "-k", "passes")

        assert toy.ret == 4
        assert why in toy.text
    assert "condensed" in (toy.path / "base.json").read_text()


@pytest.mark.parametrize(
    "options, status",
    [
        (["-k", "test_passes"], 0),
        (["-k", "test_left_over"], 1),
        (["claims/test_broken.py"], 2),
        (["--claim", "9.z"], 4),
        (["-k", "nothing_of_that_name"], 5),
    ],
    ids=["well", "wrong", "interrupted", "usage", "nothing"],
)
def test_exit_statuses_are_those_of_the_table(toy, options, status):
    """The table "Exit statuses" in docs/nightly.md."""
    toy.write(MORE).write(CLAIMS, "test_claims")
    if status == 2:
        toy.write("import nothing_of_that_name", "test_broken")
    toy.run("--ctrf", "ctrf.json", *options)

    assert toy.ret == status


def test_a_ctrf_file_that_cannot_be_written_fails_the_run(toy, monkeypatch):
    """In a sentence, after the verdicts: a dashboard that misses a run must not look as if there was none."""

    def full(path, _content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(ctrf, "write_atomically", full)
    toy.write(MORE).run("--ctrf", "ctrf.json", "-k", "passes")

    assert toy.ret == 1
    toy.result.stdout.fnmatch_lines(["The CTRF file ctrf.json could not be written: No space left on device."])


#: Tools from npm that read CTRF or JUnit; VALIDATE is for the first.
TOOLS = ("ctrf@0.3.0", "junit-to-ctrf@0.0.14", "github-actions-ctrf@0.0.58")
VALIDATE = """
import { readFileSync } from "node:fs";
import { calculateSummary, parse, validateStrict } from "ctrf";
const report = parse(readFileSync("ctrf.json", "utf8"));
validateStrict(report);
console.log(JSON.stringify(calculateSummary(report.results.tests)));
"""


@pytest.mark.slow
def test_tools_of_others_count_every_claim_once(toy):
    """CTRF's own library, GitHub's reporter and a reader of JUnit, all from npm; and CTRF's published schema."""
    jsonschema = pytest.importorskip("jsonschema")
    if shutil.which("npm") is None:
        pytest.skip("npm is missing, which brings the tools that read CTRF and JUnit.")
    toy.write(CLAIMS).run("--junitxml=junit.xml", "--ctrf=ctrf.json")
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *TOOLS]
    subprocess.run(install, cwd=toy.path, check=True, capture_output=True)
    modules = toy.path / "node_modules"
    summary = toy.path / "summary.md"
    summary.touch()

    def run(*command):
        environment = {**os.environ, "GITHUB_REPOSITORY": "owner/name", "GITHUB_STEP_SUMMARY": str(summary)}
        done = subprocess.run(command, cwd=toy.path, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    schema = json.loads((modules / "ctrf/dist/ctrf-schema-0.0.json").read_text())
    jsonschema.validate(json.loads((toy.path / "ctrf.json").read_text()), schema)
    (toy.path / "validate.mjs").write_text(VALIDATE)
    assert in_ctrf(json.loads(run("node", "validate.mjs"))) == COUNTS
    run(modules / ".bin/junit-to-ctrf", "junit.xml", "--output", "from_junit.json", "--tool", "pytest")
    assert in_ctrf(json.loads((toy.path / "from_junit.json").read_text())["results"]["summary"]) == COUNTS
    run(modules / ".bin/github-actions-ctrf", "summary", "ctrf.json", "--annotate", "false")
    row = next(line for line in summary.read_text().splitlines() if line.startswith("| 5 |"))
    assert [int(cell) for cell in row.split("|")[1:5]] == list(COUNTS.values())


def in_ctrf(summary):
    """Return the counts of a CTRF summary; there is nothing beside the four kinds."""
    counts = {name: summary[name] for name in COUNTS}
    assert sum(counts.values()) == 2 * summary["tests"]
    return counts


def in_log(path):
    """Return what scientific-python's action `issue-from-pytest-log-action` shows: failed tests with their message.

    It rebuilds pytest's reports from the lines, knows these kinds of lines and no others, and takes the message from
    the text or from the crash in ``longrepr``.
    """
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    reports = [line for line in lines if line["$report_type"] != "WarningMessage"]
    kinds = {"TestReport": pytest.TestReport, "CollectReport": pytest.CollectReport}
    assert {line["$report_type"] for line in reports} <= {*kinds, "SessionStart", "SessionFinish"}
    rebuilt = [kinds[line["$report_type"]]._from_json(line) for line in reports if line["$report_type"] in kinds]
    failed = {report.nodeid.partition("::")[2]: report.longrepr for report in rebuilt if report.failed}
    messages = {name: why if isinstance(why, str) else why.reprcrash.message for name, why in failed.items()}
    return {name: " ".join(message.split()[:5]) for name, message in messages.items()}


def in_junit(case):
    """Return a test case's status."""
    return "skipped" if case.is_skipped else "failed" if case.is_failure else "passed"


@pytest.mark.parametrize(
    "nodeid, names",
    [
        ("claims/test_a.py::TestB::test_c[x::y]", ["claims/test_a.py", "TestB", "test_c[x::y]"]),
        ("old[1]/test_a.py::TestB::test_c[2]", ["old[1]/test_a.py", "TestB", "test_c[2]"]),
        ("old[1]/test_a.py", ["old[1]/test_a.py"]),
    ],
)
def test_brackets_in_a_folder_s_name_are_no_parameters(nodeid, names):
    """A test below such a folder once had file and class in its name."""
    assert ctrf._names(nodeid) == names
