"""Sabotage of experiments 1, 2, 7, 9 and 12, and of learning itself."""

import pytest

pytestmark = pytest.mark.slow

ENGINE = "fixtures.engines.torch_engine"
IDENTITY_FOR_SIGMOID = f"{ENGINE}: ACTIVATIONS['sigmoid'] = ACTIVATIONS['identity']"
IDENTITY_FOR_ALL = f"{ENGINE}: ACTIVATIONS.update(dict.fromkeys(ACTIVATIONS, ACTIVATIONS['identity']))"
SAME_DEPTH = "fixtures.engines.base: applied_layers = lambda sizes, repeat: list(range(len(sizes) - 1))"
SQUARED_FOR_ALL = f"{ENGINE}: LOSSES.update(dict.fromkeys(LOSSES, LOSSES['squared']))"
ONLY_CROSS_ENTROPY_LEARNS = (
    f"{ENGINE}: LOSSES.update({{name: LOSSES['constant'] for name in LOSSES if name != 'cross_entropy'}})"
)
NO_PENALTY = f"{ENGINE}: PENALTIES.update(dict.fromkeys(PENALTIES, torch.zeros_like))"
NO_LEARNING = "torch.optim: Adam.step = lambda self, closure=None: None"


def test_without_a_non_linearity_units_do_not_help(untouched, sabotaged):
    """1: a sum of lines is a line; with the identity for sigmoid 16 units fit no better than 2."""
    claims = ("1.a", "1.b")

    assert untouched(*claims).supported == set(claims)
    assert sabotaged(*claims, patch=IDENTITY_FOR_SIGMOID).supported == set()


def test_without_repeats_depth_gains_nothing(untouched, sabotaged):
    """2: with the shared layer applied once whatever L, more layers bring no accuracy and no turns."""
    claims = ("2.a", "2.b", "2.c")

    assert untouched(*claims).supported
    assert sabotaged(*claims, patch=SAME_DEPTH).supported == set()


def test_one_activation_under_seven_names(untouched, sabotaged):
    """7: with the identity under every name nothing is effective, and nothing is worse than another."""
    claims = ("7.a", "7.c", "7.d", "7.g")

    assert untouched(*claims).supported
    assert sabotaged(*claims, patch=IDENTITY_FOR_ALL).supported == set()


def test_one_loss_under_six_names(untouched, sabotaged):
    """9: the constant loss learns when it is not constant, and no loss is slower than itself."""
    claims = ("9.b", "9.c")

    assert "9.b" in untouched(*claims).supported
    assert sabotaged(*claims, patch=SQUARED_FOR_ALL).supported == set()


def test_a_planted_best_loss_is_found(untouched, sabotaged):
    """9: cross-entropy is not the best by nature; where it alone learns, it is."""
    assert untouched("9.a", "9.d").supported == {"9.a"}
    assert sabotaged("9.a", "9.d", patch=ONLY_CROSS_ENTROPY_LEARNS).supported == {"9.d"}


def test_strength_zero_everywhere(untouched, sabotaged):
    """12: without a penalty weights do not shrink, are not sparse, and cost no accuracy."""
    claims = ("12.a", "12.b", "12.d", "12.e")

    assert {"12.a", "12.b"} <= untouched(*claims).supported
    assert sabotaged(*claims, patch=NO_PENALTY).supported == set()


def test_nothing_is_learned_without_learning(sabotaged):
    """Adam's step does nothing: no claim about learned accuracy keeps its support.

    Claims that things are alike (9.a) or that a loss learns nothing (9.b) stay true, and are left out.
    """
    fits = ("1.a", "1.b", "1.c", "1.e")
    accuracy = ("2.a", "2.b", "2.c", "2.e", "7.a", "7.c", "7.d", "7.e", "7.g", "7.h", "9.c", "9.d")
    regularised = ("12.a", "12.b", "12.d", "12.e", "12.f", "12.g")

    assert sabotaged(*fits, *accuracy, *regularised, patch=NO_LEARNING).supported == set()
