"""Does a neural network memorise random labels, up to which number, and more slowly than true ones?

Protocol. mixture(300, d = 6, means one apart in every dimension), all rows for training; n = 50, 100, ..., 300 are its
first n rows; three hidden layers of 200 sigmoid units; Glorot-uniform weights and biases; softmax cross-entropy;
minibatches of min(64, n); Adam at 0.003 for 2,500 steps. Labels are true, or permuted once over all 300 rows (random).
Inputs, initial weights and minibatch order are the same for true and random labels within a seed.

Departures. The notebook drew new data for random labels, three times each. It recorded every 250 steps and last at step
2,250: the bare ids are judged after step 2,500, "@step-2250" as the notebook read them. Its "capacity" is the n up to
which 2,500 steps sufficed: 5.d gives 10,000 steps instead, 5.e rectified units. Sixteen seeds, where the pilots ask for
24 (5.b), 32 (5.c), 64 (5.a) and 1,096 (5.a@step-2250): 2,500 steps of three layers of 200 units are dear.

Measurement. Training accuracy, as published, every 50 steps. A network that never gets to 0.9 has taken 2,500 steps,
the budget. Accuracy on 2,000 further rows with true labels goes along: what was memorised serves nobody else.
"""

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
    return history.assign(taken=taken, elsewhere=elsewhere["accuracy"], bayes=("seed", true.bayes))


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
    published=PUBLISHED,
    given={"step": STEPS},
    variants=[
        variant(
            "step-2250",
            **STEP_2250,
            registered="inconclusive",
            reason="250 steps sooner n = 150 stands at 0.968, 99 % interval 0.937 to 0.999: so close to 0.95 that the "
            "step at which one looks decides",
        )
    ],
)
def test_150_random_labels_are_memorised(memorising, step):
    """All of 50 and of 100, and 0.978 of 150, in 2,500 steps.

    What was memorised serves nobody else: on further rows these networks score 0.50 to 0.52, and those with true labels
    0.77 to 0.80, below the 0.86 that the Bayes rule reaches, because they have learned the noise as well.
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
    published=PUBLISHED,
    registered="inconclusive",
    reason="n = 300 is far from memorised (0.770), n = 200 is not quite (0.913, 99 % interval 0.872 to 0.953)",
    given={"step": STEPS},
    variants=[variant("step-2250", **STEP_2250)],
)
def test_more_random_labels_are_not_memorised(memorising, step):
    """Read 250 steps sooner, as the notebook read it, the claim holds: 0.882 at n = 200.

    True labels are not learned up to 0.95 either, in the same steps: 0.923 at n = 200, 0.889 at n = 300, for the
    classes overlap. Most of what looks like a capacity for random labels is the number of steps that three layers of
    sigmoids take (5.d, 5.e).
    """
    accuracy = random_at(memorising, step, [200, 300])
    curves = memorising.accuracy.sel(labels="random")
    return (
        at_most(accuracy, 0.95),
        strips(random_at(memorising, step, SIZES), along="n", bound=0.95, ylabel="training accuracy, random labels"),
        lines(curves, x="step", by="n", ylabel="training accuracy", title="Random labels"),
    )


@claim(
    "5.c",
    "Random labels take longer to learn, even within capacity",
    source=NOTEBOOK,
    published={"n = 150": "true labels are learned sooner"},
    registered="inconclusive",
    reason="by a factor of 1.9 at n = 100 and 2.0 at n = 150 in the geometric mean, but the 99 % intervals begin at "
    "1.07 and 1.13 where 1.25 is asked for: the time to learn true labels varies with the distance of a draw's classes",
)
def test_random_labels_take_longer(memorising):
    """Medians of 650 and 1,125 steps at n = 100, 975 and 1,825 at n = 150. About 56 seeds would decide.

    Where the classes overlap, true labels have to be memorised as well, row by row, and take as long.
    """
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
    departures="10,000 steps instead of 2,500.",
)
def test_four_times_the_steps_memorise_300(three_hundred):
    """0.770 after 2,500 steps, 0.962 after 5,000, 0.999 after 10,000: what the notebook measured is a speed."""
    curve = three_hundred.accuracy.sel(activation="sigmoid")
    return (
        at_least(curve.sel(step=LONGER), 0.95),
        traces(curve, threshold=0.95, ylabel="training accuracy, 300 random labels"),
    )


@claim(
    "5.e",
    "Rectified units memorise 300 random labels in 2,500 steps",
    source="beyond the notebook",
    departures="ReLU instead of sigmoid.",
)
def test_rectified_units_memorise_300(three_hundred):
    """0.974 after 500 steps, where sigmoids stand at 0.543: the same number of weights, the same rows."""
    curves = three_hundred.accuracy.sel(step=slice(None, STEPS))
    return (
        at_least(curves.sel(activation="relu", step=STEPS), 0.95),
        traces(curves, by="activation", threshold=0.95, ylabel="training accuracy, 300 random labels"),
    )
