"""The project as one zip: what measurements are made of travels, history and reports do not.

Two folders and a file: ``project/``, the sources below pytest's root with the data files that claims name;
``library/``, this library as it is here, whatever is installed there; ``session.json``, how a bench starts pytest.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pytest_claims.errors import ClusterError
from pytest_claims.trials.places import LIBRARY

#: A project of more bytes than this is refused: something is in it that measures nothing.
MOST = 256 * 2**20
_OF_PACKAGE = ("METADATA", "entry_points.txt")


def named(root: Path, folder: Path, patterns: Iterable[str], who: str) -> list[Path]:
    """Return the files that match patterns relative to ``folder``. Raises a ClusterError where one matches none."""
    found: set[Path] = set()
    base = root.resolve()
    for pattern in patterns:
        try:
            matching = [path for path in folder.glob(pattern) if path.is_file()]
        except (ValueError, NotImplementedError):  # an empty pattern, an absolute one
            matching = []
        if not matching:
            raise ClusterError(f"{who} names the data file {pattern}, and there is no such file")
        for path in matching:
            # a link travels under its own name, as the file that it leads to
            place = path.parent.resolve() / path.name
            if not place.is_relative_to(base):
                raise ClusterError(f"{who} names the data file {path.name}, which is not below the project's root")
            found.add(root / place.relative_to(base))
    return sorted(found)


def packed(root: Path, files: Iterable[Path], session: Mapping[str, Any]) -> bytes:
    """Return the archive; the same files give the same bytes. Raises a ClusterError where it is too large."""
    content: dict[str, bytes] = {"session.json": json.dumps(session, sort_keys=True).encode()}
    content |= {f"project/{name}": data for name, data in _read(root, sorted(set(files))).items()}
    for path in sorted(LIBRARY.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content[f"library/{LIBRARY.name}/{path.relative_to(LIBRARY).as_posix()}"] = path.read_bytes()
    content |= _distribution()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # with no time of its own
    return buffer.getvalue()


def _read(root: Path, files: Sequence[Path]) -> dict[str, bytes]:
    """Return what files hold, by their paths below the root. Raises a ClusterError for what cannot travel."""
    paths = {path.relative_to(root).as_posix(): path for path in files}
    try:
        for name in paths:
            name.encode()  # as the archive will
        sizes = {name: path.stat().st_size for name, path in paths.items()}
        if sum(sizes.values()) > MOST:  # before anything is read
            raise ClusterError(
                f"the project's sources and data have more than {MOST // 2**20} MiB, too much to send; the largest "
                f"file is {max(sizes, key=sizes.__getitem__)}"
            )
        return {name: path.read_bytes() for name, path in paths.items()}
    except UnicodeEncodeError as error:
        raise ClusterError(f"the name of the file {error.object!a} is not UTF-8, so it cannot be sent") from None
    except OSError as error:
        raise ClusterError(
            f"{os.path.relpath(error.filename, root)} cannot be read ({error.strerror or error})"
        ) from error


def _distribution() -> dict[str, bytes]:
    """Return what makes Python see an installed distribution: pytest finds this plugin by it, and engines are found."""
    try:
        distribution = metadata.distribution("pytest-claims")
    except metadata.PackageNotFoundError:
        return {}
    folder = f"library/pytest_claims-{distribution.version}.dist-info"
    texts = {name: distribution.read_text(name) for name in _OF_PACKAGE}
    return {f"{folder}/{name}": text.encode() for name, text in texts.items() if text is not None}


def name_of(archive: bytes) -> str:
    """Return what a project is called on the cluster: a hash of all that it is made of."""
    return f"claims-{hashlib.sha256(archive).hexdigest()[:16]}"
