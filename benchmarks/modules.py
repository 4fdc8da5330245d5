"""Modules as a stack against the loops that a user would write: python -m benchmarks.modules [name ...] [--rounds N].

Prints, for each network and number of seeds, microseconds of processor time per step and seed, and how many times
faster than the plain loop (one module after another, torch.optim.Adam) each way is: medians over rounds in which the
ways take turns. All ways train the same modules on the same batches of 64 rows.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from pytest_claims.training import Run, Seeds
from pytest_claims.training.engines.torch_engine import TorchEngine, arithmetic
from pytest_claims.training.runs import Layout, made

ROWS, BATCH, CLASSES, RATE = 1_000, 64, 10, 0.003
PLAIN_SEEDS = 2  # the plain loop's cost for a seed does not depend on how many there are
Update = Callable[[int], None]
"""Takes so many steps with all seeds."""


class Block(nn.Module):
    """Two layers, with or without a shortcut around them."""

    def __init__(self, width: int, *, shortcut: bool) -> None:
        super().__init__()
        self.one, self.two, self.shortcut = nn.Linear(width, width), nn.Linear(width, width), shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        inner = self.two(self.one(x).relu())
        return (inner + x if self.shortcut else inner).relu()


class CNN(nn.Module):
    """A small CNN with batch norm and a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 16, 5, padding=2), nn.Conv1d(16, 16, 5, padding=2)
        self.norm, self.last = nn.BatchNorm1d(16), nn.Linear(16, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
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
    """Return the CNN of Greydanus 2020: three layers of 25 channels, then linear."""
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


class Work:
    """One network, its seeds and its rows."""

    def __init__(self, name: str, seeds: int) -> None:
        self.make, self.row = NETWORKS[name]
        self.seeds = Seeds("benchmark", range(1, seeds + 1), stream="pilot")
        self.x = np.stack([g.standard_normal((ROWS, *self.row)) for g in self.seeds.generator("data")])
        self.y = np.stack([g.integers(0, CLASSES, ROWS) for g in self.seeds.generator("labels")])
        self.rows, self.labels = torch.from_numpy(self.x).float(), torch.from_numpy(self.y)

    def modules(self, count: int) -> list[nn.Module]:
        """Return the modules of the first seeds."""
        modules = []
        with torch.random.fork_rng(devices=[]):
            for number in self.seeds.integers("weights")[:count]:
                torch.manual_seed(number)
                modules.append(self.make())
        return modules

    def batches(self, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield rows (R, 64, ...) and classes (R, 64)."""
        places = torch.arange(len(self.seeds))[:, None]
        for _ in range(steps):
            rows = torch.randint(0, ROWS, (len(self.seeds), BATCH))
            yield self.rows[places, rows], self.labels[places, rows]


def stacked(work: Work) -> Update:
    """Train with the library's engine."""
    run = made(Run(work.make, work.x, work.y), work.seeds)
    task = Layout(run, None).task(RATE, BATCH)
    return lambda steps: TorchEngine().train(task, [steps], lambda _step, _parameters: None)


def plain(work: Work) -> Update:
    """Train one module after another."""
    modules = work.modules(PLAIN_SEEDS)
    optimisers = [torch.optim.Adam(module.parameters(), lr=RATE) for module in modules]

    def update(steps: int) -> None:
        for seed, (module, optimiser) in enumerate(zip(modules, optimisers, strict=True)):
            for _ in range(steps):
                rows = torch.randint(0, ROWS, (BATCH,))
                optimiser.zero_grad()
                functional.cross_entropy(module(work.rows[seed, rows]), work.labels[seed, rows]).backward()
                optimiser.step()

    return update


def mapped(work: Work, *, gradients: bool) -> Update:
    """Train with torch.func: vmap over the gradient, or over the loss under plain autograd."""
    modules = work.modules(len(work.seeds))
    parameters, buffers = stack_module_state(modules)
    parameters = {name: tensor.detach().requires_grad_() for name, tensor in parameters.items()}
    base, optimiser = copy.deepcopy(modules[0]), torch.optim.Adam(parameters.values(), lr=RATE, fused=True)

    def loss(
        held: dict[str, torch.Tensor], kept: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor
    ) -> torch.Tensor:
        return functional.cross_entropy(functional_call(base, (held, kept), (x,)), y)

    losses, slopes = vmap(loss, randomness="different"), vmap(grad(loss), randomness="different")

    def update(steps: int) -> None:
        for x, y in work.batches(steps):
            optimiser.zero_grad()
            if gradients:
                found = slopes({name: tensor.detach() for name, tensor in parameters.items()}, buffers, x, y)
                for name, gradient in found.items():
                    parameters[name].grad = gradient
            else:
                losses(parameters, buffers, x, y).sum().backward()
            optimiser.step()

    return update


WAYS: dict[str, Callable[[Work], Update]] = {
    "plain": plain,
    "stacked": stacked,
    "vmap of the loss": lambda work: mapped(work, gradients=False),
    "vmap of the gradient": lambda work: mapped(work, gradients=True),
}


def measure(name: str, seeds: int, rounds: int, steps: int) -> dict[str, float]:
    """Return microseconds of processor time per step and seed for every way, the median of interleaved rounds."""
    work = Work(name, seeds)
    updates = {way: start(work) for way, start in WAYS.items()}
    costs: dict[str, list[float]] = {way: [] for way in WAYS}
    with arithmetic(1):
        for turn in range(rounds + 1):
            for way, update in updates.items():
                start = time.process_time()
                update(steps)
                trained = PLAIN_SEEDS if way == "plain" else seeds
                if turn:  # the first round warms up
                    costs[way].append((time.process_time() - start) / steps / trained * 1e6)
    return {way: statistics.median(values) for way, values in costs.items()}


def main(arguments: list[str]) -> None:
    """Print a line for each network and number of seeds, and the goals' geometric means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="*", default=[8, 32])
    chosen = parser.parse_args(arguments)
    ratios: dict[int, list[tuple[float, float]]] = {}
    for name in chosen.names:
        for seeds in chosen.seeds:
            costs = measure(name, seeds, chosen.rounds, chosen.steps)
            best = min(costs["vmap of the loss"], costs["vmap of the gradient"])
            ratios.setdefault(seeds, []).append((costs["plain"] / costs["stacked"], best / costs["stacked"]))
            shown = ", ".join(f"{way} {cost:.0f} ({costs['plain'] / cost:.1f}x)" for way, cost in costs.items())
            sys.stdout.write(f"{name}, {seeds} seeds: {shown}\n")
            sys.stdout.flush()
    for seeds, pairs in ratios.items():
        over_plain, over_vmap = (statistics.geometric_mean(column) for column in zip(*pairs, strict=True))
        sys.stdout.write(f"{seeds} seeds: {over_plain:.2f}x the plain loop, {over_vmap:.2f}x the best vmap\n")


if __name__ == "__main__":
    main(sys.argv[1:])
