"""Sabotage of experiments 1, 2, 7, 9 and 12, and of learning itself."""

import json
from pathlib import Path

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
NO_TRAINING = f"{ENGINE}: chunks = lambda *_: ()"
EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example-report" / "results.json"
# scikit-learn trains experiment 3; these are about something else than what a network has learned
TRUE_WITHOUT_TRAINING = {
    "2.d": "a number of parameters",
    "4.b": "accuracy stays at chance",
    "4.b@train-range": "accuracy stays at chance",
    "5.b@step-2250": "accuracy stays low",
    "6.f": "two accuracies are alike",
    "6.h": "units are constant from the start",
    "7.b": "four accuracies are alike",
    "8.a": "a time",
    "9.b": "nothing is learned",
    "10.d": "accuracy stays at chance",
    "11.a": "where weights end",
    "11.c": "where weights end",
    "11.c@ones": "where weights end",
}
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


def test_nothing_is_learned_without_training(sabotaged):
    """No step is taken: of all claims that are supported, those about what was learned lose it."""
    results = json.loads(EXAMPLE.read_text(encoding="utf-8"))["claims"]
    supported = {claim["id"] for claim in results if claim["verdict"] == "supported"}
    learned = {name for name in supported if not name.startswith("3.")} - set(TRUE_WITHOUT_TRAINING)

    assert supported >= set(TRUE_WITHOUT_TRAINING)
    assert sabotaged(*sorted(learned), seeds=32, patch=NO_TRAINING).supported == set()


def test_nothing_is_learned_when_adam_does_nothing(untouched, sabotaged):
    """Gradients are computed, and Adam's step leaves the weights where they are."""
    assert untouched("7.a", "7.c").supported == {"7.a", "7.c"}
    assert sabotaged("7.a", "7.c", patch=IDLE_ADAM).supported == set()
