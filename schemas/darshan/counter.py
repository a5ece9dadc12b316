"""How a module's counters are written down.

Each line of a text is one counter, or several of them by {alternatives}, then its unit and meaning:

    NAME [first-last] | unit | meaning

`[4-]` means that records have it from version 4 of the module on, `[1-1]` only in version 1. From these lines
come the tables' columns, the dictionary's words and the layout of every record version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

Kind = Literal["i8", "u8", "f8"]
"""The type of eight bytes: a signed or unsigned integer, or a double."""

_LINE = re.compile(r"(?P<name>\S+)\s*(?:\[(?P<first>\d+)-(?P<last>\d*)\])?\s*\|(?P<unit>[^|]*)\|(?P<doc>.*)")
_LATEST = 99


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter of a module: its full name, type, unit, meaning, and the versions whose records hold it."""

    name: str
    kind: Kind
    unit: str | None
    doc: str
    first: int
    last: int


def counters(prefix: str, kind: Kind, *texts: str) -> tuple[Counter, ...]:
    """The counters that `texts` list, each name with `prefix` before it."""
    lines = (line.strip() for text in texts for line in text.splitlines())
    return tuple(counter for line in lines if line for counter in _read(prefix, kind, line))


def of_version(listed: tuple[Counter, ...], version: int) -> tuple[Counter, ...]:
    """Those that records of a module's `version` hold, in their order."""
    return tuple(counter for counter in listed if counter.first <= version <= counter.last)


def _read(prefix: str, kind: Kind, line: str) -> list[Counter]:
    parts = _LINE.fullmatch(line)
    assert parts is not None, line
    unit, doc = parts["unit"].strip() or None, parts["doc"].strip()
    first, last = int(parts["first"] or 1), int(parts["last"] or _LATEST)
    return [Counter(prefix + name, kind, unit, doc, first, last) for name in _alternatives(parts["name"])]


def _alternatives(name: str) -> list[str]:
    pieces = [piece.split(",") for piece in re.split(r"[{}]", name)]
    return ["".join(choice) for choice in product(*pieces)]
