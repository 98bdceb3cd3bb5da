"""What a worker spares itself of pytest's work, without a difference to see.

Most of the time of a trivial test is pytest's own. Nothing is skipped here that
a test or a plugin could notice: an empty file is not read and cut once more,
and the hooks of a folder are not looked up ten times for each item. Where
pytest is built otherwise than expected, it is left as it is.
"""

import os
from typing import Any, Callable, Dict, Tuple

from .descriptor_capture import read_ends


# What is larger is read by us, and cut.
_READ_BY_PYTEST = 8 << 20


class Cut:
    """How much of what tests have printed was never read."""

    def __init__(self) -> None:
        self.bytes = 0


def cheapen_capture(config: Any) -> Cut:
    """Has pytest look how much was captured before it reads it.

    It reads after set-up, call and tear-down, from two files, each with two
    seeks and a truncation, which on a disk are the dearest part of a test. And
    it reads all there is, be it more than there is memory.
    """
    cut = Cut()
    capture = config.pluginmanager.getplugin("capturemanager")
    streams = getattr(capture, "_global_capturing", None)
    for stream in (getattr(streams, n, None) for n in ("out", "err")):
        if type(stream).__name__ == "FDCapture":
            _look_first(stream, cut)
    return cut


def _look_first(stream: Any, cut: Cut) -> None:
    try:
        descriptor = stream.tmpfile.fileno()
        empty = stream.EMPTY_BUFFER
        snap = stream.snap
    except (AttributeError, ValueError, OSError):
        return

    def look_first() -> Any:
        # The size, not the position: a child may have opened the file anew.
        size = os.fstat(descriptor).st_size
        if size == 0:
            return empty
        if size <= _READ_BY_PYTEST:
            return snap()
        output, missing = read_ends(descriptor, size)
        cut.bytes += missing
        stream.tmpfile.seek(0)
        stream.tmpfile.truncate()
        return output.decode("utf-8", "replace")

    stream.snap = look_first


def ask_asyncio_once(config: Any) -> None:
    """Has pytest-asyncio ask of each fixture once whether it is async.

    It asks of all fixtures there are again for each test that is collected.
    """
    plugin = config.pluginmanager.getplugin("asyncio")
    ask = getattr(plugin, "_is_coroutine_or_asyncgen", None)
    if callable(ask) and not isinstance(ask, _Remembered):
        plugin._is_coroutine_or_asyncgen = _Remembered(ask)


class _Remembered:
    """A question about objects that live on and whose answer stays."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask
        # With the object, whose number would be another's once it is gone.
        self._answers: Dict[int, Tuple[Any, Any]] = {}

    def __call__(self, thing: Any) -> Any:
        known = self._answers.get(id(thing))
        if known is None:
            known = (thing, self._ask(thing))
            self._answers[id(thing)] = known
        return known[1]


def code_of_plain(function: Any) -> Any:
    """The code of what is a plain function or method in the file that it was
    collected from; None of all that pytest looks behind for its place."""
    code = getattr(function, "__code__", None)
    if code is None or any(hasattr(function, name) for name in _POINTERS):
        return None
    return code


_POINTERS = (
    "__wrapped__",
    "__pytest_wrapped__",
    "place_as",
    "compat_co_firstlineno",
)


class Places:
    """Gives items their `location` without pytest's long way to it.

    Only to plain functions of pytest's own kind of item, and the path is what
    pytest has found for the first item of the file.
    """

    def __init__(self) -> None:
        import pytest

        self._reportinfo = pytest.Function.reportinfo
        self._location = pytest.Function.location
        self._files: Dict[str, str] = {}

    def give(self, item: Any) -> None:
        kind = type(item)
        if getattr(kind, "reportinfo", None) is not self._reportinfo or (
            kind.location is not self._location or "location" in item.__dict__
        ):
            return
        code = code_of_plain(item.obj)
        if code is None:
            return
        file = self._files.get(code.co_filename)
        if file is None:
            self._files[code.co_filename] = item.location[0]
            return
        item.__dict__["location"] = (
            file,
            code.co_firstlineno - 1,
            item.getmodpath(),
        )


class HookProxies:
    """Remembers the hooks of a folder until a conftest file is loaded.

    A mixin for pytest's Session.
    """

    _proxies: Dict[int, Tuple[Any, Any]] = {}
    _conftest_count = -1

    def gethookproxy(self, fspath: Any) -> Any:
        known_conftests = getattr(
            self.config.pluginmanager, "_conftest_plugins", None
        )
        if known_conftests is None:
            return super().gethookproxy(fspath)
        if len(known_conftests) != self._conftest_count:
            self._proxies = {}
            self._conftest_count = len(known_conftests)
        # By the object, which the nodes of a module share: comparing paths
        # takes as long as looking the hooks up.
        known = self._proxies.get(id(fspath))
        if known is None:
            known = (fspath, super().gethookproxy(fspath))
            self._proxies[id(fspath)] = known
        return known[1]
