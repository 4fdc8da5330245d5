"""From a claim's measurements to its outcome: judge, control and reverse, record, gate."""

import hashlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_claims import _compat
from pytest_claims.errors import ClaimWarning, DesignError, TrialError
from pytest_claims.files import jsonable
from pytest_claims.inference import Design, EvidenceError
from pytest_claims.inference.sequence import Turn, judge_in_turn
from pytest_claims.outcomes import ClaimError, Departure
from pytest_claims.record import Record, attach
from pytest_claims.running import deep, reasons
from pytest_claims.running.looks import schedule
from pytest_claims.trials.claims import Claim
from pytest_claims.trials.conditions import label, values_in_words
from pytest_claims.trials.evidence import Evidence, gather, ledger
from pytest_claims.trials.measurements import Handle
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.workshop import Workshop
from pytest_claims.vocabulary import CONTRADICTION, visible

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
    looks: list[dict[str, Any]]
    ended: str  # why no further look was taken

    def as_json(self) -> dict[str, Any]:
        """Return the fields of a record that judging knows."""
        controls = {**self.control.as_json(), "reversed": self.reverse}
        return {
            **provenance(self.evidence, self.looks[0]["seeds"]),
            **self.verdict.as_json(),
            "controls": controls,
            "looks": self.looks,
            "ended": self.ended,
        }


def run_claim(item: pytest.Function, claim: Claim, workshop: Workshop) -> None:
    """Judge a claim and end its test as the gate says. What the claim's function raises passes through."""
    settings = workshop.settings
    try:
        judgement = judge(item, claim, workshop)
    except TrialError as error:
        if error.unsupported:
            _compat.skip_at_item(str(error))
        if error.details:
            item.add_report_section("call", "traceback of the trial", error.details)
        raise ClaimError(str(error)) from error
    except EvidenceError as error:
        raise ClaimError(f"Claim {claim.id}: {error}") from error
    reason = rendered_reason(claim, judgement)
    outcome, end = gate(replace(claim, reason=reason), judgement.verdict, settings)
    gated = {"outcome": outcome, "reason": reason, "reason_template": claim.reason}
    record = declared(item, claim, settings).extended(judgement.as_json() | gated)
    sentence = distrust(claim, judgement)
    if sentence is not None:
        attach(item.user_properties, record.failed(sentence, item.config.rootpath))
        raise ClaimError(sentence)
    findings = deep.FINDINGS.path(item.config.rootpath, record.file)
    settled = None if settings.change else deep.found(record, findings)  # deep runs are of the registered claims
    if settled is not None:
        record = record.extended({"deep": settled})
    answers = item.config.hook.pytest_claim_judged(
        config=item.config,
        item=item,
        record=record,
        hypothesis=judgement.hypothesis,
        pictures=judgement.pictures,
        datasets={name: measured.dataset for name, measured in judgement.evidence.items()},
    )
    for further in answers:
        record = record.extended(further)
    attach(item.user_properties, record)
    item.user_properties.append(("verdict", record.verdict))  # for dashboards, which do not read records
    end()


def declared(item: pytest.Item, claim: Claim, settings: Settings) -> Record:
    """Return the record of a claim before anything is measured: an error, until there is a verdict."""
    question, _, protocol = _docstring(getattr(item, "module", None)).partition("\n\n")
    root = item.config.rootpath
    path = Path(item.path)
    plan = schedule(claim, settings)
    return Record(
        id=claim.id,
        nodeid=item.nodeid,
        text=claim.text,
        source=claim.source,
        registered=None if settings.change else claim.registered,
        changed={name: [label(value) for value in values] for name, values in settings.change.items()},
        reason=claim.reason if reasons.plain(claim.reason) else None,  # numbers are filled in after judging
        reason_template=claim.reason,
        outcome="error",
        registered_looks=() if plan.looks.quick else plan.looks.seeds,
        first_look=plan.seeds[0],
        last_look=plan.last,
        diverged=0,
        duration_s=0.0,
        seeds=plan.last,
        published=jsonable(claim.published),
        experiment=claim.id.partition(".")[0],
        question=" ".join(question.split()),
        protocol=protocol.strip(),
        file=path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name,
        line=_line(item),
        discussion=_docstring(getattr(item, "obj", None)),
        variant_of=claim.variant_of,
        variant=claim.variant,
        departs=claim.departs,
        departures=claim.departures,
        registered_seeds=claim.seeds,
        clock=claim.clock,
        stream=settings.stream,
        engine=settings.engine,
    )


def _docstring(of: Any) -> str:
    """Return a docstring without its indentation; "" where there is none."""
    text = getattr(of, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def _line(item: pytest.Item) -> int | None:
    """Return the line at which a claim's function begins; None where it has no source."""
    try:
        return (item.reportinfo()[1] or 0) + 1
    except (OSError, TypeError, ValueError):
        return None


def provenance(evidence: Mapping[str, Evidence], first: int) -> dict[str, Any]:
    """Return the fields of a record that say where a claim's numbers come from, and what they cost."""
    runs = [run for measured in evidence.values() for run in measured.runs]
    trials = [
        {
            "measurement": trial.measurement.name,
            "condition": stored.facts["condition"],
            "seeds": stored.facts["seeds"],
            "seconds": stored.facts["seconds"],
            "processor_s": stored.facts.get("processor_s"),
            "products": stored.facts.get("products"),
            "began": stored.facts.get("began"),
            "worker": stored.facts["worker"],
            "reused": bool(stored.facts.get("reused")),
        }
        for trial, stored in runs
    ]
    experiments = {str(trial.measurement.experiment) for trial, _ in runs}
    return {
        **ledger(evidence, first),
        "diverged": sum(measured.diverged for measured in evidence.values()),
        "seconds_by_trial": trials,
        "reused": sum(trial["reused"] for trial in trials),
        "duration_s": round(sum(trial["seconds"] for trial in trials), 3),
        **({"experiment": experiments.pop()} if len(experiments) == 1 else {}),
    }


def rendered_reason(claim: Claim, judgement: Judgement) -> str | None:
    """Return a claim's reason with the numbers of this run; a ClaimError where it asks for what was not measured."""
    if claim.reason is None:
        return None
    datasets = {name: measured.dataset for name, measured in judgement.evidence.items()}
    try:
        return reasons.render(claim.reason, datasets, judgement.verdict.as_json())
    except DesignError as error:
        raise ClaimError(f"Claim {claim.id}: {error}") from error


def distrust(claim: Claim, judgement: Judgement) -> str | None:
    """Say why a verdict cannot be trusted: worlds where the claim is false, or its opposite, are supported, too."""
    if not judgement.control.ok:
        return f"Claim {claim.id} fails its negative control: {judgement.control.text}."
    if judgement.verdict.verdict == judgement.reverse == "supported":
        return f"Claim {claim.id} fails its reversal: the claim and its opposite are both supported."
    return None


def judge(item: pytest.Function, claim: Claim, workshop: Workshop) -> Judgement:
    """Measure and judge, look by look."""
    settings = workshop.settings
    handles = {name: value for name, value in _arguments(item).items() if isinstance(value, Handle)}
    if not handles:
        raise ClaimError(f"Claim {claim.id} rests on no measurement: its test names none.")
    plan = schedule(claim, settings)
    looks: list[dict[str, Any]] = []
    taken: dict[int, tuple[tuple[Any, ...], Mapping[str, Evidence]]] = {}

    def take(n: int) -> Any:
        hypothesis, pictures, evidence = _take(item, claim, workshop, n)
        taken[n] = pictures, evidence
        return hypothesis

    for turn in judge_in_turn(take, plan.looks, plan.seeds):
        looks.append(_as_json(turn))
    pictures, evidence = taken[turn.seeds]
    control = turn.hypothesis.control(_generator(claim.id), worlds=WORLDS, looks=plan.looks)
    return Judgement(
        turn.verdict,
        turn.hypothesis,
        pictures,
        control,
        turn.reverse.verdict,
        evidence,
        looks,
        str(turn.ended),
    )


def _as_json(turn: Turn) -> dict[str, Any]:
    """Return the entry of ``looks`` in results.json."""
    verdict = turn.verdict
    return {
        "seeds": turn.seeds,
        "verdict": verdict.verdict,
        "effect": verdict.effect,
        "interval": list(verdict.interval),
        "closed": [part.text for part in verdict.parts if part.verdict == "supported" and part.seeds == turn.seeds],
        "chance": turn.chance,
        "note": next((part.note for part in (*verdict.parts, *verdict.assays) if part.note), None),
    }


def _take(
    item: pytest.Function, claim: Claim, workshop: Workshop, n: int
) -> tuple[Any, tuple[Any, ...], Mapping[str, Evidence]]:
    """Return a claim's hypothesis on its first n seeds, its pictures, and the evidence of both."""
    arguments = _arguments(item)
    handles = {name: value for name, value in arguments.items() if isinstance(value, Handle)}
    evidence = gather(workshop, item, handles, n, claim.only)
    values = arguments | {name: measured.dataset for name, measured in evidence.items()}
    try:
        answer = item.obj(**values)
    except (KeyError, IndexError) as error:
        if not workshop.settings.change:
            raise
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ClaimError(
            f"Claim {claim.id} cannot be judged with {values_in_words(workshop.settings.change)}: its test asks for "
            f"something else ({why.rstrip('.')})."
        ) from error
    hypothesis, pictures = returned(answer, claim)
    if hypothesis.n != n:
        raise ClaimError(f"Claim {claim.id} judges {hypothesis.n} of its {n} seeds; a claim must use all of them.")
    return hypothesis, pictures, evidence


def _arguments(item: pytest.Function) -> dict[str, Any]:
    return {name: item.funcargs[name] for name in _compat.argument_names(item)}


def returned(value: Any, claim: Claim) -> tuple[Any, tuple[Any, ...]]:
    """Split what a claim's function returned into hypothesis and pictures."""
    flat = _flat(value)
    hypotheses = [leaf for leaf in flat if isinstance(leaf, Design) or hasattr(leaf, "judge")]
    if len(hypotheses) != 1:
        got = f"{len(hypotheses)} hypotheses" if hypotheses else type(value).__name__
        raise ClaimError(f"Claim {claim.id} returned {got}; a claim returns its hypothesis, alone or with pictures.")
    return hypotheses[0], tuple(leaf for leaf in flat if leaf is not hypotheses[0])


def _flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in _flat(part)]
    return [value]


def _generator(name: str) -> np.random.Generator:
    """Return the generator of a claim's control: the same in every run."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def gate(claim: Claim, verdict: Any, settings: Settings) -> tuple[str, Callable[[], None]]:
    """Return a claim's outcome and the function that ends its test (docs/how-it-works.md, "What does the gate do?")."""
    got, expected, message = verdict.verdict, claim.registered, verdict.message

    def skip() -> None:
        _compat.skip_at_item(visible(message))

    def pass_() -> None:
        return

    if settings.pilot or settings.change:  # neither has a verdict that it must get
        return "passed", pass_
    if got == expected:
        if expected == "supported":
            return "passed", pass_
        return "xfailed", lambda: pytest.xfail(visible(f"{expected} as registered: {claim.reason}"))
    sentence = f"Claim {claim.id} is {got}, but registered as {expected}: {message}"
    if settings.registered_design(claim.first, claim.seeds, claim.deepest) or {got, expected} == CONTRADICTION:
        if claim.clock or settings.provisional:
            return "passed", lambda: warnings.warn(sentence, ClaimWarning, stacklevel=3)

        def fail() -> None:
            raise Departure(sentence)

        return "failed", fail
    return "skipped", skip
