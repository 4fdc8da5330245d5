"""What `--cluster` is given: checked, and found listening, before anything is imported or collected."""

import json
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pytest_claims.errors import ClusterError
from pytest_claims.files import read_ordinary

LOCAL = "local"
#: So many processes for each core are the most that `local:N` starts.
A_CORE = 8
#: Seconds until a port must answer.
PATIENCE = 10.0
_FORMS = "give tcp://HOST:PORT, tls://HOST:PORT, a scheduler file that ends in .json, or local:N"


@dataclass(frozen=True)
class Address:
    """Where trials are measured: ``local`` processes of this machine (0: none), or the ``url`` of a scheduler."""

    spelled: str
    local: int = 0
    url: str = ""


def parse(text: str, here: Path) -> Address:
    """Return an address; ``here`` is the folder that a scheduler file is relative to. Raises a ClusterError."""
    text = text.strip()
    if text == LOCAL or text.startswith(f"{LOCAL}:"):
        return Address(text, local=_processes(text))
    url = _of_file(text, here) if text.endswith(".json") else text
    return Address(text, url=_checked(url))


def _processes(text: str) -> int:
    count = text.partition(":")[2]
    most = A_CORE * (os.cpu_count() or 1)
    if not re.fullmatch(r"[0-9]{1,9}", count) or not 1 <= int(count) <= most:
        raise ClusterError(f"give local:N with a number of processes from 1 to {most}, as in local:2")
    return int(count)


def _of_file(text: str, here: Path) -> str:
    """Return the address that a scheduler file holds."""
    try:
        content = json.loads(read_ordinary(here / text))
        address = content["address"]
    except OSError as error:
        raise ClusterError(f"the scheduler file cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ClusterError("this is no scheduler file, or a damaged one: it names no address") from None
    if not isinstance(address, str):
        raise ClusterError("this is no scheduler file, or a damaged one: its address is no text")
    return address


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    further = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in {"tcp", "tls"} or not host or further:
        raise ClusterError(_FORMS)
    if not port:
        raise ClusterError(f"it names no port; {_FORMS}")
    return f"{parts.scheme}://{parts.netloc}"


def probe(address: Address) -> None:
    """Raise a ClusterError unless something listens there."""
    parts = urlsplit(address.url)
    stale = "; the file may be of a scheduler that has ended" if address.spelled.endswith(".json") else ""
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=PATIENCE).close()
    except (OSError, UnicodeError) as error:  # a host's name may be none
        why = getattr(error, "strerror", None) or str(error)
        raise ClusterError(
            f"nobody answers at {ascii(address.url)[1:-1]} ({why}): see that the scheduler is up and that this machine "
            f"can reach its port{stale}"
        ) from error
