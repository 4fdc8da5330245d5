"""Pictures are data: checked where the claim is written, ready to draw."""

import numpy as np
import pytest
import xarray as xr

from pytest_claims import EvidenceError, boundary, functions, lines, strips, traces
from pytest_claims.inference.labels import describe


def test_lines_have_a_series_for_each_combination(measured):
    """Labels in words, every seed a row."""
    data = measured(0.8, rows=[20, 50, 10_000], technique=["deep", "svc"])
    picture = lines(data, "rows", log="x", published={"svc": {20: 0.51, 10_000: 0.945}}, ceiling=0.97)
    deep, svc = picture.series()

    assert (deep.label, svc.label) == ("technique deep", "technique svc")
    assert deep.y.tolist() == data.sel(technique="deep").values.tolist()
    assert picture.published_of(svc.coords) == {20: 0.51, 10_000: 0.945}
    assert picture.published_of(deep.coords) == {}
    assert (picture.xlabel, picture.ylabel, picture.log) == ("rows", "accuracy", "x")


def test_strips_keep_names(measured):
    """Categories stay categories; a plain published mapping belongs to every series."""
    picture = strips(measured(0.8, activation=["relu", "sign"]), "activation", bound=0.95, published={"sign": 0.977})

    assert picture.series()[0].x.tolist() == ["relu", "sign"]
    assert picture.published_of({}) == {"sign": 0.977}


def test_traces_run_along_steps(measured):
    """A curve for each seed."""
    (series,) = traces(measured(0.8, step=[0, 50, 100]), threshold=0.9).series()

    assert series.y.shape == (32, 3)


def test_functions_come_with_their_truth(measured):
    """The panel's own target, where targets differ between panels."""
    x = [-1.0, 0.0, 1.0]
    data = measured(0.0, x=x, function=["abs", "square"], units=[2, 16])
    truth = xr.DataArray([[1, 0, 1], [2, 0, 2]], dims=("function", "x"), coords={"function": ["abs", "square"], "x": x})
    picture = functions(data, "x", truth=truth, points=[-1, 1])

    assert len(picture.series()) == 4
    assert picture.truth_of({"function": "square", "units": 2}).tolist() == [2, 0, 2]
    assert picture.points.tolist() == [-1, 1]
    assert functions(data, "x").truth_of({}) is None


def test_a_boundary_shows_one_seed(rng):
    """Grid, points and classes of the chosen seed, the first by default."""
    coords = {"seed": [0, 1], "x1": range(6), "x2": range(5)}
    grid = xr.DataArray(rng.random((2, 5, 6)), dims=("seed", "x2", "x1"), coords=coords)
    points = xr.DataArray(rng.random((2, 7, 2)), dims=("seed", "row", "axis"), coords={"seed": [0, 1]})
    picture = boundary(grid, points=points, classes=np.arange(7) % 2, seed=1)
    ((label, across, up, shown, dots, classes),) = picture.panels()

    assert label == ""
    assert (len(across), len(up), shown.shape) == (6, 5, (5, 6))
    assert shown.tolist() == grid.sel(seed=1).values.tolist()
    assert dots.tolist() == points.sel(seed=1).values.tolist()
    assert classes.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert boundary(grid).seed == 0


def test_a_dimension_too_many_is_an_error(measured):
    """The error comes where the claim is written."""
    with pytest.raises(EvidenceError, match="layers, seed, step"):
        traces(measured(0.8, step=[0, 1], layers=[1, 2]), by=())
    with pytest.raises(EvidenceError, match="layers"):
        lines(measured(0.8, step=[0, 1]), "layers")
    with pytest.raises(EvidenceError, match="labelled array"):
        strips([1, 2, 3], "x")
    with pytest.raises(EvidenceError, match="needs a dimension 'x1'"):
        boundary(measured(0.8))


def test_labels_are_words():
    """Thousands are separated, floats are short."""
    coords = {"rows": 10_000, "rate": np.float64(0.1 + 0.2), "loss": np.str_("hinge"), "ratio": 2.0, "on": True}

    assert describe(coords) == "rows 10,000, rate 0.3, loss hinge, ratio 2, on True"
