"""Labels of conditions: the same in every process and place, and a sentence at declaration where there is none."""

import functools
import pathlib

import numpy as np
import pytest

from pytest_claims.trials.conditions import fault_of, in_words, label

pytest_plugins = ["pytester"]


class Plain:
    """Python's own text for it holds an address."""


class Named:
    """Has a text of its own, on two lines."""

    def __str__(self):
        return "Named(\n  1)"


class Broken:
    """Has no text."""

    def __str__(self):
        raise ValueError


def relu(x):
    """Rectify."""
    return max(x, 0)


@pytest.mark.parametrize(
    "value, expected",
    [
        (2, 2),
        (True, True),
        (0.5, 0.5),
        ("relu", "relu"),
        (None, "None"),
        ((3, 3), "(3, 3)"),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (relu, "relu"),
        (Plain, "Plain"),
        (Named(), "Named( 1)"),
        ({"b", "a"}, "{a, b}"),
        (pathlib.Path("/home/somebody/data/moons.csv"), "moons.csv"),
        (pathlib.Path("data/moons.csv"), "data/moons.csv"),
    ],
)
def test_labels(value, expected):
    """Numbers and texts as they are, functions by their name, absolute paths without what belongs to this machine."""
    assert label(value) == expected
    assert type(label(value)) is type(expected)


def test_a_condition_in_words_shows_what_would_be_hidden():
    """It goes to node ids, messages and the terminal."""
    assert in_words({"layers": 2, "name": "a\x1b[31m", "act": relu}) == "layers=2, name=a\\x1b[31m, act=relu"


ADDRESS = "is written with its address in memory, which changes; give it a __str__."


@pytest.mark.parametrize(
    "values, why",
    [
        ([Plain(), 1], f"without a name: a Plain {ADDRESS}"),
        ([functools.partial(relu, 1)], f"without a name: a partial {ADDRESS}"),
        ([Broken()], "that have no text (ValueError)."),
        ([1, 2, 1], "that have the same label, 1."),
        ([lambda: 1, lambda: 2], "that have the same label, <lambda>."),
        ([pathlib.Path("/a/x.csv"), pathlib.Path("/b/x.csv")], "that have the same label, x.csv."),
        (["a", 1], "of several kinds (numbers and text: 'a', 1); make all of them text, or all numbers."),
        ([True, 2], "of several kinds (numbers and yes or no: True, 2); make all of them text, or all numbers."),
        ([float("nan"), 1.0], "that are NaN, which equals nothing and cannot be selected."),
    ],
    ids=["object", "partial", "broken", "twice", "lambdas", "paths", "mixed", "bools", "nan"],
)
def test_values_without_a_label_of_their_own_are_a_fault(values, why):
    """Said at the declaration: workers would collect different tests, and a claim could not select what it asks for."""
    sentence = fault_of("odd", {"level": values})

    assert sentence is not None
    assert sentence.replace("<locals>.", "").endswith(why.rpartition("<")[2])
    assert sentence.startswith("The measurement odd has values of level ")


@pytest.mark.parametrize("name", ["seed", "seeds"])
def test_a_condition_is_not_named_like_the_seeds(name):
    """It would be a second dimension of that name."""
    assert fault_of("odd", {name: [1, 2]}) == (
        f"The measurement odd has a condition {name}, which is the name of the seeds; choose another."
    )


def test_values_that_can_be_told_apart_are_none():
    """Numbers of both kinds, texts, functions, tuples and None."""
    assert (
        fault_of("fine", {"a": [1, 0.5], "b": ["x", None, (1, 2), relu], "c": np.arange(3), "d": [True, False]}) is None
    )


def test_a_claim_on_such_a_measurement_is_an_error(toy):
    """In that sentence, before anything is measured; other claims run."""
    toy.add("""
@measurement(level=[object(), object()])
def odd(seeds, noise, level):
    return {"height": noise(seeds)}

@claim("3.a", "Odd", seeds=8)
def test_odd(odd):
    return exceeds(odd.height, by=0)
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["message"] == (
        f"The measurement odd has values of level without a name: a object {ADDRESS}"
    )
    assert not any("odd" in path.name for path in toy.store())


def test_functions_are_conditions_whose_label_a_claim_selects(toy):
    """By their name; their address would differ from process to process."""
    toy.add("""
def low(x):
    return x
def high(x):
    return 2 * x + 1

@measurement(by=[low, high])
def moved(seeds, noise, by):
    return {"height": by(noise(seeds))}

@claim("3.a", "High is higher", registered="refuted", reason="no: {height[by=high]:.1f}", seeds=16)
def test_moved(moved):
    return exceeds(moved.height.sel(by="low"), moved.height.sel(by="high"), by=0.5)
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "xfailed"}
    assert [trial["condition"] for trial in toy.claims["3.a"]["seconds_by_trial"]][::2] == [
        {"by": "low"},
        {"by": "high"},
    ]
    assert "0x" not in toy.claims["3.a"]["message"]
