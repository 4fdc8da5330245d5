"""Ways to train what the suite trains: the engines, and what a user would write with torch or scikit-learn.

Every start of a way builds its workload anew, from the same weights and with the same batches. Only the loop is timed;
the losses over all training rows afterwards show that every way did the same work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.workloads import Workload
from pytest_claims.errors import EngineError
from pytest_claims.training import Run
from pytest_claims.training.engines import engine
from pytest_claims.training.engines.base import Batches
from pytest_claims.training.engines.torch_functions import ACTIVATIONS, LOSSES, PENALTIES
from pytest_claims.training.runs import Layout
from pytest_claims.training.train import RATE

ALONE = 2  # seeds of a way that trains network after network: two are enough to time

Losses = Callable[[], NDArray[np.float64]]
Started = tuple[Callable[[], None], Losses]
"""The loop, and a function for the losses of the first ALONE seeds after it, run by run."""


@dataclass(frozen=True)
class Way:
    """`start` builds everything anew; a loop updates `networks` networks `steps` times each."""

    start: Callable[[], Started]
    networks: int
    steps: int


def ways(workload: Workload) -> dict[str, Way | None]:
    """Return every way by its name in latest.json; None where it cannot do this work or is not installed."""
    return {
        "plain": plain(workload, fused=False),
        "plain_fused": plain(workload, fused=True),
        "vmap": vmapped(workload),
        "stacked": through("torch", workload),
        "sklearn": scikit(workload),
        "jax": through("jax", workload),
    }


def through(name: str, workload: Workload) -> Way | None:
    """Train with an engine of the library."""
    try:
        trainer = engine(name)
    except EngineError:
        return None
    layout = Layout(workload.runs, "run")

    def start() -> Started:
        task, trained = layout.task(RATE, workload.batch), []

        def train() -> None:
            trainer.train(task, [workload.steps], lambda _, parameters, *_averages: trained.append([*parameters]))

        def losses() -> NDArray[np.float64]:
            by_run = trainer.objective(task, trained[0])[0].reshape(len(workload.runs), -1)
            return by_run[:, :ALONE].ravel()

        return train, losses

    return Way(start, len(workload.seeds) * len(workload.runs), workload.steps)


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


def batches(workload: Workload, seed: int) -> Iterator[Tensor | None]:
    """Yield one seed's row numbers, step by step, the same as the engines'; None stands for all rows."""
    rows = next(iter(workload.runs.values())).x.shape[1]
    if workload.batch is None or workload.batch >= rows:
        yield from [None] * workload.steps
        return
    generator = workload.seeds.generator("batches")[seed]
    yield from torch.from_numpy(Batches([generator], rows, workload.batch).draw(workload.steps)[0])


def plain(workload: Workload, *, fused: bool) -> Way:
    """One network after another: nn.Sequential, torch's losses and torch.optim.Adam."""

    def start() -> Started:
        loops = [Plain(workload, run, seed, fused=fused) for run in workload.runs.values() for seed in range(ALONE)]

        def train() -> None:
            for loop in loops:
                loop.train()

        return train, lambda: np.array([loop.objective(None).item() for loop in loops])

    return Way(start, ALONE * len(workload.runs), workload.steps)


class Plain:
    """One network with its rows and its optimiser, as a user would have them."""

    def __init__(self, workload: Workload, run: Run, seed: int, *, fused: bool) -> None:
        self.workload, self.run, self.seed = workload, run, seed
        self.model = sequential(run, seed)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE, fused=fused)
        self.x = torch.from_numpy(np.asarray(run.x[seed], np.float32))
        self.loss = run.settings(RATE).loss
        targets = run.y[seed] if self.loss == "cross_entropy" else np.asarray(run.targets()[seed], np.float32)
        self.targets = torch.from_numpy(targets)
        self.weight = None
        if run.sample_weight is not None:
            weight = run.sample_weight[seed] / run.sample_weight[seed].mean()
            self.weight = torch.from_numpy(np.asarray(weight, np.float32))

    def train(self) -> None:
        """Take the workload's steps."""
        for rows in batches(self.workload, self.seed):
            self.optimizer.zero_grad()
            self.objective(rows).backward()
            self.optimizer.step()

    def objective(self, rows: Tensor | None) -> Tensor:
        """Return the minimised loss on these rows."""
        x, targets, weight = self.x, self.targets, self.weight
        if rows is not None:
            x, targets, weight = x[rows], targets[rows], None if weight is None else weight[rows]
        loss = self._loss(self.model(x), targets, weight)
        if self.run.penalty is not None and self.run.penalty[1]:
            kind, strength = self.run.penalty
            matrices = [module.weight for module in self.model if isinstance(module, nn.Linear)]
            loss = loss + strength * sum(PENALTIES[kind](matrix).mean() for matrix in matrices)
        return loss

    def _loss(self, outputs: Tensor, targets: Tensor, weight: Tensor | None) -> Tensor:
        """Use torch's own losses where torch has them."""
        if self.loss == "cross_entropy":
            if weight is None:
                return nn.functional.cross_entropy(outputs, targets)
            return (nn.functional.cross_entropy(outputs, targets, reduction="none") * weight).mean()
        own = {"squared": nn.functional.mse_loss, "absolute": nn.functional.l1_loss}
        return own[self.loss](outputs, targets) if self.loss in own else LOSSES[self.loss](outputs, targets).mean()


def vmapped(workload: Workload) -> Way:
    """All seeds of a run at once with torch.func: vmap over grad, one Adam over the stacked parameters."""

    def start() -> Started:
        stacks = [Vmapped(workload, run) for run in workload.runs.values()]

        def train() -> None:
            for stack in stacks:
                stack.train()

        return train, lambda: np.concatenate([stack.losses()[:ALONE] for stack in stacks])

    return Way(start, len(workload.seeds) * len(workload.runs), workload.steps)


class Vmapped:
    """All seeds of one run, and their optimiser."""

    def __init__(self, workload: Workload, run: Run) -> None:
        self.workload, self.run = workload, run
        self.shared, self.settings = sequential(run, 0), run.settings(RATE)
        networks = [dict(sequential(run, seed).named_parameters()) for seed in range(len(workload.seeds))]
        self.stacked = {
            name: torch.stack([network[name].detach() for network in networks]).requires_grad_() for name in networks[0]
        }
        self.optimizer = torch.optim.Adam(self.stacked.values(), lr=RATE)
        weight = np.ones(run.x.shape[:2]) if run.sample_weight is None else run.sample_weight
        weight = weight / weight.mean(axis=1, keepdims=True)
        self.rows = [torch.from_numpy(np.asarray(rows, np.float32)) for rows in (run.x, run.targets(), weight)]

    def objective(self, parameters: dict[str, Tensor], x: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        """Return what one network minimises on these rows."""
        loss = LOSSES[self.settings.loss](torch.func.functional_call(self.shared, parameters, (x,)), targets)
        loss = (loss if self.run.sample_weight is None else loss * weight).mean()
        if self.settings.penalty is not None:
            kind, strength = self.settings.penalty
            matrices = [value for name, value in parameters.items() if name.endswith("weight")]
            loss = loss + strength * sum(PENALTIES[kind](matrix).mean() for matrix in matrices)
        return loss

    def train(self) -> None:
        """Take the workload's steps."""
        gradient = torch.func.vmap(torch.func.grad(self.objective))
        each = torch.arange(len(self.workload.seeds))[:, None]
        for rows in zip(*(batches(self.workload, seed) for seed in range(len(each))), strict=True):
            chosen = self.rows if rows[0] is None else [values[each, torch.stack(rows)] for values in self.rows]
            detached = {name: value.detach() for name, value in self.stacked.items()}
            for name, value in gradient(detached, *chosen).items():
                self.stacked[name].grad = value
            self.optimizer.step()

    def losses(self) -> NDArray[np.float64]:
        """Return the loss of each seed over all rows."""
        with torch.no_grad():
            return np.asarray(torch.func.vmap(self.objective)(self.stacked, *self.rows).numpy(), np.float64)


def scikit(workload: Workload) -> Way | None:
    """Train with scikit-learn's MLPClassifier; None where it cannot do the work.

    It draws its own weights and batches and has one logit for two classes, so its losses are not compared (NaN).
    """
    names = {"sigmoid": "logistic", "relu": "relu", "tanh": "tanh", "identity": "identity"}
    runs = list(workload.runs.values())
    able = all(
        run.loss == "cross_entropy"
        and run.sample_weight is None
        and run.network.repeat == 1
        and run.network.activation in names
        for run in runs
    )
    if not able:
        return None
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    rows = runs[0].x.shape[1]
    size = min(workload.batch or rows, rows)
    updates = -(-rows // size)  # in an epoch; scikit-learn trains whole epochs only
    epochs = max(1, workload.steps // updates)

    def start() -> Started:
        def train() -> None:
            for run in runs:
                for seed in range(ALONE):
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
                        warnings.simplefilter("ignore", ConvergenceWarning)  # we stop it on purpose
                        model.fit(run.x[seed], run.y[seed])

        return train, lambda: np.full(ALONE * len(workload.runs), np.nan)

    return Way(start, ALONE * len(workload.runs), epochs * updates)
