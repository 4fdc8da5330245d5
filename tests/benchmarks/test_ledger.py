"""latest.json: its fields, its ratios, and the error when benchmarks run with workers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.ledger import WAYS, Ledger, plain_over, table

ROOT = Path(__file__).resolve().parents[2]


def entry(name, **engines):
    """Return a workload's entry."""
    return {"name": name, "engines": dict.fromkeys(WAYS) | engines, "jax_compile_s": None, "seeds": 8, "runs": 1}


def test_the_json_has_the_fields_that_readers_rely_on():
    """Machine, workloads with microseconds of every way (null where it cannot), and the two ratios."""
    content = json.loads(json.dumps(Ledger([entry("1", plain=300.0, stacked=30.0)]).as_json()))

    assert {"machine", "workloads", "plain_over_stacked", "plain_over_jax"} <= content.keys()
    assert {"cpu", "platform", "python", "torch", "numpy", "scikit-learn", "jax"} == content["machine"].keys()
    assert content["workloads"][0]["name"] == "1"
    assert content["workloads"][0]["engines"] == {
        "plain": 300.0,
        "plain_fused": None,
        "vmap": None,
        "stacked": 30.0,
        "sklearn": None,
        "jax": None,
    }
    assert content["plain_over_stacked"] == pytest.approx(10)
    assert content["plain_over_jax"] is None


def test_ratios_are_geometric_means():
    """4x and 9x are 6x on average; a workload that a way cannot do is left out."""
    workloads = [entry("a", plain=40.0, jax=10.0), entry("b", plain=90.0, jax=10.0), entry("c", plain=1.0)]

    assert plain_over(workloads, "jax") == pytest.approx(6)


def test_the_machine_is_not_named():
    """Only processor, system and versions are listed, no host name."""
    assert Ledger().as_json()["machine"]["platform"].count(" ") == 1


def test_the_table_has_a_line_for_each_workload_and_one_for_the_means():
    """Costs with their ratio, a dash where there is none."""
    lines = table([entry("1 approximation", plain=300.0, stacked=30.0)])

    assert len(lines) == 3
    assert "300 (  1.0x)" in lines[1]
    assert "30 ( 10.0x)" in lines[1]
    assert lines[1].rstrip().endswith("-")
    assert lines[2].startswith("geometric mean")


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["default", "-n2"])
def test_workers_are_refused(options):
    """Exit status 4, and the error says what to add; the suite's default, workers, is refused as well."""
    pytest.importorskip("xdist")
    command = [sys.executable, "-m", "pytest", "benchmarks", *options]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 4
    assert "Benchmarks measure time, so they run without workers: add -n0 (make bench does)." in ended.stderr
