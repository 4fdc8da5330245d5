"""From a claim's measurements to its outcome: judge, control and reverse, record, gate."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from pytest_claims import _compat
from pytest_claims import record as records
from pytest_claims.errors import ClaimWarning, TrialError
from pytest_claims.inference import Design, EvidenceError
from pytest_claims.outcomes import ClaimError, Departure
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.evidence import Evidence, gather
from pytest_claims.trials.measurements import Handle
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.workshop import Workshop
from pytest_claims.vocabulary import ALPHA, CONTRADICTION, LOOKS

WORLDS = 400


@dataclass(frozen=True, eq=False)
class Judgement:
    """A claim's verdict with all that it rests on."""

    verdict: Any
    hypothesis: Any
    pictures: tuple[Any, ...]
    control: Any
    reverse: str  # the verdict on the opposite claim
    evidence: Mapping[str, Evidence]
    looks: list[dict[str, Any]] | None


def run_claim(item: pytest.Function, claim: Claim, workshop: Workshop) -> None:
    """Judge a claim and end its test as the gate says. What the claim's function raises passes through."""
    settings = workshop.settings
    record = records.declared(item, claim, settings)
    try:
        judgement = judge(item, claim, workshop)
    except TrialError as error:
        if error.details:
            item.add_report_section("call", "traceback of the trial", error.details)
        raise ClaimError(str(error)) from error
    except EvidenceError as error:
        raise ClaimError(f"Claim {claim.id}: {error}") from error
    record |= records.of_evidence(judgement.evidence)
    controls = judgement.control.as_json() | {"reversed": judgement.reverse}
    record |= judgement.verdict.as_json() | {"controls": controls, "looks": judgement.looks}
    sentence = distrust(claim, judgement)
    if sentence is not None:
        records.attach(item.user_properties, records.error(record, sentence, item.config.rootpath))
        raise ClaimError(sentence)
    outcome, end = gate(claim, judgement.verdict, settings)
    record["outcome"] = outcome
    item.config.hook.pytest_claim_judged(
        config=item.config, item=item, record=record, hypothesis=judgement.hypothesis, pictures=judgement.pictures
    )
    records.attach(item.user_properties, record)
    end()


def distrust(claim: Claim, judgement: Judgement) -> str | None:
    """Say why a verdict cannot be believed: worlds where the claim is false, or its opposite, get support as well."""
    if not judgement.control.ok:
        return f"Claim {claim.id} fails its negative control: {judgement.control.text}."
    if judgement.verdict.verdict == judgement.reverse == "supported":
        return f"Claim {claim.id} fails its reversal: the claim and its opposite are both supported."
    return None


def judge(item: pytest.Function, claim: Claim, workshop: Workshop) -> Judgement:
    """Measure and judge, at one number of seeds or at one look after the other."""
    settings = workshop.settings
    handles = {name: value for name, value in _arguments(item).items() if isinstance(value, Handle)}
    if not handles:
        raise ClaimError(f"Claim {claim.id} rests on no measurement: its test names none.")
    if not settings.sequential:
        return _look(item, claim, workshop, (settings.size(claim.seeds), ALPHA))
    looks: list[dict[str, Any]] = []
    last = settings.size(claim.seeds)
    judgement = None
    for n in (look for look in LOOKS if look <= last):
        judgement = _look(item, claim, workshop, (n, ALPHA / len(LOOKS)))
        seen = judgement.verdict
        looks.append({"seeds": n, "verdict": seen.verdict, "effect": seen.effect, "interval": list(seen.interval)})
        if seen.verdict != "inconclusive":
            break
    assert judgement is not None  # noqa: S101 - there is a look at 8 seeds
    return replace(judgement, looks=looks)


def _look(item: pytest.Function, claim: Claim, workshop: Workshop, plan: tuple[int, float]) -> Judgement:
    """Judge on the first n seeds at a level of alpha a side; ``plan`` is (n, alpha)."""
    n, alpha = plan
    arguments = _arguments(item)
    evidence = gather(workshop, {name: one for name, one in arguments.items() if isinstance(one, Handle)}, n)
    given = arguments | {name: one.dataset for name, one in evidence.items()}
    hypothesis, pictures = returned(item.obj(**given), claim)
    if hypothesis.n != n:
        raise ClaimError(f"Claim {claim.id} judges {hypothesis.n} of its {n} seeds; a claim rests on all of them.")
    verdict = hypothesis.judge(alpha=alpha)
    control = hypothesis.control(_generator(claim.id), worlds=WORLDS, alpha=alpha)
    reverse = hypothesis.reversed().judge(alpha=alpha).verdict
    return Judgement(verdict, hypothesis, pictures, control, reverse, evidence, None)


def _arguments(item: pytest.Function) -> dict[str, Any]:
    return {name: item.funcargs[name] for name in _compat.argument_names(item)}


def returned(value: Any, claim: Claim) -> tuple[Any, tuple[Any, ...]]:
    """Return hypothesis and pictures from what a claim's function returned."""
    flat = _flat(value)
    hypotheses = [one for one in flat if isinstance(one, Design) or hasattr(one, "judge")]
    if len(hypotheses) != 1:
        got = f"{len(hypotheses)} hypotheses" if hypotheses else type(value).__name__
        raise ClaimError(f"Claim {claim.id} returned {got}; a claim returns its hypothesis, or it and pictures.")
    return hypotheses[0], tuple(one for one in flat if one is not hypotheses[0])


def _flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [one for part in value for one in _flat(part)]
    return [value]


def _generator(name: str) -> np.random.Generator:
    """Return the generator of a claim's control: the same in every run."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def gate(claim: Claim, verdict: Any, settings: Settings) -> tuple[str, Callable[[], None]]:
    """Return a claim's outcome, and what ends its test so (design.md, "Verdict x registration" and "The gate")."""
    got, expected, message = verdict.verdict, claim.registered, verdict.message

    def skip() -> None:
        _compat.skip_at_item(message)

    def pass_() -> None:
        return

    if settings.pilot:
        return "passed", pass_
    if got == expected:
        if expected == "supported":
            return "passed", pass_
        return "xfailed", lambda: pytest.xfail(f"{expected} as registered: {claim.reason}")
    sentence = f"Claim {claim.id} is {got}, but registered as {expected}: {message}"
    if settings.registered_design(claim.seeds) or {got, expected} == CONTRADICTION:
        if claim.clock:
            return "passed", lambda: warnings.warn(sentence, ClaimWarning, stacklevel=3)

        def fail() -> None:
            raise Departure(sentence)

        return "failed", fail
    return "skipped", skip
