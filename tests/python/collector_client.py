"""The client's side of a collector, for tests: starts one and talks to it."""

import os
import socket
import struct
import subprocess
import sys
import tempfile

import msgpack

_PATIENCE = 60.0
PACKAGE = os.path.normpath(
    os.path.join(
        os.path.dirname(os.path.abspath(__file__)),
        "../../worker/python/paceline_worker",
    )
)


class Collector:
    """A collector process, and all that it has said so far."""

    def __init__(self, runner, targets, args=(), cwd=None, env=None,
                 python=sys.executable, **more):
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._socket.settimeout(_PATIENCE)
        self._output = tempfile.TemporaryFile()
        environment = dict(os.environ, PACELINE_WORKER_FD="3")
        environment.pop("PYTEST_ADDOPTS", None)
        environment.update(env or {})
        descriptor = theirs.fileno()
        self.process = subprocess.Popen(
            [
                "/bin/sh", "-c", f'exec "$0" "$@" 3<&{descriptor}', python,
                os.path.join(PACKAGE, "boot.py"), "collect", runner,
            ],
            cwd=cwd, env=environment, pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=self._output, stderr=subprocess.STDOUT,
        )
        theirs.close()
        self.messages = []
        self.send("collect", targets=list(targets), args=list(args),
                  **{"unit": "auto", "keep": True, **more})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._output.close()

    def send(self, kind, **keys):
        body = msgpack.packb({"type": kind, **keys})
        self._socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        (length,) = struct.unpack(">I", self._read(4))
        message = msgpack.unpackb(self._read(length))
        self.messages.append(message)
        return message

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise EOFError(self.output())
            data += part
        return data

    def until(self, kind):
        while True:
            message = self.receive()
            if message["type"] == kind:
                return message

    def until_tests(self):
        """Waits for tests; a frame of none is a sign of life."""
        while not self.until("tests")["tests"]:
            pass

    def collect(self):
        """Waits for the end of collection and returns all tests."""
        self.until("collected")
        return self.tests

    def finish(self, interrupted=False):
        self.send("finish", interrupted=interrupted)
        return self.until("finished")

    def all_of(self, kind):
        return [m for m in self.messages if m["type"] == kind]

    @property
    def suite(self):
        (suite,) = self.all_of("suite")
        return suite

    @property
    def tests(self):
        return [t for m in self.all_of("tests") for t in m["tests"]]

    @property
    def names(self):
        return [t["name"] for t in self.tests]

    @property
    def errors(self):
        return self.all_of("error")

    @property
    def notes(self):
        return [m["text"] for m in self.all_of("note")]

    def output(self):
        self._output.seek(0)
        return self._output.read().decode(errors="replace")
