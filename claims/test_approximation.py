"""Does a network with one hidden layer fit a function better the more units it has?

Protocol. Data: 100 points evenly spaced on [-1, 1]; the targets are sin(12x), -2x + x^2 + x^3 - 2x^4 and |x|. Network:
one hidden layer of 2, 4 or 16 sigmoid units, linear output, Glorot-uniform weights and biases. Training: mean squared
error, all points in every step, Adam at 0.003 for 10,000 steps. A seed fixes the initial weights, which are the same
for the three functions.

Departures. The notebook's text says half as many points as its code draws; here there are as many as in the code. It
ran each cell once and reported the training error. Claim 1.c measures the error on 1,000 points between the training
points. Errors are compared as log10 of the mean squared error, because the claim is about factors.

Measurement. A network "fits" if it leaves at most a tenth of the function's variance unexplained on the training
points.
"""

import numpy as np
import xarray as xr

from fixtures.datasets import CURVES
from pytest_claims import claim, decreases, functions, measurement, proportion, stack, strips
from pytest_claims.training import MLP, Run, train

NOTEBOOK = "Abid 2018, experiment 1"
STEPS = 10_000
UNEXPLAINED = 0.1
PUBLISHED = {
    "sin": {2: 0.422, 4: 0.2328, 16: 0.033},
    "polynomial": {2: 0.0296, 4: 0.0006, 16: 0.0000},
    "abs": {2: 0.0007, 4: 0.0002, 16: 0.0001},
}
AT_16_UNITS = {"mean squared error": {name: row[16] for name, row in PUBLISHED.items()}}
AS_LOG10 = {  # 0.0000 was printed for a number below 0.00005
    name: {units: float(np.log10(max(error, 0.00005))) for units, error in row.items()}
    for name, row in PUBLISHED.items()
}


@measurement(experiment=1, units=[2, 4, 16], block=32, cost=10, smoke=True)
def fits(seeds, curves, units):
    """Errors on the training points and between them, and the learned curves."""
    targets = curves(seeds)
    network = MLP(seeds, (1, units, 1))
    runs = {name: Run(network, target.x_train, target.y_train, loss="squared") for name, target in targets.items()}
    between = {name: target.x_further for name, target in targets.items()}
    truth = {name: target.y_further for name, target in targets.items()}
    variance = xr.DataArray([target.y_train.var() for target in targets.values()], dims="function")

    def measure(network):
        error = network.error()
        return {
            "error": error,
            "error_between": network.error(between, truth),
            "unexplained": error / variance,
            "learned": network.outputs().isel(output=0).rename(row="x"),
        }

    history = train(runs, along="function", steps=STEPS, batch=None, at=[STEPS], measure=measure)
    return history.isel(step=0, drop=True).assign_coords(x=targets["sin"].x_train[0, :, 0])


def log10(errors):
    return np.log10(errors).assign_attrs(units="log10 of the mean squared error")


@claim(
    "1.a",
    "The training error falls as hidden units are added, on each function",
    source=NOTEBOOK,
    deep=2048,
    seeds=128,
    published=AS_LOG10,
    registered="inconclusive",
    reason="on the polynomial and |x| the error falls by much more than a factor of ten, but on sin(12x) many "
    "networks of 16 units do not fit (1.d), and the mean is too close to a factor of ten to decide",
)
def test_error_falls_with_units(fits):
    """No single network has the mean error on sin(12x): the networks of 16 units fall into two groups.

    Some of them fit. Most of the others do no better than networks of 2 units. A mean hides such outcomes; they have to
    be counted, as 1.b, 1.d and 1.e do.
    """
    error = log10(fits.error)
    truth = stack({name: f(fits.x) for name, f in CURVES.items()}, along="function")
    return (
        decreases(error, along="units", by=1.0, tolerance=0.15),
        functions(fits.learned, x="x", by=("function", "units"), truth=truth, ylabel="y"),
        strips(
            error,
            along="units",
            by="function",
            published=AS_LOG10,
            xlabel="hidden units",
            ylabel="log10 of the training error",
        ),
    )


@claim(
    "1.b",
    "16 units can fit each function",
    source=NOTEBOOK,
    deep=2048,
    seeds=128,
    published=AT_16_UNITS,
)
def test_sixteen_units_can_fit(fits):
    return proportion(fits.unexplained.sel(units=16) <= UNEXPLAINED, above=0.1)


@claim(
    "1.e",
    "16 units do fit each function, whatever the seed",
    source=NOTEBOOK,
    deep=2048,
    seeds=128,
    published=AT_16_UNITS,
    registered="refuted",
    reason="every network fits the polynomial and |x|, but many do not fit sin(12x): 16 units can express it, but "
    "from many initial weights gradient descent does not find it in 10,000 steps",
)
def test_sixteen_units_always_fit(fits):
    return proportion(fits.unexplained.sel(units=16) <= UNEXPLAINED, above=0.8)


@claim(
    "1.c",
    "The fit also holds between the training points: the error there falls as units are added",
    source="beyond the notebook",
    deep=2048,
    seeds=128,
    registered="inconclusive",
    reason="the reason is that of 1.a: on sin(12x) many networks of 16 units do not fit, and the mean is too close to "
    "a factor of ten to decide",
    departures="The notebook reports the training error only.",
)
def test_error_between_the_points_falls(fits):
    """Between the points the error is about the same as on them: so few parameters leave no room to overfit."""
    error = log10(fits.error_between)
    return (
        decreases(error, along="units", by=1.0, tolerance=0.15),
        strips(error, along="units", by="function", xlabel="hidden units", ylabel="log10 of the error between"),
    )


@claim(
    "1.d",
    "What is expressible need not be learnable: on sin(12x) some seeds stay unfitted though another seed fits",
    source=f"{NOTEBOOK}, discussion",
    deep=2048,
    seeds=128,
    published={"mean squared error": {"sin": PUBLISHED["sin"][16]}},
)
def test_expressible_is_not_learnable(fits):
    """A failure counts only if another seed fits: where no seed fits, a failure says nothing about learning."""
    unexplained = fits.unexplained.sel(units=16, function="sin")
    expressible = (unexplained <= UNEXPLAINED).any("seed")
    return (
        proportion((unexplained > UNEXPLAINED) & expressible, above=0.1),
        strips(
            fits.unexplained.sel(units=16),
            along="function",
            log="y",
            bound=UNEXPLAINED,
            ylabel="share of the variance left unexplained",
        ),
    )
