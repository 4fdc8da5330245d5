"""A bisection finds the first version in which a claim departs, with few installs, and can be broken off."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_claims.cli import main
from pytest_claims.cli.maintaining import BROKEN_OFF, GIT_STOPS
from pytest_claims.errors import FolderError, RequirementsError, UnreadableError
from pytest_claims.nightly import bisect, environments, judging
from pytest_claims.nightly.bisect import Bisection, between, search
from pytest_claims.nightly.environments import Installer, UnusableVersionError, installer_named, versions
from pytest_claims.nightly.judging import Question
from tests.nightly.conftest import Look, toy, write_results

REFUTED = {"verdict": "refuted", "outcome": "failed"}
TRACE = {"step": [0, 1], "loss": [0.7, 0.6], "gradient": [1.0, 0.9]}
OTHER = {"step": [0, 1], "loss": [0.7, 0.61], "gradient": [1.0, 0.9]}


@pytest.fixture(autouse=True)
def claim_is_there(monkeypatch, request):
    """Let the claim be known without collecting anything, except to the tests that ask pytest itself."""
    if request.function is not test_an_unknown_claim_is_refused_before_anything_is_installed:
        monkeypatch.setattr(Bisection, "_check_claim", lambda _: None)


@pytest.fixture
def bisection(index, tmp_path):  # noqa: ARG001 - what it makes sees no other index
    """Return a function that makes a bisection of the toy package; ``said`` are its sentences."""

    def make(first, last, run, *, stage="verdict", constraints=None, pip=False, **more):
        installer = Installer("toy", tmp_path, constraints, installer_named("pip" if pip else None))
        return Bisection(
            Question("toy", "2.a", first, last, stage), tmp_path / "state", installer, make.said.append, run=run, **more
        )

    make.said = []
    return make


@pytest.fixture
def quick(bisection, index, monkeypatch):
    """Return the same without asking pip for versions and settings, which takes a second each time."""
    monkeypatch.setattr(bisect, "versions", lambda name, **_: index.versions[name])
    monkeypatch.setattr(environments, "_index_of_pip", lambda: ["--default-index", index.url])
    return bisection


# -- the search -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9, 16, 17, 33])
def test_a_search_tries_few_versions(count):
    """Wherever the claim departs: the right place, and with both ends at most ceil(log2 n) + 2 versions."""
    for bad in range(1, count):
        tried = []

        def look(at, bad=bad, tried=tried):
            tried.append(at)
            return "departs" if at >= bad else "good"

        assert search(count, look) == (bad - 1, bad)
        assert len(tried) + 2 <= (count - 1).bit_length() + 2
        assert len(set(tried) | {0, count - 1}) == len(tried) + 2


@pytest.mark.parametrize("skipped", [{3}, {4}, {3, 4}, {1, 2, 3}, {4, 5, 6}, set(range(1, 8)), {2, 6}])
def test_a_search_passes_over_what_it_must_skip(skipped):
    """Only skipped versions are left between the two that it returns, and no skipped one is tried twice."""
    for bad in range(1, 9):
        tried = []

        def look(at, bad=bad, tried=tried):
            tried.append(at)
            return "skipped" if at in skipped else "departs" if at >= bad else "good"

        good, departs = search(9, look)

        assert good < bad <= departs
        assert set(range(good + 1, departs)) <= skipped
        assert len(tried) == len(set(tried))


@pytest.mark.parametrize(
    "first, last, sentence",
    [
        ("2.0", "1.0", "2.0 is not older than 1.0"),
        ("1.0", "1.0", "1.0 is not older than 1.0"),
        ("1.0", "3.0", "toy 3.0 is not among the versions that the index offers; near it: 2.0."),
        ("1.1", "2.0", "toy 1.1 is not among the versions that the index offers; near it: 1.0 and 1.5."),
        ("1.0", "2.0rc1", r"near it: 1.5 and 2.0 \(--pre adds pre-releases\)"),
        ("one", "2.0", "'one' is no version such as 2.6"),
    ],
)
def test_two_versions_that_are_no_pair_are_refused(first, last, sentence):
    """The sentence says which of them is wrong, and which versions are near."""
    with pytest.raises(RequirementsError, match=sentence):
        between(["1.0", "1.5", "2.0"], Question("toy", "2.a", first, last))


def test_a_version_may_be_written_shorter():
    """2 and 2.0 are one version; what lies outside is left out."""
    assert between(["0.9", "1.0", "1.5", "2.0", "2.1"], Question("toy", "2.a", "1", "2")) == ["1.0", "1.5", "2.0"]


# -- with an index --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pip", [pytest.param(True, marks=pytest.mark.slow, id="pip"), pytest.param(False, id="uv where it is there")]
)
def test_a_planted_regression_is_found(index, bisection, pip):
    """Among 16 versions, some of which cannot be tried, the right one, with few installs; nothing big is left."""
    for minor in range(16):
        facts = REFUTED if minor >= 11 else {}
        crash = "import os\nos.abort()\n" if minor == 6 else ""
        if minor == 7:
            index.add_source("toy", "1.7")
        else:
            index.add("toy", f"1.{minor}", crash + toy(f"1.{minor}", **facts))
    look = Look()
    run = bisection("1.0", "1.15", look, pip=pip)
    answer = run.find()

    assert (answer.candidates, answer.status) == (["1.11"], bisect.FOUND)
    assert len(look.tried) <= 4 + 2
    skipped = {version: step.text for version, step in run.steps.items() if step.outcome == "skipped"}
    assert skipped.keys() == {"1.6", "1.7"}
    assert skipped["1.6"] == "it cannot be imported: its process was ended by SIGABRT"
    assert skipped["1.7"].startswith("it cannot be installed: ")
    assert answer.lines()[0] == "2.a departs first in toy 1.11: supported with 1.10, refuted with 1.11."
    assert not list(run.folder.glob("*/environment"))
    assert len(bisection.said) == 1 + len(run.steps)


def test_skipped_versions_leave_several_candidates(index, quick):
    """What cannot be tried is no evidence, neither for nor against; what remains is the interval."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", "import nosuch\n")
    index.add("toy", "1.2", toy("1.2", **REFUTED))
    answer = quick("1.0", "1.2", Look()).find()

    assert answer.steps["1.1"].text == "it cannot be imported: ModuleNotFoundError: No module named 'nosuch'"
    assert (answer.candidates, answer.status) == (["1.1", "1.2"], bisect.SEVERAL)
    assert "departs first in one of toy 1.1, 1.2, of which all but the last were skipped" in answer.lines()[0]
    assert answer.as_json()["result"] == "several candidates"


@pytest.mark.parametrize(
    "name", [pytest.param("pip", marks=pytest.mark.slow), pytest.param(None, id="uv where it is there")]
)
def test_a_withdrawn_version_is_not_tried(index, tmp_path, name):
    """A yanked version is not listed, and where it was withdrawn after that, it is not installed without a word."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1"), yanked=True)

    assert versions("toy") == ["1.0"]
    with pytest.raises(UnusableVersionError, match="withdrawn"):
        Installer("toy", tmp_path, None, installer_named(name)).make(tmp_path / "environment", "1.1")


def test_a_stage_is_found_before_the_verdict(index, quick):
    """With a stage, the first version whose first steps differ, although its verdict is the same."""
    for minor in range(4):
        verdict = REFUTED if minor == 3 else {}
        index.add("toy", f"1.{minor}", toy(f"1.{minor}", trace=OTHER if minor >= 1 else TRACE, **verdict))
    answer = quick("1.0", "1.3", Look(), stage="trace").find()

    assert answer.candidates == ["1.1"]
    assert answer.lines()[0].endswith("supported with 1.1, and the first stage that differs is first steps.")
    assert any("training first departed at step 1, in the loss" in line for line in answer.lines())
    assert any(line.endswith("toy 1.0 → 1.1 did it: 2.a") for line in answer.lines())
    assert answer.as_json()["departed"] == "first steps"


def test_a_stage_that_the_claim_lacks_is_refused(index, quick):
    """A claim that trains nothing has no first steps; that is said after the first version."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1"))

    with pytest.raises(RequirementsError, match=r"2\.a has no first steps that could be compared"):
        quick("1.0", "1.1", Look(), stage="trace").find()


def test_a_bisection_that_was_broken_off_goes_on(index, quick):
    """Ctrl-C leaves a whole state and no environment; the next call tries only what is not known."""
    for minor in range(9):
        index.add("toy", f"1.{minor}", toy(f"1.{minor}", **(REFUTED if minor >= 6 else {})))
    first, second = Look(break_at=3), Look()
    with pytest.raises(KeyboardInterrupt):
        quick("1.0", "1.8", first).find()
    run = quick("1.0", "1.8", second)

    assert list(json.loads((run.folder / bisect.STATE).read_text())["versions"])[-1] == "1.8"
    assert not list(run.folder.glob("*/environment"))
    assert run.find().candidates == ["1.6"]
    assert first.tried == ["1.0", "1.8", "1.4"]
    assert second.tried == ["1.4", "1.6", "1.5"]
    assert "2 are known from before" in quick.said[3]


def test_what_the_package_needs_is_installed_with_it(index, quick):
    """A requirement that the running environment does not meet moves, is named, and counts in that version alone."""
    index.add("toy", "1.0", toy("1.0"), needs="iniconfig")
    index.add("iniconfig", "99.0")
    index.add("toy", "1.1", "import iniconfig\n" + toy("1.1", **REFUTED), needs="iniconfig>=99; python_version>'3'")
    run = quick("1.0", "1.1", Look(), keep=True)
    answer = run.find()

    assert [dict(step.moved) for step in answer.steps.values()] == [{}, {"iniconfig": "99.0"}]
    assert "toy 1.1, with iniconfig 99.0: 2.a is refuted, no longer supported" in quick.said[-1]
    assert (run.folder / "1.1" / "environment").is_dir()


def test_an_error_beside_a_package_that_wants_another_version_is_no_departure(index, quick, tmp_path, monkeypatch):
    """What another installed package cannot work with is skipped, as nothing says whose fault the error is."""
    info = tmp_path / "site" / "other-3.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 3.0\nRequires-Dist: toy<1.1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    error = {"verdict": "error", "outcome": "error"}
    for minor in range(3):
        index.add("toy", f"1.{minor}", toy(f"1.{minor}", **({1: error, 2: REFUTED}.get(minor, {}))))
    answer = quick("1.0", "1.2", Look()).find()

    assert answer.steps["1.1"].text == "2.a is an error, and other 3.0 needs toy<1.1"
    assert answer.candidates == ["1.1", "1.2"]


def test_with_constraints_everything_is_installed_anew(index, quick, tmp_path):
    """The environment has the project, its dependencies as constrained, and nothing of the running environment."""
    backend = """
import zipfile
def get_requires_for_build_editable(config_settings=None): return []
def build_editable(folder, config_settings=None, metadata_directory=None):
    info, name = "mine-1.dist-info", "mine-1-py3-none-any.whl"
    files = {f"{info}/METADATA": "Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\nRequires-Dist: helper\\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    files[f"{info}/RECORD"] = "".join(f"{file},,\\n" for file in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return name
"""
    (tmp_path / "backend.py").write_text(backend)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "mine"\n'
        'version = "1"\ndependencies = ["helper"]\n'
    )
    (tmp_path / "pins.txt").write_text("helper==1.0\ntoy==7\n")
    alone = "import importlib.util\nassert importlib.util.find_spec('pytest') is None\nimport helper\n"
    index.add("helper", "1.0")
    index.add("helper", "2.0")
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1", **REFUTED).replace("FACTS", f"{alone}FACTS"), needs="helper>=2")
    answer = quick("1.0", "1.1", Look(), constraints=tmp_path / "pins.txt").find()

    assert answer.candidates == ["1.1"]
    assert [dict(step.moved) for step in answer.steps.values()] == [{}, {"helper": "2.0"}]


# -- what has no answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts, sentence",
    [
        (({}, {}), None),
        (
            ({"verdict": "error", "outcome": "error"}, {}),
            "2.a is an error with the first version, toy 1.0: It",
        ),
        ((REFUTED, {}), "2.a is refuted with the first version, toy 1.0, and supported is what it is registered as"),
    ],
)
def test_ends_that_make_no_question(index, quick, facts, sentence):
    """The last version may be as good as the first, which is an answer; the first must be good."""
    for version, claim in zip(("1.0", "1.1"), facts, strict=True):
        index.add("toy", version, toy(version, **claim))
    run = quick("1.0", "1.1", Look())
    if sentence is None:
        answer = run.find()

        assert (answer.candidates, answer.status) == ([], bisect.SAME)
        assert answer.lines()[0] == "2.a does not depart (stage: verdict): toy 1.1 is as toy 1.0."
        return
    with pytest.raises(RequirementsError, match=sentence):
        run.find()


def test_an_end_that_cannot_be_judged_is_refused(index, quick):
    """Its reason is given, and it is tried again the next time."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", "VERSION, FACTS = '1.1', None\n")
    run = quick("1.0", "1.1", Look())
    sentence = r"the last version, toy 1.1, cannot be judged: 2.a got no verdict \(pytest's exit status 2\): the claims"

    with pytest.raises(RequirementsError, match=sentence):
        run.find()
    assert list(run.steps) == ["1.0"]


@pytest.mark.usefixtures("index")
def test_an_unknown_package_is_refused():
    """In the words of pip, and where to look."""
    with pytest.raises(RequirementsError, match=r"pip lists no versions of nosuch: .*No matching distribution"):
        versions("nosuch")


@pytest.mark.usefixtures("index")
def test_an_index_out_of_reach_is_no_missing_package(monkeypatch):
    """The sentence says that the index cannot be reached, not that the package does not exist."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")

    with pytest.raises(RequirementsError, match="the package index cannot be reached"):
        versions("toy")


@pytest.mark.usefixtures("index")
def test_an_index_that_fails_while_installing_stops_the_bisection(monkeypatch, tmp_path):
    """No version is skipped for what the network did."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for pip in (True, False):
        installer = Installer("toy", tmp_path, None, installer_named("pip" if pip else None))

        with pytest.raises(RequirementsError, match=r"toy==1\.0 could not be installed, which is not its own fault"):
            installer.make(tmp_path / f"environment-{pip}", "1.0")


@pytest.mark.parametrize(
    "place, fault, error",
    [
        (".whl", "cut", RequirementsError),
        (".whl", 404, UnusableVersionError),
        (".whl", 401, RequirementsError),
        ("/toy/", 401, RequirementsError),
        ("/toy/", 503, RequirementsError),
    ],
)
def test_what_an_index_answers_is_told_from_a_version(index, faults, tmp_path, monkeypatch, place, fault, error):
    """Only a wheel that the index no longer has is the version's own fault, with uv and with pip."""
    monkeypatch.setattr(environments, "_index_of_pip", lambda: ["--default-index", index.url])
    index.add("toy", "1.0", toy("1.0"))
    faults[place] = fault
    for name in ("pip", None):
        installer = Installer("toy", tmp_path, None, installer_named(name))

        with pytest.raises(error, match=r"not its own fault: .*; the same command|it cannot be installed"):
            installer.make(tmp_path / f"environment-{name}", "1.0")


@pytest.mark.parametrize(
    "words",
    [
        "cause: Failed to download distribution due to network timeout. Try increasing UV_HTTP_TIMEOUT",
        "cause: error decoding response body\n cause: request or response body error",
        "cause: error reading a body from connection\n cause: Connection reset by peer (os error 104)",
        "ERROR: Download failed after 6 attempts because not enough bytes were received (250 kB/500 kB)",
        "ERROR: Exception: ProtocolError: ('Connection broken: IncompleteRead(250 bytes read, 250 more expected)')",
        "ERROR: Could not install toy because of HTTP error 429 Client Error: Too Many Requests for url: x",
        "error: Failed to fetch: http://x/toy/\n  cause: HTTP status client error (404 Not Found) for url (http://x/toy/)",
    ],
)
def test_words_about_the_network(words):
    """What installers say after waiting for long, or in other versions than the ones here."""
    assert environments._NOT_THE_VERSION.search(words)


def test_a_download_that_breaks_off_is_tried_again(index, quick, faults):
    """It is no skipped version: nothing is stored about it, and the same command finds the answer."""
    for minor, facts in enumerate(({}, REFUTED, REFUTED)):
        index.add("toy", f"1.{minor}", toy(f"1.{minor}", **facts))
    faults["toy-1.1-py3-none-any.whl"] = "cut"
    with pytest.raises(RequirementsError, match=r"toy==1\.1 could not be installed, which is not its own fault"):
        quick("1.0", "1.2", Look()).find()
    faults.clear()
    again = Look()

    assert quick("1.0", "1.2", again).find().candidates == ["1.1"]
    assert again.tried == ["1.1"]


@pytest.mark.usefixtures("index", "answer_on_stdin")
def test_an_index_that_wants_a_password(faults):
    """Nothing asks for it, as nobody would see the question; the sentence says where pip looks for it."""
    faults["/toy/"] = 401

    with pytest.raises(RequirementsError, match=r"wants a name and a password; write them into its address, .*netrc"):
        versions("toy")


@pytest.mark.usefixtures("answer_on_stdin")
def test_nothing_reads_what_is_typed(index, tmp_path):
    """A version that asks something while it is imported, and the claim's run, get no answer instead of waiting."""
    index.add("toy", "1.0", f"import sys\nassert not sys.stdin.read()\n{toy('1.0')}")
    (tmp_path / "pytest.py").write_text("import sys\nprint(repr(sys.stdin.read()))\n")
    Installer("toy", tmp_path).make(tmp_path / "environment", "1.0")
    ended = judging.run_claim(Path(sys.executable), "2.a", tmp_path / "report", tmp_path, ())

    assert ended.stdout == "''\n"


def test_an_import_that_never_ends(index, tmp_path, monkeypatch):
    """The version is skipped after a time."""
    monkeypatch.setattr(environments, "IMPORT_LIMIT", 0.1)
    index.add("toy", "1.0", "import time\ntime.sleep(300)\n")

    with pytest.raises(UnusableVersionError, match=r"its import does not end within 0\.1 s"):
        Installer("toy", tmp_path).make(tmp_path / "environment", "1.0")


def test_a_package_beside_the_claims_is_refused(index, tmp_path):
    """A folder of that name in the way would be imported in every version."""
    index.add("toy", "1.0", toy("1.0"))
    (tmp_path / "toy.py").write_text("")

    with pytest.raises(RequirementsError, match=r"toy is imported from .*, which hides every version"):
        Installer("toy", tmp_path).make(tmp_path / "environment", "1.0")


def test_neither_pip_nor_uv(monkeypatch):
    """What is missing is said, and how it is had; what is named must be there."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(RequirementsError, match="neither pip nor uv is here: `python -m ensurepip`"):
        versions("toy")
    with pytest.raises(RequirementsError, match="uv is not here"):
        installer_named("uv")
    with pytest.raises(RequirementsError, match="pip is not here"):
        installer_named("pip")


# -- the folder of its state ----------------------------------------------------------------------------------------


def test_folders_of_others_are_refused(index, quick, tmp_path):
    """Another question's state, files that no bisection wrote, and a folder in use are left as they are."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1"))
    quick("1.0", "1.1", Look()).find()
    state = tmp_path / "state"

    with pytest.raises(FolderError, match=r"the state of another bisection \(stage: verdict there, trace now\)"):
        quick("1.0", "1.1", Look(), stage="trace").find()
    with FileLock(state / bisect.LOCK), pytest.raises(FolderError, match="Another bisection is at work"):
        quick("1.0", "1.1", Look()).find()
    (state / bisect.STATE).write_text('{"question": {"package": "toy"}}')
    with pytest.raises(FolderError, match=r"claim: None there, 2\.a now"):
        quick("1.0", "1.1", Look()).find()
    (state / bisect.STATE).write_text("{")
    with pytest.raises(UnreadableError, match="no valid JSON"):
        quick("1.0", "1.1", Look()).find()
    (state / bisect.LOCK).unlink()
    with pytest.raises(FolderError, match="holds files that no bisection wrote"):
        quick("1.0", "1.1", Look()).find()


def test_an_edited_claim_gets_no_answer_from_before(index, quick, tmp_path):
    """What was found is about the claims as they were: a source file that changed, came or went is said."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_edited.py").write_text("margin = 0.3\n")
    (project / "notes.md").write_text("no source\n")

    def find():
        bisection = quick("1.0", "1.1", Look())
        bisection.installer = Installer("toy", project, None, installer_named(None))
        return bisection.find()

    find()
    (project / "notes.md").write_text("no source, changed\n")
    find()
    (project / "test_edited.py").write_text("margin = -3\n")
    with pytest.raises(FolderError, match="a source file of the project has changed since"):
        find()


def test_a_lock_of_others_does_not_make_their_folder_ours(index, quick, tmp_path):
    """Nothing in it is deleted or replaced, although a folder in it is named like a version."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1"))
    theirs = {".lock": "", ".gitignore": "notes\n", "1.0/notes.txt": "precious"}
    for name, text in theirs.items():
        path = tmp_path / "state" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    with pytest.raises(FolderError, match="holds files that no bisection wrote"):
        quick("1.0", "1.1", Look()).find()
    assert {name: (tmp_path / "state" / name).read_text() for name in theirs} == theirs


# -- one environment, for git bisect run ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts, status, sentence",
    [
        ({}, judging.GOOD, "2.a is supported."),
        (REFUTED, judging.DEPARTS, "2.a is refuted, no longer supported."),
        (
            {"verdict": "inconclusive", "seeds": 4, "last_look": 4},
            judging.SKIP,
            (
                "skipped: 2.a is inconclusive and was supported, but the two runs cannot be compared (an error, other "
                "looks, seeds or engine, or a measured time): take the same arguments for both."
            ),
        ),
        (None, judging.SKIP, "skipped: 2.a got no verdict (pytest's exit status 2): no such thing."),
    ],
)
def test_the_running_environment_against_a_run(tmp_path, facts, status, sentence):
    """The statuses are those that `git bisect run` reads."""
    write_results(tmp_path / "good")

    def run(_python, _claim, report, *_):
        if facts is not None:
            write_results(report, **facts)
        return subprocess.CompletedProcess([], 0 if facts is not None else 2, "E    no such thing\n", "")

    assert judging.against(tmp_path / "good", "2.a", "verdict", tmp_path, (), run) == (status, sentence)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--claim", "2.a", "--against", "good"], "good cannot be read"),
        (["--claim", "9.z", "--against", "run"], "run holds no claim 9.z"),
        (["--claim", "2.a", "--against", "run", "--stage", "last steps"], "there is no stage 'last steps'"),
        (["--claim", "2.a", "--against", "run", "--pytest", "it's"], "--pytest it's: no closing quotation."),
        (["torch", "--claim", "2.a", "--against", "run"], "leave torch out"),
        (["--claim", "2.a", "--against", "run", "--pytest", "--seeds", "8"], "--pytest: expected one argument"),
        (["--claim", "2.a", "--against=run", "--seeds", "8"], "unrecognized arguments: --seeds"),
        (["--claim", "2.a", "--agianst", "run"], "unrecognized arguments: --agianst"),
        (["--against", "run"], "the following arguments are required: --claim"),
    ],
)
def test_what_goes_wrong_before_a_run_stops_git(tmp_path, monkeypatch, capsys, arguments, sentence):
    """A status of 128 or more ends `git bisect run`; one below would count a mistake as a departure."""
    write_results(tmp_path / "run")
    monkeypatch.chdir(tmp_path)

    assert main(["bisect", *arguments]) == GIT_STOPS
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, status, sentence",
    [
        (OSError(errno.ENOSPC, "No space left on device", "place"), GIT_STOPS, "place cannot be used: No space left"),
        (KeyboardInterrupt(), BROKEN_OFF, "Broken off; nothing was judged."),
        (ImportError("no numpy in this commit"), GIT_STOPS, "ImportError: no numpy in this commit"),
    ],
)
def test_what_breaks_a_run_stops_git(tmp_path, monkeypatch, capsys, error, status, sentence):
    """A full disk, Ctrl-C and a library that this commit broke are no departures of the claim."""

    def broken(*_args, **_options):
        raise error

    write_results(tmp_path / "run")
    monkeypatch.setattr(judging.tempfile, "TemporaryDirectory", broken)

    assert main(["bisect", "--claim", "2.a", "--against", str(tmp_path / "run")]) == status
    assert sentence in "".join(capsys.readouterr())


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, status, sentence",
    [
        (["toy", "1.0"], 2, "name a package and two of its versions"),
        (["toy", "1.0", "1.1", "--stage", "weights"], 2, "there is no stage 'weights'; the stages are raw draws, "),
        (["../toy", "1.0", "1.1"], 2, "PACKAGE ../toy: give a name without folders"),
        (["toy", "1.0", "1.1", "--pytest", "it's"], 2, "no closing quotation"),
        (["toy", "1.0", "1.1", "--constraints", "none.txt"], 2, "none.txt cannot be used: No such file"),
        (["toy", "1.0", "1.1", "--constraints", "pins.txt"], 2, "no pyproject.toml with a table [project] is here"),
        (["toy", "1.1", "1.0"], 2, "1.1 is not older than 1.0"),
        (["toy", "1.0", "1.2"], 2, "toy 1.2 is not among the versions"),
    ],
)
def test_what_cannot_be_carried_out(index, tmp_path, monkeypatch, capsys, arguments, status, sentence):
    """One sentence and exit status 2, before anything is installed."""
    index.add("toy", "1.0", toy("1.0"))
    index.add("toy", "1.1", toy("1.1"))
    (tmp_path / "pins.txt").write_text("numpy==2.0\n")
    monkeypatch.chdir(tmp_path)

    assert main(["bisect", "--claim", "2.a", *arguments]) == status
    assert sentence in capsys.readouterr().err


def test_an_unknown_claim_is_refused_before_anything_is_installed(quick, tmp_path, monkeypatch):
    """In the words of pytest; nothing was tried."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.setattr(bisect, "installed_versions", lambda names: dict.fromkeys(names, "1.0"))
    run = quick("1.0", "1.1", Look())

    with pytest.raises(RequirementsError, match=r"pytest does not find claim 2\.a here: .*no such claim"):
        run.find()
    assert run.steps == {}


SUITE = '''
"""Is it high?

Protocol. The toy package's height at two levels, with a little noise.

Departures. None.
"""

import numpy as np
import toy

from pytest_claims import claim, exceeds, measurement


@measurement(level=[1, 2])
def heights(seeds, level):
    noise = np.array([generator.normal(0, 0.1) for generator in seeds.generator("data")])
    return {"height": toy.HEIGHT * level * (1 + noise)}


@claim("2.a", "The higher level is higher", seeds=16)
def test_high(heights):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
'''


@pytest.mark.slow
def test_a_real_suite_on_a_real_index(index, tmp_path):
    """The command itself, with real runs of a claim on a package that is not installed here: a stage, and JSON."""
    for minor, height in enumerate((2.0, 2.0 + 1e-9, 0.1)):
        index.add("toy", f"1.{minor}", f"HEIGHT = {height!r}\n")
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "pytest.ini").write_text("[pytest]\n")
    (suite / "test_toy.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest_claims", "bisect", "--claim", "2.a", "toy", "1.0", "1.2"]
    options = ["--stage", "final numbers", "--pytest=-n0 -p no:cacheprovider", "--json"]
    ended = subprocess.run([*command, *options], cwd=suite, capture_output=True, text=True, check=False)

    assert ended.returncode == bisect.FOUND, ended.stderr
    answer = json.loads(ended.stdout)
    assert (answer["result"], answer["good"], answer["departs"]) == ("found", "1.0", "1.1")
    assert [step["verdict"] for step in answer["steps"]] == ["supported", "refuted", "supported"]
    assert "toy 1.2: 2.a is refuted, no longer supported, and the first stage that differs is final" in ended.stderr
    assert (suite / "bisect" / "toy-2.a" / "1.1" / "report" / "index.html").is_file()
