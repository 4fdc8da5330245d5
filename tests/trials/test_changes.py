"""`--claims-change layers=1,2,4`: a claim asked under other conditions than it is registered for."""

import json

import pytest

pytest_plugins = ["pytester"]

MORE = """
@claim("2.b", "Higher is higher at every level", seeds=16, registered="refuted", reason="{heights.height[level=2]:.1f}")
def test_ordered(heights):
    return increases(heights.height, along="level", by=0.5)

@measurement(experiment=2)
def without_levels(seeds, noise):
    return {"height": 1 + noise(seeds)}

@claim("2.c", "It is high", seeds=16, variants=[variant("low", departs="is low")])
def test_high(without_levels):
    return exceeds(without_levels.height, by=0.5)
"""


@pytest.mark.parametrize("spread", [False, True], ids=["serial", "xdist"])
def test_a_changed_claim_is_judged_on_other_conditions_and_says_so(toy, spread):
    """Three levels instead of two; text and record name them, and no registered verdict is at stake."""
    toy.add(MORE)
    (toy.spread if spread else toy.run)("--claim", "2.b", "--change", "level=1,2,4", "--report", "changed")
    record = toy.claims["2.b"]

    assert toy.ret == 0, toy.text
    assert (record["verdict"], record["outcome"], record["registered"]) == ("supported", "passed", None)
    assert record["changed"] == {"level": [1, 2, 4]}
    assert record["text"] == "Higher is higher at every level [changed: level = 1, 2, 4]"
    assert [row["level"] for row in record["conditions"]] == [1, 2, 4]
    assert "conditions changed: level = 1, 2, 4" in toy.text
    assert not (toy.path / "reports").exists()


@pytest.mark.parametrize("spread", [False, True], ids=["serial", "xdist"])
def test_what_a_claim_looks_at_is_no_limit_for_other_values(toy, spread):
    """`only=` says which of the declared values are enough; those that are asked for now are all measured."""
    toy.add("""
@measurement(experiment=3, layers=[1, 2, 3], width=[4, 8])
def by_layers(seeds, noise, layers, width):
    return {"height": width + layers * (1 + noise(seeds))}

@claim("3.a", "Deeper is higher", seeds=16, only={"layers": [1, 3], "width": [8]})
def test_deeper(by_layers):
    return increases(by_layers.height.sel(width=8), along="layers", by=0.5)
""")
    (toy.spread if spread else toy.run)("--claim", "3.a", "--change", "layers=1,2,3,4", "--report", "changed")

    assert toy.ret == 0, toy.text
    assert [(row["layers"], row["width"]) for row in toy.claims["3.a"]["conditions"]] == [(n, 8) for n in (1, 2, 3, 4)]


def test_the_next_run_has_the_declared_conditions_again(toy):
    """Nothing of a change is kept: verdict, text and conditions are those of the file."""
    toy.add(MORE).run("--claim", "2.a", "--change", "level=2,1,4", "--report", "changed")
    toy.run("--claim", "2.a")
    record = toy.claims["2.a"]

    assert (record["registered"], record.get("changed", {})) == ("supported", {})
    assert [row["level"] for row in record["conditions"]] == [2, 1]


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--change", "level=[null]"], "name a condition and its values"),
        (["--change", "level="], "name a condition and its values"),
        (["--change", 'level=1,"two"'], "of several kinds"),
        (
            ["--change", "width=1,2"],
            "no measurement of it has a condition width; conditions that can be changed: level",
        ),
        (["--change", "level=1,2", "--claim", "2.c"], "conditions that can be changed: none"),
        (["--change", "level=1,2", "--pilot"], "--change and --pilot contradict each other"),
    ],
)
def test_what_cannot_be_changed_is_a_usage_error(toy, options, sentence):
    """One sentence, exit status 4, nothing measured."""
    toy.add(MORE).run("--claim", "2.a", "--report", "changed", *options)

    assert toy.ret == 4
    assert sentence in " ".join(toy.text.split())
    assert not (toy.path / "trained").exists()


@pytest.mark.parametrize("folder", [[], ["--report", "reports/latest"]], ids=["none", "the usual one"])
def test_the_report_of_the_registered_claims_is_not_replaced(toy, folder):
    """A changed claim needs a folder of its own."""
    toy.add(MORE).run("--change", "level=1,2", *folder)

    assert toy.ret == 4
    assert "must not replace the report of the registered ones" in toy.text


def test_a_report_of_registered_claims_is_not_replaced_in_another_folder_either(toy):
    """The folder keeps the registered run; one that holds a changed run is used again."""
    toy.add(MORE).reporting().run("--claim", "2.a", "--report", "keep")
    kept = (toy.path / "keep" / "results.json").read_bytes()

    toy.run("--claim", "2.a", "--report", "keep", "--change", "level=1,2")

    assert toy.ret == 4
    assert "must not replace the report of the registered ones" in toy.text
    assert (toy.path / "keep" / "results.json").read_bytes() == kept
    for _ in range(2):
        toy.run("--claim", "2.a", "--report", "changed", "--change", "level=1,2")
        assert toy.ret == 0


def test_a_claim_that_names_what_was_left_out_is_an_error_in_words(toy):
    """2.a asks for level 2, which is not measured."""
    toy.add(MORE).run("--claim", "2.a", "--change", "level=1,3", "--report", "changed")

    assert toy.claims["2.a"]["verdict"] == "error"
    assert (
        "Claim 2.a cannot be judged with level = 1, 3: its test asks for something else" in toy.claims["2.a"]["message"]
    )


def test_the_page_marks_a_changed_claim(toy):
    """It shows what was changed, and results.json keeps to its schema."""
    toy.write().reporting().run("--change", "level=0,1,2", "--report", "changed")
    stored = json.loads((toy.path / "changed" / "results.json").read_text())

    assert toy.ret == 0
    assert stored["claims"][0]["changed"] == {"level": [0, 1, 2]}
    assert "conditions changed" in (toy.path / "changed" / "index.html").read_text()


def test_an_id_with_an_at_sign_leaves_out_the_variants(toy):
    """2.c alone brings its variant; 2.c@ does not."""
    toy.add(MORE).run("--claim", "2.c")
    both = set(toy.claims)
    toy.run("--claim", "2.c@")

    assert (both, set(toy.claims)) == ({"2.c", "2.c@low"}, {"2.c"})
