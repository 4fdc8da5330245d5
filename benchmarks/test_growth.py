"""The cost of more seeds, wider layers and longer training, per step and seed; and the memory of many seeds."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from benchmarks.ways import plain, through
from benchmarks.workloads import WORKLOADS, Workload
from pytest_claims.training import MLP, Run, Seeds, mixture
from pytest_claims.training.engines import engine
from pytest_claims.training.engines.torch_engine import arithmetic
from pytest_claims.training.runs import Layout
from pytest_claims.training.train import RATE

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
SEEDS = (8, 16, 32, 64, 128, 256, 512)
WIDTHS = {10: 200, 30: 200, 100: 100, 300: 30, 1_000: 8}  # steps of a round
LENGTHS = {
    "2 depth": (150, 500, 1_500, 5_000, 15_000),
    "5 memorising": (80, 250, 800, 2_500),
}
FEW, MANY, BOUND = 32, 512, 1.3
SHORT = 'importlib.import_module("claims.test_depth").STEPS = 20'  # memory does not depend on the number of steps
# VmHWM and not ru_maxrss, which for a child begins with the memory of the process that started it
PEAK = """
import json, re, sys
from pathlib import Path
import pytest
status = int(pytest.main(sys.argv[2:]))
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
Path(sys.argv[1]).write_text(json.dumps([status, int(peak[1])]))
"""


@pytest.fixture(autouse=True)
def quiet():
    """One thread, as in a worker."""
    with arithmetic(threads=1), threadpool_limits(1):
        yield


def timed(work):
    """Return the processor seconds of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def in_blocks(name, count):
    """Train `count` seeds as a run does: block after block, each with its data and networks; return the seconds."""
    build, block = WORKLOADS[name]

    def train():
        for first in range(0, count, block):
            start_and_train(build(Seeds("benchmark", range(first, first + min(block, count)))))

    return timed(train)


def start_and_train(workload):
    """Train a workload with the default engine."""
    train, _ = through("torch", workload).start()
    train()


@pytest.mark.parametrize("name", ["2 depth", "11 layers"])
def test_more_seeds(name, benchmark, ledger):
    """A seed costs the same among 512 as in one block, and less than in a block of eight."""
    workload = WORKLOADS[name][0](Seeds("benchmark", range(8)))
    seconds = {count: [] for count in SEEDS}

    def in_turn():
        for count, ticks in seconds.items():
            ticks.append(in_blocks(name, count))

    benchmark.pedantic(in_turn, rounds=ROUNDS)
    updates = workload.steps * len(workload.runs)
    costs = {count: 1e6 * statistics.median(ticks) / count / updates for count, ticks in seconds.items()}
    ledger.growth.setdefault("seeds", {})[name] = costs


def of_width(width, steps):
    """Return experiment 9 with cross-entropy alone and two hidden layers of this width."""
    seeds = Seeds("benchmark", range(8))
    data = mixture(seeds, 500, 12, "harmonic", further=2)
    return Workload({"one": Run(MLP(seeds, (12, width, width, 2)), data.x_train, data.y_train)}, 64, steps)


def test_wider_layers(benchmark, ledger):
    """The stack's cost grows like the arithmetic, and stays below the plain loop's until arithmetic dominates that."""
    seconds = {way: {width: [] for width in WIDTHS} for way in ("plain", "stacked")}

    def in_turn():
        for width, steps in WIDTHS.items():
            workload = of_width(width, steps)
            for way, how in {"plain": plain(workload, fused=False), "stacked": through("torch", workload)}.items():
                train, _ = how.start()
                seconds[way][width].append(timed(train) / steps / how.networks)

    benchmark.pedantic(in_turn, rounds=ROUNDS)
    ledger.growth["width"] = {
        way: {width: 1e6 * statistics.median(ticks) for width, ticks in by_width.items()}
        for way, by_width in seconds.items()
    }


@pytest.mark.parametrize("name", LENGTHS)
def test_longer_training(name, benchmark, ledger):
    """A late step costs as much as an early step."""
    build, block = WORKLOADS[name]
    workload = build(Seeds("benchmark", range(block)))
    layout = Layout(workload.runs, "run")
    seconds = {step: [] for step in LENGTHS[name]}

    def once():
        clock = [time.process_time()]
        engine("torch").train(
            layout.task(RATE, workload.batch), LENGTHS[name], lambda *_: clock.append(time.process_time())
        )
        before = (0, *LENGTHS[name])
        for index, step in enumerate(LENGTHS[name]):
            seconds[step].append((clock[index + 1] - clock[index]) / (step - before[index]))

    benchmark.pedantic(once, rounds=ROUNDS)
    networks = block * len(workload.runs)
    costs = {step: 1e6 * statistics.median(ticks) / networks for step, ticks in seconds.items()}
    ledger.growth.setdefault("steps", {})[name] = costs


def peak_of_a_run(seeds, folder):
    """Run the claims of experiment 2 with ``seeds`` seeds in a new process; return its peak memory in MB."""
    (folder / "short.py").write_text(f"import importlib\n\n{SHORT}\n", encoding="utf-8")
    peak = folder / "peak.json"
    arguments = ["claims/test_depth.py", "-n0", "-q", "-p", "no:cacheprovider", "-p", "short", "--seeds", str(seeds)]
    subprocess.run(
        [
            sys.executable,
            "-c",
            PEAK,
            str(peak),
            *arguments,
            "-o",
            "claims_edition=1",
            "--report",
            str(folder / "report"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        capture_output=True,
        check=True,
    )
    status, kilobytes = json.loads(peak.read_text(encoding="utf-8"))
    assert status in {0, 1}, "the run must end with verdicts"  # after 20 steps they differ from the registered ones
    return kilobytes / 1024


def test_memory_is_bounded_by_the_block(tmp_path_factory, ledger):
    """The peak memory of a run of 512 seeds of experiment 2 is within 1.3 times that of 32 seeds."""
    few, many = (peak_of_a_run(seeds, tmp_path_factory.mktemp("memory")) for seeds in (FEW, MANY))
    ledger.growth["memory_mb"] = {FEW: few, MANY: many}

    assert many <= BOUND * few
