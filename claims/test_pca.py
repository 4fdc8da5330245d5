"""Does PCA before the network help when most of the dimensions are dummies?

Protocol. Data: mixture(n = 100, d = 10, means one apart in every dimension, scale 0.2), random 80/20 split, with D
dummy columns U(0,1), D = 1, 2, 5, 10, 20, 50, 100, 200, 500, 1,000 or 2,000. All of it is multiplied by a (10 + D) x
(10 + D) matrix with entries U(0,1). Inputs: these columns, or 10, 5 or 1 components of scikit-learn's PCA, fitted to
the training rows. Network: two hidden layers of 100 sigmoid units, Glorot-uniform weights and biases. Training:
cross-entropy, all rows in every step, Adam at 0.003 for 500 steps.

Departures. The text multiplies by a random rotation. The code's matrix is not orthogonal, and its positive entries add
the dummies up; "@rotation" and 6.d take a true rotation (Haar). The code overwrote its input, so that PCA 5 is fitted
to the scores of PCA 10, and PCA 1 to those of PCA 5. The bare ids keep this cascade, "@refit" fits each PCA to the rows
themselves. As the variant shows, the cascade does no harm: the first five scores of ten are the first five scores. The
last record of the notebook is at step 450; here the last step decides, and figures show both. Its readings with PCA are
a range, and .94 is the middle of it.

Measurement. Accuracy on 2,000 further rows; figures show the 20 published test rows. `constant` is the share of
first-layer units whose activation has a standard deviation below 0.01 over the training rows. test_pca_explained.py
asks why the network fails without PCA.
"""

from sklearn.decomposition import PCA

from pytest_claims import all_of, claim, exceeds, lines, measurement, stack, variant
from pytest_claims.training import MLP, Run, train

NOTEBOOK = "Abid 2018, experiment 6"
DUMMIES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000]
FEW, MANY = [1, 2, 5, 10, 20, 50], [200, 500, 1_000, 2_000]
COST = dict.fromkeys(DUMMIES, 4) | {500: 5, 1_000: 8, 2_000: 16}
STEPS = 500
RECORDS = [450, STEPS]  # 450 is the notebook's last record
PUBLISHED = {
    "none": {200: 0.43, 500: 0.43, 1_000: 0.43, 2_000: 0.43},
    "PCA 10": {200: 0.94, 500: 0.94, 1_000: 0.94, 2_000: 0.94},
    "PCA 5": {200: 0.94, 500: 0.94, 1_000: 0.94, 2_000: 0.94},
    "PCA 1": {2_000: 0.55},
}
ROTATION = {"matrix": "orthogonal", "departs": "A true rotation, as the text says.", "registered": "refuted"}
REFIT = "PCA 5 and PCA 1 are fitted to the rows themselves, not to the scores of the PCA before."


def mixed(seeds, mixture, with_dummies, dummies, matrix, n=100):
    """The published data: ten useful columns, then dummies, then the matrix."""
    return with_dummies(seeds, mixture(seeds, n, 10, "ones", scale=0.2), dummies, matrix)


def components(seeds, data, count):
    """PCA scores; `random_state` is for the randomised solver that scikit-learn takes for wide data."""
    states = iter(seeds.integers("pca"))
    return data.fitted(lambda rows: PCA(count, random_state=next(states)).fit(rows).transform)


def trained(seeds, data):
    """The network on these inputs."""

    def measure(network):
        return {
            "accuracy": network.accuracy(data.x_further, data.y_further),
            "published_size": network.accuracy(data.x_test, data.y_test),
            "constant": (network.hidden().std("row") < 0.01).mean("unit").assign_attrs(resolution=1 / 100),
        }

    network = MLP(seeds, (data.x_train.shape[2], 100, 100, 2))
    run = Run(network, data.x_train, data.y_train)
    history = train(run, steps=STEPS, batch=None, at=RECORDS, measure=measure)
    return history.assign(bayes=("seed", data.bayes))


def each(seeds, datasets):
    """One network for each of the named inputs; their widths differ, so that they cannot train as one stack."""
    histories = {name: trained(seeds, data) for name, data in datasets.items()}
    bayes = next(iter(histories.values())).bayes
    return stack(histories, along="inputs").assign(bayes=bayes)


@measurement(experiment=6, dummies=DUMMIES, matrix=["uniform", "orthogonal"], cost=COST)
def by_dummies(seeds, mixture, with_dummies, dummies, matrix):
    """Without PCA and with the cascade of PCAs."""
    data = mixed(seeds, mixture, with_dummies, dummies, matrix)
    ten = components(seeds, data, 10)
    five = components(seeds, ten, 5)
    return each(seeds, {"none": data, "PCA 10": ten, "PCA 5": five, "PCA 1": components(seeds, five, 1)})


@measurement(experiment=6, dummies=MANY, cost=3)
def refitted(seeds, mixture, with_dummies, dummies):
    """PCA 5 and PCA 1 without the cascade."""
    data = mixed(seeds, mixture, with_dummies, dummies, "uniform")
    return each(seeds, {f"PCA {count}": components(seeds, data, count) for count in (5, 1)})


def final(measured, matrix="uniform"):
    at_end = measured.accuracy.sel(step=STEPS, drop=True)
    return at_end.sel(matrix=matrix, drop=True)


def drops(measured, matrix):
    raw = final(measured, matrix).sel(inputs="none")
    few = raw.sel(dummies=FEW).mean("dummies").rename("up to 50 dummies")
    return exceeds(few, raw.sel(dummies=MANY).mean("dummies").rename("200 dummies and more"), by=0.10)


def pca_helps(measured, matrix, reduced=None):
    accuracy = final(measured, matrix).sel(dummies=MANY)
    reduced = accuracy.sel(inputs=["PCA 10", "PCA 5"]) if reduced is None else reduced
    return exceeds(reduced, accuracy.sel(inputs=["none"]), by=0.10)


def against_dummies(measured, matrix="uniform", name="accuracy", step=STEPS, **words):
    ceiling = float(measured.bayes.mean())
    array = measured[name].sel(step=step, matrix=matrix, drop=True)
    words = {"published": PUBLISHED, "ylabel": "accuracy on 2,000 further rows", **words}
    return lines(array, x="dummies", by="inputs", log="x", ceiling=ceiling, xlabel="dummy dimensions", **words)


@claim(
    "6.a",
    "Without PCA accuracy drops when dummy dimensions pass 100",
    source=NOTEBOOK,
    seeds=32,
    published=PUBLISHED,
    given={"matrix": "uniform"},
    variants=[
        variant(
            "rotation",
            **ROTATION,
            reason="rotated, the raw inputs lose little, from {accuracy[inputs=none, matrix=orthogonal, dummies=1, "
            "step=last]:.3f} with 1 dummy to {accuracy[inputs=none, matrix=orthogonal, dummies=2000, step=last]:.3f} "
            "with 2,000: it is the code's matrix that breaks the network, not the number of dummies",
        )
    ],
)
def test_accuracy_drops_without_pca(by_dummies, matrix):
    """With few dummies the network does well, from 200 on it only guesses.

    A matrix with entries U(0,1) adds all dummies up, so that every input has a large common mean. The sums in the first
    layer grow with D until all sigmoids are saturated and constant (6.h). A rotation, which the text announces, does
    not do that. Only the code shows this departure, and it decides the verdict.
    """
    as_read = against_dummies(
        by_dummies, matrix, "published_size", 450, ylabel="accuracy on the 20 test rows at step 450"
    )
    constant = lines(
        by_dummies.constant.sel(step=STEPS, matrix=matrix, drop=True),
        x="dummies",
        by="inputs",
        log="x",
        xlabel="dummy dimensions",
        ylabel="share of constant first-layer units",
    )
    return drops(by_dummies, matrix), against_dummies(by_dummies, matrix), as_read, constant


@claim(
    "6.b",
    "PCA to 10 or 5 components beats no PCA from 200 dummy dimensions on",
    source=NOTEBOOK,
    seeds=32,
    published=PUBLISHED,
    given={"matrix": "uniform", "refit": False},
    variants=[
        variant("refit", matrix="uniform", refit=True, departs=f"{REFIT} PCA 10 always is."),
        variant(
            "rotation",
            **ROTATION,
            refit=False,
            reason="with a true rotation PCA hardly changes the accuracy: there is nothing to mend",
        ),
    ],
)
def test_pca_helps(by_dummies, refitted, matrix, refit):
    """With few dummies PCA costs a little accuracy; with many it saves the network.

    PCA centres the columns before it rotates them. Centring alone does as much (6.f).
    """
    reduced = refitted.accuracy.sel(step=STEPS, inputs=["PCA 5"], drop=True) if refit else None
    return pca_helps(by_dummies, matrix, reduced), against_dummies(by_dummies, matrix)


@claim(
    "6.d",
    "With a true rotation the same holds: accuracy drops, and PCA helps",
    source=f"{NOTEBOOK}, its text",
    seeds=32,
    published=PUBLISHED,
    departures="An orthogonal matrix, as the text says, instead of the code's. The notebook's readings are those of "
    "the code's matrix.",
    registered="refuted",
    reason="the raw inputs lose less than the 0.10 asked for ({accuracy[inputs=none, matrix=orthogonal, dummies=1, "
    "step=last]:.3f} with 1 dummy, {accuracy[inputs=none, matrix=orthogonal, dummies=2000, step=last]:.3f} with "
    "2,000), and PCA gains nothing: without the code's positive matrix both the problem and its remedy are gone",
)
def test_the_same_holds_with_a_rotation(by_dummies):
    both = all_of(drops(by_dummies, "orthogonal"), pca_helps(by_dummies, "orthogonal"))
    return both, against_dummies(by_dummies, "orthogonal")


@claim(
    "6.e",
    "One component is too few",
    source=NOTEBOOK,
    seeds=32,
    published={name: PUBLISHED[name] for name in ("PCA 1", "PCA 5")},
    registered="inconclusive",
    reason="it is far worse than five from 500 dummies on, but at 200 the difference "
    "({by_dummies.accuracy[inputs='PCA 1', matrix=uniform, dummies=200, step=last]:.3f} against "
    "{by_dummies.accuracy[inputs='PCA 5', matrix=uniform, dummies=200, step=last]:.3f}) is too close to the 0.10 "
    "asked for",
    given={"matrix": "uniform", "refit": False},
    variants=[
        variant(
            "refit",
            matrix="uniform",
            refit=True,
            departs=REFIT,
            registered="inconclusive",
            reason="as with the cascade, which gives nearly the same components",
        ),
        variant(
            "rotation",
            **ROTATION,
            refit=False,
            reason="with a true rotation one component is no worse than five: the first one is the direction in which "
            "all ten useful columns grow together, and that separates the classes",
        ),
    ],
)
def test_one_component_is_too_few(by_dummies, refitted, matrix, refit):
    """After the code's matrix the first component is mostly the sum of the dummies, above all with many."""
    cascaded = final(by_dummies, matrix).sel(dummies=MANY)
    accuracy = refitted.accuracy.sel(step=STEPS, drop=True) if refit else cascaded
    return exceeds(accuracy.sel(inputs=["PCA 5"]), accuracy.sel(inputs=["PCA 1"]), by=0.10)
