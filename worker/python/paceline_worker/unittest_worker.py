"""The runner "unittest": TestCases under the standard library's own rules.

Tests of a unit run in order; setUpModule and setUpClass are shared as in
unittest's own suites, and torn down when the unit is over.
"""

import os
import time
import traceback
import unittest
from typing import Any, Dict, List, Optional

from . import frames, unittest_finding
from .descriptor_capture import DescriptorCapture
from .payload import parse_payload
from .place import take_place
from .unittest_results import Gathered
from .worker import Reporter, Runner, Unit


def make_runner() -> "UnittestRunner":
    return UnittestRunner()


class UnittestRunner(Runner):
    def __init__(self) -> None:
        self._selection: Any = None
        self._modules: Dict[str, Dict[str, Any]] = {}
        self._everything: Optional[Dict[str, Any]] = None
        self._broken: Dict[str, str] = {}
        self._capture = DescriptorCapture()

    def load(self, suite: frames.Message) -> None:
        options = take_place(suite)
        self._selection = unittest_finding.Selection(
            options.get("targets", ["."]),
            options.get("pattern", unittest_finding.DEFAULT_PATTERN),
            options.get("top"),
            options.get("keywords", []),
        )

    def run_unit(self, unit: Unit, reporter: Reporter) -> None:
        # Modules that are imported now may take the process along.
        reporter.flush()
        owner = os.getpid()
        self._capture.open()
        fixtures = _Fixtures()
        try:
            for index, message in enumerate(unit.tests):
                if reporter.stopping():
                    break
                reporter.started(index)
                self._capture.begin()
                begin = time.perf_counter()
                result = self._run(message, fixtures)
                if os.getpid() != owner:
                    os._exit(0)  # a copy that a test has forked
                result["duration"] = time.perf_counter() - begin
                result["output"] = self._capture.take()
                result["cut_bytes"] = self._capture.cut_bytes
                reporter.finished(index, **result)
                _pass_on(fixtures, reporter, "")
            reporter.flush()
            self._capture.begin()
            fixtures.end()
            if os.getpid() != owner:
                os._exit(0)
            _pass_on(fixtures, reporter, self._capture.take())
        finally:
            if os.getpid() == owner:
                self._capture.close()

    def output_so_far(self) -> bytes:
        return self._capture.peek()

    def _run(
        self, message: frames.Message, fixtures: "_Fixtures"
    ) -> Dict[str, Any]:
        name = message["name"]
        try:
            test = self._find(name, message.get("payload") or b"")
            if test is None:
                return {
                    "outcome": "error",
                    "message": "discovery has found this test, but the worker"
                    " did not find it"
                    + (f": {self._broken[name]}" if name in self._broken
                       else ""),
                    "details": self._broken.get(name, ""),
                }
            return fixtures.run(test)
        except KeyboardInterrupt:
            return {"outcome": "error", "message": "KeyboardInterrupt",
                    "details": traceback.format_exc()}
        except BaseException as error:
            return {"outcome": "error", "message": f"{error!r}",
                    "details": traceback.format_exc()}

    def _find(self, name: str, payload: bytes) -> Any:
        """The test called `name`; its module is loaded if it has to be.

        The first to ask for a test gets it: no instance runs twice, except
        where a test is run again.
        """
        module = parse_payload(payload).get("module", "")
        if module:
            known = self._modules.get(module)
            if known is None:
                known = self._modules[module] = self._load(module)
            test = known.get(name)
            if test is not None:
                return test
        if self._everything is None:
            # Its id depends on what else there is, or load_tests of a package
            # has made it.
            loader = unittest_finding.Loader(self._selection.keywords)
            self._everything = {
                found.name: found.test
                for found in unittest_finding.load_all(loader, self._selection)
            }
        test = self._everything.get(name)
        if test is None and module in self._broken:
            self._broken[name] = self._broken[module]
        return test

    def _load(self, module: str) -> Dict[str, Any]:
        loader = unittest_finding.Loader(self._selection.keywords)
        try:
            found = unittest_finding.load_module(loader, module)
        except (Exception, SystemExit):
            self._broken[module] = traceback.format_exc()
            return {}
        return {each.name: each.test for each in found}


class _Fixtures:
    """The fixtures of classes and modules around the tests of one unit.

    A suite of unittest's own does the work; it is led test by test, so that
    each has begun, and has a name, before its fixtures run.
    """

    def __init__(self) -> None:
        self._suite: Any = unittest.TestSuite()
        self.result = Gathered()
        self._failed: Dict[Any, Dict[str, Any]] = {}
        # Failures of tear-downs, not yet told.
        self.torn_down: List[Dict[str, Any]] = []

    def run(self, test: Any) -> Dict[str, Any]:
        result = self.result
        self._leave_class(test)
        self._suite._handleModuleFixture(test, result)
        why = self._set_up_failed(type(test).__module__)
        if why is None:
            self._suite._handleClassSetUp(test, result)
            why = self._set_up_failed(type(test))
        result._previousTestClass = type(test)
        if why is not None:
            result.take()
            return why
        test(result)
        return result.take()

    def end(self) -> None:
        result = self.result
        self._suite._tearDownPreviousClass(None, result)
        self._suite._handleModuleTearDown(result)
        self._keep_failures()

    def _leave_class(self, test: Any) -> None:
        self._suite._tearDownPreviousClass(test, self.result)
        previous = getattr(self.result, "_previousTestClass", None)
        if previous is not None and previous.__module__ != (
            type(test).__module__
        ):
            self._suite._handleModuleTearDown(self.result)
            # It is done; unittest would do it once more for the new module.
            self.result._previousTestClass = None
            self.result._moduleSetUpFailed = False
        self._keep_failures()

    def _keep_failures(self) -> None:
        self.torn_down += self.result.holders
        self.result.holders = []

    def _set_up_failed(self, holder: Any) -> Optional[Dict[str, Any]]:
        """What a test is told whose fixture `holder` could not be set up."""
        result = self.result
        if result.holders:
            first = result.holders[0]
            self._failed[holder] = {
                "outcome": "error",
                "message": f"{first['name']}: {first['message']}",
                "details": "\n".join(h["details"] for h in result.holders),
            }
            result.holders = []
        elif result.fixture_skip is not None:
            self._failed[holder] = {
                "outcome": "skipped",
                "message": result.fixture_skip,
            }
            result.fixture_skip = None
        known = self._failed.get(holder)
        return dict(known) if known is not None else None


def _pass_on(fixtures: _Fixtures, reporter: Reporter, output: Any) -> None:
    """Failed tear-downs of classes and modules are entries of their own."""
    for failure in fixtures.torn_down:
        reporter.extra(
            failure["name"],
            "error",
            message=failure["message"],
            details=failure["details"],
            output=output or b"",
        )
    fixtures.torn_down = []
