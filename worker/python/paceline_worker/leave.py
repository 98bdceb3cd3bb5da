"""How a worker ends: as Python does, but in a bounded time.

An interpreter waits at its end for every thread that is not a daemon. One that
a test has left behind for good would hold the worker until it is killed, and
what runs at the end, such as the writing of coverage data, with it.
"""

import atexit
import os
import sys
import threading
import time

# How long such threads have to come to an end by themselves.
PATIENCE = 1.0


def prepare() -> None:
    """To be called last: the process ends soon, whatever still runs in it."""
    left = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.current_thread() and not thread.daemon
    ]
    if not left:
        return
    ending = threading.Event()
    # Runs before all other functions: once they run, nothing waits any more.
    atexit.register(ending.set)

    def end() -> None:
        deadline = time.monotonic() + PATIENCE
        for thread in left:
            thread.join(max(deadline - time.monotonic(), 0.0))
        if ending.is_set() or not any(t.is_alive() for t in left):
            return
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass  # a test may have put anything there
        os._exit(0)

    threading.Thread(target=end, name="paceline-leave", daemon=True).start()
