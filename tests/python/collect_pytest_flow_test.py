"""When tests flow before collection is over, and what holds them back."""

import json
import os
import unittest

from collect_pytest_test import PytestCollectorTest
from fake_agent import FakeAgent


class FlowTest(PytestCollectorTest):
    def two_modules(self):
        """The second waits until `go` is called."""
        if not os.path.exists(os.path.join(self.root, "go")):
            os.mkfifo(os.path.join(self.root, "go"))
        self.write("test_a.py", """\
            import pytest
            def test_1(): pass
            @pytest.mark.slow
            def test_2(): pass
            """)
        # Is imported after the first module's tests are known.
        self.write("test_b.py", """\
            import os, select
            go = os.open("go", os.O_RDONLY | os.O_NONBLOCK)
            select.select([go], [], [], 10)
            def test_1(): pass
            def test_2(): pass
            """)

    def go(self):
        # Waits for the module to be imported.
        with open(os.path.join(self.root, "go"), "w") as file:
            file.write("go")

    def assert_flows(self, **more):
        """The first module's tests come while the second is imported."""
        self.two_modules()
        with self.start(**more) as c:
            c.until_tests()
            self.assertEqual(c.names[:1], ["test_a.py::test_1"])
            self.go()
            c.collect()
            c.finish()
        self.assertEqual(c.errors, [])
        return c

    def assert_held(self, expected, in_order=True, **more):
        """All tests come when all are known, in the order that pytest has."""
        self.two_modules()
        with self.start(**more) as c:
            self.go()
            c.collect()
            c.finish()
        names = c.names if in_order else sorted(c.names)
        self.assertEqual(names, expected)
        self.assertEqual(len({t.get("payload") for t in c.tests}), 1)
        self.assertEqual(c.errors, [])
        self.assert_workers_find_all(c)
        return c

    def assert_workers_find_all(self, c):
        """Each of two that are given a half."""
        os.unlink(os.path.join(self.root, "go"))
        self.write("go", "go")
        half = (len(c.tests) + 1) // 2
        with FakeAgent(self.root) as agent:
            agent.suite["options"] = c.suite["options"]
            for tests in (c.tests[:half], c.tests[half:]):
                names = [test["name"] for test in tests]
                unit = agent.run(names)
                self.assertEqual(unit.extras, [])
                self.assertEqual(
                    unit.outcomes, dict.fromkeys(names, "passed"),
                    unit.results,
                )
        os.unlink(os.path.join(self.root, "go"))

    ALL = ["test_a.py::test_1", "test_a.py::test_2",
           "test_b.py::test_1", "test_b.py::test_2"]

    def test_tests_flow_while_pytest_still_collects(self):
        c = self.assert_flows()
        self.assertEqual(c.names, self.ALL)

    def test_selection_by_keyword_and_mark_does_not_hold_them(self):
        c = self.assert_flows(args=["-k", "test_1", "-m", "not slow"])
        self.assertEqual(c.names, self.ALL[::2])

    def test_a_selection_that_matches_nothing_shows_life(self):
        # Nothing was sent, and the client took it for a hang.
        self.write("conftest.py", """\
            import sys
            sys.modules["paceline_worker.collecting"]._SILENCE = 0.0
            """)
        self.two_modules()
        with self.start(args=["-k", "nothing_is_called_so"]) as c:
            c.until("tests")
            self.go()
            c.collect()
            c.finish()
        self.assertEqual(c.names, [])
        self.assertEqual(c.errors, [])

    def test_a_conftest_that_looks_at_items_one_by_one_does_not_hold(self):
        self.write("conftest.py", """\
            import pytest
            def pytest_collection_modifyitems(config, items):
                if not items:
                    return
                kept, dropped = [], []
                for item in items:
                    if "slow" in item.keywords:
                        dropped.append(item)
                    else:
                        item.add_marker(pytest.mark.quick)
                        kept.append(item)
                config.hook.pytest_deselected(items=dropped)
                items[:] = kept
            """)
        c = self.assert_flows()
        self.assertEqual(c.names, self.ALL[:1] + self.ALL[2:])
        self.assertEqual(c.tests[0]["labels"], ["quick"])

    def test_the_first_test_of_a_module_says_what_the_module_holds(self):
        c = self.assert_flows()
        payload = json.loads(c.tests[0]["payload"])
        self.assertEqual(payload["module"]["count"], 2)
        self.assertNotIn("payload", c.tests[1])

    def test_collect_first_holds_them(self):
        self.assert_held(self.ALL, collect_first=True)

    def test_options_that_need_the_whole_list_hold_them(self):
        for option in ("--lf", "--ff", "--nf", "--sw"):
            with self.subTest(option):
                # The newest file is the first with --nf.
                self.assert_held(
                    self.ALL, in_order=option != "--nf", args=[option]
                )

    def test_a_conftest_that_cuts_the_list_holds_them(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                del items[:2]
            """)
        self.assert_held(self.ALL[2:])

    def test_a_conftest_that_sorts_holds_them(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                items.sort(key=lambda i: i.nodeid, reverse=True)
            """)
        self.assert_held(
            ["test_b.py::test_2", "test_b.py::test_1",
             "test_a.py::test_2", "test_a.py::test_1"]
        )

    def test_a_conftest_that_counts_holds_them(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                items[:] = [t for i, t in enumerate(items) if i % 4 == 3]
            """)
        self.assert_held(self.ALL[3:])

    def test_a_conftest_that_cuts_is_found_out_while_an_option_holds(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                del items[:2]
            """)
        c = self.assert_held(self.ALL[2:], args=["--ff"])
        self.assertTrue(json.loads(c.suite["options"])["collect_all"])

    def test_signs_of_life_say_nothing_of_the_suite(self):
        self.write("conftest.py", """\
            import sys
            collecting = sys.modules.get("paceline_worker.collecting")
            if collecting is not None:  # not in a worker
                collecting._SILENCE = 0.0
            def pytest_collection_modifyitems(items):
                del items[:2]
            """)
        c = self.assert_held(self.ALL[2:])
        self.assertTrue(json.loads(c.suite["options"])["collect_all"])
        kinds = [m["type"] for m in c.messages]
        self.assertLess(kinds.index("tests"), kinds.index("suite"))

    def test_options_alone_need_no_whole_list_in_workers(self):
        c = self.assert_held(self.ALL, args=["--ff"])
        self.assertFalse(json.loads(c.suite["options"])["collect_all"])

    def test_what_is_found_out_late_is_known_before_the_suite_is_told(self):
        # A module that is skipped comes first, and has no items to look at.
        self.write("test_0.py", """\
            import pytest
            pytest.skip("not here", allow_module_level=True)
            """)
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                del items[:2]
            """)
        with self.start() as c:
            self.two_modules()
            self.go()
            c.collect()
            c.finish()
        self.assertEqual(c.names, ["test_0.py"] + self.ALL[2:])
        self.assertTrue(json.loads(c.suite["options"])["collect_all"])

    def test_ids_that_depend_on_what_came_before_with_collect_first(self):
        self.write("conftest.py", """\
            count = 0
            def pytest_generate_tests(metafunc):
                global count
                count += 1
                metafunc.fixturenames.append("nth")
                metafunc.parametrize("nth", [count])
            """)
        self.assert_held(
            [f"{name}[{n}]" for n, name in enumerate(self.ALL, 1)],
            collect_first=True,
        )

    def test_a_plugin_nobody_knows_holds_them(self):
        self.write("other_plugin.py", """\
            def pytest_collection_modifyitems(items):
                pass
            """)
        self.assert_held(self.ALL, args=["-p", "other_plugin"],
                         env={"PYTHONPATH": self.root})

    def test_tests_of_one_module_stay_together_in_a_shuffled_list(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                items[:] = [items[3], items[0], items[2], items[1]]
            """)
        self.assert_held([self.ALL[3], self.ALL[2], self.ALL[0], self.ALL[1]])


class DifferenceTest(PytestCollectorTest):
    """What flowed is not what pytest makes of the whole list."""

    def setUp(self):
        super().setUp()
        self.write("test_a.py", "def test_1(): pass\ndef test_2(): pass\n")
        self.write("test_b.py", "def test_1(): pass\n")

    def assert_told_once(self, text, names):
        c = self.collect(kept=True)
        self.assertEqual(len(c.errors), 1)
        self.assertIn(text, c.errors[0]["message"])
        again = self.collect(kept=True)
        self.assertEqual(again.errors, [])
        self.assertEqual(again.names, names)
        # It is said each time, and can be undone.
        for _ in range(2):
            again = self.collect(kept=True)
            self.assertEqual(len(again.notes), 1)
            self.assertIn("selected otherwise", again.notes[0])
            self.assertIn("--no-collection-cache", again.notes[0])
        forgotten = self.collect(kept=False)
        self.assertEqual(forgotten.notes, [])
        self.assertEqual(len(forgotten.errors), 1)
        again = self.collect(kept=True)
        self.assertTrue(
            json.loads(again.suite["options"])["collect_all"]
        )
        return c

    def test_fewer_tests(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                modules = {item.path for item in items}
                items[:] = [i for i in items if len(modules) == 1
                            or i.path.name == "test_b.py"]
            """)
        self.assert_told_once(
            "2 fewer (test_a.py::test_1, test_a.py::test_2)",
            ["test_b.py::test_1"],
        )

    def test_more_tests_are_handed_over_late(self):
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                modules = {item.path for item in items}
                if len(modules) == 1:
                    items[:] = []
                else:
                    items[:] = list(items)
            """)
        self.write("test_c.py", "def test_1(): pass\n")
        c = self.collect()
        self.assertEqual(len(c.names), 4)

    def test_other_marks(self):
        self.write("conftest.py", """\
            import pytest
            def pytest_collection_modifyitems(items):
                names = [item.name for item in items]
                for item in items:
                    if names.count(item.name) > 1:
                        item.add_marker(pytest.mark.again)
            """)
        self.assert_told_once(
            "2 other marks on (test_a.py::test_1, test_b.py::test_1)",
            ["test_a.py::test_1", "test_a.py::test_2", "test_b.py::test_1"],
        )

    def test_a_module_that_comes_out_otherwise_in_a_worker(self):
        with self.start(kept=True) as c:
            c.collect()
            c.send(
                "result", name="test_a.py::test_1", outcome="error",
                duration=0.0, report=b"", worker="gw0",
                message="discovery has found this test, but the worker did"
                        " not find it when it collected test_a.py",
                details="", final=True,
            )
            end = c.finish()
        self.assertIn("From now on", end["text"])
        self.assertIn("test_a.py::test_1", end["text"])
        again = self.collect(kept=True)
        self.assertTrue(
            json.loads(again.suite["options"])["collect_all"]
        )
        self.assertIn("test_a.py::test_1", again.notes[0])

    def test_the_newest_of_what_is_remembered_is_kept(self):
        folder = os.path.join(self.cache, "paceline/collect-first")
        os.makedirs(folder)
        for number in range(300):
            path = os.path.join(folder, f"old{number}")
            with open(path, "w"):
                os.utime(path, (number, number))
        self.write("conftest.py", """\
            def pytest_collection_modifyitems(items):
                if len({item.path for item in items}) > 1:
                    items[:] = items[1:]
            """)
        self.collect(kept=True)
        names = set(os.listdir(folder))
        self.assertEqual(len(names), 256)
        self.assertEqual(sum(not n.startswith("old") for n in names), 1)
        self.assertNotIn("old0", names)


class ScopeTest(PytestCollectorTest):
    def scopes(self, **more):
        self.last = self.collect(**more)
        self.assertEqual(self.last.errors, [])
        return {t["name"]: t["scope"] for t in self.last.tests}

    def test_a_class_or_a_test_can_be_one(self):
        self.write("test_a.py", """\
            class TestX:
                def test_1(self): pass
                def test_2(self): pass
            def test_3(): pass
            """)
        self.assertEqual(set(self.scopes(unit="class").values()),
                         {"test_a.py::TestX", "test_a.py::test_3"})
        scopes = self.scopes(unit="test")
        self.assertEqual(list(scopes), list(scopes.values()))
        self.assertEqual(self.last.notes, [])

    def large_module(self, head, tests=260):
        self.write("test_a.py", head + "".join(
            f"def test_{n}(): pass\n" for n in range(tests)
        ))

    def test_a_very_large_module_is_not_kept_whole(self):
        self.large_module("")
        scopes = self.scopes()
        self.assertEqual(list(scopes), list(scopes.values()))
        self.assertEqual(self.last.notes, [])
        self.assertEqual(set(self.scopes(unit="module").values()),
                         {"test_a.py"})

    def test_a_module_that_is_not_so_large_is_kept_whole(self):
        self.large_module("", 250)
        self.assertEqual(set(self.scopes().values()), {"test_a.py"})

    def test_a_very_large_module_that_shares_a_fixture_is_kept_whole(self):
        self.large_module("def setup_module(): pass\n")
        self.assertEqual(set(self.scopes().values()), {"test_a.py"})
        # Nobody has asked for anything else.
        self.assertEqual(self.last.notes, [])

    def test_a_very_large_module_whose_tests_need_each_other(self):
        self.large_module("import pytest\n@pytest.mark.incremental\n")
        self.assertEqual(set(self.scopes().values()), {"test_a.py"})

    def test_a_shared_module_fixture_keeps_the_module_whole(self):
        self.write("test_a.py", """\
            import pytest
            @pytest.fixture(scope="module")
            def db(): pass
            def test_1(db): pass
            def test_2(db): pass
            def test_3(): pass
            """)
        self.write("test_b.py", "def test_1(): pass\ndef test_2(): pass\n")
        scopes = self.scopes(unit="test")
        self.assertEqual(scopes["test_a.py::test_1"], "test_a.py")
        self.assertEqual(scopes["test_a.py::test_3"], "test_a.py")
        self.assertEqual(scopes["test_b.py::test_1"], "test_b.py::test_1")
        self.assertEqual(len(self.last.notes), 1)
        self.assertIn("test_a.py", self.last.notes[0])

    def test_setup_module_and_setup_class_are_shared(self):
        self.write("test_a.py", """\
            def setup_module(): pass
            def test_1(): pass
            def test_2(): pass
            """)
        self.write("test_b.py", """\
            import unittest
            class TestX:
                @classmethod
                def setup_class(cls): pass
                def test_1(self): pass
                def test_2(self): pass
            class TestY(unittest.TestCase):
                @classmethod
                def setUpClass(cls): pass
                def test_1(self): pass
                def test_2(self): pass
            class TestZ:
                def test_1(self): pass
            """)
        self.assertEqual(
            set(self.scopes(unit="test").values()),
            {"test_a.py", "test_b.py::TestX", "test_b.py::TestY",
             "test_b.py::TestZ::test_1"},
        )

    def test_modules_that_share_a_package_fixture_are_one(self):
        self.write("pkg/__init__.py", "")
        self.write("pkg/conftest.py", """\
            import pytest
            @pytest.fixture(scope="package")
            def server(): pass
            """)
        for name in "abc":
            argument = "" if name == "b" else "server"
            self.write(f"pkg/test_{name}.py", f"def test_1({argument}): pass\n")
        scopes = self.scopes()
        self.assertEqual(scopes["pkg/test_a.py::test_1"], "pkg/")
        self.assertEqual(scopes["pkg/test_c.py::test_1"], "pkg/")
        self.assertEqual(scopes["pkg/test_b.py::test_1"], "pkg/test_b.py")
        self.assertEqual(list(scopes.values())[-2:], ["pkg/", "pkg/"])

    def test_setup_of_a_package_is_shared_by_its_modules(self):
        self.write("pkg/__init__.py", "def setup_module(): pass\n")
        self.write("pkg/test_a.py", "def test_1(): pass\n")
        self.write("pkg/test_b.py", "def test_1(): pass\n")
        self.assertEqual(set(self.scopes().values()), {"pkg/"})

    def test_an_xdist_group_is_one_scope_across_modules(self):
        for name in "abc":
            self.write(f"test_{name}.py", """\
                import pytest
                @pytest.mark.xdist_group("db")
                def test_1(): pass
                def test_2(): pass
                """)
        scopes = self.scopes()
        self.assertEqual(list(scopes.values())[-3:], ["@db"] * 3)
        self.assertEqual(list(scopes)[-3:],
                         [f"test_{n}.py::test_1" for n in "abc"])


if __name__ == "__main__":
    unittest.main()
