"""A real browser: Debian's Chromium driven by Playwright, offline. For the README's picture and the page's tests.

`python -m benchmarks.picture PAGE PNG` writes a picture of the page's top.
"""

import importlib.util
import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_claims.errors import ResultsError
from pytest_claims.files import write_atomically

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
#: Milliseconds to wait for what takes a second on an idle machine.
PATIENCE = 180_000
#: The largest picture for a README.
MOST_BYTES = 300_000


def main(arguments: Sequence[str]) -> int:
    """Take a picture; returns the exit status."""
    if len(arguments) != 2:
        print("Usage: python -m benchmarks.picture PAGE PNG", file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    try:
        print(take_picture(*map(Path, arguments)))  # noqa: T201 - a command's output
    except ResultsError as error:
        print(f"picture: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    return 0


def missing(*more: str) -> str | None:
    """Return what a browser and the packages in ``more`` lack here; None where nothing is missing."""
    if shutil.which("chromium") is None:
        return "no program 'chromium' on PATH (Debian: apt-get install chromium)"
    absent = [name for name in ("playwright", *more) if importlib.util.find_spec(name) is None]
    return f"no package {' and '.join(absent)} (pip install -e '.[test]')" if absent else None


def launched(playwright: Any, profile: str, size: tuple[int, int], scheme: str, **more: Any) -> Any:
    """Start Chromium with an empty profile's folder, at (width, height) pixels, "light" or "dark"; return its context.

    ``more`` are further options of Playwright.
    """
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=shutil.which("chromium"), headless=True, args=list(FLAGS),
        viewport=dict(zip(("width", "height"), size, strict=True)), color_scheme=scheme, timeout=PATIENCE, **more,
    )  # fmt: skip
    context.set_default_timeout(PATIENCE)
    return context


def take_picture(page: Path, target: Path, width: int = 1440, height: int = 1180) -> Path:
    """Write the top of a page, in the light theme, as a PNG of at most ``MOST_BYTES``."""
    reason = missing()
    if reason:
        raise ResultsError(f"a picture needs a browser, but there is {reason}.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = launched(playwright, profile, (width, height), "light", offline=True)
        context.pages[0].goto(page.resolve().as_uri())
        shot = context.pages[0].screenshot()
        context.close()
    for colours in (256, 64, 16):
        drawn = _with_colours(shot, colours)
        if len(drawn) <= MOST_BYTES:
            break
    write_atomically(target, drawn)
    return target


def _with_colours(png: bytes, colours: int) -> bytes:
    """Return the picture with a palette: a page is mostly flat, and this takes a third of the bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
