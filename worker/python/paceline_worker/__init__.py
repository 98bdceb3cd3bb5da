"""paceline's workers and collectors for Python's test frameworks.

The package is started by `boot.py` in the user's own interpreter. It needs the
standard library and msgpack; what the tests need is theirs alone.
"""
