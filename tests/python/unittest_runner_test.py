"""The runners "unittest": discovery, names, fixtures and outcomes."""

import json
import os
import subprocess
import sys
import textwrap
import unittest

from collector_client import Collector
from fake_agent import FakeAgent, make_suite


# Prints what unittest itself finds and says of it.
PLAIN = """\
import json, sys, unittest
outcomes = {}
class Result(unittest.TestResult):
    def stopTest(self, test):
        outcomes.setdefault(test.id(), "passed")
    def addError(self, test, err): outcomes[test.id()] = "error"
    def addFailure(self, test, err): outcomes[test.id()] = "failed"
    def addSkip(self, test, reason): outcomes[test.id()] = "skipped"
    def addExpectedFailure(self, test, err):
        outcomes[test.id()] = "xfailed"
suite = unittest.TestLoader().discover(sys.argv[1], "test*.py", sys.argv[2])
real, sys.stdout = sys.stdout, sys.stderr
suite.run(Result())
json.dump(outcomes, real)
"""


class UnittestRunnerTest(unittest.TestCase):
    def suite(self, **files):
        """A folder; `a_in_b` stands for the file b/a.py."""
        self.folder = make_suite(self, {
            "/".join(reversed(name.split("_in_")))
            + ".py": textwrap.dedent(text)
            for name, text in files.items()
        })

    def collect(self, *targets, args=()):
        with Collector("unittest", targets, args, cwd=self.folder) as c:
            c.collect()
            c.finish()
        return c

    def run_all(self, *targets, args=()):
        """Collects, and runs all as one unit on a worker of its own."""
        c = self.collect(*targets, args=args)
        self.assertEqual(c.errors, [])
        return self.run_tests(c, c.tests)

    def run_tests(self, c, tests):
        with FakeAgent(self.folder, "unittest") as agent:
            agent.suite["options"] = c.suite["options"]
            worker = agent.start()
            unit = worker.run_unit(
                [t["name"] for t in tests],
                [t.get("payload", b"") for t in tests],
            )
            worker.leave()
        self.assertIsNotNone(unit.end, worker.raw_output)
        return unit


class CollectTest(UnittestRunnerTest):
    def setUp(self):
        self.suite(
            test_a_in_tests="""\
                import unittest
                class A(unittest.TestCase):
                    def test_1(self): pass

                    def test_2(self): pass
                """,
            check_b_in_tests="""\
                import unittest
                class B(unittest.TestCase):
                    def test_1(self): pass
                """,
        )

    def test_a_folder_as_unittest_discovers_it(self):
        c = self.collect("tests")
        self.assertEqual(c.names, ["test_a.A.test_1", "test_a.A.test_2"])
        self.assertEqual({t["scope"] for t in c.tests}, {"test_a"})
        self.assertEqual({t["file"] for t in c.tests}, {"tests/test_a.py"})
        self.assertEqual([t["line"] for t in c.tests], [3, 5])

    def test_a_pattern_and_a_word_select(self):
        c = self.collect("tests", args=["-p", "check*.py"])
        self.assertEqual(c.names, ["check_b.B.test_1"])
        c = self.collect("tests", args=["-k", "test_2"])
        self.assertEqual(c.names, ["test_a.A.test_2"])

    def test_files_and_dotted_names(self):
        c = self.collect("tests/check_b.py", "tests.test_a.A.test_2")
        self.assertEqual(
            c.names, ["check_b.B.test_1", "tests.test_a.A.test_2"]
        )

    def test_an_unknown_option_is_an_error(self):
        c = self.collect("tests", args=["--frob"])
        self.assertIn("--frob", c.errors[0]["message"])

    def test_packages_import_relatively(self):
        self.suite(
            __init___in_pkg="",
            helper_in_pkg="x = 1\n",
            test_a_in_pkg="""\
                import unittest
                from . import helper
                class A(unittest.TestCase):
                    def test_1(self): self.assertEqual(helper.x, 1)
                """,
        )
        self.assertEqual(self.collect("pkg").names, ["pkg.test_a.A.test_1"])
        self.assertEqual(
            self.run_all("pkg/test_a.py").outcomes,
            {"pkg.test_a.A.test_1": "passed"},
        )

    def test_what_cannot_be_imported_is_an_error_and_the_rest_is_there(self):
        self.suite(
            test_a="import no_such_module_here\n",
            test_b="def x(:\n",
            test_c="""\
                import unittest
                class C(unittest.TestCase):
                    def test_1(self): pass
                """,
        )
        c = self.collect(".")
        self.assertEqual(c.names, ["test_c.C.test_1"])
        self.assertEqual([e["target"] for e in c.errors], ["test_a", "test_b"])
        self.assertIn("no_such_module_here", c.errors[0]["message"])
        self.assertIn("SyntaxError", c.errors[1]["message"])
        self.assertIn("no_such", self.collect("no_such").errors[0]["message"])

    def test_a_skipped_module_is_one_skipped_test(self):
        self.suite(test_a="""\
            import unittest
            raise unittest.SkipTest("not here")
            """)
        c = self.collect(".")
        self.assertEqual(c.names, ["unittest.loader.ModuleSkipped.test_a"])
        self.assertEqual(c.tests[0]["skip_reason"], "not here")

    def test_load_tests_decides(self):
        self.suite(test_a="""\
            import doctest, unittest
            def doubled():
                '''
                >>> 1 + 1
                2
                '''
            class A(unittest.TestCase):
                def __init__(self, name="test_n", n=0):
                    super().__init__(name)
                    self.n = n
                def test_n(self): self.assertLess(self.n, 2)
                def test_never(self): raise SystemExit
            def load_tests(loader, tests, pattern):
                suite = unittest.TestSuite(A(n=n) for n in range(3))
                suite.addTests(doctest.DocTestSuite())
                return suite
            """)
        unit = self.run_all(".")
        self.assertEqual(unit.outcomes, {
            "test_a.A.test_n": "passed",
            "test_a.A.test_n #2": "passed",
            "test_a.A.test_n #3": "failed",
            "test_a.doubled": "passed",
        })

    def test_a_suite_of_somebody_elses_is_as_unittest_has_it(self):
        try:
            import pyflakes.test
        except ImportError:
            self.skipTest("python3-pyflakes is not installed")
        target = os.path.dirname(pyflakes.test.__file__)
        top = os.path.dirname(os.path.dirname(target))
        plain = subprocess.run(
            [sys.executable, "-c", PLAIN, target, top],
            capture_output=True, cwd=self.folder, check=True,
        )
        theirs = json.loads(plain.stdout)
        self.assertGreater(len(theirs), 100)
        c = self.collect(target)
        outcomes = {}
        for start in range(0, len(c.tests), 200):
            unit = self.run_tests(c, c.tests[start : start + 200])
            outcomes.update(unit.outcomes)
        self.assertEqual(outcomes, theirs)


    def test_life_is_shown_while_modules_are_imported(self):
        self.suite(
            test_a="""\
            import sys, unittest
            sys.modules["paceline_worker.collecting"]._SILENCE = 0.0
            class TestA(unittest.TestCase):
                def test_1(self): pass
            """,
            test_b="""\
            import os, select
            go = os.open("go", os.O_RDONLY | os.O_NONBLOCK)
            select.select([go], [], [], 10)
            """,
        )
        os.mkfifo(self.folder / "go")
        with Collector("unittest", ["."], cwd=self.folder) as c:
            self.assertEqual(c.until("tests")["tests"], [])
            (self.folder / "go").write_text("go")
            c.collect()
            c.finish()
        self.assertEqual(c.names, ["test_a.TestA.test_1"])


class OutcomeTest(UnittestRunnerTest):
    def outcomes(self, body):
        self.suite(test_a="import unittest\n" + textwrap.dedent(body))
        self.unit = self.run_all(".")
        return {n.rpartition(".")[2]: o for n, o in self.unit.outcomes.items()}

    def test_each_kind(self):
        self.assertEqual(self.outcomes("""\
            class A(unittest.TestCase):
                def test_pass(self): pass
                def test_fail(self): self.assertEqual(1, 2)
                def test_error(self): raise RuntimeError("bad")
                def test_exit(self): raise SystemExit(3)
                @unittest.skip("why")
                def test_skip(self): raise RuntimeError
                def test_skip_inside(self): self.skipTest("inside")
                @unittest.expectedFailure
                def test_xfail(self): self.assertTrue(False)
                @unittest.expectedFailure
                def test_xpass(self): pass
            """), {
                "test_pass": "passed", "test_fail": "failed",
                "test_error": "error", "test_exit": "error",
                "test_skip": "skipped", "test_skip_inside": "skipped",
                "test_xfail": "xfailed", "test_xpass": "failed",
            })
        result = self.unit.result
        self.assertEqual(result("test_fail")["message"],
                         "AssertionError: 1 != 2")
        self.assertIn("Traceback", result("test_fail")["details"])
        self.assertEqual(result("test_fail")["line"], 4)
        self.assertEqual(result("test_skip")["message"], "why")
        self.assertEqual(result("test_xpass")["message"], "unexpected success")
        self.assertGreater(result("test_pass")["health"]["rss_bytes"], 0)
        self.assertGreater(self.unit.end["health"]["rss_bytes"], 0)

    def test_subtests(self):
        self.assertEqual(self.outcomes("""\
            class A(unittest.TestCase):
                def test_bad(self):
                    for i in range(4):
                        with self.subTest(i=i):
                            self.assertEqual(i % 2, 0)
                def test_good(self):
                    with self.subTest(i=1): pass
                def test_some_skipped(self):
                    with self.subTest(i=1): self.skipTest("odd")
                    with self.subTest(i=2): pass
            """), {"test_bad": "failed", "test_good": "passed",
                   "test_some_skipped": "passed"})
        bad = self.unit.result("test_bad")
        self.assertEqual(bad["message"], "2 subtests failed: (i=1), (i=3)")
        self.assertEqual(bad["details"].count("Traceback"), 2)
        self.assertIn("odd", self.unit.result("test_some_skipped")["message"])

    def test_failures_around_a_test(self):
        self.assertEqual(self.outcomes("""\
            class A(unittest.TestCase):
                def setUp(self):
                    if "setup" in self.id(): raise RuntimeError("in setUp")
                def tearDown(self):
                    if "teardown" in self.id(): raise RuntimeError("in down")
                def test_setup(self): pass
                def test_teardown(self): pass
                def test_cleanup(self):
                    self.addCleanup(self.fail, "in clean-up")
                    self.addCleanup(lambda: 1 / 0)
                def test_fail_and_teardown(self): self.fail("first")
            """), {"test_setup": "error", "test_teardown": "error",
                   "test_cleanup": "error", "test_fail_and_teardown": "failed"})
        cleanup = self.unit.result("test_cleanup")["details"]
        self.assertIn("in clean-up", cleanup)
        self.assertIn("ZeroDivisionError", cleanup)
        both = self.unit.result("test_fail_and_teardown")
        self.assertIn("first", both["message"])
        self.assertIn("in down", both["details"])

    def test_async_cases(self):
        self.assertEqual(self.outcomes("""\
            import asyncio
            class A(unittest.IsolatedAsyncioTestCase):
                async def asyncSetUp(self): self.x = 1
                async def test_good(self):
                    await asyncio.sleep(0)
                    self.assertEqual(self.x, 1)
                async def test_bad(self): self.assertEqual(self.x, 2)
            """), {"test_good": "passed", "test_bad": "failed"})

    def test_output_of_a_test_and_its_children_is_its_own(self):
        self.outcomes("""\
            import os, subprocess, sys
            class A(unittest.TestCase):
                def test_1(self):
                    print("printed")
                    os.write(2, b"written\\n")
                    subprocess.run(["echo", "echoed"])
                def test_2(self): pass
                def test_3_closes(self):
                    os.close(1)
                    os.close(2)
                def test_4(self): print("after")
                def test_5_replaces(self): sys.stdout = None
                def test_6(self): os.write(1, b"still")
            """)
        result = self.unit.result
        self.assertEqual(result("test_1")["output"],
                         b"printed\nwritten\nechoed\n")
        self.assertNotIn("output", result("test_2"))
        self.assertEqual(result("test_4")["output"], b"after\n")
        self.assertEqual(result("test_6")["output"], b"still")

    def test_a_copy_that_comes_back_is_not_heard(self):
        self.assertEqual(self.outcomes("""\
            import os
            class A(unittest.TestCase):
                def test_1(self):
                    pid = os.fork()
                    if pid: os.waitpid(pid, 0)
                def test_2(self): pass
            """), {"test_1": "passed", "test_2": "passed"})

    def test_a_crash_leaves_the_others_their_results(self):
        self.suite(test_a="""\
            import os, unittest
            class A(unittest.TestCase):
                def test_1(self): pass
                def test_2(self): os._exit(3)
                def test_3(self): pass
            """)
        c = self.collect(".")
        with FakeAgent(self.folder, "unittest") as agent:
            agent.suite["options"] = c.suite["options"]
            unit = agent.start().run_unit(
                c.names, [t["payload"] for t in c.tests]
            )
        self.assertIsNone(unit.end)
        self.assertEqual(unit.started, [0, 1])
        self.assertEqual(unit.outcomes, {"test_a.A.test_1": "passed"})


LOG = """\
import os, unittest
def log(what):
    with open("log", "a") as file:
        file.write(f"{what} {os.getpid()}\\n")
"""


class LargeOutputTest(UnittestRunnerTest):
    def test_what_is_cut_of_it_is_counted_to_the_byte(self):
        # What was never read did not count.
        self.suite(test_a="""\
            import os, unittest
            class TestA(unittest.TestCase):
                def test_1(self):
                    for _ in range(20):
                        os.write(1, b"x" * (1 << 20))
                def test_2(self):
                    print("little")
            """)
        unit = self.run_all("test_a.py")
        result = unit.result("test_1")
        self.assertEqual(
            len(result["output"]) + len(result["output_tail"])
            + result["output_cut_bytes"], 20 << 20,
        )
        self.assertNotIn("output_cut_bytes", unit.result("test_2"))


class FixtureTest(UnittestRunnerTest):
    def log(self):
        """What the fixtures wrote, all of it by one process."""
        lines = (self.folder / "log").read_text().splitlines()
        self.assertEqual(len({line.split()[-1] for line in lines}), 1)
        return [line.rpartition(" ")[0] for line in lines]

    def module(self, body):
        return LOG + textwrap.dedent(body)

    def test_fixtures_are_shared_and_torn_down_at_the_units_end(self):
        self.suite(test_a=self.module("""\
            def setUpModule(): log("module up")
            def tearDownModule(): log("module down")
            class A(unittest.TestCase):
                @classmethod
                def setUpClass(cls): log("A up")
                @classmethod
                def tearDownClass(cls): log("A down")
                def test_1(self): pass
                def test_2(self): pass
            class B(unittest.TestCase):
                @classmethod
                def setUpClass(cls): log("B up")
                @classmethod
                def tearDownClass(cls): log("B down")
                def test_1(self): pass
            """), test_b=self.module("""\
            def setUpModule(): log("other up")
            class C(unittest.TestCase):
                def test_1(self): log("C")
            """))
        self.run_all(".")
        self.assertEqual(self.log(), [
            "module up", "A up", "A down", "B up", "B down", "module down",
            "other up", "C",
        ])

    def test_failing_set_ups_fail_each_test_and_no_other(self):
        self.suite(test_a="""\
            import unittest
            class A(unittest.TestCase):
                @classmethod
                def setUpClass(cls): raise RuntimeError("no A")
                def test_1(self): pass
                def test_2(self): pass
            class B(unittest.TestCase):
                def test_1(self): pass
            """, test_b="""\
            import unittest
            def setUpModule(): raise RuntimeError("no module")
            class C(unittest.TestCase):
                def test_1(self): pass
            """, test_c="""\
            import unittest
            class D(unittest.TestCase):
                @classmethod
                def setUpClass(cls): raise unittest.SkipTest("no D")
                def test_1(self): pass
            """)
        unit = self.run_all(".")
        self.assertEqual(unit.outcomes, {
            "test_a.A.test_1": "error", "test_a.A.test_2": "error",
            "test_a.B.test_1": "passed", "test_b.C.test_1": "error",
            "test_c.D.test_1": "skipped",
        })
        self.assertEqual(unit.result("A.test_2")["message"],
                         "setUpClass (test_a.A): RuntimeError: no A")
        self.assertIn("no module", unit.result("C.test_1")["details"])
        self.assertEqual(unit.result("D.test_1")["message"], "no D")
        self.assertEqual(unit.extras, [])

    def test_failing_tear_downs_are_entries_of_their_own(self):
        self.suite(test_a="""\
            import unittest
            def tearDownModule(): raise RuntimeError("module stays")
            class A(unittest.TestCase):
                @classmethod
                def tearDownClass(cls): raise RuntimeError("class stays")
                def test_1(self): pass
            class B(unittest.TestCase):
                def test_1(self): pass
            """)
        unit = self.run_all(".")
        self.assertEqual(set(unit.outcomes.values()), {"passed"})
        self.assertEqual(
            [(e["name"], e["outcome"], e["message"]) for e in unit.extras],
            [("tearDownClass (test_a.A)", "error",
              "RuntimeError: class stays"),
             ("tearDownModule (test_a)", "error",
              "RuntimeError: module stays")],
        )

    def test_a_module_that_breaks_in_the_worker_is_said(self):
        self.suite(test_a="""\
            import unittest
            class A(unittest.TestCase):
                def test_1(self): pass
            """)
        c = self.collect(".")
        (self.folder / "test_a.py").write_text("raise RuntimeError('gone')\n")
        unit = self.run_tests(c, c.tests)
        self.assertEqual(unit.outcomes, {"test_a.A.test_1": "error"})
        self.assertIn("gone", unit.results[0]["details"])


if __name__ == "__main__":
    unittest.main()
