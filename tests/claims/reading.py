"""Reads claim files for the tests of their prose: claims, measurements, prose, numbers."""

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from benchmarks.declared import of_fixture
from pytest_claims import training
from pytest_claims.trials.claims import MARK

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "claims").glob("test_*.py"))
#: The arguments of a claim and of a variant that are prose.
PROSE = ("reason", "departs", "departures", "text")
ID = re.compile(r"(?<![\w.])\d+\.[a-z](?:@[\w-]*\w)?(?!\w)")
NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?P<percent> %)?|(?<![\w.])\.\d+")
REFERENCE = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class ClaimFile:
    """A claim file: ``source`` is its text."""

    path: Path
    source: str

    @cached_property
    def module(self):
        """The module, imported."""
        return importlib.import_module(f"claims.{self.path.stem}")

    @cached_property
    def tree(self):
        """The syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def claims(self):
        """Each claim and variant, with the function that judges it."""
        functions = [function for function in vars(self.module).values() if hasattr(function, "pytestmark")]
        return [(claim, function) for function in functions for claim in claims_of(function)]

    def measurements_of(self, function):
        """Return the measurements that a claim's function asks for, by name, as they are declared."""
        known = {name: getattr(self.module, name, None) for name in inspect.signature(function).parameters}
        declared = {name: of_fixture(value) for name, value in known.items()}
        return {name: measurement for name, measurement in declared.items() if measurement is not None}

    @cached_property
    def prose_nodes(self):
        """The expressions that are prose: docstrings, and the texts, reasons and departures of claims and variants."""
        nodes = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
                nodes.append(node.body[0].value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {MARK, "variant"}:
                nodes += [keyword.value for keyword in node.keywords if keyword.arg in PROSE]
                nodes += node.args[1:2]
            if isinstance(node, ast.Dict):  # arguments that several variants share
                named = zip(node.keys, node.values, strict=True)
                nodes += [value for key, value in named if isinstance(key, ast.Constant) and key.value in PROSE]
        names = {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        shared = [
            node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in names
        ]
        return [*nodes, *shared]

    @cached_property
    def prose(self):
        """All prose, without the numbers that a run fills in."""
        return [REFERENCE.sub("", text) for node in self.prose_nodes for text in _strings(node)]

    @cached_property
    def numbers(self):
        """The numbers of the code: of the file, published values too, of its datasets and helpers, of training."""
        prose = {id(inner) for node in self.prose_nodes for inner in ast.walk(node)}
        code = (node for node in ast.walk(self.tree) if id(node) not in prose)
        return numbers_of(code) | settings_of(self.module)


def claim_files():
    """Return all claim files."""
    return [ClaimFile(path, path.read_text(encoding="utf-8")) for path in PATHS]


def claims_of(function):
    """Return the claims that a function's marks declare."""
    rows = [row for mark in function.pytestmark if mark.name == "parametrize" for row in mark.args[1]]
    marks = [*function.pytestmark, *(mark for row in rows for mark in row.marks)]
    return [mark.args[0] for mark in marks if mark.name == MARK]


def settings_of(module):
    """Return the numbers that a claim file uses without writing them: of datasets, helpers and training's defaults."""
    share = inspect.signature(training.mixture).parameters["test"].default
    defaults = inspect.signature(training.train).parameters
    numbers = {defaults["rate"].default, defaults["batch"].default, round(100 * share), round(100 * (1 - share))}
    helpers = {value.__module__ for value in vars(module).values() if inspect.isfunction(value)}
    used = {"fixtures.datasets", "pytest_claims.training.datasets"}
    used |= {name for name in helpers if name.startswith(("fixtures.", "claims.")) and name != module.__name__}
    for name in used:
        source = Path(importlib.import_module(name).__file__).read_text(encoding="utf-8")
        tree = ast.parse(source)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None
        }
        numbers |= numbers_of(node for node in ast.walk(tree) if id(node) not in docstrings)
    return numbers


def numbers_of(nodes):
    """Return the numbers among syntax nodes, and those written in their strings."""
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    numbers = {abs(value) for value in constants if isinstance(value, int | float)}
    return numbers | {value for text in constants if isinstance(text, str) for value, _ in numbers_in(text)}


def numbers_in(text):
    """Return the numbers written in a text, each with whether it is a percentage: "1,171" is 1171."""
    return [
        (float(match[0].removesuffix(" %").replace(",", "")), match["percent"] is not None)
        for match in NUMBER.finditer(text)
    ]


def strange_numbers(file):
    """Return the numbers in a file's prose that its code does not have; ids of claims do not count."""
    known = {float(number) for number in file.numbers}
    return [
        value
        for text in file.prose
        for value, percent in numbers_in(ID.sub("", text))
        if value not in known and not (percent and value / 100 in known)
    ]


def _strings(node):
    return [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)]


EVERY_FILE = pytest.mark.parametrize("file", claim_files(), ids=lambda file: file.path.stem)
