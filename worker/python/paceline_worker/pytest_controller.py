"""The controller's half of a pytest session: results in, reports out.

Plugins that keep something in one place (junitxml, the cache behind --lf,
html reports, durations, coverage) live in the collector's session and hear of
every test there, as they do in the controller of pytest-xdist. Which results
they need is found out here, so that a suite with none of them costs nothing.

It does not decide verdicts; the client has them already.
"""

import json
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from . import pytest_reports
from .collecting import Client
from .pytest_xdist_look import XdistLook

# The hooks through which a plugin hears of tests, or of what became of them.
_HEARING = (
    "pytest_runtest_logreport",
    "pytest_runtest_logstart",
    "pytest_runtest_logfinish",
    "pytest_terminal_summary",
)
# Plugins that have one of them and need no more than the bad results, or have
# an option that says so.
_CONTENT = (
    "_pytest.",
    "xdist.",
    "pytest_cov.",
    "_hypothesis_pytestplugin",
    "hypothesis.",
    "pytest_asyncio.",
    "anyio.",
    "pytest_timeout",
    "pytest_mock.",
    "paceline_worker.",
)
# How a worker begins to say so of anything that it finds otherwise.
_DIFFERENCE = ("discovery has found this test, ", "the worker has found ")
_OPTIONS_THAT_NEED_ALL = (
    "xmlpath",
    "durations",
    "stepwise",
    "pastebin",
    "resultlog",
    "hypothesis_show_statistics",
)


def reports_needed(config: Any) -> str:
    """Which results the plugins of this session want: none, bad or all."""
    for name in _OPTIONS_THAT_NEED_ALL:
        if getattr(config.option, name, None):
            return "all"
    for name in _HEARING:
        hook = getattr(config.hook, name, None)
        for implementation in hook.get_hookimpls() if hook else ():
            module = getattr(implementation.function, "__module__", "") or ""
            if not module.startswith(_CONTENT):
                return "all"
    factory = getattr(config, "_tmp_path_factory", None)
    # A session that has heard of no failure removes all files at its end.
    keeps = getattr(factory, "_retention_policy", "all") == "failed"
    if keeps or config.pluginmanager.hasplugin("lfplugin"):
        return "bad"
    return "none"


def known_to_have_failed(config: Any) -> List[str]:
    """The tests whose passing would be news to the cache behind --lf."""
    plugin = config.pluginmanager.getplugin("lfplugin")
    return [str(name) for name in getattr(plugin, "lastfailed", None) or ()]


class Controller:
    """Feeds the plugins of a session until the client has no more results."""

    def __init__(
        self, session: Any, client: Client, look: XdistLook,
        entries: Optional[Callable[[], Iterator[Dict[str, Any]]]] = None,
    ) -> None:
        """`entries` gives the tests where the session has not collected."""
        self._session = session
        self._config = session.config
        self._client = client
        self._look = look
        self._entries = entries
        self._locations: Optional[Dict[str, Any]] = None
        self.interrupted = False
        # Names of tests that discovery and workers do not agree on.
        self.differences: List[str] = []
        # Of a kept collection, tests that workers found to be gone, and some of
        # those that they found beyond it, in the order they told of them.
        self.gone: Dict[str, None] = {}
        self.found: Dict[str, None] = {}
        # Modules that a worker could collect only after all others.
        self.after_others: Dict[str, None] = {}
        # What plugins call the workers, by the names that the client has.
        self._workers: Dict[str, str] = {}

    def says_otherwise(self) -> bool:
        """Whether workers found what discovery had not, or not what it had."""
        return bool(self.differences or self.gone or self.found)

    def run(self) -> None:
        while True:
            message = self._client.receive()
            kind = message["type"]
            if kind == "result":
                self._result(message)
            elif kind == "leaving":
                self._leaving(message)
            elif kind == "finish":
                self.interrupted = bool(message.get("interrupted"))
                return

    def _result(self, result: Dict[str, Any]) -> None:
        message = str(result.get("message", ""))
        if message.startswith(_DIFFERENCE):
            name = str(result.get("name"))
            if result.get("outcome") == "skipped":
                self.gone[name] = None
            else:
                self.differences.append(name)
        nodeid, location = self._find(str(result.get("name", "")))
        entries = pytest_reports.parse(result.get("report") or b"")
        node = self._look.node(
            self._worker(
                result, next((e["worker_id"] for e in entries
                              if e.get("worker_id")), "")
            )
        )
        hook = self._config.hook
        reports = []
        for entry in entries:
            if pytest_reports.is_warning(entry):
                self._warning(entry)
                continue
            report = hook.pytest_report_from_serializable(
                config=self._config, data=entry
            )
            if report is not None:
                reports.append(report)
        if not reports:
            reports = pytest_reports.make(result, nodeid, location)
        last = bool(result.get("final", True))
        hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
        for report in reports:
            report.node = node
            report.worker_id = node.gateway.id
            report.testrun_uid = self._look.test_run
            if not last and report.failed:
                # As plugins that run tests again say it.
                report.outcome = "rerun"
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def _warning(self, entry: Dict[str, Any]) -> None:
        location = entry.get("location")
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": pytest_reports.warning_of(entry),
                "when": entry.get("when", "runtest"),
                "nodeid": entry.get("nodeid", ""),
                "location": tuple(location) if location else None,
            }
        )

    def _leaving(self, message: Dict[str, Any]) -> None:
        try:
            said = json.loads(message.get("report") or b"{}")
        except ValueError:
            said = {}
        if not isinstance(said, dict):
            said = {}
        worker = self._worker(message, said.get("workerid"))
        output = said.get("workeroutput")
        self.found.update((str(n), None) for n in said.get("found") or ())
        self.after_others.update(
            (str(n), None) for n in said.get("after_others") or ()
        )
        for entry in said.get("warnings") or ():
            if isinstance(entry, dict):
                self._warning(entry)
        self._look.node_down(
            self._config,
            worker,
            output if isinstance(output, dict) else {},
            str(said.get("error") or ""),
        )

    def _worker(self, message: Dict[str, Any], own: Any) -> str:
        """What plugins call the worker that `message` is of: the name that it
        has for itself, which its reports bring, and not the client's."""
        told = str(message.get("worker") or "")
        if own:
            self._workers[told] = str(own)
        elif told not in self._workers:
            # It has brought no report yet, and may be dead.
            taken = set(self._workers.values())
            number = 0
            while f"gw{number}" in taken:
                number += 1
            self._workers[told] = f"gw{number}"
        return self._workers[told]

    def _find(self, name: str) -> Tuple[str, pytest_reports.Location]:
        """The node id and location of the test called `name`."""
        if self._locations is None:
            self._locations = {i.nodeid: i for i in self._session.items}
            for entry in self._entries() if self._entries else ():
                self._locations[entry["name"]] = _location_of(entry)
        nodeid = name
        if name not in self._locations:
            nodeid = name.rpartition(" #")[0]
        known = self._locations.get(nodeid)
        if known is None:
            return name, (name.partition("::")[0], None, name)
        # An item's place takes time to find.
        return nodeid, known if isinstance(known, tuple) else known.location


def _location_of(entry: Dict[str, Any]) -> pytest_reports.Location:
    """What pytest has as an item's location."""
    within = str(entry["name"]).partition("::")[2].replace("::", ".")
    line = entry.get("line")
    return str(entry.get("file", "")), line - 1 if line else None, within
