"""Modules of one's own, and the ways to train them: as a stack, with torch.func, with JAX, and one after another.

Each network is an ordinary `torch.nn.Module`; every way starts from the same weights, takes the same batches of 64 rows
and has torch's own optimiser, JAX's ways excepted (jax_modules.py). test_modules.py measures them: `make bench`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from benchmarks.ways import ALONE
from pytest_claims.training import SGD, Adam, AdamW, Run, Seeds
from pytest_claims.training.engines.base import Batches
from pytest_claims.training.engines.torch_engine import TorchEngine
from pytest_claims.training.runs import Layout, made

ROWS, BATCH, CLASSES, DECAY = 300, 64, 10, 0.01
WARM, STEPS = 5, 25
"""Updates before the clock starts, in which shapes are traced and compiled, and updates that are timed."""


class Block(nn.Module):
    """Two layers, with or without a shortcut around them."""

    def __init__(self, width: int, *, shortcut: bool) -> None:
        super().__init__()
        self.one, self.two, self.shortcut = nn.Linear(width, width), nn.Linear(width, width), shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        inner = self.two(self.one(x).relu())
        return (inner + x if self.shortcut else inner).relu()


class CNN(nn.Module):
    """A small CNN with batch norm and a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 16, 5, padding=2), nn.Conv1d(16, 16, 5, padding=2)
        self.norm, self.last = nn.BatchNorm1d(16), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        x = functional.relu(self.one(x))
        return self.last((x + functional.relu(self.norm(self.two(x)))).mean(-1))


def perceptron(*between: Callable[[], nn.Module]) -> nn.Module:
    """Return 64-100-100-10 with these layers after each hidden one."""
    hidden = [[nn.Linear(fan_in, 100), *(make() for make in between)] for fan_in in (64, 100)]
    return nn.Sequential(*hidden[0], *hidden[1], nn.Linear(100, CLASSES))


def deep(*, shortcut: bool) -> nn.Module:
    """Return 34 layers of 32 units."""
    return nn.Sequential(nn.Linear(64, 32), *(Block(32, shortcut=shortcut) for _ in range(16)), nn.Linear(32, CLASSES))


def greydanus() -> nn.Module:
    """Return the CNN of Greydanus 2020 for MNIST-1D: three layers of 25 channels, then linear."""
    layers = [nn.Conv1d(1, 25, 5, 2, 1), nn.ReLU(), nn.Conv1d(25, 25, 3, 2, 1), nn.ReLU(), nn.Conv1d(25, 25, 3, 2, 1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(125, CLASSES))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "perceptron": (lambda: perceptron(nn.ReLU), (64,)),
    "batch norm": (lambda: perceptron(lambda: nn.BatchNorm1d(100), nn.ReLU), (64,)),
    "dropout": (lambda: perceptron(nn.ReLU, lambda: nn.Dropout(0.5)), (64,)),
    "CNN": (CNN, (1, 40)),
    "34 layers": (lambda: deep(shortcut=False), (64,)),
    "34 layers, residual": (lambda: deep(shortcut=True), (64,)),
    "MNIST-1D": (greydanus, (1, 40)),
}
"""Name: the factory, and the shape of a row. Ten classes."""

OPTIMISERS: dict[str, tuple[Adam | AdamW | SGD, Callable[..., torch.optim.Optimizer]]] = {
    "Adam": (Adam(0.003), partial(torch.optim.Adam, lr=0.003)),
    "AdamW": (AdamW(0.003, decay=DECAY), partial(torch.optim.AdamW, lr=0.003, weight_decay=DECAY)),
    "SGD": (SGD(0.02, momentum=0.9), partial(torch.optim.SGD, lr=0.02, momentum=0.9)),
}
"""Name: the optimiser of a run, and torch's class."""


@dataclass(frozen=True)
class Timed:
    """Processor seconds of STEPS updates of `networks` networks; the losses of the first ALONE, in evaluation mode."""

    seconds: float
    networks: int
    losses: NDArray[np.float64]


Way = Callable[[], Timed]
"""Trains WARM and then STEPS updates, from the start."""


class Work:
    """One network, its optimiser, seeds and rows."""

    def __init__(self, name: str, optimiser: str, seeds: int) -> None:
        self.make, self.row = NETWORKS[name]
        self.optimiser, self.torch_optimiser = OPTIMISERS[optimiser]
        self.seeds = Seeds("benchmark", range(1, seeds + 1))
        self.x = np.stack([g.standard_normal((ROWS, *self.row)) for g in self.seeds.generator("data")])
        self.y = np.stack([g.integers(0, CLASSES, ROWS) for g in self.seeds.generator("labels")])
        self.rows, self.labels = torch.from_numpy(self.x).float(), torch.from_numpy(self.y)

    def modules(self, count: int) -> list[nn.Module]:
        """Return the modules of the first seeds, as a run of the library makes them."""
        modules = []
        with torch.random.fork_rng(devices=[]):
            for number in self.seeds.integers("weights")[:count]:
                torch.manual_seed(number)
                modules.append(self.make())
        return modules

    def batches(self, first: int, count: int) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
        """Return a function that yields the rows (count, 64, ...) and classes (count, 64) of the next steps."""
        places = torch.arange(first, first + count)[:, None]
        drawn = Batches(self.seeds.generator("batches")[first : first + count], ROWS, BATCH)

        def following(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
            for rows in torch.from_numpy(drawn.draw(steps)).unbind(1):
                yield self.rows[places, rows], self.labels[places, rows]

        return following


def timed(update: Callable[[int], None]) -> float:
    """Return the processor seconds of STEPS updates after WARM others."""
    update(WARM)
    start = time.process_time()
    update(STEPS)
    return time.process_time() - start


def final_losses(modules: list[nn.Module], work: Work) -> NDArray[np.float64]:
    """Return the loss of the first seeds over all rows, (ALONE,), in evaluation mode."""
    losses = []
    with torch.no_grad():
        for module, x, y in zip(modules, work.rows, work.labels, strict=False):
            losses.append(functional.cross_entropy(module.eval()(x), y).item())
            module.train()
    return np.array(losses)


def plain(work: Work) -> Timed:
    """One module after another: what a user would write."""
    modules, seconds = work.modules(ALONE), 0.0
    for seed, module in enumerate(modules):
        optimiser, following = work.torch_optimiser(module.parameters()), work.batches(seed, 1)
        seconds += timed(partial(_steps_of_one, module, optimiser, following))
    return Timed(seconds, ALONE, final_losses(modules, work))


def _steps_of_one(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    following: Callable[[int], Iterator[tuple[Tensor, Tensor]]],
    steps: int,
) -> None:
    for x, y in following(steps):
        optimiser.zero_grad()
        functional.cross_entropy(module(x[0]), y[0]).backward()
        optimiser.step()


def stacked(work: Work) -> Timed:
    """All seeds with the library's engine."""
    run = made(Run(work.make, work.x, work.y, optimiser=work.optimiser), work.seeds)
    task = Layout(run, None).task(0.003, BATCH)
    clock, trained, engine = [], [], TorchEngine()

    def visit(_step: int, parameters: Any, *_averages: Any) -> None:
        clock.append(time.process_time())
        trained[:] = [array.copy() for array in parameters]

    engine.train(task, [WARM, WARM + STEPS], visit)
    losses = np.asarray(engine.objective(task, trained)[0], np.float64)
    return Timed(clock[1] - clock[0], len(work.seeds), losses[:ALONE])


def mapped(work: Work, *, gradients: bool) -> Timed:
    """All seeds with torch.func: vmap over the gradient, or over the loss under plain autograd; a fused optimiser."""
    modules = work.modules(len(work.seeds))
    parameters, buffers = stack_module_state(modules)
    parameters = {name: tensor.detach().requires_grad_() for name, tensor in parameters.items()}
    base, optimiser = copy.deepcopy(modules[0]), work.torch_optimiser(parameters.values(), fused=True)
    following = work.batches(0, len(work.seeds))

    def loss(held: dict[str, Tensor], kept: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(functional_call(base, (held, kept), (x,)), y)

    losses, slopes = vmap(loss, randomness="different"), vmap(grad(loss), randomness="different")

    def update(steps: int) -> None:
        for x, y in following(steps):
            optimiser.zero_grad()
            if gradients:
                found = slopes({name: tensor.detach() for name, tensor in parameters.items()}, buffers, x, y)
                for name, gradient in found.items():
                    parameters[name].grad = gradient
            else:
                losses(parameters, buffers, x, y).sum().backward()
            optimiser.step()

    seconds = timed(update)
    for seed, module in enumerate(modules[:ALONE]):
        state = {name: tensor.detach()[seed] for name, tensor in {**parameters, **buffers}.items()}
        module.load_state_dict(state)
    return Timed(seconds, len(work.seeds), final_losses(modules[:ALONE], work))


def ways(work: Work) -> dict[str, Way]:
    """Return every way by its name in latest.json; those of JAX where it is installed."""
    every: dict[str, Way] = {
        "plain": partial(plain, work),
        "stacked": partial(stacked, work),
        "vmap of the loss": partial(mapped, work, gradients=False),
        "vmap of the gradient": partial(mapped, work, gradients=True),
    }
    try:
        from benchmarks.jax_modules import jax_ways
    except ModuleNotFoundError:
        return every
    return every | jax_ways(work)
