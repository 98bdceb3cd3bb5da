"""The runner "doctest": docstrings and text files, and what they print."""

import json
import textwrap
import unittest

from collector_client import Collector
from fake_agent import FakeAgent, make_suite

MODULE = '''\
"""Adds.

>>> add(1, 1)
2
"""

def add(a, b):
    """
    >>> add(1, 2)
    4
    >>> add("a", 1)
    Traceback (most recent call last):
    TypeError: can only concatenate str (not "int") to str
    """
    return a + b


class Box:
    def open(self):
        """
        >>> Box().open()  # doctest: +SKIP
        'nothing'
        """

    def shut(self):
        """
        >>> print("a    b")
        a b
        >>> 1 / 0
        """
'''


class DoctestRunnerTest(unittest.TestCase):
    def suite(self, files):
        self.folder = make_suite(self, files)

    def collect(self, *targets, args=()):
        with Collector("doctest", targets, args, cwd=self.folder) as c:
            c.collect()
            c.finish()
        return c

    def run_all(self, *targets, args=()):
        c = self.collect(*targets, args=args)
        self.assertEqual(c.errors, [])
        with FakeAgent(self.folder, "doctest") as agent:
            agent.suite["options"] = c.suite["options"]
            worker = agent.start()
            unit = worker.run_unit(c.names, [t["payload"] for t in c.tests])
            worker.leave()
        self.assertIsNotNone(unit.end, worker.raw_output)
        return unit

    def test_names_are_doctests_own_in_the_order_of_the_file(self):
        self.suite({"adding.py": MODULE, "plain.py": "raise SystemExit\n"})
        c = self.collect(".")
        self.assertEqual(c.names, [
            "adding", "adding.add", "adding.Box.open", "adding.Box.shut",
        ])
        self.assertEqual([t["line"] for t in c.tests], [3, 9, 21, 27])
        self.assertEqual({t["file"] for t in c.tests}, {"adding.py"})
        self.assertFalse(c.suite["scopes_share_setup"])

    def test_outcomes_and_text_are_doctests_own(self):
        self.suite({"adding.py": MODULE})
        unit = self.run_all("adding.py")
        self.assertEqual(unit.outcomes, {
            "adding": "passed", "adding.add": "failed",
            "adding.Box.open": "skipped", "adding.Box.shut": "failed",
        })
        add = unit.result("adding.add")
        self.assertEqual(add["message"], "1 of 2 examples failed")
        self.assertIn("Expected:\n    4\nGot:\n    3\n", add["details"])
        self.assertIn('line 9, in adding.add', add["details"])
        self.assertEqual(add["line"], 9)
        shut = unit.result("shut")
        self.assertIn("ZeroDivisionError", shut["details"])
        self.assertGreater(add["health"]["rss_bytes"], 0)

    def test_options_are_those_of_doctest(self):
        self.suite({"adding.py": MODULE})
        unit = self.run_all("adding", args=["-o", "NORMALIZE_WHITESPACE"])
        self.assertEqual(unit.result("shut")["message"],
                         "1 of 2 examples failed")
        c = self.collect("adding", args=["-o", "FROB"])
        self.assertIn("FROB", c.errors[0]["message"])

    def test_text_files_are_tests(self):
        self.suite({
            "docs/one.rst": "A page.\n\n    >>> x = 1\n    >>> x\n    1\n",
            "docs/two.txt": ">>> x\n1\n",
            "docs/none.md": "Nothing to run.\n",
        })
        unit = self.run_all("docs")
        self.assertEqual(unit.outcomes, {
            "docs/one.rst": "passed", "docs/two.txt": "failed",
        })
        self.assertIn("NameError", unit.result("two.txt")["details"])

    def test_output_beside_the_examples_is_kept(self):
        self.suite({"m.py": textwrap.dedent('''\
            def f():
                """
                >>> import os
                >>> _ = os.system("echo from a child")
                >>> print("expected")
                expected
                """
            ''')})
        unit = self.run_all("m.py")
        self.assertEqual(unit.outcomes, {"m.f": "passed"})
        self.assertEqual(unit.results[0]["output"], b"from a child\n")

    def test_a_module_that_cannot_be_imported_is_an_error(self):
        self.suite({
            "bad.py": "'''\n>>> 1\n1\n'''\nimport no_such_module_here\n",
            "good.py": "'''\n>>> 1\n1\n'''\n",
        })
        c = self.collect(".")
        self.assertEqual(c.names, ["good"])
        self.assertIn("no_such_module_here", c.errors[0]["message"])

    def test_an_example_that_exits_is_one_failure(self):
        self.suite({"m.py": "'''\n>>> raise SystemExit\n'''\n",
                    "n.py": "'''\n>>> 1\n1\n'''\n"})
        unit = self.run_all(".")
        self.assertEqual(unit.outcomes, {"m": "failed", "n": "passed"})

    FAILING = "'''\n>>> 1\n2\n'''\n"
    PASSING = "'''\n>>> 1\n1\n'''\n"

    def test_a_file_whose_name_is_anothers_is_never_green(self):
        # The standard library's own ran instead, or none at all.
        for name in ("json", "inspect"):
            with self.subTest(name):
                self.suite({f"{name}.py": self.FAILING})
                for target in (f"{name}.py", "."):
                    c = self.collect(target)
                    self.assertEqual(c.names, [])
                    self.assertEqual(len(c.errors), 1)
                    message = c.errors[0]["message"]
                    self.assertIn(f"{name}.py cannot be imported", message)
                    self.assertRegex(message, f"that is /.*/{name}")

    def test_two_files_of_one_name_are_told_apart(self):
        # The second was dropped, and the worker ran whichever it found first.
        self.suite({"a/util.py": self.FAILING, "b/util.py": self.PASSING})
        c = self.collect("a/util.py", "b/util.py")
        self.assertEqual(c.names, ["util"])
        self.assertEqual(len(c.errors), 1)
        message = c.errors[0]["message"]
        self.assertIn("b/util.py cannot be imported as util", message)
        self.assertIn("a/util.py", message)
        with FakeAgent(self.folder, "doctest") as agent:
            agent.suite["options"] = c.suite["options"]
            worker = agent.start()
            other = dict(json.loads(c.tests[0]["payload"]), path="b/util.py")
            unit = worker.run_unit(
                ["util", "util"],
                [c.tests[0]["payload"], json.dumps(other).encode()],
            )
            worker.leave()
        self.assertEqual(unit.results[0]["outcome"], "failed")
        self.assertEqual(unit.results[1]["outcome"], "error")
        self.assertIn("cannot be imported as util", unit.results[1]["message"])

    def test_a_name_that_comes_again_has_a_number(self):
        self.suite({"util.py": self.PASSING, "util": ">>> 1\n2\n"})
        unit = self.run_all("util.py", "util", "./util.py")
        self.assertEqual(
            unit.outcomes, {"util": "passed", "util #2": "failed"}
        )


if __name__ == "__main__":
    unittest.main()
