"""Use the wheel outside this clone: `python .ci/foreign.py WHEEL`; prints what is wrong, exit status 1.

The wheel holds one package. A new environment outside the clone gets it with scikit-learn and xdist, and no torch.
There `pytest-claims new` starts a folder of claims. It runs on two workers, again from stored trials, then beside a
claim whose measurement kills its process, and last under the oldest pytest that the library promises to work with.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "pytest_claims"
OLDEST_PYTEST = "8.4.0"  # the lower bound in pyproject.toml
FIRST = "scale.a"  # the claim that `pytest-claims new` writes
CRASH = '''"""What happens to a run if a measurement kills its process?"""

import os

from pytest_claims import at_least, claim, measurement


@measurement
def deadly(seeds):
    for generator in seeds.generator("data"):
        generator.random()
    os._exit(9)


@claim("crash.a", "A process that ends itself has a result")
def test_crash(deadly):
    return at_least(deadly.result, 1)
'''


class ForeignError(Exception):
    """Says what is wrong, in a sentence or with a program's output."""


def check(condition: object, problem: str) -> None:
    """Raise a ForeignError that names the problem, unless the condition holds."""
    if not condition:
        raise ForeignError(problem)


def check_contents(wheel: Path) -> None:
    """Check that the wheel holds our package alone, with the files that are not Python."""
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0] for name in names}
    others = {folder for folder in folders if folder != PACKAGE and not folder.endswith(".dist-info")}
    check(not others, f"the wheel also holds {', '.join(sorted(others))}")
    for name in ("py.typed", "first_claim.py.txt", "report/templates/report.html", "schemas/results-1.json"):
        check(f"{PACKAGE}/{name}" in names, f"the wheel lacks {name}")


class ForeignFolder:
    """A folder outside the clone, with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.environment = folder / "lab", folder / "environment"
        self.folder.mkdir()
        venv.create(self.environment, with_pip=True)

    def run(self, command: str, *arguments: str, status: int = 0) -> str:
        """Run one of the environment's programs in the folder; return its output. Another exit status is an error."""
        print(f"$ {shlex.join([command, *arguments])}", flush=True)  # noqa: T201 - a command's output
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        path = f"{self.environment / 'bin'}{os.pathsep}{clean['PATH']}"
        ended = subprocess.run(
            [self.environment / "bin" / command, *arguments],
            cwd=self.folder, env={**clean, "PATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        check(ended.returncode == status, f"ended with {ended.returncode}, not {status}:\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def report(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the claims of a report by id; check that page and results.json are complete."""
        folder = self.folder / "reports" / name
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        page = (folder / "index.html").read_text(encoding="utf-8")
        claims = {claim["id"]: claim for claim in results["claims"]}
        check((results["schema"], results["complete"]) == (1, True), f"reports/{name} is incomplete or not of schema 1")
        check('class="figure"' in page, f"the page of reports/{name} shows no figure")
        check(all(f'id="{claim}"' in page for claim in claims), f"the page of reports/{name} lacks a claim")
        return claims


def use(wheel: Path, foreign: ForeignFolder) -> None:
    """Install, start a folder of claims, run it four times."""
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt"))
    foreign.run("python", *install, f"{wheel}[sklearn,xdist]")
    check(
        "torch" not in foreign.run("python", "-m", "pip", "list").split(), "torch was installed, and no extra needs it"
    )

    foreign.run("pytest-claims", "new", "my_claims")
    foreign.run("pytest", "my_claims/", "-n", "2")
    first = foreign.report("latest")[FIRST]
    check((first["verdict"], first["seeds"]) == ("supported", 32), f"{FIRST} is {first['verdict']}: {first['message']}")
    check(not first["reused"], f"{FIRST} reused trials in its first run")

    foreign.run(
        "pytest", "my_claims/", "-n", "2", "--claims-reuse", "reports/latest", "--claims-report", "reports/again"
    )
    again = foreign.report("again")[FIRST]
    check(again["reused"], f"{FIRST} was measured again although its trials are stored")
    check(again["interval"] == first["interval"], f"{FIRST} has a different interval from stored trials")

    (foreign.folder / "my_claims" / "test_crash.py").write_text(CRASH, encoding="utf-8")
    foreign.run("pytest", "my_claims/", "-n", "2", "--claims-report", "reports/crash", status=1)
    claims = foreign.report("crash")
    check(claims["crash.a"]["verdict"] == "error", f"crash.a is {claims['crash.a']['verdict']}, not an error")
    check("died" in claims["crash.a"]["message"], f"crash.a does not say what happened: {claims['crash.a']['message']}")
    check(claims[FIRST]["verdict"] == "supported", f"{FIRST} is {claims[FIRST]['verdict']} beside a crash")

    foreign.run("python", *install[:4], f"pytest=={OLDEST_PYTEST}")
    foreign.run("pytest", "my_claims/test_first_claim.py", "-n", "2", "--claims-report", "reports/old")
    old = foreign.report("old")[FIRST]
    check(old["interval"] == first["interval"], f"{FIRST} has another interval under pytest {OLDEST_PYTEST}")


def main(wheel: Path) -> int:
    """Return the exit status."""
    try:
        check_contents(wheel)
        with tempfile.TemporaryDirectory() as folder:
            use(wheel.resolve(), ForeignFolder(Path(folder)))
    except ForeignError as problem:
        print(f"foreign: {problem}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    print("The wheel works in a foreign folder.")  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
