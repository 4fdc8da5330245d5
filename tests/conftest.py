"""What all tests share."""

import importlib
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.installed import environment

# Dask brings it, and imports it late. It takes the place of the standard library's finder of installed distributions,
# and pytester would take it away again after a run in this process: then nothing would seem to be installed.
with suppress(ImportError):
    importlib.import_module("importlib_metadata")


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python with the library installed from its wheel; the workers of a run share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "installed"
    folder.mkdir(exist_ok=True)
    return environment(folder)


def pytest_configure() -> None:
    """Accept signals again that children would inherit as ignored: tests that end a run by them would wait for ever.

    A shell makes its background processes ignore Ctrl-C, and nohup makes them ignore the end of a terminal.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def in_time() -> Iterator[None]:
    """Let a test fail that waits for what never comes, such as the writer of a named pipe."""

    def fail(*_: object) -> None:
        pytest.fail("It waited for what never came.")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(100)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
