"""What a step of one seed costs in each way of training it: `make bench`.

A round trains the workload once in every way, in turn, so that a machine that slows down slows all of them; medians
over the rounds are quoted. All start from the same weights on the same batches, and must end at the same losses:
nobody races on different work. Nothing asserts a time.
"""

import statistics
import time

import numpy as np
import pytest

from benchmarks.rivals import PLAIN_SEEDS, batches, plain, scikit, vmapped
from benchmarks.workloads import WORKLOADS
from fixtures import Seeds
from fixtures.engines import EngineError, engine
from fixtures.engines.torch_engine import arithmetic
from fixtures.runs import Layout
from fixtures.training import RATE

ROUNDS = 5
AGREEMENT = 0.02  # of float32 losses after a round's steps, relative; chaos has not begun


def through(name, workload):
    """Train with one of the suite's engines; returns the function and the seconds its first call took to compile."""
    try:
        trainer = engine(name)
    except EngineError:
        return None
    layout = Layout(workload.runs, "run")

    def train():
        found = []
        task = layout.task(RATE, workload.batch)
        trainer.train(task, [workload.steps], lambda _, parameters: found.append([*parameters]))
        losses = trainer.objective(task, found[0])[0]
        return losses.reshape(len(workload.runs), -1)[:, :PLAIN_SEEDS].ravel()

    return train


def networks(name, workload):
    """How many networks one call trains."""
    seeds = PLAIN_SEEDS if name in {"plain", "plain_fused", "sklearn"} else len(workload.seeds)
    return seeds * len(workload.runs)


@pytest.mark.parametrize("name", WORKLOADS)
def test_cost_of_a_step(name, benchmark, ledger):
    """Every way of training gives the same losses, and the ledger gets what a step of one seed costs in each."""
    build, block = WORKLOADS[name]
    workload = build(Seeds("benchmark", range(block)))
    ways = {
        "plain": plain(workload),
        "plain_fused": plain(workload, fused=True),
        "vmap": vmapped(workload),
        "stacked": through("torch", workload),
        "sklearn": scikit(workload),
        "jax": through("jax", workload),
    }
    seconds = {way: [] for way, train in ways.items() if train is not None}
    final = {}

    def in_turn():
        for way, ticks in seconds.items():
            start = time.perf_counter()
            final[way] = ways[way]()
            ticks.append(time.perf_counter() - start)

    with arithmetic(threads=1):
        in_turn()
        first = {way: ticks.pop() for way, ticks in seconds.items()}
        benchmark.pedantic(in_turn, rounds=ROUNDS)
    for way in set(seconds) - {"sklearn"}:
        np.testing.assert_allclose(final[way], final["plain"], rtol=AGREEMENT, atol=1e-4, err_msg=way)

    costs = dict.fromkeys(ways)
    for way, ticks in seconds.items():
        steps = getattr(ways[way], "updates", workload.steps)
        costs[way] = 1e6 * statistics.median(ticks) / steps / networks(way, workload)
    compiled = None if "jax" not in first else first["jax"] - statistics.median(seconds["jax"])
    ledger.append(
        {"name": name, "engines": costs, "jax_compile_s": compiled, "seeds": block, "runs": len(workload.runs)}
    )
    benchmark.extra_info |= {way: cost for way, cost in costs.items() if cost is not None}


def test_plain_batches_are_the_engines_batches():
    """The rivals' batches of a seed are the rows that the engines draw for it."""
    build, _ = WORKLOADS["9 losses"]
    workload = build(Seeds("benchmark", range(8)))

    expected = Layout(workload.runs, "run").task(RATE, workload.batch).batches.draw(workload.steps)[3]

    assert np.array_equal(expected, list(batches(workload, 3)))
