"""The template: workers forked of it, and what is not safe to fork."""

import time
import unittest

from fake_agent import FakeAgent, make_suite

TEST = "def test_x(): pass\n"


class TemplateTest(unittest.TestCase):
    def make_agent(self, files, **kwargs):
        agent = FakeAgent(make_suite(self, files), **kwargs)
        return self.enterContext(agent)

    def ready(self, files, **kwargs):
        template = self.make_agent(files, **kwargs).start(template=True)
        return template, template.ready()

    def forked(self, files, count=2, names=("test_x.py::test_x",)):
        """The units of `count` workers, forked one after the other."""
        template, answer = self.ready(files)
        self.assertTrue(answer["forkable"], answer)
        units = []
        for number in range(count):
            worker = template.fork(number)
            units.append(worker.run_unit(list(names)))
            worker.leave()
        template.leave()
        return units

    def test_workers_are_plain_workers_of_their_own(self):
        template, answer = self.ready(
            {
                "test_x.py": "import os\n"
                "def test_x():\n"
                "    print(os.environ['PACELINE_WORKER_ID'], os.getpgid(0))\n"
                "    print(os.environ['PYTEST_XDIST_WORKER'])\n"
            }
        )
        self.assertTrue(template.hello["template"])
        self.assertEqual(answer["type"], "template_ready")
        workers = [template.fork(number) for number in (3, 8)]
        outputs = []
        for worker in workers:
            self.assertNotIn("template", worker.hello)
            self.assertEqual(worker.hello["pid"], worker.pid)
            self.assertNotEqual(worker.pid, template.pid)
            unit = worker.run_unit(["test_x.py::test_x"])
            outputs.append(unit.results[0]["output"].decode().split())
            worker.leave()
        self.assertEqual(
            outputs,
            [["3.fake", str(workers[0].pid), "gw3"],
             ["8.fake", str(workers[1].pid), "gw8"]],
        )

    def test_plugins_and_conftest_are_imported_once_and_no_session_begins(
        self,
    ):
        folder = make_suite(
            self,
            {
                "helping_plugin.py": "open('happened', 'a').write('plugin ')\n",
                "conftest.py": "open('happened', 'a').write('conftest ')\n"
                "def pytest_configure():\n"
                "    open('happened', 'a').write('configure ')\n"
                "def pytest_sessionstart():\n"
                "    open('happened', 'a').write('session ')\n",
                "test_x.py": TEST,
            },
        )
        with FakeAgent(
            folder, args=["-p", "helping_plugin", "-p", "no:cacheprovider"],
            env={"PYTHONPATH": str(folder)},
        ) as agent:
            template = agent.start(template=True)
            self.assertTrue(template.ready()["forkable"])
            happened = folder / "happened"
            self.assertEqual(happened.read_text(), "plugin conftest ")
            for number in range(2):
                worker = template.fork(number)
                worker.run_unit(["test_x.py::test_x"])
                worker.leave()
            self.assertEqual(
                happened.read_text(),
                "plugin conftest " + 2 * "configure session ",
            )

    def test_what_a_worker_forks_is_known_as_its_own(self):
        # Told apart by the template's mark, what a dead worker left lived
        # until the template ended.
        template, _ = self.ready({"test_x.py": TEST})
        for number in (3, 1234567890):
            worker = template.fork(number)
            with open(f"/proc/{worker.pid}/environ", "rb") as file:
                initial = file.read().split(b"\0")
            marks = [v for v in initial if v.startswith(b"PACELINE_WORKER_ID")]
            self.assertEqual(
                marks, [b"PACELINE_WORKER_ID=%d.fake" % number]
            )
            worker.leave()

    def test_the_parent_is_not_the_template(self):
        template, _ = self.ready({"test_x.py": TEST})
        worker = template.fork(1)
        with open(f"/proc/{worker.pid}/stat") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        self.assertNotEqual(parent, template.pid)
        children = f"/proc/{template.pid}/task/{template.pid}/children"
        with open(children) as file:
            self.assertEqual(file.read(), "")
        worker.leave()

    def test_the_templates_death_does_its_workers_no_harm(self):
        template, _ = self.ready({"test_x.py": TEST})
        worker = template.fork(1)
        template.kill()
        unit = worker.run_unit(["test_x.py::test_x"])
        self.assertEqual(list(unit.outcomes.values()), ["passed"])
        worker.leave()

    def test_what_a_worker_prints_is_not_mixed_with_anothers(self):
        # conftest prints while it is loaded, and a handler keeps a stream of
        # the capture that the template began.
        template, answer = self.ready(
            {
                "conftest.py": "import logging, sys\n"
                "print('loaded')\n"
                "logging.basicConfig(stream=sys.stderr)\n",
                "test_x.py": "import logging, os, time\n"
                "def test_x():\n"
                "    for i in range(200):\n"
                "        print(os.environ['PYTEST_XDIST_WORKER'])\n"
                "        time.sleep(0.001)\n"
                "    logging.error('logged')\n",
            }
        )
        self.assertTrue(answer["forkable"], answer)
        workers = [template.fork(number) for number in range(3)]
        for worker in workers:
            worker.begin_unit(["test_x.py::test_x"])
        for number, worker in enumerate(workers):
            unit = worker.finish_unit(["test_x.py::test_x"])
            output = unit.results[0]["output"].decode()
            self.assertEqual(output.count(f"gw{number}\n"), 200)
            for other in {0, 1, 2} - {number}:
                self.assertNotIn(f"gw{other}\n", output)
            self.assertIn("logged", output)
            self.assertNotIn("Logging error", output)
            worker.leave()
            self.assertEqual(worker.raw_output, b"")

    def test_what_is_not_captured_goes_to_the_workers_own_pipe(self):
        template, _ = self.ready(
            {"test_x.py": "import os\ndef test_x(): os.write(2, b'mine')\n"},
            args=["-s", "-p", "no:cacheprovider"],
        )
        worker = template.fork(1)
        worker.run_unit(["test_x.py::test_x"])
        worker.leave()
        self.assertEqual(worker.raw_output, b"mine")
        template.leave()
        self.assertEqual(template.raw_output, b"")

    def test_random_numbers_differ_between_workers(self):
        units = self.forked(
            {
                "conftest.py": "import random\nrandom.random()\n",
                "test_x.py": "import random\n"
                "def test_x(): print(random.getrandbits(64))\n",
            }
        )
        outputs = {u.results[0]["output"] for u in units}
        self.assertEqual(len(outputs), 2)

    def test_a_seed_that_conftest_sets_stays(self):
        units = self.forked(
            {
                "conftest.py": "import random\nrandom.seed(42)\n",
                "test_x.py": "import random\n"
                "def test_x(): assert random.random() == 0.6394267984578837\n",
            }
        )
        for unit in units:
            self.assertEqual(list(unit.outcomes.values()), ["passed"])

    def test_numpy_is_seeded_anew_unless_conftest_has_seeded_it(self):
        try:
            import numpy  # noqa: F401
        except ImportError:
            self.skipTest("no numpy")
        text = "import numpy\ndef test_x(): print(numpy.random.random())\n"
        for seeded, different in ((False, 2), (True, 1)):
            seed = "numpy.random.seed(1)\n" if seeded else ""
            units = self.forked(
                {
                    # with OpenBLAS, whose threads are known to be safe
                    "conftest.py": "import numpy\n"
                    "numpy.ones((500, 500)) @ numpy.ones((500, 500))\n" + seed,
                    "test_x.py": text,
                }
            )
            with self.subTest(seeded):
                outputs = {u.results[0]["output"] for u in units}
                self.assertEqual(len(outputs), different)

    def test_a_fork_takes_milliseconds(self):
        template, _ = self.ready({"test_x.py": TEST})
        took = []
        for number in range(5):
            begin = time.perf_counter()
            worker = template.fork(number)
            took.append(time.perf_counter() - begin)
            worker.leave()
        self.assertLess(min(took), 0.1)

    def test_a_fork_without_descriptors_fails_and_the_template_stays(self):
        template, _ = self.ready({"test_x.py": TEST})
        template.connection.send(type="fork", request=7, worker="1.fake")
        answer = template.connection.receive()
        self.assertEqual(answer["type"], "fork_failed")
        self.assertEqual(answer["request"], 7)
        template.fork(1).leave()

    def test_a_suite_that_cannot_be_loaded_is_refused(self):
        _, answer = self.ready({"conftest.py": "import nothing_there\n"})
        self.assertEqual(answer["type"], "suite_refused")
        self.assertIn("nothing_there", answer["message"])


class UnforkableTest(unittest.TestCase):
    def reason(self, conftest, **kwargs):
        """Why there is no fork; the template then serves as a worker."""
        folder = make_suite(self, {"conftest.py": conftest, "test_x.py": TEST})
        with FakeAgent(folder, **kwargs) as agent:
            template = agent.start(template=True)
            answer = template.ready()
            self.assertFalse(answer["forkable"])
            template.connection.send(type="serve")
            hello = template.connection.receive()
            self.assertEqual(hello["type"], "hello")
            self.assertNotIn("template", hello)
            template.send_suite()
            unit = template.run_unit(["test_x.py::test_x"])
            self.assertEqual(list(unit.outcomes.values()), ["passed"])
            template.leave()
        return answer["message"]

    def test_threads(self):
        reason = self.reason(
            "import threading\n"
            "threading.Thread(target=threading.Event().wait, daemon=True)"
            ".start()\n"
        )
        self.assertIn("1 Python threads", reason)

    def test_threads_of_a_library(self):
        # Python knows nothing of it.
        reason = self.reason(
            "import ctypes\n"
            "libc = ctypes.CDLL(None)\n"
            "thread = ctypes.c_ulong()\n"
            "assert libc.pthread_create(ctypes.byref(thread), None,\n"
            "    ctypes.cast(libc.pause, ctypes.c_void_p), None) == 0\n"
        )
        self.assertIn("1 threads run in libraries", reason)

    def test_a_connection(self):
        reason = self.reason(
            "import socket\npair = socket.socketpair()\n"
        )
        self.assertIn("socket:", reason)

    def test_a_file_that_is_written(self):
        reason = self.reason(
            "log = open(__file__ + '.log', 'w')\n"
        )
        self.assertIn("conftest.py.log", reason)

    def test_who_the_worker_is_read_while_loading(self):
        for name in ("PYTEST_XDIST_WORKER", "PACELINE_WORKER_ID"):
            for read in (
                f"os.environ.get('{name}', 'master')",
                f"os.getenv('{name}')",
                f"os.environ['{name}']",
                f"'{name}' in os.environ",
            ):
                with self.subTest(read):
                    reason = self.reason(
                        f"import os\nwho = {read}\n"
                        "assert who and who != 'master'\n"
                    )
                    self.assertIn(name, reason)

    def test_a_file_that_is_read_is_read_by_each_worker(self):
        # They shared its position: the first one got it all.
        folder = make_suite(
            self,
            {
                "data.txt": "first\nrest\n",
                "conftest.py": "import os, pytest\n"
                "FILE = open(os.path.join(os.path.dirname(__file__),"
                " 'data.txt'), 'rb', buffering=0)\n"
                "FILE.read(6)\n"
                "os.set_inheritable(FILE.fileno(), True)\n"
                "@pytest.fixture(scope='session')\n"
                "def data():\n"
                "    return FILE.read()\n",
                "test_x.py": "from conftest import FILE\n"
                "import os\n"
                "def test_x(data):\n"
                "    assert data == b'rest\\n'\n"
                "    assert os.get_inheritable(FILE.fileno())\n",
            },
        )
        with FakeAgent(folder) as agent:
            template = agent.start(template=True)
            self.assertTrue(template.ready()["forkable"])
            for number in range(2):
                worker = template.fork(number)
                unit = worker.run_unit(["test_x.py::test_x"])
                worker.leave()
                self.assertEqual(list(unit.outcomes.values()), ["passed"])

    def test_a_copy_of_the_environment_is_no_reason(self):
        folder = make_suite(
            self,
            {
                "conftest.py": "import os\nenv = dict(os.environ)\n",
                "test_x.py": "import os\ndef test_x():\n"
                "    assert os.environ['PYTEST_XDIST_WORKER'] == 'gw5'\n"
                "    assert type(os.environ._data) is dict\n",
            },
        )
        with FakeAgent(folder) as agent:
            template = agent.start(template=True)
            self.assertTrue(template.ready()["forkable"])
            worker = template.fork(5)
            unit = worker.run_unit(["test_x.py::test_x"])
            worker.leave()
        self.assertEqual(list(unit.outcomes.values()), ["passed"])


if __name__ == "__main__":
    unittest.main()
