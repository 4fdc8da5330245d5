"""A run against its baseline: which stage sees a change first, and what makes the run fail."""

import copy

import numpy as np
import pytest

from pytest_claims import drift
from pytest_claims.results import Results

VERSIONS = {
    "torch": "2.13.0",
    "numpy": "2.4.6",
    "scipy": "1.17.1",
    "scikit-learn": "1.9.1",
    "cpu": "A",
    "commit": "c0ffee00",
}


def claim(identifier="2.a", *, seeds=32, **fields):
    """One claim's record as results.json holds it, with an effect of about .3 against a margin of .05."""
    rng = np.random.default_rng(7)
    values = (0.3 + 0.05 * rng.standard_normal(64))[:seeds].tolist()
    part = {
        "text": "accuracy rises",
        "effect": float(np.mean(values)),
        "interval": [0.27, 0.33],
        "region": [0.05, None],
        "margin": 0.05,
        "role": "gain",
        "verdict": "supported",
        "values": values,
    }
    record = {
        **{name: part[name] for name in ("effect", "interval", "region", "margin", "verdict")},
        "id": identifier,
        "text": "Accuracy rises",
        "kind": "difference",
        "alpha": 0.005,
        "registered": "supported",
        "seeds": seeds,
        "stream": "registered",
        "engine": "torch",
        "clock": False,
        "parts": [part],
        "conditions": [{"layers": 1, "values": values}],
        "inputs": {"data": "aa11", "weights": "bb22"},
        "derived": {"moons": [1.5, 2.5, 3.5], "weights": [4.0, 5.0, 6.0]},
        "trace": {"train": {"step": [0, 1, 2], "loss": [0.7, 0.6, 0.5], "gradient": [1.0, 0.9, 0.8]}},
        "message": "Supported.",
    }
    return {**record, **fields}


def run(*claims, **environment):
    """Make the results of a run."""
    return {
        "schema": 1,
        "started": "2026-11-20T01:00:00+00:00",
        "complete": True,
        "environment": {**VERSIONS, **environment},
        "claims": list(claims or [claim()]),
    }


def changed(results, path, value):
    """Return the same run with one field of its first claim set: "trace.train.loss.1" reaches into it."""
    other = copy.deepcopy(results)
    place = other["claims"][0]
    *way, last = path.split(".")
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[int(last) if isinstance(place, list) else last] = value
    return other


def shifted(results, by):
    """Return the same run with every seed's effect, and the condition's values, moved."""
    other = copy.deepcopy(results)
    part, row = other["claims"][0]["parts"][0], other["claims"][0]["conditions"][0]
    part["values"] = [value + step for value, step in zip(part["values"], by, strict=True)]
    row["values"] = list(part["values"])
    return other


def compare(was, now):
    """Compare two runs that are JSON."""
    return drift.compare(Results.from_json(was), Results.from_json(now))


def text(comparison):
    """All lines of the terminal."""
    return "\n".join(comparison.sentences())


def test_a_run_against_itself_says_that_nothing_changed():
    """The same results give one line, "nothing changed", and no failure."""
    comparison = compare(run(), run())

    assert [line.split(":")[0] for line in comparison.sentences()] == ["nothing changed"]
    assert not comparison.failed
    assert comparison.claims[0].departed is None


def test_an_edited_verdict_fails_and_names_the_claim():
    """A verdict that changed at the same seeds fails the run; the line names the claim and both verdicts."""
    comparison = compare(run(), changed(run(), "verdict", "refuted"))

    assert comparison.failed
    assert "the verdict of 2.a changed" in comparison.sentences()[0]
    assert "2.a: verdict changed, supported → refuted" in text(comparison)
    assert "every number is the same as in the baseline" in text(comparison)


def test_other_raw_draws_are_an_error_that_names_numpy():
    """A hash of raw draws that differs fails the run, blames numpy of another version, and ends the comparison."""
    comparison = compare(run(numpy="2.0.0"), changed(run(), "inputs.data", "ff00"))

    assert comparison.failed
    assert "ERROR: inputs changed" in comparison.sentences()[0]
    assert '"data" differ; numpy 2.0.0 → 2.4.6 probably did it: 2.a' in text(comparison)
    assert comparison.claims[0].states["trace"] == "not compared"


def test_other_datasets_from_the_same_draws_name_the_array_and_its_library():
    """A derived array beyond rtol 1e-9 fails; moons are scikit-learn's business, so it is suspected first."""
    later = changed(run(**{"scikit-learn": "2.0"}), "derived.moons", [1.5, 2.5, 3.5 * (1 + 1e-8)])

    comparison = compare(run(), later)

    assert comparison.failed
    assert comparison.claims[0].departed == "derived"
    assert '"moons"' in text(comparison)
    assert "scikit-learn 1.9.1 → 2.0 probably did it" in text(comparison)


def test_the_last_bits_of_a_dataset_are_no_mismatch():
    """Derived arrays within rtol 1e-9 are the same: other processors multiply matrices in other orders."""
    comparison = compare(run(), changed(run(), "derived.moons", [1.5, 2.5, 3.5 * (1 + 1e-12)]))

    assert not comparison.failed
    assert comparison.claims[0].states["derived"] == "same"


@pytest.mark.parametrize(
    "path, value, expected",
    [
        (
            "trace.train.loss.0",
            0.7001,
            "step 0, in the loss (by 0.00014, relative): before any update, so the forward pass",
        ),
        (
            "trace.train.gradient.0",
            1.1,
            "step 0, in the gradient (the loss agrees) (by 0.091, relative): before any update",
        ),
        (
            "trace.train.loss.1",
            0.61,
            "step 1, in the loss (by 0.016, relative): loss and gradient agree at step 0, so the update",
        ),
        ("trace.train.loss.2", None, "step 2, in the loss: loss and gradient agree at steps 0 to 1"),
    ],
)
def test_training_that_departs_says_where(path, value, expected):
    """The first step and number that differ are named, with what they leave as a cause; drift alone fails nothing."""
    comparison = compare(run(), changed(run(torch="2.14.0"), path, value))

    assert expected in text(comparison)
    assert "torch 2.13.0 → 2.14.0 probably did it" in text(comparison)
    assert not comparison.failed


def test_rounding_of_a_trace_is_the_same_training():
    """Relative differences below 1e-10 in the first steps are rounding."""
    comparison = compare(run(), changed(run(), "trace.train.loss.2", 0.5 * (1 + 1e-12)))

    assert comparison.claims[0].states["trace"] == "same"


def test_the_earliest_probe_that_departs_is_reported():
    """Of several probes the one that leaves first is named, whatever the others do later."""
    probes = {name: {"step": [0, 1], "loss": [1.0, 0.9], "gradient": [1.0, 1.0]} for name in ("mse", "hinge")}
    was = run(claim(trace={"block": probes}))
    now = changed(changed(was, "trace.block.mse.loss.1", 0.5), "trace.block.hinge.gradient.0", 2.0)

    departure = compare(was, now).claims[0].departure

    assert departure is not None
    assert (departure.probe, departure.step, departure.number) == ("block, hinge", 0, "gradient")


def test_a_systematic_shift_is_material_drift_and_fails_nothing():
    """A shift of every seed by the margin is called changed and material, loudly, and the run still passes."""
    noise = 0.001 * np.random.default_rng(1).standard_normal(32)

    comparison = compare(run(), shifted(run(), 0.05 + noise))

    assert comparison.claims[0].drift.word == "changed"
    assert "2.a: MATERIAL DRIFT: the effect changed by +0.05" in text(comparison)
    assert not comparison.failed


def test_chaotic_noise_within_half_the_margin_is_no_material_change():
    """Differences without a direction whose interval lies inside half the margin are called immaterial."""
    noise = 0.01 * np.random.default_rng(2).standard_normal(32)

    comparison = compare(run(), shifted(run(), noise))

    assert comparison.claims[0].drift.word == "no material change"
    assert comparison.claims[0].departed == "numbers"
    assert comparison.sentences()[0].startswith("no verdict changed; numbers did in 1 of 1 claim")


def test_noise_wider_than_half_the_margin_is_undecided():
    """An interval that neither excludes zero nor fits into half the margin decides nothing."""
    noise = 0.2 * np.random.default_rng(3).standard_normal(32)

    assert compare(run(), shifted(run(), noise)).claims[0].drift.word == "undecided"


def test_the_tolerance_of_a_level_is_half_of_its_distance_from_the_bound():
    """A level's margin is a place, not a distance: .97 against .95 tolerates .01."""
    values = [0.97] * 32
    part = {
        "text": "level",
        "effect": 0.97,
        "interval": [0.97, 0.97],
        "region": [0.95, None],
        "margin": 0.95,
        "role": "level",
        "values": values,
    }
    record = claim(effect=0.97, interval=[0.97, 0.97], region=[0.95, None], margin=0.95, parts=[part])

    drift = compare(run(record), run(record)).claims[0].drift

    assert drift.tolerated == pytest.approx(0.01)


def test_clock_claims_are_compared_by_verdict_only():
    """Measured times differ from run to run: nothing but the verdict of a clock claim is looked at."""
    was, now = run(claim("8.a", clock=True)), shifted(run(claim("8.a", clock=True)), np.full(32, 0.1))

    assert compare(was, now).claims[0].departed is None
    assert compare(was, changed(now, "verdict", "refuted")).failed


def test_measured_time_changes_its_verdict_only_by_a_contradiction():
    """A slow night may leave a clock claim undecided: reported, but no alarm; the opposite verdict is an alarm."""
    was = run(claim("8.a", clock=True))

    comparison = compare(was, changed(was, "verdict", "inconclusive"))

    assert not comparison.failed
    assert "8.a: supported → inconclusive, which is no change of verdict" in text(comparison)
    assert compare(was, changed(was, "verdict", "refuted")).failed


def test_fresh_seeds_pair_nothing_and_say_so():
    """Another stream of seeds is one sentence; inputs are not compared, and only a contradiction is a change."""
    fresh = run(claim(stream="fresh-3", inputs={"data": "other"}))

    comparison = compare(run(), fresh)

    assert "The baseline used other seeds (registered; this run: fresh-3)" in text(comparison)
    assert not compare(run(), changed(fresh, "verdict", "inconclusive")).failed
    assert compare(run(), changed(fresh, "verdict", "refuted")).failed


def test_fewer_seeds_are_paired_with_their_own():
    """Eight of 32 seeds are paired with the same eight; combined hashes of other blocks are not compared."""
    comparison = compare(run(), run(claim(seeds=8, inputs={"data": "of eight seeds", "weights": "too"})))

    assert comparison.claims[0].drift.seeds == 8
    assert "32 in the baseline, 8 now" in text(comparison)
    assert not comparison.failed


LEVEL = 0.005 / 4.226


def looked(verdict, seeds, last, **more):
    """Make a run of a claim judged by looks: its verdict, at how many seeds, and how far the run would have gone."""
    facts = {"verdict": verdict, "last_look": last, "alpha": LEVEL, "registered_looks": [32, 64, 128, 256, 512]}
    return run(claim(seeds=seeds, **facts | more))


@pytest.mark.parametrize(
    "was, now, failed",
    [
        (looked("supported", 32, 64), looked("supported", 64, 64), False),  # another look, the same verdict
        (looked("supported", 64, 64), looked("supported", 32, 512), False),
        (looked("supported", 32, 64), looked("inconclusive", 64, 64), True),
        (looked("supported", 32, 64), looked("inconclusive", 32, 32), True),  # decided where this run has looked, too
        (looked("inconclusive", 64, 512), looked("supported", 32, 64), True),
        (looked("supported", 64, 64), looked("inconclusive", 32, 32), False),  # this run does not go so far
        (looked("inconclusive", 64, 64), looked("supported", 128, 512), False),  # ... and the baseline did not
        (looked("supported", 32, 64), looked("inconclusive", 8, 8, alpha=0.005, registered_looks=[]), False),
        (looked("supported", 32, 64), looked("inconclusive", 32, 32, alpha=0.005), False),  # another rule
        (looked("supported", 64, 64), looked("refuted", 8, 8, alpha=0.005, registered_looks=[]), True),
        (looked("supported", 64, 256), looked("inconclusive", 32, 64, ended="futile"), False),  # given up before
        (looked("inconclusive", 32, 64, ended="futile"), looked("supported", 64, 512), False),
        (
            looked("refuted", 8, 8, alpha=0.005, registered_looks=[], looks=[{"seeds": 8}]),
            looked("inconclusive", 32, 32, alpha=0.005, registered_looks=[32], looks=[{"seeds": 32}]),
            False,  # a quick look of a claim with a single one, which has the same level
        ),
    ],
)
def test_verdicts_of_looks_are_compared_where_both_runs_could_have_them(was, now, failed):
    """The same sequence cut short: what a look decided, a run that takes this look must decide, too."""
    comparison = compare(was, now)

    assert comparison.failed == failed
    assert ("numbers did" in comparison.sentences()[0]) is False


def test_inputs_are_compared_though_the_runs_end_at_other_looks():
    """Both are hashed over the seeds of the first look: data that changed are noticed where they move the end, too."""
    was, same = (looked("supported", seeds, 64, first_look=32) for seeds in (32, 64))
    other = looked("supported", 64, 64, first_look=32, inputs={"data": "ff00", "weights": "bb22"})

    assert compare(was, same).claims[0].states["inputs"] == "same"
    assert not compare(was, same).failed
    assert compare(was, other).failed
    assert "ERROR: inputs changed in 1 claim" in compare(was, other).sentences()[0]


def test_another_look_is_told_and_a_quick_look_is_no_other_hypothesis():
    """Sentences say what was compared: seeds that both have; the level of a quick look is its own."""
    assert "1 claim ended at another look (32 in the baseline, 64 now)" in text(
        compare(looked("supported", 32, 64), looked("supported", 64, 64))
    )
    quick = compare(looked("supported", 32, 64), looked("inconclusive", 8, 8, alpha=0.005, registered_looks=[]))
    assert "1 claim may take other numbers of seeds (64 in the baseline, 8 now)" in text(quick)
    assert "The hypothesis itself differs" not in text(quick)


def test_another_schema_is_one_sentence():
    """A baseline of another schema is compared in the fields that both have."""
    old = {"schema": 0, "claims": [{"id": "2.a", "verdict": "supported"}]}

    comparison = compare(old, run())

    assert "The baseline has schema 0, this run schema 1" in text(comparison)
    assert not comparison.failed


def test_another_claim_set_is_one_sentence():
    """Claims without a partner are counted and named; the others are compared."""
    comparison = compare(run(claim("2.a"), claim("2.b")), run(claim("2.a"), claim("9.a")))

    assert (
        "1 of this run's claims is not in the baseline (9.a) and 1 of the baseline's claims was not run (2.b)"
        in text(comparison)
    )
    assert [claim.id for claim in comparison.claims] == ["2.a"]


def test_a_baseline_of_other_claims_compares_nothing():
    """Without a claim in common nothing is compared, and a line says so."""
    comparison = compare(run(claim("2.a")), run(claim("9.a")))

    assert comparison.sentences()[0].startswith("nothing was compared")
    assert not comparison.failed


def test_an_error_is_a_changed_verdict_but_not_a_verdict_to_change_from():
    """Supported to error fails; from an error there is nothing to change."""
    error = claim(
        verdict="error", parts=[], conditions=[], inputs={}, derived={}, trace=None, effect=None, interval=None
    )

    assert compare(run(), run(error)).failed
    assert not compare(run(error), run()).failed


def test_the_same_versions_leave_the_suites_own_code():
    """Where no version differs, the commit is blamed; where that is the same too, an uncommitted change."""
    later = changed(run(commit="deadbeef99"), "trace.train.loss.1", 0.61)

    assert "the suite's own code probably did it (commit c0ffee00 → deadbeef)" in text(compare(run(), later))
    assert "an uncommitted change" in text(compare(run(), changed(run(), "trace.train.loss.1", 0.61)))


def test_another_processor_is_suspected_with_the_code():
    """Its arithmetic differs in the last bits; where the commit differs too, both are named."""
    moved = changed(run(cpu="B"), "trace.train.loss.1", 0.61)
    both = changed(run(cpu="B", commit="deadbeef99"), "trace.train.loss.1", 0.61)

    assert "are the same; the processor changed (A → B)" in text(compare(run(), moved))
    assert "the suite's own code" not in text(compare(run(), moved))
    assert "the processor changed (A → B), and so did the suite's own code" in text(compare(run(), both))


def test_another_processor_is_suspected_beside_another_version():
    """Whoever looks for a version's fault must not take the one for the other; inputs do not depend on it."""
    moved = changed(run(cpu="B", torch="2.14.0"), "trace.train.loss.1", 0.61)
    drawn = changed(run(cpu="B", numpy="2.5.0"), "inputs.data", "cc")

    assert "torch 2.13.0 → 2.14.0 probably did it, or that the processor changed (A → B)" in text(compare(run(), moved))
    assert "processor" not in text(compare(run(), drawn))


def test_claims_with_one_cause_share_a_line():
    """Two claims that departed at the same place for the same reason share one line."""
    was = run(claim("2.a"), claim("2.b"))
    now = changed(was, "trace.train.loss.1", 0.61)
    now["claims"][1]["trace"] = now["claims"][0]["trace"]

    assert sum("training first departed" in line for line in compare(was, now).sentences()) == 1
    assert "2.a, 2.b" in text(compare(was, now))


def test_another_margin_is_another_hypothesis_another_deciding_part_is_not():
    """A claim of several parts shows the margin of the part that decided."""
    moved = changed(changed(run(), "margin", 0.02), "parts.0.margin", 0.02)
    step = {**claim()["parts"][0], "text": "no step back", "margin": -0.025, "region": [-0.025, None]}
    other = run(claim(margin=-0.025, parts=[step, claim()["parts"][0]]))

    assert "differs from the baseline's (kind, margin or alpha): 2.a" in text(compare(run(), moved))
    assert "hypothesis itself differs" not in text(compare(run(), other))
