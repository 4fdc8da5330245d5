"""Datasets, each for a block of seeds at once: plain functions of `Seeds`.

Every function returns a `Dataset` whose arrays have a leading seed axis. `x_test` is a test set of the size that the
caller chooses; `x_further` are 2,000 more rows of the same distribution, on which accuracy is measured.

Purposes: "data" draws covariance, training rows and split, "test" a separate test set, "further" the further rows.
More rows for one purpose never change another, and datasets of one seed that differ only in `n` or `ratio` share
their covariance.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from pytest_claims.training.seeds import Seeds, refuse_beyond_memory

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
FURTHER = 2_000


@dataclass(frozen=True)
class Dataset:
    """One dataset per seed. S seeds, n training rows, d columns.

    `x_*` are (S, rows, d); labels `y_*` are (S, rows) integers, regression targets (S, rows, outputs). `bayes` (S,)
    is the best accuracy that any classifier can reach on balanced classes, None where it is not known. Rates and steps
    are chosen on the validation rows (`tuned`), None where there are none. Real data have no further rows: there
    `x_further` is `x_test`.
    """

    x_train: Floats
    y_train: NDArray[Any]
    x_test: Floats
    y_test: NDArray[Any]
    x_further: Floats
    y_further: NDArray[Any]
    bayes: NDArray[np.float64] | None = None
    x_validation: Floats | None = None
    y_validation: NDArray[Any] | None = None

    def first(self, rows: int) -> Dataset:
        """Keep the first `rows` training rows (nested training sets, one test set)."""
        if not 0 < rows <= self.x_train.shape[1]:
            raise ValueError(f"cannot take the first {rows} of {self.x_train.shape[1]} training rows")
        return dataclasses.replace(self, x_train=self.x_train[:, :rows], y_train=self.y_train[:, :rows])

    def with_labels(self, y_train: NDArray[Any]) -> Dataset:
        """Replace the training labels."""
        return dataclasses.replace(self, y_train=y_train)

    def fitted(self, fit: Callable[[Floats], Callable[[Floats], Floats]]) -> Dataset:
        """Transform the inputs seed by seed: `fit(x_train)` returns the function to apply to all sets of rows.

        data.fitted(lambda train: PCA(10).fit(train).transform)
        data.fitted(lambda train: lambda x: x - train.mean(axis=0))
        """
        transforms = [fit(train) for train in self.x_train]

        def transformed(rows: Floats) -> Floats:
            return np.stack([transform(x) for transform, x in zip(transforms, rows, strict=True)])

        x_train, x_further = transformed(self.x_train), transformed(self.x_further)
        if self.x_test is self.x_further:
            x_test = x_further
        else:
            x_test = transformed(self.x_test) if self.x_test.shape[1] else x_train[:, :0]
        x_validation = None if self.x_validation is None else transformed(self.x_validation)
        return dataclasses.replace(self, x_train=x_train, x_test=x_test, x_further=x_further, x_validation=x_validation)


def mixture(
    seeds: Seeds,
    n: int,
    d: int,
    separation: str | ArrayLike = "ones",
    *,
    scale: float = 1.0,
    ratio: float = 1.0,
    test: float = 0.2,
    further: int = FURTHER,
) -> Dataset:
    """Draw two Gaussians with one covariance: x = z C, C = scale * U(0,1)^(d x d), covariance C'C.

    Class 0 has mean 0 and int(n / (ratio + 1)) rows, class 1 mean `separation` ("ones", "harmonic": 1/i in dimension
    i, or a vector) and the rest. `test` below 1 is the share to split off at random (the split shuffles the rows); an
    integer is a number of balanced rows to draw in addition; with 0 all n rows train. The further rows are always
    balanced. Bayes accuracy Phi(Delta / 2) on balanced classes, per draw. MemoryError where memory is too small.
    """
    drawn = n + further + (test if test >= 1 else 0)
    refuse_beyond_memory(f"mixture(n={n:,}, d={d:,}) for {len(seeds)} seeds", 8.0 * len(seeds) * d * (drawn + d))
    mean = separation_vector(separation, d)
    separate = round(test) if test >= 1 else 0
    split = math.ceil(round(test * n, 9)) if 0 < test < 1 else 0  # as scikit-learn's train_test_split rounds
    zeros = int(n / (ratio + 1))
    labels = (np.arange(n) >= zeros).astype(np.int64)
    x, y, covariance_roots = np.empty((len(seeds), n, d)), np.empty((len(seeds), n), np.int64), []
    for seed, generator in enumerate(seeds.generator("data")):
        root = scale * generator.random((d, d))
        rows = generator.standard_normal((n, d)) @ root + labels[:, None] * mean
        order = generator.permutation(n)
        x[seed], y[seed] = rows[order], labels[order]
        covariance_roots.append(root)
    if split:
        x_test, y_test = x[:, n - split :], y[:, n - split :]
    else:
        x_test, y_test = _balanced(seeds, "test", separate, covariance_roots, mean)
    x_further, y_further = _balanced(seeds, "further", further, covariance_roots, mean)
    bayes = np.array([bayes_accuracy(root, mean) for root in covariance_roots])
    x_train, y_train = x[:, : n - split], y[:, : n - split]
    seeds.record("mixture", x_train, y_train, x_test, x_further)
    return Dataset(x_train, y_train, x_test, y_test, x_further, y_further, bayes)


def moons(seeds: Seeds, n: int = 500, noise: float = 0.1, test: float = 0.2, further: int = FURTHER) -> Dataset:
    """Draw scikit-learn's two half circles, n points with Gaussian noise, split at random; d = 2.

    scikit-learn places the points; the seed's numpy generator draws noise and split.
    """
    split = math.ceil(round(test * n, 9))
    x, y = np.empty((len(seeds), n, 2)), np.empty((len(seeds), n), np.int64)
    points, labels = _moon_points(n)
    for seed, generator in enumerate(seeds.generator("data")):
        rows = points + noise * generator.standard_normal((n, 2))
        order = generator.permutation(n)
        x[seed], y[seed] = rows[order], labels[order]
    points, labels = _moon_points(further)
    noises = [generator.standard_normal((further, 2)) for generator in seeds.generator("further")]
    x_further = points + noise * np.stack(noises)
    y_further = np.tile(labels, (len(seeds), 1))
    seeds.record("moons", x, y, x_further)
    return Dataset(x[:, : n - split], y[:, : n - split], x[:, n - split :], y[:, n - split :], x_further, y_further)


def split_rows(
    seeds: Seeds, name: str, x: ArrayLike, y: ArrayLike, *, train: int, validation: int = 0, test: int
) -> Dataset:
    """Split real data anew for each seed: x (rows, ...) and y (rows, ...) are the same rows for all seeds.

    The purpose "data" permutes the rows; the first `train` of them train, the next `validation` are for choices, the
    last `test` test. `name` is the dataset's name in the ledger. ValueError where there are too few rows.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y):
        raise ValueError(f"{name}: x has {len(x):,} rows and y {len(y):,}; give both the same rows")
    if min(train, test) < 1 or validation < 0 or train + validation + test > len(x):
        raise ValueError(
            f"{name} has {len(x):,} rows; ask for at least one training and one test row, and in all for no more than "
            f"there are, not for {train:,} training, {validation:,} validation and {test:,} test rows"
        )
    order = np.stack([generator.permutation(len(x)) for generator in seeds.generator("data")])
    return from_rows(seeds, name, x, y, order[:, :train], order[:, train : train + validation], order[:, -test:])


def from_rows(
    seeds: Seeds,
    name: str,
    x: Floats,
    y: NDArray[Any],
    train: NDArray[np.integer[Any]],
    validation: NDArray[np.integer[Any]],
    test: NDArray[np.integer[Any]],
) -> Dataset:
    """Take each seed's rows of x and y by their numbers, (S, rows) for each part; no validation rows give None."""
    x_train, x_test = x[train], x[test]
    seeds.record(name, x_train, y[train], x_test)
    data = Dataset(x_train, y[train], x_test, y[test], x_test, y[test])
    if not validation.size:
        return data
    return dataclasses.replace(data, x_validation=x[validation], y_validation=y[validation])


def min_max(x: Floats, by: Floats) -> Floats:
    """Scale the columns of x (S, rows, d) so that those of `by` (S, rows, d) run from 0 to 1."""
    low, high = by.min(axis=1, keepdims=True), by.max(axis=1, keepdims=True)
    return np.asarray((x - low) / (high - low))


def permuted_labels(seeds: Seeds, data: Dataset) -> Dataset:
    """Permute the training labels once per seed (purpose "labels"); the inputs stay."""
    pairs = zip(seeds.generator("labels"), data.y_train, strict=True)
    return data.with_labels(np.stack([generator.permutation(labels) for generator, labels in pairs]))


def separation_vector(separation: str | ArrayLike, d: int) -> NDArray[np.float64]:
    """Return the mean of class 1: "ones", "harmonic" (1/i in dimension i), or a vector of length d."""
    if isinstance(separation, str):
        named = {"ones": np.ones(d), "harmonic": 1.0 / np.arange(1, d + 1)}
        if separation not in named:
            raise ValueError(f"separation must be 'ones', 'harmonic' or a vector, not {separation!r}")
        return named[separation]
    mean = np.asarray(separation, dtype=np.float64)
    if mean.shape != (d,):
        raise ValueError(f"separation must have {d} entries, got shape {mean.shape}")
    return mean


def bayes_accuracy(root: Floats, mean: Floats) -> float:
    """Phi(Delta / 2) with Delta^2 = mean' (C'C)^-1 mean = |C'^-1 mean|^2, solved on C itself.

    Forming the covariance would square its condition number: U(0,1) matrices reach 1e4, their covariances 1e8.
    """
    try:
        whitened = np.linalg.solve(root.T, mean)
    except np.linalg.LinAlgError:
        # exactly singular: where the mean differs in a direction without noise, the classes are separable
        whitened = np.linalg.lstsq(root.T, mean, rcond=None)[0]
        if not np.allclose(root.T @ whitened, mean):
            return 1.0
    return float(ndtr(np.linalg.norm(whitened) / 2))


def _balanced(
    seeds: Seeds, purpose: str, rows: int, roots: Sequence[Floats], mean: Floats
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = (np.arange(rows) >= rows // 2).astype(np.int64)
    x = np.empty((len(seeds), rows, len(mean)))
    if rows:
        for seed, (generator, root) in enumerate(zip(seeds.generator(purpose), roots, strict=True)):
            x[seed] = generator.standard_normal((rows, len(mean))) @ root + labels[:, None] * mean
    return x, np.tile(labels, (len(seeds), 1))


def _moon_points(n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    try:
        from sklearn.datasets import make_moons
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("moons needs scikit-learn: pip install 'pytest-claims[sklearn]'") from error
    points, labels = make_moons(n, shuffle=False, noise=None)
    return np.asarray(points, np.float64), np.asarray(labels, np.int64)
