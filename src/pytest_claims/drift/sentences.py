"""The comparison in words: alarms, where training departed, drift; many claims with one cause in one line."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_claims.drift.notes import listed

if TYPE_CHECKING:
    from pytest_claims.drift.comparison import ClaimComparison, Comparison


def sentences(comparison: "Comparison") -> list[str]:
    """Return the lines for a terminal: headline, alarms, departures, drift, then what was not compared."""
    return [
        f"{headline(comparison)}{_against(comparison)}",
        *_verdicts(comparison.claims),
        *_departures(comparison.claims),
        *_drifts(comparison.claims),
        *comparison.notes,
    ]


def headline(comparison: "Comparison") -> str:
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
        alarms.append(f"ERROR: inputs changed in {_count(inputs)}")
    if material:
        alarms.append(f"the effect drifted materially in {_count(material)}")
    if alarms:
        return "; ".join(alarms)
    departed = [claim.id for claim in claims if claim.departed]
    if departed:
        return f"no verdict changed; numbers did in {len(departed)} of {_count(claims)}"
    return f"nothing changed: {_count(claims)} compared"


def _against(comparison: "Comparison") -> str:
    started = str(comparison.baseline.get("started") or "")
    when = f" against the baseline of {started[:10]}" if started else " against the baseline"
    if not comparison.versions:
        return f"{when} (the same versions)"
    return f"{when} ({', '.join(f'{name} {was} → {now}' for name, (was, now) in comparison.versions.items())})"


def _verdicts(claims: Sequence["ClaimComparison"]) -> Iterable[str]:
    for claim in claims:
        was, now = claim.verdict
        if claim.verdict_changed:
            cause = f": {claim.where}" if claim.where else ""
            yield f"{claim.id}: verdict changed, {was} → {now}{cause}"
        elif was not in {now, "error"}:
            yield f"{claim.id}: {was} → {now}, which is no change of verdict at other seeds or of measured time"


def _departures(claims: Sequence["ClaimComparison"]) -> Iterable[str]:
    """One line for all claims that departed at the same place for the same reason."""
    groups: dict[tuple[object, ...], list[ClaimComparison]] = {}
    for claim in claims:
        if claim.blame and claim.departed != "verdict":
            place = "" if claim.departure is None else claim.departure.place
            groups.setdefault((claim.departed, place, claim.blame), []).append(claim)
    for (stage, *_), group in groups.items():
        head = "inputs changed: " if stage in {"inputs", "derived"} else ""
        yield f"{head}{explanation(group)}: {listed([claim.id for claim in group])}"


def explanation(group: Sequence["ClaimComparison"]) -> str:
    """Say where claims departed that did so at the same place, by how much, and what probably did it."""
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
        text = "every number is the baseline's, so the decision is another"
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


def _drifts(claims: Sequence["ClaimComparison"]) -> Iterable[str]:
    """Material drift is loud, one line a claim; what is undecided is named once."""
    for claim in claims:
        if claim.drift is not None and claim.drift.material:
            yield f"{claim.id}: MATERIAL DRIFT: {claim.drift.text}"
    for word, said in (
        ("changed", "the effect changed, by less than half the margin"),
        ("undecided", "whether the effect changed is undecided"),
        ("no material change", "no material change of the effect"),
    ):
        ids = [claim.id for claim in claims if _quiet(claim, word)]
        if ids:
            yield f"{said}: {listed(ids)}"


def _quiet(claim: "ClaimComparison", word: str) -> bool:
    drift = claim.drift
    return drift is not None and drift.word == word and not drift.material and claim.states["numbers"] != "same"


def _count(things: Sequence[object]) -> str:
    return f"{len(things)} claim{'' if len(things) == 1 else 's'}"
