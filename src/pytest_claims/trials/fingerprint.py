"""What all trials' numbers depend on: this library's own code, versions, the kind of processor; and hashes of source.

Source is hashed as a syntax tree without docstrings and claims. New comments, prose or margins leave stored trials
valid.
"""

import ast
import hashlib
import os
import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pytest_claims.environment import processor
from pytest_claims.trials.canonical import digest
from pytest_claims.trials.places import LIBRARY

#: What of this library trials' numbers depend on; the rest judges and shows.
MEASURES = (
    *sorted((LIBRARY / "training").rglob("*.py")),
    *(LIBRARY / name for name in ("environment.py", "inference/stacking.py", "vocabulary.py")),
)
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")
ENGINE_LIBRARIES = {"jax": ("jax", "jaxlib")}
ENGINES = "pytest_claims.engines"
#: Environment variables by which numpy, torch and what they multiply with choose their kernels.
ARITHMETIC = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE", "XLA_FLAGS",
)  # fmt: skip


@lru_cache(maxsize=1024)
def parsed(path: Path, modified: int) -> tuple[str, tuple[ast.Import | ast.ImportFrom, ...]]:  # noqa: ARG001 - the time makes the cache notice edits
    """Hash one module's source, and return its import statements. OSError or SyntaxError where there is none."""
    tree = _tree(path)
    imports = tuple(node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return hashlib.sha256(ast.dump(tree).encode(errors="surrogatepass")).hexdigest(), imports


def _tree(path: Path) -> ast.Module:
    """Parse a module; drop docstrings and claims."""
    tree = ast.parse(path.read_bytes())
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


@lru_cache(maxsize=1)
def library() -> str:
    """Hash what of this library measures."""
    return digest([parsed(path, path.stat().st_mtime_ns)[0] for path in MEASURES])


@lru_cache(maxsize=8)
def versions(engine: str) -> dict[str, str]:
    """Return the versions of the libraries that numbers come from, and of the package that offers the engine."""
    offering = {
        point.dist.name
        for point in metadata.entry_points(group=ENGINES)
        if point.name == engine and point.dist is not None and point.dist.name != "pytest-claims"
    }
    installed = {}
    for name in (*LIBRARIES, *ENGINE_LIBRARIES.get(engine, ()), *sorted(offering)):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "none"
    return installed | {"python": platform.python_version()}


def kind(engine: str) -> dict[str, Any]:
    """Return what of this machine trials' numbers depend on: ``versions``, ``processor`` and ``system``.

    Also ``arithmetic``, the variables that choose other kernels than the processor's usual ones, where any is set.
    """
    found = {"versions": versions(engine), "processor": processor_kind(), "system": platform.system()}
    chosen = {name: os.environ[name] for name in ARITHMETIC if os.environ.get(name, "")}
    return found | ({"arithmetic": chosen} if chosen else {})


@lru_cache(maxsize=1)
def processor_kind() -> str:
    """Return the kind of processor: floating-point results may differ between kinds."""
    return f"{platform.machine()} {processor() or 'unknown'}"
