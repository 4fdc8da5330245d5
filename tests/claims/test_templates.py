"""Every template renders on measurements that have their real shape, although nothing is trained for them."""

from itertools import product

import numpy as np
import pytest
import xarray as xr

from fixtures import datasets
from pytest_claims import training
from pytest_claims.running.reasons import names, render
from pytest_claims.training.estimators import SCORES
from pytest_claims.training.seeds import Seeds
from pytest_claims.trials.labelled import assemble, labelled
from tests.claims.reading import EVERY_FILE

pytest.importorskip("sklearn", reason="claim files import it")
torch_engine = pytest.importorskip("pytest_claims.training.engines.torch_engine")
SEEDS = (1,)  # not 0, whose first steps are traced
VERDICT = {"kind": "difference", "effect": 0.1, "interval": [0.0, 0.2], "seeds": 8, "win_rate": 0.5}


@pytest.fixture
def untrained(monkeypatch):
    """Leave networks as they were initialised, and fit no estimator."""

    def stay(_engine, task, at, visit):
        parameters = [np.asarray(array, task.dtype) for array in task.parameters]
        for step in at:
            visit(step, parameters)

    def guess(seeds, _estimator, _data, score=SCORES):
        values = {name: ("seed", np.full(len(seeds), 0.5)) for name in (*score, "unconverged", "diverged")}
        return xr.Dataset(values, coords={"seed": list(seeds.values)})

    monkeypatch.setattr(torch_engine.TorchEngine, "train", stay)
    monkeypatch.setattr("claims.test_data_size.fit_and_score", guess)


def measured(measurement, conditions):
    """Return what a measurement gives under the conditions, for one seed."""
    handed_out = {name: getattr(datasets, name, None) or getattr(training, name) for name in measurement.fixtures}
    trials = []
    for values in product(*conditions.values()):
        condition = dict(zip(conditions, values, strict=True))
        returned = measurement.function(
            Seeds(measurement.experiment, SEEDS, "registered", "torch"), **handed_out, **condition
        )
        trials.append((condition, labelled(returned, SEEDS, measurement.name)))
    return assemble(measurement.name, conditions, trials, len(SEEDS))


def named(measurement, references):
    """Return those of a measurement's conditions that references name, of each at least the first."""
    labels = {str(label) for reference in references for label in reference.labels.values()}
    return {
        dim: [level for level in levels if str(level) in labels] or levels[:1]
        for dim, levels in measurement.levels.items()
    }


@pytest.mark.slow
@EVERY_FILE
@pytest.mark.usefixtures("untrained")
def test_templates_render(file):
    """A wrong label on an axis that a measurement makes itself shows here, not after hours of training."""
    cache = {}
    for claim, function in file.claims:
        templates = [text for text in (claim.reason, claim.departs, claim.departures) if text]
        references = [reference for text in templates for reference in names(text)]
        asked = {} if all(reference.of_verdict for reference in references) else file.measurements_of(function)
        given = {}
        for name, measurement in asked.items():
            conditions = named(measurement, references)
            key = (name, repr(conditions))
            cache[key] = given[name] = cache[key] if key in cache else measured(measurement, conditions)
        for template in templates:
            text = render(template, given, VERDICT)

            assert (text != template) == bool(names(template))
            assert "{" not in text
