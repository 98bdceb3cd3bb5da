"""Keeps what a collection has found, for the next run of the same suite.

A suite's tests are the same as long as the files that collecting reads, the
names of those that it looks for, the configuration, the interpreter, the
plugins and the environment are. Then they are handed over at once, and no
module is imported here. What else they may depend on nobody can tell from
here: so workers hold what they collect against it and correct it, and nothing
that the collector alone has seen, such as the reason why a module was skipped,
is taken for granted.

It gives no verdict: a skipped module is skipped again by a worker.
"""

import fnmatch
import hashlib
import json
import os
import struct
import sys
import sysconfig
from typing import Any, Dict, Iterator, List, Optional

from . import file_marks, frames, user_cache
from .collecting import Client, Request, batches
from .pytest_digest import short_forms
from .pytest_item_hooks import from_known_plugin

_MAGIC = b"paceline collection 1\n"
_MAX_FILES = 32
_MAX_BYTES = 256 << 20
# Of a test's payload; the client takes 48 KiB.
_MAX_PAYLOAD = 47 << 10
_LENGTH = struct.Struct(">I")
# Variables that say where and for whom something runs, not what.
_NO_MATTER = frozenset(
    [
        "_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TEMP", "TERM",
        "TMP", "TMPDIR", "WINDOWID",
    ]
)
_NO_MATTER_AT_START = ("PACELINE_", "SSH_", "XDG_")
# A file or folder that these find or leave out may depend on anything.
_CHOOSING = (
    "pytest_collect_directory",
    "pytest_collect_file",
    "pytest_ignore_collect",
    "pytest_pycollect_makemodule",
)
# With these, a conftest file that is found on the way takes part in the
# session of the collector, which it would not if nothing were collected.
_TAKING_PART = (
    "pytest_report_from_serializable",
    "pytest_report_teststatus",
    "pytest_runtest_logfinish",
    "pytest_runtest_logreport",
    "pytest_runtest_logstart",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_unconfigure",
    "pytest_warning_recorded",
)


class KeptCollection:
    """What is kept of one suite, in a file of its own."""

    def __init__(self, config: Any, request: Request,
                 start_path: List[str]) -> None:
        self._config = config
        self._plugins = set(config.pluginmanager.get_plugins())
        names = [
            sys.executable,
            str(config.rootpath),
            str(config.invocation_params.dir),
            request.args,
            request.targets,
            request.unit,
        ]
        self._identity = _digest([names, _identity(config, start_path)])
        # Empty where there is no place to keep anything.
        self._folder = user_cache.folder("collections") or ""
        self._path = os.path.join(self._folder, _digest(names)[:32])
        self._frames = b""
        self.tests = 0
        # Whether workers can tell of every module what is new in it.
        self.correctable = False

    def load(self) -> bool:
        """Whether there is a collection, and it still holds."""
        if not self._folder:
            return False
        try:
            with open(self._path, "rb") as file:
                data = file.read(_MAX_BYTES)
            if not data.startswith(_MAGIC):
                return False
            end = len(_MAGIC) + 20
            if hashlib.sha1(data[end:]).digest() != data[len(_MAGIC) : end]:
                return False
            (length,) = _LENGTH.unpack_from(data, end)
            start = end + _LENGTH.size
            head = json.loads(data[start : start + length])
            if head["identity"] != self._identity or not self._holds(head):
                return False
            os.utime(self._path)
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return False
        self.tests = head["tests"]
        self.correctable = head["correctable"]
        self._frames = data[start + length :]
        return True

    def hand_over(self, client: Client) -> None:
        position = 0
        while position < len(self._frames):
            (length,) = _LENGTH.unpack_from(self._frames, position)
            end = position + _LENGTH.size + length
            client.send_kept(self._frames[position:end])
            position = end
        client.tests += self.tests

    def entries(self) -> Iterator[Dict[str, Any]]:
        """The tests, as they were handed over."""
        position = 0
        while position < len(self._frames):
            (length,) = _LENGTH.unpack_from(self._frames, position)
            start = position + _LENGTH.size
            position = start + length
            yield from frames.unpack(self._frames[start:position])["tests"]

    def forget(self) -> None:
        try:
            os.unlink(self._path)
        except OSError:
            pass

    def keep(self, session: Any, tests: List[Dict[str, Any]]) -> None:
        """Keeps `tests`, which are all of the suite.

        Where that cannot be done, the next run collects again.
        """
        if not self._folder or self._someone_chooses():
            return
        try:
            tests = _for_workers(tests)
            head = self._head(session, tests)
            self._write(json.dumps(head).encode(), _to_frames(tests))
            self._prune()
        except (OSError, frames.BadFrame, file_marks.Unclear):
            pass

    def _someone_chooses(self) -> bool:
        hook = self._config.pluginmanager.hook
        for name in _CHOOSING:
            caller = getattr(hook, name, None)
            for implementation in caller.get_hookimpls() if caller else ():
                if not from_known_plugin(implementation):
                    return True
        manager = self._config.pluginmanager
        return any(
            hasattr(plugin, name)
            for plugin in set(manager.get_plugins()) - self._plugins
            for name in _TAKING_PART
        )

    def _head(self, session: Any,
              tests: List[Dict[str, Any]]) -> Dict[str, Any]:
        tops = sorted({str(path) for path in session._initialpaths})
        root = str(self._config.rootpath)
        return {
            "identity": self._identity,
            "tests": len(tests),
            "correctable": _correctable(tests),
            "files": {p: file_marks.mark(p) for p in self._files(session)},
            "names": {
                top: self._names_below(top)
                for top in tops
                if os.path.isdir(top)
            },
            "absent": sorted(_absent_above(tops, root)),
        }

    def _holds(self, head: Dict[str, Any]) -> bool:
        try:
            return (
                all(
                    file_marks.is_same(path, mark)
                    for path, mark in head["files"].items()
                )
                and all(
                    self._names_below(top) == names
                    for top, names in head["names"].items()
                )
                and not any(os.path.exists(p) for p in head["absent"])
            )
        except file_marks.Unclear:
            return False

    def _files(self, session: Any) -> List[str]:
        """The files that collecting has read, those of Python's own library
        excepted."""
        found = {str(item.path) for item in session.items}
        for module in list(sys.modules.values()):
            name = getattr(module, "__file__", None)
            if isinstance(name, str):
                found.add(os.path.abspath(name))
        for plugin in self._config.pluginmanager.get_plugins():
            name = getattr(plugin, "__file__", None)
            if isinstance(name, str):
                found.add(os.path.abspath(name))
        inifile = getattr(self._config, "inipath", None)
        if inifile:
            found.add(str(inifile))
        own = os.path.dirname(os.path.abspath(__file__))
        library = sysconfig.get_paths()["stdlib"]
        return sorted(
            path
            for path in found
            if not path.startswith(own + os.sep)
            and (
                not path.startswith(library + os.sep)
                or "-packages" + os.sep in path
            )
        )

    def _names_below(self, top: str) -> str:
        option = self._config.option
        any_text = bool(getattr(option, "doctestglob", None))
        skipped = ["__pycache__"]
        skipped += [
            pattern
            for pattern in self._config.getini("norecursedirs")
            if os.sep not in pattern
        ]
        return file_marks.names_below(
            top,
            lambda name: any_text or name.endswith((".py", ".txt", ".rst")),
            lambda name: not any(fnmatch.fnmatch(name, p) for p in skipped),
        )

    def _write(self, head: bytes, tests: bytes) -> None:
        rest = _LENGTH.pack(len(head)) + head + tests
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        fresh = f"{self._path}.{os.getpid()}"
        with open(fresh, "wb") as file:
            file.write(_MAGIC + hashlib.sha1(rest).digest() + rest)
        os.replace(fresh, self._path)

    def _prune(self) -> None:
        """Keeps the newest, and not too much of them."""
        known = []
        for entry in os.scandir(self._folder):
            status = entry.stat()
            known.append((status.st_mtime_ns, status.st_size, entry.path))
        total = 0
        for place, (_, size, path) in enumerate(sorted(known, reverse=True)):
            total += size
            if place >= _MAX_FILES or total > _MAX_BYTES:
                os.unlink(path)


def _to_frames(tests: List[Dict[str, Any]]) -> bytes:
    """`tests` as they are sent."""
    return b"".join(
        frames.pack({"type": "tests", "tests": batch})
        for batch in batches(tests)
    )


def _for_workers(tests: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """`tests`, with what workers have to know to correct them.

    What was skipped without being run is left to them to find out again.
    """
    modules: Dict[str, List[str]] = {}
    for test in tests:
        modules.setdefault(_module_of(test), []).append(test["name"])
    kept = []
    for test in tests:
        test = dict(test)
        payload = _payload_of(test)
        if test.pop("skip_reason", None) is not None:
            payload["skipped"] = True
        elif "module" in payload:
            payload["module"]["known"] = short_forms(modules[_module_of(test)])
        data = json.dumps(payload).encode() if payload else b""
        if 0 < len(data) <= _MAX_PAYLOAD:
            test["payload"] = data
        kept.append(test)
    return kept


def _correctable(tests: List[Dict[str, Any]]) -> bool:
    modules, told = set(), set()
    for test in tests:
        payload = _payload_of(test)
        if "known" in payload.get("module", {}):
            told.add(_module_of(test))
        if not payload.get("skipped"):
            modules.add(_module_of(test))
    return modules <= told


def _payload_of(test: Dict[str, Any]) -> Dict[str, Any]:
    return json.loads(test["payload"]) if "payload" in test else {}


def _module_of(test: Dict[str, Any]) -> str:
    return str(test["name"]).partition("::")[0]


def _absent_above(tops: List[str], root: str) -> Iterator[str]:
    """Files that would matter if they were there."""
    for top in tops:
        folder = top
        while folder != os.path.dirname(folder):
            for name in ("conftest.py", "__init__.py"):
                path = os.path.join(folder, name)
                if not os.path.exists(path):
                    yield path
            if folder == root:
                break
            folder = os.path.dirname(folder)


def _identity(config: Any, start_path: List[str]) -> List[Any]:
    import pytest

    manager = config.pluginmanager
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _NO_MATTER and not name.startswith(_NO_MATTER_AT_START)
    }
    here = (str(config.rootpath), str(config.invocation_params.dir))
    return [
        sys.version,
        pytest.__version__,
        sorted(
            f"{dist.project_name} {dist.version}"
            for _, dist in manager.list_plugin_distinfo()
        ),
        sorted(n for n, _ in manager.list_name_plugin() if not n.isdigit()),
        str(getattr(config, "inipath", None)),
        # Installing something changes its folder; the project's own folders
        # change for many reasons, and their files are looked at one by one.
        [
            [path, _changed(path)]
            for path in start_path
            if path and not os.path.abspath(path).startswith(here)
        ],
        _own_version(),
        environment,
    ]


def _own_version() -> List[Any]:
    own = os.path.dirname(os.path.abspath(__file__))
    return sorted(
        [entry.name, entry.stat().st_size, entry.stat().st_mtime_ns]
        for entry in os.scandir(own)
        if entry.name.endswith(".py")
    )


def _changed(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
