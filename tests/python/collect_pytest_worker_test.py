"""The pytest collector and a real worker, one after the other's word."""

import json
import os
import unittest
import xml.etree.ElementTree

from collect_pytest_test import PytestCollectorTest, has_plugin
from fake_agent import FakeAgent


class CollectorAndWorkerTest(PytestCollectorTest):
    def run_suite(self, *targets, args=(), units=None, alone=()):
        """Collects, runs each scope as a unit, and has plugins hear of it.

        Those in `alone` come first.
        """
        self.units = []
        self.outcomes = {}
        with self.start(*targets, args=args) as c:
            c.collect()
            wanted = c.all_of("collected")[0]["reports"]
            scopes = {}
            for test in c.tests:
                if "skip_reason" not in test:
                    scopes.setdefault(test["scope"], []).append(test)
            with FakeAgent(self.root, "pytest") as agent:
                agent.suite["options"] = c.suite["options"]
                worker = agent.start()
                first = {scope: scopes.pop(scope) for scope in alone}
                for tests in [*first.values(), *scopes.values()]:
                    unit = worker.run_unit(
                        [t["name"] for t in tests],
                        [t.get("payload", b"") for t in tests],
                    )
                    self.assertIsNone(worker.refused)
                    self.assertIsNotNone(unit.end)
                    self.units.append(unit)
                    self.outcomes.update(unit.outcomes)
                    for index, result in unit.results.items():
                        self.pass_on(c, wanted, unit.names[index], result)
                worker.leave()
            report = worker.leaving.get("report", b"")
            if report:
                c.send("leaving", worker="a:1", report=report)
            c.end = c.finish()
        return c

    def pass_on(self, c, wanted, name, result):
        """As the client does it."""
        bad = result["outcome"] not in ("passed", "skipped", "xfailed")
        if wanted == "all" or (
            wanted == "bad" and (bad or result.get("report"))
        ):
            c.send(
                "result", name=name, outcome=result["outcome"],
                duration=result["duration"],
                report=result.get("report", b""),
                message=result.get("message", ""),
                details=result.get("details", ""), worker="w1", final=True,
            )

    def test_a_module_that_imports_what_is_beside_another_one(self):
        # Plain pytest has found that folder when it gets there; a worker that
        # is given the second module alone has not.
        self.write("0first/helper_x.py", "VALUE = 1\n")
        self.write("0first/test_0.py", """\
            import helper_x
            def test_0(): pass
            def test_1(): pass
            """)
        self.write("a/test_a.py", """\
            from helper_x import VALUE
            def test_a(): assert VALUE == 1
            """)
        self.write("a/test_broken.py", """\
            import os
            assert "PYTEST_XDIST_WORKER" not in os.environ
            def test_b(): pass
            """)
        c = self.run_suite(alone=["a/test_a.py", "a/test_broken.py",
                                  "0first/test_0.py"])
        self.assertEqual(self.outcomes, {
            "0first/test_0.py::test_0": "passed",
            "0first/test_0.py::test_1": "passed",
            "a/test_a.py::test_a": "passed",
            "a/test_broken.py::test_b": "error",
        })
        self.assertIn("cannot be collected alone", c.end["text"])
        self.assertIn("a/test_a.py", c.end["text"])
        self.assertNotIn("a/test_broken.py.", c.end["text"])
        # What nothing here could mend is remembered.
        self.assertIn("a/test_broken.py::test_b", c.end["text"])
        again = self.collect(kept=True)
        self.assertTrue(json.loads(again.suite["options"])["collect_all"])

    def test_names_that_are_too_long_are_shortened(self):
        # One of them ended the whole discovery, as did many long ones.
        self.write("test_a.py", """\
            import pytest
            @pytest.mark.parametrize("x", ["a" * 20_000, "a" * 20_001])
            def test_long(x): pass
            @pytest.mark.parametrize(
                "x", [str(n) * 3_000 for n in range(1000, 2000)])
            def test_many(x): pass
            @pytest.mark.parametrize("x", ["b" * 60_000, "c"])
            def test_too_long(x): pass
            def test_other(): pass
            """)
        with self.start() as c:
            c.collect()
            c.finish()
        (error,) = c.errors
        self.assertEqual(error["target"], "test_a.py")
        self.assertIn("::test_too_long[bbb", error["message"])
        self.assertIn("line 7", error["message"])
        self.assertEqual(len(set(c.names)), 2 + 1000 + 1 + 1)
        self.assertLess(max(map(len, c.names)), 13_000)
        tests = [t for t in c.tests if "1000" in t["name"]
                 or "test_many" not in t["name"]]
        with FakeAgent(self.root) as agent:
            agent.suite["options"] = c.suite["options"]
            unit = agent.run([t["name"] for t in tests],
                             payloads=[t.get("payload", b"") for t in tests])
        self.assertEqual(set(unit.outcomes.values()), {"passed"})
        self.assertEqual(len(unit.outcomes), 5)

    def test_ids_that_are_others_in_a_worker_are_said_and_not_green(self):
        self.write("test_a.py", """\
            import os, pytest
            WHO = os.environ.get("PYTEST_XDIST_WORKER", "nobody")
            @pytest.mark.parametrize("who", [WHO])
            def test_1(who): pass
            def test_2(): pass
            """)
        c = self.run_suite()
        self.assertEqual(self.outcomes, {
            "test_a.py::test_1[nobody]": "error",
            "test_a.py::test_2": "passed",
        })
        (unit,) = self.units
        self.assertEqual(
            [(e["name"], e["outcome"]) for e in unit.extras],
            [("test_a.py::test_1[gw1]", "error")],
        )
        self.assertIn("test_a.py::test_1[nobody]", c.end["text"])

    def test_options_in_the_environment_reach_workers(self):
        self.write("test_a.py", """\
            import warnings
            def test_1(): warnings.warn("not here")
            """)
        with self.start(env={"PYTEST_ADDOPTS": "-W error"}) as c:
            c.collect()
            env = dict(c.suite["env"])
            self.assertEqual(env["PYTEST_ADDOPTS"], "-W error")
            with FakeAgent(self.root, env=env) as agent:
                agent.suite["options"] = c.suite["options"]
                unit = agent.run(c.names)
            c.finish()
        self.assertEqual(unit.outcomes, {"test_a.py::test_1": "failed"})

    def test_ids_that_depend_on_other_modules_are_named_and_then_right(self):
        self.write("conftest.py", """\
            import itertools
            numbers = itertools.count()
            def pytest_generate_tests(metafunc):
                if "number" in metafunc.fixturenames:
                    metafunc.parametrize("number", [next(numbers)])
            """)
        self.write("test_a.py", "def test_1(number): pass\n")
        self.write("test_b.py", "def test_1(number): pass\n")
        names = ["test_a.py::test_1[0]", "test_b.py::test_1[1]"]
        c = self.start()
        with c:
            c.collect()
            self.assertEqual(c.names, names)
            # Another worker has test_a.py.
            with FakeAgent(self.root, "pytest") as agent:
                agent.suite["options"] = c.suite["options"]
                unit = agent.run(names[1:], payloads=[c.tests[1]["payload"]])
            self.assertEqual(unit.outcomes, {names[1]: "error"})
            self.pass_on(c, "all", names[1], unit.results[0])
            c.finish()
        with self.start(kept=True) as c:
            c.collect()
            with FakeAgent(self.root, "pytest") as agent:
                agent.suite["options"] = c.suite["options"]
                unit = agent.run(names[1:])
            self.assertEqual(unit.outcomes, {names[1]: "passed"})
            c.finish()

    def test_two_tests_of_one_id_both_run(self):
        self.write("conftest.py", """\
            import pytest

            class Item(pytest.Item):
                def runtest(self):
                    assert self.number == 1

            class File(pytest.File):
                def collect(self):
                    for number in (1, 2):
                        item = Item.from_parent(self, name="same")
                        item.number = number
                        yield item

            def pytest_collect_file(file_path, parent):
                if file_path.suffix == ".same":
                    return File.from_parent(parent, path=file_path)
            """)
        self.write("x.same", "")
        self.run_suite()
        self.assertEqual(self.outcomes, {
            "x.same::same": "passed", "x.same::same #2": "failed",
        })

    def test_junitxml_is_as_if_pytest_had_written_it(self):
        self.write("test_a.py", """\
            import pytest
            def test_pass(record_property): record_property("k", "v")
            def test_fail(): print("printed"); assert 1 == 2
            def test_skip(): pytest.skip("why")
            @pytest.mark.xfail
            def test_xfail(): assert 0
            @pytest.fixture
            def broken(): raise RuntimeError("no fixture")
            def test_error(broken): pass
            """)
        self.run_suite(args=["--junitxml=ours.xml"])
        os.system(
            f"cd {self.root} && {os.sys.executable} -m pytest -q"
            " --junitxml=theirs.xml > out.txt 2>&1"
        )
        ours, theirs = (
            xml.etree.ElementTree.parse(os.path.join(self.root, name))
            .getroot().find("testsuite")
            for name in ("ours.xml", "theirs.xml")
        )
        for key in ("tests", "failures", "errors", "skipped"):
            self.assertEqual(ours.get(key), theirs.get(key), key)

        def cases(suite):
            return [
                (case.get("classname"), case.get("name"),
                 [(part.tag, part.get("message"), part.text) for part in case])
                for case in suite
            ]

        self.assertEqual(cases(ours), cases(theirs))

    def test_warnings_of_tests_are_in_the_summary(self):
        self.write("test_a.py", """\
            import warnings
            def test_1(): warnings.warn("from a test", FutureWarning)
            def test_2(): pass
            """)
        c = self.run_suite()
        self.assertIn("FutureWarning: from a test", c.end["text"])

    @unittest.skipUnless(has_plugin("pytest_cov"), "pytest-cov is not here")
    def test_coverage_of_workers_is_combined(self):
        self.write("mod.py", """\
            def covered():
                return 1

            def not_covered():
                return 2
            """)
        self.write("test_a.py", """\
            import mod
            def test_1(): assert mod.covered() == 1
            """)
        c = self.run_suite(args=["--cov=mod", "--cov-report=term-missing"])
        self.assertEqual(self.outcomes, {"test_a.py::test_1": "passed"})
        self.assertRegex(c.end["text"], r"mod\.py +4 +1 +75% +5")
        self.assertEqual(c.end["error"], "")

    def test_networkx_has_as_many_tests_as_pytest_says(self):
        try:
            import networkx
        except ImportError:
            self.skipTest("python3-networkx is not installed")
        if networkx.__version__ != "2.8.8":
            self.skipTest("the numbers are those of networkx 2.8.8")
        c = self.collect(os.path.dirname(networkx.__file__), keep=False)
        self.assertEqual(c.errors, [])
        skipped = [t for t in c.tests if "skip_reason" in t]
        self.assertEqual(len(skipped), 28)
        self.assertEqual(len(c.tests) - len(skipped), 4841)
        self.assertEqual(len(set(c.names)), len(c.names))


if __name__ == "__main__":
    unittest.main()
