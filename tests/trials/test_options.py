"""Options are checked on the controller before anything is trained: exit status 4 and one sentence."""

import pytest

pytest_plugins = ["pytester"]

WRONG = {
    ("--seeds", "3"): "--seeds 3: below 8 seeds there is no verdict; a 99 % interval over so few says next to nothing.",
    ("--seeds", "12"): "--seeds 12: seeds train in blocks of 8, so give a multiple of 8, such as 8 or 16.",
    ("--seeds", "many"): "--seeds many: give a whole number, a multiple of 8.",
    ("--seeds", "24", "--sequential"): "--seeds 24: with --sequential it is the last look, one of 8, 16, 32, 64.",
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
