"""`only=`: the conditions that a claim looks at; the others are not measured for it."""

import pytest

pytest_plugins = ["pytester"]

LAYERS = """
@measurement(experiment=3, layers=[1, 2, 3], width=[4, 8])
def by_layers(seeds, noise, layers, width):
    return {"height": width + layers * (1 + noise(seeds))}

@claim("3.a", "Two beat one", seeds=16, only={"layers": [1, 2], "width": [8]})
def test_two(by_layers):
    assert list(by_layers.layers.values) == [1, 2] and list(by_layers.width.values) == [8]
    return exceeds(by_layers.height.sel(layers=2, width=8), by_layers.height.sel(layers=1, width=8), by=0.5)
"""
ALL = """
@claim("3.b", "Two beat one, beside all others", seeds=16)
def test_all(by_layers):
    return exceeds(by_layers.height.sel(layers=2, width=8), by_layers.height.sel(layers=1, width=8), by=0.5)
"""


def test_a_claim_measures_what_it_looks_at(toy):
    """Two of six conditions are trained, and they alone are in its data."""
    toy.add(LAYERS).run("--claim", "3.a")

    assert toy.outcomes == {"3.a": "passed"}
    assert toy.trained == ["registered 0-7"] * 2 + ["registered 8-15"] * 2
    assert [trial["condition"] for trial in toy.claims["3.a"]["seconds_by_trial"][::2]] == [
        {"layers": "1", "width": "8"},
        {"layers": "2", "width": "8"},
    ]


@pytest.mark.parametrize("spread", [False, True], ids=["serial", "xdist"])
def test_its_trials_and_numbers_are_those_of_everybody(toy, spread):
    """A claim that takes all conditions shares them, and gives the same verdict on the same numbers."""
    toy.add(LAYERS + ALL)
    (toy.spread if spread else toy.run)("--claim", "3.a,3.b")
    some, everything = toy.claims["3.a"], toy.claims["3.b"]

    assert len(toy.trained) == 12
    assert some["parts"] == everything["parts"]
    assert some["inputs"] == everything["inputs"]


def test_a_variant_looks_elsewhere(toy):
    """It may name other values; without any it has its claim's."""
    toy.add("""
@measurement(experiment=3, layers=[1, 2, 3])
def by_layers(seeds, noise, layers):
    return {"height": layers * (1 + noise(seeds))}

@claim("3.a", "Deeper is higher", seeds=16, given={"depth": 2}, only={"layers": [1, 2]}, variants=[
    variant("three", depth=3, only={"layers": [1, 3]}, departs="three layers"),
    variant("again", depth=2, departs="the same once more")])
def test_deeper(by_layers, depth):
    return exceeds(by_layers.height.sel(layers=depth), by_layers.height.sel(layers=1), by=0.5)
""").run("--claim", "3.a")

    assert toy.outcomes == {"3.a": "passed", "3.a@again": "passed", "3.a@three": "passed"}


@pytest.mark.parametrize(
    "only, sentence",
    [
        ('{"depth": [1]}', "looks only at some depth, and no measurement of it has such a condition: layers, width."),
        ('{"layers": [1, 4]}', "looks only at layers 4, which is not measured; layers has 1, 2, 3."),
        ('{"layers": []}', 'takes only={condition: [values]}, as in only={"layers": [1, 3]}.'),
        ('{"layers": 1}', 'takes only={condition: [values]}, as in only={"layers": [1, 3]}.'),
        ('["layers"]', 'takes only={condition: [values]}, as in only={"layers": [1, 3]}.'),
    ],
)
def test_what_is_not_measured_is_an_error_before_training(toy, only, sentence):
    """One sentence, at the claim alone."""
    toy.add(LAYERS.replace('{"layers": [1, 2], "width": [8]}', only) + ALL).run("--claim", "3.a,3.b", "-x")

    assert toy.outcomes == {"3.a": "error"}
    assert f"Claim 3.a {sentence}" in toy.claims["3.a"]["message"]
    assert toy.trained == []


def test_a_condition_that_a_claim_left_out_and_uses_is_an_error(toy):
    """Never a verdict on other data."""
    toy.add(LAYERS.replace('"layers": [1, 2]', '"layers": [2, 3]')).run("--claim", "3.a")

    assert toy.outcomes == {"3.a": "error"}
