"""The user's terminal, where this worker has it.

The agent names a file whose locks say who uses the terminal: `paceline run`
writes nothing while the first is ours, and leaves Ctrl-C to us while the second
is. Ctrl-C comes to this process too, being in the terminal's process group; it
means something here only in a debugger. The file's content is the number of
those that `paceline run` has left to the debugger: until it has, the debugger
stays, or the next look would find nobody there and end the run.
"""

import fcntl
import os
import signal
import sys
import time
from typing import Any, Optional

from .user_frames import is_the_users

# The same numbers are in cli/terminal_lock.cc.
_USE = 0
_DEBUGGER = 1

# A test that is debugged is not over its time.
NO_LIMIT_NS = 9 * 365 * 24 * 3600 * 10**9

# For how long `paceline run` is waited for: it need not have got the signal.
_PATIENCE_S = 2.0


class Terminal:
    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._owner = os.getpid()
        self._on_debugger: Any = None
        # How many interrupts were left to the debugger, as far as is known.
        self._interrupts = 0
        # Not SIG_IGN, which programs that tests start would inherit.
        signal.signal(signal.SIGINT, _ignore)

    def use(self, on_debugger: Any = None) -> "Terminal":
        """For a `with` statement; `on_debugger` is called when a debugger
        begins within."""
        self._on_debugger = on_debugger
        return self

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _USE)

    def __exit__(self, *_: Any) -> None:
        if os.getpid() != self._owner:
            return
        self.leave_debugger()
        self._on_debugger = None
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _USE)

    def enter_debugger(self) -> None:
        if os.getpid() != self._owner:
            return
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _DEBUGGER)
        signal.signal(signal.SIGINT, self._interrupt)
        if self._on_debugger is not None:
            self._on_debugger()

    def leave_debugger(self) -> None:
        signal.signal(signal.SIGINT, _ignore)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _DEBUGGER)

    def _interrupt(self, number: int, frame: Any) -> None:
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            left = int.from_bytes(os.pread(self._file, 8, 0), sys.byteorder)
            if left > self._interrupts:
                self._interrupts = left
                break
            time.sleep(0.001)
        signal.default_int_handler(number, frame)

    # pytest's hooks.

    def pytest_enter_pdb(self, pdb: Any) -> None:
        self.enter_debugger()
        if pdb is None:
            return
        # A breakpoint that is met after `continue` calls no hook.
        setup = pdb.setup

        def setup_again(*args: Any, **kwargs: Any) -> Any:
            self.enter_debugger()
            return setup(*args, **kwargs)

        pdb.setup = setup_again

    def pytest_leave_pdb(self) -> None:
        self.leave_debugger()


class NoTerminal:
    """In place of a terminal: a debugger would find nothing to read."""

    def pytest_enter_pdb(self, config: Any) -> None:
        # Another debugger than pdb may need no terminal.
        if not getattr(config.option, "usepdb_cls", None):
            import pytest

            # Our own frames and pytest's would hide whose call it was.
            pytest.fail(
                f"a debugger was called at {_caller()}, but this test has no"
                " terminal: run it with -s, or with --pdb",
                pytrace=False,
            )


def take() -> Optional[Terminal]:
    """The terminal, if this worker was given one."""
    path = os.environ.pop("PACELINE_WORKER_TERMINAL", "")
    return Terminal(path) if path else None


def _caller() -> str:
    """Where the user's code is that was left for pytest's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and not is_the_users(
        frame.f_code.co_filename
    ):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _ignore(number: int, frame: Any) -> None:
    pass
