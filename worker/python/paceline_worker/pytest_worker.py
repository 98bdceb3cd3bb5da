"""The runner "pytest": the user's own pytest, driven unit by unit.

To plugins and suites the process looks like a worker of pytest-xdist: that is
what they know how to live with. The configuration is prepared as pytest does
it, before a session starts, so that a template can be forked at that point.
Then modules are collected when a unit first needs them, and items run under
pytest's own protocol.

It does not discover tests, and decides nothing about them: pytest_collect.py
does.
"""

import contextlib
import importlib
import os
from typing import Any, Callable, Dict, List, Optional

from . import frames, pytest_results, pytest_session, sigterm, terminal
from .place import enter, parse_options
from .refusal import SuiteRefused
from .worker import Leaving, Place, Reporter, Runner, Unit

# The test has failed, and whoever has seen enough ends the session.
_LEFT_DEBUGGER = "pytest.exit: Quitting debugger"


def make_runner() -> "PytestRunner":
    return PytestRunner()


def worker_number() -> str:
    """A number that no other worker alive on this host has."""
    number = os.environ.get("PACELINE_WORKER_NUMBER", "")
    if number.isdigit():
        return number
    # "17.3f9a1c2e": the worker's number and its agent's instance.
    first = os.environ.get("PACELINE_WORKER_ID", "").partition(".")[0]
    return first if first.isdigit() else str(os.getpid())


class PytestRunner(Runner):
    def __init__(self) -> None:
        self._options: Dict[str, Any] = {}
        self._config: Any = None
        self._session: Optional[pytest_session.WorkerSession] = None
        # Why no more tests are run in this worker: pytest.exit(), or
        # session.shouldstop.
        self._over = ""
        self._terminal = terminal.take()
        sigterm.has_terminal = self._terminal is not None

    def warm_up(self) -> None:
        try:
            importlib.import_module("pytest")
        except Exception:
            pass

    def identify(self) -> None:
        os.environ["PYTEST_XDIST_WORKER"] = "gw" + worker_number()
        os.environ["PYTEST_XDIST_WORKER_COUNT"] = os.environ.get(
            "PACELINE_SLOTS", "1"
        )

    def load(self, suite: frames.Message) -> None:
        options = parse_options(suite)
        self._options = options
        run = str(options.get("testrunuid") or "paceline")
        os.environ["PYTEST_XDIST_TESTRUNUID"] = run
        enter(options)
        try:
            self._config = pytest_session.prepare_config(
                full_arguments(options)
            )
        except pytest_session.Unusable as error:
            raise SuiteRefused(str(error)) from error

    def open(self, suite: frames.Message) -> None:
        try:
            self._session = pytest_session.WorkerSession(
                self._config, self._options, "gw" + worker_number(),
                self._terminal,
            )
        except pytest_session.Unusable as error:
            raise SuiteRefused(str(error)) from error

    def around(self, loop: Callable[[], None]) -> None:
        assert self._session is not None
        self._session.run_loop(loop)

    def run_unit(self, unit: Unit, reporter: Reporter) -> None:
        session = self._session
        assert session is not None
        session.return_to_start()
        # Imports of modules and conftest files may take the process along.
        reporter.flush()
        with self._use_terminal():
            found = session.collect(unit)
        for name, message, details in session.take_new_errors():
            reporter.extra(name, "error", message=message, details=details)
        # The item that follows each.
        following: List[Any] = [None] * len(found)
        for index in range(len(found) - 2, -1, -1):
            following[index] = found[index + 1].item or following[index + 1]
        for entry, follower in zip(found, following):
            if reporter.stopping():
                break
            reporter.started(entry.place, entry.timeout_ns)
            if self._over:
                reporter.finished(entry.place, "not_run", message=self._over)
            elif entry.item is None:
                reporter.finished(entry.place, **entry.result)
            else:
                self._run(entry.place, entry.item, follower, reporter)
        reporter.flush()
        with self._use_terminal():
            error = session.tear_down_unit()
        if error:
            reporter.finalize_failed(error)

    def _run(
        self, place: Place, item: Any, following: Any, reporter: Reporter
    ) -> None:
        session = self._session
        assert session is not None
        with self._use_terminal(lambda: reporter.give_time(place)):
            reports, broken = session.run_item(item, following)
        left_debugger = broken == _LEFT_DEBUGGER and any(
            report.failed for report in reports
        )
        result = pytest_results.combine(
            reports, session, "" if left_debugger else broken
        )
        if result["outcome"] in ("failed", "error"):
            parts = (result.get("details", ""), session.kept_files())
            result["details"] = "\n\n".join(part for part in parts if part)
        reporter.finished(place, **result, cut_bytes=session.cut_bytes)
        self._over = session.over
        if broken:
            reporter.flush()
            session.tear_down_unit()

    def _use_terminal(self, on_debugger: Any = None) -> Any:
        if self._terminal is None:
            return contextlib.nullcontext()
        return self._terminal.use(on_debugger)

    def output_so_far(self) -> bytes:
        return self._session.output_so_far() if self._session else b""

    def close(self) -> Leaving:
        leaving = Leaving()
        if self._session is not None:
            self._session.close(leaving)
        return leaving


def full_arguments(options: Dict[str, Any]) -> List[str]:
    """What pytest is started with here: rootdir and ini file are the
    collector's, whatever this worker's own search would find."""
    arguments = []
    if options.get("rootdir"):
        arguments.append("--rootdir=" + options["rootdir"])
    if options.get("inifile"):
        arguments += ["-c", options["inifile"]]
    return arguments + [str(a) for a in options.get("args", [])]
