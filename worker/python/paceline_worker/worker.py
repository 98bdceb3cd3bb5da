"""The worker's side of worker protocol 1, for every Python runner.

Says hello, opens the suite, runs units and leaves. What a test is and how it
is run is the runner's business; the agent's are limits, retries and verdicts on
death. See docs/worker-protocol.md.
"""

import gc
import importlib
import os
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Union

from . import frames, health, leave, sigterm, template, terminal
from .refusal import MAX_MESSAGE, PROTOCOL, SuiteRefused
from .texts import cut, text_of

DEFAULT_OUTPUT_LIMIT = 1 << 20
# The agent cuts text at its own bounds; these keep a frame from bursting.
_MAX_DETAILS = 64 << 10
# What the agent keeps of one.
MAX_REPORT = 64 << 10
_MAX_PROPERTIES = 256
# Of a worker's last words, which are one frame: their text and output, and
# what it has for the suite's discoverer.
_MAX_EXTRAS = 3 << 20
_MAX_LEAVING_REPORT = 2 << 20

# A test's position in its unit or, where the worker has found it beyond
# discovery, its name.
Place = Union[int, str]


class Leaving:
    """What a runner has to say when it is closed.

    `extras` are failures that belong to no test, such as the tear-down of what
    lived as long as the worker; `report` is for the suite's discoverer.
    """

    def __init__(self) -> None:
        self.extras: List[Dict[str, Any]] = []
        self.report = b""


class Runner:
    """A test framework, as the worker sees it.

    `warm_up` and `load` may be called in a template, of which workers are
    forked; all else is called in the worker itself, in the order below.
    """

    def warm_up(self) -> None:
        """Imports what any suite needs, while none is known yet. Raises
        nothing: what fails here fails again in `load`."""

    def identify(self) -> None:
        """Tells in the environment which worker this is."""

    def load(self, suite: frames.Message) -> None:
        """Imports what all workers of `suite` need.

        Raises SuiteRefused if it cannot be run.
        """

    def unforkable(self) -> str:
        """Why no worker may be forked of what was loaded; empty if one may."""
        return ""

    def open(self, suite: frames.Message) -> None:
        """Starts the session.

        Raises SuiteRefused if it cannot be run.
        """

    def around(self, loop: Callable[[], None]) -> None:
        """Calls `loop`, in which all units are run, from where a framework
        expects its tests to run."""
        loop()

    def run_unit(self, unit: "Unit", reporter: "Reporter") -> None:
        """Runs `unit` to the end of its tear-down, or to a stop."""
        raise NotImplementedError

    def output_so_far(self) -> bytes:
        """What the running test has printed; called in a signal handler."""
        return b""

    def close(self) -> Leaving:
        """Tears down what lived as long as the worker."""
        return Leaving()


class Unit:
    """An ordered list of tests, as `run_unit` brought it."""

    def __init__(self, message: frames.Message) -> None:
        self.request: int = message["request"]
        self.tests: List[frames.Message] = message["tests"]
        # Its temp_dir is not for TMPDIR: it goes with the unit, and what a
        # Python process makes in it may well outlive that.
        # Found tests that had their result in a worker before.
        self.found: List[str] = message.get("found", [])

    @property
    def names(self) -> List[str]:
        return [test["name"] for test in self.tests]


class Reporter:
    """Tells the agent how a unit goes.

    A test's name is with the agent before the test begins. Its result may wait
    for the next name: between the two nothing of the user's runs.
    """

    def __init__(
        self,
        channel: frames.Channel,
        reader: health.HealthReader,
        request: int,
        output_limit: int,
    ) -> None:
        self._channel = channel
        self._reader = reader
        self._request = request
        self._output_limit = output_limit
        self._started_unix_ns = 0
        self._finalize_message = ""
        self._must_stop = False
        self.must_leave = False
        # The test that runs; None between tests.
        self.running: Optional[Place] = None

    def started(self, place: Place, timeout_ns: int = 0) -> None:
        """`timeout_ns` is for found tests: 0 is the unit's."""
        self._started_unix_ns = time.time_ns()
        if isinstance(place, str):
            message: Dict[str, Any] = {"type": "found_started", "name": place}
            if timeout_ns:
                message["timeout_ns"] = timeout_ns
        else:
            message = {"type": "test_started", "test": place}
        self._channel.send({**message, "request": self._request})
        self.running = place

    def give_time(self, place: Place) -> None:
        """The running test has no time limit any more."""
        if isinstance(place, str):
            self.started(place, terminal.NO_LIMIT_NS)
            return
        self._channel.send(
            {
                "type": "test_deadline",
                "request": self._request,
                "test": place,
                "timeout_ns": terminal.NO_LIMIT_NS,
            }
        )

    def finished(
        self,
        place: Place,
        outcome: str,
        *,
        duration: float = 0.0,
        message: str = "",
        details: str = "",
        output: bytes = b"",
        file: str = "",
        line: Optional[int] = None,
        report: bytes = b"",
        properties: Optional[List[Any]] = None,
        cut_bytes: int = 0,
    ) -> None:
        """Queues the result of the test at `place`; `cut_bytes` of its output
        are missing already, in the middle."""
        result: Dict[str, Any] = {
            "request": self._request,
            "outcome": outcome,
            "duration": max(duration, 0.0),
            "health": self._reader.read(),
        }
        if isinstance(place, str):
            result.update(type="extra", name=place, found=True)
        else:
            result.update(type="test_finished", test=place)
        if self.running == place:
            result["started_unix_ns"] = self._started_unix_ns
        self._describe(
            result, message, details, output, file, line, cut_bytes
        )
        if 0 < len(report) <= MAX_REPORT:
            result["report"] = report
        if properties:
            result["properties"] = [
                [cut(text_of(part), MAX_MESSAGE) for part in pair]
                for pair in properties[:_MAX_PROPERTIES]
                if isinstance(pair, (tuple, list)) and len(pair) == 2
            ]
        self.running = None
        self._channel.queue(result)

    def extra(
        self,
        name: str,
        outcome: str,
        *,
        message: str = "",
        details: str = "",
        output: bytes = b"",
        file: str = "",
        line: Optional[int] = None,
    ) -> None:
        """Tells of a failure that belongs to no test of the unit, at once: it
        must not be lost with this process."""
        result: Dict[str, Any] = {
            "type": "extra",
            "request": self._request,
            "name": name,
            "outcome": outcome,
        }
        self._describe(result, message, details, output, file, line)
        self._channel.send(result)

    def finalize_failed(self, message: str) -> None:
        """Says that the unit's tear-down failed."""
        self._finalize_message = self._finalize_message or message

    def flush(self) -> None:
        """Sends what is queued: to be called before code of the user's runs
        outside a test, which may take the process along."""
        self._channel.flush()

    def stopping(self) -> bool:
        """Whether the rest of the unit is not to be run."""
        while not self._must_stop and self._channel.waiting():
            message = self._channel.receive()
            kind = message["type"]
            if kind == "shutdown":
                self.must_leave = self._must_stop = True
            elif kind == "stop" and message.get("request") == self._request:
                self._must_stop = True
        return self._must_stop

    def unit_finished(self) -> None:
        result: Dict[str, Any] = {
            "type": "unit_finished",
            "request": self._request,
            "health": self._reader.read(),
        }
        if self._finalize_message:
            result["finalize"] = "error"
            result["message"] = cut(self._finalize_message, MAX_MESSAGE)
        self._channel.send(result)

    def died_of_sigterm(self, details: str, output: bytes) -> None:
        """Sends what is known of the running test; the process then ends."""
        if self.running is None or self._channel.writing:
            return
        self.finished(
            self.running,
            "crashed",
            duration=(time.time_ns() - self._started_unix_ns) / 1e9,
            message="ended by SIGTERM",
            details=details,
            output=output,
        )
        self._channel.flush()

    def _describe(
        self,
        result: Dict[str, Any],
        message: str,
        details: str,
        output: bytes,
        file: str,
        line: Optional[int],
        cut_bytes: int = 0,
    ) -> None:
        if message:
            result["message"] = cut(message, MAX_MESSAGE)
        if details:
            result["details"] = cut(details, _MAX_DETAILS)
        if file:
            result["file"] = file
            if line is not None and line > 0:
                result["line"] = line
        if not output:
            return
        half = self._output_limit // 2
        if len(output) <= self._output_limit:
            result["output"] = output
        else:
            result["output"] = output[:half]
            result["output_tail"] = output[len(output) - half :]
            result["output_cut_bytes"] = len(output) - 2 * half + cut_bytes


class Worker:
    """One worker: a runner, a suite, and the conversation with the agent."""

    def __init__(
        self, channel: frames.Channel, name: str, runner: Runner
    ) -> None:
        self._channel = channel
        self._name = name
        self._runner = runner
        self._reader = health.HealthReader()
        self._output_limit = DEFAULT_OUTPUT_LIMIT
        self._opened = False
        self._loaded = False
        self.reporter: Optional[Reporter] = None

    def take_loaded(self) -> None:
        """The runner has loaded the suite already: this is a template's."""
        self._loaded = True

    def serve(self) -> None:
        """Talks until the agent has had enough, and closes the runner."""
        try:
            self._channel.send(
                {
                    "type": "hello",
                    "protocol": PROTOCOL,
                    "runner": self._name,
                    "pid": os.getpid(),
                    "health": self._reader.read(),
                }
            )
        except frames.ChannelClosed:
            return
        self._talk()
        if self._opened:
            self._close()

    def _talk(self) -> None:
        try:
            while self._handle(self._channel.receive()):
                pass
        except frames.ChannelClosed:
            pass  # the agent is gone, or done with us

    def _handle(self, message: frames.Message) -> bool:
        kind = message["type"]
        if kind == "shutdown":
            return False
        if kind == "suite":
            return self._open(message)
        if kind == "run_unit" and self._opened:
            return self._run(Unit(message))
        return True  # a stop that came too late, or a unit after a refusal

    def _open(self, suite: frames.Message) -> bool:
        limit = suite.get("output_limit", DEFAULT_OUTPUT_LIMIT)
        self._output_limit = max(int(limit), 0)
        try:
            self._runner.identify()
            if not self._loaded:
                self._runner.load(suite)
                self._loaded = True
                # What was loaded stays; collections need not walk it.
                gc.collect()
                gc.freeze()
            sigterm.arm(self)
            self._runner.open(suite)
            self._opened = True
        except SuiteRefused as error:
            text = str(error)
        except Exception:
            text = traceback.format_exc()
        else:
            # The rest of the conversation takes place in there.
            self._runner.around(self._talk)
            return False
        self._channel.send(
            {
                "type": "suite_refused",
                "request": suite["request"],
                "message": cut(text, MAX_MESSAGE),
            }
        )
        return True

    def _run(self, unit: Unit) -> bool:
        reporter = Reporter(
            self._channel, self._reader, unit.request, self._output_limit
        )
        self.reporter = reporter
        sigterm.rearm(self)
        self._runner.run_unit(unit, reporter)
        if not self._channel.is_ours:
            os._exit(0)  # a copy that a test forked came back
        self.reporter = None
        reporter.unit_finished()
        return not reporter.must_leave

    def _close(self) -> None:
        leaving = self._runner.close()
        if not leaving.extras and not leaving.report:
            return
        message: frames.Message = {"type": "leaving"}
        if len(leaving.report) > _MAX_LEAVING_REPORT:
            leaving.extras.insert(0, _too_large(leaving.report))
            leaving.report = b""
        if leaving.extras:
            message["extras"] = _bounded(leaving.extras[:1024])
        if leaving.report:
            message["report"] = leaving.report
        try:
            self._channel.send(message)
        except frames.ChannelClosed:
            pass

    def on_sigterm(self, details: str) -> None:
        """The process ends now; sends what the running test leaves behind."""
        reporter = self.reporter
        if reporter is None or not self._channel.is_ours:
            return
        output = b""
        try:
            output = self._runner.output_so_far()
        except Exception:
            pass  # the test may have left anything half done
        try:
            reporter.died_of_sigterm(details, output)
        except frames.ChannelClosed:
            pass


def _too_large(report: bytes) -> Dict[str, Any]:
    return {
        "name": f"worker {os.getpid()}: last words",
        "outcome": "error",
        "message": "what this worker's plugins had for those of the session"
        f" has {len(report)} bytes, of {_MAX_LEAVING_REPORT} at most, and is"
        " lost; it may have been coverage",
    }


def _bounded(extras: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """`extras`, the later ones without details where they would be too much
    for a frame: none may be lost."""
    room = _MAX_EXTRAS
    bounded = []
    for extra in extras:
        size = len(frames.pack({"type": "extra", **extra}))
        if size > room:
            extra = {
                "name": cut(extra["name"], 1 << 10),
                "outcome": extra["outcome"],
                "message": cut(extra.get("message", ""), 1 << 10),
            }
        else:
            room -= size
        bounded.append(extra)
    return bounded


def make_runner(name: str) -> Runner:
    """The runner of that name: `make_runner()` of module `NAME_worker`."""
    module = importlib.import_module(f"{__package__}.{name}_worker")
    return module.make_runner()


def main(channel: frames.Channel, name: str) -> int:
    runner = make_runner(name)
    loaded = False
    if os.environ.pop("PACELINE_WORKER_TEMPLATE", "") == "1":
        served = template.Template(channel, name, runner).serve()
        if served is None:
            return 0
        channel, loaded = served, True
    worker = Worker(channel, name, runner)
    if loaded:
        worker.take_loaded()
    worker.serve()
    channel.close()
    leave.prepare()
    return 0
