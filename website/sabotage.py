"""What breaks an experiment, read from the tests that do it: their docstrings begin with the experiment's number."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from website.documents import ROOT

#: "2: if ..." is about experiment 2, "10.h: if ..." and "1.a is ..." are about one of its claims.
ABOUT = re.compile(r"(?:(?P<experiment>\d+): |(?P<claim>(?P<number>\d+)\.[a-z])(?P<colon>:)? )(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True)
class Sabotage:
    """A test that takes a mechanism out of the training run."""

    text: str  # what is changed and what is lost
    file: str
    test: str

    @property
    def command(self) -> str:
        """The command that runs it."""
        return f"pytest {self.file} -m slow -k {self.test}"


def sabotages(folder: Path = ROOT / "tests" / "sabotage") -> dict[str, list[Sabotage]]:
    """Return the sabotages of each experiment, by its number."""
    found: dict[str, list[Sabotage]] = {}
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            first = (ast.get_docstring(node) or "").partition("\n\n")[0]
            about = ABOUT.fullmatch(" ".join(first.split()))
            if about:
                text = about["rest"][:1].upper() + about["rest"][1:]
                if about["claim"]:
                    text = f"{about['claim']}: {text}" if about["colon"] else about[0]
                name = path.relative_to(folder.parents[1]).as_posix()
                found.setdefault(about["experiment"] or about["number"], []).append(Sabotage(text, name, node.name))
    return found
