"""Turns results back into the reports that pytest's plugins know.

A worker serialises its reports as pytest does it for xdist. A result without
any (its worker died, or nobody thought that it would be needed) gets reports
made from what is known of it, so that no plugin misses a test.
"""

import importlib
import json
import warnings
from typing import Any, Dict, List, Optional, Tuple

# Outcomes of ours in which pytest would say "passed" or "skipped".
_PASSED = ("passed", "xpassed")
_SKIPPED = ("skipped", "xfailed")

Location = Tuple[str, Optional[int], str]


def parse(data: bytes) -> List[Dict[str, Any]]:
    """The entries of a result's `report`; none if they cannot be read."""
    if not data:
        return []
    try:
        entries = json.loads(data)
    except ValueError:
        return []
    if not isinstance(entries, list):
        return []
    entries = [entry for entry in entries if isinstance(entry, dict)]
    for entry in entries:
        _restore_tuples(entry)
    return entries


def _restore_tuples(entry: Dict[str, Any]) -> None:
    """JSON has made lists of what plugins know as tuples."""
    for key in ("longrepr", "location"):
        if isinstance(entry.get(key), list):
            entry[key] = tuple(entry[key])
    for key in ("user_properties", "sections"):
        if isinstance(entry.get(key), list):
            entry[key] = [
                tuple(pair) if isinstance(pair, list) else pair
                for pair in entry[key]
            ]


def is_warning(entry: Dict[str, Any]) -> bool:
    return entry.get("$report_type") == "PacelineWarning"


def warning_of(entry: Dict[str, Any]) -> warnings.WarningMessage:
    """The warning that a worker recorded."""
    category = _category(str(entry.get("category", "")))
    return warnings.WarningMessage(
        message=category(str(entry.get("message", ""))),
        category=category,
        filename=str(entry.get("filename", "")),
        lineno=int(entry.get("lineno") or 0),
    )


def _category(name: str) -> Any:
    """The class of a warning; a plain one if it cannot be made here."""
    module, _, qualified = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), qualified)
        found("")
    except Exception:  # some module of the user's, some signature
        return UserWarning
    if not (isinstance(found, type) and issubclass(found, Warning)):
        return UserWarning
    return found


def make(result: Dict[str, Any], nodeid: str,
         location: Location) -> List[Any]:
    """Reports for a result that brought none."""
    from _pytest.reports import TestReport

    outcome = result.get("outcome", "error")
    text = str(result.get("details") or result.get("message") or outcome)

    def report(when: str, said: str, longrepr: Any, duration: float) -> Any:
        return TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome=said,
            longrepr=longrepr,
            when=when,
            sections=[],
            duration=duration,
            start=0,
            stop=duration,
        )

    duration = _seconds(result)
    if outcome in _PASSED:
        call = report("call", "passed", None, duration)
    elif outcome in _SKIPPED:
        where = (location[0], location[1] or 0, "Skipped: " + text)
        call = report("call", "skipped", where, duration)
    else:
        call = report("call", "failed", text, duration)
    if outcome in ("xfailed", "xpassed"):
        call.wasxfail = text
    return [
        report("setup", "passed", None, 0.0),
        call,
        report("teardown", "passed", None, 0.0),
    ]


def _seconds(result: Dict[str, Any]) -> float:
    if "duration_ns" in result:
        return float(result["duration_ns"] or 0) / 1e9
    return float(result.get("duration") or 0.0)
