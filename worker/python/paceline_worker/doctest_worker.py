"""The runner "doctest": one docstring or text file is one test.

Examples run under doctest's own runner; what failed reads as doctest prints it.
"""

import doctest
import os
import time
import traceback
from typing import Any, Dict, List, Tuple

from . import doctest_finding, frames
from .descriptor_capture import DescriptorCapture
from .payload import parse_payload
from .place import take_place
from .worker import Reporter, Runner, Unit


def make_runner() -> "DoctestRunner":
    return DoctestRunner()


class DoctestRunner(Runner):
    def __init__(self) -> None:
        self._flags = 0
        self._cwd = ""
        self._found: Dict[doctest_finding.Source, Dict[str, Any]] = {}
        self._capture = DescriptorCapture()

    def load(self, suite: frames.Message) -> None:
        options = take_place(suite)
        self._flags = int(options.get("flags", 0))
        self._cwd = options.get("cwd") or os.getcwd()
        for target in options.get("targets", []):
            # Its modules are imported from where they lie.
            if os.path.exists(target):
                for _ in doctest_finding.sources(target):
                    pass

    def run_unit(self, unit: Unit, reporter: Reporter) -> None:
        owner = os.getpid()
        reporter.flush()
        self._capture.open()
        try:
            for index, message in enumerate(unit.tests):
                if reporter.stopping():
                    break
                reporter.started(index)
                self._capture.begin()
                begin = time.perf_counter()
                result = self._run(message)
                if os.getpid() != owner:
                    os._exit(0)  # a copy that an example has forked
                result["duration"] = time.perf_counter() - begin
                result["output"] = self._capture.take()
                result["cut_bytes"] = self._capture.cut_bytes
                reporter.finished(index, **result)
        finally:
            if os.getpid() == owner:
                self._capture.close()

    def output_so_far(self) -> bytes:
        return self._capture.peek()

    def _run(self, message: frames.Message) -> Dict[str, Any]:
        try:
            test = self._find(
                message["name"], parse_payload(message.get("payload"))
            )
            if test is None:
                return {
                    "outcome": "error",
                    "message": "discovery has found this doctest, but the"
                    " worker did not find it",
                }
            return self._run_examples(test)
        except BaseException as error:
            return {
                "outcome": "error",
                "message": f"{type(error).__name__}: {error}",
                "details": traceback.format_exc(),
            }

    def _find(self, name: str, payload: Dict[str, Any]) -> Any:
        source = doctest_finding.Source(
            str(payload.get("module", "")), str(payload.get("path", ""))
        )
        known = self._found.get(source)
        if known is None:
            tests = doctest_finding.tests_of(source, self._cwd)
            known = self._found[source] = dict(reversed(tests))
        return known.get(str(payload.get("id", name)))

    def _run_examples(self, test: Any) -> Dict[str, Any]:
        if doctest_finding.is_skipped(test):
            return {"outcome": "skipped", "message": "all examples are skipped"}
        runner = _Runner(optionflags=self._flags, verbose=False)
        printed: List[str] = []
        # A copy of the names, for a test that is run again.
        names = dict(test.globs)
        try:
            failed = runner.run(
                test, out=printed.append, clear_globs=False
            ).failed
        finally:
            test.globs.clear()
            test.globs.update(names)
        if not failed:
            return {"outcome": "passed"}
        file, line = runner.first_failure
        total = len(test.examples)
        return {
            "outcome": "failed",
            "message": f"{failed} of {total} example{'s' * (total > 1)} failed",
            "details": "".join(printed),
            "file": file,
            "line": line,
        }


class _Runner(doctest.DocTestRunner):
    """doctest's runner, which also says where it first failed."""

    first_failure: Tuple[str, int] = ("", 0)

    def report_failure(self, out: Any, test: Any, example: Any,
                       got: str) -> None:
        self._note(test, example)
        super().report_failure(out, test, example, got)

    def report_unexpected_exception(self, out: Any, test: Any, example: Any,
                                    exc_info: Any) -> None:
        self._note(test, example)
        super().report_unexpected_exception(out, test, example, exc_info)

    def _note(self, test: Any, example: Any) -> None:
        if not self.first_failure[0]:
            self.first_failure = (
                test.filename or "",
                (test.lineno or 0) + example.lineno + 1,
            )
