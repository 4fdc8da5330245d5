"""Where the page's browser tests cannot run: loud where that is allowed, a failure where they are demanded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.picture import missing, take_picture
from pytest_claims.errors import ResultsError

ROOT = Path(__file__).parents[2]
ONE = "tests/reports/test_in_browser.py::test_reduced_motion_is_respected"


@pytest.mark.parametrize(
    "demanded, status, outcome",
    [({}, 0, "1 skipped, 1 warning"), ({"ATOMIC_CLAIMS_REQUIRE_BROWSER": "1"}, 1, "1 error")],
)
def test_a_browser_test_without_a_browser(tmp_path: Path, demanded: dict, status: int, outcome: str) -> None:
    """Skipped with a warning in capitals at the end of the run; with ATOMIC_CLAIMS_REQUIRE_BROWSER=1 it fails."""
    pytest.importorskip("xdist", reason="this repository's settings ask for workers")
    own = {name: value for name, value in os.environ.items() if name not in {"CI", "ATOMIC_CLAIMS_REQUIRE_BROWSER"}}
    command = [sys.executable, "-m", "pytest", ONE, "-n0", "-p", "no:cacheprovider", "--color=no"]
    run = subprocess.run(
        command, cwd=ROOT, env={**own, **demanded, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert (run.returncode, outcome in run.stdout.splitlines()[-1]) == (status, True), run.stdout
    assert "no program 'chromium' on PATH (Debian: apt-get install chromium)" in run.stdout
    assert ("BROWSER TESTS OF THE PAGE SKIPPED" in run.stdout) == (not demanded)


def test_a_picture_without_a_browser_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that makes the README's picture says what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ResultsError, match=r"^a picture needs a browser, but there is no program 'chromium' on PATH"):
        take_picture(tmp_path / "index.html", tmp_path / "picture.png")


def test_packages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a browser but without a package, the package and how to get it."""
    pytest.importorskip("playwright")
    (tmp_path / "chromium").write_text("")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert missing("no_such_package_here") == "no package no_such_package_here (pip install -e '.[test]')"
