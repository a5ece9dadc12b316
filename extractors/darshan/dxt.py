"""DXT: every traced read and write, of one layout for the POSIX and the MPI-IO module."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from extractors.darshan.columns import NOT_RECORDED, texts
from extractors.darshan.decoded import Block, Decoded, Group, Ints, Layout
from extractors.darshan.records import Shape, expand, find_records, take, up_to
from schemas import darshan

HEAD: Final = 13
"""Words of a record before its segments: id, rank, shared, host name (8 words), writes, reads."""
WRITES_AT: Final = 11
READS_AT: Final = 12

_THREADS_FROM: Final = {"DXT_POSIX": 2, "DXT_MPIIO": 3}
"""The version from which a segment ends with the thread that did it."""


def segment_words(layout: Layout) -> int:
    """Words of a segment: offset, length, start, end, and in newer versions the thread."""
    return 5 if layout.version >= _THREADS_FROM[layout.module] else 4


def reads(layout: Layout) -> bool:
    """Whether this is DXT in a version that is known."""
    return layout.module in _THREADS_FROM and 1 <= layout.version <= _THREADS_FROM[layout.module]


def shape(layout: Layout) -> Shape:
    """The lengths of the records of that layout."""
    segment = segment_words(layout)

    def behind(all_words: Ints) -> tuple[Ints, Ints]:
        at = up_to(all_words, WRITES_AT, HEAD)
        reading = all_words[at + READS_AT]
        sound = (reading >= 0) & (reading <= len(all_words))
        return at[sound], segment * (all_words[at + WRITES_AT] + reading)[sound]

    return Shape(HEAD, behind)


def decode(group: Group, before: int = 0, done: int = 0) -> Decoded:
    """A row a segment; a record's writes come before its reads.

    Of a log that is read in pieces, `before` counts the records, and `done` the segments of the first record
    here, that earlier pieces held.
    """
    records = find_records(group.in_order(), shape(group.layout))
    if records.damaged:
        return Decoded([], records.damaged)
    writes, segments = records.column(WRITES_AT), records.column(WRITES_AT) + records.column(READS_AT)
    record, place = expand(segments)
    size = segment_words(group.layout)
    at = records.starts[record] + HEAD + size * place
    body = np.ascontiguousarray(records.words[at[:, None] + np.arange(size)].T)
    host = records.words[records.starts[:, None] + np.arange(3, WRITES_AT)]
    order = "<i8" if group.layout.byte_order == "little" else ">i8"
    first = np.searchsorted(records.logs, records.logs)
    held = records.base() | {
        "shared": pa.array(records.column(2) == NOT_RECORDED),
        "hostname": texts(host.astype(order).view(np.uint8)),
        "record": pa.array(np.arange(len(first)) - first + before),
    }
    rows = take(held, record) | {
        "module": pa.repeat(group.layout.module, len(record)),
        "operation": pa.array(["write", "read"]).take(pa.array((place >= writes[record]).view(np.int8))),
        "segment": pa.array(place + np.where(record == 0, done, 0)),
        "offset": _offsets(group.layout, body[0]),
        "length": pa.array(body[1]),
        "start_s": pa.array(body[2].view(np.float64)),
        "end_s": pa.array(body[3].view(np.float64)),
    }
    if size == 5:
        rows["thread_id"] = pa.array(body[4].view(np.uint64))
    return Decoded([Block(darshan.DARSHAN_DXT, records.logs[record], rows)])


def _offsets(layout: Layout, offsets: npt.NDArray[np.int64]) -> pa.Array:
    """MPI-IO's first version traced no offsets."""
    if layout.module == "DXT_MPIIO" and layout.version == 1:
        return pa.nulls(len(offsets), pa.int64())
    return pa.array(offsets, mask=offsets == NOT_RECORDED)
