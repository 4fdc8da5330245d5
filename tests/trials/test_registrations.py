"""`--claims-registrations FILE`: verdicts that a project expects, kept outside the claims."""

import pytest

pytest_plugins = ["pytester"]

HIGHER = """
@claim("2.b", "Lower is higher", seeds=16)
def test_lower(heights):
    return exceeds(heights.height.sel(level=1), heights.height.sel(level=2), by=0.5)

@claim("2.c", "By half", seeds=16, given={"by": 0.5}, variants=[variant("by-two", by=2, departs="asks for two")])
def test_by(heights, by):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=by)
"""
EXPECTED = """
[claims."2.b"]
registered = "refuted"
reason = "on our machine level 2 is higher: by {effect:.0f}"

[claims."2.c@by-two"]
registered = "refuted"
reason = "two is too much"
"""


@pytest.mark.parametrize("spread", [False, True], ids=["serial", "xdist"])
def test_the_file_says_what_is_expected(toy, spread):
    """It replaces verdict and reason of the claims it names, variants by their own id; the others keep theirs."""
    toy.add(HIGHER)
    (toy.path / "ours.toml").write_text(EXPECTED)
    (toy.spread if spread else toy.run)("--registrations", "ours.toml")

    assert toy.outcomes == {"2.a": "passed", "2.b": "xfailed", "2.c": "passed", "2.c@by-two": "xfailed"}
    assert toy.ret == 0
    assert toy.claims["2.b"]["registered"] == "refuted"
    assert toy.claims["2.b"]["reason"] == "on our machine level 2 is higher: by -1"
    assert "verdicts expected by ours.toml" in toy.text


def test_without_the_file_the_claims_own_registrations_count(toy):
    """So the file is what changed the outcomes."""
    toy.add(HIGHER).run()

    assert toy.outcomes == {"2.a": "passed", "2.b": "failed", "2.c": "passed", "2.c@by-two": "failed"}


def test_the_ini_key_names_it_for_every_run(toy):
    """Relative to the root; an option beside it wins."""
    toy.add(HIGHER)
    (toy.path / "ours.toml").write_text(EXPECTED)
    (toy.path / "none.toml").write_text("")
    path = toy.path / "pyproject.toml"
    path.write_text(path.read_text() + '\nclaims_registrations = "ours.toml"\n')
    toy.run("--claim", "2.b")
    by_key = toy.outcomes
    toy.run("--claim", "2.b", "--registrations", "none.toml")

    assert (by_key, toy.outcomes) == ({"2.b": "xfailed"}, {"2.b": "failed"})


@pytest.mark.parametrize("spread", [False, True], ids=["serial", "xdist"])
def test_an_entry_that_matches_nothing_warns_or_fails(toy, spread):
    """A claim that was renamed must not lose its expectation silently. With strict = true nothing is trained."""
    toy.write()
    run = toy.spread if spread else toy.run
    stray = '[claims."2.x"]\nregistered = "refuted"\nreason = "gone"\n'
    (toy.path / "ours.toml").write_text(stray)
    run("--registrations", "ours.toml")
    lenient, text = toy.ret, toy.text
    toy.forget()
    (toy.path / "ours.toml").write_text(f"strict = true\n{stray}")
    run("--registrations", "ours.toml")

    assert lenient == 0
    assert "ours.toml registers 2.x, and no such claim was collected." in text
    assert (toy.ret, toy.trained) == (4, [])
    assert "ours.toml registers 2.x, and no such claim was collected (strict = true)." in toy.text


@pytest.mark.parametrize("spread", [False, True], ids=["serial", "xdist"])
def test_where_warnings_are_errors_such_an_entry_is_a_sentence(toy, spread):
    """As with strict = true: exit status 4, nothing is trained, and no error inside pytest."""
    toy.write()
    (toy.path / "ours.toml").write_text('[claims."2.x"]\nregistered = "refuted"\nreason = "gone"\n')
    (toy.spread if spread else toy.run)("-W", "error::UserWarning", "--registrations", "ours.toml")

    assert (toy.ret, toy.trained) == (4, [])
    assert "ours.toml registers 2.x, and no such claim was collected (a warning, and warnings are errors" in toy.text
    assert "INTERNALERROR" not in toy.text


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("registered", "ours.toml is no TOML"),
        ("\x00", "ours.toml is no TOML"),
        ("[2.a]\nregistered = 'refuted'", "ours.toml has an entry 2; claims stand under"),
        ("strict = 1", "ours.toml: strict is true or false."),
        ("claims = 3", "ours.toml: claims are tables"),
        ("[claims.2.a]\nregistered = 'refuted'", '[claims."2"] says no verdict'),
        ("[claims.'2.a']\nreason = 'so'", '[claims."2.a"] says no verdict'),
        ("[claims.'2.a']\nregistered = 'false'\nreason = 'so'", "is registered as 'false'; verdicts are supported"),
        ("[claims.'2.a']\nregistered = 'refuted'", "is registered as refuted without a reason."),
        ("[claims.'2.a']\nregistered = 'refuted'\nreason = 3", "has a reason that is no text."),
        ("[claims.'2.a']\nregistered = 'refuted'\nwhy = 'so'", "has a why; an entry has registered and reason."),
        ("[claims.'2.a']\nregistered = 'refuted'\nreason = '{'", "has a single {"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_usage_error(toy, content, sentence):
    """One sentence that names file and entry; nothing is trained."""
    toy.write()
    (toy.path / "ours.toml").write_text(content)
    toy.run("--registrations", "ours.toml")

    assert (toy.ret, toy.trained) == (4, [])
    assert sentence in toy.text
    assert "Traceback" not in toy.text


def test_a_file_that_is_not_there_is_a_usage_error(toy):
    """Named as the user named it."""
    toy.write().run("--registrations", "gone.toml")

    assert (toy.ret, toy.trained) == (4, [])
    assert "--registrations gone.toml: there is no such file." in toy.text
