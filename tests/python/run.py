"""Runs one test file, or skips it (77) where its Python lacks what it needs.

`run.py FILE [TEST…]`
"""

import importlib
import os
import sys
import unittest

NEEDED = ("msgpack", "pytest")


def main() -> int:
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"skipped: {sys.executable} has no {name}: {error}")
            return 77
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    module = os.path.basename(sys.argv[1])[: -len(".py")]
    program = unittest.main(
        module, argv=[module, *sys.argv[2:]], exit=False, verbosity=2
    )
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
