"""Training many small networks at once: seeds, datasets, networks, runs, and classical estimators.

No framework is imported here: the first `train` imports its engine's framework, the first `fit_and_score` scikit-learn.
"""

from pytest_claims.environment import steady_arithmetic

steady_arithmetic()  # before torch is imported, even without the plugin

from pytest_claims.training.curvature import hessian_eigenvalues, input_gradient, loss_gradient, squared_gradient
from pytest_claims.training.datasets import Dataset, min_max, mixture, moons, permuted_labels, split_rows
from pytest_claims.training.estimators import fit_and_score
from pytest_claims.training.images import digits, mnist_1d, mnist_5k
from pytest_claims.training.measures import (
    expected_calibration_error,
    negative_log_likelihood,
    probabilities,
    rank_correlation,
    temperature,
)
from pytest_claims.training.networks import MLP
from pytest_claims.training.optimisers import SGD, Adam, AdamW, Constant, Cosine, Steps, WarmUp
from pytest_claims.training.regimes import Average, Moment, Stop
from pytest_claims.training.runs import Run
from pytest_claims.training.seeds import Seeds
from pytest_claims.training.train import RATE, Snapshot, measured, skill, steps_until, train
from pytest_claims.training.tuning import at_best_step, tuned

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
    "at_best_step",
    "digits",
    "expected_calibration_error",
    "fit_and_score",
    "hessian_eigenvalues",
    "input_gradient",
    "loss_gradient",
    "measured",
    "min_max",
    "mixture",
    "mnist_1d",
    "mnist_5k",
    "moons",
    "negative_log_likelihood",
    "permuted_labels",
    "probabilities",
    "rank_correlation",
    "skill",
    "split_rows",
    "squared_gradient",
    "steps_until",
    "temperature",
    "train",
    "tuned",
]
