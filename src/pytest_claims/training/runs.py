"""Runs: the networks that train side by side, and their layout for an engine."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pytest_claims.errors import UnsupportedError
from pytest_claims.training.engines import engine as engine_named
from pytest_claims.training.engines.base import LOSSES, Batches, Floats, Parameters, Settings, Task
from pytest_claims.training.labels import check_arrays, check_rows, one_hot
from pytest_claims.training.modules import Factory, Modules, check_factory, joined, make, refuse_other_training
from pytest_claims.training.networks import MLP
from pytest_claims.training.optimisers import Adam, Optimiser
from pytest_claims.training.regimes import Adversary, AfterStep, Average, ExtraLoss, Regime, Stop, Transform
from pytest_claims.training.seeds import Seeds
from pytest_claims.vocabulary import BLOCK

PENALTIES = ("L1", "L2")
ALIASES = {"mse": "squared"}

Rows = NDArray[Any] | Mapping[Any, NDArray[Any]]
"""Inputs or labels: (S, rows, ...) for all runs; (rows, d) for all runs and seeds; or a mapping from run labels."""


@dataclass(frozen=True, eq=False)
class Run:
    """One network to train per seed. S seeds, n training rows.

    `x` (S, n, d); `y` (S, n) integer classes or (S, n, outputs) targets. `loss`: "cross_entropy", "absolute" mean
    |e|, "squared" (or "mse") mean e^2, "fourth" mean e^4, "hinge" per logit on labels -1 and +1, "constant" 0 * mean
    e^2; classes enter as one-hot targets. `penalty` ("L1" | "L2", strength): strength * sum over layers of mean |w|
    or mean w^2, biases unpenalised. `sample_weight` (S, n) is rescaled to mean 1 over the rows. `rate` overrides
    `train`'s. The parameters of `frozen` layers stay. `average_units`: after every step all hidden units of a layer
    get their mean, so that they stay equal.

    `network` is an MLP, or a function without arguments that returns a `torch.nn.Module` for outputs (n, outputs): it
    is called once per seed (modules.py), rows of `x` may have more axes, a penalty is about all parameters with two
    axes or more, and `batch_statistics` measures batch norm with the statistics of all training rows, layer by layer,
    instead of its running averages.

    `optimiser` (optimisers.py) updates instead of Adam at `rate`. `clip`: a larger norm of the whole gradient of a
    network is scaled down to it. `label_smoothing` s under cross-entropy: targets are (1 - s) target + s / outputs,
    also in the measured loss. `start` and `masks` name parameters (`network.names`, or a module's own "0.weight") with
    an array (S, ...) for each: `start` instead of the network's own, as `Snapshot.parameters` returns them; where a
    mask is 0 a parameter is zero and stays so. `average`, `stop` and the functions `after_step`, `extra_loss`,
    `transform`, `adversary`: regimes.py.
    """

    network: Any
    x: NDArray[Any]
    y: NDArray[Any]
    loss: str = "cross_entropy"
    penalty: tuple[str, float] | None = None
    sample_weight: NDArray[Any] | None = None
    rate: float | None = None
    frozen: Sequence[int] = ()
    average_units: bool = False
    batch_statistics: bool = False
    optimiser: Optimiser | None = None
    clip: float | None = None
    label_smoothing: float = 0.0
    start: Mapping[str, NDArray[Any]] | None = None
    masks: Mapping[str, NDArray[Any]] | None = None
    average: Average | None = None
    stop: Stop | None = None
    after_step: AfterStep | None = None
    extra_loss: ExtraLoss | None = None
    transform: Transform | None = None
    adversary: Adversary | None = None

    def __post_init__(self) -> None:
        check_arrays(self.x, self.y)
        if ALIASES.get(self.loss, self.loss) not in LOSSES:
            raise ValueError(f"unknown loss {self.loss!r}: choose from {', '.join((*LOSSES, *ALIASES))}")
        if self.penalty is not None and (self.penalty[0] not in PENALTIES or self.penalty[1] < 0):
            raise ValueError(f"penalty must be ('L1' or 'L2', strength), got {self.penalty}")
        if not isinstance(self.network, MLP):
            self._check_module()
            return
        if self.batch_statistics:
            raise ValueError("batch_statistics is for modules with batch norm; an MLP has none")
        seeds, (rows, columns) = len(self.network.seeds), self.x.shape[1:]
        if self.x.shape[0] != seeds or self.y.shape[:2] != (seeds, rows):
            raise ValueError(f"x and y must be ({seeds} seeds, rows, ...), got {self.x.shape} and {self.y.shape}")
        if columns != self.network.sizes[0]:
            raise ValueError(f"x has {columns} columns, the network {self.network.sizes[0]} inputs")
        if not set(self.frozen) <= set(range(self.network.layers)):
            raise ValueError(f"frozen names layers 0 to {self.network.layers - 1}, got {tuple(self.frozen)}")
        if self.average_units and self.network.repeat > 1:
            raise ValueError("average_units is not defined for a repeated layer")
        if self.sample_weight is not None and self.sample_weight.shape != (seeds, rows):
            raise ValueError(f"sample_weight must be ({seeds}, {rows}), got {self.sample_weight.shape}")
        self._check_regime()

    def _check_regime(self) -> None:
        """Raise a ValueError where the run cannot train as it says."""
        if self.optimiser is not None and self.rate is not None:
            raise ValueError("the rate of a run with an optimiser is the optimiser's: leave `rate` out")
        if not 0 <= self.label_smoothing < 1 or (self.label_smoothing and self.loss != "cross_entropy"):
            raise ValueError(
                "label_smoothing is a share of the targets in [0, 1) under cross-entropy, "
                f"got {self.label_smoothing} under {self.loss!r}"
            )
        if self.average_units and self.masks:
            raise ValueError("average_units keeps the units of a layer equal, masks tell them apart: leave one out")
        for what, arrays in (("start", self.start), ("masks", self.masks)):
            self._check_parameters(what, arrays or {})
        self._regime(rate=1.0)

    def _check_module(self) -> None:
        """Refuse what is not for modules, and arrays that do not fit each other."""
        if isinstance(self.network, Modules) and len(self.x) != len(self.network.seeds):
            raise ValueError(f"x must be ({len(self.network.seeds)} seeds, rows, ...), got {self.x.shape}")
        if not isinstance(self.network, Modules):
            check_factory(self.network)
        if self.x.ndim < 3 or self.y.shape[:2] != self.x.shape[:2]:  # noqa: PLR2004 - (seed, row, ...)
            raise ValueError(f"x and y must be (seeds, rows, ...), got {self.x.shape} and {self.y.shape}")
        if self.frozen:
            raise ValueError("frozen names layers of an MLP; a module keeps parameters with requires_grad_(False)")
        if self.average_units:
            raise ValueError("average_units is not defined for a module")
        if self.sample_weight is not None and self.sample_weight.shape != self.x.shape[:2]:
            raise ValueError(f"sample_weight must be {self.x.shape[:2]}, got {self.sample_weight.shape}")
        if isinstance(self.network, Modules):  # names and shapes are known when the modules are made
            self._check_regime()

    def targets(self) -> NDArray[Any]:
        """Return targets (S, n, outputs): one-hot for classes."""
        outputs, targets = _ready(self).sizes[-1], self.y
        if self.y.ndim == 2 and np.issubdtype(self.y.dtype, np.integer):  # noqa: PLR2004 - (seed, row)
            targets = one_hot(self.y, outputs)
        if targets.shape[2:] != (outputs,):
            raise ValueError(f"y must be integer classes (S, n) or targets (S, n, {outputs}), got {self.y.shape}")
        if self.label_smoothing:
            targets = (1 - self.label_smoothing) * targets + self.label_smoothing / outputs
        return targets

    def parameters(self) -> list[NDArray[Any]]:
        """Return where training starts, (S, ...) for each parameter of the network."""
        given, masks = self.start or {}, self.all_masks()
        named = zip(self.network.names, self.network.parameters, strict=True)
        start = [np.asarray(given.get(name, array)) for name, array in named]
        if masks is None:
            return start
        masked = [array * mask for array, mask in zip(start, masks, strict=False)]
        return [*masked, *start[len(masked) :]]

    def all_masks(self) -> list[NDArray[Any]] | None:
        """Return the masks of all parameters that train, (S, ...); None where the run has none."""
        named = {**self.network.masks, **(self.masks or {})}
        if not named:
            return None
        return [np.asarray(named.get(name, np.ones_like(array))) for name, array in self.network.trained.items()]

    def settings(self, rate: float) -> Settings:
        """Return what an engine must know about each of the run's replicates."""
        penalty = None if self.penalty is None or self.penalty[1] == 0 else self.penalty
        loss = ALIASES.get(self.loss, self.loss)
        frozen = frozenset(self.frozen)
        regime = self._regime(rate if self.rate is None else self.rate)
        rate = regime.optimiser.rate
        regime_or_none = None if regime.plain else regime
        network = _ready(self)
        structure = network.structure if isinstance(network, Modules) else 0
        return Settings(
            network.activation,
            loss,
            penalty,
            rate,
            frozen,
            self.average_units,
            structure=structure,
            regime=regime_or_none,
        )

    def _regime(self, rate: float) -> Regime:
        """Return how the run trains; `rate` is Adam's where the run names no optimiser."""
        masks = bool(self.masks or self.network.masks)
        return Regime(
            optimiser=self.optimiser or Adam(rate),
            clip=self.clip,
            masks=masks,
            average=self.average,
            stop=self.stop,
            after_step=self.after_step,
            extra_loss=self.extra_loss,
            transform=self.transform,
            adversary=self.adversary,
        )

    def _check_parameters(self, what: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raise a ValueError where names or shapes are not those of the network's parameters."""
        network = self.network
        held = network.trained if what == "masks" else dict(zip(network.names, network.parameters, strict=True))
        shapes = {name: array.shape for name, array in held.items()}
        for name, array in arrays.items():
            if name not in shapes:
                raise ValueError(f"{what} names {name!r}; the network's parameters are {', '.join(shapes)}")
            if array.shape != shapes[name]:
                raise ValueError(f"{what}: {name} must be {shapes[name]}, got {array.shape}")
        if what == "masks" and not all(np.isin(array, (0, 1)).all() for array in arrays.values()):
            raise ValueError("masks hold 0 where a parameter is left out, and 1 elsewhere")


def made(runs: Run | Mapping[Any, Run], seeds: Seeds | None) -> Run | Mapping[Any, Run]:
    """Make the modules of all runs, a factory's once; networks that are there already stay.

    ValueError without the seeds that a factory needs, or with others than those of the runs' MLPs.
    """
    if isinstance(runs, Run):
        return _made({None: runs}, seeds)[None]
    return _made(runs, seeds)


def _made(runs: Mapping[Any, Run], seeds: Seeds | None) -> Mapping[Any, Run]:
    for run in runs.values():
        if isinstance(run.network, MLP) and seeds is not None and run.network.seeds is not seeds:
            raise ValueError("train's `seeds` are not those of the runs' MLPs")
    factories = {label: run for label, run in runs.items() if not isinstance(run.network, MLP | Modules)}
    if not factories:
        return runs
    if seeds is None:
        raise ValueError("a run whose network is a function needs the block of seeds: train(..., seeds=seeds)")
    if not getattr(engine_named(seeds.engine), "trains_modules", False):
        raise UnsupportedError(f"the engine {seeds.engine!r} trains no modules of one's own, only an MLP")
    known: dict[Any, Modules] = {}
    for run in factories.values():
        key = _key(run)
        if key not in known:
            factory: Factory = run.network
            known[key] = make(seeds, factory, run.x)
    several = dict(zip(known, joined(list(known.values())), strict=True))
    return {
        label: replace(run, network=several[_key(run)]) if label in factories else run for label, run in runs.items()
    }


def _key(run: Run) -> Hashable:
    """Return what runs with the same modules have in common: an equal factory, or the same one; the shape of a row."""
    factory = run.network if getattr(run.network, "__hash__", None) else id(run.network)
    return factory, run.x.shape[2:]


class Layout:
    """Runs of one shape as replicates: run by run and, within a run, seed by seed; and back to labelled arrays.

    `along` names the axis of the runs' labels; a tuple of names goes with tuples of labels, and all combinations
    must be present. A block that is no multiple of eight is filled with repeated seeds, whose results are dropped.
    `only` leaves one seed of the block, and fills nothing up: that is for probes, whose results have no labels. `order`
    is the purpose whose generators order the rows.
    """

    def __init__(
        self,
        runs: Run | Mapping[Any, Run],
        along: str | Sequence[str] | None,
        only: int | None = None,
        order: str = "batches",
    ) -> None:
        self.order = order
        self.axes, self.runs = _axes(runs, along)
        self.networks = [_ready(run) for run in self.runs.values()]
        first, rows = self.networks[0], next(iter(self.runs.values())).x.shape
        self.seeds: Seeds = first.seeds
        self.modules = first if isinstance(first, Modules) else None
        for (label, run), network in zip(self.runs.items(), self.networks, strict=True):
            refuse_other_training(label, network, first)
            fits = network.seeds.values == self.seeds.values and network.shape == first.shape and run.x.shape == rows
            if not fits:
                what = "parameters" if isinstance(first, Modules) else "sizes, repeat"
                raise ValueError(
                    "all runs of a call train as one stack: "
                    f"run {label!r} differs from the first in seeds, {what} or rows"
                )
        padded = -(-len(self.seeds) // BLOCK) * BLOCK
        everyone = np.arange(padded) % len(self.seeds)
        self.members = everyone if only is None else np.array([self.seeds.values.index(only)])
        self.seed_of = np.tile(self.members, len(self.runs))
        self.run_of = np.repeat(np.arange(len(self.runs)), len(self.members))

    def task(self, rate: float, batch: int | None, dtype: str = "float32", threads: int = 1) -> Task:
        """Gather everything that an engine needs."""
        runs = list(self.runs.values())
        first, rows = self.networks[0], runs[0].x.shape[1]
        weights = None
        if any(run.sample_weight is not None for run in runs):
            ones = np.ones((len(self.seeds), rows))
            weights = self._stack(
                [ones if run.sample_weight is None else _mean_one(run.sample_weight) for run in runs], dtype
            )
        parameters = [
            # a module's counters and indices stay whole numbers
            self._stack(list(arrays), dtype if own.dtype.kind == "f" else own.dtype.name)
            for own, *arrays in zip(first.parameters, *(run.parameters() for run in runs), strict=True)
        ]
        return Task(
            sizes=first.sizes,
            repeat=first.repeat,
            settings=tuple(run.settings(rate) for run in runs for _ in self.members),
            parameters=parameters,
            x=self._stack([run.x for run in runs], dtype),
            targets=self._stack([run.targets() for run in runs], dtype),
            row_weight=weights,
            seed_of=self.seed_of,
            batches=self.batches(batch),
            dtype=dtype,
            threads=threads,
            modules=self.modules,
            names=first.names,
            masks=self._masks(dtype),
            generators=self._generators(),
        )

    def _generators(self) -> tuple[np.random.Generator, ...]:
        """Return a generator for each replicate, those of a seed in one state; none where no run draws at its steps."""
        if all(run.transform is None and run.adversary is None for run in self.runs.values()):
            return ()
        by_seed = self.seeds.generator("transforms")
        return tuple(copy.deepcopy(by_seed[seed]) for seed in self.seed_of)

    def _masks(self, dtype: str) -> Parameters | None:
        """Return the masks of all replicates' parameters; None where no run has any."""
        masks = [run.all_masks() for run in self.runs.values()]
        if all(each is None for each in masks):
            return None
        ones = [np.ones_like(array) for array in self.networks[0].trained.values()]
        return [
            self._stack(list(arrays), dtype)
            for arrays in zip(*(ones if each is None else each for each in masks), strict=True)
        ]

    def batches(self, batch: int | None) -> Batches | None:
        """Return the minibatch order from its start; None if every step takes all rows."""
        rows = next(iter(self.runs.values())).x.shape[1]
        if batch is None or batch >= rows:
            return None
        if batch < 1:
            raise ValueError(f"a batch has at least one row, got {batch}")
        return Batches(self.seeds.generator(self.order), rows, batch)

    def rows(self, values: Rows, replicates: range, ndim: int) -> NDArray[Any]:
        """Return rows of some replicates, (R, rows, ...), from any form of `Rows`; by seed they have `ndim` axes."""
        by_run = [values[label] for label in self.runs] if isinstance(values, Mapping) else [values] * len(self.runs)
        for array in by_run:
            check_rows(array)
            if array.ndim == ndim and len(array) != len(self.seeds):
                raise ValueError(
                    f"rows for {len(self.seeds)} seeds need as many entries along axis 0, got shape {array.shape}"
                )
        arrays = ((by_run[self.run_of[index]], self.seed_of[index]) for index in replicates)
        return np.stack([array[seed] if array.ndim == ndim else array for array, seed in arrays])

    def labelled(self, values: NDArray[Any], dims: Sequence[str] = ()) -> xr.DataArray:
        """Turn (R, ...) into an array with dims seed, the axes of the runs, then `dims`."""
        shape = [len(labels) for labels in self.axes.values()]
        grid = values.reshape(*shape, len(self.members), *values.shape[1:])
        first = np.moveaxis(grid, len(shape), 0)[: len(self.seeds)]
        return xr.DataArray(first, dims=("seed", *self.axes, *dims), coords=self._coords)

    @cached_property
    def _coords(self) -> xr.Coordinates:
        """The labels of seeds and runs; xarray takes longer to make them than to apply small networks."""
        return xr.Dataset(coords={"seed": list(self.seeds.values), **self.axes}).coords

    def _stack(self, arrays: list[NDArray[Any]], dtype: str) -> Floats:
        return np.concatenate([np.asarray(array[self.members], dtype) for array in arrays])


def _ready(run: Run) -> MLP | Modules:
    """Return a run's network, made."""
    if not isinstance(run.network, MLP | Modules):
        raise ValueError("a run whose network is a function is made by `train`")  # noqa: TRY004 - as all refusals here
    return run.network


def _axes(
    runs: Run | Mapping[Any, Run], along: str | Sequence[str] | None
) -> tuple[dict[str, list[Hashable]], dict[Any, Run]]:
    """Return the axes' labels in order of appearance, and the runs in the order of their product."""
    if isinstance(runs, Run):
        return {}, {None: runs}
    if along is None or not runs:
        raise ValueError("several runs need `along`, the name of the axis that their labels form")
    if isinstance(along, str):
        return {along: list(runs)}, dict(runs)
    axes = {name: list(dict.fromkeys(label[axis] for label in runs)) for axis, name in enumerate(along)}
    product = list(itertools.product(*axes.values()))
    missing = [label for label in product if label not in runs]
    if missing:
        raise ValueError(f"runs along {tuple(along)} must form a full grid; missing: {missing}")
    return axes, {label: runs[label] for label in product}


def _mean_one(weight: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(weight / weight.mean(axis=1, keepdims=True))
