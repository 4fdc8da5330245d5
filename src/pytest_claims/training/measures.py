"""What classifiers' outputs say besides the class: probabilities, their likelihood and calibration; rank correlation.

    outputs = now.outputs(data.x_test)                          # logits (seed, axes of the runs, row, output)
    negative_log_likelihood(outputs, data.y_test)               # (seed, axes of the runs), in nats
    heat = temperature(now.outputs(data.x_validation), data.y_validation)
    expected_calibration_error(outputs / heat, data.y_test)

Plain functions of labelled arrays, one number for each seed and each run. Labels y are (S, rows) integers, or an array
with named dims that include `row`. Averaged probabilities of several networks are outputs, too, as their logarithms:
`np.log(probabilities(outputs).mean("member"))`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import kendalltau, spearmanr

from pytest_claims.training.labels import check_classes

BINS = 15
COLDEST, HOTTEST = 0.01, 100.0  # temperatures: where all validation rows are right, none is too cold
RANKS: dict[str, Callable[..., Any]] = {"spearman": spearmanr, "kendall": kendalltau}


def probabilities(outputs: xr.DataArray) -> xr.DataArray:
    """Return the softmax over `output`, in float64, with the dims of `outputs`."""
    logarithms = _log_probabilities(outputs)
    return logarithms.copy(data=np.exp(logarithms.values))


def negative_log_likelihood(outputs: xr.DataArray, y: ArrayLike | xr.DataArray) -> xr.DataArray:
    """Return the mean over rows of minus the log probability of class y: (seed, axes of the runs), in nats."""
    labels = _labels(outputs, y)
    return -_log_probabilities(outputs).isel(output=labels).mean("row")


def expected_calibration_error(outputs: xr.DataArray, y: ArrayLike | xr.DataArray, bins: int = BINS) -> xr.DataArray:
    """Return the mean gap between confidence and accuracy, in [0, 1]: (seed, axes of the runs).

    A row's confidence is its largest probability. Rows are put in `bins` intervals of equal width, ((k - 1) / bins,
    k / bins]; the gap of a bin, abs(mean confidence - accuracy), counts by its share of the rows (Naeini et al. 2015;
    Guo et al. 2017, 15 bins). The first of equal largest probabilities is the answer. ValueError below one bin.
    """
    if bins < 1:
        raise ValueError(f"a calibration error needs at least one bin, got {bins}")
    chances = probabilities(outputs)
    confidence = chances.max("output")
    gap = confidence - (chances.argmax("output") == _labels(outputs, y))
    bin_of = np.ceil(confidence * bins).clip(1, bins)
    error = xr.zeros_like(gap.mean("row"))
    for k in range(1, bins + 1):
        error = error + abs(gap.where(bin_of == k, 0).mean("row"))
    return error


def temperature(outputs: xr.DataArray, y: ArrayLike | xr.DataArray) -> xr.DataArray:
    """Return the temperature T at which outputs / T have the smallest NLL: (seed, axes of the runs) (Guo et al. 2017).

    `outputs` and y are those of validation rows. Minimised over log T, in which the NLL has one minimum, between 0.01
    and 100. An end that is as good is taken: the lower one where every row is right, the upper one where the outputs
    say nothing about y. Dividing by T changes no answer.
    """
    outputs, labels = xr.broadcast(outputs, _labels(outputs, y), exclude=["output"])
    fitted: xr.DataArray = xr.apply_ufunc(
        _fitted_temperature,
        outputs,
        labels,
        input_core_dims=[["row", "output"], ["row"]],
        vectorize=True,
        output_dtypes=[np.float64],
    )
    return fitted


def rank_correlation(
    a: xr.DataArray,
    b: xr.DataArray,
    along: str | Sequence[str],
    *,
    method: str = "spearman",
    where: xr.DataArray | None = None,
) -> xr.DataArray:
    """Return how well the order of `a` along these dims agrees with that of `b`, -1 to 1: one number for each rest.

    "spearman" is the correlation of the ranks, "kendall" is tau-b; scipy computes both, ties are allowed. Only entries
    where `where` is true count. Where fewer than two count or all of one array are equal, there is no order to agree
    with: 0. ValueError for numbers that are not finite and for a dim that is not in the arrays.
    """
    if method not in RANKS:
        raise ValueError(f"unknown rank correlation {method!r}: choose from {', '.join(RANKS)}")
    counted = xr.full_like(a, fill_value=True, dtype=np.bool_) if where is None else where
    a, b, counted = xr.broadcast(a, b, counted)
    dims = [along] if isinstance(along, str) else list(along)
    missing = [dim for dim in dims if dim not in a.dims]
    if missing:
        raise ValueError(f"rank_correlation along {missing[0]!r}: the arrays' dims are {', '.join(map(str, a.dims))}")
    if not bool((np.isfinite(a) & np.isfinite(b) | ~counted).all()):
        raise ValueError("rank_correlation needs finite numbers; leave others out with `where`")

    def correlation(x: NDArray[Any], y: NDArray[Any], count: NDArray[np.bool_]) -> float:
        x, y = x[count], y[count]
        if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:  # noqa: PLR2004 - a pair
            return 0.0
        return float(RANKS[method](x, y).statistic)

    correlations: xr.DataArray = xr.apply_ufunc(
        correlation,
        *(array.stack({"_along": dims}) for array in (a, b, counted)),
        input_core_dims=[["_along"]] * 3,
        vectorize=True,
        output_dtypes=[np.float64],
    )
    return correlations


def _log_probabilities(outputs: xr.DataArray) -> xr.DataArray:
    _require(outputs, "row", "output")
    axis = outputs.get_axis_num("output")
    logits = outputs.values.astype(np.float64)
    return outputs.copy(data=logits - logsumexp(logits, axis=axis, keepdims=True))


def _labels(outputs: xr.DataArray, y: ArrayLike | xr.DataArray) -> xr.DataArray:
    """Return classes with named dims; plain arrays are (S, rows), or (rows,) for all seeds."""
    _require(outputs, "row", "output")
    labels = y
    if not isinstance(labels, xr.DataArray):
        values = np.asarray(labels)
        if values.ndim not in {1, 2}:
            raise ValueError(f"classes are (seeds, rows), or an array with named dims, got shape {values.shape}")
        labels = xr.DataArray(values, dims=("seed", "row")[-values.ndim :])
    sizes: dict[Hashable, int] = {dim: outputs.sizes.get(dim, 0) for dim in labels.dims}
    if dict(labels.sizes) != sizes:
        raise ValueError(f"classes {dict(labels.sizes)} do not belong to outputs {dict(outputs.sizes)}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"classes are integers, got {labels.dtype}")
    check_classes(labels.values, outputs.sizes["output"])
    return labels


def _require(array: xr.DataArray, *dims: str) -> None:
    missing = [dim for dim in dims if dim not in array.dims]
    if missing:
        raise ValueError(f"outputs have the dims row and output, as `now.outputs(x)` returns them, got {array.dims}")


def _fitted_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the temperature of one network from logits (rows, outputs)."""
    logits = logits.astype(np.float64)
    own = np.take_along_axis(logits, labels[:, None].astype(np.intp), axis=1)[:, 0]

    def nll(log_temperature: float) -> float:
        scale = math.exp(-log_temperature)
        return float((logsumexp(logits * scale, axis=1) - own * scale).mean())

    ends = (math.log(COLDEST), math.log(HOTTEST))
    found = float(minimize_scalar(nll, bounds=ends, method="bounded", options={"xatol": 1e-6}).x)
    return math.exp(min((*ends, found), key=nll))
