"""What a step of one seed of a module of one's own costs in each way of training it: `make bench`.

As in test_engines.py, ways take turns, the result is the median processor time over the rounds, every way must end at
the same losses (but for dropout, whose masks each way draws for itself), and nothing asserts a time. The first turn,
in which shapes are traced and compiled, does not count.
"""

import itertools
import statistics

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.ledger import JAX
from benchmarks.modules import NETWORKS, OPTIMISERS, STEPS, Work, ways
from pytest_claims.training.engines.torch_engine import arithmetic

ROUNDS, SELDOM = 6, 3  # JAX's ways, which take most of the time, have a turn in every third round
AGREEMENT = 0.02  # of float32 losses, relative


@pytest.mark.parametrize("seeds", [8, 32])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_cost_of_a_step(name, optimiser, seeds, benchmark, ledger):
    """Every way gives the same losses, and the ledger gets what a step of one seed costs in each."""
    every = ways(Work(name, optimiser, seeds))
    costs = {way: [] for way in every}
    final = {}

    turns = itertools.count()

    def in_turn():
        turn = next(turns)
        for way, train in every.items():
            if way in JAX and turn % SELDOM:
                continue
            done = train()
            final[way] = done.losses
            if turn:
                costs[way].append(1e6 * done.seconds / done.networks / STEPS)

    with arithmetic(threads=1), threadpool_limits(1):
        in_turn()
        benchmark.pedantic(in_turn, rounds=ROUNDS)
    for way, losses in final.items():
        if name != "dropout":
            np.testing.assert_allclose(losses, final["plain"], rtol=AGREEMENT, atol=1e-4, err_msg=way)
    medians = {way: statistics.median(ticks) for way, ticks in costs.items()}
    ledger.modules.append({"network": name, "optimiser": optimiser, "seeds": seeds, "costs": medians})
    benchmark.extra_info |= medians
