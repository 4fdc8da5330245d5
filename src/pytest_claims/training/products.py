"""Matrix products: how many operations a training's networks take, and how fast this machine's fastest product is.

Both together give the floor of a run (report/floor.py): the processor time below which no engine can go.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pytest_claims.training.engines import available
from pytest_claims.training.engines.base import Task
from pytest_claims.training.runs import Layout

SIDES, TRIED = (256, 512, 1024), 5e9  # of square matrices; operations that are timed for each, at least


def forward(task: Task, rows: int, layer: int | str | None = None) -> int:
    """Return the operations of applying one network to `rows` rows, up to an applied hidden layer where one is named.

    Zero for modules, whose products depend on their code.
    """
    if task.modules is not None:
        return 0
    last = layer if isinstance(layer, int) else len(task.layers) - 1
    return sum(2 * rows * task.sizes[at] * task.sizes[at + 1] for at in task.layers[: last + 1])


def update(task: Task, rows: int) -> int:
    """Return the operations of one update of one network: outputs, gradients of the weights, gradients of the inputs.

    Nobody asks for the gradient of the data, so that the first layer has two products, the others three.
    """
    return 3 * forward(task, rows) - forward(task, rows, layer=0)


def trained(task: Task, updates: int) -> int:
    """Return the operations of that many updates of one network."""
    return updates * update(task, task.x.shape[1] if task.batches is None else task.batches.size)


def count(layout: Layout, task: Task, operations: int) -> None:
    """Enter operations of each network of `task` into the ledger of the seeds, less what only fills a block up."""
    if operations:
        asked = min(1.0, len(layout.seeds) / len(layout.members))
        products = layout.seeds.products
        products[task.dtype] = products.get(task.dtype, 0.0) + operations * len(task) * asked


def fastest(dtypes: Iterable[str]) -> dict[str, float]:
    """Return, for each dtype, the operations per second of the fastest matrix product on one thread of this processor.

    Of large square matrices, with numpy and, where it is installed, with torch. In processor time, and by the best of
    many short ones, so that others on the machine disturb few of them.
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
            pairs = [np.random.default_rng(0).random((2, side, side)).astype(dtype) for side in SIDES]
            speeds[dtype] = max(_speed(*make(pair)) for pair in pairs for make in makers)
    return speeds


def _speed(left: Any, right: Any) -> float:
    """Return the operations per second of the product of two square matrices, in processor time."""
    operations, best = 2 * len(left) ** 3, float("inf")
    for _ in range(math.ceil(TRIED / operations)):
        start = time.process_time_ns()
        left @ right
        best = min(best, time.process_time_ns() - start)
    return 1e9 * operations / best
