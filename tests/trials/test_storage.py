"""Damaged files and full disks: the claim is an error, nothing damaged is used or hidden, the run goes on."""

import os
import shutil
import subprocess

import pytest

from tests.trials.conftest import FULL

pytest_plugins = ["pytester"]


def test_a_damaged_stored_block_is_an_error(toy):
    """A stored block whose checksum does not match is not used, and not silently measured again."""
    toy.write().run()
    for path in toy.store("*.npz"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
    toy.forget()
    toy.run("--reuse", "reports/latest")

    assert toy.outcomes == {"2.a": "error"}
    assert toy.claims["2.a"]["message"].startswith("heights, level=1, seeds 0-7: the stored file run-")
    assert "is damaged: its checksum does not match" in toy.claims["2.a"]["message"]
    assert toy.trained == []


def test_a_cut_off_description_is_an_error(toy):
    """The same for the JSON file beside it."""
    toy.write().run()
    for path in toy.store("heights*.json"):
        path.write_text(path.read_text()[:40])
    toy.run("--reuse", "reports/latest")

    assert toy.outcomes == {"2.a": "error"}
    assert "is damaged" in toy.claims["2.a"]["message"]


@pytest.mark.parametrize("content", ["[]", "7", "null", '"x"', "[" * 100_000, '{"checksum": []}', "{}", "\x00"])
def test_facts_that_are_no_facts_are_an_error(toy, content):
    """Whatever JSON lies in their place: a sentence, no traceback, and nothing is measured in its place unnoticed."""
    toy.write().run()
    for path in toy.store("heights*.json"):
        path.write_text(content)
    toy.forget()
    toy.run("--reuse", "reports/latest")

    assert toy.outcomes == {"2.a": "error"}
    assert toy.claims["2.a"]["message"].startswith("The stored trial run-")
    assert "is damaged: " in toy.claims["2.a"]["message"]
    assert toy.trained == []


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_a_folder_in_the_place_of_a_file_is_an_error(toy, suffix):
    """What cannot be read at all counts as damaged."""
    toy.write().run()
    for path in toy.store(f"heights*.{suffix}"):
        path.unlink()
        path.mkdir()
    toy.run("--reuse", "reports/latest")

    assert toy.outcomes == {"2.a": "error"}
    assert "is damaged: " in toy.claims["2.a"]["message"]


CUT = """
import pytest_claims.trials.store as store
whole = store.write_atomically
def cut(path, content):
    return whole(path, content[:-7] if path.suffix == ".npz" else content)
store.write_atomically = cut
"""


def test_a_claim_that_measures_for_itself_is_judged_on_what_is_stored(toy):
    """A disk that loses the end of a file is noticed by the claim that wrote it, not by the next one only."""
    toy.write()
    with (toy.path / "conftest.py").open("a") as file:
        file.write(CUT)
    toy.alone("claims")

    assert toy.outcomes == {"2.a": "error"}
    assert "is damaged: its checksum does not match" in toy.claims["2.a"]["message"]


def test_a_block_that_is_damaged_during_the_run_is_an_error(toy):
    """The claim before read it and passes; the claim after is an error, and nothing is measured again."""
    toy.add("""
@claim("3.a", "Damages", seeds=16)
def test_damages(heights):
    import pathlib
    for path in pathlib.Path("reports/latest/trials").glob("run-*/heights-*.npz"):
        path.write_bytes(path.read_bytes()[:-7])
    return exceeds(heights.height.sel(level=2), by=0)

@claim("3.b", "Comes after", seeds=16)
def test_after(heights):
    return exceeds(heights.height.sel(level=2), by=0)
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed", "3.b": "error"}
    assert "is damaged: its checksum does not match" in toy.claims["3.b"]["message"]
    assert len(toy.trained) == 4


@pytest.mark.parametrize("which, trainings", [("odd-", 0), (".npz", 1)])
def test_a_full_disk_is_an_error_of_its_claim(toy, which, trainings):
    """Found before training if nothing can be written, else when the result is stored; the run goes on."""
    toy.write("""
from pytest_claims import claim, exceeds, measurement

@measurement
def odd(seeds, noise):
    return {"height": 1 + noise(seeds)}

@claim("3.a", "Odd", seeds=8)
def test_odd(odd):
    return exceeds(odd.height, by=0.5)

def test_another():
    pass
""")
    with (toy.path / "conftest.py").open("a") as file:
        file.write(FULL.format(which=which))
    toy.alone("claims")

    assert toy.outcomes == {"3.a": "error"}
    assert toy.claims["3.a"]["message"] == ("odd, seeds 0-7: the trial could not be stored (No space left on device).")
    assert len(toy.trained) == trainings
    toy.result.assert_outcomes(passed=1, errors=1)


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="needs the right to mount a tmpfs")
def test_a_really_full_disk(toy):
    """A tmpfs of 256 kB: the block does not fit, the claim is an error, the other claim passes."""
    small = toy.path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        toy.add("""
@measurement
def big(seeds, noise):
    return {"height": 1 + noise(seeds), "curve": np.zeros((len(seeds), 10_000))}

@claim("3.a", "Big", seeds=8)
def test_big(big):
    return exceeds(big.height, by=0.5)
""").reporting().spread("--report", str(small))
        assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
        assert toy.claims["3.a"]["message"] == (
            "big, seeds 0-7: the trial could not be stored (No space left on device)."
        )
    finally:
        subprocess.run(["umount", str(small)], check=True)


NO_ROOM = """
import errno, pytest_claims.results
def full(folder, results):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
pytest_claims.results.write = full
"""


@pytest.mark.parametrize("way", ["alone", "spread"])
def test_a_report_without_room_hides_no_verdict(toy, way):
    """Without room during the run and at its end, the claims are judged all the same, and one sentence says why."""
    toy.add("""
@claim("3.a", "Higher still", seeds=8)
def test_another(heights):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0)
""").reporting(NO_ROOM)
    getattr(toy, way)(*(["claims"] if way == "alone" else []), "--report", "out")

    assert toy.ret == 1
    assert "INTERNALERROR" not in toy.text
    assert "The report could not be written: No space left on device." in toy.text
    assert toy.outcomes == {"2.a": "passed", "3.a": "passed"}
