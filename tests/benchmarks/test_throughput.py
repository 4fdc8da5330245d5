"""The benchmark of a cluster's controller and scheduler, with few trials."""

import re
from importlib import import_module

import pytest

from benchmarks.document import END, ROOT

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
throughput = import_module("benchmarks.throughput")


@pytest.mark.slow
def test_every_pretended_trial_is_stored(capsys, tmp_path):
    """A real scheduler, real workers that measure nothing: the sentence counts what arrived, and stands on the page."""
    page = tmp_path / "page.md"
    page.write_text(f"By hand.\n\n{throughput.BEGIN}\n{END}\n", encoding="utf-8")

    assert throughput.main(["40", "--write", str(page)]) == 0

    said = capsys.readouterr().out
    assert said.startswith("40 trials of 18 kB, on 2 workers of 64 threads, in ")
    assert re.search(r"ms of the controller's and \d+\.\d ms of the scheduler's processor time", said)
    assert said.strip() in page.read_text(encoding="utf-8")


def test_a_page_without_markers_is_refused_before_anything_is_measured(tmp_path, capsys):
    """One sentence, exit status 2."""
    page = tmp_path / "page.md"
    page.write_text("By hand.\n", encoding="utf-8")

    with pytest.raises(SystemExit) as ended:
        throughput.main(["--write", str(page)])

    assert ended.value.code == 2
    assert "the page has no part between" in capsys.readouterr().err


def test_the_document_names_trials_and_workers_of_a_whole_measurement():
    """What stands in docs/cluster.md is a run of as many trials as the command measures without a number."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    part = page.partition(throughput.BEGIN)[2].partition(END)[0]

    assert f"{throughput.TRIALS:,} trials of 18 kB, on {throughput.WORKERS} workers" in part
