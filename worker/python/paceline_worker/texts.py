"""Text for people: what is too long is cut, what has none gets some."""

from typing import Any


def cut(text: str, limit: int) -> str:
    """`text`, with its middle cut so that it has at most `limit` bytes."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return text
    half = limit // 2 - 32
    return "%s\n[... %d bytes cut ...]\n%s" % (
        data[:half].decode("utf-8", "ignore"),
        len(data) - 2 * half,
        data[-half:].decode("utf-8", "ignore"),
    )


def text_of(value: Any) -> str:
    """`str(value)`, whatever that raises: it is the user's code."""
    try:
        return str(value)
    except BaseException as error:
        return "<%s whose text raised %s>" % (
            type(value).__name__, type(error).__name__
        )
