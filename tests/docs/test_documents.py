"""Files, headings, options and commands that the documents name exist."""

import importlib.util
import re
import subprocess
import sys

import pytest

from pytest_claims.cli import _parser
from tests.docs.documents import DOCUMENTS, ROOT, anchors, code, links

#: Long options of other programs, by the program.
FOREIGN = {
    "--repeat-seeds": "python -m benchmarks.sensitivity",
    "--shortened": "python -m benchmarks.sensitivity",
    "--repeats": "python -m benchmarks.sensitivity",
    "--other-workers": "python -m benchmarks.sensitivity",
    "--extra-index-url": "pip",
    "--format": "pip list",
    "--check": "ruff format",
    "--write": "python -m benchmarks.cluster",
    **dict.fromkeys(("--ntasks", "--cpus-per-task"), "srun"),
    **dict.fromkeys(("--protocol", "--host", "--port", "--no-dashboard", "--dashboard-address"), "dask scheduler"),
    **dict.fromkeys(("--tls-ca-file", "--tls-cert", "--tls-key", "--scheduler-file"), "dask scheduler"),
    **dict.fromkeys(("--nworkers", "--nthreads", "--memory-limit", "--local-directory"), "dask worker"),
    "--inplace": "jupyter execute",
}
FOLDERS = r"(?:claims|fixtures|src|reports|tests|benchmarks|docs)"
#: The library's rooms, which the page about them names without their folder.
ROOMS = r"(?:trials|running|inference|training|report|drift|nightly|notebook)"
LIBRARY = "src/pytest_claims"
#: Made by a run, not committed.
MADE = ("reports/latest", "reports/mine", "benchmarks/latest.json")

documents = pytest.mark.parametrize(
    "path",
    DOCUMENTS,
    ids=[path.name if path.parent.name != "reports" else f"reports/{path.name}" for path in DOCUMENTS],
)


def options_of_command():
    """Return the subcommands of `pytest-claims`, each with its long options."""
    (commands,) = (action.choices for action in _parser()._actions if isinstance(action.choices, dict))
    return {
        name: {option for action in parser._actions for option in action.option_strings}
        for name, parser in commands.items()
    }


@pytest.fixture(scope="module")
def options_of_pytest():
    """Return the long options of pytest here, with those of its plugins."""
    command = [sys.executable, "-m", "pytest", "claims/", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z][\w-]*", shown))


@documents
def test_links_lead_somewhere(path):
    """Every relative link names a file, and a heading in it where it has an anchor."""
    broken = []
    for link in links(path):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


@documents
def test_named_files_exist(path):
    """A path into a folder of the repository, or into a room of the library, is there when it is set as code."""
    named = [text for text in code(path) if re.fullmatch(rf"{FOLDERS}/[\w/.-]*", text) and not text.startswith(MADE)]
    rooms = [text for text in code(path) if re.fullmatch(rf"{ROOMS}/[\w/.-]*", text)]

    assert [text for text in named if not (ROOT / text).exists()] == []
    assert [text for text in rooms if not (ROOT / LIBRARY / text).exists()] == []


def test_named_options_exist(options_of_pytest):
    """Every long option, set as code, is one of pytest's, of `pytest-claims`, or of another program named above."""
    pytest.importorskip("xdist", reason="some of the options are those of xdist")
    known = options_of_pytest.union(*options_of_command().values(), FOREIGN)
    named = {
        (path.name, option)
        for path in DOCUMENTS
        for text in code(path)
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)
    }

    assert {option for _, option in named} >= {"--seeds", "--fresh", "--reuse", "--pilot", "--design", "--report"}
    families = {option for _, option in named if option.endswith("-")}  # as in `--claims-...`
    assert all(any(option.startswith(family) for option in known) for family in families)
    assert sorted((page, option) for page, option in named if option not in known | families) == []


@documents
def test_named_commands_exist(path):
    """`make TARGET` is in the Makefile, `python -m MODULE` can be found, `pytest-claims COMMAND` is a subcommand."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = "\n".join(code(path))
    named_targets = set(re.findall(r"\bmake ([a-z]+)\b(?!=)", text))
    modules = set(re.findall(r"\bpython -m ([a-z][\w.]*)", text))
    commands = set(re.findall(r"\bpytest-claims ([a-z]+)", text))

    assert named_targets - targets == set()
    assert {name for name in modules if importlib.util.find_spec(name) is None} == set()
    assert commands - options_of_command().keys() == set()


@documents
def test_no_places_of_a_machine(path):
    """No home folders, no mounted work folders, no addresses of package indexes."""
    places = re.findall(r"/(?:home|root|Users|work|tmp|mnt)/\S*|https?://\S*(?:pypi|whl|index)\S*", path.read_text())

    assert places == []
