"""A leg says what it really got, and fails or steps aside where that is not what it is for."""

from pathlib import Path

import pytest

from pytest_claims.cli import main
from pytest_claims.nightly import Got, judge, plan, unavailable
from pytest_claims.nightly.legs import EXTRAS, WATCHED, clear, pytest_arguments, reason_of, with_kept_out
from pytest_claims.nightly.requirements import RequirementsError, exact, lower_bounds, newest_listed

PINNED = {"torch": "2.13.0", "numpy": "2.4.6", "scipy": "1.17.1", "scikit-learn": "1.9.1", "ruff": "0.17.6"}
TEST = b"[project.optional-dependencies]\ntest = []\n"
STABLE = {name: PINNED[name] for name in ("torch", "numpy", "scipy", "scikit-learn")}


@pytest.fixture
def project(tmp_path):
    """Make a project with three dependencies, one of them of the tests, and a pinned set."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy>=2.0", "torch>=2.6"]\n'
        '[project.optional-dependencies]\ntest = ["Py_Test>=9,<10"]\n'
    )
    (tmp_path / "constraints.txt").write_text("# tested\nnumpy==2.4.6  # arrays\ntorch==2.13.0\n")
    return tmp_path


def test_lower_bounds_are_read_off_pyproject(project):
    """Each >= becomes a version, by canonical name; the extras asked for are included."""
    assert lower_bounds(project / "pyproject.toml", ["test"]) == {"numpy": "2.0", "torch": "2.6", "py-test": "9"}


def test_lower_bounds_follow_extras_that_ask_for_extras(tmp_path):
    """The extras of an extra are included, each once; of two bounds for one package the higher counts."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "Our_Project"\ndependencies = ["pytest>=8.4"]\n[project.optional-dependencies]\n'
        'torch = ["torch>=2.6"]\nxdist = ["pytest-xdist[psutil]>=3.6.1"]\n'
        'suite = ["our-project[torch,xdist]", "pytest>=9.0"]\ntest = ["our-project[suite,torch]", "pytest>=8"]\n'
    )
    expected = {"pytest": "9.0", "torch": "2.6", "pytest-xdist": "3.6.1"}

    assert lower_bounds(tmp_path / "pyproject.toml", ["test"]) == expected
    assert lower_bounds(tmp_path / "pyproject.toml") == {"pytest": "8.4"}


def test_the_legs_install_what_trains_and_what_spreads_the_work():
    """The lower bounds of this project, read as a leg reads them, name every library that is watched, and xdist."""
    bounds = lower_bounds(Path(__file__).parents[2] / "pyproject.toml", EXTRAS)

    assert {*WATCHED, "pytest-xdist", "pytest"} <= bounds.keys()
    assert "pytest-claims" not in bounds


def test_a_dependency_without_a_lower_bound_is_refused(tmp_path):
    """What has no lower bound cannot be installed at it."""
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["numpy"]\n')

    with pytest.raises(RequirementsError, match="numpy: a dependency needs one lower bound"):
        lower_bounds(tmp_path / "pyproject.toml")


@pytest.mark.parametrize(
    "name, content, sentence",
    [
        ("pyproject.toml", b"[project", "pyproject.toml is no valid TOML"),
        ("pyproject.toml", b"", "pyproject.toml has no entry 'project'"),
        ("pyproject.toml", b"project = 3", "pyproject.toml does not list dependencies"),
        ("pyproject.toml", b"[project]\ndependencies = []", "pyproject.toml has no entry 'test'"),
        ("pyproject.toml", b'[project]\ndependencies = ["a b c"]\n' + TEST, "'a b c' is no requirement"),
        ("pyproject.toml", b"[project]\ndependencies = [7]\n" + TEST, "7 is no requirement"),
        ("pyproject.toml", b"\xff", "pyproject.toml cannot be read: byte 0 is no text"),
        ("constraints.txt", b"numpy=2", "'numpy=2' is no requirement"),
        ("constraints.txt", b"\xff", "constraints.txt cannot be read: byte 0 is no text"),
    ],
)
def test_files_that_list_no_versions_are_refused_in_a_sentence(project, capsys, name, content, sentence):
    """`pytest-claims nightly check` says which file and which entry, with exit status 2, and writes no record."""
    (project / name).write_bytes(content)

    assert main(["nightly", "check", "pinned", str(project / "leg.json"), "--root", str(project)]) == 2
    assert sentence in capsys.readouterr().err
    assert not (project / "leg.json").exists()


def test_chosen_versions_must_be_exact():
    """A range names no version."""
    with pytest.raises(RequirementsError, match="write name==version"):
        exact(["numpy>=2"])


def test_the_oldest_leg_constrains_every_dependency_to_its_lower_bound(project):
    """Lower bounds become pins; a package that this machine holds keeps the pinned version instead."""
    oldest = plan("oldest", project, {"ATOMIC_CLAIMS_HOLD": "torch"}, project / "file")

    assert oldest.constraints == "numpy==2.0\npy-test==9\ntorch==2.13.0\n"
    assert oldest.held == {"torch": "2.13.0"}


def test_the_nightly_leg_asks_for_pre_releases_and_the_indexes_given(project):
    """--pre and every further index go to pip; nothing is constrained."""
    nightly = plan("nightly", project, {"ATOMIC_CLAIMS_INDEXES": "first second"}, project / "file")

    assert [argument for argument in nightly.arguments if argument in {"--pre", "first", "second"}] == [
        "--pre",
        "first",
        "second",
    ]
    assert not nightly.constraints


def test_the_chosen_leg_needs_versions(project):
    """Without versions the leg would be the newest ones under another name."""
    with pytest.raises(RequirementsError, match="chosen needs versions"):
        plan("chosen", project, {}, project / "file")


def test_the_chosen_leg_asks_for_its_versions_and_leaves_the_others_free(project):
    """What is named is constrained, and nothing else."""
    chosen = plan("chosen", project, {"ATOMIC_CLAIMS_VERSIONS": "numpy==2.2.6, scipy==1.15.3"}, project / "file")

    assert chosen.constraints == "numpy==2.2.6\nscipy==1.15.3\n"


def test_a_leg_forgets_its_last_run(tmp_path):
    """Record and report go, so that a crash today is not hidden by old results; an empty leg is no fault."""
    (tmp_path / "leg" / "report").mkdir(parents=True)
    (tmp_path / "leg" / "report" / "results.json").write_text("{}")
    (tmp_path / "leg" / "leg.json").write_text("{}")

    clear(tmp_path / "leg")
    clear(tmp_path / "other")

    assert list((tmp_path / "leg").iterdir()) == []


def test_the_oldest_leg_is_as_meant_at_its_bounds():
    """2.0 and 2.0.0 are one version, and a local build of a version is that version."""
    got = judge("oldest", {"numpy": "2.0.0", "torch": "2.6.0+cpu"}, {"numpy": "2.0", "torch": "2.6"}, PINNED, {})

    assert got.state == "as meant"


def test_the_oldest_leg_fails_above_its_bounds():
    """A dependency that pip did not install at its bound makes the leg something else."""
    got = judge("oldest", {"numpy": "2.4.6"}, {"numpy": "2.0"}, PINNED, {})

    assert got.state == "not what it is for"
    assert got.text == "Wanted numpy 2.0; got numpy 2.4.6."


def test_what_is_held_is_recorded_as_not_tested():
    """A held package may differ from the leg's version, and the record says that it was not tested."""
    held = {"torch": "2.13.0"}
    got = judge("oldest", {"numpy": "2.0", "torch": "2.13.0+cpu"}, {"numpy": "2.0", "torch": "2.6"}, PINNED, held)

    assert got.state == "as meant"
    assert "Held at the pinned version, so not tested: torch 2.13.0." in got.text


def test_latest_that_resolves_to_the_pinned_set_is_nothing_new():
    """The newest releases that are the pinned ones are a state of their own, whatever else moved."""
    assert judge("latest", {**STABLE, "filelock": "99"}, {}, PINNED, {}).state == "nothing new"


def test_latest_is_as_meant_with_one_newer_library():
    """One newer library is enough, and it is named."""
    got = judge("latest", {**STABLE, "numpy": "2.5.0"}, {}, PINNED, {})

    assert (got.state, got.text) == ("as meant", "Newer than the pinned set: numpy 2.5.0.")


def test_latest_that_is_newer_only_in_what_is_held_is_nothing_new():
    """A held library never makes a leg what it is for."""
    assert judge("latest", STABLE, {}, PINNED, {"torch": "2.13.0"}).state == "nothing new"


def test_latest_that_went_back_fails():
    """A resolver that backtracked below the pinned set did not get the latest versions."""
    assert judge("latest", {**STABLE, "scipy": "1.16.0"}, {}, PINNED, {}).state == "not what it is for"


def test_latest_says_what_its_python_keeps_out():
    """A newer release that pip passed over is named; what is held, and what is as new as can be, is not."""
    got = judge("latest", STABLE, {}, PINNED, {"torch": "2.13.0"})
    newest = {"numpy": "2.5.5", "torch": "2.15.0", "scikit-learn": "1.9.1"}

    judged = with_kept_out(got, newest)

    assert judged.state == got.state == "nothing new"
    assert judged.text == f"{got.text} Kept out by Python {got.python} or by another package: numpy 2.5.5."
    assert with_kept_out(got, {"numpy": "2.4.6"}) == got


@pytest.mark.parametrize(
    "listing, version",
    [("numpy (2.5.5)\nAvailable versions: 2.5.5, 2.5.4\n", "2.5.5"), ("", None), ("ERROR: no", None)],
)
def test_the_newest_release_is_read_off_pip(listing, version):
    """The first line has it; where pip knows nothing there is none."""
    assert newest_listed(listing) == version


def test_nightly_without_a_development_version_fails():
    """A canary on stable versions is no canary."""
    got = judge("nightly", {**STABLE, "numpy": "2.5.0"}, {}, PINNED, {})

    assert got.state == "not what it is for"


@pytest.mark.parametrize("version", ["2.15.0.dev20261120+cpu", "2.15.0rc1", "2.15.0a0"])
def test_nightly_with_a_development_version_is_as_meant(version):
    """Development versions, candidates and alphas of a watched library count; those of other packages do not."""
    assert judge("nightly", {**STABLE, "torch": version}, {}, PINNED, {}).state == "as meant"
    assert judge("nightly", {**STABLE, "filelock": version}, {}, PINNED, {}).state == "not what it is for"


def test_the_pinned_leg_ignores_pins_of_what_it_does_not_install():
    """Developers' tools are pinned too; a library that differs from its pin fails."""
    assert judge("pinned", STABLE, PINNED, PINNED, {}).state == "as meant"
    assert judge("pinned", {**STABLE, "numpy": "2.4.5"}, PINNED, PINNED, {}).state == "not what it is for"


def test_what_cannot_be_installed_is_its_own_state(tmp_path):
    """Unavailable is recorded with pip's own words, and reads back as it was."""
    log = "2026 INFO: x\n2026 ERROR: No matching distribution found for torch==9\n"
    got = unavailable("latest", reason_of(log), {})
    got.write(tmp_path / "leg.json")

    assert Got.read(tmp_path / "leg.json") == got
    assert got.state == "unavailable"
    assert got.text == "Could not be installed: No matching distribution found for torch==9"


def test_a_leg_runs_the_claims_with_report_and_baseline(tmp_path):
    """Options are passed on to the claims; other tests that are named run without report and baseline."""
    baseline = tmp_path / "pinned.json"
    assert pytest_arguments(["--seeds", "8"], "out", baseline) == ["claims/", "--seeds", "8", "--report", "out"]
    baseline.touch()
    assert pytest_arguments([], "out", baseline) == ["claims/", "--report", "out", "--baseline", str(baseline)]
    assert pytest_arguments(["tests/"], "out", baseline) == ["tests/"]
