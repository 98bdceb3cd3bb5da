"""Whether this interpreter has a pytest that can be used."""

import sys
import traceback

_OLDEST = (7, 2)


def why_unusable() -> str:
    """Empty if it can; else why not, and what to do."""
    this = "%s (Python %d.%d)" % ((sys.executable,) + sys.version_info[:2])
    try:
        import pytest
    except ImportError as error:
        return (
            f"{this} has no pytest: {error}. Install it there, or name the"
            " Python that has it with --python."
        )
    except Exception:
        return f"{this}: importing pytest failed:\n{traceback.format_exc()}"
    version = getattr(pytest, "version_tuple", (0, 0))[:2]
    if tuple(version) < _OLDEST:
        return (
            f"{this} has pytest {pytest.__version__}; paceline needs 7.2 or"
            " newer."
        )
    return ""
