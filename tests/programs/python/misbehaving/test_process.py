"""Tests that do to their process what tests should not do.

Each is followed by a test that must still have its own verdict.
"""

import ctypes
import os
import signal
import sys
import threading
import time

import pytest


def test_first():
    pass


def test_exits():
    print("about to exit")
    sys.stdout.flush()
    os._exit(3)


def test_after_exit():
    pass


def test_segfaults():
    ctypes.string_at(0)


def test_after_segfault():
    pass


def test_closes_output():
    os.close(1)
    os.close(2)


def test_after_closed_output():
    print("printed after")


def test_reads_stdin():
    sys.stdin.readline()


def test_reads_descriptor_0():
    assert os.read(0, 1) == b""


def test_forks_and_returns_twice():
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)


def test_after_fork():
    pass


def test_changes_directory(tmp_path):
    os.chdir(tmp_path)


def test_after_changed_directory():
    pass


def test_replaces_stdout():
    sys.stdout = open(os.devnull, "w")


def test_after_replaced_stdout():
    print("seen")


def test_installs_sigterm_handler():
    signal.signal(signal.SIGTERM, lambda *_: None)


def test_after_sigterm_handler():
    pass


def test_thread_never_ends():
    threading.Thread(target=threading.Event().wait).start()


def test_after_thread():
    pass


def test_raises_keyboard_interrupt():
    raise KeyboardInterrupt


def test_after_keyboard_interrupt():
    pass


def test_raises_system_exit():
    sys.exit(5)


def test_last():
    pass
