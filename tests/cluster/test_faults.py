"""What goes wrong on a cluster: a real scheduler and real workers on loopback. Nothing measured is lost."""

import os
import signal
from types import SimpleNamespace

import pytest

from tests.cluster.machines import Proxy, alive, free_port, until

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytest_plugins = ["pytester"]


def same(first, second):
    """Whether two runs stored the same trials with the same bits."""
    return first.keys() == second.keys() and all(
        first[trial].keys() == second[trial].keys()
        and all(first[trial][name].tobytes() == second[trial][name].tobytes() for name in first[trial])
        for trial in first
    )


#: Claims whose trials do what no trial should, and one on the same measurement's innocent condition.
MISDEEDS = """
import pathlib
EVENTS = pathlib.Path({events!r})

def kill(pid):
    (EVENTS / f"began kill {{os.getpid()}} {{os.getppid()}}").touch()
    os.kill(pid, signal.SIGKILL)
    time.sleep(60)

@measurement(experiment=5, deed=["none", "bench", "once", "nan", "raises", "slow"])
def deeds(seeds, noise, deed):
    height = 1 + noise(seeds)
    match deed:
        case "bench":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "once" if not (EVENTS / "once").exists():
            (EVENTS / "once").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "nan":
            height[0] = np.nan
        case "raises":
            raise RuntimeError("no such luck")
        case "slow":
            time.sleep(1000)
    return {{"height": height}}

@measurement(experiment=6)
def assassin(seeds, noise):
    kill(os.getppid())
    return {{"height": 1 + noise(seeds)}}

@measurement(experiment=7)
def bulky(seeds, noise):
    rows = noise(seeds)[:, None] * np.ones(800_000)
    return {{"height": rows.mean(axis=1), "rows": rows}}

@claim("6.a", "Its worker dies", seeds=8)
def test_assassin(assassin):
    return exceeds(assassin.height, by=0.5)

@claim("7.a", "Fifty megabytes", seeds=8, registered="refuted", reason="it is noise")
def test_bulky(bulky):
    return exceeds(bulky.height, by=0.5)
"""
for number, deed in enumerate(["none", "bench", "once", "nan", "raises", "slow"]):
    MISDEEDS += f"""
@claim("5.{chr(ord("a") + number)}", "After {deed}", seeds=8, only={{{{"deed": ["{deed}"]}}}})
def test_{deed}(deeds):
    return exceeds(deeds.height.sel(deed="{deed}"), by=0.5)
"""


@pytest.mark.slow
def test_trials_that_misbehave_are_errors_of_their_own_claims(suite, machines):
    """Each says what happened; innocents on the same worker are judged, also those that died once with another."""
    machines.scheduler()
    machines.worker(threads=2)
    machines.worker(threads=2)
    status, printed = suite.write(MISDEEDS).run("--trial-timeout", "5")
    claims = suite.toy.claims

    assert suite.toy.outcomes == {
        "2.a": "passed", "5.a": "passed", "5.b": "error", "5.c": "passed", "5.d": "error", "5.e": "error",
        "5.f": "error", "6.a": "error", "7.a": "xfailed",
    }, printed  # fmt: skip
    assert status == 1
    assert "signal 11" in claims["5.b"]["message"]
    assert "3 times" in claims["5.b"]["message"]
    assert "not finite" in claims["5.d"]["message"] or "NaN" in claims["5.d"]["message"]
    assert "RuntimeError: no such luck" in claims["5.e"]["message"]
    assert "did not end within 5 s" in claims["5.f"]["message"]
    assert "worker died while measuring it" in claims["6.a"]["message"]
    assert len([what for what, *_ in suite.began() if what == "kill"]) >= 3


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(suite, machines):
    """In mid-run, with all its benches; its nanny starts another. The bits are those of a run without a cluster."""
    machines.scheduler()
    machines.worker()
    machines.worker()
    run = suite.write().under_way()
    victim = until(
        "trials on both workers", lambda: len({worker for *_, worker in suite.began()}) == 2 and suite.began()
    )
    worker = victim[0][2]
    os.kill(worker, signal.SIGKILL)
    until("its benches to end", lambda: not any(alive(bench) for _, bench, of in victim if of == worker))
    suite.go()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert suite.toy.outcomes == {"2.a": "passed", "4.a": "passed"}
    on_cluster = suite.arrays()
    assert len(on_cluster) == 6

    suite.toy.alone("claims")

    assert same(on_cluster, suite.arrays())


@pytest.mark.slow
def test_all_workers_lost_and_others_join(suite, machines):
    """The run waits for them, and goes on where it was."""
    machines.scheduler()
    first = [machines.worker("--no-nanny"), machines.worker("--no-nanny")]
    run = suite.write().under_way()
    for worker in first:
        machines.kill(worker)
    machines.worker("--no-nanny", threads=2)
    suite.go()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert suite.toy.outcomes == {"2.a": "passed", "4.a": "passed"}


@pytest.mark.slow
def test_the_only_worker_is_killed_and_its_nanny_starts_it_anew_at_the_same_address(suite, machines):
    """It has nothing of the run any more; the project is laid out again, and the trials that it had are measured."""
    machines.scheduler()
    machines.worker("--nanny", "--worker-port", str(free_port()), threads=2)
    run = suite.write().under_way()
    first = until("two trials", lambda: len(suite.began()) == 2 and suite.began())
    (worker,) = {worker for *_, worker in first}
    os.kill(worker, signal.SIGKILL)
    until("trials on the new worker", lambda: {of for *_, of in suite.began()} - {worker} or run.poll() is not None)
    suite.go()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert suite.toy.outcomes == {"2.a": "passed", "4.a": "passed"}
    assert "left out" not in printed


@pytest.mark.slow
def test_a_worker_that_loses_its_connection(suite, machines):
    """Its trials go to the other worker; Dask ends it, and its benches end with it."""
    machines.scheduler()
    machines.worker()
    proxy = Proxy(machines.port)
    machines.joined(machines.worker(scheduler=proxy.address))
    run = suite.write().under_way()
    first = until("trials on both workers", lambda: len({of for *_, of in suite.began()}) == 2 and suite.began())
    proxy.cut()
    until("the benches of a worker to end", lambda: any(not alive(bench) for _, bench, _ in first))
    suite.go()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert suite.toy.outcomes == {"2.a": "passed", "4.a": "passed"}


def interrupted_twice(run):
    """Press Ctrl-C, and again while the run takes leave of the cluster."""
    run.send_signal(signal.SIGINT)
    until("the run to say so", lambda: "KeyboardInterrupt" in run.log.read_text() or run.poll() is not None)
    run.send_signal(signal.SIGINT)


#: How a run ends before its time, and what it then returns; None: whatever is no verdict.
ENDS = {
    "scheduler": (lambda lost: lost.machines.kill(lost.scheduler), None),
    "connection": (lambda lost: lost.proxy.drop(), None),
    "workers": (lambda lost: lost.machines.kill(lost.worker), None),
    "Ctrl-C": (lambda lost: lost.run.send_signal(signal.SIGINT), 2),
    "Ctrl-C twice": (lambda lost: interrupted_twice(lost.run), None),  # Python itself may be ending already
    "killed": (lambda lost: lost.run.kill(), -signal.SIGKILL),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDS)
def test_a_run_that_ends_early(suite, machines, how):
    """It says why, without a traceback, and leaves no process behind; a second run computes only what is missing."""
    scheduler = machines.scheduler()
    worker = machines.worker("--no-nanny", threads=2)
    proxy = Proxy(machines.port)
    run = suite.write().under_way("--cluster-wait", "5", address=proxy.address)
    until("the trials of the other claim", lambda: len(suite.toy.store("heights-*.json")) == 4)
    end, expected = ENDS[how]
    end(SimpleNamespace(machines=machines, scheduler=scheduler, worker=worker, proxy=proxy, run=run))
    printed = suite.ended(run)

    if expected is None:
        assert run.returncode not in {0, 1}, printed
        assert "--cluster tcp://127.0.0.1" in printed
    else:
        assert run.returncode == expected, printed
    assert "Traceback" not in printed
    if how in {"connection", "killed"}:  # nobody could tell the worker; its trials end, and with the worker its benches
        machines.kill(worker)
    until("the benches to end", lambda: not any(alive(bench) for _, bench, _ in suite.began()))

    suite.go()
    suite.toy.alone("claims", "--reuse", "reports/latest")

    assert suite.toy.outcomes == {"2.a": "passed", "4.a": "passed"}
    assert suite.toy.claims["2.a"]["reused"] == 4


@pytest.mark.slow
def test_two_runs_at_once_on_one_cluster(suite, machines):
    """Neither loses its processes when the other ends."""
    machines.scheduler()
    machines.worker(threads=4)
    suite.write().hold()
    first = suite.start("--report", "reports/first")
    second = suite.start("--report", "reports/second")
    until("both to measure", lambda: len(suite.began()) >= 4)
    suite.go()
    printed = [suite.ended(run) for run in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], "\n".join(printed)
