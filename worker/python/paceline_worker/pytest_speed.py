"""What a worker spares itself of pytest's work, without a difference to see.

Most of the time of a trivial test is pytest's own. Nothing is skipped here that
a test or a plugin could notice: an empty file is not read and cut once more,
and the hooks of a folder are not looked up ten times for each item. Where
pytest is built otherwise than expected, it is left as it is.
"""

import os
from typing import Any, Dict, Tuple


def cheapen_capture(config: Any) -> None:
    """Has pytest look whether anything was captured before it reads it.

    It reads after set-up, call and tear-down, from two files, each with two
    seeks and a truncation, which on a disk are the dearest part of a test.
    """
    capture = config.pluginmanager.getplugin("capturemanager")
    streams = getattr(capture, "_global_capturing", None)
    for stream in (getattr(streams, n, None) for n in ("out", "err")):
        if type(stream).__name__ == "FDCapture":
            _look_first(stream)


def _look_first(stream: Any) -> None:
    try:
        descriptor = stream.tmpfile.fileno()
        empty = stream.EMPTY_BUFFER
        snap = stream.snap
    except (AttributeError, ValueError, OSError):
        return

    def look_first() -> Any:
        # The size, not the position: a child may have opened the file anew.
        if os.fstat(descriptor).st_size == 0:
            return empty
        return snap()

    stream.snap = look_first


class HookProxies:
    """Remembers the hooks of a folder while nothing is collected.

    A mixin for pytest's Session. A conftest file is only ever loaded by
    collecting, so nothing is remembered from one collection to the next.
    """

    _proxies: Dict[int, Tuple[Any, Any]] = {}
    _is_collecting = True

    def remember_hooks(self, yes: bool) -> None:
        self._proxies = {}
        self._is_collecting = not yes

    def gethookproxy(self, fspath: Any) -> Any:
        if self._is_collecting:
            return super().gethookproxy(fspath)
        # By the object, which the nodes of a module share: comparing paths
        # takes as long as looking the hooks up.
        known = self._proxies.get(id(fspath))
        if known is None:
            known = (fspath, super().gethookproxy(fspath))
            self._proxies[id(fspath)] = known
        return known[1]
