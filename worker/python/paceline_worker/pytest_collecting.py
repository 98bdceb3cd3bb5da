"""Collects the modules of a unit when they are first needed.

Node ids must be those that discovery has found, and every difference is named.
So a module is collected as if it had been found from the targets that the user
gave, not as if it were a target itself: pytest takes a target though its name
matches no pattern, and derives ids from targets outside of the rootdir.
"""

import os
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

from . import pytest_results, pytest_speed
from .payload import parse_payload
from .pytest_digest import digest, unknown
from .worker import Unit

# Found tests of one unit that the agent takes, and their names' length.
_MAX_FOUND = 1024
_MAX_FOUND_NAME = 4 << 10
_NOT_RUN = (
    "the worker has found this test, discovery has not: it was not run"
)


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

    def __init__(self, session: Any, options: Dict[str, Any]) -> None:
        self._session = session
        self._collect_all = bool(options.get("collect_all"))
        # Discovery has taken what an earlier run had found, and that may be
        # corrected.
        self._kept = bool(options.get("kept"))
        # The client leaves out some, and only it can tell which: what was not
        # known cannot be run, and so nothing is corrected.
        self._partial = bool(options.get("partial"))
        # Tests beyond what was kept, as (name, item, time limit), by the
        # position in the unit of the test that they are run before: the first
        # one of their module, so that whoever has to run that again has them
        # too.
        self.found: Dict[int, List[Tuple[str, Any, int]]] = {}
        self.found_names: List[str] = []
        # Modules that were skipped and are not any more.
        self._woken: Set[str] = set()
        # A list, for ids are not always unique.
        self.items: Dict[str, List[Any]] = {}
        self._files: Dict[str, List[str]] = {}
        self._errors: Dict[str, str] = {}
        self._new_errors: List[Tuple[str, str, str]] = []
        self._targets = list(session.config.args)
        # Whether everything was collected, or that was tried.
        self._has_all = False
        # Modules that can only be collected once others were.
        self.after_others: List[str] = []

    def collect_for(self, unit: Unit, hooks: Any) -> None:
        """Collects the files of `unit` that have not been collected."""
        if self._collect_all:
            self._collect_all = False
            self._has_all = True
            error = self._collect(self._targets)
            if error:
                self._errors[""] = error
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
            self._collect_after_others(wanted, unit, hooks)
            hooks.leave_if_forked()
        self._compare(unit, hooks)

    def take_new_errors(self) -> List[Tuple[str, str, str]]:
        errors, self._new_errors = self._new_errors, []
        return errors

    def why_missing(self, name: str, test: Dict[str, Any],
                    hooks: Any) -> Dict[str, Any]:
        """The result of `test` of the id `name`, of which no item has come."""
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
            skipped = found["outcome"] == "skipped"
            how = "skipped" if skipped else "failed"
            outcome = "skipped" if skipped and self._kept else "error"
            result.update(found, outcome=outcome)
            result["message"] = (
                f"discovery has found this test, but collecting {above} in the"
                f" worker {how}: {found['message']}"
            )
        elif self._is_gone(test, hooks):
            result["outcome"] = "skipped"
            result["message"] = (
                "discovery has found this test, but it is gone since the kept"
                " collection"
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

    def _collect_after_others(self, wanted: Dict[str, str], unit: Unit,
                              hooks: Any) -> None:
        """Collects all there is where modules fail that discovery could
        collect: they may import what lies beside another module, which is
        found once that one was imported."""
        with_tests = {file_of(n) for n in unit.names if "::" in n}
        failed = {}
        for file in wanted:
            report = hooks.collect_reports.get(file)
            if not self._files[file] and file in with_tests and (
                file in self._errors or (report is not None and report.failed)
            ):
                failed[file] = report
        if not failed or self._has_all:
            return
        self._has_all = True
        for file in failed:
            hooks.collect_reports.pop(file, None)
        self._collect(self._targets)
        for file, report in failed.items():
            if self._files[file]:
                self._errors.pop(file, None)
                self.after_others.append(file)
            elif report is not None:
                hooks.collect_reports[file] = report

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
        known = {file for file, ids in self._files.items() if ids}
        for item in session.items:
            file = file_of(item.nodeid)
            if file not in known:
                self.items.setdefault(item.nodeid, []).append(item)
                self._files.setdefault(file, []).append(item.nodeid)
        return error

    def _compare(self, unit: Unit, hooks: Any) -> None:
        """Finds what the worker has of a module beyond discovery.

        The first test of a module brings how many there are, a digest of their
        ids and, where they were kept, something to know each by.
        """
        self.found = {}
        for index, test in enumerate(unit.tests):
            payload = parse_payload(test.get("payload", b""))
            told = payload.get("module")
            file = file_of(test["name"])
            ids = self._files.get(file, [])
            if payload.get("skipped") and test["name"] == file and ids:
                if self._may_correct(file, hooks):
                    self._woken.add(file)
                    self._take_found(index, list(dict.fromkeys(ids)), unit)
                continue
            if not isinstance(told, dict) or told.get("digest") == digest(ids):
                continue
            known = told.get("known")
            if isinstance(known, str) and self._may_correct(file, hooks):
                new = unknown(ids, known)
                self._take_found(index, new, unit)
                if new or len(ids) <= int(told.get("count", 0)):
                    continue
            names = set(unit.names)
            here = sum(1 for name in unit.names if file_of(name) == file)
            new = [name for name in ids if name not in names]
            if here == told.get("count"):
                for name in new:
                    self._new_errors.append((name, _NOT_RUN, ""))
            elif len(ids) > int(told.get("count", 0)):
                self._new_errors.append(
                    (
                        f"{file}: collection",
                        f"the worker has found {len(ids)} tests, discovery"
                        f" {told.get('count')}",
                        "among these some are new:\n" + "\n".join(new),
                    )
                )

    def _may_correct(self, file: str, hooks: Any) -> bool:
        return (
            self._kept
            and not self._partial
            and self._went_well(file, hooks)
        )

    def _went_well(self, file: str, hooks: Any) -> bool:
        """Whether `file`, and what it is in, was collected without error."""
        if self._errors.get("") or self._errors.get(file):
            return False
        for nodeid, report in hooks.collect_reports.items():
            place = file_of(nodeid)
            if place.endswith("/__init__.py"):
                place = os.path.dirname(place)
            above = place in ("", ".", file) or file.startswith(place + "/")
            if report.failed and above:
                return False
        return True

    def _take_found(self, index: int, names: List[str], unit: Unit) -> None:
        from .pytest_descriptions import timeout_of

        room = _MAX_FOUND - len(unit.found)
        room -= sum(len(found) for found in self.found.values())
        for name in names:
            for nth, item in enumerate(self.items[name], 1):
                shown = name if nth == 1 else f"{name} #{nth}"
                self.found_names.append(shown)
                if shown in unit.found:
                    continue
                size = len(shown.encode("utf-8", "backslashreplace"))
                if room <= 0 or size > _MAX_FOUND_NAME:
                    self._new_errors.append((shown, _NOT_RUN, ""))
                    continue
                room -= 1
                self.found.setdefault(index, []).append(
                    (shown, item, timeout_of(item))
                )

    def _is_gone(self, test: Dict[str, Any], hooks: Any) -> bool:
        """Whether a test was kept and is not there any more, where nothing
        went wrong and whatever may be there instead is run."""
        file = file_of(test["name"])
        was_skipped = parse_payload(test.get("payload", b"")).get("skipped")
        if was_skipped and file not in self._woken:
            return False  # what it holds now was not run
        return self._may_correct(file, hooks)


def identity_of(test: Dict[str, Any]) -> Tuple[str, Optional[int]]:
    """The node id of a test and, where discovery has seen that id several
    times and gave the later ones other names, which of them it is."""
    payload = parse_payload(test.get("payload", b""))
    name, nth = payload.get("id"), payload.get("nth")
    if isinstance(name, str) and isinstance(nth, int) and nth > 0:
        return name, nth - 1
    return test["name"], None
