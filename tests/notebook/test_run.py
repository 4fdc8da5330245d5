"""`run` in a notebook: claims judged by pytest in a process of its own, as text, HTML and data."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pytest_claims
from pytest_claims import run
from pytest_claims.errors import RunError
from pytest_claims.notebook.running import _ids, _root
from pytest_claims.results import read
from tests.trials.conftest import PATIENCE

pytestmark = pytest.mark.usefixtures("kernel")

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def test_a_claim_comes_back_as_pytest_judged_it(project, looked):
    """The same record as that of a pytest command, number by number; a quick look cannot support."""
    command = [sys.executable, "-m", "pytest", "claims", "--claim=2.a", "--seeds=8", "--fresh=1000", "--report=other"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (record,) = read(project / "other").claims

    assert looked.verdict == record.verdict == "inconclusive"
    assert (looked.effect, looked.interval, looked.margin) == (record.effect, record.interval, 0.5)
    assert looked.record.conditions == record.conditions
    assert looked.record.inputs == record.inputs


def test_the_data_are_what_the_claim_saw(looked):
    """Labelled by seed and condition, with the condition's values as they were declared."""
    height = looked.data.height

    assert height.dims == ("seed", "level")
    assert height.level.values.tolist() == [1, 2]
    assert looked.effect == pytest.approx(float((height.sel(level=2) - height.sel(level=1)).mean()))


def test_the_sentence_says_which_seeds_and_how_little_a_quick_look_can(looked):
    """`repr` stands alone."""
    text = repr(looked)

    assert text.startswith("Claim 2.a, Higher is higher. Inconclusive")
    assert (
        "Judged on 8 seeds (stream fresh 1000), a quick look, which can refute a claim and cannot support it." in text
    )
    assert text.endswith("Registered: supported.")


def test_the_html_shows_verdict_interval_and_figure(looked):
    """The figure is an image inside the page, which needs nothing from elsewhere and runs nothing."""
    html = looked._repr_html_()

    assert "inconclusive" in html
    assert "more than 0.5" in html
    assert re.search(r'<img [^>]*alt="Figure 1 of claim 2\.a" src="data:image/svg\+xml;base64,', html)
    assert not re.search(r"<script|<style|<svg|https?:|javascript:| on\w+=", html)


def test_a_figure_carries_its_background_for_light_and_dark(looked):
    """What it is drawn on is part of it, so that a notebook's theme cannot hide it."""
    from pytest_claims.report.figures.svg import on_paper

    (figure,) = looked.figures

    assert on_paper(figure).count("svg{background:var(--f-paper)}") == 1
    assert "prefers-color-scheme:dark" in figure


def test_hostile_text_is_only_read(several):
    """A claim's text is anybody's: markup and hidden characters are written out."""
    for html in (several._repr_html_(), several["2.b"]._repr_html_()):
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; \\u202e" in html


def test_several_claims_are_a_table_in_the_order_asked_for(several):
    """A bare id brings no variant; a claim that could not be judged is an error among the others.

    Rows and columns have headers that say something.
    """
    assert list(several) == ["2.b", "2.a", "2.c"]
    assert several["2.a"].verdict == "supported"
    assert several["2.c"].verdict == "error"
    assert "RuntimeError: no oven" in several["2.c"].message
    assert several._repr_html_().count("<tr>") == 4
    assert several._repr_html_().count('<th scope="col"') == 7
    assert several["2.a"]._repr_html_().count('<th scope="row"') == 3
    assert not re.search(r"<th[^>]*></th>", several._repr_html_() + several["2.a"]._repr_html_())
    assert repr(several).count("\n") == 2


def test_what_was_not_judged_has_no_data(several):
    """One sentence says so."""
    with pytest.raises(RunError, match=r"Claim 2\.c has no data"):
        _ = several["2.c"].data


def test_another_condition_is_another_claim(changed):
    """It says so in text and HTML, and has no registered verdict."""
    assert changed.data.level.values.tolist() == [1, 2, 4]
    assert changed.record.registered is None
    assert "[changed: level = 1, 2, 4]" in repr(changed)
    assert "this is the verdict of another claim than the registered one" in changed._repr_html_()
    assert "a quick look, which can refute a claim and cannot support it" in changed.note


def test_what_an_earlier_result_measured_is_not_measured_again(looked, changed):
    """Only the new level was; the others have the same numbers."""
    reused = {trial.condition["level"]: trial.reused for trial in changed.record.seconds_by_trial}

    assert reused == {"1": True, "2": True, "4": False}
    assert np.array_equal(changed.data.height.sel(level=[1, 2]), looked.data.height)


@pytest.mark.usefixtures("changed", "several")
def test_nothing_beside_the_claims_is_touched(project):
    """No report of the registered claims, no pilots, no cache; the kernel has imported none of the claims."""
    files = {path.name for path in (project / "claims").iterdir() if path.is_file()}

    assert files == {"test_toy.py", "pilots.json"}
    assert (project / "claims" / "pilots.json").read_text() == "{}"
    assert not (project / "reports").exists()
    assert not (project / ".pytest_cache" / "v" / "cache" / "lastfailed").exists()
    assert not any(name.endswith("test_toy") for name in sys.modules)


def test_a_report_stays_where_it_was_asked_for(project, capsys):
    """With its page; progress is said in words meanwhile."""
    folder = project / "mine"
    result = run("2.b@low", folder=project / "claims" / "test_toy.py", seeds=8, fresh=None, report=folder)

    assert (folder / "index.html").exists()
    assert result.folder.path == folder
    assert "(registered seeds)" in result.note
    with pytest.raises(RunError, match=r"give it a folder of its own with report="):
        run("2.b@low", folder=project / "claims", report=folder, level=[1, 3])
    assert "Collecting the claims ..." in capsys.readouterr().err


@pytest.mark.parametrize("place", ["claims", "claims/deep", "claims/deep/test_toy.py", "claims/test_toy.py"])
def test_a_run_is_where_pytest_would_be_started(tmp_path, place):
    """In the folder with pytest's configuration, so that a relative path in a claim means the same file."""
    (tmp_path / "claims" / "deep").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    for folder in ("claims", "claims/deep"):
        (tmp_path / folder / "test_toy.py").touch()

    assert _root(tmp_path / place) == tmp_path


def test_an_id_as_the_command_line_spells_it_is_that_claim():
    """The ending "@" leaves variants out there, as a bare id does here; a variant keeps its name."""
    assert _ids((" 2.a@", ["2.a", "4.a@ones"])) == ["2.a", "4.a@ones"]
    with pytest.raises(RunError, match="'@' is no id"):
        _ids(("@",))


def test_a_temporary_report_goes_with_its_result():
    """Nothing is left of it when nobody has the result any more."""
    from pytest_claims.notebook.result import Folder

    folder = Folder.temporary()
    path = folder.path
    (path / "page").write_text("x")
    del folder

    assert not path.exists()


SLOW = pytest.mark.slow  # each of these starts pytest, and the others show the way


@pytest.mark.parametrize(
    "claims, arguments, sentence",
    [
        (["9.z"], {}, r"There is no claim 9\.z in .*claims; the claims there are 2\.a, 2\.b, 2\.b@low, 2\.c, 2\.d\."),
        (["2.a"], {"folder": "nowhere"}, r"There is no folder nowhere; name the one that holds the claims"),
        pytest.param(["2.a"], {"folder": "empty"}, r"There are no claims in .*empty\.", marks=SLOW),
        ([], {"folder": "empty"}, r"There are no claims in .*empty\."),
        (["2.a"], {"folder": "broken"}, r"test_broken\.py cannot be read: ModuleNotFoundError: .*no_such_module'\."),
        pytest.param([], {"folder": "broken"}, r"test_broken\.py cannot be read: ModuleNotFoundError", marks=SLOW),
        (["2.a"], {"seeds": 7}, r"seeds=7: below 8 seeds there is no verdict"),
        pytest.param(["2.a"], {"seeds": 33}, r"seeds=33: claims are judged at 32 seeds", marks=SLOW),
        pytest.param(["2.a"], {"engine": "abacus"}, r"engine=abacus: .*abacus", marks=SLOW),
        pytest.param(["2.a"], {"fresh": -1}, r"fresh=-1: give the number of a stream", marks=SLOW),
        pytest.param(["2.a"], {"reuse": "nothing"}, r"reuse=.*nothing: there are no stored trials", marks=SLOW),
        (["2.a"], {"width": [1, 2]}, r"Claim 2\.a cannot be asked with width = 1, 2: no measurement of it has a"),
        (["2.a"], {"level": []}, r"level= has no values"),
        (["2.a"], {"workers": "x"}, r"workers='x' is no number of processes"),
        (["2.a"], {"workers": -1}, r"workers=-1 is no number of processes"),
        (["2.a"], {"workers": 2.5}, r"workers=2\.5 is no number of processes"),
        pytest.param(["2.c"], {}, r"broken, seeds 0-7: RuntimeError: no oven", marks=SLOW),
        ([2], {}, r"2 is no id of a claim; ids are texts such as '2\.a'\."),
        (["2.a,2.b"], {}, r"'2\.a,2\.b' is no id of a claim"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(project, claims, arguments, sentence):
    """It speaks of arguments, not of pytest's options, and Jupyter shows it without a traceback."""
    folder = arguments.pop("folder", "claims")
    place = folder if folder == "nowhere" else project / folder

    with pytest.raises(RunError) as caught:
        run(*claims, folder=place, progress=False, **arguments)

    assert re.match(f"(?:.*/)?{sentence}", str(caught.value))
    assert "--" not in str(caught.value)
    assert caught.value._render_traceback_() == [str(caught.value)]


def is_gone(pid):
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def waited(condition):
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return True


@posix
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks up processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_goes_on_after_the_notebook_stopped(project, number):
    """An interrupt ends the run with its processes; so does the death of the kernel."""
    mark = project / "slow"
    mark.unlink(missing_ok=True)
    code = f"from pytest_claims import run; run('2.d', folder={str(project / 'claims')!r})"
    kernel = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    waited(lambda: mark.exists() and mark.read_text())
    pid = int(mark.read_text())
    kernel.send_signal(number)
    _, error = kernel.communicate(timeout=PATIENCE)

    assert waited(lambda: is_gone(pid))
    assert ("KeyboardInterrupt" in error) == (number == signal.SIGINT)


def test_the_name_is_loaded_when_it_is_used():
    """`import pytest_claims` stays light, and offers `run`."""
    code = (
        "import sys, pytest_claims; assert 'run' in dir(pytest_claims); print('pytest_claims.notebook' in sys.modules)"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
    assert pytest_claims.run is run


@pytest.mark.slow
def test_workers_share_the_work(project, looked, monkeypatch):
    """The same numbers and data, by two processes of pytest-xdist."""
    pytest.importorskip("xdist")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist")
    spread = run("2.a", folder=project / "claims", seeds=8, workers=2, progress=False)

    assert {trial.worker for trial in spread.record.seconds_by_trial} <= {"gw0", "gw1"}
    assert spread.record.conditions == looked.record.conditions
    assert np.array_equal(spread.data.height, looked.data.height)
