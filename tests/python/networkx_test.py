"""A suite that nobody here wrote: verdicts equal plain pytest's.

A part of networkx's own tests by default; all of them, which takes minutes,
with PACELINE_ALL_OF_NETWORKX=1.
"""

import json
import os
import subprocess
import sys
import unittest

from fake_agent import FakeAgent, make_suite

PLUGIN = """
import json, os

outcomes, ids = {}, []

def pytest_collection_finish(session):
    ids.extend(item.nodeid for item in session.items)
    ids.append(str(session.config.rootpath))

def pytest_collectreport(report):
    if not report.passed:
        outcomes[report.nodeid] = "skipped" if report.skipped else "error"

def pytest_runtest_logreport(report):
    expected = hasattr(report, "wasxfail")
    if report.when != "call" and report.passed:
        return
    outcomes[report.nodeid] = {
        "passed": "xpassed" if expected else "passed",
        "skipped": "xfailed" if expected else "skipped",
        "failed": "failed" if report.when == "call" else "error",
    }[report.outcome]

def pytest_sessionfinish():
    with open(os.environ["OUT"], "w") as file:
        json.dump([outcomes, ids], file)
"""


class NetworkxTest(unittest.TestCase):
    maxDiff = 2000

    def test_ids_and_outcomes_equal_plain_pytests(self):
        try:
            import networkx
        except ImportError:
            self.skipTest("no networkx")
        target = os.path.dirname(networkx.__file__)
        if not os.environ.get("PACELINE_ALL_OF_NETWORKX"):
            target = os.path.join(target, "readwrite")
        folder = make_suite(self, {"plain_outcomes.py": PLUGIN})
        args = ["-p", "no:cacheprovider", target]
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "plain_outcomes", *args],
            env=dict(
                os.environ, PYTHONPATH=str(folder), OUT=str(folder / "out")
            ),
            stdout=subprocess.DEVNULL,
            cwd=folder,
            check=True,
        )
        plain, ids = json.loads((folder / "out").read_text())
        rootdir = ids.pop()
        modules = {}
        for name in [*ids, *(n for n in plain if "::" not in n)]:
            modules.setdefault(name.partition("::")[0], []).append(name)
        ours = {}
        with FakeAgent(folder, args=args, rootdir=rootdir) as agent:
            worker = agent.start()
            for names in modules.values():
                unit = worker.run_unit(names)
                self.assertIsNotNone(unit.end, unit.started)
                self.assertNotIn("finalize", unit.end)
                ours.update(unit.outcomes)
            self.assertNotIn("extras", worker.leave())
        self.assertEqual(ours, plain)


if __name__ == "__main__":
    unittest.main()
