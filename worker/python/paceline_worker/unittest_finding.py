"""Finds the tests of a unittest suite, for its collector and its workers.

Both must find the same tests under the same names: unittest's own `id()`, and
for one that comes a second time "ID #2". Tests come from the standard library's
loader alone, so `load_tests` and subclasses of TestCase work as they do there.
"""

import importlib
import os
import unittest
from typing import Any, Callable, Dict, Iterator, List, NamedTuple
from typing import Optional, Tuple

from . import python_targets

DEFAULT_PATTERN = "test*.py"


class Selection(NamedTuple):
    """What the user asked for, in a form that workers get too."""

    targets: List[str]
    pattern: str
    top: Optional[str]
    keywords: List[str]


class Found(NamedTuple):
    name: str
    test: unittest.TestCase
    module: str  # whose fixtures it is run under; empty if that is unknown


def parse_arguments(targets: List[str], args: List[str]) -> Selection:
    """The arguments that `python -m unittest discover` has.

    Raises ValueError for others.
    """
    pattern, top = DEFAULT_PATTERN, None
    keywords: List[str] = []
    rest = list(args)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if not name.startswith("--") and len(argument) > 2:
            name, equals, value = argument[:2], "=", argument[2:]
        if name not in ("-p", "--pattern", "-t", "--top-level-directory", "-k"):
            raise ValueError(f"the unittest runner has no option {argument}")
        if not equals:
            if not rest:
                raise ValueError(f"option {argument} needs a value")
            value = rest.pop(0)
        if name in ("-p", "--pattern"):
            pattern = value
        elif name == "-k":
            # As unittest reads them: a word is looked for anywhere.
            keywords.append(value if "*" in value else f"*{value}*")
        else:
            top = value
    return Selection(list(targets) or ["."], pattern, top, keywords)


class Loader(unittest.TestLoader):
    """unittest's loader, which also notes the module a test came from."""

    def __init__(self, keywords: List[str],
                 on_module: Callable[[], None] = lambda: None) -> None:
        """`on_module` is called when a module was imported and looked into."""
        super().__init__()
        self._on_module = on_module
        if keywords:
            self.testNamePatterns = keywords
        self._modules: Dict[int, Tuple[Any, str]] = {}

    def loadTestsFromModule(self, module: Any, *args: Any, **more: Any) -> Any:
        suite = super().loadTestsFromModule(module, *args, **more)
        # A package's own load_tests may bring in modules below it: the
        # innermost is who a test belongs to.
        for test in each_test(suite):
            self._modules.setdefault(id(test), (test, module.__name__))
        self._on_module()
        return suite

    def module_of(self, test: Any) -> str:
        known = self._modules.get(id(test))
        if known is not None and known[0] is test:
            return known[1]
        name = type(test).__module__
        return "" if name.partition(".")[0] in ("unittest", "doctest") else name


def each_test(suite: Any) -> Iterator[Any]:
    if isinstance(suite, unittest.TestCase) or not hasattr(suite, "__iter__"):
        yield suite
        return
    for part in suite:
        yield from each_test(part)


def named(
    loader: Loader, suite: Any, counts: Dict[str, int]
) -> Iterator[Found]:
    """The tests of `suite` with their names; `counts` says how often an id
    came before."""
    for test in each_test(suite):
        identity = test.id()
        nth = counts[identity] = counts.get(identity, 0) + 1
        name = identity if nth == 1 else f"{identity} #{nth}"
        yield Found(name, test, loader.module_of(test))


def load_target(loader: Loader, selection: Selection, target: str) -> Any:
    """The suite of one target."""
    if os.path.isdir(target):
        # A package is imported under its full name, so that what its modules
        # import relatively is there.
        top = selection.top or python_targets.top_of(target)
        loader._top_level_dir = None
        return loader.discover(target, selection.pattern, top)
    if os.path.isfile(target):
        name, top = python_targets.module_of(target)
        python_targets.import_from(os.path.abspath(selection.top or top))
        return loader.loadTestsFromName(name)
    return loader.loadTestsFromName(target)


def load_all(loader: Loader, selection: Selection) -> List[Found]:
    counts: Dict[str, int] = {}
    found: List[Found] = []
    for target in selection.targets:
        suite = load_target(loader, selection, target)
        found += named(loader, suite, counts)
    return found


def load_module(loader: Loader, module: str) -> List[Found]:
    """The tests of one module, by the names they have when alone."""
    suite = loader.loadTestsFromModule(importlib.import_module(module))
    return list(named(loader, suite, {}))


def is_failed_load(test: Any) -> bool:
    """Whether `test` stands for a module or name that could not be loaded."""
    return type(test).__name__ == "_FailedTest" and (
        type(test).__module__ == "unittest.loader"
    )


def skipped_module(test: Any) -> Optional[str]:
    """Why a whole module was skipped when it was imported; None if `test` is
    not such a stand-in."""
    if type(test).__name__ != "ModuleSkipped":
        return None
    method = getattr(test, test._testMethodName, None)
    why = getattr(method, "__unittest_skip_why__", None)
    return str(why or getattr(test, "__unittest_skip_why__", "") or "skipped")
