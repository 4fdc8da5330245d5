"""Sabotage of experiments 1, 2, 7, 9 and 12, and of learning itself."""

import pytest

from tests.sabotage.patches import ENGINE, without

pytestmark = pytest.mark.slow

IDENTITY_FOR_SIGMOID = f"{ENGINE}: ACTIVATIONS['sigmoid'] = ACTIVATIONS['identity']"
IDENTITY_FOR_ALL = f"{ENGINE}: ACTIVATIONS.update(dict.fromkeys(ACTIVATIONS, ACTIVATIONS['identity']))"
SAME_DEPTH = "fixtures.engines.base: applied_layers = lambda sizes, repeat: list(range(len(sizes) - 1))"
SQUARED_FOR_ALL = f"{ENGINE}: LOSSES.update(dict.fromkeys(LOSSES, LOSSES['squared']))"
ONLY_CROSS_ENTROPY_LEARNS = (
    f"{ENGINE}: LOSSES.update({{name: LOSSES['constant'] for name in LOSSES if name != 'cross_entropy'}})"
)
NO_PENALTY = f"{ENGINE}: PENALTIES.update(dict.fromkeys(PENALTIES, torch.zeros_like))"
IDLE_ADAM = "torch.optim: Adam.step = lambda self, closure=None: None"
NO_LEARNING = [IDLE_ADAM, f"{ENGINE}: chunks = lambda *_: ()"]  # the second alone would do, and saves the time
HARMONIC = without("ones", "redrawn")  # the dataset that the bare ids of experiments 9 and 12 are about


def test_without_a_non_linearity_units_do_not_help(untouched, sabotaged):
    """1: a sum of lines is a line; with the identity for sigmoid 16 units fit no better than 2.

    1.a has no support to lose, it is undecided on sin(12x): here it is refuted.
    """
    claims = ("1.a", "1.b")
    before = untouched(*claims, seeds=16)
    after = sabotaged(*claims, seeds=16, patch=IDENTITY_FOR_SIGMOID)

    assert before.supported == {"1.b"}
    assert after.supported == set()
    assert (before["1.a"]["verdict"], after["1.a"]["verdict"]) == ("inconclusive", "refuted")


def test_without_repeats_depth_gains_nothing(untouched, sabotaged):
    """2: with the shared layer applied once whatever L, more layers bring no accuracy and no turns."""
    claims = ("2.a", "2.b", "2.c")

    assert "2.b" in untouched(*claims, seeds=32).supported
    assert sabotaged(*claims, seeds=32, patch=SAME_DEPTH).supported == set()


def test_one_activation_under_seven_names(untouched, sabotaged):
    """7: with the identity under every name nothing is effective, and nothing is worse than another."""
    claims = ("7.a", "7.c", "7.d", "7.g")

    assert untouched(*claims).supported == set(claims)
    assert sabotaged(*claims, patch=IDENTITY_FOR_ALL).supported == set()


def test_one_loss_under_six_names(sabotaged):
    """9: the constant loss learns when it is not constant; cross-entropy is not the best, but where it alone learns."""
    claims = ("9.a", "9.b", "9.c", "9.d")

    assert sabotaged(*claims, patch=HARMONIC).supported == {"9.b"}
    assert sabotaged("9.b", "9.c", "9.d", patch=[HARMONIC, SQUARED_FOR_ALL]).supported == set()
    assert sabotaged("9.a", "9.d", patch=[HARMONIC, ONLY_CROSS_ENTROPY_LEARNS]).supported == {"9.d"}


def test_strength_zero_everywhere(sabotaged):
    """12: without a penalty weights do not shrink, are not sparse, and cost no accuracy."""
    claims = ("12.a", "12.b", "12.d", "12.e")

    assert sabotaged(*claims, seeds=16, patch=HARMONIC).supported >= {"12.a", "12.b"}
    assert sabotaged(*claims, seeds=16, patch=[HARMONIC, NO_PENALTY]).supported == set()


def test_nothing_is_learned_without_learning(sabotaged):
    """Adam's step does nothing: no claim about learned accuracy keeps its support.

    Claims that things are alike (9.a), that a loss learns nothing (9.b) or that accuracy stays low (4.b, 5.b, 10.d) are
    true of networks that do not learn, and are left out.
    """
    fits = ("1.a", "1.b", "1.c", "1.e")
    accuracy = ("2.a", "2.b", "2.c", "2.e", "7.a", "7.c", "7.d", "7.e", "7.g", "7.h", "9.c", "9.d")
    more = (
        "4.a",
        "4.c",
        "5.a",
        "5.c",
        "5.d",
        "5.e",
        "8.b",
        "8.c",
        "8.d",
        "8.g",
        "10.a",
        "10.b",
        "10.e",
        "10.g",
        "10.i",
    )
    regularised = ("12.a", "12.b", "12.d", "12.e", "12.f", "12.g")

    ids = (*fits, *accuracy, *more, *regularised)

    assert sabotaged(*ids, patch=[HARMONIC, *NO_LEARNING]).supported == set()


def test_nothing_is_learned_when_adam_does_nothing(untouched, sabotaged):
    """Gradients are computed, and Adam's step leaves the weights where they are."""
    assert untouched("7.a", "7.c").supported == {"7.a", "7.c"}
    assert sabotaged("7.a", "7.c", patch=IDLE_ADAM).supported == set()
