"""How the registered verdicts fare on new seeds: a Markdown page from runs with ``--claims-fresh``.

A repository that keeps such runs in ``reports/fresh`` has their verdicts on the page of each later run.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from pytest_claims.errors import ResultsError
from pytest_claims.files import write_atomically
from pytest_claims.folders import refuse_to_replace
from pytest_claims.record import Draw, Record
from pytest_claims.report.markdown import escape
from pytest_claims.report.runs import NamedRun, differing, identifiers, load
from pytest_claims.report.words import plural
from pytest_claims.results import Results
from pytest_claims.vocabulary import DEFAULT_ENGINE, ENDS, VERDICTS

#: Where a repository keeps such runs, whole or condensed.
KEPT = Path("reports") / "fresh"
#: What the page says about where the runs were made.
VERSIONS = ("python", "torch", "numpy", "scipy", "scikit-learn", "cpu", "commit")
DIGITS = 8  # of a commit
NOT_RUN = "not run"
#: The claims of each draw by id, by the draw's name: "fresh-1".
Draws: TypeAlias = Mapping[str, Mapping[str, Record]]


def draws_of(runs: Sequence[NamedRun]) -> Draws:
    """Return the claims of each draw, "fresh-1"; a ResultsError where a run is not for this page.

    A draw may be made in parts, by runs of different claims: all of them take hours.
    """
    draws: dict[str, dict[str, Record]] = {}
    parts: Counter[str] = Counter()
    for run in runs:
        streams = {claim.stream for claim in run.results.claims}
        if len(streams) != 1 or not all(stream.startswith("fresh-") for stream in streams):
            others = " and ".join(sorted(streams)) or "no"
            raise ResultsError(f"{run.name} holds claims on {others} seeds; this page takes runs of pytest --fresh=N.")
        if not run.results.complete:
            raise ResultsError(f"{run.name} was interrupted; this page takes whole runs.")
        for claim in run.claims.values():
            if claim.changed or claim.engine != DEFAULT_ENGINE:
                other = (
                    "under other conditions than it is registered for"
                    if claim.changed
                    else f"with the engine {claim.engine}, and is registered with {DEFAULT_ENGINE}"
                )
                raise ResultsError(f"{run.name}: {claim.id} was measured {other}.")
            if claim.verdict != "error" and not claim.as_registered:
                raise ResultsError(
                    f"{run.name}: {claim.id} rests on {claim.seeds} seeds and is registered for "
                    f"{claim.registered_seeds}."
                )
        draw = streams.pop()
        parts[draw] += 1
        claims = draws.setdefault(draw, {})
        if claims.keys() & run.claims.keys():
            raise ResultsError(f"{draw} is given {parts[draw]} times; the same seeds are only one fresh draw.")
        claims |= run.claims
    return draws


def kept(root: Path) -> list[Path]:
    """Return the files of the fresh runs that a repository keeps, by name."""
    return sorted((root / KEPT).glob("*.json"))


def kept_draws(root: Path) -> Draws:
    """Return the draws that a repository keeps; a ResultsError where a file there is no fresh run."""
    return draws_of(load(kept(root)))


def with_draws(results: Results, draws: Draws) -> Results:
    """Return a run with what draws found about each of its claims.

    A claim whose margin, looks or kind have changed since is another one. A run on fresh seeds does not show itself.
    """
    return replace(results, claims=tuple(_with_draws(claim, draws) for claim in results.claims)) if draws else results


def _with_draws(claim: Record, draws: Draws) -> Record:
    if claim.engine != DEFAULT_ENGINE or claim.changed:
        return claim
    found = [drawn for claims in draws.values() if (drawn := claims.get(claim.id)) and _is_same(claim, drawn)]
    return replace(claim, fresh=tuple(
        Draw(stream=drawn.stream, verdict=drawn.verdict, seeds=drawn.seeds, effect=drawn.effect,
             interval=drawn.interval)
        for drawn in found
    ))  # fmt: skip


def _is_same(claim: Record, drawn: Record) -> bool:
    """Whether a draw is of this claim; of several parts any may have decided, with a margin and a region of its own.

    An error has none of these; left out, the page would say that no draw ended in one.
    """
    same = drawn.verdict == "error" or (claim.kind == drawn.kind and claim.asks_for(drawn.margin, drawn.region))
    looks = claim.registered_looks in {(), drawn.registered_looks}  # a quick look says nothing of them
    return same and looks and claim.registered_seeds == drawn.registered_seeds and claim.stream != drawn.stream


def page(runs: Sequence[NamedRun]) -> str:
    """Return the page: the question, the counts, and every claim with its verdict in each draw."""
    draws = draws_of(runs)
    rows = [(claim, [claims.get(claim) for claims in draws.values()]) for claim in identifiers(runs)]
    commands = ", ".join(f"`pytest claims/ --fresh={draw.removeprefix('fresh-')}`" for draw in draws)
    question = (
        f"Do the registered verdicts hold on new seeds? {plural(len(draws), 'draw')} of seeds that had no part in "
        "registering them: every claim with its registered number of seeds, margin, measurement and rule. Anybody can "
        "repeat these draws, or make others:"
    )
    undecided = (
        "A claim whose effect lies near its margin is decided by some draws and not by others. That is no "
        "contradiction; supported against refuted is one."
    )
    head = [
        "# Fresh seeds",
        "",
        question,
        f"{commands}.",
        "",
        "Made by `pytest-claims fresh` from the `results.json` of these runs.",
        "",
        *_where(runs),
        "## Counts",
        "",
        *_counts(rows),
        "",
        undecided,
        "",
        "## Every claim",
        "",
        f"| claim | | registered | {' | '.join(draws)} | as registered |",
        "|---|---|---|" + "---|" * (len(draws) + 1),
    ]
    return "\n".join([*head, *(_row(name, cells) for name, cells in rows), ""])


def _registered(cells: Sequence[Record | None]) -> str:
    return next(str(cell.registered) for cell in cells if cell is not None)


def _verdict(cell: Record | None) -> str:
    return NOT_RUN if cell is None else cell.verdict


def _counts(rows: Sequence[tuple[str, Sequence[Record | None]]]) -> list[str]:
    """Return the table of registered and fresh verdicts, then a sentence with the sums."""
    counts = Counter((_registered(cells), _verdict(cell)) for _, cells in rows for cell in cells)
    claims = Counter(_registered(cells) for _, cells in rows)
    columns = [name for name in (*ENDS, NOT_RUN) if name in VERDICTS or any(got == name for _, got in counts)]
    lines = [f"| registered as | claims | {' | '.join(columns)} |", "|---|---|" + "---|" * len(columns)]
    lines += [
        f"| {name} | {claims[name]} | {' | '.join(str(counts[name, column]) for column in columns)} |"
        for name in VERDICTS
        if claims[name]
    ]
    judged = sum(count for (_, got), count in counts.items() if got != NOT_RUN)
    same = sum(count for (registered, got), count in counts.items() if registered == got)
    against = counts["supported", "refuted"] + counts["refuted", "supported"]
    errors = sum(count for (_, got), count in counts.items() if got == "error")
    always = sum(all(_verdict(cell) in {_registered(cells), NOT_RUN} for cell in cells) for _, cells in rows)
    sums = (
        f"Of {plural(judged, 'fresh verdict')}, {same:,} are as registered, {judged - same - against - errors:,} are "
        f"undecided on one side, {against:,} contradict the registered verdict and {errors:,} are errors. "
        f"{always:,} of {plural(len(rows), 'claim')} got the registered verdict in every draw that ran them."
    )
    return [*lines, "", sums]


def _row(name: str, cells: Sequence[Record | None]) -> str:
    registered = _registered(cells)
    verdicts = [_verdict(cell) for cell in cells]
    text = next(cell.text for cell in cells if cell is not None)
    shown = [verdict if verdict in {registered, NOT_RUN} else f"**{verdict}**" for verdict in verdicts]
    held = f"{verdicts.count(registered)} of {len(verdicts) - verdicts.count(NOT_RUN)}"
    return f"| {escape(name, 60)} | {escape(text, 160)} | {registered} | {' | '.join(shown)} | {held} |"


def _where(runs: Sequence[NamedRun]) -> list[str]:
    """List versions, processor and commit: those that all runs share, and every one that differs, with its runs."""
    environments = [{name: _shown(name, run.environment.get(name)) for name in VERSIONS} for run in runs]
    different = differing(environments)
    shared = [f"{name} {value}" for name, value in environments[0].items() if value and name not in different]
    lines = [escape(f"{', '.join(shared)}.")] if shared else []
    for name in different:
        by_value: dict[str, list[str]] = {}
        for run, environment in zip(runs, environments, strict=True):
            by_value.setdefault(str(environment.get(name)), []).append(run.name)
        told = ", ".join(f"{value} ({', '.join(names)})" for value, names in by_value.items())
        lines.append(escape(f"{name}: {told}."))
    return [*lines, ""] if lines else []


def _shown(name: str, value: Any) -> Any:
    """Shorten a commit, but keep its plus sign, which stands for changes that were not committed."""
    if name != "commit" or not value:
        return value
    return str(value)[:DIGITS] + ("+" if str(value).endswith("+") else "")


def write(path: Path, runs: Sequence[NamedRun]) -> Path:
    """Write the page; a FolderError where a file of others is in its place."""
    refuse_to_replace(path)
    write_atomically(path, page(runs))
    return path
