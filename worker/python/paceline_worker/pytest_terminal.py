"""pytest's terminal reporter, made to write where nobody sees it.

The client shows how a run goes and what failed. What it cannot know is what
plugins print at the end: the table of a coverage plugin, the slowest tests,
the warnings. That text is kept; the rest is dropped.
"""

import io
from typing import Any

# What the client says better, of all tests and not of those asked for alone.
_SAID_BY_THE_CLIENT = (
    "summary_errors",
    "summary_failures",
    "summary_passes",
    "summary_passes_combined",
    "summary_xfailures",
    "summary_xpasses",
    "summary_failures_combined",
    "summary_stats",
    "short_test_summary",
    "_report_keyboardinterrupt",
)
_MAX_TEXT = 4 << 20


class _Sink(io.StringIO):
    """Keeps what is written while it is wanted."""

    encoding = "utf-8"
    wanted = False

    def write(self, text: str) -> int:
        if self.wanted and self.tell() < _MAX_TEXT:
            super().write(text)
        return len(text)

    def isatty(self) -> bool:
        return False


class Terminal:
    """The terminal reporter of a session, if it has one."""

    def __init__(self, config: Any) -> None:
        self._sink = _Sink()
        self._reporter = config.pluginmanager.getplugin("terminalreporter")
        writer = getattr(self._reporter, "_tw", None)
        if writer is None:
            return
        writer._file = self._sink
        writer.hasmarkup = False
        self._reporter.hasmarkup = False
        # An attribute, and from pytest 9.1 on a method.
        is_method = callable(self._reporter.isatty)
        self._reporter.isatty = _no if is_method else False
        # Nothing of it is wanted, and it would be formatted for every test.
        self._reporter._show_progress_info = False

    def keep_summaries(self) -> None:
        """From now on only plugins speak; the session is about to end."""
        for name in _SAID_BY_THE_CLIENT:
            if hasattr(self._reporter, name):
                setattr(self._reporter, name, _nothing)
        self._sink.wanted = True

    def text(self) -> str:
        return self._sink.getvalue().strip("\n")


def _no() -> bool:
    return False


def _nothing(*_arguments: Any, **_more: Any) -> None:
    pass
