"""``run``: from a call in a notebook to pytest and back."""

import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_claims import results as stored
from pytest_claims.errors import ResultsError, RunError
from pytest_claims.files import read_ordinary
from pytest_claims.folders import RESULTS, TRIALS
from pytest_claims.notebook import inside
from pytest_claims.notebook.process import Words, run_pytest
from pytest_claims.notebook.result import Folder, Result, Results
from pytest_claims.record import Record
from pytest_claims.running.kept import read_plan
from pytest_claims.running.progress import Count
from pytest_claims.trials.conditions import label, values_in_words
from pytest_claims.trials.store import Store, unpack
from pytest_claims.vocabulary import TABLES

#: The stream of fresh seeds that a notebook takes: no registered seeds, and not the draws of docs/fresh.md.
STREAM = 1000
#: pytest's exit statuses after which there is a report.
REPORTED = (0, 1)
#: And after which there was no test.
NOTHING_COLLECTED = 5
#: An option in one of pytest's sentences, of those that are arguments here.
_OPTION = re.compile(r"--(?:claims-)?(seeds|fresh|engine|report|reuse)[ =]?(?:DIR)?")
_UNKNOWN = re.compile(r"no such claim; those collected are (.*)\.$")
_CHANGE = re.compile(r"--(?:claims-)?change[: ]+")


def run(
    *claims: str | Iterable[str],
    folder: str | Path = "claims",
    seeds: int | None = 8,
    fresh: int | None = STREAM,
    engine: str | None = None,
    report: str | Path | None = None,
    reuse: Result | Results | str | Path | None = None,
    workers: int = 0,
    progress: bool = True,
    **conditions: Any,
) -> Result | Results:
    """Judge claims as pytest does, and return what came out: a `Result` for one id, else `Results`.

    ``claims``: ids such as "2.a" or "4.a@train-range", or lists of them; none means all. ``folder``: the folder, or the
    file, that holds the claims. ``seeds``: the seeds after which no claim is judged any further, 8 or 16 for a quick
    look, else 32, 64, 128, ...; None for as many as each claim registered. ``fresh``: the number of the stream of fresh
    seeds; None for the registered seeds, which are not for looking at by the way. ``engine``: what trains. ``report``:
    a folder that keeps the page and its data; without it they go with the result. ``reuse``: an earlier result, or its
    report folder: what it measured already, under the same conditions and on the same seeds, is not measured again.
    ``workers``: processes that share the work, 0 for one that does all. ``progress``: whether to say how far it is.

    Every other argument is a condition with other values than the claim's file has: ``layers=[1, 2, 4]``. What is
    judged then is another claim than the registered one, and the result says so.

    Raises a RunError, one sentence, where nothing could be judged. An interrupt ends the run with all its processes.
    """
    ids = _ids(claims)
    place = Path(folder).absolute()
    if not place.exists():
        raise RunError(f"There is no folder {folder}; name the one that holds the claims, as in folder='claims'.")
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 0:
        raise RunError(f"workers={workers!r} is no number of processes: 0 for one that does all, or 1, 2 and so on.")
    change = {name: _values(name, values) for name, values in conditions.items()}
    words = Words(silent=not progress)
    kept = Folder.temporary() if report is None else Folder(Path(report).absolute())
    with tempfile.TemporaryDirectory(prefix="claims-", ignore_cleanup_errors=True) as temporary:
        given = Path(temporary)
        watch = _Watch(kept.path, workers, words)
        arguments = _arguments(ids, place, kept.path, given, workers)
        earlier = reuse.folder.path if isinstance(reuse, Result | Results) else reuse and Path(reuse).absolute()
        for name, value in {"seeds": seeds, "fresh": fresh, "engine": engine, "reuse": earlier}.items():
            if value is not None:
                arguments.append(f"--claims-{name}={value}")
        arguments += [f"--claims-change={name}={json.dumps(values)}" for name, values in change.items()]
        status, printed = run_pytest(arguments, _root(place), given, watch.look)
        if status not in REPORTED or not watch.has_reported():
            raise RunError(_why_nothing(status, printed, folder, given))
        judged = _read(kept, given)
    wanted = [judged[name] for name in ids if name in judged] if ids else list(judged.values())
    if not wanted:
        raise RunError(f"Nothing was judged: the run of {', '.join(ids) or folder} ended without a report.")
    single = len(claims) == 1 and isinstance(claims[0], str)
    if single and wanted[0].verdict == "error":
        raise RunError(wanted[0].message)
    words.show(_done(wanted, change), last=True)
    return wanted[0] if single else Results(wanted)


def _root(place: Path) -> Path:
    """Return the folder to run in, as for `pytest claims/`: the nearest with a configuration that pytest reads."""
    own = place if place.is_dir() else place.parent
    return next((each for each in (own, *own.parents) if any((each / name).is_file() for name in TABLES)), place.parent)


def _ids(claims: Sequence[str | Iterable[str]]) -> list[str]:
    """Return the ids, each once; a RunError where one is none."""
    ids: dict[str, None] = {}
    for claim in claims:
        try:
            several: list[Any] = [claim] if isinstance(claim, str) else list(claim)
        except TypeError:
            several = [claim]
        for name in several:
            # "2.a@", the command line's way to leave variants out, is what a bare id means here
            bare = name.strip().removesuffix("@") if isinstance(name, str) else ""
            if not bare or "," in bare:
                raise RunError(f"{name!r} is no id of a claim; ids are texts such as '2.a'.")
            ids[bare] = None
    return list(ids)


def _values(name: str, values: Any) -> list[Any]:
    """Return a condition's new values as labels: numbers, texts, True and False; a RunError where there are none."""
    several = isinstance(values, Iterable) and not isinstance(values, str)
    labels = [label(value) for value in (values if several else [values])]
    if not labels:
        raise RunError(f"{name}= has no values; give a list, as in {name}=[1, 2].")
    return labels


def _arguments(ids: Sequence[str], place: Path, kept: Path, given: Path, workers: int) -> list[str]:
    """Return the arguments of pytest that no claim depends on."""
    return [
        str(place),
        *("-p", inside.__name__),
        *("-o", f"claims_workers={workers}"),
        *("-o", f"cache_dir={given / 'cache'}"),  # the project's own says what failed last there
        "--continue-on-collection-errors",  # a file that cannot be imported is none of the other claims' business
        "--color=no",
        f"--claims-report={kept}",
        # without its variants, which are asked for by their own ids
        *(f"--claims-id={name if '@' in name else f'{name}@'}" for name in ids),
    ]


class _Watch:
    """Looks at a run from outside: its plan and its store say how far it is."""

    def __init__(self, kept: Path, workers: int, words: Words) -> None:
        self.trials = kept / TRIALS
        self.workers = max(1, workers)
        self.words = words
        self.results = kept / RESULTS
        self.before, self.written = set(self._runs()), self._written()
        self.count: Count | None = None

    def _runs(self) -> list[Path]:
        return sorted(self.trials.glob("run-*/"))

    def _written(self) -> int | None:
        return self.results.stat().st_mtime_ns if self.results.exists() else None

    def has_reported(self) -> bool:
        """Whether the run wrote results; those of an earlier run may have been there."""
        return self._written() not in {None, self.written}

    def look(self) -> None:
        """Say what the run does now."""
        if self.count is None:
            new = [run for run in self._runs() if run not in self.before]
            plan = read_plan(new[-1]) if new else {}
            if not plan:
                return self.words.show("Collecting the claims ...")
            self.count = Count(Store(new[-1], "notebook"), plan["trials"], self.workers)
        return self.words.show(self.count.line() or "Judging ...")


def _done(results: Sequence[Result], change: Mapping[str, Sequence[Any]]) -> str:
    """Say what was run."""
    ids = ", ".join(result.record.id for result in results)
    return f"Judged {ids}" + (f" under changed conditions: {values_in_words(change)}." if change else ".")


def _why_nothing(status: int, printed: str, folder: str | Path, given: Path) -> str:
    """Return in a sentence why a run gave no report, from what it printed and what it could not collect."""
    uncollected = [line for file in sorted(given.glob(f"*{inside.UNCOLLECTED}")) for line in _lines(file)]
    said = [line.removeprefix("ERROR: ") for line in printed.splitlines() if line.startswith("ERROR: ")]
    sentence = said[0] if said else ""
    if sentence.startswith("usage: "):  # argparse's, which says in another line what is wrong
        sentence = next(
            (line.partition(": error: ")[2] for line in printed.splitlines() if ": error: " in line), sentence
        )
    unknown = _UNKNOWN.search(sentence)
    if unknown is not None or not sentence:
        if uncollected:
            return uncollected[0]
        if unknown is not None and unknown[1] != "none":
            asked = re.sub(r"^\S+ ", "", sentence.partition(":")[0]).replace("@,", ",").removesuffix("@")
            return f"There is no claim {asked} in {folder}; the claims there are {unknown[1]}."
        if unknown is not None or status == NOTHING_COLLECTED:
            return f"There are no claims in {folder}."
        lines = [line for line in printed.splitlines() if line.strip()]
        return f"The run ended with status {status} and without a report: {lines[-1] if lines else 'it said nothing'}"
    sentence = _OPTION.sub(r"\1=", sentence)
    changed = _CHANGE.sub("", sentence)
    return sentence if changed == sentence else changed[:1].upper() + changed[1:]


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _read(kept: Folder, given: Path) -> dict[str, Result]:
    """Return what was judged, skipped or missed, by id; a RunError where there is no report."""
    try:
        results = stored.read(kept.path)
    except ResultsError as error:
        raise RunError(f"The run left no report that can be read: {error}") from error
    datasets = _datasets(given)
    judged = {
        claim.id: Result(claim, _figures(kept.path, claim), datasets.get(claim.id, {}), kept)
        for claim in results.claims
    }
    for other in (*results.skipped, *results.missing):
        message = f"Claim {other.id} was not judged: {other.reason}"
        record = Record(id=other.id, nodeid=other.nodeid, message=message, outcome="skipped")
        judged.setdefault(other.id, Result(record, (), {}, kept))
    return judged


def _figures(kept: Path, claim: Record) -> tuple[str, ...]:
    """Return a claim's figures; one that cannot be read is left out, as it is no evidence."""
    figures = []
    for name in claim.figures:
        try:
            figures.append(read_ordinary(kept / name).decode("utf-8"))
        except (OSError, ValueError):
            continue
    return tuple(figures)


def _datasets(given: Path) -> dict[str, dict[str, Any]]:
    """Return what the claims saw, by claim and measurement."""
    found: dict[str, dict[str, Any]] = {}
    for file in given.glob(f"*{inside.DESCRIBED}"):
        described = json.loads(read_ordinary(file))
        found[described["id"]] = {
            each["measurement"]: unpack(read_ordinary(given / each["file"]), each["facts"])
            for each in described["datasets"]
        }
    return found
