"""Fixtures write down who sets them up and who tears them down.

Lines "PID set-up|tear-down SCOPE" in the file that FIXTURE_LOG names.
"""

import os

import pytest


def _note(what):
    path = os.environ.get("FIXTURE_LOG")
    if path:
        with open(path, "a") as file:
            file.write(f"{os.getpid()} {what}\n")


@pytest.fixture(scope="session", autouse=True)
def session_scope():
    _note("set-up session")
    yield
    _note("tear-down session")


@pytest.fixture(scope="module", autouse=True)
def module_scope(request):
    _note(f"set-up module {request.module.__name__}")
    yield
    _note(f"tear-down module {request.module.__name__}")
