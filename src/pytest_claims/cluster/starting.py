"""From options to a cluster that can measure: connected before anything is collected, the project sent after it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.cluster import addresses, archive
from pytest_claims.cluster.session import Cluster
from pytest_claims.errors import ClusterError
from pytest_claims.folders import sources
from pytest_claims.trials.claims import claim_of
from pytest_claims.trials.measurements import measurements_of
from pytest_claims.trials.plan import Settings

#: Options that are for this process alone, or that a bench gets on its command line.
# fmt: off
_HERE = frozenset({
    "basetemp", "cacheclear", "cacheshow", "capture", "collectonly", "color", "confcutdir",
    "continue_on_collection_errors", "debug", "deselect", "dist", "distload", "doctestmodules", "durations",
    "durations_min", "failedfirst", "file_or_dir", "help", "htmlpath", "ignore", "ignore_glob", "importmode",
    "inifilename", "json_ctrf", "keepduplicates", "keyword", "last_failed_no_failures", "lf", "log_file",
    "log_cli_level", "log_level", "looponfail", "markers", "markexpr", "maxfail", "maxprocesses",
    "maxworkerrestart", "newfirst", "no_header", "no_summary", "noconftest", "numprocesses", "override_ini",
    "pastebin", "plugins", "px", "pyargs", "report_log", "reportchars", "rootdir", "setuponly", "setupplan",
    "setupshow", "show_capture", "show_fixtures_per_test", "showfixtures", "showlocals", "stepwise",
    "stepwise_skip", "strict", "strict_config", "strict_markers", "tbstyle", "testrunuid", "trace", "traceconfig",
    "tx", "usepdb", "usepdb_cls", "verbose", "version", "xmlpath", "junitprefix",
})
# fmt: on
#: Environment variables that change which plugins pytest loads.
_VARIABLES = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS")
#: Options of this library, and of plugins that watch a run.
_OF_OTHERS = ("claims_", "cov_", "xdist")
#: Those of pytest-benchmark that are objects: files and storages.
_OBJECTS_OF_OTHERS = ("benchmark_",)


def connect(config: pytest.Config, settings: Settings, address: str) -> Cluster:
    """Return a cluster that answers and has a worker; a UsageError where it does not. Nothing is sent yet."""
    spelled = _spelled(config, settings, address)
    try:
        place = addresses.parse(address, Path(config.invocation_params.dir))
        if not place.local:
            addresses.probe(place)
        from pytest_claims.cluster.dask_engine import DaskEngine

        cluster = Cluster(DaskEngine(place), settings, spelled, config.option.claims_cluster_wait)
        config.add_cleanup(cluster.close)
        cluster.await_workers()
    except ClusterError as error:
        raise pytest.UsageError(f"{spelled}: {error}.") from error
    return cluster


def _spelled(config: pytest.Config, settings: Settings, address: str) -> str:
    """Return the option, or the ini key, with the address as the user gave it."""
    given = config.option.claims_cluster is not None
    return f"{settings.flag('cluster')} {address}" if given else f"claims_cluster = {address}"


def lay_out(cluster: Cluster, config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Send the project to the workers and choose their kind; a UsageError where that is not possible."""
    try:
        root = config.rootpath
        zipped = archive.packed(
            root, _files(config, cluster.settings, items), _session(config, cluster.settings, items)
        )
        cluster.lay_out(zipped, archive.name_of(zipped), str(root))
    except ClusterError as error:
        raise pytest.UsageError(f"{cluster.spelled}: {error}.") from error


def _files(config: pytest.Config, settings: Settings, items: Sequence[pytest.Item]) -> list[Path]:
    """Return what travels: the sources, and the data files that measurements and the ini file name."""
    root = config.rootpath
    # what is named is meant, whatever norecursedirs says
    meant = {*map(Path, config.getini("pythonpath")), *(Path(item.path).parent for item in items)}
    folders = [root, *(folder for folder in meant if folder.is_relative_to(root) and folder != root)]
    skipped = config.getini("norecursedirs")
    found = [path for folder in folders for path in sources(folder, skipped, [settings.report])]
    found += archive.named(root, root, config.getini("claims_data"), "claims_data")
    for measurement in {each for item in items for each in measurements_of(item).values()}:
        folder, who = Path(measurement.file).parent, f"the measurement {measurement.name}"
        found += archive.named(root, folder, measurement.files, who)
    return found


def _session(config: pytest.Config, settings: Settings, items: Sequence[pytest.Item]) -> dict[str, Any]:
    """Return how a bench starts pytest: as this process was, but only for what measures."""
    root, here = config.rootpath, Path(config.invocation_params.dir)
    option = config.option
    paths = sorted({_named(_below(root, Path(item.path))) for item in items if claim_of(item) is not None})
    arguments = ["-q", f"--import-mode={option.importmode}"]
    for flag, values in {
        "-o": option.override_ini,
        "-p": option.plugins,
        "-W": _compat.warning_filters(config),
    }.items():
        arguments += [word for value in values or () for word in (flag, str(value))]
    return {
        "arguments": arguments,
        "cache": config.pluginmanager.hasplugin("cacheprovider"),
        "change": {name: list(values) for name, values in settings.change.items()},
        "engine": settings.engine,
        "folder": os.path.relpath(here, root) if here.is_relative_to(root) else ".",
        "here_on_path": bool({"", str(here)} & {*sys.path}),
        "inifile": None if config.inipath is None else _below(root, config.inipath),
        "options": _options(config),
        "paths": paths,
        "selected": list(settings.selected),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _options(config: pytest.Config) -> dict[str, Any]:
    """Return the options that may change what is measured: those of the repository and of other plugins."""
    given = {
        name: value
        for name, value in vars(config.option).items()
        if name not in _HERE and not name.startswith(_OF_OTHERS)
    }
    usual = _compat.default_options(config)
    for name, value in given.items():
        if not _plain(value) and value != usual.get(name) and not name.startswith(_OBJECTS_OF_OTHERS):
            raise ClusterError(
                f"the option {name} is {value!r}, a {type(value).__name__}, which cannot be sent to workers: numbers, "
                "texts and lists of them can"
            )
    return {name: value for name, value in given.items() if _plain(value)}


def _plain(value: Any) -> bool:
    """Whether a value is the same after it was written as JSON."""
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or type(value) in {bool, int, float, str}


def _named(path: str) -> str:
    """Return a path as pytest takes it: what follows a bracket would be the name of a parameter to it."""
    return path if "[" not in path else path[: path.index("[")].rpartition("/")[0] or "."


def _below(root: Path, path: Path) -> str:
    """Return a path relative to the root; a ClusterError where it is elsewhere and would not travel."""
    if not path.is_relative_to(root):
        raise ClusterError(f"{path.name} is not below the project's root {root.name}, so it cannot be sent to workers")
    return path.relative_to(root).as_posix()
