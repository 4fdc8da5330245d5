"""A real scheduler and real benches of this machine, on loopback: the numbers are those of one process."""

import json
import os

import numpy as np
import pytest

from tests.cluster.machines import until

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytest_plugins = ["pytester"]

#: A claim of two looks that reads a file.
MORE = """
import pathlib

@measurement(experiment=3, files=["offset.txt"])
def shifted(seeds, noise):
    offset = float((pathlib.Path(__file__).parent / "offset.txt").read_text())
    return {"height": offset + noise(seeds), "long": np.cumsum(noise(seeds))[:, None] * np.ones(500)}

@claim("3.a", "It is above the offset", seeds=64)
def test_shifted(shifted):
    return exceeds(shifted.height, by=2.95)
"""

#: A measurement that cannot be cut into blocks.
FAULTY = """
@measurement(block=0)
def odd(seeds, noise):
    return {"height": noise(seeds)}

@claim("8.a", "It is odd", seeds=64)
def test_odd(odd):
    return exceeds(odd.height, by=0)
"""

#: Trials that end in other ways than with numbers.
TROUBLE = """
@measurement
def raises(seeds, noise):
    raise RuntimeError("it broke")

@claim("7.a", "It raises")
def test_raises(raises):
    return exceeds(raises.height, by=0)

@measurement
def kills(seeds, noise):
    os.kill(os.getpid(), signal.SIGSEGV)

@claim("7.b", "It kills its process")
def test_kills(kills):
    return exceeds(kills.height, by=0)

@measurement
def sleeps(seeds, noise):
    time.sleep(600)

@claim("7.c", "It takes too long")
def test_sleeps(sleeps):
    return exceeds(sleeps.height, by=0)

@measurement
def nothing(seeds, noise):
    return {"height": noise(seeds) * np.nan}

@claim("7.d", "It is no number")
def test_nothing(nothing):
    return exceeds(nothing.height, by=0)

@measurement
def reads(seeds, noise):
    return {"height": float(open("nowhere.csv").read()) + noise(seeds)}

@claim("7.e", "It reads what did not travel")
def test_reads(reads):
    return exceeds(reads.height, by=0)
"""


def arrays(toy) -> dict:
    """Return all stored arrays of the last run, by trial and name."""
    stored = {}
    for path in toy.store("*.npz"):
        with np.load(path) as held:
            stored |= {(path.stem, name): held[name] for name in held.files}
    return stored


def facts(toy) -> dict:
    """Return what the last run's trials say about themselves, without what differs from run to run."""
    clocks = {"seconds", "processor_s", "began", "worker", "checksum"}
    return {
        path.stem: {name: value for name, value in json.loads(path.read_text()).items() if name not in clocks}
        for path in toy.store("*-*.json")
    }


def offset(toy):
    """Write the data file that the claims read."""
    (toy.path / "claims" / "offset.txt").write_text("3")
    return toy


@pytest.mark.slow
def test_a_cluster_stores_the_same_arrays_as_one_process(toy):
    """Under the same keys, with the same facts, bit for bit; also as two workers of xdist."""
    offset(toy.add(MORE)).alone("claims", "--cluster", "local:2", "--report", "reports/latest")

    assert toy.ret == 0, toy.text
    assert "--cluster local:2: 1 worker, 2 trials at a time" in toy.text
    assert {trial["worker"].rpartition(".")[0] for trial in toy.claims["3.a"]["seconds_by_trial"]} == {"worker-1"}
    assert [look["seeds"] for look in toy.claims["3.a"]["looks"]] == [32, 64]
    there, told, outcomes = arrays(toy), facts(toy), toy.outcomes
    for options in (["-n0"], ["-n2"]):
        toy.alone("claims", "-p", "xdist", *options)

        assert toy.outcomes == outcomes == {"2.a": "passed", "3.a": "passed"}
        here = arrays(toy)
        assert there.keys() == here.keys()
        assert all(there[name].tobytes() == here[name].tobytes() for name in here)
        assert facts(toy) == told


@pytest.mark.slow
def test_working_ahead_changes_no_number(toy):
    """Later looks are measured before it is known whether they count; verdicts, looks and arrays are the same."""
    offset(toy.add(MORE)).alone("claims", "--cluster", "local:4")
    judged = {name: (each["looks"], each["parts"]) for name, each in toy.claims.items()}
    needed = arrays(toy)
    toy.alone("claims", "--cluster", "local:4", "--cluster-ahead")
    ahead = arrays(toy)

    assert toy.ret == 0, toy.text
    assert {name: (each["looks"], each["parts"]) for name, each in toy.claims.items()} == judged
    assert needed.keys() <= ahead.keys()
    assert all(ahead[name].tobytes() == needed[name].tobytes() for name in needed)


@pytest.mark.slow
def test_a_faulty_measurement_is_an_error_of_its_claim_when_working_ahead_too(toy):
    """Its later trials cannot be named, which must not end the run: the others are judged."""
    toy.add(FAULTY).alone("claims", "--cluster", "local:1", "--cluster-ahead")

    assert toy.outcomes == {"2.a": "passed", "8.a": "error"}, toy.text
    assert "The measurement odd has blocks of 0 seeds; choose 4, 8, 16 or 32." in toy.text


@pytest.mark.slow
def test_what_goes_wrong_in_a_trial_is_an_error_of_its_claims_alone(toy):
    """An exception, a segmentation fault (three times), a trial beyond its time, NaN, a file that did not travel."""
    toy.add(TROUBLE).alone("claims", "--cluster", "local:2", "--seeds", "8", "--trial-timeout", "3")

    assert toy.ret == 1
    assert toy.outcomes == {"2.a": "skipped", **{f"7.{letter}": "error" for letter in "abcde"}}
    assert "dask-scratch" not in toy.text  # no folder of a worker is shown
    said = {name: record["message"] for name, record in toy.claims.items()}
    assert said["7.a"] == "raises, seeds 0-7: RuntimeError: it broke"
    assert said["7.b"] == "kills, seeds 0-7: its process was ended by signal 11, 3 times."
    assert said["7.c"] == "sleeps, seeds 0-7: did not end within 3 s (--trial-timeout)."
    assert said["7.d"].startswith("nothing, seeds 0-7: height is not finite for seeds 0, 1,")
    assert said["7.e"].endswith("named by @measurement(files=...) or the ini key claims_data.")


@pytest.mark.slow
def test_results_say_where_trials_were_measured(toy):
    """The cluster's environment, that of the process that judged, and the cluster itself; then all is reused."""
    toy.reporting().write().alone("claims", "--cluster", "local:2", "--seeds", "8")
    results = json.loads((toy.path / "reports/latest/results.json").read_text())

    assert results["cluster"]["workers"] == 1
    assert results["cluster"]["cores"] == results["environment"]["cores"] == 2
    assert results["cluster"]["kind"]["numpy"] == results["environment"]["numpy"] == np.__version__
    assert results["controller"]["cores"] == len(os.sched_getaffinity(0))
    toy.alone("claims", "--cluster", "local:1", "--seeds", "8", "--reuse", "reports/latest")

    assert toy.claims["2.a"]["reused"] == 2
    assert toy.ret == 0


@pytest.mark.slow
def test_a_local_cluster_listens_on_loopback_alone(suite):
    """Run, scheduler, benches: no other port is open while trials are measured, that of Dask's pages included."""
    psutil = pytest.importorskip("psutil")
    run = suite.write().under_way(address="local:2")
    until("two trials", lambda: len(suite.began()) == 2)
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    opened = [at for member in family for at in member.net_connections("inet") if at.status != psutil.CONN_ESTABLISHED]
    suite.go()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert len(family) >= 3, printed  # with two benches
    assert {at.laddr.ip for at in opened} == {"127.0.0.1"}
