"""What collector and worker compare of a module: its tests' ids."""

import hashlib
from typing import List


def digest(ids: List[str]) -> str:
    """The same for the same ids, in whatever order they were found."""
    text = "\n".join(sorted(ids))
    return hashlib.sha1(text.encode("utf-8", "backslashreplace")).hexdigest()
