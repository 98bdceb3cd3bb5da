"""Hands a session's tests to the client, while they are found if it can be.

Tests flow early, module by module, unless something needs the whole list; see
pytest_item_hooks.py. When collection is over, pytest has run the item hooks
over all items, and what flowed is held against that: a difference makes the
run not green and the suite one that is collected first from then on.

It does not collect: pytest does, and tells it of items and reports.
"""

import json
from typing import Any, Dict, List, Optional, Set, Tuple

from . import pytest_scopes
from .collecting import Client
from .pytest_descriptions import Descriptions
from .pytest_digest import digest
from .pytest_item_hooks import ItemHooks, ItemState

_MAX_NAMED = 5


class Flow:
    """The tests of one session on their way to the client."""

    def __init__(self, session: Any, client: Client, unit: str,
                 why_first: str) -> None:
        self._client = client
        self._hooks = ItemHooks(session)
        self._scopes = pytest_scopes.Scopes(session, unit)
        self._describe = Descriptions(session)
        # Why only the whole list will do, here and in workers; empty while
        # nothing says so.
        self.whole_because = why_first or self._hooks.why_whole_list()
        # Why tests are held until all are known; empty while they flow.
        self.held_because = (
            self.whole_because or self._hooks.option_that_needs_all()
        )
        # Whether a target names a part of a module.
        self._parts_named = any("::" in str(a) for a in session.config.args)
        # Whether a conftest file has left tests out.
        self._left_out = False
        self._module: Any = None
        self._pending: List[Any] = []
        # Sent with the tests that come next: a module that is skipped says
        # nothing of what hooks do with lists, and the suite is told of first.
        self._skipped: List[Dict[str, Any]] = []
        # The scopes that other modules may add to, in the order seen.
        self._wide: Dict[str, List[Dict[str, Any]]] = {}
        # The names that were handed over.
        self._names: Set[str] = set()
        # The items that were, with the id and the marks they had then.
        self._handed: Dict[int, Tuple[Any, str, List[str]]] = {}

    def item(self, item: Any) -> None:
        """pytest has found `item`."""
        if self.held_because:
            self._client.show_life()
        if self.whole_because:
            return
        if item.path != self._module:
            self.flush()
            self._module = item.path
        self._pending.append(item)

    def skipped(self, report: Any) -> None:
        """A module, or something else that holds tests, was skipped."""
        path, line, reason = _skip_reason(report)
        entry: Dict[str, Any] = {
            "name": self._describe.claim(report.nodeid),
            "scope": report.nodeid.partition("::")[0],
            "file": path or report.nodeid.partition("::")[0],
            "skip_reason": reason or "skipped",
        }
        if line:
            entry["line"] = line
        self._skipped.append(entry)

    def send_skipped(self) -> None:
        """Hands over what was skipped since the last tests."""
        entries, self._skipped = self._skipped, []
        if entries:
            self._client.send_tests(entries)

    def flush(self) -> None:
        """Hands over what is complete."""
        items, self._pending = self._pending, []
        if not items or self.whole_because:
            return
        self._hold_for_all(self._hooks.why_whole_list())
        if self.whole_because:
            return
        state = ItemState(items) if self._hooks.may_mark else None
        try:
            selected, why = self._hooks.watch(items)
            self._hold_for_all(why)
            if self.held_because:
                return
            try:
                selected = self._hooks.select(selected)
            except Exception as error:
                # pytest itself will raise it again, from the whole list.
                self.held_because = f"an item hook raised {error!r}"
                return
            if state is not None and len(selected) != len(items):
                self._left_out = True
            self._hand_over(selected, self._module_of_all(items))
        finally:
            if state is not None:
                state.restore()

    def _hold_for_all(self, why: str) -> None:
        self.whole_because = why
        self.held_because = why or self.held_because

    def end(self, session: Any) -> Optional[str]:
        """Collection is over and `session.items` is what pytest would run.

        Returns what to say if that is not what flowed.
        """
        self._pending = []
        self.send_skipped()
        early = dict(self._handed)
        rest, other_marks = [], []
        for item in session.items:
            if id(item) not in self._handed:
                rest.append(item)
                continue
            _, nodeid, marks = early.pop(id(item), self._handed[id(item)])
            if nodeid != item.nodeid:
                early[id(item)] = (item, nodeid, marks)
                rest.append(item)
            elif self._hooks.may_mark and marks != self._describe.labels(item):
                other_marks.append(nodeid)
        more = [item.nodeid for item in rest] if self._handed else []
        fewer = [nodeid for _, nodeid, _ in early.values()]
        self._hand_over_by_module(rest)
        for entries in self._wide.values():
            self._client.send_tests(entries)
        self._wide.clear()
        return _difference(more, fewer, other_marks)

    def has(self, name: str) -> bool:
        """Whether `name` was handed over."""
        return name in self._names

    def can_be_kept(self) -> bool:
        """Whether workers would notice if a test that was handed over were not
        there any more, or another were.

        They see the modules that they are given, and those as a whole.
        """
        return not (self.held_because or self._parts_named or self._left_out)

    def note(self) -> str:
        return self._scopes.note()

    def _hand_over_by_module(self, items: List[Any]) -> None:
        modules: Dict[Any, List[Any]] = {}
        for item in items:
            modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
        for found in modules.values():
            self._hand_over(found)

    def _module_of_all(self, items: List[Any]) -> str:
        """The module whose tests `items` are, if a worker that collects it
        alone has to find the same ones."""
        modules = {item.nodeid.partition("::")[0] for item in items}
        if len(modules) != 1 or self._parts_named:
            return ""
        return modules.pop()

    def _hand_over(self, items: List[Any], whole_module: str = "") -> None:
        labels = [self._describe.labels(item) for item in items]
        scopes = self._scopes.of(items, labels)
        by_scope: Dict[str, List[Dict[str, Any]]] = {}
        first: Optional[Dict[str, Any]] = None
        for item, marks, scope in zip(items, labels, scopes):
            self._handed[id(item)] = (item, item.nodeid, marks)
            entry = self._describe.entry(item, marks, scope)
            if entry is None:
                continue
            self._names.add(entry["name"])
            first = first or entry
            wide = pytest_scopes.Scopes.spans_modules(scope)
            (self._wide if wide else by_scope).setdefault(scope, []).append(
                entry
            )
        if whole_module and first is not None:
            payload = json.loads(first.get("payload", b"{}"))
            payload["module"] = _described(items)
            first["payload"] = json.dumps(payload).encode()
        # Tests of a scope come one after the other.
        tests = [entry for found in by_scope.values() for entry in found]
        self.send_skipped()
        if tests:
            self._client.send_tests(tests)


def _described(items: List[Any]) -> Dict[str, Any]:
    """How a worker knows that it has found what we have."""
    return {
        "count": len(items),
        "digest": digest([item.nodeid for item in items]),
    }


def _skip_reason(report: Any) -> Tuple[str, int, str]:
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        path, line, reason = longrepr
    else:
        path, line, reason = "", 0, str(longrepr)
    if reason.startswith("Skipped: "):
        reason = reason[len("Skipped: ") :]
    return str(path), int(line or 0), reason


def _difference(more: List[str], fewer: List[str],
                marks: List[str]) -> Optional[str]:
    parts = []
    for what, names in (("more", more), ("fewer", fewer),
                        ("other marks on", marks)):
        if names:
            shown = ", ".join(names[:_MAX_NAMED])
            if len(names) > _MAX_NAMED:
                shown += ", …"
            parts.append(f"{len(names)} {what} ({shown})")
    if not parts:
        return None
    return (
        "pytest selects otherwise from the whole list than from its modules"
        f" one by one: {'; '.join(parts)}. Tests may have run that plain"
        " pytest would not have chosen. From now on this suite is collected"
        " before any of it runs, until --no-collection-cache is given;"
        " --collect-first does so at once."
    )
