"""One version judged: the claim's run with it, compared with the run of a version that is taken as good."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from pytest_claims.drift import ClaimComparison, Comparison, compare, read_baseline
from pytest_claims.drift.stages import IN_WORDS, Stage
from pytest_claims.errors import RequirementsError, UnreadableError
from pytest_claims.nightly.environments import UnusableVersionError, last_words, variables
from pytest_claims.nightly.requirements import listened
from pytest_claims.results import Results, read

Outcome = Literal["good", "departs", "skipped"]
#: The exit statuses with ``--against`` after which `git bisect run` goes on.
GOOD, DEPARTS, SKIP = 0, 1, 125
#: pytest's exit statuses after a run that judged its claims.
_JUDGED = (0, 1)


@dataclass(frozen=True)
class Question:
    """What is searched for: the first of the package's versions in which the claim departs.

    ``stage`` is what must differ. ``pre``: development versions count. ``arguments`` go to pytest. ``constraints``
    holds the versions of everything else, where that is installed anew.
    """

    package: str
    claim: str
    first: str
    last: str
    stage: Stage = "verdict"
    pre: bool = False
    arguments: tuple[str, ...] = ()
    constraints: str | None = None


@dataclass(frozen=True)
class Step:
    """What became of one version.

    ``departed`` is the first stage that differs from the first version's run; ``moved`` are other packages that had to
    take another version. ``seconds`` include the installation.
    """

    version: str
    outcome: Outcome
    text: str
    verdict: str | None = None
    departed: Stage | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


#: Runs the claim with a Python: its arguments are that Python, the claim, the report's folder, the folder of the
#: claims and further arguments of pytest.
Run: TypeAlias = Callable[[Path, str, Path, Path, Sequence[str]], "subprocess.CompletedProcess[str]"]


def run_claim(
    python: Path, claim: str, report: Path, root: Path, arguments: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    """Run one claim with a Python, from the claims' own repository."""
    command = [str(python), "-m", "pytest", f"--claims-id={claim}", f"--claims-report={report}", *arguments]
    return listened(command, cwd=root, env=variables())


def departs(claim: ClaimComparison, stage: Stage) -> bool:
    """Whether a claim departs from its baseline at this stage; it does so, too, where changed inputs hide the stage.

    Raises an UnusableVersionError where the stage could not be compared for another reason. Two different verdicts are
    no departure where their runs had other looks, seeds or engines, or measured time; but nothing says that they agree.
    """
    if stage == "verdict":
        was, now = claim.verdict
        if was != now and not claim.verdict_changed:
            raise UnusableVersionError(
                f"{claim.id} is {now} and was {was}, but the two runs cannot be compared (an error, other looks, seeds "
                "or engine, or a measured time): take the same arguments for both"
            )
        return claim.verdict_changed
    if claim.states[stage] == "not compared":
        if claim.inputs_changed or claim.verdict_changed:
            return True
        raise UnusableVersionError(f"its {IN_WORDS[stage]} cannot be compared with those of the first version")
    return claim.states[stage] == "differs"


def judged(results: Results | None, claim: str, ended: "subprocess.CompletedProcess[str]") -> Results:
    """Return a run's results if they hold the claim's verdict; an UnusableVersionError, which says why, if not."""
    if results is not None and ended.returncode in _JUDGED:
        if any(record.id == claim for record in results.claims):
            return results
        for absent in (*results.skipped, *results.missing):
            if absent.id == claim:
                raise UnusableVersionError(f"{claim} got no verdict: {absent.reason.rstrip('.')}")
    raise UnusableVersionError(f"{claim} got no verdict (pytest's exit status {ended.returncode}): {last_words(ended)}")


def results_in(report: Path) -> Results | None:
    """Return the results that a run left, None where it left none."""
    return read(report) if (report / "results.json").exists() else None


def only(comparison: Comparison, claim: str) -> ClaimComparison:
    """Return the comparison of one claim."""
    return next(entry for entry in comparison.claims if entry.id == claim)


def fared(claim: ClaimComparison) -> str:
    """Return how a claim fared against its baseline, in a clause."""
    was, now = claim.verdict
    text = f"{claim.id} is {now}" if was == now else f"{claim.id} is {now}, no longer {was}"
    if claim.departed is None or claim.departed == "verdict":
        return text
    return f"{text}, and the first stage that differs is {IN_WORDS[claim.departed]}"


def against(
    baseline: Path, claim: str, stage: Stage, root: Path, arguments: Sequence[str], run: Run = run_claim
) -> tuple[int, str]:
    """Run the claim in the running environment; return an exit status for `git bisect run` and a sentence.

    Raises a ResultsError where ``baseline`` cannot be used.
    """
    was = read_baseline(baseline)
    if all(record.id != claim for record in was.claims):
        raise UnreadableError(f"{baseline} holds no claim {claim}: name the results.json of a run of that claim.")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        ended = run(Path(sys.executable), claim, report, root, arguments)
        try:
            compared = only(compare(was, judged(results_in(report), claim, ended)), claim)
            departed = departs(compared, stage)
        except UnusableVersionError as error:
            return SKIP, f"skipped: {error}."
    return (DEPARTS if departed else GOOD), f"{fared(compared)}."


def stage_named(words: str) -> Stage:
    """Return a stage by the words that pages use for it; a RequirementsError that lists them for any other."""
    for stage, name in IN_WORDS.items():
        if name == words.strip().lower():
            return stage
    raise RequirementsError(f"there is no stage {words!r}; the stages are {', '.join(IN_WORDS.values())}.")
