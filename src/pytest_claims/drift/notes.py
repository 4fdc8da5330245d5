"""What could not be compared, and why: one sentence each."""

from collections.abc import Iterable, Mapping, Sequence

from pytest_claims.drift.evidence import Evidence
from pytest_claims.record import Record
from pytest_claims.results import Results
from pytest_claims.vocabulary import SCHEMA

SHOWN = 6


def notes_of(
    baseline: Results, current: Results, was: Mapping[str, Evidence], now: Mapping[str, Evidence]
) -> tuple[str, ...]:
    """Return a sentence for everything that limits the comparison of two runs."""
    pairs = [(was[name], now[name]) for name in now if name in was]
    candidates = [
        _schema(baseline, current),
        _claim_sets(was, now),
        _streams(pairs),
        _seeds(pairs),
        _engines(pairs),
        _hypotheses(pairs),
        _errors(pairs),
        _evidence(pairs),
        "The baseline's run was not complete." if baseline.complete is False else None,
    ]
    return tuple(note for note in candidates if note)


def listed(names: Sequence[str]) -> str:
    """Return the first few names and the number of the others."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _schema(baseline: Results, current: Results) -> str | None:
    was, now = baseline.schema, current.schema or SCHEMA
    if was == now:
        return None
    return f"The baseline has schema {was}, this run schema {now}: the fields that both have were compared."


def _claim_sets(was: Mapping[str, Evidence], now: Mapping[str, Evidence]) -> str | None:
    new, absent = [name for name in now if name not in was], [name for name in was if name not in now]
    if not any(name in was for name in now):
        return "The baseline and this run have no claim in common: nothing was compared."
    clauses = []
    if new:
        clauses.append(f"{len(new)} of this run's claims {_are(new)} not in the baseline ({listed(new)})")
    if absent:
        clauses.append(f"{len(absent)} of the baseline's claims {_were(absent)} not run ({listed(absent)})")
    return f"{' and '.join(clauses)}: the others were compared." if clauses else None


def _streams(pairs: Sequence[tuple[Evidence, Evidence]]) -> str | None:
    other = [(was, now) for was, now in pairs if was.design[0] != now.design[0]]
    if not other:
        return None
    was, now = other[0][0].design[0], other[0][1].design[0]
    return (
        f"The baseline used other seeds ({was}; this run: {now}): nothing can be paired, and only a contradicted "
        "verdict counts as changed."
    )


def _seeds(pairs: Sequence[tuple[Evidence, Evidence]]) -> str | None:
    same = [(was, now) for was, now in pairs if was.design[0] == now.design[0]]
    other = [(was, now) for was, now in same if was.last_look != now.last_look]
    later = [(was, now) for was, now in same if was.last_look == now.last_look and was.seeds != now.seeds]
    notes = []
    if other:
        notes.append(
            f"{count(other)} may take other numbers of seeds "
            f"({_counts((was.last_look, now.last_look) for was, now in other)}): the seeds that both have were paired. "
            "A verdict counts as changed where it is contradicted, or decided by one run at a look that the other took."
        )
    if later:
        notes.append(
            f"{count(later)} ended at another look ({_counts((was.seeds, now.seeds) for was, now in later)}): the "
            "seeds that both have were paired; only another verdict counts as changed."
        )
    return " ".join(notes) or None


def count(claims: Sequence[object]) -> str:
    """1 claim, 2 claims."""
    return f"{len(claims)} claim{'' if len(claims) == 1 else 's'}"


def _counts(pairs: Iterable[tuple[int, int]]) -> str:
    return "; ".join(sorted({f"{was} in the baseline, {now} now" for was, now in pairs})[:SHOWN])


def _engines(pairs: Sequence[tuple[Evidence, Evidence]]) -> str | None:
    other = [(was.design[1], now.design[1]) for was, now in pairs if was.design[1] != now.design[1]]
    if not other:
        return None
    return (
        f"The baseline was trained by {other[0][0]}, this run by {other[0][1]}: only a contradicted verdict counts as "
        "changed."
    )


def _hypotheses(pairs: Sequence[tuple[Evidence, Evidence]]) -> str | None:
    other = [
        was.id
        for was, now in pairs
        if "error" not in {was.verdict, now.verdict} and not _same_hypothesis(was.record, now.record)
    ]
    return (
        f"The hypothesis itself differs from the baseline's (kind, margin or alpha): {listed(other)}."
        if other
        else None
    )


def _same_hypothesis(was: Record, now: Record) -> bool:
    """Return whether kind, alpha and margin agree; of several parts any may have decided, with its own margin.

    A quick look has a level of its own.
    """
    margins = [now.margin, *(part.margin for part in now.parts)]
    return was.kind == now.kind and (now.is_quick or was.alpha == now.alpha) and was.margin in margins


def _errors(pairs: Sequence[tuple[Evidence, Evidence]]) -> str | None:
    errors = [was.id for was, _ in pairs if was.verdict == "error"]
    return (
        f"These claims are errors in the baseline, so there is no verdict to compare with: {listed(errors)}."
        if errors
        else None
    )


def _evidence(pairs: Sequence[tuple[Evidence, Evidence]]) -> str | None:
    bare = [was.id for was, now in pairs if was.verdict != "error" and now.verdict != "error" and not was.clock
            and not (was.inputs or was.values)]  # fmt: skip
    return f"The baseline holds only the verdict, and no evidence, of: {listed(bare)}." if bare else None


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"
