"""Where this user's cache is.

It knows nothing of what is kept there.
"""

import os
from typing import Optional


def folder(name: str) -> Optional[str]:
    """The folder `name` of paceline's in the user's cache, be it there or not.

    None where the user has no place for a cache: without HOME and an entry in
    the passwd file "~" stays as it is, and would be a folder of that name.
    """
    for base in (
        os.environ.get("XDG_CACHE_HOME") or "",
        os.path.expanduser("~/.cache"),
    ):
        if os.path.isabs(base):
            return os.path.join(base, "paceline", name)
    return None
