"""Whose a file in a report folder is, and who may write there: the marker, the lock, files known by their content."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_claims.errors import FolderError
from pytest_claims.files import why_unwritable
from pytest_claims.folders import (
    LOCK,
    MARKER,
    ReportFolder,
    as_typed,
    foreign,
    is_ours,
    read_marker,
    refuse_to_replace,
)
from pytest_claims.report.figures import illustrate
from pytest_claims.report.session import render
from pytest_claims.results import read


def place(path, command="pytest claims/"):
    """Return the report folder of a run."""
    return ReportFolder(path, path.name, "--report", command)


def taken(path, command="pytest claims/"):
    """Return the report folder of a run that has taken it."""
    folder = place(path, command)
    folder.take()
    return folder


@pytest.fixture
def earlier(report, tmp_path):
    """Return a folder with what versions before the marker left: a page, figures, tables, trials."""
    folder = tmp_path / "earlier"
    shutil.copytree(report, folder)
    for name in ("trials/durations.json", "trials/run-20260101-000000-0123abcd/plan.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


# -- which folders are refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [True, False])
def test_a_missing_or_empty_folder_is_taken(tmp_path, missing):
    """It gets a marker that says what the folder is, and lists what the run wrote."""
    out = tmp_path / "out"
    if not missing:
        out.mkdir()
    folder = taken(out)
    folder.note(["index.html"])
    folder.release()

    assert read_marker(out)["written"] == ["index.html"]
    assert read_marker(out)["what"].startswith("A report folder of pytest-claims.")
    assert "run" not in read_marker(out)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt", "index.html", "results.json", "measurements.csv", "figures/plot.svg", "figures/deep/plot.svg",
        "figures/data.csv", "trials/notes.txt", "trials/durations.json", "trials/run-1/result.npy",
        "src/module.py", ".git/config",
    ],
)  # fmt: skip
def test_a_folder_with_files_of_others_is_refused(tmp_path, name):
    """One sentence names one of the files and says what to do; nothing is written, nothing replaced."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(FolderError) as refused:
        taken(tmp_path)
    assert str(refused.value) == (
        f"The report folder {tmp_path.name} holds files that no run wrote, such as {name}: "
        "choose another with --report DIR, or move them away."
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="a drive's root has another name")
def test_the_root_of_the_system_is_refused():
    """``--report /`` is refused at the first file that is found."""
    assert foreign(Path("/")) is not None


@pytest.mark.parametrize("name", [".gitignore", ".gitkeep", ".DS_Store"])
def test_files_that_lie_in_any_folder_are_no_reason(tmp_path, name):
    """A .gitkeep keeps a folder in git; no run writes or deletes it."""
    (tmp_path / name).touch()

    assert foreign(tmp_path) is None


def test_a_report_of_an_earlier_version_is_adopted(earlier):
    """Page, results, table, figures, curves and trials without a marker are known by their content."""
    assert foreign(earlier) is None
    assert {path.suffix for path in (earlier / "figures").iterdir()} == {".svg", ".csv"}


def test_what_lies_beside_a_report_is_no_reason(earlier):
    """A CTRF file and a badge of ours, and what this run's options name; a file of the same kind of others is."""
    (earlier / "ctrf.json").write_text('{"reportFormat": "CTRF", "generatedBy": "pytest-claims 1.0"}')
    (earlier / "badge.json").write_text('{"schemaVersion": 1, "label": "", "message": "", "color": "red"}')
    assert foreign(earlier) is None
    (earlier / "xml").mkdir()
    for name in ("junit.xml", "xml/junit.xml"):
        (earlier / name).write_text("<testsuites/>")

        assert foreign(earlier) == earlier / name
        assert foreign(earlier, beside=[earlier / "xml" / ".." / "junit.xml", earlier / "xml" / "junit.xml"]) is None
        (earlier / name).unlink()
    (earlier / "index.html").write_text("mine")
    assert foreign(earlier, beside=[earlier / "index.html"]) == earlier / "index.html", "no page of others is replaced"
    (earlier / "index.html").unlink()
    (earlier / "ctrf.json").write_text('{"reportFormat": "CTRF", "generatedBy": "another"}')
    assert foreign(earlier) == earlier / "ctrf.json"


def test_one_file_more_and_it_is_not_adopted(earlier):
    """A figure that is not ours, beside an earlier report."""
    mine = earlier / "figures" / "0-mine.svg"
    mine.write_text("<svg/>")

    assert foreign(earlier) == mine


def test_a_marker_that_cannot_be_read_marks_nothing(tmp_path):
    """The folder is judged by its content."""
    for content in ("", "[]", '{"written": "all"}', '{"written": [1]}', "[" * 100_000):
        (tmp_path / MARKER).write_text(content)

        assert read_marker(tmp_path) is None
        assert foreign(tmp_path) is None


def test_in_a_marked_folder_others_files_stay(tmp_path):
    """Notes beside a report hinder nobody, but a page that no run wrote is in the way."""
    taken(tmp_path).release()
    (tmp_path / MARKER).write_text('{"written": []}')
    (tmp_path / "notes.txt").write_text("mine")

    assert foreign(tmp_path) is None
    (tmp_path / "index.html").write_text("mine")
    assert foreign(tmp_path) == tmp_path / "index.html"


@pytest.mark.usefixtures("in_time")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", ["index.html", "results.json", "trials/durations.json", "figures/1.a.svg"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    """Reading a named pipe that nobody writes to would never end: it is a file that no run wrote."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)

    assert not is_ours(tmp_path / name)
    assert foreign(tmp_path) == tmp_path / name
    with pytest.raises(FolderError, match="was not written by pytest-claims"):
        refuse_to_replace(tmp_path / name)


@pytest.mark.usefixtures("in_time")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_marks_nothing(tmp_path):
    """A pipe in the place of the marker counts as no marker."""
    os.mkfifo(tmp_path / MARKER)

    assert read_marker(tmp_path) is None
    assert foreign(tmp_path) is None


@pytest.mark.parametrize("marked", [None, [], ["results.json"]])
def test_a_folder_in_the_place_of_a_file_is_in_the_way(tmp_path, marked):
    """It is noticed before anything is trained, also where the last run wrote a file of that name."""
    (tmp_path / "results.json").mkdir()
    if marked is not None:
        (tmp_path / MARKER).write_text(json.dumps({"written": marked}))

    assert foreign(tmp_path) == tmp_path / "results.json"


# -- what is replaced and deleted -----------------------------------------------------------------------------------


def test_only_listed_figures_are_dropped(tmp_path):
    """Figures and curves of the last run go, unless this run wrote them; all others stay, whatever the list names."""
    names = ("1.a.svg", "1.a.csv", "2.a.svg", "mine.svg")
    (tmp_path / "out" / "figures").mkdir(parents=True)
    for name in names:
        (tmp_path / "out" / "figures" / name).touch()
    (tmp_path / "escaped.svg").touch()
    listed = ["figures/1.a.svg", "figures/1.a.csv", "figures/2.a.svg", "../escaped.svg", "figures/../../escaped.svg"]
    (tmp_path / "out" / MARKER).write_text(json.dumps({"written": listed}))
    folder = taken(tmp_path / "out")
    folder.note(["figures/2.a.svg"])
    folder.drop_stale()
    folder.release()

    assert sorted(path.name for path in (tmp_path / "out" / "figures").iterdir()) == ["2.a.svg", "mine.svg"]
    assert (tmp_path / "escaped.svg").exists()


def test_no_figure_is_dropped_through_a_link(tmp_path):
    """Where figures/ leads elsewhere, what lies there stays."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.a.svg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").symlink_to("../elsewhere")
    (tmp_path / "out" / MARKER).write_text('{"written": ["figures/1.a.svg"]}')
    folder = taken(tmp_path / "out")
    folder.drop_stale()
    folder.release()

    assert (tmp_path / "elsewhere" / "1.a.svg").exists()


def test_an_adopted_reports_figures_are_those_of_its_results(earlier):
    """Where no marker lists them, results.json does."""
    stale = {name for claim in read(earlier).claims for name in (*claim.figures, *claim.curves)}
    folder = taken(earlier)
    folder.drop_stale()
    folder.release()

    assert stale
    assert [name for name in stale if (earlier / name).exists()] == []


def test_a_figure_of_others_is_kept_when_a_claim_has_its_name(tmp_path):
    """The claim loses its figure and says why; its verdict stays."""
    from pytest_claims.record import Record

    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "2.a.svg").write_text("<svg/>")
    record = Record.from_json({
        "id": "2.a", "verdict": "supported", "effect": 1.0, "interval": [0.9, 1.1], "region": [0.5, None],
        "conditions": [{"layers": n, "mean": n, "sd": 1.0, "n": 8, "values": [float(n)] * 8} for n in (1, 2)],
    })  # fmt: skip

    assert illustrate(tmp_path, record, ())["figure_error"] == (
        "figures/2.a.svg was there already and is not of pytest-claims: it was kept."
    )
    assert (tmp_path / "figures" / "2.a.svg").read_text() == "<svg/>"


def test_a_single_file_of_others_is_not_replaced(tmp_path, earlier):
    """Neither a file that is not ours, nor a link that leads nowhere, nor a folder; ours and none at all may be."""
    (tmp_path / "index.html").write_text("<html>mine</html>")
    (tmp_path / "link.html").symlink_to("nowhere")
    (tmp_path / "folder.html").mkdir()

    for name in ("index.html", "link.html", "folder.html"):
        with pytest.raises(FolderError, match="was not written by pytest-claims and would be replaced: move it away"):
            refuse_to_replace(tmp_path / name)
    refuse_to_replace(tmp_path / "none.html")
    for name in ("index.html", "results.json", "measurements.csv"):
        refuse_to_replace(earlier / name)


@pytest.mark.parametrize("name", ["results.json", "index.html"])
def test_ours_are_known_by_content_only(tmp_path, name):
    """Nesting without end, broken text and other people's JSON are not ours."""
    for content in (b"[" * 100_000, b"\xff\xfe", b'{"claims": 3}', b'{"claims": ["mine"]}', b'{"claims": []}', b""):
        (tmp_path / name).write_bytes(content)

        assert not is_ours(tmp_path / name)


# -- one run at a time ----------------------------------------------------------------------------------------------


def test_a_second_run_is_refused_in_a_sentence_that_names_the_first(tmp_path):
    """Its process, its start and its command; what the first wrote stays."""
    first = taken(tmp_path / "out", "pytest claims/ -k depth")

    with pytest.raises(FolderError) as refused:
        taken(tmp_path / "out")
    started = read_marker(tmp_path / "out")["run"]["started"]
    assert str(refused.value) == (
        f"The report folder out is in use by another run (process {os.getpid()}, since {started}, "
        "pytest claims/ -k depth): wait for it, or choose another with --report DIR."
    )
    first.release()
    taken(tmp_path / "out").release()


def test_a_dead_process_frees_its_folder(tmp_path):
    """The system frees the lock of a process that was killed; its marker keeps nobody out."""
    script = (
        "import os, pathlib; from pytest_claims.folders import ReportFolder; "
        f"ReportFolder(pathlib.Path({str(tmp_path / 'out')!r}), 'out', '--report', 'pytest').take(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)

    assert "run" in read_marker(tmp_path / "out")
    taken(tmp_path / "out").release()
    assert "run" not in read_marker(tmp_path / "out")


@pytest.mark.parametrize("error", [OSError(95, "Operation not supported"), NotImplementedError()])
def test_without_locks_the_run_goes_on(tmp_path, monkeypatch, error):
    """A file system that has none keeps nobody from running claims."""

    def fail(*_):
        raise error

    monkeypatch.setattr("filelock.FileLock.acquire", fail)
    folder = taken(tmp_path / "out")
    folder.note(["index.html"])
    folder.release()

    assert read_marker(tmp_path / "out")["written"] == ["index.html"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_run_that_writes_nothing_leaves_no_trace(tmp_path, exists):
    """Neither marker nor lock nor folder, where there were none before."""
    out = tmp_path / "deep" / "out"
    if exists:
        out.mkdir(parents=True)
    folder = taken(out)
    assert (out / LOCK).exists()
    folder.release()

    assert list(tmp_path.rglob("*")) == ([out.parent, out] if exists else [])


def test_a_run_that_writes_nothing_keeps_the_earlier_list(tmp_path):
    """The marker of the run before is still true."""
    first = taken(tmp_path)
    first.note(["index.html", "figures/2.a.svg"])
    first.release()
    taken(tmp_path).release()

    assert read_marker(tmp_path)["written"] == ["figures/2.a.svg", "index.html"]


def test_a_page_is_drawn_again_only_where_it_is_ours(earlier):
    """`render` replaces its own page, and leaves one of others alone."""
    assert render(earlier) == earlier / "index.html"
    (earlier / "index.html").write_text("mine")

    with pytest.raises(FolderError, match=r"index\.html was not written by pytest-claims"):
        render(earlier)
    assert (earlier / "index.html").read_text() == "mine"


def test_runs_that_begin_at_the_same_time_are_not_in_each_others_way(tmp_path, monkeypatch):
    """Each tries to write, and takes away the folders that it made for that, perhaps before the other needs them."""
    make, first = Path.mkdir, []

    def tidied_up_by_another(path, *args, **more):
        if path.name == "second" and not first:
            first.append(path)
            path.parent.rmdir()
        make(path, *args, **more)

    monkeypatch.setattr(Path, "mkdir", tidied_up_by_another)

    assert why_unwritable(tmp_path / "reports" / "second") is None
    assert first
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_run_uses_meanwhile_stays(tmp_path, monkeypatch):
    """It was made only to try, and another run has put its own things there."""
    make = Path.mkdir

    def used_by_another(path, *args, **more):
        make(path, *args, **more)
        (path / "of another run").touch()

    monkeypatch.setattr(Path, "mkdir", used_by_another)

    assert why_unwritable(tmp_path / "reports") is None
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["of another run"]


def test_a_path_is_shown_as_one_would_type_it(tmp_path):
    """Below the folder of the command it is relative; from anywhere else it must still lead there."""
    report, subfolder = tmp_path / "reports" / "latest", tmp_path / "claims"

    assert as_typed(report, tmp_path) == "reports/latest"
    assert as_typed(report, subfolder) == str(report)
