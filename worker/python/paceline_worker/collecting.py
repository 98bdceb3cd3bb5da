"""A collector's side of the conversation with the client, for every runner.

A collector finds the tests of one suite, tells the client of them, and then
stays until the client has no more results for it. How tests are found is the
runner's; this holds the messages and nothing else.
"""

import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional

from . import frames
from .texts import cut

# A frame of tests holds this many at most: whoever reads them has to handle
# it in one go.
_MAX_BATCH = 512
# And so much text: a frame has 8 MiB, and a character may take six bytes.
_MAX_BATCH_TEXT = 1 << 20
# Of a test's name and the like, and of its payload.
_MAX_NAME = 16 << 10
_MAX_PAYLOAD = 48 << 10
# The client gives up on a collector that says nothing for long.
_SILENCE = 1.0
# A failure's text; pytest can print the source of half a project.
_MAX_TEXT = 32 << 10


class Request:
    """What the client asks for; see `collect` in the protocol."""

    def __init__(self, message: frames.Message) -> None:
        self.targets: List[str] = [str(t) for t in message.get("targets", [])]
        self.args: List[str] = [str(a) for a in message.get("args", [])]
        self.unit: str = message.get("unit", "auto")
        self.collect_first: bool = bool(message.get("collect_first", False))
        # Whether a run follows; if not, nothing is left behind.
        self.keep: bool = bool(message.get("keep", True))
        # Whether what an earlier run has found may be taken.
        self.kept: bool = bool(message.get("kept", False))
        # Whether the client leaves out some of what is found.
        self.partial: bool = bool(message.get("partial", False))


class ClientGone(Exception):
    """Nobody is there any more to collect for."""


class Client:
    """The client, as a collector sees it."""

    def __init__(self, channel: frames.Channel) -> None:
        self._channel = channel
        self._arrived: Deque[frames.Message] = deque()
        self._last_sent = time.monotonic()
        self._announce: Optional[Callable[[], None]] = None
        self.tests = 0
        self.errors = 0
        # What was handed over, for who wants to keep it.
        self.handed_over: List[Dict[str, Any]] = []

    def request(self) -> Request:
        message = self.receive()
        if message["type"] != "collect":
            raise frames.BadFrame(f"a {message['type']} before any collect")
        return Request(message)

    def suite(self, name: str, options: bytes, working_directory: str,
              scopes_share_setup: bool,
              env: Optional[List[Any]] = None) -> None:
        self._send(
            {
                "type": "suite",
                "name": name,
                "options": options,
                "working_directory": working_directory,
                "scopes_share_setup": scopes_share_setup,
                "env": env or [],
            }
        )

    def announce_later(self, announce: Callable[[], None]) -> None:
        """Has `announce`, which calls `suite`, called before any tests are
        sent: until then more may be learnt of the suite."""
        self._announce = announce

    def _announce_now(self) -> None:
        announce, self._announce = self._announce, None
        if announce is not None:
            announce()

    def send_tests(self, tests: List[Dict[str, Any]]) -> None:
        self._announce_now()
        tests = [test for test in tests if self._can_be_sent(test)]
        for batch in batches(tests):
            self._send({"type": "tests", "tests": batch})
        self.tests += len(tests)
        self.handed_over += tests
        self.drain()

    def _can_be_sent(self, test: Dict[str, Any]) -> bool:
        """If not, it is an error, and the others can."""
        for key, most in (("name", _MAX_NAME), ("scope", _MAX_NAME),
                          ("file", _MAX_NAME), ("payload", _MAX_PAYLOAD)):
            value = test.get(key, "")
            if len(value) * 6 <= most:
                continue
            if isinstance(value, str):
                value = value.encode("utf-8", "backslashreplace")
            if len(value) > most:
                name = str(test["name"])[:200]
                self.error(
                    str(test.get("file") or name)[:200],
                    f"the {key} of a test in line {test.get('line', 0)} has"
                    f" {len(value)} bytes, of {most} at most; the test is"
                    f" called {name}…",
                )
                return False
        return True

    def send_kept(self, frame: bytes) -> None:
        """Hands over a frame of tests that was packed before."""
        self._announce_now()
        self._last_sent = time.monotonic()
        try:
            self._channel.send_packed(frame)
        except frames.ChannelClosed as error:
            raise ClientGone() from error
        self.drain()

    def show_life(self) -> None:
        """Has the client wait on, where nothing can be handed over yet."""
        if time.monotonic() - self._last_sent > _SILENCE:
            self._send({"type": "tests", "tests": []})

    def error(self, target: str, message: str) -> None:
        self.errors += 1
        self._send(
            {
                "type": "error",
                "target": target,
                "message": cut(message, _MAX_TEXT),
            }
        )

    def note(self, text: str) -> None:
        self._send({"type": "note", "text": text})

    def collected(self, reports: str = "none",
                  also: Optional[List[str]] = None) -> None:
        self._announce_now()
        message = {"type": "collected", "tests": self.tests,
                   "reports": reports}
        if also:
            message["also"] = also
        self._send(message)

    def finished(self, text: str = "", error: str = "") -> None:
        error = cut(error, _MAX_TEXT)
        self._send({"type": "finished", "text": text, "error": error})

    def receive(self) -> frames.Message:
        """The next message; raises ClientGone at the end."""
        if self._arrived:
            return self._arrived.popleft()
        try:
            return self._channel.receive()
        except frames.ChannelClosed as error:
            raise ClientGone() from error

    def drain(self) -> None:
        """Takes in what has come, so that the client never waits for us."""
        while self._channel.waiting():
            try:
                self._arrived.append(self._channel.receive())
            except frames.ChannelClosed as error:
                raise ClientGone() from error

    def wait_for_finish(self) -> None:
        """For runners that have no use for results."""
        while self.receive()["type"] != "finish":
            pass

    def _send(self, message: frames.Message) -> None:
        self._last_sent = time.monotonic()
        try:
            self._channel.send(message)
        except frames.ChannelClosed as error:
            raise ClientGone() from error


def batches(tests: List[Dict[str, Any]]) -> Iterator[List[Dict[str, Any]]]:
    """`tests` in parts, each for a frame."""
    batch: List[Dict[str, Any]] = []
    text = 0
    for test in tests:
        size = sum(len(v) for v in test.values() if isinstance(v, (str, bytes)))
        size += sum(map(len, test.get("labels", ())))
        if batch and (len(batch) == _MAX_BATCH or (
                text + size > _MAX_BATCH_TEXT)):
            yield batch
            batch, text = [], 0
        batch.append(test)
        text += size
    if batch:
        yield batch


def serve(channel: frames.Channel,
          collect: Callable[[Client, Request], None]) -> int:
    """The whole conversation of a collector that has no use for results;
    returns the exit status."""
    client = Client(channel)
    try:
        collect(client, client.request())
        client.collected()
        client.wait_for_finish()
        client.finished()
    except ClientGone:
        return 1
    return 0
