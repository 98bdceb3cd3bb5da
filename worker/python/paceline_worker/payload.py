"""What a discoverer wrote beside a test's name, for the worker that runs it."""

import json
from typing import Any, Dict


def parse_payload(data: Any) -> Dict[str, Any]:
    """The keys of a payload; none if there is no such thing."""
    try:
        payload = json.loads(data) if data else {}
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}
