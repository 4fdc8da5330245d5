"""Killed workers, trials that hang, Ctrl-C, and everything at once: the claim is an error, the run goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from pytest_claims.folders import LOCK, MARKER
from pytest_claims.running import interruption
from pytest_claims.running.watch import Watch, is_stopped
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import Store
from tests.trials.conftest import FULL, PATIENCE

pytest_plugins = ["pytester"]

# the cost puts its blocks first: else a claim that waits would compute a queued one, and die of it instead of 3.a
DEADLY = """
@measurement(level=["safe", "deadly"], cost=60)
def deadly(seeds, noise, level):
    if level == "deadly" and 8 in seeds.values:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"height": 1 + noise(seeds)}

@claim("3.a", "Deadly", seeds=16)
def test_deadly(deadly):
    return exceeds(deadly.height.sel(level="safe"), by=0.5)

@claim("3.b", "Deadly too", seeds=16)
def test_deadly_too(deadly):
    return exceeds(deadly.height.sel(level="safe"), by=0.5)

@claim("3.c", "Early enough", seeds=8)
def test_early(deadly):
    return exceeds(deadly.height.sel(level="safe"), by=0.5)
"""


@pytest.mark.parametrize("dist", ["load", "worksteal", "loadfile"])
def test_a_killed_worker_is_an_error_of_the_claims_on_that_block(toy, dist):
    """Each claim that needs the block is one error that names it, under its own node id; the others finish."""
    toy.add(DEADLY).spread(f"--dist={dist}", "--junitxml=junit.xml", "-p", "cacheprovider")
    cases = toy.junit()
    lost = toy.pytester.path / ".pytest_cache/v/cache/lastfailed"

    assert toy.outcomes == {"2.a": "passed", "3.a": "error", "3.b": "error", "3.c": "passed"}
    for name in ("3.a", "3.b"):
        assert toy.claims[name]["verdict"] == "error"
        assert toy.claims[name]["message"].startswith("deadly, level=deadly, seeds 8-15: its process (gw")
    toy.result.assert_outcomes(passed=2, errors=2)
    assert toy.ret == 1
    assert sorted(cases) == ["test_deadly", "test_deadly_too", "test_early", "test_higher"]
    assert cases["test_deadly"].find("error") is not None
    assert cases["test_deadly_too"].find("error") is not None
    assert "test_deadly" in lost.read_text()
    assert "trial[" not in lost.read_text()
    assert "refuted" not in toy.text


# `load` gives the first two blocks to one worker and the next two to the other, which then waits for `slow` with 3.a
HELPER = """
@measurement(cost=100)
def slow(seeds, noise):
    while not os.path.exists("died"):  # computed until the other worker, which waits for it, has died
        time.sleep(0.05)
    return {"height": 1 + noise(seeds)}

@measurement(level=["deadly", "safe", "safer"], cost={"deadly": 50, "safe": 10, "safer": 9})
def deadly(seeds, noise, level):
    if level == "deadly":
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"height": 1 + noise(seeds)}

@claim("3.a", "Waits", seeds=8)
def test_waits(slow):
    return exceeds(slow.height, by=0.5)

@claim("3.b", "Deadly", seeds=8)
def test_deadly(deadly):
    return exceeds(deadly.height.sel(level="safe"), by=0.5)
"""


def test_a_claim_that_dies_of_anothers_block_is_run_again(toy):
    """It computed the block only while it waited, so it gets another try. The block's own claim is an error."""
    toy.add(HELPER).spread("--dist=load", "--junitxml=junit.xml")
    cases = toy.junit()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed", "3.b": "error"}
    assert toy.claims["3.b"]["message"].startswith("deadly, level=deadly, seeds 0-7: its process (gw")
    toy.result.assert_outcomes(passed=2, errors=1)
    assert sorted(cases) == ["test_deadly", "test_higher", "test_waits"]
    assert [list(cases["test_waits"].findall(kind)) for kind in ("error", "failure", "skipped")] == [[], [], []]
    assert "test_waits" not in toy.text.partition("short test summary")[2]


def test_a_claim_that_nobody_is_left_to_run_again_is_an_error(toy):
    """Without a new worker it would vanish, and look as if it had passed."""
    toy.add(HELPER).spread("--dist=load", "--max-worker-restart=0")

    assert toy.outcomes["3.a"] == "error"
    assert toy.ret == 1


KILLED_WHEN_WRITTEN_TO = """
killed = []

@pytest.hookimpl(tryfirst=True)
def pytest_configure_node(node):
    send = node.sendcommand

    def kill_and_send(name, **content):
        if name == "steal" and not killed:
            killed.append(node)
            node.gateway._io.popen.kill()
            node.gateway._io.popen.wait()
        send(name, **content)

    node.sendcommand = kill_and_send
"""


def test_a_worker_that_dies_before_xdist_writes_to_it_does_not_end_the_run(toy):
    """Work stealing writes to workers whose death it has not noticed: their tests are handed out again."""
    conftest = toy.path / "conftest.py"
    conftest.write_text(conftest.read_text() + KILLED_WHEN_WRITTEN_TO)
    toy.add("""
@measurement(level=range(6))
def slow(seeds, noise, level):
    if os.environ["PYTEST_XDIST_WORKER"] == "gw0":
        time.sleep(0.5)  # longer than all of the other worker's blocks: it will be idle and steal
    return {"height": level * (1 + noise(seeds))}

@claim("3.a", "Slow", seeds=16)
def test_slow(slow):
    return exceeds(slow.height.sel(level=2), slow.height.sel(level=1), by=0.5)
""").spread("--dist=worksteal")

    assert "node down" in toy.text
    assert "INTERNALERROR" not in toy.text
    assert sorted(toy.outcomes) == ["2.a", "3.a"]
    assert set(toy.outcomes.values()) <= {"passed", "error"}
    assert toy.ret == 1


def test_a_claim_that_dies_with_a_stolen_block_is_an_error(toy):
    """The second look's block is computed by the claim itself, which dies of it."""
    toy.add("""
@measurement(block=8)
def mortal(seeds, noise):
    if 32 in seeds.values:
        os.kill(os.getpid(), signal.SIGKILL)
    values = noise(seeds)
    return {"height": values - values.mean()}

@claim("3.a", "Mortal", seeds=64)
def test_mortal(mortal):
    return exceeds(mortal.height, by=-0.05)
""").spread()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["message"].startswith("mortal, seeds 32-39: its process (gw")
    toy.result.assert_outcomes(passed=1, errors=1)


HANGING = """
@measurement
def hanging(seeds, noise):
    {body}
    return {{"height": noise(seeds)}}

@claim("3.a", "Hanging", seeds=16)
def test_hanging(hanging):
    return exceeds(hanging.height, by=0)
"""
SLEEP = "time.sleep(100)"
DEAF = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM}); time.sleep(100)"


def test_a_trial_that_hangs_is_ended(toy):
    """Serial: the alarm ends it, the claim is an error, the others run."""
    toy.add(HANGING.format(body=SLEEP)).run("--trial-timeout", "3")

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["message"] == "hanging, seeds 0-7: did not end within 3 s (--trial-timeout)."


def test_a_trial_that_hears_no_alarm_is_ended_with_its_worker(toy):
    """Native code that hangs cannot be interrupted: its process ends itself, and the claim is an error."""
    toy.add(HANGING.format(body=DEAF)).spread("--trial-timeout", "3")

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert "did not end within 3 s (--trial-timeout) and was stopped." in toy.claims["3.a"]["message"]


SLOW = """
@measurement(level=[1, 2, 3])
def slow(seeds, noise, level):
    while level > 1 and not os.path.exists("go-on"):
        time.sleep(0.1)
    return {"height": 1 + noise(seeds)}

@claim("3.a", "Slow", seeds=8)
def test_slow(slow):
    return exceeds(slow.height.sel(level=1), by=0.5)
"""


def started(toy, workers):
    """Start a run of slow trials; return it once one is stored and another under way."""
    toy.add(SLOW).reporting()
    # a process group of its own: a terminal sends Ctrl-C to all processes of the run
    run = subprocess.Popen(
        toy.command(*workers),
        cwd=toy.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE
    while not toy.store("slow-*.json") or not toy.store("slow-*.attempt"):
        assert time.monotonic() < deadline, "nothing was trained"
        time.sleep(0.1)
    return run


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n2")], ids=["serial", "xdist"])
def test_interrupt_keeps_what_is_measured_and_the_next_run_is_no_death(toy, workers):
    """Ctrl-C ends the run, which reports what was judged; --reuse continues, and no old attempt counts as a crash."""
    run = started(toy, workers)
    os.killpg(run.pid, signal.SIGINT)
    text, _ = run.communicate(timeout=PATIENCE)

    assert run.returncode == 2, text
    assert "Finished trials are kept; continue with: --reuse reports/latest" in text
    if not workers:
        results = json.loads((toy.path / "reports/latest/results.json").read_text())
        assert (results["complete"], [claim["id"] for claim in results["claims"]]) == (False, ["2.a"])

    (toy.path / "go-on").touch()
    toy.forget()
    toy.run("--reuse", "reports/latest")
    reused = sum(record["reused"] for record in toy.claims.values())

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed"}
    assert reused >= 1
    assert len(toy.trained) == 4 + 3 - reused


STOPPED = """
def stop():
    os.kill(os.getpid(), signal.SIGSTOP)

@measurement(cost=9)
def stopped(seeds, noise):
    stop()
    return {"height": noise(seeds)}

@claim("3.a", "Stopped in a trial", seeds=8)
def test_stopped(stopped):
    return exceeds(stopped.height, by=0)

@claim("3.b", "Stopped in between", seeds=8)
def test_between(heights):
    if "test_between" in os.environ.get("PYTEST_CURRENT_TEST", ""):  # not while the claims are collected
        stop()
    return exceeds(heights.height.sel(level=2), by=0)
"""


@pytest.mark.slow
def test_a_worker_that_a_signal_stops_is_ended(toy):
    """SIGSTOP in a trial and while a claim is judged: after the time limit the worker goes, its claim is an error."""
    toy.add(STOPPED).spread("--trial-timeout", "1")

    assert toy.outcomes == {"2.a": "passed", "3.a": "error", "3.b": "error"}
    assert toy.claims["3.a"]["message"] == (
        "stopped, seeds 0-7: did not end within 1 s (--trial-timeout) and was stopped."
    )
    assert re.fullmatch(
        r"Claim 3.b: its process \(gw\d\) was stopped from outside for more than 8 s, and was ended.",
        toy.claims["3.b"]["message"],
    )
    assert toy.ret == 1


@pytest.fixture
def sleeper():
    """Return a process that sleeps."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def watch(folder, process):
    """Return a watch over a process that is called gw0, with a limit of 8 s."""
    watched = Watch(Store(folder, "controller"), Settings(timeout=1.0))
    watched.processes["gw0"] = process
    return watched


def test_only_a_process_that_stays_stopped_is_ended(tmp_path, sleeper):
    """One that runs is left alone, however long; so is one that was stopped for less than the limit, then went on."""
    watched = watch(tmp_path, sleeper)
    for _ in range(5):
        watched.look(5.0)
    assert sleeper.poll() is None

    sleeper.send_signal(signal.SIGSTOP)
    while not is_stopped(sleeper.pid):
        time.sleep(0.01)
    watched.look(5.0)
    watched.look(5.0)
    sleeper.send_signal(signal.SIGCONT)
    while is_stopped(sleeper.pid):
        time.sleep(0.01)
    watched.look(5.0)
    assert sleeper.poll() is None

    sleeper.send_signal(signal.SIGSTOP)
    while not is_stopped(sleeper.pid):
        time.sleep(0.01)
    for _ in range(3):
        watched.look(5.0)

    assert sleeper.wait(timeout=60) == -signal.SIGKILL
    assert "was stopped from outside for more than 8 s" in watched.ended["gw0"]


def test_a_mark_that_a_full_disk_left_ends_nobody(tmp_path, sleeper):
    """Only a trial whose lock is held is at work."""
    store = Store(tmp_path, "gw0")
    watched = watch(tmp_path, sleeper)
    store.begin("key", "slow, seeds 0-7", "slow")
    for _ in range(3):
        watched.look(5.0)
    assert sleeper.poll() is None

    with store.locked("key"):
        watched.look(5.0)

    assert sleeper.wait(timeout=60) == -signal.SIGKILL


SWALLOWS = """
@measurement
def swallows(seeds, noise):
    import signal
    try:
        os.kill(os.getpid(), signal.{signal})
        time.sleep(60)
    except {error}:
        pass
    return {{"height": 1 + noise(seeds)}}

@claim("3.a", "Swallows", seeds=8)
def test_swallows(swallows):
    return exceeds(swallows.height, by=0.5)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_trial_that_swallows_an_interrupt_stores_nothing(toy, name):
    """scikit-learn's networks do: they would leave the numbers of half a training."""
    toy.add(SWALLOWS.format(signal=name, error="KeyboardInterrupt")).alone("claims")

    assert toy.ret == 2
    assert not toy.store("swallows-*.json")


def test_a_trial_that_swallows_its_time_limit_is_an_error(toy):
    """What it returns after that is not judged."""
    swallows = SWALLOWS.format(signal="SIGUSR1", error="Exception")
    toy.add("import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\n" + swallows)
    toy.alone("claims", "--trial-timeout", "1")

    assert toy.claims["3.a"]["message"] == "swallows, seeds 0-7: did not end within 1 s (--trial-timeout)."


def ask_to_end(toy, workers, *signals):
    """Start a run, send its controller signals while a trial is under way; return exit status and output."""
    run = started(toy, workers)
    for number in signals:
        os.kill(run.pid, number)
        time.sleep(0.3)
    text, _ = run.communicate(timeout=PATIENCE)
    return run, text


@pytest.mark.parametrize(
    "workers, signals",
    [
        pytest.param((), (signal.SIGTERM,), id="term"),
        pytest.param(("-p", "xdist", "-n2"), (signal.SIGTERM,), id="term-xdist"),
        pytest.param((), (signal.SIGHUP,), id="hangup", marks=pytest.mark.slow),
        pytest.param(("-p", "xdist", "-n2"), (signal.SIGINT,) * 2, id="twice-xdist", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_asked_to_end_finishes_as_after_ctrl_c(toy, workers, signals):
    """Page, partial mark, what is missing and how to go on; no worker stays. A second Ctrl-C changes nothing."""
    run, text = ask_to_end(toy, workers, *signals)
    report = toy.path / "reports/latest"
    results = json.loads((report / "results.json").read_text())
    judged, missing = ({claim["id"] for claim in results[name]} for name in ("claims", "missing"))

    assert run.returncode == 2, text
    assert "Finished trials are kept; continue with: --reuse reports/latest" in text
    assert "the report is partial" in text
    assert "Traceback" not in text
    assert results["complete"] is False
    assert judged | missing == {"2.a", "3.a"}
    assert "3.a" in missing
    assert {claim["reason"] for claim in results["missing"]} == {"The run was interrupted before."}
    assert (report / "index.html").read_text().rstrip().endswith("</html>")
    assert {path.name for path in report.iterdir() if path.name.startswith(".")} == {MARKER, LOCK}
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


@pytest.fixture
def as_at_the_start():
    """Set the signals' handlers of this process as they are when Python starts."""
    earlier = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    earlier[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("as_at_the_start")
def test_a_ctrl_c_that_arrives_twice_is_one(monkeypatch):
    """`timeout -s INT` sends it to the process and to its group: two in one lock of Python's end without a report."""
    heard = interruption.Interruption()
    heard.begin()

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr(interruption, "ECHO_S", 0.0)
    with pytest.raises(KeyboardInterrupt):  # another one, later: somebody swallowed the first
        signal.raise_signal(signal.SIGINT)
    heard.pytest_unconfigure()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


LOOKS_AT_SIGNALS = """
import signal

def test_signals():
    assert (signal.getsignal(signal.SIGTERM) == signal.SIG_DFL) is {untouched}
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
"""


@pytest.mark.usefixtures("as_at_the_start")
def test_earlier_signal_handlers_are_put_back(toy):
    """During the run SIGTERM is heard, afterwards as before; a signal that is ignored (nohup) stays so."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    toy.add(LOOKS_AT_SIGNALS.format(untouched=False)).run()

    toy.result.assert_outcomes(passed=2)
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]


@pytest.mark.usefixtures("as_at_the_start")
def test_sessions_without_claims_handle_no_signal(toy):
    """Where no test file mentions the library, `kill` ends pytest as ever."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    toy.write(LOOKS_AT_SIGNALS.format(untouched=True)).run()

    toy.result.assert_outcomes(passed=1)


EVERYTHING = """
@measurement
def raising(seeds, noise):
    raise RuntimeError("the oven is cold")

@measurement
def silent(seeds, noise):
    return {"height": noise(seeds) * np.nan}

@measurement
def deadly(seeds, noise):
    os.kill(os.getpid(), signal.SIGKILL)

@measurement
def hanging(seeds, noise):
    time.sleep(1000)

@measurement
def homeless(seeds, noise):
    return {"height": noise(seeds)}

@measurement
def damaged(seeds, noise):
    return {"height": noise(seeds)}
"""
DAMAGE = """
_store = trial_store.write_atomically
def damage(path, content):
    return _store(path, content[:-7] if "damaged-" in path.name and path.suffix == ".npz" else content)
trial_store.write_atomically = damage
"""
MESSAGES = {
    "raising": "raising, seeds 0-7: RuntimeError: the oven is cold",
    "silent": "silent, seeds 0-7: height is not finite for seeds 0, 1, 2, 3, 4, 5, 6, 7, and nothing flagged it as",
    "deadly": "deadly, seeds 0-7: its process (gw",
    "hanging": "hanging, seeds 0-7: did not end within 5 s (--trial-timeout).",
    "homeless": "homeless, seeds 0-7: the trial could not be stored (No space left on device).",
    "damaged": "damaged, seeds 0-7: the stored file run-",
}


def test_whatever_goes_wrong_the_others_end_and_the_report_is_written(toy):
    """All mishaps in one run: each is its claim's error and says what happened, also on the page; none is refuted."""
    claims = "".join(
        f"""
@claim("3.{letter}", "On {name}", seeds=8)
def test_{name}({name}):
    return exceeds({name}.height, by=0)
"""
        for letter, name in zip("abcdef", MESSAGES, strict=True)
    )
    toy.add(EVERYTHING + claims).reporting(FULL.format(which="homeless-") + DAMAGE)
    toy.spread("--report", "out", "--trial-timeout", "5")
    results = json.loads((toy.path / "out/results.json").read_text())
    page = (toy.path / "out/index.html").read_text()

    assert toy.ret == 1
    assert toy.outcomes == {"2.a": "passed", **{f"3.{letter}": "error" for letter in "abcdef"}}
    toy.result.assert_outcomes(passed=1, errors=6)
    assert results["complete"] is True
    errors = {claim["id"]: claim["message"] for claim in results["claims"] if claim["verdict"] == "error"}
    for (name, message), sentence in zip(MESSAGES.items(), (errors[f"3.{letter}"] for letter in "abcdef"), strict=True):
        assert sentence.startswith(message), name
        assert message.partition(": ")[2].partition(" (")[0] in page, name
    assert "is damaged: its checksum does not match" in errors["3.f"]
    assert {claim["verdict"] for claim in results["claims"]} == {"supported", "error"}
