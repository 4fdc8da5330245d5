"""What names a trial: the code of its measurement and of its fixtures, as the item that asks for it gets them.

Names alone do not say what is measured: a decorator, a factory or a fixture that a folder overrides measures something
else under the same name. What the code reads while it runs is not known here; see dependencies.py.
"""

import dis
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.trials.canonical import Describer, NoCanonicalForm, digest, names_in
from pytest_claims.trials.measurements import Measurement, measurements_of
from pytest_claims.trials.places import installed

BY_NAME = "getfixturevalue"
REQUEST = "request"
#: What a fixture may ask of its request and be the same for every test.
OF_THE_RUN = frozenset({"addfinalizer", "config", "fixturename", "param", "scope"})
#: Instructions whose names are no local variables, or that only make them.
OTHER_NAMES = frozenset({"LOAD_ATTR", "LOAD_CLOSURE", "LOAD_CONST", "LOAD_GLOBAL", "LOAD_METHOD", "LOAD_NAME"})

#: A fixture's place: its name, and how many of the fixtures that it overrides come before it.
Place = tuple[str, int]
#: The fixtures of an item: each definition with the definitions that it rests on.
Graph = Mapping[Place, tuple[Any, tuple[Any, ...]]]
GRAPH = pytest.StashKey[Graph]()


@dataclass(frozen=True, eq=False)
class Identity:
    """A measurement as one item gets it.

    ``nodeid`` is the item's; ``place`` the file and name of the measurement; ``facts`` are the canonical forms that its
    trials are named by; ``functions`` the local functions among them; ``definitions`` the fixtures that are set up for
    it. ``private`` says why its trials serve this claim and this run alone; None where they may be shared and reused.
    ``bound``: only the item itself may measure them, no stand-in.
    """

    nodeid: str
    measurement: Measurement
    place: str
    facts: Mapping[str, Any]
    functions: tuple[Callable[..., Any], ...]
    definitions: tuple[Any, ...]
    private: str | None
    bound: bool = False

    @cached_property
    def name(self) -> str:
        """Place and hash: no two measurements of a run share it."""
        return f"{self.place}#{digest(self.facts)[:8]}"

    @cached_property
    def confined(self) -> bool:
        """Whether it rests on local fixtures of less than the session: then only its own items may measure it."""
        narrower = (definition.func for definition in self.definitions if definition.scope != "session")
        codes = (getattr(inspect.unwrap(function), "__code__", None) for function in narrower)
        return any(code is None or not installed(code.co_filename) for code in codes)


def graph(item: pytest.Item) -> Graph:
    """Return all fixtures that an item is known to get, dependencies first."""
    if GRAPH not in item.stash:
        definitions = _compat.fixture_definitions(item)
        found: dict[Place, tuple[Any, tuple[Any, ...]]] = {}
        visited: set[Place] = set()

        def visit(name: str, chain: tuple[str, ...]) -> Any:
            stack = definitions.get(name, ())
            at = len(stack) - 1 - chain.count(name)  # a fixture that asks for its own name gets the one it overrides
            if at < 0:
                return None
            if (name, at) not in visited:
                visited.add((name, at))
                inner = (*chain, name)
                asked = (visit(argument, inner) for argument in stack[at].argnames)
                found[name, at] = stack[at], tuple(definition for definition in asked if definition is not None)
            return stack[at]

        for name in _compat.initial_names(item):
            visit(name, ())
        item.stash[GRAPH] = found
    return item.stash[GRAPH]


def identify(item: pytest.Item, name: str, measurement: Measurement, root: Path) -> Identity:
    """Return the identity of a measurement that an item asks for under ``name``."""
    describer = Describer()
    faults: list[str] = []

    def described(value: Any, what: str) -> Any:
        try:
            return describer.describe(value)
        except (NoCanonicalForm, RecursionError) as error:
            faults.append(f"{what} holds {error}")
            return None

    function = described(measurement.function, measurement.name)
    used = _used(item, name)
    bound = [
        f"the fixture {place[0]} may depend on the test that asks for it"
        for place, definition in used.items()
        if looks_at_the_test(definition.func, definition.argnames)
    ]
    if looks_at_the_test(measurement.function, inspect.signature(measurement.function).parameters):
        bound.append(f"{measurement.name} may depend on the test that asks for it")
    faults += bound
    chosen = _compat.parameters(item)
    fixtures = []
    for (fixture, _), definition in sorted(used.items(), key=lambda each: each[0]):
        form = [fixture, str(definition.scope), described(definition.func, f"the fixture {fixture}")]
        fixtures.append([*form, described(chosen[fixture], f"the fixture {fixture}")] if fixture in chosen else form)
    if any(BY_NAME in names_in(local.__code__) for local in describer.functions):
        faults.append("it asks for fixtures by name while it runs")
    file = Path(measurement.file)
    place = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    facts = {
        "measurement": f"{place}::{measurement.name}",
        "function": function,
        "fixtures": fixtures,
        "experiment": str(measurement.experiment),
    }
    private = "; ".join(faults) or None
    if private is not None:
        facts["item"] = item.nodeid  # what has no canonical form may differ from item to item
    functions = tuple(dict.fromkeys(describer.functions))
    return Identity(
        item.nodeid, measurement, facts["measurement"], facts, functions, tuple(used.values()), private, bool(bound)
    )


def _used(item: pytest.Item, name: str) -> dict[Place, Any]:
    """Return the fixtures that may change what ``name`` measures: those it rests on, and the item's others.

    Others are asked for by autouse, marks or the claim; they are set up first, and may change anything. What the item's
    other measurements rest on is left out.
    """
    fixtures = graph(item)
    measured = {measurement for measurement in measurements_of(item) if measurement != name}
    others = [other for other in _compat.initial_names(item) if other not in measured]
    needed = _closure(fixtures, [name])
    # the claim's own arguments measure nothing, unless a fixture asks for them, too
    given = set(_compat.argument_names(item)) & set(_compat.parameters(item))
    used = needed | _closure(fixtures, [other for other in others if other not in given])
    return {place: definition for place, definition in used.items() if place[0] != name}


def _closure(fixtures: Graph, names: Iterable[str]) -> dict[Place, Any]:
    """Return the fixtures that an item gets under these names, and all that these rest on."""
    by_definition = {definition: (place, rests_on) for place, (definition, rests_on) in fixtures.items()}
    last = dict(fixtures.keys())  # the one that overrides the others comes last
    todo = [fixtures[name, last[name]][0] for name in names if name in last]
    found: dict[Place, Any] = {}
    while todo:
        definition = todo.pop()
        place, rests_on = by_definition[definition]
        if place not in found:
            found[place] = definition
            todo += rests_on
    return found


def looks_at_the_test(function: Any, arguments: Iterable[str]) -> bool:
    """Whether a local function may depend on the test that asks for it: on its marks, its module, its name.

    It may where it does anything with ``request`` but to read an attribute that is ``OF_THE_RUN``.
    """
    if REQUEST not in arguments:
        return False
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return True
    if installed(code.co_filename):
        return False
    return REQUEST not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] or _uses_request(code)


def _uses_request(code: CodeType) -> bool:
    """Whether code, or code inside it, uses the variable ``request`` otherwise than for what is ``OF_THE_RUN``."""
    lines = [each for each in dis.get_instructions(code) if each.opname not in {"CACHE", "EXTENDED_ARG"}]
    for this, after in pairwise(lines):  # code ends with a return, never with a variable
        if not this.opname.startswith("LOAD_") or this.opname in OTHER_NAMES:
            continue
        # since Python 3.13 an instruction may load two variables
        loaded = this.argval if isinstance(this.argval, tuple) else (this.argval,)
        if REQUEST not in loaded:
            continue
        read = after.argval if after.opname in {"LOAD_ATTR", "LOAD_METHOD"} and loaded[-1] == REQUEST else None
        if loaded.count(REQUEST) > 1 or read not in OF_THE_RUN:
            return True
    return any(_uses_request(inner) for inner in code.co_consts if isinstance(inner, CodeType))
