"""The template: a process that has loaded a suite and forks workers of it.

A fork takes milliseconds where a fresh start takes the time of all imports. A
template runs no test and starts no session. When what was loaded is not safe to
fork (threads, connections, a worker's identity that was read), it says so and
becomes a plain worker.

It knows neither frameworks nor when a worker is wanted.
"""

import gc
import os
import random
import stat
import sys
import tempfile
import traceback
import warnings
from typing import Any, Dict, List, Optional, Tuple

from . import frames
from .refusal import MAX_MESSAGE, PROTOCOL, SuiteRefused
from .texts import cut

# What a worker is told of itself in the environment: read while the suite is
# loaded, it would be the same in every fork.
_IDENTITY = (b"PACELINE_WORKER_", b"PYTEST_XDIST_WORKER")


class Template:
    """Speaks for a template until it ends or turns into a worker."""

    def __init__(self, channel: frames.Channel, name: str, runner: Any) -> None:
        self._channel = channel
        self._name = name
        self._runner = runner
        self._random_state: Any = None

    def serve(self) -> Optional[frames.Channel]:
        """Serves until the end.

        Returns None when the template is over, and the channel of the worker
        that this process has become otherwise.
        """
        try:
            self._channel.send(
                {
                    "type": "hello",
                    "protocol": PROTOCOL,
                    "runner": self._name,
                    "pid": os.getpid(),
                    "template": True,
                }
            )
            self._runner.warm_up()
            while True:
                message = self._channel.receive()
                kind = message["type"]
                if kind == "shutdown":
                    return None
                if kind == "suite":
                    self._load(message)
                elif kind == "serve":
                    return self._channel
                elif kind == "fork":
                    worker = self._fork(message)
                    if worker is not None:
                        return worker
        except frames.ChannelClosed:
            return None

    def _load(self, suite: frames.Message) -> None:
        before = _descriptors()
        self._runner.identify()
        watch = _IdentityWatch()
        seeds = _SeedWatch()
        try:
            self._runner.load(suite)
        except Exception as error:
            known = isinstance(error, SuiteRefused)
            text = str(error) if known else traceback.format_exc()
            self._channel.send(
                {
                    "type": "suite_refused",
                    "request": suite["request"],
                    "message": cut(text, MAX_MESSAGE),
                }
            )
            return
        finally:
            watch.end()
        self._random_state = random.getstate() if seeds.was_seeded() else None
        reason = (
            self._runner.unforkable()
            or watch.reason()
            or _threads_reason()
            or _descriptors_reason(before)
        )
        if not reason:
            # What is frozen is not walked by later collections, so that its
            # pages stay shared.
            gc.collect()
            gc.freeze()
        self._channel.send(
            {
                "type": "template_ready",
                "forkable": not reason,
                "message": reason,
            }
        )

    def _fork(self, message: frames.Message) -> Optional[frames.Channel]:
        request = message.get("request", 0)
        descriptors = self._channel.take_descriptors(2)
        if descriptors is None:
            self._answer_failed(request, "no descriptors came with the request")
            return None
        worker_socket, output = descriptors
        read_end, write_end = os.pipe()
        try:
            # Our own child leaves at once: the worker's parent is then the
            # warden, who reaps it and outlives us.
            sys.stdout.flush()
            sys.stderr.flush()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
                if child == 0:
                    grandchild = _fork_again(write_end)
        except OSError as error:
            os.close(read_end)
            os.close(write_end)
            self._answer_failed(request, f"cannot fork: {error}")
        else:
            if child == 0 and grandchild == 0:
                os.close(read_end)
                os.close(write_end)
                return self._become_worker(worker_socket, output, message)
            os.close(write_end)
            told = os.read(read_end, 32)
            os.close(read_end)
            os.waitpid(child, 0)
            if told.isdigit():
                self._channel.send(
                    {"type": "forked", "request": request, "pid": int(told)}
                )
            else:
                self._answer_failed(
                    request, told.decode("utf-8", "replace") or "cannot fork"
                )
        os.close(worker_socket)
        os.close(output)
        return None

    def _answer_failed(self, request: int, text: str) -> None:
        self._channel.send(
            {"type": "fork_failed", "request": request, "message": text}
        )

    def _become_worker(
        self, worker_socket: int, output: int, message: frames.Message
    ) -> frames.Channel:
        self._channel.close()
        os.setpgid(0, 0)
        _redirect(output)
        os.close(output)
        worker = str(message.get("worker", ""))
        _overwrite_initial("PACELINE_WORKER_ID", worker)
        os.environ["PACELINE_WORKER_ID"] = worker
        if "number" in message:
            os.environ["PACELINE_WORKER_NUMBER"] = str(message["number"])
        _reseed(self._random_state)
        return frames.Channel(worker_socket)


def _fork_again(write_end: int) -> int:
    """Forks the worker; in between is a process that only tells its id."""
    try:
        grandchild = os.fork()
    except OSError as error:
        os.write(write_end, str(error).encode()[:32])
        os._exit(1)
    if grandchild != 0:
        os.write(write_end, str(grandchild).encode())
        os._exit(0)
    return 0


def _overwrite_initial(name: str, value: str) -> None:
    """Changes a variable in the environment that this process was started with.

    That is what others see of it, and of what it forks: the agent knows by it
    whose a process is that a dead worker left. Does nothing where the name is
    not there, the value is longer than the one that is, or memory cannot be
    written.
    """
    prefix = os.fsencode(name) + b"="
    data = os.fsencode(value)
    try:
        with open("/proc/self/environ", "rb") as file:
            initial = b"\0" + file.read()
        found = initial.find(b"\0" + prefix)
        if found < 0:
            return
        at = found + len(prefix)
        length = initial.find(b"\0", at + 1) - 1 - at
        if len(data) > length:
            return
        with open("/proc/self/stat", "rb") as file:
            # The first field after the name is the third of proc(5).
            start = int(file.read().rpartition(b")")[2].split()[50 - 3])
        memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(memory, data.ljust(length, b"\0"), start + at)
        finally:
            os.close(memory)
    except (OSError, ValueError, IndexError):
        pass


class _IdentityWatch:
    """Notices when loading reads who the worker is."""

    class _Environment(dict):
        def __init__(self, data: Dict[bytes, bytes]) -> None:
            super().__init__(data)
            self.hidden: Dict[bytes, bytes] = {}
            self.read: List[str] = []
            for name in list(self):
                if name.startswith(_IDENTITY):
                    self.hidden[name] = self.pop(name)

        def __missing__(self, name: bytes) -> bytes:
            if name.startswith(_IDENTITY):
                self.read.append(os.fsdecode(name))
                if name in self.hidden:
                    self[name] = self.hidden[name]
                    return self[name]
            raise KeyError(name)

    def __init__(self) -> None:
        # Not public, but the same from Python 3.9 on; anything else is not
        # watched.
        self._data: Any = getattr(os.environ, "_data", None)
        if isinstance(self._data, dict):
            os.environ._data = self._Environment(self._data)

    def end(self) -> None:
        if isinstance(self._data, dict):
            watched = os.environ._data
            self._read = watched.read
            self._data.clear()
            self._data.update(watched.hidden)
            self._data.update(watched)
            os.environ._data = self._data

    def reason(self) -> str:
        if isinstance(self._data, dict) and self._read:
            return f"{self._read[0]} is read while the suite is loaded"
        return ""


class _SeedWatch:
    """Notices when loading seeds `random`, so that forks keep that seed."""

    def __init__(self) -> None:
        keys = set()
        state = random.getstate()
        # Numbers that are only drawn move on through these states.
        generator = random.Random()
        generator.setstate(state)
        for _ in range(8):
            keys.add(generator.getstate()[1][:-1])
            for _ in range(624):
                generator.getrandbits(32)
        self._keys = keys

    def was_seeded(self) -> bool:
        return random.getstate()[1][:-1] not in self._keys


def _reseed(random_state: Any) -> None:
    """Gives a fork numbers of its own; those that the suite asked for by a seed
    stay."""
    if random_state is None:
        random.seed()
    else:
        random.setstate(random_state)  # Python seeds it anew in every fork
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and not _numpy_was_seeded(numpy_random):
        numpy_random.seed()


def _numpy_was_seeded(numpy_random: Any) -> bool:
    generator = numpy_random.mtrand._rand._bit_generator
    # Only a generator that nobody has seeded has a sequence of its own.
    return getattr(generator, "_seed_seq", None) is None


def _threads_reason() -> str:
    """What makes a fork unsafe: threads do not survive it, their locks do."""
    try:
        total = len(os.listdir("/proc/self/task"))
    except OSError:
        return "threads cannot be counted here"
    python = [n for n in sys._current_frames()]
    if len(python) > 1:
        return f"{len(python) - 1} Python threads run once the suite is loaded"
    foreign = total - 1
    if foreign == 0:
        return ""
    # OpenBLAS ends its pool before a fork and starts it again after.
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as f:
            mapped = {line.split(None, 5)[5].strip() for line in f
                      if len(line.split(None, 5)) == 6}
    except OSError:
        mapped = set()
    pools = sum("openblas" in os.path.basename(path) for path in mapped)
    if foreign <= pools * max((os.cpu_count() or 1) - 1, 0):
        return ""
    return f"{foreign} threads run in libraries once the suite is loaded"


def _descriptors() -> Dict[int, Tuple[int, int]]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue
        found[int(name)] = (status.st_dev, status.st_ino)
    return found


def _is_scratch(status: os.stat_result) -> bool:
    """A temporary file without a name, as capturing uses."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 0


def _descriptors_reason(before: Dict[int, Tuple[int, int]]) -> str:
    """What loading has opened that forks must not share."""
    import fcntl

    known = set(before.values())
    for descriptor, identity in sorted(_descriptors().items()):
        if identity in known:
            continue
        status = os.fstat(descriptor)
        if _is_scratch(status) or stat.S_ISCHR(status.st_mode):
            continue
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        if stat.S_ISREG(status.st_mode) and (
            flags & os.O_ACCMODE == os.O_RDONLY
        ):
            continue
        try:
            what = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            what = f"descriptor {descriptor}"
        return f"{what} is open once the suite is loaded"
    return ""


def _redirect(output: int) -> None:
    """Gives a forked worker files of its own where the template has some.

    `output` takes the place of the template's standard output and error, where
    ever they were copied to; a temporary file without a name becomes another
    with the same content, and one that is read is opened anew.
    """
    shared = set()
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if not stat.S_ISCHR(status.st_mode):  # /dev/null is everywhere
            shared.add((status.st_dev, status.st_ino))
    scratch: Dict[Tuple[int, int], int] = {}
    for descriptor, identity in _descriptors().items():
        try:
            status = os.fstat(descriptor)
            inheritable = os.get_inheritable(descriptor)
        except OSError:
            continue
        if identity in shared:
            os.dup2(output, descriptor, inheritable)
        elif _is_scratch(status):
            if identity not in scratch:
                scratch[identity] = _copy_scratch(descriptor)
            os.dup2(scratch[identity], descriptor, inheritable)
        elif stat.S_ISREG(status.st_mode):
            _open_anew(descriptor, inheritable)
    for descriptor in scratch.values():
        os.close(descriptor)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _open_anew(descriptor: int, inheritable: bool) -> None:
    """Gives a file that is read a position of its own: what one worker reads
    would be missing to the others."""
    import fcntl

    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        if flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_PATH:
            return
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        fresh = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
    except OSError:
        return  # it may not be readable any more
    try:
        os.lseek(fresh, position, os.SEEK_SET)
        os.dup2(fresh, descriptor, inheritable)
    finally:
        os.close(fresh)


def _copy_scratch(descriptor: int) -> int:
    fresh, path = tempfile.mkstemp(prefix="paceline-")
    os.unlink(path)
    position = 0
    while True:
        data = os.pread(descriptor, 1 << 16, position)
        if not data:
            break
        os.write(fresh, data)
        position += len(data)
    os.lseek(fresh, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
    return fresh
