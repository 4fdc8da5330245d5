"""Options are checked on the controller before anything is trained: exit status 4 and one sentence."""

import os
from types import SimpleNamespace

import pytest

from pytest_claims.plugin import pytest_load_initial_conftests
from pytest_claims.running.measuring import choose_workers

pytest_plugins = ["pytester"]

WRONG = {
    ("--seeds", "3"): "--seeds 3: below 8 seeds there is no verdict; a 99 % interval over so few says next to nothing.",
    ("--seeds", "24"): (
        "--seeds 24: claims are judged at 32 seeds, then at twice as many, ...; give 32, 64, 128, ... to end there, or "
        "8 or 16 for a quick look."
    ),
    ("--seeds", "many"): (
        "--seeds many: give a whole number: 32, 64, 128, ... to end there, or 8 or 16 for a quick look."
    ),
    ("--seeds", "64", "--tier", "deep"): (
        "--seeds 64 and --tier deep contradict each other: both say where looks end."
    ),
    ("--pilot", "--tier", "deep"): "--pilot and --tier contradict each other: pilots have seeds of their own.",
    ("--fresh=-1",): "--fresh -1: give the number of a stream of fresh seeds, as in --fresh=7.",
    ("--fresh=x",): "--fresh x: give the number of a stream of fresh seeds, as in --fresh=7.",
    ("--trial-timeout", "0"): "--trial-timeout 0: give the time limit for a trial in seconds, above 0.",
    ("--claim", "2.a,"): "--claim names no claim: write --claim 2.a or --claim 2.a,7.b.",
    ("--claim", "2.x"): "--claim 2.x: no such claim; those collected are 2.a.",
    ("--pilot", "--fresh=1"): "--pilot and --fresh contradict each other: pilots have seeds of their own.",
    ("--design", "--pilot"): "--design trains nothing, so it cannot be combined with --pilot.",
    ("--reuse", "nowhere"): "--reuse nowhere: there are no stored trials; nowhere/trials does not exist.",
    ("--engine", "abacus"): "--engine abacus: unknown engine 'abacus': choose from torch, jax",
}


@pytest.mark.parametrize("options", WRONG, ids=" ".join)
def test_a_wrong_value_is_a_usage_error(toy, options):
    """Exit status 4, one sentence, nothing trained, nothing left behind."""
    toy.write().run(*options)

    assert toy.ret == 4
    assert WRONG[options] in toy.text
    assert toy.trained == []
    assert not (toy.path / "reports").exists()


def test_unknown_claim_is_a_usage_error_on_workers_too(toy):
    """The controller never collects; it learns from the workers, before they train."""
    toy.write().spread("--claim", "2.x")

    assert toy.ret == 4
    assert "--claim 2.x: no such claim; those collected are 2.a." in toy.text
    assert toy.trained == []


@pytest.mark.parametrize("spread", [False, True])
def test_claims_need_the_plugin_for_expected_failures(toy, spread):
    """Without it a registered refutation would be an error; tests without claims run as ever."""
    toy.write()
    (toy.path / "test_plain.py").write_text("def test_plain(): pass")
    (toy.spread if spread else toy.run)("-p", "no:skipping")

    assert (toy.ret, toy.trained) == (4, [])
    assert "-p no:skipping: a claim that is refuted or inconclusive, as registered, is an expected failure" in toy.text
    toy.pytester.runpytest_inprocess("-p", "no:skipping", "test_plain.py").assert_outcomes(passed=1)


def test_unwritable_store_is_found_before_training(toy):
    """The trial store is in the report folder; a file instead of the folder is a usage error."""
    toy.write()
    (toy.path / "reports").write_text("a file")
    toy.run()

    assert toy.ret == 4
    assert "cannot be written (Not a directory)" in toy.text


@pytest.mark.parametrize("option", ["--pilot", "--design"])
def test_damaged_pilots_are_a_usage_error(toy, option):
    """They are found before anything is trained, and stay as they are."""
    toy.write()
    (toy.path / "claims/pilots.json").write_text('{"2.a": []}')
    toy.run(option)

    assert toy.ret == 4
    assert "claims/pilots.json is no file of pilots: 2.a is a list, no object." in toy.text
    assert (toy.path / "claims/pilots.json").read_text() == '{"2.a": []}'
    assert toy.trained == []


def test_claim_selects_a_bare_id_with_its_variants(toy):
    """--claim 4.a selects 4.a and its variants, 4.a@x only that variant; repeated or with commas."""
    toy.add("""
@claim("4.a", "By", given={"by": 0.5}, variants=[variant("x", by=0.6), variant("y", by=0.7)])
def test_by(heights, by):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=by)

@claim("14.a", "Another", seeds=16)
def test_another(heights):
    return exceeds(heights.height.sel(level=2), by=0)

def test_no_claim():
    pass
""")
    assert list(toy.run("--claim", "4.a").outcomes) == ["4.a", "4.a@x", "4.a@y"]
    toy.result.assert_outcomes(passed=3, deselected=3)
    assert list(toy.run("--claim", "4.a@x").outcomes) == ["4.a@x"]
    assert list(toy.run("--claim", "4.a@y,2.a", "--claim", "14.a").outcomes) == ["14.a", "2.a", "4.a@y"]


NATIVE = """
[tool.pytest]
addopts = ["--import-mode=importlib", "-p", "no:claims-reporting", "-p", "no:claims-drawing"]
"""


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="native TOML tables are new in pytest 9")
@pytest.mark.parametrize(
    "line, sentence",
    [
        ("claims_timeout = 5", None),
        ("claims_timeout = 0.5", None),
        ("claims_timeout = 0", "claims_timeout 0: give the time limit for a trial in seconds, above 0."),
        ("claims_timeout = true", "claims_timeout = True: give a number or a text in quotes."),
        ("claims_report = 3", "claims_report = 3: give a text in quotes."),
        ("claims_provisional = true", None),
        ("claims_edition = 2", None),
        ("claims_edition = 0", "claims_edition = 0: give a whole number, at least 1."),
        ('claims_edition = "second"', "claims_edition = second: give a whole number, at least 1."),
    ],
)
def test_settings_may_be_numbers(toy, line, sentence):
    """A native table of pyproject.toml keeps types; what cannot be meant is one sentence and exit status 4."""
    toy.pytester.makepyprojecttoml(NATIVE + line)
    toy.write().run()

    assert toy.ret == (0 if sentence is None else 4)
    assert sentence is None or sentence in toy.text


def chosen(pytester, *arguments):
    """Return the number of workers that a call settles on; None where it takes none."""
    config = pytester.parseconfig(*arguments)
    choose_workers(config)
    return config.option.numprocesses


@pytest.mark.parametrize(
    "folder, before, after",
    [("claims", None, "PASSIVE"), ("claims", "ACTIVE", "ACTIVE"), ("plain", None, None)],
)
@pytest.mark.parametrize("options", [(), ("-n", "2"), ("-n0",), ("-s",)])
def test_waiting_threads_of_workers_give_up_their_core(folders, monkeypatch, folder, before, after, options):
    """Where workers measure claims, and the user has not chosen: two threads in each would wait for each other.

    A process that has the cores for itself is left as it is.
    """
    if before is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", before)
    chosen(folders, folder, *options)

    assert os.environ.get("OMP_WAIT_POLICY") == (before if options in {("-n0",), ("-s",)} else after)


@pytest.fixture
def folders(pytester, monkeypatch):
    """Make a claim file in claims/ and ordinary tests in plain/; what a call sets for its workers is put back."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that it is put back, also where it was not set
    monkeypatch.delenv("OMP_WAIT_POLICY")
    pytest.importorskip("xdist")
    pytester.makeini("[pytest]\nclaims_workers = 2\n")
    for name, content in (("claims/test_a.py", "import pytest_claims"), ("plain/test_b.py", "def test_b(): pass")):
        path = pytester.path / name
        path.parent.mkdir()
        path.write_text(content)
    return pytester


@pytest.mark.parametrize(
    "arguments, workers",
    [
        ((), 2),
        (("plain",), None),
        (("--ignore=claims",), None),
        (("--ignore", "claims/test_a.py"), None),
        (("--ignore=plain",), 2),
        (("--ignore-glob=*test_a*",), None),
        (("--ignore-glob=claims/*",), None),
        (("--ignore-glob=*test_b*",), 2),
        (("--deselect", "claims/test_a.py"), None),
        (("--deselect=claims",), None),
        (("--deselect", "claims/test_a.py::test_it"), 2),
        (("--deselect", "plain/test_b.py"), 2),
        (("claims/test_a.py", "--ignore=claims/test_a.py"), 2),  # as pytest itself: what is named is collected
        (("claims/test_a.py", "--deselect=claims/test_a.py"), None),
        (("-s",), None),
        (("--capture=no",), None),
        (("--capture=sys",), 2),
        (("--trace",), None),
        (("--pdb",), None),
        (("-s", "-n3"), 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_workers_are_for_claims_that_run_and_terminals_for_people(folders, arguments, workers):
    """Claim files that are ignored or deselected start no workers; nor do -s, --trace and --pdb, unless -n asks."""
    assert chosen(folders, *arguments) == workers


@pytest.mark.usefixtures("in_time")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_what_is_no_file_holds_no_claims(folders):
    """Reading a pipe or a device with the name of a test file would never end."""
    os.mkfifo(folders.path / "plain" / "test_pipe.py")
    (folders.path / "plain" / "test_zero.py").symlink_to("/dev/zero")

    assert chosen(folders, "plain") is None
    assert chosen(folders) == 2


def test_the_folder_of_a_short_option_is_no_test():
    """Before the short names are known pytest takes it for one, and the conftest.py above it for the repository's."""
    known = SimpleNamespace(file_or_dir=["claims", "../other/reports"])
    pytest_load_initial_conftests(
        SimpleNamespace(known_args_namespace=known), ["claims", "--reuse", "../other/reports"]
    )

    assert known.file_or_dir == ["claims"]
