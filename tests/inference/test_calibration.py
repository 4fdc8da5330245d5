"""The error rates are what docs/statistics.md says: simulated, with fixed seeds and binomial bounds.

A cell may exceed its nominal rate by what a binomial count does once in 100,000.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks import calibration
from benchmarks.calibration import AT, INSIDE, LOOKS, OUTSIDE, PLANS, RULES, in_turn, kinds, once
from pytest_claims.inference.looks import Looks
from pytest_claims.vocabulary import ALPHA

DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
WORLDS = 2000
#: Rules of which every part errs alone, on data that the rule promises alpha for.
ROUND = ("normal", "steps of 1/100", "steps of 1/16")
#: What the longest tails add on the margin, in per cent: supported, refuted, in a single look at 32 seeds.
TAILS = {
    "skewed left": (1.2, 0.5),
    "skewed right": (0.5, 1.2),
    "very skewed left": (4.0, 0.5),
    "very skewed right": (0.5, 4.0),
    "15 % fail": (1.0, 0.6),
    "5 % fail": (21.0, 0.5),
}
#: Rows that the slow test simulates again: a rule of each estimator, one of several parts.
RECOMPUTED = (
    "level .97 of 100 rows",
    "proportion above .5",
    "not worse, rare losses",
    "gains, 85 % tie",
    "time, 2 % of the fast cut off",
    "adjusted, on a line",
    "adjusted, more spread for large x",
)


def consistent(rate, nominal, worlds=WORLDS):
    """Say whether a simulated rate can come from this error rate."""
    return round(rate * worlds) <= stats.binom.isf(1e-5, worlds, nominal)


@pytest.mark.parametrize("noise", ROUND)
def test_round_data_err_no_more_than_alpha_on_the_margin(noise):
    """Both ways at most .005, at any number of seeds, for normal differences and accuracies in steps."""
    for simulated in once("difference", noise, AT, 4 * WORLDS, (16, 32, 64)).values():
        assert consistent(simulated.supported, ALPHA, 4 * WORLDS)
        assert consistent(simulated.refuted, ALPHA, 4 * WORLDS)


@pytest.mark.parametrize("rule", ["difference", "level .97 of 100 rows", "proportion above .5"])
def test_five_looks_err_together_as_one_does(rule):
    """At alpha / 4.226 each: at most .5 % for normal data and shares, .6 % for accuracies on 100 rows."""
    nominal = 0.006 if rule.startswith("level") else ALPHA
    simulated = in_turn(rule, kinds(rule)[0], AT, WORLDS)

    assert consistent(simulated.supported, nominal)
    assert consistent(simulated.refuted, nominal)


def test_five_looks_at_the_full_alpha_would_err_four_times_as_often():
    """So the bounds of these tests would notice."""
    peeking = Looks(LOOKS.seeds, alpha=ALPHA * LOOKS.divisor)
    simulated = in_turn("difference", "normal", AT, WORLDS, peeking)

    assert not consistent(simulated.supported + simulated.refuted, 2 * ALPHA)


@pytest.mark.parametrize("noise", TAILS)
def test_long_tails_err_as_the_document_says(noise):
    """The known weakness: the side of the tail, at 32 seeds; a few seeds of 32 that fail are often not met at all."""
    simulated = once("difference", noise, AT, 2 * WORLDS, (32,))[32]
    supported, refuted = TAILS[noise]

    assert consistent(simulated.supported, supported / 100, 2 * WORLDS)
    assert consistent(simulated.refuted, refuted / 100, 2 * WORLDS)


def test_rare_losses_do_not_pass_for_none():
    """The first edition counted ties: "not worse" was supported more often the more seeds there were, though false."""
    false = once("not worse, rare losses", "own", OUTSIDE, WORLDS, (32, 64, 128))
    margin = once("not worse, rare losses", "own", AT, WORLDS, (64, 128))

    assert all(consistent(false[n].supported, 0.001) for n in (32, 64, 128))
    assert all(consistent(rates.supported, 0.025) for rates in margin.values())


def test_a_look_below_64_decides_nothing_where_most_seeds_tie():
    """Neither way, on the margin or off it."""
    for truth in (AT, INSIDE, OUTSIDE):
        simulated = once("gains, 85 % tie", "own", truth, 200, (32, 64))

        # by chance not more than half of 32 seeds tie in one world of a thousand
        assert simulated[32].supported + simulated[32].refuted <= 0.01
    assert simulated[64].refuted > 0.05


@pytest.mark.parametrize("rule", RULES)
def test_half_a_standard_deviation_away_nothing_is_called_the_opposite(rule):
    """False verdicts all but vanish off the margin, whatever the data; rare failures are met late."""
    worlds = WORLDS // 4
    for noise in kinds(rule):
        outside, inside = (in_turn(rule, noise, truth, worlds, Looks.doubling(32, 128)) for truth in (OUTSIDE, INSIDE))

        assert consistent(outside.supported, 0.2 if noise == "5 % fail" else 0.004, worlds), noise
        assert consistent(inside.refuted, 0.004, worlds), noise


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.startswith("adjusted")])
def test_adjusted_claims_err_as_the_document_says(rule):
    """At most .005 from 64 seeds on, 1.6 % around a strongly bent line; below they decide nothing."""
    nominal = 0.016 if rule.endswith("bent line") else ALPHA
    simulated = once(rule, "own", AT, WORLDS, (32, 64, 128))

    assert simulated[32].supported == simulated[32].refuted == 0
    for n in (64, 128):
        assert consistent(simulated[n].supported, nominal)
        assert consistent(simulated[n].refuted, nominal)


def test_a_covariate_decides_where_the_plain_mean_cannot():
    """Half a standard deviation of the noise, which is a fifth of one of the values: 128 seeds see it."""
    adjusted = once("adjusted, on a line", "own", INSIDE, 200, (128,))[128]
    plain = once("difference", "normal", INSIDE / 5**0.5, 200, (128,))[128]

    assert adjusted.supported > 0.95
    assert plain.supported < 0.6


def test_looks_stop_early():
    """One standard deviation inside the margin is decided after 32 seeds, a quarter of one after a few hundred."""
    clear, small = (in_turn("difference", "normal", truth, 500) for truth in (1.0, 0.25))

    assert clear.supported == 1
    assert clear.seeds == pytest.approx(32, abs=2)
    assert small.supported > 0.97
    assert 128 < small.seeds < 256


def test_forty_true_claims_are_hardly_ever_refuted():
    """Half an sd inside the margin: P(any of 40 false "refuted") <= .002 for round data."""
    wrong = once("difference", "normal", INSIDE, 40_000, (32,))[32].refuted

    assert 1 - (1 - wrong) ** 40 <= 0.002


def printed():
    """Return the text between the markers of docs/statistics.md."""
    return DOCUMENT.read_text(encoding="utf-8").split(calibration.BEGIN)[1].split(calibration.END)[0].strip()


@pytest.mark.slow
def test_the_document_s_tables_are_this_code_s():
    """The rows of seven rules and the normal difference's: the same text, numbers that differ by last bits at most."""
    worlds, fewer = calibration.WORLDS, calibration.FEWER
    made = [
        *calibration.error_table(worlds, fewer, RECOMPUTED),
        *calibration.look_table(worlds, fewer, RECOMPUTED),
        *calibration.plan_table(worlds, RECOMPUTED[:1]),
        *calibration.power_table(fewer, RECOMPUTED),
    ]
    table = printed().splitlines()
    for line in made:
        rows = [row for row in table if NUMBER.sub("#", row) == NUMBER.sub("#", line)]
        found = np.array([[float(number) for number in NUMBER.findall(row)] for row in rows])

        assert rows, line
        expected = [float(number) for number in NUMBER.findall(line)]
        assert any(row == pytest.approx(expected, rel=0.05, abs=0.03) for row in found), line


@pytest.mark.slow
def test_the_document_s_bounds_hold():
    """False support: at most .5 % for normal data and .6 % for accuracies on 100 rows, within simulation error."""
    worlds = 4 * calibration.WORLDS
    for rule, nominal in (("difference", ALPHA), ("level .97 of 100 rows", 0.006)):
        noise = kinds(rule)[0]
        others = [in_turn(rule, noise, AT, calibration.WORLDS, plan) for plan in PLANS]
        for rates in (*once(rule, noise, AT, worlds).values(), in_turn(rule, noise, AT, worlds), *others):
            assert consistent(rates.supported, nominal, rates.worlds)
            assert consistent(rates.refuted, nominal, rates.worlds)


def test_a_row_of_the_tables_is_this_code_s():
    """The quick half of the test above: times cut off would change with the rule, and so would shares."""
    (row,) = calibration.power_table(calibration.FEWER, ("proportion above .5",))[2:]

    assert row in printed()


def test_the_document_tells_of_every_rule_and_every_noise():
    """Each in a row of the tables, with the number of worlds and the command that made them."""
    table = printed()

    assert table.startswith(f"{calibration.WORLDS:,} simulated experiments a cell")
    assert "`python -m benchmarks.calibration`" in table
    for title in ("### Errors of a single look", "### Errors of looks", "### Power of looks"):
        rest = table.split(title)[1].split("###")[0]
        assert [
            (rule, noise) for rule in RULES for noise in kinds(rule) if f"\n| {rule} | {noise} | " not in rest
        ] == [], title
    plans = table.split("### Errors of other looks")[1].split("###")[0]
    assert [rule for rule in calibration.IN_PLANS if f"\n| {rule} | " not in plans] == []


def test_the_command_renews_the_tables(tmp_path, monkeypatch):
    """Between the markers, and nothing else; a file without markers is refused."""
    two = ("difference", "proportion above .5")
    monkeypatch.setattr(calibration, "RULES", {name: RULES[name] for name in two})
    few = ["--worlds", "50", "--fewer", "20"]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{calibration.BEGIN}\nold\n{calibration.END}\nafter\n", encoding="utf-8")
    calibration.main(["--write", str(page), *few])
    text = page.read_text(encoding="utf-8")

    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| proportion above .5 | own | " in text
    assert "old" not in text
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit):
        calibration.main(["--write", str(page), *few])
