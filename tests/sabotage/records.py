"""Entries of results.json by id: those of a run that a sabotage started, and those of the committed example."""

import json
import math
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Records(dict):
    """Entries of results.json by id."""

    @property
    def supported(self) -> set[str]:
        """Ids of the claims that are supported, and of those that a quick look would support.

        At few seeds the rule supports nothing, because it could not see a rare failure. To see whether a mechanism
        carries a claim, it is enough that the intervals of all its parts lie inside their regions.
        """
        return {
            claim
            for claim, record in self.items()
            if record["verdict"] == "supported" or (is_quick(record) and all(map(is_inside, record["parts"])))
        }

    def seeds(self, claims) -> int:
        """Return the number of seeds at which all of these claims were decided."""
        return max(self[claim]["seeds"] for claim in claims)


def is_quick(record) -> bool:
    """Whether a claim was judged once, before its first look, and not refuted."""
    return record["verdict"] == "inconclusive" and record.get("registered_looks") == []


def is_inside(part) -> bool:
    """Whether a part's interval lies inside the claimed region; a missing end of the region is infinite."""
    if part["estimator"] == "exact":
        return part["interval"] == part["region"]
    low, high = (math.nan if end is None else end for end in part["interval"])
    least, most = part["region"]
    return (least is None or low > least) and (most is None or high < most)


def read_records(path: Path) -> Records:
    """Read all entries of a results.json."""
    return Records({record["id"]: record for record in json.loads(path.read_text(encoding="utf-8"))["claims"]})


def committed_example() -> Records:
    """Return the entries of the committed example: all claims, at their registered seeds."""
    return read_records(ROOT / "reports" / "example" / "results.json")
