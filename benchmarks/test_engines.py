"""What a step of one seed costs in each way of training it: `make bench`.

A round trains the workload once in every way, in turn, so a machine that slows down slows all of them; the result is
the median processor time over the rounds. All start from the same weights on the same batches and must end at the same
losses: all do the same work. Nothing asserts a time.
"""

import statistics
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.ways import ALONE, batches, ways
from benchmarks.workloads import WORKLOADS
from pytest_claims.training import Seeds
from pytest_claims.training.engines.torch_engine import arithmetic
from pytest_claims.training.runs import Layout
from pytest_claims.training.train import RATE

ROUNDS = 3
AGREEMENT = 0.02  # of float32 losses after a round's steps, relative; before chaos begins


@pytest.mark.parametrize("name", WORKLOADS)
def test_cost_of_a_step(name, benchmark, ledger):
    """Every way of training gives the same losses, and the ledger gets what a step of one seed costs in each."""
    build, block = WORKLOADS[name]
    workload = build(Seeds("benchmark", range(block)))
    every = ways(workload)
    able = {way: how for way, how in every.items() if how is not None}
    seconds = {way: [] for way in able}
    final = {}

    def in_turn():
        for way, how in able.items():
            train, losses = how.start()
            start = time.process_time()
            train()
            seconds[way].append(time.process_time() - start)
            final[way] = losses()

    with arithmetic(threads=1), threadpool_limits(1):
        in_turn()
        first = {way: ticks.pop() for way, ticks in seconds.items()}  # this first turn compiles
        benchmark.pedantic(in_turn, rounds=ROUNDS)
    for way in able.keys() - {"sklearn"}:
        np.testing.assert_allclose(final[way], final["plain"], rtol=AGREEMENT, atol=1e-4, err_msg=way)

    costs = dict.fromkeys(every)
    for way, how in able.items():
        costs[way] = 1e6 * statistics.median(seconds[way]) / how.steps / how.networks
    compiled = first["jax"] - statistics.median(seconds["jax"]) if "jax" in able else None
    ledger.workloads.append(
        {"name": name, "engines": costs, "jax_compile_s": compiled, "seeds": block, "runs": len(workload.runs)}
    )
    benchmark.extra_info |= {way: cost for way, cost in costs.items() if cost is not None}


def test_plain_batches_are_the_engines_batches():
    """The rivals' batches of a seed are the rows that the engines draw for it."""
    build, _ = WORKLOADS["9 losses"]
    workload = build(Seeds("benchmark", range(8)))

    expected = Layout(workload.runs, "run").task(RATE, workload.batch).batches.draw(workload.steps)[ALONE]

    assert np.array_equal(expected, list(batches(workload, ALONE)))
