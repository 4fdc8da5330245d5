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
    """Accept interrupts again: a shell makes its background processes ignore them, and children inherit that.

    Without this the tests that end a run by Ctrl-C would fail wherever the tests themselves run in the background.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
