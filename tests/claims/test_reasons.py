"""Templates of reasons: what they refer to, how they are rendered, and the sentence about one that cannot be."""

import numpy as np
import pytest
import xarray as xr

from pytest_claims.errors import DesignError
from pytest_claims.running.reasons import check, names, render

ACCURACY = np.array([[[0.5, 0.6], [0.7, 0.8]], [[0.5, 0.7], [0.8, 1.0]]])
BY_DEPTH = xr.Dataset(
    {
        "accuracy": (("seed", "layers", "step"), ACCURACY),
        "fits": ("seed", [True, False]),
        "odd": ("seed", [np.nan, 1.0]),
        "word": ("seed", ["a", "b"]),
        "whole": ((), 7.0),
    },
    coords={"seed": [0, 1], "layers": [1, 3], "step": [0, 2_500]},
)
WAYS = xr.Dataset(
    {"accuracy": (("seed", "way", "rate", "sample"), np.arange(8.0).reshape(1, 2, 2, 2))},
    coords={"seed": [0], "way": ["float32, one thread", "float64"], "rate": [0.01, 1.0], "sample": ["last", "spread"]},
)
ONLY_DEPTH = {"by_depth": BY_DEPTH}
BOTH = {"by_depth": BY_DEPTH, "ways": WAYS}
CONDITIONS = {"by_depth": {"layers": (1, 3)}}
VERDICT = {"kind": "difference", "effect": 0.0213, "interval": [-0.01, 1171.0], "seeds": 64, "win_rate": 0.75}


def fault_of(template, datasets=ONLY_DEPTH, verdict=VERDICT):
    """Return the sentence of the error that a faulty template raises."""
    with pytest.raises(DesignError) as caught:
        render(template, datasets, verdict)
    return str(caught.value)


def test_a_variable_is_its_mean_over_the_seeds():
    """At the labels selected."""
    text = render("one layer gets {accuracy[layers=1, step=2500]:.2f} of them right", ONLY_DEPTH, VERDICT)

    assert text == "one layer gets 0.65 of them right"


@pytest.mark.parametrize(
    "template, expected",
    [
        ("{accuracy[layers=3, step=last]:.3f}", "0.900"),
        ("{accuracy[layers=3, step='2,500']:.3f}", "0.900"),
        ("{accuracy[layers=1, step=0]}", "0.5"),
        ("{by_depth.accuracy[step=0, layers=3]:.2f}", "0.75"),
        ("{fits:.0%} fit", "50% fit"),
        ("{effect} in {seeds} seeds, {share:.0%} of them; {low:.2f} to {high}",
         "0.0213 in 64 seeds, 75% of them; -0.01 to 1,171"),
        ("no number at all", "no number at all"),
        ("", ""),
        ("a set {{1, 2}} and {{}}", "a set {1, 2} and {}"),
        ("{{{effect:.1f}}}", "{0.0}"),
    ],
)  # fmt: skip
def test_what_templates_render_to(template, expected):
    """Labels by text or by number, ``last``, booleans as shares, numbers of the verdict, doubled braces."""
    assert check(template) is None
    assert render(template, ONLY_DEPTH, VERDICT) == expected


@pytest.mark.parametrize(
    "labels, expected",
    [
        ("way='float32, one thread', rate=0.01, sample=last", "0"),
        ('way="float32, one thread", rate=1, sample=spread', "3"),
        ("way=float64, rate=last, sample=last", "6"),
        ("way = float64 , rate = 1.0 , sample = spread", "7"),
    ],
)
def test_labels_of_words_and_of_numbers(labels, expected):
    """``last`` is an ordinary label where a label has that name; numbers match by value; quotes protect commas."""
    assert render(f"{{ways.accuracy[{labels}]}}", BOTH, VERDICT) == expected


def test_a_claim_about_time_shows_factors():
    """The verdict itself holds log2 of the factors."""
    verdict = VERDICT | {"kind": "time", "effect": 1.0, "interval": [0.0, 2.0], "seeds": 16}

    assert render("{effect:.0f} ({low:.0f} to {high:.0f}), {seeds}", ONLY_DEPTH, verdict) == "2 (1 to 4), 16"


@pytest.mark.parametrize("name", ["effect", "low", "high", "seeds", "share"])
def test_a_variable_named_like_a_number_of_the_verdict_is_an_error(name):
    """Nobody can say which of the two was meant; with the measurement's name it is the variable."""
    data = {"by_depth": BY_DEPTH.assign({name: ("seed", [3.0, 5.0])})}

    assert fault_of(f"about {{{name}}}", data) == (
        f'The template "about {{{name}}}" asks for {{{name}}}, a number of the verdict, but by_depth has a variable of '
        f"that name too: give the variable another name, or write by_depth.{name} for it."
    )
    assert render(f"about {{by_depth.{name}}}", data, VERDICT) == "about 4"
    assert render("about {accuracy[layers=1, step=0]}", data, VERDICT) == "about 0.5"


def test_names_are_what_a_template_refers_to():
    """They come in the template's order, and need no data."""
    first, second = names("from {ways.accuracy[way='float32, one thread', rate=0.01]:.2f} to {effect}")

    assert (first.measurement, first.variable, first.spec) == ("ways", "accuracy", ".2f")
    assert first.labels == {"way": "float32, one thread", "rate": "0.01"}
    assert not first.of_verdict
    assert second.of_verdict
    assert second.written == "{effect}"
    assert names("words") == ()


@pytest.mark.parametrize(
    "template, part",
    [
        ("falls to {accuracy", "has a single {"),
        ("falls to accuracy}", "has a single }"),
        ("{}", "is not of the form {variable[dim=label]:format}"),
        ("{accuracy[layers=1}", "is not of the form"),
        ("{accuracy.mean()}", "is not of the form"),
        ("{a.b.c}", "is not of the form"),
        ("{accuracy[]}", "do not read dim=label, dim=label"),
        ("{accuracy[layers]}", "do not read dim=label, dim=label"),
        ("{accuracy[layers=3, step=2,500]}", "do not read dim=label, dim=label"),
        ("{accuracy[layers=1,]}", "do not read dim=label, dim=label"),
        ("{accuracy[layers=1, layers=3]}", "selects layers twice"),
        ("{accuracy[layers=1, step=0]:.2q}", "'.2q' does not format a number"),
        ("{accuracy[layers=1, step=0]:s}", "'s' does not format a number"),
    ],
)
def test_a_template_that_cannot_be_read_is_known_before_training(template, part):
    """One sentence quotes the template; checking returns it and rendering raises it."""
    sentence = check(template)

    assert part in sentence
    assert template in sentence
    assert sentence == fault_of(template)
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    "template, part",
    [
        ("{acuracy[layers=1]}", "by_depth has no variable acuracy; it has accuracy, fits, odd, word and whole"),
        ("{accuracy[layers=2, step=0]}", "layers has no label 2; it has 1 and 3"),
        ("{accuracy[layers=1, step=first]}", "step has no label first; it has 0 and 2,500"),
        ("{accuracy[layers=1]}", "must select step"),
        ("{accuracy}", "must select layers and step"),
        ("{accuracy[layers=1, step=0, width=3]}", "has no dimension width; its dimensions are layers and step"),
        ("{fits[seed=0]}", "has no dimension seed; it has no dimension but the seed"),
        ("{depth.accuracy[layers=1, step=0]}", "but the claim measures by_depth"),
        ("{odd}", "not a number in this run"),
        ("{word}", "not one number for each seed"),
        ("{whole}", "not one number for each seed"),
    ],
)
def test_a_reference_to_what_is_not_there(template, part):
    """The sentence names the reference and what there is instead."""
    sentence = fault_of(f"it is {template}")

    assert part in sentence
    assert f'The template "it is {template}" asks for {template}, ' in sentence


def test_a_name_of_no_measurement_where_there_are_several():
    """The error does not guess, and lists what could be meant."""
    sentence = fault_of("{accuracy[layers=1, step=0]}", BOTH)

    assert "it could be of by_depth or ways: write measurement.accuracy" in sentence
    assert "effect, low, high, seeds and share" in sentence


def test_a_verdict_without_the_number():
    """results.json has null where a number is not finite; a template that needs it is an error."""
    assert "{effect}, which is not a number in this run" in fault_of("{effect}", ONLY_DEPTH, VERDICT | {"effect": None})


def test_last_is_no_label_among_words():
    """Only dimensions of numbers have a last label."""
    datasets = {"ways": WAYS.isel(sample=0, rate=0, drop=True)}

    assert "way has no label last; it has float32, one thread and float64" in fault_of("{accuracy[way=last]}", datasets)


@pytest.mark.parametrize(
    "template, part",
    [
        ("{accuracy[layers=2]}", "layers has no label 2; it has 1 and 3"),
        ("{accuracy[step=0]}", "must select layers"),
        ("{ways.accuracy[layers=1]}", "the claim measures by_depth"),
        ("{accuracy[layers=1]}", None),
        ("{accuracy[layers=last, step=0, sample=x]}", None),
        ("{effect}", None),
        ("words", None),
    ],
)
def test_declared_conditions_are_known_before_training(template, part):
    """Labels that a measurement makes itself are known only after it."""
    sentence = check(template, CONDITIONS)

    assert (sentence is None) == (part is None)
    assert part is None or part in sentence


def test_a_long_template_is_quoted_in_part():
    """The reference is quoted whole."""
    sentence = fault_of("word " * 100 + "{acuracy}")

    assert len(sentence) < 300
    assert "asks for {acuracy}, " in sentence
