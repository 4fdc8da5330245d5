"""Collection: which claims run, which of them are faulty, and the invisible items that prefill the store.

Under xdist each worker inserts the same trial items before the claims, one for each trial. They are run without
reports, so that JUnit, --lf and the report see only claims; a claim that finds a trial missing computes it. Without
xdist, and with --collect-only, there are no trial items: claims compute their trials themselves.
"""

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.errors import UnreadableError
from pytest_claims.files import jsonable, without_paths
from pytest_claims.outcomes import ClaimError
from pytest_claims.running import changes, reasons, registrations
from pytest_claims.running.designs import Row, design_of, row, said, table, undecidable
from pytest_claims.running.judging import declared
from pytest_claims.running.looks import schedule
from pytest_claims.running.options import only_looks
from pytest_claims.running.progress import filled
from pytest_claims.running.schedule import Costs, Needed, TrialItem, in_order
from pytest_claims.trials.claims import Claim, claim_of
from pytest_claims.trials.conditions import Label, label
from pytest_claims.trials.measurements import measurements_of
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import PLAN, write_json
from pytest_claims.trials.turns import TRIAL
from pytest_claims.trials.workshop import Trial, Workshop
from pytest_claims.vocabulary import SMOKE

FAULT = pytest.StashKey[str]()


class Expansion:
    """Acts on the collected items, around the plugins that deselect: what is left decides which trials are needed."""

    def __init__(self, workshop: Workshop, *, insert: bool) -> None:
        self.workshop = workshop
        self.insert = insert
        self.rows: list[Row] = []
        self.before: Callable[[Sequence[pytest.Item]], None] | None = None  # called with the selected claims' items
        self.ahead: list[Trial] = []  # trials that are measured elsewhere, long ones first
        # those of later looks, where nobody waits to know if they count; they are thousands, so found on demand
        self.later: Callable[[], Mapping[Trial, Sequence[pytest.Item]]] = dict
        self.total: tuple[float, float] | None = None  # core-seconds of the first looks, and of all

    def around_selection(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Refuse unknown ids and note faults; after the others have deselected, insert the trial items."""
        settings = self.workshop.settings
        unmatched = None if settings.registrations is None else self._registered(settings.registrations, items)
        misfit = changes.apply(items, settings) if settings.change else None
        if not config.option.collectonly:  # nobody sees faults, so claims' functions need not be called
            find_faults(items)
        unknown = unmatched or select(config, items, settings) or misfit
        if unknown and not self.insert:
            raise pytest.UsageError(unknown)
        yield
        claims = [(item, claim) for item in items if (claim := claim_of(item)) is not None]
        if not claims and not unknown:
            return
        if settings.design:
            try:
                wanted = needed(claims, self.workshop)
                costs = Costs.of(wanted, settings)
                self.rows = [row(item, claim, settings, costs.a_seed.get(item)) for item, claim in claims]
                self.total = costs.total
            except UnreadableError as error:  # pilots.json
                raise pytest.UsageError(str(without_paths(str(error), [str(config.rootpath)]))) from error
            return
        if only_looks(config):
            return
        if self.before is not None:
            self.before([item for item, _ in claims])
        wanted = needed(claims, self.workshop)
        costs = Costs.of(wanted, settings)
        self._write_plan(claims, wanted, costs, unknown)
        if self.workshop.elsewhere is not None and not unknown:
            seconds = filled(costs.trials)
            self.ahead = sorted(wanted.trials, key=lambda trial: -seconds[trial.key])
            self.later = partial(later, claims, wanted, self.workshop) if config.option.claims_cluster_ahead else dict
        if self.insert:
            self._insert(items, wanted, costs, drop=bool(unknown))

    def _insert(self, items: list[pytest.Item], wanted: Needed, costs: Costs, *, drop: bool) -> None:
        """Put the items of trials before the others, or none at all."""
        trials = [trial_item(item, trial, self.workshop) for trial, item in wanted.trials.items()]
        items[:] = [] if drop else in_order(trials, items, self.workshop.settings, costs)
        self.workshop.queue = [item.trial for item in items if isinstance(item, TrialItem)]

    def _registered(self, file: Path, items: list[pytest.Item]) -> str | None:
        """Register claims as the user's file says; return what is wrong with it, in a sentence."""
        try:
            return registrations.read(file, self.workshop.settings.shown_registrations).apply(items)
        except UnreadableError as error:
            return str(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Stop a faulty claim before anything is measured for it."""
        if FAULT in item.stash:
            raise ClaimError(item.stash[FAULT])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of ``--design``."""
        if self.rows:
            terminalreporter.section("designs: the smallest effect detectable with 90 % power")
            for line in table(self.rows):
                terminalreporter.write_line(line)
            if self.total is not None:
                first, most = self.total
                terminalreporter.write_line(
                    f"All together: {first:,.0f} core-seconds for the first looks, at most {most:,.0f} for all looks; "
                    "claims share what they measure."
                )

    def _write_plan(
        self, claims: Sequence[tuple[pytest.Item, Claim]], wanted: Needed, costs: Costs, unknown: str | None
    ) -> None:
        """Write the plan that the controller, which never collects, reads."""
        path = self.workshop.store.folder / PLAN
        if path.exists():
            return
        plan = {
            "unknown": unknown,
            "claims": {item.nodeid: declared(item, claim, self.workshop.settings) for item, claim in claims},
            "measurements": {item.nodeid: self._measurements(item) for item, _ in claims if FAULT not in item.stash},
            "trials": {
                trial.key: {"place": trial.place, "seconds": costs.trials[trial.key]} for trial in wanted.trials
            },
            "seconds": None if costs.total is None else list(costs.total),
            "smoke": any(_is_quick(item) for item, _ in claims),
        }
        with suppress(OSError):  # progress and the naming of crashes need it, no verdict does
            write_json(path, jsonable(plan))

    def _measurements(self, item: pytest.Item) -> list[str]:
        """Return the identities of a claim's measurements, by which attempts name them."""
        used = measurements_of(item).items()
        identity = self.workshop.identity
        return [identity(item, name, declared).name for name, declared in used if declared.fault is None]


def find_faults(items: Sequence[pytest.Item]) -> None:
    """Note on each claim what keeps it from being judged: a faulty declaration, an id used twice, a hopeless design."""
    seen: dict[str, list[pytest.Item]] = {}
    for item in items:
        claim = claim_of(item)
        if claim is None:
            continue
        seen.setdefault(claim.id, []).append(item)
        fault = claim.fault or _fault(item, claim)
        if fault is None and getattr(item, "cls", None) is not None:
            fault = f"Claim {claim.id} is a method; claims are functions of a module."
        if fault is not None:
            item.stash[FAULT] = fault
    for name, twins in seen.items():
        if name and len(twins) > 1:
            places = " and ".join(sorted(item.nodeid for item in twins))
            for item in twins:
                item.stash.setdefault(FAULT, f"The id {name} is used by more than one claim: {places}.")


def _fault(item: pytest.Item, claim: Claim) -> str | None:
    """Say why a claim can never be judged; None where it can. Whatever a declaration holds costs its own claim only."""
    try:
        return undecidable(design_of(item, claim), claim) or _faulty_reason(item, claim) or _faulty_only(item, claim)
    except Exception as error:  # noqa: BLE001 - somebody else's objects
        return f"Claim {claim.id} cannot be checked before it is measured: {said(error)}"


def _faulty_reason(item: pytest.Item, claim: Claim) -> str | None:
    """Say why a claim's reason can never be filled with numbers; None where it can, as far as is known without data."""
    if claim.reason is None:
        return None
    used = measurements_of(item).items()
    levels = {
        name: {dim: [label(value) for value in values] for dim, values in measurement.restricted(claim.only).items()}
        for name, measurement in used
        if measurement.fault is None
    }
    fault = reasons.check(claim.reason, levels)
    return None if fault is None else f"Claim {claim.id}: {fault}"


def _faulty_only(item: pytest.Item, claim: Claim) -> str | None:
    """Say which condition or value a claim restricts itself to that its measurements do not have; None if all exist."""
    levels: dict[str, set[Label]] = {}
    for measurement in measurements_of(item).values():
        for name, values in measurement.levels.items():
            levels.setdefault(name, set()).update(map(label, values))
    for name, values in claim.only.items():
        if name not in levels:
            have = ", ".join(levels) or "none"
            return f"Claim {claim.id} looks only at some {name}, and no measurement of it has such a condition: {have}."
        strange = [str(label(value)) for value in values if label(value) not in levels[name]]
        if strange:
            have = ", ".join(map(str, sorted(levels[name], key=str)))
            return f"Claim {claim.id} looks only at {name} {strange[0]}, which is not measured; {name} has {have}."
    return None


def select(config: pytest.Config, items: list[pytest.Item], settings: Settings) -> str | None:
    """Keep the claims that the options name, as `Settings.selects` reads them; return a sentence if there is none such.

    With the tier "smoke" these are the claims whose measurements all say that they are quick.
    """
    claims = {item: claim for item in items if (claim := claim_of(item)) is not None}
    if settings.tier == SMOKE and claims:
        quick = [item for item in claims if _is_quick(item)]
        if not quick:
            return f"{settings.flag('tier')} {SMOKE}: no claim is quick; say @measurement(smoke=True) where one is."
        config.hook.pytest_deselected(items=[item for item in items if item not in quick])
        items[:], claims = quick, {item: claims[item] for item in quick}
    if not settings.selected:
        return None
    known = {claim.id for claim in claims.values()}
    unknown = [name for name in settings.selected if name.removesuffix("@") not in known]
    if unknown:
        listed = ", ".join(sorted(known)) or "none"
        return f"{settings.flag('id')} {','.join(unknown)}: no such claim; those collected are {listed}."
    kept = [item for item, claim in claims.items() if settings.selects(claim.id, claim.variant_of)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    return None


def _is_quick(item: pytest.Item) -> bool:
    """Whether all measurements of a claim say that they are quick, so that the tier "smoke" takes it."""
    return all(each.smoke for each in measurements_of(item).values())


def needed(claims: Sequence[tuple[pytest.Item, Claim]], workshop: Workshop) -> Needed:
    """Return what the claims need for their first look, and what they may need after it."""
    settings = workshop.settings
    wanted = Needed()
    for item, claim in claims:
        if FAULT in item.stash:
            continue
        plan = schedule(claim, settings)
        used = {name: each for name, each in measurements_of(item).items() if each.fault is None}
        try:
            known = [workshop.identity(item, name, measurement) for name, measurement in used.items()]
            # what depends on the test itself is measured by it, not by a stand-in
            shared = [identity for identity in known if not identity.bound]
            trials = [trial for identity in shared for trial in workshop.trials(identity, plan.seeds[0], claim.only)]
        except Exception as error:  # noqa: BLE001 - somebody else's objects and files
            item.stash[FAULT] = f"The trials of claim {claim.id} cannot be named: {said(error)}"
            continue
        for trial in trials:
            wanted.trials.setdefault(trial, item)
        wanted.looks[item] = plan.seeds[0], plan.last, tuple({trial.series: None for trial in trials})
    return wanted


def later(
    claims: Sequence[tuple[pytest.Item, Claim]], wanted: Needed, workshop: Workshop
) -> Mapping[Trial, Sequence[pytest.Item]]:
    """Return the trials that looks after the first may need, each with the claims that may."""
    found: dict[Trial, list[pytest.Item]] = {}
    for item, claim in claims:
        first, last, _ = wanted.looks.get(item, (0, 0, ()))
        if last > first:
            used = {name: each for name, each in measurements_of(item).items() if each.fault is None}
            known = [workshop.identity(item, name, measurement) for name, measurement in used.items()]
            trials = [workshop.trials(identity, last, claim.only) for identity in known if not identity.bound]
            for trial in chain.from_iterable(trials):
                if trial not in wanted.trials:
                    found.setdefault(trial, []).append(item)
    return found


def trial_item(item: pytest.Item, trial: Trial, workshop: Workshop) -> TrialItem:
    """Return the invisible item of a trial; its node id begins with the node id of its claim.

    It asks for the claim's other fixtures, too: they may change what is measured.
    """
    measured = measurements_of(item)
    own = next((name for name, each in measured.items() if each is trial.measurement), trial.measurement.name)
    others = [name for name in _compat.argument_names(item) if name not in {*measured, *_compat.parameters(item)}]

    def stand_in(**_: Any) -> None:
        """Ask pytest for the measurement."""

    stand_in.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in (own, *others)]
    )
    marks = [mark for mark in item.own_markers if mark.name in {"skip", "skipif", "usefixtures"}]
    stand_in.pytestmark = marks  # type: ignore[attr-defined] # where pytest looks for a function's marks
    invisible: TrialItem = TrialItem.from_parent(
        item.parent, name=f"{item.name}{TRIAL}{trial.label}]", callobj=stand_in
    )
    invisible.trial, invisible.workshop = trial, workshop
    return invisible
