"""The benchmark's modules in JAX: a compiled loop over all seeds side by side (`vmap`), or one after another.

A module's layers are read from torch's own module, its weights and running statistics by their names there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

os.environ.setdefault("NPROC", "1")  # one thread, as every way; read when JAX is imported

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from torch import nn

from benchmarks.modules import BATCH, CNN, ROWS, STEPS, WARM, Block, Timed, Way
from benchmarks.ways import ALONE
from pytest_claims.training import SGD, Adam, AdamW
from pytest_claims.training.engines.base import Batches

if TYPE_CHECKING:
    from benchmarks.modules import Work

Array = Any  # jax's arrays and tracers have no common static type
State = dict[str, Array]


class Applied:
    """One network on the rows of a batch; `state` gets batch norm's new averages. A key: training mode."""

    def __init__(self, state: State, key: Array | None) -> None:
        self.state, self.key = dict(state), key

    def __call__(self, module: nn.Module, x: Array, name: str = "") -> Array:
        """Apply a module by its class; `name` is its place, with a dot behind it."""
        return LAYERS[type(module)](self, module, x, name)

    def sequential(self, module: nn.Sequential, x: Array, name: str) -> Array:
        """Apply one layer after another."""
        for place, layer in module.named_children():
            x = self(layer, x, f"{name}{place}.")
        return x

    def linear(self, _module: nn.Linear, x: Array, name: str) -> Array:
        """Apply weights and biases."""
        return x @ self.state[f"{name}weight"].T + self.state[f"{name}bias"]

    def relu(self, _module: nn.ReLU, x: Array, _name: str) -> Array:
        """Cut off below 0."""
        return jax.nn.relu(x)

    def flatten(self, _module: nn.Flatten, x: Array, _name: str) -> Array:
        """Make rows of vectors."""
        return x.reshape(len(x), -1)

    def conv(self, module: nn.Conv1d, x: Array, name: str) -> Array:
        """Convolve over one axis."""
        padding = [(int(module.padding[0]),) * 2]
        y = lax.conv_general_dilated(
            x, self.state[f"{name}weight"], module.stride, padding, dimension_numbers=("NCH", "OIH", "NCH")
        )
        return y + self.state[f"{name}bias"][:, None]

    def dropout(self, module: nn.Dropout, x: Array, _name: str) -> Array:
        """Drop values in training mode."""
        if self.key is None:
            return x
        self.key, own = jax.random.split(self.key)
        return jnp.where(jax.random.bernoulli(own, 1 - module.p, x.shape), x / (1 - module.p), 0.0)

    def batch_norm(self, module: nn.BatchNorm1d, x: Array, name: str) -> Array:
        """Normalise; in training mode by the batch."""
        axes = (0, *range(2, x.ndim))
        mean, variance = self.state[f"{name}running_mean"], self.state[f"{name}running_var"]
        if self.key is not None:
            held, count = (mean, variance), x.size // x.shape[1]
            mean, variance = x.mean(axes), x.var(axes)
            new = (mean, variance * count / (count - 1))
            for kept, old, now in zip(("running_mean", "running_var"), held, new, strict=True):
                self.state[f"{name}{kept}"] = (1 - module.momentum) * old + module.momentum * now

        def along(values: Array) -> Array:
            return values.reshape(-1, *[1] * (x.ndim - 2))

        scale = self.state[f"{name}weight"] * lax.rsqrt(variance + module.eps)
        return (x - along(mean)) * along(scale) + along(self.state[f"{name}bias"])

    def block(self, module: Block, x: Array, name: str) -> Array:
        """Apply two layers and perhaps add the inputs."""
        inner = self(module.two, jax.nn.relu(self(module.one, x, f"{name}one.")), f"{name}two.")
        return jax.nn.relu(inner + x if module.shortcut else inner)

    def cnn(self, module: CNN, x: Array, name: str) -> Array:
        """Apply two convolutions with a shortcut, and a linear layer to the means."""
        x = jax.nn.relu(self(module.one, x, f"{name}one."))
        inner = self(module.norm, self(module.two, x, f"{name}two."), f"{name}norm.")
        return self(module.last, (x + jax.nn.relu(inner)).mean(-1), f"{name}last.")


LAYERS: dict[type[nn.Module], Callable[..., Array]] = {
    nn.Sequential: Applied.sequential,
    nn.Linear: Applied.linear,
    nn.ReLU: Applied.relu,
    nn.Flatten: Applied.flatten,
    nn.Conv1d: Applied.conv,
    nn.Dropout: Applied.dropout,
    nn.BatchNorm1d: Applied.batch_norm,
    Block: Applied.block,
    CNN: Applied.cnn,
}


def updated(optimiser: Adam | AdamW | SGD, gradient: Array, value: Array, moments: State, step: Array) -> Any:
    """Return a parameter and its moments after an update, by the formulas of torch.optim."""
    if isinstance(optimiser, SGD):
        velocity = optimiser.momentum * moments["first"] + gradient
        return value - optimiser.rate * velocity, {**moments, "first": velocity}
    if isinstance(optimiser, AdamW):
        value = value * (1 - optimiser.rate * optimiser.decay)
    small, large = optimiser.betas
    first = small * moments["first"] + (1 - small) * gradient
    second = large * moments["second"] + (1 - large) * gradient**2
    size = jnp.sqrt(second / (1 - large**step)) + optimiser.eps
    return value - optimiser.rate / (1 - small**step) * first / size, {"first": first, "second": second}


def loss_of(module: nn.Module, trained: State, kept: State, rows: tuple[Array, Array], key: Array | None) -> Any:
    """Return the cross-entropy of one network, and its buffers afterwards."""
    applied = Applied({**kept, **trained}, key)
    logits = applied(module, rows[0])
    loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), rows[1][:, None], 1).mean()
    return loss, {name: applied.state[name] for name in kept}


def jax_ways(work: Work) -> dict[str, Way]:
    """Return JAX's two ways; each compiles in its first round."""
    module = work.make()
    names = [name for name, _ in module.named_parameters()]

    def one(trained: State, kept: State, x: Array, y: Array, numbers: Array, key: Array) -> Any:
        """Train one network on its batches, numbers (steps, 64)."""

        def step(carried: Any, at: Any) -> Any:
            values, buffers, moments, count = carried
            rows, own = at
            slope = jax.grad(loss_of, argnums=1, has_aux=True)
            gradients, buffers = slope(module, values, buffers, (x[rows], y[rows]), own)
            pairs = {
                name: updated(work.optimiser, gradients[name], values[name], moments[name], count) for name in values
            }
            moments = {name: pair[1] for name, pair in pairs.items()}
            return ({name: pair[0] for name, pair in pairs.items()}, buffers, moments, count + 1.0), None

        moments = {
            name: {kind: jnp.zeros_like(value) for kind in ("first", "second")} for name, value in trained.items()
        }
        keys = jax.random.split(key, len(numbers))
        (trained, kept, _, _), _ = lax.scan(step, (trained, kept, moments, 1.0), (numbers, keys))
        return trained, kept

    side_by_side = jax.jit(jax.vmap(one))
    in_turn = jax.jit(lambda *given: lax.map(lambda network: one(*network), given))

    def way(train: Callable[..., Any]) -> Timed:
        states = [dict(each.state_dict()) for each in work.modules(len(work.seeds))]
        state = {
            name: jnp.asarray(np.stack([each[name].numpy() for each in states]))
            for name in states[0]
            if "num_batches" not in name
        }
        trained, kept = {name: state[name] for name in names}, {n: v for n, v in state.items() if n not in names}
        x, y = jnp.asarray(work.rows.numpy()), jnp.asarray(work.labels.numpy())
        keys = jax.random.split(jax.random.key(0), len(work.seeds))
        start = time.process_time()
        drawn = Batches(work.seeds.generator("batches"), ROWS, BATCH).draw(WARM + STEPS)
        trained, kept = jax.block_until_ready(train(trained, kept, x, y, jnp.asarray(drawn), keys))
        seconds = (time.process_time() - start) * STEPS / (WARM + STEPS)  # one compiled loop: no step is a first one
        losses = []
        for seed in range(ALONE):
            own = ({name: values[seed] for name, values in held.items()} for held in (trained, kept))
            losses.append(float(loss_of(module, *own, (x[seed], y[seed]), None)[0]))
        return Timed(seconds, len(work.seeds), np.array(losses))

    return {"JAX, vmap": lambda: way(side_by_side), "JAX, map": lambda: way(in_turn)}
