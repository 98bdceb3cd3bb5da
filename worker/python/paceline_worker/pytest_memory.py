"""Remembers which suites have to be collected before any of them runs.

A small file a suite, in the user's cache. It holds what no look at the
installed plugins could tell: that this suite's selection, or its tests' names,
come out otherwise when modules are collected one by one.
"""

import hashlib
import json
import os
import sys
from typing import Any

from .collecting import Request

_REASON = "this suite's tests came out otherwise module by module before"


class Memory:
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
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser(
            "~/.cache"
        )
        self._path = os.path.join(
            base, "paceline", "collect-first", digest.hexdigest()[:32]
        )
        self.collect_all = os.path.exists(self._path)

    @property
    def why_first(self) -> str:
        return _REASON if self.collect_all else ""

    def collect_first_from_now_on(self) -> None:
        """Without a place to write it is found out again each time."""
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(self._path, "w", encoding="utf-8") as file:
                file.write(_REASON + "\n")
        except OSError:
            pass
