"""Collects the modules of a unit when they are first needed.

Node ids must be those that discovery has found, and every difference is named.
So a module is collected as if it had been found from the targets that the user
gave, not as if it were a target itself: pytest takes a target though its name
matches no pattern, and derives ids from targets outside of the rootdir.
"""

import json
import os
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from . import pytest_results, pytest_speed
from .pytest_digest import digest
from .worker import Unit


def initial_paths(config: Any) -> Optional[FrozenSet[Path]]:
    """The user's targets, as a session keeps them; None if they are not plain
    paths."""
    if getattr(config.option, "pyargs", False):
        return None
    start = config.invocation_params.dir
    return frozenset(
        Path(os.path.abspath(start / str(argument).split("::")[0]))
        for argument in config.args
    )


def make_session_class(config: Any) -> Any:
    """pytest's Session, whose initial paths stay the user's targets whatever
    is collected."""
    from _pytest.main import Session

    bases = (pytest_speed.HookProxies, Session)
    targets = initial_paths(config)
    if targets is None:
        return type("Session", bases, {})
    parents = frozenset(p for t in targets for p in t.parents) | targets
    constant = {"_initialpaths": targets, "_initialpaths_with_parents": parents}
    return type(
        "Session",
        bases,
        {
            name: property(lambda self, v=value: v, lambda self, v: None)
            for name, value in constant.items()
        },
    )


def file_of(node_id: str) -> str:
    return node_id.partition("::")[0]


class Collecting:
    """What a worker has collected so far."""

    def __init__(self, session: Any, collect_all: bool) -> None:
        self._session = session
        self._collect_all = collect_all
        # A list, for ids are not always unique.
        self.items: Dict[str, List[Any]] = {}
        self._files: Dict[str, List[str]] = {}
        self._errors: Dict[str, str] = {}
        self._new_errors: List[Tuple[str, str, str]] = []
        self._targets = list(session.config.args)

    def collect_for(self, unit: Unit, hooks: Any) -> None:
        """Collects the files of `unit` that have not been collected."""
        if self._collect_all:
            self._collect_all = False
            error = self._collect(self._targets)
            if error:
                self._errors[""] = error
            for items in list(self.items.values()):
                self._files.setdefault(file_of(items[0].nodeid), [])
        wanted: Dict[str, str] = {}
        for name in unit.names:
            file = file_of(name)
            if file in self._files or file in wanted:
                continue
            path = self._path_of(file)
            if path is None:
                self._files[file] = []
                self._errors[file] = f"there is no file {file}"
            else:
                wanted[file] = path
        if wanted:
            self._collect_files(wanted)
            hooks.leave_if_forked()
        self._compare(unit)

    def take_new_errors(self) -> List[Tuple[str, str, str]]:
        errors, self._new_errors = self._new_errors, []
        return errors

    def why_missing(self, name: str, hooks: Any) -> Dict[str, Any]:
        """The result of a test of which no item has come."""
        report = hooks.collect_reports.get(name)
        if report is not None:
            return pytest_results.of_collector(report)
        file = file_of(name)
        above = name
        while "::" in above:
            above = above.rpartition("::")[0]
            report = hooks.collect_reports.get(above)
            if report is not None:
                break
        result: Dict[str, Any] = {"outcome": "error"}
        if report is not None:
            found = pytest_results.of_collector(report)
            result.update(found, outcome="error")
            how = "skipped" if found["outcome"] == "skipped" else "failed"
            result["message"] = (
                f"discovery has found this test, but collecting {above} in the"
                f" worker {how}: {found['message']}"
            )
        else:
            result["message"] = (
                f"discovery has found this test, but the worker did not find it"
                f" when it collected {file}"
            )
            error = self._errors.get(file) or self._errors.get("")
            if error:
                result["message"] += ": " + error.partition("\n")[0]
                result["details"] = error
        return result

    def _path_of(self, file: str) -> Optional[str]:
        """Where the file of a node id is: below the rootdir or, as pytest does
        it for what is not, below a target."""
        session = self._session
        folders = [session.config.rootpath, *sorted(session._initialpaths)]
        for folder in folders:
            path = os.path.normpath(os.path.join(folder, file))
            if os.path.exists(path):
                return path
        return None

    def _collect_files(self, wanted: Dict[str, str]) -> None:
        # Together, so that modules of a package share its node and fixtures.
        error = self._collect(list(wanted.values()))
        if error and len(wanted) > 1:
            for file, path in wanted.items():
                for name in self._files.pop(file, []):
                    self.items.pop(name, None)
                self._errors[file] = self._collect([path])
        elif error:
            self._errors.update((file, error) for file in wanted)
        for file in wanted:
            self._files.setdefault(file, [])

    def _collect(self, paths: List[str]) -> str:
        """Collects `paths` by pytest's own hook; returns what went wrong."""
        session = self._session
        config = session.config
        config.args = paths
        pyargs = getattr(config.option, "pyargs", False)
        config.option.pyargs = pyargs and paths is self._targets
        failed = session.testsfailed
        error = ""
        try:
            config.hook.pytest_collection(session=session)
        except KeyboardInterrupt:
            error = "KeyboardInterrupt"
        except BaseException as exception:
            error = pytest_results.describe_exception(session, exception)
        config.option.pyargs = pyargs
        config.args = self._targets
        # Failed collectors count as failures, which nobody here acts on.
        session.testsfailed = failed
        session.shouldfail = False
        for item in session.items:
            self.items.setdefault(item.nodeid, []).append(item)
            self._files.setdefault(file_of(item.nodeid), []).append(item.nodeid)
        return error

    def _compare(self, unit: Unit) -> None:
        """Names what the worker has found of a module beyond discovery.

        The first test of a module brings how many there are, and a digest of
        their ids.
        """
        for test in unit.tests:
            told = parse_payload(test.get("payload", b"")).get("module")
            if not isinstance(told, dict):
                continue
            file = file_of(test["name"])
            ids = self._files.get(file, [])
            if told.get("digest") == digest(ids):
                continue
            names = set(unit.names)
            here = sum(1 for name in unit.names if file_of(name) == file)
            new = [name for name in ids if name not in names]
            if here == told.get("count"):
                for name in new:
                    self._new_errors.append(
                        (
                            name,
                            "the worker has found this test, discovery has"
                            " not: it was not run",
                            "",
                        )
                    )
            elif len(ids) > int(told.get("count", 0)):
                self._new_errors.append(
                    (
                        f"{file}: collection",
                        f"the worker has found {len(ids)} tests, discovery"
                        f" {told.get('count')}",
                        "among these some are new:\n" + "\n".join(new),
                    )
                )


def identity_of(test: Dict[str, Any]) -> Tuple[str, Optional[int]]:
    """The node id of a test and, where discovery has seen that id several
    times and gave the later ones other names, which of them it is."""
    payload = parse_payload(test.get("payload", b""))
    name, nth = payload.get("id"), payload.get("nth")
    if isinstance(name, str) and isinstance(nth, int) and nth > 0:
        return name, nth - 1
    return test["name"], None


def parse_payload(data: Any) -> Dict[str, Any]:
    try:
        payload = json.loads(data) if data else {}
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}
