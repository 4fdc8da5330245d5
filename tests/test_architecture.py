"""The rooms of the library and the arrows between them, as docs/architecture.md draws them: no circles."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_claims

LIBRARY = Path(pytest_claims.__file__).parent

#: From the ground up. A module may import what lies on a lower floor, and its own room; what else it may is below.
FLOORS = (
    ("vocabulary", "errors", "files", "folders", "environment", "outcomes", "_compat"),
    ("vocabulary", "errors", "files", "environment", "outcomes", "stored", "_compat"),
    ("trials", "training", "inference"),
    ("record", "results", "drift"),
    ("running", "cluster", "report", "nightly"),
    ("hooks", "plugin", "short", "cli", "scaffold", "notebook", "__main__"),
    ("",),  # pytest_claims itself, which loads its public names when they are used
)
#: Arrows on one floor.
BESIDE = {
    ("errors", "vocabulary"),
    ("_compat", "vocabulary"),
    ("outcomes", "errors"),
    ("outcomes", "vocabulary"),
    ("files", "vocabulary"),
    ("folders", "errors"),
    ("folders", "files"),
    ("stored", "errors"),
    ("stored", "files"),
    ("results", "record"),
    ("drift", "record"),
    ("drift", "results"),
    ("nightly", "report"),
    ("cluster", "running"),
    ("plugin", "hooks"),
    ("cli", "scaffold"),
    ("__main__", "cli"),
}
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    """Return the room of a module's dotted name: the part behind ``pytest_claims``."""
    return [*module.split("."), ""][1]


def imports() -> dict[str, set[str]]:
    """Return what each module imports of this library, wherever in the file, type-only imports included."""
    files = {}
    for path in LIBRARY.rglob("*.py"):
        parts = ("pytest_claims", *path.relative_to(LIBRARY).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {}
    for module, path in files.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path.name} has a relative import"
                names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        found[module] = {name for name in names if name in files and name != module}
    return found


IMPORTS = imports()


def test_every_module_has_a_room_on_a_floor():
    """A new top-level module must be given its place, here and in docs/architecture.md."""
    assert {room_of(module) for module in IMPORTS} == set(FLOOR)


def test_arrows_point_down():
    """What a module imports lies below it, in its own room, or is one of the few neighbours named above."""
    wrong = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in others
        if (here := room_of(module)) != (there := room_of(other))
        and there  # the package itself, imported for a submodule
        and FLOOR[there] >= FLOOR[here]
        and (here, there) not in BESIDE
    ]

    assert wrong == []


def test_there_are_no_circles():
    """Not even where an import is for types alone or stands inside a function."""
    state: dict[str, int] = {}
    circles = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        state[module] = 1
        for other in sorted(IMPORTS[module]):
            if f"{module}.".startswith(f"{other}.") or f"{other}.".startswith(f"{module}."):
                continue  # a package and its parts
            if state.get(other) == 1:
                circles.append(" -> ".join((*path[path.index(other) :], other) if other in path else (*path, other)))
            elif other not in state:
                visit(other, (*path, other))
        state[module] = 2

    for module in sorted(IMPORTS):
        if module not in state:
            visit(module, (module,))

    assert circles == []


@pytest.mark.parametrize(
    "module, absent",
    [
        ("pytest_claims", ("numpy", "scipy", "xarray", "torch", "pytest")),
        (
            "pytest_claims.plugin",
            ("numpy", "scipy", "xarray", "torch", "sklearn", "matplotlib", "jinja2", "filelock", "jsonschema"),
        ),
        ("pytest_claims.cluster.starting", ("distributed", "dask", "torch", "matplotlib")),
        ("pytest_claims.inference", ("pytest", "torch", "sklearn", "matplotlib")),
        ("pytest_claims.training", ("pytest", "torch", "sklearn", "jax", "matplotlib")),
        ("pytest_claims.cli", ("numpy", "torch", "matplotlib", "jsonschema")),
        ("pytest_claims.results", ("numpy", "jsonschema")),
        ("pytest_claims.notebook", ("torch", "sklearn", "matplotlib", "IPython")),
    ],
)
def test_what_an_import_must_not_load(module, absent):
    """A room keeps out what it does not know, really: looked up in a fresh process."""
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_document_names_every_room():
    """docs/architecture.md has a row for each room."""
    text = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")

    assert [room for room in FLOOR if room and f"`{room}" not in text] == []


def test_the_public_names_are_those_of_inference_and_of_declarations():
    """They stand in three places: what `pytest_claims` offers, what type checkers see of it, and `inference`."""
    tree = ast.parse((LIBRARY / "__init__.py").read_text(encoding="utf-8"))
    typed = [alias.name for node in tree.body if isinstance(node, ast.If) for line in node.body for alias in line.names]
    inference = importlib.import_module("pytest_claims.inference")

    assert sorted(pytest_claims.__all__) == sorted([*inference.__all__, "claim", "measurement", "run", "variant"])
    assert sorted(pytest_claims.__all__) == sorted(typed)
    assert all(getattr(pytest_claims, name) is getattr(inference, name) for name in inference.__all__)
