"""What can a network do whose units start alike?

Protocol. As in experiment 10: mixture(500, d = 12, harmonic separation), random 80/20 split; two hidden layers of 100
sigmoid units; mean squared error on one-hot labels; minibatches of 64; Adam at 0.003. Weights and biases are all zeros
(2,500 steps), or all 0.01 or 1 (500 steps). Zeros are trained in four ways: in float32 on one thread, which is the
network of experiment 10, and on two, in float64, and with the units of a layer averaged after every step, so that
nothing can tell them apart. For 10.g: make_moons(500, noise 0.1), random 80/20 split, 6,000 steps, zeros and
Glorot-uniform.

Departures. The notebook trained zeros and ones (experiment 10) and explained what it saw. It tested neither
explanation, and did not use moons here.

Measurement. Accuracy on 2,000 further rows. The spread of a layer is the largest difference between the activations of
two of its units on any of the 400 training rows; it is 0 where all units are the same unit.
"""

import numpy as np
import xarray as xr
from sklearn.linear_model import LogisticRegression

from claims import test_initialisation
from claims.test_initialisation import LONGER, NOTEBOOK, RECORDS, STEPS, live_and_spread
from pytest_claims import boundary, claim, exceeds, lines, measurement, stack, strips, traces
from pytest_claims.training import MLP, Run, train

ON_MOONS = 6_000
AS_RUN = "float32, one thread"
OTHER_WAYS = {
    "float32, two threads": {"threads": 2},
    "float64, one thread": {"dtype": "float64"},
    "float32, units averaged": {"average_units": True},
}
SMALLEST = 1e-17
GRID = {"x2": np.linspace(-1, 1.5, 41), "x1": np.linspace(-1.5, 2.5, 41)}
POINTS = np.stack(np.meshgrid(GRID["x1"], GRID["x2"]), axis=-1).reshape(-1, 2)

by_initialiser = test_initialisation.by_initialiser  # the same measurement: zeros train there as they were run


def spread(now):
    return live_and_spread(now)["spread"]


def network_on(data, seeds, weights, **settings):
    network = MLP(seeds, (data.x_train.shape[-1], 100, 100, 2), weights=weights)
    return Run(network, data.x_train, data.y_train, loss="squared", **settings)


@measurement(experiment=10, block=16, cost=30)
def zeros(seeds, mixture):
    """The ways besides the usual one, float32 on one thread."""
    data = mixture(seeds, 500, 12, "harmonic")

    def trained(*, dtype="float32", threads=1, average_units=False):
        return train(
            network_on(data, seeds, "zeros", average_units=average_units),
            steps=LONGER,
            at=RECORDS,
            measure=lambda now: {"accuracy": now.accuracy(data.x_further, data.y_further), "spread": spread(now)},
            dtype=dtype,
            threads=threads,
        )

    ways = {way: trained(**settings) for way, settings in OTHER_WAYS.items()}
    return stack(ways, along="way")


@measurement(experiment=10, block=32, cost=7)
def constants(seeds, mixture):
    data = mixture(seeds, 500, 12, "harmonic")
    runs = {value: network_on(data, seeds, ("constant", value)) for value in (0.01, 1.0)}

    def measure(now):
        return {"accuracy": now.accuracy(data.x_further, data.y_further), **live_and_spread(now)}

    history = train(runs, along="constant", steps=STEPS, at=RECORDS[:11], measure=measure)
    return history.assign(bayes=("seed", data.bayes))


@measurement(experiment=10, block=16, cost=30)
def on_moons(seeds, moons):
    data = moons(seeds)
    runs = {weights: network_on(data, seeds, weights) for weights in ("zeros", "glorot")}
    plane = {}

    def measure(now):
        if now.step == ON_MOONS:
            score = now.outputs(POINTS)
            values = (score.isel(output=1) - score.isel(output=0)).values.reshape(*score.shape[:-2], 41, 41)
            plane["boundary"] = xr.DataArray(values, dims=(*score.dims[:-2], *GRID), coords=GRID)
        return {"accuracy": now.accuracy(data.x_further, data.y_further), "spread": spread(now)}

    history = train(runs, along="initialiser", steps=ON_MOONS, at=range(0, ON_MOONS + 1, 500), measure=measure)
    parts = zip(data.x_train, data.y_train, data.x_further, data.y_further, strict=True)
    lines_drawn = [LogisticRegression().fit(x, y).score(x_further, y_further) for x, y, x_further, y_further in parts]
    return history.assign(
        **plane,
        best_line=("seed", lines_drawn),
        points=(("seed", "row", "axis"), data.x_train),
        classes=(("seed", "row"), data.y_train),
    )


@claim(
    "10.f",
    "Zeros train because numerical noise tells the hidden units apart",
    source=f"{NOTEBOOK}, discussion",
    published={"zeros, step 500": 0.87},
    registered="refuted",
    reason="averaging the units after every step, so that no noise can tell them apart, changes nothing: accuracy is "
    "{zeros.accuracy[way='float32, units averaged', step=500]:.4f} at step 500 and {zeros.accuracy[way='float32, units "
    "averaged', step=2500]:.4f} at 2,500, and as run {by_initialiser.accuracy[initialiser=zeros, step=500]:.4f} and "
    "{by_initialiser.accuracy[initialiser=zeros, step=2500]:.4f}",
)
def test_noise_breaks_the_symmetry(zeros, by_initialiser):
    """Nothing needs to break: the units of a layer stay one unit, and one unit learns a plane.

    The noise is there. The units of a layer do drift apart, and by far more in float32 than in float64, but the
    accuracy is the same. On one thread and on two it is the same bit by bit. Zeros are late for another reason than a
    wait for noise: outgoing weights of zero pass back no gradient, and have to grow first.
    """
    as_run = by_initialiser.sel(initialiser="zeros", drop=True)
    each = {AS_RUN: as_run, **{way: zeros.sel(way=way, drop=True) for way in OTHER_WAYS}}
    ways = stack({way: measured[["accuracy", "spread"]] for way, measured in each.items()}, along="way")
    accuracy = ways.accuracy.sel(step=[STEPS, LONGER])
    return (
        exceeds(
            accuracy.sel(way=[AS_RUN, "float32, two threads"]), accuracy.sel(way=["float32, units averaged"]), by=0.05
        ),
        lines(ways.accuracy, x="step", by="way", ceiling=float(by_initialiser.bayes.mean()), ylabel="accuracy"),
        traces(np.maximum(ways.spread, SMALLEST), by=("way", "layer"), log="y", ylabel="spread of a layer's units"),
    )


@claim(
    "10.g",
    "Zeros stay at what one unit can represent: on moons Glorot passes them",
    source="beyond the notebook",
    seeds=128,
    departures="make_moons instead of the mixture, 6,000 steps.",
)
def test_zeros_stay_at_one_unit(on_moons):
    """Zeros end where logistic regression does; Glorot passes both.

    A layer of equal units is one unit, repeated. A chain of single sigmoids is monotone along one direction, so that
    its boundary is a straight line. Here the units of a layer stay nearly equal to the end, whatever the seed.
    """
    final = on_moons.accuracy.sel(step=ON_MOONS, drop=True)
    return (
        exceeds(final.sel(initialiser="glorot"), final.sel(initialiser="zeros"), by=0.05),
        lines(
            on_moons.accuracy,
            x="step",
            by="initialiser",
            ceiling=float(on_moons.best_line.mean()),
            ylabel="accuracy on 2,000 further rows; the ceiling is that of a straight line",
        ),
        boundary(on_moons.boundary, points=on_moons.points, classes=on_moons.classes, by="initialiser"),
    )


@claim(
    "10.h",
    "Ones fail by saturation, not by symmetry: another constant, 0.01, trains",
    source="beyond the notebook",
    seeds=128,
)
def test_ones_fail_by_saturation(constants):
    """All 0.01 is as symmetric as all ones, and it trains.

    With 0.01 all sigmoids are live; with ones most are not.
    """
    final = constants.accuracy.sel(step=STEPS, drop=True)
    return (
        exceeds(final.sel(constant=0.01), final.sel(constant=1.0), by=0.20),
        lines(constants.accuracy, x="step", by="constant", ceiling=float(constants.bayes.mean()), ylabel="accuracy"),
        lines(constants.live, x="step", by=("constant", "layer"), ylabel="share of live sigmoids, 400 training rows"),
        strips(final, along="constant", ylabel="accuracy on 2,000 further rows"),
    )
