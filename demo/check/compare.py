"""Two bags of rows compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

_EXAMPLES = 3


def compare(what: str, happened: Iterable[tuple[Any, ...]], shown: Iterable[tuple[Any, ...]]) -> list[str]:
    """A line for the rows that the lake lacks, and one for those that it has too many, with examples."""
    expected, found = Counter(happened), Counter(shown)
    lines = []
    for wrong, phrase in ((expected - found, "the lake lacks"), (found - expected, "the lake makes up")):
        if wrong:
            examples = ", ".join(str(row) for row in sorted(wrong, key=str)[:_EXAMPLES])
            lines.append(f"{what}: {phrase} {wrong.total()} of {expected.total()} rows: {examples}")
    return lines
