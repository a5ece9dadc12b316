"""Cutting a region into pieces of whole records, while it is inflated or where it is held."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from iolake.extractors.base import InputError
from iolake.extractors.darshan import dxt, fixed, legacy, log3, modules
from iolake.extractors.darshan.columns import words
from iolake.extractors.darshan.decoded import Bytes, Content, Layout, Region, region_error
from iolake.extractors.darshan.records import DAMAGED, whole_records

_PIECE: Final = 8 << 20
_CACHED: Final = 256 << 10
"""A piece that a processor's cache holds."""
_WHOLE: Final = 32 << 20
"""A region up to this size is decoded as one."""
_RECORD_MOST: Final = 64 << 20
"""No record but a trace is longer than this."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of a region. Of traces, `before` counts the records and `done` the first one's segments
    that came before.
    """

    data: Bytes
    before: int = 0
    done: int = 0


def is_whole(region: Region) -> bool:
    """Whether the region is decoded as one."""
    return region.data is not None and len(region.data) <= _WHOLE


def pieces(region: Region, content: Content, uri: str) -> Iterator[Piece]:
    """A region's records, some MiB of them at once; InputError where they do not end where it ends."""
    layout = region.layout
    if region.data is not None and is_whole(region):
        yield Piece(region.data)
    elif layout.module == legacy.MODULE:
        yield from map(Piece, legacy.pieces(content, uri))
    elif fixed.reads(layout):
        yield from map(Piece, _fixed(region, _stream(region, content, uri, _PIECE), uri))
    elif dxt.reads(layout):
        yield from _traces(region, _stream(region, content, uri, _PIECE), uri)
    else:
        yield from map(Piece, _variable(region, _stream(region, content, uri, _PIECE), uri))


def small_pieces(region: Region, content: Content, uri: str) -> Iterator[Bytes]:
    """A region's fixed records, each piece behind the region's header; InputError as from `pieces`."""
    return _fixed(region, _stream(region, content, uri, _CACHED), uri)


def damaged(region: Region, uri: str, problem: str) -> InputError:
    """The error of a region that is not what its layout says."""
    return region_error(uri, region.layout.module, region.at, problem)


def _stream(region: Region, content: Content, uri: str, least: int) -> Iterator[Bytes]:
    """A region's bytes, at least so many at once: a region may consist of thousands of streams of some hundred."""
    if region.data is not None:
        view = memoryview(region.data)
        yield from (view[start : start + least] for start in range(0, len(view), least))
        return
    parts, size = [], 0
    for part in log3.region_pieces(content, uri, region.layout.module):
        parts.append(part)
        size += len(part)
        if size >= least:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def _fixed(region: Region, stream: Iterator[Bytes], uri: str) -> Iterator[Bytes]:
    header_bytes, record = modules.record_bytes(region.layout)
    header, waiting, size = b"", b"", 0
    for part in stream:
        size += len(part)
        waiting += part
        if len(header) < header_bytes:
            header, waiting = waiting[:header_bytes], waiting[header_bytes:]
        records = memoryview(waiting)[: len(waiting) - len(waiting) % record]
        if len(records):
            yield header + records if header else records
        waiting = waiting[len(records) :]
    if waiting or len(header) < header_bytes:
        raise damaged(region, uri, f"{size} bytes are not whole records of {record}")


def _variable(region: Region, stream: Iterator[Bytes], uri: str) -> Iterator[Bytes]:
    waiting = b""
    for part in stream:
        waiting += part
        whole, _ = _whole(waiting, region.layout)
        yield waiting[:whole]
        waiting = waiting[whole:]
        if len(waiting) > _RECORD_MOST:
            break
    if waiting:
        raise damaged(region, uri, DAMAGED)


def _traces(region: Region, stream: Iterator[Bytes], uri: str) -> Iterator[Piece]:
    """A record may be longer than memory: what is there of it is made a record of its own, and so is the rest."""
    layout = region.layout
    segment, head = 8 * dxt.segment_words(layout), 8 * dxt.HEAD
    counts = struct.Struct(("<" if layout.byte_order == "little" else ">") + "qq")
    waiting, before, done = b"", 0, 0
    for part in stream:
        waiting += part
        whole, records = _whole(waiting, layout)
        data: Bytes = memoryview(waiting)[:whole]
        rest: Bytes = memoryview(waiting)[whole:]
        fitting = max(len(rest) - head, 0) // segment
        if fitting:
            writes, reads = counts.unpack_from(rest, 8 * dxt.WRITES_AT)
            if writes < 0 or reads < 0:
                break
            here = min(writes, fitting)
            start, end = bytes(rest[: 8 * dxt.WRITES_AT]), head + segment * fitting
            data = b"".join([data, start, counts.pack(here, fitting - here), rest[head:end]])
            rest = start + counts.pack(writes - here, reads - (fitting - here)) + rest[end:]
        yield Piece(data, before, done)
        before += records
        done = fitting if records else done + fitting
        waiting = bytes(rest)
    if waiting:
        raise damaged(region, uri, DAMAGED)


def _whole(data: bytes, layout: Layout) -> tuple[int, int]:
    """How many of the bytes are whole records, and how many records these are."""
    whole, records = whole_records(words(data[: len(data) - len(data) % 8], layout.byte_order), modules.shape(layout))
    return 8 * whole, records
