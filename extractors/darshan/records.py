"""Finds records of variable length, and takes values out of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from iolake.extractors.darshan.chain import contiguous
from iolake.extractors.darshan.columns import arrow, record_order, words
from iolake.extractors.darshan.decoded import Group, Ints

_FEW: Final = 64
"""For up to so many records of a region, walking from one to the next is faster than a search in all of its words."""
DAMAGED: Final = "the last record is truncated"


@dataclass(frozen=True)
class Records:
    """Where a group's records begin: `starts` counts words, `logs` numbers the log of each.

    `damaged` has the reason for each log whose records are broken. `copies` is `record_order`'s, once in order.
    """

    words: Ints
    starts: Ints
    logs: Ints
    damaged: dict[int, str]
    copies: Ints | None = None

    def column(self, place: int) -> Ints:
        """The word at that place of each record."""
        return self.words[self.starts + place]

    def in_order(self) -> Records:
        """The records sorted by log, record id and rank."""
        order, copies = record_order(self.logs, self.column(0), self.column(1))
        return replace(self, starts=self.starts[order], logs=self.logs[order], copies=copies)

    def base(self) -> dict[str, pa.Array]:
        """record_id and rank, with which every record begins, and of records in order their `copy`."""
        held = {"record_id": arrow(self.column(0), "u8"), "rank": arrow(self.column(1), "i8")}
        return held if self.copies is None else held | {"copy": pa.array(self.copies)}


class Shape(NamedTuple):
    """How long records are: `head` words, and then as many as `behind` says.

    `behind` takes words, and the region's length in words. It returns the positions where a record could begin,
    ascending, and how many words would follow the head of each: between 0 and the region's length.
    """

    head: int
    behind: Callable[[Ints, int], tuple[Ints, Ints]]


def up_to(most: int, some_words: Ints, place: int, head: int) -> Ints:
    """The positions whose word at `place`, in a head of so many words, is between 0 and `most`."""
    words_there = some_words[place : len(some_words) - head + place + 1].view(np.uint64)  # less than 0 is then huge
    return np.flatnonzero(words_there <= most)


def find_records(group: Group, shape: Shape) -> Records:
    """Find where the records of the group begin."""
    all_words, counts = words(group.data, group.layout.byte_order), group.lengths // 8
    regions = np.flatnonzero(counts)
    ends = np.cumsum(counts)[regions]
    starts, logs = ends - counts[regions], group.logs[regions]
    found, broken = _found(all_words, shape, starts, ends)
    damaged = logs[np.searchsorted(ends, broken, side="right")]
    of = logs[np.searchsorted(ends, found, side="right")]
    return Records(all_words, found, of, dict.fromkeys(damaged.tolist(), DAMAGED))


def whole_records(all_words: Ints, shape: Shape) -> tuple[int, int]:
    """(words in whole records, number of whole records) of words that start with a record."""
    end = len(all_words)
    found, broken = _found(all_words, shape, np.zeros(1, np.int64), np.array([end]))
    whole = int(broken[0]) if len(broken) else end
    return whole, int((found < whole).sum())


def _found(all_words: Ints, shape: Shape, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """(where records begin, where one should begin but can't), in regions with these starts and ends."""
    if len(starts) == 1 and (few := _walked(all_words, shape)):
        return few
    if len(all_words) < shape.head:
        return np.empty(0, np.int64), starts
    candidates, behind = shape.behind(all_words, len(all_words))
    return contiguous(candidates, candidates + shape.head + behind, starts, ends)


def _walked(all_words: Ints, shape: Shape) -> tuple[Ints, Ints] | None:
    """The same for one region of a few records, found from one to the next; None where there are more."""
    found, at, end = list[int](), 0, len(all_words)
    while len(found) <= _FEW:
        head = all_words[at : at + shape.head]
        here, behind = shape.behind(head, end) if len(head) == shape.head else (head[:0], head[:0])
        if at == end or not len(here) or (following := at + shape.head + int(behind[0])) > end:
            return np.array(found, dtype=np.int64), np.array([at] if at < end else [], dtype=np.int64)
        found.append(at)
        at = following
    return None


def expand(counts: Ints) -> tuple[Ints, Ints]:
    """(which record, place within it) of `counts[i]` things of each record i, one after the other."""
    record = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return record, np.arange(len(record)) - first[record]


def take(values: dict[str, pa.Array], index: Ints) -> dict[str, pa.Array]:
    """The rows `index` of each column."""
    where = pa.array(index)
    return {name: column.take(where) for name, column in values.items()}
