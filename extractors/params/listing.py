"""Values that are a list of names and values: `used_mb: 12`, one a line, with sections by indentation."""

from __future__ import annotations

import re
from typing import Final

_LARGEST: Final = 2**63 - 1
_LINE: Final = re.compile(
    r'(?P<indent>[ \t]*)(?P<name>"[^"\n]+"|[^\s:\-\[{"][^:\n]*+)\s*+:(?:[ \t]+(?P<value>\S.*))?\s*'
)


def number(text: str) -> int | None:
    """A whole number that fits a column; None for another text."""
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST else None


def named_values(text: str) -> dict[str, str] | None:
    """Each name's value; a name in a section has the section's before it, with a dot.

    None for another text, and for a list that has a name twice. A section around everything is left out.
    """
    found: dict[str, str] = {}
    sections: list[tuple[int, str]] = []
    lines = [line for line in text.expandtabs().splitlines() if line.strip()]
    for line in lines:
        if (parts := _LINE.fullmatch(line)) is None:
            return None
        while sections and sections[-1][0] >= len(parts["indent"]):
            sections.pop()
        name, value = parts["name"].strip().strip('"'), (parts["value"] or "").strip()
        path = ".".join([*(section for _, section in sections), name])
        if value and path in found:
            return None
        if value:
            found[path] = value
        else:
            sections.append((len(parts["indent"]), name))
    around = _LINE.fullmatch(lines[0]) if lines else None
    prefix = f"{around['name'].strip()}." if around and not around["value"] else ""
    if prefix and all(path.startswith(prefix) for path in found):
        return {path.removeprefix(prefix): value for path, value in found.items()}
    return found
