"""Real training under different numbers of workers: the same seeds give the same numbers, bit by bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("xdist")

ROOT = Path(__file__).parents[2]
CLAIM = '''
"""Does a network with more units fit the moons better?"""

from torch import nn

from pytest_claims.training import MLP, Run, train
from pytest_claims import at_most, claim, increases, measurement


@measurement(experiment="workers", units=[2, 8])
def fits(seeds, moons, units):
    data = moons(seeds)
    run = Run(MLP(seeds, (2, units, 2)), data.x_train, data.y_train)
    return train(run, steps=60, measure=lambda now: {"loss": now.loss(), "accuracy": now.accuracy()}).isel(step=-1)


@measurement(experiment="workers")
def modules(seeds, moons):
    """Networks with batch norm and dropout."""
    data = moons(seeds)
    def module():
        return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    run = Run(module, data.x_train, data.y_train)
    return train(run, steps=60, seeds=seeds, measure=lambda now: {"loss": now.loss()}).isel(step=-1)


@claim("w.a", "More units, more accuracy", seeds=16)
def test_accuracy(fits):
    return increases(fits.accuracy, along="units", by=0.01)


@claim("w.b", "More units, less loss", seeds=16)
def test_loss(fits):
    return increases(-fits.loss, along="units", by=0.01)


@claim("w.c", "The loss of a module is below that of a coin", seeds=16)
def test_module(modules):
    return at_most(modules.loss, 0.69)
'''


def numbers(folder, options):
    """Run the claims in a process of their own; return every seed's values, by claim, the trace, and the products."""
    report = folder / "-".join(options).replace("=", "")
    command = [sys.executable, "-m", "pytest", str(folder / "test_workers_claim.py"), "--rootdir", str(ROOT)]
    command += ["-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider", "--report", str(report), *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (report / "results.json").exists(), ended.stdout + ended.stderr
    claims = json.loads((report / "results.json").read_text())["claims"]
    return {
        claim["id"]: (
            [row["values"] for row in claim["conditions"]],
            claim["trace"],
            claim["inputs"],
            {str([trial["condition"], trial["seeds"]]): trial["products"] for trial in claim["seconds_by_trial"]},
        )
        for claim in claims
    }


@pytest.mark.slow
def test_a_seeds_numbers_do_not_depend_on_the_workers(tmp_path):
    """Serial, one worker and two give bitwise the same values, traces and input hashes."""
    (tmp_path / "test_workers_claim.py").write_text(CLAIM)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pytest_claims.short", "fixtures.plugin"]\n')

    serial = numbers(tmp_path, ["-n0"])

    assert len(serial) == 3
    assert all(products["float32"] > 0 for *_, trials in (serial["w.a"], serial["w.b"]) for products in trials.values())
    assert {*map(str, serial["w.c"][-1].values())} == {"{}"}  # of modules nobody counts them
    assert numbers(tmp_path, ["-n1"]) == serial
    assert numbers(tmp_path, ["-n2"]) == serial
