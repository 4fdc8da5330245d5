"""Training many small networks at once: seeds, datasets, networks, runs, and classical estimators.

No framework is imported here: the first `train` imports its engine's framework, the first `fit_and_score` scikit-learn.
"""

from pytest_claims.environment import steady_arithmetic

steady_arithmetic()  # before torch is imported, even without the plugin

from pytest_claims.training.datasets import Dataset, min_max, mixture, moons, permuted_labels
from pytest_claims.training.estimators import fit_and_score
from pytest_claims.training.networks import MLP
from pytest_claims.training.optimisers import SGD, Adam, AdamW, Constant, Cosine, Steps, WarmUp
from pytest_claims.training.regimes import Average, Moment, Stop
from pytest_claims.training.runs import Run
from pytest_claims.training.seeds import Seeds
from pytest_claims.training.train import RATE, Snapshot, measured, skill, steps_until, train

__all__ = [
    "MLP",
    "RATE",
    "SGD",
    "Adam",
    "AdamW",
    "Average",
    "Constant",
    "Cosine",
    "Dataset",
    "Moment",
    "Run",
    "Seeds",
    "Snapshot",
    "Steps",
    "Stop",
    "WarmUp",
    "fit_and_score",
    "measured",
    "min_max",
    "mixture",
    "moons",
    "permuted_labels",
    "skill",
    "steps_until",
    "train",
]
