"""Real regressions in real training: the alarm sees each as early as it can be seen, and nothing where nothing is.

A reduced run: one claim of each of experiments 1, 2, 7 and 9 on 8 seeds, trained for a few dozen steps. At the
first look and full length: docs/sensitivity.md.
"""

import os

import pytest

from benchmarks.sensitivity.measure import FILES, Bench, MeasurementError, disturbed, missed, seen
from benchmarks.sensitivity.regressions import REGRESSIONS
from benchmarks.sensitivity.shortened import CLAIMS
from pytest_claims.drift import compare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """Keep the reduced runs of this session, all workers' in one place."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "bench"
    # tests never look at the seeds that claims are registered on, and these look at no figure
    more = ("-o", "claims_edition=1", "-p", "no:claims-drawing")
    return Bench(folder, 8, CLAIMS, ("benchmarks.sensitivity.shortened",), more)


@pytest.fixture(scope="session")
def baseline(bench):
    """Run the claims with nothing broken."""
    return bench.run("baseline")


@pytest.mark.parametrize("regression", REGRESSIONS.values(), ids=REGRESSIONS)
def test_a_regression_is_seen_at_the_earliest_stage_that_can_see_it(bench, baseline, regression):
    """Every experiment that uses what is broken departs at the stage and step named; the others stay bitwise equal."""
    experiments = seen(compare(baseline, bench.run(regression.name, regression=regression.name)))

    assert [experiment.experiment for experiment in experiments] == list(FILES)
    assert missed(regression, experiments) == []


def test_without_bias_correction_the_terminal_says_where_training_departed(bench, baseline):
    """The sentence names step 1, the first after an update, and what that leaves as a cause."""
    comparison = compare(baseline, bench.run("bias-correction", regression="bias-correction"))

    (sentence,) = [line for line in comparison.sentences() if line.startswith("training first departed")]
    assert "training first departed at step 1, in the loss" in sentence
    assert "loss and gradient agree at step 0, so the update of the weights changed" in sentence
    assert sentence.endswith(": 1.a, 2.a, 7.c, 9.d")


def test_another_stream_of_draws_fails_the_run(bench, baseline):
    """Inputs that changed are an error for every claim, and end its comparison."""
    comparison = compare(baseline, bench.run("stream", regression="stream"))

    assert comparison.failed
    assert "ERROR: inputs changed in 4 claims" in comparison.sentences()[0]


@pytest.mark.parametrize("name, workers", [("repeat", 0), ("two-workers", 2)])
def test_nothing_broken_raises_nothing(bench, baseline, name, workers):
    """A run that is repeated, and one on two workers, have every number bit for bit."""
    comparison = compare(baseline, bench.run(name, workers))

    assert len(comparison.claims) == len(CLAIMS)
    assert disturbed(comparison) == []
    assert comparison.sentences()[0].startswith("nothing changed: 4 claims compared")


def test_a_run_without_verdicts_is_an_error_with_its_words(tmp_path):
    """A claim id that does not exist ends pytest before any verdict; the error shows pytest's own output."""
    with pytest.raises(MeasurementError, match=r"(?s)baseline ended without verdicts.*no such claim"):
        Bench(tmp_path, claims=("no.such",)).run("baseline")
