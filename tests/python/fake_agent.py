"""The agent's side of worker protocol 1, for tests of Python workers.

It starts real worker processes, plain or forked of a template, and keeps what
they say. It has no pool, no limits and no retries: a test asks for each step.
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

import msgpack

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "worker" / "python" / "paceline_worker" / "boot.py"
PROGRAMS = ROOT / "tests" / "programs" / "python"
PATIENCE = 60.0
# The Python of the workers; the tests themselves may run in another.
PYTHON = os.environ.get("PACELINE_TEST_PYTHON", sys.executable)

Message = Dict[str, Any]


class Connection:
    """One end of a conversation; waits a bounded time."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.settimeout(PATIENCE)
        self._read = b""

    def send(self, descriptors: Optional[List[int]] = None, **message) -> None:
        body = msgpack.packb(message)
        data = struct.pack(">I", len(body)) + body
        if descriptors:
            sent = socket.send_fds(self._socket, [data[:1]], descriptors)
            data = data[sent:]
        self._socket.sendall(data)

    def receive(self) -> Optional[Message]:
        """The next message; None at the end."""
        header = self._take(4)
        if header is None:
            return None
        return msgpack.unpackb(self._take(struct.unpack(">I", header)[0]))

    def close(self) -> None:
        self._socket.close()

    def _take(self, size: int) -> Optional[bytes]:
        while len(self._read) < size:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._read += data
        taken, self._read = self._read[:size], self._read[size:]
        return taken


class UnitResult:
    """What a worker said of a unit."""

    def __init__(self, names: List[str]) -> None:
        self.names = names
        self.started: List[int] = []
        self.results: Dict[int, Message] = {}
        self.extras: List[Message] = []
        # Results of tests that only the worker has found, by name, and these
        # and positions of tests in the order in which they began.
        self.found: Dict[str, Message] = {}
        self.order: List[Any] = []
        self.limits: List[Optional[int]] = []
        self.end: Optional[Message] = None  # None: the worker died

    @property
    def outcomes(self) -> Dict[str, str]:
        return {
            self.names[i]: result["outcome"]
            for i, result in sorted(self.results.items())
        }

    def result(self, name: str) -> Message:
        for index, result in self.results.items():
            if self.names[index].endswith(name):
                return result
        raise KeyError(name)


class FakeWorker:
    """A worker, as an agent sees it."""

    def __init__(
        self, connection: Connection, output: int, pid: int, suite: Message
    ) -> None:
        self.connection = connection
        self.pid = pid
        self._output = output
        self.process: Optional[subprocess.Popen] = None
        self._request = 0
        self._units = 0
        self.refused: Optional[str] = None
        self.leaving: Message = {}
        self._suite = suite
        self.hello = connection.receive()
        assert self.hello and self.hello["type"] == "hello", self.hello

    def send_suite(self) -> "FakeWorker":
        self._request += 1
        self.connection.send(type="suite", request=self._request, **self._suite)
        return self

    def begin_unit(self, names: List[str], payloads=(), found=()) -> None:
        self._request += 1
        self._units += 1
        tests = [{"kind": "run_test", "name": name} for name in names]
        for test, payload in zip(tests, payloads):
            test["payload"] = payload
        self.connection.send(
            type="run_unit",
            request=self._request,
            unit=self._units,
            temp_dir="/nonexistent",
            tests=tests,
            found=list(found),
        )

    def run_unit(
        self, names: List[str], payloads=(), on_started=None, found=()
    ) -> UnitResult:
        """Runs a unit to its end, or to the worker's."""
        self.begin_unit(names, payloads, found)
        return self.finish_unit(names, on_started)

    def finish_unit(self, names: List[str], on_started=None) -> UnitResult:
        unit = UnitResult(names)
        while True:
            message = self.connection.receive()
            if message is None:
                return unit
            kind = message["type"]
            if kind == "suite_refused":
                self.refused = message["message"]
                return unit
            assert message["request"] == self._request, message
            if kind == "found_started":
                unit.order.append(message["name"])
                unit.limits.append(message.get("timeout_ns"))
                if on_started is not None:
                    on_started(self, message["name"])
            elif kind == "test_started":
                unit.started.append(message["test"])
                unit.order.append(message["test"])
                if on_started is not None:
                    on_started(self, message["test"])
            elif kind == "test_finished":
                assert message["test"] not in unit.results, message
                unit.results[message["test"]] = message
            elif kind == "extra" and message.get("found"):
                assert message["name"] in unit.order, message
                assert message["name"] not in unit.found, message
                unit.found[message["name"]] = message
            elif kind == "extra":
                unit.extras.append(message)
            elif kind == "unit_finished":
                unit.end = message
                return unit
            else:
                raise AssertionError(message)

    def stop(self) -> None:
        self.connection.send(type="stop", request=self._request)

    def leave(self) -> Message:
        """Has the worker leave; returns what it said then, if anything."""
        try:
            self.connection.send(type="shutdown")
        except BrokenPipeError:
            pass
        while True:
            message = self.connection.receive()
            if message is None:
                break
            if message["type"] == "leaving":
                self.leaving = message
        self.connection.close()
        self.wait()
        return self.leaving

    def wait(self) -> Optional[int]:
        """The exit status; None for a forked worker, who is not our child."""
        if self.process is not None:
            status = self.process.wait(PATIENCE)
        else:
            status = None
            assert _ends(self.pid), "the worker stays"
        self.raw_output = _read_all(self._output)
        self._output = -1
        return status

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _ends(pid: int) -> bool:
    """Waits for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    """What is in a pipe; does not wait for the writers to go."""
    if descriptor < 0:
        return b""
    os.set_blocking(descriptor, False)
    parts = []
    while True:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            break
        if not data:
            break
        parts.append(data)
    os.close(descriptor)
    return b"".join(parts)


class FakeAgent:
    """Starts workers of one suite."""

    def __init__(
        self,
        folder,
        runner: str = "pytest",
        python: str = PYTHON,
        env: Optional[Dict[str, str]] = None,
        output_limit: int = 1 << 20,
        **options,
    ) -> None:
        self.folder = Path(folder)
        self.python = python
        self._env = env or {}
        self._runner = runner
        options.setdefault("runner", runner)
        options.setdefault("args", ["-p", "no:cacheprovider", str(folder)])
        options.setdefault("rootdir", str(folder))
        options.setdefault("cwd", str(folder))
        options.setdefault("testrunuid", "f00d")
        self.suite: Message = {
            "name": "suite",
            "runner": runner,
            "output_limit": output_limit,
            "options": json.dumps(options).encode(),
        }
        self._started = 0
        self._all: List[FakeWorker] = []

    def __enter__(self) -> "FakeAgent":
        return self

    def __exit__(self, *_: Any) -> None:
        for worker in self._all:
            worker.kill()
            worker.connection.close()

    def start(self, template: bool = False, send_suite: bool = True):
        """A fresh worker, or a template."""
        self._started += 1
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        # A template's has room for those of its forks, as an agent's has.
        number = f"{self._started:010}" if template else str(self._started)
        env = dict(os.environ, **self._env)
        env.update(
            PACELINE_PYTHON=self.python,
            PACELINE_WORKER_FD=str(theirs.fileno()),
            PACELINE_WORKER_ID=number + ".fake",
            PACELINE_WORKER_TEMPLATE="1" if template else "0",
            PACELINE_SLOTS="2",
            PYTHONDONTWRITEBYTECODE="1",
        )
        process = subprocess.Popen(
            [self.python, str(BOOT), "worker", self._runner],
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            env=env,
            cwd=self.folder,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        os.close(write_end)
        kind = FakeTemplate if template else FakeWorker
        worker = kind(Connection(ours), read_end, process.pid, self.suite)
        worker.process = process
        self._all.append(worker)
        return worker.send_suite() if send_suite else worker

    def run(self, names: List[str], **kwargs: Any) -> UnitResult:
        """One unit on a worker of its own, which leaves after it."""
        worker = self.start()
        unit = worker.run_unit(names, **kwargs)
        worker.leave()
        return unit


class FakeTemplate(FakeWorker):
    """A template, and the workers forked of it."""

    def ready(self) -> Message:
        return self.connection.receive()

    def fork(self, number: int) -> FakeWorker:
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        self.connection.send(
            [theirs.fileno(), write_end],
            type="fork",
            request=100 + number,
            worker=f"{number}.fake",
        )
        theirs.close()
        os.close(write_end)
        answer = self.connection.receive()
        assert answer["type"] == "forked", answer
        assert answer["request"] == 100 + number
        worker = FakeWorker(
            Connection(ours), read_end, answer["pid"], self._suite
        )
        return worker.send_suite()


def make_suite(test: Any, files: Dict[str, str]) -> Path:
    """A folder with `files`, removed when `test` is over."""
    folder = tempfile.TemporaryDirectory(prefix="paceline-test-")
    test.addCleanup(folder.cleanup)
    for name, text in files.items():
        path = Path(folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Path(folder.name)


def terminate(worker: FakeWorker, _: int = 0) -> None:
    os.kill(worker.pid, signal.SIGTERM)
