"""The page about the alarm says which stage saw a fault, in which experiment, and owns up to what it did not see."""

import copy
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sensitivity.__main__ import _measuring
from benchmarks.sensitivity.measure import disturbed, missed, seen
from benchmarks.sensitivity.page import Measured, page
from benchmarks.sensitivity.regressions import REGRESSIONS
from pytest_claims import drift
from pytest_claims.results import Results

ROOT = Path(__file__).resolve().parents[2]
EPS, SIGMOID = REGRESSIONS["eps"], REGRESSIONS["sigmoid"]


def record(identifier, **fields):
    """Make a claim's record with inputs and the first steps of one probe."""
    values = np.linspace(0.2, 0.4, 8).tolist()
    part = {"text": "gain", "role": "gain", "effect": 0.3, "interval": [0.2, 0.4], "region": [0.05, None],
            "margin": 0.05, "values": values}  # fmt: skip
    return {
        **{name: part[name] for name in ("effect", "interval", "region", "margin")},
        "id": identifier,
        "experiment": identifier.partition(".")[0],
        "verdict": "supported",
        "kind": "difference",
        "alpha": 0.005,
        "seeds": 8,
        "registered_seeds": 64,
        "parts": [part],
        "inputs": {"m/data": "aa"},
        "trace": {"m/train": {"step": [0, 1, 2], "loss": [0.7, 0.6, 0.5], "gradient": [1.0, 0.9, 0.8]}},
        **fields,
    }


def results(*claims):
    """Make a run's results."""
    environment = {"torch": "2.13.0", "numpy": "2.4.6", "scipy": "1.17.1", "scikit-learn": "1.9.1", "commit": "c0ffee0"}
    return {"schema": 1, "environment": environment, "claims": list(claims or [record("1.a"), record("2.a")])}


def with_loss(run, claim, step, loss):
    """Return the same run with one loss of a claim's trace replaced."""
    other = copy.deepcopy(run)
    other["claims"][claim]["trace"]["m/train"]["loss"][step] = loss
    return other


def compare(was, now):
    """Compare two runs that are JSON."""
    return drift.compare(Results.from_json(was), Results.from_json(now))


def measured(measurements=(), repeats=(), workers=None, baseline=None):
    """Make what the page is about."""
    base = Results.from_json(baseline or results())
    return Measured(dict(measurements), list(repeats), workers or {}, base, base, "python -m benchmarks.sensitivity")


def test_the_earliest_stage_of_an_experiment_is_told_with_its_claims():
    """Of two claims of an experiment that depart at different stages, the earlier stage counts, in one claim of two."""
    base = results(record("2.a"), record("2.b"))
    later = with_loss(with_loss(base, 0, 2, 0.55), 1, 0, 0.71)
    later["claims"][1]["inputs"]["m/data"] = "bb"

    (two,) = seen(compare(base, later))

    assert (two.experiment, two.stage, two.departed, two.claims, two.step) == ("2", "inputs", 1, 2, None)


def test_the_first_step_of_an_experiment_is_told():
    """Of two claims that depart in their traces, the earlier step is shown, in words too."""
    base = results(record("2.a"), record("2.b"))

    (two,) = seen(compare(base, with_loss(with_loss(base, 0, 2, 0.55), 1, 1, 0.65)))

    assert (two.step, two.place, two.departed) == (1, "step 1, in the loss", 2)


def test_an_experiment_that_saw_nothing_has_no_stage():
    """Experiments without a difference are there, without stage; those that were not run are not."""
    stages = {
        experiment.experiment: experiment.stage
        for experiment in seen(compare(results(), with_loss(results(), 0, 1, 0.65)))
    }

    assert stages == {"1": "trace", "2": None}


def test_what_is_seen_where_it_should_be_is_not_missed():
    """Adam's eps enters at the first update: an experiment that departs at step 1 saw it where it can be seen first."""
    base = results(record("2.a"))

    assert missed(EPS, seen(compare(base, with_loss(base, 0, 1, 0.65)))) == []


@pytest.mark.parametrize("step", [0, 2])
def test_what_is_seen_at_another_step_is_missed(step):
    """Too late is missed; too early means that something else is broken."""
    base = results(record("2.a"))

    assert missed(EPS, seen(compare(base, with_loss(base, 0, step, 0.55)))) == ["2"]


def test_an_experiment_that_does_not_use_what_is_broken_must_be_silent():
    """Experiment 2 has no sigmoid: seeing the fault there is as wrong as not seeing it in experiment 1."""
    base = results()

    assert missed(SIGMOID, seen(compare(base, with_loss(base, 0, 0, 0.71)))) == []
    assert missed(SIGMOID, seen(compare(base, with_loss(base, 1, 0, 0.71)))) == ["1", "2"]


def test_the_page_names_stage_place_and_what_came_of_it():
    """A column has the fault, a cell for each experiment with its cost, and how the run ends."""
    trials = [{"measurement": "m", "condition": {}, "seeds": [0, 7], "seconds": 9.0, "processor_s": 4.2}]
    base = results(record("1.a", seconds_by_trial=trials), record("1.b", seconds_by_trial=trials), record("2.a"))
    later = with_loss(base, 0, 1, 0.65)
    later["claims"][0]["verdict"] = "refuted"

    text = page(measured({"eps": compare(base, later), "sigmoid": compare(base, base)}, baseline=base))

    assert f"|  | {EPS.text} | {SIGMOID.text} |" in text
    seen = "**first steps**, step 1, in the loss (1 of 2 claims); 1 verdict changed"
    assert f"| experiment 1 (4 s) | {seen} | - |" in text
    assert "| experiment 2 | - | - |" in text
    assert "| **the run** | **fails** | passes, numbers shown |" in text
    assert "These 3 claims, 4 s of processor time, notice 1 of 2 faults; 1 fail the run." in text
    assert "1.a: verdict changed, supported → refuted" in text


def test_experiments_are_in_the_order_of_their_numbers_and_others_than_the_four_expect_nothing():
    """A tier's claims are of any experiment; what experiment 10 sees is shown, not expected."""
    base = results(record("10.a"), record("2.a"))

    found = seen(compare(base, with_loss(base, 0, 1, 0.65)))

    assert [each.experiment for each in found] == ["2", "10"]
    assert [each.stage for each in found] == [None, "trace"]
    assert missed(EPS, found) == ["2"]


def test_a_long_report_of_the_terminal_is_cut():
    """The page quotes its first lines, and says how many there are."""
    base = results(*(record(f"{number}.a", kind="difference") for number in range(1, 10)))
    later = copy.deepcopy(base)
    for claim in later["claims"]:
        claim["verdict"] = "refuted"

    text = page(measured({"eps": compare(base, later)}))

    assert "... 4 more lines" in text


def test_the_page_says_that_a_fault_without_consequence_passes():
    """Other first steps with the same verdict and effect are shown and fail nothing."""
    text = page(measured({"eps": compare(results(), with_loss(results(), 0, 1, 0.65))}))

    assert "| passes, numbers shown |" in text


def test_the_page_says_how_many_seeds_there_were():
    """A quick look is not passed off as a run at the registered seeds."""
    quick, whole = record("1.a"), record("7.a", seeds=32, registered_seeds=32)

    text = page(measured(baseline=results(quick, whole)))

    assert "Claims and seeds: 1.a on 8 of 64 registered seeds; 7.a on 32 seeds." in text


def test_the_page_says_when_training_was_cut_short():
    """Verdicts of shortened runs are not passed off as verdicts; whole runs have no such note."""
    whole = measured()
    short = dataclasses.replace(whole, shortened=True)

    assert "Training was cut to its first few dozen steps" in page(short)
    assert "cut" not in page(whole)


def test_calm_repeats_are_counted():
    """Comparisons are counted over all repeats; serial runs are called so."""
    calm = compare(results(), results())

    text = page(measured(repeats=[calm, calm], workers={0: calm}))

    assert "2 repeated runs on one version" in text
    assert "(4 comparisons): nothing raised, every number bitwise the same." in text
    assert "| none (serial) | nothing raised, every number bitwise the same |" in text


def test_the_command_names_no_place_of_the_machine():
    """Where runs and page are kept changes no number, and is nobody's business."""
    words = ["--tier", "smoke", "--work", "/home/me/runs", "--repeats", "2", "-o", "/home/me/page.md", "--output=x"]

    assert _measuring(words) == ["--tier", "smoke", "--repeats", "2"]


def test_a_page_without_other_workers_has_no_empty_table():
    """A head without a row would look like a lost measurement."""
    calm = compare(results(), results())

    assert "| workers |" not in page(measured(repeats=[calm]))
    assert "| workers |" in page(measured(repeats=[calm], workers={0: calm}))


def test_a_page_without_repeats_claims_no_silence():
    """Nothing repeated is not "nothing raised"."""
    text = page(measured())

    assert "Not measured in this call" in text
    assert "nothing raised" not in text


def test_a_false_alarm_is_named():
    """A repeat that differs is on the page, with the claim."""
    raised = compare(results(), with_loss(results(), 1, 2, 0.55))

    text = page(measured(repeats=[compare(results(), results()), raised]))

    assert disturbed(raised) == ["2.a"]
    assert "**1 differ: 2.a**" in text


def test_the_documents_say_what_the_page_says():
    """docs/nightly.md names the claims, their cost and the rate that docs/sensitivity.md has measured."""
    said = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")
    measured = (ROOT / "docs" / "sensitivity.md").read_text(encoding="utf-8")
    sums = r"(\d+) claims.*?, (\d+) s of processor time.*?notice (\d+) of (?:the )?(\d+) faults.*?(\d+) (?:fail|change)"

    assert re.search(sums, said).groups() == re.search(sums, measured).groups()
    assert "--tier smoke" in measured.partition("## Sensitivity")[0]
