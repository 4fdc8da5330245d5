"""Words and numbers as every output shows them: terminal, Markdown and page."""

import re
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from math import isclose
from typing import Any

from pytest_claims.record import Ends, PartRecord, Record
from pytest_claims.results import NotJudged

LARGE = 1000.0
#: A table with more rows goes on as lines of text: text costs a page one element, a row seven or more.
MOST_ROWS = 10
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
SMALL = 1e-3
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MINUTE, HOUR = 60, 3600


def number(value: Any, unit: str = "") -> str:
    """Three figures and a true minus sign: 0.0213, 1,171; an em dash for None."""
    if value is None or isinstance(value, str | bool):
        return "—" if value is None else str(value)
    value = float(value)
    if value == 0:
        text = "0"
    elif abs(value) >= LARGE:
        text = f"{value:,.0f}" if abs(value) < LARGE**3 else f"{value:.2e}"
    else:
        text = f"{value:.3g}"
    text = text.replace("-", MINUS)
    return f"{text} {unit}" if unit else text


def with_minus(text: str) -> str:
    """Return a sentence with true minus signs before its numbers: seeds 0-31 and names stay as they are."""
    return re.sub(r"(?<![\w.)\]-])-(?=\.?\d)|(?<=\de)-(?=\d)", MINUS, text)


def duration(seconds: Any) -> str:
    """3.2 s, 4 min 5 s, 1 h 12 min."""
    if seconds is None:
        return "—"
    seconds = float(seconds)
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if seconds < MINUTE / 6 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def gflops(speed: float) -> str:
    """Return operations per second in words: 88 GFLOP/s, 0.5 GFLOP/s."""
    giga = speed / 1e9
    return f"{giga:.0f} GFLOP/s" if giga >= 10 else f"{giga:.2g} GFLOP/s"  # noqa: PLR2004 - where two digits are left


def is_time(claim: Record, part: PartRecord | None = None) -> bool:
    """Whether the effect is the log2 of a ratio of times, shown as a factor; parts of one claim may be of two kinds."""
    shown = part if part is not None else claim.deciding
    return shown.role == "time" if shown is not None and shown.role else claim.kind == "time"


def is_share(claim: Record, part: PartRecord | None = None) -> bool:
    """Whether the effect is a share of seeds, shown in per cent."""
    shown = part if part is not None else claim.deciding
    if shown is not None and shown.estimator is not None:
        return shown.estimator == "count"
    return claim.kind == "proportion"


def quantity(claim: Record, value: float | None, part: PartRecord | None = None) -> str:
    """Show an effect or a bound as its claim reads it: a plain number, a share in per cent, a factor."""
    if value is None:
        return "—"
    if is_share(claim, part):
        return f"{100 * value:.3g} %"
    if is_time(claim, part):
        return f"{number(2**value) if value < sys.float_info.max_exp else f'2^{number(value)}'}{TIMES}"
    return number(value)


def interval_text(claim: Record, part: PartRecord | None = None) -> str:
    """Return "0.17 to 0.25"; an em dash where there is no interval."""
    return span(claim, (part or claim).interval, part)


def span(claim: Record, pair: Ends | None, part: PartRecord | None = None) -> str:
    """Return two ends as the claim reads them: "0.17 to 0.25"; an em dash where there are none."""
    low, high = ends(pair)
    if low is None and high is None:
        return "—"
    if low == high:
        return quantity(claim, low, part)
    return f"{quantity(claim, low, part)} to {quantity(claim, high, part)}"


def region_text(claim: Record, part: PartRecord | None = None) -> str:
    """Return the claimed region in words: "more than 0.05", "between 0.8 and 0.9", "exactly 152"."""
    low, high = ends((part or claim).region)
    if claim.kind == "exact" or (low is not None and low == high):
        return f"exactly {number(low if low is not None else claim.margin)}"
    if low is not None and high is not None:
        return f"between {quantity(claim, low, part)} and {quantity(claim, high, part)}"
    if low is not None:
        return f"more than {quantity(claim, low, part)}"
    if high is not None:
        return f"less than {quantity(claim, high, part)}"
    return "—"


def seeds_text(claim: Record, part: PartRecord) -> str:
    """Return the seeds that a part was judged on: "64", "64 (3 pairs unknown)"; an em dash where they are not known."""
    seeds = claim.seeds if part.seeds is None else part.seeds
    unknown = f" ({plural(part.unknown, 'pair')} unknown)" if part.unknown else ""
    return "—" if seeds is None else f"{seeds}{unknown}"


def ends(pair: Ends | None) -> Ends:
    """Return the two ends of an interval or region, None where open or missing."""
    return pair or (None, None)


def level_text(claim: Record) -> str:
    """Return the level of the claim's interval: "99 %"."""
    return "" if claim.alpha is None else confidence(claim.alpha)


def confidence(alpha: float) -> str:
    """Return the level of an interval that errs ``alpha`` a side: "99 %"."""
    return f"{100 * (1 - 2 * alpha):.4g} %"


def stricter(claim: Record, part: PartRecord) -> bool:
    """Whether a part is refuted at a stricter level than that of its interval, as one of several parts is."""
    if part.refuted_at is None or claim.alpha is None:
        return False
    return part.refuted_at < claim.alpha and not isclose(part.refuted_at, claim.alpha)


def strict_text(claim: Record, part: PartRecord) -> str:
    """Return the interval that a refutation looks at, where it matters: "at 99.92 %: 0.01 to 0.2"; else "".

    It matters to a part that is refuted, and to one that is not although its interval lies outside the region.
    """
    if part.refuted_at is None or part.strict is None or not stricter(claim, part):
        return ""
    (low, high), (least, most) = ends(part.interval), ends(part.region)
    below = high is not None and least is not None and high <= least
    above = low is not None and most is not None and low >= most
    if part.verdict != "refuted" and not (part.verdict == "inconclusive" and (below or above)):
        return ""
    return f"at {confidence(part.refuted_at)}: {span(claim, part.strict, part)}"


def departed(claim: Record) -> bool:
    """Whether the verdict departs from the registered one in a way that fails the run (design.md, "The gate")."""
    if claim.verdict == "error":
        return True
    if claim.outcome in {"passed", "xfailed", "skipped"}:
        return False
    return claim.registered is not None and claim.verdict != claim.registered


def excused(claim: Record) -> bool:
    """Whether the verdict is not the registered one, in a way that does not fail the run: a quick look, a clock."""
    return claim.registered is not None and claim.verdict != claim.registered and not departed(claim)


def ended(claim: Record) -> str | None:
    """Return why a claim was judged no further: decided, futile or last look; None where it was not judged by looks.

    Versions that did not say so stopped at a decision or at the run's last look.
    """
    if claim.ended is not None or not claim.looks:
        return claim.ended
    return "last look" if claim.verdict == "inconclusive" else "decided"


def kinds(claims: Iterable[Record]) -> str:
    """Return why claims are inconclusive: "1 at its margin, 2 too few seeds"; "" where none says."""
    counted = Counter(claim.undecided for claim in claims if claim.undecided)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))


def by_reason(claims: Iterable[NotJudged]) -> list[tuple[str, list[str]]]:
    """Return the reasons why claims got no verdict, each with the claims' ids."""
    reasons: dict[str, list[str]] = {}
    for claim in claims:
        reasons.setdefault(claim.reason, []).append(claim.id)
    return list(reasons.items())


def bare(identifier: str) -> str:
    """Return the claim that a variant belongs to."""
    return identifier.partition("@")[0]


def p_text(claim: Record) -> str:
    """Write a claim's p-value, and for how many looks it is adjusted: ``0.0028, adjusted for 5 registered looks``."""
    looks = len(claim.registered_looks)
    return number(claim.p_value) + (f", adjusted for {plural(looks, 'registered look')}" if looks else "")


def plural(count: int, word: str) -> str:
    """1 claim, 2 claims."""
    return f"{count:,} {word if count == 1 else word + 's'}"


def clip(text: Any, most: int) -> str:
    """Return at most ``most`` characters, with an ellipsis for the rest."""
    text = str(text)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def paragraphs(text: Any) -> list[tuple[str, str]]:
    """Return a text's paragraphs, each as (heading, rest): "Protocol. Sixteen points" has the heading "Protocol"."""
    blocks = []
    for block in re.split(r"\n\s*\n", str(text or "").strip()):
        flat = " ".join(block.split())
        head = re.match(r"(Protocol|Departures?|Measurement|Margins?|Note|Source|Reading)\. ", flat)
        blocks.append((head[1], flat[head.end() :]) if head else ("", flat))
    return [block for block in blocks if any(block)]


def day(moment: Any) -> str:
    """Return "23 November 2026, 22:10 UTC"; text that is not an ISO date is returned unchanged."""
    try:
        date = datetime.fromisoformat(str(moment))
    except ValueError:
        return str(moment or "")
    zone = " UTC" if date.utcoffset() is not None and not date.utcoffset() else ""
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}, {date:%H:%M}{zone}"
