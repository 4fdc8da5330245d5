"""Who measures a run's trials: this process, workers of pytest-xdist, or a cluster. Settled before xdist looks."""

import os
import re

import pytest

from pytest_claims import _compat
from pytest_claims.running.options import SHORT, asks_for_claims, whole
from pytest_claims.trials.plan import flag

#: How a command line asks for workers of pytest-xdist.
_WORKERS = re.compile(r"-n($|=?\w)|-d$|--(numprocesses|dist|tx|maxprocesses)\b")


def choose_workers(config: pytest.Config) -> None:
    """Settle how many workers there are, before xdist looks at its options.

    Claims take all cores unless the user chose otherwise; a run that trains nothing takes one process.
    """
    if _compat.worker_input(config) is not None or not _compat.has_xdist(config):
        return
    if config.option.claims_design or cluster(config):
        _compat.use_one_process(config)
        return
    if _compat.asked_for_workers(config):
        if config.option.numprocesses != 0 and asks_for_claims(config):
            give_way()
        return
    if _needs_the_terminal(config):
        return
    setting = _compat.ini_text(config, "claims_workers", numbers=True) or "auto"
    number = setting if setting == "auto" else whole(setting)
    if number is None or (isinstance(number, int) and number < 0):
        raise pytest.UsageError(f"claims_workers = {setting}: give auto, or a number of workers, 0 for none.")
    if number != 0 and asks_for_claims(config):
        give_way()
        _compat.use_workers(config, number)


def give_way() -> None:
    """Let threads of OpenMP that wait for others give up their core, unless the user has chosen otherwise.

    By default they keep it busy, which is faster where it is theirs. Workers share the cores: two that trained on two
    threads each, on two cores, took sixteen times as long as one. OpenMP reads this as it is loaded, and workers
    inherit it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cluster(config: pytest.Config) -> str | None:
    """Return the address of the cluster that measures; None where this run measures by itself.

    An explicit number of workers turns off the cluster of the ini file; a UsageError beside the option.
    """
    spelled = flag("cluster", short=config.pluginmanager.hasplugin(SHORT))
    address: str | None = config.option.claims_cluster
    workers = next((word for word in config.invocation_params.args if _WORKERS.match(str(word))), None)
    if address is not None and workers is not None:
        raise pytest.UsageError(
            f"{spelled} {address} and {workers} contradict each other: a cluster's workers measure instead of "
            "pytest-xdist's. Leave out one of them."
        )
    if address is not None and not address.strip():
        raise pytest.UsageError(f"{spelled} names no cluster: give the address of its scheduler, or local:N.")
    found = address or _compat.ini_text(config, "claims_cluster") or None
    if found is None and config.option.claims_cluster_ahead:
        ahead = flag("cluster_ahead", short=config.pluginmanager.hasplugin(SHORT))
        raise pytest.UsageError(f"{ahead} is for the workers of a cluster that would wait: give {spelled}, too.")
    return None if workers else found


def _needs_the_terminal(config: pytest.Config) -> bool:
    """Whether the user wants to see or debug what tests write: workers have no terminal."""
    return any(config.getoption(name, False) for name in ("usepdb", "trace")) or config.getoption("capture", "") == "no"
