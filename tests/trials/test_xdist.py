"""Whole runs under xdist: who trains what, what pytest shows of it, and what the other plugins see."""

import json
import re
import shutil

import pytest

pytest_plugins = ["pytester"]

THREE = """
@measurement(block=8)
def widths(seeds, noise):
    return {"width": 1 + noise(seeds)}

@claim("2.b", "Wide", seeds=16)
def test_wide(widths, heights):
    return exceeds(widths.width, by=0.5)

@claim("2.c", "Narrow", seeds=8)
def test_narrow(widths):
    return exceeds(widths.width, by=3)
"""
ALL = ["registered 0-7"] * 3 + ["registered 8-15"] * 3


@pytest.mark.parametrize(
    "options", [("-n0",), ("-n1",), ("-n2",), ("-n2", "--dist=worksteal"), ("-n2", "--dist=loadfile")]
)
def test_every_mode_judges_alike_and_trains_each_block_once(toy, options):
    """Same outcomes; two claims on one measurement train it once; trial items leave no trace in what pytest shows."""
    toy.add(THREE).alone("claims", "-p", "xdist", *options)

    assert toy.outcomes == {"2.a": "passed", "2.b": "passed", "2.c": "failed"}
    assert toy.trained == ALL
    assert toy.ret == 1
    toy.result.assert_outcomes(passed=2, failed=1)
    assert "[100%]" in toy.text
    assert "trial[" not in toy.text
    assert {nodeid for nodeid, _, _ in toy.reported["phases"]} == {
        "claims/test_toy.py::test_higher",
        "claims/test_toy.py::test_wide",
        "claims/test_toy.py::test_narrow",
    }
    assert toy.reported["collected"] == 3


def test_numbers_do_not_depend_on_the_workers(toy):
    """The same record, except for times and workers, without xdist and with two workers."""
    clocks = {"duration_s", "seconds_by_trial"}
    toy.write().run()
    alone = {name: value for name, value in toy.claims["2.a"].items() if name not in clocks}
    toy.spread()
    spread = {name: value for name, value in toy.claims["2.a"].items() if name not in clocks}

    assert alone == spread


def test_selection_trains_only_what_it_needs(toy):
    """-k under xdist: the trials of deselected claims are not trained."""
    toy.add(THREE).spread("-k", "narrow")

    assert toy.outcomes == {"2.c": "failed"}
    assert toy.trained == ["registered 0-7"]


def test_last_failed_runs_the_failed_claim_alone_and_spread(toy):
    """--lf after a failure: one claim, its trials on the workers."""
    toy.add(THREE).spread("-p", "cacheprovider")
    toy.forget()
    toy.spread("--lf", "-v")

    assert toy.outcomes == {"2.c": "failed"}
    assert toy.trained == ["registered 0-7"]


def test_exact_node_id(toy):
    """One claim by its node id."""
    toy.add(THREE).alone("claims/test_toy.py::test_narrow", "-p", "xdist", "-n2")

    assert toy.outcomes == {"2.c": "failed"}


def test_first_failure_stops_what_is_queued(toy):
    """-x: after a claim failed, the claims that are still queued are not run."""
    toy.add(
        """
@claim("1.a", "Fails at once", seeds=8)
def test_fails(heights):
    raise RuntimeError("no")
"""
        + "".join(
            f"""
@claim("1.b{number}", "Takes its time", seeds=8)
def test_{number}(heights):
    time.sleep(0.5)
    return exceeds(heights.height.sel(level=2), by=0)
"""
            for number in range(60)
        )
    ).spread("-x", "-k", "not higher", "--dist=load")

    assert toy.ret in {1, 2}
    assert toy.outcomes["1.a"] == "error"
    assert len(toy.outcomes) < 61


def test_junit_has_one_testcase_a_claim(toy):
    """JUnit sees only claims, with their records as properties and failures as failures."""
    toy.add(THREE).spread("--junitxml=junit.xml")
    cases = toy.junit()

    assert sorted(cases) == ["test_higher", "test_narrow", "test_wide"]
    assert cases["test_narrow"].find("failure") is not None
    assert '"id": "2.a"' in cases["test_higher"].find("properties/property[@name='claim']").get("value")


def test_waiting_is_not_training_twice(toy):
    """A claim whose only block another worker is computing waits for it, and computes other blocks meanwhile."""
    toy.add("""
@measurement(block=32, cost=9)
def slow(seeds, noise):
    drawn = noise(seeds)
    time.sleep(1)
    return {"height": 1 + drawn}

@claim("3.a", "Slow", seeds=32)
def test_slow(slow):
    return exceeds(slow.height, by=0.5)

@claim("3.b", "Slow again", seeds=32)
def test_slow_again(slow):
    return exceeds(slow.height, by=0.5)
""").spread()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed", "3.b": "passed"}
    assert toy.trained.count("registered 0-31") == 1


def test_long_trials_come_first(toy):
    """Blocks are started in the order of their hinted cost; claims come last."""
    toy.write("""
from pytest_claims import claim, exceeds, measurement
import time

@measurement(cost=1)
def short(seeds, noise):
    return {"x": 1 + noise(seeds)}

@measurement(level=["long", "longest"], cost={"long": 50, "longest": 100})
def long(seeds, noise, level):
    return {"x": 1 + noise(seeds)}

@claim("1.a", "Short", seeds=8)
def test_short(short):
    return exceeds(short.x, by=0)

@claim("1.b", "Long", seeds=8)
def test_long(long):
    return exceeds(long.x, by=0)
""").spread(workers=1)
    facts = [json.loads(path.read_text()) for path in toy.store("*.json") if path.name != "plan.json"]
    order = [
        (trial["measurement"], *trial["condition"].values())
        for trial in sorted(facts, key=lambda trial: trial["began"])
    ]

    assert order == [("long", "longest"), ("long", "long"), ("short",)]


def test_no_xdist_installed(toy):
    """Without the plugin claims compute their trials themselves."""
    toy.add(THREE).alone("claims", "-p", "no:xdist")

    assert toy.outcomes == {"2.a": "passed", "2.b": "passed", "2.c": "failed"}
    assert toy.trained == ALL


def test_looks_train_what_the_undecided_claim_needs_and_no_more(toy):
    """The clear claim stops at 32 seeds, the other goes on; only the other's later blocks are trained, and once.

    The record of each says at how many seeds it looked, and so does the page.
    """
    toy.add("""
@measurement(block=32)
def coins(seeds, noise):
    return {"toss": noise(seeds, sd=1)}

@claim("3.a", "Noise is above a little", seeds=128)
def test_noise(coins):
    return exceeds(coins.toss - coins.toss.mean(), by=-0.45)

@claim("3.b", "It is above minus ten", seeds=128)
def test_clear(coins):
    return exceeds(coins.toss, by=-10)
""").reporting().spread("--report", "out")
    page = (toy.path / "out/index.html").read_text()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed", "3.b": "passed"}
    assert {name: [look["seeds"] for look in record["looks"]] for name, record in toy.claims.items()} == {
        "2.a": [16],
        "3.a": [32, 64],
        "3.b": [32],
    }
    first = ["registered 0-7", "registered 8-15"] * 2
    assert toy.trained == sorted([*first, "registered 0-31", "registered 32-63"])
    assert "2 looks of 5 registered" in page
    assert "1 look of 5 registered" in page
    assert "The run stopped at 64 seeds, where this claim was decided." in page


def test_fresh_with_the_same_number_reproduces_on_other_workers(toy):
    """--fresh=7 serial and on two workers: the same record, and the number in it, on terminal and page."""
    clocks = {"duration_s", "seconds_by_trial"}
    toy.write().reporting().run("--fresh=7", "--report", "one")
    alone = {name: value for name, value in toy.claims["2.a"].items() if name not in clocks}
    toy.spread("--fresh=7", "--report", "two")
    spread = {name: value for name, value in toy.claims["2.a"].items() if name not in clocks}

    assert spread == alone
    assert alone["stream"] == "fresh-7"
    assert set(toy.trained) == {"fresh-7 0-7", "fresh-7 8-15"}
    assert "claims: stream: fresh-7" in toy.text
    assert "fresh-7" in (toy.path / "two/index.html").read_text()
    assert '"stream": "fresh-7"' in (toy.path / "two/results.json").read_text()


def test_fresh_is_drawn_once_for_all_workers(toy):
    """--fresh without a number: the controller draws, both workers use its number."""
    toy.add(THREE).spread("--fresh")

    assert len({record["stream"] for record in toy.claims.values()}) == 1
    assert len({text.split()[0] for text in toy.trained}) == 1


def test_pilot_is_written_by_the_controller(toy):
    """Whichever workers judged, pilots.json holds all claims."""
    toy.add(THREE).spread("--pilot")

    assert toy.ret == 0
    assert {'"2.a"', '"2.b"', '"2.c"'} <= set(re.findall(r'"2\.."', (toy.path / "claims/pilots.json").read_text()))


def test_faulty_claims_are_errors_of_their_own_under_xdist(toy):
    """Found on the workers, shown once each; the others run."""
    toy.add("""
@claim("2.b", "Nothing there")
def test_lost(nowhere):
    return None

@claim(text="No id")
def test_anonymous(heights):
    return None
""").spread()

    assert toy.ret == 1
    toy.result.assert_outcomes(passed=1, errors=2)
    assert "Claim 2.b needs the fixture nowhere, and there is no such fixture." in toy.text


def test_trials_of_another_clone_are_reused_on_workers(toy, tmp_path_factory):
    """Names of trials hold no place of this machine."""
    toy.write().spread()
    other = tmp_path_factory.mktemp("other") / "clone"
    shutil.copytree(toy.path, other)
    toy.forget()
    toy.spread(f"--reuse={other / 'reports/latest'}")

    assert toy.trained == []
    assert toy.claims["2.a"]["reused"] == 4
