"""The ways to train a module do the same work: the benchmark compares like with like."""

import numpy as np
import pytest

from benchmarks.ledger import NETWORKS, OPTIMISERS

modules = pytest.importorskip("benchmarks.modules", reason="the ways of training need torch")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Train four updates."""
    monkeypatch.setattr(modules, "WARM", 1)
    monkeypatch.setattr(modules, "STEPS", 3)


@pytest.mark.parametrize(
    "name, optimiser",
    [("batch norm", "Adam"), ("MNIST-1D", "SGD"), ("34 layers, residual", "AdamW")],
)
def test_stacks_and_torch_func_end_at_the_plain_loops_losses(name, optimiser):
    """From the same weights, on the same batches, with the same optimiser; batch norm by its running averages."""
    every = modules.ways(modules.Work(name, optimiser, 8))
    plain, *others = (every[way]() for way in ("plain", "stacked", "vmap of the loss", "vmap of the gradient"))

    assert np.isfinite(plain.losses).all()
    for way in others:
        np.testing.assert_allclose(way.losses, plain.losses, rtol=1e-3)
        assert way.networks == 8


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["AdamW", "SGD"])
def test_jax_does_the_same_work(optimiser, monkeypatch):
    """A compiled loop of a CNN with batch norm, side by side and one after another."""
    jax_modules = pytest.importorskip("benchmarks.jax_modules", reason="needs JAX")
    monkeypatch.setattr(jax_modules, "WARM", 1)
    monkeypatch.setattr(jax_modules, "STEPS", 3)
    every = modules.ways(modules.Work("CNN", optimiser, 8))

    plain = every["plain"]()

    for way in ("JAX, vmap", "JAX, map"):
        np.testing.assert_allclose(every[way]().losses, plain.losses, rtol=1e-3, err_msg=way)


def test_the_page_expects_what_is_trained():
    """Every network and every optimiser, in this order."""
    assert (tuple(modules.NETWORKS), tuple(modules.OPTIMISERS)) == (NETWORKS, OPTIMISERS)


def test_the_clock_leaves_out_the_first_steps(monkeypatch):
    """Set-up, tracing and the first updates are not timed; the others are."""
    ticks = iter([10.0, 12.5])
    monkeypatch.setattr(modules.time, "process_time", lambda: next(ticks))
    taken = []

    assert modules.timed(taken.append) == 2.5
    assert taken == [1, 3]
