"""An environment with the library installed from its wheel, over the packages that the tests themselves use.

It lacks what a clone has besides the library: the suite's folders, a conftest, an editable install.
"""

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]


def environment(folder: Path) -> Path:
    """Return the Python of such an environment in ``folder``; the first caller makes it."""
    python = folder / "environment" / "bin" / "python"
    with FileLock(folder / "environment.lock"):
        if not (folder / "ready").exists():
            _make(folder, python)
            (folder / "ready").touch()
    return python


def _make(folder: Path, python: Path) -> None:
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("pytest_claims-*.whl")
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder / "environment"))
    install = ("install", "--no-deps", "--no-index", str(wheel))
    _run(sys.executable, "-m", "pip", "--python", str(python), *install)
    (site,) = (folder / "environment").glob("lib/python*/site-packages")
    # a path file adds folders and does not read the path files in them, such as that of an editable install
    base = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "zz_base.pth").write_text("\n".join([*base, ""]), encoding="utf-8")


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command[2:5])} failed: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
