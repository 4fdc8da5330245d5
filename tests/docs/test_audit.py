"""docs/audit.md recomputes verdicts in ten lines: its code runs, on the committed example, and agrees."""

import re
from pathlib import Path

import pytest

from pytest_claims.report.measurements import write_measurements
from pytest_claims.results import read, write

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
#: The example's numbers have six figures.
CLOSE = 2e-3


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Run the page's code beside a report folder; return its names."""
    folder = tmp_path_factory.mktemp("audit") / "reports" / "latest"
    folder.mkdir(parents=True)
    results = read(ROOT / "reports" / "example")
    write(folder, results)
    write_measurements(folder, results)
    code = "\n".join(CODE.findall((ROOT / "docs" / "audit.md").read_text(encoding="utf-8")))
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parents[1])
        exec(compile(code, "docs/audit.md", "exec"), names)  # noqa: S102 - the page's own code
    return names


def test_a_difference_comes_out_of_the_raw_numbers(audited):
    """From measurements.csv alone, without the effects that the library computed."""
    assert len(audited["arms"]) == 2
    assert (audited["low"], audited["high"]) == pytest.approx(audited["claims"]["10.e"]["interval"], rel=CLOSE)


def test_every_plain_part_is_recomputed(audited):
    """Intervals of means, shares and exact numbers, of all kinds of claims."""
    kinds, recomputed = set(), audited["recomputed"]
    for claim in audited["claims"].values():
        for part in claim["parts"]:
            if part.get("adjusted") is None and not part.get("fast_cut") and not part.get("slow_cut"):
                kinds.add(claim["kind"])
                low, high = part["interval"]
                scale = max(abs(low), abs(high), high - low)
                assert recomputed(part, claim["alpha"]) == pytest.approx((low, high), rel=CLOSE, abs=CLOSE * scale)

    assert kinds >= {"difference", "equivalence", "level", "ordered", "proportion", "conjunction", "exact"}
