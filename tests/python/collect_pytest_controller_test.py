"""The collector as the controller of its session: plugins hear of results."""

import glob
import json
import os
import unittest
import xml.etree.ElementTree

import pytest

from collect_pytest_test import PytestCollectorTest, has_plugin


def report(nodeid, when, outcome, longrepr=None, **more):
    """One report, as a worker serialises it."""
    file, _, name = nodeid.partition("::")
    return {
        "nodeid": nodeid,
        "location": [file, 0, name],
        "keywords": {},
        "outcome": outcome,
        "longrepr": longrepr,
        "when": when,
        "user_properties": [],
        "sections": [],
        "duration": 0.25,
        "start": 0.0,
        "stop": 0.25,
        "$report_type": "TestReport",
        **more,
    }


def result(nodeid, outcome, reports=None, **more):
    return {
        "name": nodeid,
        "outcome": outcome,
        "duration": 0.75,
        "message": "",
        "details": "",
        "worker": "local:1",
        "final": True,
        "report": json.dumps(reports).encode() if reports else b"",
        **more,
    }


def passed(nodeid, **more):
    whens = ("setup", "call", "teardown")
    return result(
        nodeid, "passed", [report(nodeid, w, "passed", **more) for w in whens]
    )


def failed(nodeid, text="E   assert 1 == 2"):
    return result(
        nodeid, "failed",
        [report(nodeid, "setup", "passed"),
         report(nodeid, "call", "failed", text),
         report(nodeid, "teardown", "passed")],
    )


class ControllerTest(PytestCollectorTest):
    def setUp(self):
        super().setUp()
        self.write("test_a.py", """\
            def test_1(): pass
            def test_2(): pass
            def test_3(): pass
            """)

    def run_with(self, *results, args=(), interrupted=False, **more):
        with self.start(args=args, **more) as c:
            c.collect()
            for one in results:
                c.send("result", **one)
            c.end = c.finish(interrupted)
        c.wanted = c.all_of("collected")[0]
        return c


class WantedReportsTest(ControllerTest):
    def test_failures_are_heard_of_where_they_alone_keep_their_files(self):
        self.write("pytest.ini", "[pytest]\n"
                   "tmp_path_retention_policy = failed\n")
        wanted = self.run_with(args=["-p", "no:cacheprovider"]).wanted
        # Before pytest 7.3 all are kept.
        expected = "bad" if pytest.version_tuple >= (7, 3) else "none"
        self.assertEqual(wanted["reports"], expected)

    def test_a_plain_suite_wants_the_bad_results_for_its_cache(self):
        self.assertEqual(self.run_with().wanted["reports"], "bad")

    def test_nothing_is_wanted_where_nothing_listens(self):
        c = self.run_with(args=["-p", "no:cacheprovider"])
        self.assertEqual(c.wanted["reports"], "none")

    def test_options_that_show_all_tests_want_all(self):
        for option in ("--junitxml=x.xml", "--durations=3"):
            with self.subTest(option):
                c = self.run_with(args=[option])
                self.assertEqual(c.wanted["reports"], "all")

    def test_a_conftest_that_hears_of_tests_wants_all(self):
        for hook in ("pytest_runtest_logreport(report)",
                     "pytest_terminal_summary(terminalreporter)"):
            with self.subTest(hook):
                self.write("conftest.py", f"def {hook}: pass\n")
                self.assertEqual(self.run_with().wanted["reports"], "all")

    def test_a_worker_is_told_the_same(self):
        c = self.run_with(args=["--durations=3"])
        options = json.loads(c.suite["options"])
        self.assertEqual(options["reports"], "all")


class PluginTest(ControllerTest):
    def test_junitxml_has_every_result(self):
        c = self.run_with(
            passed("test_a.py::test_1", user_properties=[["k", "v"]]),
            failed("test_a.py::test_2"),
            result("test_a.py::test_3", "crashed", message="SIGSEGV"),
            args=["--junitxml=x.xml"],
        )
        self.assertEqual(c.end["error"], "")
        tree = xml.etree.ElementTree.parse(os.path.join(self.root, "x.xml"))
        suite = tree.getroot().find("testsuite")
        self.assertEqual(suite.get("tests"), "3")
        self.assertEqual(suite.get("failures"), "2")
        cases = {case.get("name"): case for case in suite}
        self.assertEqual(float(cases["test_1"].get("time")), 0.75)
        self.assertEqual(
            cases["test_1"].find("properties/property").get("value"), "v"
        )
        self.assertIn("assert 1 == 2", cases["test_2"].find("failure").text)
        self.assertIn("SIGSEGV", cases["test_3"].find("failure").text)

    def test_collection_errors_and_skips_are_in_junitxml(self):
        self.write("test_b.py", "import no_such_module_here\n")
        self.write("test_c.py", """\
            import pytest
            pytest.skip("later", allow_module_level=True)
            """)
        self.run_with(passed("test_a.py::test_1"), args=["--junitxml=x.xml"])
        with open(os.path.join(self.root, "x.xml")) as file:
            text = file.read()
        self.assertIn("no_such_module_here", text)
        self.assertIn("later", text)

    def last_failed(self):
        path = os.path.join(self.root, ".pytest_cache/v/cache/lastfailed")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return sorted(json.load(file))

    def test_last_failed_works_from_run_to_run(self):
        self.run_with(
            failed("test_a.py::test_1"), failed("test_a.py::test_3")
        )
        self.assertEqual(self.last_failed(),
                         ["test_a.py::test_1", "test_a.py::test_3"])
        # A result is asked for where its good outcome would be news.
        c = self.run_with(result("test_a.py::test_1", "passed"))
        self.assertEqual(sorted(c.wanted["also"]),
                         ["test_a.py::test_1", "test_a.py::test_3"])
        self.assertEqual(self.last_failed(), ["test_a.py::test_3"])
        c = self.run_with(args=["--lf"])
        self.assertEqual(c.names, ["test_a.py::test_3"])

    def test_listing_and_other_kinds_of_runs_keep_the_cache(self):
        self.run_with(failed("test_a.py::test_1"))
        self.run_with()
        self.assertEqual(self.last_failed(), ["test_a.py::test_1"])

    def test_durations_are_printed(self):
        c = self.run_with(
            passed("test_a.py::test_1", duration=5.0), args=["--durations=1"]
        )
        self.assertIn("slowest 1 durations", c.end["text"])
        self.assertIn("5.00s", c.end["text"])
        self.assertNotIn("passed in", c.end["text"])

    def test_failures_are_left_for_the_client_to_show(self):
        c = self.run_with(failed("test_a.py::test_1"), args=["-rA"])
        self.assertNotIn("assert 1 == 2", c.end["text"])
        self.assertEqual(c.end["error"], "")

    def test_warnings_of_workers_are_summarised(self):
        warning = {
            "$report_type": "PacelineWarning",
            "message": "old and tired",
            "category": "builtins:DeprecationWarning",
            "filename": "test_a.py",
            "lineno": 2,
            "when": "runtest",
            "nodeid": "test_a.py::test_1",
            "location": None,
        }
        one = passed("test_a.py::test_1")
        one["report"] = json.dumps(
            json.loads(one["report"]) + [warning]
        ).encode()
        c = self.run_with(one)
        self.assertIn("DeprecationWarning: old and tired", c.end["text"])

    def test_a_conftest_hears_of_results_in_the_controller(self):
        self.write("conftest.py", """\
            lines = []
            def pytest_runtest_logstart(nodeid, location):
                lines.append(f"start {nodeid} {location[1]}")
            def pytest_runtest_logreport(report):
                lines.append(f"{report.when} {report.outcome}"
                             f" {report.node.gateway.id} {report.worker_id}")
            def pytest_runtest_logfinish(nodeid):
                lines.append("finish")
            def pytest_sessionfinish(exitstatus):
                lines.append(f"end {int(exitstatus)}")
            def pytest_terminal_summary(terminalreporter):
                terminalreporter.write_line("|".join(lines))
            """)
        c = self.run_with(passed("test_a.py::test_2", worker_id="gw4"))
        self.assertIn(
            "start test_a.py::test_2 1|setup passed gw4 gw4"
            "|call passed gw4 gw4|teardown passed gw4 gw4|finish|end 0",
            c.end["text"],
        )

    def test_a_worker_has_one_name_for_plugins(self):
        # The client's name for it was in reports, its own in testnodedown.
        self.write("conftest.py", """\
            lines = []
            def pytest_runtest_logreport(report):
                if report.when == "call":
                    lines.append(f"{report.node.gateway.id}"
                                 f" {report.node.workerinput['workerid']}"
                                 f" {report.worker_id}")
            def pytest_testnodedown(node):
                lines.append(f"down {node.gateway.id}")
            def pytest_terminal_summary(terminalreporter):
                terminalreporter.write_line("|".join(lines))
            """)
        with self.start() as c:
            c.collect()
            crash = result("test_a.py::test_2", "crashed", message="SIGSEGV")
            for one in (
                passed("test_a.py::test_1", worker_id="gw2"),
                crash,
                {**crash, "worker": "local:3"},
            ):
                c.send("result", **one)
            c.send("leaving", worker="local:1",
                   report=json.dumps({"workerid": "gw2"}).encode())
            end = c.finish()
        down = "|down gw2" if has_plugin("xdist") else ""
        self.assertIn(
            "gw2 gw2 gw2|gw2 gw2 gw2|gw0 gw0 gw0" + down, end["text"]
        )

    @unittest.skipUnless(has_plugin("xdist"), "pytest-xdist is not here")
    def test_what_differs_from_worker_to_worker_is_given_to_each(self):
        self.write("conftest.py", """\
            def pytest_configure_node(node):
                node.workerinput["host"] = "db"
                node.workerinput["schema"] = "of_" + node.gateway.id
            """)
        with self.start() as c:
            c.collect()
            options = json.loads(c.suite["options"])
            c.finish()
        self.assertEqual(options["workerinput"], {"host": "db"})
        self.assertEqual(
            options["workerinputs"][:2],
            [{"host": "db", "schema": "of_gw0"},
             {"host": "db", "schema": "of_gw1"}],
        )

    @unittest.skipUnless(has_plugin("xdist"), "pytest-xdist is not here")
    def test_what_no_worker_can_be_given_is_named_once(self):
        self.write("conftest.py", """\
            def pytest_configure_node(node):
                node.workerinput["lock"] = object()
                node.workerinput["deep"] = {"in": [object()]}
                node.workerinput["plain"] = {"in": [1, 2.5, None, "x"]}
            """)
        with self.start() as c:
            c.collect()
            options = json.loads(c.suite["options"])
            notes = [m["text"] for m in c.all_of("note")]
            c.finish()
        self.assertEqual(
            options["workerinput"], {"plain": {"in": [1, 2.5, None, "x"]}}
        )
        self.assertEqual(len(notes), 1, notes)
        self.assertIn("lock (object), deep (dict)", notes[0])

    @unittest.skipUnless(has_plugin("xdist"), "pytest-xdist is not here")
    def test_it_looks_like_a_controller_of_xdist(self):
        self.write("conftest.py", """\
            import json
            def pytest_configure_node(node):
                node.workerinput["port"] = 4711
            def pytest_testnodedown(node, error):
                assert node.workerinput["workerid"] == "gw3", node.workerinput
                with open("down.json", "w") as file:
                    json.dump([node.workeroutput, error], file)
            def pytest_sessionstart(session):
                option = session.config.option
                assert option.numprocesses >= 1
                assert option.dist == "load"
                assert not hasattr(session.config, "workerinput")
            """)
        with self.start() as c:
            c.collect()
            options = json.loads(c.suite["options"])
            self.assertEqual(options["workerinput"], {"port": 4711})
            said = {"workerid": "gw3", "workeroutput": {"a": 1}}
            c.send("leaving", worker="a:3",
                   report=json.dumps(said).encode())
            self.assertEqual(c.finish()["error"], "")
        with open(os.path.join(self.root, "down.json")) as file:
            self.assertEqual(json.load(file), [{"a": 1}, None])

    def test_a_plugin_that_fails_the_session_at_its_end_is_told(self):
        self.write("conftest.py", """\
            def pytest_sessionfinish(session):
                session.testsfailed += 1
            """)
        self.assertIn("a plugin failed", self.run_with().end["error"])

    def test_a_plugin_that_breaks_on_a_result_is_told(self):
        self.write("conftest.py", """\
            def pytest_runtest_logreport(report):
                raise RuntimeError("cannot hear")
            """)
        c = self.run_with(
            passed("test_a.py::test_1"), passed("test_a.py::test_2")
        )
        self.assertIn("cannot hear", c.end["error"])

    def test_an_interrupted_run_is_one_for_plugins_too(self):
        self.write("conftest.py", """\
            def pytest_sessionfinish(exitstatus):
                with open("status", "w") as file:
                    file.write(str(int(exitstatus)))
            """)
        c = self.run_with(interrupted=True)
        with open(os.path.join(self.root, "status")) as file:
            self.assertEqual(file.read(), "2")
        self.assertEqual(c.end["error"], "")

    def test_an_attempt_that_was_not_the_last_is_a_rerun(self):
        self.write("conftest.py", """\
            def pytest_terminal_summary(terminalreporter):
                stats = terminalreporter.stats
                terminalreporter.write_line(
                    f"failed {len(stats.get('failed', []))}"
                    f" passed {len(stats.get('passed', []))}")
            """)
        c = self.run_with(
            {**failed("test_a.py::test_1"), "final": False},
            passed("test_a.py::test_1"),
        )
        self.assertIn("failed 0 passed 1", c.end["text"])


@unittest.skipUnless(has_plugin("pytest_cov"), "pytest-cov is not here")
class CoverageTest(ControllerTest):
    WORKER = """\
import coverage, os
cov = coverage.Coverage(data_suffix=True, source=["."])
cov.start()
import mod
mod.covered()
cov.stop()
cov.save()
"""

    def setUp(self):
        super().setUp()
        self.write("mod.py", """\
            def covered():
                return 1

            def not_covered():
                return 2
            """)

    def run_covered(self, *args):
        with self.start(args=["--cov=.", *args]) as c:
            c.collect()
            given = json.loads(c.suite["options"])["workerinput"]
            self.assertEqual(given["cov_master_topdir"], self.root)
            self.write("worker.py", self.WORKER)
            status = os.system(
                f"cd {self.root} && {os.sys.executable} worker.py"
            )
            self.assertEqual(status, 0)
            self.assertTrue(glob.glob(os.path.join(self.root, ".coverage.*")))
            said = {"workerid": "gw0",
                    "workeroutput": {"cov_worker_node_id": "gw0"}}
            c.send("leaving", worker="a:3",
                   report=json.dumps(said).encode())
            c.end = c.finish()
        return c

    def test_what_workers_measured_is_combined_and_shown(self):
        c = self.run_covered()
        self.assertRegex(c.end["text"], r"mod\.py +4 +1 +75%")
        self.assertFalse(glob.glob(os.path.join(self.root, ".coverage.*")))
        self.assertTrue(os.path.exists(os.path.join(self.root, ".coverage")))
        self.assertEqual(c.end["error"], "")

    def test_coverage_that_is_too_low_is_not_green(self):
        c = self.run_covered("--cov-fail-under=99")
        self.assertNotEqual(c.end["error"], "")
        self.assertIn("not reached", c.end["text"])


if __name__ == "__main__":
    unittest.main()
