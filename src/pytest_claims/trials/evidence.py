"""The evidence of a claim: its measurements for n seeds, and the ledger of where the numbers came from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pytest_claims.errors import TrialError
from pytest_claims.trials.conditions import in_words
from pytest_claims.trials.labelled import assemble
from pytest_claims.trials.measurements import Handle
from pytest_claims.trials.store import Stored
from pytest_claims.trials.workshop import Trial, Workshop, replay_warnings
from pytest_claims.vocabulary import DIVERGED

Run = tuple[Trial, Stored]


@dataclass(frozen=True, eq=False)
class Evidence:
    """A measurement for ``n`` seeds, with the trials that it is made of."""

    dataset: xr.Dataset
    runs: tuple[Run, ...]
    n: int

    @property
    def diverged(self) -> int:
        """The number of replicates that training flagged."""
        return int(self.dataset[DIVERGED].sum()) if DIVERGED in self.dataset else 0


def gather(
    workshop: Workshop, item: pytest.Item, handles: Mapping[str, Handle], n: int, only: Mapping[str, Sequence[Any]]
) -> dict[str, Evidence]:
    """Fetch every measurement of a claim for ``n`` seeds, under the conditions in ``only`` (`Claim.only`).

    A TrialError where a trial is missing or faulty.
    """
    wanted = {
        name: workshop.trials(workshop.identity(item, name, handle.measurement), n, only)
        for name, handle in handles.items()
    }
    stored_trials = workshop.collect((handles[name], trial) for name, trials in wanted.items() for trial in trials)
    evidence = {}
    for name, trials in wanted.items():
        runs = tuple((trial, stored_trials[trial.key]) for trial in trials)
        levels = handles[name].measurement.restricted(only)
        dataset = assemble(name, levels, [(trial.condition, stored.dataset) for trial, stored in runs], n)
        evidence[name] = Evidence(dataset, runs, n)
        check_draws(name, runs, n)
        replay_warnings(name, (stored for _, stored in runs))
    return evidence


def check_draws(name: str, runs: Sequence[Run], n: int) -> None:
    """Raise a TrialError unless each seed drew numbers of its own: equal results may be chance, equal draws are not."""
    if not any(stored.facts.get("inputs") for _, stored in runs):
        raise TrialError(f"{name} never drew from its seeds, so all of its replicates are the same.")
    for inputs in _by_condition(runs).values():
        for purpose, hashes in _joined(inputs, n).items():
            first: dict[str, int] = {}
            for seed, drawn in enumerate(hashes):
                if drawn in first:
                    raise TrialError(f"{name}: seeds {first[drawn]} and {seed} draw the same {purpose}.")
                first[drawn] = seed


def ledger(evidence: Mapping[str, Evidence], first: int) -> dict[str, Any]:
    """Return ``inputs``, ``derived`` and ``trace`` of a record, the first two over the seeds of its first look.

    So a later run can compare them whichever look it ends at.
    A value that all conditions share appears once, as ``measurement/purpose``; any other appears for each condition, as
    ``measurement[layers=2]/purpose``.
    """
    inputs: dict[str, str] = {}
    derived: dict[str, list[float]] = {}
    trace: dict[str, Any] = {}
    for name, measured in evidence.items():
        hashed, summed, traced = {}, {}, {}
        for condition, runs in _by_condition(measured.runs).items():
            hashed[condition] = {key: _hash(values) for key, values in _joined(runs, first).items()}
            summed[condition] = _summed(runs, first)
            traced[condition] = dict(runs[0].facts.get("trace") or {})
        inputs |= _named(name, hashed)
        derived |= _named(name, summed)
        trace |= _named(name, traced)
    return {"inputs": inputs, "derived": derived, "trace": trace or None}


def _by_condition(runs: Sequence[Run]) -> dict[str, list[Stored]]:
    """Group stored trials by their condition in words."""
    groups: dict[str, list[Stored]] = {}
    for trial, stored in runs:
        groups.setdefault(in_words(trial.condition), []).append(stored)
    return groups


def _joined(runs: Sequence[Stored], n: int) -> dict[str, list[str]]:
    """Join the blocks' hashes, one for each seed, by purpose."""
    joined: dict[str, list[str]] = {}
    for stored in runs:
        for purpose, hashes in (stored.facts.get("inputs") or {}).items():
            joined.setdefault(purpose, []).extend(hashes)
    return {purpose: hashes[:n] for purpose, hashes in joined.items()}


def _summed(runs: Sequence[Stored], n: int) -> dict[str, list[float]]:
    """Sum the fingerprints of derived arrays over the seeds; all terms are positive, so no change cancels out."""
    arrays: dict[str, list[np.ndarray[Any, Any]]] = {}
    for stored in runs:
        for name, values in (stored.facts.get("derived") or {}).items():
            arrays.setdefault(name, []).append(np.asarray(values, dtype=float))
    return {name: np.concatenate(values)[:n].sum(axis=0).ravel().tolist() for name, values in arrays.items()}


def _named(name: str, conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name each value by measurement and purpose, and by condition where conditions differ."""
    purposes = list(dict.fromkeys(purpose for by_purpose in conditions.values() for purpose in by_purpose))
    named = {}
    for purpose in purposes:
        values = {
            condition: by_purpose[purpose] for condition, by_purpose in conditions.items() if purpose in by_purpose
        }
        first = next(iter(values.values()))
        if all(value == first for value in values.values()):
            named[f"{name}/{purpose}"] = first
        else:
            named |= {f"{name}[{condition}]/{purpose}": value for condition, value in values.items()}
    return named


def _hash(hashes: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]
