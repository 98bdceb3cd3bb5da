"""Finds doctests in modules and text files, for collector and workers."""

import doctest
import importlib
import os
from typing import Any, Iterator, List, NamedTuple, Tuple

from . import python_targets

_TEXTS = (".txt", ".rst", ".md")
_PROMPT = ">>> "
# Importing these does what nobody asked for.
_NEVER_IMPORTED = ("setup.py", "__main__.py", "conftest.py")
_SKIPPED_FOLDERS = ("__pycache__", "node_modules", "build", "dist", "venv")


class Source(NamedTuple):
    """What doctests are read from: a module by name, or else a text file."""

    module: str
    path: str


def parse_arguments(args: List[str]) -> int:
    """The option flags, given as to `python -m doctest`: `-o NAME`.

    Raises ValueError for anything else.
    """
    flags = 0
    rest = list(args)
    while rest:
        argument = rest.pop(0)
        if argument in ("-o", "--option"):
            if not rest:
                raise ValueError(f"option {argument} needs a value")
            name = rest.pop(0)
        elif argument.startswith("--option="):
            name = argument[len("--option=") :]
        elif argument.startswith("-o"):
            name = argument[2:]
        else:
            raise ValueError(f"the doctest runner has no option {argument}")
        if name not in doctest.OPTIONFLAGS_BY_NAME:
            known = ", ".join(sorted(doctest.OPTIONFLAGS_BY_NAME))
            raise ValueError(f"doctest has no option {name}; it has {known}")
        flags |= doctest.OPTIONFLAGS_BY_NAME[name]
    return flags


def sources(target: str) -> Iterator[Source]:
    """The files of a folder that have a doctest; a file or a dotted name is
    what the user says it is."""
    if os.path.isdir(target):
        for path in _walk(target):
            if _has_prompt(path):
                yield _source(path)
    elif os.path.isfile(target):
        yield _source(target)
    else:
        yield Source(target, "")


def _source(path: str) -> Source:
    if not path.endswith(".py"):
        return Source("", path)
    name, top = python_targets.module_of(path)
    python_targets.import_from(top)
    return Source(name, path)


def key_of(source: Source) -> str:
    """The same for one file or module that is named twice, of those that
    could be imported."""
    return source.module or os.path.realpath(source.path)


def _walk(folder: str) -> Iterator[str]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders
            if not f.startswith(".") and f not in _SKIPPED_FOLDERS
        )
        for name in sorted(files):
            if name.endswith(_TEXTS) or (
                name.endswith(".py") and name not in _NEVER_IMPORTED
            ):
                yield os.path.join(where, name)


def _has_prompt(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return any(_PROMPT in line for line in file)
    except OSError:
        return False


def tests_of(source: Source, cwd: str) -> List[Tuple[str, Any]]:
    """The doctests of `source` with their names, in the order of the file.

    Whatever importing or reading it raises is the caller's.
    """
    if not source.module:
        name = python_targets.relative(os.path.abspath(source.path), cwd)
        with open(source.path, encoding="utf-8") as file:
            text = file.read()
        test = doctest.DocTestParser().get_doctest(
            text, {"__name__": "__main__"}, name, source.path, 0
        )
        return [(name, test)] if test.examples else []
    module = _import(source)
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    tests = [test for test in found if test.examples]
    tests.sort(key=lambda test: test.lineno or 0)
    return [(test.name, test) for test in tests]


def _import(source: Source) -> Any:
    """Raises ImportError if the name leads to another file: doctests of that
    one are not what was asked for."""
    if source.path:
        # Of two folders with a module of that name it is the own one's turn.
        python_targets.import_first_from(
            python_targets.module_of(source.path)[1]
        )
    module = importlib.import_module(source.module)
    other = getattr(module, "__file__", None)
    if source.path and (
        other is None
        or os.path.realpath(other) != os.path.realpath(source.path)
    ):
        raise ImportError(
            f"{source.path} cannot be imported as {source.module}: that is"
            f" {other or 'a module without a file'}. Give one of them another"
            " name, or make their folders packages."
        )
    return module


def is_skipped(test: Any) -> bool:
    return all(e.options.get(doctest.SKIP) for e in test.examples)
