"""Which tests of a pytest suite have to stay together: their scope.

A module is one scope: its tests share an import and often fixtures. Where a
finer grain is asked for, a class or a test is a scope if no fixture of a wider
scope is shared; where modules share a fixture of their package, or a group
mark says so, the scope is wider. Where nothing is asked for, a module is made
smaller if it is so large that others would wait for it.

It looks at fixtures and marks, and at nothing that was run.
"""

import re
from typing import Any, Dict, List, Set

# In the order of what they are shared by.
_SHARED_BY_MODULE = ("module", "package")
# Each worker that runs a part of a module imports all of it.
_LARGE = 250
# Marks of tests that need those before them, in the same process.
_IN_ORDER = frozenset(["dependency", "incremental", "order", "run"])
_PACKAGE_SETUP = re.compile(
    r"^\s*(def\s+)?(setup_module|setUpModule|teardown_module|tearDownModule)\b",
    re.MULTILINE,
)


class Scopes:
    """Gives each test of a session its scope."""

    def __init__(self, session: Any, unit: str) -> None:
        self._session = session
        self._unit = unit
        self._fixture_count = -1
        self._any_package_fixture = False
        self._package_setups: Dict[int, str] = {}
        self._kept_whole: List[str] = []

    def of(self, items: List[Any], labels: List[List[str]]) -> List[str]:
        """The scopes of `items`, which are all selected ones of a module."""
        unit = self._unit_for(labels)
        scopes = [_by_unit(unit, item.nodeid) for item in items]
        if unit != "module":
            self._widen(items, scopes)
        packages = self._has_package_fixtures()
        for index, item in enumerate(items):
            group = ""
            if "xdist_group" in labels[index]:
                group = _group_of(item)
            if group:
                scopes[index] = f"@{group}"
                continue
            package = self._setup_of_package(item)
            if packages and not package:
                package = _shared_package(item)
            if package:
                scopes[index] = package
        return scopes

    @staticmethod
    def spans_modules(scope: str) -> bool:
        """Whether tests of other modules may belong to `scope`."""
        return scope.startswith("@") or scope.endswith("/")

    def note(self) -> str:
        """What to tell people of scopes that could not be made smaller, if
        they asked for it."""
        if not self._kept_whole or self._unit == "auto":
            return ""
        names = self._kept_whole
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return (
            f"--unit {self._unit}: tests that share a fixture stay together"
            f" in {len(names)} place(s): {shown}"
        )

    def _unit_for(self, labels: List[List[str]]) -> str:
        """How small the scopes of a module with these tests may be."""
        if self._unit in ("class", "test"):
            return self._unit
        if self._unit == "auto" and len(labels) > _LARGE:
            if not any(_IN_ORDER.intersection(names) for names in labels):
                return "test"
        return "module"

    def _widen(self, items: List[Any], scopes: List[str]) -> None:
        """Joins scopes that would set up a shared fixture more than once."""
        users: Dict[Any, Set[str]] = {}
        where: Dict[Any, str] = {}
        for item, scope in zip(items, scopes):
            info = getattr(item, "_fixtureinfo", None)
            if info is None:
                continue
            parts = item.nodeid.partition("[")[0].split("::")
            for definitions in info.name2fixturedefs.values():
                for definition in definitions:
                    if definition.scope in _SHARED_BY_MODULE:
                        where[definition] = parts[0]
                    elif definition.scope == "class" and len(parts) > 2:
                        # One definition serves many classes, each its own.
                        holder = "::".join(parts[:-1])
                        users.setdefault((definition, holder), set()).add(scope)
                        where[(definition, holder)] = holder
                        continue
                    else:
                        continue
                    users.setdefault(definition, set()).add(scope)
        whole = {where[d] for d, found in users.items() if len(found) > 1}
        for prefix in sorted(whole, key=len):
            if not any(prefix.startswith(k + "::") for k in self._kept_whole):
                self._kept_whole.append(prefix)
        # The widest holder wins, so it is applied last.
        for prefix in sorted(whole, key=len, reverse=True):
            for index, item in enumerate(items):
                if item.nodeid.startswith(prefix + "::"):
                    scopes[index] = prefix

    def _has_package_fixtures(self) -> bool:
        """Most suites have none, and then no item need be looked at."""
        known = self._session._fixturemanager._arg2fixturedefs
        count = sum(map(len, known.values()))
        if count != self._fixture_count:
            self._fixture_count = count
            self._any_package_fixture = any(
                definition.scope == "package"
                for definitions in known.values()
                for definition in definitions
            )
        return self._any_package_fixture

    def _setup_of_package(self, item: Any) -> str:
        """The package with a setup_module of its own around `item`."""
        module = _parent_module(item)
        key = id(module)
        found = self._package_setups.get(key)
        if found is None:
            found = ""
            for node in module.listchain() if module is not None else ():
                if type(node).__name__ != "Package" or found:
                    continue
                if _has_setup(node):
                    found = _package_scope(node.nodeid)
            self._package_setups[key] = found
        return found


def _by_unit(unit: str, nodeid: str) -> str:
    parts = nodeid.partition("[")[0].split("::")
    if unit == "module":
        return parts[0]
    if unit == "class":
        return "::".join(parts[:-1]) if len(parts) > 2 else nodeid
    return nodeid


def _parent_module(item: Any) -> Any:
    node = item.parent
    while node is not None and type(node).__name__ == "Class":
        node = node.parent
    return node


def _has_setup(package: Any) -> bool:
    path = package.path
    if path.name != "__init__.py":
        path = path / "__init__.py"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return _PACKAGE_SETUP.search(text) is not None


def _shared_package(item: Any) -> str:
    """The outermost package that shares a fixture `item` uses."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return ""
    found = [
        _package_scope(definition.baseid)
        for definitions in info.name2fixturedefs.values()
        for definition in definitions
        if definition.scope == "package"
    ]
    return min(found, key=len, default="")


def _package_scope(nodeid: str) -> str:
    """`tests/pkg/__init__.py`, `tests/pkg` and `tests/pkg/mod.py` are all
    the names pytest's versions have for a place in `tests/pkg`."""
    path = nodeid.partition("::")[0]
    if path.endswith(".py"):
        path = path.rpartition("/")[0]
    return (path or ".") + "/"


def _group_of(item: Any) -> str:
    mark = item.get_closest_marker("xdist_group")
    if mark is None:
        return ""
    if mark.args:
        return str(mark.args[0])
    return str(mark.kwargs.get("name", "default"))
