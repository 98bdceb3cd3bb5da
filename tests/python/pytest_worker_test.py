"""The runner "pytest": outcomes, output, ids, and how units are run."""

import json
import subprocess
import sys
import unittest

from fake_agent import FakeAgent, make_suite

OUTCOMES = '''
import pytest

def test_pass(): pass
def test_fail():
    assert [1, 2] == [1, 3], "lists"
@pytest.mark.skip(reason="not here")
def test_skip(): pass
def test_skip_inside(): pytest.skip("inside")
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
@pytest.mark.xfail(reason="not run", run=False)
def test_xfail_not_run(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True, reason="must fail")
def test_xpass_strict(): pass
@pytest.fixture
def broken(): raise ValueError("setup")
def test_setup_error(broken): pass
@pytest.fixture
def breaks():
    yield
    raise ValueError("teardown")
def test_teardown_error(breaks): pass
def test_fail_and_teardown_error(breaks): assert 0
@pytest.fixture
def skips(): pytest.skip("by fixture")
def test_skipped_by_fixture(skips): pass
@pytest.fixture
def expected(): pytest.xfail("by fixture")
def test_xfailed_by_fixture(expected): pass
@pytest.mark.parametrize("x", ["a::b", "[c]", "é", ""])
def test_parameters(x): pass
class TestClass:
    def test_method(self): pass
    class TestInner:
        def test_inner(self): pass
import unittest
class Case(unittest.TestCase):
    def test_unittest(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    def test_subtests(self):
        with self.subTest(i=1): pass
'''
EXPECTED = {
    "test_pass": "passed",
    "test_fail": "failed",
    "test_skip": "skipped",
    "test_skip_inside": "skipped",
    "test_xfail": "xfailed",
    "test_xfail_not_run": "xfailed",
    "test_xpass": "xpassed",
    "test_xpass_strict": "failed",
    "test_setup_error": "error",
    "test_teardown_error": "error",
    "test_fail_and_teardown_error": "failed",
    "test_skipped_by_fixture": "skipped",
    "test_xfailed_by_fixture": "xfailed",
    "test_parameters[a::b]": "passed",
    "test_parameters[[c]]": "passed",
    "test_parameters[\\xe9]": "passed",
    "test_parameters[]": "passed",
    "TestClass::test_method": "passed",
    "TestClass::TestInner::test_inner": "passed",
    "Case::test_unittest": "passed",
    "Case::test_expected": "xfailed",
    "Case::test_subtests": "passed",
}


class OutcomesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = make_suite(cls, {"test_o.py": OUTCOMES})
        cls.expected = {f"test_o.py::{k}": v for k, v in EXPECTED.items()}
        with FakeAgent(cls.folder) as agent:
            cls.unit = agent.run(list(cls.expected))

    addCleanup = classmethod(
        lambda cls, *args: cls.addClassCleanup(*args)
    )

    def test_reports_combine_to_one_outcome(self):
        self.assertEqual(self.unit.outcomes, self.expected)

    def test_each_test_is_started_before_it_is_finished(self):
        self.assertEqual(self.unit.started, list(range(len(EXPECTED))))

    def test_messages_are_one_line_and_say_why(self):
        messages = {
            "test_fail": "AssertionError: lists",
            "test_skip": "not here",
            "test_skip_inside": "inside",
            "test_xfail": "known",
            "test_xpass_strict": "[XPASS(strict)] must fail",
            "test_setup_error": "setup failed: ValueError: setup",
            "test_teardown_error": "teardown failed: ValueError: teardown",
            "test_skipped_by_fixture": "by fixture",
            "test_xfailed_by_fixture": "by fixture",
        }
        for name, message in messages.items():
            with self.subTest(name):
                self.assertEqual(
                    self.unit.result("::" + name)["message"], message
                )

    def test_details_are_what_pytest_prints_and_say_where(self):
        result = self.unit.result("::test_fail")
        self.assertIn("E       AssertionError: lists", result["details"])
        self.assertIn("At index 1 diff: 2 != 3", result["details"])
        self.assertEqual(result["file"], str(self.folder / "test_o.py"))
        self.assertEqual(result["line"], 6)

    def test_a_failure_and_a_failing_teardown_are_both_told(self):
        details = self.unit.result("::test_fail_and_teardown_error")["details"]
        self.assertIn("assert 0", details)
        self.assertIn("ValueError: teardown", details)

    def test_every_result_has_health_and_a_start(self):
        for result in self.unit.results.values():
            self.assertIn("rss_bytes", result["health"])
            self.assertGreater(result["started_unix_ns"], 0)
        self.assertIn("rss_bytes", self.unit.end["health"])


class OutputTest(unittest.TestCase):
    def run_one(self, text, name="test_it", **kwargs):
        folder = make_suite(self, {"test_x.py": text})
        with FakeAgent(folder, **kwargs) as agent:
            unit = agent.run([f"test_x.py::{name}"])
        return unit.results[0]

    def test_output_of_children_is_the_tests(self):
        result = self.run_one(
            "import os, subprocess\n"
            "def test_it():\n"
            "    subprocess.run(['echo', 'child'])\n"
            "    os.write(1, b'raw\\n')\n"
            "    print('python')\n"
        )
        self.assertEqual(result["output"], b"child\nraw\npython\n")

    def test_a_child_that_opens_standard_output_anew_is_heard(self):
        result = self.run_one(
            "import subprocess\n"
            "def test_it():\n"
            "    subprocess.run('echo anew > /dev/stdout', shell=True)\n"
        )
        self.assertEqual(result["output"], b"anew\n")

    def test_sections_are_named_and_in_order(self):
        result = self.run_one(
            "import logging, sys, pytest\n"
            "@pytest.fixture\n"
            "def f():\n"
            "    print('up')\n"
            "    yield\n"
            "    print('down')\n"
            "def test_it(f):\n"
            "    print('out')\n"
            "    print('err', file=sys.stderr)\n"
            "    logging.warning('log')\n"
        )
        output = result["output"].decode()
        where = [
            output.index(part)
            for part in (
                "--- Captured stdout setup ---\nup\n",
                "--- Captured stdout call ---\nout\n",
                "--- Captured stderr call ---\nerr\n",
                "--- Captured log call ---\n",
                "--- Captured stdout teardown ---\ndown\n",
            )
        ]
        self.assertEqual(where, sorted(where))

    def test_of_too_much_output_start_and_end_are_kept(self):
        result = self.run_one(
            "def test_it():\n    print('a' * 1000 + 'b' * 5000 + 'c' * 1000)\n",
            output_limit=1000,
        )
        self.assertEqual(result["output"], b"a" * 500)
        self.assertEqual(result["output_tail"], b"c" * 499 + b"\n")
        self.assertEqual(result["output_cut_bytes"], 6001)

    def test_output_that_is_more_than_is_read_is_counted_to_the_byte(self):
        # All of it was read into memory, several times.
        result = self.run_one(
            "import os\n"
            "def test_it():\n"
            "    os.write(1, b'a' * 500)\n"
            "    for _ in range(20):\n"
            "        os.write(1, b'x' * (1 << 20))\n"
            "    os.write(1, b'c' * 500)\n",
            output_limit=1000,
        )
        self.assertEqual(result["output"], b"a" * 500)
        self.assertEqual(result["output_tail"], b"c" * 500)
        self.assertEqual(result["output_cut_bytes"], 20 << 20)

    def test_one_tests_output_is_not_the_nexts(self):
        folder = make_suite(
            self,
            {
                "test_x.py": "def test_a(): print('a' * 100)\n"
                "def test_b(): print('b')\n"
                "def test_c(): pass\n"
            },
        )
        with FakeAgent(folder) as agent:
            unit = agent.run([f"test_x.py::test_{n}" for n in "abc"])
        self.assertEqual(unit.result("test_b")["output"], b"b\n")
        self.assertNotIn("output", unit.result("test_c"))

    def test_properties_reach_the_result(self):
        result = self.run_one(
            "def test_it(record_property):\n"
            "    record_property('build', 17)\n"
        )
        self.assertEqual(result["properties"], [["build", "17"]])

    def test_undecodable_and_binary_output_harm_nothing(self):
        result = self.run_one(
            "import os\ndef test_it():\n    os.write(1, bytes(range(256)))\n"
        )
        self.assertEqual(result["outcome"], "passed")
        self.assertTrue(result["output"])


class ReportsTest(unittest.TestCase):
    FILES = {
        "test_x.py": "import warnings\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 0\n"
        "def test_prints(): print('x')\n"
        "def test_large(): assert 0, 'x' * 200000\n"
        "def test_warns(): warnings.warn('careful', UserWarning)\n"
    }
    NAMES = [
        f"test_x.py::test_{n}"
        for n in ("good", "bad", "prints", "large", "warns")
    ]

    def run_with(self, reports):
        folder = make_suite(self, self.FILES)
        with FakeAgent(folder, reports=reports) as agent:
            unit = agent.run(self.NAMES)
        return {
            name: json.loads(unit.result(name)["report"])
            for name in self.NAMES
            if "report" in unit.result(name)
        }

    def test_bad_means_what_plugins_have_something_to_say_of(self):
        reports = self.run_with("bad")
        self.assertEqual(
            set(reports), {self.NAMES[1], self.NAMES[2], self.NAMES[4]}
        )
        self.assertEqual(
            [r["when"] for r in reports[self.NAMES[1]]],
            ["setup", "call", "teardown"],
        )
        first = reports[self.NAMES[1]][0]
        self.assertEqual(first["$report_type"], "TestReport")

    def test_all_means_all_but_those_too_large_to_send(self):
        self.assertEqual(
            set(self.run_with("all")), set(self.NAMES) - {self.NAMES[3]}
        )

    def test_none_means_none(self):
        self.assertEqual(self.run_with("none"), {})

    def test_warnings_ride_with_the_reports(self):
        (warning,) = [
            r
            for r in self.run_with("bad")[self.NAMES[4]]
            if r["$report_type"] == "PacelineWarning"
        ]
        self.assertEqual(warning["message"], "careful")
        self.assertEqual(warning["category"], "builtins:UserWarning")
        self.assertEqual(warning["nodeid"], self.NAMES[4])


class DifferencesTest(unittest.TestCase):
    """What the worker finds otherwise than discovery is named, never lost."""

    FILES = {
        "test_x.py": "import pytest\n"
        "@pytest.mark.parametrize('i', [1, 2])\n"
        "def test_it(i): pass\n",
        "test_skipped.py": "import pytest\n"
        "pytest.skip('not today', allow_module_level=True)\n",
        "test_broken.py": "import nothing_of_that_name\n",
        "test_fine.py": "def test_fine(): pass\n",
    }

    def run_names(self, names, payloads=()):
        folder = make_suite(self, self.FILES)
        with FakeAgent(folder) as agent:
            return agent.run(names, payloads=payloads)

    def test_a_test_that_is_missing_is_an_error(self):
        unit = self.run_names(
            ["test_x.py::test_it[1]", "test_x.py::test_it[3]"]
        )
        self.assertEqual(list(unit.outcomes.values()), ["passed", "error"])
        self.assertEqual(
            unit.results[1]["message"],
            "discovery has found this test, but the worker did not find it"
            " when it collected test_x.py",
        )

    def test_a_module_that_is_missing_is_an_error(self):
        unit = self.run_names(
            ["test_gone.py::test_it", "test_fine.py::test_fine"]
        )
        self.assertEqual(list(unit.outcomes.values()), ["error", "passed"])
        self.assertIn("there is no file", unit.results[0]["message"])

    def test_a_module_skipped_in_collection_is_one_skipped_entry(self):
        unit = self.run_names(["test_skipped.py"])
        self.assertEqual(unit.results[0]["outcome"], "skipped")
        self.assertEqual(unit.results[0]["message"], "not today")

    def test_a_collection_error_is_one_error_and_others_run(self):
        unit = self.run_names(["test_broken.py", "test_fine.py::test_fine"])
        self.assertEqual(list(unit.outcomes.values()), ["error", "passed"])
        self.assertIn("nothing_of_that_name", unit.results[0]["message"])
        self.assertIn("ModuleNotFoundError", unit.results[0]["details"])

    def test_a_test_whose_module_is_skipped_here_alone_is_an_error(self):
        unit = self.run_names(["test_skipped.py::test_a", "test_broken.py::b"])
        self.assertEqual(list(unit.outcomes.values()), ["error", "error"])
        self.assertIn("not today", unit.results[0]["message"])
        self.assertIn("nothing_of_that_name", unit.results[1]["message"])

    def test_a_test_that_only_the_worker_finds_is_named(self):
        payload = json.dumps({"module": {"count": 1, "digest": "00"}})
        unit = self.run_names(["test_x.py::test_it[1]"], [payload.encode()])
        self.assertEqual(
            [(e["name"], e["outcome"]) for e in unit.extras],
            [("test_x.py::test_it[2]", "error")],
        )

    def test_how_many_more_there_are_is_said_where_a_unit_is_a_part(self):
        # Which ones are new nobody can tell from a part.
        payload = json.dumps({"module": {"count": 0, "digest": "00"}})
        unit = self.run_names(["test_x.py::test_it[1]"], [payload.encode()])
        (extra,) = unit.extras
        self.assertEqual(extra["name"], "test_x.py: collection")
        self.assertEqual(extra["outcome"], "error")
        self.assertEqual(
            extra["message"], "the worker has found 2 tests, discovery 0"
        )
        self.assertIn("test_x.py::test_it[2]", extra["details"])

    def test_the_digest_of_the_same_tests_says_nothing(self):
        from hashlib import sha1

        ids = ["test_x.py::test_it[1]", "test_x.py::test_it[2]"]
        digest = sha1("\n".join(ids).encode()).hexdigest()
        payload = json.dumps({"module": {"count": 2, "digest": digest}})
        unit = self.run_names(ids[:1], [payload.encode()])
        self.assertEqual(unit.extras, [])


class SameAsCollectorTest(unittest.TestCase):
    def test_rootdir_ini_cwd_and_path_are_the_collectors(self):
        folder = make_suite(
            self,
            {
                "project/pytest.ini": "[pytest]\nmarkers = from_ini\n"
                "python_functions = check_*\n",
                "project/sub/helpers/helper_of_path.py": "",
                "project/sub/test_x.py": "import os, sys, pytest\n"
                "import helper_of_path\n"
                "def check_it(pytestconfig):\n"
                "    assert os.path.basename(os.getcwd()) == 'elsewhere'\n"
                "    assert pytestconfig.rootpath.name == 'project'\n"
                "    assert pytestconfig.inipath.name == 'pytest.ini'\n",
                "elsewhere/pytest.ini": "[pytest]\n",
            },
        )
        project = folder / "project"
        with FakeAgent(
            folder / "project" / "sub",
            args=["-p", "no:cacheprovider", str(project)],
            rootdir=str(project),
            inifile=str(project / "pytest.ini"),
            cwd=str(folder / "elsewhere"),
            sys_path=[str(project / "sub" / "helpers"), *sys.path],
        ) as agent:
            unit = agent.run(["sub/test_x.py::check_it"])
        self.assertEqual(
            unit.outcomes, {"sub/test_x.py::check_it": "passed"}, unit.results
        )

    def test_ids_outside_of_the_rootdir_are_the_same(self):
        folder = make_suite(
            self,
            {
                "root/conftest.py": "",
                "other/sub/test_x.py": "def test_it(): pass\n",
            },
        )
        listed = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--collect-only",
             "-p", "no:cacheprovider", f"--rootdir={folder}/root",
             str(folder / "other")],
            stdout=subprocess.PIPE, text=True, cwd=folder,
        ).stdout.splitlines()[0]
        with FakeAgent(
            folder,
            args=["-p", "no:cacheprovider", str(folder / "other")],
            rootdir=str(folder / "root"),
        ) as agent:
            unit = agent.run([listed])
        self.assertEqual(unit.outcomes, {listed: "passed"}, unit.results)

    def test_a_file_is_no_target_because_it_is_in_a_unit(self):
        # As a target, functions of lib.py would be collected as tests.
        files = {
            "lib.py": 'def test_no(): pass\ndef f():\n    """\n'
            '    >>> 1 + 1\n    2\n    """\n'
        }
        folder = make_suite(self, files)
        args = ["-p", "no:cacheprovider", "--doctest-modules", str(folder)]
        with FakeAgent(folder, args=args) as agent:
            unit = agent.run(["lib.py::lib.f", "lib.py::test_no"])
        self.assertEqual(list(unit.outcomes.values()), ["passed", "error"])

    def test_item_hooks_of_conftest_files_run(self):
        folder = make_suite(
            self,
            {
                "conftest.py": "import pytest\n"
                "def pytest_collection_modifyitems(items):\n"
                "    for item in items:\n"
                "        if 'slow' in item.name:\n"
                "            item.add_marker(pytest.mark.skip)\n",
                "test_x.py": "def test_slow(): assert 0\ndef test_b(): pass\n",
            },
        )
        with FakeAgent(folder) as agent:
            unit = agent.run(["test_x.py::test_slow", "test_x.py::test_b"])
        self.assertEqual(list(unit.outcomes.values()), ["skipped", "passed"])

    def test_collected_first_means_that_item_hooks_see_the_whole_list(self):
        files = {
            "conftest.py": "def pytest_collection_modifyitems(items):\n"
            "    for item in items:\n"
            "        item.user_properties.append(('n', len(items)))\n",
            "a/test_a.py": "def test_a(): import helper\n",
            "b/test_b.py": "import helper\ndef test_b(): pass\n",
            "b/helper.py": "",
        }
        names = ["a/test_a.py::test_a"]
        for everything, expected in ((False, "failed"), (True, "passed")):
            folder = make_suite(self, files)
            with FakeAgent(folder, collect_all=everything) as agent:
                unit = agent.run(names)
            with self.subTest(everything):
                self.assertEqual(list(unit.outcomes.values()), [expected])
                if everything:
                    self.assertEqual(
                        unit.results[0]["properties"], [["n", "2"]]
                    )

    def test_options_of_the_controller_do_nothing_here(self):
        folder = make_suite(
            self,
            {
                "pytest.ini": "[pytest]\n"
                "addopts = -n2 --dist=loadfile --maxfail=1 --lf --sw"
                " --junitxml=out.xml --durations=5\n",
                "test_x.py": "def test_a(): assert 0\ndef test_b(): pass\n",
            },
        )
        names = ["test_x.py::test_a", "test_x.py::test_b"]
        with FakeAgent(folder, args=[str(folder)]) as agent:
            unit = agent.run(names)
        self.assertEqual(list(unit.outcomes.values()), ["failed", "passed"])
        self.assertFalse((folder / "out.xml").exists())

    def test_an_id_that_comes_twice_is_two_tests(self):
        folder = make_suite(
            self,
            {
                "conftest.py": "import pytest\n"
                "def pytest_collection_modifyitems(items):\n"
                "    for item in items:\n"
                "        item._nodeid = item._nodeid.partition('[')[0]\n",
                "test_x.py": "import pytest\n"
                "@pytest.mark.parametrize('i', [1, 2])\n"
                "def test_it(i): assert i == 1\n",
            },
        )
        payload = json.dumps({"id": "test_x.py::test_it", "nth": 2}).encode()
        with FakeAgent(folder) as agent:
            unit = agent.run(
                ["test_x.py::test_it #2", "test_x.py::test_it"],
                payloads=[payload],
            )
        self.assertEqual(list(unit.outcomes.values()), ["failed", "passed"])


class RefusedTest(unittest.TestCase):
    def refusal(self, files=None, **kwargs):
        folder = make_suite(self, files or {"test_x.py": "def test(): pass\n"})
        with FakeAgent(folder, **kwargs) as agent:
            worker = agent.start()
            worker.run_unit(["test_x.py::test"])
            return worker.refused

    def test_a_broken_conftest_is_named(self):
        text = self.refusal(
            {"conftest.py": "import nothing_of_that_name\n", "test_x.py": ""}
        )
        self.assertIn("conftest.py", text)
        self.assertIn("nothing_of_that_name", text)

    def test_a_plugin_that_is_missing_is_named(self):
        text = self.refusal(args=["-p", "no_such_plugin"])
        self.assertIn("no_such_plugin", text)

    def test_an_option_that_does_not_exist_is_named(self):
        text = self.refusal(args=["--no-such-option"])
        self.assertIn("--no-such-option", text)

    def test_an_option_that_runs_nothing_is_refused(self):
        self.assertIn("runs no tests", self.refusal(args=["--fixtures"]))

    def test_a_python_without_pytest_is_said_so(self):
        text = self.refusal(
            {
                "test_x.py": "",
                "site/sitecustomize.py": "import sys\n"
                "sys.modules['pytest'] = None\n",
            },
            env={"PYTHONPATH": "site"},
        )
        self.assertIn("has no pytest", text)


if __name__ == "__main__":
    unittest.main()
