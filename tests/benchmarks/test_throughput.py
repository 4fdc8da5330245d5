"""The benchmark of a cluster's controller and scheduler, with few trials."""

import re

import pytest

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")


@pytest.mark.slow
def test_every_pretended_trial_is_stored(capsys):
    """A real scheduler, real workers that measure nothing: the sentence counts what arrived."""
    from benchmarks.throughput import main

    assert main(["40"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("40 trials of 18 kB in ")
    assert re.search(r"ms of the controller's and \d+\.\d ms of the scheduler's processor time", said)
