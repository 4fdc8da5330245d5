"""Options of the command line, checked before anything is trained, and what a run makes of them."""

import json
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_claims.trials.plan import DURATIONS, TIMEOUT, Settings
from pytest_claims.vocabulary import DEFAULT_ENGINE, FEWEST_SEEDS, LOOKS, PILOT, REGISTERED

FRESH_NUMBERS = 10**9


def add_options(parser: pytest.Parser) -> None:
    """Declare the options; their values are checked in ``read``, so that each gives one plain sentence."""
    group = parser.getgroup("claims", "claims and their evidence")
    group.addoption("--seeds", metavar="N", help="seeds for every claim, a multiple of 8 (default: as registered)")
    group.addoption(
        "--fresh", metavar="N", nargs="?", const="drawn", help="fresh seeds of stream N, disjoint from the registered"
    )
    group.addoption("--sequential", action="store_true", help="look at 8, 16, 32, 64 seeds; stop at a decision")
    group.addoption("--claim", metavar="ID", action="append", default=[], help="only these claims: 2.a,4.a@name")
    group.addoption("--reuse", metavar="DIR", help="read trials stored in the report folder DIR of an earlier run")
    group.addoption("--engine", metavar="NAME", default=DEFAULT_ENGINE, help="framework that trains (default: torch)")
    group.addoption("--pilot", action="store_true", help="measure pilot seeds and write claims/pilots.json")
    group.addoption("--design", action="store_true", help="train nothing; tell what each claim's design can detect")
    group.addoption(
        "--trial-timeout", dest="trial_timeout", metavar="SECONDS", default=str(TIMEOUT), help="longest time of a trial"
    )


def read(config: pytest.Config) -> Settings:
    """Return the settings; a UsageError where an option's value will not do."""
    option = config.option
    option.seeds = _seeds(option.seeds, sequential=option.sequential)
    option.fresh = _fresh(option.fresh)
    option.trial_timeout = _timeout(option.trial_timeout)
    option.claim = [part.strip() for given in option.claim for part in str(given).split(",")]
    if "" in option.claim:
        raise pytest.UsageError("--claim names no claim: write --claim 2.a or --claim 2.a,7.b.")
    _exclusive(option)
    stream = PILOT if option.pilot else REGISTERED if option.fresh is None else f"fresh-{option.fresh}"
    return Settings(
        seeds=option.seeds,
        stream=stream,
        sequential=option.sequential,
        pilot=option.pilot,
        design=option.design,
        engine=option.engine,
        selected=tuple(option.claim),
        reuse=_reused(config),
        timeout=option.trial_timeout,
        folder=_report_folder(config) / "trials",
        run=f"run-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}",
    )


def _seeds(given: Any, *, sequential: bool) -> int | None:
    if given is None or isinstance(given, int):
        return given
    number = _whole(given)
    if number is None:
        raise pytest.UsageError(f"--seeds {given}: give a whole number, a multiple of 8.")
    if number < FEWEST_SEEDS:
        raise pytest.UsageError(
            f"--seeds {number}: below 8 seeds there is no verdict, a 99 % interval over so few says next to nothing."
        )
    if number % FEWEST_SEEDS:
        below, above = number - number % FEWEST_SEEDS, number - number % FEWEST_SEEDS + FEWEST_SEEDS
        raise pytest.UsageError(
            f"--seeds {number}: seeds train in blocks of 8, so give a multiple of 8, such as {below} or {above}."
        )
    if sequential and number not in LOOKS:
        looks = ", ".join(map(str, LOOKS))
        raise pytest.UsageError(f"--seeds {number}: with --sequential it is the last look, one of {looks}.")
    return number


def _fresh(given: Any) -> int | None:
    if given is None or isinstance(given, int):
        return given
    if given == "drawn":
        return uuid.uuid4().int % FRESH_NUMBERS
    number = _whole(given)
    if number is None or number < 0:
        raise pytest.UsageError(f"--fresh {given}: give the number of a stream of fresh seeds, as in --fresh=7.")
    return number


def _timeout(given: Any) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(f"--trial-timeout {given}: give the longest time of a trial in seconds, above 0.")
    return seconds


def _whole(given: str) -> int | None:
    try:
        return int(given)
    except ValueError:
        return None


def _exclusive(option: Any) -> None:
    """Refuse options that contradict each other."""
    modes = {"--pilot": option.pilot, "--fresh": option.fresh is not None, "--sequential": option.sequential}
    chosen = [name for name, given in modes.items() if given]
    if option.pilot and len(chosen) > 1:
        raise pytest.UsageError(f"{' and '.join(chosen)} contradict each other: pilots have seeds of their own.")
    if option.design and (option.pilot or option.fresh is not None):
        raise pytest.UsageError(f"--design trains nothing, so {chosen[0]} has no meaning beside it.")


def _reused(config: pytest.Config) -> Path | None:
    given: str | None = config.option.reuse
    if given is None:
        return None
    folder = Path(config.invocation_params.dir) / given
    if not (folder / "trials").is_dir():
        raise pytest.UsageError(f"--reuse {given}: there are no stored trials, that is no folder {given}/trials.")
    return folder / "trials"


def _report_folder(config: pytest.Config) -> Path:
    given = config.getoption("report_folder", None)
    if given:
        return Path(config.invocation_params.dir) / str(given)
    return config.rootpath / "reports" / "latest"


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written, before anything is trained; leave no trace where it can."""
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"claims")
    except OSError as error:
        raise pytest.UsageError(f"The folder {folder} cannot be written: {error.strerror}; see --report.") from error
    finally:
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def may_measure(config: pytest.Config) -> bool:
    """Whether this call may train: it runs tests, and not those of the machinery alone."""
    names = ("help", "version", "collectonly", "showfixtures", "markers", "setuponly", "setupplan", "design")
    if any(config.getoption(name, False) for name in names):
        return False
    own = config.rootpath / "tests"
    asked = (config.invocation_params.dir / str(argument).partition("::")[0] for argument in config.args)
    return any(not path.resolve().is_relative_to(own) for path in asked)


def read_durations(folder: Path) -> dict[str, float]:
    """Return the seconds of an earlier run's trials by their shape."""
    try:
        found = json.loads((folder / DURATIONS).read_text(encoding="utf-8"))
        return {str(shape): float(seconds) for shape, seconds in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def header(settings: Settings) -> list[str]:
    """Say in what way a run is not the registered one; nothing where it is."""
    modes = {
        f"seeds: {settings.seeds} for every claim": settings.seeds is not None,
        f"stream: {settings.stream}": settings.stream != REGISTERED,
        "sequential: looks at 8, 16, 32, 64 seeds": settings.sequential,
        f"engine: {settings.engine}": settings.engine != DEFAULT_ENGINE,
    }
    if settings.reuse is not None:
        modes["trials of an earlier run are reused"] = True
    chosen = [words for words, given in modes.items() if given]
    return [f"claims: {'; '.join(chosen)}"] if chosen else []
