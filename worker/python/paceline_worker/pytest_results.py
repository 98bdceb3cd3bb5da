"""How pytest's reports become one result.

A test has up to three reports and more where plugins add some; the protocol
wants one outcome, one message, the whole text and the output. The rules are
those by which pytest's own summary counts.
"""

import json
import traceback
from typing import Any, Dict, Iterable, List, Tuple

from .json_safe import json_safe
from .texts import cut, text_of as safe_text
from .user_frames import is_the_users
from .worker import MAX_REPORT

# Of the tests that a worker has found beyond a kept collection, and of modules
# that it could only collect after others.
MAX_FOUND_NAMED = 20
# Worst last: of several reports of a test the worst counts.
_ORDER = ("passed", "skipped", "xpassed", "xfailed", "failed", "error")


def outcome_of(report: Any) -> str:
    """The outcome that one report stands for."""
    expected = hasattr(report, "wasxfail")
    if report.outcome == "passed":
        return "xpassed" if expected and report.when == "call" else "passed"
    if report.outcome == "skipped":
        return "xfailed" if expected else "skipped"
    if report.outcome == "failed":
        return "failed" if report.when == "call" else "error"
    return "passed"  # a plugin's own, such as pytest-rerunfailures' "rerun"


def combine(reports: List[Any], session: Any, broken: str) -> Dict[str, Any]:
    """The result of a test that ran, as Reporter.finished takes it."""
    if len(reports) == 3 and not broken:
        setup, call, teardown = reports
        if (
            setup.outcome == call.outcome == teardown.outcome == "passed"
            and not teardown.sections
            and not call.user_properties
            and not session.hooks.warnings
            and session.reports_wanted != "all"
            and not hasattr(call, "wasxfail")
        ):
            return {
                "outcome": "passed",
                "duration": setup.duration + call.duration + teardown.duration,
            }
    return _combine_all(reports, session, broken)


def _combine_all(
    reports: List[Any], session: Any, broken: str
) -> Dict[str, Any]:
    outcome = "passed"
    message = ""
    details: List[str] = []
    file, line = "", None
    duration = 0.0
    properties: List[Any] = []
    sections: List[Tuple[str, str]] = []
    for report in _last_round(reports):
        duration += getattr(report, "duration", 0.0)
        properties = getattr(report, "user_properties", properties)
        sections = report.sections or sections
        this = outcome_of(report)
        if this == "passed":
            continue
        text = text_of(report)
        if this in ("failed", "error") and text:
            details.append(text)
        if _ORDER.index(this) > _ORDER.index(outcome):
            # An error of the tear-down does not hide the test's own failure.
            if not (this == "error" and outcome == "failed"):
                outcome = this
                message = message_of(report)
                file, line = place_of(report)
    if broken:
        outcome, message = "error", broken.strip().rpartition("\n")[2]
        details.append(broken)
    elif not reports:
        outcome, message = "error", "pytest has reported nothing of this test"
    result: Dict[str, Any] = {"outcome": outcome, "duration": duration}
    if message:
        result["message"] = message
    if details:
        result["details"] = "\n\n".join(details)
    if file:
        result.update(file=file, line=line)
    output = merge_sections(sections)
    if output:
        result["output"] = output
    if properties:
        result["properties"] = properties
    report = serialize(reports, session)
    if report:
        result["report"] = report
    return result


def _last_round(reports: List[Any]) -> List[Any]:
    """The reports of the last run, where a plugin runs a test again."""
    for position in range(len(reports) - 1, 0, -1):
        if reports[position].when == "setup":
            return reports[position:]
    return reports


def text_of(report: Any) -> str:
    """What pytest prints of a failure."""
    return "" if report.longrepr is None else report.longreprtext


def message_of(report: Any) -> str:
    """A failure, or the reason for a skip, in one line."""
    reason = getattr(report, "wasxfail", None)
    if reason is not None:
        return str(reason).replace("reason: ", "", 1)
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        return str(longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(longrepr, "reprcrash", None)
    text = str(crash.message) if crash is not None else text_of(report)
    first = text.strip().partition("\n")[0]
    if report.when in ("setup", "teardown"):
        return f"{report.when} failed: {first}"
    return first


def place_of(report: Any) -> Tuple[str, Any]:
    """File and line of a failure or skip."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        return str(longrepr[0]), longrepr[1]
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.path), crash.lineno
    location = getattr(report, "location", None)
    if location and location[1] is not None:
        return str(location[0]), location[1] + 1
    return "", None


def merge_sections(sections: Iterable[Tuple[str, str]]) -> bytes:
    """Captured text, in order. One section of a call stands for itself; of
    several each has its heading."""
    kept = [(name, text) for name, text in sections if text]
    if len(kept) == 1 and kept[0][0] in (
        "Captured stdout call",
        "Captured stderr call",
    ):
        return kept[0][1].encode("utf-8", "backslashreplace")
    parts = []
    for name, text in kept:
        end = "" if text.endswith("\n") else "\n"
        parts.append(f"--- {name} ---\n{text}{end}")
    return "".join(parts).encode("utf-8", "backslashreplace")


def of_collector(report: Any) -> Dict[str, Any]:
    """The result that a collector's report is: skipped, or an error."""
    skipped = report.outcome == "skipped"
    result: Dict[str, Any] = {
        "outcome": "skipped" if skipped else "error",
        "message": message_of(report) if skipped else _last_line(report),
    }
    if not skipped:
        result["details"] = text_of(report)
    output = merge_sections(report.sections)
    if output:
        result["output"] = output
    file, line = place_of(report)
    if file:
        result.update(file=file, line=line)
    return result


def _last_line(report: Any) -> str:
    lines = text_of(report).strip().splitlines()
    errors = [text for text in lines if text.startswith("E  ")]
    return (errors or lines or [""])[-1].removeprefix("E").strip()


def serialize(reports: List[Any], session: Any) -> bytes:
    """The reports and warnings in pytest's own form, for the collector.

    Empty when they are not wanted, too large to be sent, or hold what cannot
    be sent: the collector then makes reports of the result.
    """
    warnings, session.hooks.warnings = session.hooks.warnings, []
    if session.reports_wanted == "none":
        return b""
    hook = session.config.hook
    data = []
    try:
        for report in reports:
            entry = hook.pytest_report_to_serializable(
                config=session.config, report=report
            )
            if entry is not None:
                data.append({**entry, "worker_id": session.worker_id})
        data += [serialize_warning(*warning) for warning in warnings]
        text = json.dumps(data, default=safe_text).encode()
    except BaseException:  # what tests and plugins have recorded is theirs
        return b""
    return text if len(text) <= MAX_REPORT else b""


def serialize_warning(
    recorded: Any, when: str, nodeid: str, location: Any
) -> Dict[str, Any]:
    """A warning as pytest_warning_recorded has it, with its class by name."""
    message = recorded.message
    category = recorded.category
    return {
        "$report_type": "PacelineWarning",
        "message": safe_text(message),
        "category": f"{category.__module__}:{category.__qualname__}",
        "filename": recorded.filename,
        "lineno": recorded.lineno,
        "when": when,
        "nodeid": nodeid,
        "location": list(location) if location else None,
    }


def describe_exception(session: Any, error: BaseException) -> str:
    """The text that pytest would print of `error`."""
    from _pytest._code import ExceptionInfo

    try:
        info = ExceptionInfo.from_exc_info(
            (type(error), error, error.__traceback__)
        )
        below = info.traceback.filter(
            lambda entry: is_the_users(str(entry.path))
        )
        if below:
            info.traceback = below
        return str(session.repr_failure(info))
    except Exception:
        return "".join(
            traceback.format_exception(type(error), error, error.__traceback__)
        )


def leaving_error(
    name: str, session: Any, error: BaseException, output: bytes
) -> Dict[str, Any]:
    """A failure of the session's tear-down, as an entry of its own."""
    first = safe_text(error).strip().partition("\n")[0]
    entry: Dict[str, Any] = {
        "name": name,
        "outcome": "error",
        "message": cut(
            f"teardown failed: {type(error).__name__}: {first}", 4 << 10
        ),
        "details": cut(describe_exception(session, error), 60 << 10),
    }
    if output:
        entry["output"] = output[: 64 << 10]
    return entry


def leaving_report(session: Any) -> bytes:
    """What plugins of the worker have for those of the controller."""
    said = {
        "workerid": session.worker_id,
        "found": session.collecting.found_names[:MAX_FOUND_NAMED],
        "after_others": session.collecting.after_others[:MAX_FOUND_NAMED],
    }
    try:
        more = {
            "workeroutput": json_safe(session.config.workeroutput),
            "warnings": [
                serialize_warning(*w) for w in session.hooks.warnings
            ],
        }
        return json.dumps({**said, **more}).encode()
    except Exception as error:  # a list that holds itself, for one
        said["error"] = f"workeroutput cannot be sent: {error!r}"
        return json.dumps(said).encode()
