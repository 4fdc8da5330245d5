"""Realistic records of claims, made up but judged by ``inference``: a report's tests need no training and no pytest.

``python -m tests.reports.factory DIR [claims]`` writes a whole made-up report there, to look at.
"""

import copy
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pytest_claims import (
    all_of,
    at_least,
    boundary,
    equivalent,
    exactly,
    exceeds,
    functions,
    increases,
    lines,
    proportion,
    sooner,
    strips,
    traces,
)
from pytest_claims import results as store
from pytest_claims.record import Record
from pytest_claims.report.figures import illustrate
from pytest_claims.report.measurements import write_measurements
from pytest_claims.report.page import write_page
from pytest_claims.report.runs import condensed

SEEDS = 32
NOTEBOOK = "Abid 2018, experiment"
QUESTIONS = {
    1: "Does a network with one hidden layer fit a function better the more units it has?",
    2: "Are deeper networks better at the same number of parameters?",
    3: "Do neural networks beat SVMs and trees, the more so the more data?",
    4: "Does class imbalance hurt, and does oversampling help?",
    5: "How many random labels can a network memorise?",
    6: "Does PCA before the network help when the dimension is very large?",
    7: "Will any old non-linearity do?",
    8: "Do larger batches run faster and score worse?",
    9: "Does the loss function matter?",
    10: "Which initialisations train?",
    11: "Do later layers converge sooner?",
    12: "What does regularisation do to weights and accuracy?",
}
PROTOCOL = (
    "Protocol. Sixteen points x = 0, 1/16, ..., 15/16 with alternating labels. An input layer 1 to 10, then one shared "
    "layer applied L times, then 10 to 2; ReLU; cross-entropy; Adam at 0.003 for 15,000 steps.\n\n"
    "Departures. The notebook ran each depth once, from unseeded initial weights. What it calls one layer applies two "
    "activations; claim 2.e sets an honest single hidden layer beside it."
)


def array(rng: np.random.Generator, means: Any, spread: float = 0.05, **dims: Any) -> xr.DataArray:
    """Seeds x conditions around ``means``, with a common part for each seed."""
    names = list(dims)
    shape = tuple(len(levels) for levels in dims.values())
    common = rng.normal(0, spread, (SEEDS, *(1 for _ in shape)))
    values = np.broadcast_to(np.asarray(means, dtype=float), shape) + common + rng.normal(0, spread, (SEEDS, *shape))
    return xr.DataArray(values, dims=["seed", *names], coords={"seed": np.arange(SEEDS), **dims}, name="accuracy")


def claims(seed: int = 1) -> Iterator[tuple[dict[str, Any], Any, list[Any]]]:
    """Yield what a claim says, its hypothesis, its pictures: every kind there is."""
    rng = np.random.default_rng(seed)
    depth = array(rng, [0.62, 0.71, 0.83], layers=[1, 2, 3]).round(3)
    published = {1: 0.625, 2: 0.625, 3: 0.688}
    yield (
        {"id": "2.a", "text": "Accuracy rises with the number of layers",
         "published": {"layers 1": 0.625, "layers 2": 0.625, "layers 3": 0.688}},
        increases(depth, along="layers", by=0.05, resolution=1 / 16),
        [strips(depth, along="layers", ylabel="accuracy on the 16 points", published=published, ceiling=1.0),
         lines(depth, x="layers", ylabel="accuracy", published=published)],
    )  # fmt: skip
    yield (
        {"id": "2.b", "text": "Accuracy rises with the number of layers in most runs", "registered": "inconclusive",
         "reason": "ties are failures"},
        proportion(depth.sel(layers=3) > depth.sel(layers=1) + 0.19, above=0.5),
        [],
    )  # fmt: skip
    yield (
        {"id": "2.d", "text": "The number of parameters is the same at every depth", "published": {"parameters": 152}},
        exactly(xr.full_like(depth, 152.0), 152).named(unit="parameters"),
        [],
    )
    sizes = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
    techniques = ["SVC (auto)", "SVC (scale)", "tree", "shallow network", "deep network"]
    curve = 1 - 0.45 * np.exp(-np.log10(np.array(sizes) / 15))[:, None] * np.array([1.1, 1.0, 1.4, 0.8, 0.75])
    data = array(rng, curve, 0.02, n=sizes, technique=techniques)
    yield (
        {"id": "3.a", "text": "Every technique improves with n",
         "published": {"SVC": {20: 0.51, 10_000: 0.945}, "tree": {20: 0.53, 10_000: 0.65}}},
        increases(data, along="n", by=0.05),
        [lines(data, x="n", by="technique", log="x", ylabel="test accuracy", ceiling=0.985,
               xlabel="number of rows, training and test")],
    )  # fmt: skip
    deep = data.sel(technique="deep network")
    yield (
        {"id": "3.b", "text": "Neural networks beat SVM and tree at every n"},
        exceeds(deep, data.sel(technique=["SVC (auto)", "SVC (scale)", "tree"]), by=0.0),
        [],
    )
    yield (
        {"id": "3.d", "text": "Deep is a little better than shallow", "registered": "supported"},
        exceeds(deep.mean("n"), data.sel(technique="shallow network").mean("n") + 0.03),
        [],
    )
    ratios = [1, 2, 5, 10, 20, 50, 100]
    imbalance = array(rng, np.linspace(0.86, 0.55, 7), 0.03, ratio=ratios)
    yield (
        {"id": "4.b", "text": "The extreme ratios collapse to chance", "registered": "refuted",
         "reason": "At ratio 100 the further rows still score 0.55 in the mean."},
        at_least(imbalance.sel(ratio=100), 0.62),
        [lines(imbalance, x="ratio", log="x", ylabel="test accuracy",
               published=dict(zip(ratios, np.linspace(0.85, 0.5, 7), strict=True)))],
    )  # fmt: skip
    for variant, shift in (("train-range", 0.1), ("own-range-2000", 0.0)):
        yield (
            {"id": f"4.b@{variant}", "text": "The extreme ratios collapse to chance", "variant": variant,
             "variant_of": "4.b", "departs": "Inputs are scaled by the training range, not each set by its own."},
            at_least(imbalance.sel(ratio=100) + shift, 0.62),
            [],
        )  # fmt: skip
    grid = np.linspace(-2, 2, 60)
    plane = xr.DataArray(
        np.stack([np.sin(grid)[:, None] * 2 + grid[None, :] * k for k in (0.4, 1.0)], axis=-1),
        dims=["x2", "x1", "resampling"], coords={"x1": grid, "x2": grid, "resampling": ["none", "oversampled"]},
    )  # fmt: skip
    points = rng.normal(0, 0.9, (300, 2))
    yield (
        {"id": "4.f", "text": "Shifting the threshold by log(ratio) recovers most of the gain",
         "source": "Abid 2018, experiment 4, explanation"},
        exceeds(imbalance.sel(ratio=1), imbalance.sel(ratio=100), by=0.02).named(text="half of the gain"),
        [boundary(plane, points=points, classes=(points[:, 1] > 0).astype(int), seed=0,
                  title="The boundary at ratio 100")],
    )  # fmt: skip
    times = xr.DataArray(rng.integers(40, 220, (SEEDS, 2)).astype(float), dims=["seed", "labels"],
                         coords={"seed": np.arange(SEEDS), "labels": ["true", "random"]})  # fmt: skip
    times.loc[{"labels": "random"}] = times.sel(labels="random") * 2.4
    steps = np.unique(np.geomspace(1, 2500, 60).round())
    decay = np.exp(-steps[None, :, None] / rng.uniform(150, 500, (SEEDS, 1, 2)) / np.array([1.0, 2.4])) + 0.002
    loss = xr.DataArray(decay, dims=["seed", "step", "labels"],
                        coords={"seed": np.arange(SEEDS), "step": steps, "labels": ["true", "random"]})  # fmt: skip
    yield (
        {"id": "5.c", "text": "Random labels take longer, even within capacity"},
        sooner(times.sel(labels="true"), times.sel(labels="random"), by=1.25, budget=2500),
        [traces(loss, along="step", by="labels", log="y", ylabel="training loss", threshold=0.1)],
    )
    names = ["relu", "tanh", "square", "sin", "sign", "identity"]
    activations = array(rng, [0.997, 0.996, 0.993, 0.996, 0.97, 0.88], 0.004, activation=names)
    yield (
        {"id": "7.b", "text": "relu, tanh, square and sin are about equally effective",
         "published": {"relu": 1.0, "tanh": 1.0, "square": 0.99, "sin": 1.0}},
        equivalent(activations.sel(activation=names[:4]), along="activation", within=0.02),
        [strips(activations, along="activation", ylabel="test accuracy", bound=0.95,
                published={"relu": 1.0, "tanh": 1.0, "identity": 0.89, "sign": 0.977})],
    )  # fmt: skip
    x = np.linspace(-1, 1, 200)
    target = xr.DataArray(np.stack([np.sin(12 * x), np.abs(x)], axis=-1), dims=["x", "function"],
                          coords={"x": x, "function": ["sin(12x)", "|x|"]})  # fmt: skip
    learned = target + xr.DataArray(
        np.cumsum(rng.normal(0, 0.03, (SEEDS, 200, 2)), axis=1), dims=["seed", "x", "function"],
        coords={"seed": np.arange(SEEDS)},
    )  # fmt: skip
    errors = array(rng, [[-0.4, -2], [-0.7, -3], [-1.5, -4]], 0.3, units=[2, 4, 16], function=["sin(12x)", "|x|"])
    yield (
        {"id": "1.a", "text": "Training error falls as units increase, on each function",
         "published": {"sin(12x)": {2: 0.422, 4: 0.2328, 16: 0.033}, "|x|": {2: 0.0007, 4: 0.0002, 16: 0.0001}}},
        increases(-errors, along="units", by=1.0, tolerance=0.15).named(unit="decades"),
        [strips(errors, along="units", by="function", ylabel="log10 of the mean squared error"),
         functions(learned.transpose("seed", "x", "function"), x="x", by="function", truth=target,
                   points=x[::2], ylabel="y")],
    )  # fmt: skip
    both = array(rng, [0.93, 0.90, 0.90, 0.60], 0.02, loss=["cross-entropy", "squared", "hinge", "constant"])
    yield (
        {"id": "9.c", "text": "The fourth power is worse, but only slightly", "registered": "supported"},
        all_of(
            exceeds(both.sel(loss="cross-entropy"), both.sel(loss="hinge"), by=0.02),
            exceeds(both.sel(loss="squared"), both.sel(loss="constant"), by=0.1),
        ),
        [],
    )
    yield (
        {"id": "9.b", "text": "The constant loss learns nothing (negative control)", "registered": "supported"},
        exactly(xr.zeros_like(both.sel(loss="constant")), 0),
        [],
    )


def record(about: dict[str, Any], hypothesis: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return a whole record, as the trials would send it."""
    verdict = hypothesis.judge()
    number = about["id"].partition(".")[0]
    registered = about.get("registered", "supported")
    as_registered = verdict.verdict == registered
    outcome = "failed" if not as_registered else "passed" if registered == "supported" else "xfailed"
    return {
        "nodeid": f"claims/test_experiment_{number}.py::test_{about['id'].replace('.', '_').replace('@', '_')}",
        "source": f"{NOTEBOOK} {number}",
        "registered": registered,
        "reason": None,
        "outcome": outcome,
        "published": None,
        "diverged": 0,
        "inputs": {"data": "0c5d1f2e", "weights": "77ab10c3", "batches": "19fe00aa"},
        "trace": None,
        "controls": hypothesis.control(rng).as_json() | {"reversed": hypothesis.reversed().judge().verdict},
        "duration_s": float(rng.uniform(0.5, 40)),
        "experiment": number,
        "question": QUESTIONS.get(int(number) if number.isdigit() else 0, "A question?"),
        "protocol": PROTOCOL,
        "file": f"claims/test_experiment_{number}.py",
        "line": 66,
        "discussion": "Depth here means applying the same ten units again: the network gains turns, not parameters.",
        "variant_of": None,
        "variant": None,
        "departs": None,
        "departures": None,
        "clock": False,
        "looks": None,
        "stream": "registered",
        "engine": "torch",
        "seconds_by_trial": [
            {
                "measurement": "by_depth",
                "condition": {"layers": n},
                "seeds": [0, 32],
                "seconds": float(rng.uniform(1, 60)),
                "worker": "gw0",
                "reused": False,
            }
            for n in (1, 2)
        ],
        "reused": 0,
        "derived": {},
        **verdict.as_json(),
        **about,
    }


def error_record() -> dict[str, Any]:
    """Return a claim that crashed: no number at all."""
    return {
        "id": "11.a", "nodeid": "claims/test_layers.py::test_later_layers", "text": "Later layers converge sooner",
        "source": f"{NOTEBOOK} 11", "registered": "supported", "reason": None, "verdict": "error", "outcome": "error",
        "kind": None, "effect": None, "interval": None, "margin": None, "region": None, "alpha": None, "p_value": None,
        "parts": [], "seeds": None, "diverged": None, "unit": None, "published": None, "conditions": [], "inputs": {},
        "trace": None, "controls": None, "duration_s": 3.25, "experiment": "11", "question": QUESTIONS[11],
        "message": "Error: loss is not finite in seeds 3, 7 at layers 3, and the training did not flag it.",
    }  # fmt: skip


#: Texts that must not become anything else.
NASTY = [
    "<script>alert('x')</script>",
    "</article></main></svg><img src=x onerror=alert(1)>",
    "\"quotes\" & 'apostrophes' {{ 7 * 7 }} {% raw %}",
    "مرحبا بالعالم then English",
    "w" * 5000,
    "]]> <!-- --> \u2028 \u202e reversed",
]


def hostile(folder: Path, identifier: str, text: str) -> dict[str, Any]:
    """Return a claim with ``text`` in every field that takes one, its figure with it in every label."""
    data = xr.DataArray(
        np.random.default_rng(0).normal(size=(8, 2)), dims=["seed", "arm"], coords={"arm": [text, "other"]}
    )
    part = {"text": text, "effect": 1.0, "interval": [0, 2], "region": [0, None], "verdict": "supported", "note": text,
            "adjusted": {"covariate": text}}  # fmt: skip
    entry = {
        **error_record(), "id": identifier, "verdict": "supported", "kind": "difference", "effect": 1,
        "interval": [0, 2], "region": [0.0, None], "alpha": 0.005, "seeds": 8, "text": text, "message": text,
        "reason": text, "departures": text, "discussion": text, "question": text, "protocol": text, "source": text,
        "unit": text, "published": {text: 1.0}, "file": text, "stream": text,
        "looks": [{"seeds": 8, "verdict": text, "closed": [text], "note": text}] * 2,
        "conditions": [{text: text, "mean": 1.0, "sd": 0.1, "n": 1, "values": [1.0]}],
        "parts": [part] * 2, "assays": [part], "undecided": text, "ended": text,
        "controls": {"kind": text, "text": text, "ok": True},
    }  # fmt: skip
    pictures = [strips(data, along="arm", title=text, xlabel=text, ylabel=text)]
    return {**entry, **illustrate(folder, Record.from_json(entry), pictures), "figure_error": text}


FACTS: dict[str, Any] = {
    "started": "2026-11-23T22:10:00+00:00",
    "duration_s": 1234.5,
    "complete": True,
    "command": ["pytest", "claims/"],
    "environment": {
        "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "scipy": "1.17.1", "scikit-learn": "1.9.1",
        "platform": "Linux x86_64", "cpu": "Made-up CPU @ 3 GHz", "cores": 16,
        "commit": "76e4068aa76e4068aa76e4068aa76e4068aa76e4", "repository": "https://example.org/atomic/claims",
    },
}  # fmt: skip


def made_up(folder: Path, seed: int = 1) -> list[dict[str, Any]]:
    """Return records of every kind, with their figures in ``folder``."""
    rng = np.random.default_rng(seed)
    records = []
    for about, hypothesis, pictures in claims(seed):
        entry = record(about, hypothesis, rng)
        records.append({**entry, **illustrate(folder, Record.from_json(entry), pictures)})
    return [*records, error_record()]


def repeated(records: list[dict[str, Any]], times: int) -> list[dict[str, Any]]:
    """Return the records ``times`` times, under other ids; the repetitions show the same figures."""
    repetitions = list(records)
    for turn in range(1, times):
        for entry in records:
            copied = copy.deepcopy(entry)
            copied["id"] = entry["id"].replace(".", f".r{turn}", 1)
            copied["variant_of"] = entry.get("variant_of") and entry["variant_of"].replace(".", f".r{turn}", 1)
            repetitions.append(copied)
    return repetitions


def assemble(records: Iterable[dict[str, Any]], facts: dict[str, Any]) -> store.Results:
    """Return the results of records that are JSON."""
    return store.assemble(map(Record.from_json, records), facts)


def made_up_results(folder: Path, seed: int = 1, times: int = 1, **facts: Any) -> store.Results:
    """Return results of a made-up run, figures in ``folder``."""
    return assemble(repeated(made_up(folder, seed), times), {**FACTS, **facts})


def made_up_report(folder: Path, seed: int = 1, times: int = 1, **facts: Any) -> store.Results:
    """Write a whole made-up report: results.json, figures, measurements.csv, index.html."""
    results = made_up_results(folder, seed, times, **facts)
    store.write(folder, results)
    write_measurements(folder, results)
    write_page(folder, results)
    return results


def nights(report: Path, folder: Path, count: int) -> None:
    """Write ``count`` nights of the results in ``report``: effects drift, one verdict changes with torch, midway."""
    rng = np.random.default_rng(3)
    results = condensed(store.read(report))
    first = datetime(2026, 1, 1, 2, tzinfo=UTC)
    for night in range(count):
        started = (first + timedelta(days=night)).isoformat()
        torch = "2.12.0" if night < count // 2 else "2.13.0"
        claims = []
        for claim in results.claims:
            moved = claim
            if claim.effect is not None:
                shift = float(rng.normal(0, 0.01))
                moved = replace(
                    claim, effect=claim.effect + shift, interval=tuple(end + shift for end in claim.interval)
                )
            changed = claim.id == "2.a" and night >= count // 2
            claims.append(replace(moved, verdict="refuted") if changed else moved)
        environment = {**results.environment, "torch": torch}
        night_results = replace(results, started=started, environment=environment, claims=tuple(claims))
        store.write(folder / started[:10], night_results)


if __name__ == "__main__":
    made_up_report(Path(sys.argv[1]), times=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
