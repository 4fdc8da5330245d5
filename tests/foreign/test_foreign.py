"""The library in somebody else's repository: their layout, names, options and strictness; ordinary tests untouched."""

import os
import re

import pytest

from tests.foreign.conftest import CLAIM

SUPPORTED = {"h.1": "supported"}
HEAVY = ("numpy", "scipy", "xarray", "torch", "sklearn", "matplotlib", "jinja2", "filelock")
WORKERS = re.compile(r"\d workers? \[")  # what xdist prints


def test_a_claim_runs_and_leaves_a_page(repository):
    """Nothing is configured; the page and results.json are in reports/latest, and workers started by themselves."""
    ended = repository.run("lab")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output
    assert (repository.path / "reports/latest/index.html").is_file()
    assert "1 claim: 1 supported" in ended.output
    assert WORKERS.search(ended.output)


@pytest.mark.parametrize("mode", ["prepend", "importlib", "append"])
def test_import_modes(repository, mode):
    """A claim runs however pytest imports test files, here in one process."""
    ended = repository.run("lab", f"--import-mode={mode}", "-n0")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output
    assert not WORKERS.search(ended.output)


def test_strictness(repository):
    """Warnings are errors, unknown markers and ini keys are refused: a claim runs nevertheless."""
    ended = repository.run("lab", "-W", "error", "--strict-markers", "--strict-config", "-n2")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output


def test_without_xdist(repository):
    """``-p no:xdist``: everything runs in one process."""
    ended = repository.run("lab", "-p", "no:xdist")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output


def test_src_layout_and_own_helpers(repository):
    """A package in src/, found by ``pythonpath``, serves the measurement."""
    repository.put("pytest.ini", "[pytest]\npythonpath = src\n").write(src__ourlab__noise="SD = 0.1\n")
    repository.put("src/ourlab/__init__.py", "")
    repository.write(lab__test_lab=CLAIM.replace("normal(0, 0.1)", "normal(0, SD)").replace(
        "import numpy as np\n", "import numpy as np\nfrom ourlab.noise import SD\n"))  # fmt: skip
    ended = repository.run("lab", "-n2")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output


def test_from_a_subfolder(repository):
    """From inside the folder of claims, the report still goes to the repository's root."""
    ended = repository.run("-n0", within="lab")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output
    assert not (repository.path / "lab/reports").exists()


def test_next_to_packages_of_our_old_names(repository):
    """Their own packages named claims, fixtures, inference, reports, trials and nightly stay theirs."""
    names = ("claims", "fixtures", "inference", "reports", "trials", "nightly")
    for name in names:
        repository.put(f"{name}/__init__.py", f"MINE = {name!r}\n")
    lines = "".join(f"import {name}\nassert {name}.MINE == {name!r}\n" for name in names)
    repository.put("lab/test_lab.py", CLAIM.replace("import numpy as np\n", f"import numpy as np\n{lines}", 1))
    repository.put("pytest.ini", "[pytest]\npythonpath = .\nclaims_report = out\n")
    ended = repository.run("lab", "-n0", report="out")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output


def test_next_to_options_of_our_short_names(repository):
    """A conftest that defines --seeds, --report and --engine keeps them; ours are --claims-seeds, ..."""
    names = ("seeds", "report", "engine", "baseline", "fresh", "reuse", "pilot", "design", "claim", "tier")
    options = "\n".join(f"    parser.addoption('--{name}', default='theirs')" for name in names)
    repository.put("conftest.py", f"def pytest_addoption(parser):\n{options}\n")
    repository.put(
        "lab/test_other.py", "def test_it(request):\n    assert request.config.getoption('--seeds') == 'mine'"
    )
    ended = repository.run("lab", "--seeds=mine", "--claims-seeds=8", "-n0")

    assert (ended.status, ended.claims["h.1"]["seeds"]) == (0, 8), ended.output


def test_ini_keys(repository):
    """claims_report, claims_workers and claims_timeout are read; a faulty one is one sentence and exit status 4."""
    repository.put("pytest.ini", "[pytest]\nclaims_report = out\nclaims_workers = 0\nclaims_timeout = 99\n")
    ended = repository.run("lab", report="out")

    assert (ended.status, ended.verdicts) == (0, SUPPORTED), ended.output
    assert not WORKERS.search(ended.output)

    for line, sentence in (
        ("claims_workers = many", "claims_workers = many: give auto, or a number of workers, 0 for none."),
        ("claims_timeout = never", "claims_timeout never: give the time limit for a trial in seconds, above 0."),
    ):
        repository.put("pytest.ini", f"[pytest]\n{line}\n")
        refused = repository.run("lab")
        assert (refused.status, sentence in refused.output) == (4, True), refused.output


def test_claims_take_workers_and_ordinary_tests_do_not(repository):
    """Without -n, workers start where a file under the arguments mentions the library, and only there.

    The two tests at the top look at the claims' folder alone, with workers and without.
    """
    repository.put("plain/test_plain.py", "def test_plain():\n    assert True\n")

    assert WORKERS.search(repository.run().output)
    assert not WORKERS.search(repository.run("plain").output)
    assert not WORKERS.search(repository.run("lab", "--collect-only").output)


def test_ordinary_tests_beside_claims_are_untouched(repository):
    """Passed, failed and skipped as before; the page shows only claims."""
    repository.put("lab/test_plain.py", """
import pytest
def test_passes(): pass
def test_fails(): assert 1 == 2
def test_skips(): pytest.skip("no")
""")  # fmt: skip
    ended = repository.run("lab", "-n2")

    assert (ended.status, ended.verdicts) == (1, SUPPORTED), ended.output
    assert "1 failed, 2 passed, 1 skipped" in ended.output


def test_no_page_where_no_claim_ran(repository):
    """Ordinary tests alone leave nothing behind, and neither does a selection without claims."""
    repository.put("lab/test_plain.py", "def test_plain():\n    assert True\n")
    repository.run("lab/test_plain.py")
    repository.run("lab", "-k", "plain", "-n0")

    assert not (repository.path / "reports").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_repository_keeps_its_ordinary_tests(repository):
    """The report folder is checked only where claims run."""
    repository.put("plain/test_plain.py", "def test_plain():\n    assert True\n")
    repository.path.chmod(0o555)

    assert repository.run("plain", "-p", "no:cacheprovider").status == 0


def test_a_session_without_claims_pays_nothing(repository):
    """Neither numpy nor anything else is loaded, and the environment stays as it was."""
    repository.put("plain/test_plain.py", f"""
import os, sys
def test_it():
    assert [name for name in {HEAVY!r} if name in sys.modules] == []
    assert not {{"MKL_CBWR", "OMP_WAIT_POLICY"}} & os.environ.keys()
""")  # fmt: skip
    ended = repository.run("plain", "-n0")

    assert ended.status == 0, ended.output


def test_importing_the_plugin_is_cheap(repository):
    """``import pytest_claims.plugin`` loads neither numpy, scipy, xarray nor torch."""
    repository.put("test_import.py", f"""
import subprocess, sys
def test_it():
    code = "import sys, pytest_claims.plugin; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
""")  # fmt: skip

    assert repository.run("test_import.py", "-n0").status == 0


def test_long_option_names_are_said_in_sentences(repository):
    """A sentence that names an option spells it as this repository does."""
    for options, sentence in (
        (["--claims-seeds=12"], "--claims-seeds 12: claims are judged at 32 seeds, then at twice as many"),
        (["--claims-id=x.9"], "--claims-id x.9: no such claim; those collected are h.1."),
        (["--claims-pilot", "--claims-fresh=1"], "--claims-pilot and --claims-fresh contradict each other"),
        (["--claims-reuse=nowhere"], "--claims-reuse nowhere: there are no stored trials"),
    ):
        ended = repository.run("lab", "-n0", *options)
        assert (ended.status, sentence in ended.output) == (4, True), ended.output
