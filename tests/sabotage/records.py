"""Entries of results.json by id: those of a run that a sabotage started, and those of the committed example."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Records(dict):
    """Entries of results.json by id."""

    @property
    def supported(self) -> set[str]:
        """Ids of the claims that are supported."""
        return {claim for claim, record in self.items() if record["verdict"] == "supported"}


def read_records(path: Path) -> Records:
    """Read all entries of a results.json."""
    return Records({record["id"]: record for record in json.loads(path.read_text(encoding="utf-8"))["claims"]})


def committed_example() -> Records:
    """Return the entries of the committed example: all claims, at their registered seeds."""
    return read_records(ROOT / "reports" / "example" / "results.json")
