"""The claims on old and new versions: `nox -s oldest|pinned|latest|nightly|chosen -- [pytest options]`.

This file only makes calls: src/pytest_claims/nightly/ decides what a leg is for and whether it got that. Each leg
leaves legs/NAME/leg.json and legs/NAME/report/.
"""

import os
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "src"))

from pytest_claims.nightly import legs  # noqa: E402 - from src: no leg is installed yet

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["pinned"]


def run(session: nox.Session, leg: str) -> None:
    """Install a leg, check that it got the versions it is for, and run the claims against the pinned baseline."""
    folder = ROOT / "legs" / leg
    record, log = folder / "leg.json", Path(session.create_tmp()) / "pip.log"
    legs.clear(folder)
    constraints = log.with_name("constraints.txt")
    plan = legs.plan(leg, ROOT, os.environ, constraints)
    constraints.write_text(plan.constraints, encoding="utf-8")
    try:
        session.install("--log", str(log), *plan.arguments)
    except CommandFailed:
        got = legs.unavailable(leg, legs.reason_of(log.read_text(encoding="utf-8")), plan.held)
        got.write(record)
        session.skip(" ".join(got.lines))
    if session.run("pytest-claims", "nightly", "check", leg, str(record), "--root", str(ROOT)) is None:
        return  # nox --install-only
    got = legs.Got.read(record)
    if got.state == "not what it is for":
        session.error(got.text)
    if got.state == "nothing new":
        session.skip(got.text)
    baseline = ROOT / "reports" / "baseline" / "pinned.json"
    session.run("python", "-m", "pytest", *legs.pytest_arguments(session.posargs, str(folder / "report"), baseline))


@nox.session
def oldest(session: nox.Session) -> None:
    """Test the lowest versions that pyproject.toml allows."""
    run(session, "oldest")


@nox.session
def pinned(session: nox.Session) -> None:
    """Test the pinned set of constraints.txt."""
    run(session, "pinned")


@nox.session
def latest(session: nox.Session) -> None:
    """Test the newest releases; skipped as "nothing new" where these are the pinned ones."""
    run(session, "latest")


@nox.session
def nightly(session: nox.Session) -> None:
    """Test pre-releases and development versions; fails where it gets none."""
    run(session, "nightly")


@nox.session
def chosen(session: nox.Session) -> None:
    """Test the versions in ATOMIC_CLAIMS_VERSIONS ("numpy==2.2.6,scipy==1.15.3"), and the newest of all others."""
    run(session, "chosen")


@nox.session
def summary(session: nox.Session) -> None:
    """Put a night's legs (the arguments) together: pages and history; exit status 1 when a leg needs attention."""
    session.install("--constraint", "constraints.txt", ".")
    shown = ("--markdown", os.environ["GITHUB_STEP_SUMMARY"]) if "GITHUB_STEP_SUMMARY" in os.environ else ()
    places = ("--history", "legs-history", "--site", "legs/site")
    session.run("pytest-claims", "nightly", "summary", "legs", *session.posargs, *places, *shown)
