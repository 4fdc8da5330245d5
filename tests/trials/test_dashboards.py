"""What CI dashboards get: JUnit, the report log and CTRF, read by their own tools."""

import json

import pytest

pytest_plugins = ["pytester"]

CLAIMS = """
import pytest
from pytest_claims import claim, exceeds, measurement

@measurement(experiment=1)
def flat(seeds):
    return {"value": [generator.normal() * 0.1 for generator in seeds.generator("flat")]}

@claim("1.a", "Above minus one", seeds=16)
def test_supported(flat):
    return exceeds(flat.value, by=-1)

@claim("1.b", "Above one", seeds=16, registered="refuted", reason="it is around zero")
def test_refuted(flat):
    return exceeds(flat.value, by=1)

@claim("1.c", "Above its mean", seeds=16, registered="inconclusive", reason="it is its mean")
def test_undecided(flat):
    return exceeds(flat.value - flat.value.mean(), by=0)

@claim("1.d", "Above two, which it is not", seeds=16)
def test_departs(flat):
    return exceeds(flat.value, by=2)

@pytest.mark.skip(reason="the oven is cold")
@claim("1.e", "Never run", seeds=16)
def test_skipped(flat):
    return exceeds(flat.value, by=0)
"""
#: Status and verdict of each claim.
EXPECTED = {
    "test_supported": ("passed", "supported"),
    "test_refuted": ("passed", "refuted"),
    "test_undecided": ("passed", "inconclusive"),
    "test_departs": ("failed", "refuted"),
    "test_skipped": ("skipped", None),
}


@pytest.mark.parametrize("workers", [None, 2], ids=["serial", "xdist"])
def test_a_verdict_as_registered_has_passed(toy, workers):
    """Every claim counts once, and only what was not run is skipped. pytest's terminal says xfailed, as ever."""
    junitparser = pytest.importorskip("junitparser")
    pytest.importorskip("pytest_reportlog")
    files = ["--junitxml=junit.xml", "-p", "pytest_reportlog.plugin", "--report-log=log.jsonl"]
    toy.write(CLAIMS).spread("-rx", *files, workers=workers)

    toy.result.assert_outcomes(passed=1, xfailed=2, failed=1, skipped=1)
    toy.result.stdout.fnmatch_lines(["XFAIL *::test_refuted - refuted as registered: it is around zero"])
    assert toy.outcomes == {"1.a": "passed", "1.b": "xfailed", "1.c": "xfailed", "1.d": "failed"}
    (suite,) = junitparser.JUnitXml.fromfile(str(toy.path / "junit.xml"))
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (5, 1, 1, 0)
    assert {case.name: in_junit(case) for case in suite} == {name: status for name, (status, _) in EXPECTED.items()}
    properties = {name: case.find("properties/property[@name='verdict']") for name, case in toy.junit().items()}
    assert {name: None if found is None else found.get("value") for name, found in properties.items()} == {
        name: verdict for name, (_, verdict) in EXPECTED.items()
    }
    lines = map(json.loads, (toy.path / "log.jsonl").read_text().splitlines())
    calls = {line["nodeid"].partition("::")[2]: line for line in lines if line.get("when") == "call"}
    assert {name: (line["outcome"], dict(line["user_properties"])["verdict"]) for name, line in calls.items()} == {
        name: told for name, told in EXPECTED.items() if name != "test_skipped"
    }


def in_junit(case):
    """Return a test case's status."""
    return "skipped" if case.is_skipped else "failed" if case.is_failure else "passed"
