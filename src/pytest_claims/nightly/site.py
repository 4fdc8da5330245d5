"""The pages of a night: the legs side by side in front, each leg's own report and its history behind."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pytest_claims.nightly.summary import Outcome
from pytest_claims.report.compare import Comparison, write_comparison
from pytest_claims.report.history import load_history, write_history
from pytest_claims.report.runs import load


def publish(folder: Path, outcomes: Sequence[Outcome], history: Path | None, site: Path) -> None:
    """Write the site from the legs' folders; of a single leg its report is the front page."""
    ran = [one.leg for one in outcomes if one.results is not None]
    for leg in ran:
        _copy(folder / leg / "report", site / leg)
        if history is not None:
            write_history(site / "history" / leg, load_history(history / leg))
    if len(ran) > 1:
        # named after their legs: what stands in their folders is called "report" for all of them
        write_comparison(site, Comparison(load([site / leg / "results.json" for leg in ran])))
    elif ran:
        _copy(folder / ran[0] / "report", site)


def _copy(report: Path, target: Path) -> None:
    shutil.copytree(report, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("trials"))
