"""Collecting with pytest: what the client is told, and when."""

import importlib.util
import json
import os
import tempfile
import textwrap
import unittest

from collector_client import Collector


def has_plugin(name):
    return importlib.util.find_spec(name) is not None and not os.environ.get(
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    )


class PytestCollectorTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)
        self.write("pytest.ini", "[pytest]\n")
        self.cache = os.path.join(self.root, ".xdg")

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))

    def start(self, *targets, args=(), env=None, **more):
        return Collector(
            "pytest", targets or ["."], args, cwd=self.root,
            env={"XDG_CACHE_HOME": self.cache, **(env or {})}, **more,
        )

    def collect(self, *targets, args=(), **more):
        """A collector that has collected and was let go."""
        with self.start(*targets, args=args, **more) as collector:
            collector.collect()
            collector.finish()
            return collector


class CollectTest(PytestCollectorTest):
    def test_gives_the_suite_first_then_tests_with_pytests_ids(self):
        self.write("t/test_a.py", """\
            import pytest

            @pytest.mark.parametrize("x", ["1", "b c"])
            def test_p(x): pass

            class TestX:
                @pytest.mark.skipif(False, reason="")
                def test_m(self): pass
            """)
        c = self.collect("t")
        kinds = [m["type"] for m in c.messages if m.get("tests") != []]
        self.assertEqual(kinds[0], "suite")
        self.assertTrue(c.suite["scopes_share_setup"])
        self.assertEqual(c.names, [
            "t/test_a.py::test_p[1]",
            "t/test_a.py::test_p[b c]",
            "t/test_a.py::TestX::test_m",
        ])
        self.assertEqual({t["scope"] for t in c.tests}, {"t/test_a.py"})
        self.assertEqual({t["file"] for t in c.tests}, {"t/test_a.py"})
        self.assertEqual([t["line"] for t in c.tests], [3, 3, 7])
        self.assertEqual(c.tests[2]["labels"], ["skipif"])
        self.assertEqual(c.all_of("collected")[0]["tests"], 3)
        self.assertEqual(c.errors, [])

    def test_options_put_a_worker_in_the_collectors_place(self):
        self.write("t/test_a.py", "def test_a(): pass\n")
        c = self.collect("t", args=["-k", "a"])
        options = json.loads(c.suite["options"])
        self.assertEqual(options["args"], ["-k", "a", "t"])
        self.assertEqual(options["rootdir"], self.root)
        self.assertEqual(options["inifile"],
                         os.path.join(self.root, "pytest.ini"))
        self.assertEqual(options["cwd"], self.root)
        self.assertFalse(any("paceline" in p for p in options["sys_path"]))
        self.assertEqual(c.suite["working_directory"], self.root)

    def test_targets_may_be_files_and_node_ids(self):
        self.write("test_a.py", """\
            class TestX:
                def test_1(self): pass
                def test_2(self): pass
            def test_3(): pass
            """)
        self.write("test_b.py", "def test_b(): pass\n")
        c = self.collect("test_b.py", "test_a.py::TestX::test_2")
        self.assertEqual(
            c.names, ["test_b.py::test_b", "test_a.py::TestX::test_2"]
        )

    def test_a_test_that_is_named_twice_is_there_once(self):
        self.write("test_a.py", "def test_1(): pass\ndef test_2(): pass\n")
        c = self.collect("test_a.py::test_1", "test_a.py::test_1", "test_a.py")
        self.assertEqual(
            sorted(c.names), ["test_a.py::test_1", "test_a.py::test_2"]
        )

    def test_two_tests_of_one_id_do_not_collide(self):
        self.write("conftest.py", """\
            import pytest

            class Item(pytest.Item):
                def runtest(self): pass

            class File(pytest.File):
                def collect(self):
                    for _ in range(2):
                        yield Item.from_parent(self, name="same")

            def pytest_collect_file(file_path, parent):
                if file_path.suffix == ".same":
                    return File.from_parent(parent, path=file_path)
            """)
        self.write("x.same", "")
        c = self.collect()
        self.assertEqual(c.names, ["x.same::same", "x.same::same #2"])
        self.assertEqual(json.loads(c.tests[1]["payload"]),
                         {"id": "x.same::same", "nth": 2})

    def test_selects_by_keyword_and_mark(self):
        self.write("test_a.py", """\
            import pytest
            def test_one(): pass
            @pytest.mark.slow
            def test_two(): pass
            @pytest.mark.slow
            def test_three(): pass
            """)
        self.write("test_b.py", "def test_one(): pass\n")
        c = self.collect(args=["-k", "not three", "-m", "slow"])
        self.assertEqual(c.names, ["test_a.py::test_two"])
        self.assertEqual(c.errors, [])
        c = self.collect(args=["--deselect", "test_a.py"])
        self.assertEqual(c.names, ["test_b.py::test_one"])

    def test_a_module_skipped_at_collection_is_one_skipped_test(self):
        self.write("test_a.py", """\
            import pytest
            pytest.skip("not on this moon", allow_module_level=True)
            """)
        c = self.collect()
        self.assertEqual(len(c.tests), 1)
        self.assertEqual(c.tests[0]["name"], "test_a.py")
        self.assertEqual(c.tests[0]["skip_reason"], "not on this moon")
        self.assertEqual(c.errors, [])

    def test_a_module_that_cannot_be_imported_is_an_error(self):
        self.write("test_a.py", "def test_x(:\n")
        self.write("test_b.py", "import no_such_module_here\n")
        self.write("test_c.py", "def test_c(): pass\n")
        c = self.collect()
        self.assertEqual(c.names, ["test_c.py::test_c"])
        self.assertEqual(
            [e["target"] for e in c.errors], ["test_a.py", "test_b.py"]
        )
        self.assertIn("SyntaxError", c.errors[0]["message"])
        self.assertIn("no_such_module_here", c.errors[1]["message"])

    def test_two_files_of_one_basename_without_a_package_are_an_error(self):
        self.write("one/test_a.py", "def test_a(): pass\n")
        self.write("two/test_a.py", "def test_a(): pass\n")
        c = self.collect()
        self.assertEqual(c.names, ["one/test_a.py::test_a"])
        self.assertIn("import file mismatch", c.errors[0]["message"])

    def test_what_a_module_prints_disturbs_nothing(self):
        self.write("test_a.py", """\
            import os, sys
            print("x" * 100000)
            os.write(1, b"raw")
            sys.stderr.write("e")
            def test_a(): pass
            """)
        self.assertEqual(self.collect().names, ["test_a.py::test_a"])
        self.assertEqual(self.collect(args=["-s"]).names, ["test_a.py::test_a"])

    def test_listing_leaves_no_temporary_directory(self):
        self.write("test_a.py", "def test_a(): pass\n")
        c = self.collect(env={"PYTEST_DEBUG_TEMPROOT": self.root}, keep=False)
        self.assertIsNone(json.loads(c.suite["options"])["basetemp"])
        self.assertFalse(any("pytest-of" in n for n in os.listdir(self.root)))

    def test_pytests_own_limit_of_failures_is_said_to_do_nothing(self):
        self.write("test_a.py", "def test_a(): pass\n")
        for args, env in (
            (["-x"], {}), (["--sw"], {}),
            ([], {"PYTEST_ADDOPTS": "--maxfail=3"}),
        ):
            with self.subTest(args):
                (note,) = self.collect(args=args, env=env).notes
                self.assertIn("--max-fail", note)

    def test_the_debugger_is_left_to_the_worker(self):
        self.write("test_a.py", "def test_a(): pass\n")
        self.write("test_b.py", "1 / 0\n")
        c = self.collect(args=["--pdb"])
        self.assertEqual(c.names, ["test_a.py::test_a"])
        self.assertTrue(json.loads(c.suite["options"])["pdb"])

    @unittest.skipUnless(has_plugin("xdist"), "pytest-xdist is not here")
    def test_xdists_options_start_nothing_here(self):
        self.write("test_a.py", "def test_a(): pass\n")
        self.write("pytest.ini", "[pytest]\naddopts = -n2 --dist loadfile\n")
        c = self.collect(env={"PYTEST_ADDOPTS": "-n3"})
        self.assertEqual(c.names, ["test_a.py::test_a"])
        self.assertEqual(c.errors, [])

    def test_a_client_that_leaves_ends_it(self):
        self.write("test_a.py", "def test_a(): pass\n")
        with self.start() as c:
            c.collect()
        self.assertIsNotNone(c.process.returncode)


class BrokenFolderTest(PytestCollectorTest):
    def test_a_broken_conftest_in_a_folder_leaves_the_other_folders(self):
        for folder in ("a", "b", "c"):
            self.write(f"{folder}/test_{folder}.py", "def test_1(): pass\n")
        self.write("a/conftest.py", "import no_such_module_here\n")
        self.write("c/conftest.py", "raise RuntimeError('also broken')\n")
        c = self.collect()
        self.assertEqual(c.names, ["b/test_b.py::test_1"])
        self.assertEqual(len(c.errors), 2, c.errors)
        self.assertIn("no_such_module_here", c.errors[0]["message"])
        self.assertIn("also broken", c.errors[1]["message"])


class RefusalTest(PytestCollectorTest):
    """What keeps pytest from starting is one error that says so."""

    def only_error(self, *targets, args=(), **more):
        c = self.collect(*targets, args=args, **more)
        self.assertEqual(c.tests, [])
        self.assertEqual(len(c.errors), 1, c.errors)
        return c.errors[0]["message"]

    def test_broken_conftest(self):
        self.write("conftest.py", "import no_such_module_here\n")
        self.write("test_a.py", "def test_a(): pass\n")
        message = self.only_error()
        self.assertIn("conftest", message)
        self.assertIn("no_such_module_here", message)

    def test_missing_plugin(self):
        self.write("test_a.py", "def test_a(): pass\n")
        self.assertIn(
            "no_such_plugin", self.only_error(args=["-p", "no_such_plugin"])
        )

    def test_unknown_option(self):
        self.assertIn("--no-such-option",
                      self.only_error(args=["--no-such-option"]))

    def test_missing_target(self):
        self.assertIn("nowhere.py", self.only_error("nowhere.py"))

    def test_missing_test(self):
        self.write("test_a.py", "def test_a(): pass\n")
        self.assertIn("test_nope", self.only_error("test_a.py::test_nope"))

    def test_an_option_with_which_pytest_runs_nothing(self):
        self.write("test_a.py", "def test_a(): pass\n")
        self.assertIn("--fixtures", self.only_error(args=["--fixtures"]))

    def test_collect_only_is_for_listing(self):
        self.write("test_a.py", "def test_a(): pass\n")
        self.assertIn("paceline list", self.only_error(args=["--co"]))
        c = self.collect(args=["--co"], keep=False)
        self.assertEqual(c.names, ["test_a.py::test_a"])

    def test_a_hook_that_raises(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                raise RuntimeError("hook broke")
            """)
        self.write("test_a.py", "def test_a(): pass\n")
        self.assertIn("hook broke", self.only_error())

    def test_python_without_pytest(self):
        self.write("pytest.py", "raise ImportError('no pytest for you')\n")
        message = self.only_error(env={"PYTHONPATH": self.root})
        self.assertIn("no pytest for you", message)
        self.assertIn("--python", message)


if __name__ == "__main__":
    unittest.main()
