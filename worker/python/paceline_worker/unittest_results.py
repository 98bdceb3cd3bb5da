"""What unittest says of a test, gathered into one result.

A test may fail more than once: in a subTest, in its tear-down, in a clean-up.
The worst decides, and all of it is in the details.
"""

import traceback
import unittest
from typing import Any, Dict, List, Optional, Tuple

_ORDER = ("passed", "skipped", "xfailed", "failed", "error")


class Gathered(unittest.TestResult):
    """unittest's result object, of one test at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.tb_locals = False
        self._start_over()

    def _start_over(self) -> None:
        self._outcome = "passed"
        self._message = ""
        self._details: List[str] = []
        self._place: Tuple[str, int] = ("", 0)
        self._subtests_failed: List[str] = []
        self._subtests_skipped: List[str] = []
        # Of fixtures that belong to no single test.
        self.holders: List[Dict[str, Any]] = []
        self.fixture_skip: Optional[str] = None

    def take(self) -> Dict[str, Any]:
        """The result since the last call, as Reporter.finished takes it."""
        if self._subtests_failed and self._outcome == "failed":
            count = len(self._subtests_failed)
            self._message = (
                f"{count} subtest{'s' if count > 1 else ''} failed: "
                + ", ".join(self._subtests_failed)
            )
        elif self._subtests_skipped and not self._message:
            self._message = "subtests skipped: " + "; ".join(
                self._subtests_skipped
            )
        result: Dict[str, Any] = {"outcome": self._outcome}
        if self._message:
            result["message"] = self._message
        if self._details:
            result["details"] = "\n".join(self._details)
        if self._place[0]:
            result["file"], result["line"] = self._place
        self._start_over()
        return result

    # What unittest calls.

    def addError(self, test: Any, err: Any) -> None:
        if _is_holder(test):
            self.holders.append(
                {
                    "name": test.id(),
                    "message": _one_line(err),
                    "details": self._exc_info_to_string(err, test),
                }
            )
            return
        self._failed("error", test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        self._failed("failed", test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is None:
            return
        failure = issubclass(err[0], test.failureException)
        self._subtests_failed.append(subtest._subDescription())
        self._details.append(f"{subtest._subDescription()}:")
        self._failed("failed" if failure else "error", test, err)

    def addSkip(self, test: Any, reason: str) -> None:
        if _is_holder(test):
            self.fixture_skip = reason
        elif hasattr(test, "_subDescription"):
            self._subtests_skipped.append(
                f"{test._subDescription()} {reason}"
            )
        else:
            self._worsen("skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self._worsen("xfailed", _one_line(err))
        self._details.append(self._exc_info_to_string(err, test))

    def addUnexpectedSuccess(self, test: Any) -> None:
        # A failure to unittest, and so to us.
        self._worsen("failed", "unexpected success")

    # The base class keeps what a long life would add up.

    def addSuccess(self, test: Any) -> None:
        pass

    def addDuration(self, test: Any, elapsed: float) -> None:
        pass

    def _failed(self, outcome: str, test: Any, err: Any) -> None:
        self._details.append(self._exc_info_to_string(err, test))
        if self._worsen(outcome, _one_line(err)):
            self._place = _place(err)

    def _worsen(self, outcome: str, message: str) -> bool:
        if _ORDER.index(outcome) <= _ORDER.index(self._outcome):
            return False
        if self._outcome == "failed":
            return False  # what broke afterwards does not hide the failure
        self._outcome, self._message = outcome, message
        return True


def _is_holder(test: Any) -> bool:
    """Whether `test` stands for a fixture of a class or a module."""
    return type(test).__name__ == "_ErrorHolder"


def _one_line(err: Any) -> str:
    kind, value, _ = err
    text = "".join(traceback.format_exception_only(kind, value)).strip()
    return text.partition("\n")[0]


def _place(err: Any) -> Tuple[str, int]:
    """Where the test's own code was when it failed."""
    place = ("", 0)
    for frame, line in traceback.walk_tb(err[2]):
        if "__unittest" in frame.f_globals:
            if place[0]:
                break
            continue
        place = (frame.f_code.co_filename, line)
    return place
