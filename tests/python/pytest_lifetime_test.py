"""The runner "pytest": what lives how long, and how a worker leaves."""

import json
import os
import subprocess
import sys
import unittest

from fake_agent import PROGRAMS, FakeAgent, make_suite

CONFTEST = """
import os, pytest

def note(text):
    with open(os.environ["LOG"], "a") as file:
        file.write(f"{os.getpid()} {text}\\n")

@pytest.fixture(scope="session")
def session_scope():
    note("up session")
    yield
    note("down session")

@pytest.fixture(scope="module")
def module_scope(request):
    note("up " + request.module.__name__)
    yield
    note("down " + request.module.__name__)

def pytest_sessionstart(): note("sessionstart")
def pytest_sessionfinish(): note("sessionfinish")
def pytest_unconfigure(): note("unconfigure")
"""
PACKAGE = """
import pytest
from conftest import note

@pytest.fixture(scope="package")
def package_scope():
    note("up package")
    yield
    note("down package")
"""
MODULE = """
import atexit, os
from conftest import note
atexit.register(note, "atexit")
class TestIt:
    @classmethod
    def setup_class(cls): note("up class")
    @classmethod
    def teardown_class(cls): note("down class")
    def test_1(self, session_scope, module_scope): note("test_1")
    def test_2(self, session_scope, module_scope): note("test_2")
"""


class LifetimeTest(unittest.TestCase):
    def setUp(self):
        self.folder = make_suite(
            self,
            {
                "conftest.py": CONFTEST,
                "test_a.py": MODULE,
                "test_b.py": MODULE,
                "pkg/__init__.py": "",
                "pkg/conftest.py": PACKAGE,
                "pkg/test_c.py": "def test_c(package_scope): pass\n",
                "pkg/test_d.py": "def test_d(package_scope): pass\n",
            },
        )
        self.log = self.folder / "log"
        self.agent = FakeAgent(self.folder, env={"LOG": str(self.log)})
        self.enterContext(self.agent)
        self.names = {
            m: [f"test_{m}.py::TestIt::test_{i}" for i in (1, 2)] for m in "ab"
        }

    def noted(self):
        """What was noted, without the process that noted it."""
        lines = self.log.read_text().splitlines()
        return [line.partition(" ")[2] for line in lines]

    def test_all_below_the_session_goes_with_the_unit(self):
        worker = self.agent.start()
        for module in "ab":
            worker.run_unit(self.names[module])
            self.assertEqual(
                self.noted()[-2:], ["down class", f"down test_{module}"]
            )
        worker.leave()
        self.assertEqual(self.noted().count("up session"), 1)

    def test_the_session_goes_with_the_worker_as_in_plain_pytest(self):
        worker = self.agent.start()
        worker.run_unit(self.names["a"] + self.names["b"])
        worker.leave()
        ours = self.noted()
        self.log.unlink()
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
             "test_a.py", "test_b.py"],
            cwd=self.folder,
            env=dict(os.environ, LOG=str(self.log)),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.assertEqual(ours, self.noted())
        self.assertEqual(
            ours[-5:],
            ["down session", "sessionfinish", "unconfigure"] + 2 * ["atexit"],
        )

    def test_who_sets_up_tears_down(self):
        for template in (False, True):
            if template:
                source = self.agent.start(template=True)
                source.ready()
            for number in range(3):
                worker = source.fork(number) if template else self.agent.start()
                worker.run_unit(self.names["a"])
                worker.leave()
        counts = {}
        for line in self.log.read_text().splitlines():
            pid, _, text = line.partition(" ")
            kind, _, what = text.partition(" ")
            if kind in ("up", "down"):
                step = 1 if kind == "up" else -1
                counts[pid, what] = counts.get((pid, what), 0) + step
        self.assertEqual(set(counts.values()), {0})
        self.assertEqual(len({pid for pid, _ in counts}), 6)

    def test_modules_of_one_unit_share_their_packages_fixture(self):
        worker = self.agent.start()
        names = ["pkg/test_c.py::test_c", "pkg/test_d.py::test_d"]
        unit = worker.run_unit(names)
        self.assertEqual(set(unit.outcomes.values()), {"passed"})
        worker.run_unit(names)
        worker.leave()
        self.assertEqual(
            [n for n in self.noted() if "package" in n],
            ["up package", "down package"] * 2,
        )

    def test_a_module_comes_back_test_by_test_and_is_collected_once(self):
        worker = self.agent.start()
        for name in self.names["a"]:
            unit = worker.run_unit([name])
            self.assertEqual(list(unit.outcomes.values()), ["passed"])
        unit = worker.run_unit(self.names["a"])  # as for a retry
        self.assertEqual(set(unit.outcomes.values()), {"passed"})
        worker.leave()
        self.assertEqual(self.noted().count("up test_a"), 3)
        self.assertEqual(self.noted().count("atexit"), 1)

    def test_after_stop_the_rest_is_not_run_and_all_is_torn_down(self):
        worker = self.agent.start()
        unit = worker.run_unit(
            self.names["a"],
            on_started=lambda w, i: w.stop() if i == 0 else None,
        )
        # The stop may come after the second has begun.
        self.assertIn(len(unit.results), (1, 2))
        self.assertIsNotNone(unit.end)
        self.assertEqual(self.noted()[-2:], ["down class", "down test_a"])
        late = worker.run_unit(self.names["b"])
        self.assertEqual(len(late.results), 2)
        worker.leave()

    def test_when_the_agent_goes_the_worker_leaves_gracefully(self):
        worker = self.agent.start()
        worker.run_unit(self.names["a"])
        worker.connection.close()
        self.assertEqual(worker.wait(), 0)
        self.assertEqual(self.noted()[-2:], ["unconfigure", "atexit"])


class LeavingTest(unittest.TestCase):
    def test_a_session_fixture_that_fails_is_named_with_its_worker(self):
        folder = PROGRAMS / "misbehaving"
        with FakeAgent(folder) as agent:
            worker = agent.start()
            unit = worker.run_unit(["test_teardown.py::test_session"])
            (extra,) = worker.leave()["extras"]
        self.assertEqual(list(unit.outcomes.values()), ["passed"])
        self.assertEqual(extra["name"], "gw1: session fixture bad_session")
        self.assertEqual(extra["outcome"], "error")
        self.assertEqual(
            extra["message"],
            "teardown failed: RuntimeError: session fixture broke",
        )
        self.assertIn("test_teardown.py:", extra["details"])
        self.assertEqual(extra["output"], b"session teardown\n")

    def test_a_session_finish_that_fails_is_named(self):
        folder = make_suite(
            self,
            {
                "conftest.py": "def pytest_sessionfinish():\n"
                "    raise RuntimeError('no finish')\n",
                "test_x.py": "def test_x(): pass\n",
            },
        )
        with FakeAgent(folder) as agent:
            worker = agent.start()
            worker.run_unit(["test_x.py::test_x"])
            (extra,) = worker.leave()["extras"]
        self.assertEqual(extra["name"], "gw1: session finish")
        self.assertIn("no finish", extra["message"])

    def test_last_words_that_are_too_many_lose_no_failure(self):
        # The worker died of the frame, and its failures with it.
        folder = make_suite(
            self,
            {
                "conftest.py": "import pytest\n"
                "@pytest.fixture(scope='session')\n"
                "def broken():\n"
                "    yield\n"
                "    raise RuntimeError('x' * 9_000_000)\n"
                "def pytest_sessionfinish(session):\n"
                "    held = []\n"
                "    held.append(held)\n"
                "    output = session.config.workeroutput\n"
                "    output['data'] = held if HOLDS else 'y' * 9_000_000\n"
                "import os\n"
                "HOLDS = bool(os.environ.get('HOLDS_ITSELF'))\n",
                "test_x.py": "def test_x(broken): pass\n",
            },
        )
        with FakeAgent(folder) as agent:
            worker = agent.start()
            worker.run_unit(["test_x.py::test_x"])
            said = worker.leave()
            self.assertEqual(worker.process.returncode, 0, worker.raw_output)
        self.assertNotIn("report", said)
        names = [extra["name"] for extra in said["extras"]]
        self.assertRegex(names[0], r"^worker \d+: last words$")
        self.assertEqual(names[1:], ["gw1: session fixture broken"])
        with FakeAgent(folder, env={"HOLDS_ITSELF": "1"}) as agent:
            worker = agent.start()
            worker.run_unit(["test_x.py::test_x"])
            said = worker.leave()
        self.assertEqual(len(said["extras"]), 1)
        self.assertIn(
            "workeroutput cannot be sent", json.loads(said["report"])["error"]
        )

    def test_many_large_failures_at_the_end_are_all_told(self):
        count = 100
        folder = make_suite(
            self,
            {
                "conftest.py": "import pytest\n"
                "def make(number):\n"
                "    @pytest.fixture(scope='session', name=f'f{number}')\n"
                "    def fixture():\n"
                "        yield\n"
                "        raise RuntimeError('x' * 100_000)\n"
                "    return fixture\n"
                f"for n in range({count}):\n"
                "    globals()[f'f{n}'] = make(n)\n",
                "test_x.py": "def test_x("
                + ", ".join(f"f{n}" for n in range(count)) + "): pass\n",
            },
        )
        with FakeAgent(folder) as agent:
            worker = agent.start()
            worker.run_unit(["test_x.py::test_x"])
            said = worker.leave()
        extras = said["extras"]
        self.assertEqual(len({extra["name"] for extra in extras}), count)
        self.assertTrue(all(extra["message"] for extra in extras))
        self.assertIn("details", extras[0])
        self.assertNotIn("details", extras[-1])

    def test_a_thread_that_never_ends_does_not_hold_the_worker(self):
        folder = make_suite(
            self,
            {
                "test_x.py": "import atexit, pathlib, threading\n"
                "here = pathlib.Path(__file__).parent\n"
                "atexit.register((here / 'ended').write_text, 'x')\n"
                "def test_x():\n"
                "    threading.Thread(target=threading.Event().wait).start()\n"
            },
        )
        with FakeAgent(folder) as agent:
            worker = agent.start()
            unit = worker.run_unit(["test_x.py::test_x"])
            worker.leave()
            self.assertEqual(worker.process.returncode, 0)
        self.assertEqual(unit.end["health"]["threads"], 2)
        self.assertTrue((folder / "ended").exists())


class XdistLookTest(unittest.TestCase):
    """To plugins and suites a worker is one of pytest-xdist's."""

    def test_environment_and_workerinput(self):
        folder = make_suite(
            self,
            {
                "conftest.py": "import os\n"
                "assert os.environ['PYTEST_XDIST_WORKER'] == 'gw1'\n"
                "def pytest_sessionfinish(session):\n"
                "    session.config.workeroutput['mine'] = [1, 'x']\n",
                "test_x.py": "import os\n"
                "def test_x(pytestconfig):\n"
                "    assert os.environ['PYTEST_XDIST_WORKER'] == 'gw1'\n"
                "    assert os.environ['PYTEST_XDIST_WORKER_COUNT'] == '2'\n"
                "    assert os.environ['PYTEST_XDIST_TESTRUNUID'] == 'f00d'\n"
                "    given = pytestconfig.workerinput\n"
                "    assert given['workerid'] == 'gw1'\n"
                "    assert given['workercount'] == 2\n"
                "    assert given['testrunuid'] == 'f00d'\n"
                "    assert given['mainargv'][0] == 'pytest'\n"
                "    assert given['from_plugin'] == 17\n"
                "    assert given['own'] == 'of 1'\n",
            },
        )
        with FakeAgent(
            folder,
            workerinput={"from_plugin": 17},
            workerinputs=[{"own": "of 0"}, {"own": "of 1"}],
        ) as agent:
            worker = agent.start()
            unit = worker.run_unit(["test_x.py::test_x"])
            report = json.loads(worker.leave()["report"])
        self.assertEqual(set(unit.outcomes.values()), {"passed"}, unit.results)
        self.assertEqual(report["workerid"], "gw1")
        self.assertEqual(
            report["workeroutput"], {"mine": [1, "x"], "exitstatus": 0}
        )

    def test_fixtures_of_xdist(self):
        try:
            import xdist  # noqa: F401
        except ImportError:
            self.skipTest("no pytest-xdist")
        folder = make_suite(
            self,
            {
                "test_x.py": "import xdist\n"
                "def test_x(worker_id, testrun_uid, request):\n"
                "    assert (worker_id, testrun_uid) == ('gw1', 'f00d')\n"
                "    assert xdist.is_xdist_worker(request)\n"
            },
        )
        with FakeAgent(folder) as agent:
            unit = agent.run(["test_x.py::test_x"])
        self.assertEqual(set(unit.outcomes.values()), {"passed"}, unit.results)

    def test_each_worker_has_a_basetemp_below_the_runs(self):
        folder = make_suite(
            self,
            {
                "test_x.py": "def test_x(tmp_path, tmp_path_factory):\n"
                "    (tmp_path / 'x').touch()\n"
            },
        )
        base = folder / "deep" / "base"
        with FakeAgent(folder, basetemp=str(base)) as agent:
            template = agent.start(template=True)
            template.ready()
            for number in (4, 7):
                worker = template.fork(number)
                worker.run_unit(["test_x.py::test_x"])
                worker.leave()
        self.assertEqual(
            sorted(str(p.relative_to(base)) for p in base.glob("*/*0/x")),
            ["popen-gw4/test_x0/x", "popen-gw7/test_x0/x"],
        )

    def test_a_failed_tests_files_are_named_and_outlive_a_worker_of_its_name(
        self,
    ):
        folder = make_suite(
            self,
            {
                "test_x.py": "def test_x(tmp_path):\n"
                "    (tmp_path / 'x').touch()\n"
                "    assert 0\n"
                "def test_none(): assert 0\n"
            },
        )
        for host, on in (
            (os.uname().nodename, ""),
            ("elsewhere", " on " + os.uname().nodename),
        ):
            base = str(folder / ("base of " + host))
            kept = set()
            with FakeAgent(folder, basetemp=base, host=host) as agent:
                template = agent.start(template=True)
                template.ready()
                for _ in range(2):
                    worker = template.fork(4)
                    unit = worker.run_unit(
                        ["test_x.py::test_x", "test_x.py::test_none"]
                    )
                    worker.leave()
                    said = unit.result("test_x")["details"].splitlines()[-1]
                    start = f"tmp_path is kept{on}: "
                    self.assertTrue(said.startswith(start), said)
                    kept.add(said[len(start):])
                    self.assertNotIn(
                        "tmp_path", unit.result("test_none")["details"]
                    )
            self.assertEqual(len(kept), 2)
            for path in kept:
                self.assertTrue(path.startswith(base), path)
                self.assertTrue(os.path.exists(os.path.join(path, "x")), path)

    def test_coverage_is_written_for_the_controller_to_combine(self):
        try:
            import pytest_cov  # noqa: F401
        except ImportError:
            self.skipTest("no pytest-cov")
        folder = make_suite(
            self,
            {
                "lib.py": "def f():\n    return 1\n",
                "test_x.py": "import lib\ndef test_x(): assert lib.f() == 1\n",
            },
        )
        given = {
            "cov_master_host": __import__("socket").gethostname(),
            "cov_master_topdir": str(folder),
            "cov_master_rsync_roots": [],
        }
        with FakeAgent(
            folder,
            args=["-p", "no:cacheprovider", "--cov=lib", str(folder)],
            workerinput=given,
            sys_path=[str(folder), *sys.path],
        ) as agent:
            template = agent.start(template=True)
            self.assertTrue(template.ready()["forkable"])
            worker = template.fork(3)
            unit = worker.run_unit(["test_x.py::test_x"])
            report = json.loads(worker.leave()["report"])
        self.assertEqual(set(unit.outcomes.values()), {"passed"}, unit.results)
        self.assertIn("cov_worker_node_id", report["workeroutput"])
        self.assertEqual(len(list(folder.glob(".coverage.*"))), 1)


if __name__ == "__main__":
    unittest.main()
