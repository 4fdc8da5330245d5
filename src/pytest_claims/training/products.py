"""Matrix products: how many operations a training's networks take, and how fast this machine's fastest product is.

Both together give the floor of a run (report/times.py): the processor time below which no engine can go.
A trial is counted whole or not at all: what a module, or a regime of one's own, multiplies depends on code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pytest_claims.training.engines import available
from pytest_claims.training.engines.base import Settings, Task
from pytest_claims.training.runs import Layout

SIDES = (256, 512, 1024)  # of square matrices
LONGEST = 0.1  # seconds that the products of one size are tried


def forward(task: Task, rows: int, layer: Any = None) -> int:
    """Return the operations of applying one perceptron to `rows` rows, up to an applied layer (default: the last)."""
    last = len(task.layers) - 1 if layer is None else int(layer)
    return sum(2 * rows * task.sizes[at] * task.sizes[at + 1] for at in task.layers[: last + 1])


def update(task: Task, rows: int) -> int:
    """Return the operations of one update of one network: outputs, gradients of the weights, gradients of the inputs.

    Nobody asks for the gradient of the data, so that the first layer has two products, the others three.
    """
    return 3 * forward(task, rows) - forward(task, rows, layer=0)


def trained(task: Task, updates: int) -> int:
    """Return the operations of that many updates of one network."""
    return updates * update(task, task.x.shape[1] if task.batches is None else task.batches.size)


def count(layout: Layout, task: Task, operations: Callable[[], int]) -> None:
    """Enter operations of each network of `task` into the ledger of the seeds, less what only fills a block up.

    Where a training has networks whose products are not known, the ledger counts no more, and holds None.
    """
    if task.modules is not None or any(map(_unknown, task.settings)):
        layout.seeds.products = None
    products = layout.seeds.products
    if products is not None:
        asked = min(1.0, len(layout.seeds) / len(layout.members))
        products[task.dtype] = products.get(task.dtype, 0.0) + operations() * len(task) * asked


def _unknown(settings: Settings) -> bool:
    """Whether a run may stop early, or train on other rows than its own."""
    regime = settings.regime
    return regime is not None and any(part is not None for part in (regime.stop, regime.transform, regime.adversary))


def fastest(dtypes: Iterable[str]) -> dict[str, float]:
    """Return, for each dtype, the operations per second of the fastest matrix product on one thread of this processor.

    Of large square matrices, with numpy and, where it is installed, with torch. The best of many short ones counts, so
    that others on the machine disturb few of them.
    """
    speeds = {}
    with threadpool_limits(1), ExitStack() as stack:
        makers: list[Callable[[Any], Any]] = [np.asarray]
        if "torch" in available():
            import torch

            from pytest_claims.training.engines.torch_engine import arithmetic

            stack.enter_context(arithmetic(threads=1))
            makers.append(torch.from_numpy)
        for dtype in dtypes:
            speeds[dtype] = max(_speed(make, dtype) for make in makers)
    return speeds


def _speed(make: Callable[[Any], Any], dtype: str) -> float:
    """Return the operations per second of the fastest product of square matrices that `make` makes of numpy's."""
    best = 0.0
    for side in SIDES:
        left, right = make(np.random.default_rng(0).random((2, side, side)).astype(dtype))
        until, took = time.perf_counter() + LONGEST, 0.0
        while time.perf_counter() < until:
            start = time.perf_counter()
            left @ right
            took = time.perf_counter() - start
            best = max(best, 2 * side**3 / max(took, 1e-9))
        if took > LONGEST:  # slower by far than any that counts: larger ones would take minutes
            break
    return best
