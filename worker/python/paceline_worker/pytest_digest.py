"""What collector and worker compare of a module: its tests' ids."""

import base64
import hashlib
from typing import Iterable, List

_SHORT = 6


def digest(ids: List[str]) -> str:
    """The same for the same ids, in whatever order they were found."""
    text = "\n".join(sorted(ids))
    return hashlib.sha1(text.encode("utf-8", "backslashreplace")).hexdigest()


def short_forms(ids: Iterable[str]) -> str:
    """A few bytes for each id, by which it is known again."""
    return base64.b64encode(b"".join(map(_short, ids))).decode()


def unknown(ids: List[str], forms: str) -> List[str]:
    """Those of `ids` that have no short form among `forms`, each once."""
    data = base64.b64decode(forms)
    known = {
        data[start : start + _SHORT] for start in range(0, len(data), _SHORT)
    }
    return [name for name in dict.fromkeys(ids) if _short(name) not in known]


def _short(name: str) -> bytes:
    data = name.encode("utf-8", "backslashreplace")
    return hashlib.sha1(data).digest()[:_SHORT]
