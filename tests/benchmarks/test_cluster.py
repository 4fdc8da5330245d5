"""The simulation of a run on a cluster: small plans whose schedule can be worked out by hand."""

from xml.etree import ElementTree as ET

import pytest

from benchmarks import cluster, document
from benchmarks.cluster import Plan, Scenario, Trial, plan_of, simulate
from benchmarks.document import IncompleteError
from pytest_claims.record import Look, Record, TrialTime
from pytest_claims.results import Results


def trial(name, first=0):
    """Return a trial of a measurement of that name."""
    return Trial("1", name, "", first)


def plan(*looks, **seconds):
    """Return the plan of one claim, its looks as texts of one-letter trials."""
    return Plan(
        {trial(name): taken for name, taken in seconds.items()},
        {"1.a": [frozenset(map(trial, look)) for look in looks]},
    )


@pytest.mark.parametrize(
    "workers, makespan",
    [
        (1, 14.0),
        (2, 7.0),  # 5 + 2 beside 4 + 3; in the order a, b, c, d it would be 8
        (4, 5.0),
        (None, 5.0),
    ],
)
def test_the_longest_trial_first(workers, makespan):
    """Four trials of 2, 3, 4 and 5 s that are all asked for at the beginning."""
    wanted = plan("abcd", a=2.0, b=3.0, c=4.0, d=5.0)

    assert simulate(wanted, workers).makespan == makespan


def test_a_look_waits_for_the_look_before():
    """5 s, then 4 s: a second worker is of no use, and the path names both trials in their order."""
    wanted = plan("a", "b", a=5.0, b=4.0)
    schedule = simulate(wanted, 2)

    assert schedule.makespan == 9.0
    assert schedule.path() == [trial("a"), trial("b")]
    assert simulate(wanted, 2, ahead=True).makespan == 5.0


def test_looks_of_other_claims_are_no_barrier():
    """One claim takes its second look while the first look of another is still under way."""
    wanted = Plan(
        {trial("a"): 1.0, trial("b"): 9.0, trial("c"): 2.0},
        {"1.a": [frozenset({trial("a")}), frozenset({trial("b")})], "1.b": [frozenset({trial("c")})]},
    )
    schedule = simulate(wanted, 2)

    assert schedule.ended == {trial("a"): 1.0, trial("c"): 2.0, trial("b"): 10.0}
    assert schedule.path() == [trial("a"), trial("b")]


def test_claims_share_their_trials():
    """A trial of two claims is computed once, also where it is already there when the second asks for it."""
    both = frozenset({trial("a")})
    wanted = Plan(
        {trial("a"): 3.0, trial("b"): 4.0, trial("c"): 1.0},
        {"1.a": [both], "1.b": [both], "1.c": [frozenset({trial("b")}), both, frozenset({trial("c")})]},
    )
    schedule = simulate(wanted, 2)

    assert schedule.ended == {trial("a"): 3.0, trial("b"): 4.0, trial("c"): 5.0}
    assert schedule.path() == [trial("b"), trial("c")]


def test_efficiency_is_the_share_in_which_workers_compute():
    """15 core-seconds on two workers in 8 s; nothing takes less than its longest trial."""
    shown = Scenario.of("a toy", plan("abcd", a=3.0, b=3.0, c=4.0, d=5.0), [2])

    assert shown.efficiency(2) == 15 / 16
    assert shown.bound() == (
        "A toy: 4 trials, 15 core-seconds. No number of workers takes less than 5 s, the length of its critical path: "
        "one trial (experiment 1, d)."
    )


@pytest.fixture
def run():
    """Return a run of two claims on one measurement: one decided after 16 seeds, one after 32."""

    def blocks(*seconds):
        return tuple(
            TrialTime(
                measurement="m", condition={"n": "2"}, seeds=(8 * at, 8 * at + 7), processor_s=taken, seconds=99.0
            )
            for at, taken in enumerate(seconds)
        )

    def looks(*seeds):
        return tuple(Look(seeds=number, verdict="supported", effect=1.0, interval=(0.0, 1.0)) for number in seeds)

    first = Record(id="1.a", experiment="1", looks=looks(16), first_look=16, seconds_by_trial=blocks(1.0, 2.0))
    second = Record(
        id="1.b", experiment="1", looks=looks(16, 32), first_look=16, seconds_by_trial=blocks(1.0, 2.0, 3.0, 4.0)
    )
    failed = Record(id="1.c", experiment="1", looks=None, first_look=16)
    return Results(claims=(first, second, failed), started="2026-01-01", environment={"cpu": "A processor"})


def test_a_run_is_planned_from_its_results(run):
    """Each trial once, in processor seconds; a claim's later looks hold only what its earlier looks lack."""
    wanted = plan_of(run)
    names = [Trial("1", "m", "n=2", first) for first in (0, 8, 16, 24)]

    assert wanted.seconds == dict(zip(names, [1.0, 2.0, 3.0, 4.0], strict=True))
    assert wanted.looks == {
        "1.a": [frozenset(names[:2])],
        "1.b": [frozenset(names[:2]), frozenset(names[2:])],
    }


def test_blocks_beyond_the_run_take_as_long_as_measured_ones(run):
    """At 64 seeds every claim takes three looks, and the four measured blocks take turns."""
    wanted = plan_of(run, 64)

    assert [sum(len(look) for look in looks) for looks in wanted.looks.values()] == [8, 8]
    assert [len(look) for look in wanted.looks["1.a"]] == [2, 2, 4]
    assert list(wanted.seconds.values()) == [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]


def test_smaller_blocks_of_today_are_parts_of_the_trials_of_the_run(run):
    """A block of 8 seeds that took 3 s is two blocks of 4 with 1.5 s each; the total is the same, the count twice."""
    wanted = plan_of(run, today={("1", "m"): 4, ("2", "other"): 4})

    assert wanted.total == plan_of(run).total == 10.0
    assert [trial.first for trial in wanted.seconds] == [0, 4, 8, 12, 16, 20, 24, 28]
    assert list(wanted.seconds.values()) == [0.5, 0.5, 1.0, 1.0, 1.5, 1.5, 2.0, 2.0]
    assert [len(look) for look in wanted.looks["1.b"]] == [4, 4]
    assert len(plan_of(run, 64, {("1", "m"): 4}).seconds) == 2 * len(plan_of(run, 64).seconds)


def test_blocks_are_those_of_the_claims_today():
    """Experiment 3 and the zeros of experiment 10 have smaller ones than in the first example."""
    pytest.importorskip("sklearn")

    blocks = cluster.blocks_today(cluster.read(cluster.EXAMPLE))

    smaller = {("3", "by_size"): 4, ("10", "zeros"): 16, ("10", "on_moons"): 16, ("9", "by_loss"): 8}
    assert smaller.items() <= blocks.items()


def test_the_goal_is_stated_run_by_run():
    """Which long runs meet it, with the seconds that they take, and the least that anything could take."""
    wanted = plan("a", "b", a=60.0, b=50.0)
    shown = [Scenario.of(name, wanted) for name in ("the registered run", "512 seeds, look by look")]
    shown.append(Scenario.of("512 seeds, ahead", wanted, ahead=True))

    assert cluster.goal(shown) == (
        "The goal of less than 100 s on 1,000 workers. 512 seeds, look by look: missed, with 110 s (0 s if no worker "
        "ever waited); 512 seeds, ahead: met, with 60 s (0 s if no worker ever waited)."
    )


def test_a_run_without_judged_claims_cannot_be_simulated():
    """It says so instead of drawing nothing."""
    with pytest.raises(IncompleteError, match="no judged claim"):
        plan_of(Results(claims=()))


def test_the_page_is_written_between_its_markers(run, tmp_path, monkeypatch):
    """Only the generated part changes; the drawing has light and dark colours and the same bytes each time."""
    page = tmp_path / "cluster.md"
    page.write_text(f"# By hand\n\n{cluster.BEGIN}\nold\n{document.END}\n\nMore by hand.\n", encoding="utf-8")
    monkeypatch.setattr(cluster, "DRAWN", tmp_path / "cluster.svg")
    monkeypatch.setattr(cluster, "read", lambda _: run)

    assert cluster.main(["--write", str(page)]) == 0

    written = page.read_text(encoding="utf-8")
    assert written.startswith("# By hand\n\n")
    assert written.endswith("\n\nMore by hand.\n")
    assert "old" not in written
    assert "| 2 | 6 | 83.3 % |" in written
    svg = (tmp_path / "cluster.svg").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in svg
    assert "the registered run" in "".join(ET.fromstring(svg).itertext())  # noqa: S314 - our own file
    assert svg == cluster.drawing(cluster.scenarios(run))


def test_without_markers_nothing_is_written(run, tmp_path, monkeypatch, capsys):
    """One sentence, exit status 2, and the page stays as it is."""
    page = tmp_path / "cluster.md"
    page.write_text("# By hand\n", encoding="utf-8")
    monkeypatch.setattr(cluster, "DRAWN", tmp_path / "cluster.svg")
    monkeypatch.setattr(cluster, "read", lambda _: run)

    with pytest.raises(SystemExit) as ended:
        cluster.main(["--write", str(page)])

    assert ended.value.code == 2
    assert "the page has no part between" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "# By hand\n"
    assert not (tmp_path / "cluster.svg").exists()


@pytest.mark.slow
def test_the_committed_page_is_that_of_the_committed_example():
    """The command writes docs/cluster.md and its drawing from reports/example."""
    page = (cluster.ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    run = cluster.read(cluster.EXAMPLE)
    shown = cluster.scenarios(run)

    assert document.replaced(page, cluster.BEGIN, cluster.text(run, shown)) == page
    assert cluster.DRAWN.read_text(encoding="utf-8") == cluster.drawing(shown)
