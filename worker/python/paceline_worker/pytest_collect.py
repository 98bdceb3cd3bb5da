"""Collector of the runner "pytest": the user's own session, which stays.

One full pytest session runs here, with all plugins and conftest files. It
collects, and its tests go to the client as they are found; then, where pytest
would run them, it receives the workers' results and feeds the plugins that
live in a controller; and at the end it finishes as any session does.

It runs no test, and decides nothing about verdicts.
"""

import gc
import io
import json
import os
import sys
import traceback
from typing import Any, Dict, List, Optional

from . import frames, pytest_version
from .collecting import Client, ClientGone, Request
from .json_safe import json_safe

# Variables that make pytest what it is; a worker elsewhere needs them too.
_PASSED_ON = (
    "PYTEST_ADDOPTS",
    "PYTEST_PLUGINS",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTHONWARNINGS",
)
_MAX_STDERR = 64 << 10


def main(channel: frames.Channel, runner: str) -> int:
    client = Client(channel)
    try:
        _serve(client, client.request())
    except ClientGone:
        return 1
    return 0


def _serve(client: Client, request: Request) -> None:
    start_path = list(sys.path)
    missing = pytest_version.why_unusable()
    if missing:
        _give_up(client, request, missing)
        return
    import pytest

    from .pytest_plugin import CollectorPlugin

    plugin = CollectorPlugin(client, request, start_path)
    heard = _Stderr(sys.stderr)
    sys.stderr = heard  # type: ignore[assignment]
    # A session allocates much that stays, and looking through it all again
    # and again costs a tenth of a collection.
    gc.set_threshold(50_000, 20, 50)
    failed = ""
    status: Any = 0
    try:
        status = pytest.main(
            request.args + request.targets, plugins=[plugin]
        )
    except ClientGone:
        raise
    except SystemExit as error:
        failed = f"pytest left with {error.code!r}"
    except BaseException:
        failed = traceback.format_exc()
    finally:
        sys.stderr = heard.real
    if plugin.client_gone:
        raise ClientGone()
    if plugin.finished:
        client.finished(plugin.text, plugin.error_at_end(status) or failed)
        return
    said = heard.text().strip()
    if plugin.started:
        # Something in the session broke; what was found is not all there is.
        text = "\n".join(t for t in (plugin.internal_error, failed, said) if t)
        text = text or f"pytest's session ended with status {int(status)}"
        was_told = plugin.close_collection(text)
        client.wait_for_finish()
        client.finished(plugin.text, "" if was_told else text)
        return
    _give_up(
        client, request,
        "\n".join(t for t in (plugin.internal_error, said, failed) if t)
        or "pytest started no session with these arguments: "
        + " ".join(request.args + request.targets),
    )


def _give_up(client: Client, request: Request, message: str) -> None:
    client.error(" ".join(request.targets) or os.getcwd(), message)
    client.collected()
    client.wait_for_finish()
    client.finished()


class _Stderr(io.TextIOBase):
    """Standard error, with a copy: pytest says there why it does not start."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self._kept: List[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        if self._size < _MAX_STDERR:
            self._kept.append(text)
            self._size += len(text)
        return self.real.write(text)

    def flush(self) -> None:
        self.real.flush()

    def fileno(self) -> int:
        return self.real.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.real.encoding

    @property
    def buffer(self) -> Any:
        return self.real.buffer

    def isatty(self) -> bool:
        return False

    def text(self) -> str:
        return "".join(self._kept)


def worker_options(config: Any, request: Request, start_path: List[str],
                   **more: Any) -> bytes:
    """What a worker needs to be in the collector's place."""
    inifile = getattr(config, "inipath", None)
    options: Dict[str, Any] = {
        "runner": "pytest",
        "args": request.args + request.targets,
        "rootdir": str(config.rootpath),
        "inifile": str(inifile) if inifile else None,
        "cwd": str(config.invocation_params.dir),
        "host": os.uname().nodename,
        "sys_path": start_path,
        "unit": request.unit,
    }
    options.update(more)
    return json.dumps(json_safe(options)).encode()


def passed_on_environment() -> List[List[Optional[str]]]:
    return [
        [name, os.environ[name]] for name in _PASSED_ON if name in os.environ
    ]
