"""Two runs compared, claim by claim: what each stage showed, where a claim first departed, whether it is an alarm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_claims.drift import stages
from pytest_claims.drift.drift import Drift, drift
from pytest_claims.drift.evidence import Evidence, evidence_of
from pytest_claims.drift.notes import notes_of
from pytest_claims.drift.sentences import explanation, sentences
from pytest_claims.drift.stages import NOT_COMPARED, Departure, Finding, Stage, State
from pytest_claims.drift.suspects import blame, versions
from pytest_claims.vocabulary import CONTRADICTION

ORDER: tuple[Stage, ...] = ("inputs", "derived", "trace", "numbers", "effect", "verdict")


@dataclass(frozen=True)
class ClaimComparison:
    """One claim against its baseline.

    `verdict`: (was, now). `alarm`: the verdict changed or the inputs did. `departed`: the first stage that differs.
    `finding` is what that stage showed, `blame` names what probably did it.
    """

    id: str
    verdict: tuple[str, str]
    verdict_changed: bool
    states: Mapping[Stage, State]
    departed: Stage | None
    finding: Finding = NOT_COMPARED
    blame: str = ""
    departure: Departure | None = None
    drift: Drift | None = None

    @property
    def inputs_changed(self) -> bool:
        """Whether seeds, data or initial weights are others, so that nothing after them can be compared."""
        return self.departed in {"inputs", "derived"}

    @property
    def alarm(self) -> bool:
        """Whether this claim makes the run fail."""
        return self.verdict_changed or self.inputs_changed

    @property
    def where(self) -> str:
        """Where the claim departed and what probably did it, in words; empty where there is nothing to say."""
        return explanation([self])

    def as_json(self) -> dict[str, Any]:
        """Return the claim's entry in results.json."""
        step = None if self.departure is None else self.departure.step
        return {
            "id": self.id,
            "was": self.verdict[0],
            "now": self.verdict[1],
            "verdict_changed": self.verdict_changed,
            "alarm": self.alarm,
            "stages": dict(self.states),
            "departed": self.departed,
            "where": self.where or None,
            "step": step,
            "drift": None if self.drift is None else self.drift.as_json(),
        }


@dataclass(frozen=True)
class Comparison:
    """A run against its baseline, both as they were given.

    `versions` are those that differ, as (was, now); `notes` say what could not be compared.
    """

    claims: tuple[ClaimComparison, ...]
    versions: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]
    baseline: Mapping[str, Any]
    current: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether a verdict changed or inputs did: the only two things that fail a run."""
        return any(claim.alarm for claim in self.claims)

    def sentences(self) -> list[str]:
        """Return the comparison in lines for a terminal, the headline first."""
        return sentences(self)

    def as_json(self) -> dict[str, Any]:
        """Return the field "baseline" of results.json."""
        was, now = ([claim["id"] for claim in run["claims"]] for run in (self.baseline, self.current))
        return {
            "failed": self.failed,
            "started": self.baseline.get("started"),
            "versions": {name: list(pair) for name, pair in self.versions.items()},
            "sentences": self.sentences(),
            "notes": list(self.notes),
            "claims": [claim.as_json() for claim in self.claims],
            "only_now": [one for one in now if one not in set(was)],
            "only_baseline": [one for one in was if one not in set(now)],
        }


def compare(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> Comparison:
    """Compare a run with an earlier one; both are `results.json` or a committed baseline, as dictionaries."""
    was, now = evidence_of(baseline), evidence_of(current)
    shared = [identifier for identifier in now if identifier in was]
    environments = (baseline.get("environment") or {}, current.get("environment") or {})
    claims = tuple(_claim(was[one], now[one], environments, len(shared)) for one in shared)
    return Comparison(claims, versions(*environments), notes_of(baseline, current, was, now), baseline, current)


def _claim(was: Evidence, now: Evidence, environments: tuple[Any, Any], claims: int) -> ClaimComparison:
    found, left, drifted = _stages(was, now, claims)
    states: dict[Stage, State] = {stage: finding.state for stage, finding in found.items()}
    states["verdict"] = "differs" if was.verdict != now.verdict else "same"
    departed = next((stage for stage, state in states.items() if state == "differs"), None)
    finding = found.get(departed or "verdict", NOT_COMPARED)
    return ClaimComparison(
        id=was.id,
        verdict=(was.verdict, now.verdict),
        verdict_changed=_verdict_changed(was, now),
        states=states,
        departed=departed,
        finding=finding,
        blame=_blame(departed, finding, states, environments),
        departure=left,
        drift=drifted,
    )


def _stages(was: Evidence, now: Evidence, claims: int) -> tuple[dict[Stage, Finding], Departure | None, Drift | None]:
    """Go through the stages in order; after other inputs, nothing that follows is a comparison."""
    found: dict[Stage, Finding] = dict.fromkeys(ORDER[:-1], NOT_COMPARED)
    if was.clock or now.clock or was.design[0] != now.design[0]:
        return found, None, None
    found["inputs"] = stages.inputs(was, now)
    if found["inputs"].state == "differs":
        return found, None, None
    found["derived"] = stages.derived(was, now)
    if found["derived"].state == "differs":
        return found, None, None
    left = stages.departure(was, now)
    if stages.traces_compared(was, now):
        found["trace"] = Finding("same") if left is None else Finding("differs", (left.probe,), left.relative)
    if was.seeds == now.seeds:
        found["numbers"] = stages.numbers(was, now)
    drifted = drift(was, now, claims)
    if drifted is not None:
        found["effect"] = Finding("differs" if drifted.word == "changed" else "same")
    return found, left, drifted


def _verdict_changed(was: Evidence, now: Evidence) -> bool:
    """Any other verdict at the same seeds; at other seeds, with another engine or of measured time a contradiction.

    A baseline that is an error has no verdict that could change.
    """
    if was.verdict in {now.verdict, "error"}:
        return False
    if was.design == now.design and was.seeds == now.seeds and not (was.clock or now.clock):
        return True
    return now.verdict == "error" or {was.verdict, now.verdict} == CONTRADICTION


def _blame(
    departed: Stage | None, finding: Finding, states: Mapping[Stage, State], environments: tuple[Any, Any]
) -> str:
    """Name what probably did it; a verdict that stands alone is explained only where every number is the same."""
    if departed is None or (departed == "verdict" and states["numbers"] != "same"):
        return ""
    stage: str = departed
    if departed in {"numbers", "effect"}:
        stage = "numbers" if states["trace"] == "same" else "numbers without training"
    return blame(stage, finding.names, *environments)
