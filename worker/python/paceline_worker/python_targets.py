"""Targets of the standard library's runners, as modules.

A target is a folder, a file, or a dotted name. This says which module a file
is, as it is imported from where it lies, and where names are to be looked up.
"""

import os
import sys
from typing import List, Tuple


def top_of(folder: str) -> str:
    """The folder that a module in `folder` is imported from: the first one
    upward that is no package."""
    top = os.path.abspath(folder)
    while os.path.isfile(os.path.join(top, "__init__.py")):
        parent = os.path.dirname(top)
        if parent == top:
            break
        top = parent
    return top


def module_of(path: str) -> Tuple[str, str]:
    """The dotted name of the module in file `path`, and its top folder."""
    path = os.path.abspath(path)
    top = top_of(os.path.dirname(path))
    name = os.path.splitext(os.path.relpath(path, top))[0]
    parts = name.split(os.sep)
    if parts[-1] == "__init__":
        del parts[-1]
    return ".".join(parts), top


def import_from(folder: str) -> None:
    """Has modules looked up in `folder` first."""
    if folder not in sys.path:
        sys.path.insert(0, folder)


def import_first_from(folder: str) -> None:
    """The same, whatever was put before it since."""
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def relative(path: str, start: str) -> str:
    """`path` as people read it: relative where it lies below `start`."""
    if not path:
        return path
    below = os.path.relpath(path, start)
    return path if below.startswith(os.pardir) else below


def suite_name(targets: List[str], cwd: str) -> str:
    if len(targets) == 1:
        name = relative(os.path.abspath(targets[0]), cwd)
        if os.path.exists(targets[0]) and name != os.curdir:
            return name
        if not os.path.exists(targets[0]):
            return targets[0]
    return os.path.basename(cwd) or "tests"
