"""docs/writing-claims.md, followed to the letter: its files are written to a folder and run as it says."""

import importlib.util
import json
import os
import re
import shutil
import subprocess

import pytest

from tests.docs.documents import ROOT, blocks, files

pytest.importorskip("torch", reason="the guide trains")
pytest.importorskip("xdist", reason="the guide spreads the work over cores")

GUIDE = ROOT / "docs" / "writing-claims.md"
FILES = files(GUIDE)
CLAIMS = {name: source for name, source in FILES.items() if name.startswith("my_claims/")}
VERDICTS = {"supported", "refuted", "inconclusive"}


def ids_in(*sources):
    """Return the ids of all claims and variants in these sources."""
    ids = set()
    for source in sources:
        for claim in re.findall(r'@claim\(\s*(".*?\n)def ', source, re.DOTALL):
            name = re.match(r'"([^"]+)"', claim)[1]
            ids |= {name, *(f"{name}@{variant}" for variant in re.findall(r'variant\("([^"]+)"', claim))}
    return ids


def write(folder, sources):
    """Write files below a folder."""
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def run(python, folder, *arguments):
    """Run pytest in a folder, in a process of its own; return that process, whose exit status must be 0."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {name: value for name, value in inherited.items() if name != "PYTHONPATH"}
    command = [python, "-m", "pytest", *arguments]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    shown = f"{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"

    assert ended.returncode == 0, shown
    return ended


def judged(folder):
    """Return the claims of a report folder by id."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["complete"]
    return {claim["id"]: claim for claim in results["claims"]}


def check(report, expected):
    """Every claim has a verdict, a figure of its own, and a place on the page."""
    claims = judged(report)
    page = (report / "index.html").read_text(encoding="utf-8")

    assert claims.keys() == expected
    for name, claim in claims.items():
        assert claim["verdict"] in VERDICTS, claim["message"]
        assert claim.get("figure_error") is None
        assert claim["figures"]
        assert all("<svg" in (report / figure).read_text(encoding="utf-8") for figure in claim["figures"])
        assert f'id="{name}"' in page
    return claims


@pytest.fixture
def repository(tmp_path):
    """Make a folder with the repository's own pytest settings, plugins and fixtures."""
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def claims():
    """Return the page's claim files; the one that needs JAX only where JAX is installed."""
    has_jax = importlib.util.find_spec("jax") is not None
    return {name: source for name, source in CLAIMS.items() if has_jax or "import jax" not in source}


def test_every_block_says_which_file_it_is():
    """No Python on the page goes untested, and all of it compiles."""
    assert len(FILES) == len(blocks(GUIDE, "python"))
    assert len(CLAIMS) >= 4
    for name, source in FILES.items():
        compile(source, name, "exec")


def test_the_first_claim_takes_a_dozen_lines():
    """Docstring and imports do not count."""
    _, _, body = CLAIMS["my_claims/test_width.py"].partition("\n\n\n")

    assert len([line for line in body.splitlines() if line.strip()]) <= 12


@pytest.mark.slow
def test_its_claims_get_verdicts_and_figures(tmp_path, installed, claims):
    """`pytest my_claims/` in an empty folder: networks, a dataset, a module, estimators, a JAX function, variants."""
    write(tmp_path, claims)
    run(installed, tmp_path, "my_claims/", "--claims-seeds", "16", "-n0", "--claims-report", "reports/mine")
    judged_claims = check(tmp_path / "reports/mine", ids_in(*claims.values()))

    assert judged_claims["trees.b"]["verdict"] == "refuted"
    assert judged_claims["trees.b"]["outcome"] == "xfailed"
    assert judged_claims["rings.a@noisy"]["variant_of"] == "rings.a"


@pytest.mark.slow
def test_pilots_tell_the_design_what_it_can_detect(tmp_path, installed, claims):
    """`--claims-pilot` writes pilots.json beside the claims; `--claims-design` knows every design, trained or not."""
    write(tmp_path, claims)
    run(installed, tmp_path, "my_claims/", "--claims-pilot", "--claims-seeds", "8", "-n0", "--claims-id", "width.a")
    pilot = json.loads((tmp_path / "my_claims/pilots.json").read_text(encoding="utf-8"))["width.a"]
    table = run(installed, tmp_path, "my_claims/", "--claims-design").stdout
    (row,) = (line for line in table.splitlines() if line.startswith("width.a "))

    assert pilot["n"] == 8
    assert f"{pilot['sd']:.3g}" in row
    assert "not known without data" not in table


@pytest.mark.slow
def test_a_folder_outside_the_repository(tmp_path, installed):
    """With the conftest.py of the page: short option names; workers start by themselves; verdict, figure, report."""
    first = {name: FILES[name] for name in ("conftest.py", "my_claims/test_width.py")}
    write(tmp_path, first)
    shown = run(installed, tmp_path, "my_claims/", "--seeds", "8").stdout

    check(tmp_path / "reports/latest", ids_in(*first.values()))
    assert "workers [" in shown


@pytest.mark.slow
def test_its_sabotage_takes_the_verdict_away(repository, installed):
    """The sabotage of the page, with its claim in claims/."""
    write(repository, {"claims/test_width.py": CLAIMS["my_claims/test_width.py"]})
    write(repository, {"tests/sabotage/test_width.py": FILES["tests/sabotage/test_width.py"]})
    for name in ("conftest.py", "records.py"):
        shutil.copy(ROOT / "tests/sabotage" / name, repository / "tests/sabotage" / name)
    shown = run(installed, repository, "tests/sabotage", "-n0").stdout

    assert "1 passed" in shown
