"""Does a neural network memorise random labels, how many of them, and more slowly than true ones?

Protocol. Data: mixture(300, d = 6, means one apart in every dimension), all rows for training; n = 50, 100, ..., 300
are its first n rows. The labels are true, or permuted once over all 300 rows (random). Network: three hidden layers of
200 sigmoid units, Glorot-uniform weights and biases. Training: softmax cross-entropy, minibatches of min(64, n), Adam
at 0.003 for 2,500 steps. Within a seed, true and random labels share the inputs, the initial weights and the minibatch
order.

Departures. The notebook drew new data for random labels, three times each. It recorded every 250 steps, and last at
step 2,250: the bare ids are judged after step 2,500, "@step-2250" as the notebook read them. Its "capacity" is the n up
to which 2,500 steps were enough. 5.d gives 10,000 steps instead, 5.e rectified units.

Note. These networks take long to train.

Measurement. Training accuracy, as published, every 50 steps. A network that never gets to 0.9 has taken 2,500 steps,
the budget. Accuracy on 2,000 further rows with true labels is measured, too: what was memorised helps nobody else.
"""

import numpy as np

from pytest_claims import at_least, at_most, claim, lines, measurement, sooner, strips, traces, variant
from pytest_claims.training import MLP, Run, permuted_labels, steps_until, train

NOTEBOOK = "Abid 2018, experiment 5"
SIZES = [50, 100, 150, 200, 250, 300]
HIDDEN = (200, 200, 200)
STEPS, LONGER, EVERY = 2_500, 10_000, 50
THRESHOLD = 0.9
PUBLISHED = {"up to n = 150": "learned almost perfectly", "beyond n = 150": "learned less and less"}
STEP_2250 = {"step": 2_250, "departs": "The notebook's last record, step 2,250 instead of 2,500."}


def labelled_both_ways(seeds, mixture):
    """The 300 rows with their true labels, and with the same labels permuted."""
    true = mixture(seeds, 300, 6, "ones", test=0)
    return {"true": true, "random": permuted_labels(seeds, true)}


@measurement(experiment=5, n=SIZES, cost=30)
def memorising(seeds, mixture, n):
    data = {labels: whole.first(n) for labels, whole in labelled_both_ways(seeds, mixture).items()}
    network = MLP(seeds, (6, *HIDDEN, 2))
    runs = {labels: Run(network, one.x_train, one.y_train) for labels, one in data.items()}
    true, elsewhere = data["true"], {}

    def measure(now):
        if now.step == STEPS:
            elsewhere["accuracy"] = now.accuracy(true.x_further, true.y_further)
        return {"accuracy": now.accuracy()}

    history = train(runs, along="labels", steps=STEPS, at=range(EVERY, STEPS + 1, EVERY), measure=measure)
    taken = steps_until(history.accuracy, THRESHOLD, STEPS)
    shares = [np.maximum(one.y_train.mean(1), 1 - one.y_train.mean(1)) for one in data.values()]
    return history.assign(
        taken=taken,
        elsewhere=elsewhere["accuracy"],
        bayes=("seed", true.bayes),
        constant=(("seed", "labels"), np.stack(shares, axis=1)),  # what the best constant predictor has on these rows
    )


@measurement(experiment=5, activation=["sigmoid", "relu"], cost={"sigmoid": 60, "relu": 15})
def three_hundred(seeds, mixture, activation):
    """Random labels on all 300 rows: sigmoid with four times the steps, ReLU with as many as before."""
    data = labelled_both_ways(seeds, mixture)["random"]
    steps = {"sigmoid": LONGER, "relu": STEPS}[activation]
    run = Run(MLP(seeds, (6, *HIDDEN, 2), activation=activation), data.x_train, data.y_train)
    history = train(run, steps=steps, at=range(250, steps + 1, 250), measure=lambda now: {"accuracy": now.accuracy()})
    return history.reindex(step=range(250, LONGER + 1, 250), method="ffill")  # ReLU's curve ends where it ended


def random_at(memorising, step, sizes):
    return memorising.accuracy.sel(labels="random", step=step, n=sizes)


def against_n(memorising, step):
    """The notebook's left-hand figure."""
    accuracy = memorising.accuracy.sel(step=step, drop=True)
    return lines(accuracy, x="n", by="labels", ylabel="training accuracy", title=f"Memorisation, after {step:,} steps")


@claim(
    "5.a",
    "Up to 150 random labels can be memorised",
    source=NOTEBOOK,
    seeds=32,
    published=PUBLISHED,
    registered="inconclusive",
    reason="nearly all networks memorise all of 50 and of 100 labels, and such ties decide nothing below 64 seeds; n = "
    "150 ({accuracy[labels=random, n=150, step=2500]:.3f}) is close to 0.95",
    given={"step": STEPS},
    variants=[
        variant(
            "step-2250",
            **STEP_2250,
            registered="inconclusive",
            reason="250 steps sooner n = 150 stands at {accuracy[labels=random, n=150, step=2250]:.3f}, so close to "
            "0.95 that it depends on the step at which one looks",
        )
    ],
)
def test_150_random_labels_are_memorised(memorising, step):
    """All of 50 and of 100 labels, and nearly all of 150, in 2,500 steps.

    What was memorised helps nobody else: on further rows these networks only guess. With true labels they do better,
    but not as well as the Bayes rule, because they have learned the noise as well.
    """
    return (
        at_least(random_at(memorising, step, [50, 100, 150]), 0.95),
        against_n(memorising, step),
        lines(
            memorising.elsewhere,
            x="n",
            by="labels",
            ceiling=float(memorising.bayes.mean()),
            ylabel="accuracy on 2,000 further rows",
            title="What carries over: the same networks on rows they have not seen, with their true labels",
        ),
    )


@claim(
    "5.b",
    "Beyond 150 random labels cannot be memorised in 2,500 steps",
    source=NOTEBOOK,
    seeds=32,
    published=PUBLISHED,
    registered="inconclusive",
    reason="n = 300 is far from memorised ({accuracy[labels=random, n=300, step=2500]:.3f}), but n = 200 "
    "({accuracy[labels=random, n=200, step=2500]:.3f}) is too close to 0.95 to decide",
    given={"step": STEPS},
    variants=[variant("step-2250", **STEP_2250)],
)
def test_more_random_labels_are_not_memorised(memorising, step):
    """Read 250 steps sooner, as the notebook read it, the claim holds.

    In the same steps true labels are not learned up to 0.95 either, because the classes overlap. Most of what looks
    like a capacity for random labels is the number of steps that three layers of sigmoids take (5.d, 5.e). The positive
    control are 100 random labels: a network that memorises them beats the best constant answer by more than 0.4.
    """
    accuracy = random_at(memorising, step, [200, 300])
    curves = memorising.accuracy.sel(labels="random")
    constant = memorising.constant.sel(labels="random", n=100)
    return (
        at_most(accuracy, 0.95).assay(random_at(memorising, step, 100), against=constant, by=0.4),
        strips(random_at(memorising, step, SIZES), along="n", bound=0.95, ylabel="training accuracy, random labels"),
        lines(curves, x="step", by="n", ylabel="training accuracy", title="Random labels"),
    )


@claim(
    "5.c",
    "Random labels take longer to learn, even within capacity",
    source=NOTEBOOK,
    seeds=32,
    published={"n = 150": "true labels are learned sooner"},
)
def test_random_labels_take_longer(memorising):
    """Where the classes overlap, true labels take as long: they, too, have to be memorised, row by row."""
    taken = memorising.taken.sel(n=[100, 150])
    return (
        sooner(taken.sel(labels="true"), taken.sel(labels="random"), by=1.25, budget=STEPS, resolution=EVERY),
        traces(
            memorising.accuracy.sel(n=150),
            by="labels",
            threshold=THRESHOLD,
            ylabel="training accuracy",
            title="Training accuracy (n = 150)",
        ),
        strips(taken, along="n", by="labels", ceiling=STEPS, ylabel=f"steps to {THRESHOLD} training accuracy"),
    )


@claim(
    "5.d",
    "The capacity is a budget: in four times the steps 300 random labels are memorised",
    source="beyond the notebook",
    seeds=32,
    departures="10,000 steps instead of 2,500.",
    registered="inconclusive",
    reason="nearly all networks memorise all labels, and such ties decide nothing below 64 seeds: these networks take "
    "too long to train for more than 32 in an ordinary run",
)
def test_four_times_the_steps_memorise_300(three_hundred):
    """With more steps nearly all labels are memorised: what the notebook measured is a speed."""
    curve = three_hundred.accuracy.sel(activation="sigmoid")
    return (
        at_least(curve.sel(step=LONGER), 0.95),
        traces(curve, threshold=0.95, ylabel="training accuracy, 300 random labels"),
    )


@claim(
    "5.e",
    "Rectified units memorise 300 random labels in 2,500 steps",
    source="beyond the notebook",
    seeds=32,
    departures="ReLU instead of sigmoid.",
    registered="inconclusive",
    reason="nearly all networks memorise all labels, and such ties decide nothing below 64 seeds; an ordinary run ends "
    "at 32",
)
def test_rectified_units_memorise_300(three_hundred):
    """With as many weights and on the same rows, they need a fraction of the steps that sigmoids take."""
    curves = three_hundred.accuracy.sel(step=slice(None, STEPS))
    return (
        at_least(curves.sel(activation="relu", step=STEPS), 0.95),
        traces(curves, by="activation", threshold=0.95, ylabel="training accuracy, 300 random labels"),
    )
