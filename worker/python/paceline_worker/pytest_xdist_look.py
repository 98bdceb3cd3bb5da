"""Makes the collector look like the controller of pytest-xdist to plugins.

Plugins that keep something in one place and learn of it from many processes
(coverage, the numbers of reruns, a port) know one way to do so: xdist's. They
ask the options whether tests are distributed, fill each node's `workerinput`
before it starts, and read its `workeroutput` when it is down. This gives them
those things, with xdist installed and without. xdist itself is kept from
starting anything.
"""

import os
import sys
import uuid
from typing import Any, Dict, List

from .json_safe import is_plain, json_safe

# Numbers of workers are those of one agent, and small.
_MAX_ASKED_FOR = 32


class Spec:
    """A stand-in for execnet's XSpec of a local process."""

    popen = True
    chdir = None
    python = None

    def __init__(self, worker_id: str) -> None:
        self.id = worker_id


class RemoteInfo:
    """A stand-in for what execnet tells of the other side."""

    def __init__(self) -> None:
        self.executable = sys.executable
        self.platform = sys.platform
        self.version_info = tuple(sys.version_info)
        self.cwd = os.getcwd()
        self.pid = os.getpid()


class Gateway:
    """A stand-in for execnet's connection to a worker."""

    def __init__(self, worker_id: str) -> None:
        self.id = worker_id
        self.spec = Spec(worker_id)

    def _rinfo(self, update: bool = False) -> RemoteInfo:
        return RemoteInfo()


class NodeManager:
    """A stand-in for xdist's; nothing is ever copied to other machines."""

    def __init__(self, config: Any, test_run: str) -> None:
        self.config = config
        self.testrunuid = test_run
        self.roots: List[Any] = []
        self.specs: List[Spec] = []


class Node:
    """A worker, as xdist's hooks show it to plugins."""

    def __init__(self, manager: NodeManager, worker_id: str) -> None:
        self.nodemanager = manager
        self.config = manager.config
        self.gateway = Gateway(worker_id)
        self.workerinput: Dict[str, Any] = {
            "workerid": worker_id,
            "workercount": _number_of_workers(),
            "testrunuid": manager.testrunuid,
            "mainargv": sys.argv,
        }
        self.workeroutput: Dict[str, Any] = {}
        self.shutting_down = False

    def __repr__(self) -> str:
        return f"<Node {self.gateway.id}>"


class WorkerInput:
    """What plugins have put into nodes' `workerinput`."""

    def __init__(self) -> None:
        # For every worker.
        self.all: Dict[str, Any] = {}
        # Where it is not the same for all: of gw0, gw1 and so on.
        self.each: List[Dict[str, Any]] = []
        # Keys whose values cannot go to another process, and their types.
        self.left_out: Dict[str, str] = {}

    def note(self) -> str:
        """What people should know of it."""
        if not self.left_out:
            return ""
        keys = ", ".join(f"{k} ({v})" for k, v in self.left_out.items())
        return (
            "pytest_configure_node has put into workerinput what no worker can"
            f" be given, which has to be numbers, texts, lists and dicts: {keys}"
        )


class XdistLook:
    """Says at each stage of pytest's start what a controller would say."""

    def __init__(self) -> None:
        self._manager: Any = None
        self._nodes: Dict[str, Node] = {}
        self._dist = "load"

    def before_conftests(self, early_config: Any) -> None:
        """For plugins that decide while the configuration is loaded."""
        self._pretend(early_config.known_args_namespace)

    def before_configure(self, config: Any) -> None:
        """Keeps xdist from starting workers of its own."""
        option = config.option
        self._dist = getattr(option, "dist", "no")
        option.numprocesses = None
        option.dist = "no"
        option.distload = False
        option.looponfail = False
        option.tx = []

    def at_session_start(self, config: Any) -> None:
        """xdist has looked and gone; from here on we are a controller."""
        self._pretend(config.option)
        given = getattr(config.option, "testrunuid", None)
        self._manager = NodeManager(config, given or uuid.uuid4().hex)

    @property
    def test_run(self) -> str:
        return self._manager.testrunuid

    def worker_input(self, config: Any) -> WorkerInput:
        """What plugins want workers to know.

        How many there will be is not known: they are asked for two, and where
        these are not told the same for as many as may well be.
        """
        told = WorkerInput()
        hook = getattr(config.hook, "pytest_configure_node", None)
        if hook is None:
            return told
        told.all = self._configure(hook, 0, told)
        second = self._configure(hook, 1, told)
        if second == told.all:
            return told
        told.each = [told.all, second]
        while len(told.each) < _MAX_ASKED_FOR:
            told.each.append(self._configure(hook, len(told.each), told))
        told.all = {
            key: value for key, value in told.all.items()
            if second.get(key, told) == value
        }
        return told

    def _configure(self, hook: Any, number: int,
                   told: WorkerInput) -> Dict[str, Any]:
        node = Node(self._manager, f"gw{number}")
        own = tuple(node.workerinput)
        hook(node=node)
        plain = {}
        for key, value in node.workerinput.items():
            if key in own:
                continue
            if is_plain(value):
                plain[str(key)] = json_safe(value)
            elif key not in told.left_out:
                told.left_out[key] = type(value).__name__
        return plain

    def node(self, worker: str) -> Node:
        node = self._nodes.get(worker)
        if node is None:
            node = self._nodes[worker] = Node(self._manager, worker)
        return node

    def node_down(self, config: Any, worker: str,
                  output: Dict[str, Any], error: str) -> None:
        """Tells plugins that a worker has left, and what it had to say."""
        node = self.node(worker)
        node.workeroutput = output
        hook = getattr(config.hook, "pytest_testnodedown", None)
        if hook is not None:
            hook(node=node, error=error or None)

    def _pretend(self, option: Any) -> None:
        count = _number_of_workers()
        option.numprocesses = count
        option.dist = self._dist if self._dist != "no" else "load"
        option.tx = ["popen"] * count
        if not hasattr(option, "rsyncdir"):
            option.rsyncdir = []


def _number_of_workers() -> int:
    slots = os.environ.get("PACELINE_SLOTS", "")
    return int(slots) if slots.isdigit() and int(slots) else os.cpu_count() or 1
