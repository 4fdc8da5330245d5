"""The process that runs pytest for a notebook, and what is shown while it works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pytest_claims.notebook.inside import FOLDER, PARENT

#: Seconds between two looks at the process.
PAUSE = 0.3
#: Seconds that an interrupted run has to end by itself.
PATIENCE = 10.0
#: Seconds between two lines in a log, where none can be replaced.
IN_LOG = 30.0
#: Variables of the notebook that are not meant for the run: a CI job's summary, what an outer pytest says about itself.
FOREIGN = ("GITHUB_STEP_SUMMARY", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT",
           "PYTEST_XDIST_TESTRUNUID")  # fmt: skip


def run_pytest(arguments: Sequence[str], where: Path, given: Path, show: Callable[[], None]) -> tuple[int, str]:
    """Run pytest in the folder ``where``; return its exit status and what it printed.

    ``given`` is the folder for what the run hands over; ``show`` is called again and again meanwhile. Whatever ends
    this function, such as an interrupt of the kernel, ends the run and every process that it started.
    """
    (given / PARENT).write_text(str(os.getpid()), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    if environment.get("MPLBACKEND", "").startswith("module:"):
        del environment["MPLBACKEND"]  # that of the kernel
    # a kernel asks for colours, and pytest would hide its sentences between their codes
    environment |= {FOLDER: str(given), "PYTHONIOENCODING": "utf-8", "PY_COLORS": "0"}
    with (given / "printed").open("w+", encoding="utf-8", errors="replace") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=where,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for this process, which passes it on
        )
        try:
            while process.poll() is None:
                show()
                time.sleep(PAUSE)
        finally:
            _end(process)
        printed.seek(0)
        return int(process.returncode), printed.read()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a run that still goes on as after Ctrl-C, then whatever is left of it."""
    try:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
    finally:  # also where a second interrupt comes while waiting
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


class Words:
    """Shows one sentence at a time: replaced in a notebook or on a terminal, line by line in a log."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.out: IO[str] = sys.stderr
        self._shown = ""
        self._when = -IN_LOG
        self._handle: Any = None

    def show(self, text: str, *, last: bool = False) -> None:
        """Show a sentence instead of the one before; the last one stays."""
        if self.silent or (text == self._shown and not last):
            return
        if self._in_notebook():
            self._replace(text)
        elif self.out.isatty():
            self.out.write(f"\r\x1b[K{text}" + "\n" * last)
            self.out.flush()
        elif last or time.monotonic() - self._when >= IN_LOG:
            self._when = time.monotonic()
            self.out.write(f"{text}\n")
            self.out.flush()
        else:
            return
        self._shown = text

    def _in_notebook(self) -> bool:
        """Whether a kernel shows what this process displays; IPython is looked up only where it is loaded."""
        ipython = sys.modules.get("IPython")
        shell = None if ipython is None else ipython.get_ipython()
        return getattr(shell, "kernel", None) is not None

    def _replace(self, text: str) -> None:
        if self._handle is None:
            display = sys.modules["IPython"].display.display
            self._handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._handle.update({"text/plain": text}, raw=True)
