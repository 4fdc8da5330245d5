"""What a stored trial rests on beyond its name, and whether that is still so: a verifying trace.

Stored with the trial: hashes of the globals that its functions name, of the local modules that they use, of files,
folders, environment variables and options that were read, versions of distributions, the state of torch and numpy. A
later run may reuse the trial where all of that is found again. The idea is that of build systems that verify traces
(Mokhov, Mitchell and Peyton Jones 2018, "Build systems a la carte", ICFP).
"""

from __future__ import annotations

import ast
import importlib.util
import io
import pickle
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pytest_claims.trials.canonical import SPOKEN, Describer, NoCanonicalForm, comes_installed, digest, names_in
from pytest_claims.trials.fingerprint import parsed
from pytest_claims.trials.identity import Identity
from pytest_claims.trials.places import LIBRARY, builtin, installed, module_installed
from pytest_claims.trials.tracing import Reads, file_digest, folder_digest, value_digest, variable_digest

#: Code that may reach anything of a module by a name that is made while it runs.
DYNAMIC = frozenset({"eval", "exec", "getattr", "globals", "vars", "__dict__", "__import__", "modules"})
#: Types of values that a module of an installed package may hold, and anybody may change.
CONSTANTS = frozenset({*SPOKEN, float, complex})
#: Environment variables that differ between machines, and say nothing about a measurement: who, where, how many cores.
OF_A_MACHINE = re.compile(
    r"HOME|PATH|PWD|OLDPWD|USER|USERNAME|LOGNAME|SHELL|HOSTNAME|TERM|COLUMNS|LINES|DISPLAY|LANG|LANGUAGE|TZ|TE?MP|TMPDIR"
    r"|VIRTUAL_ENV|NO_COLOR|FORCE_COLOR|MPLCONFIGDIR|CUDA_VISIBLE_DEVICES"
    r"|(?:LC|XDG|CONDA|PYTHON|PYTEST|DASK|SLURM|LOKY|JOBLIB|KMP)_?\w*|\w+_NUM_THREADS"
)
#: Where a module lies is another place on every machine; what is read beside it is noted by itself.
WHERE = ".__file__"
#: What a process has where torch is not loaded yet.
TORCH_AT_FIRST: Mapping[str, Any] = {
    "torch default dtype": "torch.float32",
    "torch deterministic": False,
    "torch float32 matmul": "highest",
    "torch mkldnn": True,
    "torch gradients": True,
}
Rests = dict[str, Any]
Version = Callable[[str], str | None]


def rests_on(identity: Identity, reached: Reached, reads: Reads) -> Rests:
    """Return what a trial rests on, as JSON: names with hashes, and ``outside``, what forbids reuse.

    ``reached`` are the globals as they were before the trial, ``reads`` what it and its fixtures read.
    """
    modules, packages = _modules(reached, reads)
    return {
        "values": reached.values,
        "modules": modules,
        "sources": {name: _source_digest(name) for name in sorted(reads.sources | reached.sources)},
        "files": dict(sorted(reads.files.items())),
        "folders": dict(sorted(reads.folders.items())),
        "environment": dict(sorted(reads.environment.items())),
        "options": dict(sorted(reads.options.items())),
        "distributions": {name: _version(name) for name in sorted(_with_requirements(packages))},
        "state": state(),
        "outside": sorted({*reads.outside, *reached.opaque, *([identity.private] if identity.private else ())}),
    }


def departure(
    rests: Rests, identity: Identity, option: Callable[[str], Any], version: Version | None = None
) -> str | None:
    """Say what is no longer as it was when a trial was stored; None where all of it is.

    ``option`` returns an option's value by its destination, or that of an ini key by "ini" and its name; ``version``
    the version of a distribution where trials are measured, without it that of this process.
    """
    if rests["outside"]:
        return f"it {rests['outside'][0]}"
    reached = Reached(identity.functions, Path(identity.measurement.file))
    return _difference(rests, (
        ("values", "the global {} changed", reached.values.get),
        ("modules", "the module {} changed", _module_digest),
        ("sources", "the module {} changed", _source_digest),
        ("files", "the file {} changed", file_digest),
        ("folders", "the folder {} changed", folder_digest),
        ("environment", "the environment variable {} changed", variable_digest),
        ("options", "the option {} changed", lambda name: value_digest(option(name))),
        ("distributions", "the package {} has another version", version or _version),
        ("state", "the setting {} changed", state().get),
    ))  # fmt: skip


def difference_elsewhere(rests: Rests, root: Path, version: Version | None = None) -> str | None:
    """Say what a trial that another machine has just measured rests on and that is not so here; None for nothing.

    Compared are code, the files below ``root`` that are there, environment variables but those that are a machine's
    own affair, and the versions of distributions, with ``version`` as for `departure`. What a process changes while it
    measures (values, settings) is not, since this process has measured nothing.
    """
    here = {name: then for name, then in rests["files"].items() if Path(name).is_relative_to(root)}
    variables = {name: then for name, then in rests["environment"].items() if not OF_A_MACHINE.fullmatch(name)}
    compared = {
        "sources": rests["sources"],
        "files": {name: then for name, then in here.items() if file_digest(name) is not None},
        "environment": variables,
        "distributions": rests["distributions"],
    }
    return _difference(compared, (
        ("sources", "the module {} is another there", _source_digest),
        ("files", "the file {} is another there", file_digest),
        ("environment", "the environment variable {} is another there", variable_digest),
        ("distributions", "the package {} has another version there", version or _version),
    ))  # fmt: skip


def _difference(rests: Rests, compared: Iterable[tuple[str, str, Callable[[str], Any]]]) -> str | None:
    """Say what the first name is about for which something else is found now."""
    for part, sentence, current in compared:
        for name, then in rests[part].items():
            if current(name) != then and not name.endswith(WHERE):
                return sentence.format(Path(name).name if part in {"sources", "files", "folders"} else name)
    return None


# -- what functions name --------------------------------------------------------------------------------------------


class Reached:
    """The globals that functions name, and those that these name: by value, or by module where code is dynamic.

    ``own`` is the file of the measurement. It holds claims and their margins, too, so only what the measurement names
    counts there. Other local modules count as a whole.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]], own: Path) -> None:
        self.own = own
        self.values: dict[str, str] = {}
        self.opaque: set[str] = set()
        self.modules: dict[str, types.ModuleType] = {}
        self.sources: set[str] = set()  # files of modules that are not to be had by name
        self._todo: list[Any] = list(functions)
        self._done: set[int] = set()
        while self._todo:
            function = self._todo.pop()
            if id(function) not in self._done and not installed(function.__code__.co_filename):
                self._done.add(id(function))
                self._visit(function)

    def _visit(self, function: Any) -> None:
        """Take up the globals that a function's code names, and the attributes of modules among them."""
        space, module = function.__globals__, str(function.__globals__.get("__name__"))
        names, file = set(names_in(function.__code__)), Path(function.__code__.co_filename)
        home = sys.modules.get(module)
        whole = file != self.own or bool(names & DYNAMIC)
        if home is None or vars(home) is not space:  # one of several conftest.py, of which Python knows one by name
            module = f"{module} ({file})"
            self.sources |= {str(file)} if whole and file.is_file() else set()
        elif whole:
            self._module(home)
        for name in sorted(names & space.keys()):
            value = space[name]
            if isinstance(value, types.ModuleType):
                self._attributes(value, names)
            else:
                self._value(f"{module}.{name}", value)

    def _attributes(self, module: types.ModuleType, names: set[str], above: tuple[types.ModuleType, ...] = ()) -> None:
        """Take up what a function may use of a module: of a local one all that it names.

        Of installed ones, constants and code that somebody put there: their version tells the rest.
        """
        self._module(module)
        local = not module_installed(module)
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            if isinstance(value, types.ModuleType):
                # of installed ones no deeper than np.linalg.svd, and one more
                if value not in above and (not module_installed(value) or len(above) < 2):  # noqa: PLR2004
                    self._attributes(value, names, (*above, module))
            elif local or _patched(value) or type(value) in CONSTANTS:
                self._value(f"{module.__name__}.{name}", value)

    def _value(self, name: str, value: Any) -> None:
        """Hash a global; describing it also finds the functions and modules that it holds."""
        if name in self.values or name.endswith(WHERE):
            return
        describer = Describer()
        try:
            self.values[name] = digest(describer.describe(value))
        except (NoCanonicalForm, RecursionError):
            try:
                self.values[name] = digest(["pickle", *_pickled(value, describer)])
            except Exception:  # noqa: BLE001 - whatever an object's own pickling raises
                self.opaque.add(f"used the global {name}, which cannot be compared with a later one")
        self._todo += describer.functions
        for module in describer.modules:
            self._module(module)

    def _module(self, module: types.ModuleType) -> None:
        self.modules.setdefault(module.__name__, module)


class _Pickler(pickle.Pickler):
    """Pickles, and notes the local functions and classes, which a pickle holds by their names only."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.local: list[Any] = []

    def reducer_override(self, value: Any) -> Any:
        """Leave all to pickle."""
        if isinstance(value, types.FunctionType | type) and not comes_installed(value):
            self.local.append(value)
        return NotImplemented


def _pickled(value: Any, describer: Describer) -> list[Any]:
    """Return an object as it pickles itself, with the forms of the local functions and classes in it."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump(value)
    return [file.getvalue().hex(), *(describer.describe(local) for local in pickler.local)]


def _patched(value: Any) -> bool:
    """Whether an installed module's attribute is code of somebody else's."""
    inner = getattr(value, "__func__", value)
    code = getattr(inner, "__code__", None)
    if code is not None:
        # Cython's functions have code, too, of files that are nowhere
        return Path(code.co_filename).is_absolute() and not installed(code.co_filename)
    return isinstance(value, type) and not comes_installed(value)


# -- modules and distributions --------------------------------------------------------------------------------------


def _modules(reached: Reached, reads: Reads) -> tuple[dict[str, str | None], set[str]]:
    """Return the local modules, with those that they import, and the top-level names of installed packages."""
    todo = [*reached.modules, *sorted(reads.imports)]
    modules: dict[str, str | None] = {}
    packages: set[str] = set()
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        top, file = name.partition(".")[0], _file(name)
        if file is None or (
            installed(file) and (builtin(file) or top in _distributions() or LIBRARY in Path(file).parents)
        ):
            packages.add(top)
        else:
            modules[name] = _source_digest(file)
            todo += _imports(name, file)
    return dict(sorted(modules.items())), packages


def _file(name: str) -> str | None:
    """Return the file of a module, loaded or not; None where there is none. Imports nothing."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        return None if file is None else str(file)
    parent, _, last = name.rpartition(".")
    if parent:
        folder = _file(parent)
        if folder is None or Path(folder).name != "__init__.py":
            return None
        inner = Path(folder).parent / last
        candidates = (inner / "__init__.py", inner.with_suffix(".py"))
        return next((str(path) for path in candidates if path.is_file()), None)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if spec is None else spec.origin


def _module_digest(name: str) -> str | None:
    file = _file(name)
    return None if file is None else _source_digest(file)


def _source_digest(file: str) -> str | None:
    """Hash a module: as a syntax tree without docstrings and claims, or what it is where it is no Python source."""
    path = Path(file)
    try:
        return parsed(path, path.stat().st_mtime_ns)[0] if path.suffix == ".py" else file_digest(file)
    except (OSError, SyntaxError, ValueError):
        return file_digest(file)


def _imports(name: str, file: str) -> list[str]:
    """Return the modules that a local module's source imports, by their full names."""
    path = Path(file)
    try:
        tree = parsed(path, path.stat().st_mtime_ns)[1]
    except (OSError, SyntaxError, ValueError):
        return []
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = []
    for node in tree:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
            continue
        base = node.module or ""
        if node.level:
            try:
                base = importlib.util.resolve_name("." * node.level + base, package)
            except (ImportError, ValueError):
                continue
        found += [base, *(f"{base}.{alias.name}" for alias in node.names if _file(f"{base}.{alias.name}"))]
    return found


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@lru_cache(maxsize=64)
def _requirements(name: str) -> frozenset[str]:
    from packaging.requirements import InvalidRequirement, Requirement

    found = set()
    try:
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                found.add(requirement.name)
    except (metadata.PackageNotFoundError, InvalidRequirement):
        return frozenset()
    return frozenset(found)


def _with_requirements(packages: Iterable[str]) -> set[str]:
    """Return the distributions of packages, and those that they require; this library's are in the trial's name."""
    todo = [distribution for package in packages for distribution in _distributions().get(package, ())]
    found: dict[str, str] = {}
    while todo:
        name = todo.pop()
        normal = name.lower().replace("_", "-")
        if normal in found or normal == "pytest-claims":
            continue
        found[normal] = normal
        todo += _requirements(name)
    return set(found)


def distributions() -> dict[str, str | None]:
    """Return the versions of all that is installed here, by names as `canonical_name` writes them."""
    names = {distribution.metadata["Name"] for distribution in metadata.distributions()}
    return {canonical_name(name): _version(name) for name in names if name}


def canonical_name(name: str) -> str:
    """Return a distribution's name as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=256)
def _version(name: str) -> str | None:
    """Return a distribution's version; with a hash of its files where it came from a folder, a URL or a repository."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    if distribution.read_text("direct_url.json") is None:
        return distribution.version
    return f"{distribution.version} {digest(distribution.read_text('RECORD') or '')[:16]}"


# -- settings -------------------------------------------------------------------------------------------------------


def state() -> dict[str, Any]:
    """Return what changes numbers for the whole process: error state of numpy, denormals, settings of torch."""
    with np.errstate(all="ignore"):
        denormal = bool(np.float32(1e-38) * np.float32(1e-2) > 0)
    found: dict[str, Any] = {"numpy error state": dict(sorted(np.geterr().items())), "denormal numbers": denormal}
    torch = sys.modules.get("torch")
    if torch is None:
        return found | dict(TORCH_AT_FIRST)
    return found | {
        "torch default dtype": str(torch.get_default_dtype()),
        "torch deterministic": bool(torch.are_deterministic_algorithms_enabled()),
        "torch float32 matmul": str(torch.get_float32_matmul_precision()),
        "torch mkldnn": bool(torch.backends.mkldnn.enabled),
        "torch gradients": bool(torch.is_grad_enabled()),
    }
