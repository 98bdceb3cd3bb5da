"""What a worker spares itself is not missed."""

import sys
import types
import unittest

from fake_agent import BOOT, FakeAgent, make_suite

sys.path.insert(0, str(BOOT.parents[1]))
from paceline_worker import pytest_speed  # noqa: E402

# As much of pytest-asyncio as matters, which is not installed everywhere: it
# asks of all fixtures, for each test that is collected.
ASYNCIO = """
import inspect
asked = []

def _is_coroutine_or_asyncgen(thing):
    asked.append(thing)
    return inspect.iscoroutinefunction(thing)

def pytest_pycollect_makeitem(collector, name, obj):
    if collector.funcnamefilter(name):
        manager = collector.config.pluginmanager.get_plugin("funcmanage")
        for known in manager._arg2fixturedefs.values():
            for fixture in known:
                _is_coroutine_or_asyncgen(fixture.func)
"""
CONFTEST = """
import fake_asyncio

def pytest_configure(config):
    config.pluginmanager.register(fake_asyncio, "asyncio")
"""
SUITE = """
import fake_asyncio
import pytest

@pytest.fixture
def one(): pass

def test_first(one): pass

def test_second(one):
    asked = fake_asyncio.asked
    assert any(f.__name__ == "one" for f in asked)
    assert len(asked) == len(set(map(id, asked)))
"""


class AsyncioTest(unittest.TestCase):
    def test_each_fixture_is_asked_about_once(self):
        folder = make_suite(
            self,
            {
                "fake_asyncio.py": ASYNCIO,
                "conftest.py": CONFTEST,
                "test_a.py": SUITE,
            },
        )
        with FakeAgent(
            folder,
            env={"PYTHONPATH": ".", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        ) as agent:
            unit = agent.run(["test_a.py::test_first", "test_a.py::test_second"])
        self.assertEqual(list(unit.outcomes.values()), ["passed", "passed"])

    def test_things_that_cannot_be_keys_are_asked_about_too(self):
        plugin = types.SimpleNamespace(
            _is_coroutine_or_asyncgen=lambda thing: thing == [1]
        )
        config = types.SimpleNamespace(
            pluginmanager=types.SimpleNamespace(getplugin=lambda _: plugin)
        )
        pytest_speed.ask_asyncio_once(config)
        for _ in range(2):
            self.assertTrue(plugin._is_coroutine_or_asyncgen([1]))
            self.assertFalse(plugin._is_coroutine_or_asyncgen([2]))

    def test_a_plugin_that_is_built_otherwise_is_left_alone(self):
        for plugin in (None, types.SimpleNamespace()):
            config = types.SimpleNamespace(
                pluginmanager=types.SimpleNamespace(getplugin=lambda _: plugin)
            )
            pytest_speed.ask_asyncio_once(config)


if __name__ == "__main__":
    unittest.main()
