"""Collector of the runner "doctest": docstrings of modules, and text files.

Names are doctest's own; a text file's is its path. It runs no example, but it
imports the modules whose docstrings it reads.
"""

import json
import os
import sys
import traceback
from typing import Any, Dict, List, Set

from . import doctest_finding, frames, python_targets
from .collecting import Client, Request, serve


def main(channel: frames.Channel, runner: str) -> int:
    return serve(channel, _collect)


def _collect(client: Client, request: Request) -> None:
    cwd = os.getcwd()
    python_targets.import_from(cwd)
    path = list(sys.path)
    targets = request.targets or ["."]
    try:
        flags = doctest_finding.parse_arguments(request.args)
    except ValueError as error:
        client.error(" ".join(targets), str(error))
        return
    options = {
        "runner": "doctest",
        "cwd": cwd,
        "sys_path": path,
        "targets": targets,
        "flags": flags,
    }
    client.suite(
        python_targets.suite_name(targets, cwd),
        json.dumps(options).encode(),
        cwd,
        # Each doctest has names of its own.
        False,
    )
    seen: Set[str] = set()
    counts: Dict[str, int] = {}
    for target in targets:
        for source in doctest_finding.sources(target):
            _tell(client, source, cwd, seen, counts)


def _tell(client: Client, source: doctest_finding.Source, cwd: str,
          seen: Set[str], counts: Dict[str, int]) -> None:
    try:
        found = doctest_finding.tests_of(source, cwd)
    except (Exception, SystemExit):
        client.error(source.path or source.module, traceback.format_exc())
        return
    key = doctest_finding.key_of(source)
    if key in seen:
        return
    seen.add(key)
    tests: List[Dict[str, Any]] = []
    for identity, test in found:
        nth = counts[identity] = counts.get(identity, 0) + 1
        name = identity if nth == 1 else f"{identity} #{nth}"
        payload = {**source._asdict(), "id": identity}
        entry: Dict[str, Any] = {
            "name": name,
            "scope": source.module or name,
            "payload": json.dumps(payload).encode(),
        }
        if test.filename:
            entry["file"] = python_targets.relative(
                os.path.abspath(test.filename), cwd
            )
            entry["line"] = _line_of(test)
        tests.append(entry)
    client.send_tests(tests)


def _line_of(test: Any) -> int:
    """Where its first example is: the docstring may start far above."""
    return (test.lineno or 0) + test.examples[0].lineno + 1
