"""Remembers which suites have to be collected before any of them runs.

A small file a suite, in the user's cache. It holds what no look at the
installed plugins could tell: why this suite's selection, or its tests' names,
come out otherwise when modules are collected one by one.
"""

import hashlib
import json
import os
import sys
from typing import Any, Optional

from . import user_cache
from .collecting import Request

_MAX_REASON = 4 << 10
_MAX_SUITES = 256


class Memory:
    """What is remembered of one suite; nothing where that is not wanted."""

    def __init__(self, config: Any, request: Request) -> None:
        identity = json.dumps(
            [
                sys.executable,
                str(config.rootpath),
                str(config.invocation_params.dir),
                request.args,
            ]
        )
        digest = hashlib.sha256(identity.encode("utf-8", "replace"))
        self._folder = user_cache.folder("collect-first")
        self._path: Optional[str] = None
        if self._folder is not None:
            self._path = os.path.join(self._folder, digest.hexdigest()[:32])
        # Why this suite is collected first; empty if nothing says so.
        self.why_first = ""
        if not request.kept:
            self._forget()
        elif self._path is not None:
            self.why_first = _read(self._path)

    def collect_first_from_now_on(self, reason: str) -> None:
        """Without a place to write it is found out again each time."""
        if self._folder is None or self._path is None:
            return
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with open(self._path, "wb") as file:
                file.write(_encode(reason)[:_MAX_REASON])
            self._prune()
        except OSError:
            pass

    def _forget(self) -> None:
        if self._path is None:
            return
        try:
            os.unlink(self._path)
        except OSError:
            pass

    def _prune(self) -> None:
        """Keeps the newest."""
        with os.scandir(self._folder) as entries:
            known = [(entry.stat().st_mtime_ns, entry.path)
                     for entry in entries]
        for _, path in sorted(known, reverse=True)[_MAX_SUITES:]:
            os.unlink(path)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_REASON).decode("utf-8", "replace").strip()
        os.utime(path)
    except OSError:
        return ""
    return text or "its tests came out otherwise module by module before"


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
