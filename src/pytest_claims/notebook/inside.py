"""A pytest plugin in the process that a notebook started: hands over what the notebook asks for, and ends with it.

It changes no verdict. The folder for what it hands over is named by an environment variable, which workers inherit.
"""

import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat

#: The environment variable that names the folder for what is handed over.
FOLDER = "PYTEST_CLAIMS_NOTEBOOK"
#: The file in it that holds the process number of the notebook.
PARENT = "notebook"
#: What could not be collected, one file for each process; and a claim's datasets, one description for each claim.
UNCOLLECTED, DESCRIBED = ".uncollected", ".datasets.json"
#: Seconds between two looks at the notebook's process, and until this one is ended at once.
PAUSE, PATIENCE = 1.0, 10.0


def pytest_configure(config: pytest.Config) -> None:
    """Watch the notebook from the process that it started; workers end with that process."""
    if FOLDER in os.environ and _compat.worker_input(config) is None:
        parent = int((_folder() / PARENT).read_text(encoding="utf-8"))
        threading.Thread(target=_end_with, args=(parent,), name="claims-notebook", daemon=True).start()


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def _end_with(parent: int) -> None:
    """End this process and its workers when the notebook is gone, also where it was killed."""
    while os.getppid() == parent:
        time.sleep(PAUSE)
    os.kill(os.getpid(), signal.SIGTERM)  # as after Ctrl-C
    time.sleep(PATIENCE)
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():  # the group is our own
        os.killpg(0, signal.SIGKILL)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note in a sentence what could not be collected."""
    if report.failed and FOLDER in os.environ:
        lines = [line[1:].strip() for line in str(report.longrepr).splitlines() if line.startswith("E ")]
        why = lines[-1] if lines else str(report.longrepr).strip().rpartition("\n")[2]
        with (_folder() / f"{os.getpid()}{UNCOLLECTED}").open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid} cannot be read: {why.rstrip('.')}.\n")


def pytest_claim_judged(record: Any, datasets: Mapping[str, Any]) -> None:
    """Hand over the datasets that a claim saw."""
    if FOLDER not in os.environ:
        return
    from pytest_claims.files import write_atomically
    from pytest_claims.report.figures.illustrate import file_name
    from pytest_claims.trials.store import pack, write_json

    folder, name = _folder(), file_name(record.id)
    described = []
    with suppress(OSError):  # a full disk costs the data, not the verdict
        for at, (measurement, dataset) in enumerate(datasets.items()):
            data, facts = pack(dataset, {})
            file = f"{name}+{at}.npz"
            write_atomically(folder / file, data)
            described.append({"measurement": measurement, "file": file, "facts": facts})
        write_json(folder / f"{name}{DESCRIBED}", {"id": record.id, "datasets": described})
