"""The process that the user sees: the controller of an xdist run, or the only process of a run without xdist."""

import shlex
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_claims import _compat
from pytest_claims.errors import Attempt, UnreadableError
from pytest_claims.folders import DURATIONS, ReportFolder, as_typed
from pytest_claims.record import Record, attach, attached
from pytest_claims.running import options
from pytest_claims.running.beside import Beside
from pytest_claims.running.deep import FINDINGS, finding, is_deep
from pytest_claims.running.kept import durations_of, read_plan
from pytest_claims.running.old_runs import ALIVE, remove_old_runs
from pytest_claims.running.pilots import PILOTS, pilot_entry
from pytest_claims.running.progress import Progress, spoken
from pytest_claims.running.watch import Watch
from pytest_claims.trials.plan import SENT, Settings
from pytest_claims.trials.store import Store, died, write_json
from pytest_claims.trials.turns import CONTROLLER, TRIAL, owner_file, stop, take
from pytest_claims.vocabulary import SMOKE

#: Lines about trials that were not reused.
REASONS = 5
#: A run that takes at least so many seconds says at its start how long it takes.
WORTH_TELLING = 30


class Controller:
    """Shows progress; at the end keeps durations, pilots and what a deep run found, and removes old runs."""

    def __init__(self, config: pytest.Config, settings: Settings, place: ReportFolder) -> None:
        self.config = config
        self.settings = settings
        self.place = place
        self.store = Store(settings.folder / settings.run, CONTROLLER)
        self.plan: dict[str, Any] = {}
        self.kept: Beside | None = PILOTS if settings.pilot else FINDINGS if is_deep(settings) else None
        self.entries: dict[Path, dict[str, Any]] = {}  # of that kind, by the file that will hold them
        self.progress: Progress | None = None
        self.elsewhere: Any = None  # the cluster that measures (`cluster.session.Cluster`), if there is one
        self._alive: Any = None  # the lock that marks this run's folder as in use

    def begin(self, workers: int) -> None:
        """Read what the workers planned (or this process); show progress from now on."""
        self.plan = read_plan(self.store.folder)
        if not self.plan:
            return
        if self.plan.get("unknown"):
            raise pytest.UsageError(str(self.plan["unknown"]))
        options.check_plugins(self.config)
        options.take(self.place)
        self._check_entries()
        if self._alive is None:
            from filelock import FileLock, Timeout

            self._alive = FileLock(self.store.folder / ALIVE, timeout=0)
            with suppress(Timeout, OSError):
                self._alive.acquire()
        if self.progress is None and self.plan["trials"]:
            running = None
            if self.elsewhere is not None:
                workers, running = max(self.elsewhere.slots, 1), self.elsewhere.attempts
                self._write_lines(self.elsewhere.header())
            self._announce(workers)
            self.progress = Progress(self.config, self.store, self.plan["trials"], workers, running)
            self.progress.start()

    def _write_lines(self, lines: Sequence[str]) -> None:
        """Write lines to the terminal, if there is one."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            for line in lines:
                reporter.write_line(line)

    def _announce(self, workers: int) -> None:
        """Say how long the run will take, and how to run less; nothing where it is short, or not known."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        seconds = self.plan.get("seconds")
        if reporter is None or not seconds or seconds[0] / workers < WORTH_TELLING or self.config.get_verbosity() < 0:
            return
        first, most = (spoken(each / workers) for each in seconds)
        at_most = f", at most {most} with all looks" if most != first else ""
        flag = self.settings.flag
        smoke = f"{flag('tier')} {SMOKE}, " if self.plan.get("smoke") and self.settings.tier != SMOKE else ""
        reporter.write_line(
            f"claims: about {first} on {workers} worker{'s' * (workers > 1)}{at_most}; "
            f"for less: {flag('seeds')} 8 (a quick look), {smoke}{flag('id')} ID"
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin, in a run without xdist."""
        if session.items and not self.config.option.collectonly:
            self.begin(1)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Clear the progress line before pytest writes."""
        if self.progress is not None:
            self.progress.clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Clear the progress line before pytest writes; collect what is kept of the reports."""
        if self.progress is not None:
            self.progress.clear()
        if self.kept is not None and report.when == "call":
            record = attached(report.user_properties)
            entry = None if record is None else (pilot_entry if self.kept is PILOTS else finding)(record)
            if record is not None and entry is not None:
                path = self.kept.path(self.config.rootpath, record.file)
                self.entries.setdefault(path, {})[record.id] = entry

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Stop showing progress."""
        if self.progress is not None:
            self.progress.stop()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Keep what the next run can use."""
        if self._alive is not None:
            with suppress(OSError):
                self._remember()
                remove_old_runs(self.settings.folder, self.store.folder)
            self._alive.release()

    def _remember(self) -> None:
        """Write how long the trials took."""
        write_json(self.settings.folder / DURATIONS, durations_of(self.store.folder, self.settings.durations))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Write what is kept beside the claims and say where; say how to continue an interrupted run."""
        if exitstatus == pytest.ExitCode.INTERRUPTED and self.plan:
            shown = as_typed(self.settings.report, self.config.invocation_params.dir)
            terminalreporter.write_line(
                f"Finished trials are kept; continue with: {self.settings.flag('reuse')} {shlex.quote(shown)}"
            )
        if self.elsewhere is not None:
            self._write_lines(self.elsewhere.news())
        if self.settings.reuse is not None:
            for line in not_reused(self.store):
                terminalreporter.write_line(line)
        if self.kept is not None:
            self._write_entries(self.kept, terminalreporter)

    def _write_entries(self, kept: Beside, reporter: pytest.TerminalReporter) -> None:
        """Write what is kept beside the claims, and say where."""
        for path, entries in self.entries.items():
            try:
                written = kept.add(path, entries, self.settings.run)
                reporter.write_line(f"{kept.what}: {self._shown(written)}", yellow=written != path)
            except OSError as error:
                reporter.write_line(f"{kept.what} could not be written: {error.strerror}", red=True)

    def _check_entries(self) -> None:
        """Refuse a file beside the claims that cannot be read before anything is measured for it."""
        used = {FINDINGS, self.kept or FINDINGS}
        for file in {record["file"] for record in self.plan["claims"].values()}:
            for kind in used:
                path = kind.path(self.config.rootpath, file)
                try:
                    kind.read(path)
                except UnreadableError as error:
                    raise pytest.UsageError(str(error).replace(str(path), self._shown(path))) from error

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.config.rootpath).as_posix()


def not_reused(store: Store) -> list[str]:
    """Say why stored trials were measured again: a line for each reason, the most frequent first."""
    reasons = Counter(facts["not_reused"] for facts in store.all_facts() if "not_reused" in facts)
    lines = [f"not reused because {why}: {count} of the stored trials" for why, count in reasons.most_common()]
    more = len(lines) - REASONS
    return lines if more <= 0 else [*lines[:REASONS], f"... and for {more} more of such reasons"]


class XdistSide:
    """What only a distributed run needs: the workers' instructions, crashes, the count of visible items."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.session: pytest.Session | None = None
        self.failures = 0
        self.visible: int | None = None
        self.watch = Watch(Store(settings.folder / settings.run, CONTROLLER), settings)
        self.crashed_on: dict[str, Any] = {}  # the dead node of each claim that is run again, by node id

    @property
    def controller(self) -> Controller:
        """The other plugin object of this process."""
        controller = self.config.pluginmanager.getplugin("claims-controller")
        assert isinstance(controller, Controller)  # noqa: S101 - registered together with this object
        return controller

    @property
    def claims(self) -> int:
        """The number of claims in the plan."""
        return len(self.controller.plan.get("claims", {}))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send a worker what this process decided: a worker must not draw, name or time anything by itself."""
        settings = self.settings
        node.workerinput[SENT] = {
            "fresh": self.config.option.claims_fresh,
            "report": str(settings.report),
            "folder": str(settings.folder),
            "run": settings.run,
            "workers": node.workerinput["workercount"],
            "dist": self.config.option.dist,
            "durations": settings.durations,
        }
        if options.asks_for_claims(self.config):
            _compat.survive_dead_workers(node)
            process = _compat.worker_process(node)
            if process is not None:
                self.watch.add(_compat.worker_name(node), process)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, whose count of items is pytest's denominator."""
        self.session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Leave the workers to xdist, which ends them now."""
        self.watch.stop()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Read the plan; from now on count visible items only."""
        self.visible = sum(TRIAL not in name for name in ids)
        self.controller.begin(node.workerinput["workercount"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Keep the denominator of the progress column right."""
        if self.session is not None and self.visible is not None:
            self.session.testscollected = self.visible

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the denominator right; stop the queued trials after ``-x``."""
        self.pytest_runtest_logstart()
        if report.nodeid in self.crashed_on:
            # JUnit joins reports by their node, which xdist adds to pytest's report
            report.node = self.crashed_on[report.nodeid]  # type: ignore[attr-defined]
        self.failures += report.failed
        limit = self.config.getoption("maxfail", 0)
        if limit and self.failures >= limit and self.claims:
            stop(self.controller.store.folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """Rewrite the report of a crash to the claim's node id, as an error that names block and condition.

        A crashed trial is reported here for its claim, and the claim is not run later. If the claim is running already,
        it notices by itself, and this report is hidden. The report is also hidden where a claim died of another
        claim's block, which it computed while it waited: the claim is run again.
        """
        controller = self.controller
        nodeid = crashitem.partition(TRIAL)[0]
        planned = controller.plan.get("claims", {}).get(nodeid)
        if planned is None:
            return
        declared = Record.from_json(planned)
        worker = _compat.worker_name(report.node)
        # a process that needs the block may have stored this death before xdist noticed it
        failed = [death for death in controller.store.deaths() if death[0].worker == worker]
        for mark in controller.store.attempts():
            if mark.worker == worker and not controller.store.done(mark.key):
                error = died(mark, self.settings)
                failed.append((mark, str(error)))
                with suppress(OSError):  # the other claims read it there
                    controller.store.save_error(mark.key, error, mark.measurement)
        report.nodeid = nodeid
        report.when = "setup"
        if TRIAL in crashitem:
            owner = take(controller.store.folder, nodeid, CONTROLLER)
            if owner != CONTROLLER:
                report.outcome, report.longrepr = "passed", None
                report.node = _compat.worker_named(self.config, owner, report.node)  # JUnit joins reports by it
                return
        elif failed and self._only_helped(nodeid, failed) and self._run_again(nodeid, report.node, sched):
            report.outcome, report.longrepr = "passed", None
            return
        else:  # the claim died with its worker and is not run again
            owner_file(controller.store.folder, nodeid).write_text(CONTROLLER, encoding="utf-8")
        inner = crashitem.partition(TRIAL)[2].removesuffix("]")
        what = self.watch.ended.get(worker, f"its process ({worker}) died.")
        sentence = f"{inner or 'Claim ' + declared.id}: {what}"
        if failed:
            sentence = failed[-1][1]
        report.longrepr = sentence
        attach(report.user_properties, declared.failed(sentence, self.config.rootpath))

    def _only_helped(self, nodeid: str, failed: Sequence[tuple[Attempt, str]]) -> bool:
        """Whether a claim's process died only of blocks of measurements that the claim does not use."""
        own = self.controller.plan.get("measurements", {}).get(nodeid)
        return own is not None and not any(mark.measurement in own for mark, _ in failed)

    def _run_again(self, nodeid: str, node: Any, sched: Any) -> bool:
        """Queue a claim once more; the block that it died of is known by now and is not computed again."""
        if not _compat.may_replace_workers(self.config):  # xdist ends the run, and runs nothing queued
            return False
        owner = owner_file(self.controller.store.folder, nodeid)
        try:
            owner.unlink(missing_ok=True)  # it belonged to the dead worker; the next one takes it as soon as it is sent
        except OSError:
            return False
        if not _compat.queue_again(sched, nodeid):
            return False
        self.crashed_on.setdefault(nodeid, node)
        return True
