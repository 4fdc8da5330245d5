"""Where a run took place, and how its process computes.

Versions, processor, commit and repository go into results.json: nothing that identifies a machine or a person.
"""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "statsmodels", "xarray", "pytest", "pytest-xdist", "matplotlib")


def steady_arithmetic() -> None:
    """Make MKL compute a matrix the same way wherever it is in memory; keep a mode that the user has chosen.

    MKL picks kernels by the alignment of each matrix: in odd shapes, the bits of a network would depend on its place in
    a stack. This mode, which costs nothing measurable, must be chosen before MKL is first called.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def environment(root: Path) -> dict[str, Any]:
    """Return the field "environment" of results.json; what is not known is None."""
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": processor(),
        "cores": _cores(),
        "commit": _commit(root),
        "repository": _repository(root),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str | None:
    """Return the processor's name with family and model, None where the system does not say.

    Clouds use one name for several generations of processors, and each has arithmetic of its own.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    if "model name" not in fields:
        return platform.processor() or None
    generation = ", ".join(f"{key} {fields[key]}" for key in ("cpu family", "model") if key in fields)
    return f"{fields['model name']} ({generation})" if generation else fields["model name"]


def _cores() -> int | None:
    # what this process may use, not what the machine has
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _git(root: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()


def _commit(root: Path) -> str | None:
    """Return the commit, with a plus when tracked files differ from it."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _repository(root: Path) -> str | None:
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if server and name:
        return web_address(f"{server}/{name}")
    return web_address(_git(root, "remote", "get-url", "origin") or "")


def web_address(remote: str) -> str | None:
    """Return the https address of a git remote, without user or token; None for remotes that are no web address."""
    remote = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", remote.strip())
    parts = urlsplit(remote)
    if parts.scheme not in {"https", "http"} or not parts.hostname or "." not in parts.hostname:
        return None
    path = parts.path.removesuffix("/").removesuffix(".git")
    return f"https://{parts.hostname}{path}"


def source_link(environment: Mapping[str, Any], file: str | None, line: int | None) -> str | None:
    """Return the address of a source line at the run's commit, None where commit or repository is not known."""
    commit, repository = environment.get("commit"), environment.get("repository")
    if not (file and commit and repository) or str(commit).endswith("+"):
        return None
    anchor = f"#L{line}" if line else ""
    return f"{repository}/blob/{commit}/{file}{anchor}"
