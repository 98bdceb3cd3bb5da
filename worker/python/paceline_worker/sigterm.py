"""What a worker does on SIGTERM: it tells where its threads are, and dies.

SIGTERM means that the running test is over its time. Its stacks go to the
original standard error from the signal handler in C, which works when no Python
code can run, and then, if Python gets the chance, into the test's result. The
process dies of the signal as if nothing had been installed.

A test may install its own handler; it is left alone. A forked child of a test
has the default action again, so that `terminate()` ends it as it should.
"""

import faulthandler
import os
import signal
import sys
import threading
import traceback
from typing import Any, List

from . import frames
from .user_frames import is_the_users

_worker: Any = None
_is_prepared = False
_held: List[Any] = []
# The standard error that this process was started with.
_file: Any = None
# The original standard error is the user's terminal, and nothing for stacks.
has_terminal = False


def arm(worker: Any) -> None:
    """Makes `worker.on_sigterm(stacks)` the last thing that is done."""
    global _worker, _is_prepared
    _worker = worker
    if not _is_prepared:
        os.register_at_fork(
            before=_hold, after_in_parent=_release, after_in_child=_reset
        )
        _is_prepared = True
    _install()


def rearm(worker: Any) -> None:
    """Installs the handlers again where a test has put the default back, or
    ours: that of faulthandler, in C, went when it installed its own."""
    if signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, _on_sigterm):
        if not has_terminal:
            faulthandler.unregister(signal.SIGTERM)
        _install()


def _install() -> None:
    global _file
    signal.signal(signal.SIGTERM, _on_sigterm)
    if has_terminal:
        return
    try:
        # The file object must live as long as the registration.
        if _file is None:
            descriptor = frames.to_high_descriptor(os.dup(2))
            _file = os.fdopen(descriptor, "wb", buffering=0)
        faulthandler.register(
            signal.SIGTERM, file=_file, all_threads=True, chain=True
        )
    except (OSError, ValueError, RuntimeError):
        pass  # no standard error to write to


def _hold() -> None:
    # A signal that reached the child before it has the default action would
    # be lost.
    _held.append(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}))


def _release() -> None:
    if _held:
        signal.pthread_sigmask(signal.SIG_SETMASK, _held.pop())


def _reset() -> None:
    try:
        if signal.getsignal(signal.SIGTERM) is _on_sigterm:
            if not has_terminal:
                faulthandler.unregister(signal.SIGTERM)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    finally:
        _release()


def _on_sigterm(number: int, frame: Any) -> None:
    try:
        if _worker is not None:
            _worker.on_sigterm(describe_threads(frame))
    finally:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def describe_threads(here: Any) -> str:
    """The stacks of all threads; `here` is the main thread's frame."""
    names = {t.ident: t.name for t in threading.enumerate()}
    main = threading.main_thread().ident
    text: List[str] = []
    frames_now = sys._current_frames()
    for ident in sorted(frames_now, key=lambda ident: ident != main):
        frame = here if ident == main else frames_now[ident]
        text.append(f"Thread {names.get(ident, ident)}, most recent call last:")
        stack = traceback.extract_stack(frame)
        while len(stack) > 1 and not is_the_users(stack[0].filename):
            del stack[0]
        text.append("".join(traceback.format_list(stack)))
    return "\n".join(text)
