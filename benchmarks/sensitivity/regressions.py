"""Regressions: faults of the kind that libraries have had, put into the running suite without touching its files.

Each is a function that changes a module in place. A run with `-p benchmarks.sensitivity.regressions` and the
environment variable below applies one in its process and in xdist's workers.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: The environment variable that names the regression of a run.
VARIABLE = "ATOMIC_CLAIMS_REGRESSION"


@dataclass(frozen=True)
class Regression:
    """A fault: its name in words, and where the comparison can see it first.

    `stage` and `step`: the first stage that can see it, and the training step there. `experiments`: those that use the
    broken code.
    """

    name: str
    text: str
    apply: Callable[[], None]
    stage: str
    step: int | None
    experiments: tuple[str, ...] = ("1", "2", "7", "9")


def adam_without_bias_correction() -> None:
    """Use the moments as they are, starting from zero: the first steps are far too small or too large."""
    import torch

    from pytest_claims.training.engines import torch_engine

    class Uncorrected(torch.optim.Optimizer):
        """Adam (Kingma and Ba 2015) without dividing the moments by 1 - beta^t."""

        def __init__(self, parameters: list[torch.Tensor], rate: float) -> None:
            super().__init__(parameters, {"rate": rate})

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override] # noqa: ARG002 - torch's signature
            for group in self.param_groups:
                for parameter in group["params"]:
                    state = self.state[parameter]
                    first = state.setdefault("first", torch.zeros_like(parameter))
                    second = state.setdefault("second", torch.zeros_like(parameter))
                    first.mul_(0.9).add_(parameter.grad, alpha=0.1)
                    second.mul_(0.999).addcmul_(parameter.grad, parameter.grad, value=0.001)
                    parameter.addcdiv_(first, second.sqrt().add_(1e-8), value=-group["rate"])

    torch_engine.optimiser = Uncorrected


def adam_with_large_eps() -> None:
    """Use 1e-3 instead of 1e-8: small gradients no longer get full steps."""
    import torch

    from pytest_claims.training.engines import torch_engine

    def optimiser(parameters: list[torch.Tensor], rate: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.999), eps=1e-3, fused=True)

    torch_engine.optimiser = optimiser


def sigmoid_off_by_one_percent() -> None:
    """Let the sigmoid reach 1.01."""
    import torch

    from pytest_claims.training.engines import torch_functions

    torch_functions.ACTIVATIONS["sigmoid"] = lambda hidden: 1.01 * torch.sigmoid(hidden)


def cross_entropy_over_the_wrong_axis() -> None:
    """Normalise over the rows of the batch instead of the classes."""
    from torch.nn import functional

    from pytest_claims.training.engines import torch_functions

    torch_functions.LOSSES["cross_entropy"] = lambda outputs, targets, dim: (
        -(functional.log_softmax(outputs, dim=-3 - dim) * targets).sum(dim)  # outputs and rows: axes -1 and -2
    )


def numpy_stream_shifted() -> None:
    """Let every generator start one draw later."""
    import numpy as np

    from pytest_claims.training import seeds

    def bit_generator(sequence: np.random.SeedSequence) -> np.random.BitGenerator:
        return np.random.PCG64(sequence).advance(1)

    seeds.bit_generator = bit_generator


def weights_rounded_to_bfloat16() -> None:
    """Keep eight bits of every weight after each step."""
    import torch

    from pytest_claims.training.engines import torch_engine

    class Rounded(torch.optim.Adam):
        """Adam that keeps its parameters in bfloat16."""

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override] # torch's is overloaded
            super().step(closure)
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.copy_(parameter.bfloat16())

    def optimiser(parameters: list[torch.Tensor], rate: float) -> torch.optim.Optimizer:
        return Rounded(parameters, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=True)

    torch_engine.optimiser = optimiser


REGRESSIONS = {
    regression.name: regression
    for regression in (
        Regression("bias-correction", "Adam without bias correction", adam_without_bias_correction, "trace", 1),
        Regression("eps", "Adam's eps 1e-3 instead of 1e-8", adam_with_large_eps, "trace", 1),
        Regression(
            "sigmoid", "a sigmoid that is 1 % too large", sigmoid_off_by_one_percent, "trace", 0, ("1", "7", "9")
        ),
        Regression(
            "wrong-axis", "softmax cross-entropy over the wrong axis", cross_entropy_over_the_wrong_axis, "trace", 0,
            ("2", "7", "9"),
        ),
        Regression("stream", "numpy's generator stream moved by one draw", numpy_stream_shifted, "inputs", None),
        Regression(
            "bfloat16", "weights rounded to bfloat16 at each step", weights_rounded_to_bfloat16, "trace", 1
        ),
    )
}  # fmt: skip


def pytest_configure() -> None:
    """Apply the regression that the environment names, before any claim is collected."""
    name = os.environ.get(VARIABLE)
    if name:
        REGRESSIONS[name].apply()
