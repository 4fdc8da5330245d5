"""Issues about changed verdicts: opened once, updated, closed when the change is gone; spoken through `gh`."""

import json
import stat
import sys
from pathlib import Path

import pytest

from pytest_claims.cli import main
from pytest_claims.record import Record, attach
from tests.nightly.test_summary import CLAIM

#: A `gh` that keeps its issues in a file, and writes down what it is told.
FAKE = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path({folder!r})
told = sys.argv[1:]
text = sys.stdin.read()
with (here / "told.jsonl").open("a") as file:
    file.write(json.dumps([told, text]) + "\\n")
if (here / "broken").exists():
    print("HTTP 401: Bad credentials ghp_abcdefghijklmnop", file=sys.stderr)
    sys.exit(4)
store = here / "issues.json"
issues = json.loads(store.read_text()) if store.exists() else []
issue = next((entry for entry in issues if str(entry["number"]) == told[2]), None) if len(told) > 2 else None
if told[:2] == ["issue", "list"]:
    print(json.dumps([entry for entry in issues if entry["state"] == "open"]))
elif told[:2] == ["label", "create"] and issues:
    sys.exit(f"label with name {{told[2]}} already exists; use --force to update its color")
elif told[:2] == ["issue", "create"]:
    title = told[told.index("--title") + 1]
    issues.append(dict(number=len(issues) + 1, state="open", title=title, body=text, comments=[]))
    print(f"https://example.org/issues/{{len(issues)}}")
elif told[:2] == ["issue", "comment"]:
    issue["comments"].append(text)
elif told[:2] == ["issue", "edit"]:
    issue["body"] = text
elif told[:2] == ["issue", "close"]:
    issue["state"] = "closed"
store.write_text(json.dumps(issues))
"""


class Fake:
    """The fake `gh`: its issues, and what it was told."""

    def __init__(self, folder):
        self.folder = folder
        script = folder / "bin" / "gh"
        script.parent.mkdir()
        script.write_text(FAKE.format(python=sys.executable, folder=str(folder)))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    @property
    def issues(self):
        """All issues, open or closed."""
        path = self.folder / "issues.json"
        return json.loads(path.read_text()) if path.exists() else []

    @property
    def told(self):
        """The commands that were given since the last look."""
        path = self.folder / "told.jsonl"
        commands = [json.loads(line)[0] for line in path.read_text().splitlines()] if path.exists() else []
        path.unlink(missing_ok=True)
        return commands


@pytest.fixture
def gh(tmp_path, monkeypatch):
    """Put a fake `gh` on the path, before all others."""
    fake = Fake(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return fake


@pytest.fixture
def leg(tmp_path):
    """Return a function that leaves a leg's results behind; each claim is (id, verdict, outcome)."""

    def write(name, *claims, changed=(), inputs=(), where="training first departed at step 1", version="2.14.1"):
        entries = [
            {"id": claim, "was": "supported", "now": verdict, "verdict_changed": claim in changed,
             "alarm": claim in {*changed, *inputs}, "departed": "trace" if claim in changed else None,
             "where": where if claim in changed else None}
            for claim, verdict, _ in claims
        ]  # fmt: skip
        baseline = {"failed": bool(changed), "claims": entries, "versions": {"torch": ["2.13.0", version]}}
        records = [{**CLAIM, "id": claim, "verdict": verdict, "outcome": outcome, "text": "Asks @someone, #1"}
                   for claim, verdict, outcome in claims]  # fmt: skip
        file = tmp_path / "legs" / name / "report" / "results.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"schema": 1, "started": "2026-11-20T01:00:00+00:00", "complete": True,
                                    "environment": {}, "claims": records, "baseline": baseline}))  # fmt: skip
        return file

    write.folder = str(tmp_path / "legs")
    return write


def phase(name, verdict, outcome, when, how, *, claim_is_as_registered="", **facts):
    """Return a line of a report log: one phase of a claim, whose record has this verdict and outcome."""
    properties = []
    attach(properties, Record.from_json({**CLAIM, "id": name, "verdict": verdict, "outcome": outcome, **facts}))
    return {
        "$report_type": "TestReport", "nodeid": name, "location": ["", 0, name], "keywords": {}, "longrepr": None,
        "when": when, "outcome": how, "user_properties": properties, "claim_is_as_registered": claim_is_as_registered,
    }  # fmt: skip


def log(folder, *lines):
    """Write a report log with these lines, as pytest-reportlog does."""
    path = folder / "night.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in ({"$report_type": "SessionStart"}, *lines)))
    return path


GONE = ("2.a", "supported", "passed")
TURNED = ("2.a", "refuted", "failed")


def test_one_issue_for_each_changed_verdict(gh, leg, capsys):
    """Its title names the first stage that departed, its text each run; a claim without a change has none."""
    leg("latest", TURNED, ("2.b", "supported", "passed"), ("2.c", "inconclusive", "failed"), changed=("2.a", "2.c"))
    leg("nightly", TURNED, changed=("2.a",))

    assert main(["issues", leg.folder]) == 0
    assert [issue["title"] for issue in gh.issues] == [
        "Claim 2.a: supported, now refuted (first departed: first steps)",
        "Claim 2.c: supported, now inconclusive (first departed: first steps)",
    ]
    body = gh.issues[0]["body"]
    assert "| `2.a` | latest | supported | refuted | first steps | training first departed at step 1 |" in body
    assert "| `2.a` | nightly | supported | refuted |" in body
    assert "torch 2.13.0 → 2.14.1" in body
    assert "@someone" not in body, "a claim's text calls nobody"
    assert capsys.readouterr().out.startswith("opened https://example.org/issues/1: Claim 2.a")


def test_what_is_said_already_is_not_said_again(gh, leg, capsys):
    """Neither a second issue nor a comment; what is new becomes a comment, and the text says how things are."""
    leg("latest", TURNED, changed=("2.a",))
    main(["issues", leg.folder])
    main(["issues", leg.folder])

    assert len(gh.issues) == 1
    assert gh.issues[0]["comments"] == []
    assert "#1 says so already" in capsys.readouterr().out
    leg("latest", TURNED, changed=("2.a",), version="2.15.0")
    main(["issues", leg.folder])

    (issue,) = gh.issues
    assert issue["comments"] == [], "a newer version alone is no news"
    assert "2.15.0" in issue["body"]
    leg("latest", ("2.a", "inconclusive", "failed"), changed=("2.a",), version="2.15.0")
    main(["issues", leg.folder])
    main(["issues", leg.folder])

    (issue,) = gh.issues
    assert len(issue["comments"]) == 1
    assert "inconclusive" in issue["comments"][0]
    assert "2.14.1" not in issue["body"]


def test_an_issue_is_closed_when_the_change_is_gone(gh, leg, capsys):
    """Not before every run that it is about has judged the claim again, on inputs that can be compared."""
    leg("latest", GONE)
    nightly = leg("nightly", TURNED, changed=("2.a",))
    main(["issues", leg.folder])
    nightly.unlink()
    main(["issues", leg.folder])

    assert gh.issues[0]["state"] == "open", "the nightly leg was not run"
    for claim, inputs in (
        (("2.b", "supported", "passed"), ()),
        (("2.a", "supported", "skipped"), ()),
        (GONE, ("2.a",)),
    ):
        leg("nightly", claim, inputs=inputs)
        main(["issues", leg.folder])

        assert gh.issues[0]["state"] == "open", (claim, inputs)
    assert "#1 stays open: nightly did not judge 2.a anew." in capsys.readouterr().out
    leg("nightly", GONE)
    main(["issues", leg.folder])

    assert gh.issues[0]["state"] == "closed"
    assert gh.issues[0]["comments"] == ["No change any more of `2.a` in `nightly`."]
    leg("nightly", TURNED, changed=("2.a",))
    main(["issues", leg.folder])

    assert [issue["state"] for issue in gh.issues] == ["closed", "open"]


@pytest.mark.parametrize(
    "facts",
    [
        {"changed": {"layers": [1, 2]}},
        {"stream": "fresh-5"},
        {"engine": "jax"},
        {"registered_seeds": 64, "last_look": 8, "registered_looks": []},
        {"registered_seeds": 64, "last_look": 32, "registered_looks": [32, 64], "ended": "last look"},
    ],
    ids=["other conditions", "fresh seeds", "another engine", "a quick look", "a shorter run that did not decide"],
)
def test_what_was_not_judged_as_registered_closes_nothing(gh, leg, capsys, facts):
    """Whatever its outcome says: the registered verdict is still the changed one."""
    file = leg("latest", TURNED, changed=("2.a",))
    main(["issues", leg.folder])
    leg("latest", GONE)
    stored = json.loads(file.read_text())
    stored["claims"][0].update(facts)
    stored["baseline"] = None
    file.write_text(json.dumps(stored))
    main(["issues", leg.folder])

    assert [issue["state"] for issue in gh.issues] == ["open"]
    assert "#1 stays open: latest did not judge 2.a anew." in capsys.readouterr().out


@pytest.mark.parametrize("facts", [{"changed": {"layers": [1, 2]}}, {"stream": "fresh-5"}, {"engine": "jax"}])
def test_what_does_not_ask_the_registered_claim_opens_nothing(gh, leg, facts):
    """An error under other conditions, or a contradiction on fresh seeds, is no change of the registered verdict."""
    file = leg("latest", TURNED)
    stored = json.loads(file.read_text())
    stored["claims"][0].update(facts)
    stored["baseline"] = None
    file.write_text(json.dumps(stored))
    main(["issues", leg.folder])

    assert gh.issues == []


def test_a_run_that_is_not_there_is_no_news(gh, leg, capsys):
    """What it last said stays in the text, without a comment; the issue is closed when the last change is gone."""
    latest = leg("latest", TURNED, changed=("2.a",))
    nightly = leg("nightly", TURNED, changed=("2.a",))
    main(["issues", leg.folder])
    for _ in range(2):
        nightly.unlink()
        main(["issues", leg.folder])

        assert "| `2.a` | nightly | supported | refuted | first steps | not judged anew |" in gh.issues[0]["body"]
        leg("nightly", TURNED, changed=("2.a",))
        main(["issues", leg.folder])

        assert "not judged anew" not in gh.issues[0]["body"]
    assert gh.issues[0]["comments"] == []
    nightly.unlink()
    leg("latest", GONE)
    capsys.readouterr()
    for _ in range(2):
        main(["issues", leg.folder])

    (issue,) = gh.issues
    assert len(issue["comments"]) == 1, "the change is gone in one run, which is news once"
    assert "| latest |" not in issue["body"]
    assert "| nightly | supported | refuted |" in issue["body"]
    assert "**`2.a`** Asks" in issue["body"]
    assert "#1 stays open: nightly did not judge 2.a anew." in capsys.readouterr().out
    latest.unlink()
    leg("nightly", GONE)
    main(["issues", leg.folder])

    assert [issue["state"] for issue in gh.issues] == ["closed"]


@pytest.mark.parametrize("cut", ["older", "too long"])
def test_an_issue_that_does_not_say_what_each_run_said_is_closed_as_safely(gh, leg, cut, monkeypatch):
    """One of an older version, or one whose text would be too long for GitHub: each claim is awaited in each run."""
    if cut == "too long":
        monkeypatch.setattr("pytest_claims.nightly.issues.BODY", 100)
    leg("latest", TURNED, changed=("2.a",))
    nightly = leg("nightly", TURNED, changed=("2.a",))
    main(["issues", leg.folder])
    if cut == "older":
        (entry,) = gh.issues
        entry["body"] = entry["body"].partition(', "changes"')[0] + "} -->\n"
        (gh.folder / "issues.json").write_text(json.dumps([entry]))

    assert '"changes"' not in gh.issues[0]["body"]
    nightly.unlink()
    leg("latest", GONE)
    main(["issues", leg.folder])

    assert gh.issues[0]["state"] == "open"
    leg("nightly", GONE)
    main(["issues", leg.folder])

    assert gh.issues[0]["state"] == "closed"


def test_many_changes_at_once_are_one_issue(gh, leg):
    """A library that changes everything is one cause; the next night knows that issue, too."""
    claims = [(f"3.{letter}", "refuted", "failed") for letter in "abcdefghijkl"]
    leg("latest", *claims, changed=[claim for claim, *_ in claims])
    main(["issues", leg.folder])

    assert [issue["title"] for issue in gh.issues] == ["12 claims changed: 3.a, 3.b, 3.c, 3.d, 3.e, ..."]
    leg("latest", *claims[:2], *((name, "supported", "passed") for name, *_ in claims[2:]), changed=("3.a", "3.b"))
    main(["issues", leg.folder])
    leg("latest", *((name, "supported", "passed") for name, *_ in claims))
    main(["issues", leg.folder])

    (issue,) = gh.issues
    assert issue["state"] == "closed"
    assert "`3.c`" not in issue["comments"][0]


def test_a_dry_run_only_prints(gh, leg, capsys, monkeypatch, tmp_path):
    """It reads the open issues, and changes none; without `gh` it shows what happens where none is open."""
    leg("latest", TURNED, changed=("2.a",))
    main(["issues", leg.folder, "--dry-run", "--repo", "me/mine"])

    assert [command[:2] for command in gh.told] == [["issue", "list"]]
    assert "would open: Claim 2.a: supported, now refuted" in capsys.readouterr().out
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["issues", leg.folder, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "gh, GitHub's command line, is missing" in printed
    assert "would open: Claim 2.a" in printed


def test_what_gh_says_is_shown_without_tokens(gh, leg, capsys):
    """A failure is one sentence and exit status 2; issues of the named repository and label are asked for."""
    leg("latest", TURNED, changed=("2.a",))
    (gh.folder / "broken").touch()

    assert main(["issues", leg.folder, "--repo", "me/mine", "--label", "drift"]) == 2
    error = capsys.readouterr().err
    assert error == "pytest-claims: `gh issue list` failed: HTTP 401: Bad credentials (a token).\n"
    (command,) = gh.told
    assert command[-2:] == ["--repo", "me/mine"]
    assert command[command.index("--label") + 1] == "drift"


def test_issues_of_others_are_left_alone(gh, leg):
    """An issue with the label and without our hidden comment, or with a broken one, is none of ours."""
    bodies = ["Something else.", "<!-- pytest-claims: {} -->", '<!-- pytest-claims: {"claims": 1} -->']
    others = [
        {"number": at, "state": "open", "title": "", "body": body, "comments": []} for at, body in enumerate(bodies)
    ]
    (gh.folder / "issues.json").write_text(json.dumps(others))
    leg("latest", GONE)
    main(["issues", leg.folder])

    assert gh.issues == others
    assert len(gh.told) == 1


def test_a_report_log_without_a_baseline_says_what_departs_from_its_registration(gh, tmp_path):
    """The log of pytest-reportlog has the records; errors outside a claim's test count, too."""
    path = log(
        tmp_path,
        phase("2.a", "refuted", "failed", "call", "failed"),
        phase("2.b", "refuted", "xfailed", "call", "passed", claim_is_as_registered="xfailed"),
        phase("2.c", "supported", "passed", "call", "passed"),
        phase("2.c", "supported", "passed", "teardown", "failed"),
    )

    assert main(["issues", str(path)]) == 0
    assert [issue["title"] for issue in gh.issues] == [
        "Claim 2.a: supported, now refuted",
        "Claim 2.c: supported, now error",
    ]
    assert "| `2.a` | night | supported | refuted | not compared | \\- |" in gh.issues[0]["body"]


def test_an_error_outlives_the_teardown_that_follows_it(gh, leg, tmp_path, capsys):
    """A warning that is an error ends a judged claim before its teardown passes: nothing is calm, nothing is closed."""
    leg("night", TURNED, changed=("2.a",))
    main(["issues", leg.folder])
    path = log(
        tmp_path,
        phase("2.a", "refuted", "passed", "setup", "failed"),
        phase("2.a", "refuted", "passed", "teardown", "passed"),
    )

    assert main(["issues", str(path)]) == 0
    (issue,) = gh.issues
    assert issue["state"] == "open"
    assert "| `2.a` | night | supported | error |" in issue["body"]
    assert "No verdict changed" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["report log", "results.json"])
def test_a_file_that_could_not_be_collected_is_named(gh, leg, tmp_path, capsys, kind):
    """Nobody knows its verdicts: the others count, and the exit status is 4."""
    path = leg("night", TURNED, changed=("2.a",))
    broken = "claims/test_depth.py"
    if kind == "report log":
        line = {"$report_type": "CollectReport", "nodeid": broken, "outcome": "failed", "longrepr": "ImportError"}
        path = log(tmp_path, line, phase("2.a", "refuted", "failed", "call", "failed"))
    else:
        missing = [{"id": broken, "nodeid": broken, "reason": ""}, {"id": "2.b", "nodeid": "x::y", "reason": ""}]
        path.write_text(json.dumps(json.loads(path.read_text()) | {"missing": missing}))

    assert main(["issues", str(path)]) == 4
    assert len(gh.issues) == 1
    assert capsys.readouterr().err == (
        f"pytest-claims: {path}: {broken} could not be collected, so nobody knows its verdicts.\n"
    )


def test_the_whole_lines_of_a_log_that_breaks_off_count(gh, tmp_path, capsys):
    """A crash cuts the last line off: a sentence says so. A log that is broken before its end is none."""
    path = log(tmp_path, phase("2.a", "refuted", "failed", "call", "failed"))
    whole = path.read_text()
    path.write_text(whole + whole.splitlines()[-1][:100])

    assert main(["issues", str(path)]) == 4
    assert len(gh.issues) == 1
    assert capsys.readouterr().err == (
        f"pytest-claims: {path} breaks off in its last line: the verdicts after it are not known.\n"
    )
    for text in (whole[:20], whole[:20] + "\n" + whole):
        path.write_text(text)

        assert main(["issues", str(path)]) == 4
        assert "is no report log of pytest-reportlog" in capsys.readouterr().err


def test_a_report_log_says_nothing_about_versions(gh, tmp_path):
    """It has none: neither versions nor processor are called the same or another."""
    trace = {"train": {"step": [0, 1], "loss": [0.7, 0.6], "gradient": [1.0, 0.9]}}
    inputs = {"toy/data": "h1"}
    path = log(tmp_path, phase("2.a", "refuted", "failed", "call", "failed", trace=trace, inputs=inputs))
    before = {**CLAIM, "id": "2.a", "verdict": "supported", "inputs": inputs}
    before["trace"] = {"train": {**trace["train"], "loss": [0.7, 0.5]}}
    baseline = tmp_path / "baseline.json"
    facts = {"torch": "2.13.0", "cpu": "A", "commit": "c0ffee"}
    baseline.write_text(json.dumps({"schema": 1, "environment": facts, "claims": [before]}))

    assert main(["issues", str(path), "--baseline", str(baseline)]) == 0
    (row,) = [line for line in gh.issues[0]["body"].splitlines() if line.startswith("| `2.a`")]
    assert "training first departed at step 1" in row
    assert row.endswith("; which versions ran is not known |")


@pytest.mark.parametrize(
    "write, sentence, status",
    [
        (lambda folder: (folder / "empty").mkdir(), "holds no run", 2),
        (lambda folder: (folder / "empty").write_text("{}"), "it has no field 'schema'", 4),
    ],
    ids=["no run", "another file"],
)
def test_what_is_no_run_is_one_sentence(gh, tmp_path, capsys, write, sentence, status):
    """And nothing is said on GitHub."""
    write(tmp_path)

    assert main(["issues", str(tmp_path / "empty")]) == status
    assert sentence in capsys.readouterr().err
    assert gh.told == []


def test_one_leg_that_cannot_be_read_does_not_silence_the_others(gh, leg, capsys):
    """It closes nothing, and the command ends with 4 and a sentence about it."""
    leg("latest", TURNED, changed=("2.a",))
    leg("nightly", GONE).write_text("{")

    assert main(["issues", leg.folder]) == 4
    assert len(gh.issues) == 1
    assert "nightly/report/results.json" in capsys.readouterr().err


def test_two_runs_of_one_name_are_refused(leg, capsys):
    """An issue must know which run it is about."""
    file = leg("latest", GONE)

    assert main(["issues", str(file), str(file.parent)]) == 2
    assert "Two runs are called latest" in capsys.readouterr().err


def test_a_leg_that_takes_too_long_silences_no_other():
    """GitHub may call a job cancelled that exceeds its time: no job of the night asks for another job's result."""
    workflow = (Path(__file__).parents[2] / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8")

    assert ".result" not in workflow
    assert workflow.count("!cancelled()") == 2
