"""The hooks and small changes by which a pytest session serves a worker.

The plugin gathers what pytest reports. The rest takes away what a worker has no
use for: nobody reads its terminal.
"""

import os
from typing import Any, Callable, Dict, Iterator, List, Tuple

from . import pytest_xdist_look


def make_early_hooks() -> Any:
    """A plugin for the time when the configuration is prepared: plugins that
    ask then whether tests are distributed are told so, as in a worker of
    pytest-xdist."""
    import pytest

    class EarlyHooks:
        @pytest.hookimpl(tryfirst=True, hookwrapper=True)
        def pytest_load_initial_conftests(
            self, early_config: Any
        ) -> Iterator[None]:
            pytest_xdist_look.XdistLook().before_conftests(early_config)
            yield

    return EarlyHooks()


class Hooks:
    """The plugin of a worker's session; keeps what is reported to it."""

    def __init__(self, worker_session: Any) -> None:
        self._owner = os.getpid()
        self._worker_session = worker_session
        # Of the item that runs.
        self.reports: List[Any] = []
        # Of the item that runs, once it has failed; may be empty.
        self.tmp_path = ""
        # Collectors that did not pass, by node id.
        self.collect_reports: Dict[str, Any] = {}
        # (warning, when, nodeid, location) since they were last taken.
        self.warnings: List[Tuple[Any, str, str, Any]] = []
        # (fixture, exception) of tear-downs since the list was last emptied.
        self.failed_fixtures: List[Tuple[str, BaseException]] = []
        # In which the worker's units are run.
        self.loop: Callable[[], None] = lambda: None

    def leave_if_forked(self) -> None:
        """A test that forks and returns in both must not run the rest twice."""
        if os.getpid() != self._owner:
            os._exit(0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if os.getpid() != self._owner:
            os._exit(0)
        self.reports.append(report)

    def pytest_exception_interact(self, node: Any) -> None:
        # Later it has none any more, and passing tests need no look.
        path = (getattr(node, "funcargs", None) or {}).get("tmp_path")
        if path is not None:
            self.tmp_path = str(path)

    def pytest_collectreport(self, report: Any) -> None:
        if not report.passed:
            self.collect_reports[report.nodeid] = report

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        self.warnings.append((warning_message, when, nodeid, location))

    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        output = self._worker_session.config.workeroutput
        output["exitstatus"] = int(exitstatus)

    def on_fixture_failed(self, name: str, error: BaseException) -> None:
        """Notes the innermost fixture of a failure that passes through many."""
        for _, known in self.failed_fixtures:
            if known is error or known in getattr(error, "exceptions", ()):
                return
        self.failed_fixtures.append((name, error))


def make_loop_hook(hooks: Hooks) -> Any:
    """A plugin that takes the place of pytest's own loop."""
    import pytest

    class Loop:
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self) -> bool:
            hooks.loop()
            return True

    return Loop()


def make_placeholder(session: Any) -> Any:
    """An item directly under the session, never run.

    As the item that follows a unit's last it has everything torn down but the
    session; None would take the session's fixtures down with each unit.
    """
    import pytest

    class Placeholder(pytest.Item):
        def runtest(self) -> None:
            raise AssertionError("a placeholder is not run")

        def reportinfo(self) -> Tuple[Any, int, str]:
            return self.path, 0, self.name

    return Placeholder.from_parent(session, name="paceline: end of unit")


def silence_terminal(config: Any) -> None:
    """Takes the terminal reporter's hooks away.

    The object stays, for pytest and plugins that ask for it; what it would
    write goes nowhere, and the reports that it would keep add up.
    """
    manager = config.pluginmanager
    reporter = manager.getplugin("terminalreporter")
    if reporter is None:
        return
    for hook in manager.get_hookcallers(reporter) or ():
        try:
            hook._remove_plugin(reporter)
        except (AttributeError, ValueError):
            pass  # slower and quite harmless


def name_failing_fixtures(hooks: Hooks) -> None:
    """Has `hooks` told which fixture's tear-down an exception comes from."""
    from _pytest.fixtures import FixtureDef

    original = FixtureDef.finish

    def finish(self: Any, request: Any) -> None:
        try:
            original(self, request)
        except BaseException as error:
            hooks.on_fixture_failed(self.argname, error)
            raise

    FixtureDef.finish = finish
