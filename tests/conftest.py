"""What all tests need."""

import signal


def pytest_configure() -> None:
    """Hear interrupts: a shell starts what it puts into the background deaf to them, and children inherit that.

    Without this the tests that end a run by Ctrl-C would fail wherever the tests themselves run in the background.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
