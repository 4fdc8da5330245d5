"""What the tests of bisections share: an index of tiny packages in a folder, and runs that only look at the package."""

import functools
import hashlib
import http.server
import json
import os
import subprocess
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

CLAIM = {
    "id": "2.a", "text": "It rises", "source": "A paper", "registered": "supported", "outcome": "passed",
    "kind": "difference", "effect": 0.3, "interval": [0.2, 0.4], "margin": 0.05, "region": [0.05, None],
    "alpha": 0.005, "seeds": 8, "unit": "", "message": "It is so.",
}  # fmt: skip


class Index:
    """An index of packages in a folder, as pip and uv read it from ``url``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self.versions: dict[str, list[str]] = {}

    def add(self, name: str, version: str, code: str = "", *, needs: str = "", yanked: bool = False) -> None:
        """Add a wheel with one module of the package's name."""
        wheel = f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        required = f"Requires-Dist: {needs}\n" if needs else ""
        files = {
            f"{name}/__init__.py": code,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        self.versions.setdefault(name, []).append(version)
        with zipfile.ZipFile(place / wheel, "w") as archive:
            for file, content in files.items():
                archive.writestr(file, content)
        digest = hashlib.sha256((place / wheel).read_bytes()).hexdigest()
        self._list(name, f'<a href="{wheel}#sha256={digest}"{" data-yanked=wrong" if yanked else ""}>{wheel}</a>')

    def add_source(self, name: str, version: str) -> None:
        """Add a version without a wheel."""
        place = self.folder / name / f"{name}-{version}.tar.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(place, "w:gz"):
            pass
        self._list(name, f'<a href="{place.name}">{place.name}</a>')

    def _list(self, name: str, line: str) -> None:
        page = self.folder / name / "index.html"
        before = page.read_text() if page.exists() else "<!DOCTYPE html><html><body>\n"
        page.write_text(f"{before}{line}<br>\n")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Make an empty index, the only one that pip and uv are configured with."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "index").mkdir()
    made = Index(tmp_path / "index")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", made.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / ".uv"))  # hidden: it is no part of the project
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    return made


class Answers(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, but for the paths in ``server.faults``: a status, or "cut" for a file that breaks off."""

    def do_GET(self):
        """Answer with a file, or as the faults say."""
        fault = next((fault for end, fault in self.server.faults.items() if self.path.endswith(end)), None)
        if fault is None:
            super().do_GET()
            return
        content = b"" if isinstance(fault, int) else Path(self.translate_path(self.path)).read_bytes()
        self.send_response(fault if isinstance(fault, int) else 200)
        if fault == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture
def faults(index, monkeypatch):
    """Serve the index over HTTP, and return what is wrong with it: the end of a path, and how it is answered."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    handler = functools.partial(Answers, directory=index.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.faults = {}
        index.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.faults
        server.shutdown()


@pytest.fixture
def answer_on_stdin():
    """Let a line wait on standard input, as a person's answer to a question that nobody sees."""
    kept, (read, write) = os.dup(0), os.pipe()
    os.write(write, b"answer\n")
    os.close(write)
    os.dup2(read, 0)
    yield
    os.dup2(kept, 0)
    os.close(kept)
    os.close(read)


def write_results(report: Path, **facts) -> None:
    """Write a run's results.json with one claim."""
    claim = {"verdict": "supported", **CLAIM, **facts}
    values = claim.pop("values", [0.3] * 8)
    claim["parts"] = [{"text": "It rises", "effect": 0.3, "interval": [0.2, 0.4], "region": [0.05, None],
                       "margin": 0.05, "verdict": claim["verdict"], "values": values}]  # fmt: skip
    report.mkdir(parents=True)
    content = {"schema": 1, "started": "", "complete": True, "environment": {}, "claims": [claim]}
    report.joinpath("results.json").write_text(json.dumps(content))


class Look:
    """Stands in for the claim's run: asks the environment's toy package for facts of the claim, and keeps the order.

    ``break_at`` is the run that Ctrl-C breaks off.
    """

    def __init__(self, break_at: int = 0) -> None:
        self.tried: list[str] = []
        self.break_at = break_at

    def __call__(self, python, _claim, report, root, _arguments):
        """Run nothing but the import of the package."""
        code = "import json, toy; print(json.dumps([toy.VERSION, toy.FACTS]))"
        ended = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=root)
        version, facts = json.loads(ended.stdout)
        self.tried.append(version)
        if len(self.tried) == self.break_at:
            raise KeyboardInterrupt
        if facts is not None:
            write_results(report, **facts)
        return subprocess.CompletedProcess(
            [], 0 if facts is not None else 2, "E   the claims are broken\n1 error\n", ""
        )


def toy(version: str, **facts) -> str:
    """Return the code of a toy package with facts about the claim."""
    return f"VERSION = {version!r}\nFACTS = {facts!r}\n"
