"""What a collection has found is taken again while nothing has changed."""

import json
import os
import tempfile
import unittest

from collect_pytest_test import PytestCollectorTest
from fake_agent import FakeAgent

NOT_FOUND = (
    "discovery has found this test, but the worker did not find it when it"
    " collected test_a.py"
)


GONE = "it is gone since the kept collection"


def names(*cases):
    return [f"test_c.py::test_c[{case}]" for case in cases]


class KeptTest(PytestCollectorTest):
    def setUp(self):
        super().setUp()
        # Each import of the module leaves a line.
        self.write("test_a.py", """\
            import helper, pytest
            with open("imported", "a") as file:
                file.write("x\\n")
            @pytest.mark.slow
            def test_1(): pass
            class TestX:
                @pytest.mark.parametrize("n", helper.NUMBERS)
                def test_2(self, n): pass
            """)
        self.write("helper.py", "NUMBERS = [1, 2]\n")
        self.write("sub/test_b.py", "def test_3(): pass\n")

    def imports(self):
        try:
            with open(os.path.join(self.root, "imported")) as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def kept(self, *targets, **more):
        return self.collect(*targets, kept=True, **more)

    def assert_taken(self, taken=True, **more):
        """Whether the second of two collections imports nothing."""
        before = self.imports()
        c = self.kept(**more)
        self.assertEqual(self.imports() - before, 0 if taken else 1)
        self.assertEqual(c.errors, [])
        return c

    def test_without_a_home_nothing_is_written_and_tests_are_found(self):
        # A folder called "~" was left in the user's tree.
        for env in ({"HOME": "here", "XDG_CACHE_HOME": ""},
                    {"HOME": "here", "XDG_CACHE_HOME": "relative"}):
            c = self.kept(env=env, args=["-p", "no:cacheprovider"])
            self.assertEqual(len(c.names), 4)
            self.assertEqual(c.errors, [])
        self.assertEqual(
            sorted(os.listdir(self.root)),
            ["helper.py", "imported", "pytest.ini", "sub", "test_a.py"],
        )

    def test_the_second_time_no_module_is_imported(self):
        first = self.kept()
        self.assertEqual(self.imports(), 1)
        second = self.assert_taken()
        def without_payloads(tests):
            return [
                {k: v for k, v in t.items() if k != "payload"} for t in tests
            ]
        self.assertEqual(
            without_payloads(second.tests), without_payloads(first.tests)
        )
        self.assertEqual(len(second.tests), 4)
        self.assertEqual(
            second.all_of("collected")[0]["tests"],
            first.all_of("collected")[0]["tests"],
        )

    def test_only_who_asks_for_it_gets_it(self):
        self.kept()
        self.collect()
        self.assertEqual(self.imports(), 2)

    def test_listing_neither_takes_nor_keeps(self):
        self.kept(keep=False)
        self.assert_taken(False)
        self.kept(keep=False)
        self.assertEqual(self.imports(), 3)

    def test_collect_first_collects(self):
        self.kept()
        self.assert_taken(False, collect_first=True)

    def test_a_file_that_was_touched_is_the_same(self):
        self.kept()
        os.utime(os.path.join(self.root, "test_a.py"), (1, 1))
        self.assert_taken()

    def test_a_changed_test_file_is_collected(self):
        self.kept()
        self.write("sub/test_b.py", "def test_4(): pass\n")
        c = self.assert_taken(False)
        self.assertIn("sub/test_b.py::test_4", c.names)
        self.assertNotIn("sub/test_b.py::test_3", c.names)

    def test_a_change_of_the_same_size_and_time_is_noticed(self):
        self.kept()
        path = os.path.join(self.root, "sub/test_b.py")
        status = os.stat(path)
        self.write("sub/test_b.py", "def test_4(): pass\n")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assert_taken(False)

    def test_a_changed_module_that_tests_import_is_noticed(self):
        self.kept()
        self.write("helper.py", "NUMBERS = [1, 2, 3]\n")
        self.assertEqual(len(self.assert_taken(False).tests), 5)

    def test_a_new_test_file_is_noticed(self):
        self.kept()
        self.write("sub/deeper/test_c.py", "def test_5(): pass\n")
        c = self.assert_taken(False)
        self.assertIn("sub/deeper/test_c.py::test_5", c.names)

    def test_a_removed_test_file_is_noticed(self):
        self.kept()
        os.unlink(os.path.join(self.root, "sub/test_b.py"))
        self.assertEqual(len(self.assert_taken(False).tests), 3)

    def test_a_new_conftest_is_noticed_above_the_target_too(self):
        self.kept("sub")
        before = len(self.kept("sub").names)
        self.write("conftest.py", """\
            import pytest
            @pytest.fixture(autouse=True, params=[1, 2])
            def twice(request): pass
            """)
        self.assertEqual(len(self.kept("sub").names), 2 * before)

    def test_configuration_arguments_and_environment_matter(self):
        self.kept()
        self.write("pytest.ini", "[pytest]\npython_functions = test_1\n")
        self.assertEqual(len(self.assert_taken(False).names), 2 - 1)
        self.assert_taken()
        self.assert_taken(False, args=["-k", "test_1"])
        self.assert_taken(False, env={"ANYTHING": "else"})

    def test_where_temporary_files_are_does_not_matter(self):
        self.kept()
        with tempfile.TemporaryDirectory() as other:
            self.assert_taken(env={"TMPDIR": other})

    def test_a_damaged_file_is_collected_again(self):
        self.kept()
        folder = os.path.join(self.cache, "paceline", "collections")
        (name,) = os.listdir(folder)
        with open(os.path.join(folder, name), "r+b") as file:
            file.seek(-20, os.SEEK_END)
            file.write(b"x")
        self.assert_taken(False)
        self.assert_taken()

    def test_only_the_newest_are_kept(self):
        folder = os.path.join(self.cache, "paceline", "collections")
        os.makedirs(folder)
        for number in range(40):
            path = os.path.join(folder, f"old{number}")
            with open(path, "w"):
                pass
            os.utime(path, (number, number))
        self.kept()
        left = os.listdir(folder)
        self.assertEqual(len(left), 32)
        self.assertNotIn("old8", left)
        self.assertIn("old9", left)
        self.assert_taken()

    def test_a_collection_with_an_error_is_not_kept(self):
        self.write("sub/test_b.py", "import no_such_module\n")
        self.kept()
        c = self.kept()
        self.assertEqual(self.imports(), 2)
        self.assertEqual(len(c.errors), 1)

    def test_tests_that_a_conftest_leaves_out_are_not_kept(self):
        # It may leave out others for a reason that no file shows.
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                items[:] = [i for i in items if i.name != "test_3"]
            """)
        self.kept()
        self.assert_taken(False)

    def test_nothing_is_kept_where_a_conftest_chooses_files(self):
        self.write("conftest.py", """\
            def pytest_ignore_collect(collection_path):
                return True if collection_path.name == "test_b.py" else None
            """)
        self.kept()
        self.assert_taken(False)

    def test_nothing_is_kept_where_an_inner_conftest_has_a_summary(self):
        self.write("sub/conftest.py", """\
            def pytest_terminal_summary(terminalreporter):
                terminalreporter.write_line("told by the inner one")
            """)
        self.kept()
        c = self.assert_taken(False)
        text = c.all_of("finished")[0]["text"]
        self.assertIn("told by the inner one", text)

    def test_a_part_of_a_module_is_not_kept(self):
        # A worker could not tell whether there is more of it.
        self.kept("test_a.py::TestX")
        self.kept("test_a.py::TestX")
        self.assertEqual(self.imports(), 2)

    def test_reports_for_plugins_have_all_collected(self):
        self.kept()
        self.assert_taken(False, args=["--junitxml=x.xml"])
        self.assert_taken(False, args=["--junitxml=x.xml"])

    def test_a_kept_test_fits_what_a_worker_finds(self):
        self.kept()
        c = self.assert_taken()
        unit = self.run_by_worker(c, "test_a.py")
        self.assertEqual(set(unit.outcomes.values()), {"passed"})
        self.assertEqual(unit.extras, [])

    def test_a_skipped_module_is_skipped_by_the_worker(self):
        self.write("sub/test_b.py", """\
            import os, pytest
            if not os.path.exists("go"):
                pytest.skip("not now", allow_module_level=True)
            def test_3(): pass
            """)
        first = self.kept()
        self.assertEqual(first.tests[-1]["name"], "sub/test_b.py")
        self.assertEqual(first.tests[-1]["skip_reason"], "not now")
        c = self.assert_taken()
        self.assertEqual(c.tests[-1]["name"], "sub/test_b.py")
        self.assertNotIn("skip_reason", c.tests[-1])
        unit = self.run_by_worker(c, "sub/test_b.py")
        self.assertEqual(unit.outcomes, {"sub/test_b.py": "skipped"})
        self.assertEqual(unit.results[0]["message"], "not now")
        # What it holds is run when the reason is gone.
        self.write("go", "")
        unit = self.run_by_worker(c, "sub/test_b.py")
        self.assertEqual(unit.outcomes, {"sub/test_b.py": "skipped"})
        self.assertIn(GONE, unit.results[0]["message"])
        self.assertEqual(self.found(unit), {"sub/test_b.py::test_3": "passed"})
        # But not where the client selects.
        c = self.kept(partial=True)
        unit = self.run_by_worker(c, "sub/test_b.py")
        self.assertEqual(unit.outcomes, {"sub/test_b.py": "error"})
        self.assertEqual(unit.found, {})

    def run_by_worker(self, c, scope, **more):
        tests = [t for t in c.tests if t["scope"] == scope]
        with FakeAgent(self.root) as agent:
            agent.suite["options"] = c.suite["options"]
            return agent.run(
                [t["name"] for t in tests],
                payloads=[t.get("payload", b"") for t in tests], **more,
            )

    def found(self, unit):
        return {n: result["outcome"] for n, result in unit.found.items()}

    def disagree(self, message, outcome="error", **report):
        """A run in which a worker has something to say of what was kept."""
        self.kept()
        with self.start(kept=True) as c:
            c.collect()
            c.send("result", name="test_a.py::test_1", outcome=outcome,
                   verdict=outcome, message=message, worker="gw0", final=True)
            c.send("leaving", worker="gw0",
                   report=json.dumps({"workerid": "gw0", **report}).encode())
            end = c.finish()
        self.assertEqual(self.imports(), 1)
        return end

    def test_what_a_worker_does_not_find_is_named_and_forgotten(self):
        end = self.disagree(NOT_FOUND)
        self.assertIn("test_a.py::test_1", end["error"])
        self.assertIn("run again", end["error"])
        self.assert_taken(False)
        # It was a matter of its age, not of the order of collecting.
        self.assertFalse(
            os.path.exists(os.path.join(self.cache, "paceline/collect-first"))
        )

    def test_what_only_a_worker_finds_is_named_and_forgotten(self):
        end = self.disagree(
            "the worker has found this test, discovery has not: it was not run"
        )
        self.assertIn("test_a.py::test_1", end["error"])
        self.assert_taken(False)

    def test_what_is_gone_is_named_and_no_failure(self):
        end = self.disagree(
            "discovery has found this test, but it is gone since the kept"
            " collection", "skipped"
        )
        self.assertEqual(end["error"], "")
        self.assertIn(
            "Gone since the kept collection: test_a.py::test_1.", end["text"]
        )
        self.assert_taken(False)

    def test_what_was_found_and_run_is_named_and_no_failure(self):
        end = self.disagree("", "passed", found=["test_a.py::new"])
        self.assertEqual(end["error"], "")
        self.assertIn(
            "Found beyond it, and run: test_a.py::new.", end["text"]
        )
        self.assert_taken(False)

    def test_another_failure_changes_nothing(self):
        self.assertEqual(self.disagree("assert 1 == 2")["error"], "")
        self.assert_taken()

    def test_the_cache_behind_last_failed_hears_of_a_kept_test(self):
        self.kept()
        for outcome, known in (("failed", ["test_a.py::test_1"]),
                               ("passed", [])):
            with self.start(kept=True) as c:
                c.collect()
                also = c.all_of("collected")[0].get("also", [])
                self.assertEqual(also, [] if known else ["test_a.py::test_1"])
                c.send("result", name="test_a.py::test_1", outcome=outcome,
                       verdict=outcome, worker="gw0", final=True)
                c.finish()
            self.assertEqual(sorted(self.last_failed()), known)
        self.assertEqual(self.imports(), 1)

    def stale(self, cases, args=(), **more):
        """A kept collection of one and two, where there are `cases` now."""
        self.write("test_c.py", """\
            import os, pytest
            with open("cases") as file:
                CASES = file.read().split()
            if "broken" in CASES:
                raise RuntimeError("broken")
            if "skip" in CASES:
                pytest.skip("none now", allow_module_level=True)
            @pytest.mark.parametrize("case", CASES)
            def test_c(case):
                print("printed by", case)
                assert case != "bad"
                if case == "skipped":
                    pytest.skip("by itself")
                if case == "exit":
                    os._exit(3)
            if "new" in CASES:
                @pytest.mark.slow
                @pytest.mark.timeout(5)
                def test_new(): pass
            """)
        self.write("pytest.ini", "[pytest]\nmarkers =\n  slow\n  timeout\n")
        self.write("cases", "one two")
        self.kept("test_c.py", args=args, **more)
        c = self.kept("test_c.py", args=args, **more)
        self.assertEqual(c.names, names("one", "two"))
        self.write("cases", cases)
        return c

    def test_found_tests_are_run_with_their_own_verdicts(self):
        c = self.stale("one bad skipped new")
        unit = self.run_by_worker(c, "test_c.py")
        self.assertEqual(self.found(unit), {
            "test_c.py::test_c[bad]": "failed",
            "test_c.py::test_c[skipped]": "skipped",
            "test_c.py::test_c[new]": "passed",
            "test_c.py::test_new": "passed",
        })
        bad = unit.found["test_c.py::test_c[bad]"]
        self.assertIn("assert 'bad' != 'bad'", bad["message"])
        self.assertEqual(bad["output"], b"printed by bad\n")
        # Before their module's, so that whoever has that to run has them too.
        self.assertEqual(unit.order, [*unit.found, 0, 1])
        # As discovery does it, a little more than the mark.
        self.assertEqual(unit.limits, [None, None, None, 15 * 10**9])
        one, two = names("one", "two")
        self.assertEqual(unit.outcomes, {one: "passed", two: "skipped"})
        self.assertIn(GONE, unit.result(two)["message"])
        self.assertEqual(unit.extras, [])

    def test_found_tests_that_were_told_are_not_run_again(self):
        c = self.stale("one two exit new")
        unit = self.run_by_worker(c, "test_c.py")
        self.assertIsNone(unit.end)
        self.assertEqual(unit.order, names("exit"))
        self.assertEqual(unit.found, {})
        # The agent has charged the death.
        unit = self.run_by_worker(c, "test_c.py", found=names("exit"))
        self.assertEqual(
            self.found(unit),
            {names("new")[0]: "passed", "test_c.py::test_new": "passed"},
        )
        self.assertEqual(set(unit.outcomes.values()), {"passed"})

    def test_of_a_divided_module_they_run_with_its_first_test(self):
        c = self.stale("one two new", unit="test")
        self.assertEqual(len({t["scope"] for t in c.tests}), 2)
        first, second = [
            self.run_by_worker(c, t["scope"]) for t in c.tests
        ]
        self.assertEqual(len(first.found), 2)
        self.assertEqual(second.found, {})
        self.assertEqual(second.extras, [])

    def test_what_the_user_did_not_select_is_not_found(self):
        for args in (["-m", "not slow"], ["-k", "not test_new"],
                     ["--deselect", "test_c.py::test_new"]):
            with self.subTest(args):
                unit = self.run_by_worker(
                    self.stale("one two new", args), "test_c.py"
                )
                self.assertEqual(list(unit.found), names("new"))

    def test_where_the_client_selects_nothing_is_corrected(self):
        unit = self.run_by_worker(
            self.stale("one new", partial=True), "test_c.py"
        )
        self.assertEqual(unit.found, {})
        self.assertEqual(unit.outcomes, dict(
            zip(names("one", "two"), ["passed", "error"])
        ))
        self.assertEqual(
            [e["name"] for e in unit.extras],
            [*names("new"), "test_c.py::test_new"],
        )

    def test_a_fresh_collection_is_not_corrected(self):
        self.stale("one two")
        c = self.collect("test_c.py")
        self.write("cases", "one new")
        unit = self.run_by_worker(c, "test_c.py")
        self.assertEqual(unit.found, {})
        self.assertEqual(len(unit.extras), 2)
        self.assertEqual(unit.outcomes[names("two")[0]], "error")

    def test_a_module_that_cannot_be_collected_any_more_is_an_error(self):
        unit = self.run_by_worker(self.stale("broken"), "test_c.py")
        self.assertEqual(set(unit.outcomes.values()), {"error"})
        self.assertIn("broken", unit.results[0]["details"])

    def test_a_module_that_is_skipped_now_is_skipped(self):
        unit = self.run_by_worker(self.stale("skip"), "test_c.py")
        self.assertEqual(set(unit.outcomes.values()), {"skipped"})
        self.assertIn("none now", unit.results[0]["message"])

    def test_more_than_the_agent_takes_are_named(self):
        many = [f"n{i}" for i in range(1030)]
        unit = self.run_by_worker(
            self.stale(" ".join(["one", "two", *many])), "test_c.py"
        )
        self.assertEqual(list(unit.found), names(*many[:1024]))
        self.assertEqual(
            [e["name"] for e in unit.extras], names(*many[1024:])
        )

    def last_failed(self):
        path = os.path.join(self.root, ".pytest_cache/v/cache/lastfailed")
        try:
            with open(path) as file:
                return json.load(file)
        except FileNotFoundError:
            return {}


if __name__ == "__main__":
    unittest.main()
