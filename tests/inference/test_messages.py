"""One plain sentence explains a verdict, in a terminal and on the page."""

import re

import numpy as np
import pytest

from pytest_claims import at_least, equivalent, exceeds, increases, proportion, within
from pytest_claims.inference.messages import number


def test_supported_says_seeds_effect_interval_and_what_was_asked(given):
    """Count of seeds, mean, interval, margin."""
    d = np.concatenate([np.full(2, -0.01), np.linspace(0.15, 0.3, 30)])
    message = exceeds(given(d, name="gain in accuracy"), by=0.05).judge().message

    assert message.startswith(
        "Supported: in 30 of 32 seeds gain in accuracy is above zero; the mean gain is 0.21, 99 %"
    )
    assert "; the claim asked for more than 0.05; supported for every margin below 0.1" in message


@pytest.mark.parametrize("shift, words", [(0.02, "smaller than the margin"), (-0.1, "reversed")])
def test_refuted_says_which(shift, words, measured):
    """Reversed, or smaller than the margin."""
    message = exceeds(measured(shift, sd=0.01), by=0.05).judge().message

    assert message.startswith(f"Refuted ({words}): in ")


def test_inconclusive_says_what_could_be_detected_and_what_more_seeds_would_do(measured):
    """The smallest detectable effect, the distance from the margin, and the chance that four times as many decide."""
    verdict = exceeds(measured(0.07, n=16, sd=0.05), by=0.05).judge()
    beyond = verdict.outlook

    assert verdict.verdict == "inconclusive"
    assert verdict.message.startswith(f"Inconclusive ({beyond.undecided}): ")
    assert f"16 seeds would have detected a mean of {number(verdict.detectable)} (90 % power)" in verdict.message
    assert f"the effect lies within {number(beyond.within)} of its margin" in verdict.message
    assert f"64 seeds would decide with a chance of {100 * beyond.chance:.0f} %" in verdict.message


def test_a_claim_that_is_given_up_says_so(measured):
    """At the end of the sentence, with the chance; nothing else changes."""
    verdict = exceeds(measured(0.05, n=16, sd=0.05), by=0.05).judge()
    last = verdict.given_up(0.0712)

    assert last.message == verdict.message[:-1] + (
        "; given up here, as the run's last look would decide with a chance of only 7 %."
    )
    assert last.as_json() | {"message": ""} == verdict.as_json() | {"message": ""}


def test_several_parts_say_how_they_stand(measured):
    """How many hold, and which part decides."""
    data = measured([0.6, 0.7, 0.8], sd=0.01, layers=[1, 2, 3])

    assert "all 3 parts hold; the narrowest: " in increases(data, "layers", 0.05).judge().message
    assert "1 of 3 parts fails; the clearest: " in at_least(data, 0.65).judge().message


def test_an_undecidable_share_is_said(given):
    """16 seeds can never prove more than .72."""
    message = proportion(given(np.arange(16) < 14), above=0.8).judge().message

    assert "16 seeds can never prove such a share" in message


def test_a_range_too_narrow_is_said(measured):
    """With this spread nothing inside could be confirmed."""
    assert "not even" not in within(measured(0.88, sd=0.001), 0.88, 0.03).judge().message
    assert "could not have confirmed even the middle" in within(measured(0.88, sd=0.2), 0.88, 0.03).judge().message


def test_the_unit_is_said(measured):
    """Units of the array's attributes, or named later."""
    data = measured(120, sd=5).assign_attrs(units="steps")

    assert "more than 75 steps;" in at_least(data, 75).judge().message
    assert "more than 75 records;" in at_least(data, 75).named(unit="records").judge().message


def test_authors_may_name_what_is_compared(measured):
    """`named` replaces a single part's words and leads those of several."""
    data = measured([0.9, 0.8], layers=[1, 2])

    assert at_least(data.sel(layers=1), 0.5).named(text="skill").parts[0].text == "skill"
    assert at_least(data, 0.5).named(text="skill").parts[1].text == "skill: accuracy at layers 2"


def test_every_sentence_is_one(measured, given):
    """No full stop before the end, no line break, no nan."""
    data = measured([0.9, 0.8, 0.85], n=16, arm=["a", "b", "c"])
    hypotheses = [
        exceeds(data.sel(arm="a"), data.sel(arm="b"), by=by) for by in (0.0, 0.05, 0.1, 0.3)
    ] + [equivalent(data, "arm", within=m) for m in (0.01, 0.1, 0.5)] + [
        at_least(given(np.zeros(8)), 0.0), exceeds(given(np.zeros(8)))
    ]  # fmt: skip
    for hypothesis in hypotheses:
        for message in (hypothesis.judge().message, hypothesis.reversed().judge().message):
            assert re.fullmatch(r"(Supported|Refuted|Inconclusive)( \([a-z ]+\))?: [^\n]+\.", message)
            assert ". " not in message
            assert "nan" not in message
            assert "inf " not in message


def test_numbers_are_short():
    """Three figures, thousands separated."""
    assert [number(x) for x in (0, 0.0213456, 1171.2, -25_000, 152)] == ["0", "0.0213", "1,171", "-25,000", "152"]
