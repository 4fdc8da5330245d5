"""Multilayer perceptrons as data: sizes, activation, and initial parameters that numpy draws, with a leading seed axis.

The arithmetic is in the engines; a network here is where training starts. A new torch therefore changes training alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_claims.training.engines.base import ACTIVATIONS, applied_layers
from pytest_claims.training.seeds import Seeds, refuse_beyond_memory

Initialiser = str | tuple[str, float]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron with a linear output, one set of initial parameters per seed.

    `sizes` from inputs to outputs. `weights` and `biases` name their initialisers ("glorot", "glorot_normal", "he",
    "lecun", "zeros", "ones", ("constant", c), ("normal", sd)); by default biases are drawn like the weights, and
    biases="none" leaves them out: they stay zero. With `repeat` the single square hidden layer is applied that many
    times, its weights tied: `MLP(seeds, (1, 10, 10, 2), "relu", repeat=3)`. The generators of `purpose` draw layer by
    layer, weights before biases, so equal shapes start equal; another purpose gives a seed another start. MemoryError
    where memory is too small.
    """

    seeds: Seeds
    sizes: tuple[int, ...]
    activation: str = "sigmoid"
    weights: Initialiser = "glorot"
    biases: Initialiser | None = None
    repeat: int = 1
    purpose: str = "weights"
    parameters: tuple[NDArray[np.float64], ...] = field(init=False, repr=False, compare=False)
    """Per layer the weights (S, fan_in, fan_out), then the biases (S, 1, fan_out)."""

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1:  # noqa: PLR2004 - inputs and outputs
            raise ValueError(f"sizes name at least inputs and outputs, each positive, got {self.sizes}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {self.activation!r}: choose from {', '.join(ACTIVATIONS)}")
        applied_layers(self.sizes, self.repeat)
        copies = 8 + 4 * 4  # as drawn in float64; weights, gradients and Adam's two moments in float32
        wanted = float(copies * len(self.seeds) * self.parameter_count)
        refuse_beyond_memory(f"MLP(sizes={self.sizes}) for {len(self.seeds)} seeds", wanted)
        parameters = self._draw()
        self.seeds.record(self.purpose, *parameters)
        object.__setattr__(self, "parameters", parameters)

    @property
    def layers(self) -> int:
        """The number of layers of weights (a tied layer counts once)."""
        return len(self.sizes) - 1

    @property
    def shape(self) -> tuple[tuple[int, ...], int]:
        """What the networks of one stack have in common."""
        return self.sizes, self.repeat

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases of one network; repeating a layer adds none."""
        return sum(fan_in * fan_out + fan_out * (self.biases != "none") for fan_in, fan_out in self._shapes())

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names in their order: "weights.0", "biases.0", "weights.1", ..."""
        return tuple(f"{kind}.{layer}" for layer in range(self.layers) for kind in ("weights", "biases"))

    @property
    def trained(self) -> dict[str, NDArray[np.float64]]:
        """What trains, by name: the parameters."""
        return dict(zip(self.names, self.parameters, strict=True))

    @property
    def masks(self) -> dict[str, NDArray[np.float64]]:
        """Zeros where a parameter is left out, by name: the biases of a network without biases."""
        named = zip(self.names, self.parameters, strict=True)
        without = self.biases == "none"
        return {name: np.zeros_like(array) for name, array in named if without and name.startswith("biases")}

    def _shapes(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes, self.sizes[1:], strict=False))

    def _draw(self) -> tuple[NDArray[np.float64], ...]:
        biases = self.weights if self.biases is None else "zeros" if self.biases == "none" else self.biases
        per_seed: list[list[NDArray[np.float64]]] = []
        for generator in self.seeds.generator(self.purpose):
            arrays = []
            for fan_in, fan_out in self._shapes():
                arrays.append(initial(generator, self.weights, (fan_in, fan_out), fan_in))
                arrays.append(initial(generator, biases, (fan_out,), fan_in)[None, :])
            per_seed.append(arrays)
        return tuple(np.stack(arrays) for arrays in zip(*per_seed, strict=True))


def initial(
    generator: np.random.Generator, initialiser: Initialiser, shape: tuple[int, ...], fan_in: int
) -> NDArray[np.float64]:
    """Draw one array of initial values.

    glorot: uniform, limit sqrt(6 / (fan_in + fan_out)) for weights and sqrt(3 / n) for n biases (Glorot's with fan_in
    = fan_out = n, which is what TensorFlow 1 did); glorot_normal: normal with the same variance; lecun: N(0, sd =
    1 / sqrt(fan_in)), biases too; he: N(0, sd = sqrt(2 / fan_in)), biases too (He et al. 2015, whose biases are
    "zeros"); ("normal", sd); constants draw nothing.
    """
    kind, value = (initialiser, math.nan) if isinstance(initialiser, str) else initialiser
    constants: dict[str, float] = {"zeros": 0.0, "ones": 1.0, "constant": value}
    deviations: dict[str, Any] = {
        "normal": value,
        "lecun": 1 / math.sqrt(fan_in),
        "he": math.sqrt(2 / fan_in),
        "glorot_normal": math.sqrt(2 / (shape[0] + shape[-1])),
    }
    if kind == "glorot":
        limit = math.sqrt(6 / (shape[0] + shape[-1]))
        return generator.uniform(-limit, limit, shape)
    if kind in constants and not math.isnan(constants[kind]):
        return np.full(shape, constants[kind])
    if kind in deviations and not math.isnan(deviations[kind]):
        return np.asarray(deviations[kind] * generator.standard_normal(shape))
    raise ValueError(
        f"unknown initialiser {initialiser!r}: choose 'glorot', 'glorot_normal', 'he', 'lecun', 'zeros', 'ones', "
        "('constant', c) or ('normal', sd)"
    )
