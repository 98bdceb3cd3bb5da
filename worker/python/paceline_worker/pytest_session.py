"""A session of pytest that stays open and is fed with units.

What pytest's `main` does once, from configuration to session finish, is done
here step by step: `prepare_config`, then a `WorkerSession` that collects the
modules of a unit when they are first needed, runs items, and is closed when the
worker leaves. The hooks fire as they do in a worker of pytest-xdist.

How reports become outcomes is in pytest_results.py.
"""

import inspect
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from . import pytest_collecting, pytest_hooks, pytest_results, pytest_speed
from . import pytest_version
from .terminal import NoTerminal
from .worker import Leaving, Place, Unit


class Unusable(Exception):
    """pytest cannot be used with this suite; the text says why."""


class Found(NamedTuple):
    """A test of a unit, or one that was found with it: the item that pytest
    made of it, or, where there is none, the result that says so."""

    item: Any
    result: Dict[str, Any]
    place: Place
    # Of a found test; 0: its unit's.
    timeout_ns: int = 0


def prepare_config(arguments: List[str]) -> Any:
    """pytest's configuration, with plugins and initial conftest files loaded
    and no session started.

    Raises Unusable.
    """
    missing = pytest_version.why_unusable()
    if missing:
        raise Unusable(missing)
    from _pytest.config import _prepareconfig

    named = {}
    if "prog" in inspect.signature(_prepareconfig).parameters:
        named["prog"] = "pytest"
    plugins = [pytest_hooks.make_early_hooks()]
    try:
        return _prepareconfig(list(arguments), plugins, **named)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Unusable(describe_config_error(error)) from error


def describe_config_error(error: BaseException) -> str:
    """What pytest prints when it cannot start."""
    from _pytest.config import ConftestImportFailure, UsageError

    if isinstance(error, UsageError):
        return "\n".join(str(a) for a in error.args)
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ConftestImportFailure):
        cause = getattr(error, "cause", None) or error.excinfo[1]
        text = (
            f"ImportError while loading conftest '{error.path}'.\n"
            f"{type(cause).__name__}: {cause}"
        )
    return text


def _tame(config: Any, options: Dict[str, Any], worker_id: str,
          has_terminal: bool) -> None:
    """Takes out of the user's options what is the controller's alone.

    They may come from the ini file's addopts, where no one could strip them.
    """
    quiet = {
        # as pytest-xdist does in its own workers
        "dist": "no",
        "distload": False,
        "looponfail": False,
        "numprocesses": None,
        "maxprocesses": None,
        "tx": [],
        "usepdb": has_terminal and bool(options.get("pdb", False)),
        # decided across workers
        "maxfail": 0,
        # orders and selections that need the whole list, and report files
        "lf": False,
        "failedfirst": False,
        "newfirst": False,
        "stepwise": False,
        "stepwise_skip": False,
        "xmlpath": None,
        "htmlpath": None,
        "report_log": None,
        "pastebin": None,
        # a module that cannot be collected is no matter of the others
        "continue_on_collection_errors": True,
    }
    if not has_terminal:
        quiet["trace"] = False
    for name, value in quiet.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    base = options.get("basetemp")
    if base:
        try:
            os.makedirs(base, mode=0o700, exist_ok=True)
        except OSError:
            return  # of another machine; pytest makes one of its own
        config.option.basetemp = _reserve(base, "popen-" + worker_id)


def _own_input(options: Dict[str, Any], worker_id: str) -> Dict[str, Any]:
    """What plugins want this worker alone to know."""
    each = options.get("workerinputs") or []
    number = int(worker_id[len("gw"):])
    return each[number] if number < len(each) else {}


def _reserve(base: str, name: str) -> str:
    """A folder below `base` that is nobody's yet. pytest empties what it is
    given, and a worker that had the same name may have left a failed test's
    files."""
    count = 1
    while True:
        path = os.path.join(base, name if count == 1 else f"{name}-{count}")
        try:
            os.mkdir(path, mode=0o700)
        except FileExistsError:
            count += 1
            continue
        except OSError:
            pass  # pytest will say so of the first test that wants one
        return path


class WorkerSession:
    """The open session of one worker.

    The constructor raises Unusable when a hook refuses to start it.
    """

    def __init__(
        self, config: Any, options: Dict[str, Any], worker_id: str,
        terminal: Any = None,
    ) -> None:
        self.config = config
        self.worker_id = worker_id
        self.reports_wanted = options.get("reports", "bad")
        self.over = ""
        self._collectors_host = options.get("host")
        self._item: Any = None
        self._loop_error: Optional[BaseException] = None
        config.workerinput = {
            **(options.get("workerinput") or {}),
            **_own_input(options, worker_id),
            "workerid": worker_id,
            "workercount": int(os.environ.get("PACELINE_SLOTS", "1")),
            "testrunuid": str(options.get("testrunuid") or "paceline"),
            "mainargv": ["pytest", *config.invocation_params.args],
        }
        config.workeroutput = {}
        _tame(config, options, worker_id, terminal is not None)
        config.pluginmanager.register(
            terminal or NoTerminal(), "paceline-terminal"
        )
        self.hooks = pytest_hooks.Hooks(self)
        config.pluginmanager.register(self.hooks, "paceline-worker")
        config.pluginmanager.register(
            pytest_hooks.make_loop_hook(self.hooks), "paceline-loop"
        )
        try:
            self._start()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise Unusable(describe_config_error(error)) from error
        self.collecting = pytest_collecting.Collecting(
            self.session, options
        )
        self._placeholder = pytest_hooks.make_placeholder(self.session)
        self._places = pytest_speed.Places()

    def _start(self) -> None:
        import _pytest.main

        config = self.config
        # All but pytest's own, which would run a whole session at once.
        others = config.pluginmanager.subset_hook_caller(
            "pytest_cmdline_main", remove_plugins=[_pytest.main]
        )
        if others(config=config) is not None:
            raise Unusable("an option is given with which pytest runs no tests")
        session_class = pytest_collecting.make_session_class(config)
        self.session = session_class.from_config(config)
        self.session.exitstatus = 0
        config._do_configure()
        pytest_hooks.silence_terminal(config)
        self._cut = pytest_speed.cheapen_capture(config)
        pytest_speed.ask_asyncio_once(config)
        pytest_hooks.name_failing_fixtures(self.hooks)
        config.hook.pytest_sessionstart(session=self.session)

    def run_loop(self, loop: Callable[[], None]) -> None:
        """Calls `loop` as pytest calls its own: plugins such as pytest-cov
        finish their work where it ends."""
        ours: List[BaseException] = []

        def watched() -> None:
            try:
                loop()
            except BaseException as error:
                ours.append(error)
                raise

        self.hooks.loop = watched
        try:
            self.config.hook.pytest_runtestloop(session=self.session)
        except Exception as error:
            self.hooks.leave_if_forked()
            if ours:
                raise  # a bug of the worker, and not a plugin's: say so
            self._loop_error = error

    def return_to_start(self) -> None:
        """Back to where pytest was started: the unit before may have moved."""
        start = str(self.config.invocation_params.dir)
        try:
            if os.getcwd() == start:
                return
        except OSError:
            pass  # it was removed under us
        os.chdir(start)

    def collect(self, unit: Unit) -> List[Found]:
        """The items of `unit`; modules not seen yet are collected."""
        self.collecting.collect_for(unit, self.hooks)
        taken: Dict[str, int] = {}
        found = []
        for index, test in enumerate(unit.tests):
            for more, item, limit in self.collecting.found.get(index, ()):
                found.append(Found(item, {}, more, limit))
            name, position = pytest_collecting.identity_of(test)
            if position is None:
                position = taken.get(name, 0)
                taken[name] = position + 1
            items = self.collecting.items.get(name, [])
            if position < len(items):
                found.append(Found(items[position], {}, index))
            else:
                result = self.collecting.why_missing(name, test, self.hooks)
                found.append(Found(None, result, index))
        return found

    def take_new_errors(self) -> List[Tuple[str, str, str]]:
        """Tests that only the worker has found: (id, message, details)."""
        return self.collecting.take_new_errors()

    def run_item(self, item: Any, following: Any) -> Tuple[List[Any], str]:
        """Runs `item` under pytest's protocol.

        Returns its reports, and what broke off the protocol, if anything did.
        """
        from _pytest.outcomes import Exit

        broken = ""
        self._item = item
        self.hooks.reports = []
        self.hooks.tmp_path = ""
        self._cut.bytes = 0
        if getattr(item, "_report_sections", None):
            item._report_sections.clear()  # of an earlier attempt
            item.user_properties.clear()
        try:
            self._places.give(item)
            self.config.hook.pytest_runtest_protocol(
                item=item, nextitem=following or self._placeholder
            )
        except Exit as error:
            broken = f"pytest.exit: {error.msg}"
            self.over = f"not run after {broken} in {item.nodeid}"
        except KeyboardInterrupt:
            broken = "KeyboardInterrupt"
        except BaseException as error:
            broken = pytest_results.describe_exception(self.session, error)
        self.hooks.leave_if_forked()
        self._item = None
        # The first ends plain pytest with a failure, the second without.
        stop = self.session.shouldfail or self.session.shouldstop
        if stop and not self.over:
            self.over = f"not run after {stop}"
        return self.hooks.reports, broken

    @property
    def cut_bytes(self) -> int:
        """How much of the last item's output was too much to be read."""
        return self._cut.bytes

    def kept_files(self) -> str:
        """Where the files of the test that just failed are, in a sentence;
        empty if it has none, or pytest keeps none."""
        path = self.hooks.tmp_path
        factory = getattr(self.config, "_tmp_path_factory", None)
        policy = getattr(factory, "_retention_policy", "all")
        if not path or policy == "none" or not os.path.isdir(path):
            return ""
        host = os.uname().nodename
        if self._collectors_host in (None, host):
            return f"tmp_path is kept: {path}"
        return f"tmp_path is kept on {host}: {path}"

    def tear_down_unit(self) -> str:
        """Tears down all below the session; returns what failed in it."""
        try:
            self.session._setupstate.teardown_exact(self._placeholder)
        except KeyboardInterrupt:
            return "KeyboardInterrupt"
        except BaseException as error:
            return pytest_results.describe_exception(self.session, error)
        return ""

    def output_so_far(self) -> bytes:
        sections = list(getattr(self._item, "_report_sections", []))
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is not None and capture.is_globally_capturing():
            capture.suspend()
            out, err = capture.read_global_capture()
            sections += [("call", "stdout", out), ("call", "stderr", err)]
        return pytest_results.merge_sections(
            [(f"Captured {key} {when}", text) for when, key, text in sections]
        )

    def close(self, leaving: Leaving) -> None:
        """Ends the session as pytest does when its last test is over."""
        steps = (
            ("session fixtures", self._tear_down_session),
            ("session finish", self._finish),
            ("unconfigure", self.config._ensure_unconfigure),
        )
        self.return_to_start()
        self.session.exitstatus = 1 if self.session.testsfailed else 0
        if self._loop_error is not None:
            leaving.extras.append(
                pytest_results.leaving_error(
                    f"{self.worker_id}: end of the test loop",
                    self.session, self._loop_error, b"",
                )
            )
        for what, step in steps:
            self.hooks.failed_fixtures = []
            capture = self.config.pluginmanager.getplugin("capturemanager")
            if what == "session fixtures" and capture is not None:
                capture.resume_global_capture()
            try:
                step()
            except BaseException as error:
                failures = self.hooks.failed_fixtures or [("", error)]
            else:
                failures = self.hooks.failed_fixtures
            output = b""
            if what == "session fixtures" and capture is not None:
                output = self._read_capture(capture)
            for fixture, error in failures:
                name = f"session fixture {fixture}" if fixture else what
                leaving.extras.append(
                    pytest_results.leaving_error(
                        f"{self.worker_id}: {name}", self.session, error, output
                    )
                )
            self.hooks.leave_if_forked()
        leaving.report = pytest_results.leaving_report(self)

    def _tear_down_session(self) -> None:
        self.session._setupstate.teardown_exact(None)

    def _finish(self) -> None:
        self.config.hook.pytest_sessionfinish(
            session=self.session, exitstatus=self.session.exitstatus
        )

    @staticmethod
    def _read_capture(capture: Any) -> bytes:
        if not capture.is_globally_capturing():
            return b""
        capture.suspend_global_capture()
        out, err = capture.read_global_capture()
        return (out + err).encode("utf-8", "backslashreplace")
