"""The benchmarks train what the claims train, and all ways of training do the same work."""

import dataclasses
import importlib

import numpy as np
import pytest

from benchmarks.declared import of_fixture
from benchmarks.workloads import WORKLOADS
from fixtures import datasets as datasets_module
from pytest_claims import training
from pytest_claims.training import Run, Seeds

ways = pytest.importorskip("benchmarks.ways", reason="the ways of training need torch").ways
pytest.importorskip("sklearn", reason="the claims need scikit-learn")

CLAIMS = {
    "1 approximation": ("approximation", "fits", {"units": 16}),
    "2 depth": ("depth", "by_depth", {"layers": 3}),
    "4 imbalance": ("imbalance", "by_ratio", {"ratio": 10}),
    "5 memorising": ("memorising", "memorising", {"n": 300}),
    "6 PCA, D = 10": ("pca", "by_dummies", {"dummies": 10, "matrix": "uniform"}),
    "6 PCA, D = 2000": ("pca", "by_dummies", {"dummies": 2_000, "matrix": "uniform"}),
    "7 activations": ("activations", "two_layers", {}),
    "8 batches of 1": ("batch_size", "by_batch", {"batch": 1}),
    "8 batches of 16": ("batch_size", "by_batch", {"batch": 16}),
    "8 batches of 64": ("batch_size", "by_batch", {"batch": 64}),
    "8 batches of 400": ("batch_size", "by_batch", {"batch": 400}),
    "9 losses": ("losses", "by_loss", {"separation": "harmonic"}),
    "10 initialisers": ("initialisation", "by_initialiser", {}),
    "11 layers": ("layers", "layers", {}),
    "12 regularisation": ("regularisation", "grid", {"data": "harmonic"}),
}


class CapturedError(Exception):
    """Ends a measurement at its first training, with the shape of that training."""


def shape(runs, batch):
    """Return what a stack's cost depends on."""
    runs = [runs] if isinstance(runs, Run) else runs.values()
    networks = [
        (run.network.sizes, run.network.repeat, run.network.activation, run.settings(0.003).loss, run.penalty or None,
         run.sample_weight is not None, run.x.shape)
        for run in runs
    ]  # fmt: skip
    return networks, batch


def measured(name, monkeypatch):
    """Return block and shape of a claim's measurement."""
    topic, measurement, condition = CLAIMS[name]
    module = importlib.import_module(f"claims.test_{topic}")
    declared = of_fixture(getattr(module, measurement))

    def train(runs, *, batch=64, **_):
        raise CapturedError(shape(runs, batch))

    monkeypatch.setattr(module, "train", train)
    datasets = {name: getattr(datasets_module, name, None) or getattr(training, name) for name in declared.fixtures}
    with pytest.raises(CapturedError) as caught:
        declared.function(Seeds("benchmark", range(8)), **datasets, **condition)
    return declared.block, caught.value.args[0]


def test_all_training_experiments_are_raced():
    """Experiments 1, 2 and 4 to 12: 3 trains no networks of ours."""
    assert {name.split()[0] for name in WORKLOADS} == {"1", "2", *map(str, range(4, 13))}
    assert WORKLOADS.keys() == CLAIMS.keys()


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * ("2000" in name)) for name in CLAIMS])
def test_a_workload_is_what_its_claim_trains(name, monkeypatch):
    """Networks, rows, losses, penalties, batch, and the number of seeds in a block."""
    block, expected = measured(name, monkeypatch)
    build, seeds = WORKLOADS[name]
    workload = build(Seeds("benchmark", range(8)))

    assert seeds == block
    assert shape(workload.runs, workload.batch) == expected


@pytest.mark.parametrize("name", ["2 depth", "4 imbalance", "9 losses", "12 regularisation"])
def test_all_ways_do_the_same_work(name):
    """After three steps the losses agree; the start, the batches, penalties and weights are the same."""
    workload = dataclasses.replace(WORKLOADS[name][0](Seeds("benchmark", range(8))), steps=3)
    final = {}
    for way, how in ways(workload).items():
        if how is not None and way != "sklearn":
            train, losses = how.start()
            train()
            final[way] = losses()

    assert {"plain", "plain_fused", "vmap", "stacked"} <= final.keys()
    for way, losses in final.items():
        np.testing.assert_allclose(losses, final["plain"], rtol=1e-4, atol=1e-6, err_msg=way)


def test_scikit_learn_is_left_out_where_it_cannot_do_the_work():
    """MLPClassifier does plain classification, but no weights for rows, other losses or repeated layers."""
    able = {
        name: ways(WORKLOADS[name][0](Seeds("benchmark", range(8))))["sklearn"] is not None
        for name in ("2 depth", "4 imbalance", "8 batches of 64", "9 losses")
    }

    assert able == {"2 depth": False, "4 imbalance": False, "8 batches of 64": True, "9 losses": False}
