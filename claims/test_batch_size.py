"""Do larger batches run faster and score worse?

Protocol. Data: mixture(500, d = 12, means one apart in every dimension), random 80/20 split. Network: two hidden layers
of 100 sigmoid units, Glorot-uniform weights and biases. Training: softmax cross-entropy, Adam at 0.003. Batches have 1,
4, 16, 64, 256 or 400 rows; 400 is the whole training set. Each network takes 150 * 500 / batch steps, which the
notebook calls 150 epochs. Within a seed all batch sizes share the dataset and the initial weights.

Departures. The notebook's plot titled "Test Accuracy" shows training accuracy, as only its code reveals: 8.b judges
what it plotted, 8.c what the title says. Its time to an accuracy of 0.8 is 0, the best possible time, for a batch size
that never gets there; here "never" counts as the whole budget. It ran four times and kept the run time of the last run.
Its last record is its 14th, at epoch 140 ("@record-14"). As in the notebook, the learning rate is the same for all
sizes; 8.f asks what that does.

Measurement. Every 10 epochs: training accuracy, and accuracy on 2,000 further rows. Networks that take fewer steps than
a batch of 64 does (1,171) are trained on up to that number: for 8.g, and to see when they reach 0.8. Steps to 0.8 are
recorded at the powers 2^(k/2), rounded. Run time is that of a network trained alone by the loop that a user would
write, with nn.Sequential and torch.optim.Adam on one thread: the processor time of a step (of three turns of 300 steps
the median; the sizes alternate) times the number of steps. It differs from run to run and between processors.
"""

import numpy as np
import xarray as xr

from fixtures.alone import seconds_alone
from fixtures.datasets import bayes_population
from pytest_claims import claim, decreases, exceeds, increases, lines, measurement, sooner, strips, variant
from pytest_claims.training import MLP, RATE, Run, steps_until, train

NOTEBOOK = "Abid 2018, experiment 8"
BATCHES = [1, 4, 16, 64, 256, 400]
COST = {1: 60, 4: 18, 16: 8, 64: 4, 256: 11, 400: 16}
EPOCHS = range(10, 151, 10)
STEPS = {batch: 150 * 500 // batch for batch in BATCHES}
EQUAL_UPDATES = STEPS[64]
FOLLOWED = {batch: max(steps, EQUAL_UPDATES) for batch, steps in STEPS.items()}
THRESHOLD = 0.8
PUBLISHED = {"batch 1 to 400": "falls monotonically"}


def networks(seeds, data, **settings):
    return Run(MLP(seeds, (12, 100, 100, 2)), data.x_train, data.y_train, **settings)


def powers_up_to(steps):
    """The powers 2^(k/2), rounded: 1, 2, 3, 4 and so on."""
    exponents = np.arange(0, 2 * np.log2(steps) + 1e-9)
    return np.unique(np.round(2 ** (exponents / 2)).astype(int))


@measurement(experiment=8, batch=BATCHES, block=16, cost=COST)
def by_batch(seeds, mixture, batch):
    data = mixture(seeds, 500, 12, "ones")
    at_epochs = [round(epoch * STEPS[batch] / EPOCHS[-1]) for epoch in EPOCHS]
    powers = powers_up_to(FOLLOWED[batch])

    def measure(now):
        return {
            "training": now.accuracy(),
            "test": now.accuracy(data.x_further, data.y_further),
            "published_size": now.accuracy(data.x_test, data.y_test),
        }

    records = {*at_epochs, *powers, EQUAL_UPDATES}
    history = train(networks(seeds, data), steps=FOLLOWED[batch], batch=batch, at=records, measure=measure)
    by_epoch = history.sel(step=at_epochs).assign_coords(step=list(EPOCHS)).rename(step="epoch")
    return by_epoch.assign(
        at_equal_updates=history.training.sel(step=EQUAL_UPDATES, drop=True),
        steps_needed=steps_until(history.training.sel(step=powers), THRESHOLD, FOLLOWED[batch]),
        bayes=("seed", data.bayes),
        population=(("seed", "draw"), bayes_population(seeds, 12, "ones")),
    )


@measurement(experiment=8, block=16, cost=3)
def full_batch_at_five_times_the_rate(seeds, mixture):
    data = mixture(seeds, 500, 12, "ones")
    return train(
        networks(seeds, data, rate=5 * RATE),
        steps=STEPS[400],
        batch=400,
        measure=lambda now: {"training": now.accuracy()},
    ).isel(step=0, drop=True)


@measurement(experiment=8, cost=45)
def trained_alone(seeds, mixture):
    """Processor seconds a step."""
    run = networks(seeds, mixture(seeds, 500, 12, "ones"))
    return {"seconds": seconds_alone({batch: (run, batch) for batch in BATCHES}, along="batch")}


def by_size(counts):
    return xr.DataArray(list(counts.values()), dims="batch", coords={"batch": list(counts)})


def against_batch(array, measured, **words):
    words = {"log": "x", "xlabel": "batch size", "ceiling": float(measured.bayes.mean()), **words}
    return lines(array, x="batch", **words)


def in_training(array, measured, **words):
    """The notebook's left-hand figure."""
    return lines(array, x="epoch", by="batch", ceiling=float(measured.bayes.mean()), **words)


@claim(
    "8.a",
    "Run time falls with batch size",
    source=NOTEBOOK,
    seeds=32,
    published={"batch 1 to 400": "falls"},
    clock=True,
)
def test_run_time_falls(trained_alone):
    """Run time falls because there are fewer steps.

    For networks of this size a step is mostly overhead: it takes nearly as long with one row as with 64.
    """
    seconds = trained_alone.seconds * by_size(STEPS)
    return (
        decreases(np.log10(seconds), along="batch", by=1).named(unit="log10 of seconds"),
        lines(seconds, x="batch", log="xy", xlabel="batch size", ylabel="seconds for 150 epochs", title="Run time"),
        lines(1e6 * trained_alone.seconds, x="batch", log="x", xlabel="batch size", ylabel="microseconds a step"),
    )


@claim(
    "8.b",
    "Accuracy after equally many epochs falls with batch size: training accuracy, as plotted",
    source=NOTEBOOK,
    seeds=32,
    published=PUBLISHED,
    registered="inconclusive",
    reason="accuracy falls from {training[batch=1, epoch=150]:.3f} with batches of one row to {training[batch=400, "
    "epoch=150]:.3f} with all rows, but from 1 to 4 and from 256 to 400 the steps are too small against their spread "
    "to exclude a step back",
    given={"epoch": 150},
    variants=[
        variant(
            "record-14",
            epoch=140,
            departs="The notebook's last record, at epoch 140 instead of 150.",
            registered="inconclusive",
            reason="as at epoch 150, the first step and the last are too small against their spread to exclude a step "
            "back",
        ),
    ],
)
def test_training_accuracy_falls(by_batch, epoch):
    """From end to end training accuracy clearly falls, as plotted, but neighbours at both ends are alike.

    One row and four rows both memorise nearly everything, and 256 of the 400 rows give nearly the same gradient as all
    of them.
    """
    accuracy = by_batch.training.sel(epoch=epoch)
    return (
        decreases(accuracy, along="batch", by=0.02),
        in_training(by_batch.training, by_batch, ylabel="training accuracy, as plotted"),
        against_batch(accuracy, by_batch, ylabel=f"training accuracy at epoch {epoch}"),
    )


@claim(
    "8.c",
    "... and so does test accuracy, as titled",
    source=NOTEBOOK,
    seeds=32,
    published=PUBLISHED,
    registered="refuted",
    reason="test accuracy rises with batch size, from {test[batch=1, epoch=150]:.3f} to {test[batch=400, "
    "epoch=150]:.3f}: small batches take so many steps in 150 epochs that they overfit; the plot titled test accuracy "
    "shows training accuracy",
)
def test_test_accuracy_falls(by_batch):
    """What falls is the accuracy on the rows that were trained on. On other rows accuracy rises.

    The notebook measured the first and gave it the title of the second. Its conclusion that small batches score better
    rests on that. With batches of one row a network takes so many steps that it learns the noise: it gets more of the
    training labels right than the best possible classifier does. The full batch takes too few steps for that. What
    looks like an effect of batch size is early stopping, see 8.g.
    """
    last = by_batch.sel(epoch=150)
    return (
        decreases(last.test, along="batch", by=0.02),
        in_training(by_batch.test, by_batch, ylabel="accuracy on 2,000 further rows"),
        against_batch(last.test, by_batch, ylabel="accuracy on 2,000 further rows"),
        against_batch(last.published_size, by_batch, ylabel="accuracy on 100 test rows"),
    )


@claim(
    "8.d",
    "A moderate batch beats both extremes in test accuracy",
    source=f"{NOTEBOOK}, hypothesis",
    looks=(64,),
    registered="inconclusive",
    reason="64 ({test[batch=64, epoch=150]:.3f}) beats 1 ({test[batch=1, epoch=150]:.3f}), but it is not clear that "
    "it beats 400 ({test[batch=400, epoch=150]:.3f})",
)
def test_a_moderate_batch_is_best(by_batch):
    """A batch of 64 beats a single row, but not clearly the full batch.

    It depends on the draw. Where the classes overlap, fewer steps overfit less, and 400 wins. Where they are far apart,
    the full batch takes too few steps, and 64 wins. So the claim is adjusted for the Bayes accuracy of the draw, and
    judged at its mean over 100 other draws for each seed.
    """
    accuracy = by_batch.test.sel(epoch=150, drop=True)
    bayes, population = (array.isel(batch=0, drop=True) for array in (by_batch.bayes, by_batch.population))
    luck = {"adjusted_by": bayes.rename("Bayes accuracy"), "population": population}
    return (
        exceeds(accuracy.sel(batch=[64]), accuracy.sel(batch=[1, 400]), by=0.01, **luck),
        strips(accuracy, along="batch", xlabel="batch size", ylabel="accuracy on 2,000 further rows"),
    )


@claim(
    "8.e",
    "A batch of 64 is the best compromise: it is the soonest at a training accuracy of 0.8",
    source=NOTEBOOK,
    seeds=32,
    published={"batch 64": "the best compromise"},
    clock=True,
    registered="refuted",
    reason="64 reaches 0.8 sooner than 1, 4 and 16 do, but later than 256 and 400: they need fewer steps, and a step "
    "costs them only a little more",
)
def test_64_is_soonest(by_batch, trained_alone):
    """Larger batches get there sooner: they need fewer steps, and a step costs only a little more.

    A refutation by one of five parts needs strong evidence. On a busy machine, where large batches cost relatively
    more, the claim may stay undecided.

    The notebook's calculation gives a time of 0 to a network that never reaches 0.8, and it stops the full batch after
    few steps: there the full batch either cannot win or wins with a time of 0. Here it is followed up to 1,171 steps,
    and gets to 0.8. A few networks with 64 rows do not, on the draws with the most overlap. They count as the whole
    budget, and that forbids "supported" against any size.
    """
    seconds = by_batch.steps_needed * trained_alone.seconds
    budget = trained_alone.seconds * by_size(FOLLOWED)
    sizes = [[64], [batch for batch in BATCHES if batch != 64]]
    fast, slow = (seconds.sel(batch=size) for size in sizes)
    ends = tuple(budget.sel(batch=size) for size in sizes)
    return (
        sooner(fast, slow, budget=ends, resolution=None),
        strips(seconds, along="batch", log="y", xlabel="batch size", ylabel="seconds to 0.8 training accuracy"),
        strips(by_batch.steps_needed, along="batch", log="y", xlabel="batch size", ylabel="steps to 0.8"),
    )


@claim(
    "8.f", "It is the unadjusted learning rate", source=f"{NOTEBOOK}, discussion", seeds=32
)
def test_it_is_the_learning_rate(by_batch, full_batch_at_five_times_the_rate):
    """At five times the rate the full batch gets most of the way to a batch of 16.

    The few steps of the full batch at the higher rate train about as well as the many steps of small batches at 0.003.
    What small batches had more of was the distance that they could travel.
    """
    accuracy = by_batch.training.sel(epoch=150, drop=True)
    full, small = accuracy.sel(batch=400, drop=True), accuracy.sel(batch=16, drop=True)
    adjusted = full_batch_at_five_times_the_rate.training
    recovered = (adjusted - full) - (small - full) / 2
    return exceeds(recovered, by=0).named(unit="training accuracy beyond half of the gap")


@claim(
    "8.g",
    "It is the number of updates: after equally many, accuracy does not fall with batch size",
    source="beyond the notebook",
    seeds=32,
    departures="Every batch size takes 1,171 steps, as many as a batch of 64 takes in 150 epochs.",
)
def test_it_is_the_number_of_updates(by_batch):
    """After equally many updates the order is reversed: larger batches are ahead.

    Epochs count rows, but training counts updates. In 150 epochs a batch of one row makes about 400 times as many
    updates as a batch of all rows.
    """
    return (
        increases(by_batch.at_equal_updates, along="batch", by=0.05, tolerance=0.01),
        against_batch(by_batch.at_equal_updates, by_batch, ylabel="training accuracy after 1,171 updates"),
    )
