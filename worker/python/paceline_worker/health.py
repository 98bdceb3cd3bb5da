"""What a worker reads of itself: memory, its peak, descriptors, threads.

Read after each test, so it is cheap: the files stay open, and of the ways to
count descriptors the cheapest that works here is taken. What the platform does
not tell is left out, never guessed. Whether a reading is too much is the
agent's business.
"""

import os
import resource
import select
from typing import Callable, Dict, List, Optional, Tuple

from . import frames

_SELF = "/proc/self"
_LARGEST_TABLE = 1 << 16


def count_by_stat() -> Optional[int]:
    """The size of /proc/self/fd, where the kernel gives one (6.2 and newer)."""
    try:
        # Zero means that this kernel does not tell: 0 to 2 may be closed, but
        # the socket to the agent is always there.
        return os.stat(_SELF + "/fd").st_size or None
    except OSError:
        return None


def count_by_poll(table_size: int) -> Optional[int]:
    """One poll over the descriptor table: what is not open is POLLNVAL."""
    if not 0 < table_size <= _LARGEST_TABLE:
        return None
    # poll refuses more than the limit of open files, which may have been
    # lowered below what is open.
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and table_size > soft:
        table_size = soft
    poll = _polls.get(table_size)
    if poll is None:
        poll = _polls[table_size] = select.poll()
        for descriptor in range(table_size):
            poll.register(descriptor, 0)
    try:
        ready = poll.poll(0)
    except OSError:
        return None
    # Asked for nothing, poll reports what is closed, hung up or in error.
    open_after_all = [0 for _, events in ready if events != select.POLLNVAL]
    return table_size - len(ready) + len(open_after_all)


_polls: Dict[int, "select.poll"] = {}


def count_by_listing() -> Optional[int]:
    """The entries of /proc/self/fd, without the one that reads them."""
    try:
        return len(os.listdir(_SELF + "/fd")) - 1
    except OSError:
        return None


class HealthReader:
    """Reads the health of the process that made it."""

    def __init__(self) -> None:
        self._status = _open_high("/status", os.O_RDONLY)
        self._peak: Optional[int] = None
        self._peak_identity = (-1, -1)
        self._peak_is_reset = False
        self._count = self._choose_count()
        self._reset_peak()

    def close(self) -> None:
        """Gives its descriptor back, as a forked copy must."""
        if self._status is not None:
            os.close(self._status)
        self._status = None
        if self._is_peak(self._peak):
            os.close(self._peak)
        self._peak = None

    def read(self) -> Dict[str, int]:
        """The reading now; a peak counts from the reading before."""
        reading: Dict[str, int] = {}
        status = self._read_status()
        rss = _field(status, b"\nVmRSS:")
        if rss is not None:
            reading["rss_bytes"] = rss << 10
        if self._peak_is_reset:
            peak = _field(status, b"\nVmHWM:")
            if peak is not None:
                reading["peak_rss_bytes"] = peak << 10
        threads = _field(status, b"\nThreads:")
        if threads is not None:
            reading["threads"] = threads
        count = self._count(status)
        if count is not None:
            own = (self._status is not None) + (self._peak is not None)
            reading["open_fds"] = count - own
        self._reset_peak()
        return reading

    def _choose_count(self) -> Callable[[bytes], Optional[int]]:
        if count_by_stat() is not None:
            return lambda status: count_by_stat()
        size = _field(self._read_status(), b"\nFDSize:")
        if size is not None and count_by_poll(size) is not None:
            return lambda status: count_by_poll(
                _field(status, b"\nFDSize:") or 0
            )
        return lambda status: count_by_listing()

    def _read_status(self) -> bytes:
        for _ in range(2):
            try:
                status = os.pread(self._status, 4096, 0)
                if status.startswith(b"Name:"):
                    return status
            except (OSError, TypeError):
                pass
            # A test closed our descriptor, and may have put its own there.
            self._status = _open_high("/status", os.O_RDONLY)
        return b""

    def _reset_peak(self) -> None:
        if not self._is_peak(self._peak):
            self._peak = _open_high("/clear_refs", os.O_WRONLY)
            if self._peak is not None:
                self._peak_identity = _identity_of(os.fstat(self._peak))
        try:
            os.write(self._peak, b"5")
            self._peak_is_reset = True
        except (OSError, TypeError):
            self._peak_is_reset = False

    def _is_peak(self, descriptor: Optional[int]) -> bool:
        """A descriptor that is kept to be written to may have been closed by a
        test, and be a file of its own by now."""
        try:
            return _identity_of(os.fstat(descriptor)) == self._peak_identity
        except (OSError, TypeError):
            return False


def _identity_of(status: os.stat_result) -> Tuple[int, int]:
    return status.st_dev, status.st_ino


def _open_high(name: str, flags: int) -> Optional[int]:
    try:
        descriptor = os.open(_SELF + name, flags | os.O_CLOEXEC)
    except OSError:
        return None
    return frames.to_high_descriptor(descriptor)


def _field(status: bytes, name: bytes) -> Optional[int]:
    at = status.find(name)
    if at < 0:
        return None
    at += len(name)
    words: List[bytes] = status[at : status.find(b"\n", at)].split()
    return int(words[0]) if words else None
