"""The other ways to train what the suite trains: what a user would write, with torch alone or with scikit-learn.

Each rival takes a workload and returns a function that trains it once, from the start, and gives the final losses over
all training rows, one for each network it trained, run by run and seed by seed. Batches are the suite's own.
"""

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.workloads import Workload
from fixtures import Run
from fixtures.engines.base import Batches
from fixtures.engines.torch_engine import ACTIVATIONS, LOSSES, PENALTIES
from fixtures.training import RATE

Trainer = Callable[[], NDArray[np.float64]]
PLAIN_SEEDS = 2  # the plain loop trains seeds one after another: two are enough to time


class Activation(nn.Module):
    """An activation by its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = ACTIVATIONS[name]

    def forward(self, hidden: Tensor) -> Tensor:
        """Apply it."""
        return self.function(hidden)


def sequential(run: Run, seed: int) -> nn.Sequential:
    """Build one seed's network as a user would; a tied layer is one module in several places."""
    linears = []
    for weights, biases in zip(run.network.parameters[::2], run.network.parameters[1::2], strict=True):
        linear = nn.Linear(*weights.shape[1:])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights[seed].T))
            linear.bias.copy_(torch.from_numpy(biases[seed, 0]))
        linears.append(linear)
    linears[1:2] = [linears[1]] * run.network.repeat if run.network.repeat > 1 else linears[1:2]
    modules: list[nn.Module] = [linears[0]]
    for linear in linears[1:]:
        modules += [Activation(run.network.activation), linear]
    return nn.Sequential(*modules)


def batches(workload: Workload, seed: int) -> Iterator[NDArray[np.int64] | slice]:
    """Yield one seed's row numbers, step by step: the same as the engines'."""
    rows = next(iter(workload.runs.values())).x.shape[1]
    if workload.batch is None:
        yield from [slice(None)] * workload.steps
        return
    generator = workload.seeds.generator("batches")[seed]
    yield from Batches([generator], rows, workload.batch).draw(workload.steps)[0]


def plain(workload: Workload, *, fused: bool = False) -> Trainer:
    """One network after another: nn.Sequential and torch.optim.Adam."""

    def train() -> NDArray[np.float64]:
        return np.array([
            _train_one(workload, run, seed, fused=fused)
            for run in workload.runs.values()
            for seed in range(PLAIN_SEEDS)
        ])  # fmt: skip

    return train


def _train_one(workload: Workload, run: Run, seed: int, *, fused: bool) -> float:
    model = sequential(run, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=fused)
    x, targets = (torch.from_numpy(np.asarray(rows[seed], np.float32)) for rows in (run.x, run.targets()))

    def objective(rows: NDArray[np.int64] | slice) -> Tensor:
        loss = LOSSES[run.settings(RATE).loss](model(x[rows]), targets[rows]).mean()
        if run.penalty is not None and run.penalty[1]:
            kind, strength = run.penalty
            matrices = [module.weight for module in model if isinstance(module, nn.Linear)]
            loss = loss + strength * sum(PENALTIES[kind](matrix).mean() for matrix in matrices)
        return loss

    for rows in batches(workload, seed):
        optimizer.zero_grad()
        objective(rows).backward()
        optimizer.step()
    return objective(slice(None)).item()


def vmapped(workload: Workload) -> Trainer:
    """All seeds of a run at once with torch.func: vmap over grad, one Adam over the stacked parameters."""

    def train() -> NDArray[np.float64]:
        return np.concatenate([_train_vmapped(workload, run)[:PLAIN_SEEDS] for run in workload.runs.values()])

    return train


def _train_vmapped(workload: Workload, run: Run) -> NDArray[np.float64]:
    shared, settings = sequential(run, 0), run.settings(RATE)
    every = [dict(sequential(run, seed).named_parameters()) for seed in range(len(workload.seeds))]
    stacked = {name: torch.stack([one[name].detach() for one in every]).requires_grad_() for name in every[0]}
    optimizer = torch.optim.Adam(stacked.values(), lr=RATE)
    x, targets = (torch.from_numpy(np.asarray(rows, np.float32)) for rows in (run.x, run.targets()))

    def objective(parameters: dict[str, Tensor], rows: Tensor, labels: Tensor) -> Tensor:
        loss = LOSSES[settings.loss](torch.func.functional_call(shared, parameters, (rows,)), labels).mean()
        if settings.penalty is not None:
            kind, strength = settings.penalty
            matrices = [value for name, value in parameters.items() if name.endswith("weight")]
            loss = loss + strength * sum(PENALTIES[kind](matrix).mean() for matrix in matrices)
        return loss

    gradient = torch.func.vmap(torch.func.grad(objective))
    order = zip(*(batches(workload, seed) for seed in range(len(workload.seeds))), strict=True)
    each = torch.arange(len(workload.seeds))[:, None]
    for rows in order:
        chosen = (x, targets)
        if workload.batch is not None:
            index = torch.from_numpy(np.stack(rows))
            chosen = (x[each, index], targets[each, index])
        detached = {name: value.detach() for name, value in stacked.items()}
        for name, value in gradient(detached, *chosen).items():
            stacked[name].grad = value
        optimizer.step()
    with torch.no_grad():
        return np.asarray(torch.func.vmap(objective)(stacked, x, targets).numpy(), np.float64)


def scikit(workload: Workload) -> Trainer | None:
    """scikit-learn's MLPClassifier; None where it cannot express the work.

    It draws its own weights and batches and has one logit for two classes, so that its losses are not compared.
    """
    names = {"sigmoid": "logistic", "relu": "relu", "tanh": "tanh", "identity": "identity"}
    (run, *others) = workload.runs.values()
    if others or run.loss != "cross_entropy" or run.network.repeat > 1 or run.network.activation not in names:
        return None
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    size = workload.batch or run.x.shape[1]
    updates_an_epoch = -(-run.x.shape[1] // size)
    epochs = max(1, workload.steps // updates_an_epoch)

    def train() -> NDArray[np.float64]:
        for seed in range(PLAIN_SEEDS):
            model = MLPClassifier(
                run.network.sizes[1:-1],
                activation=names[run.network.activation],
                alpha=0,
                batch_size=size,
                learning_rate_init=RATE,
                max_iter=epochs,
                n_iter_no_change=epochs + 1,
                random_state=seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
                model.fit(run.x[seed], run.y[seed])
        return np.full(PLAIN_SEEDS, np.nan)

    train.updates = epochs * updates_an_epoch  # type: ignore[attr-defined] # whole epochs only
    return train
