"""`pytest-claims new FOLDER` starts a folder of claims in anybody's repository, and replaces nothing."""

import ast
import os
import subprocess
import sys

import pytest

from pytest_claims.cli import main

COMMENT = "# the report of claims, relative to this file (pytest-claims)\n"
INI = f"{COMMENT}claims_report = reports/latest\n"
TOML = f'{COMMENT}claims_report = "reports/latest"\n'
FILE = "test_first_claim.py"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Make an empty repository, which is the current folder."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    """Return all files below a folder with their bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_claim(folder, *arguments):
    """Run the first claim in a process of its own; returns the ended process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "my_claims/", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_an_empty_repository_gets_three_files(repository, capsys):
    """A claim, a pytest.ini and a .gitignore; the last lines say what to run and which page to open."""
    assert main(["new", "my_claims"]) == 0

    written = contents(repository)
    assert written.keys() == {f"my_claims/{FILE}", "pytest.ini", ".gitignore"}
    assert written["pytest.ini"].decode() == f"[pytest]\n{INI}"
    assert written[".gitignore"].decode() == "/reports/latest/\n"
    assert capsys.readouterr().out.splitlines() == [
        f"my_claims/{FILE}: a first claim.",
        "pytest.ini: added claims_report = reports/latest to [pytest].",
        ".gitignore: added /reports/latest/.",
        "",
        "Next: pytest my_claims/",
        "Then open reports/latest/index.html.",
    ]


def test_the_folder_is_called_my_claims_unless_named(repository):
    """Without an argument the folder is my_claims/."""
    assert main(["new"]) == 0

    assert (repository / "my_claims" / FILE).exists()


def test_the_claim_explains_itself(repository):
    """Question, protocol and departures are in the docstring; besides the core, only scikit-learn is needed."""
    main(["new"])

    module = ast.parse((repository / "my_claims" / FILE).read_text(encoding="utf-8"))
    paragraphs = ast.get_docstring(module).split("\n\n")
    assert [paragraph.split()[0] for paragraph in paragraphs[1:]] == ["Question.", "Protocol.", "Departures."]
    assert paragraphs[0].endswith("?")
    imports = [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert {name.partition(".")[0] for name in modules} == {"numpy", "pytest_claims", "sklearn"}


@pytest.mark.parametrize(
    "name, before, after",
    [
        ("pyproject.toml", '[project]\nname = "lab"', f'[project]\nname = "lab"\n\n[tool.pytest.ini_options]\n{TOML}'),
        ("pyproject.toml", "", f"[tool.pytest.ini_options]\n{TOML}"),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]  # ours\naddopts = "-q"\n\n[tool.ruff]\n',
            f'[tool.pytest.ini_options]  # ours\n{TOML}addopts = "-q"\n\n[tool.ruff]\n',
        ),
        (
            "pyproject.toml",
            '[ tool . pytest ]\naddopts = ["-q"]',
            f'[ tool . pytest ]\n{TOML}addopts = ["-q"]',
        ),
        (
            "pyproject.toml",
            'tool.pytest.ini_options.addopts = "-q"\n',
            'tool.pytest.ini_options.addopts = "-q"\n',
        ),
        (
            "pyproject.toml",
            'text = """\n[tool.pytest.ini_options]\n"""\n[tool.pytest.ini_options]\naddopts = "-q"\n',
            'text = """\n[tool.pytest.ini_options]\n"""\n[tool.pytest.ini_options]\naddopts = "-q"\n',
        ),
        ("pytest.ini", "[pytest]\naddopts = -q\n", f"[pytest]\n{INI}addopts = -q\n"),
        ("pytest.ini", "", f"[pytest]\n{INI}"),
        (".pytest.ini", "[pytest]", f"[pytest]\n{INI}"),
        ("pytest.toml", '[pytest]\naddopts = ["-q"]\n', f'[pytest]\n{TOML}addopts = ["-q"]\n'),
        ("tox.ini", "[tox]\nenvlist = py\n[pytest]\n", f"[tox]\nenvlist = py\n[pytest]\n{INI}"),
        ("setup.cfg", "[metadata]\n[tool:pytest]\r\n", "[metadata]\n[tool:pytest]\r\n" + INI.replace("\n", "\r\n")),
    ],
    ids=[
        "no-table", "empty-toml", "ini-options", "native-table", "dotted-keys", "table-in-a-text", "pytest-ini",
        "empty-ini", "hidden-ini", "pytest-toml", "tox", "setup-cfg",
    ],
)  # fmt: skip
def test_the_projects_own_configuration_is_kept(repository, capsys, name, before, after):
    """One setting is added to the file that pytest reads; what cannot be edited safely is left to its owner."""
    (repository / name).write_bytes(before.encode())

    assert main(["new"]) == 0
    assert (repository / name).read_bytes().decode() == after
    by_hand = f"{name} could not be edited safely: add claims_report = reports/latest to pytest's settings there"
    assert (by_hand in capsys.readouterr().out) == (before == after)
    assert contents(repository).keys() == {f"my_claims/{FILE}", ".gitignore", name}


@pytest.mark.parametrize("other", ["tox.ini", "setup.cfg"])
def test_files_that_pytest_does_not_read_are_left_alone(repository, other):
    """A tox.ini or setup.cfg without pytest's section is not its configuration."""
    (repository / other).write_text("[metadata]\nname = lab\n")

    main(["new"])

    assert (repository / other).read_text() == "[metadata]\nname = lab\n"
    assert (repository / "pytest.ini").exists()


def test_pytest_reads_the_first_of_several_files(repository):
    """pytest.ini comes before pyproject.toml, which stays as it is."""
    (repository / "pytest.ini").write_text("[pytest]\n")
    (repository / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")

    main(["new"])

    assert (repository / "pytest.ini").read_text() == f"[pytest]\n{INI}"
    assert (repository / "pyproject.toml").read_text() == "[tool.pytest.ini_options]\n"


def test_a_configured_report_stays(repository, capsys):
    """Where claims_report is set nothing is added to it, and .gitignore names that folder."""
    (repository / "pytest.ini").write_text("[pytest]\nclaims_report = out/pages\n")

    assert main(["new"]) == 0

    assert (repository / "pytest.ini").read_text() == "[pytest]\nclaims_report = out/pages\n"
    assert (repository / ".gitignore").read_text() == "/out/pages/\n"
    shown = capsys.readouterr().out
    assert "pytest.ini has claims_report already: left as it is." in shown
    assert "Then open out/pages/index.html." in shown


def test_a_report_outside_the_repository_is_not_ignored(repository):
    """A .gitignore says nothing about other places."""
    (repository / "pytest.ini").write_text("[pytest]\nclaims_report = ../pages\n")

    assert main(["new"]) == 0
    assert not (repository / ".gitignore").exists()


def test_a_second_folder_changes_nothing_else(repository):
    """A second folder gets its claim; configuration and .gitignore stay, byte for byte."""
    main(["new"])
    before = contents(repository)

    assert main(["new", "more_claims"]) == 0

    after = contents(repository)
    assert after.keys() - before.keys() == {f"more_claims/{FILE}"}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("line", ["reports/", "/reports/latest", "reports/latest/"])
def test_what_git_ignores_already_is_not_repeated(repository, line):
    """The folder, or one above it, with or without slashes."""
    (repository / ".gitignore").write_text(f"*.pyc\n{line}\n")

    main(["new"])

    assert (repository / ".gitignore").read_text() == f"*.pyc\n{line}\n"


def test_a_gitignore_without_a_last_newline_keeps_its_last_line(repository):
    """The new line is a line of its own, and ends as the others do."""
    (repository / ".gitignore").write_bytes(b"*.pyc\r\nbuild\xff")

    main(["new"])

    assert (repository / ".gitignore").read_bytes() == b"*.pyc\r\nbuild\xff\r\n/reports/latest/\r\n"


def test_an_existing_claim_is_refused(repository, capsys):
    """Exit status 2 and one sentence; every file stays as it was."""
    main(["new"])
    (repository / "my_claims" / FILE).write_text("mine")
    (repository / ".gitignore").unlink()
    before = contents(repository)
    capsys.readouterr()

    assert main(["new"]) == 2
    assert contents(repository) == before
    shown = capsys.readouterr()
    sentence = f"my_claims/{FILE} exists already: name another folder, or write your next claim beside it."
    assert (shown.out, shown.err) == ("", f"pytest-claims: {sentence}\n")


@pytest.mark.parametrize("folder", ["taken", "taken/deeper"])
def test_a_file_in_the_way_is_refused(repository, capsys, folder):
    """A folder cannot be made where a file is."""
    (repository / "taken").write_text("mine")

    assert main(["new", folder]) == 2
    assert contents(repository) == {"taken": b"mine"}
    sentence = f"taken is a file, so there can be no folder {folder}: choose another name."
    assert capsys.readouterr().err == f"pytest-claims: {sentence}\n"


@pytest.mark.parametrize("name, text", [("pyproject.toml", b"[tool"), ("pytest.ini", b"["), ("pytest.ini", b"\xff")])
def test_a_configuration_that_cannot_be_read_is_refused(repository, capsys, name, text):
    """One sentence names the file, and nothing is written."""
    (repository / name).write_bytes(text)

    assert main(["new"]) == 2
    assert contents(repository) == {name: text}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"pytest-claims: {name} ")


def test_nested_folders_are_made(repository):
    """All folders of a path are made; the settings go to their usual place."""
    assert main(["new", "research/2026/claims"]) == 0

    assert contents(repository).keys() == {f"research/2026/claims/{FILE}", "pytest.ini", ".gitignore"}


def test_from_a_subfolder_the_projects_configuration_is_used(repository, monkeypatch, capsys):
    """Paths are relative to the current folder, settings go to where the project has them."""
    (repository / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (repository / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(repository / "deep" / "down")

    assert main(["new", "claims"]) == 0

    assert contents(repository).keys() == {f"deep/down/claims/{FILE}", "pyproject.toml", ".gitignore"}
    assert (repository / "pyproject.toml").read_text() == f"[tool.pytest.ini_options]\n{TOML}"
    shown = capsys.readouterr().out
    assert "../../pyproject.toml: added" in shown
    assert "Next: pytest claims/\nThen open ../../reports/latest/index.html." in shown


def test_the_configuration_nearest_to_the_folder_is_used(repository):
    """A project inside the repository has settings of its own."""
    (repository / "pytest.ini").write_text("[pytest]\n")
    (repository / "part").mkdir()
    (repository / "part" / "tox.ini").write_text("[pytest]\n")

    main(["new", "part/claims"])

    assert (repository / "pytest.ini").read_text() == "[pytest]\n"
    assert (repository / "part" / "tox.ini").read_text() == f"[pytest]\n{INI}"
    assert (repository / "part" / ".gitignore").read_text() == "/reports/latest/\n"


def test_nothing_above_the_repository_is_touched(repository, monkeypatch):
    """A configuration above the repository is somebody else's."""
    (repository / ".git").rmdir()
    (repository / "pytest.ini").write_text("[pytest]\n")
    (repository / "inner" / ".git").mkdir(parents=True)
    monkeypatch.chdir(repository / "inner")

    main(["new"])

    assert (repository / "pytest.ini").read_text() == "[pytest]\n"
    assert (repository / "inner" / "pytest.ini").read_text() == f"[pytest]\n{INI}"


@pytest.mark.parametrize("folder, own", [("my_claims", "reports/__init__.py"), ("reports/claims", "README.md")])
def test_the_report_stays_out_of_the_projects_own_folders(repository, folder, own):
    """A package called reports, or claims below such a folder, are no place for pages."""
    (repository / own).parent.mkdir(exist_ok=True)
    (repository / own).write_text("")

    main(["new", folder])

    assert (repository / ".gitignore").read_text() == "/claims_report/\n"


def test_links_and_permissions_of_a_configuration_stay(repository):
    """The file is edited in place."""
    (repository / "shared.toml").write_text("[tool.pytest.ini_options]\n")
    (repository / "shared.toml").chmod(0o640)
    (repository / "pyproject.toml").symlink_to("shared.toml")

    main(["new"])

    assert (repository / "pyproject.toml").is_symlink()
    assert (repository / "shared.toml").read_text() == f"[tool.pytest.ini_options]\n{TOML}"
    assert (repository / "shared.toml").stat().st_mode & 0o777 == 0o640


@pytest.mark.usefixtures("repository")
def test_missing_scikit_learn_is_mentioned(monkeypatch, capsys):
    """The command says so before the claim fails."""
    monkeypatch.setattr("pytest_claims.scaffold.importlib.util.find_spec", lambda _: None)

    assert main(["new"]) == 0
    assert "This claim needs scikit-learn: pip install scikit-learn" in capsys.readouterr().out.splitlines()


@pytest.mark.slow
def test_the_first_claim_is_supported(repository):
    """`pytest my_claims/` passes: the claim is supported, as registered, with its 16 seeds."""
    main(["new"])
    ended = run_claim(repository, "-n0")

    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


@pytest.mark.slow
def test_without_scikit_learn_the_claim_is_an_error_that_says_so(repository):
    """One sentence names what is missing and how to install it."""
    main(["new"])
    (repository / "conftest.py").write_text("import sys\n\nsys.modules['sklearn'] = None\n")
    ended = run_claim(repository, "-n0")

    assert ended.returncode == 1
    assert "1 error" in ended.stdout
    assert "scikit-learn is missing, install it with: pip install scikit-learn" in ended.stdout
