"""Do neural networks beat support vector machines and trees, and the more so the more data there are?

Protocol. Data: mixture(n, d = 12, harmonic separation) with n = 20, 50, 100, 200, 500, 1,000, 2,000, 5,000 or 10,000.
The first 80 % of each n is for training. Within a seed the smaller training sets are parts of the larger ones, and one
test set (20 % of the largest n) serves all n. Techniques: scikit-learn's estimators with the defaults of the notebook's
day, written out below. They are a support vector machine with an RBF kernel, a decision tree, and networks with one
hidden layer of 100 units and with two (ReLU, Adam at 0.001, minibatches of min(200, n), at most 200 epochs).
`random_state` comes from the seed's own generators.

Departures. The text says random forests, the code ran a single decision tree: both are here. SVC's default gamma was
1/d in 2018 ("auto") and is 1/(d * variance) today ("scale"): these are two techniques, and a claim about SVMs must hold
for both. The notebook drew three datasets. Gradient boosting is added, and so is linear discriminant analysis, because
a plane is the best boundary between two classes with one covariance. A network that stops at 200 epochs is scored as it
is, as in the notebook, and counted as unconverged. An estimator that raised an error would score as a constant
predictor does.

Note. Seeds of this experiment are by far the most expensive.

Measurement. Accuracy on 2,000 further rows, balanced, and on the test set, which has the published size. Skill is
(accuracy - 1/2) / (Bayes accuracy - 1/2) of each draw. Saturation is log2 of the n at which a technique first has 90 %
of its own gain from n = 20 to 10,000, interpolated in log2 n. 3.b and 3.d are adjusted for the Bayes accuracy of a
seed's draw: the effect is the one at the mean Bayes accuracy of 100 other draws for each seed.
"""

import numpy as np
import xarray as xr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from fixtures.datasets import bayes_population
from pytest_claims import (
    all_of,
    at_least,
    at_most,
    claim,
    exceeds,
    increases,
    lines,
    measurement,
    stack,
    strips,
    variant,
)
from pytest_claims.training import fit_and_score, skill

NOTEBOOK = "Abid 2018, experiment 3"
SIZES = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]
NETWORK = {"activation": "relu", "solver": "adam", "alpha": 1e-4, "batch_size": "auto", "learning_rate_init": 0.001,
           "max_iter": 200, "tol": 1e-4, "n_iter_no_change": 10, "early_stopping": False}  # fmt: skip
TECHNIQUES = {
    "SVM (gamma of 2018)": SVC(C=1.0, kernel="rbf", gamma="auto"),
    "SVM": SVC(C=1.0, kernel="rbf", gamma="scale"),
    "tree": DecisionTreeClassifier(criterion="gini", max_depth=None, min_samples_split=2, min_samples_leaf=1),
    "shallow network": MLPClassifier(hidden_layer_sizes=(100,), **NETWORK),
    "deep network": MLPClassifier(hidden_layer_sizes=(100, 100), **NETWORK),
    "forest": RandomForestClassifier(n_estimators=100, criterion="gini", max_features="sqrt", bootstrap=True),
    "boosting": HistGradientBoostingClassifier(learning_rate=0.1, max_iter=100, max_leaf_nodes=31),
    "LDA": LinearDiscriminantAnalysis(solver="svd"),
}
COST = {"SVM (gamma of 2018)": 15, "SVM": 15, "tree": 1, "shallow network": 28, "deep network": 55,
        "forest": 20, "boosting": 5, "LDA": 0.5}  # fmt: skip
SVMS = ["SVM (gamma of 2018)", "SVM"]
RIVALS = [*SVMS, "tree"]
NETWORKS = ["shallow network", "deep network"]
DEEP = ["deep network"]
AS_PUBLISHED = [*RIVALS, *NETWORKS]
SMALL = [50, 100, 200]
CHANCE = 0.5  # what a constant predictor has on the further rows, which are balanced
PUBLISHED = {
    "SVM (gamma of 2018)": {20: 0.51, 10_000: 0.945},
    "tree": {20: 0.53, 10_000: 0.65},
    "deep network": {2_000: 1.0, 5_000: 1.0, 10_000: 1.0},
}


def octaves_to_saturation(accuracy):
    """log2 of the n at which ``accuracy`` (seed, n) first has 90 % of its gain from the first n to the last."""
    octaves = np.log2(SIZES)
    saturation = []
    for curve in accuracy.transpose("seed", "n").values:
        target = curve[0] + 0.9 * (curve[-1] - curve[0])
        after = int(np.argmax(curve >= target))
        before = max(after - 1, 0)
        rise = curve[after] - curve[before]
        share = (target - curve[before]) / rise if rise > 0 else 0.0
        saturation.append(octaves[before] + share * (octaves[after] - octaves[before]))
    return xr.DataArray(saturation, dims="seed")


@measurement(experiment=3, technique=list(TECHNIQUES), block=4, cost=COST)
def by_size(seeds, mixture, technique):
    """One technique at every n, on nested training sets; of the deep network also the accuracy on these (3.k)."""
    data = mixture(seeds, SIZES[-1], 12, "harmonic")
    score = ["accuracy", "published_size", *(["training"] if technique in DEEP else [])]
    by_n = {n: fit_and_score(seeds, TECHNIQUES[technique], data.first(int(0.8 * n)), score) for n in SIZES}
    scores = stack(by_n, along="n")
    return scores.assign(
        bayes=("seed", data.bayes),
        population=(("seed", "draw"), bayes_population(seeds, 12, "harmonic")),
        skill=skill(scores.accuracy, data.bayes),
        saturation=octaves_to_saturation(scores.accuracy),
    )


@measurement(experiment=3, cost=40)
def svm_at_20000(seeds, mixture):
    """Today's SVM with twice the largest n; the covariances are those of ``by_size``."""
    data = mixture(seeds, 20_000, 12, "harmonic")
    scores = fit_and_score(seeds, TECHNIQUES["SVM"], data, score=["accuracy"])
    return scores.assign(bayes=("seed", data.bayes), skill=skill(scores.accuracy, data.bayes))


def luck(measured):
    """How easy a seed's draw is, and the mean over all draws: the covariate of 3.b and 3.d."""
    bayes, population = (array.isel(technique=0, drop=True) for array in (measured.bayes, measured.population))
    return {"adjusted_by": bayes.rename("Bayes accuracy"), "population": population}


def of(measured, techniques):
    return measured.accuracy.sel(technique=techniques)


def against_n(array, measured=None, **words):
    ceiling = None if measured is None else float(measured.bayes.mean())
    return lines(array, x="n", by="technique", log="x", xlabel="n (80 % of it trains)", ceiling=ceiling, **words)


@claim(
    "3.a",
    "Every technique improves with the number of rows",
    source=NOTEBOOK,
    published=PUBLISHED,
)
def test_every_technique_improves(by_size):
    """Linear discriminant analysis comes nearest to the Bayes rule, then networks, then SVMs; the tree is the worst.

    The draws are harder than the notebook's: its deep network reached a perfect score, which most of our draws do not
    allow.
    """
    return (
        increases(of(by_size, AS_PUBLISHED), along="n", by=0.05),
        against_n(by_size.accuracy, by_size, published=PUBLISHED, ylabel="accuracy on 2,000 further rows"),
        against_n(by_size.published_size, by_size, published=PUBLISHED, ylabel="accuracy on the one test set"),
        against_n(
            by_size.unconverged.sel(technique=NETWORKS).astype(float),
            ylabel="share of fits stopped at 200 epochs, unconverged",
        ),
    )


@claim(
    "3.b",
    "Networks beat SVMs and trees at every number of rows",
    source=NOTEBOOK,
    looks=(64,),
    published=PUBLISHED,
    given={"rivals": RIVALS},
    only={"technique": [*RIVALS, *NETWORKS]},
    variants=[
        variant(
            "forest",
            rivals=[*SVMS, "forest"],
            only={"technique": [*SVMS, "forest", *NETWORKS]},
            departs="Random forests, as the text says, instead of one tree.",
        )
    ],
)
def test_networks_beat_the_rivals(by_size, rivals):
    """With few rows the networks lead clearly. With many the SVM closes in: it still gains, they no longer do (3.f)."""
    networks, others = of(by_size, NETWORKS), of(by_size, rivals)
    return (
        all_of(
            exceeds(networks, others, **luck(by_size)),
            exceeds(networks.mean("n"), others.mean("n"), by=0.02, **luck(by_size)),
        ),
        against_n(of(by_size, [*rivals, *NETWORKS]), by_size, published=PUBLISHED, ylabel="accuracy"),
    )


@claim(
    "3.c",
    "The gap widens until the networks saturate",
    source=NOTEBOOK,
    only={"technique": [*RIVALS, *DEEP]},
    registered="refuted",
    reason="from 200 to 500 rows today's SVM catches up with the deep network: its accuracy rises from "
    "{accuracy[technique=SVM, n=200]:.3f} to {accuracy[technique=SVM, n=500]:.3f}, the deep network's from "
    "{accuracy[technique='deep network', n=200]:.3f} to {accuracy[technique='deep network', n=500]:.3f}",
)
def test_the_gap_widens(by_size):
    """Against the SVMs the gap is widest at 200 rows; against the tree it widens throughout."""
    deep = by_size.accuracy.sel(technique="deep network", drop=True)
    gap = (deep - of(by_size, RIVALS)).sel(n=slice(20, 500))
    return increases(gap, along="n", by=0.05), against_n(gap, ylabel="deep network's accuracy minus the rival's")


@claim(
    "3.d",
    "Deep networks do a little better than shallow ones",
    source=NOTEBOOK,
    looks=(64,),
    given={"margin": 0.0},
    only={"technique": NETWORKS},
    variants=[
        variant(
            "one-point",
            margin=0.01,
            departs="The lead must be more than one point of accuracy, not only more than none.",
            registered="inconclusive",
            reason="in the mean over n the deep network is ahead by {effect:.3f}, too close to one point to decide",
        )
    ],
)
def test_deep_beats_shallow(by_size, margin):
    """A mean over n hides two regimes: the deep network is ahead with few rows, the shallow one with many.

    The lead is smaller than one point, and seen only because both networks learn the same draw.
    """
    mean = by_size.accuracy.mean("n")
    return exceeds(mean.sel(technique=DEEP), mean.sel(technique=["shallow network"]), by=margin, **luck(by_size))


@claim(
    "3.e",
    "With enough data even an SVM is respectable",
    source=NOTEBOOK,
    published={"accuracy at n = 10,000": 0.945},
    only={"technique": SVMS},
)
def test_svms_become_respectable(by_size):
    """The two SVMs differ in gamma alone, 1/d in 2018 and 1 / (d * variance) today: one default changed the skill."""
    return (
        at_least(by_size.skill.sel(technique=SVMS, n=SIZES[-1]), 0.8),
        against_n(by_size.skill.sel(technique=SVMS), ylabel="skill: share of what the Bayes rule has over guessing"),
    )


@claim(
    "3.f",
    "Techniques other than deep networks saturate sooner",
    source=f"{NOTEBOOK}, hypothesis",
    registered="refuted",
    reason="it is the other way round: the deep network has 90 % of its gain with far fewer rows than the tree and "
    "the SVMs (log2 of n is {saturation[technique='deep network']:.1f}, {saturation[technique=tree]:.1f} and, for "
    "today's SVM, {saturation[technique=SVM]:.1f}), because it is soon near the best that is possible",
)
def test_rivals_saturate_sooner(by_size):
    saturation = by_size.saturation
    return (
        exceeds(saturation.sel(technique=DEEP), saturation.sel(technique=RIVALS), by=1).named(unit="octaves of n"),
        strips(saturation, along="technique", ylabel="log2 of the n with 90 % of the gain"),
    )


@claim(
    "3.g",
    "Random forests and gradient boosting lose to the deep network, too, at n = 10,000",
    source="beyond the notebook, whose text names random forests",
    published={"deep network": 1.0},
    only={"technique": ["forest", "boosting", *DEEP]},
)
def test_ensembles_lose_too(by_size):
    last = by_size.accuracy.sel(n=SIZES[-1])
    return (
        exceeds(last.sel(technique=DEEP), last.sel(technique=["forest", "boosting"]), by=0.02),
        against_n(of(by_size, ["forest", "boosting", *DEEP]), by_size, ylabel="accuracy"),
    )


@claim(
    "3.h",
    "The task is linear: discriminant analysis is at least as good as every technique at every number of rows",
    source="beyond the notebook",
    registered="inconclusive",
    reason="with 5,000 rows and more the networks are level with it on nearly every draw "
    "({accuracy[technique=LDA, n=10000]:.3f} against {accuracy[technique='shallow network', n=10000]:.3f}), but on a "
    "single draw they are far ahead, and nobody can tell from these seeds how rare such draws are",
)
def test_a_linear_rule_is_enough(by_size):
    """With few rows some techniques only guess, and boosting cannot split its rows at all.

    So the control asks every technique to beat a constant answer at the largest number of rows only.
    """
    others = [technique for technique in TECHNIQUES if technique != "LDA"]
    most = by_size.accuracy.sel(n=SIZES[-1])
    return (
        exceeds(of(by_size, ["LDA"]), of(by_size, others), by=-0.01).assay(most, against=CHANCE, by=0.01),
        against_n(by_size.skill, ylabel="skill: share of what the Bayes rule has over guessing"),
    )


@claim(
    "3.i",
    "Deep networks gain more from data than the others",
    source=f"{NOTEBOOK}, hypothesis",
    published={"accuracy": PUBLISHED},
    only={"technique": AS_PUBLISHED},
    registered="refuted",
    reason="only the tree gains less than the deep network; the SVMs and the shallow network gain as much or more: "
    "those that have little at n = 20 have more to gain",
)
def test_deep_networks_gain_most(by_size):
    gain = by_size.accuracy.sel(n=SIZES[-1], drop=True) - by_size.accuracy.sel(n=SIZES[0], drop=True)
    gains = gain.sel(technique=AS_PUBLISHED)
    return (
        exceeds(gain.sel(technique=DEEP), gain.sel(technique=[*RIVALS, "shallow network"]), by=0.02),
        strips(gains, along="technique", ylabel="accuracy at n = 10,000 minus accuracy at n = 20"),
    )


@claim(
    "3.j",
    "Networks are already better on small data",
    source=f"{NOTEBOOK}, discussion",
    only={"technique": AS_PUBLISHED},
)
def test_networks_win_on_small_data(by_size):
    mean = by_size.accuracy.sel(n=SMALL).mean("n")
    return exceeds(mean.sel(technique=NETWORKS), mean.sel(technique=RIVALS), by=0.02)


@claim(
    "3.k",
    "The deep network does not overfit much",
    source=f"{NOTEBOOK}, discussion",
    only={"technique": DEEP},
    registered="refuted",
    reason="with 50 to 200 rows it gets all of its training rows right, but far fewer of the others: at n = 200 it "
    "has {training[technique='deep network', n=200]:.2f} of the first and {accuracy[technique='deep network', "
    "n=200]:.2f} of the second",
)
def test_deep_network_overfits_little(by_size):
    """A network that learned nothing would have no gap either: it must beat chance on the further rows."""
    gap = (by_size.training - by_size.accuracy).sel(technique=DEEP)
    accuracy = of(by_size, DEEP).sel(n=SMALL).mean("n")
    chance = 0 * accuracy + CHANCE  # an array: against a number, `by` must cover its distance from the bound of the gap
    return (
        at_most(gap.sel(n=SMALL).mean("n"), 0.05).assay(accuracy, against=chance, by=0.05),
        against_n(gap, ylabel="training minus test accuracy"),
    )


@claim(
    "3.l",
    "With enough data the SVM approaches a perfect score",
    source=f"{NOTEBOOK}, discussion",
    seeds=32,
    published={"accuracy at n = 10,000": 0.945},
    registered="inconclusive",
    reason="at n = 20,000 its skill is {skill:.3f} on average, but it varies so much with the draw that 0.95 is "
    "neither reached nor excluded",
)
def test_svm_approaches_the_ceiling(svm_at_20000):
    return at_least(svm_at_20000.skill, 0.95)
