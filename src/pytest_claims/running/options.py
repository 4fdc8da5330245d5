"""Options and ini keys, checked before anything is trained, and what a run makes of them.

Options are spelled ``--claims-NAME``, which clashes with no other plugin's. A repository may opt into the short
spellings with ``pytest_plugins = ["pytest_claims.short"]`` in its top conftest.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.errors import FolderError
from pytest_claims.files import read_ordinary
from pytest_claims.folders import ReportFolder
from pytest_claims.running import changes
from pytest_claims.trials.claims import is_look
from pytest_claims.trials.conditions import values_in_words
from pytest_claims.trials.plan import TIMEOUT, Settings, flag
from pytest_claims.vocabulary import (
    DEEP,
    DEFAULT_ENGINE,
    DEFAULT_TIER,
    FEWEST_SEEDS,
    FIRST_LOOK,
    PILOT,
    SMOKE,
    TIERS,
    is_registered,
    registered_stream,
)

FRESH_NUMBERS = 10**9
DRAWN = -1  # not a string: argparse would parse it
#: The plugin that adds the short spellings.
SHORT = "pytest_claims.short"
#: The ini key of a repository whose registered verdicts are provisional.
PROVISIONAL = "claims_provisional"
#: A file that contains this may hold claims.
MENTION = b"pytest_claims"
#: Short options that are followed by a path.
WITH_PATHS = frozenset(
    flag(name, short=True) for name in ("reuse", "report", "baseline", "registrations", "cluster", "ctrf")
)
#: Seconds to wait for workers of a cluster.
CLUSTER_WAIT = 60.0
ASKED = pytest.StashKey[bool]()
#: Set in the configuration of a process that measures for a cluster: it judges and reports nothing.
SERVES = pytest.StashKey[bool]()
_NUMBERS_OF_SEEDS = "32, 64, 128, ... to end there, or 8 or 16 for a quick look"


def add_options(parser: pytest.Parser, *, short: bool = False) -> None:
    """Declare the options, in one of their two spellings; each value is checked where it is parsed."""
    group = parser.getgroup("claims", "claims and their evidence")

    def add(name: str, explained: str, *, read: Callable[[str, str], Any] | None = None, **more: Any) -> None:
        spelled = flag(name, short=short)
        if read is not None:
            more["type"] = partial(read, spelled)
        group.addoption(spelled, dest=f"claims_{name}", help=explained, **more)

    add("seeds", "judge no claim beyond N seeds: 32, 64, 128, ..., or a quick look: 8, 16 (default: as registered)",
        read=_seeds, metavar="N")  # fmt: skip
    add("tier", "smoke: the first look of claims on what is quick to measure; default: each claim's registered seeds; "
        "deep: its deepest look", choices=TIERS, default=DEFAULT_TIER)  # fmt: skip
    add("fresh", "fresh seeds of stream N, disjoint from the registered ones; without N, of a random stream",
        read=_fresh, metavar="N", nargs="?", const=DRAWN)  # fmt: skip
    add(
        "id",
        "only these claims, with their variants: 2.a,4.b; one variant: 4.a@name; without variants: 4.a@",
        read=_ids,
        metavar="ID",
        action="append",
    )
    add("change", "ask the claims under other conditions: layers=1,2,4; needs a report folder of its own",
        read=changes.read, metavar="NAME=VALUES", action="append")  # fmt: skip
    add("reuse", "read trials stored in the report folder DIR of an earlier run", metavar="DIR")
    add("engine", f"framework that trains (default: {DEFAULT_ENGINE})", metavar="NAME")
    add("pilot", "measure pilot seeds and write pilots.json beside the claims", action="store_true")
    add("design", "train nothing; show what each claim's design can detect", action="store_true")
    add("timeout", "time limit for a trial (default: 3600)", read=_timeout, metavar="SECONDS")
    add("report", "folder for index.html, results.json, measurements.csv and figures/ (default: reports/latest)",
        metavar="DIR")  # fmt: skip
    add("registrations", "TOML file of the verdicts that your project expects, instead of the claims' own",
        metavar="FILE")  # fmt: skip
    add("cluster", "measure on a cluster: tcp://HOST:PORT, tls://HOST:PORT, a scheduler file, or local:N; judge here",
        metavar="ADDRESS")  # fmt: skip
    add("cluster_wait", f"seconds to wait for workers of the cluster (default: {CLUSTER_WAIT:g})", read=_wait,
        metavar="SECONDS", default=CLUSTER_WAIT)  # fmt: skip
    add("cluster_ahead", "measure later looks before a claim is known to need them, on workers that would wait",
        action="store_true")  # fmt: skip
    add("baseline", "results.json of an earlier run to compare with; a verdict that changed fails the run",
        metavar="FILE")  # fmt: skip
    add("ctrf", "write all tests as a CTRF file for dashboards; a verdict as registered is passed there",
        metavar="FILE")  # fmt: skip


def add_ini_keys(parser: pytest.Parser) -> None:
    """Declare what a repository may set for all of its runs."""
    parser.addini("claims_report", "folder of the report, relative to the root (default: reports/latest)")
    parser.addini("claims_title", "title of the report's page (default: the name of the repository's folder)")
    parser.addini("claims_workers", "workers for claims where -n is not given: auto (default), or a number")
    parser.addini("claims_timeout", "time limit for a trial in seconds (default: 3600)")
    parser.addini("claims_cluster", "measure on this cluster where -n is not given (default: none)")
    parser.addini("claims_data", "data files that measurements read, as patterns relative to the root; they travel "
                  "to a cluster", type="linelist")  # fmt: skip
    parser.addini("claims_registrations", "TOML file of expected verdicts, relative to the root (default: none)")
    parser.addini("claims_edition", "number of the registered seeds; each has seeds of its own (default: 1)")
    parser.addini(PROVISIONAL, "registrations are provisional: a departure warns (default: false)", type="bool",
                  default=False)  # fmt: skip


# -- values of single options ---------------------------------------------------------------------------------------


def _seeds(spelled: str, text: str) -> int:
    number = whole(text)
    if number is None:
        raise pytest.UsageError(f"{spelled} {text}: give a whole number: {_NUMBERS_OF_SEEDS}.")
    if number < FEWEST_SEEDS:
        raise pytest.UsageError(
            f"{spelled} {number}: below {FEWEST_SEEDS} seeds there is no verdict; a 99 % interval over so few says "
            "next to nothing."
        )
    if not is_look(number):
        raise pytest.UsageError(
            f"{spelled} {number}: claims are judged at {FIRST_LOOK} seeds, then at twice as many, ...; give "
            f"{_NUMBERS_OF_SEEDS}."
        )
    return number


def _fresh(spelled: str, text: str) -> int:
    number = whole(text)
    if number is None or number < 0:
        raise pytest.UsageError(f"{spelled} {text}: give the number of a stream of fresh seeds, as in {spelled}=7.")
    return number


def _ids(spelled: str, text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",")]
    if "" in ids:
        raise pytest.UsageError(f"{spelled} names no claim: write {spelled} 2.a or {spelled} 2.a,7.b.")
    return ids


def _wait(spelled: str, text: str) -> float:
    seconds = _number(text)
    if not 0 <= seconds < inf:
        raise pytest.UsageError(f"{spelled} {text}: give how many seconds to wait for workers.")
    return seconds


def _timeout(spelled: str, text: str) -> float:
    seconds = _number(text)
    if not 0 < seconds < inf:
        raise pytest.UsageError(f"{spelled} {text}: give the time limit for a trial in seconds, above 0.")
    return seconds


def _number(text: str) -> float:
    """Return a number; nan, which no bound holds for, where the text is none."""
    try:
        return float(text)
    except ValueError:
        return nan


def _edition(config: pytest.Config) -> int:
    text = _compat.ini_text(config, "claims_edition", numbers=True) or "1"
    number = whole(text)
    if number is None or number < 1:
        raise pytest.UsageError(f"claims_edition = {text}: give a whole number, at least 1.")
    return number


def _ini_timeout(config: pytest.Config) -> float:
    return _timeout("claims_timeout", _compat.ini_text(config, "claims_timeout", numbers=True) or str(TIMEOUT))


def whole(text: str) -> int | None:
    """Return a whole number, None where the text is none."""
    try:
        return int(text)
    except ValueError:
        return None


# -- all of them together -------------------------------------------------------------------------------------------


def read(config: pytest.Config) -> Settings:
    """Return the settings; a UsageError where options contradict each other or name what does not exist."""
    option, short = config.option, config.pluginmanager.hasplugin(SHORT)
    if option.claims_fresh == DRAWN:
        option.claims_fresh = uuid.uuid4().int % FRESH_NUMBERS
    _check_together(option, partial(flag, short=short))
    stream = (
        PILOT if option.claims_pilot
        else registered_stream(_edition(config)) if option.claims_fresh is None
        else f"fresh-{option.claims_fresh}"
    )  # fmt: skip
    report = report_folder(config)
    usual = report.resolve() == _usual_folder(config).resolve()
    if option.claims_change and (usual or changes.holds_registered(report)):
        raise pytest.UsageError(
            f"{flag('change', short=short)}: a changed claim must not replace the report of the registered ones; give "
            f"it a folder of its own with {flag('report', short=short)} DIR."
        )
    registrations, shown = _registrations(config, flag("registrations", short=short))
    return Settings(
        seeds=option.claims_seeds,
        stream=stream,
        tier=option.claims_tier,
        pilot=option.claims_pilot,
        design=option.claims_design,
        engine=option.claims_engine or DEFAULT_ENGINE,
        selected=tuple(name for names in option.claims_id or () for name in names),
        reuse=_reused(config, flag("reuse", short=short)),
        timeout=option.claims_timeout or _ini_timeout(config),
        provisional=bool(config.getini(PROVISIONAL)),
        registrations=registrations,
        shown_registrations=shown,
        change=dict(option.claims_change or ()),
        folder=report / "trials",
        run=f"run-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}",
        short=short,
    )


def _check_together(option: Any, spelled: Callable[[str], str]) -> None:
    """Refuse options that contradict each other."""
    tier = option.claims_tier != DEFAULT_TIER
    if tier and option.claims_seeds is not None:
        raise pytest.UsageError(
            f"{spelled('seeds')} {option.claims_seeds} and {spelled('tier')} {option.claims_tier} contradict each "
            "other: both say where looks end."
        )
    modes = {"pilot": option.claims_pilot, "fresh": option.claims_fresh is not None, "tier": tier}
    chosen = [spelled(name) for name, active in modes.items() if active]
    if option.claims_pilot and len(chosen) > 1:
        raise pytest.UsageError(f"{' and '.join(chosen)} contradict each other: pilots have seeds of their own.")
    if option.claims_design and (option.claims_pilot or option.claims_fresh is not None):
        raise pytest.UsageError(f"{spelled('design')} trains nothing, so it cannot be combined with {chosen[0]}.")

    changes.check_together(option, spelled)


def check_plugins(config: pytest.Config) -> None:
    """Raise a UsageError where a plugin of pytest is turned off that a run with claims needs."""
    if config.pluginmanager.is_blocked("skipping"):
        raise pytest.UsageError(
            "-p no:skipping: a claim that is refuted or inconclusive, as registered, is an expected failure, which "
            "needs this plugin of pytest; run claims without this option."
        )


def _reused(config: pytest.Config, spelled: str) -> Path | None:
    path: str | None = config.option.claims_reuse
    if path is None:
        return None
    folder = Path(config.invocation_params.dir) / path
    if not (folder / "trials").is_dir():
        raise pytest.UsageError(f"{spelled} {path}: there are no stored trials; {path}/trials does not exist.")
    return folder / "trials"


def _registrations(config: pytest.Config, spelled: str) -> tuple[Path | None, str]:
    """Return the file of expected verdicts, and how the user names it; None where there is none."""
    path: str | None = config.option.claims_registrations
    file = config.invocation_params.dir / path if path else None
    if file is None:
        path = _compat.ini_text(config, "claims_registrations")
        file, spelled = (config.rootpath / path if path else None), "claims_registrations ="
    if file is None or path is None:
        return None, ""
    if not file.is_file():
        raise pytest.UsageError(f"{spelled} {path}: there is no such file.")
    return file, path


def report_folder(config: pytest.Config) -> Path:
    """Return the report folder: that of the option, else that of the ini file, else reports/latest."""
    path: str | None = config.option.claims_report
    return Path(config.invocation_params.dir) / path if path else _usual_folder(config)


def _usual_folder(config: pytest.Config) -> Path:
    return config.rootpath / (_compat.ini_text(config, "claims_report") or Path("reports") / "latest")


def read_baseline(config: pytest.Config, spelled: str) -> Any:
    """Return the earlier run to compare with; None without the option."""
    path: str | None = config.option.claims_baseline
    if not path:
        return None
    from pytest_claims.drift import read_baseline as read_file
    from pytest_claims.errors import ResultsError

    file = config.invocation_params.dir / path
    try:
        return read_file(file)
    except ResultsError as error:
        raise pytest.UsageError(f"{spelled} {path}: {str(error).replace(str(file), path)}") from error


def shown_folder(config: pytest.Config, folder: Path) -> str:
    """Return the report folder as the user spells it, or as seen from the root."""
    root = config.rootpath
    return str(config.option.claims_report or (folder.relative_to(root) if folder.is_relative_to(root) else folder))


def files_beside(config: pytest.Config) -> list[Path]:
    """Return the files that this run writes beside its report: JUnit's, the report log, CTRF's."""
    named = (config.getoption(name, None) for name in ("xmlpath", "report_log", "claims_ctrf"))
    return [config.invocation_params.dir / name for name in named if name]


def take(place: ReportFolder, *, only_check: bool = False) -> None:
    """Take the report folder for this run, before anything is trained; a UsageError where this may not be.

    With ``only_check`` it is left as it is: before anything is collected nobody knows whether there are claims.
    """
    try:
        place.check() if only_check else place.take()
    except FolderError as error:
        raise pytest.UsageError(str(error)) from error


def header(settings: Settings) -> list[str]:
    """Say how a run differs from the registered one; nothing where it does not."""
    modes = {
        f"seeds: at most {settings.seeds}": settings.seeds is not None,
        "tier: smoke, the first look of claims on what is quick to measure": settings.tier == SMOKE,
        "tier: deep, to each claim's deepest look": settings.tier == DEEP,
        f"stream: {settings.stream}": not is_registered(settings.stream),
        f"engine: {settings.engine}": settings.engine != DEFAULT_ENGINE,
        f"verdicts expected by {settings.shown_registrations}": settings.registrations is not None,
        f"conditions changed: {values_in_words(settings.change)}": bool(settings.change),
        "trials of an earlier run are reused": settings.reuse is not None,
    }
    chosen = [words for words, active in modes.items() if active]
    return [f"claims: {'; '.join(chosen)}"] if chosen else []


# -- does this call ask for claims? ---------------------------------------------------------------------------------


def only_looks(config: pytest.Config) -> bool:
    """Whether this call runs nothing: --help, --collect-only and the like."""
    names = ("help", "version", "collectonly", "showfixtures", "show_fixtures_per_test", "markers", "setuponly",
             "setupplan", "cacheshow")  # fmt: skip
    return any(config.getoption(name, False) for name in names)


def asks_for_claims(config: pytest.Config) -> bool:
    """Whether this call may run claims: a test file under its arguments, or testpaths, mentions this library.

    Known before anything is collected, because workers and folders depend on it. Looked up once in a session.
    """
    if ASKED not in config.stash:
        config.stash[ASKED] = not only_looks(config) and any(map(_mentions, _test_files(config)))
    return config.stash[ASKED]


def _mentions(path: Path) -> bool:
    try:
        return MENTION in read_ordinary(path)
    except OSError:
        return False


def _test_files(config: pytest.Config) -> Iterator[Path]:
    """Return the files that pytest would collect, judging by their names."""
    patterns: Sequence[str] = config.getini("python_files")
    skipped: Sequence[str] = config.getini("norecursedirs")
    left_out = _left_out(config)
    for argument in config.args:
        start = config.invocation_params.dir / str(argument).partition("::")[0]
        if start.is_file() and not left_out(start, named=True):
            yield start
        for folder, below, names in os.walk(start):
            below[:] = sorted(
                name
                for name in below
                if not any(fnmatch(name, pattern) for pattern in skipped)
                and not Path(folder, name, "pyvenv.cfg").exists()
                and not left_out(Path(folder, name))
            )
            for name in names:
                path = Path(folder, name)
                if name.endswith(".py") and any(fnmatch(name, pattern) for pattern in patterns) and not left_out(path):
                    yield path


def _left_out(config: pytest.Config) -> Callable[..., bool]:
    """Return whether --ignore, --ignore-glob or --deselect leaves out a whole file or folder.

    As in pytest, the first two do not concern what an argument names itself, and a file is deselected by the beginning
    of its node id.
    """
    here = config.invocation_params.dir
    ignored = {os.path.normpath(here / path) for path in config.getoption("ignore", None) or ()}
    globs = [os.path.normpath(here / pattern) for pattern in config.getoption("ignore_glob", None) or ()]
    deselected = tuple(config.getoption("deselect", None) or ())

    def left_out(path: Path, *, named: bool = False) -> bool:
        spelled = os.path.normpath(path)
        if not named and (spelled in ignored or any(fnmatch(spelled, pattern) for pattern in globs)):
            return True
        return bool(deselected) and Path(os.path.relpath(spelled, config.rootpath)).as_posix().startswith(deselected)

    return left_out
