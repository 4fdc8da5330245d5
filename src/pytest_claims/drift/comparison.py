"""Two runs compared, claim by claim: what each stage showed, where a claim first departed, whether it is an alarm.

Also in words: alarms, where training departed, drift. Claims with one cause share a line.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_claims.drift import stages
from pytest_claims.drift.drift import Drift, drift
from pytest_claims.drift.evidence import Evidence, evidence_of
from pytest_claims.drift.notes import count, listed, notes_of
from pytest_claims.drift.stages import NOT_COMPARED, Departure, Finding, Stage, State
from pytest_claims.drift.suspects import blame, versions
from pytest_claims.results import Results
from pytest_claims.vocabulary import CONTRADICTION

ORDER: tuple[Stage, ...] = ("inputs", "derived", "trace", "numbers", "effect", "verdict")


@dataclass(frozen=True)
class ClaimComparison:
    """One claim against its baseline.

    `verdict`: (was, now). `alarm`: the verdict changed or the inputs did. `departed`: the first stage that differs.
    `finding` is what that stage showed, `blame` names the probable cause.
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
        """Whether seeds, data or initial weights changed, so that nothing after them can be compared."""
        return self.departed in {"inputs", "derived"}

    @property
    def alarm(self) -> bool:
        """Whether this claim makes the run fail."""
        return self.verdict_changed or self.inputs_changed

    @property
    def where(self) -> str:
        """Where the claim departed and the probable cause, in words; empty where there is nothing to say."""
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
    """A run compared with its baseline.

    `versions` holds those that differ, as (was, now); `notes` say what could not be compared.
    """

    claims: tuple[ClaimComparison, ...]
    versions: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]
    baseline: Results
    current: Results

    @property
    def failed(self) -> bool:
        """Whether a verdict or inputs changed, the only two changes that fail a run."""
        return any(claim.alarm for claim in self.claims)

    def sentences(self) -> list[str]:
        """Return lines for a terminal: the headline, alarms, departures, drift, then what was not compared."""
        return [
            f"{headline(self)}{_against(self)}",
            *_verdicts(self.claims),
            *_departures(self.claims),
            *_drifts(self.claims),
            *self.notes,
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the field "baseline" of results.json."""
        was, now = ([claim.id for claim in run.claims] for run in (self.baseline, self.current))
        return {
            "failed": self.failed,
            "started": self.baseline.started or None,
            "versions": {name: list(pair) for name, pair in self.versions.items()},
            "sentences": self.sentences(),
            "notes": list(self.notes),
            "claims": [claim.as_json() for claim in self.claims],
            "only_now": [claim for claim in now if claim not in set(was)],
            "only_baseline": [claim for claim in was if claim not in set(now)],
        }


def compare(baseline: Results, current: Results) -> Comparison:
    """Compare a run with an earlier one; each may be a whole run or a committed baseline."""
    was, now = evidence_of(baseline), evidence_of(current)
    shared = [identifier for identifier in now if identifier in was]
    environments = (baseline.environment, current.environment)
    claims = tuple(_claim(was[identifier], now[identifier], environments, len(shared)) for identifier in shared)
    return Comparison(claims, versions(*environments), notes_of(baseline, current, was, now), baseline, current)


def _claim(was: Evidence, now: Evidence, environments: tuple[Any, Any], claims: int) -> ClaimComparison:
    findings, left, drifted = _stages(was, now, claims)
    states: dict[Stage, State] = {stage: finding.state for stage, finding in findings.items()}
    states["verdict"] = "differs" if was.verdict != now.verdict else "same"
    departed = next((stage for stage, state in states.items() if state == "differs"), None)
    finding = findings.get(departed or "verdict", NOT_COMPARED)
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
    """Compare the stages in order; where inputs changed, nothing after them can be compared."""
    findings: dict[Stage, Finding] = dict.fromkeys(ORDER[:-1], NOT_COMPARED)
    if was.clock or now.clock or was.design[0] != now.design[0]:
        return findings, None, None
    findings["inputs"] = stages.inputs(was, now)
    if findings["inputs"].state == "differs":
        return findings, None, None
    findings["derived"] = stages.derived(was, now)
    if findings["derived"].state == "differs":
        return findings, None, None
    left = stages.departure(was, now)
    if stages.traces_compared(was, now):
        findings["trace"] = Finding("same") if left is None else Finding("differs", (left.probe,), left.relative)
    if was.seeds == now.seeds:
        findings["numbers"] = stages.numbers(was, now)
    drifted = drift(was, now, claims)
    if drifted is not None:
        findings["effect"] = Finding("differs" if drifted.word == "changed" else "same")
    return findings, left, drifted


def _verdict_changed(was: Evidence, now: Evidence) -> bool:
    """Whether the verdict changed.

    Where both runs go to the same last look, any other verdict is a change, and so it is where one run decided at a
    look that the other took, too; another look at which the same verdict was reached is none. Otherwise, with another
    engine or for measured time, only a contradiction or an error is. A baseline that is an error has no verdict that
    could change.
    """
    if was.verdict in {now.verdict, "error"}:
        return False
    same = was.last_look == now.last_look or _decides_within(was, now) or _decides_within(now, was)
    if same and was.design == now.design and not (was.clock or now.clock):
        return True
    return now.verdict == "error" or {was.verdict, now.verdict} == CONTRADICTION


def is_open_in_the_shorter(one: Evidence, other: Evidence) -> bool:
    """Whether one of two runs left open what the other decided, only because it goes to another last look."""
    return (
        one.verdict != other.verdict
        and "inconclusive" in {one.verdict, other.verdict}
        and one.last_look != other.last_look
        and one.design == other.design
        and not _verdict_changed(one, other)
    )


def _decides_within(one: Evidence, other: Evidence) -> bool:
    """Whether a run decided at a look that the other run took, too: a longer run is the continuation of a shorter one.

    Not where the other gave up before, which it may do because it ends earlier. A quick look is no look of the claim.
    """
    return (
        one.verdict in CONTRADICTION
        and other.verdict != "error"
        and one.seeds <= other.seeds
        and one.record.alpha == other.record.alpha
        and one.has_looks
        and other.has_looks
    )


def _blame(
    departed: Stage | None, finding: Finding, states: Mapping[Stage, State], environments: tuple[Any, Any]
) -> str:
    """Name the probable cause; a verdict that changed alone is explained only where all numbers are the same."""
    if departed is None or (departed == "verdict" and states["numbers"] != "same"):
        return ""
    stage: str = departed
    if departed in {"numbers", "effect"}:
        stage = "numbers" if states["trace"] == "same" else "numbers without training"
    return blame(stage, finding.names, *environments)


def headline(comparison: Comparison) -> str:
    """Return the comparison in one clause."""
    claims = comparison.claims
    if not claims:
        return "nothing was compared"
    changed = [claim.id for claim in claims if claim.verdict_changed]
    inputs = [claim.id for claim in claims if claim.inputs_changed]
    material = [claim.id for claim in claims if claim.drift is not None and claim.drift.material]
    alarms = []
    if changed:
        alarms.append(f"the verdict of {listed(changed)} changed")
    if inputs:
        alarms.append(f"ERROR: inputs changed in {count(inputs)}")
    if material:
        alarms.append(f"the effect drifted materially in {count(material)}")
    if alarms:
        return "; ".join(alarms)
    departed = [claim.id for claim in claims if claim.departed not in {None, "verdict"}]
    if departed:
        return f"no verdict changed; numbers did in {len(departed)} of {count(claims)}"
    if any(claim.departed for claim in claims):  # another end, at other seeds
        return f"no verdict changed: {count(claims)} compared"
    return f"nothing changed: {count(claims)} compared"


def _against(comparison: Comparison) -> str:
    started = comparison.baseline.started
    when = f" against the baseline of {started[:10]}" if started else " against the baseline"
    if not comparison.versions:
        return f"{when} (the same versions)"
    return f"{when} ({', '.join(f'{name} {was} → {now}' for name, (was, now) in comparison.versions.items())})"


def _verdicts(claims: Sequence[ClaimComparison]) -> Iterable[str]:
    for claim in claims:
        was, now = claim.verdict
        if claim.verdict_changed:
            cause = f": {claim.where}" if claim.where else ""
            yield f"{claim.id}: verdict changed, {was} → {now}{cause}"
        elif was not in {now, "error"}:
            yield f"{claim.id}: {was} → {now}, which is no change of verdict at other seeds or of measured time"


def _departures(claims: Sequence[ClaimComparison]) -> Iterable[str]:
    """One line for all claims that departed at the same place for the same reason."""
    groups: dict[tuple[object, ...], list[ClaimComparison]] = {}
    for claim in claims:
        if claim.blame and claim.departed != "verdict":
            place = "" if claim.departure is None else claim.departure.place
            groups.setdefault((claim.departed, place, claim.blame), []).append(claim)
    for (stage, *_), group in groups.items():
        head = "inputs changed: " if stage in {"inputs", "derived"} else ""
        yield f"{head}{explanation(group)}: {listed([claim.id for claim in group])}"


def explanation(group: Sequence[ClaimComparison]) -> str:
    """Say where these claims departed (all at one place), by how much, and the probable cause."""
    first = group[0]
    names = [name for claim in group for name in claim.finding.names]
    sizes = [claim.finding.size for claim in group if claim.finding.size is not None]
    if not first.blame:
        return ""
    if first.departed == "inputs":
        text = f"the raw draws of {_purposes(names)} differ"
    elif first.departed == "derived":
        text = f"{_purposes(names)} made from the same raw draws differ{_by(sizes)}"
    elif first.departed == "trace" and first.departure is not None:
        text = f"training first departed at {first.departure.place}{_by(sizes)}: {first.departure.cause}"
    elif first.departed == "verdict":
        text = "every number is the same as in the baseline, so the decision rule changed"
    else:
        text = "the final numbers differ" + (", the first steps do not" if first.states["trace"] == "same" else "")
    return f"{text}; {first.blame}"


def _by(sizes: Sequence[float]) -> str:
    low, high = (f"{size:.2g}" for size in (min(sizes, default=math.inf), max(sizes, default=math.inf)))
    if high == "inf":
        return ""
    return f" (by {low}, relative)" if low == high else f" (by {low} to {high}, relative)"


def _purposes(names: Sequence[str]) -> str:
    """Quote the purposes of names like `measurement[condition]/purpose`."""
    quoted = [f'"{name}"' for name in dict.fromkeys(name.rpartition("/")[2] for name in names)]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _drifts(claims: Sequence[ClaimComparison]) -> Iterable[str]:
    """Yield a loud line for each claim with material drift, then one line for each other outcome."""
    for claim in claims:
        if claim.drift is not None and claim.drift.material:
            yield f"{claim.id}: MATERIAL DRIFT: {claim.drift.text}"
    for word, text in (
        ("changed", "the effect changed, by less than half the margin"),
        ("undecided", "whether the effect changed is undecided"),
        ("no material change", "no material change of the effect"),
    ):
        ids = [claim.id for claim in claims if _quiet(claim, word)]
        if ids:
            yield f"{text}: {listed(ids)}"


def _quiet(claim: ClaimComparison, word: str) -> bool:
    drift = claim.drift
    return drift is not None and drift.word == word and not drift.material and claim.states["numbers"] != "same"
