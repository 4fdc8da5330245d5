"""The Markdown summary for a CI job's page: changes, departures, then a table of all claims."""

import re
from collections.abc import Sequence

from pytest_claims.drift.notes import listed
from pytest_claims.record import Record
from pytest_claims.report.words import by_reason, clip, departed, duration, interval_text, kinds, plural, quantity
from pytest_claims.results import NotJudged, Results
from pytest_claims.vocabulary import ENDS

#: The most bytes of a summary: GitHub refuses one above 1 MiB, and shows long ones badly.
MOST_BYTES = 200_000
ICONS = {"supported": "✅", "refuted": "❌", "inconclusive": "❔", "error": "⚠️"}
TEXT = 300


def summary(results: Results) -> str:
    """Return the summary, at most ``MOST_BYTES`` bytes: rows that do not fit are counted, not shown."""
    head = [*_head(results), *_changes(results), *_departures(results.claims)]
    rows = [_row(claim) for claim in results.claims]
    table = ["", "<details><summary>All claims</summary>", "", "| claim | | verdict | effect | interval | seeds |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    foot = ["", "</details>", ""]
    room = MOST_BYTES - _size([*table, *foot]) - 100
    head = _fitting(head, room // 2)
    fitting = _fitting(rows, room - _size(head))
    if len(fitting) < len(rows):
        foot = ["", f"{plural(len(rows) - len(fitting), 'more claim')} in results.json.", *foot]
    return "\n".join([*head, *table, *fitting, *foot])


def escape(text: object, most: int = TEXT) -> str:
    """Return a text on one line, escaped so that neither Markdown nor HTML changes it."""
    flat = " ".join(clip(text, most).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~@-])", r"\\\1", flat)


def _head(results: Results) -> list[str]:
    counts = [(sum(claim.verdict == verdict for claim in results.claims), verdict) for verdict in ENDS]
    why = kinds(results.claims)
    lines = [
        f"## {escape(results.heading)}",
        "",
        " · ".join(
            f"{ICONS[verdict]} **{count}** {verdict}{f' ({escape(why)})' if why and verdict == 'inconclusive' else ''}"
            for count, verdict in counts
        ),
        "",
    ]
    versions = ", ".join(
        f"{name} {results.environment[name]}" for name in ("python", "torch", "numpy") if results.environment.get(name)
    )
    lines += [f"{plural(len(results.claims), 'claim')} in {duration(results.duration_s)} on {escape(versions)}.", ""]
    if not results.complete:
        lines += ["**Partial:** not every claim was judged.", "", *_not_judged("No verdict", results.missing)]
    return lines + _not_judged("Skipped", results.skipped)


def _not_judged(title: str, claims: Sequence[NotJudged]) -> list[str]:
    lines = [f"- {title}: {escape(listed(names))}. {escape(reason)}" for reason, names in by_reason(claims)]
    return [*lines, ""] if lines else []


def _changes(results: Results) -> list[str]:
    if not results.baseline:
        return []
    changes = results.alarms
    if not changes:
        return ["Nothing changed since the baseline.", ""]
    texts = {claim.id: claim.text for claim in results.claims}
    lines = [f"### {plural(len(changes), 'alarm')} since the baseline", ""]
    lines += [
        f"- **{escape(change['id'])}** {escape(texts.get(change['id'], ''))}: {change.get('was')} → "
        f"**{change.get('now')}**. {escape(change.get('where') or '')}"
        for change in changes
    ]
    return [*lines, ""]


def _departures(claims: Sequence[Record]) -> list[str]:
    surprising = [claim for claim in claims if departed(claim)]
    if not surprising and claims and all(claim.registered is None for claim in claims):
        return ["No verdict is registered to compare with, as where a run changes conditions.", ""]
    if not surprising:
        return ["All verdicts agree with the registered ones, or may differ in this run.", ""]
    lines = [f"### {plural(len(surprising), 'verdict')} not as registered", ""]
    lines += [
        f"- **{escape(claim.id)}** {escape(claim.text)}: registered {claim.registered}, "
        f"got **{claim.verdict}**. {escape(claim.message)}"
        for claim in surprising
    ]
    return [*lines, ""]


def _row(claim: Record) -> str:
    cells = [
        f"**{escape(claim.id, 60)}**",
        escape(claim.text, 160),
        f"{ICONS.get(claim.verdict, '')} {claim.verdict}{' (not as registered)' if departed(claim) else ''}",
        quantity(claim, claim.effect),
        interval_text(claim),
        str(claim.seeds or "—"),
    ]
    return f"| {' | '.join(cells)} |"


def _size(lines: list[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)


def _fitting(lines: list[str], room: int) -> list[str]:
    """Return the first lines that fit into ``room`` bytes."""
    used = 0
    for at, line in enumerate(lines):
        used += len(line.encode("utf-8", "replace")) + 1
        if used > room:
            return lines[:at]
    return lines
