"""What of a cluster needs no cluster: addresses, options, the archive, kinds, and whom a death is blamed on."""

import io
import json
import os
import re
import signal
import socket
import threading
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_claims.cluster import addresses, archive, kinds
from pytest_claims.cluster.engine import Answer
from pytest_claims.cluster.session import Cluster
from pytest_claims.cluster.worker import last_error
from pytest_claims.errors import ClusterError
from pytest_claims.folders import sources
from pytest_claims.running import expansion
from pytest_claims.running.schedule import Needed
from pytest_claims.trials import fingerprint
from pytest_claims.trials.identity import Identity
from pytest_claims.trials.measurements import Measurement
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import FORMAT
from pytest_claims.trials.workshop import Trial
from tests.cluster.machines import until

pytest_plugins = ["pytester"]


def kind(**versions):
    """Return a kind of worker with these versions."""
    return {"versions": versions, "processor": "x86_64 Some CPU", "system": "Linux"}


# -- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("local", "give local:N"),
        ("local:0", "give local:N"),
        ("local:-1", "give local:N"),
        ("local:two", "give local:N"),
        ("local:100000", "give local:N with a number of processes from 1 to"),
        ("nonsense", "give tcp://HOST:PORT"),
        ("http://127.0.0.1:8786", "give tcp://HOST:PORT"),
        ("tcp://127.0.0.1", "it names no port"),
        ("tcp://127.0.0.1:99999", "give tcp://HOST:PORT"),
        ("tcp://:8786", "give tcp://HOST:PORT"),
        ("tcp://user:secret@127.0.0.1:8786", "give tcp://HOST:PORT"),
        ("tcp://127.0.0.1:8786/there?x=1", "give tcp://HOST:PORT"),
        ("missing.json", "the scheduler file cannot be read (No such file or directory)"),
    ],
)
def test_an_address_that_is_none_says_what_to_give(text, sentence, tmp_path):
    """Whatever is written, the answer is one sentence."""
    with pytest.raises(ClusterError) as raised:
        addresses.parse(text, tmp_path)

    assert sentence in str(raised.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "{}", '{"address": 7}', '{"address": "no address"}'])
def test_a_damaged_scheduler_file_is_refused(content, tmp_path):
    """No JSON, another kind of JSON, no address, or one that is none."""
    (tmp_path / "scheduler.json").write_text(content)

    with pytest.raises(ClusterError, match=r"damaged one|give tcp://"):
        addresses.parse("scheduler.json", tmp_path)


def test_addresses_are_read(tmp_path):
    """A local number, two schemes, and the address in a scheduler file."""
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": "tls://host:8786", "workers": {}}))

    assert addresses.parse("local:2", tmp_path).local == 2
    assert addresses.parse("tcp://10.0.0.1:8786", tmp_path).url == "tcp://10.0.0.1:8786"
    assert addresses.parse("scheduler.json", tmp_path).url == "tls://host:8786"


def test_a_port_where_nobody_listens(tmp_path):
    """Both are named: the address, and that a scheduler file may be stale."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": f"tcp://127.0.0.1:{port}"}))

    with pytest.raises(ClusterError, match=rf"nobody answers at tcp://127.0.0.1:{port}.*of a scheduler that has ended"):
        addresses.probe(addresses.parse("scheduler.json", tmp_path))


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_host_whose_name_is_none(host, tmp_path):
    """It cannot be looked up at all."""
    with pytest.raises(ClusterError, match=rf"nobody answers at tcp://{re.escape(host)}:8786"):
        addresses.probe(addresses.parse(f"tcp://{host}:8786", tmp_path))


# -- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [("-n2",), ("-n", "0"), ("--dist", "load"), ("-d",), ("--numprocesses=3",)])
def test_workers_beside_a_cluster_are_refused(toy, workers):
    """An explicit number of workers, or their distribution, contradicts --cluster: exit status 4."""
    toy.write().run("--cluster", "local:2", "-p", "xdist", *workers)

    assert toy.ret == 4
    assert f"--cluster local:2 and {workers[0]} contradict each other" in toy.text


@pytest.mark.parametrize("address", ["local:0", "local:100000", "nonsense", "tcp://127.0.0.1", "stale.json", ""])
def test_a_wrong_address_is_a_usage_error(toy, address):
    """It ends the run before anything is collected: exit status 4, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (toy.path / "stale.json").write_text(json.dumps({"address": f"tcp://127.0.0.1:{port}"}))
    toy.write().run("--cluster", address)

    assert toy.ret == 4
    assert "--cluster" in toy.text
    assert "Traceback" not in toy.text


def test_the_ini_key_names_itself(toy):
    """A wrong address in the ini file is reported under the key; its number of workers turns it off."""
    toy.write().run("-o", "claims_cluster=nonsense")

    assert toy.ret == 4
    assert "claims_cluster = nonsense: give tcp://" in toy.text


def test_an_option_that_cannot_be_sent_is_refused(toy):
    """A bench would take its default, and measure something else."""
    with (toy.write().path / "conftest.py").open("a") as file:
        file.write(
            "\ndef pytest_addoption(parser):\n"
            "    parser.addoption('--levels', type=lambda text: tuple(text.split(',')), default=('1',))\n"
        )
    toy.run("--cluster", "local:1", "--levels", "1,2")

    assert toy.ret == 4
    assert "the option levels is ('1', '2'), a tuple, which cannot be sent to workers" in toy.text


def test_looking_connects_to_nothing(toy):
    """--design and --collect-only do not ask the cluster."""
    for option in ("--design", "--collect-only"):
        toy.write().run("--cluster", "tcp://127.0.0.1:1", option)

        assert toy.ret == 0


def test_a_session_without_claims_connects_to_nothing(toy):
    """Neither does a run of other tests."""
    (toy.path / "claims").mkdir()
    (toy.path / "claims" / "test_other.py").write_text("def test_it():\n    pass\n")
    toy.run("--cluster", "tcp://127.0.0.1:1")

    assert toy.ret == 0


def test_working_ahead_is_for_a_cluster(toy):
    """Without one it is a usage error: nobody would wait."""
    toy.write().run("--cluster-ahead")

    assert toy.ret == 4
    assert "--cluster-ahead is for the workers of a cluster that would wait: give --cluster, too." in toy.text


def test_working_ahead_is_no_matter_where_workers_turn_the_cluster_off(toy):
    """Both may stand in the ini file, and -n on the command line."""
    toy.write().run("-o", "claims_cluster=nonsense", "-o", "addopts=--import-mode=importlib --cluster-ahead", "-p",
                    "xdist", "-n0")  # fmt: skip

    assert toy.ret == 0, toy.text


def test_a_time_to_wait_is_a_number(toy):
    """Anything else is a usage error."""
    toy.write().run("--cluster", "local:2", "--cluster-wait", "soon")

    assert toy.ret == 4
    assert "--cluster-wait soon: give how many seconds" in toy.text


@pytest.mark.skipif(find_spec("distributed") is None, reason="the extra [cluster] is not installed")
def test_a_data_file_that_is_missing_is_a_usage_error(toy):
    """A pattern that matches nothing is noticed before anything is measured."""
    # in a process of its own: Dask's imports replace finders of modules, which pytester would put back
    toy.write().alone("claims", "--cluster", "local:1", "-o", "claims_data=data/*.csv")

    assert toy.ret == 4
    assert "claims_data names the data file data/*.csv, and there is no such file" in toy.text


# -- the archive ----------------------------------------------------------------------------------------------------


def project(root: Path) -> Path:
    """Write a small project with what does not travel."""
    for name in (
        "pyproject.toml", "claims/test_a.py", "claims/data/a.csv", "claims/data/b.csv", "claims/__pycache__/a.py",
        "reports/latest/a.py", ".git/a.py", ".venv/a.py", "env/pyvenv.cfg", "env/a.py", "build/a.py", "notes.md",
    ):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def test_what_travels(tmp_path):
    """Sources and named data files do; history, reports, environments and caches do not; this library does."""
    root = project(tmp_path)
    files = [
        *sources(root, ["build"], [root / "reports/latest"]),
        *archive.named(root, root / "claims", ["data/a*"], "x"),
    ]
    names = zipfile.ZipFile(io.BytesIO(archive.packed(root, files, {}))).namelist()

    assert [name for name in names if name.startswith("project/")] == [
        "project/claims/data/a.csv", "project/claims/test_a.py", "project/pyproject.toml",
    ]  # fmt: skip
    assert {"session.json", "library/pytest_claims/cluster/worker.py", "library/pytest_claims/plugin.py"} <= set(names)


def test_the_same_project_has_the_same_name(tmp_path):
    """A change of a source or of how pytest starts makes another."""
    root = project(tmp_path)
    files = list(sources(root, []))
    first = archive.name_of(archive.packed(root, files, {"paths": []}))

    assert archive.name_of(archive.packed(root, files, {"paths": []})) == first
    assert archive.name_of(archive.packed(root, files, {"paths": ["claims"]})) != first
    (root / "claims/test_a.py").write_text("changed")
    assert archive.name_of(archive.packed(root, files, {"paths": []})) != first


def test_data_outside_of_the_project_is_refused(tmp_path):
    """It would have no place on the workers."""
    root = project(tmp_path / "project")
    (tmp_path / "far.csv").write_text("1")

    with pytest.raises(ClusterError, match=r"the data file far\.csv, which is not below"):
        archive.named(root, root, ["../far.csv"], "claims_data")


def test_too_large_a_project_is_refused(tmp_path, monkeypatch):
    """The largest file is named."""
    root = project(tmp_path)
    (root / "big.py").write_text("#" * 10_000_000)
    monkeypatch.setattr(archive, "MOST", 8_000_000)

    with pytest.raises(ClusterError, match=r"the largest file is big\.py"):
        archive.packed(root, sources(root, []), {})


def test_a_link_travels_under_its_own_name(tmp_path):
    """As the file that it leads to, wherever that is."""
    root = project(tmp_path / "project")
    (tmp_path / "far.csv").write_text("1,2")
    (root / "current.csv").symlink_to(tmp_path / "far.csv")

    files = archive.named(root, root, ["current.csv"], "claims_data")

    packed = zipfile.ZipFile(io.BytesIO(archive.packed(root, files, {})))
    assert packed.read("project/current.csv") == b"1,2"


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda root: os.mkfifo(root / "gone.py"), None),
        (lambda root: (root / os.fsdecode(b"caf\xe9.py")).write_text(""), r"'caf\\udce9\.py' is not UTF-8"),
        (lambda root: (root / "gone.cfg").symlink_to("nowhere"), None),
    ],
)
def test_what_cannot_travel_is_said(make, sentence, tmp_path):
    """In a sentence; what is no file is no source."""
    root = project(tmp_path)
    make(root)
    files = list(sources(root, []))

    if sentence is None:
        assert archive.packed(root, files, {})
    else:
        with pytest.raises(ClusterError, match=sentence):
            archive.packed(root, files, {})


def test_a_huge_data_file_is_not_read(tmp_path):
    """Its size is enough to refuse it."""
    root = project(tmp_path)
    with (root / "huge.csv").open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(ClusterError, match=r"the largest file is huge\.csv"):
        archive.packed(root, archive.named(root, root, ["huge.csv"], "x"), {})


# -- kinds ----------------------------------------------------------------------------------------------------------


def test_most_workers_decide_the_kind():
    """Three of one kind and one of another: the three."""
    new, old = kind(torch="2.13.0+cpu", numpy="2.4"), kind(torch="2.12.0", numpy="2.4")

    assert kinds.majority({"a": old, "b": new, "c": new, "d": new}) == new
    assert kinds.left_out(new, [old], 4) == [
        "1 of 4 workers is left out, its numbers could differ: torch 2.12.0 instead of 2.13.0+cpu"
    ]


def test_a_worker_with_other_kernels_is_of_another_kind(monkeypatch):
    """A variable that chooses them is part of the kind where it is set, and is named."""
    plain = fingerprint.kind("torch")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    other = fingerprint.kind("torch")

    assert "arithmetic" not in plain
    assert kinds.majority({"a": plain, "b": plain, "c": other}) == plain
    assert kinds.left_out(plain, [other], 3) == [
        "1 of 3 workers is left out, its numbers could differ: OPENBLAS_CORETYPE Prescott instead of none"
    ]


def test_two_kinds_of_equal_size_are_refused():
    """Both are listed by what sets them apart."""
    with pytest.raises(ClusterError, match=r"2 of each.*one has torch 2.13.0, the other torch 2.12.0"):
        kinds.majority(
            {"a": kind(torch="2.13.0"), "b": kind(torch="2.12.0"), "c": kind(torch="2.12.0"), "d": kind(torch="2.13.0")}
        )


def test_what_a_process_wrote_is_told_by_its_error():
    """The line of the error, not the last line."""
    written = "E   ModuleNotFoundError: No module named 'pandas'\n=== short test summary ===\n1 error in 0.1s\n"

    assert last_error(written) == "ModuleNotFoundError: No module named 'pandas'"


# -- tries, with a pretended engine ---------------------------------------------------------------------------------


class Pretended:
    """An engine whose workers do as the test says: ``does`` gives the reply to a task, None for the worker's death."""

    def __init__(self, workers, does):
        self.workers, self.does = dict(workers), does
        self.flying, self.order, self.closed = {}, [], False
        self.laid_out = 0
        self.lock = threading.Lock()

    def slots(self):
        """Return its workers."""
        with self.lock:
            return dict(self.workers)

    def kinds(self, workers, project, archive):  # noqa: ARG002 - the protocol's
        """Say that all are alike."""
        self.laid_out += 1
        return {name: {"kind": kind(torch="2"), "environment": {"python": "3"}} for name in workers}

    def submit(self, number, worker, project, task):  # noqa: ARG002 - the protocol's
        """Note who got what."""
        self.flying[number] = worker, json.loads(task)
        self.order.append((worker, json.loads(task)["nodeid"]))

    def cancel(self, numbers):
        """Forget tasks."""
        for number in numbers:
            self.flying.pop(number, None)

    def done(self, seconds):  # noqa: ARG002 - the protocol's
        """Let one task of a living worker go on."""
        alive = {number: each for number, each in self.flying.items() if each[0] in self.workers}
        for number, (worker, task) in alive.items():
            reply = self.does(task["nodeid"], worker, [each[1]["nodeid"] for each in alive.values()])
            if reply is None:  # it dies, with all that it has
                with self.lock:
                    self.workers[f"{worker}+"] = self.workers.pop(worker)
                return []
            if reply:
                del self.flying[number]
                return [Answer(number, reply, b"")]
        return []

    def close(self, project):  # noqa: ARG002 - the protocol's
        """Note it."""
        self.closed = True


def good():
    """Return the reply of a trial that was measured."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return {"facts": {"sha256": empty, "format": FORMAT, "seconds": 1.0}, "slot": 0}


def trial(name: str, cost: float = 1.0) -> Trial:
    """Return a trial that is called by its name wherever it is seen."""
    measured = Measurement(trial, name, 1, {}, 8, cost, (), None)
    known = Identity(name, measured, name, {}, (), (), None)
    return Trial(name, known, tuple(range(8)), {})


@pytest.fixture
def run(tmp_path):
    """Return what runs trials on a pretended cluster until all are there; it is closed after the test."""
    started = []

    def go(engine, trials, difference=lambda _facts: None, spares=()):
        cluster = Cluster(engine, Settings(folder=tmp_path, run="run-1", timeout=5), "--cluster tcp://x:1", 2.0)
        started.append(cluster)
        cluster.difference = difference
        for each in trials:
            cluster.want(each)
        for each, wanted in spares:
            cluster.spare(each, wanted)
        cluster.lay_out(b"", "claims-x", "/project")
        while cluster.broken is None and not all(cluster.store.done(each.key) for each in trials):
            cluster.wait(0.5)
        return cluster

    yield go
    for cluster in started:
        cluster.close()
        assert cluster.engine.closed


def sentence(cluster, name: str) -> str:
    """Return why a trial failed; "" where it did not."""
    assert cluster.broken is None
    return str(json.loads((cluster.store.folder / f"{name}.json").read_text()).get("error", ""))


def test_the_longest_trial_comes_first(run):
    """Whatever the order in which trials were asked for."""
    engine = Pretended({"w": 1}, lambda *_: good())
    run(engine, [trial("short", 1.0), trial("long", 90.0), trial("middle", 10.0)])

    assert [name for _, name in engine.order] == ["long", "middle", "short"]


def test_spares_are_for_workers_that_would_wait(run):
    """What is wanted goes out first; a spare for which no claim is open any more does not go out at all."""
    engine = Pretended({"w": 1}, lambda *_: good())
    spares = [(trial("later", 90.0), lambda: True), (trial("decided", 99.0), lambda: False)]
    cluster = run(engine, [trial("short"), trial("long", 9.0)], spares=spares)
    until("the spare", lambda: cluster.store.done("later"))

    assert [name for _, name in engine.order] == ["long", "short", "later"]


def test_a_spare_that_is_wanted_later_is_measured_once(run):
    """Several claims may share it, and one asks for it while it is on its way."""
    later, arrived = trial("later", 90.0), threading.Event()
    engine = Pretended({"w": 2}, lambda name, *_: {} if name == "later" and not arrived.is_set() else good())
    cluster = run(engine, [trial("first")], spares=[(later, lambda: True)] * 2)
    until("both on their way", lambda: len(engine.order) == 2)
    cluster.want(later)
    cluster.want(trial("last"))
    arrived.set()
    until("both", lambda: cluster.store.done("later") and cluster.store.done("last"))

    assert sorted(name for _, name in engine.order) == ["first", "last", "later"]


@pytest.mark.parametrize("reply", [None, {"died": "it died", "details": ""}], ids=["its worker", "its process"])
def test_a_spare_that_dies_is_tried_again_when_a_claim_asks_for_it(run, reply):
    """Not before: perhaps no claim ever needs it, and each try may cost a worker, and time of what is needed."""
    died = []

    def does(name, _worker, _beside):
        if name != "later" or died:
            return good()
        died.append(name)
        return reply

    engine = Pretended({"w": 1}, does)
    cluster = run(engine, [trial("first")], spares=[(trial("later", 90.0), lambda: True)])
    until("its death", lambda: died)
    for name in ("last", "later"):
        cluster.want(trial(name))
        until(name, lambda name=name: cluster.store.done(name))

    assert [name for _, name in engine.order] == ["first", "later", "last", "later"]
    assert sentence(cluster, "later") == ""


def test_spares_of_a_measurement_that_keeps_dying_stay_here(run):
    """Three workers are enough to lose for what no claim may ever need."""
    spares = [trial(f"later {number}") for number in range(5)]
    spares = [replace(each, known=replace(each.known, place="deadly")) for each in spares]
    engine = Pretended({"w": 1}, lambda name, *_: None if "later" in name else good())
    cluster = run(engine, [trial("first")], spares=[(each, lambda: True) for each in [*spares, trial("other", 0.5)]])
    until("the other", lambda: cluster.store.done("other"))

    assert [name for _, name in engine.order] == ["first", "later 0", "later 1", "later 2", "other"]


def test_a_spare_that_rests_on_something_else_leaves_no_worker_out(run):
    """A claim that never needs this look would lose its workers."""
    engine = Pretended({"w": 1}, lambda name, *_: {"facts": good()["facts"] | {"of": name}, "slot": 0})
    spares = [(trial("later"), lambda: True)]
    cluster = run(engine, [trial("first")], lambda facts: "it" if facts["of"] == "later" else None, spares)
    until("the spare", lambda: [name for _, name in engine.order] == ["first", "later"])
    cluster.want(trial("last"))
    until("the last", lambda: cluster.store.done("last") or cluster.broken)

    assert (cluster.broken, cluster.news()) == (None, [])
    assert not cluster.store.done("later")


def test_a_trial_of_later_looks_is_listed_once_with_all_claims_that_may_need_it(monkeypatch):
    """Dozens of claims share a measurement; each of them would read, name and send the same thousands of trials."""
    measured = trial("it").measurement
    monkeypatch.setattr(expansion, "measurements_of", lambda _item: {"it": measured})
    named = {number: [trial(f"it {low}") for low in range(0, number, 8)] for number in (16, 32)}
    workshop = SimpleNamespace(
        identity=lambda item, name, measurement: Identity(item, measurement, name, {}, (), (), None),
        trials=lambda _known, needed, _only: named[needed],
    )
    looks = {"one": (8, 16, ()), "two": (8, 32, ()), "three": (8, 8, ())}
    wanted = Needed({trial("it 0"): "one"}, looks)
    found = expansion.later([(item, SimpleNamespace(only={})) for item in looks], wanted, workshop)

    assert {each.key: items for each, items in found.items()} == {
        "it 8": ["one", "two"],
        "it 16": ["two"],
        "it 24": ["two"],
    }


def test_a_trial_that_kills_its_bench_is_an_error_after_three_tries(run):
    """The others are measured."""
    engine = Pretended({"w": 2}, lambda name, *_: {"died": "it died", "details": ""} if name == "bad" else good())
    cluster = run(engine, [trial("bad"), trial("fine")])

    assert sentence(cluster, "bad") == "bad, seeds 0-7: it died, 3 times."
    assert sentence(cluster, "fine") == ""
    assert [name for _, name in engine.order].count("bad") == 3


def test_an_error_names_the_files_of_this_machine(run):
    """Not those of the worker's copy of the project, which is gone when somebody looks for them."""
    engine = Pretended({"w": 1}, lambda *_: {"error": "no number in <root>/a.csv", "details": "<root>/test_a.py:3"})
    cluster = run(engine, [trial("bad")])
    error = json.loads((cluster.store.folder / "bad.json").read_text())

    assert error["error"] == "no number in /project/a.csv"
    assert error["details"] == "/project/test_a.py:3"


def test_a_trial_that_kills_its_worker_is_found_out_and_its_neighbours_are_not_blamed(run):
    """Whoever shared a dying worker is tried again alone, so the guilty one is known."""

    def does(name, _worker, beside):
        if "bad" in beside and name != "bad":
            return {}  # innocents are under way when the worker dies
        return None if name == "bad" else good()

    engine = Pretended({"w": 3}, does)
    cluster = run(engine, [trial("bad", 9.0), trial("one"), trial("two")])

    assert sentence(cluster, "bad") == "bad, seeds 0-7: its worker died while measuring it, 3 times."
    assert sentence(cluster, "one") == sentence(cluster, "two") == ""


def test_a_worker_that_cannot_measure_is_left_out_and_its_trial_goes_elsewhere(run):
    """That is no fault of the trial."""
    engine = Pretended({"a": 1, "b": 1}, lambda _n, worker, _b: {"unable": "no pandas"} if worker == "a" else good())
    cluster = run(engine, [trial("one"), trial("two")])

    assert sentence(cluster, "one") == sentence(cluster, "two") == ""
    assert any("left out: no pandas" in line for line in cluster.news())


def test_a_result_that_rests_on_something_else_is_not_taken(run):
    """The worker is left out, the reason named, and the trial measured elsewhere."""
    engine = Pretended(
        {"a": 1, "b": 1}, lambda _n, worker, _b: {"facts": good()["facts"] | {"from": worker}, "slot": 0}
    )
    cluster = run(engine, [trial("one"), trial("two")], difference=lambda facts: "it" if facts["from"] == "a" else None)

    assert sentence(cluster, "one") == sentence(cluster, "two") == ""
    assert any("left out: what it measured rests on something else (it)" in line for line in cluster.news())
    assert {json.loads((cluster.store.folder / f"{name}.json").read_text())["from"] for name in ("one", "two")} == {"b"}


def test_when_no_worker_is_left_the_run_ends_with_a_sentence(run):
    """After the time to wait; the reason is named."""
    engine = Pretended({"a": 1}, lambda *_: {"unable": "no pandas"})
    cluster = run(engine, [trial("one")])

    assert "no worker has been left that can measure for 2 s (--claims-cluster-wait)" in cluster.broken
    assert "no pandas" in cluster.broken


def test_a_bench_that_refuses_says_what_differs(run):
    """By the kinds, where these differ."""
    engine = Pretended({"a": 1}, lambda *_: {"stranger": kind(torch="3"), "what": "its code"})
    cluster = run(engine, [trial("one")])

    assert "refused to measure it, because its environment differs (torch 3 instead of 2)" in sentence(cluster, "one")


def test_a_result_that_was_damaged_on_its_way_is_measured_again(run):
    """Its checksum says so."""
    replies = iter([{"facts": {"sha256": "0"}, "slot": 0}, good()])
    engine = Pretended({"a": 1}, lambda *_: next(replies))
    cluster = run(engine, [trial("one")])

    assert sentence(cluster, "one") == ""


def test_a_worker_that_was_started_anew_at_its_address_gets_the_project_once_more(run, monkeypatch):
    """All its tasks find that out, and go on when it has it; it is laid out once, for they would disturb each other."""
    surprised, all_are = set(), threading.Event()

    def does(name, *_):
        if name in surprised:
            return good()
        surprised.add(name)
        if len(surprised) == 3:
            all_are.set()
        return {"missing": True}

    engine = Pretended({"w": 3}, does)
    lay_out = engine.kinds
    monkeypatch.setattr(engine, "kinds", lambda *given: (engine.laid_out and all_are.wait(60), lay_out(*given))[1])
    cluster = run(engine, [trial("one"), trial("two"), trial("three")])

    assert [sentence(cluster, name) for name in ("one", "two", "three")] == ["", "", ""]
    assert engine.laid_out == 2


def test_ctrl_c_while_the_run_takes_leave_is_not_heard(run):
    """What the workers hold is let go of all the same, and no traceback ends the run; afterwards it is heard again."""
    engine = Pretended({"w": 1}, lambda *_: good())
    cluster = run(engine, [trial("one")])
    heard, close = signal.getsignal(signal.SIGINT), engine.close
    engine.close = lambda project: (signal.raise_signal(signal.SIGINT), close(project))
    try:
        cluster.close()
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C cut it off")

    assert engine.closed
    assert signal.getsignal(signal.SIGINT) == heard
