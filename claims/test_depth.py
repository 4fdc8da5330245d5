"""Are deeper networks better at the same number of parameters?

Protocol. Data: sixteen points x = 0, 1/16, ..., 15/16 with alternating labels. Network: an input layer from 1 to 10
units, then ONE shared layer from 10 to 10 that is applied L times (L = 1, 2, 3), then an output layer from 10 to 2;
ReLU; Glorot-uniform weights and biases. It has 152 parameters whatever L is. Training: cross-entropy, all 16 points in
every step, Adam at 0.003 for 15,000 steps. A seed fixes the initial weights, which are the same for every L. Accuracy
is measured on the training points, as published: the question is what a network can represent and find, not whether it
generalises.

Departures. The notebook ran each depth once, from unseeded initial weights, with TensorFlow's Adam (its "epsilon hat"
form). What it calls one layer applies two activations, that of the input layer and that of the shared layer. Claim 2.e
compares it with an honest single hidden layer.

Measurement. A turn is a change of sign in the slope of the logit difference. Turns are counted on 10,001 points of [0,
15/16]; flat stretches are skipped.
"""

import numpy as np
import xarray as xr

from pytest_claims import claim, exactly, exceeds, increases, lines, measurement, proportion, strips
from pytest_claims.training import MLP, Run, train

NOTEBOOK = "Abid 2018, experiment 2"
STEPS = 15_000
FINE = np.linspace(0, 15 / 16, 10_001)
FLAT = 1e-9  # a smaller change from one point to the next is rounding on a level stretch, in float64


def turns(curve):
    """How often the slope of ``curve`` (seed, x) changes its sign; shape (seed,)."""
    directions = [np.sign(row[np.abs(row) > FLAT]) for row in np.diff(curve.values, axis=1)]
    return xr.DataArray([np.count_nonzero(np.diff(row)) for row in directions], dims="seed")


def learned(network):
    """Accuracy and logit difference on the points, and turns between them."""
    logits = network.outputs()
    fine = network.outputs(FINE[:, None], dtype="float64")
    return {
        "accuracy": network.accuracy(),
        "logit_difference": logits.isel(output=1) - logits.isel(output=0),
        "turns": turns(fine.isel(output=1) - fine.isel(output=0)),
    }


def trained(network, points):
    run = Run(network, points.x_train, points.y_train)
    history = train(run, steps=STEPS, batch=None, at=[STEPS], measure=learned).isel(step=0, drop=True)
    return history.rename(row="x").assign_coords(x=points.x_train[0, :, 0])


@measurement(experiment=2, layers=[1, 2, 3], block=32, cost=11, smoke=True)
def by_depth(seeds, alternating_points, layers):
    """The notebook's network, with its shared layer applied ``layers`` times."""
    network = MLP(seeds, (1, 10, 10, 2), activation="relu", repeat=layers)
    history = trained(network, alternating_points(seeds))
    return history.assign(parameters=("seed", [network.parameter_count] * len(seeds)))


@measurement(experiment=2, block=32, cost=8, smoke=True)
def single_layer(seeds, alternating_points):
    """One hidden layer of 37 units: two parameters fewer than the others have."""
    return trained(MLP(seeds, (1, 37, 2), activation="relu"), alternating_points(seeds))


@claim(
    "2.a",
    "Accuracy rises with the number of layers",
    source=NOTEBOOK,
    deep=2048,
    seeds=128,
    published={"layers 1": 0.625, "layers 2": 0.625, "layers 3": 0.688},
)
def test_accuracy_rises_with_depth(by_depth):
    accuracy = by_depth.accuracy
    return (
        increases(accuracy, along="layers", by=0.05, resolution=1 / 16),
        strips(accuracy, along="layers", ylabel="accuracy on the 16 points", published={1: 0.625, 2: 0.625, 3: 0.688}),
        lines(by_depth.logit_difference, x="x", by="layers", ylabel="logit difference (class 1 minus class 0)"),
    )


@claim(
    "2.b",
    "Accuracy rises with the number of layers in most runs",
    source=NOTEBOOK,
    deep=2048,
    seeds=128,
    published={"accuracy": {"layers 1": 0.625, "layers 3": 0.688}},
)
def test_accuracy_rises_in_most_runs(by_depth):
    accuracy = by_depth.accuracy
    return proportion(accuracy.sel(layers=3) > accuracy.sel(layers=1), above=0.5)


@claim("2.c", "Deeper networks make more sharp turns", source=f"{NOTEBOOK}, discussion", deep=2048, seeds=128)
def test_deeper_networks_turn_more(by_depth):
    return (
        increases(by_depth.turns, along="layers", by=1, resolution=1).named(unit="turns"),
        strips(by_depth.turns, along="layers", ylabel="sign changes of the slope"),
    )


@claim(
    "2.d",
    "The number of parameters is the same at every depth",
    source=NOTEBOOK,
    deep=2048,
    seeds=128,
    published={"parameters": 152},
)
def test_parameter_count_is_constant(by_depth):
    return exactly(by_depth.parameters, 152).named(unit="parameters")


@claim(
    "2.e",
    "An honest single hidden layer of as many parameters does worse than the notebook's one layer",
    source="beyond the notebook",
    deep=2048,
    seeds=128,
    registered="refuted",
    reason="it is the other way round: 1-37-2 has {single_layer.accuracy:.3f} of the points right on average, the "
    "notebook's one layer {by_depth.accuracy[layers=1]:.3f}; 37 units that can each bend the line once do more for 16 "
    "points on it than 10 units applied twice",
    departures="The notebook's one layer applies two activations; 1-37-2 applies one, and has two parameters fewer.",
)
def test_shared_layer_beats_an_honest_single_layer(by_depth, single_layer):
    """So the notebook's gain with depth is not a gain over shallow networks in general.

    The honest single layer does better than the notebook's L = 1, and worse than its L = 2 (2.a).
    """
    notebooks = by_depth.accuracy.sel(layers=1, drop=True).assign_coords(network="the notebook's one layer")
    honest = single_layer.accuracy.assign_coords(network="1-37-2")
    return exceeds(notebooks, honest, by=0.02, resolution=1 / 16)
