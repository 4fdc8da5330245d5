"""What does regularisation do to the weights, and what to the accuracy?

Protocol. Data: mixture(500, d = 12, harmonic separation), random 80/20 split. Network: two hidden layers of 50 sigmoid
units, Glorot-uniform weights and biases. Loss: mean squared error on one-hot labels + strength * (sum over layers of
mean |w| for L1, of mean w^2 for L2); biases have no penalty; the strength is 0, 0.1 or 1. Training: minibatches of 64,
Adam at 0.003 for 750 steps. Within a seed all cells share the dataset, the initial weights and the minibatch order.

Departures. The text separates the classes by 1 in every dimension, the code by 1/i in dimension i: the bare ids follow
the code, "@ones" the text. The notebook drew a new dataset for every cell of its grid, and ran each cell once;
"@new-data" draws in this way, too. It tested on 100 rows; here 2,000 further rows decide, and a figure shows its size
of test set.

Measurement. After the last step. A weight counts as zero below 0.05 of the root mean square of its own layer, a
threshold that shrinks with the weights. Where every cell has a new dataset, 12.f and 12.g are adjusted for the
difference between the Bayes accuracies of the two cells, whose mean over all draws is 0. The weights are those of layer
0, which the notebook drew, unless a claim says otherwise.
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
    stack,
    strips,
    variant,
)
from pytest_claims.training import MLP, Run, train

NOTEBOOK = "Abid 2018, experiment 12"
STEPS, SHOWN = 750, 50
SIZES = (12, 50, 50, 2)
CELLS = [(penalty, strength) for penalty in ("L1", "L2") for strength in (0.0, 0.1, 1.0)]
TRAINED = [cell for cell in CELLS if cell != ("L2", 0.0)]  # without a penalty it is the network of ("L1", 0.0)
ZERO, SMALLEST = 0.05, 1e-6
ONES = {
    "data": "ones",
    "only": {"data": ["ones"]},
    "departs": "The text's data: the classes are separated by 1 in every dimension.",
}
NEW_DATA = {
    "data": "redrawn",
    "only": {"data": ["redrawn"]},
    "departs": "A new dataset for every cell of the grid, as the notebook drew them.",
}


def sizes_and_zeros(now):
    """Mean |w| of each layer, and the share of weights below 0.05 of the layer's root mean square."""
    both, sizes, zeros = ["fan_in", "fan_out"], {}, {}
    for layer in range(len(SIZES) - 1):
        size = abs(now.weights(layer))
        sizes[layer] = size.mean(both)
        zeros[layer] = (size < ZERO * np.sqrt((size**2).mean(both))).mean(both)
    return stack(sizes, along="layer"), stack(zeros, along="layer")


@measurement(experiment=12, data=["harmonic", "ones", "redrawn"], block=16, cost=8, smoke=True)
def grid(seeds, mixture, data):
    if data == "redrawn":
        drawn = {cell: mixture(Redrawn(seeds, f"cell {cell}"), 500, 12, "harmonic") for cell in CELLS}
    else:
        drawn = dict.fromkeys(TRAINED, mixture(seeds, 500, 12, data))
    network = MLP(seeds, SIZES)
    runs = {str(cell): Run(network, one.x_train, one.y_train, "squared", penalty=cell) for cell, one in drawn.items()}
    parts = ("x_further", "y_further", "x_test", "y_test")
    x, y, x_test, y_test = ({str(cell): getattr(one, part) for cell, one in drawn.items()} for part in parts)

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
    history = train(runs, along="cell", steps=STEPS, at=records, measure=measure)
    history = history.assign(bayes=(("seed", "cell"), np.stack([one.bayes for one in drawn.values()], 1)))
    return laid_out(history)


def laid_out(history):
    """Put the cells side by side, penalty by strength; where ("L2", 0.0) did not train, ("L1", 0.0) stands for it."""
    penalties, strengths = (list(dict.fromkeys(labels)) for labels in zip(*CELLS, strict=True))
    trained = set(history.cell.values.tolist())
    places = [[str((p, s)) if str((p, s)) in trained else str(("L1", s)) for s in strengths] for p in penalties]
    axes = {"penalty": penalties, "strength": strengths}
    return history.sel(cell=xr.DataArray(places, dims=tuple(axes), coords=axes)).drop_vars("cell")


def final(grid, data):
    return grid.sel(data=data, step=STEPS, drop=True)


def luck(seen, data, strengths):
    """With a new dataset in every cell: by how much the first cell's draw is easier, on average by nothing."""
    if data != "redrawn":
        return {}
    first, second = (seen.bayes.sel(strength=strength, drop=True) for strength in strengths)
    return {"adjusted_by": (first - second).rename("difference in Bayes accuracy"), "population": 0.0}


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
    deep=2048,
    seeds=256,
    only={"data": ["harmonic"]},
    given={"data": "harmonic", "layer": 0},
    variants=[
        variant(
            "all-layers",
            layer=[0, 1, 2],
            departs="Every layer on its own, not only the first.",
            registered="refuted",
            reason="L1 halves the weights of all layers, but L2 those of the first layer only: in layer 1 it brings "
            "mean |w| from {size[data=harmonic, layer=1, penalty=L2, strength=0, step=last]:.3f} to "
            "{size[data=harmonic, layer=1, penalty=L2, strength=1, step=last]:.3f}",
        ),
        variant("ones", **ONES),
    ],
)
def test_weights_shrink_with_strength(grid, data, layer):
    """Layer 0 shrinks under both penalties, and far more under L1."""
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
    deep=2048,
    seeds=256,
    only={"data": ["harmonic"]},
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES)],
)
def test_strong_l1_is_sparse(grid, data):
    """Under strong L1 most weights count as zero, under mild L1 more than without a penalty."""
    zeros = final(grid, data).zeros.sel(layer=0)
    return (
        at_least(zeros.sel(penalty="L1", strength=1), 0.5, resolution=1 / 600),
        strips(zeros, along="strength", by="penalty", bound=0.5, ylabel="share of weights that count as zero"),
    )


@claim(
    "12.c",
    "L2 regularisation does not make the weights sparse",
    source=f"{NOTEBOOK}, discussion",
    deep=2048,
    seeds=256,
    only={"data": ["harmonic"]},
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES)],
)
def test_strong_l2_is_not_sparse(grid, data):
    """Under L2 all weights are smaller, but few are nothing."""
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
    deep=2048,
    seeds=256,
    only={"data": ["harmonic"]},
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES), variant("new-data", **NEW_DATA)],
)
def test_strong_l1_costs_accuracy(grid, data):
    """Strong L1 costs accuracy in nearly every seed.

    With a new dataset in each cell the verdict is the same, but the interval is much wider.
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
    deep=2048,
    seeds=256,
    only={"data": ["harmonic"]},
    given={"data": "harmonic"},
    variants=[variant("ones", **ONES), variant("new-data", **NEW_DATA)],
)
def test_l2_costs_less_than_l1(grid, data):
    """With the same dataset in each cell, L2 is ahead in nearly every seed; with new ones, less often."""
    accuracy = final(grid, data).accuracy.sel(strength=1)
    return (
        exceeds(accuracy.sel(penalty="L2"), accuracy.sel(penalty="L1"), by=0.01, resolution=1 / 2000),
        strips(accuracy, along="penalty", ylabel="test accuracy"),
    )


@claim(
    "12.f",
    "Mild regularisation raises test accuracy, L1 and L2",
    source=f"{NOTEBOOK}, hypothesis",
    deep=2048,
    seeds=256,
    registered="refuted",
    reason="mild L2 neither helps nor harms: accuracy is {accuracy[data=harmonic, penalty=L2, strength=0.1, "
    "step=last]:.3f} with it and {accuracy[data=harmonic, penalty=L2, strength=0, step=last]:.3f} without",
    only={"data": ["harmonic"]},
    given={"data": "harmonic", "penalty": ["L1", "L2"]},
    variants=[
        variant(
            "L1",
            penalty="L1",
            text="Mild L1 regularisation raises test accuracy",
            departs="L1 alone.",
            registered="refuted",
            reason="mild L1 costs a little accuracy on average, and in some draws a lot: it is "
            "{accuracy[data=harmonic, penalty=L1, strength=0.1, step=last]:.3f} with it and {accuracy[data=harmonic, "
            "penalty=L1, strength=0, step=last]:.3f} without",
        ),
        variant(
            "L2",
            penalty="L2",
            text="Mild L2 regularisation raises test accuracy",
            departs="L2 alone.",
            registered="refuted",
            reason="it neither helps nor harms: accuracy is {accuracy[data=harmonic, penalty=L2, strength=0.1, "
            "step=last]:.3f} with it and {accuracy[data=harmonic, penalty=L2, strength=0, step=last]:.3f} without",
        ),
        variant(
            "ones",
            **ONES,
            registered="refuted",
            reason="neither L1 ({accuracy[data=ones, penalty=L1, strength=0.1, step=last]:.3f} against "
            "{accuracy[data=ones, penalty=L1, strength=0, step=last]:.3f} without a penalty) nor L2 "
            "({accuracy[data=ones, penalty=L2, strength=0.1, step=last]:.3f}) raises accuracy by 0.005",
        ),
        variant(
            "new-data",
            looks=(64,),
            **NEW_DATA,
            registered="inconclusive",
            reason="the luck of the draws hides an effect of this size: with a new dataset in every cell, two cells "
            "differ far more than by the penalty",
        ),
    ],
)
def test_mild_regularisation_raises_accuracy(grid, data, penalty):
    """There is little to gain: even without a penalty, training accuracy is hardly above test accuracy."""
    seen = final(grid, data).sel(penalty=penalty, strength=[0, 0.1])
    accuracy = seen.accuracy
    return (
        exceeds(
            accuracy.sel(strength=0.1),
            accuracy.sel(strength=0),
            by=0.005,
            resolution=1 / 2000,
            **luck(seen, data, (0.1, 0)),
        ),
        strips(accuracy, along="strength", ylabel="test accuracy"),
        strips(seen.training - accuracy, along="strength", ylabel="training minus test accuracy"),
    )


@claim(
    "12.g",
    "Strong L2 regularisation costs accuracy too",
    source=f"{NOTEBOOK}, hypothesis",
    deep=2048,
    seeds=256,
    registered="inconclusive",
    reason="it costs accuracy in most seeds, from {accuracy[data=harmonic, penalty=L2, strength=0, step=last]:.3f} to "
    "{accuracy[data=harmonic, penalty=L2, strength=1, step=last]:.3f} on average, but that is too close to the 0.02 "
    "asked for to decide",
    only={"data": ["harmonic"]},
    given={"data": "harmonic"},
    variants=[
        variant(
            "ones",
            **ONES,
        ),
        variant(
            "new-data",
            looks=(64,),
            **NEW_DATA,
            registered="inconclusive",
            reason="the luck of the draws hides an effect of this size: with a new dataset in every cell, two cells "
            "differ far more than by the penalty",
        ),
    ],
)
def test_strong_l2_costs_accuracy(grid, data):
    """Strong L2 certainly costs less than strong L1 (12.e); with harmonic separation it is open whether it costs 0.02.

    Where the classes are a whole one apart in every dimension it does.
    """
    seen = final(grid, data).sel(penalty="L2")
    accuracy = seen.accuracy
    return (
        exceeds(
            accuracy.sel(strength=0),
            accuracy.sel(strength=1),
            by=0.02,
            resolution=1 / 2000,
            **luck(seen, data, (0, 1)),
        ),
        strips(accuracy, along="strength", ylabel="test accuracy"),
    )
