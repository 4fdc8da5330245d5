"""Training many small networks at once: seeds, datasets, networks, runs. The first `train` imports torch."""

import os

# MKL picks kernels by the alignment of each matrix: in odd shapes, the bits of a network would depend on its place
# in a stack. This mode, which costs nothing measurable, must be chosen before MKL is first called.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

from pytest_claims.training.datasets import Dataset, min_max, mixture, moons, permuted_labels
from pytest_claims.training.estimators import fit_and_score
from pytest_claims.training.networks import MLP
from pytest_claims.training.runs import Run
from pytest_claims.training.seeds import Seeds
from pytest_claims.training.snapshots import Snapshot
from pytest_claims.training.train import RATE, skill, steps_until, train

__all__ = [
    "MLP",
    "RATE",
    "Dataset",
    "Run",
    "Seeds",
    "Snapshot",
    "fit_and_score",
    "min_max",
    "mixture",
    "moons",
    "permuted_labels",
    "skill",
    "steps_until",
    "train",
]
