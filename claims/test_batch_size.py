"""Do larger batches run faster and score worse?

Protocol. mixture(500, d = 12, means one apart in every dimension), random 80/20 split; two hidden layers of 100 sigmoid
units; Glorot-uniform weights and biases; softmax cross-entropy; batches of 1, 4, 16, 64, 256 and 400, the last being
all training rows; Adam at 0.003 for 150 * 500 / batch steps, which the notebook calls 150 epochs. Dataset and initial
weights are the same for all batch sizes within a seed.

Departures. The notebook's plot titled "Test Accuracy" shows training accuracy, as only its code tells: 8.b is judged on
what was plotted, 8.c on what the title says. Its time to an accuracy of 0.8 is 0, the best, for a batch size that never
gets there; here never is the budget. It ran four times and kept the run time of the last; its last record is its 14th,
at epoch 140 ("@record-14"). The learning rate is the same for all sizes, as in the notebook; 8.f asks what that does.

Measurement. Training accuracy, and accuracy on 2,000 further rows, every 10 epochs. Networks that take fewer steps than
a batch of 64 does, 1,171, are trained on up to there: for 8.g, and to see them reach 0.8. Steps to 0.8 are recorded at
1, 2, 3, 4, 6, 8, ... (2^(k/2)). Run time is that of a network trained alone by the loop a user would write,
nn.Sequential and torch.optim.Adam on one thread: processor time of 300 steps, the median of three turns in which the
sizes alternate, times the number of steps. It differs from run to run and between processors. Sixteen seeds, where the
pilots ask for 32 (8.c), 112 (8.d), 336 (8.b) and 592 (8.b@record-14).
"""

import numpy as np
import xarray as xr

from fixtures.alone import seconds_alone
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
    """1, 2, 3, 4, 6, 8, 11, ...: 2^(k/2), rounded."""
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


@claim("8.a", "Run time falls with batch size", source=NOTEBOOK, published={"batch 1 to 400": "falls"}, clock=True)
def test_run_time_falls(trained_alone):
    """Run time falls because there are fewer steps; a step costs nearly the same up to a batch of 64.

    For networks of this size a step is mostly overhead: 0.7 ms with one row, 0.8 ms with 64 and 1.3 ms with 400 (twice
    that on a busy machine). 75,000 steps of one row take 216 times as long as 187 of all rows.
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
    published=PUBLISHED,
    registered="inconclusive",
    reason="accuracy falls by 0.12 from batch 1 to 400, but from 256 to 400 it rises by 0.007, sd 0.013, where the "
    "claim allows a step back of 0.004, and from 1 to 4 it is open, too: about 384 seeds would decide",
    given={"epoch": 150},
    variants=[
        variant(
            "record-14",
            epoch=140,
            departs="The notebook's last record, at epoch 140 instead of 150.",
            registered="inconclusive",
            reason="as at epoch 150: the first step and the last, 256 to 400, are too close to the tolerance",
        ),
    ],
)
def test_training_accuracy_falls(by_batch, epoch):
    """Training accuracy falls from .992 to .869, as plotted, but not monotonically.

    .992, .988, .950, .903, .862, .869 with batches of 1, 4, 16, 64, 256, 400. At both ends neighbours are alike: one
    row and four both memorise nearly everything, and 256 of the 400 rows give nearly the same gradient as all of them.
    From end to end the fall is beyond doubt (99 % interval 0.047 to 0.199).
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
    published=PUBLISHED,
    registered="refuted",
    reason="test accuracy rises with batch size, by 0.045 from batch 1 to 400, because small batches take so many "
    "steps in 150 epochs that they overfit: the plot titled test accuracy shows training accuracy",
)
def test_test_accuracy_falls(by_batch):
    """What falls is the accuracy on rows that were trained on. On others it rises, from .787 to .832.

    The notebook measured one and titled it as the other; the conclusion that small batches score better rests on that.
    After 75,000 steps a network with batches of one row has memorised 99 % of the labels of a mixture of which the best
    classifier gets 90 % right (mean over the draws; 71 % in the hardest): it has learned the noise. 187 steps of all
    rows are too few for that. What looks like an effect of batch size is early stopping, see 8.g.
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
    registered="inconclusive",
    reason="64 beats 1, by 0.040, but is not seen to beat 400: -0.006, 99 % interval -0.025 to 0.013",
)
def test_a_moderate_batch_is_best(by_batch):
    """A batch of 64 beats a single row, but not the full batch, within these seeds.

    It depends on the draw: where classes overlap, fewer steps overfit less and 400 wins; where they are far apart, 187
    steps are too few and 64 wins. About 56 seeds would show that 64 does not beat 400 by 0.01 in the mean.
    """
    accuracy = by_batch.test.sel(epoch=150, drop=True)
    return (
        exceeds(accuracy.sel(batch=[64]), accuracy.sel(batch=[1, 400]), by=0.01),
        strips(accuracy, along="batch", xlabel="batch size", ylabel="accuracy on 2,000 further rows"),
    )


@claim(
    "8.e",
    "A batch of 64 is the best compromise: it is the soonest at a training accuracy of 0.8",
    source=NOTEBOOK,
    published={"batch 64": "the best compromise"},
    clock=True,
    registered="refuted",
    reason="64 is at 0.8 sooner than 1, 4 and 16 but later than 256 and 400, which take 0.79 and 0.69 of its time",
)
def test_64_is_soonest(by_batch, trained_alone):
    """Larger batches are there sooner: 0.27 s with 256 rows, 0.24 s with 400, 0.35 s with 64 (geometric means).

    They need fewer steps (medians 181 and 154 against 362; 6,992 with single rows), and a step costs only 1.3 and 1.6
    times as much. Among five parts a refutation is asked at 0.001, which is close: on a busy machine, where a step of
    256 rows cost 1.4 times as much as one of 64, the claim stayed undecided.

    In the notebook's calculation the full batch cannot win where it does not reach 0.8 in its own 187 steps, or wins
    with a time of 0: its time to a threshold says 0 for never. Followed to 1,171 steps, every network with 256 or 400
    rows gets to 0.8 on every draw; with 64 rows three of 16 do not, those with the most overlap. That forbids a
    "supported" against any size, since the three stand at the budget.
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


@claim("8.f", "It is the unadjusted learning rate", source=f"{NOTEBOOK}, discussion")
def test_it_is_the_learning_rate(by_batch, full_batch_at_five_times_the_rate):
    """At five times the rate the full batch gets most of the way to a batch of 16: .947, against .869 and .950.

    187 steps at 0.015 train about as well as 4,687 steps at 0.003 on batches of 16. What small batches had more of was
    the distance they could travel.
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
    departures="1,171 steps with every batch size, as many as a batch of 64 takes in 150 epochs.",
)
def test_it_is_the_number_of_updates(by_batch):
    """After equally many updates the order is reversed: .646, .756, .835, .903, .982, 1.000 from batch 1 to 400.

    Epochs count rows, training counts updates. In 150 epochs a batch of one row makes 401 times as many as a batch of
    all rows.
    """
    return (
        increases(by_batch.at_equal_updates, along="batch", by=0.05, tolerance=0.01),
        against_batch(by_batch.at_equal_updates, by_batch, ylabel="training accuracy after 1,171 updates"),
    )
