"""`pytest-claims new FOLDER` starts a folder of claims in anybody's repository, and replaces nothing."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

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
    assert after.keys() - before.keys() == {"more_claims/test_first_claim_2.py"}
    assert {name: after[name] for name in before} == before


def test_a_second_folder_gets_names_of_its_own(repository):
    """File names and ids that a session could not hold twice differ, in whichever file the first ones are now."""
    main(["new"])
    main(["new", "more/claims"])
    (repository / "more" / "claims" / "test_first_claim_2.py").rename(repository / "test_renamed.py")
    (repository / "more" / "claims").rmdir()
    main(["new", "third"])

    ids = {name: re.findall(rb'@claim\("([^"]+)"', text) for name, text in contents(repository).items()}
    assert {name: found for name, found in ids.items() if found} == {
        f"my_claims/{FILE}": [b"scale.a"],
        "test_renamed.py": [b"scale2.a"],
        "third/test_first_claim_3.py": [b"scale3.a"],
    }


def test_names_in_other_peoples_folders_are_free(repository):
    """Hidden folders, virtual environments and node_modules are not searched."""
    for folder in (".hidden", "venv", "node_modules"):
        (repository / folder).mkdir()
        (repository / folder / FILE).write_text('@claim("scale.a")')
    (repository / "venv" / "pyvenv.cfg").touch()

    main(["new"])

    assert b'"scale.a"' in (repository / "my_claims" / FILE).read_bytes()


@pytest.mark.parametrize(
    "name, text, file",
    [
        ("pytest.ini", "[pytest]\npython_files = check_*.py *_check.py\n", "check_first_claim.py"),
        ("pytest.ini", "[pytest]\npython_files = *_spec.py\n", "first_claim_spec.py"),
        ("pytest.ini", "[pytest]\npython_files = *.py\n", FILE),
        ("pytest.ini", "[pytest]\npython_files = check_*\n", "check_first_claim.py"),
        ("pytest.ini", "[pytest]\npython_files = tests.py test_*.py\n", FILE),
        ("pyproject.toml", '[tool.pytest]\npython_files = ["claims_*.py"]\n', "claims_first_claim.py"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npython_files = "claims_*.py"\n', "claims_first_claim.py"),
    ],
)
def test_the_file_has_a_name_that_pytest_collects(repository, name, text, file):
    """python_files decides it, in ini files and in TOML."""
    (repository / name).write_text(text)

    assert main(["new"]) == 0
    assert [path.name for path in (repository / "my_claims").iterdir()] == [file]
    assert main(["new", "more"]) == 0
    assert [path.name for path in (repository / "more").iterdir()] == [file.replace("first_claim", "first_claim_2")]


@pytest.mark.parametrize(
    "line, sentence",
    [
        (
            "python_files = tests.py",
            "pytest.ini: python_files = tests.py collects no file that this command could name: add test_*.py to it.",
        ),
        ("python_files = 'a", 'pytest.ini: python_files = "\'a" is no list of file names; mend it first.'),
    ],
)
def test_where_no_name_is_collected_it_says_so(repository, capsys, line, sentence):
    """One sentence, and nothing is written."""
    text = f"[pytest]\n{line}\n"
    (repository / "pytest.ini").write_text(text)

    assert main(["new"]) == 2
    assert capsys.readouterr().err == f"pytest-claims: {sentence}\n"
    assert contents(repository) == {"pytest.ini": text.encode()}


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


@pytest.mark.parametrize(
    "name, text, clause",
    [
        ("pyproject.toml", 'tool = "x"', "tool is no table"),
        ("pyproject.toml", "[[tool]]", "tool is no table"),
        ("pyproject.toml", "[tool]\npytest = 3", "tool.pytest is no table"),
        ("pyproject.toml", "[tool.pytest]\nini_options = []", "tool.pytest.ini_options is no table"),
        (
            "pyproject.toml",
            '[tool.pytest]\naddopts = ["-q"]\n[tool.pytest.ini_options]\naddopts = "-q"',
            "it has settings in [tool.pytest] and in [tool.pytest.ini_options]",
        ),
        ("pytest.toml", "pytest = 3", "pytest is no table"),
    ],
)
def test_odd_tables_are_refused(repository, capsys, name, text, clause):
    """What pytest cannot read is one sentence, no traceback, and nothing is written."""
    (repository / name).write_text(text)

    assert main(["new"]) == 2
    assert capsys.readouterr().err == f"pytest-claims: {name} cannot be read by pytest: {clause}. Mend it first.\n"
    assert contents(repository) == {name: text.encode()}


@pytest.mark.parametrize("value", ["3", "[]", "true"])
def test_a_report_that_is_no_text_is_refused(repository, capsys, value):
    """A native table may hold anything."""
    (repository / "pyproject.toml").write_text(f"[tool.pytest]\nclaims_report = {value}\n")

    assert main(["new"]) == 2
    assert "is no name of a folder; mend it first." in capsys.readouterr().err
    assert contents(repository).keys() == {"pyproject.toml"}


@pytest.mark.parametrize("link", [".gitignore", "pytest.ini", "my_claims", f"my_claims/{FILE}"])
def test_nothing_is_written_through_a_link_that_leads_nowhere(repository, capsys, link, tmp_path_factory):
    """The file would appear somewhere else."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "file"
    (repository / link).parent.mkdir(exist_ok=True)
    (repository / link).symlink_to(elsewhere)

    assert main(["new"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not elsewhere.exists()
    assert contents(repository) == {}


@pytest.mark.parametrize("name", [".gitignore", "pytest.ini"])
def test_everything_is_checked_before_anything_is_written(repository, capsys, name):
    """A folder where a file should be: no other file has changed when that is noticed."""
    (repository / name).mkdir()
    (repository / "setup.cfg").write_text("[tool:pytest]\n" if name == ".gitignore" else "")
    before = contents(repository)

    assert main(["new"]) == 2
    sentence = f"{name} is no file, but this command would write there: move it away first."
    assert capsys.readouterr().err == f"pytest-claims: {sentence}\n"
    assert contents(repository) == before


@pytest.mark.parametrize("full", [0, 1, 2])
def test_where_a_write_fails_all_others_are_undone(repository, capsys, monkeypatch, full):
    """A full disk in the middle leaves nothing half-done: texts are as before, and no file or folder is new."""
    (repository / "setup.cfg").write_text("[tool:pytest]\n")
    before = contents(repository)
    write, calls = Path.write_bytes, []

    def fails_once(path, content):
        calls.append(path)
        if len(calls) == full + 1:
            write(path, content[:3])
            raise OSError(28, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fails_once)

    assert main(["new", "deep/claims"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert contents(repository) == before
    assert not (repository / "deep").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_is_found_first(repository, capsys):
    """Permissions of one file keep all as they are."""
    (repository / ".gitignore").touch(mode=0o444)

    assert main(["new"]) == 2
    assert capsys.readouterr().err == "pytest-claims: .gitignore cannot be written: permission denied.\n"
    assert contents(repository).keys() == {".gitignore"}


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


@pytest.mark.parametrize("settings, page", [("", "../reports/latest"), ("claims_report = out\n", "../out")])
def test_nothing_above_the_repository_is_touched_or_hidden(repository, monkeypatch, capsys, settings, page):
    """A configuration above the repository is somebody else's, and pytest reads it: a second one would hide it."""
    (repository / "pytest.ini").write_text(f"[pytest]\n{settings}")
    (repository / "inner" / ".git").mkdir(parents=True)
    monkeypatch.chdir(repository / "inner")

    assert main(["new"]) == 0

    assert contents(repository).keys() == {"pytest.ini", f"inner/my_claims/{FILE}"}
    assert (repository / "pytest.ini").read_text() == f"[pytest]\n{settings}"
    shown = capsys.readouterr().out
    assert f"Then open {page}/index.html." in shown
    if not settings:
        assert "../pytest.ini, which pytest reads here, lies above this repository: left as it is." in shown


def test_the_configuration_is_the_one_that_pytest_reads(repository, monkeypatch):
    """In a nested repository `new` and pytest agree on the root, before and after."""
    (repository / "setup.cfg").write_text("[tool:pytest]\naddopts = -q\n")
    (repository / "inner" / ".git").mkdir(parents=True)
    monkeypatch.chdir(repository / "inner")
    main(["new"])
    script = "from _pytest.config import _prepareconfig; print(_prepareconfig(['my_claims']).inipath)"
    read = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()

    assert read == str(repository / "setup.cfg")


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
    """`pytest my_claims/` passes: the claim is supported, as registered, at its first look."""
    main(["new"])
    ended = run_claim(repository, "-n0")

    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


@pytest.mark.slow
def test_two_folders_run_together(repository):
    """One session runs the claims of both: neither file names nor ids clash."""
    main(["new"])
    main(["new", "more_claims"])
    ended = run_claim(repository, "more_claims/", "-n0")

    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout


@pytest.mark.slow
def test_without_scikit_learn_the_claim_is_an_error_that_says_so(repository):
    """One sentence names what is missing and how to install it."""
    main(["new"])
    (repository / "conftest.py").write_text("import sys\n\nsys.modules['sklearn'] = None\n")
    ended = run_claim(repository, "-n0")

    assert ended.returncode == 1
    assert "1 error" in ended.stdout
    assert "scikit-learn is missing, install it with: pip install scikit-learn" in ended.stdout
