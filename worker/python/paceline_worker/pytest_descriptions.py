"""What the client is told of a pytest item: its name, place, marks and limit.

It is asked for every test there is, so what costs is done once a file.
"""

import hashlib
import json
from typing import Any, Dict, List, Optional, Tuple

import pytest

from .pytest_speed import code_of_plain

# Marks that say how a test is made, not what it is.
_NO_LABELS = frozenset(["parametrize", "usefixtures"])
# The client takes 16 KiB.
_MAX_NAME = 15 << 10


class Descriptions:
    """What the client is told of an item."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._names: Dict[str, int] = {}
        self._functions: Dict[Tuple[str, int], Any] = {}
        # Files of functions, as item.location has them.
        self._files: Dict[str, str] = {}
        self._plain_reportinfo = pytest.Function.reportinfo
        self._marks_above: Dict[int, Tuple[Any, List[str]]] = {}

    def claim(self, nodeid: str) -> str:
        """A name for `nodeid` that no other test has."""
        nth = self._names.get(nodeid, 0) + 1
        self._names[nodeid] = nth
        name = _shortened(nodeid)
        return name if nth == 1 else f"{name} #{nth}"

    def entry(self, item: Any, labels: List[str],
              scope: str) -> Optional[Dict[str, Any]]:
        """Returns None if the same test was there before, as when a file is
        named twice."""
        nodeid = item.nodeid
        function = getattr(item, "function", None)
        nth = self._names.get(nodeid, 0)
        if nth and function is not None:
            if self._functions.get((nodeid, nth)) is function:
                return None
        name = self.claim(nodeid)
        if function is not None:
            self._functions[(nodeid, nth + 1)] = function
        file, line = self._place(item, function)
        entry = {"name": name, "scope": _shortened(scope), "file": file,
                 "line": line}
        if labels:
            entry["labels"] = labels
        if name != nodeid:
            entry["payload"] = json.dumps(
                {"id": nodeid, "nth": nth + 1}
            ).encode()
        if "timeout" in labels:
            limit = timeout_of(item)
            if limit:
                entry["timeout_ns"] = limit
        return entry

    def labels(self, item: Any) -> List[str]:
        """The names of the marks on `item` and on what it is in."""
        names = [m.name for m in item.own_markers]
        names += self._above(item.parent)
        if not names:
            return names
        return sorted(set(names) - _NO_LABELS)

    def _above(self, node: Any) -> List[str]:
        if node is None:
            return []
        known = self._marks_above.get(id(node))
        if known is not None and known[0] is node:
            return known[1]
        names = [m.name for m in node.own_markers] + self._above(node.parent)
        self._marks_above[id(node)] = (node, names)
        return names

    def _place(self, item: Any, function: Any) -> Tuple[str, int]:
        """The file and line of `item.location`, from 1."""
        place = self._place_of_plain(item, function)
        if place is None:
            path, line, _ = item.location
            place = (str(path), (line or 0) + 1)
        return place

    def _place_of_plain(self, item: Any,
                        function: Any) -> Optional[Tuple[str, int]]:
        """The same without pytest's long way to it, for what is a plain
        function in the file that it was collected from."""
        code = code_of_plain(function)
        if code is None or type(item).reportinfo is not (
            self._plain_reportinfo
        ):
            return None
        file = code.co_filename
        known = self._files.get(file)
        if known is None:
            known = self._files[file] = str(item.location[0])
        return known, code.co_firstlineno


def _shortened(nodeid: str) -> str:
    """A node id, or what stands for one that is too long for a name."""
    if len(nodeid) * 6 <= _MAX_NAME:
        return nodeid
    data = nodeid.encode("utf-8", "backslashreplace")
    if len(data) <= _MAX_NAME:
        return nodeid
    start = data[: 1 << 10].decode("utf-8", "ignore")
    return f"{start}… {hashlib.sha1(data).hexdigest()[:16]}"


def timeout_of(item: Any) -> int:
    """pytest-timeout's own limit, in nanoseconds, and a little more: it acts
    first, and its stacks are in the result. 0 where there is none."""
    mark = item.get_closest_marker("timeout")
    if mark is None:
        return 0
    value = mark.args[0] if mark.args else mark.kwargs.get("timeout")
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return 0
    return int((seconds + 10) * 1e9) if seconds > 0 else 0
