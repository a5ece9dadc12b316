"""DXT: every traced read and write, of one layout for the POSIX and the MPI-IO module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.darshan.columns import NOT_RECORDED, texts, unless_negative
from iolake.extractors.darshan.decoded import Block, Decoded, Group, Ints, Layout
from iolake.extractors.darshan.records import Shape, expand, find_records, take, up_to
from iolake.schemas import darshan

HEAD: Final = 13
"""Words of a record before its segments: id, rank, shared, host name (8 words), writes, reads."""
WRITES_AT: Final = 11
READS_AT: Final = 12

_THREADS_FROM: Final = {"DXT_POSIX": 2, "DXT_MPIIO": 3}
"""The version from which a segment ends with the thread that did it."""


def segment_words(layout: Layout) -> int:
    """Words of a segment: offset, length, start, end, and in newer versions the thread."""
    return 5 if layout.version >= _THREADS_FROM[layout.module] else 4


@dataclass(frozen=True)
class TracedModule:
    """A module of traces. The newest version is the one that added the thread of each segment."""

    newest: int
    kind: Literal["traced"] = "traced"

    def record_bytes(self, version: int) -> tuple[int, int]:
        """(0, 8): records have no header before them, and consist of 8-byte words."""
        return 0, 8

    def shape(self, layout: Layout) -> Shape:
        """The lengths of the records of that layout."""
        return _shape(layout)

    def decode(self, group: Group, before: int = 0, done: int = 0) -> Decoded:
        """Decode the group's segments; see `_decode`."""
        return _decode(group, before, done)


MODULES: Final = {name: TracedModule(version) for name, version in _THREADS_FROM.items()}
"""The modules of traces, by name."""


def _shape(layout: Layout) -> Shape:
    """The lengths of the records of that layout."""
    segment = segment_words(layout)

    def behind(some_words: Ints, most: int) -> tuple[Ints, Ints]:
        at = up_to(most, some_words, WRITES_AT, HEAD)
        reading = some_words[at + READS_AT]
        sound = (reading >= 0) & (reading <= most)
        return at[sound], segment * (some_words[at + WRITES_AT] + reading)[sound]

    return Shape(HEAD, behind)


def _decode(group: Group, before: int, done: int) -> Decoded:
    """Decode one row for each segment; a record's writes come before its reads.

    For a log that is read in pieces, `before` counts the records in earlier pieces, and `done` the segments of this
    piece's first record that earlier pieces have.
    """
    records = find_records(group.in_order(), _shape(group.layout))
    if records.damaged:
        return Decoded([], records.damaged)
    writes, segments = records.column(WRITES_AT), records.column(WRITES_AT) + records.column(READS_AT)
    record, place = expand(segments)
    heads = records.starts[:, None] + np.arange(HEAD)
    size = segment_words(group.layout)
    body = np.ascontiguousarray(np.delete(records.words, heads.ravel()).reshape(-1, size).T)
    host = records.words[records.starts[:, None] + np.arange(3, WRITES_AT)]
    order = "<i8" if group.layout.byte_order == "little" else ">i8"
    first = np.searchsorted(records.logs, records.logs)
    held = records.base() | {
        "shared": pa.array(records.column(2) == NOT_RECORDED),
        "hostname": texts(host.astype(order).view(np.uint8)).dictionary_encode(),
        "record": pa.array(np.arange(len(first)) - first + before),
    }
    rows = take(held, record) | {
        "module": _encoded([group.layout.module], np.zeros(len(record), dtype=np.int32)),
        "operation": _encoded(["write", "read"], (place >= writes[record]).astype(np.int32)),
        "segment": pa.array(place + np.where(record == 0, done, 0)),
        "offset": _offsets(group.layout, body[0]),
        "length": unless_negative(body[1]),
        "start_s": unless_negative(body[2], "f8"),
        "end_s": unless_negative(body[3], "f8"),
    }
    if size == 5:
        rows["thread_id"] = pa.array(body[4].view(np.uint64))
    return Decoded([Block(darshan.DARSHAN_DXT, records.logs[record], rows)])


def _encoded(values: list[str], codes: npt.NDArray[np.int32]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes, pa.array(values))


def _offsets(layout: Layout, offsets: npt.NDArray[np.int64]) -> pa.Array:
    """MPI-IO's first version traced no offsets."""
    if layout.module == "DXT_MPIIO" and layout.version == 1:
        return pa.nulls(len(offsets), pa.int64())
    return unless_negative(offsets)
