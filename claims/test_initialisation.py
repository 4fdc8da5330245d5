"""How does the initialisation affect training?

Protocol. Data: mixture(500, d = 12, harmonic separation), random 80/20 split. Network: two hidden layers of 100 sigmoid
units. Training: mean squared error on one-hot labels, minibatches of 64, Adam at 0.003 for 500 steps. Weights and
biases are all drawn from one of: Glorot-uniform, zeros, ones, N(0, sd 0.01), N(0, sd 1). Within a seed they all share
the dataset and the minibatch order, and the Gaussian weights are multiples of the same numbers.

Departures. The text separates the classes by 1 in every dimension, the code by 1/i in dimension i; all ids follow the
code. The notebook ran each initialisation five times, tested on 100 rows, and its last record is at step 450. Here
2,000 further rows decide after the last step, and figures show the notebook's own readings. The notebook does not say
when "eventually" is; here it is after 2,500 steps.

Measurement. Skill is (accuracy - 1/2) / (Bayes accuracy - 1/2), per draw: a level that does not judge the luck of the
covariance. "Over training" is the mean of the records of steps 50 to 500. A sigmoid is live on a row if its slope there
is at least 1 % of the steepest, 1/4; the others pass on next to no gradient.
"""

from pytest_claims import at_least, at_most, claim, exceeds, lines, measurement, stack, strips, variant
from pytest_claims.training import MLP, Run, skill, train

NOTEBOOK = "Abid 2018, experiment 10"
INITIALISERS = {
    "glorot": "glorot",
    "zeros": "zeros",
    "ones": "ones",
    "normal 0.01": ("normal", 0.01),
    "normal 1": ("normal", 1.0),
}
OTHERS = [name for name in INITIALISERS if name != "glorot"]
PUBLISHED = {"glorot": 0.965, "zeros": 0.87, "ones": 0.49, "normal 0.01": 0.95, "normal 1": 0.63}
STEPS, LONGER = 500, 2_500
RECORDS = [*range(0, STEPS + 1, 50), *range(1_000, LONGER + 1, 500)]  # 450 is the notebook's last record
LIVE = 0.01 / 4


def live_and_spread(now):
    """Of each hidden layer, on the training rows: its live share, and its spread.

    The share of (row, unit) at which the sigmoid's slope is at least 1 % of the steepest; and the largest difference
    between two units on any row.
    """
    hidden = {layer + 1: now.hidden(layer=layer) for layer in (0, 1)}
    live = {layer: (h * (1 - h) >= LIVE).mean(["row", "unit"]) for layer, h in hidden.items()}
    spread = {layer: (h.max("unit") - h.min("unit")).max("row") for layer, h in hidden.items()}
    return {"live": stack(live, along="layer"), "spread": stack(spread, along="layer")}


def trained(seeds, data, initialisers, records):
    runs = {
        name: Run(MLP(seeds, (12, 100, 100, 2), weights=weights), data.x_train, data.y_train, loss="squared")
        for name, weights in initialisers.items()
    }

    def measure(now):
        return {
            "accuracy": now.accuracy(data.x_further, data.y_further),
            "published_size": now.accuracy(data.x_test, data.y_test),
            **live_and_spread(now),
            "size": abs(now.outputs()).mean(["row", "output"]),
        }

    history = train(runs, along="initialiser", steps=max(records), at=records, measure=measure)
    return history.assign(skill=skill(history.accuracy, data.bayes), bayes=("seed", data.bayes))


@measurement(experiment=10, block=16, cost=35, smoke=True)
def by_initialiser(seeds, mixture):
    return trained(seeds, mixture(seeds, 500, 12, "harmonic"), INITIALISERS, RECORDS)


@measurement(experiment=10, block=16, cost=2, smoke=True)
def scaled_gaussian(seeds, mixture):
    """N(0, sd 1 / sqrt(fan_in)): a variance that keeps the size of what passes through."""
    return trained(seeds, mixture(seeds, 500, 12, "harmonic"), {"normal scaled": "lecun"}, range(0, STEPS + 1, 50))


def over_training(measured):
    return measured.accuracy.sel(step=slice(50, STEPS)).mean("step")


def curves(measured, last=STEPS, **words):
    """The notebook's figure, with its readings."""
    words = {"ceiling": float(measured.bayes.mean()), "ylabel": "accuracy on 2,000 further rows", **words}
    words["published"] = {name: {450: accuracy} for name, accuracy in PUBLISHED.items()}
    return lines(measured.accuracy.sel(step=slice(0, last)), x="step", by="initialiser", **words)


@claim(
    "10.a",
    "Glorot and the small Gaussian train very well",
    source=NOTEBOOK,
    seeds=128,
    published={"accuracy": PUBLISHED},
)
def test_glorot_and_small_gaussian_train_well(by_initialiser):
    """After 500 steps both come close to the Bayes rule."""
    level = by_initialiser.skill.sel(initialiser=["glorot", "normal 0.01"], step=STEPS)
    return (
        at_least(level, 0.8),
        curves(by_initialiser),
        strips(
            by_initialiser.published_size.sel(step=450),
            along="initialiser",
            published=PUBLISHED,
            ceiling=float(by_initialiser.bayes.mean()),
            title="As the notebook read it: 100 test rows, record of step 450",
            ylabel="accuracy",
        ),
    )


@claim(
    "10.b",
    "Glorot is better than the small Gaussian",
    source=NOTEBOOK,
    seeds=128,
    published=PUBLISHED,
    registered="inconclusive",
    reason="after 500 steps Glorot's lead ({accuracy[initialiser=glorot, step=500]:.3f} against "
    "{accuracy[initialiser='normal 0.01', step=500]:.3f}) is too close to the 0.01 asked for to decide",
)
def test_glorot_beats_the_small_gaussian(by_initialiser):
    """Glorot is ahead early in training; after 2,500 steps it is behind."""
    final = by_initialiser.accuracy.sel(step=STEPS, drop=True)
    return exceeds(final.sel(initialiser="glorot"), final.sel(initialiser="normal 0.01"), by=0.01)


@claim(
    "10.c",
    "Zeros eventually train",
    source=NOTEBOOK,
    seeds=128,
    published={"accuracy": {"zeros": 0.87}},
    given={"step": LONGER},
    variants=[variant("step-500", step=STEPS, departs="After the notebook's 500 steps instead of 2,500.")],
)
def test_zeros_eventually_train(by_initialiser, step):
    """They learn nothing for a while, then they catch up, and in the end they are the best of all.

    Such a network has in effect a single unit in each layer (10.f). On these data that is enough: the best boundary is
    a plane.
    """
    return (
        at_least(by_initialiser.skill.sel(initialiser="zeros", step=step), 0.5),
        curves(by_initialiser, last=LONGER),
    )


@claim("10.d", "Ones do not train", source=NOTEBOOK, looks=(32,), seeds=128, published={"accuracy": {"ones": 0.49}})
def test_ones_do_not_train(by_initialiser):
    """The sigmoids are saturated from the start, and stay so.

    All weights of a unit are one, and 100 of them add up: the outputs start far above the targets of 0 and 1. Training
    spends its 500 steps on bringing them down, and meanwhile even fewer sigmoids of the first layer stay live. In
    Glorot's network nearly all are live throughout. It is the positive control, too: in the same run it must gain more
    skill on its untrained self than ones may have.
    """
    shares = by_initialiser.live.sel(step=slice(0, STEPS))
    ones, glorot = (by_initialiser.skill.sel(initialiser=name) for name in ("ones", "glorot"))
    return (
        at_most(ones.sel(step=STEPS), 0.2).assay(glorot.sel(step=STEPS), against=glorot.sel(step=0), by=0.2),
        curves(by_initialiser),
        lines(shares, x="step", by=("initialiser", "layer"), ylabel="share of live sigmoids, 400 training rows"),
        lines(by_initialiser.size, x="step", by="initialiser", log="y", ylabel="mean |output|"),
    )


@claim("10.e", "The large Gaussian trains more slowly than Glorot", source=NOTEBOOK, seeds=128, published=PUBLISHED)
def test_the_large_gaussian_is_slower(by_initialiser):
    """It is far behind over training, and does not catch up later.

    Many of its sigmoids are saturated from the start, and stay so.
    """
    mean = over_training(by_initialiser)
    return exceeds(mean.sel(initialiser="glorot"), mean.sel(initialiser="normal 1"), by=0.05)


@claim(
    "10.i",
    "Only Glorot, the small Gaussian and zeros train",
    source=NOTEBOOK,
    seeds=128,
    published=PUBLISHED,
    departures="After 2,500 steps, when zeros train too.",
)
def test_only_three_train(by_initialiser):
    """After 2,500 steps the three are close together. The large Gaussian is far behind, and ones only guess."""
    late = by_initialiser.accuracy.sel(step=LONGER, drop=True)
    return (
        exceeds(late.sel(initialiser=["zeros"]), late.sel(initialiser=["ones", "normal 1"]), by=0.10),
        curves(by_initialiser, last=LONGER),
    )


@claim(
    "10.j",
    "Glorot is the best",
    source=f"{NOTEBOOK}, hypothesis",
    seeds=128,
    published=PUBLISHED,
    registered="inconclusive",
    reason="after 500 steps it beats zeros, ones and the large Gaussian, but not certainly the small one (10.b)",
)
def test_glorot_is_the_best(by_initialiser):
    final = by_initialiser.accuracy.sel(step=STEPS, drop=True)
    return (
        exceeds(final.sel(initialiser=["glorot"]), final.sel(initialiser=OTHERS), by=0.01),
        strips(final, along="initialiser", published=PUBLISHED, ceiling=float(by_initialiser.bayes.mean())),
    )


@claim(
    "10.k",
    "A large variance fails because what passes through the network explodes: scaled by 1 / sqrt(fan_in) it trains",
    source=f"{NOTEBOOK}, discussion",
    seeds=128,
    departures="A sixth initialiser, N(0, sd 1 / sqrt(fan_in)).",
)
def test_large_variance_explodes(by_initialiser, scaled_gaussian):
    """Scaled by 1 / sqrt(fan_in), the Gaussian trains as Glorot does: it recovers all of the gap.

    "Explodes" is too strong a word: sigmoids bound what is passed on, and they saturate. But the outputs of N(0, sd 1)
    do start larger than those of Glorot, and the outputs of ones start larger still.
    """
    mean = over_training(by_initialiser)
    glorot, large = mean.sel(initialiser="glorot", drop=True), mean.sel(initialiser="normal 1", drop=True)
    scaled = over_training(scaled_gaussian).sel(initialiser="normal scaled", drop=True)
    return (
        exceeds((scaled - large) - (glorot - large) / 2, by=0).named(unit="accuracy beyond half of the gap"),
        curves(scaled_gaussian, title="N(0, sd 1 / sqrt(fan_in))"),
        lines(by_initialiser.size, x="step", by="initialiser", log="y", ylabel="mean |output|"),
    )
