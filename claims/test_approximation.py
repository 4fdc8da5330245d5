"""Does a network with one hidden layer fit a function better the more units it has?

Protocol. 100 points evenly spaced on [-1, 1]; targets sin(12x), -2x + x^2 + x^3 - 2x^4 and |x|; one hidden layer of
2, 4 or 16 sigmoid units, linear output; Glorot-uniform weights and biases; mean squared error; all points in every
step; Adam at 0.003 for 10,000 steps. A seed fixes the initial weights, which are the same for the three functions.

Departures. The notebook's text says 50 points, its code draws 100. It ran each cell once and reported the training
error; claim 1.c measures the error on 1,000 points between them. Errors are compared as log10 of the mean squared
error: the claim is about factors. Sixty-four seeds, where the pilots ask for 96 (1.d) and 1,056 (1.e).

Measurement. "Fits" means that at most a tenth of the function's variance is left unexplained on the training points.
"""

import numpy as np
import xarray as xr

from fixtures.datasets import CURVES
from pytest_claims import claim, decreases, functions, measurement, proportion, strips
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


@measurement(experiment=1, units=[2, 4, 16], block=32, cost=10)
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
    seeds=64,
    published=AS_LOG10,
    registered="inconclusive",
    reason="on the polynomial and |x| the error falls by two to three powers of ten, on sin(12x) by 1.09 on average, "
    "99 % interval 0.68 to 1.50 where 1 is asked for: 35 of 64 networks of 16 units stay unfitted there (1.d)",
)
def test_error_falls_with_units(fits):
    """The mean of log10 of the error on sin(12x) is that of no network: it lies between those that fit and the others.

    With 16 units 29 of 64 networks fit, with errors of 0.0002 to 0.012; of the other 35 all but four end where networks
    of 2 units do, between 0.40 and 0.50. Such outcomes want to be counted, as 1.b, 1.d and 1.e do.
    """
    error = log10(fits.error)
    truth = xr.concat(
        [f(fits.x) for f in CURVES.values()], xr.DataArray(list(CURVES), dims="function", name="function")
    )
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
    seeds=64,
    published=AT_16_UNITS,
)
def test_sixteen_units_can_fit(fits):
    return proportion(fits.unexplained.sel(units=16) <= UNEXPLAINED, above=0.1)


@claim(
    "1.e",
    "16 units do fit each function, whatever the seed",
    source=NOTEBOOK,
    seeds=64,
    published=AT_16_UNITS,
    registered="refuted",
    reason="every network fits the polynomial and |x|, but 29 of 64 fit sin(12x): from the other initial weights "
    "gradient descent does not find in 10,000 steps what 16 units can express",
)
def test_sixteen_units_always_fit(fits):
    return proportion(fits.unexplained.sel(units=16) <= UNEXPLAINED, above=0.8)


@claim(
    "1.c",
    "The fit also holds between the training points: the error there falls as units are added",
    source="beyond the notebook",
    seeds=64,
    registered="inconclusive",
    reason="as 1.a, and for its reason: on sin(12x) the error falls by 1.13 powers of ten on average, 99 % interval "
    "0.71 to 1.56",
    departures="The notebook reports the training error only.",
)
def test_error_between_the_points_falls(fits):
    """Between the points the error is what it is on them: with at most 49 parameters there is no room to overfit."""
    error = log10(fits.error_between)
    return (
        decreases(error, along="units", by=1.0, tolerance=0.15),
        strips(error, along="units", by="function", xlabel="hidden units", ylabel="log10 of the error between"),
    )


@claim(
    "1.d",
    "What is expressible need not be learnable: on sin(12x) some seeds stay unfitted though another seed fits",
    source=f"{NOTEBOOK}, discussion",
    seeds=64,
    published={"mean squared error": {"sin": PUBLISHED["sin"][16]}},
)
def test_expressible_is_not_learnable(fits):
    """A failure counts only where the network could have fitted: where no seed fits, it says nothing of learning."""
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
