"""A bench: a process of a worker with one pytest session that measures the trials it is told to.

Run as ``python -m pytest_claims.cluster.bench FOLDER``, with tasks on standard input and replies on standard output;
with ``--kind ENGINE`` it says what of its machine numbers depend on, and ends. Measurements get their fixtures the
ordinary way, and run on the main thread, where the alarm of a time limit rings.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pytest_claims import _compat
from pytest_claims.cluster.worker import BEGUN, arrives, receive, send, without_folder
from pytest_claims.environment import environment, steady_arithmetic
from pytest_claims.errors import TrialError
from pytest_claims.files import in_strings
from pytest_claims.running import changes, options
from pytest_claims.running.expansion import trial_item
from pytest_claims.running.items import Running
from pytest_claims.running.measuring import give_way
from pytest_claims.trials.deadline import DUMPS
from pytest_claims.trials.dependencies import distributions
from pytest_claims.trials.fingerprint import kind
from pytest_claims.trials.identity import Identity
from pytest_claims.trials.measurements import Handle, measurements_of
from pytest_claims.trials.plan import Settings
from pytest_claims.trials.store import sealed
from pytest_claims.trials.workshop import Trial, Workshop

#: A bench without work ends after so many seconds: a run that was killed leaves nothing behind.
IDLE = 300.0


class Server:
    """Answers tasks instead of running tests."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, folder: Path) -> None:
        self.source, self.sink, self.folder = source, sink, folder
        self.told = json.loads((folder / "session.json").read_text(encoding="utf-8"))
        self.items: dict[str, pytest.Item] = {}
        self.problems: list[str] = []
        self.raised: str = ""
        self.outcome: tuple[bytes, dict[str, Any]] | TrialError | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """Take over the options that the user gave; as the outermost wrapper before anybody looks at them."""
        vars(config.option).update(self.told["options"])
        _compat.use_one_process(config)
        config.stash[options.SERVES] = True
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot be collected here."""
        if report.failed:
            self.problems.append(str(report.longrepr))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Make the workshop, and keep all items, whatever others deselect; conditions are those of the run."""
        if self.told["change"]:
            change = {name: tuple(values) for name, values in self.told["change"].items()}
            changes.apply(items, Settings(selected=tuple(self.told["selected"]), change=change))
        self.workshop = Workshop(Settings(worker="bench"), config)  # each task brings the rest
        config.pluginmanager.register(Running(self.workshop), "claims-running")
        self.items = {item.nodeid: item for item in items}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answer until nobody asks any more."""
        hello = {"unable": self.problems[0]} if self.problems else {"ready": len(self.items)}
        send(self.sink, json.dumps(hello).encode())
        while arrives(self.source, IDLE) and (task := receive(self.source)) is not None:
            reply, data = self.answer(json.loads(task), session)
            send(self.sink, self._written(reply), data)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what kept a trial from being measured: a fixture that failed, or skipped."""
        if call.excinfo is not None and not self.raised:
            self.raised = " ".join(call.excinfo.exconly().split())
        report = yield
        del item
        return report

    def _written(self, reply: dict[str, Any]) -> bytes:
        """Return a reply as JSON, without the names of folders here."""
        written = in_strings(reply, lambda text: without_folder(text, self.folder))
        try:
            return json.dumps(written).encode()
        except (TypeError, ValueError) as error:
            sentence = f"what was noted of it cannot be sent, since it is no JSON: {error}."
            return json.dumps({"error": sentence, "details": ""}).encode()

    def answer(self, task: dict[str, Any], session: pytest.Session) -> tuple[dict[str, Any], bytes]:
        """Return the reply to a task, and the bytes of the trial's file."""
        self.workshop.settings = replace(self.workshop.settings, **task["settings"])
        item = self.items.get(task["nodeid"])
        found = None if item is None else self._known(item, task["identity"])
        if item is None or found is None:
            return {"stranger": kind(self.workshop.settings.engine), "what": "its code"}, b""
        condition = found.measurement.conditions[task["condition"]]
        trial = self.workshop.trial(found, tuple(task["seeds"]), condition)
        if trial.key != task["key"]:
            return {"stranger": kind(self.workshop.settings.engine), "what": found.private or "what it rests on"}, b""
        self._run(item, trial, session)
        match self.outcome:
            case TrialError() as error:
                return {"error": str(error), "details": error.details, "unsupported": error.unsupported}, b""
            case (data, facts):
                return {"facts": facts}, data
        return {"error": f"{trial.label}: {self.raised or 'nothing was measured'}", "details": ""}, b""

    def _known(self, item: pytest.Item, name: str) -> Identity | None:
        """Return the measurement that an item's trial is of; None where this project has none such."""
        known = (self.workshop.identity(item, *used) for used in measurements_of(item).items())
        return next((identity for identity in known if identity.name == name), None)

    def _run(self, item: pytest.Item, trial: Trial, session: pytest.Session) -> None:
        """Measure a trial in the ordinary protocol; what may depend on the test itself is measured by that test."""
        self.raised, self.outcome = "", None
        shown: Any = item if trial.known.bound else trial_item(item, trial, self.workshop)

        def measure() -> None:
            values = shown.funcargs.values()
            handle = next(each for each in values if isinstance(each, Handle) and each.measurement is trial.measurement)
            send(self.sink, BEGUN)  # from here on the trial's time counts, not that of its fixtures
            try:
                self.outcome = sealed(*self.workshop.measure(handle, trial))
            except TrialError as error:
                self.outcome = error

        shown.runtest = measure
        try:
            # the next one, whichever it is, is of this session: its fixtures stay
            session.config.hook.pytest_runtest_protocol(item=shown, nextitem=session)
        finally:
            del shown.runtest


def serve(folder: Path) -> int:
    """Be a bench: own the streams, leave standard error to what is printed, end with the worker."""
    source, sink = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    DUMPS.append(os.dup(2))  # pytest's capture takes descriptor 2
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()
    server = Server(source, sink, folder)
    told, project = server.told, folder / "project"
    here = project / told["folder"]
    here.mkdir(parents=True, exist_ok=True)  # the user may have been where no source is
    os.chdir(here)
    if told["here_on_path"]:
        sys.path.insert(0, str(here))
    if told["cache"]:  # where a project uses pytest's cache, each bench has its own
        told["arguments"] += ["-o", f"cache_dir={folder / f'cache-{os.getpid()}'}"]
    arguments = [*told["arguments"], f"--rootdir={project}", *(str(project / path) for path in told["paths"])]
    if told["inifile"]:
        arguments = ["-c", str(project / told["inifile"]), *arguments]
    return int(pytest.main(arguments, plugins=[server]))


def say_kind(engine: str) -> None:
    """Write what of this machine numbers depend on, and its environment, as JSON."""
    found = environment(Path.cwd())
    own = {name: value for name, value in found.items() if name not in {"commit", "repository"}}
    sys.stdout.write(json.dumps({"kind": kind(engine), "environment": own, "distributions": distributions()}))


if __name__ == "__main__":
    steady_arithmetic()
    give_way()
    if sys.argv[1] == "--kind":
        say_kind(sys.argv[2])
    else:
        sys.exit(serve(Path(sys.argv[1])))
