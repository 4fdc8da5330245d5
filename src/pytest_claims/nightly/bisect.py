"""Bisection: the first version of a package in which a claim departs from what it was in an earlier version.

The first version is taken as good, and its run is what all others are compared with. Each step halves the interval
between the last good version and the first that departs; a version that cannot be tried is skipped, as `git bisect
skip` does. What was found is stored after every step, so that a bisection that was broken off goes on.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from packaging.version import InvalidVersion, Version

from pytest_claims.drift import ClaimComparison, compare
from pytest_claims.drift.stages import IN_WORDS
from pytest_claims.environment import environment
from pytest_claims.errors import FolderError, RequirementsError, UnreadableError
from pytest_claims.files import why_unwritable, write_atomically
from pytest_claims.folders import digest_of, sources
from pytest_claims.nightly.environments import (
    Environment,
    Installer,
    UnusableVersionError,
    last_words,
    remove,
    variables,
    versions,
)
from pytest_claims.nightly.judging import (
    Outcome,
    Question,
    Run,
    Step,
    departs,
    fared,
    judged,
    only,
    results_in,
    run_claim,
)
from pytest_claims.nightly.requirements import installed_versions, listened
from pytest_claims.record import Record
from pytest_claims.results import Results, read
from pytest_claims.stored import read_mapping

#: Folders of a project that hold no sources of its claims.
NO_SOURCES = ("build", "dist", "node_modules", "*.egg", "*.egg-info")
STATE, LOCK, IGNORE = "bisect.json", ".lock", ".gitignore"
#: The exit statuses of `pytest-claims bisect`, by how it ended.
FOUND, SAME, SEVERAL = 0, 1, 3


# -- the search -----------------------------------------------------------------------------------------------------


def search(count: int, try_version: Callable[[int], Outcome]) -> tuple[int, int]:
    """Return the places of the last good and of the first departing of ``count`` versions.

    Between the two are only versions that were skipped, if any. The first of all is known to be good and the last to
    depart. Without skipped versions at most ceil(log2(count - 1)) are tried.
    """
    good, departs = 0, count - 1
    skipped: set[int] = set()
    while between := [at for at in range(good + 1, departs) if at not in skipped]:
        middle = (good + departs) // 2
        at = min(between, key=lambda place: (abs(place - middle), place))
        outcome = try_version(at)
        if outcome == "good":
            good = at
        elif outcome == "departs":
            departs = at
        else:
            skipped.add(at)
    return good, departs


def between(offered: Sequence[str], question: Question) -> list[str]:
    """Return the versions from the first to the last; a RequirementsError where these two are no such pair."""
    ends = []
    for text in (question.first, question.last):
        try:
            ends.append(Version(text))
        except InvalidVersion:
            raise RequirementsError(f"{text!r} is no version such as 2.6 or 2.6.1.") from None
    first, last = ends
    if first >= last:
        raise RequirementsError(
            f"{question.first} is not older than {question.last}: name the good version first, then the newer one."
        )
    known = [Version(version) for version in offered]
    for end in ends:
        if end not in known:
            below = [version for version in known if version < end][-1:]
            above = [version for version in known if version > end][:1]
            near = " and ".join(str(version) for version in (*below, *above))
            early = "" if question.pre or not end.is_prerelease else " (--pre adds pre-releases)"
            raise RequirementsError(
                f"{question.package} {end} is not among the versions that the index offers; near it: {near}{early}."
            )
    return [str(version) for version in known if first <= version <= last]


# -- the bisection --------------------------------------------------------------------------------------------------


@dataclass
class Bisection:
    """A bisection with its state in a folder. ``say`` gets each sentence; ``keep`` leaves the environments there."""

    question: Question
    folder: Path
    installer: Installer
    say: Callable[[str], None]
    keep: bool = False
    run: Run = run_claim
    steps: dict[str, Step] = field(default_factory=dict)
    offered: list[str] = field(default_factory=list)

    def find(self) -> "Answer":
        """Search, and return what was found.

        Raises a RequirementsError where the question has no answer: unknown claim or package, versions that are no
        pair, a first or last version that cannot be tried. A FolderError where the state's folder cannot be used, an
        UnreadableError where a stored file cannot be read.
        """
        with self._taken():
            self.installer.check()
            resumed = self._load()
            if not self.offered:
                self._check_claim()
                self.offered = between(versions(self.question.package, pre=self.question.pre), self.question)
                self._store()
            self.say(self._opening(resumed))
            for end in (0, len(self.offered) - 1):
                self._try_end(end)
            good, bad = 0, len(self.offered) - 1
            if self.steps[self.offered[bad]].outcome == "departs":
                good, bad = search(len(self.offered), lambda at: self._try(self.offered[at]).outcome)
            return Answer(self.question, self.offered, self.steps, good, bad, self._explained(good, bad))

    def _opening(self, resumed: bool) -> str:
        count, package = len(self.offered), self.question.package
        head = f"{count} versions of {package} from {self.offered[0]} to {self.offered[-1]}"
        most = (count - 2).bit_length() + 2
        known = f"; {len(self.steps)} are known from before" if resumed and self.steps else ""
        return f"{head}, of which at most {most} are tried if none has to be skipped{known}."

    def _check_claim(self) -> None:
        """Raise a RequirementsError where pytest finds no such claim here, before anything is installed.

        Where the package is not installed here, claims that rest on it cannot be collected, and the first run tells.
        """
        if not installed_versions([self.question.package]):
            return
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"--claims-id={self.question.claim}"]
        ended = listened([*command, *self.question.arguments], cwd=self.installer.root, env=variables())
        if ended.returncode:
            raise RequirementsError(f"pytest does not find claim {self.question.claim} here: {last_words(ended)}.")

    def _try_end(self, at: int) -> None:
        """Try the first or the last version, which may not be skipped; if it must be, it is tried again next time."""
        version = self.offered[at]
        which = "first" if at == 0 else "last"
        step = self._try(version)
        if step.outcome == "skipped":
            del self.steps[version]
            self._store()
            raise RequirementsError(
                f"the {which} version, {self.question.package} {version}, cannot be judged: {step.text}; name another."
            )

    def _try(self, version: str) -> Step:
        """Return what became of a version, from before or by trying it now; stores it."""
        if version in self.steps:
            return self.steps[version]
        started = time.monotonic()
        place = self.folder / version
        remove(place)  # what a broken-off step left
        place.mkdir()
        made: Environment | None = None
        try:
            made = self.installer.make(place / "environment", version)
            step = self._judge(version, place, made)
        except UnusableVersionError as error:
            step = Step(version, "skipped", str(error), moved=made.moved if made else {})
        finally:
            if not self.keep:
                remove(place / "environment")
        self.steps[version] = Step(**(asdict(step) | {"seconds": round(time.monotonic() - started, 1)}))
        self._store()
        self.say(self._sentence(self.steps[version]))
        return self.steps[version]

    def _judge(self, version: str, place: Path, made: Environment) -> Step:
        question, report = self.question, place / "report"
        ended = self.run(made.python, question.claim, report, self.installer.root, question.arguments)
        place.joinpath("pytest.log").write_text(ended.stdout + ended.stderr, encoding="utf-8")
        results = judged(results_in(report), question.claim, ended)
        record = next(record for record in results.claims if record.id == question.claim)
        if record.verdict == "error" and made.conflicts:
            raise UnusableVersionError(f"{question.claim} is an error, and {made.conflicts[0]}")
        first = version == self.offered[0]
        claim = only(compare(results if first else self._first, results), question.claim)
        if first:
            self._check_first(claim, record)
        outcome: Outcome = "departs" if departs(claim, question.stage) else "good"
        why = f" ({record.message.rstrip('.')})" if record.verdict == "error" else ""
        return Step(version, outcome, fared(claim) + why, record.verdict, claim.departed, made.moved)

    def _check_first(self, claim: ClaimComparison, record: Record) -> None:
        """Raise a RequirementsError where the first version cannot be what others are compared with."""
        question, version = self.question, f"{self.question.package} {self.offered[0]}"
        stage = question.stage
        if record.verdict == "error":
            raise RequirementsError(f"{question.claim} is an error with the first version, {version}: {record.message}")
        if stage != "verdict" and claim.states[stage] == "not compared":
            raise RequirementsError(
                f"{question.claim} has no {IN_WORDS[stage]} that could be compared: choose another --stage."
            )
        if stage == "verdict" and record.outcome == "failed":
            raise RequirementsError(
                f"{question.claim} is {record.verdict} with the first version, {version}, and {record.registered} is "
                "what it is registered as: it departs there already; name an earlier version, or a --stage."
            )

    @cached_property
    def _first(self) -> Results:
        return read(self.folder / self.offered[0] / "report")

    def _explained(self, good: int, bad: int) -> tuple[str, ...]:
        """Return the comparison of the two versions between which the claim departs, in sentences."""
        if self.steps[self.offered[bad]].outcome != "departs":
            return ()
        was, now = (read(self.folder / self.offered[at] / "report") for at in (good, bad))
        pair = self.offered[good], self.offered[bad]
        change = " → ".join((f"{self.question.package} {pair[0]}", pair[1]))
        others = [*self.steps[pair[0]].moved, *self.steps[pair[1]].moved]
        blame = " or ".join((change, *dict.fromkeys(others))) + " did it"  # nothing else differs
        compared = compare(was, now)
        claims = tuple(replace(claim, blame=blame) if claim.blame else claim for claim in compared.claims)
        versions_of = {**compared.versions, self.question.package: pair}
        return tuple(replace(compared, claims=claims, versions=versions_of).sentences())

    def _sentence(self, step: Step) -> str:
        """Return what became of a version, for the terminal."""
        head = f"{self.question.package} {step.version}"
        moved = ", ".join(f"{name} {version}" for name, version in step.moved.items())
        also = f", with {moved}" if moved else ""
        text = f"skipped, {step.text}" if step.outcome == "skipped" else step.text
        return f"{head}{also}: {text} ({step.seconds:.0f} s)."

    # -- its state ----------------------------------------------------------------------------------------------------

    @cached_property
    def _asked(self) -> dict[str, Any]:
        """The question as it is stored, with all else that the answers rest on."""
        here = environment(self.installer.root)
        left_out = {"cores", "repository", "platform", self.question.package}
        return {
            **asdict(self.question),
            "arguments": list(self.question.arguments),  # as JSON gives it back
            **{name: value for name, value in here.items() if name not in left_out},
            "sources": self._sources,
        }

    @cached_property
    def _sources(self) -> str:
        """A hash of the project's source files as they are when the bisection starts: a claim may have been edited."""
        root = self.installer.root
        return digest_of(root, sources(root, NO_SOURCES, [self.folder]))

    def _load(self) -> bool:
        """Take over what an earlier bisection found; return whether there was one."""
        path = self.folder / STATE
        if not path.exists():
            return False
        stored = read_mapping(path)
        asked, was = self._asked, stored.get("question")
        if not isinstance(was, dict):
            raise UnreadableError(f"{path} is no state of a bisection: it holds no question.")
        other = next((name for name in asked if was.get(name) != asked[name]), None)
        if other == "sources":
            raise FolderError(
                f"{path} is a bisection of the claims as they were: a source file of the project has changed since. "
                "Name another folder with --state, or remove that one."
            )
        if other is not None:
            raise FolderError(
                f"{path} is the state of another bisection ({other}: {was.get(other)} there, {asked[other]} now): name "
                "another folder with --state, or remove that one."
            )
        try:
            self.offered = [str(Version(version)) for version in stored["versions"]]
            self.steps = {step["version"]: Step(**step) for step in stored["steps"]}
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableError(f"{path} is no state of a bisection: {error}; remove it to start anew.") from error
        return True

    def _store(self) -> None:
        """Write the state whole."""
        state = {
            "what": "The state of `pytest-claims bisect`; the same command goes on from here.",
            "question": self._asked,
            "versions": self.offered,
            "steps": [asdict(step) for step in self.steps.values()],
        }
        write_atomically(self.folder / STATE, json.dumps(state, indent=1, ensure_ascii=False) + "\n")

    @contextmanager
    def _taken(self) -> Iterator[None]:
        """Keep the folder for this bisection alone; a FolderError where that cannot be."""
        reason = why_unwritable(self.folder)
        if reason:
            raise FolderError(f"The folder {self.folder} cannot be written ({reason}): choose another with --state.")
        found = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        # the state is written before any version's folder; a lock alone is no proof, since others call theirs so, too
        if found and not ({LOCK, STATE} <= found or found <= {LOCK, IGNORE}):
            raise FolderError(
                f"The folder {self.folder} holds files that no bisection wrote: choose another with --state."
            )
        if not (self.folder / IGNORE).exists():
            write_atomically(self.folder / IGNORE, "*\n")
        try:
            with FileLock(self.folder / LOCK, timeout=0):
                yield
        except Timeout:
            raise FolderError(f"Another bisection is at work in {self.folder}: wait for it, or name another.") from None


@dataclass(frozen=True)
class Answer:
    """What a bisection found: the places of the last good and of the first departing version, and how they differ."""

    question: Question
    versions: Sequence[str]
    steps: Mapping[str, Step]
    good: int
    bad: int
    sentences: tuple[str, ...]

    @property
    def departs(self) -> bool:
        """Whether the claim departs at all."""
        return self.steps[self.versions[self.bad]].outcome == "departs"

    @property
    def candidates(self) -> list[str]:
        """The versions of which one is the first that departs: one, or more where some were skipped."""
        return list(self.versions[self.good + 1 : self.bad + 1]) if self.departs else []

    @property
    def status(self) -> int:
        """The exit status."""
        return {0: SAME, 1: FOUND}.get(len(self.candidates), SEVERAL)

    def lines(self) -> list[str]:
        """Return the summary for a terminal."""
        package, claim, stage = self.question.package, self.question.claim, IN_WORDS[self.question.stage]
        tried = f"{self._tried} of {len(self.versions)} versions were tried, {self._skipped} skipped."
        good, bad = self.versions[self.good], self.versions[self.bad]
        if not self.departs:
            return [f"{claim} does not depart (stage: {stage}): {package} {bad} is as {package} {good}.", tried]
        step = self.steps[bad]
        silent = step.departed is None or step.departed == "verdict"
        at = "" if silent else f", and the first stage that differs is {IN_WORDS[step.departed or 'verdict']}"
        change = f"{self.steps[good].verdict} with {good}, {step.verdict} with {bad}{at}"
        if len(self.candidates) == 1:
            head = f"{claim} departs first in {package} {bad}: {change}."
        else:
            head = (
                f"{claim} departs first in one of {package} {', '.join(self.candidates)}, of which all but the last "
                f"were skipped: {change}."
            )
        return [head, *self.sentences, tried]

    def as_json(self) -> dict[str, Any]:
        """Return the answer for machines."""
        bad = self.steps[self.versions[self.bad]]
        steps = [asdict(step) for step in self.steps.values()]
        for step in steps:
            step["departed"] = step["departed"] and IN_WORDS[step["departed"]]
        return {
            "schema": 1,
            "question": asdict(self.question) | {"stage": IN_WORDS[self.question.stage]},
            "result": {FOUND: "found", SAME: "no departure", SEVERAL: "several candidates"}[self.status],
            "good": self.versions[self.good if self.departs else self.bad],
            "departs": bad.version if self.departs else None,
            "candidates": self.candidates,
            "departed": None if bad.departed is None or not self.departs else IN_WORDS[bad.departed],
            "sentences": list(self.sentences),
            "tried": self._tried,
            "skipped": self._skipped,
            "versions": list(self.versions),
            "steps": steps,
        }

    @property
    def _tried(self) -> int:
        return len(self.steps) - self._skipped

    @property
    def _skipped(self) -> int:
        return sum(step.outcome == "skipped" for step in self.steps.values())
