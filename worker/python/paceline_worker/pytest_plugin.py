"""The plugin through which the collector takes part in its own session.

Each hook does one thing at its moment and hands it to the module that knows
how; the order of the moments is pytest's.
"""

import os
from pathlib import Path
from typing import Any, List, Optional

import pytest

from . import pytest_collect, pytest_controller, pytest_kept
from . import pytest_memory, pytest_speed
from .collecting import Client, ClientGone, Request
from .pytest_flow import Flow
from .pytest_terminal import Terminal
from .pytest_xdist_look import XdistLook

_MAX_BROKEN_FOLDERS = 20
_MAX_NAMED = 5
_FORGET = "--no-collection-cache forgets that."


class CollectorPlugin:
    def __init__(self, client: Client, request: Request,
                 start_path: List[str]) -> None:
        self._client = client
        self._request = request
        self._start_path = start_path
        self._look = XdistLook()
        self._flow: Any = None
        self._terminal: Any = None
        self._memory: Any = None
        # What is known of this suite from an earlier run, or None.
        self._kept: Any = None
        self._was_kept = False
        self._reports = "none"
        self._collection_closed = False
        self._failed_before = 0
        self._bad_at_end = False
        self._debug = False
        self._broken_folder: Optional[Path] = None
        # Tests for which what was kept is not so.
        self._out_of_date: List[str] = []
        # What workers have made good of that, and what else they have found
        # out of the suite, in sentences.
        self._remarks = ""
        self.client_gone = False
        self.started = False
        self.finished = False
        self.internal_error = ""

    @property
    def text(self) -> str:
        text = self._terminal.text() if self._terminal else ""
        if text and self._remarks and not text.endswith("\n"):
            text += "\n"
        return text + self._remarks

    def error_at_end(self, status: Any) -> str:
        """What a plugin found fault with after the tests, such as coverage
        that is too low; the tests' own failures are not ours to tell."""
        if self.internal_error:
            return self.internal_error
        if self._out_of_date:
            return (
                "these tests were known from an earlier run, and depend on more"
                " than files, plugins and environment:"
                f" {_some(self._out_of_date)}. They are not kept any more: run"
                " again, or with --no-collection-cache."
            )
        if self._bad_at_end:
            return "a plugin failed pytest's session after its tests had run"
        return ""

    # Before the session.

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Any:
        self._look.before_conftests(early_config)
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        self._look.before_configure(config)
        option = config.option
        if option.collectonly and self._request.keep:
            raise pytest.UsageError(
                "--collect-only runs nothing: paceline list shows the tests"
            )
        option.collectonly = False
        # The debugger is for where the tests run.
        self._debug = bool(option.usepdb)
        option.usepdb = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Any) -> None:
        self._look.at_session_start(session.config)
        pytest_speed.ask_asyncio_once(session.config)
        self._terminal = Terminal(session.config)

    # Collection.

    def pytest_collection(self, session: Any) -> bool:
        config = self._config = session.config
        self.started = True
        self._memory = pytest_memory.Memory(config, self._request)
        why_first = self._memory.why_first
        if self._request.collect_first:
            why_first = "--collect-first"
        self._flow = Flow(
            session, self._client, self._request.unit, why_first
        )
        self._reports = pytest_controller.reports_needed(config)
        if self._may_be_kept():
            self._kept = pytest_kept.KeptCollection(
                config, self._request, self._start_path
            )
            self._was_kept = self._kept.load()
        # Plugins are asked before collection, as under pytest-xdist.
        told = self._look.worker_input(config)
        self._client.announce_later(lambda: self._send_suite(config, told))
        if self._was_kept:
            self._hand_over_kept(session)
            return True
        ended_early = True
        try:
            self._collect(session)
        except pytest.UsageError as error:
            for text in error.args:
                self._client.error("", str(text))
        except (session.Failed, session.Interrupted) as error:
            # -x, and something could not be collected: no more is looked for.
            self._client.note(f"pytest's collection ended early: {error}")
        except ClientGone:
            self.client_gone = True
            raise
        else:
            ended_early = self._compare(session)
        self.close_collection("")
        if self._kept is not None and not ended_early:
            if self._client.errors == 0 and self._flow.can_be_kept():
                self._kept.keep(session, self._client.handed_over)
        self._failed_before = session.testsfailed
        return True

    def _may_be_kept(self) -> bool:
        return (
            self._request.keep
            and self._request.kept
            and not self._flow.held_because
            # Their plugins may want to hear of what was collected.
            and self._reports != "all"
        )

    def _hand_over_kept(self, session: Any) -> None:
        """Does as a controller of pytest-xdist does, which collects nothing."""
        session.items = []
        session.testscollected = self._kept.tests
        try:
            self._kept.hand_over(self._client)
        except ClientGone:
            self.client_gone = True
            raise
        self.close_collection("")

    def _collect(self, session: Any) -> None:
        """Collects, without the folders whose conftest cannot be imported.

        Before pytest 8 one of them, found on the way, ends all collection.
        """
        for _ in range(_MAX_BROKEN_FOLDERS):
            self._broken_folder = None
            session.perform_collect()
            if self._broken_folder is None or session.items:
                return
            option = session.config.option
            option.ignore = [*(option.ignore or ()), str(self._broken_folder)]
            getattr(
                session.config.pluginmanager, "_duplicatepaths", set()
            ).clear()

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        """A conftest file on the way to `node`'s tests cannot be imported."""
        value = call.excinfo.value if call.excinfo is not None else None
        if node.parent is None and type(value).__name__ == (
            "ConftestImportFailure"
        ):
            self._broken_folder = Path(str(value.path)).parent

    def pytest_itemcollected(self, item: Any) -> None:
        if self._flow is not None:
            self._flow.item(item)

    def pytest_collectreport(self, report: Any) -> None:
        if self._flow is None or self._collection_closed:
            return
        if "::" not in report.nodeid:
            self._flow.flush()
        self._client.show_life()
        if report.passed:
            return
        if report.skipped:
            self._flow.skipped(report)
            return
        self._client.error(
            report.nodeid or " ".join(self._request.targets),
            _failure_text(report),
        )

    def close_collection(self, error: str) -> bool:
        """Says that all is found, or why there may be more.

        Returns whether that had not been said before.
        """
        if self._collection_closed:
            return False
        if error:
            self._client.error(" ".join(self._request.targets), error)
        if self._flow is not None and self._flow.note():
            self._client.note(self._flow.note())
        if self._flow is not None:
            self._flow.send_skipped()
        also = [] if error else self._also()
        self._collection_closed = True
        self._client.collected(self._reports, also)
        return True

    # In place of running tests.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        controller = pytest_controller.Controller(
            session, self._client, self._look,
            self._kept.entries if self._was_kept else None,
        )
        try:
            controller.run()
        except ClientGone:
            self.client_gone = True
            raise pytest.exit.Exception("the client is gone") from None
        if self._was_kept and controller.says_otherwise():
            self._kept.forget()
            self._out_of_date = controller.differences
            self._remarks = _corrections(controller)
        elif controller.differences:
            self._remarks = self._remember(
                "workers and discovery did not agree on"
                f" {_some(controller.differences)}"
            )
        if controller.after_others:
            self._remarks += (
                "These modules cannot be collected alone, so their workers"
                f" collected all: {_some(list(controller.after_others))}.\n"
            )
        self._failed_before = session.testsfailed
        self._terminal.keep_summaries()
        self.finished = True
        if controller.interrupted:
            raise session.Interrupted("interrupted")
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any) -> None:
        self._bad_at_end = session.testsfailed > self._failed_before

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: Any) -> None:
        self.internal_error = f"pytest's session failed:\n{excrepr}"

    def _also(self) -> List[str]:
        if self._reports != "bad" or self._flow is None:
            return []
        names = pytest_controller.known_to_have_failed(self._config)
        if names and self._was_kept:
            known = {entry["name"] for entry in self._kept.entries()}
            return [name for name in names if name in known]
        return [name for name in names if self._flow.has(name)]

    def _compare(self, session: Any) -> bool:
        """Returns whether the whole list differs from its parts."""
        difference = self._flow.end(session)
        if difference:
            self._remember("pytest selected otherwise from the whole list"
                           " than from its modules one by one")
            self._client.error(" ".join(self._request.targets), difference)
        return bool(difference)

    def _remember(self, reason: str) -> str:
        """Returns what people should know of that."""
        self._memory.collect_first_from_now_on(reason)
        return (
            f"From now on this suite is collected before any of it runs, for"
            f" {reason}. {_FORGET}\n"
        )

    def _send_suite(self, config: Any, told: Any) -> None:
        options = pytest_collect.worker_options(
            config,
            self._request,
            self._start_path,
            testrunuid=self._look.test_run,
            workerinput=told.all,
            workerinputs=told.each,
            numprocesses=config.option.numprocesses,
            basetemp=self._basetemp(config),
            reports=self._reports,
            collect_all=bool(self._flow.whole_because),
            pdb=self._debug,
            kept=self._was_kept and self._kept.correctable,
            partial=self._request.partial,
        )
        self._client.suite(
            os.path.basename(str(config.rootpath)) or "pytest",
            options,
            str(config.invocation_params.dir),
            True,
            pytest_collect.passed_on_environment(),
        )
        ignored = _limit_of_failures(config.option)
        if ignored:
            self._client.note(
                f"pytest's {ignored} ends no run here: use --max-fail N"
            )
        if told.note():
            self._client.note(told.note())
        if self._memory.why_first:
            self._client.note(
                "This suite is collected before any of it runs, for in an"
                f" earlier run {self._memory.why_first}. {_FORGET}"
            )

    def _basetemp(self, config: Any) -> Any:
        factory = getattr(config, "_tmp_path_factory", None)
        if factory is None or not self._request.keep:
            return None
        return str(factory.getbasetemp())


def _corrections(controller: pytest_controller.Controller) -> str:
    parts = [
        f" {what}: {_some(list(names))}."
        for what, names in (
            ("Found beyond it, and run", controller.found),
            ("Gone since the kept collection", controller.gone),
        )
        if names
    ]
    if not parts:
        return ""
    return (
        "What an earlier run had kept of this suite was out of date."
        f"{''.join(parts)} The next run collects again.\n"
    )


def _some(names: List[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMED])
    return shown + ", …" if len(names) > _MAX_NAMED else shown


def _limit_of_failures(option: Any) -> str:
    """The option with which pytest would stop after some failures."""
    if getattr(option, "maxfail", 0):
        return "-x or --maxfail"
    return "--stepwise" if getattr(option, "stepwise", False) else ""


def _failure_text(report: Any) -> str:
    text = str(report.longreprtext)
    for title, content in report.sections:
        text += f"\n--- {title} ---\n{content}"
    return text
