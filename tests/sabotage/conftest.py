"""Sabotage: a patch takes a claim's mechanism out of the real training run, and the claim must lose its support.

A new claim needs two lines:

    def test_without_repeats_depth_gains_nothing(untouched, sabotaged):
        assert untouched("2.a").supported == {"2.a"}
        assert sabotaged("2.a", patch=SAME_DEPTH).supported == set()

`sabotaged(*ids, patch=..., seeds=8)` runs the real `pytest claims/ --claim ID,ID --seeds 8 -n0`, in a process and a
report folder of its own. The patch is applied before any claim file is collected. It is written "module: statement",
and the statement is executed in the module's own namespace. For several patches give a list. Claim files can be patched
like any other module:

    ENGINES = "pytest_claims.training.engines.base"
    SAME_DEPTH = f"{ENGINES}: applied_layers = lambda sizes, repeat: list(range(len(sizes) - 1))"
    FROZEN = "claims.test_layers: import functools; Run = functools.partial(Run, frozen=range(4))"

It returns the entries of `results.json` of these ids (a variant has an id of its own). `.supported` is the set of ids
whose verdict is supported. A claim that is missing or an error fails the test: a crash is not lost support.

`untouched(*ids, seeds=8)` is the same without a patch. With it a test cannot pass for nothing: a claim that was not
supported has no support to lose. For such a claim plant the effect instead, and expect support:

    def test_a_planted_winner_is_found(untouched, sabotaged):
        assert untouched("9.d").supported == set()
        assert sabotaged("9.d", patch=ONLY_CROSS_ENTROPY_LEARNS).supported == {"9.d"}

Real training takes time: mark these tests slow, and choose cheap claims and few seeds. With `seeds=None` each claim has
its registered number of seeds. The committed example, `records.committed_example()`, then says what is supported.
"""

import os
import subprocess
import sys

import pytest

from tests.sabotage.records import ROOT, Records, read_records

PLUGIN = """\
import importlib

for patch in {patches!r}:
    module, _, statement = patch.partition(":")
    exec(statement.strip(), vars(importlib.import_module(module.strip())))
"""
JUDGED = (0, 1)  # exit statuses of a run with verdicts: all as registered, or not
SHOWN = 3_000  # characters of a failed run's output


@pytest.fixture(scope="session")
def sabotaged(tmp_path_factory):
    """Run claims with a patch in place: `sabotaged(*ids, patch=..., seeds=8)`; see the top of this file."""

    def run(*ids, patch, seeds=8):
        patches = [patch] if isinstance(patch, str) else list(patch)
        return _run_claims(tmp_path_factory.mktemp("sabotaged"), ids, patches, seeds)

    return run


@pytest.fixture(scope="session")
def untouched(tmp_path_factory):
    """Run claims as they are: `untouched(*ids, seeds=8)`; see the top of this file."""

    def run(*ids, seeds=8):
        return _run_claims(tmp_path_factory.mktemp("untouched"), ids, [], seeds)

    return run


def _run_claims(folder, ids, patches, seeds):
    (folder / "sabotage_plugin.py").write_text(PLUGIN.format(patches=patches), encoding="utf-8")
    report = folder / "report"
    command = [sys.executable, "-m", "pytest", "claims", "-n0", "-p", "no:cacheprovider", "-p", "sabotage_plugin"]
    command += ["-p", "no:claims-drawing"]  # nobody looks at the figures
    command += ["-o", "claims_edition=1"]  # tests never look at the seeds that claims are registered on
    options = ["--claim", ",".join(ids), "--report", str(report), *(() if seeds is None else ("--seeds", str(seeds)))]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**inherited, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    ended = subprocess.run([*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    shown = f"{ended.stdout[-SHOWN:]}\n{ended.stderr[-SHOWN:]}"
    if ended.returncode not in JUDGED:
        pytest.fail(f"The run ended without verdicts, exit status {ended.returncode}:\n{shown}")
    entries = read_records(report / "results.json")
    records = Records({claim: record for claim, record in entries.items() if claim in ids})
    if missing := set(ids) - records.keys():
        pytest.fail(f"The run's report lacks {', '.join(sorted(missing))}:\n{shown}")
    if errors := {claim: record["message"] for claim, record in records.items() if record["verdict"] == "error"}:
        pytest.fail(f"These claims have no verdict, they are errors: {errors}")
    return records
