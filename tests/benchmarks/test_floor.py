"""The floor of a run: products are counted as they are computed, and what is no product counts as it is."""

import pytest

from benchmarks import document, floor
from pytest_claims.record import Record, TrialTime
from pytest_claims.results import Results
from pytest_claims.training import MLP, Run, Seeds, mixture, train

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn", reason="the claims need scikit-learn")

SPEEDS = {"float32": 1e9, "float64": 5e8}


def training(steps, *, sizes=(3, 4, 2), repeat=1, **settings):
    """Train eight small networks, none of which is seed 0; five rows in each step, and accuracy after the last."""
    seeds = Seeds("test", range(1, 9))
    data = mixture(seeds, 20, 3)
    run = Run(MLP(seeds, sizes, repeat=repeat), data.x_train, data.y_train)
    return train(run, steps=steps, batch=5, measure=lambda now: {"accuracy": now.accuracy()}, **settings)


def claim(name, *trials):
    """Return a judged claim of that file that rests on these trials."""
    return Record(id=f"{name}.a", experiment=name, file=f"claims/test_{name}.py", seconds_by_trial=trials)


def test_the_products_of_a_small_network_by_hand():
    """3-4-2 on 5 rows: 2 x 5 x (12 + 8) = 200 forward; 400 more backward, less the 120 of the data's gradient."""
    with floor.counting() as counted:
        training(10)

    applied = 2 * 16 * (12 + 8)  # to the 16 training rows: at the end, and for the accuracy
    assert counted.operations == {"float32": 8 / 8 * (10 * (200 + 400 - 120) + 2 * applied)}
    assert not counted.whole


@pytest.mark.parametrize("sizes, repeat", [((3, 4, 2), 1), ((3, 7, 7, 2), 1), ((3, 7, 7, 2), 3)])
def test_torch_counts_the_same_products(sizes, repeat):
    """The counter of torch itself sees every product of the engine, and no other."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as seen:
        training(3, sizes=sizes, repeat=repeat)
    with floor.counting() as counted:
        training(3, sizes=sizes, repeat=repeat)

    assert seen.get_total_flops() == 8 * counted.operations["float32"]


def test_products_in_float64_are_slower():
    """They have a peak of their own."""
    with floor.counting() as counted:
        training(1, dtype="float64")

    assert counted.operations.keys() == {"float64"}
    assert counted.seconds(SPEEDS) == counted.operations["float64"] / 5e8


def test_a_runs_trials_count_once_and_by_their_seeds():
    """Two claims share the trials of experiment 2: 64 seeds with two layers, in 10 seconds.

    A step of 1-10-10-2 with its layer applied twice, on 16 rows: 3 x 2 x 16 x (10 + 100 + 100 + 20), less 2 x 16 x 10.
    """
    halves = [
        TrialTime(measurement="by_depth", condition={"layers": "2"}, seeds=seeds, processor_s=5.0)
        for seeds in ((0, 31), (32, 63))
    ]
    run = Results(claims=(claim("depth", *halves), claim("depth", *halves)))

    (row,) = floor.rows(run, dict.fromkeys(SPEEDS, 1e9))

    assert (row.experiment, row.name, row.seconds) == ("depth", "by_depth", 10.0)
    trained = 15_000 * (3 * 2 * 16 * 230 - 2 * 16 * 10)
    assert trained < row.operations / 64 < 1.1 * trained
    assert row.floor == pytest.approx(row.operations / 1e9)


@pytest.mark.parametrize(
    "name, measurement, condition",
    [("data_size", "by_size", {"technique": "LDA"}), ("batch_size", "trained_alone", {})],
)
def test_scikit_learn_and_the_clock_count_as_they_are(name, measurement, condition):
    """Nothing is fitted or timed to find that out, and such a trial has no products of the engine."""
    trial = TrialTime(measurement=measurement, condition=condition, seeds=(0, 7), processor_s=42.0)

    (row,) = floor.rows(Results(claims=(claim(name, trial),)), SPEEDS)

    assert (row.seconds, row.floor, row.operations) == (42.0, 42.0, 0.0)


def test_the_page_gets_the_table(tmp_path, monkeypatch, capsys):
    """Only the part between the comments changes; a run of another processor is refused, and so is no run."""
    page = tmp_path / "performance.md"
    before = f"Above.\n\n{floor.BEGIN}\nold\n{document.END}\n\nBelow.\n"
    page.write_text(before, encoding="utf-8")
    trial = TrialTime(measurement="by_depth", condition={"layers": "1"}, seeds=(0, 31), processor_s=5.0)
    run = Results(started="2026-01-02T03:04:05", environment={"cpu": "A processor"}, claims=(claim("depth", trial),))
    monkeypatch.setattr(floor, "PAGE", page)
    monkeypatch.setattr(floor, "read", lambda _: run)

    assert floor.main([]) == 1
    assert floor.main(["results.json"]) == 1
    assert "comes from A processor" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == before

    monkeypatch.setattr(floor.environment, "processor", lambda: "A processor")

    assert floor.main(["results.json"]) == 0
    written = page.read_text(encoding="utf-8")
    assert written.startswith("Above.")
    assert written.endswith(f"{document.END}\n\nBelow.\n")
    assert "The run of 2026-01-02" in written
    assert "| depth | by_depth | 5 |" in written
    assert "| all |  | 5 |" in written
