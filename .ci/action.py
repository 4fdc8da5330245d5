"""The steps of action.yml: `python action.py install|run|badge`.

The inputs come as environment variables. They are split as a shell would split them, and none is ever run by a shell.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: pytest's status where it was asked for something that it cannot do.
USAGE = 4


def install(given: Mapping[str, str]) -> list[str]:
    """Return the command that installs this library, from the action's own commit, and what the inputs name."""
    command = [sys.executable, "-m", "pip", "install"]
    command += [*_option(given, "--requirement", "requirements"), *_option(given, "--constraint", "constraints")]
    if given.get("CLAIMS_LIBRARY", "true").lower() != "false":
        extras = given.get("CLAIMS_EXTRAS", "").replace(" ", "")
        command.append(f"{ROOT}[{extras}]" if extras else str(ROOT))
    return [*command, *shlex.split(given.get("CLAIMS_INSTALL", ""))]


def run(given: Mapping[str, str]) -> list[str]:
    """Return the command that runs the claims and writes all files into the report folder."""
    report = given["CLAIMS_REPORT"]
    command = [sys.executable, "-m", "pytest", *shlex.split(given["CLAIMS_PATH"]), "--claims-report", report]
    command += [f"--junit-xml={report}/junit.xml", f"--claims-ctrf={report}/ctrf.json"]
    for option in ("baseline", "registrations"):
        command += _option(given, f"--claims-{option}", option)
    return [*command, *shlex.split(given.get("CLAIMS_ARGS", ""))]


def badge(given: Mapping[str, str]) -> list[str]:
    """Return the command that writes the badge; none where the run left no results."""
    report = Path(given["CLAIMS_REPORT"])
    if not (report / "results.json").exists():
        return []
    return [sys.executable, "-m", "pytest_claims", "badge", str(report), "--output", str(report / "badge.json")]


def _option(given: Mapping[str, str], option: str, name: str) -> list[str]:
    value = given.get(f"CLAIMS_{name.upper()}", "").strip()
    return [option, value] if value else []


def main(step: str) -> int:
    """Run a step and return its exit status."""
    try:
        command = {"install": install, "run": run, "badge": badge}[step](os.environ)
    except ValueError as error:  # of shlex
        print(f"An input of the action cannot be split into arguments: {error}.", file=sys.stderr)  # noqa: T201
        return USAGE
    return subprocess.run(command, check=False).returncode if command else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
