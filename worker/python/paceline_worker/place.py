"""Puts a worker where its collector was."""

import json
import os
import sys
from typing import Any, Dict

from . import frames
from .refusal import SuiteRefused


def parse_options(suite: frames.Message) -> Dict[str, Any]:
    """The collector's word to its workers.

    Raises SuiteRefused if it cannot be read.
    """
    try:
        options = json.loads(suite.get("options") or b"{}")
    except ValueError as error:
        raise SuiteRefused(f"options that are not JSON: {error}") from error
    if not isinstance(options, dict):
        raise SuiteRefused("options that are not a JSON object")
    return options


def enter(options: Dict[str, Any]) -> None:
    """Has modules looked up, and files found, where the collector did it.

    Raises SuiteRefused if that folder is not there.
    """
    if options.get("sys_path"):
        sys.path[:] = options["sys_path"]
    if options.get("cwd"):
        try:
            os.chdir(options["cwd"])
        except OSError as error:
            raise SuiteRefused(
                f"the folder that discovery ran in: {error}"
            ) from error


def take_place(suite: frames.Message) -> Dict[str, Any]:
    """The options of a suite, once this process is in its place and writes
    its output line by line."""
    options = parse_options(suite)
    enter(options)
    for stream in (sys.stdout, sys.stderr):
        # What a test printed is with it even if the test ends the process.
        try:
            stream.reconfigure(line_buffering=True)
        except (AttributeError, ValueError):
            pass
    return options
