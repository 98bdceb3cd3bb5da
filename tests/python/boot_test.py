"""The start of a Python worker: it leaves nothing behind for the tests."""

import os
import shutil
import subprocess
import sys
import unittest

import msgpack

from fake_agent import BOOT, FakeAgent, make_suite

LOOKS = """
import os, sys

def test_no_folder_of_ours_is_searched():
    assert not [p for p in sys.path if "paceline_worker" in p]
    assert not [p for p in sys.path if p.endswith("worker/python")]
    for name in ("worker", "health", "frames", "boot"):
        assert name not in sys.modules

def test_environment():
    for name in ("PACELINE_PYTHON", "PACELINE_WORKER_FD",
                 "PACELINE_WORKER_TEMPLATE"):
        assert name not in os.environ

def test_socket_is_not_inherited():
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if target.startswith("socket:"):
            assert int(name) >= 40
            assert not os.get_inheritable(int(name))

def test_msgpack():
    assert ("msgpack" in sys.modules) == (os.environ["LENT"] == "no")

def test_import_of_msgpack():
    import pytest
    pytest.importorskip("msgpack")
"""
NAMES = [
    f"test_looks.py::{name}"
    for name in (
        "test_no_folder_of_ours_is_searched",
        "test_environment",
        "test_socket_is_not_inherited",
        "test_msgpack",
        "test_import_of_msgpack",
    )
]


class BootTest(unittest.TestCase):
    def test_nothing_is_left_behind(self):
        folder = make_suite(self, {"test_looks.py": LOOKS})
        with FakeAgent(folder, env={"LENT": "no"}) as agent:
            unit = agent.run(NAMES)
        self.assertEqual(set(unit.outcomes.values()), {"passed"}, unit.results)

    def test_a_lent_msgpack_stays_hidden(self):
        # A data folder as it is installed, and a Python that has pytest and
        # no msgpack: a finder refuses it, but for the lent one.
        folder = make_suite(
            self,
            {
                "suite/test_looks.py": LOOKS,
                "site/sitecustomize.py": (
                    "import sys\n"
                    "class NoMsgpack:\n"
                    "    def find_spec(self, name, path=None, target=None):\n"
                    "        lent = sys.path[-1].endswith('lent')\n"
                    "        if name == 'msgpack' and not lent:\n"
                    "            raise ModuleNotFoundError(name, name=name)\n"
                    "sys.meta_path.insert(0, NoMsgpack())\n"
                ),
            },
        )
        shutil.copytree(BOOT.parent, folder / "data/python/paceline_worker")
        lent = folder / "data/lent/msgpack"
        lent.mkdir(parents=True)
        for name in os.listdir(os.path.dirname(msgpack.__file__)):
            if name.endswith(".py"):
                shutil.copy(
                    os.path.join(os.path.dirname(msgpack.__file__), name), lent
                )
        import fake_agent

        original = fake_agent.BOOT
        fake_agent.BOOT = folder / "data/python/paceline_worker/boot.py"
        self.addCleanup(setattr, fake_agent, "BOOT", original)
        env = {"LENT": "yes", "PYTHONPATH": str(folder / "site")}
        with FakeAgent(folder / "suite", env=env) as agent:
            unit = agent.run(NAMES)
        expected = dict.fromkeys(NAMES, "passed")
        expected[NAMES[-1]] = "skipped"
        self.assertEqual(unit.outcomes, expected, unit.results)

    def test_an_unknown_runner_is_named(self):
        done = subprocess.run(
            [sys.executable, str(BOOT), "worker", "nose"],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"nose", done.stderr)


if __name__ == "__main__":
    unittest.main()
