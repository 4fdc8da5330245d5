"""The second engine: each network is a compiled JAX loop, and networks train one after another.

Nothing is stacked: `lax.map` runs the replicates in turn, each through a loop whose body XLA has fused. A network's
bits depend on no neighbour, and the arithmetic shares no line with the torch engine. Starting weights, rows and batch
orders are the same numpy arrays: where both engines agree about a claim, a bug in one of them is hardly the cause.

One compilation per shape: the number of steps is an argument of the compiled loop, not a part of its shape. Compiled
code is kept between runs in the user's cache folder. XLA splits work by the number of processors it sees, which changes
the order of sums: `NPROC` shows it a single processor, and parallelism comes from the workers, as with every engine.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("NPROC", "1")  # read when JAX is imported

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pytest_claims.errors import UnsupportedError
from pytest_claims.training.engines.base import Floats, Parameters, Settings, Task, Visit, applied_layers
from pytest_claims.training.optimisers import SGD, Adam, AdamW, Constant, Optimiser

Array = Any  # jax's arrays and tracers have no common static type
ROW_STEPS = 256  # minibatch rows handed over at a time

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "square": jnp.square,
    "sin": jnp.sin,
    "sign": jnp.sign,
    "identity": lambda hidden: hidden,
}
LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "cross_entropy": lambda outputs, targets: -(jax.nn.log_softmax(outputs) * targets).sum(-1),
    "absolute": lambda outputs, targets: jnp.abs(outputs - targets).mean(-1),
    "squared": lambda outputs, targets: jnp.square(outputs - targets).mean(-1),
    "fourth": lambda outputs, targets: jnp.square(jnp.square(outputs - targets)).mean(-1),
    "hinge": lambda outputs, targets: jax.nn.relu(1 - (2 * targets - 1) * outputs).mean(-1),
    "constant": lambda outputs, targets: 0 * jnp.square(outputs - targets).mean(-1),
}
PENALTIES: dict[str, Callable[[Array], Array]] = {"L1": jnp.abs, "L2": jnp.square}


class Plan(NamedTuple):
    """What is compiled into the loop: everything except numbers that differ within a group.

    `optimiser` has a rate of 0, and a decay of 1 where there is one: both are handed over as numbers.
    """

    layers: tuple[int, ...]
    activation: str
    loss: str
    penalty: str | None
    frozen: frozenset[int]
    average_units: bool
    optimiser: Optimiser

    @classmethod
    def of(cls, task: Task, settings: Settings) -> Plan:
        """Return the plan of one replicate."""
        penalty = None if settings.penalty is None else settings.penalty[0]
        layers = tuple(applied_layers(task.sizes, task.repeat))
        optimiser = optimiser_of(settings)
        bare = dataclasses.replace(optimiser, rate=0.0, decay=float(optimiser.decay > 0))
        return cls(layers, settings.activation, settings.loss, penalty, settings.frozen, settings.average_units, bare)


class State(NamedTuple):
    """One network's parameters, Adam's moments, number of updates; a leading replicate axis outside the loop.

    SGD's velocity is the first moment.
    """

    parameters: list[Array]
    first: list[Array]
    second: list[Array]
    updates: Array


class Group:
    """Neighbouring replicates with one plan, and how far they have come."""

    def __init__(self, task: Task) -> None:
        self.task, settings = task, task.settings
        self.plan = Plan.of(task, settings[0])
        self.numbers = (
            jnp.asarray([replicate.rate for replicate in settings], task.dtype),
            jnp.asarray([0.0 if r.penalty is None else r.penalty[1] for r in settings], task.dtype),
            jnp.asarray([optimiser_of(replicate).decay for replicate in settings], task.dtype),
        )
        weight = np.ones(task.x.shape[:2]) if task.row_weight is None else task.row_weight
        self.data = tuple(jnp.asarray(array, task.dtype) for array in (task.x, task.targets, weight))
        parameters = [jnp.asarray(array, task.dtype) for array in task.parameters]
        zeros = [jnp.zeros_like(array) for array in parameters]
        self.state = State(parameters, zeros, zeros, jnp.zeros(len(task), jnp.int32))

    def run(self, steps: int, rows: np.ndarray[Any, Any] | None) -> None:
        """Update `steps` times: on all rows, or on those numbered in `rows` (S, at least `steps`, size)."""
        chosen = None if rows is None else jnp.asarray(rows[self.task.seed_of], jnp.int32)
        self.state = _advance(self.plan, steps, self.state, self.data, chosen, self.numbers)


class JaxEngine:
    """Compiled JAX; the module's docstring explains it."""

    name = "jax"

    def train(self, task: Task, at: Sequence[int], visit: Visit) -> None:
        """Train all replicates; JAX ignores `task.threads`, because it sees one processor."""
        refuse_regimes(task)
        groups = [Group(part) for part in task.parts(len(task), lambda settings: Plan.of(task, settings))]
        done = 0
        for step in at:
            while done < step:
                count, rows = step - done, None
                if task.batches is not None:
                    count = min(count, ROW_STEPS)
                    rows = _padded(task.batches.draw(count))
                for group in groups:
                    group.run(count, rows)
                done += count
            columns = zip(*(group.state.parameters for group in groups), strict=True)
            visit(step, [np.concatenate([np.asarray(array) for array in column]) for column in columns])

    def outputs(self, task: Task, parameters: Parameters, x: Floats, layer: int | None = None) -> Floats:
        """Apply the networks to x, or give the activations of one applied hidden layer."""
        outputs, start = [], 0
        for activation, count in task.groups(lambda settings: settings.activation):
            here = slice(start, start + count)
            arrays = [jnp.asarray(array[here], task.dtype) for array in parameters]
            outputs.append(_outputs(tuple(task.layers), activation, layer, arrays, jnp.asarray(x[here], task.dtype)))
            start += count
        return np.concatenate([np.asarray(array) for array in outputs])

    def objective(self, task: Task, parameters: Parameters) -> tuple[Floats, Floats]:
        """Return the minimised loss over all training rows and the norm of its gradient, each (R,)."""
        losses, norms, start = [], [], 0
        for part in task.parts(len(task), lambda settings: Plan.of(task, settings)):
            group, here = Group(part), slice(start, start + len(part))
            arrays = [jnp.asarray(array[here], task.dtype) for array in parameters]
            loss, norm = _objective(group.plan, arrays, group.data, group.numbers[1])
            losses.append(np.asarray(loss))
            norms.append(np.asarray(norm))
            start += len(part)
        return np.concatenate(losses), np.concatenate(norms)


def make_engine() -> JaxEngine:
    """Return the engine (pytest_claims.training.engines calls this)."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)  # the float64 probes; float32 arrays stay float32
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "atomic-claims" / "jax"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    return JaxEngine()


def refuse_regimes(task: Task) -> None:
    """Raise an UnsupportedError where a replicate trains otherwise than with an optimiser at one rate."""
    for settings in task.settings:
        regime, optimiser = settings.regime, optimiser_of(settings)
        parts = [] if optimiser.schedule == Constant() else ["schedule"]
        parts += [] if regime is None else dataclasses.replace(regime, optimiser=Adam()).parts
        if parts:
            raise UnsupportedError(f"the engine 'jax' has no {' and no '.join(parts)}, which a run asks for")


def optimiser_of(settings: Settings) -> Optimiser:
    """Return what updates a replicate's parameters."""
    return Adam(settings.rate) if settings.regime is None else settings.regime.optimiser


def forward(
    layers: tuple[int, ...], activation: str, parameters: list[Array], x: Array, stop: int | None = None
) -> Array:
    """Apply one network to x (rows, d), up to the outputs or to the activations of applied hidden layer `stop`."""
    *hidden_layers, last = layers
    hidden = x
    for position, index in enumerate(hidden_layers):
        hidden = ACTIVATIONS[activation](hidden @ parameters[2 * index] + parameters[2 * index + 1])
        if position == stop:
            return hidden
    return hidden @ parameters[2 * last] + parameters[2 * last + 1]


def objective(plan: Plan, parameters: list[Array], x: Array, targets: Array, weight: Array, strength: Array) -> Array:
    """Return what one network minimises on these rows."""
    loss = (LOSSES[plan.loss](forward(plan.layers, plan.activation, parameters, x), targets) * weight).mean()
    if plan.penalty is not None:
        loss += strength * sum(PENALTIES[plan.penalty](weights).mean() for weights in parameters[::2])
    return loss


def updated(plan: Plan, state: State, gradients: list[Array], rate: Array, decay: Array) -> State:
    """Update once by the plan's optimiser, as torch writes it."""
    how, weights = plan.optimiser, state.parameters
    if how.decay and isinstance(how, AdamW):
        weights = [w - rate * decay * w for w in weights]
    elif how.decay:
        gradients = [g + decay * w for g, w in zip(gradients, weights, strict=True)]
    updates = state.updates + 1
    second = state.second
    if isinstance(how, SGD):
        first = [how.momentum * m + g for m, g in zip(state.first, gradients, strict=True)]
        ahead = [g + how.momentum * m for m, g in zip(first, gradients, strict=True)] if how.nesterov else first
        changes = [rate * step for step in ahead]
    else:
        first, second, changes = _moments(how, state, gradients, rate)
    moved = [
        before if index // 2 in plan.frozen else w - change
        for index, (before, w, change) in enumerate(zip(state.parameters, weights, changes, strict=True))
    ]
    return State(average_units(moved) if plan.average_units else moved, first, second, updates)


def _moments(how: Adam | AdamW, state: State, gradients: list[Array], rate: Array) -> tuple[list[Array], ...]:
    """Return Adam's next moments and the changes that they make (Kingma and Ba 2015, algorithm 1)."""
    updates, (slow, slower) = state.updates + 1, how.betas
    unbias = [1 - jnp.asarray(beta, rate.dtype) ** updates.astype(rate.dtype) for beta in how.betas]
    first = [slow * m + (1 - slow) * g for m, g in zip(state.first, gradients, strict=True)]
    second = [slower * v + (1 - slower) * g * g for v, g in zip(state.second, gradients, strict=True)]
    changes = [
        rate / unbias[0] * m / (jnp.sqrt(v) / jnp.sqrt(unbias[1]) + how.eps) for m, v in zip(first, second, strict=True)
    ]
    return first, second, changes


def average_units(parameters: list[Array]) -> list[Array]:
    """Give all units of a hidden layer their mean: incoming weights, biases and outgoing weights."""
    result = list(parameters)
    for layer in range(len(parameters) // 2 - 1):
        for index, axis in ((2 * layer, 1), (2 * layer + 1, 1), (2 * layer + 2, 0)):
            result[index] = jnp.broadcast_to(result[index].mean(axis, keepdims=True), result[index].shape)
    return result


@functools.partial(jax.jit, static_argnums=0)
def _advance(plan: Plan, steps: int, state: State, data: Any, rows: Array | None, numbers: Any) -> State:
    """Advance every network by `steps` updates, one network after another."""

    def network(arguments: Any) -> State:
        start, (x, targets, weight), chosen, (rate, strength, decay) = arguments

        def step(index: Array, now: State) -> State:
            batch = (x, targets, weight) if chosen is None else tuple(a[chosen[index]] for a in (x, targets, weight))
            gradients = jax.grad(functools.partial(objective, plan))(now.parameters, *batch, strength)
            return updated(plan, now, gradients, rate, decay)

        return lax.fori_loop(0, steps, step, start)

    return lax.map(network, (state, data, rows, numbers))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _outputs(layers: tuple[int, ...], activation: str, stop: int | None, parameters: list[Array], x: Array) -> Array:
    return lax.map(lambda pair: forward(layers, activation, pair[0], pair[1], stop), (parameters, x))


@functools.partial(jax.jit, static_argnums=0)
def _objective(plan: Plan, parameters: list[Array], data: Any, strength: Array) -> tuple[Array, Array]:
    def network(arguments: Any) -> tuple[Array, Array]:
        weights, rows, penalty = arguments
        loss, gradients = jax.value_and_grad(functools.partial(objective, plan))(weights, *rows, penalty)
        return loss, jnp.sqrt(sum(jnp.square(gradient).sum() for gradient in gradients))

    return lax.map(network, (parameters, data, strength))


def _padded(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Fill up to ROW_STEPS steps, so that a rest is no new shape to compile; the filling is never used."""
    return np.pad(rows, ((0, 0), (0, ROW_STEPS - rows.shape[1]), (0, 0)))
