"""Several runs side by side: read, named, and what differs between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_claims.errors import ResultsError, UnreadableError
from pytest_claims.folders import PAGE, RESULTS, refuse_to_replace
from pytest_claims.record import Record
from pytest_claims.report.words import day
from pytest_claims.results import UNTITLED, Results, natural, read

#: Entries of "environment" that are shown first.
FIRST = ("python", "torch", "numpy", "scipy", "scikit-learn", "platform", "cpu", "commit")


@dataclass(frozen=True)
class NamedRun:
    """A run with a short name."""

    name: str
    results: Results

    @cached_property
    def claims(self) -> dict[str, Record]:
        """The claims by id."""
        return {claim.id: claim for claim in self.results.claims}

    @property
    def started(self) -> str:
        """When the run began, ISO."""
        return self.results.started

    @property
    def day(self) -> str:
        """When the run began, in words."""
        return day(self.started)

    @property
    def environment(self) -> Mapping[str, Any]:
        """Versions and machine."""
        return self.results.environment


def load(paths: Sequence[Path]) -> list[NamedRun]:
    """Read runs and name each by the part of its path that distinguishes it. Raises an UnreadableError."""
    runs = [read(path) for path in paths]
    return [NamedRun(name, results) for name, results in zip(names(paths), runs, strict=True)]


def place_for_page(folder: Path, what: str) -> Path:
    """Return where the page of a comparison or a history goes; an error where this would replace another page."""
    if (folder / RESULTS).exists():
        raise ResultsError(f"{folder} holds a run, whose page would be lost: name another folder for the {what}.")
    path = folder / PAGE
    refuse_to_replace(path)
    return path


def names(paths: Sequence[Path]) -> list[str]:
    """Return short distinct names: "nightly" for legs/nightly/results.json; numbered where paths are the same."""
    parts = [[part for part in path.resolve().parts if part != "results.json"] for path in paths]
    parts = [[*folders, file.removesuffix(".json")] for *folders, file in parts]
    for depth in range(1, max((len(path) for path in parts), default=1) + 1):
        # at most three levels, so that the machine's own folders never become part of a name
        short = ["/".join(path[-min(depth, 3) :]) for path in parts]
        if len(set(short)) == len(short):
            return short
        if depth > 2:  # noqa: PLR2004 - see above
            break
    return [f"{'/'.join(path[-1:])} ({at})" for at, path in enumerate(parts, 1)]


def heading(runs: Iterable[NamedRun]) -> str:
    """Return the title that all runs share, or a neutral one."""
    titles = {run.results.heading for run in runs}
    return titles.pop() if len(titles) == 1 else UNTITLED


def differing(environments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the entries of the environment in which the runs differ, library versions first."""
    environments = list(environments)
    keys = list(dict.fromkeys(key for environment in environments for key in environment))
    changed = [key for key in keys if len({str(environment.get(key)) for environment in environments}) > 1]
    return sorted(changed, key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), key))


def find(folder: Path) -> list[Path]:
    """Return every JSON file below a folder, sorted by name; an UnreadableError where there is none."""
    if not folder.is_dir():
        raise UnreadableError(f"{folder} is not a folder.")
    paths = sorted(path for path in folder.rglob("*.json") if "trials" not in path.relative_to(folder).parts)
    if not paths:
        raise UnreadableError(f"{folder} holds no results: there is no .json file in it.")
    return paths


def identifiers(runs: Iterable[NamedRun]) -> list[str]:
    """Return all claims' ids, in natural order."""
    return sorted({identifier for run in runs for identifier in run.claims}, key=natural)


DROPPED = frozenset({
    "conditions", "inputs", "derived", "trace", "seconds_by_trial", "protocol", "discussion", "figures", "captions",
    "curves", "controls", "published", "looks", "assays",
})  # fmt: skip


def condensed(results: Results) -> Results:
    """Return a run with verdicts, effects and intervals but no evidence: what a history of many nights keeps."""
    claims = tuple(_slim(claim) for claim in results.claims)
    return replace(replace(results, claims=()).without({"baseline", "command"}), claims=claims)


def _slim(claim: Record) -> Record:
    """Keep only the deciding part, which says whether the effect is a share or a time."""
    deciding = [
        part.only(("effect", "interval", "estimator", "role")) for part in (claim.deciding,) if part is not None
    ]
    empty = {name for name, value in claim.as_json().items() if value is None}
    return claim.without(DROPPED | empty).extended({"parts": deciding})
