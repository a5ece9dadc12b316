"""Patterns of the beginnings of files, by which `iolake init` recognises a source's texts."""

from __future__ import annotations

from typing import Final

JSON: Final = r"\A\s*+[\[{]"


def has(*keys: str) -> str:
    """The pattern of JSON that has all the keys in its beginning; each key may be alternatives, such as a|b."""
    return "".join(rf"(?=(?s:.)*\"(?:{key})\"\s*:)" for key in keys)
