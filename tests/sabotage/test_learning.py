"""Sabotage of experiments 1, 2, 7, 9 and 12, and of learning itself."""

import pytest

from tests.sabotage.patches import ENGINE, FUNCTIONS, without
from tests.sabotage.records import committed_example

pytestmark = pytest.mark.slow

IDENTITY_FOR_SIGMOID = f"{FUNCTIONS}: ACTIVATIONS['sigmoid'] = ACTIVATIONS['identity']"
EASY_CURVES = "claims.test_approximation: log10 = lambda errors, _log10=log10: _log10(errors).drop_sel(function='sin')"
IDENTITY_FOR_ALL = f"{FUNCTIONS}: ACTIVATIONS.update(dict.fromkeys(ACTIVATIONS, ACTIVATIONS['identity']))"
SAME_DEPTH = "pytest_claims.training.engines.base: applied_layers = lambda sizes, repeat: list(range(len(sizes) - 1))"
SQUARED_FOR_ALL = f"{FUNCTIONS}: LOSSES.update(dict.fromkeys(LOSSES, LOSSES['squared']))"
ONLY_CROSS_ENTROPY_LEARNS = (
    f"{FUNCTIONS}: LOSSES.update({{name: LOSSES['constant'] for name in LOSSES if name != 'cross_entropy'}})"
)
NO_PENALTY = f"{FUNCTIONS}: PENALTIES.update(dict.fromkeys(PENALTIES, torch.zeros_like))"
IDLE_ADAM = f"{ENGINE}: adam = lambda *_, **__: None"
NO_LEARNING = f"{ENGINE}: chunks = lambda *_: ()"  # the same as an Adam that does nothing, but quick
EXAMPLE = committed_example()
TRUE_WITHOUT_LEARNING = {
    "2.d": "counts parameters",
    "6.h": "raw inputs leave units constant before the first step, too",
    "9.b": "a loss from which nothing is learned",
}
#: Conditions that cost much and tell nothing more where no network learns: 1,000 and 2,000 dummies.
SMALLER = {"6": [without(1_000, 2_000), "claims.test_pca: MANY[:] = [200, 500]"]}
NEED_2000 = {"6.a@rotation", "6.d"}  # their reasons name an accuracy there


def test_without_a_non_linearity_units_do_not_help(sabotaged):
    """1: a sum of lines is a line; with the identity instead of sigmoid 16 units fit no better than 2."""
    claims = ("1.a", "1.b", "1.c", "1.d", "1.e")
    records = sabotaged(*claims, seeds=None, patch=IDENTITY_FOR_SIGMOID)

    assert EXAMPLE.supported & set(claims) == {"1.b", "1.d"}
    assert {claim: record["verdict"] for claim, record in records.items()} == dict.fromkeys(claims, "refuted")


def test_the_error_falls_because_of_the_non_linearity(sabotaged):
    """1.a is undecided because of sin(12x); without that function it is supported, and loses its support."""
    assert EXAMPLE["1.a"]["verdict"] == "inconclusive"
    assert sabotaged("1.a", seeds=32, patch=EASY_CURVES).supported == {"1.a"}
    assert sabotaged("1.a", seeds=32, patch=[EASY_CURVES, IDENTITY_FOR_SIGMOID]).supported == set()


def test_without_repeats_depth_gains_nothing(sabotaged):
    """2: if the shared layer is applied once, whatever the depth, more layers bring no accuracy and no turns."""
    claims = ("2.a", "2.b", "2.c")

    assert EXAMPLE.supported >= set(claims)
    assert sabotaged(*claims, seeds=EXAMPLE.seeds(claims), patch=SAME_DEPTH).supported == set()


def test_one_activation_under_seven_names(untouched, sabotaged):
    """7: with the identity under every name no activation is effective, and none is worse than another."""
    claims = ("7.a", "7.c", "7.d", "7.g")

    assert untouched(*claims).supported == set(claims)
    assert sabotaged(*claims, patch=IDENTITY_FOR_ALL).supported == set()


def test_one_loss_under_six_names(untouched, sabotaged):
    """9: if every loss is the squared one, "constant" learns too; cross-entropy is the best only if it alone learns."""
    claims = ("9.a", "9.b", "9.c", "9.d")

    assert untouched(*claims).supported == {"9.b"}
    assert sabotaged("9.b", "9.c", "9.d", patch=SQUARED_FOR_ALL).supported == set()
    assert sabotaged("9.a", "9.d", patch=ONLY_CROSS_ENTROPY_LEARNS).supported == {"9.d"}


def test_strength_zero_everywhere(untouched, sabotaged):
    """12: without a penalty weights do not shrink and are not sparse, and no accuracy is lost."""
    claims = ("12.a", "12.b", "12.d", "12.e")

    assert untouched(*claims, seeds=16).supported >= {"12.a", "12.b"}
    assert sabotaged(*claims, seeds=16, patch=NO_PENALTY).supported == set()


def experiment_of(claim):
    """Return an id's number: "12" of 12.a@ones."""
    return claim.partition(".")[0]


@pytest.mark.parametrize("experiment", sorted({experiment_of(claim) for claim in EXAMPLE} - {"3"}, key=int))
def test_nothing_is_learned_without_learning(experiment, sabotaged):
    """No step is taken: no claim is supported, but those that need no learning.

    The seeds are as many as the example needed to support what it supports. Claims about times say nothing about
    learning, and are left out, as are two that look at 2,000 dummies. Experiment 3 has scikit-learn's networks, and a
    test in test_classical.py.
    """
    ids = {claim for claim in EXAMPLE if experiment_of(claim) == experiment and not EXAMPLE[claim]["clock"]} - NEED_2000
    expected = TRUE_WITHOUT_LEARNING.keys() & ids
    patches = [*SMALLER.get(experiment, ()), NO_LEARNING]

    assert sabotaged(*sorted(ids), seeds=EXAMPLE.seeds(ids & EXAMPLE.supported), patch=patches).supported == expected


def test_losses_that_are_alike_because_none_learns_are_not_supported(sabotaged):
    """9: without a step all losses end alike, on a constant accuracy, which says nothing about them."""
    records = sabotaged("9.a", "9.e", seeds=32, patch=NO_LEARNING).values()

    assert {record["verdict"] for record in records} == {"inconclusive"}
    assert all("could not have seen a difference" in record["message"] for record in records)


def test_nothing_is_learned_when_adam_does_nothing(untouched, sabotaged):
    """Gradients are computed, but Adam's step does not change the weights."""
    assert untouched("7.a", "7.c").supported == {"7.a", "7.c"}
    assert sabotaged("7.a", "7.c", patch=IDLE_ADAM).supported == set()
