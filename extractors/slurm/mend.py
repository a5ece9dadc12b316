"""Rows of lines with too few or too many values: free text may contain the delimiter and newlines, and lists contain
commas, which may be the delimiter.

A value's form decides which field it belongs to. The time is bounded by the size of the text, whatever it contains.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from iolake.extractors.slurm.fields import is_text, may_hold, pattern

_TRIES: Final = 8
"""How often, on average, a value may be tried as part of a row that begins on an earlier line."""

_LONGEST_LIST: Final = 50
"""Pieces that a list may fall into."""

Values = list[str | None]


@dataclass
class Mended:
    """Rows with the place of their first line; and the places of lines that are in no row."""

    rows: list[tuple[int, Values]] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)


def mend(lines: list[str], fields: Sequence[str], delimiter: str) -> Mended:
    """Make rows of a run of lines.

    A row is the shortest run of lines that ends here and fits the fields; lines before it belong to no row. It
    begins on a line with all fields that stand before the first that may hold delimiters, and ends on one with those
    after the last.
    """
    free = [place for place, name in enumerate(fields) if may_hold(name, delimiter)]
    head, tail = (fields[: free[0]], fields[free[-1] + 1 :]) if free else (fields, ())
    before = [0, *accumulate(line.count(delimiter) for line in lines)]
    mended = Mended()
    start = allowed = 0
    begins: list[int] = []
    for end, line in enumerate(lines):
        values = line.split(delimiter)
        allowed += _TRIES * len(values)
        if _fit(head, values):
            begins.append(end)
        if not _fit(tail[::-1], values[::-1]):
            continue
        for begin in reversed(begins):
            pieces = before[end + 1] - before[begin] + 1
            allowed -= pieces
            if allowed < 0 or (pieces > len(fields) and not free):
                break
            row = align("\n".join(lines[begin : end + 1]).split(delimiter), fields, delimiter)
            if row is not None:
                mended.left_out.extend(range(start, begin))
                mended.rows.append((begin, row))
                start = end + 1
                begins.clear()
                break
    mended.left_out.extend(range(start, len(lines)))
    return mended


def align(pieces: list[str], fields: Sequence[str], delimiter: str) -> Values | None:
    """Assign pieces of a line to fields whose values may hold delimiters. Returns None where they fit in no way.

    A value that is ambiguous is None.
    """
    spare = len(pieces) - len(fields)
    if spare < 0:
        return None
    begins: list[Collection[int]] = [{0}]
    for place, name in enumerate(fields):
        _, reached = _spans(name, pieces, begins[-1], range(place + 1, place + spare + 2), delimiter)
        if not reached:
            return None
        begins.append(reached)
    if len(pieces) not in begins[-1]:
        return None
    values: Values = []
    ends: Collection[int] = {len(pieces)}
    for place in reversed(range(len(fields))):
        name = fields[place]
        mine, ends_of_mine = _spans(name, pieces, begins[place], ends, delimiter)
        if not may_hold(name, delimiter):
            texts = {pieces[begin] for begin in mine}
        elif len(mine) == len(ends_of_mine) == 1:
            texts = {delimiter.join(pieces[min(mine) : min(ends_of_mine)])}
        else:
            texts = set()
        values.append(texts.pop() if len(texts) == 1 else None)
        ends = mine
    return values[::-1]


def _spans(
    name: str, pieces: list[str], begins: Collection[int], ends: Collection[int], delimiter: str
) -> tuple[Collection[int], Collection[int]]:
    """Of these (begins, ends), the ones between which the pieces can be a value of the field."""
    if is_text(name):
        first, last = min(begins), max(ends)
        return {begin for begin in begins if begin < last}, {end for end in ends if end > first}
    fits = pattern(name).fullmatch
    longest = _LONGEST_LIST if may_hold(name, delimiter) else 1
    spans = [
        (begin, end)
        for begin in begins
        for end in range(begin + 1, begin + longest + 1)
        if end in ends and fits(delimiter.join(pieces[begin:end]))
    ]
    return {begin for begin, _ in spans}, {end for _, end in spans}


def _fit(fields: Sequence[str], values: list[str]) -> bool:
    return len(values) >= len(fields) and all(
        pattern(name).fullmatch(value) for name, value in zip(fields, values, strict=False)
    )
