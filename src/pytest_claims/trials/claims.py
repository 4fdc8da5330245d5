"""Claims: what is claimed, on whose authority, and which verdict is expected.

A mistake in a declaration must cost its own claim only, not the whole file. So the decorators never raise: they keep
the fault as a sentence, and the claim becomes an error at its set-up.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isfinite
from textwrap import shorten
from typing import Any, TypeVar

import pytest

from pytest_claims.vocabulary import DEEPEST_LOOK, FEWEST_SEEDS, FIRST_LOOK, SEEDS, VERDICTS

#: A claim's id without its variant, such as "2.a".
ID = re.compile(r"[A-Za-z0-9_][\w.-]*")
MARK = "claim"
REGISTERED_AS = pytest.StashKey["Claim"]()

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Claim:
    """A claim as declared. ``variant_of`` is the bare id of a variant; ``fault`` says why it cannot be judged.

    ``looks`` and ``deep`` are as they were given, () and None where they were not. ``only``: the values of conditions
    that it looks at; all values of conditions that are not named.
    """

    id: str
    text: str
    source: str | None = None
    published: Mapping[Any, Any] | None = None
    seeds: int = SEEDS
    registered: str = "supported"
    reason: str | None = None
    clock: bool = False
    departures: str | None = None
    looks: tuple[int, ...] = ()
    deep: int | None = None
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    variant_of: str | None = None
    variant: str | None = None
    departs: str | None = None
    fault: str | None = None

    @property
    def first(self) -> int:
        """The seeds of its first look."""
        return self.looks[0] if self.looks else min(FIRST_LOOK, self.seeds)

    @property
    def deepest(self) -> int:
        """The seeds of its deepest look; a claim of fewer seeds than others' first look has no deeper one."""
        if self.deep is not None:
            return self.deep
        if len(self.looks) > 1:
            return self.looks[-1]
        return max(DEEPEST_LOOK, self.seeds) if self.seeds >= FIRST_LOOK else self.seeds


@dataclass(frozen=True)
class Variant:
    """A departure from the bare claim: its name, its arguments, and what else of the claim it changes."""

    name: str
    values: Mapping[str, Any]
    registered: str = "supported"
    reason: str | None = None
    departs: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def variant(
    name: str,
    *,
    registered: str = "supported",
    reason: str | None = None,
    departs: str | None = None,
    seeds: int | None = None,
    looks: tuple[int, ...] | None = None,
    deep: int | None = None,
    only: Mapping[str, Sequence[Any]] | None = None,
    published: Mapping[Any, Any] | None = None,
    text: str | None = None,
    **values: Any,
) -> Variant:
    """Declare a variant ``<id>@<name>`` of a claim: other values for the parameters named in ``given``.

    ``departs`` says in words how it departs from the claim's protocol; ``seeds``, ``looks``, ``deep``, ``only``,
    ``published`` and ``text`` default to the claim's own.
    """
    own = {"seeds": seeds, "looks": looks, "deep": deep, "only": only, "published": published, "text": text}
    changes = {key: value for key, value in own.items() if value is not None}
    return Variant(name, values, registered, reason, departs, changes)


def claim(
    id: Any = None,  # noqa: A002 - the word that results.json uses
    text: Any = None,
    *,
    source: str | None = None,
    published: Mapping[Any, Any] | None = None,
    seeds: int = SEEDS,
    registered: str = "supported",
    reason: str | None = None,
    clock: bool = False,
    departures: str | None = None,
    looks: tuple[int, ...] = (),
    deep: int | None = None,
    only: Mapping[str, Sequence[Any]] | None = None,
    variants: Sequence[Variant] = (),
    given: Mapping[str, Any] | None = None,
    **unknown: Any,
) -> Any:
    """Make a test a claim: it takes measurements by name and returns its hypothesis, or hypothesis and pictures.

    The claim is judged at 32, 64, 128, ... seeds until a look decides, and at ``seeds`` at the latest; a deep run goes
    on to ``deep`` seeds (default: 512). All are powers of two. ``looks`` names another first look, or all of them. With
    ``seeds`` below 32 there is a single look, unless ``deep`` says otherwise. At a look below 64 seeds a part of
    which more than half of the values are equal is decided only if ``looks`` names it. ``registered`` is the verdict
    that the claim is expected to get by its ``seeds``, with a ``reason`` if that is not "supported". ``only`` names the
    values of the measurements' conditions that the claim looks at, ``{"technique": ["SVM"]}``: the others are then not
    measured for it, and not in its data; by default it gets all. ``clock`` marks a
    claim about elapsed time, whose changed verdict only warns. ``given`` holds the claim's own arguments for the
    parameters in which its ``variants`` differ.
    """
    if callable(id):  # @claim without parentheses
        return claim()(id)
    declared = _readable(Claim(
        str(id or ""), str(text or ""), source, published, seeds, registered, reason, clock, departures, looks, deep,
        {} if only is None else only,  # type: ignore[arg-type] # _readable makes it tuples, or says what is wrong
    ))  # fmt: skip
    if not isinstance(given, Mapping | None) or not all(isinstance(variation, Variant) for variation in variants):
        declared = replace(declared, fault=declared.fault or _NEITHER.format(declared.id))
        given, variants = {}, ()
    given = dict(given or {})

    def decorate(function: Test) -> Test:
        bare = replace(declared, fault=_fault(declared, function.__name__, unknown) or _stray(given, variants))
        if not variants:
            return _marked(bare, given)(function)
        rows = [(given, bare)]
        rows += [
            (given | dict(variation.values), _varied(bare, variation, function.__name__, given))
            for variation in variants
        ]
        parameters = [
            pytest.param(
                *(values[name] for name in given), id=declaration.id or "no-id", marks=pytest.mark.claim(declaration)
            )
            for values, declaration in rows
        ]
        parametrized: Test = pytest.mark.parametrize(tuple(given), parameters)(function)
        return parametrized

    return decorate


def _marked(bare: Claim, given: Mapping[str, Any]) -> Callable[[Test], Test]:
    """Mark a function as a claim without variants; its ``given`` arguments still reach it."""

    def mark(function: Test) -> Test:
        marked: Test = pytest.mark.claim(bare)(function)
        if given:
            marked = pytest.mark.parametrize(tuple(given), [pytest.param(*given.values(), id=bare.id or "no-id")])(
                marked
            )
        return marked

    return mark


def _varied(bare: Claim, variation: Variant, name: str, given: Mapping[str, Any]) -> Claim:
    """Return the claim as the variant changes it."""
    varied = _readable(replace(
        bare,
        id=f"{bare.id}@{variation.name}",
        variant_of=bare.id,
        variant=variation.name,
        registered=variation.registered,
        reason=variation.reason,
        departs=variation.departs,
        **variation.changes,
    ))  # fmt: skip
    fault = bare.fault or _fault(varied, name, {})
    if fault is None and set(variation.values) - set(given):
        strays = ", ".join(sorted(set(variation.values) - set(given)))
        fault = f"Variant {varied.id} sets {strays}, but the claim's own given=... does not."
    return replace(varied, fault=fault)


_NEITHER = "Claim {} takes variants=[variant(...), ...] and given={{argument: value}}, and was given something else."
#: Fields that are words.
_WORDS = ("source", "reason", "departures", "departs")
#: How deeply published values may be nested.
_DEEPEST = 10
_SHOWN = 30
#: As many looks have a level (inference/looks.py).
_MOST_LOOKS = 8


def _readable(declared: Claim) -> Claim:
    """Return a claim without what cannot be written to a report, and with the fault that says so."""
    declared = _with_only(_with_looks(declared))
    for name in _WORDS:
        value = getattr(declared, name)
        if value is not None and not isinstance(value, str):
            fault = f"Claim {declared.id} has a {name} that is {type(value).__name__}, not text."
            without: Any = {name: None}
            return _readable(replace(declared, fault=declared.fault or fault, **without))
    seeds: Any = declared.seeds
    registered: Any = declared.registered
    if not is_look(seeds):
        shown = _in_short(seeds)
        fault = f"Claim {declared.id} is registered for {shown} seeds; it takes a power of two, at least 8."
        return _readable(replace(declared, fault=declared.fault or fault, seeds=SEEDS, looks=(), deep=None))
    if not isinstance(registered, str):
        fault = f"Claim {declared.id} is registered as {registered!r}; verdicts are {', '.join(VERDICTS)}."
        return _readable(replace(declared, fault=declared.fault or fault, registered=VERDICTS[0]))
    unordered = _unordered(declared)
    if unordered is not None:
        return _readable(replace(declared, fault=declared.fault or unordered, seeds=SEEDS, looks=(), deep=None))
    strange = _strange(declared.published)
    if strange is None:
        return declared
    fault = f"Claim {declared.id} publishes {strange}; a published value is a finite number, or words."
    return replace(declared, fault=declared.fault or fault, published=None)


def _with_looks(declared: Claim) -> Claim:
    """Return a claim whose looks are some, or with the fault that says why they are none."""
    given: Any = declared.looks
    looks = tuple(given) if isinstance(given, list | tuple) else (given,)
    if _are_looks(looks):
        return replace(declared, looks=looks)
    shown = ", ".join(map(_in_short, looks[:_MOST_LOOKS]))
    fault = (
        f"Claim {declared.id} is registered for looks at {shown} seeds; looks are at most {_MOST_LOOKS} powers of two, "
        "at least 8, each twice the one before."
    )
    return replace(declared, fault=declared.fault or fault, looks=())


def _with_only(declared: Claim) -> Claim:
    """Return a claim whose conditions are some, or with the fault that says why they are none."""
    given: Any = declared.only
    if isinstance(given, Mapping) and all(
        isinstance(name, str) and isinstance(values, list | tuple) and values for name, values in given.items()
    ):
        return replace(declared, only={name: tuple(values) for name, values in given.items()})
    fault = f'Claim {declared.id} takes only={{condition: [values]}}, as in only={{"layers": [1, 3]}}.'
    return replace(declared, fault=declared.fault or fault, only={})


def _are_looks(looks: Sequence[Any]) -> bool:
    """Whether these are numbers of seeds of looks; none are none."""
    return (
        len(looks) <= _MOST_LOOKS
        and all(map(is_look, looks))
        and all(2 * earlier == later for earlier, later in pairwise(looks))
    )


def _in_short(value: Any) -> str:
    """Return what was given as a number of seeds, in a few characters."""
    try:
        return shorten(repr(value), _SHOWN)
    except Exception:  # noqa: BLE001 - an integer of 5,000 digits, or somebody's object
        return "a huge number of" if isinstance(value, int) else "no number of"


def is_look(seeds: Any) -> bool:
    """Whether this is a number of seeds at which a claim can be judged: a power of two, at least 8."""
    return type(seeds) is int and seeds >= FEWEST_SEEDS and seeds & (seeds - 1) == 0


def _unordered(declared: Claim) -> str | None:
    """Say that a claim's first look, seeds and deepest look are not in this order; None where they are."""
    named = f"Claim {declared.id}"
    if declared.deep is not None and not is_look(declared.deep):
        shown = _in_short(declared.deep)
        return f"{named} is registered for {shown} seeds of a deep run; it takes a power of two, at least 8."
    if len(declared.looks) > 1 and declared.deep not in {None, declared.looks[-1]}:
        last, deep = _in_short(declared.looks[-1]), _in_short(declared.deep)
        return f"{named} names looks up to {last} seeds, but deep={deep}: name it once."
    first, seeds, deepest = declared.first, declared.seeds, declared.deepest
    if not first <= seeds <= deepest:
        return (
            f"{named} has its first look at {_in_short(first)} seeds, is registered for {_in_short(seeds)}, and a deep "
            f"run ends at {_in_short(deepest)}: each is at least the one before."
        )
    if deepest > first * 2 ** (_MOST_LOOKS - 1):
        return (
            f"{named} has more than {_MOST_LOOKS} looks between {_in_short(first)} and {_in_short(deepest)} seeds; "
            "register a later first."
        )
    return None


def _strange(value: Any, names: tuple[str, ...] = ()) -> str | None:
    """Say which published value is neither a finite number nor words: ``nan for c``; None where there is none."""
    of = f" for {', '.join(names)}" if names else ""
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        number = _no_number(value)
        return None if number is None else f"{number}{of}"
    if isinstance(value, Mapping):
        entries = [(_name(key), item) for key, item in value.items()]
    elif isinstance(value, Sequence | AbstractSet):
        entries = [(str(at + 1), item) for at, item in enumerate(value)]
    else:
        return f"an object of type {type(value).__name__}{of}"
    if len(names) >= _DEEPEST:
        return f"values that are nested more than {_DEEPEST} times"
    if any(name is None for name, _ in entries):
        return f"a value under a name that is no text{of}"
    return next((why for name, item in entries if (why := _strange(item, (*names, str(name)))) is not None), None)


def _no_number(value: str | float | None) -> str | None:
    """Return in words a number that no reader of JSON understands; None for any other, and for words."""
    if value is None or isinstance(value, str):
        return None
    try:
        return None if isfinite(value) else str(value)
    except OverflowError:
        return "a number beyond 1e308"


def _name(key: Any) -> str | None:
    """Return a key as text; None where it has none."""
    try:
        return shorten(str(key), _SHOWN)
    except Exception:  # noqa: BLE001 - an integer of 5,000 digits, or somebody's object
        return None


def _stray(given: Mapping[str, Any], variants: Sequence[Variant]) -> str | None:
    """Say that a claim with variants gives no arguments of its own; None where it does."""
    if variants and not given:
        return "A claim with variants must list its own arguments in given=..."
    return None


def _fault(declared: Claim, name: str, unknown: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a declaration, in one sentence; None where nothing is."""
    bare, _, variant_name = declared.id.partition("@")
    called = f"Claim {declared.id}"
    if declared.fault is not None and declared.id:
        return declared.fault
    if not declared.id:
        return f'{name} is a claim without an id: write @claim("2.a", "what is claimed", ...).'
    if not ID.fullmatch(bare) or (declared.variant is not None and not ID.fullmatch(variant_name)):
        return f'{name} is a claim without an id: {declared.id!r} is not an id, "2.a" would be.'
    checks = [
        (not declared.text, f"{called} does not say what is claimed: its second argument is a sentence."),
        (bool(unknown), f"{called} was given {', '.join(unknown)}, which @claim does not take."),
    ]
    wrong = next((sentence for wrong, sentence in checks if wrong), None)
    return wrong or unexpected(called, declared.registered, declared.reason)


def unexpected(called: str, verdict: Any, reason: str | None) -> str | None:
    """Say that a claim, or an entry about one, expects no verdict, or another than "supported" without a reason."""
    if verdict not in VERDICTS:
        return f"{called} is registered as {verdict!r}; verdicts are {', '.join(VERDICTS)}."
    return None if verdict == VERDICTS[0] or reason else f"{called} is registered as {verdict} without a reason."


def register(item: pytest.Item, claim: Claim) -> None:
    """Let an item be this claim, whatever it declares: with another expected verdict."""
    item.stash[REGISTERED_AS] = claim


def claim_of(item: pytest.Item) -> Claim | None:
    """Return the claim that a test item declares, or is registered as; None where it is no claim."""
    if REGISTERED_AS in item.stash:
        return item.stash[REGISTERED_AS]
    mark = item.get_closest_marker(MARK)
    if mark is None or not mark.args or not isinstance(mark.args[0], Claim):
        return None
    return mark.args[0]
