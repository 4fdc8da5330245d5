"""Will any old non-linearity do?

Protocol. Data: make_moons(500, noise 0.1), random 80/20 split. Network: two hidden layers of 30 units, Glorot-uniform
weights and biases. Training: softmax cross-entropy, minibatches of 64, Adam at 0.003 for 800 steps. The activations are
relu, tanh, square, sin, sign and identity. The gradient of sign is zero everywhere, so only the output layer learns.
Within a seed all activations share the dataset, the initial weights and the minibatch order.

Departures. The notebook announces seven activations and runs six, three times each. Its last record is at step 720. It
tests on 100 rows; here 2,000 further rows decide, and a figure shows a test set of the published size. Sigmoid, the
notebook's default everywhere else, is added for claim 7.g, and eight hidden layers for claim 7.f.
"""

import numpy as np
import xarray as xr

from pytest_claims import at_least, claim, equivalent, exceeds, functions, lines, measurement, stack, strips, within
from pytest_claims.training import MLP, Run, train

NOTEBOOK = "Abid 2018, experiment 7"
EFFECTIVE = ["relu", "tanh", "square", "sin"]
NOTEBOOKS_SIX = [*EFFECTIVE, "sign", "identity"]
PUBLISHED = {"relu": 1.0, "tanh": 1.0, "square": 1.0, "sin": 1.0, "sign": 0.977, "identity": 0.89}
STEPS = 800
RECORDS = range(0, STEPS + 1, 80)  # 720 is the notebook's last record


def trained(seeds, data, names, hidden, at):
    """One network for each activation, all from the same initial weights."""
    runs = {name: Run(MLP(seeds, (2, *hidden, 2), activation=name), data.x_train, data.y_train) for name in names}

    def measure(network):
        return {
            "accuracy": network.accuracy(data.x_further, data.y_further),
            "published_size": network.accuracy(data.x_test, data.y_test),
        }

    return train(runs, along="activation", steps=STEPS, batch=64, at=at, measure=measure)


@measurement(experiment=7, block=16, cost=5, smoke=True)
def two_layers(seeds, moons):
    """The notebook's networks, and sigmoid."""
    return trained(seeds, moons(seeds), [*NOTEBOOKS_SIX, "sigmoid"], hidden=(30, 30), at=RECORDS)


@measurement(experiment=7, block=16, cost=5, smoke=True)
def eight_layers(seeds, moons):
    """The same networks with eight hidden layers."""
    return trained(seeds, moons(seeds), ["relu", "square"], hidden=(30,) * 8, at=[STEPS])


def final(measured):
    return measured.accuracy.sel(step=STEPS, drop=True)


def shapes():
    """The six functions on the notebook's range."""
    x = xr.DataArray(np.linspace(-10, 10, 201), dims="x")
    curves = [np.maximum(x, 0), np.tanh(x), x**2, np.sin(x), np.sign(x), x]
    named = dict(zip(NOTEBOOKS_SIX, curves, strict=True))
    return stack(named, along="activation").assign_coords(x=x).expand_dims(seed=[0])


@claim(
    "7.a",
    "relu, tanh, square and sin are all quite effective",
    source=NOTEBOOK,
    deep=2048,
    published=PUBLISHED,
)
def test_four_are_effective(two_layers):
    six = two_layers.sel(activation=NOTEBOOKS_SIX)
    return (
        at_least(final(two_layers).sel(activation=EFFECTIVE), 0.95),
        lines(six.accuracy, x="step", by="activation", ylabel="accuracy on 2,000 further rows"),
        strips(
            six.published_size.sel(step=720),
            along="activation",
            published=PUBLISHED,
            title="As the notebook read it: 100 test rows, record of step 720",
            ylabel="accuracy",
        ),
        functions(shapes(), x="x", by="activation", title="The activations", ylabel="f(x)"),
    )


@claim("7.b", "relu, tanh, square and sin are about equally effective", source=NOTEBOOK, deep=2048, published=PUBLISHED)
def test_four_are_equal(two_layers):
    """The control is each seed's own network before its first step, which the trained one must beat by as much."""
    accuracy = final(two_layers).sel(activation=EFFECTIVE)
    four = two_layers.accuracy.sel(activation=EFFECTIVE)
    return (
        equivalent(accuracy, along="activation", within=0.02).assay(
            four.sel(step=STEPS), against=four.sel(step=0), by=0.02
        ),
        strips(accuracy, along="activation", published=PUBLISHED),
    )


@claim("7.c", "The identity is worse than each of the four", source=NOTEBOOK, deep=2048, published=PUBLISHED)
def test_identity_is_worse(two_layers):
    accuracy = final(two_layers)
    return exceeds(accuracy.sel(activation=EFFECTIVE), accuracy.sel(activation=["identity"]), by=0.05)


@claim("7.d", "sign is worse than each of the four", source=NOTEBOOK, deep=2048, published=PUBLISHED)
def test_sign_is_worse(two_layers):
    accuracy = final(two_layers)
    return exceeds(accuracy.sel(activation=EFFECTIVE), accuracy.sel(activation=["sign"]), by=0.01)


@claim(
    "7.e",
    "The standard activations, relu and tanh, are better than square and sin",
    source=f"{NOTEBOOK}, hypothesis",
    deep=2048,
    published=PUBLISHED,
    registered="refuted",
    reason="two layers learn the task almost perfectly with each of them, so that none can lead by 0.01: relu reaches "
    "{accuracy[activation=relu, step=last]:.3f}, tanh {accuracy[activation=tanh, step=last]:.3f}, square "
    "{accuracy[activation=square, step=last]:.3f} and sin {accuracy[activation=sin, step=last]:.3f}; eight layers do "
    "separate them (7.f)",
)
def test_standard_ones_are_best(two_layers):
    accuracy = final(two_layers)
    return exceeds(accuracy.sel(activation=["relu", "tanh"]), accuracy.sel(activation=["square", "sin"]), by=0.01)


@claim(
    "7.f",
    "Depth separates activations: relu gains more on square in eight hidden layers than in two",
    source=f"{NOTEBOOK}, discussion",
    deep=2048,
)
def test_depth_separates_activations(two_layers, eight_layers):
    """Eight layers of squares raise the input to the power 2^8.

    ReLU does in eight layers what it does in two. Square does much worse: a sum that is a little too large becomes
    huge, and a sum that is a little too small vanishes. A network whose outputs overflow counts as diverged. It stays
    in the sample and scores as a constant predictor does.
    """
    shallow, deep = final(two_layers).sel(activation=["relu", "square"]), final(eight_layers)
    both = stack({2: shallow, 8: deep}, along="layers")
    gain = both.sel(activation="relu") - both.sel(activation="square")
    return (
        exceeds(gain.sel(layers=8, drop=True), gain.sel(layers=2, drop=True), by=0.05, of=both).named(
            text="relu's lead over square in eight layers minus its lead in two"
        ),
        strips(both, along="layers", by="activation", xlabel="hidden layers", ylabel="accuracy"),
    )


@claim(
    "7.g",
    "Sigmoid, the notebook's default everywhere else, is worse than each of the four at 800 steps",
    source="beyond the notebook",
    deep=2048,
    departures="The notebook does not run sigmoid in this experiment.",
)
def test_sigmoid_is_worse(two_layers):
    accuracy = final(two_layers)
    return (
        exceeds(accuracy.sel(activation=EFFECTIVE), accuracy.sel(activation=["sigmoid"]), by=0.05),
        lines(two_layers.accuracy.sel(activation=[*EFFECTIVE, "sigmoid"]), x="step", by="activation"),
    )


@claim(
    "7.h",
    "The identity achieves about 88 %",
    source=f"{NOTEBOOK}, discussion",
    deep=2048,
    published={"identity": 0.89},
)
def test_identity_achieves_88_percent(two_layers):
    return within(final(two_layers).sel(activation="identity"), centre=0.88, margin=0.03)
