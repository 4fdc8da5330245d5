"""The terminal's last section: one line for each claim, the surprises explained, the page's path last."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_claims import _compat
from pytest_claims.drift.notes import listed
from pytest_claims.folders import as_typed
from pytest_claims.inference.forecast import by_region
from pytest_claims.record import Record
from pytest_claims.report.margins import margins_text
from pytest_claims.report.soundness import sound
from pytest_claims.report.words import (
    by_reason,
    clip,
    departed,
    excused,
    interval_text,
    kinds,
    p_text,
    plural,
    quantity,
    region_text,
)
from pytest_claims.results import NotJudged, Results
from pytest_claims.vocabulary import ENDS

if TYPE_CHECKING:
    from pytest_claims.report.session import Run

LOG_WIDTH = 120
WIDEST_ID = 40  # columns; a longer id is cut short
WIDEST_EFFECT = 28  # columns; a longer effect moves its own text to the right
COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow", "error": "purple"}


def summarise(reporter: pytest.TerminalReporter, run: "Run") -> None:
    """Write the claims' section of pytest's summary."""
    if run.results is None:
        return
    results, unshown = sound(run.results, _showable)
    run.unshown += [sentence for sentence in unshown if sentence not in run.unshown]
    reporter.write_sep("=", "claims")
    _table(reporter, results.claims)
    reporter.write_line("")
    reporter.write_line(counts(results))
    _explain(reporter, results)
    if run.uncompared:
        reporter.write_line(run.uncompared, red=True)
    if run.undrawn:
        reporter.write_line(run.undrawn, yellow=True)
    _not_judged(reporter, "Skipped", results.skipped)
    if not results.complete:
        _not_judged(reporter, "Without a verdict", results.missing)
        reporter.write_line("Not every claim was judged: the report is partial.", yellow=True)
    reporter.write_line("")
    for sentence in run.unshown:
        reporter.write_line(sentence, red=True)
    if run.problem:
        reporter.write_line(run.problem, red=True)
    else:
        reporter.write_line(f"Report: {as_typed(run.folder / 'index.html', run.config.invocation_params.dir)}")


def _showable(results: Results) -> Results:
    """Return the results; raise what a claim would raise when it is shown."""
    for claim in results.claims:
        line(claim, (0, 0, 0))
        departed(claim), region_text(claim), further_text(claim), claim.message.splitlines()
    return results


def counts(results: Results) -> str:
    """Return "5 claims: 2 supported, 3 inconclusive (1 at its margin, 2 too few seeds)"."""
    numbers = [(sum(claim.verdict == verdict for claim in results.claims), verdict) for verdict in ENDS]
    parts = [f"{count} {'in error' if verdict == 'error' else verdict}" for count, verdict in numbers if count]
    why = kinds(results.claims)
    if why:
        parts = [f"{part} ({why})" if part.endswith("inconclusive") else part for part in parts]
    return f"{plural(len(results.claims), 'claim')}: {', '.join(parts)}"


def line(claim: Record, widths: tuple[int, int, int]) -> tuple[str, str, str]:
    """Return one claim's line in three pieces, so that the second can be coloured: id, verdict, effect and text."""
    effect = _effect(claim)
    mark = " *" if departed(claim) else "  "
    head = f"{clip(claim.id, WIDEST_ID):<{widths[0]}}  "
    return head, f"{claim.verdict:<{widths[1]}}", f"{mark} {effect:<{widths[2]}}  {_one_line(claim)}"


def _effect(claim: Record) -> str:
    if claim.effect is None:
        return ""
    return f"{quantity(claim, claim.effect)} [{interval_text(claim).replace(' to ', ', ')}]"


def _one_line(claim: Record) -> str:
    return " ".join(claim.text.split())


def _table(reporter: pytest.TerminalReporter, claims: Sequence[Record]) -> None:
    bare = [line(claim, (0, 0, 0)) for claim in claims]
    identifiers = min(max((len(claim.id) for claim in claims), default=0), WIDEST_ID)
    verdicts = max((len(verdict) for _, verdict, _ in bare), default=0)
    effects = min(max((len(_effect(claim)) for claim in claims), default=0), WIDEST_EFFECT)
    # pytest takes a log for 80 columns wide, which would cut the texts short; a log can scroll sideways
    width = max(_compat.terminal_width(reporter), 60 if reporter.isatty else LOG_WIDTH)
    for claim in claims:
        head, verdict, rest = line(claim, (identifiers, verdicts, effects))
        reporter.write(head)
        reporter.write(verdict, **{COLOURS.get(claim.verdict, "white"): True})
        reporter.write_line(clip(rest, width - len(head) - len(verdict) - 1).rstrip())


def _explain(reporter: pytest.TerminalReporter, results: Results) -> None:
    """Write departures, changes, refutations and what is open, each with its sentence; under ``-v`` all claims."""
    claims, baseline = results.claims, results.baseline
    if baseline:
        _heading(reporter, "Compared with the baseline")
        for at, sentence in enumerate(baseline.get("sentences") or []):
            reporter.write_line(str(sentence), bold=at == 0, red=bool(at == 0 and baseline.get("failed")))
    surprising = [claim for claim in claims if departed(claim)]
    if surprising:
        _heading(reporter, "Not as registered (marked *)")
    for claim in surprising:
        reporter.write_line(f"{claim.id}  registered {claim.registered}, got {claim.verdict}", bold=True)
        _told(reporter, claim)
    decided = [claim for claim in claims if excused(claim) and claim.verdict != "inconclusive"]
    if decided:
        _heading(reporter, "Not as registered, which this run allows")
    for claim in decided:
        reporter.write_line(f"{claim.id}  registered {claim.registered}, got {claim.verdict}", bold=True)
        _told(reporter, claim)
    refuted = [claim for claim in claims if claim.verdict == "refuted"]
    _judged(reporter, "Refuted, as registered", [claim for claim in refuted if claim.registered == "refuted"])
    _judged(reporter, "Refuted; no verdict is registered", [claim for claim in refuted if claim.registered is None])
    untold = [claim for claim in claims if not (claim in surprising or claim in decided)]
    _judged(reporter, "Inconclusive", [claim for claim in untold if claim.verdict == "inconclusive"])
    if reporter.verbosity > 0:
        _judged(reporter, "Supported", [claim for claim in untold if claim.verdict == "supported"])


def _judged(reporter: pytest.TerminalReporter, title: str, claims: Sequence[Record]) -> None:
    if claims:
        _heading(reporter, title)
    for claim in claims:
        reporter.write_line(f"{claim.id}  claimed {region_text(claim)}", bold=True)
        _told(reporter, claim)


def _told(reporter: pytest.TerminalReporter, claim: Record) -> None:
    _sentence(reporter, claim.message)
    further = further_text(claim)
    if further:
        _sentence(reporter, further)


def further_text(claim: Record) -> str:
    """Return what a verdict's sentence leaves out: the p-value, and the margins of several regions or of a range."""
    if claim.verdict == "error":
        return ""
    clauses = []
    if claim.p_value is not None:
        clauses.append(f"p = {p_text(claim)}")
    regions = by_region(claim.parts)
    if len(regions) > 1 or any(role == "range" for role, _ in regions):
        clauses.append(margins_text(claim))
    told = "; ".join(filter(None, clauses))
    return f"{told}." if told else ""


def _not_judged(reporter: pytest.TerminalReporter, title: str, claims: Sequence[NotJudged]) -> None:
    """Write which claims got no verdict, and why: those with one reason together."""
    if claims:
        _heading(reporter, title)
    for reason, names in by_reason(claims):
        _sentence(reporter, f"{listed(names)}: {reason}")


def _heading(reporter: pytest.TerminalReporter, text: str) -> None:
    reporter.write_line("")
    reporter.write_line(text, bold=True, yellow=True)


def _sentence(reporter: pytest.TerminalReporter, message: str) -> None:
    for text in message.splitlines() or [""]:
        reporter.write_line(f"    {text}")
