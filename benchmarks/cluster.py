"""How long a run takes on a cluster: ``python -m benchmarks.cluster --write docs/cluster.md`` writes it into the docs.

A run is simulated from a finished one: from what its trials took (``seconds_by_trial`` in results.json) and from the
looks of its claims. Workers take the longest trial that is asked for. A claim asks for the trials of its next look when
all those of this look are there. Trials that claims share are computed once. Nothing else takes time here: neither the
way of a trial through the network nor judging.

Processor time counts, not wall time, because the machine of the run may have been busy with other work. A block of
seeds that the run did not measure takes as long as one that it did, each in its turn. Where a measurement now has
smaller blocks than the run had, a trial of the run counts as several, each with its part of the time.
"""

import argparse
import heapq
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil
from pathlib import Path

from benchmarks.declared import declared
from benchmarks.document import IncompleteError, replaced
from pytest_claims.errors import UnreadableError
from pytest_claims.record import Record, TrialTime
from pytest_claims.results import Results, read
from pytest_claims.trials.conditions import said

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "reports" / "example" / "results.json"
DRAWN = ROOT / "docs" / "cluster.svg"
BEGIN = "<!-- begin: written by `python -m benchmarks.cluster --write docs/cluster.md` -->"
WORKERS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
#: Looks of the long run, in seeds; in so many seconds it should end on the most workers.
MANY, GOAL = 512, 100.0
ALTERNATIVE = "Seconds that a run takes against the number of workers, beside a run in which no worker ever waits"


@dataclass(frozen=True, order=True)
class Trial:
    """One block of seeds of a measurement under one condition; ``first`` is its first seed."""

    experiment: str
    measurement: str
    condition: str
    first: int

    @property
    def place(self) -> str:
        """Experiment, measurement and condition in words."""
        return f"experiment {self.experiment}, {', '.join(filter(None, [self.measurement, self.condition]))}"


@dataclass(frozen=True)
class Plan:
    """What a run computes: the ``seconds`` of its trials, and of each claim the trials of its looks, one after another.

    A look holds only what no earlier look of the same claim asks for.
    """

    seconds: Mapping[Trial, float]
    looks: Mapping[str, Sequence[frozenset[Trial]]]

    @property
    def total(self) -> float:
        """Core-seconds of all trials."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Schedule:
    """When each trial of a run ended, in seconds from its start, and which trial it waited for (None: for no other)."""

    ended: Mapping[Trial, float]
    waited: Mapping[Trial, Trial | None]

    @property
    def makespan(self) -> float:
        """Seconds until the last trial ends."""
        return max(self.ended.values(), default=0.0)

    def path(self) -> list[Trial]:
        """Return the trials that led to the last one to end, first to last: each was asked for by the one before."""
        at = max(self.ended, key=self.ended.__getitem__, default=None)
        found: list[Trial] = []
        while at is not None:
            found.append(at)
            at = self.waited[at]
        return found[::-1]


class _Claims:
    """Which trials are asked for: those of the first looks, then of each look as soon as the one before is complete."""

    def __init__(self, plan: Plan) -> None:
        self._looks = {claim: list(looks) for claim, looks in plan.looks.items()}
        self._missing: dict[str, set[Trial]] = {}
        self._rests: dict[Trial, list[str]] = {}
        self._asked: set[Trial] = set()
        self._done: set[Trial] = set()

    def first(self) -> list[Trial]:
        """Return what is asked for at the beginning."""
        return [trial for claim in self._looks for trial in self._next(claim)]

    def after(self, trial: Trial) -> list[Trial]:
        """Note that a trial has ended; return what is asked for because of it."""
        self._done.add(trial)
        asked: list[Trial] = []
        for claim in self._rests.pop(trial, []):
            self._missing[claim].discard(trial)
            if not self._missing[claim]:
                asked.extend(self._next(claim))
        return asked

    def _next(self, claim: str) -> list[Trial]:
        """Go on to a claim's next look that is not complete; return those of its trials that nobody asked for."""
        while self._looks[claim]:
            missing = self._looks[claim].pop(0) - self._done
            if not missing:
                continue
            self._missing[claim] = set(missing)
            for trial in missing:
                self._rests.setdefault(trial, []).append(claim)
            new = sorted(missing - self._asked)
            self._asked.update(new)
            return new
        return []


def simulate(plan: Plan, workers: int | None = None, *, ahead: bool = False) -> Schedule:
    """Run a plan on that many workers; on as many as it can use without a number.

    ``ahead``: a worker that would wait measures what no claim has asked for yet, longest first (`--cluster-ahead`).
    """
    claims, order = _Claims(plan), count()
    waiting: list[tuple[bool, float, int, Trial]] = []
    running: list[tuple[float, int, Trial]] = []
    ended: dict[Trial, float] = {}
    waited: dict[Trial, Trial | None] = {}
    free = workers or len(plan.seconds)

    def ask(trials: Iterable[Trial], after: Trial | None, *, spare: bool = False) -> None:
        for trial in trials:
            if trial not in begun:
                waited[trial] = after
                heapq.heappush(waiting, (spare, -plan.seconds[trial], next(order), trial))

    begun: set[Trial] = set()
    ask(claims.first(), None)
    ask([trial for trial in plan.seconds if ahead and trial not in waited], None, spare=True)
    now = 0.0
    while waiting or running:
        while waiting and free:
            _, seconds, _, trial = heapq.heappop(waiting)
            if trial not in begun:  # a spare that was asked for in the meantime stands in the queue twice
                begun.add(trial)
                heapq.heappush(running, (now - seconds, next(order), trial))
                free -= 1
        now, _, trial = heapq.heappop(running)
        ended[trial] = now
        free += 1
        ask(claims.after(trial), trial)
    return Schedule(ended, waited)


def blocks_today(run: Results) -> dict[tuple[str, str], int]:
    """Return the seeds of a block as the claims have them today, by experiment and measurement.

    None of those that are no longer there.
    """
    found = {}
    for claim in run.claims:
        for name in {trial.measurement for trial in claim.seconds_by_trial or ()}:
            measurement = declared(claim, name)
            if measurement is not None:
                found[claim.experiment, name] = measurement.block
    return found


def plan_of(run: Results, seeds: int | None = None, today: Mapping[tuple[str, str], int] | None = None) -> Plan:
    """Return what a finished run computed; with ``seeds``, what it computes if every claim goes on to so many.

    ``today`` gives smaller blocks than the run's, by experiment and measurement: its trials are cut into such blocks.
    """
    measured: dict[tuple[str, str, str], dict[int, float]] = {}
    blocks: dict[tuple[str, str, str], int] = {}
    rests: dict[str, set[tuple[str, str, str]]] = {}
    looks: dict[str, Sequence[int]] = {}
    for claim in run.claims:
        if not claim.looks or not claim.seconds_by_trial:
            continue  # an error: nothing is known of it
        looks[claim.id] = [look.seeds for look in claim.looks] if seeds is None else doubled(claim, seeds)
        for trial in claim.seconds_by_trial:
            series = (
                claim.experiment,
                trial.measurement,
                ", ".join(f"{k}={v}" for k, v in said(trial.condition).items()),
            )
            first, last = trial.seeds
            size = last - first + 1
            block = min(size, (today or {}).get(series[:2], size))
            for at in range(first, last + 1, block):
                measured.setdefault(series, {})[at] = taken(trial) * min(block, last + 1 - at) / size
            blocks[series] = max(block, blocks.get(series, 0))
            rests.setdefault(claim.id, set()).add(series)
    if not looks:
        raise IncompleteError("it has no judged claim whose trials say how long they took.")
    planned: dict[str, list[frozenset[Trial]]] = {}
    used: set[Trial] = set()
    for name, numbers in looks.items():
        before: set[Trial] = set()
        planned[name] = []
        for number in numbers:
            asked = {
                Trial(*series, at * blocks[series])
                for series in rests[name]
                for at in range(ceil(number / blocks[series]))
            }
            planned[name].append(frozenset(asked - before))
            before |= asked
        used |= before
    seconds = {trial: _seconds(trial, measured, blocks) for trial in sorted(used)}
    return Plan(seconds, planned)


def doubled(claim: Record, last: int) -> list[int]:
    """Return a claim's looks up to the last one, as if it had registered so many."""
    seeds = [claim.first_look or last]
    while 2 * seeds[-1] <= last:
        seeds.append(2 * seeds[-1])
    return seeds


def taken(trial: TrialTime) -> float:
    """Return a trial's seconds of processor time; of wall time where it is not known."""
    return trial.processor_s or trial.seconds or 0.0


def _seconds(
    trial: Trial,
    measured: Mapping[tuple[str, str, str], Mapping[int, float]],
    blocks: Mapping[tuple[str, str, str], int],
) -> float:
    series = (trial.experiment, trial.measurement, trial.condition)
    known = measured[series]
    if trial.first in known:
        return known[trial.first]
    return list(known.values())[trial.first // blocks[series] % len(known)]


@dataclass(frozen=True)
class Scenario:
    """A run to simulate, and its seconds by number of workers; ``longest`` is its critical path, as one worker each."""

    name: str
    plan: Plan
    makespans: Mapping[int, float]
    longest: Schedule

    @classmethod
    def of(cls, name: str, plan: Plan, workers: Sequence[int] = WORKERS, *, ahead: bool = False) -> "Scenario":
        """Simulate a plan; ``ahead`` as in `simulate`."""
        makespans = {number: simulate(plan, number, ahead=ahead).makespan for number in workers}
        return cls(name, plan, makespans, simulate(plan, ahead=ahead))

    def efficiency(self, workers: int) -> float:
        """Return the share of the workers' time in which they compute."""
        return self.plan.total / (workers * self.makespans[workers])

    def bound(self) -> str:
        """Say what bounds the run however many workers there are."""
        path = self.longest.path()
        places = sorted({trial.place for trial in path})
        trials = "one trial" if len(path) == 1 else f"{len(path)} trials, each of the look after the one before"
        return (
            f"{self.name.capitalize()}: {len(self.plan.seconds):,} trials, {self.plan.total:,.0f} core-seconds. No "
            f"number of workers takes less than {self.longest.makespan:.0f} s, the length of its critical path: "
            f"{trials} ({'; '.join(places)})."
        )


def scenarios(run: Results) -> list[Scenario]:
    """Return the runs of the page: as registered, and at 512 seeds without and with `--cluster-ahead`."""
    today = blocks_today(run)
    many = plan_of(run, MANY, today)
    return [
        Scenario.of("the registered run", plan_of(run, today=today)),
        Scenario.of(f"{MANY} seeds of everything, look by look", many),
        Scenario.of(f"{MANY} seeds of everything, with --cluster-ahead", many, ahead=True),
    ]


def text(run: Results, shown: Sequence[Scenario]) -> str:
    """Return the generated part of the page."""
    heads = [f"{scenario.name}, s | efficiency" for scenario in shown]
    lines = [
        f"| workers | {' | '.join(heads)} |",
        f"| ---: | {' | '.join(['---: | ---:'] * len(shown))} |",
        *(
            f"| {number:,} | "
            + " | ".join(f"{one.makespans[number]:,.0f} | {100 * one.efficiency(number):.1f} %" for one in shown)
            + " |"
            for number in WORKERS
        ),
    ]
    facts = run.environment
    origin = (
        f"From the trials of the run of {run.started[:10]} on {facts.get('cpu')}, torch {facts.get('torch')}. "
        "Efficiency is the share of the workers' time in which they compute."
    )
    picture = f"![{ALTERNATIVE}]({DRAWN.name})"
    bounds = [scenario.bound() for scenario in shown]
    return "\n\n".join([origin, "\n".join(lines), picture, *bounds, goal(shown)])


def goal(shown: Sequence[Scenario]) -> str:
    """Say which of the long runs end in time on the most workers, and what they would take if no worker ever waited."""
    most = max(WORKERS)
    said = [
        f"{scenario.name}: {'met' if scenario.makespans[most] < GOAL else 'missed'}, with "
        f"{scenario.makespans[most]:,.0f} s ({scenario.plan.total / most:,.0f} s if no worker ever waited)"
        for scenario in shown
        if scenario.name.startswith(str(MANY))
    ]
    return f"The goal of less than {GOAL:.0f} s on {most:,} workers. {'; '.join(said)}."


def drawing(shown: Sequence[Scenario]) -> str:
    """Return an SVG with the makespans against the number of workers, both logarithmic; it follows light and dark."""
    from pytest_claims.report.figures.canvas import name_axes, paper, scale, styled
    from pytest_claims.report.figures.palette import MUTED, look
    from pytest_claims.report.figures.svg import from_figure

    with styled("cluster"):
        figure, (axes,) = paper(height=3.6)
        for at, scenario in enumerate(shown):
            style = look(at)
            numbers = list(scenario.makespans)
            axes.plot(
                numbers, list(scenario.makespans.values()), color=style.colour, marker=style.marker, markersize=4,
                linestyle=style.dash, label=scenario.name,
            )  # fmt: skip
            ideal = [scenario.plan.total / number for number in numbers]
            axes.plot(
                numbers,
                ideal,
                color=MUTED,
                linewidth=0.8,
                linestyle=":",
                label="no worker ever waits" if not at else None,
            )
        scale(axes, "xy")
        name_axes(axes, "workers", "seconds")
        axes.legend(frameon=False, loc="lower left")
        return from_figure(figure, "cluster", ALTERNATIVE) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the simulation of a finished run, or write it between the markers of a page; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description="Simulate a run on a cluster.")
    parser.add_argument("results", type=Path, nargs="?", default=EXAMPLE, help="results.json of a finished run")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the part between the markers of FILE")
    chosen = parser.parse_args(arguments)
    try:
        run = read(chosen.results)
        shown = scenarios(run)
        if chosen.write is None:
            sys.stdout.write(text(run, shown) + "\n")
            return 0
        page = replaced(chosen.write.read_text(encoding="utf-8"), BEGIN, text(run, shown))
    except (UnreadableError, IncompleteError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{chosen.write} cannot be read ({error.strerror}).")
    DRAWN.write_text(drawing(shown), encoding="utf-8")
    chosen.write.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
