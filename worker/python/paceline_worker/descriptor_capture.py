"""Captures what tests print, on any descriptor and in any child process.

While it is open, descriptors 1 and 2 lead to one temporary file; between tests
the file is read and emptied. A test that closes or replaces them spoils its own
output only. For runners whose framework has no capture of its own.
"""

import os
import sys
import tempfile
from typing import Any, Tuple

# As much of one test's output as is read into memory; the rest is cut, and
# what is cut is said. All of it is on disk until the test is over.
_MAX_READ = 8 << 20


class DescriptorCapture:
    """Standard output and error of this process, from `open` to `close`."""

    def __init__(self) -> None:
        self._file: Any = None
        self._saved = (-1, -1)
        # How much is missing in the middle of what was last read.
        self.cut_bytes = 0

    def open(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)
        # Both descriptors append to it, whoever holds a copy of them.
        _append_mode(self._file.fileno())
        flush_streams()
        self._saved = (os.dup(1), os.dup(2))
        self._aim()

    def begin(self) -> None:
        """A test starts: what came before is not its own."""
        flush_streams()
        self._aim()
        self._empty()

    def take(self) -> bytes:
        """What was printed since `begin`."""
        flush_streams()
        output = self.peek()
        self._empty()
        return output

    def peek(self) -> bytes:
        """What was printed so far; safe in a signal handler."""
        if self._file is None:
            return b""
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        output, self.cut_bytes = read_ends(descriptor, size)
        return output

    def close(self) -> None:
        if self._file is None:
            return
        flush_streams()
        for target, saved in enumerate(self._saved, 1):
            os.dup2(saved, target)
            os.close(saved)
        self._file.close()
        self._file = None

    def _aim(self) -> None:
        for target in (1, 2):
            os.dup2(self._file.fileno(), target)

    def _empty(self) -> None:
        os.ftruncate(self._file.fileno(), 0)


def read_ends(descriptor: int, size: int) -> Tuple[bytes, int]:
    """A file of `size` bytes, and how many of them are not in it because
    there are too many: a mark is in the middle then."""
    if size <= _MAX_READ:
        return os.pread(descriptor, size, 0), 0
    half = _MAX_READ // 2
    mark = b"\n[... %d bytes cut ...]\n" % (size - 2 * half)
    return (
        os.pread(descriptor, half, 0)
        + mark
        + os.pread(descriptor, half, size - half),
        size - 2 * half - len(mark),
    )


def flush_streams() -> None:
    """What Python holds back belongs to the test that wrote it."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except Exception:
            pass  # closed, replaced or None: the test's own doing


def _append_mode(descriptor: int) -> None:
    import fcntl

    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
