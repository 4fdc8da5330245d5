"""What a measurement may return: numbers are widened so that arithmetic is right, anything else is refused."""

import numpy as np
import pytest
import xarray as xr

from pytest_claims.errors import TrialError
from pytest_claims.trials.labelled import assemble, labelled

SEEDS = tuple(range(8))


def only(values, condition=None):
    """Return the variable ``height`` of a trial that returned these values."""
    return labelled({"height": values}, SEEDS, "here", condition).height


def refused(returned, condition=None):
    """Return the sentence with which a result is refused."""
    with pytest.raises(TrialError) as caught:
        labelled(returned, SEEDS, "here", condition)
    return str(caught.value)


@pytest.mark.parametrize(
    "dtype, low, high",
    [("uint8", 3, 10), ("uint64", 3, 10), ("int8", -100, 100), ("int16", -30_000, 30_000), ("float16", 1.5, 65_504)],
)
def test_differences_and_squares_of_small_types_are_right(dtype, low, high):
    """A difference of uint8 would wrap around, to 249 where the truth is -7; float16 would overflow."""
    array = only(np.array([low, high] * 4, dtype=dtype))
    a, b = array.isel(seed=0), array.isel(seed=1)

    assert (a - b).item() == low - high
    assert (a + b).item() == low + high
    assert (b * b).item() == high * high


def test_large_whole_numbers_become_floats():
    """The square of an int64 beyond 3e9 wraps around silently."""
    array = only(np.full(8, 4_000_000_000))

    assert array.dtype == np.float64
    assert (array * array).values.tolist() == [1.6e19] * 8
    assert refused({"height": np.full(8, 2**60 + 1)}) == (
        "here: height holds whole numbers beyond 2**53, which no float64 can tell from their neighbours."
    )


def test_booleans_and_single_precision_stay():
    """A proportion counts booleans, and float32 is what the engines train in."""
    assert only(np.ones(8, bool)).dtype == bool
    assert only(np.ones(8, np.float32)).dtype == np.float32
    assert only(np.ones(8, np.longdouble)).dtype == np.float64
    assert only([3] * 8).dtype == np.int64


@pytest.mark.parametrize(
    "values",
    [
        np.ones(8, complex),
        np.array([1.0, None] * 4),
        np.array(["2020-01-01"] * 8, dtype="datetime64[s]"),
        np.array([5] * 8, dtype="timedelta64[s]"),
        np.array(["a"] * 8),
        np.zeros(8, dtype=[("x", float)]),
    ],
    ids=lambda values: values.dtype.name,
)
def test_what_is_no_number_is_refused(values):
    """Complex numbers, objects, dates, texts and records, in one sentence that names the type."""
    sentence = f"here: height holds {values.dtype}, not numbers: return booleans, integers or floats."

    assert refused({"height": values}) == sentence
    assert refused({"height": xr.DataArray(values, dims="seed")}) == sentence


class Tensor:
    """Refuses to become an array, as a tensor that needs a gradient does."""

    def __array__(self, *_args, **_more):
        raise RuntimeError("Can't call numpy() on Tensor\n that requires grad.")


def test_what_is_no_array_is_refused():
    """Lists of several lengths, and tensors that need a gradient."""
    assert refused({"height": Tensor()}) == (
        "here: height cannot be read as an array: Can't call numpy() on Tensor that requires grad."
    )
    assert refused({"height": [[1.0], [1.0, 2.0]]}).startswith("here: height cannot be read as an array: ")


class Lazy(dict):
    """Computes what it holds when it is read, and fails."""

    def items(self):
        """Fail."""
        raise ZeroDivisionError("division by zero")


def test_a_mapping_that_cannot_be_read_is_refused():
    """It is the measurement's own, and computes late."""
    assert refused(Lazy(a=1)) == "here returned a mapping that cannot be read: division by zero."


def test_a_masked_entry_is_no_number():
    """What lies below the mask would be returned; without masked entries an array is like any other."""
    masked = np.ma.array(np.arange(8.0), mask=[0, 0, 1, 0, 0, 1, 0, 0])
    wide = [np.ma.array([1.0, 2.0], mask=[False, seed == 3]) for seed in SEEDS]

    assert refused({"height": masked}) == "here: height has masked entries for seeds 2, 5; a masked entry is no number."
    assert refused({"height": wide}) == "here: height has masked entries for seed 3; a masked entry is no number."
    assert only(np.ma.array(np.arange(8.0))).values.tolist() == list(range(8))


def test_a_variable_is_not_named_like_a_dimension():
    """It was replaced silently by the labels of the dimension."""
    taken = "here returned a variable named {}, which is the name of {}; choose another."

    assert refused({"seed": np.arange(8.0)}) == taken.format("seed", "the seeds")
    assert refused({"layers": np.arange(8.0)}, {"layers": 2}) == taken.format("layers", "a condition")
    assert refused({"step": np.ones(8), "loss": xr.DataArray(np.ones((8, 2)), dims=("seed", "step"))}) == (
        taken.format("step", "a dimension")
    )
    assert refused({1: np.ones(8), "1": np.ones(8)}) == "here returned two variables with the name 1."


def test_a_coordinate_is_not_named_like_a_condition():
    """Only the condition's own label may be there, as ``sel`` leaves it."""
    array = xr.DataArray(np.ones(8), dims="seed").assign_coords(layers=2)

    assert only(array, {"layers": 2}).values.tolist() == [1.0] * 8
    assert refused({"height": array}, {"layers": 3}) == (
        "here: height has a coordinate layers, which is the name of a condition; choose another."
    )


def test_seeds_in_another_order_are_put_in_order():
    """Labels were dropped, and the values read as if they were in the order of the block."""
    array = xr.DataArray(np.arange(8.0), dims="seed", coords={"seed": list(reversed(SEEDS))})

    assert only(array).values.tolist() == [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    assert only(array).seed.values.tolist() == list(SEEDS)


@pytest.mark.parametrize("labels", [range(1, 9), [0, 0, 2, 3, 4, 5, 6, 7], list("abcdefgh")])
def test_labels_that_are_not_the_blocks_seeds_are_refused(labels):
    """They would be assigned to other seeds than they were measured on."""
    labels = list(labels)
    array = xr.DataArray(np.arange(8.0), dims="seed", coords={"seed": labels})

    assert refused({"height": array}) == (
        f"here: height is labelled with the seeds {', '.join(map(str, labels))}; the block's are 0, 1, 2, 3, 4, 5, 6, "
        "7. Label it with these, or not at all."
    )


@pytest.mark.parametrize("labels", [[1, 2], [1, 0]])
def test_arrays_with_different_labels_do_not_fit_together(labels):
    """They were joined, and what only one of them has was NaN that nothing had flagged."""
    arrays = {
        name: xr.DataArray(np.ones((8, 2)), dims=("seed", "x"), coords={"x": at})
        for name, at in (("a", [0, 1]), ("b", labels))
    }

    assert refused(arrays).startswith("here returned arrays that do not fit together: ")


def test_sentences_about_what_does_not_fit_end_with_one_full_stop():
    """Messages of xarray may end with their own."""
    datasets = [labelled({"height": xr.DataArray(np.ones((8, n)), dims=("seed", "x"))}, SEEDS, "x") for n in (1, 2)]
    with pytest.raises(TrialError) as caught:
        assemble("it", {"n": [1, 2]}, [({"n": n}, data) for n, data in enumerate(datasets, 1)], 8)
    shapes = {name: xr.DataArray(np.ones((8, n)), dims=("seed", "x")) for n, name in enumerate("ab", 1)}

    for sentence in (str(caught.value), refused(shapes)):
        assert sentence.endswith(".")
        assert not sentence.endswith("..")
