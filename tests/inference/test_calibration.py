"""The error rates are what docs/statistics.md says: simulated, with fixed seeds and binomial bounds.

A cell of 4,000 worlds may exceed its nominal rate by what a binomial count does once in 100,000.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks import calibration
from benchmarks.calibration import AT, INSIDE, OUTSIDE, RULES, SEEDS, rates, sequential, timed
from pytest_claims.vocabulary import ALPHA

DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
WORLDS = 4000
#: What the rule promises on the margin itself, where it errs most: alpha for round data. Skew is its weakness.
ONE_PART = ("difference", "ordered, end to end", "ordered, a step back", "equivalence", "conjunction, one in doubt")
SKEWED = ("skewed left", "skewed right")
VERY_SKEWED = ("very skewed left", "very skewed right")
#: How often few seeds all tie, or gain so little, that a true claim is refuted half a unit inside its margin.
ALL_TIE = {
    ("ties outside", 8): 0.035,
    ("ties outside", 16): 0.006,
    ("ties outside, 85 %", 8): 0.36,
    ("ties outside, 85 %", 16): 0.17,
    ("ties outside, 85 %", 32): 0.06,
    ("ties outside, 85 %", 64): 0.017,
}
STEPPED = ("steps of 1/100", "steps of 1/16")


def consistent(rate, nominal, worlds=WORLDS):
    """Say whether a simulated rate can come from this error rate."""
    return round(rate * worlds) <= stats.binom.isf(1e-5, worlds, nominal)


def noises(rule, *names):
    """Return the kinds of data for a rule; a rule that draws its own data has one."""
    return ("normal",) if rule in calibration.OWN_DATA else ("normal", *names)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("rule", [*ONE_PART, "conjunction of 5"])
def test_round_data_err_no_more_than_alpha_on_the_margin(rule, n):
    """Both ways at most .005, for normal differences and accuracies in steps of 1/100 and 1/16."""
    for noise in ("normal", *STEPPED):
        simulated = rates(rule, noise, n, AT, WORLDS)

        assert consistent(simulated.supported, ALPHA)
        assert consistent(simulated.refuted, ALPHA)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("rule", ONE_PART)
def test_skewed_data_err_by_the_length_of_their_tail(rule, n):
    """The known weakness: 2 to 5 % under an exponential tail, whichever way it points; up to 10 % if it is longer."""
    for kinds, supported, refuted in ((SKEWED, 0.05, 0.055), (VERY_SKEWED, 0.07, 0.1)):
        for noise in kinds:
            simulated = rates(rule, noise, n, AT, WORLDS)

            assert consistent(simulated.supported, supported)
            assert consistent(simulated.refuted, refuted)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("noise, refuted", [("skewed left", 0.001), ("skewed right", 0.11),
                                            ("very skewed left", 0.001), ("very skewed right", 0.23)])  # fmt: skip
def test_five_skewed_parts_err_more_against_the_claim_and_never_for_it(noise, refuted, n):
    """Each part may refute: their errors add, to a quarter under the longest tail. All five hardly ever support."""
    simulated = rates("conjunction of 5", noise, n, AT, WORLDS)

    assert consistent(simulated.supported, 0.0005)
    assert consistent(simulated.refuted, refuted)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "ties, by count"])
def test_half_a_standard_deviation_away_nothing_is_called_the_opposite(rule, n):
    """False verdicts all but vanish off the margin, also for skewed, discrete and tied data.

    Two seeds of three tie outside the region: then 8 or 16 may tie all, by chance.
    """
    worlds = WORLDS // 2
    for noise in noises(rule, *SKEWED, *VERY_SKEWED, *STEPPED):
        inside = ALL_TIE.get((rule, n), 0.002)

        assert consistent(rates(rule, noise, n, OUTSIDE, worlds).supported, 0.001, worlds), noise
        assert consistent(rates(rule, noise, n, INSIDE, worlds).refuted, inside, worlds), noise


@pytest.mark.parametrize("budget", [np.inf, 128.0])
@pytest.mark.parametrize("n", SEEDS)
def test_times_err_no_more_than_alpha(n, budget):
    """Recorded in whole steps, cut off at a budget or never: censoring only withholds verdicts."""
    simulated = timed(n, AT, budget, WORLDS)

    assert consistent(simulated.supported, ALPHA)
    assert consistent(simulated.refuted, 1.5 * ALPHA)
    assert consistent(timed(n, OUTSIDE, budget, WORLDS).supported, 0.0005)
    assert consistent(timed(n, INSIDE, budget, WORLDS).refuted, 0.0005)


@pytest.mark.parametrize("n, effect", [(16, 2.0), (32, 1.3), (64, 1.0)])
def test_times_have_the_same_power_and_lose_some_of_it_to_the_budget(n, effect):
    """Nothing cut: as for a difference. With a tight budget, a fast run that is cut alone forbids support."""
    assert timed(n, effect, np.inf, WORLDS).supported >= 0.96
    assert 0.8 <= timed(n, effect, 128.0, WORLDS).supported <= timed(n, effect, np.inf, WORLDS).supported


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "ties, by count"])
def test_four_looks_err_as_the_fixed_rule_does_for_every_rule(rule):
    """On the margin both ways, and half a standard deviation off it: the error of one look, and not four times that."""
    supported = {"level of 16 rows": 0.015, "level of 100 rows": 0.0075}
    skewed = {"ties outside": 0.05, "ties outside, 85 %": 0.44}.get(rule)
    for noise in noises(rule, *STEPPED):
        at = sequential(noise, AT, WORLDS, rule=rule)
        inside = ALL_TIE.get((rule, 8), 0.001)

        assert consistent(at.supported, supported.get(rule, 1.2 * ALPHA)), noise
        assert consistent(at.refuted, skewed or 1.2 * ALPHA), noise
        assert consistent(sequential(noise, INSIDE, WORLDS, rule=rule).refuted, inside), noise
        assert consistent(sequential(noise, OUTSIDE, WORLDS, rule=rule).supported, 0.001), noise


@pytest.mark.parametrize("budget", [np.inf, 128.0])
def test_four_looks_at_times_err_no_more_than_one(budget):
    """With and without runs that never reach the threshold."""
    at, out, inside = (calibration.sequential_times(truth, budget, WORLDS) for truth in (AT, OUTSIDE, INSIDE))

    assert consistent(at.supported, 1.2 * ALPHA)
    assert consistent(at.refuted, 1.2 * ALPHA)
    assert consistent(out.supported, 0.001)
    assert consistent(inside.refuted, 0.001)


def test_four_looks_err_no_more_than_one():
    """At alpha / 4 each look the sum stays alpha; plain peeking errs three times as often."""
    corrected, peeking = (sequential("normal", AT, 8000, alpha) for alpha in (ALPHA / 4, ALPHA))

    assert consistent(corrected.supported, ALPHA, 8000)
    assert consistent(corrected.refuted, ALPHA, 8000)
    assert not consistent(peeking.refuted, ALPHA, 8000)


@pytest.mark.parametrize("noise, bound", [("steps of 1/100", 0.0075), ("skewed left", 0.055), ("skewed right", 0.06)])
def test_four_looks_at_other_data_err_as_the_fixed_rule_does(noise, bound):
    """Under skew the looks add up their known errors, to 5 or 6 %; steps of 1/100 stay at alpha."""
    simulated = sequential(noise, AT, WORLDS)

    assert consistent(simulated.supported, bound)
    assert consistent(simulated.refuted, bound)
    assert consistent(sequential(noise, INSIDE, WORLDS).refuted, 0.001)


def test_forty_true_claims_are_hardly_ever_refuted():
    """Half an sd inside the margin: P(any of 40 false "refuted") <= .002 for round data."""
    worlds = 40_000
    wrong = rates("difference", "normal", 32, INSIDE, worlds).refuted

    assert 1 - (1 - wrong) ** 40 <= 0.002


def printed():
    """Return the text between the markers of docs/statistics.md."""
    return DOCUMENT.read_text(encoding="utf-8").split(calibration.BEGIN)[1].split(calibration.END)[0].strip()


@pytest.mark.slow
def test_the_document_s_tables_are_this_code_s():
    """All of them, simulated again: the same text, and numbers that differ by the last bits of a platform at most."""
    printed_tables, simulated = printed(), calibration.tables()

    assert NUMBER.sub("#", printed_tables) == NUMBER.sub("#", simulated)
    assert [float(number) for number in NUMBER.findall(printed_tables)] == pytest.approx(
        [float(number) for number in NUMBER.findall(simulated)], rel=0.05, abs=0.03
    )


def test_the_document_tells_of_every_rule_and_every_noise():
    """Each in a row of the tables, with the number of worlds and the command that made them."""
    table = printed()

    assert f"{calibration.WORLDS:,} simulated experiments a cell" in table
    assert "`python -m benchmarks.calibration`" in table
    assert [noise for noise in calibration.NOISE if f"\n| difference | {noise} | " not in table] == []
    assert [noise for noise in calibration.NOISE if f"\n| difference | {noise} | alpha / 4 | " not in table] == []
    for title in ("### Errors", "### Power", "### Sequential looks"):
        rest = table.split(title)[1].split("###")[0]
        assert [rule for rule in (*RULES, *calibration.TIMES) if f"\n| {rule} | " not in rest] == [], title


def test_the_command_renews_the_tables(tmp_path, monkeypatch):
    """Between the markers, and nothing else; a file without markers is refused."""
    monkeypatch.setattr(calibration, "SEEDS", (8,))
    monkeypatch.setattr(calibration, "RULES", {"difference": RULES["difference"]})
    page = tmp_path / "page.md"
    page.write_text(f"before\n{calibration.BEGIN}\nold\n{calibration.END}\nafter\n", encoding="utf-8")
    calibration.main(["--write", str(page), "--worlds", "50"])
    text = page.read_text(encoding="utf-8")

    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| difference | normal | 8 |" in text
    assert "old" not in text
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit):
        calibration.main(["--write", str(page), "--worlds", "50"])
