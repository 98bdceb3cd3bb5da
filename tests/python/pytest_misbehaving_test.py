"""Tests that misbehave: the right verdict for each, and for all others too."""

import os
import re
import select
import signal
import time
import unittest

from fake_agent import PATIENCE, PROGRAMS, FakeAgent, make_suite, terminate

FOLDER = PROGRAMS / "misbehaving"


def names_in(module):
    text = (FOLDER / module).read_text()
    return [
        f"{module}::{name}"
        for name in re.findall(r"^def (test_\w+)", text, re.M)
    ]


class MisbehavingTest(unittest.TestCase):
    def test_each_has_its_own_verdict(self):
        outcomes, deaths, output = {}, {}, {}
        left = names_in("test_process.py")
        with FakeAgent(FOLDER) as agent:
            while left:
                worker = agent.start()
                unit = worker.run_unit(left)
                for index, result in unit.results.items():
                    name = left[index].partition("::")[2]
                    outcomes[name] = result["outcome"]
                    output[name] = result.get("output", b"")
                if unit.end is not None:
                    worker.leave()
                    break
                # As an agent does: the rest goes on in a fresh worker.
                dead = unit.started[-1]
                self.assertNotIn(dead, unit.results)
                deaths[left[dead].partition("::")[2]] = worker.wait()
                left = left[dead + 1 :]
        self.assertEqual(
            deaths, {"test_exits": 3, "test_segfaults": -signal.SIGSEGV}
        )
        bad = {n: o for n, o in outcomes.items() if o != "passed"}
        self.assertEqual(
            bad,
            {
                "test_reads_stdin": "failed",
                "test_raises_keyboard_interrupt": "error",
                "test_raises_system_exit": "failed",
            },
        )
        self.assertEqual(
            len(outcomes) + len(deaths), len(names_in("test_process.py"))
        )
        self.assertEqual(output["test_after_closed_output"], b"printed after\n")
        self.assertEqual(output["test_after_replaced_stdout"], b"seen\n")

    def test_a_breakpoint_without_a_terminal_says_what_to_do(self):
        folder = make_suite(
            self,
            {
                "test_x.py": "def test_stops():\n"
                "    print('before')\n"
                "    breakpoint()\n"
                "def test_after(): print('after')\n",
            },
        )
        names = ["test_x.py::test_stops", "test_x.py::test_after"]
        with FakeAgent(folder) as agent:
            unit = agent.run(names)
        self.assertEqual(list(unit.outcomes.values()), ["failed", "passed"])
        result = unit.result("::test_stops")
        self.assertIn("run it with -s", result["message"])
        self.assertIn("test_x.py:3", result["message"])
        self.assertNotIn("terminal.py", result.get("details", ""))
        self.assertIn(b"before\n", unit.result("::test_stops")["output"])
        self.assertEqual(unit.result("::test_after")["output"], b"after\n")

    def test_a_debugger_of_its_own_may_need_no_terminal(self):
        folder = make_suite(
            self,
            {
                "remote.py": "class Debugger:\n"
                "    def __init__(self, *args, **kwargs): pass\n"
                "    def set_trace(self, *args): print('no terminal')\n",
                "test_x.py": "def test_stops(): breakpoint()\n",
            },
        )
        with FakeAgent(
            folder,
            args=["--pdbcls=remote:Debugger"],
            env={"PYTHONPATH": "."},
        ) as agent:
            unit = agent.run(["test_x.py::test_stops"])
        self.assertEqual(list(unit.outcomes.values()), ["passed"])

    def test_teardowns_that_fail(self):
        with FakeAgent(FOLDER) as agent:
            worker = agent.start()
            unit = worker.run_unit(names_in("test_teardown.py"))
            extras = worker.leave()["extras"]
        self.assertEqual(
            {n.partition("::")[2]: o for n, o in unit.outcomes.items()},
            {
                "test_session": "passed",
                "test_function": "error",
                "test_fails_twice": "failed",
                "test_setup": "error",
                "test_module": "error",
            },
        )
        self.assertEqual(len(extras), 1)

    def test_a_crash_leaves_stacks_on_the_original_standard_error(self):
        with FakeAgent(FOLDER) as agent:
            worker = agent.start()
            worker.run_unit(["test_process.py::test_segfaults"])
            worker.wait()
        self.assertIn(b"Fatal Python error: Segmentation fault",
                      worker.raw_output)
        self.assertIn(b"in test_segfaults", worker.raw_output)

    def test_the_next_unit_begins_where_pytest_was_started(self):
        folder = make_suite(
            self,
            {
                "test_x.py": "import os, shutil, tempfile\n"
                "def test_moves():\n"
                "    folder = tempfile.mkdtemp()\n"
                "    os.chdir(folder)\n"
                "    os.rmdir(folder)\n"
                "def test_is_at_start():\n"
                "    assert os.getcwd() == os.path.dirname(__file__)\n"
            },
        )
        with FakeAgent(folder) as agent:
            worker = agent.start()
            for name in ("test_moves", "test_is_at_start"):
                unit = worker.run_unit([f"test_x.py::{name}"])
                self.assertEqual(list(unit.outcomes.values()), ["passed"])
            worker.leave()

    def test_pytest_exit_ends_the_session_and_names_the_rest(self):
        folder = make_suite(
            self,
            {
                "test_x.py": "import pytest\n"
                "def test_exits(): pytest.exit('enough')\n"
                "def test_next(): pass\n",
            },
        )
        with FakeAgent(folder) as agent:
            unit = agent.run(["test_x.py::test_exits", "test_x.py::test_next"])
        self.assertEqual(list(unit.outcomes.values()), ["error", "not_run"])
        self.assertIn("pytest.exit: enough", unit.results[0]["message"])
        self.assertIn("pytest.exit: enough", unit.results[1]["message"])

    def test_a_session_that_is_to_stop_or_fail_runs_no_more(self):
        folder = make_suite(
            self,
            {
                f"test_{word}.py": "def test_last(request):\n"
                f"    request.session.{word} = 'enough'\n"
                "def test_next(): pass\n"
                for word in ("shouldstop", "shouldfail")
            },
        )
        with FakeAgent(folder) as agent:
            for word in ("shouldstop", "shouldfail"):
                unit = agent.run(
                    [f"test_{word}.py::test_last", f"test_{word}.py::test_next"]
                )
                self.assertEqual(
                    list(unit.outcomes.values()), ["passed", "not_run"]
                )
                self.assertIn("enough", unit.results[1]["message"])

    def test_a_process_pool_of_a_test_is_ended_by_terminate(self):
        # A forked child must not inherit what the worker does on SIGTERM.
        folder = make_suite(
            self,
            {
                "test_x.py": "import multiprocessing, time\n"
                "def test_terminate():\n"
                "    fork = multiprocessing.get_context('fork')\n"
                "    child = fork.Process(target=time.sleep, args=(60,))\n"
                "    child.start()\n"
                "    child.terminate()\n"
                "    child.join()\n"
                "    assert child.exitcode == -15\n",
            },
        )
        with FakeAgent(folder) as agent:
            worker = agent.start()
            unit = worker.run_unit(["test_x.py::test_terminate"])
            worker.leave()
        self.assertEqual(list(unit.outcomes.values()), ["passed"])
        self.assertEqual(worker.raw_output, b"")


class SigtermTest(unittest.TestCase):
    """At a timeout the agent sends SIGTERM; what is known is sent first."""

    TEXT = (
        "import os, re, signal, threading, time\n"
        "def signal_agent():\n"
        "    open(os.environ['READY'], 'w').close()\n"
        "def wait_in_thread():\n"
        "    threading.Event().wait()\n"
        "def test_hangs():\n"
        "    print('so far')\n"
        "    os.system('echo child')\n"
        "    threading.Thread(target=wait_in_thread, name='helper',\n"
        "                     daemon=True).start()\n"
        "    signal_agent()\n"
        "    while True:\n"
        "        time.sleep(60)\n"
        "def test_hangs_in_c():\n"
        "    signal_agent()\n"
        "    re.match('(a|aa)+$', 'a' * 200 + 'b')\n"
        "def test_handler():\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "def test_borrows_handler():\n"
        "    old = signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "    signal.signal(signal.SIGTERM, old)\n"
    )

    def hang(self, name, before=()):
        folder = make_suite(self, {"test_x.py": self.TEXT})
        ready = folder / "ready"
        with FakeAgent(folder, env={"READY": str(ready)}) as agent:
            worker = agent.start()
            for other in before:
                worker.run_unit([f"test_x.py::{other}"])
            worker.begin_unit([f"test_x.py::{name}"])
            self.wait_for(ready)
            terminate(worker)
            if name.endswith("in_c"):
                self.addCleanup(worker.kill)
                os.kill(worker.pid, signal.SIGCONT)
                self.wait_for_stacks(worker)
                worker.kill()
                return None, worker
            unit = worker.finish_unit([f"test_x.py::{name}"])
            worker.status = worker.wait()
        return unit, worker

    def wait_for(self, path):
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            self.assertLess(time.monotonic(), deadline, f"no {path}")
            os.sched_yield()

    def wait_for_stacks(self, worker):
        text = b""
        deadline = time.monotonic() + PATIENCE
        while b"in test_hangs_in_c" not in text:
            left = max(deadline - time.monotonic(), 0)
            self.assertTrue(
                select.select([worker._output], [], [], left)[0], text
            )
            text += os.read(worker._output, 1 << 16)

    def test_output_and_stacks_of_all_threads_are_in_the_result(self):
        unit, worker = self.hang("test_hangs")
        self.assertEqual(worker.status, -signal.SIGTERM)
        self.assertIsNone(unit.end)
        result = unit.results[0]
        self.assertEqual(result["output"], b"so far\nchild\n")
        details = result["details"]
        self.assertIn("Thread MainThread", details)
        self.assertIn("Thread helper", details)
        self.assertIn("in wait_in_thread", details)
        self.assertIn("in test_hangs\n", details)
        self.assertNotIn("/_pytest/", details)

    def test_stacks_are_also_written_from_c_where_python_cannot_run(self):
        self.hang("test_hangs_in_c")

    def test_a_default_handler_that_a_test_left_is_replaced(self):
        unit, _ = self.hang("test_hangs", before=["test_handler"])
        self.assertIn("in test_hangs", unit.results[0]["details"])

    def test_a_handler_that_a_test_borrowed_is_whole_again(self):
        # Ours was back, but not faulthandler's below it.
        self.hang("test_hangs_in_c", before=["test_borrows_handler"])


class RecordedTest(unittest.TestCase):
    """What a test records is its own, and may be anything."""

    def test_properties_that_cannot_be_sent_do_not_end_the_worker(self):
        folder = make_suite(
            self,
            {
                "conftest.py": "import pytest\n"
                "@pytest.hookimpl(tryfirst=True)\n"
                "def pytest_report_to_serializable(report):\n"
                "    if 'not_said' in report.nodeid:\n"
                "        raise RuntimeError('not said')\n",
                "test_x.py": "import pytest\n"
                "class Bad:\n"
                "    def __str__(self):\n"
                "        pytest.skip('no text')\n"
                "def test_keys(record_property):\n"
                "    record_property('m', {(1, 2): 3})\n"
                "def test_itself(record_property):\n"
                "    held = []\n"
                "    held.append(held)\n"
                "    record_property('m', held)\n"
                "def test_no_text(record_property):\n"
                "    record_property(Bad(), Bad())\n"
                "def test_no_pair(request):\n"
                "    request.node.user_properties.append('m')\n"
                "def test_not_said(): pass\n"
                "def test_good(record_property):\n"
                "    record_property('m', 1)\n",
            },
        )
        names = [
            f"test_x.py::test_{name}"
            for name in ("keys", "itself", "no_text", "no_pair", "not_said",
                         "good")
        ]
        with FakeAgent(folder, reports="all") as agent:
            unit = agent.run(names)
        self.assertEqual(unit.outcomes, dict.fromkeys(names, "passed"))
        self.assertEqual(
            unit.result("no_text")["properties"],
            [["<Bad whose text raised Skipped>"] * 2],
        )
        self.assertEqual(unit.result("keys")["properties"],
                         [["m", "{(1, 2): 3}"]])
        self.assertNotIn("report", unit.result("keys"))
        self.assertIn("report", unit.result("good"))


if __name__ == "__main__":
    unittest.main()
