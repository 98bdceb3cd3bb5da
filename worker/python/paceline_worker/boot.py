"""Starts a Python worker or collector: `PYTHON boot.py worker|collect RUNNER`.

Runs in an interpreter that belongs to the user's tests, so it leaves no trace
in it: the package is loaded without a folder of ours in sys.path, and a msgpack
that had to be lent is not there for the tests to find.

It holds no logic of workers or collectors.
"""

import importlib
import importlib.util
import os
import sys
import types

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = "paceline_worker"
OLDEST = (3, 9)


def load_package() -> None:
    """Makes `import paceline_worker` work without an entry in sys.path."""
    # Python puts the script's folder first; ours must not shadow a test's
    # `worker` or `health`.
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != _FOLDER]
    spec = importlib.util.spec_from_file_location(
        _PACKAGE,
        os.path.join(_FOLDER, "__init__.py"),
        submodule_search_locations=[_FOLDER],
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)


def import_msgpack() -> types.ModuleType:
    """The user's msgpack, or the one beside us, which then stays hidden."""
    try:
        return importlib.import_module("msgpack")
    except ImportError:
        pass
    lent = os.path.join(os.path.dirname(os.path.dirname(_FOLDER)), "lent")
    known = set(sys.modules)
    sys.path.append(lent)
    try:
        msgpack = importlib.import_module("msgpack")
    finally:
        sys.path.remove(lent)
        sys.path_importer_cache.pop(lent, None)
        # A test that skips without msgpack must still do so.
        for name in set(sys.modules) - known:
            if name.partition(".")[0] == "msgpack":
                del sys.modules[name]
    return msgpack


def main(arguments: "list[str]") -> int:
    if sys.version_info < OLDEST:
        sys.stderr.write(
            "paceline needs Python 3.9 or newer; %s is %d.%d\n"
            % ((sys.executable,) + tuple(sys.version_info[:2]))
        )
        return 2
    if len(arguments) != 2 or arguments[0] not in ("worker", "collect"):
        sys.stderr.write("usage: boot.py worker|collect RUNNER\n")
        return 2
    mode, runner = arguments
    load_package()
    try:
        msgpack = import_msgpack()
    except ImportError as error:
        sys.stderr.write("paceline: %s has no msgpack: %s\n"
                         % (sys.executable, error))
        return 2
    frames = importlib.import_module(_PACKAGE + ".frames")
    frames.use_msgpack(msgpack)
    own = "%s.%s_%s" % (_PACKAGE, runner, mode)
    try:
        entry = importlib.import_module(own)
    except ModuleNotFoundError as error:
        if error.name != own:
            raise
        sys.stderr.write("paceline has no Python runner %r\n" % runner)
        return 2
    if mode == "worker":
        entry = importlib.import_module(_PACKAGE + ".worker")
    # Programs that look at argv[0] see a test run, not this file.
    sys.argv = [runner]
    return entry.main(frames.open_channel(), runner)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
