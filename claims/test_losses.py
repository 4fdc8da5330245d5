"""Does the choice of the loss function matter?

Protocol. Data: mixture(500, d = 12, harmonic separation), random 80/20 split. Network: two hidden layers of 100 sigmoid
units, Glorot-uniform weights and biases. Training: minibatches of 64, Adam at 0.003 for 500 steps. The losses compare
the two logits with one-hot labels: softmax cross-entropy; mean |e|; mean e^2; mean e^4; hinge (labels -1 and +1, per
logit); and a constant (0 times the mean squared error), the negative control. Within a seed all losses share the
dataset, the initial weights and the minibatch order.

Departures. The text separates the classes by 1 in every dimension, the code by 1/i in dimension i: the bare ids follow
the code, 9.e the text. The notebook ran each loss five times, tested on 100 rows, and its last record is at step 450.
Here 2,000 further rows decide after the last step, and figures show both of the notebook's readings.
"""

import numpy as np

from pytest_claims import all_of, between, claim, equivalent, exactly, exceeds, lines, measurement, strips
from pytest_claims.training import MLP, Run, train

NOTEBOOK = "Abid 2018, experiment 9"
LOSSES = ["cross_entropy", "absolute", "squared", "fourth", "hinge"]
OTHERS = ["absolute", "squared", "fourth", "hinge"]
PUBLISHED = {"cross_entropy": 0.9, "absolute": 0.9, "squared": 0.9, "fourth": 0.9, "hinge": 0.9, "constant": 0.5}
STEPS = 500
RECORDS = range(0, STEPS + 1, 50)  # 450 is the notebook's last record


@measurement(experiment=9, separation=["harmonic", "ones"], cost=5, smoke=True)
def by_loss(seeds, mixture, separation):
    """The six losses on one dataset, from the same initial weights."""
    data = mixture(seeds, 500, 12, separation)
    network = MLP(seeds, (12, 100, 100, 2))
    runs = {loss: Run(network, data.x_train, data.y_train, loss=loss) for loss in [*LOSSES, "constant"]}

    def measure(now):
        starts = [start[:, None].astype(np.float32) for start in network.parameters]  # each with an axis for the losses
        weights = [(now.weights(layer) == starts[2 * layer]).mean(("fan_in", "fan_out")) for layer in range(3)]
        biases = [(now.biases(layer) == starts[2 * layer + 1][:, :, 0]).mean("fan_out") for layer in range(3)]
        same = [*weights, *biases]
        return {
            "accuracy": now.accuracy(data.x_further, data.y_further),
            "published_size": now.accuracy(data.x_test, data.y_test),
            "unchanged": sum(same) / len(same),
        }

    history = train(runs, along="loss", steps=STEPS, batch=64, at=RECORDS, measure=measure)
    return history.assign(bayes=("seed", data.bayes))


def final(measured, separation="harmonic"):
    return measured.accuracy.sel(step=STEPS, separation=separation, drop=True)


def alike(measured, separation):
    """The five end alike, and not because none of them learns: each beats the constant loss by the same margin."""
    accuracy = final(measured, separation)
    five = accuracy.sel(loss=LOSSES)
    return equivalent(five, along="loss", within=0.03).assay(five, against=accuracy.sel(loss="constant"), by=0.03)


def learns_nothing(measured, separation):
    unchanged = measured.unchanged.sel(step=STEPS, separation=separation, loss="constant", drop=True)
    return exactly(unchanged, 1.0).named(unit="share of the weights and biases that are bitwise as they were")


@claim(
    "9.a",
    "The five losses end alike",
    source=NOTEBOOK,
    deep=2048,
    seeds=256,
    only={"separation": ["harmonic"]},
    published=PUBLISHED,
    registered="inconclusive",
    reason="four end alike; the fourth power ({accuracy[loss=fourth, separation=harmonic, step=last]:.3f}) is behind "
    "them by about the 0.03 that is the limit (the squared error has {accuracy[loss=squared, separation=harmonic, "
    "step=last]:.3f}), too close to it to decide",
)
def test_losses_end_alike(by_loss):
    harmonic = by_loss.sel(separation="harmonic")
    ceiling = float(harmonic.bayes.mean())
    return (
        alike(by_loss, "harmonic"),
        lines(harmonic.accuracy, x="step", by="loss", ceiling=ceiling, ylabel="accuracy on 2,000 further rows"),
        strips(
            harmonic.published_size.sel(step=450),
            along="loss",
            published=PUBLISHED,
            ceiling=ceiling,
            title="As the notebook read it: 100 test rows, record of step 450",
            ylabel="accuracy",
        ),
    )


@claim(
    "9.b",
    "The constant loss learns nothing",
    source=f"{NOTEBOOK}, negative control",
    deep=2048,
    seeds=256,
    only={"separation": ["harmonic"]},
    published={"constant": 0.5},
)
def test_constant_loss_learns_nothing(by_loss):
    return learns_nothing(by_loss, "harmonic")


@claim(
    "9.c",
    "The fourth power is worse, but only slightly",
    source=NOTEBOOK,
    deep=2048,
    seeds=256,
    only={"separation": ["harmonic"]},
    published={"fourth": "slightly slower"},
    registered="inconclusive",
    reason="it is worse by {effect:.3f} over training, too close to 0.03, the most that counts as slightly, to decide",
)
def test_fourth_power_is_slightly_worse(by_loss):
    """Slightly means between 0.005 and 0.03 of accuracy, averaged over the records of training after step 0.

    The fourth power of an error below one is small and flat, so that training is slow.
    """
    training = by_loss.accuracy.sel(separation="harmonic", step=slice(50, None), drop=True).mean("step")
    four = training.sel(loss=[loss for loss in LOSSES if loss != "fourth"])
    gap = between(four.mean("loss"), training.sel(loss="fourth", drop=True), low=0.005, high=0.03, of=training)
    return gap.named(text="the mean of the other four losses minus the fourth power")


@claim(
    "9.d",
    "Cross-entropy is the best",
    source=f"{NOTEBOOK}, hypothesis",
    deep=2048,
    seeds=256,
    only={"separation": ["harmonic"]},
    published=PUBLISHED,
    registered="refuted",
    reason="cross-entropy ({accuracy[loss=cross_entropy, separation=harmonic, step=last]:.3f}) does not lead the "
    "squared error ({accuracy[loss=squared, separation=harmonic, step=last]:.3f}), hinge ({accuracy[loss=hinge, "
    "separation=harmonic, step=last]:.3f}) and |e| ({accuracy[loss=absolute, separation=harmonic, step=last]:.3f}) by "
    "0.01; only the fourth power is further behind",
)
def test_cross_entropy_is_best(by_loss):
    accuracy = final(by_loss)
    return exceeds(accuracy.sel(loss=["cross_entropy"]), accuracy.sel(loss=OTHERS), by=0.01)


@claim(
    "9.e",
    "With means one apart in every dimension, as the text says, the same holds",
    source=f"{NOTEBOOK}, its text",
    deep=2048,
    seeds=256,
    only={"separation": ["ones"]},
    departures="The text's separation instead of the code's.",
    registered="refuted",
    reason="the constant learns nothing here either, but the losses end less alike: the fourth power "
    "({accuracy[loss=fourth, separation=ones, step=last]:.3f}) is further than 0.03 behind cross-entropy "
    "({accuracy[loss=cross_entropy, separation=ones, step=last]:.3f}) and the squared error "
    "({accuracy[loss=squared, separation=ones, step=last]:.3f})",
)
def test_the_same_holds_as_the_text_says(by_loss):
    """These draws are harder than those with the code's separation.

    What is slow falls further behind where there is more to learn.
    """
    ones = by_loss.sel(separation="ones")
    return (
        all_of(alike(by_loss, "ones"), learns_nothing(by_loss, "ones")),
        lines(ones.accuracy, x="step", by="loss", ceiling=float(ones.bayes.mean())),
    )
