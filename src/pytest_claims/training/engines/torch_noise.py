"""Dropout in a stack: which masks a forward asks for, and the masks themselves, drawn for each seed by numpy.

A mask of torch's own would come from one generator for the whole stack and depend on a replicate's place in it. Here
every seed has a generator, and a step takes the same number of words from it, whatever trains beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

MASK_BYTES = 8e6  # masks made at a time
LEVELS = 2**16  # a value is dropped if its 16 random bits are below a share of these
WORD = 4  # values that a 64-bit word decides


@dataclass(frozen=True)
class Site:
    """One use of dropout in a forward: its mask is (units, rows, ...), `drop` the chance that a value is set to 0."""

    shape: tuple[int, ...]
    drop: float

    @property
    def size(self) -> int:
        """The number of values in a mask."""
        return prod(self.shape)


def site_of(shape: Sequence[int], drop: float, *, whole_units: bool) -> Site:
    """Return the site for values of shape (rows, units, ...); `whole_units` drops a unit in all places of a row."""
    turned = (*shape[1:2], shape[0], *shape[2:])
    return Site((*turned[:2], *(1 for _ in turned[2:])) if whole_units else turned, drop)


class Masks:
    """The masks of R replicates, step after step: kept values are 1 / (1 - drop), the others 0.

    The chance of a drop is exact to 2**-17: a value has 16 random bits. Replicates of one seed get the same masks.
    """

    def __init__(
        self,
        generators: Sequence[np.random.Generator],
        seed_of: NDArray[np.int64],
        sites: Sequence[Site],
        dtype: torch.dtype,
    ) -> None:
        here, places = np.unique(seed_of if sites else seed_of[:0], return_inverse=True)
        self.generators = [copy.deepcopy(generators[seed]) for seed in here]
        self.places = torch.from_numpy(places.astype(np.int64))
        self.sites, self.dtype = tuple(sites), dtype
        self.words = [-(-site.size // WORD) for site in self.sites]
        self.ready: list[list[Tensor]] = []

    def __call__(self) -> list[Tensor]:
        """Return the masks of the next step, one for each site, (R, units, rows, ...)."""
        if not self.sites:
            return []
        if not self.ready:
            self.ready = self._draw()[::-1]
        return self.ready.pop()

    def _draw(self) -> list[list[Tensor]]:
        """Draw several steps at once; how many changes no number."""
        bytes_of_a_step = self.dtype.itemsize * len(self.places) * sum(site.size for site in self.sites)
        steps, words = max(1, int(MASK_BYTES / bytes_of_a_step)), sum(self.words)
        raw = np.stack([generator.bit_generator.random_raw(steps * words) for generator in self.generators])
        bits = raw.astype("<u8", copy=False).view("<u2").reshape(len(raw), steps, WORD * words)
        columns, start = [], 0
        for site, taken in zip(self.sites, self.words, strict=True):
            kept = torch.from_numpy(bits[..., start : start + site.size] >= round(site.drop * LEVELS))
            masks = kept.index_select(0, self.places).transpose(0, 1).to(self.dtype)
            masks *= 1 / (1 - site.drop) if site.drop < 1 else 0.0
            columns.append(masks.contiguous().view(steps, len(self.places), *site.shape).unbind())
            start += WORD * taken
        return [list(masks) for masks in zip(*columns, strict=True)]


#: What a module may call for dropout, and whether whole units are dropped.
DROPOUTS: dict[Callable[..., Any], bool] = {
    functional.dropout: False,
    torch.dropout: False,
    functional.dropout1d: True,
    functional.dropout2d: True,
    torch.feature_dropout: True,
}


DROPS_IN_EVALUATION = "drops values in evaluation, too: write functional.dropout(..., training=self.training)"


class SuppliedMasks(TorchFunctionMode):
    """Within the block dropout multiplies by the given masks of one replicate, (units, rows, ...), and draws nothing.

    `sites` lists the masks that were asked for; without masks nothing is dropped. With `expected`, as many as masks,
    it is a ValueError of forward to ask for others; `whole` names the module.
    """

    def __init__(
        self, masks: Sequence[Tensor] | None = None, expected: Sequence[Site] | None = None, whole: str = "the module"
    ) -> None:
        super().__init__()
        self.masks, self.sites = masks, list[Site]()
        self.expected, self.whole = expected, whole

    def check(self) -> None:
        """Raise the ValueError where the masks asked for so far are not the first of those expected."""
        if self.expected is not None and self.sites != list(self.expected[: len(self.sites)]):
            raise ValueError(
                f"{self.whole} {DROPS_IN_EVALUATION}" if not self.expected else
                f"{self.whole} uses dropout in a branch that depends on its inputs, so that nobody knows beforehand "
                "which masks a step takes: let every branch use the same dropout"
            )  # fmt: skip

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace the calls in DROPOUTS."""
        kwargs = kwargs or {}
        if func not in DROPOUTS:
            return func(*args, **kwargs)
        x, drop, active = dropout_arguments(*args, **kwargs)
        if not active or not drop:
            return x
        self.sites.append(site_of(x.shape, drop, whole_units=DROPOUTS[func]))
        self.check()
        if self.masks is None:
            return x.clone()
        mask = self.masks[len(self.sites) - 1]
        return x * (mask if x.ndim == 1 else mask.transpose(0, 1))


def dropout_arguments(
    input: Any,  # noqa: A002 - torch's name
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,  # noqa: ARG001 - never in place here
    train: bool | None = None,
) -> tuple[Any, float, bool]:
    """Return values, chance and whether dropout is active, from the arguments of any function in DROPOUTS."""
    return input, p, training if train is None else train
