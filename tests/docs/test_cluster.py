"""docs/cluster.md, followed to the letter as far as one machine goes: each desktop is a loopback address of its own.

`srun` and `ssh` are small stand-ins: one starts its command as many times as it is told, the other forwards a port.
"""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, blocks
from tests.trials.conftest import CLAIMS, CONFTEST, PYPROJECT

PAGE = ROOT / "docs" / "cluster.md"
BLOCKS = {code.splitlines()[0].removeprefix("# "): code for code in blocks(PAGE, "bash")}
AUTHORITY = "once, on your machine: the CA"
KEY = "for each machine, on your machine: a key and its certificate"
SETTINGS = "settings: which machine this is, its address and that of the scheduler"
SCHEDULER = "on the first desktop: the scheduler"
WORKER = "on every desktop: a worker with a thread for each core"
RUN = "on your machine: the run"
TUNNEL = "on your machine: the tunnel, left open"
SLURM_SCHEDULER = "on the login node, or in a job of its own: the scheduler"
SLURM_WORKERS = "on the login node: a worker for each task; each listens on its own node's address"
SLURM_RUN = "on the login node: the run"
#: Seconds: a loaded machine is slow, not broken.
PATIENCE = 240

SRUN = """#!/bin/bash
# srun --ntasks N --cpus-per-task 1 COMMAND...
shift; tasks=$1; shift 3
for task in $(seq "$tasks"); do "$@" & done
wait
"""
SSH = """#!{python}
# ssh -N -L ADDRESS:PORT:HOST:PORT LOGIN
import contextlib, socket, sys, threading

address, port, host, there = sys.argv[3].split(":")

def pour(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)

with socket.create_server((address, int(port))) as server:
    while True:
        here, _ = server.accept()
        other = socket.create_connection((host, int(there)))
        for pair in ((here, other), (other, here)):
            threading.Thread(target=pour, args=pair, daemon=True).start()
"""
#: Each task of the stand-in asks for its node's address.
HOSTNAME = "#!/bin/bash\necho 127.0.0.1\n"


class Place:
    """A folder with this environment as `.venv`, where the page's commands run; ends what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen] = []
        self.settings = {"MACHINE": "desktop1", "PORT": str(free_port()), "CORES": "1", "TASKS": "2", "LOGIN": "login"}
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "bin").mkdir()
        for name, text in {"srun": SRUN, "ssh": SSH.format(python=sys.executable), "hostname": HOSTNAME}.items():
            (folder / "bin" / name).write_text(text, encoding="utf-8")
            (folder / "bin" / name).chmod(0o755)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a command: nothing of pytest or Dask from outside, and these settings."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DASK_", "PYTHONPATH"))
        }
        path = f"{self.folder / 'bin'}{os.pathsep}{inherited['PATH']}"
        plain = {"PATH": path, "TMPDIR": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return inherited | plain | self.settings | settings

    def start(self, block: str, **settings: str) -> subprocess.Popen:
        """Start a block of the page that goes on until it is stopped."""
        log = (self.folder / f"log-{len(self.started)}").open("wb")
        process = subprocess.Popen(
            ["bash", "-euc", BLOCKS[block]],
            cwd=self.folder, env=self.environment(**settings), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, code: str, **settings: str) -> subprocess.CompletedProcess:
        """Run commands to their end."""
        return subprocess.run(
            ["bash", "-euc", code], cwd=self.folder, env=self.environment(**settings), capture_output=True, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip

    def certify(self) -> None:
        """Make the CA and the key of one machine."""
        for block in (AUTHORITY, KEY):
            ended = self.run(BLOCKS[block])
            assert ended.returncode == 0, ended.stderr

    def claims(self) -> None:
        """Write a claim that takes no time."""
        (self.folder / "claims").mkdir()
        for name, text in {"pyproject.toml": PYPROJECT, "conftest.py": CONFTEST, "claims/test_toy.py": CLAIMS}.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def judged(self, block: str, **settings: str) -> str:
        """Run the page's run; return the verdict of the toy claim."""
        ended = self.run(BLOCKS[block], **settings)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        reported = json.loads((self.folder / "reported.json").read_text(encoding="utf-8"))
        (record,) = reported["records"].values()
        return record["verdict"]

    def listening(self) -> set[str]:
        """Return the addresses at which the started processes listen."""
        import psutil

        found = set()
        for process in self.started:
            family = psutil.Process(process.pid)
            for member in (family, *family.children(recursive=True)):
                found |= {at.laddr.ip for at in member.net_connections() if at.status == psutil.CONN_LISTEN}
        return found

    def end(self) -> None:
        """End everything, each process with what it started."""
        for process in reversed(self.started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(timeout=PATIENCE)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def free_port():
    """Return a port on which nobody listens at any loopback address that the tests use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(host, port):
    """Wait until somebody listens there."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"nobody listens at {host}:{port}")


@pytest.fixture
def place(tmp_path):
    """Return a folder for the page's commands."""
    made = Place(tmp_path)
    yield made
    made.end()


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the page's commands need openssl")


def test_every_block_is_run_here():
    """No command on the page goes untested; the settings are those of this test instead."""
    tested = {AUTHORITY, KEY, SETTINGS, SCHEDULER, WORKER, RUN, TUNNEL, SLURM_SCHEDULER, SLURM_WORKERS, SLURM_RUN}

    assert BLOCKS.keys() == tested
    assert set(re.findall(r"(\w+)=", BLOCKS[SETTINGS])) == {"MACHINE", "HERE", "SCHEDULER", "PORT", "CORES"}


@needs_openssl
def test_the_ca_signs_keys_that_only_their_owner_reads(place):
    """The certificate is that of the machine, signed by the CA; no key is readable by others."""
    place.certify()
    verified = place.run("openssl verify -CAfile ca.crt desktop1.crt && openssl x509 -noout -subject -in desktop1.crt")

    assert "desktop1.crt: OK" in verified.stdout
    assert re.search(r"CN ?= ?desktop1", verified.stdout)
    assert {stat.S_IMODE((place.folder / name).stat().st_mode) for name in ("ca.key", "desktop1.key")} == {0o600}


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs an SSH client")
def test_ssh_understands_the_tunnel(place):
    """`ssh -G` prints what it would do; it connects to nothing."""
    (place.folder / "bin" / "ssh").unlink()
    shown = place.run(BLOCKS[TUNNEL].replace("ssh ", "ssh -G -F none "), SCHEDULER="192.0.2.11")

    assert f"localforward [127.0.0.1]:{place.settings['PORT']} [192.0.2.11]:{place.settings['PORT']}" in shown.stdout


@pytest.mark.slow
@needs_openssl
def test_desktops_and_a_tunnel(place):
    """Scheduler and worker with certificates, each at its own address and nowhere else; a run through the tunnel."""
    pytest.importorskip("distributed")
    place.certify()
    place.claims()
    port = place.settings["PORT"]
    place.start(SCHEDULER, SCHEDULER="127.0.0.2")
    answers("127.0.0.2", port)
    place.start(WORKER, SCHEDULER="127.0.0.2", HERE="127.0.0.3")
    place.start(TUNNEL, SCHEDULER="127.0.0.2")
    answers("127.0.0.1", port)

    assert place.judged(RUN, SCHEDULER="127.0.0.1") == "supported"
    assert place.listening() == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}


@pytest.mark.slow
@needs_openssl
def test_slurm(place):
    """The scheduler's file tells workers and run where it is; each of two tasks is a worker."""
    pytest.importorskip("distributed")
    place.certify()
    place.claims()
    place.start(SLURM_SCHEDULER, HERE="127.0.0.1")
    place.start(SLURM_WORKERS)
    ends = time.monotonic() + PATIENCE
    while not (place.folder / "scheduler.json").exists() and time.monotonic() < ends:
        time.sleep(0.2)

    assert place.judged(SLURM_RUN) == "supported"
    assert place.listening() == {"127.0.0.1"}
