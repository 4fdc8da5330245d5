"""What all tests share."""

import signal
from pathlib import Path

import pytest

from tests.installed import environment


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
