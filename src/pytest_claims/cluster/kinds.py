"""Kinds of workers: those on which the same trial gives the same numbers."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_claims.errors import ClusterError

#: What of a worker its numbers depend on (`fingerprint.kind`).
Kind = Mapping[str, Any]


def name_of(kind: Kind) -> str:
    """Return a text that two kinds share only if they are equal."""
    return json.dumps(kind, sort_keys=True)


def flat(kind: Kind) -> dict[str, str]:
    """Return a kind as names with values, versions first."""
    return {**kind["versions"], **kind.get("arithmetic", {}), "processor": kind["processor"], "system": kind["system"]}


def differences(ours: Kind, theirs: Kind) -> str:
    """Say what sets another kind apart: ``torch 2.12.0 instead of 2.13.0+cpu``."""
    here, there = flat(ours), flat(theirs)
    return "; ".join(
        f"{name} {there.get(name, 'none')} instead of {here.get(name, 'none')}"
        for name in dict.fromkeys((*here, *there))
        if here.get(name) != there.get(name)
    )


def majority(found: Mapping[str, Kind]) -> Kind:
    """Return the kind of most workers. Raises a ClusterError where two kinds have equally many."""
    groups: dict[str, list[str]] = {}
    for worker, kind in found.items():
        groups.setdefault(name_of(kind), []).append(worker)
    sizes = sorted(groups.values(), key=len, reverse=True)
    if len(sizes) > 1 and len(sizes[0]) == len(sizes[1]):
        first, second = (found[group[0]] for group in sizes[:2])
        raise ClusterError(
            f"its workers are of two kinds, {len(sizes[0])} of each, and their numbers could differ: one has "
            f"{_only(first, second)}, the other {_only(second, first)}; give one kind more workers, or end the others"
        )
    return found[sizes[0][0]]


def _only(this: Kind, other: Kind) -> str:
    """Return what of a kind differs from another."""
    here, there = flat(this), flat(other)
    return ", ".join(f"{name} {value}" for name, value in here.items() if there.get(name) != value) or "the same"


def left_out(ours: Kind, others: Sequence[Kind], total: int) -> list[str]:
    """Say which workers get no work, a sentence for each kind."""
    groups: dict[str, list[Kind]] = {}
    for kind in others:
        groups.setdefault(name_of(kind), []).append(kind)
    return [
        f"{len(group)} of {total} workers {'is' if len(group) == 1 else 'are'} left out, "
        f"{'its' if len(group) == 1 else 'their'} numbers could differ: {differences(ours, group[0])}"
        for group in groups.values()
    ]
