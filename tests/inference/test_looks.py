"""Looks: their numbers of seeds, and the level at which each judges."""

import numpy as np
import pytest
from scipy import stats

from pytest_claims import DesignError
from pytest_claims.inference.looks import DIVISORS, Looks


@pytest.mark.parametrize(
    "first, last, seeds", [(32, 128, (32, 64, 128)), (64, 512, (64, 128, 256, 512)), (8, 8, (8,)), (32, 100, (32, 64))]
)
def test_looks_double(first, last, seeds):
    """From the first one, none beyond the last."""
    assert Looks.doubling(first, last).seeds == seeds


def test_the_level_counts_the_looks():
    """Five looks judge at alpha / 4.226."""
    looks = Looks.doubling(32, 512)

    assert looks.divisor == 4.226
    assert looks.level == 0.005 / 4.226
    assert Looks((32,)).level == 0.005


def test_ties_wait_for_64_seeds_unless_the_claim_named_the_look():
    """Naming 32 says nothing about 16."""
    looks = Looks.doubling(16, 128)

    assert [looks.judges_ties(n) for n in looks.seeds] == [False, False, True, True]
    assert [Looks(looks.seeds, named=(32,)).judges_ties(n) for n in looks.seeds] == [False, True, True, True]


@pytest.mark.parametrize("seeds", [(), tuple(2**k for k in range(3, 12))])
def test_a_number_of_looks_without_a_level_is_an_error(seeds):
    """The divisors go to eight looks."""
    with pytest.raises(DesignError, match="A claim has 1 to 8 looks, not"):
        Looks(seeds)


@pytest.mark.parametrize("number", range(2, len(DIVISORS) + 1))
def test_all_looks_together_err_alpha(number):
    """A random walk, seen at doubling times, crosses the bound of a look at alpha / c at any of them with alpha.

    The chance that it has not crossed is integrated from look to look, on a grid.
    """
    alpha = 0.005
    bound = stats.norm.isf(alpha / DIVISORS[number - 1])
    grid = np.linspace(-9, bound, 1201)  # of z, the walk over the square root of its time
    step = grid[1] - grid[0]
    weight = np.full(grid.size, step)
    weight[[0, -1]] /= 2
    inside = stats.norm.pdf(grid)
    for _ in range(number - 1):
        # the next z is (z + a new standard normal) / sqrt 2
        inside = stats.norm.pdf(grid[:, None], grid / np.sqrt(2), np.sqrt(0.5)) @ (inside * weight)

    assert 1 - inside @ weight == pytest.approx(alpha, rel=0.002)
