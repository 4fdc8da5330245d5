"""scikit-learn's classifiers over a block of seeds: one fit for each seed, as a user would write it.

A seed that goes wrong is kept, never dropped: a fit that stops at its budget of iterations is scored as it is and
flagged `unconverged`; a fit that raises is flagged `diverged` and scored as the constant predictor.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pytest_claims.training.datasets import Dataset
from pytest_claims.training.seeds import Seeds

SCORED_ROWS = 2_000  # training rows that are scored: as many as further rows
SCORES = ("accuracy", "published_size", "training")
VALIDATION = "validation_accuracy"


def fit_and_score(seeds: Seeds, estimator: Any, data: Dataset, score: Sequence[str] = SCORES) -> xr.Dataset:
    """Fit a clone of `estimator` to each seed's training rows and score it; all variables have dims (seed,).

    `accuracy` on the further rows, `published_size` on the test rows, `training` on the first 2,000 training rows, or
    only those in `score` (a support vector machine takes nearly as long to predict as to fit), which may also name
    `validation_accuracy`, on the validation rows, for `tuned`; and two bools:
    `unconverged`, the fit gave a ConvergenceWarning; `diverged`, fit or predict raised a ValueError, RuntimeError or
    ArithmeticError, and that seed predicts its most frequent training class. An estimator that takes a `random_state`
    gets one from the seed's generators (purpose "estimators"), the same for all calls of a seed.

    RuntimeError when every seed raises: that is the caller's mistake, not a finding.
    """
    trained = (data.x_train[:, :SCORED_ROWS], data.y_train[:, :SCORED_ROWS])
    every = ((data.x_further, data.y_further), (data.x_test, data.y_test), trained)
    sets = {name: rows for name, rows in zip(SCORES, every, strict=True) if name in score}
    if VALIDATION in score:
        if data.x_validation is None or data.y_validation is None:
            raise ValueError(f"{VALIDATION} needs a dataset with validation rows")
        sets[VALIDATION] = (data.x_validation, data.y_validation)
    scores, flags, last = np.empty((len(seeds), len(sets))), np.zeros((len(seeds), 2), np.bool_), None
    for seed, state in enumerate(seeds.integers("estimators")):
        inputs = [x[seed] for x, _ in sets.values()]
        truth = [y[seed] for _, y in sets.values()]
        rows, labels = data.x_train[seed], data.y_train[seed]
        try:
            flags[seed, 0], predicted = _fit_and_predict(_prepared(estimator, state), rows, labels, inputs)
        except (ValueError, RuntimeError, ArithmeticError) as error:
            predicted, flags[seed, 1], last = _constant(inputs, labels), True, error
        scores[seed] = [np.mean(ours == theirs) for ours, theirs in zip(predicted, truth, strict=True)]
    if last is not None and flags[:, 1].all():
        raise RuntimeError(f"{type(estimator).__name__} fails for every seed of {seeds.values}: {last}") from last
    steps = [{"resolution": 1 / x.shape[1]} if x.shape[1] else {} for x, _ in sets.values()]
    values = {name: ("seed", scores[:, column], steps[column]) for column, name in enumerate(sets)}
    flagged = {"unconverged": ("seed", flags[:, 0]), "diverged": ("seed", flags[:, 1])}
    return xr.Dataset({**values, **flagged}, coords={"seed": list(seeds.values)})


def _prepared(estimator: Any, state: int) -> Any:
    from sklearn.base import clone

    fresh = clone(estimator)
    return fresh.set_params(random_state=state) if "random_state" in fresh.get_params(deep=False) else fresh


def _fit_and_predict(
    estimator: Any, rows: NDArray[Any], labels: NDArray[Any], inputs: Sequence[NDArray[Any]]
) -> tuple[bool, list[Any]]:
    """Fit, and predict all inputs; return whether the fit warned that it did not converge, and the predictions."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(rows, labels)
        predicted = [estimator.predict(x) for x in inputs]
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return any(issubclass(warning.category, ConvergenceWarning) for warning in caught), predicted


def _constant(inputs: Sequence[NDArray[Any]], labels: NDArray[Any]) -> list[Any]:
    """Predict the most frequent label everywhere (the smaller of two that are equally frequent)."""
    values, counts = np.unique(labels, return_counts=True)
    return [np.full(len(x), values[counts.argmax()]) for x in inputs]
