"""Collector of the runner "unittest": the standard library's own discovery.

Targets are folders, files and dotted names. A module that cannot be imported is
an error of its own; what else there is still runs. It runs no test.
"""

import inspect
import json
import os
import sys
import traceback
from typing import Any, Dict, Tuple

from . import frames, python_targets, unittest_finding
from .collecting import Client, Request, serve


def main(channel: frames.Channel, runner: str) -> int:
    return serve(channel, _collect)


def _collect(client: Client, request: Request) -> None:
    cwd = os.getcwd()
    # As `python -m unittest` has it.
    python_targets.import_from(cwd)
    path = list(sys.path)
    try:
        selection = unittest_finding.parse_arguments(
            request.targets, request.args
        )
    except ValueError as error:
        client.error(" ".join(request.targets), str(error))
        return
    options = {
        "runner": "unittest",
        "cwd": cwd,
        "sys_path": path,
        **selection._asdict(),
    }
    client.suite(
        python_targets.suite_name(selection.targets, cwd),
        json.dumps(options).encode(),
        cwd,
        True,
    )
    loader = unittest_finding.Loader(
        selection.keywords, client.show_life
    )
    counts: Dict[str, int] = {}
    for target in selection.targets:
        try:
            suite = unittest_finding.load_target(loader, selection, target)
        except (Exception, SystemExit):
            client.error(target, traceback.format_exc())
            continue
        _tell(
            client, unittest_finding.named(loader, suite, counts), cwd
        )


def _tell(client: Client, found: Any, cwd: str) -> None:
    """Hands over the tests of one target, module by module."""
    modules: Dict[str, Any] = {}
    for each in found:
        if unittest_finding.is_failed_load(each.test):
            client.error(each.test._testMethodName, _why(each.test))
            continue
        modules.setdefault(each.module, []).append(_entry(each, cwd))
    for tests in modules.values():
        client.send_tests(tests)


def _entry(found: unittest_finding.Found, cwd: str) -> Dict[str, Any]:
    entry: Dict[str, Any] = {
        "name": found.name,
        "scope": found.module or found.name,
        "payload": json.dumps({"module": found.module}).encode(),
    }
    why = unittest_finding.skipped_module(found.test)
    if why is not None:
        entry["skip_reason"] = why
        return entry
    file, line = place_of(found.test)
    if file:
        entry["file"] = python_targets.relative(file, cwd)
        entry["line"] = line
    return entry


def place_of(test: Any) -> Tuple[str, int]:
    """Where the method that `test` runs is defined."""
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    doc = getattr(test, "_dt_test", None)
    if doc is not None:
        return str(doc.filename or ""), (doc.lineno or 0) + 1
    if method is None:
        method = getattr(test, "_testFunc", None)
    try:
        code = inspect.unwrap(method).__code__
    except (AttributeError, ValueError):
        return "", 0
    return code.co_filename, code.co_firstlineno


def _why(test: Any) -> str:
    error = getattr(test, "_exception", None)
    text = str(error) if error is not None else "it could not be loaded"
    return text.strip()
