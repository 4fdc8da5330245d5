"""What does regularisation do to the weights, and what to the accuracy?

Protocol. mixture(500, d = 12, harmonic separation), random 80/20 split; two hidden layers of 50 sigmoid units;
Glorot-uniform weights and biases; loss: mean squared error on one-hot labels + strength * (sum over layers of mean |w|
for L1, of mean w^2 for L2), biases unpenalised; strength 0, 0.1 and 1; minibatches of 64; Adam at 0.003 for 750 steps.
Dataset, initial weights and minibatch order are the same in every cell of a seed.

Departures. The text separates the classes by 1 in every dimension, the code by 1/i in dimension i: the bare ids follow
the code, "@ones" the text. The notebook drew a new dataset for every cell of its grid, and ran each cell once:
"@new-data" draws so too. It tested on 100 rows; here the 2,000 further rows decide, its size of test set stands beside.
Thirty-two seeds, where the pilots ask for more in seven claims, from 40 (12.a@ones, 12.f@L1, 12.f@ones) to 480 (12.g).

Measurement. After the last step. A weight counts as zero below 0.05 of the root mean square of its own layer, a
threshold that shrinks with the weights. Weights are those of layer 0, which the notebook drew, unless said.
"""

import numpy as np
import xarray as xr

from fixtures.convergence import layer_weights
from fixtures.redraws import Redrawn
from pytest_claims import (
    all_of,
    at_least,
    at_most,
    claim,
    decreases,
    exceeds,
    functions,
    lines,
    measurement,
    strips,
    variant,
)
from pytest_claims.training.networks import MLP
from pytest_claims.training.train import Run, train

NOTEBOOK = "Abid 2018, experiment 12"
STEPS, SHOWN = 750, 50
SIZES = (12, 50, 50, 2)
CELLS = [(penalty, strength) for penalty in ("L1", "L2") for strength in (0.0, 0.1, 1.0)]
ZERO, SMALLEST = 0.05, 1e-6
ONES = {"data": "ones", "departs": "The text's data: classes separated by 1 in every dimension."}
NEW_DATA = {"data": "redrawn", "departs": "A new dataset for every cell of the grid, as the notebook drew them."}


def sizes_and_zeros(now):
    """Mean |w| of each layer, and the share of weights below 0.05 of the layer's root mean square."""
    layer, both, found = xr.DataArray(range(len(SIZES) - 1), dims="layer"), ["fan_in", "fan_out"], []
    for index in layer.values:
        size = abs(now.weights(index))
        found.append((size.mean(both), (size < ZERO * np.sqrt((size**2).mean(both))).mean(both)))
    return [xr.concat(values, layer.rename("layer")) for values in zip(*found, strict=True)]


@measurement(experiment=12, data=["harmonic", "ones", "redrawn"], block=16, cost=8)
def grid(seeds, mixture, data):
    if data == "redrawn":
        drawn = {cell: mixture(Redrawn(seeds, f"cell {cell}"), 500, 12, "harmonic") for cell in CELLS}
    else:
        drawn = dict.fromkeys(CELLS, mixture(seeds, 500, 12, data))
    network = MLP(seeds, SIZES)
    runs = {cell: Run(network, one.x_train, one.y_train, "squared", penalty=cell) for cell, one in drawn.items()}
    parts = ("x_further", "y_further", "x_test", "y_test")
    x, y, x_test, y_test = ({cell: getattr(one, part) for cell, one in drawn.items()} for part in parts)

    def measure(now):
        size, zeros = sizes_and_zeros(now)
        return {
            "size": size,
            "zeros": zeros,
            "last_fifty": layer_weights(now, 1).isel(layer=0, weight=slice(-50, None)),
            "training": now.accuracy(),
            "accuracy": now.accuracy(x, y),
            "published_size": now.accuracy(x_test, y_test),
        }

    records = range(0, STEPS + 1, SHOWN)
    history = train(runs, along=("penalty", "strength"), steps=STEPS, at=records, measure=measure)
    bayes = np.stack([one.bayes for one in drawn.values()], 1).reshape(len(seeds), 2, 3)
    return history.assign(bayes=(("seed", "penalty", "strength"), bayes))


def final(grid, data):
    return grid.sel(data=data, step=STEPS, drop=True)


def curves(grid, data):
    """The notebook's lower rows: accuracy during training in each cell, and the ceiling."""
    seen = grid.sel(data=data, drop=True)
    return lines(
        seen.accuracy, x="step", by=("penalty", "strength"), ceiling=float(seen.bayes.mean()), ylabel="test accuracy"
    )


@claim(
    "12.a",
    "Weights shrink with the strength of the regularisation, for L1 and for L2",
    source=NOTEBOOK,
    seeds=32,
    given={"data": "harmonic", "layer": 0},
    variants=[
        variant(
            "all-layers",
            layer=[0, 1, 2],
            departs="Every layer on its own, not only the first.",
            registered="refuted",
            reason="L2 halves the weights of the first layer only (1.24 octaves); those of layers 1 and 2 shrink by "
            "0.45 and 0.67 octaves. L1 halves all (3.35, 2.64, 2.28)",
        ),
        variant("ones", **ONES),
    ],
)
def test_weights_shrink_with_strength(grid, data, layer):
    """At strength 1 layer 0 has a tenth of its size under L1 (3.35 octaves), two fifths under L2 (1.24)."""
    size = final(grid, data).size.sel(layer=layer)
    traced = grid.last_fifty.sel(data=data).isel(seed=0, drop=True).rename(weight="seed")  # one line a weight
    return (
        decreases(np.log2(np.maximum(size, SMALLEST)), along="strength", by=1).named(unit="octaves of mean |w|"),
        strips(size, along="strength", log="y", ylabel="mean |w|"),
        functions(
            traced,
            x="step",
            by=("penalty", "strength"),
            ylabel="weight",
            title="The last 50 weights of layer 0, one network",
        ),
    )


@claim(
    "12.b",
    "Strong L1 regularisation makes the weights sparse",
    source=NOTEBOOK,
    seeds=32,
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES)],
)
def test_strong_l1_is_sparse(grid, data):
    """89 % of the weights count as zero, 28 % already at strength 0.1; without a penalty it is 4 %."""
    zeros = final(grid, data).zeros.sel(layer=0)
    return (
        at_least(zeros.sel(penalty="L1", strength=1), 0.5, resolution=1 / 600),
        strips(zeros, along="strength", by="penalty", bound=0.5, ylabel="share of weights that count as zero"),
    )


@claim(
    "12.c",
    "L2 regularisation does not make the weights sparse",
    source=f"{NOTEBOOK}, discussion",
    seeds=32,
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES)],
)
def test_strong_l2_is_not_sparse(grid, data):
    """10 % of the weights count as zero, against 89 % under L1: all weights are smaller, few are nothing."""
    zeros = final(grid, data).zeros.sel(layer=0, strength=1)
    sparse, small = zeros.sel(penalty="L1"), zeros.sel(penalty="L2")
    return (
        all_of(
            at_most(small, 0.5, resolution=1 / 600), exceeds(0.5 * sparse - small, by=0, resolution=1 / 600, of=zeros)
        ),
        strips(zeros, along="penalty", bound=0.5, ylabel="share of weights that count as zero"),
    )


@claim(
    "12.d",
    "Strong L1 regularisation costs accuracy",
    source=f"{NOTEBOOK}, discussion",
    seeds=32,
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES), variant("new-data", **NEW_DATA)],
)
def test_strong_l1_costs_accuracy(grid, data):
    """0.13 of accuracy, in 31 of 32 seeds.

    With a new dataset in each cell the verdict is the same, but the interval is 1.6 times as wide.
    """
    seen = final(grid, data)
    accuracy = seen.accuracy.sel(penalty="L1")
    return (
        exceeds(accuracy.sel(strength=0), accuracy.sel(strength=1), by=0.02, resolution=1 / 2000),
        curves(grid, data),
        strips(seen.accuracy, along="strength", ylabel="test accuracy, 2,000 further rows"),
        strips(seen.published_size, along="strength", ylabel="test accuracy, 100 rows as published"),
    )


@claim(
    "12.e",
    "L2 regularisation costs less accuracy than L1",
    source=f"{NOTEBOOK}, discussion",
    seeds=32,
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES), variant("new-data", **NEW_DATA)],
)
def test_l2_costs_less_than_l1(grid, data):
    """By 0.11. With a new dataset in each cell L2 is ahead in 22 of 32 seeds, with the same one in 31."""
    accuracy = final(grid, data).accuracy.sel(strength=1)
    return (
        exceeds(accuracy.sel(penalty="L2"), accuracy.sel(penalty="L1"), by=0.01, resolution=1 / 2000),
        strips(accuracy, along="penalty", ylabel="test accuracy"),
    )


@claim(
    "12.f",
    "Mild regularisation raises test accuracy, L1 and L2",
    source=f"{NOTEBOOK}, hypothesis",
    seeds=32,
    registered="refuted",
    reason="mild L2 changes accuracy by -0.0005 on average, between -0.003 and 0.002: it neither helps nor harms",
    given={"data": "harmonic", "penalty": ["L1", "L2"]},
    variants=[
        variant(
            "L1",
            penalty="L1",
            text="Mild L1 regularisation raises test accuracy",
            departs="L1 alone.",
            registered="inconclusive",
            reason="L1 changes accuracy by -0.007 on average, but by -0.15 in one draw: too varied to decide",
        ),
        variant(
            "L2",
            penalty="L2",
            text="Mild L2 regularisation raises test accuracy",
            departs="L2 alone.",
            registered="refuted",
            reason="the change is -0.0005 on average, between -0.003 and 0.002",
        ),
        variant(
            "ones",
            **ONES,
            registered="refuted",
            reason="neither L1 (-0.004) nor L2 (0.0003) raises accuracy by 0.005",
        ),
        variant(
            "new-data",
            **NEW_DATA,
            registered="inconclusive",
            reason="the luck of the draws hides an effect of this size: 32 seeds would have seen one of 0.09",
        ),
    ],
)
def test_mild_regularisation_raises_accuracy(grid, data, penalty):
    """There is little to gain: training accuracy is hardly above test accuracy to begin with."""
    seen = final(grid, data).sel(penalty=penalty, strength=[0, 0.1])
    accuracy = seen.accuracy
    return (
        exceeds(accuracy.sel(strength=0.1), accuracy.sel(strength=0), by=0.005, resolution=1 / 2000),
        strips(accuracy, along="strength", ylabel="test accuracy"),
        strips(seen.training - accuracy, along="strength", ylabel="training minus test accuracy"),
    )


@claim(
    "12.g",
    "Strong L2 regularisation costs accuracy too",
    source=f"{NOTEBOOK}, hypothesis",
    seeds=32,
    registered="inconclusive",
    reason="it costs 0.022 on average, in 24 of 32 seeds: so close to the 0.02 asked for that it would take "
    "thousands of seeds to decide",
    given={"data": "harmonic"},
    variants=[
        variant(
            "ones",
            **ONES,
            registered="inconclusive",
            reason="it costs 0.027 on average, in 26 of 32 seeds, too close to the 0.02 asked for",
        ),
        variant(
            "new-data",
            **NEW_DATA,
            registered="inconclusive",
            reason="the luck of the draws hides an effect of this size: 32 seeds would have seen one of 0.12",
        ),
    ],
)
def test_strong_l2_costs_accuracy(grid, data):
    """That it is less detrimental than L1 (12.e) can be said; whether it costs more than 0.02 cannot."""
    accuracy = final(grid, data).accuracy.sel(penalty="L2")
    return (
        exceeds(accuracy.sel(strength=0), accuracy.sel(strength=1), by=0.02, resolution=1 / 2000),
        strips(accuracy, along="strength", ylabel="test accuracy"),
    )
