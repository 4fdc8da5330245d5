"""The training shapes of the claims, stacked as in the claims; a test compares the two.

Each is a function from `Seeds` to a `Workload`. Names begin with the number of the experiment.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fixtures.datasets import alternating_points, curves, imbalanced_mixture, oversampling_weights, with_dummies
from pytest_claims.training import MLP, Run, Seeds, min_max, mixture, moons, permuted_labels

ACTIVATIONS = ("relu", "tanh", "square", "sin", "sign", "identity", "sigmoid")
INITIALISERS = ("glorot", "zeros", "ones", ("normal", 0.01), ("normal", 1.0))
LOSSES = ("cross_entropy", "absolute", "squared", "fourth", "hinge", "constant")
SEPARATIONS = ("harmonic", "ones")
FEW = 2  # further rows; nothing is measured on them here


@dataclass(frozen=True)
class Workload:
    """Runs that train as one stack. `batch` None is full batch; `steps` are few, so that a round is short."""

    runs: dict[str, Run]
    batch: int | None
    steps: int

    @property
    def seeds(self) -> Seeds:
        """The block of seeds of all runs."""
        return next(iter(self.runs.values())).network.seeds


def approximation(seeds: Seeds) -> Workload:
    """Experiment 1: 1-16-1, full batch of 100, three functions."""
    network = MLP(seeds, (1, 16, 1))
    runs = {name: Run(network, data.x_train, data.y_train, loss="squared") for name, data in curves(seeds).items()}
    return Workload(runs, None, 300)


def depth(seeds: Seeds) -> Workload:
    """Experiment 2: the shared 10-10 layer applied three times, ReLU, full batch of 16."""
    points = alternating_points(seeds)
    network = MLP(seeds, (1, 10, 10, 2), activation="relu", repeat=3)
    return Workload({"3": Run(network, points.x_train, points.y_train)}, None, 500)


def imbalance(seeds: Seeds) -> Workload:
    """Experiment 4: 2-100-100-2, full batch of 1,200, with and without weights for the rows."""
    data = imbalanced_mixture(seeds, 10)
    network, x = MLP(seeds, (2, 100, 100, 2)), min_max(data.x_train, by=data.x_train)
    weights = {"none": None, "oversampled": oversampling_weights(data, 10)}
    runs = {name: Run(network, x, data.y_train, sample_weight=weight) for name, weight in weights.items()}
    return Workload(runs, None, 30)


def memorising(seeds: Seeds) -> Workload:
    """Experiment 5: 6-200-200-200-2, batch 64 of 300 rows, true and random labels."""
    true = mixture(seeds, 300, 6, "ones", test=0, further=FEW)
    network = MLP(seeds, (6, 200, 200, 200, 2))
    runs = {
        name: Run(network, data.x_train, data.y_train)
        for name, data in {"true": true, "random": permuted_labels(seeds, true)}.items()
    }
    return Workload(runs, 64, 50)


def wide_inputs(dummies: int) -> Callable[[Seeds], Workload]:
    """Experiment 6: (10 + D)-100-100-2, full batch of 80."""

    def build(seeds: Seeds) -> Workload:
        data = with_dummies(seeds, mixture(seeds, 100, 10, "ones", scale=0.2, further=FEW), dummies, "uniform")
        return Workload({"none": Run(MLP(seeds, (10 + dummies, 100, 100, 2)), data.x_train, data.y_train)}, None, 60)

    return build


def activations(seeds: Seeds) -> Workload:
    """Experiment 7: 2-30-30-2, batch 64, seven activations."""
    data = moons(seeds, further=FEW)
    runs = {name: Run(MLP(seeds, (2, 30, 30, 2), activation=name), data.x_train, data.y_train) for name in ACTIVATIONS}
    return Workload(runs, 64, 120)


def batch_size(size: int) -> Callable[[Seeds], Workload]:
    """Experiment 8: 12-100-100-2 on 400 rows, batches of 1 to 400."""

    def build(seeds: Seeds) -> Workload:
        data = mixture(seeds, 500, 12, "ones", further=FEW)
        return Workload({str(size): Run(MLP(seeds, (12, 100, 100, 2)), data.x_train, data.y_train)}, size, 150)

    return build


def losses(seeds: Seeds) -> Workload:
    """Experiment 9: 12-100-100-2, batch 64, six losses."""
    data = mixture(seeds, 500, 12, "harmonic", further=FEW)
    network = MLP(seeds, (12, 100, 100, 2))
    return Workload({loss: Run(network, data.x_train, data.y_train, loss=loss) for loss in LOSSES}, 64, 60)


def initialisers(seeds: Seeds) -> Workload:
    """Experiment 10: as 9 with the squared error, five initialisers."""
    data = mixture(seeds, 500, 12, "harmonic", further=FEW)
    runs = {
        str(name): Run(MLP(seeds, (12, 100, 100, 2), weights=name), data.x_train, data.y_train, loss="squared")
        for name in INITIALISERS
    }
    return Workload(runs, 64, 60)


def layers(seeds: Seeds) -> Workload:
    """Experiment 11: 12-50-50-50-2, batch 64, two separations of the classes."""
    network = MLP(seeds, (12, 50, 50, 50, 2))
    mixtures = {name: mixture(seeds, 500, 12, name, further=FEW) for name in SEPARATIONS}
    runs = {name: Run(network, data.x_train, data.y_train, loss="squared") for name, data in mixtures.items()}
    return Workload(runs, 64, 120)


def regularisation(seeds: Seeds) -> Workload:
    """Experiment 12: 12-50-50-2, batch 64, five cells of kind and strength; without a penalty kinds are the same."""
    data = mixture(seeds, 500, 12, "harmonic", further=FEW)
    network = MLP(seeds, (12, 50, 50, 2))
    cells = [("L1", 0.0), ("L1", 0.1), ("L1", 1.0), ("L2", 0.1), ("L2", 1.0)]
    runs = {
        f"{kind} {strength:g}": Run(network, data.x_train, data.y_train, loss="squared", penalty=(kind, strength))
        for kind, strength in cells
    }
    return Workload(runs, 64, 100)


WORKLOADS: dict[str, tuple[Callable[[Seeds], Workload], int]] = {
    "1 approximation": (approximation, 32),
    "2 depth": (depth, 32),
    "4 imbalance": (imbalance, 8),
    "5 memorising": (memorising, 8),
    "6 PCA, D = 10": (wide_inputs(10), 8),
    "6 PCA, D = 2000": (wide_inputs(2_000), 8),
    "7 activations": (activations, 16),
    "8 batches of 1": (batch_size(1), 16),
    "8 batches of 16": (batch_size(16), 16),
    "8 batches of 64": (batch_size(64), 16),
    "8 batches of 400": (batch_size(400), 16),
    "9 losses": (losses, 8),
    "10 initialisers": (initialisers, 16),
    "11 layers": (layers, 16),
    "12 regularisation": (regularisation, 16),
}
"""Name: how to build it, and how many seeds a block of the claim has."""
