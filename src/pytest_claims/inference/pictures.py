"""The pictures of a claim as pure data: what to show, never how. ``report`` draws them.

Each function checks its array, so that a claim with a wrong dimension fails where it is written, and returns a frozen
object with ``title``, ``xlabel`` and ``ylabel``. Every seed should be visible.

    lines(accuracy, x="n", by="technique", ylabel="test accuracy", log="x")
    strips(accuracy, along="layers", ceiling=1.0, published={1: .625, 2: .625, 3: .688})
    traces(loss, along="step", by="initialiser", log="y")
    functions(prediction, x="x", by="units", truth=target, points=training_points)
    boundary(logit_difference, points=x_train, classes=y_train, by="resampling")
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from pytest_claims.errors import EvidenceError
from pytest_claims.inference.labels import combinations, describe, other_dims, plain
from pytest_claims.inference.placeholder import Placeholder
from pytest_claims.vocabulary import SEED

Log = Literal[False, "x", "y", "xy"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """One line, strip group or panel: its label in words, its coordinates, its x and its y.

    ``x`` has shape (k,), numbers or category names. ``y`` has shape (n seeds, k).
    """

    label: str
    coords: Mapping[str, Any]
    x: npt.NDArray[Any]
    y: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """What all pictures share. ``data``, an ``xr.DataArray``, has a dimension ``seed`` (except in ``Boundary``)."""

    data: Any
    title: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class _Along(Picture):
    """Pictures with one dimension on the horizontal axis and one series for each combination of ``by``."""

    along: str
    by: tuple[str, ...] = ()
    log: Log = False
    published: Mapping[Any, Any] | None = None
    ceiling: float | None = None

    def series(self) -> list[Series]:
        """Return the series in the array's order, each with shape (n seeds, levels of ``along``)."""
        return _series(self.data, self.along, self.by)

    def published_of(self, coords: Mapping[str, Any]) -> dict[Any, float]:
        """Return the published {x: y} for the series with these coordinates; empty where nothing was published.

        ``published`` is {x: y}, or {label of by: {x: y}}.
        """
        points: Any = self.published or {}
        if any(isinstance(value, Mapping) for value in points.values()):
            keys = [*coords.values(), describe(coords)]
            points = next((points[key] for key in keys if isinstance(points.get(key), Mapping)), {})
        return {x: float(y) for x, y in points.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Lines(_Along):
    """Means over seeds with their interval, joined over an ordered dimension; every seed a thin line behind."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Strips(_Along):
    """Every seed a dot, one strip for each level; the mean and its interval over it. ``bound``: the claim's margin."""

    bound: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Traces(_Along):
    """Curves over training: one thin line for each seed, the mean thick. ``threshold`` is a horizontal line."""

    threshold: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Functions(Picture):
    """Learned curves y(x): one panel for each combination of ``by``, a thin line per seed, the truth over them.

    ``truth`` has dims (x [, some of by]) or is None; ``points`` are the x of the training rows, shape (k,), or None.
    """

    x: str
    by: tuple[str, ...] = ()
    truth: xr.DataArray | None = None
    points: Floats | None = None

    def series(self) -> list[Series]:
        """Return the panels in the array's order, each with shape (n seeds, levels of x)."""
        return _series(self.data, self.x, self.by)

    def truth_of(self, coords: Mapping[str, Any]) -> Floats | None:
        """Return the true curve of the panel with these coordinates, shape (levels of x,)."""
        if self.truth is None:
            return None
        chosen = {dim: level for dim, level in coords.items() if dim in self.truth.dims}
        return np.asarray(self.truth.sel(chosen).values, dtype=float)


@dataclass(frozen=True, eq=False, kw_only=True)
class Boundary(Picture):
    """A decision boundary in two dimensions for one seed: logit difference on a grid, training points over it.

    ``data`` has dims (vertical, horizontal [, by...]) with coordinates; the boundary is its zero contour, positive is
    class 1. ``points`` has shape (k, 2), columns (horizontal, vertical); ``classes`` shape (k,) of 0 and 1. Both may
    have dimensions of ``by`` as well, where panels show different points. ``seed`` is the seed that is shown.
    """

    horizontal: str
    vertical: str
    by: tuple[str, ...] = ()
    points: xr.DataArray | None = None
    classes: xr.DataArray | None = None
    seed: int | None = None

    def panels(self) -> list[tuple[str, Floats, Floats, Floats, Floats | None, npt.NDArray[np.int64] | None]]:
        """(label, horizontal (w,), vertical (h,), grid (h, w), points (k, 2), classes (k,)) in the array's order."""
        panels = []
        across = np.asarray(self.data[self.horizontal].values, dtype=float)
        up = np.asarray(self.data[self.vertical].values, dtype=float)
        for coords, at in combinations(self.data, self.by):
            grid = self.data.isel(at).transpose(self.vertical, self.horizontal).values.astype(float)
            points, classes = (
                None if array is None else array.isel({k: v for k, v in at.items() if k in array.dims}).values
                for array in (self.points, self.classes)
            )
            panels.append((describe(coords), across, up, grid, points, classes))
        return panels


def lines(
    data: Any,
    x: str,
    by: str | tuple[str, ...] | None = None,
    *,
    log: bool | Log = False,
    published: Mapping[Any, Any] | None = None,
    ceiling: float | None = None,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
) -> Lines:
    """Means over seeds along an ordered dimension ``x``, one line for each combination of ``by`` (default: all others).

    ``log``: "x", "y", "xy" or True (both). ``published``: {x: y} or {label: {x: y}}. ``ceiling``: a horizontal line,
    the best value possible (e.g. the mean Bayes accuracy).
    """
    data, by = _checked(data, by, x)
    scale: Log = "xy" if log is True else (log or False)
    return Lines(data=data, along=x, by=by, log=scale, published=published, ceiling=ceiling, title=title,
                 xlabel=xlabel or x, ylabel=ylabel or _name(data))  # fmt: skip


def strips(
    data: Any,
    along: str,
    by: str | tuple[str, ...] | None = None,
    *,
    log: Literal[False, "y"] = False,
    published: Mapping[Any, Any] | None = None,
    ceiling: float | None = None,
    bound: float | None = None,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
) -> Strips:
    """Every seed a dot for each level of ``along`` (names or numbers), side by side for each combination of ``by``."""
    data, by = _checked(data, by, along)
    return Strips(data=data, along=along, by=by, log=log, published=published, ceiling=ceiling, bound=bound,
                  title=title, xlabel=xlabel or along, ylabel=ylabel or _name(data))  # fmt: skip


def traces(
    data: Any,
    along: str = "step",
    by: str | tuple[str, ...] | None = None,
    *,
    log: bool | Log = False,
    threshold: float | None = None,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
) -> Traces:
    """Show what happened in training: every seed's curve along ``along``, one colour for each combination of ``by``."""
    data, by = _checked(data, by, along)
    scale: Log = "xy" if log is True else (log or False)
    return Traces(data=data, along=along, by=by, log=scale, threshold=threshold, title=title,
                  xlabel=xlabel or along, ylabel=ylabel or _name(data))  # fmt: skip


def functions(
    data: Any,
    x: str = "x",
    by: str | tuple[str, ...] | None = None,
    *,
    truth: xr.DataArray | None = None,
    points: Any = None,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
) -> Functions:
    """Show learned functions: ``data`` has dims (seed, x [, by...]); a panel for each combination of ``by``.

    ``truth``: the target on the same x, dims (x [, some of by]). ``points``: the x of the training rows.
    """
    data, by = _checked(data, by, x)
    if points is not None and not isinstance(points, Placeholder):
        points = np.asarray(points, dtype=float).ravel()
    return Functions(data=data, x=x, by=by, truth=truth, points=points, title=title,
                     xlabel=xlabel or x, ylabel=ylabel or _name(data))  # fmt: skip


def boundary(
    grid: Any,
    *,
    points: Any = None,
    classes: Any = None,
    horizontal: str = "x1",
    vertical: str = "x2",
    by: str | tuple[str, ...] | None = None,
    seed: int | None = None,
    title: str | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
) -> Boundary:
    """Show one seed's decision boundary: ``grid`` of logit differences, dims (vertical, horizontal [, by] [, seed]).

    With a dimension ``seed``, ``seed`` says which seed to show (default: the first); ``points`` (k, 2) and ``classes``
    (k,) may have it too. Unlabelled arrays are used as they are.
    """
    if isinstance(grid, Placeholder):
        return Boundary(data=grid, horizontal=horizontal, vertical=vertical)
    for dim in (horizontal, vertical):
        if dim not in grid.dims:
            raise EvidenceError(f"boundary() needs a dimension {dim!r}; the grid has {_list(grid.dims)}.")
    shown = seed
    if SEED in grid.dims:
        shown = seed if seed is not None else int(plain(grid[SEED][0]))
    points = _one_seed(points, shown, ("row", "axis"))
    classes = _one_seed(classes, shown, ("row",))
    data = _one_seed(grid, shown, ())
    names = other_dims(data, horizontal, vertical) if by is None else (by,) if isinstance(by, str) else by
    return Boundary(data=data, horizontal=horizontal, vertical=vertical, by=names, points=points, classes=classes,
                    seed=shown, title=title, xlabel=xlabel or horizontal, ylabel=ylabel or vertical)  # fmt: skip


def _one_seed(array: Any, seed: int | None, dims: tuple[str, ...]) -> Any:
    """Return the array for one seed, without the dimension; plain arrays become labelled."""
    if array is None or isinstance(array, Placeholder):
        return None
    if not isinstance(array, xr.DataArray):
        array = xr.DataArray(np.asarray(array), dims=dims)
    return array.sel({SEED: seed}, drop=True) if SEED in array.dims else array


def _checked(data: Any, by: str | tuple[str, ...] | None, along: str) -> tuple[Any, tuple[str, ...]]:
    """Return the data and its ``by`` as a tuple; an error unless the dimensions are seed, ``along`` and ``by``."""
    names: tuple[str, ...] | None = (by,) if isinstance(by, str) else by
    if isinstance(data, Placeholder):
        return data, names or ()
    if not isinstance(data, xr.DataArray):
        raise EvidenceError(f"A picture shows a labelled array (xarray.DataArray), not {type(data).__name__}.")
    if names is None:
        names = other_dims(data, along)
    wanted = {SEED, along, *names}
    if set(map(str, data.dims)) != wanted:
        raise EvidenceError(f"This picture needs the dimensions {_list(wanted)}, but the array has {_list(data.dims)}.")
    return data, names


def _series(data: xr.DataArray, along: str, by: tuple[str, ...]) -> list[Series]:
    """Return one series for each combination of ``by``."""
    x = np.asarray(data[along].values)
    return [
        Series(describe(coords), coords, x, data.isel(at).transpose(SEED, along).values.astype(float))
        for coords, at in combinations(data, by)
    ]


def _name(data: Any) -> str | None:
    """Return the array's own name as a label, underscores read as spaces."""
    name = None if isinstance(data, Placeholder) else data.attrs.get("long_name", data.name)
    return None if name is None else str(name).replace("_", " ")


def _list(dims: Any) -> str:
    return ", ".join(sorted(map(str, dims))) or "no dimensions"
