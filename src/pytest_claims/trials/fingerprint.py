"""The name of a stored trial: a hash of everything that its numbers depend on.

Source is hashed as a syntax tree without docstrings and claims. New comments, prose or margins leave stored trials
valid; a changed measurement does not.
"""

import ast
import hashlib
import json
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pytest_claims.environment import processor

LIBRARY = Path(__file__).parents[1]
#: What of this library trials' numbers depend on; the rest judges and shows.
MEASURES = (*sorted((LIBRARY / "training").rglob("*.py")), LIBRARY / "inference" / "stacking.py")
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")
ENGINE_LIBRARIES = {"jax": ("jax", "jaxlib")}


def digest(content: Any) -> str:
    """Hash JSON-like content; what JSON cannot hold is hashed by its repr."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()


@lru_cache(maxsize=256)
def source(file: Path, root: Path, modified: float) -> str:  # noqa: ARG001 - the time makes the cache notice edits
    """Hash a module and all modules below ``root`` that it imports, directly or not."""
    seen: dict[Path, str] = {}
    todo = [file]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen[path], imported = _parsed(path, root, path.stat().st_mtime)
            todo += imported
    return digest(sorted(seen.values()))


@lru_cache(maxsize=1024)
def _parsed(path: Path, root: Path, modified: float) -> tuple[str, tuple[Path, ...]]:  # noqa: ARG001 - the cache notices edits by it
    """Hash one module and find what it imports; cached, since most are imported by many."""
    tree = _tree(path)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(_imported(tree, path, root))


def _tree(path: Path) -> ast.Module:
    """Parse a module; drop docstrings and claims."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_claim(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return tree


def _is_claim(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    names = (decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list)
    return any((name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) == "claim" for name in names)


def _imported(tree: ast.Module, path: Path, root: Path) -> Iterable[Path]:
    """Find the files below ``root`` that a module imports; of a package, all modules."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for name in sorted(names):
        parts = name.split(".")
        for base in {root, path.parent}:
            if (base / parts[0]).is_dir() and (base / parts[0] / "__init__.py").exists() and parts[0] != "claims":
                yield from sorted((base / parts[0]).rglob("*.py"))
            file = base.joinpath(*parts).with_suffix(".py")
            if file.exists():
                yield file


def source_of(file: Path, root: Path, shared: Iterable[Path]) -> str:
    """Hash a measurement's module and the modules that any measurement may rest on (fixtures, conftest files)."""
    files = [file, *sorted(set(shared))]
    return digest([source(path, root, path.stat().st_mtime) for path in files])


def shared_files(conftests: Iterable[Path]) -> list[Path]:
    """Return the files that may change any measurement: the project's plugins and conftest files, and our training."""
    return [*conftests, *MEASURES]


@lru_cache(maxsize=8)
def versions(engine: str) -> dict[str, str]:
    """Return the versions of the libraries that numbers come from."""
    installed = {}
    for name in (*LIBRARIES, *ENGINE_LIBRARIES.get(engine, ())):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "none"
    return installed | {"python": platform.python_version()}


@lru_cache(maxsize=1)
def processor_kind() -> str:
    """Return the kind of processor: floating-point results may differ between kinds."""
    return f"{platform.machine()} {processor() or 'unknown'}"
