"""What an ordinary run does, a run on a cluster does, too; and what would measure something else is found out."""

import os
import signal
import time
from contextlib import suppress

import pytest

from tests.cluster.machines import until
from tests.cluster.test_unsuited import pretend

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytest_plugins = ["pytester"]

#: A claim that reads a file by the name of a link, uses a module of a folder that pytest does not look into, and has
#: ordinary tests beside it, which share a fixture.
BESIDE = """
import pathlib

import helpers

@measurement(experiment=3, files=["offset.txt"])
def shifted(seeds, noise):
    offset = float((pathlib.Path(__file__).parent / "offset.txt").read_text())
    return {"height": helpers.SCALE * offset + noise(seeds)}

@claim("3.a", "It is above the offset", seeds=8)
def test_shifted(shifted):
    return exceeds(shifted.height, by=5)

@pytest.fixture(scope="module")
def once(made=[]):
    made.append(1)
    return len(made)

def test_first(once):
    assert once == 1

def test_second(once):
    assert once == 1
"""

#: A trial that forks and is killed; one whose fixture takes longer than the limit of a trial.
PROCESSES = """
@measurement
def forks(seeds, noise):
    child = os.fork()
    if not child:
        time.sleep(400)
        os._exit(0)
    pathlib.Path({events!r}, f"child {{child}}").touch()
    os.kill(os.getpid(), signal.SIGKILL)

@claim("7.a", "It forks")
def test_forks(forks):
    return exceeds(forks.height, by=0)

@pytest.fixture(scope="session")
def late():
    time.sleep(6)

@measurement
def waits(seeds, noise, late):
    return {{"height": 1 + noise(seeds)}}

@claim("7.b", "It waits for a fixture", seeds=8)
def test_waits(waits):
    return exceeds(waits.height, by=0.5)

@measurement
def stuck(seeds, noise):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(1000)

@claim("7.c", "It hears no alarm")
def test_stuck(stuck):
    return exceeds(stuck.height, by=0)
"""

#: A trial that reads an environment variable.
VARIABLE = """
@measurement(experiment=5, part=list(range(6)))
def scaled(seeds, noise, part):
    time.sleep(0.3)  # long enough for both workers to get some
    return {"height": float(os.environ.get("SCALE", "3")) + noise(seeds)}

@claim("5.a", "It is less than four", seeds=8)
def test_scaled(scaled):
    return exceeds(4 - scaled.height.mean("part"), by=0.5)
"""


@pytest.mark.slow
def test_links_folders_names_and_ordinary_tests(toy):
    """All of it at once, started in a folder without sources; the conditions of one claim changed."""
    project = toy.add("import pytest\n" + BESIDE).path
    (project / "claims").rename(project / "claims[1]")
    (project / "claims[1]" / "v2.txt").write_text("3")
    (project / "claims[1]" / "offset.txt").symlink_to("v2.txt")
    (project / "lib").mkdir()
    (project / "lib" / "helpers.py").write_text("SCALE = 2\n")
    (project / "notes").mkdir()
    settings = (project / "pyproject.toml").read_text()
    settings = settings.replace("addopts = [", 'addopts = ["--ff", "--strict-config", ')
    settings += '\nnorecursedirs = ["lib", "reports"]\npythonpath = ["lib"]\ncache_dir = "kept"\n'
    (project / "pyproject.toml").write_text(settings)
    toy.alone(".", "--cluster", "local:1", "--seeds", "8")

    assert toy.ret == 0, toy.text
    assert toy.outcomes == {"2.a": "skipped", "3.a": "passed"}
    toy.result.assert_outcomes(passed=3, skipped=1)
    os.chdir(project / "notes")
    changed = ("--claim", "2.a", "--change", "level=3,1,2", "--report", "changed")
    toy.alone("..", "--cluster", "local:1", "--seeds", "8", *changed)

    assert toy.ret == 0, toy.text
    assert toy.claims["2.a"]["text"].endswith("[changed: level = 3, 1, 2]")


@pytest.mark.slow
def test_processes_of_trials_end_with_them_and_fixtures_take_their_time(suite):
    """A bench that was killed is noticed although its child lives, which is ended; a limit is a trial's alone."""
    source = PROCESSES.replace("pathlib.Path(", "__import__('pathlib').Path(")
    begun = time.monotonic()
    suite.write("import pytest\n" + source)
    status, printed = suite.run("--seeds", "8", "--trial-timeout", "3", address="local:2")
    took = time.monotonic() - begun

    assert status == 1
    said = {name: record["message"] for name, record in suite.toy.claims.items()}
    assert said["7.a"] == "forks, seeds 0-7: its process was ended by signal 9, 3 times.", printed
    assert said["7.c"] == "stuck, seeds 0-7: did not end within 3 s (--trial-timeout) and was stopped.", printed
    assert suite.toy.outcomes["7.b"] == "passed", printed
    assert took < 100
    for path in suite.events.glob("child *"):
        with suppress(ProcessLookupError):
            os.kill(int(path.name.split()[1]), signal.SIG_DFL)
            pytest.fail("a child of a trial has outlived it")


@pytest.mark.slow
def test_a_worker_on_which_a_trial_reads_something_else_is_left_out(suite, machines):
    """Its result is not taken: the variable is named, and the other worker measures."""
    machines.scheduler()
    machines.joined(machines.worker(SCALE="9"), machines.worker())
    status, printed = suite.write(VARIABLE.replace("{", "{{").replace("}", "}}")).run("--seeds", "8")

    assert status == 0, printed
    assert suite.toy.outcomes["5.a"] == "passed"
    assert "is left out: what it measured rests on something else" in printed
    assert "the environment variable SCALE is another there" in printed


@pytest.mark.slow
def test_trials_are_reused_by_a_process_of_another_kind(suite, machines):
    """This process has another numpy than the workers, whose versions count: a second run measures nothing."""
    machines.scheduler()
    machines.joined(machines.worker())
    suite.write(VARIABLE.replace("{", "{{").replace("}", "}}"))
    suite.toy.reporting()
    other = os.pathsep.join([pretend(suite.toy.path.parent / "older", "numpy", "1.2.3"), os.environ["PYTHONPATH"]])
    for more in ([], ["--reuse", "reports/latest"]):
        command = suite.toy.command("--cluster", machines.address, "--seeds", "8", *more)
        run = machines.start(command, cwd=suite.toy.path, PYTHONPATH=other)
        printed = suite.ended(run)

        assert run.returncode == 0, printed
    assert suite.toy.claims["5.a"]["reused"] == len(suite.toy.claims["5.a"]["seconds_by_trial"]) == 6


@pytest.mark.slow
def test_a_worker_that_dies_with_its_result_stops_nobody(suite, machines):
    """While a large result is fetched from a worker that does not answer any more, its death is noticed."""
    machines.scheduler()
    workers = [machines.worker("--no-nanny"), machines.worker("--no-nanny")]
    machines.joined(*workers)
    large = """
@measurement(experiment=6, part=["a", "b"])
def large(seeds, noise, part):
    (EVENTS / f"began {{part}} {{os.getpid()}} {{os.getppid()}}").touch()
    return {{"height": 1 + noise(seeds), "bulk": np.random.default_rng(0).random((8, 3_000_000))}}

@claim("6.a", "It is large", seeds=8)
def test_large(large):
    return exceeds(large.height.mean("part"), by=0.5)
"""
    head = "import pathlib\nEVENTS = pathlib.Path({events!r})\n"
    suite.write(head + large)
    run = suite.start("--seeds", "8")
    until("a trial to begin", lambda: suite.began() or run.poll() is not None)
    time.sleep(1.5)  # its result is made, and is under way or about to be
    machines.kill(next(worker for worker in workers if worker.pid in {parent for *_, parent in suite.began()}))
    begun = time.monotonic()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert time.monotonic() - begun < 120
