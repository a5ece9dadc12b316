"""JSON of any size that memory holds, with texts that a column can hold."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str) -> Any:
    """Return what a JSON text holds; lone surrogates, which no column can hold, are escaped, as in \\ud800.

    ValueError where it is not JSON, RecursionError where it is nested too deep.
    """
    found = json.loads(text)
    return storable(found) if "\\ud" in text or "\\uD" in text else found


def storable(value: Any) -> Any:
    """Return a JSON value with the lone surrogates of its texts and keys escaped."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {storable(key): storable(its) for key, its in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value
