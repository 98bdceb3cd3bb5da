"""Tells whether files and folders are what they were.

A file is known by the digest of what is in it. Reading it again is spared
where the file system says that nothing has touched it since; a file that was
touched about when it was read is read again, for the clock is coarse.

It does not decide which files matter.
"""

import hashlib
import os
import time
from typing import Any, Callable, List, Optional

# [size, mtime_ns, ctime_ns, inode, digest, when it was read]
Mark = List[Any]

_COARSE_NS = 2_000_000_000


def mark(path: str) -> Optional[Mark]:
    """Returns None if `path` cannot be read."""
    try:
        status = os.stat(path)
        with open(path, "rb") as file:
            digest = hashlib.sha1(file.read()).hexdigest()
    except OSError:
        return None
    return [*_touched(status), digest, time.time_ns()]


def is_same(path: str, known: Any) -> bool:
    """Whether `path` holds what it held when `known` was made of it."""
    try:
        *touched, digest, read = known
        status = os.stat(path)
    except (OSError, TypeError, ValueError):
        return False
    if _touched(status) == touched and (
        max(status.st_mtime_ns, status.st_ctime_ns) + _COARSE_NS < read
    ):
        return True
    now = mark(path)
    return now is not None and now[4] == digest


def _touched(status: os.stat_result) -> List[int]:
    return [
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
    ]


class Unclear(Exception):
    """What is below a folder cannot be told by looking at names."""


def names_below(top: str, is_wanted: Callable[[str], bool],
                is_entered: Callable[[str], bool]) -> str:
    """A digest of the names of files and folders below `top`, of those for
    which the functions hold.

    Raises Unclear where a folder is a link, which may lead anywhere.
    """
    digest = hashlib.sha1()
    folders = [top]
    while folders:
        folder = folders.pop()
        inner, files = [], []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.is_dir():
                        if is_wanted(entry.name):
                            files.append(entry.name)
                    elif is_entered(entry.name):
                        if entry.is_symlink():
                            raise Unclear(entry.path)
                        inner.append(entry.name)
        except OSError as error:
            raise Unclear(f"{folder}: {error}") from error
        inner.sort()
        text = "\0".join([folder, *inner, "", *sorted(files), "\n"])
        digest.update(os.fsencode(text))
        folders += [os.path.join(folder, name) for name in reversed(inner)]
    return digest.hexdigest()
