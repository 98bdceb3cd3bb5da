"""Frames on a socket: 4 bytes of big-endian length, then a MessagePack map.

Workers and collectors speak through a `Channel`. It blocks, it is bounded in
both directions, and only the process that made it speaks on it: a test that
forks and returns twice has a copy of everything, and must not be heard.

It knows no message.
"""

import collections
import fcntl
import os
import select
import socket
import struct
from typing import Any, Deque, Dict, List, Optional

MAX_FRAME = 8 << 20
_READ_SIZE = 64 << 10
_MAX_DESCRIPTORS = 16
# Out of the way of tests that expect the next free descriptor to be a low one,
# and below 64, so that the kernel's descriptor table stays small: counting
# what is open may have to walk it.
_HIGH = 40

_LENGTH = struct.Struct(">I")

Message = Dict[str, Any]

_msgpack: Any = None


class ChannelClosed(Exception):
    """The other side is gone."""


class BadFrame(Exception):
    """The other side broke the rules of frames."""


def use_msgpack(module: Any) -> None:
    """Gives this module its codec; see boot.py for where it comes from."""
    global _msgpack
    _msgpack = module


def pack(message: Message) -> bytes:
    """One frame.

    Raises BadFrame if it is over the bound.
    """
    # Lone surrogates come from undecodable output and odd test ids.
    body = _msgpack.packb(
        message, use_bin_type=True, unicode_errors="backslashreplace"
    )
    if len(body) > MAX_FRAME:
        raise BadFrame(f"a {message.get('type')} of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Message:
    """The map in a frame's body.

    Raises BadFrame if it is not a map with a type.
    """
    try:
        message = _msgpack.unpackb(
            body, raw=False, strict_map_key=False,
            unicode_errors="surrogateescape",
        )
    except Exception as error:  # msgpack has many, and versions differ
        raise BadFrame(f"not MessagePack: {error}") from error
    if not isinstance(message, dict) or not isinstance(
        message.get("type"), str
    ):
        raise BadFrame("not a map with a type")
    return message


def to_high_descriptor(descriptor: int) -> int:
    """Moves `descriptor` up, close-on-exec, and returns its new number."""
    for lowest in (_HIGH, 3):
        try:
            moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue  # the limit of open files is below
        os.close(descriptor)
        return moved
    os.set_inheritable(descriptor, False)
    return descriptor


def open_channel() -> "Channel":
    """The channel that the starter of this process left for us."""
    descriptor = int(os.environ.pop("PACELINE_WORKER_FD", "3"))
    # Said to us alone: neither is for the tests and what they start.
    os.environ.pop("PACELINE_PYTHON", None)
    return Channel(descriptor)


class Channel:
    """Speaks frames on the socket at a descriptor, which it moves and owns."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=to_high_descriptor(descriptor))
        self._socket.setblocking(True)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._owner = os.getpid()
        self._out = bytearray()
        self._in = bytearray()
        # Read by the handler of a signal that may come while we write.
        self.writing = False
        # Those that came beside the frames, oldest first.
        self.descriptors: Deque[int] = collections.deque()

    @property
    def is_ours(self) -> bool:
        """Whether this process made the channel, not a parent of it."""
        return os.getpid() == self._owner

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def queue(self, message: Message) -> None:
        """Sends `message` with the next that is sent."""
        self._out += pack(message)

    def send(self, message: Message) -> None:
        """Sends what is queued, and `message`.

        Raises ChannelClosed if nobody is there to read it.
        """
        self._out += pack(message)
        self.flush()

    def send_packed(self, frame: bytes) -> None:
        """Sends what is queued, and a frame that `pack` has made."""
        self._out += frame
        self.flush()

    def flush(self) -> None:
        if not self._out or not self.is_ours:
            return
        data = bytes(self._out)
        self._out.clear()
        self.writing = True
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        finally:
            self.writing = False

    def waiting(self) -> bool:
        """Whether something has come, be it the end."""
        return bool(self._in) or bool(self._poll.poll(0))

    def receive(self) -> Message:
        """The next message; waits for it.

        Raises ChannelClosed at the end, BadFrame if it is none.
        """
        self._fill(_LENGTH.size)
        (length,) = _LENGTH.unpack_from(self._in)
        if length > MAX_FRAME:
            raise BadFrame(f"a frame of {length} bytes")
        end = _LENGTH.size + length
        self._fill(end)
        body = bytes(self._in[_LENGTH.size : end])
        del self._in[:end]
        return unpack(body)

    def take_descriptors(self, count: int) -> Optional[List[int]]:
        """The `count` descriptors that came with the message just received."""
        if len(self.descriptors) < count:
            return None
        return [self.descriptors.popleft() for _ in range(count)]

    def _fill(self, size: int) -> None:
        while len(self._in) < size:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(
                    _READ_SIZE,
                    socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4),
                    socket.MSG_CMSG_CLOEXEC,
                )
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    count = len(value) // 4
                    self.descriptors.extend(
                        struct.unpack(f"{count}i", value[: count * 4])
                    )
            if not data:
                raise ChannelClosed("end of file")
            self._in += data
