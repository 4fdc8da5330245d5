"""Workers that cannot measure, and what answers at the address without being a cluster: a sentence about each."""

import http.server
import os
import shutil
import subprocess
import threading

import pytest

from tests.cluster.machines import until, without

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytest_plugins = ["pytester"]


def pretend(folder, name, version):
    """Return a folder for PYTHONPATH in which a package has another version."""
    facts = folder / f"{name}-{version}.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return str(folder)


@pytest.mark.slow
def test_workers_that_cannot_measure_are_left_out(suite, machines, tmp_path):
    """Another torch or none, another Dask, no pytest, no room, no folder: a sentence about each; the others measure.

    Nobody is used before all have joined, so that the good ones are the majority.
    """
    machines.scheduler()
    unfit = machines.worker("--no-nanny", "--local-directory", str(tmp_path / "unfit"))
    workers = [
        machines.worker(),
        machines.worker(),
        machines.worker(PYTHONPATH=pretend(tmp_path / "older", "torch", "1.2.3")),
        machines.worker(PYTHONPATH=pretend(tmp_path / "old", "distributed", "2020.1.0")),
        machines.worker(python=without(tmp_path / "no-torch", "torch")),
        machines.worker(python=without(tmp_path / "no-pytest", "pytest", "_pytest")),
        machines.worker("--no-nanny", before="ulimit -f 8"),  # no file may have more than 8 KiB
    ]
    machines.joined(unfit, *workers)
    (folder,) = (path for path in (tmp_path / "unfit").glob("*/worker-*") if path.is_dir())
    folder.rename(tmp_path / "away")
    folder.touch()  # root may write everywhere, but not below a file
    suite.write().hold()
    run = suite.start()
    until("trials on two workers", lambda: len({worker for *_, worker in suite.began()}) == 2 or run.poll() is not None)
    suite.go()
    printed = suite.ended(run)

    assert run.returncode == 0, printed
    assert suite.toy.outcomes == {"2.a": "passed", "4.a": "passed"}
    assert "torch 1.2.3 instead of" in printed
    assert "torch none instead of" in printed
    assert "it has distributed 2020.1.0, this run" in printed
    assert "No module named 'pytest'" in printed
    assert "the project cannot be stored there (File too large)" in printed
    assert "the project cannot be stored there (Not a directory)" in printed
    assert len({worker for *_, worker in suite.began()}) == 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="needs the right to mount a tmpfs")
def test_a_worker_with_a_full_disk(suite, machines, tmp_path):
    """A tmpfs of 256 kB, less than the project needs: nothing begins, and the reason is named."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        machines.scheduler()
        worker = machines.worker("--no-nanny", "--local-directory", str(small))
        line = refused(suite, machines.address)
        machines.kill(worker)
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)

    assert "none of its 1 workers can measure: the project cannot be stored there (No space left on device)" in line


@pytest.mark.slow
def test_a_package_that_the_claims_import_and_no_worker_has(suite, machines, tmp_path):
    """It is named, and no claim is blamed."""
    machines.scheduler()
    machines.worker(python=without(tmp_path / "no-torch", "torch"))
    status, printed = suite.write("import torch\n").run("--cluster-wait", "1")

    assert status not in {0, 1}, printed
    assert "No module named 'torch'" in printed
    assert "Traceback" not in printed
    assert suite.toy.outcomes == {}


@pytest.mark.slow
def test_a_bench_that_cannot_start(suite, machines):
    """Where no worker can collect the claims, the run ends with the reason instead of waiting."""
    machines.scheduler()
    machines.worker(AWAY="1")
    conftest = suite.toy.path / "conftest.py"
    conftest.write_text(f'import os\nif os.environ.get("AWAY"):\n    import not_there\n{conftest.read_text()}')
    status, printed = suite.write().run("--cluster-wait", "5")

    assert status not in {0, 1}, printed
    assert "No module named 'not_there'" in printed
    assert "Traceback" not in printed


# -- what answers is no cluster ---------------------------------------------------------------------------------------


class Silent(http.server.BaseHTTPRequestHandler):
    """An HTTP server that notes nothing."""

    def log_message(self, *_args):
        """Say nothing."""


def refused(suite, address, *args):
    """Return the one line in which a run says why it does not begin."""
    status, printed = suite.write().run(*args, address=address)

    assert status == 4, printed
    assert "Traceback" not in printed
    (line,) = (line for line in printed.splitlines() if line.startswith("ERROR:"))
    assert address in line
    assert suite.began() == []
    return line


@pytest.mark.slow
def test_an_http_server_on_the_port(suite):
    """It is told from a scheduler, soon."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = refused(suite, f"tcp://127.0.0.1:{server.server_port}")
        server.shutdown()

    assert "no scheduler" in line


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_tcp_on_a_tls_port_and_the_reverse(suite, machines, tmp_path):
    """Both are refused, and so is TLS without certificates."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=ca"
    subprocess.run([*command.split(), "-keyout", "key", "-out", "crt"], cwd=tmp_path, check=True, capture_output=True)
    certificates = ("--tls-ca-file", "crt", "--tls-cert", "crt", "--tls-key", "key")
    machines.scheduler("--protocol", "tls", *certificates, cwd=tmp_path)

    assert "tls://" in refused(suite, machines.address)
    assert "needs certificates" in refused(suite, machines.address.replace("tcp", "tls"))


@pytest.mark.slow
def test_no_workers(suite, machines):
    """A scheduler that nobody has joined: the run waits as long as it is told."""
    machines.scheduler()

    assert "no worker has joined it within 1 s" in refused(suite, machines.address, "--cluster-wait", "1")


@pytest.mark.slow
def test_a_scheduler_of_another_version(suite, machines, tmp_path):
    """The run names both versions."""
    machines.scheduler(PYTHONPATH=pretend(tmp_path / "older", "distributed", "2020.1.0"))

    assert "the scheduler has distributed 2020.1.0" in refused(suite, machines.address)
