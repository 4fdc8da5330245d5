"""What a claim's function may do: skip, leave, loop, hide characters, have no source. It costs that claim at most."""

import json

import pytest

from pytest_claims.results import natural
from pytest_claims.running.designs import Placeholder
from pytest_claims.trials.claims import claim
from pytest_claims.trials.workshop import Workshop

pytest_plugins = ["pytester"]


def test_a_claim_that_skips_is_skipped_with_its_reason(toy):
    """By ``pytest.skip`` or ``importorskip`` in its body; its function was called at collection already."""
    toy.add("""
import pytest

@claim("3.a", "Skips", seeds=8)
def test_skips(heights):
    pytest.skip("no sun today")

@claim("3.b", "Needs more", seeds=8)
def test_needs_more(heights):
    pytest.importorskip("no_such_library")
""").run("-rs")

    assert toy.outcomes == {"2.a": "passed"}
    assert toy.ret == 0
    toy.result.assert_outcomes(passed=1, skipped=2)
    assert "no sun today" in toy.text
    assert "could not import 'no_such_library'" in toy.text


@pytest.mark.parametrize("ending", ['pytest.exit("enough")', "raise KeyboardInterrupt"])
def test_an_exit_of_pytest_in_a_claim_ends_the_session_in_order(toy, ending):
    """The claims before it are reported; it is not asked for at collection."""
    toy.add(f"""
import pytest

@claim("3.a", "Ends", seeds=8)
def test_ends(heights):
    if float(heights.height.mean()) > 0:  # not before there are data
        {ending}
    return exceeds(heights.height.sel(level=1), by=0)

@claim("3.b", "Never", seeds=8)
def test_never(heights):
    return exceeds(heights.height.sel(level=1), by=0)
""")
    toy._ran(toy.pytester.runpytest_inprocess("claims", no_reraise_ctrlc=True))

    assert toy.outcomes == {"2.a": "passed"}
    assert toy.ret == 2
    assert "INTERNALERROR" not in toy.text


def test_an_exit_at_collection_counts_when_the_claim_runs(toy):
    """Claims' functions are called at collection; an exit of pytest there would hide the claims before it."""
    toy.add("""
import pytest

@claim("3.a", "Ends", seeds=8)
def test_ends(heights):
    pytest.exit("enough")
""").run()

    assert toy.outcomes == {"2.a": "passed"}
    assert toy.ret == 2
    assert "enough" in toy.text


LOOP = """
@claim("3.a", "Loops", seeds=8)
def test_loops(heights):
    height = heights.height.sel(level=1)
    while {condition}:
        try:
            height = height - 10
        except Exception:
            pass
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
"""


@pytest.mark.parametrize(
    "condition", ["(height.mean() > 0)", "int(height.mean()) == 0", "height.coords and len(height)"]
)
def test_a_while_over_measured_values_does_not_hang_collection(toy, condition):
    """The design stays unknown, and the claim is judged on its data."""
    if condition.startswith("height.coords"):
        condition = "height.coords and float(height.mean()) > 0"
    toy.add(LOOP.format(condition=f"{condition} and not float(height.mean()) < -5")).run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed"}


def test_placeholders_answer_ten_thousand_times():
    """Enough for any comprehension over conditions; what is raised then passes every ``except Exception``."""
    placeholder = Placeholder()

    assert all(bool(placeholder) for _ in range(9_998))
    assert float(placeholder) != float(placeholder)
    for ask in (bool, int, float, len, list, lambda asked: 1 in asked, lambda asked: bool(asked.coords)):
        with pytest.raises(BaseException, match="again and again before there are data") as caught:
            ask(placeholder)
        assert not isinstance(caught.value, Exception)


def test_a_claim_without_source_is_judged(toy):
    """Made by ``exec``, as in a notebook or by a template."""
    toy.add("""
exec('''
@claim("3.a", "Made", seeds=8)
def test_made(heights):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
''')
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed"}


UNNAMED = """
from pytest_claims.trials.workshop import Workshop
named = Workshop.trials
def trials(self, known, needed, only):
    if known.measurement.name == "made":
        raise FileNotFoundError("<string>")
    return named(self, known, needed, only)
Workshop.trials = trials
"""


def test_trials_that_cannot_be_named_cost_their_claims(toy, monkeypatch):
    """Whatever is wrong with a measurement's source or values; the plan is made of the others."""
    monkeypatch.setattr(Workshop, "trials", Workshop.trials)  # put back after the run, which patches it
    with (toy.path / "conftest.py").open("a") as file:
        file.write(UNNAMED)
    toy.add("""
@measurement
def made(seeds, noise):
    return {"height": noise(seeds) + 1}

@claim("3.a", "Made", seeds=8)
def test_made(made):
    return exceeds(made.height, by=0.5)
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["message"] == ("The trials of claim 3.a cannot be named: FileNotFoundError: <string>")


HIDDEN = "\\x1b[31mred\\u202eder\\ud800"


def test_texts_that_cannot_be_encoded_or_seen_are_written_out(toy):
    """A lone surrogate, an ANSI escape and a right-to-left override in every text of a claim."""
    toy.add(f"""
@claim("3.a", "{HIDDEN}", source="{HIDDEN}", published={{"{HIDDEN}": "{HIDDEN}"}}, registered="refuted",
       reason="{HIDDEN}", seeds=8)
def test_hidden(heights):
    "{HIDDEN}"
    import warnings
    from pytest_claims.errors import ClaimWarning
    warnings.warn("{HIDDEN}", ClaimWarning)
    return exceeds(heights.height.sel(level=1), heights.height.sel(level=2), by=0.5)

@claim("3.b", "Departs", seeds=8)
def test_departs(heights):
    return exceeds(heights.height.sel(level=1), heights.height.sel(level=2), by=0.5).named(text="{HIDDEN}")

@measurement(level=["{HIDDEN}"])
def failing(seeds, noise, level):
    raise ValueError("{HIDDEN}")

@claim("3.c", "Fails", seeds=8)
def test_fails(failing):
    return exceeds(failing.height, by=0)

@claim("3.d", "Raises", seeds=8)
def test_raises(heights):
    raise ValueError("{HIDDEN}")

@claim("3.e", "Skips", seeds=8)
def test_skips(heights):
    import pytest
    pytest.skip("{HIDDEN}")

@claim("3.f", "Gives up", seeds=8)
def test_gives_up(heights):
    import pytest
    pytest.xfail("{HIDDEN}")
""").run("-rA", "--junitxml=junit.xml")
    seen = "\\x1b[31mred\\u202eder\\ud800"

    assert toy.outcomes == {"2.a": "passed", "3.a": "xfailed", "3.b": "failed", "3.c": "error", "3.d": "error"}
    record = toy.claims["3.a"]
    assert {record[name] for name in ("text", "source", "reason", "discussion")} == {seen}
    assert record["published"] == {seen: seen}
    assert seen in toy.claims["3.b"]["message"]
    assert toy.claims["3.c"]["message"] == f"failing, level={seen}, seeds 0-7: ValueError: {seen}"
    assert toy.claims["3.d"]["message"] == f"Claim 3.d: ValueError: {seen}"
    for shown in (toy.text, (toy.path / "junit.xml").read_text()):
        assert shown.count(seen) >= 6
        assert not {"\x1b", "\u202e", "\ud800"} & set(shown)
        assert "#x1B" not in shown, "pytest had to write it out itself"


def test_an_id_of_five_thousand_digits_is_sorted(toy):
    """Python reads no number as long as that."""
    long = "1" * 5_000
    toy.add(f"""
@claim("{long}", "Long", seeds=8)
def test_long(heights):
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
""").reporting().run("--report", "out")
    results = json.loads((toy.path / "out/results.json").read_text())

    assert [claim["id"] for claim in results["claims"]] == ["2.a", long]
    assert max(map(len, toy.text.splitlines())) < 200
    assert sorted(["10.a", "2.a@b", "2.a", "02.b", "a.10", "a.9", long], key=natural) == [
        "2.a", "2.a@b", "02.b", "10.a", long, "a.9", "a.10"
    ]  # fmt: skip


def test_what_keeps_its_meaning_is_published():
    """Numbers of numpy, nested mappings, lists and words are no fault."""
    numpy = pytest.importorskip("numpy")
    published = {"a": numpy.float32(1), 2: [1, "two", None], "b": {"c": True}, "d": numpy.arange(2)}

    @claim("2.a", "Text", published=published)
    def declared():
        """Claim nothing."""

    assert declared.pytestmark[0].args[0].fault is None
    assert declared.pytestmark[0].args[0].published is published


def test_only_looking_at_what_is_there_calls_no_claim(toy):
    """``--collect-only`` would run whatever a claim's function does, and shows no fault anyway."""
    toy.add("""
@claim("3.a", "Acts", seeds=8)
def test_acts(heights):
    open("acted", "w").close()
    return exceeds(heights.height.sel(level=2), heights.height.sel(level=1), by=0.5)
""").run("--collect-only", "-q")

    assert "test_acts" in toy.text
    assert not (toy.path / "acted").exists()
    toy.run("-k", "acts")
    assert (toy.path / "acted").exists()


def test_a_claim_in_error_has_the_template_of_its_reason_and_no_reason(toy):
    """There are no numbers to fill in; a reason without numbers stays as it is."""
    toy.add("""
@measurement
def failing(seeds, noise):
    raise ValueError("no")

@claim("3.a", "Numbers", registered="refuted", reason="only {height:.1f}", seeds=8)
def test_numbers(failing):
    return exceeds(failing.height, by=0)

@claim("3.b", "Words", registered="refuted", reason="no sun", seeds=8)
def test_words(failing):
    return exceeds(failing.height, by=0)
""").run()

    assert (toy.claims["3.a"]["reason"], toy.claims["3.a"]["reason_template"]) == (None, "only {height:.1f}")
    assert (toy.claims["3.b"]["reason"], toy.claims["3.b"]["reason_template"]) == ("no sun", "no sun")
    assert toy.claims["2.a"]["reason_template"] is None


@pytest.mark.slow
def test_workers_collect_the_same_and_survive_every_text(toy):
    """Labels of functions and sets are the same in every process; a surrogate, which cannot be sent, ends no worker."""
    toy.add(f"""
import pytest

def low(x):
    return x
def high(x):
    return x + 1

@measurement(by=[low, high], among=[frozenset({{"a", "b", "c", "d"}}), frozenset({{"{HIDDEN}"}})])
def moved(seeds, noise, by, among):
    return {{"height": by(1) * (1 + noise(seeds))}}

@claim("3.a", "{HIDDEN}", seeds=8)
def test_moved(moved):
    height = moved.height.sel(among="{{a, b, c, d}}")
    return exceeds(height.sel(by="high"), height.sel(by="low"), by=0.5)

@claim("3.b", "Raises", seeds=8)
def test_raises(heights):
    raise ValueError("{HIDDEN}")

@claim("3.c", "Skips", seeds=8)
def test_skips(heights):
    pytest.skip("{HIDDEN}")
""").spread()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed", "3.b": "error"}
    assert "INTERNALERROR" not in toy.text
    assert "Different tests" not in toy.text
    toy.result.assert_outcomes(passed=2, errors=1, skipped=1)
