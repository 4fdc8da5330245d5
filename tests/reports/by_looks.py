"""Made-up records of claims that were judged look by look, one for each thing that such a record can hold.

``python -m tests.reports.by_looks DIR`` writes a report of them there, to look at.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pytest_claims import all_of, decreases, equivalent, exceeds, increases, proportion, sooner
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.sequence import judge_in_turn
from pytest_claims.report.page import write_page
from tests.reports.factory import FACTS, assemble, record

DEEPEST = 512
Take = Callable[[int], Any]


def scores(rng: np.random.Generator, means: Sequence[float], spread: float, **dims: Any) -> xr.DataArray:
    """Return seeds x one dimension: independent normal numbers around ``means``."""
    ((name, levels),) = dims.items()
    values = rng.normal(means, spread, (DEEPEST, len(levels)))
    return xr.DataArray(values, dims=["seed", name], coords={"seed": np.arange(DEEPEST), **dims}, name="accuracy")


def claims(seed: int = 1) -> Iterator[tuple[dict[str, Any], Take, Looks, int]]:
    """Yield what a claim says, its hypothesis on the first n seeds, its looks, the last look of the run."""
    rng = np.random.default_rng(seed)
    five, four = Looks.doubling(32, 512), Looks.doubling(64, 512, (64,))
    layers = scores(rng, [0.62, 0.725, 0.77], 0.11, layers=[1, 2, 3])
    yield (
        {"id": "2.a", "text": "Accuracy rises with the number of layers"},
        lambda n: increases(layers[:n], along="layers", by=0.08), five, 512,
    )  # fmt: skip
    luck = xr.DataArray(rng.normal(0.9, 0.03, DEEPEST), dims="seed", name="Bayes accuracy")
    rivals = scores(rng, [0.0, -0.03], 0.02, technique=["SVM", "tree"]) + luck
    deep = 1.6 * luck - 0.6 * 0.9 + 0.008 + rng.normal(0, 0.02, DEEPEST)
    deep = deep.assign_coords(technique="deep network")
    yield (
        {"id": "3.b", "text": "Neural networks beat SVM and tree"},
        lambda n: exceeds(deep[:n], rivals[:n], adjusted_by=luck[:n], population=0.9), four, 512,
    )  # fmt: skip
    yield (
        {"id": "4.d", "text": "Oversampling helps", "registered": "inconclusive",
         "reason": "The pilot lay on the margin."},
        lambda n: exceeds(layers[:n].sel(layers=2), layers[:n].sel(layers=1), by=0.103), five, 256,
    )  # fmt: skip
    times = np.minimum(rng.lognormal([5.5, 6.0], 0.6, (DEEPEST, 2)).round(), 600)
    fast, slow = (
        xr.DataArray(column, dims="seed", coords={"labels": name})
        for name, column in zip(("true", "random"), times.T, strict=True)
    )
    yield (
        {"id": "5.c", "text": "Random labels take longer"},
        lambda n: sooner(fast[:n], slow[:n], by=1.25, budget=600), five, 512,
    )  # fmt: skip
    yield (
        {"id": "6.a", "text": "PCA helps in most seeds", "registered": "inconclusive", "reason": "A pilot of 8 seeds."},
        lambda n: proportion(layers[:n].sel(layers=3) > layers[:n].sel(layers=1) + 0.12, above=0.5), five, 32,
    )  # fmt: skip
    names = ["relu", "tanh", "sin"]
    alive = scores(rng, [0.95, 0.951, 0.955], 0.025, activation=names)
    dead = scores(rng, [0.502, 0.501, 0.5], 0.01, activation=names)
    for identifier, data in (("7.b", alive), ("7.c", dead)):
        yield (
            {"id": identifier, "text": f"{', '.join(names)} are about equally effective",
             "source": None if data is alive else "The same in a run in which no network learns"},
            lambda n, data=data: equivalent(data[:n], along="activation", within=0.02).assay(
                data[:n], against=0.5, by=0.02
            ), five, 512,
        )  # fmt: skip
    yield (
        {"id": "9.c", "text": "More layers are worse, and much worse", "registered": "refuted",
         "reason": "More layers are better here."},
        lambda n: all_of(
            decreases(layers[:n], along="layers", by=0.01), sooner(fast[:n], slow[:n], by=1.25, budget=600)
        ), five, 512,
    )  # fmt: skip


def judged(about: dict[str, Any], take: Take, looks: Looks, last: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the record of a claim that was judged at its looks up to ``last``; 4.d is given up as futile."""
    taken = []
    for turn in judge_in_turn(take, looks, tuple(n for n in looks.seeds if n <= last)):
        verdict = turn.verdict
        taken.append({
            "seeds": turn.seeds,
            "verdict": verdict.verdict,
            "effect": verdict.effect,
            "interval": list(verdict.interval),
            "closed": [part.text for part in verdict.parts if part.verdict == "supported" and part.seeds == turn.seeds],
            "note": next((part.note for part in verdict.parts if part.note), None),
            "chance": turn.chance,
        })  # fmt: skip
    more = {"looks": taken, "ended": turn.ended, "first_look": taken[0]["seeds"], "last_look": last,
            "registered_looks": list(looks.seeds), "registered_seeds": last}  # fmt: skip
    return record(about, turn.hypothesis, rng) | turn.verdict.as_json() | more


def made_up(seed: int = 1) -> list[dict[str, Any]]:
    """Return records of every kind."""
    rng = np.random.default_rng(seed)
    return [judged(*claim, rng) for claim in claims(seed)]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_page(folder, assemble(made_up(), FACTS))
