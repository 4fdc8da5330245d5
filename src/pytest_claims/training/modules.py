"""Modules of one's own: a factory, called once for each seed, and the parameters and buffers of all seeds, stacked.

torch is imported when the modules are made, not before.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_claims.errors import ClaimWarning
from pytest_claims.training.seeds import Seeds

Factory = Callable[[], Any]
"""Returns a new `torch.nn.Module`."""

TRIED_ROWS = 8
"""Rows of inputs on which a module is tried before it trains."""

#: The names of axes, by how many there are.
HIDDEN_AXES = {2: ("row", "unit"), 3: ("row", "channel", "position"), 4: ("row", "channel", "height", "width")}
WEIGHT_AXES = {
    1: ("unit",),
    2: ("fan_out", "fan_in"),
    3: ("fan_out", "fan_in", "kernel"),
    4: ("fan_out", "fan_in", "kernel_height", "kernel_width"),
}


def axes_named(names: Mapping[int, tuple[str, ...]], count: int) -> tuple[str, ...]:
    """Return the names of so many axes; numbered ones where they have none."""
    return names.get(count, tuple(f"axis_{axis}" for axis in range(count)))


@dataclass(frozen=True, eq=False)
class Modules:
    """The modules of a block of seeds. S seeds.

    `structures` are modules whose forward is read: those of all runs of a call that differ in more than their numbers,
    and `structure` is this run's place among them. `rows` are, for each, a few rows of a run's own inputs (rows, ...).
    `parameters` holds, each (S, its own shape), what trains (`parameter_names`) and then what does not
    (`buffer_names`): buffers, and parameters that need no gradient.
    """

    seeds: Seeds
    structures: tuple[Any, ...]
    rows: tuple[NDArray[Any], ...]
    sizes: tuple[int, int]
    parameters: tuple[NDArray[Any], ...]
    parameter_names: tuple[str, ...]
    buffer_names: tuple[str, ...]
    values_in_a_row: int
    widest: int
    structure: int = 0
    repeat: int = 1
    activation: str = ""

    @property
    def noise(self) -> Callable[[], Sequence[np.random.Generator]]:
        """Returns fresh generators for dropout, one for each seed."""
        return partial(self.seeds.generator, "dropout")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of `parameters`."""
        return *self.parameter_names, *self.buffer_names

    @property
    def masks(self) -> Mapping[str, NDArray[Any]]:
        """No parameter is left out, unless the run says so."""
        return {}

    @property
    def trained(self) -> dict[str, NDArray[Any]]:
        """What trains, by name: (S, its own shape) each."""
        return dict(zip(self.parameter_names, self.parameters, strict=False))

    @property
    def shape(self) -> Any:
        """What modules of one stack have in common: names and shapes of all that they hold, and which of it trains."""
        shapes = tuple((name, array.shape[1:]) for name, array in zip(self.names, self.parameters, strict=True))
        return shapes, self.parameter_names


def check_factory(network: Any) -> None:
    """Raise a ValueError for what cannot be called for each seed, as a module instead of its class."""
    wanted = "a run's network is an MLP or a function without arguments that returns a torch.nn.Module"
    name = type(network).__name__
    if not isinstance(network, type) and hasattr(network, "named_parameters"):
        raise ValueError(f"{wanted}, anew for each seed, got a {name} that is made already: pass lambda: {name}(...)")
    if not callable(network):
        raise ValueError(f"{wanted}, got {name}")  # noqa: TRY004 - as all refusals of modules
    try:
        inspect.signature(network).bind()
    except TypeError as error:
        called = getattr(network, "__name__", name)
        raise ValueError(f"{wanted}, but {called} takes arguments ({error}): pass lambda: {called}(...)") from None
    except ValueError:  # something of C that has no signature
        return


def joined(networks: Sequence[Modules]) -> list[Modules]:
    """Return the modules of several runs as one stack's: all know all structures, and each its own."""
    from pytest_claims.training.engines.torch_alike import difference

    structures: list[Any] = []
    rows: list[NDArray[Any]] = []
    places = []
    for network in networks:
        (module,) = network.structures
        same = [place for place, other in enumerate(structures) if difference(module, other) is None]
        places.append(same[0] if same else len(structures))
        if not same:
            structures.append(module)
            rows.extend(network.rows)
    values = max(network.values_in_a_row for network in networks)
    widest = max(network.widest for network in networks)
    return [
        replace(
            network,
            structures=tuple(structures),
            rows=tuple(rows),
            structure=place,
            values_in_a_row=values,
            widest=widest,
        )
        for network, place in zip(networks, places, strict=True)
    ]


def refuse_other_training(label: Any, network: Any, first: Any) -> None:
    """Refuse a run that trains others of its parameters than the first run: one stack updates the same ones in all."""
    if not isinstance(network, Modules) or not isinstance(first, Modules) or set(network.names) != set(first.names):
        return
    other = sorted({*network.parameter_names} ^ {*first.parameter_names})
    if other:
        raise ValueError(
            f"run {label!r} trains other parameters than the first run ({', '.join(other)}), and the runs of one call "
            "train the same ones: give it a call of its own, as a condition of the measurement"
        )


@contextmanager
def traced_in_float64(network: Modules | None) -> Iterator[None]:
    """Probe the first steps within the block: a module that cannot be applied in float64 is not traced, with a warning.

    What else is wrong with it shows in training.
    """
    try:
        yield
    except RuntimeError as error:
        if network is None:
            raise
        lines = str(error).splitlines() or [type(error).__name__]
        warnings.warn(
            f"the first steps of {type(network.structures[0]).__name__} are not traced, because its forward cannot be "
            f"applied in float64 ({lines[0]}): keep the tensors that it uses in buffers (register_buffer)",
            ClaimWarning,
            stacklevel=2,
        )


def make(seeds: Seeds, factory: Factory, x: NDArray[Any]) -> Modules:
    """Call the factory for each seed, inside a random state of that seed's own, and stack what it returns.

    torch's global generator starts from the seed's draw for "weights", and is put back afterwards. `x` (S, rows, ...)
    are inputs, of which a few rows are applied. ValueError, one sentence, for what cannot be a stack: see
    engines/torch_probe.py, and modules that share state, or differ between seeds in more than the values of parameters
    and buffers.
    """
    import torch

    from pytest_claims.training.engines.torch_mistakes import refuse_unfinished
    from pytest_claims.training.engines.torch_probe import examine, refuse_unlike

    modules = []
    with torch.random.fork_rng(devices=[]):
        for number in seeds.integers("weights"):
            torch.manual_seed(number)
            modules.append(factory())
    first = modules[0]
    if not isinstance(first, torch.nn.Module):
        raise ValueError(  # noqa: TRY004 - as all refusals of modules
            f"a run's network is an MLP or a function that returns a torch.nn.Module, got a {type(first).__name__}"
        )
    refuse_unfinished(first)
    _refuse_shared(modules)
    rows = np.array(x[0, :TRIED_ROWS])
    facts = examine(first, rows)
    columns = [dict(_state(module)) for module in modules]
    _refuse_shapes(type(first).__name__, columns)
    refuse_unlike(modules, rows)
    trained = {name for name, parameter in first.named_parameters() if parameter.requires_grad}
    names = [*(name for name in columns[0] if name in trained), *(name for name in columns[0] if name not in trained)]
    arrays = tuple(np.stack([column[name].detach().numpy() for column in columns]) for name in names)
    seeds.record("weights", *arrays)
    sizes = int(np.prod(x.shape[2:])), facts.outputs
    parameters, buffers = tuple(names[: len(trained)]), tuple(names[len(trained) :])
    return Modules(seeds, (first,), (rows,), sizes, arrays, parameters, buffers, facts.values, facts.widest)


def _state(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield parameters, then buffers, each once."""
    yield from module.named_parameters()
    yield from module.named_buffers()


def _refuse_shared(modules: Sequence[Any]) -> None:
    """Refuse a factory that gives two seeds one object."""
    owner: dict[int, int] = {}
    for seed, module in enumerate(modules):
        whole = type(module).__name__
        parts = [(f"the layer {path} ({type(part).__name__})" if path else whole, part)
                 for path, part in module.named_modules()]  # fmt: skip
        for name, part in [*parts, *((f"{key} of {whole}", tensor) for key, tensor in _state(module))]:
            if owner.setdefault(id(part), seed) != seed:
                raise ValueError(
                    f"{name} is one object for two seeds: the function that a run gets must make all of its module anew"
                )


def _refuse_shapes(whole: str, columns: Sequence[dict[str, Any]]) -> None:
    """Refuse modules whose parameters or buffers differ in name or shape."""
    shapes = [{name: tuple(tensor.shape) for name, tensor in column.items()} for column in columns]
    for other in shapes[1:]:
        for name in (*shapes[0], *other):
            if shapes[0].get(name) != other.get(name):
                one, two = (f"shape {shape[name]}" if name in shape else "nowhere" for shape in (shapes[0], other))
                raise ValueError(f"{name} of {whole} differs between seeds, {one} and {two}: all seeds need one shape")
