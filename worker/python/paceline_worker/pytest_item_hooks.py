"""Runs pytest's item hooks on the tests of one module before all are known.

`pytest_collection_modifyitems` is made to see the whole list. Most of what
implements it looks at one item after the other (marks, -k, -m), and then a
module's tests can be handed over while the next module is still being
imported. Some of it sorts, cuts or shuffles the list; then nobody may start
before the list is whole. This tells the two apart, as far as that can be told:
by name for plugins, by watching what it does to the list for conftest files.

It does not decide what is run: at the end the hooks run once more over all
items, as in plain pytest, and pytest_flow.py compares.
"""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Set, Tuple

_HOOK = "pytest_collection_modifyitems"

# Where the implementations live that are known to look at items one by one,
# or that are pytest's own and dealt with by their options.
_ONE_BY_ONE = (
    "_pytest.",
    "_hypothesis_pytestplugin",
    "hypothesis.",
    "pytest_asyncio.",
    "anyio.",
    "pytest_cov.",
    "pytest_timeout",
    "pytest_mock.",
    "pytest_rerunfailures",
    "paceline_worker.",
)

# pytest's own that need the list, by the option that turns them on.
_OPTIONS = {
    "lf": "--last-failed",
    "failedfirst": "--failed-first",
    "newfirst": "--new-first",
    "stepwise": "--stepwise",
    "stepwise_skip": "--stepwise-skip",
}


class WatchedItems(List[Any]):
    """A list that notices when it is used as a whole."""

    def __init__(self, items: Iterable[Any]) -> None:
        super().__init__(items)
        self.used_as_whole = False

    def _used(self) -> None:
        self.used_as_whole = True

    def __getitem__(self, key: Any) -> Any:
        if key != slice(None):
            self._used()
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key == slice(None):
            value = list(value)
            if not _keeps_order(list(self), value):
                self._used()
        else:
            self._used()
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        if key != slice(None):
            self._used()
        super().__delitem__(key)

    def __reversed__(self) -> Iterator[Any]:
        self._used()
        return super().__reversed__()

    def sort(self, **arguments: Any) -> None:
        self._used()
        super().sort(**arguments)

    def reverse(self) -> None:
        self._used()
        super().reverse()

    def insert(self, index: Any, item: Any) -> None:
        self._used()
        super().insert(index, item)

    def append(self, item: Any) -> None:
        self._used()
        super().append(item)

    def extend(self, items: Iterable[Any]) -> None:
        self._used()
        super().extend(items)

    def pop(self, *index: Any) -> Any:
        self._used()
        return super().pop(*index)


def _keeps_order(before: List[Any], after: List[Any]) -> bool:
    """Whether `after` is `before` with some left out."""
    rest = iter(before)
    return all(any(item is other for other in rest) for item in after)


class ItemHooks:
    """The implementations of the item hook in one session."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._config = session.config
        self._known_count = -1
        self._foreign_hooks: Callable[..., Any]
        self._known_hooks: Callable[..., Any]
        # The same without what sorts by parameters.
        self._unsorted: Callable[..., Any]
        self._foreign: List[Any] = []

    def option_that_needs_all(self) -> str:
        """Why an option of pytest's own needs the whole list; empty if none
        does. Workers are not given it, so they need no list."""
        for name, option in _OPTIONS.items():
            if getattr(self._config.option, name, False):
                return f"{option} needs the whole list"
        return ""

    def why_whole_list(self) -> str:
        """Why nothing but the whole list may be shown to some hook, here or in
        a worker; empty if that cannot be told by looking at it."""
        self._look()
        for implementation in self._foreign:
            function = implementation.function
            if not _is_conftest(self._config, implementation.plugin):
                return f"{_where(function)} may need the whole list"
            if "enumerate" in _names_used(function):
                return f"{_where(function)} counts the tests"
        return ""

    @property
    def may_mark(self) -> bool:
        """Whether anything beside pytest itself looks at the items."""
        self._look()
        return bool(self._foreign)

    def watch(self, items: List[Any]) -> Tuple[List[Any], str]:
        """What the hooks that nobody knows make of `items` alone, and why that
        cannot be told.

        Whatever they do to the items themselves is the caller's to undo.
        """
        self._look()
        if not self._foreign:
            return items, ""
        watched = WatchedItems(items)
        try:
            self._call(self._foreign_hooks, watched)
        except Exception as error:
            # It may be for want of the whole list; if not, it will be raised
            # again by pytest itself.
            return [], f"an item hook raised {error!r}"
        if watched.used_as_whole:
            names = sorted(_where(i.function) for i in self._foreign)
            return [], f"{', '.join(names)} uses the list as a whole"
        return list(watched), ""

    def select(self, items: List[Any]) -> List[Any]:
        """What the other hooks make of `items` alone."""
        self._look()
        selected = list(items)
        known = self._known_hooks
        if not any(hasattr(item, "callspec") for item in selected):
            # Without parameters there is nothing to sort by.
            known = self._unsorted
        self._call(known, selected)
        return selected

    def _call(self, hooks: Callable[..., Any], items: List[Any]) -> None:
        hook = self._config.hook
        # What is left out now is left out again at the end; it is told then.
        told = hook.pytest_deselected
        hook.pytest_deselected = _tell_nobody
        try:
            hooks(session=self._session, config=self._config, items=items)
        finally:
            hook.pytest_deselected = told

    def _look(self) -> None:
        """conftest files are found while collection goes on."""
        implementations = getattr(self._config.hook, _HOOK).get_hookimpls()
        if len(implementations) == self._known_count:
            return
        self._known_count = len(implementations)
        known, foreign = [], []
        for implementation in implementations:
            is_known = from_known_plugin(implementation)
            (known if is_known else foreign).append(implementation)
        manager = self._config.pluginmanager
        self._foreign = foreign
        self._unsorted = manager.subset_hook_caller(
            _HOOK,
            [i.plugin for i in foreign] + [self._session._fixturemanager],
        )
        self._foreign_hooks = manager.subset_hook_caller(
            _HOOK, [i.plugin for i in known]
        )
        self._known_hooks = manager.subset_hook_caller(
            _HOOK, [i.plugin for i in foreign]
        )


class ItemState:
    """What item hooks change in items, to be put back."""

    def __init__(self, items: List[Any]) -> None:
        self._saved: List[Tuple[Any, List[Any], Dict[str, Any], str]] = [
            (
                item,
                list(item.own_markers),
                dict(item.keywords._markers),
                item._nodeid,
            )
            for item in items
        ]

    def restore(self) -> None:
        for item, markers, keywords, nodeid in self._saved:
            item.own_markers[:] = markers
            item.keywords._markers.clear()
            item.keywords._markers.update(keywords)
            item._nodeid = nodeid


def from_known_plugin(implementation: Any) -> bool:
    """Whether a hook's implementation is pytest's, ours, or of a plugin that
    looks at items one by one."""
    module = getattr(implementation.function, "__module__", "") or ""
    return module.startswith(_ONE_BY_ONE)


def _tell_nobody(**_arguments: Any) -> None:
    pass


def _is_conftest(config: Any, plugin: Any) -> bool:
    """Whether `plugin` is the user's own, and is loaded from a file of theirs
    that workers load as well."""
    if plugin in getattr(config.pluginmanager, "_conftest_plugins", ()):
        return True
    name = getattr(plugin, "__file__", None) or ""
    return name.endswith("conftest.py")


def _names_used(function: Any) -> Set[str]:
    code = getattr(function, "__code__", None)
    return set(code.co_names) if code is not None else set()


def _where(function: Any) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return str(getattr(function, "__module__", function))
    return f"{code.co_filename}:{code.co_firstlineno}"
