"""Runs side by side, changed verdicts first: a page, a table for the terminal, a summary for a CI job."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TextIO

from markupsafe import Markup

from pytest_claims.drift.comparison import is_open_in_the_shorter
from pytest_claims.drift.drift import Drift, drift
from pytest_claims.drift.evidence import Evidence, evidence_of
from pytest_claims.files import write_atomically
from pytest_claims.record import Record
from pytest_claims.report import forest
from pytest_claims.report.markdown import ICONS, MOST_BYTES, escape
from pytest_claims.report.runs import NamedRun, differing, heading, identifiers, place_for_page
from pytest_claims.report.words import clip, interval_text, plural, quantity

MISSING = "not run"
SHOWN = 8  # ids that a sentence names


@dataclass(frozen=True)
class Row:
    """One claim in all runs; None where a run does not have it."""

    id: str
    cells: Sequence[Record | None]
    drifts: Sequence[str] = ()
    """In each run, the effect's change since the first, paired over the seeds that both have; empty where unknown."""

    @property
    def text(self) -> str:
        """The claim's text, from the last run that has it."""
        return next((cell.text for cell in reversed(self.cells) if cell is not None), "")

    differs: bool = False
    """Whether two runs that have this claim give it different verdicts."""
    open_in_the_shorter: bool = False
    """Whether they do so only because one of them goes to another number of seeds and leaves it open."""

    @cached_property
    def verdicts(self) -> list[str]:
        """The verdict in each run."""
        return [MISSING if cell is None else cell.verdict for cell in self.cells]

    @cached_property
    def plots(self) -> list[Markup]:
        """One forest plot for each run, all on one scale."""
        known = [cell for cell in self.cells if cell is not None]
        scale = forest.scale_of(known[0], known) if known else None
        return [Markup("") if cell is None else forest.strip(cell, None, scale) for cell in self.cells]

    @cached_property
    def effects(self) -> list[str]:
        """Effect and interval in each run, and the number of seeds where it is not the same in all."""
        several = len({cell.seeds for cell in self.cells if cell is not None}) > 1
        return [
            "" if cell is None or cell.effect is None
            else f"{quantity(cell, cell.effect)} ({interval_text(cell)})" + f", {cell.seeds} seeds" * several
            for cell in self.cells
        ]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """All claims of several runs, those whose verdicts differ first."""

    runs: Sequence[NamedRun]

    @cached_property
    def rows(self) -> list[Row]:
        """Verdict changes first, each group in natural order."""
        ids = identifiers(self.runs)
        rows = [
            Row(name, [run.claims.get(name) for run in self.runs], self._drifts(name, len(ids)), *self._verdicts(name))
            for name in ids
        ]
        return sorted(rows, key=lambda row: (not row.differs, not row.open_in_the_shorter))

    @cached_property
    def _evidence(self) -> list[dict[str, Evidence]]:
        return [evidence_of(run.results) for run in self.runs]

    def _verdicts(self, claim: str) -> tuple[bool, bool]:
        """Return whether verdicts differ, and whether they do so only at other numbers of seeds."""
        known = [run[claim] for run in self._evidence if claim in run]
        unequal = [(one, other) for one, other in combinations(known, 2) if one.verdict != other.verdict]
        differs = any(not is_open_in_the_shorter(*pair) for pair in unequal)
        return differs, bool(unequal) and not differs

    def _drifts(self, claim: str, claims: int) -> list[str]:
        """Return the drift of one claim (of ``claims``) in each run, in words; only runs on the same draws have one."""
        was = self._evidence[0].get(claim)
        drifts = []
        for now in (run.get(claim) for run in self._evidence):
            paired = was is not None and now is not None and now is not was and was.inputs and was.inputs == now.inputs
            change = drift(was, now, claims) if was and now and paired and not was.clock else None
            drifts.append("" if change is None else _in_words(change))
        return drifts

    @cached_property
    def changed(self) -> list[Row]:
        """Claims whose verdict differs between runs."""
        return [row for row in self.rows if row.differs]

    @cached_property
    def shorter(self) -> list[Row]:
        """Claims that a run leaves open at another number of seeds, and no verdict of which differs otherwise."""
        return [row for row in self.rows if row.open_in_the_shorter]

    @cached_property
    def versions(self) -> list[tuple[str, list[str]]]:
        """The entries of the environment that differ: (name, value in each run)."""
        keys = differing(run.environment for run in self.runs)
        return [(key, [str(run.environment.get(key) or "none") for run in self.runs]) for key in keys]

    @property
    def heading(self) -> str:
        """The title of the runs."""
        return heading(self.runs)

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        if not self.changed:
            return f"No verdict differs between {len(self.runs)} runs of {len(self.rows)} claims.{self._left_open}"
        have = "has" if len(self.changed) == 1 else "have"
        return (
            f"{len(self.changed)} of {len(self.rows)} claims {have} different verdicts in different runs: "
            f"{_ids(self.changed)}.{self._left_open}"
        )

    @property
    def _left_open(self) -> str:
        if not self.shorter:
            return ""
        return (
            " Decided in one run and open in another that goes to another number of seeds, which is no difference: "
            f"{plural(len(self.shorter), 'claim')} ({_ids(self.shorter)})."
        )


def _ids(rows: Sequence[Row]) -> str:
    return ", ".join(row.id for row in rows[:SHOWN]) + (", ..." if len(rows) > SHOWN else "")


def _in_words(change: Drift) -> str:
    low, high = change.interval
    return f"drift {change.mean:+.3g} [{low:+.3g}, {high:+.3g}], paired over {change.seeds} seeds: {change.word}"


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write index.html into ``folder``; an error where this would replace the page of a run, or of others."""
    from pytest_claims.report.page import jinja

    path = place_for_page(folder, "comparison")
    write_atomically(path, jinja().get_template("compare.html").render(comparison=comparison))
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(markdown(comparison))
    return path


def print_comparison(comparison: Comparison, out: TextIO) -> None:
    """Print versions, then a table of claims x runs, changed verdicts first and marked."""
    names = [clip(run.name, 28) for run in comparison.runs]
    table = [["", *names]]
    table += [[name, *(clip(value, 28) for value in values)] for name, values in comparison.versions]
    table.append([""] * (len(names) + 1))
    for row in comparison.rows:
        cells = [
            verdict if verdict == MISSING else f"{verdict} {effect}".strip()
            for verdict, effect in zip(row.verdicts, row.effects, strict=True)
        ]
        table.append([f"{'*' if row.differs else ' '} {row.id}", *cells])
    widths = [max(len(line[column]) for line in table) for column in range(len(names) + 1)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table)
    out.writelines(f"{line.rstrip()}\n" for line in lines)
    out.write(f"\n{comparison.headline}\n")


def markdown(comparison: Comparison) -> str:
    """Return the comparison for a CI job's page: changed verdicts in full, at most ``MOST_BYTES`` bytes."""
    lines = ["## Claims across runs", "", escape(comparison.headline), ""]
    lines += ["| claim | " + " | ".join(escape(run.name, 40) for run in comparison.runs) + " |"]
    lines += ["|---" * (len(comparison.runs) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(escape(v, 40) for v in values) + " |" for name, values in comparison.versions]
    size = sum(len(line.encode()) + 1 for line in lines)
    for row in comparison.rows:
        cells = " | ".join(
            f"{ICONS.get(verdict, '')} {verdict} {escape(effect)}".strip()
            for verdict, effect in zip(row.verdicts, row.effects, strict=True)
        )
        line = f"| {'**' if row.differs else ''}{escape(row.id, 60)}{'**' if row.differs else ''} | {cells} |"
        size += len(line.encode("utf-8", "replace")) + 1
        if size > MOST_BYTES - 200:
            lines += ["", "The page has the other rows."]
            break
        lines.append(line)
    return "\n".join([*lines, ""])
