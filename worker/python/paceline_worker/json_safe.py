"""Values of plugins, made fit for JSON.

What plugins put into reports and into a worker's input is theirs; most of it
is plain. What is not becomes its text rather than an error.
"""

import os
from typing import Any

from .texts import text_of


def is_plain(value: Any) -> bool:
    """Whether json_safe leaves nothing out of `value` but the kind of its
    sequences."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and is_plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_plain(item) for item in value)
    return value is None or isinstance(
        value, (str, int, float, bool, os.PathLike)
    )


def json_safe(value: Any) -> Any:
    """`value` in types that JSON has."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {text_of(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_safe(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return text_of(value)
