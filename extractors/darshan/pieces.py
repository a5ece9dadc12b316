"""Splits a region into pieces of whole records, from memory or while it inflates."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from iolake.extractors.base import InputError
from iolake.extractors.darshan import dxt, legacy, log3, modules
from iolake.extractors.darshan.columns import words
from iolake.extractors.darshan.decoded import Bytes, Content, Layout, Region, region_error
from iolake.extractors.darshan.records import DAMAGED, whole_records

_PIECE: Final = 8 << 20
_CACHED: Final = 256 << 10
"""Size of a piece that fits in a processor's cache."""
_WHOLE: Final = 32 << 20
"""Regions up to this size are decoded in one call."""
_RECORD_MOST: Final = 64 << 20
"""Only DXT records are longer than this."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of a region.

    For DXT, `before` counts the records in earlier pieces, and `done` the segments of this piece's first record
    that earlier pieces have.
    """

    data: Bytes
    before: int = 0
    done: int = 0


def is_whole(region: Region) -> bool:
    """Return whether the region is decoded in one call."""
    return region.data is not None and len(region.data) <= _WHOLE


def pieces(region: Region, content: Content, uri: str) -> Iterator[Piece]:
    """Yield a region's records, some MiB at a time. Raises InputError where the last record is truncated."""
    if region.data is not None and is_whole(region):
        yield Piece(region.data)
        return
    match modules.kind(region.layout):
        case "legacy":
            yield from map(Piece, legacy.pieces(content, uri))
        case "fixed":
            yield from map(Piece, _fixed(region, _stream(region, content, uri, _PIECE), uri))
        case "traced":
            yield from _traces(region, _stream(region, content, uri, _PIECE), uri)
        case "variable":
            yield from map(Piece, _variable(region, _stream(region, content, uri, _PIECE), uri))


def small_pieces(region: Region, content: Content, uri: str) -> Iterator[Bytes]:
    """Yield records of fixed length; each piece begins with the region's header. Raises InputError as `pieces` does."""
    return _fixed(region, _stream(region, content, uri, _CACHED), uri)


def damaged(region: Region, uri: str, problem: str) -> InputError:
    """Return the error for a region that does not match its layout."""
    return region_error(uri, region.layout.module, region.at, problem)


def _stream(region: Region, content: Content, uri: str, least: int) -> Iterator[Bytes]:
    """Yield a region's bytes, at least `least` at a time: some regions are thousands of streams of 100 bytes."""
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
        raise damaged(region, uri, f"{size} bytes are not a multiple of the record length, {record} bytes")


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
    """Yield pieces of DXT records. A record may exceed memory, so each part of it becomes a record of its own."""
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
    """Return (bytes that are whole records, number of these records)."""
    whole, records = whole_records(words(data[: len(data) - len(data) % 8], layout.byte_order), modules.shape(layout))
    return 8 * whole, records
