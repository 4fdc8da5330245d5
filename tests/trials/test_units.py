"""The parts behind the plugin: blocks, gate, store, fingerprints, schedule, progress."""

import io
import os
import pty
import select
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pytest_claims.errors import ClaimWarning, TrialError
from pytest_claims.outcomes import Departure
from pytest_claims.running.judging import gate
from pytest_claims.running.progress import Progress, spoken
from pytest_claims.running.schedule import Costs, _dealt, in_order
from pytest_claims.trials.canonical import NoCanonicalForm, canonical, digest
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.labelled import assemble, labelled
from pytest_claims.trials.measurements import blocks
from pytest_claims.trials.places import installed
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import Store
from pytest_claims.trials.tracing import aside, tracing
from pytest_claims.trials.turns import take
from tests.trials.conftest import PATIENCE

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    "size, needed, more, expected",
    [
        (8, 16, {}, [(0, 8), (8, 16)]),
        (32, 32, {}, [(0, 32)]),
        (32, 16, {}, [(0, 32)]),
        (32, 48, {}, [(0, 32), (32, 64)]),
        (32, 32, {"clip": 8}, [(0, 8)]),
        (32, 64, {"clip": 128}, [(0, 32), (32, 64)]),
    ],
)
def test_blocks_are_nested(size, needed, more, expected):
    """Whole blocks that begin at seed 0, clipped to what is asked for."""
    assert [(block[0], block[-1] + 1) for block in blocks(size, needed, **more)] == expected


CLAIM = Claim("2.a", "Text", seeds=64, reason="because")
QUICK, MORE = Settings(seeds=8), Settings(seeds=128)
OFF = {
    "quick": QUICK,
    "more": MORE,
    "fresh": Settings(stream="fresh-1"),
    "deep": Settings(tier="deep"),
    "smoke": Settings(tier="smoke"),
    "engine": Settings(engine="jax"),
}


def ended(claim, verdict, settings):
    """Return outcome and the name of what ends the test."""
    outcome, end = gate(claim, SimpleNamespace(verdict=verdict, message="So it is."), settings)
    try:
        end()
    except BaseException as error:  # noqa: BLE001 - pytest's outcomes
        return outcome, type(error).__name__
    return outcome, None


@pytest.mark.parametrize("registered", ["supported", "refuted", "inconclusive"])
@pytest.mark.parametrize("verdict", ["supported", "refuted", "inconclusive"])
def test_gate_at_the_registered_design(registered, verdict):
    """Supported as registered passes, other verdicts as registered xfail, any departure fails."""
    expected = ("failed", "Departure")
    if verdict == registered:
        expected = ("passed", None) if verdict == "supported" else ("xfailed", "XFailed")

    assert ended(replace(CLAIM, registered=registered), verdict, Settings()) == expected
    assert ended(replace(CLAIM, registered=registered), verdict, Settings(seeds=64)) == expected


@pytest.mark.parametrize("settings", OFF.values(), ids=OFF)
@pytest.mark.parametrize("registered", ["supported", "refuted", "inconclusive"])
@pytest.mark.parametrize("verdict", ["supported", "refuted", "inconclusive"])
def test_gate_of_any_other_run(registered, verdict, settings):
    """Only a contradiction fails; what departs otherwise is skipped with its message."""
    expected = ("skipped", "Skipped")
    if verdict == registered:
        expected = ("passed", None) if verdict == "supported" else ("xfailed", "XFailed")
    elif {verdict, registered} == {"supported", "refuted"}:
        expected = ("failed", "Departure")

    assert ended(replace(CLAIM, registered=registered), verdict, settings) == expected


def test_gate_of_pilots_and_clocks():
    """A pilot judges no claim; a claim about elapsed time warns."""
    assert ended(CLAIM, "refuted", Settings(pilot=True, stream="pilot")) == ("passed", None)
    with pytest.warns(ClaimWarning, match="Claim 2.a is refuted, but registered as supported: So it is."):
        assert ended(replace(CLAIM, clock=True), "refuted", Settings()) == ("passed", None)


@pytest.mark.parametrize("verdict", ["refuted", "inconclusive"])
def test_gate_of_provisional_registrations(verdict):
    """A departure from a registration that is not final warns, also a contradiction; what agrees ends as ever."""
    settings = Settings(provisional=True)
    with pytest.warns(ClaimWarning, match=f"Claim 2.a is {verdict}, but registered as supported: So it is."):
        assert ended(CLAIM, verdict, settings) == ("passed", None)
    assert ended(CLAIM, "supported", settings) == ("passed", None)
    assert ended(replace(CLAIM, registered=verdict), verdict, settings) == ("xfailed", "XFailed")


def dataset(seeds, **more):
    """Return a Dataset with all that can be stored."""
    return labelled(
        xr.Dataset(
            {
                "height": (("seed", "name"), np.arange(2.0 * len(seeds)).reshape(-1, 2), {"long_name": "a height"}),
                "diverged": ("seed", np.zeros(len(seeds), bool)),
            },
            coords={"name": ["a", "b"], "step": 7, **more},
        ),
        seeds,
        "here",
    )


def test_store_gives_back_what_was_put_in(tmp_path):
    """Arrays, labels, attributes and facts survive; another process' store reads them."""
    data = dataset(range(8))
    Store(tmp_path, "gw0").locked("key").__enter__()
    Store(tmp_path, "gw0").save("key", data, {"label": "x", "derived": {"weights": np.eye(8)}})
    stored = Store(tmp_path, "gw1").read("key")

    xr.testing.assert_identical(stored.dataset, data)
    assert stored.facts["worker"] == "gw0"
    assert np.array_equal(stored.facts["derived"]["weights"], np.eye(8))


def test_store_tells_errors_to_everybody(tmp_path):
    """A trial that failed raises the same sentence in every process."""
    Store(tmp_path, "gw0").save_error("key", TrialError("it is cold", "Traceback ..."), "oven")

    with pytest.raises(TrialError, match="it is cold") as caught:
        Store(tmp_path, "gw1").read("key")
    assert caught.value.details == "Traceback ..."
    assert Store(tmp_path, "gw1").given_up("oven")


def test_locks_exclude_and_marks_tell_who(tmp_path):
    """One process at a time; the attempt mark names it."""
    ours, theirs = Store(tmp_path, "gw0"), Store(tmp_path, "gw1")
    with ours.locked("key") as first, theirs.locked("key") as second:
        ours.begin("key", "a trial", "oven")

        assert (first, second) == (True, False)
        assert [(mark.worker, mark.label) for mark in theirs.attempts()] == [("gw0", "a trial")]
    with theirs.locked("key") as third:
        assert third


def test_a_claim_is_reported_by_one_process(tmp_path):
    """The first process to take it reports it; the others learn which."""
    assert take(tmp_path, "a::b", "gw0") == "gw0"
    assert take(tmp_path, "a::b", "controller") == "gw0"


def test_conditions_become_dimensions_behind_the_seed():
    """Dimensions: seed, the conditions in their declared order, then what the measurement labelled."""
    levels = {"layers": [1, 2], "shape": [(3, 3), (4,)]}
    trials = [
        ({"layers": layers, "shape": shape}, dataset(seeds, width=layers * 10))
        for layers in levels["layers"]
        for shape in levels["shape"]
        for seeds in (range(8), range(8, 16))
    ]
    joined = assemble("it", levels, trials, 12)

    assert joined.height.dims == ("seed", "layers", "shape", "name")
    assert joined.seed.values.tolist() == list(range(12))
    assert joined["shape"].values.tolist() == ["(3, 3)", "(4,)"]
    assert joined.width.sel(layers=2).item() == 20
    assert joined.height.sel(seed=9, layers=1, shape="(4,)").values.tolist() == [2.0, 3.0]


def test_conditions_that_do_not_fit_together_are_an_error():
    """Different labels under different conditions would leave holes."""
    trials = [({"n": n}, dataset(range(8)).assign_coords(name=["a", f"b{n}"])) for n in (1, 2)]

    with pytest.raises(TrialError, match="The trials of it do not fit together"):
        assemble("it", {"n": [1, 2]}, trials, 8)


def test_cards_are_dealt_so_that_every_worker_begins_with_long_trials():
    """Work stealing cuts the list in stretches: each begins with long trials and ends with claims."""
    dealt = _dealt(["t9", "t8", "t7", "t6", "t5"], ["c1", "c2"], 2)

    assert dealt == ["t9", "t7", "t5", "t8", "t6", "c1", "c2"]
    assert sorted(_dealt(list("abcdefg"), list("hij"), 3)) == list("abcdefghij")


class Named:
    """An item, of which only the name matters; unlike a namespace it can be a key."""

    def __init__(self, name):
        self.name = name


def test_claims_with_long_later_looks_come_first():
    """So that no worker begins one when all others are done; claims of one cost keep their order."""
    short, long, unknown = (Named(name) for name in ("short", "long", "unknown"))
    costs = Costs({}, {short: 5.0, long: 50.0}, None)

    ordered = in_order([], [unknown, short, long], Settings(dist="load", workers=2), costs)

    assert [item.name for item in ordered] == ["long", "short", "unknown"]


def progress_of(tmp_path, expected, taken=(), running=0):
    """Return the progress of trials with these expected times; the first took so long, and so many more are running."""
    store = Store(tmp_path, "gw0")
    done = len(taken)
    for number, seconds in enumerate(taken):
        store.save(f"k{number}", dataset(range(8)), {"label": "x", "seconds": seconds})
    for number in range(done, done + running):
        store.begin(f"k{number}", f"oven, level={number}, seeds 0-7", "oven")
    trials = {f"k{number}": {"place": "oven", "seconds": seconds} for number, seconds in enumerate(expected)}
    config = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda _: None))
    return Progress(config, store, trials, 2)


def test_progress_tells_what_how_far_and_how_long(tmp_path):
    """Blocks done and planned, a time left from the pace, and what is being trained."""
    progress = progress_of(tmp_path, [None] * 8, taken=[60, 60], running=2)

    assert progress.line() == (
        "training: 2 of 8 blocks trained, about 3 min left - now oven, level=2, seeds 0-7; oven, level=3, seeds 0-7"
    )


def test_progress_knows_how_long_trials_may_take(tmp_path):
    """Expected times are shared among the workers; a running trial has used up part of its time."""
    progress = progress_of(tmp_path, [10.0] * 8, running=1)

    assert "0 of 8 blocks trained, about 40 s left" in progress.line()
    assert "about 38 s left" in progress.line(time.time() + 4)
    assert "about 35 s left" in progress.line(time.time() + 400)


def test_progress_says_nothing_of_what_it_cannot_know(tmp_path):
    """Before anything is done, a single trial without a hint leaves the time left unknown."""
    assert "left" not in progress_of(tmp_path, [10.0, None], running=1).line()


def test_long_trials_that_come_first_do_not_stretch_the_time_left(tmp_path):
    """Two blocks of a minute took two each; six of ten seconds are left: one minute on two workers, not six."""
    progress = progress_of(tmp_path, [60] * 2 + [10] * 6, taken=[120, 120])

    assert "2 of 8 blocks trained, about 1 min left" in progress.line()


def test_progress_is_silent_when_all_is_trained(tmp_path):
    """Judging needs no progress."""
    assert progress_of(tmp_path, [None] * 8, taken=[1] * 8).line() is None


def test_progress_promises_no_time_while_later_looks_train(tmp_path):
    """The first look's blocks are done, one more is, and another one is under way: how many follow is not known."""
    progress = progress_of(tmp_path, [10.0] * 2, taken=[10, 10, 10], running=1)

    assert progress.line() == ("training: 2 of 2 blocks trained, 1 more for later looks - now oven, level=3, seeds 0-7")


def test_a_log_gets_no_line_twice(tmp_path, monkeypatch):
    """Only what says something new is written, however often the count is looked at."""
    monkeypatch.setattr("pytest_claims.running.progress.FIRST", 0.001)
    monkeypatch.setattr("pytest_claims.running.progress.IN_LOG", 0.001)
    progress, over = progress_of(tmp_path, [10.0] * 2), threading.Event()
    texts = iter(["1 of 2", "1 of 2", "1 of 2", "2 of 2", "2 of 2"])

    def line():
        text = next(texts, None)
        if text is None:
            over.set()
        return text

    progress.out, progress.line = io.StringIO(), line
    progress.start()
    assert over.wait(PATIENCE)
    progress.stop()

    assert progress.out.getvalue() == "\n1 of 2\n\n2 of 2\n"


@pytest.mark.parametrize("seconds, words", [(0.2, "1 s"), (40, "40 s"), (170, "3 min"), (7800, "2 h 10 min")])
def test_durations_are_spoken(seconds, words):
    """Rough durations, in words."""
    assert spoken(seconds) == words


# the trial lasts until its line is written, however slow the machine
WATCHED = """
from pytest_claims.running import progress

progress.FIRST = progress.IN_LOG = progress.ON_TERMINAL = 0.2
write = progress.Progress._write

def watched(self, text):
    write(self, text)
    if "now slow" in text:
        pathlib.Path("shown").touch()

progress.Progress._write = watched
"""
SLOW = """
@measurement
def slow(seeds, noise):
    while not os.path.exists("shown"):
        time.sleep(0.05)
    return {"height": 1 + noise(seeds)}

@claim("3.a", "Slow", seeds=8)
def test_slow(slow):
    return exceeds(slow.height, by=0.5)
"""


def test_progress_line_on_a_terminal(toy):
    """On a terminal the line is below pytest's and is erased before pytest writes."""
    toy.add(SLOW).reporting(WATCHED)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    run = subprocess.Popen(toy.command("-k", "slow"), cwd=toy.path, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown, deadline = "", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            shown += part.decode()
    os.close(ours)

    assert run.wait(PATIENCE) == 0, shown
    assert "training: 0 of 1 blocks trained - now slow, seeds 0-7" in shown
    assert shown.rindex("\x1b[K\x1b8") > shown.rindex("training:")


def test_progress_in_a_log_is_a_line_now_and_then(toy):
    """In a log, plain lines without escape sequences."""
    toy.add(SLOW).reporting(WATCHED).alone("claims", "-k", "slow", "-p", "xdist", "-n1")

    assert "\ntraining: 0 of 1 blocks trained - now slow, seeds 0-7\n" in toy.text
    assert "\x1b" not in toy.text


def test_departure_is_a_failure_of_pytest():
    """Departures are failures, not errors."""
    assert issubclass(Departure, pytest.fail.Exception)


@pytest.mark.filterwarnings("ignore:Sparse")
def test_tensors_of_every_layout_have_a_form_or_say_that_they_have_none():
    """Sparse ones are described by their indices and values; those whose values cannot be read end no session."""
    torch = pytest.importorskip("torch")
    full = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    twice = torch.sparse_coo_tensor([[0, 1, 1], [1, 0, 0]], [1.0, 0.5, 1.5], (2, 2))
    forms = [canonical(make(full)) for make in (torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr, torch.clone)]

    assert canonical(twice) == forms[0]
    assert canonical((2 * full).to_sparse()) != forms[0]
    assert len({digest(form) for form in forms}) == 3
    assert canonical(torch.tensor([1 + 2j]).conj()) == canonical(torch.tensor([1 - 2j]))
    with pytest.raises(NoCanonicalForm, match="a tensor whose values cannot be read"):
        canonical(full.to("meta"))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no disk in memory")  # noqa: S108
def test_files_in_memory_are_data_and_devices_are_not():
    """A trial that reads /dev/shm rests on the content; what /dev/null holds belongs to the machine."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder, "x.txt")
        file.write_text("1")
        with tracing() as reads:
            file.read_text()
            Path("/dev/null").read_text()
            list(file.parent.iterdir())

    assert list(reads.files) == [str(file)]
    assert list(reads.folders) == [folder]
    assert None not in reads.files.values()


def test_a_thread_that_only_watches_the_store_is_not_traced(tmp_path):
    """Without xdist it reads in the trial's own process; a thread of the trial itself is traced."""
    for name in ("of the trial", "of the run"):
        (tmp_path / name).write_text("1")

    def watch():
        with aside():
            (tmp_path / "of the run").read_text()

    with tracing() as reads:
        for work in (watch, (tmp_path / "of the trial").read_text):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    assert list(reads.files) == [str(tmp_path / "of the trial")]


def test_a_trace_that_ends_inside_another_leaves_it_alone(tmp_path):
    """Also where both have seen the same: the outer one sees what is read afterwards, and the inner one does not."""
    (tmp_path / "x.txt").write_text("1")

    with tracing() as outer:
        with tracing() as inner:
            pass
        (tmp_path / "x.txt").read_text()

    assert list(outer.files) == [str(tmp_path / "x.txt")]
    assert inner.files == {}


def test_asking_whose_code_a_file_is_reads_nothing_of_a_trials(tmp_path):
    """The folders above it are listed, and what packages there record is read: no trial rests on those."""
    (tmp_path / "lab-1.0.dist-info").mkdir()
    (tmp_path / "lab-1.0.dist-info" / "RECORD").write_text("lab.py,sha256=one,10\n")

    with tracing() as reads:
        found = [installed(str(tmp_path / name)) for name in ("lab.py", "loose.py")]

    assert found == [True, False]
    assert (reads.files, reads.folders) == ({}, {})
