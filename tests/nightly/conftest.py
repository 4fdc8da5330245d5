"""What the tests of bisections share: an index of tiny packages in a folder, and runs that only look at the package."""

import hashlib
import json
import subprocess
import tarfile
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
