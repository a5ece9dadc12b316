"""A log too large to be held: its regions are read in pieces, first to check them, then for their rows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from extractors.base import Batch, InputError
from extractors.darshan import dxt, fixed, legacy, log3, modules
from extractors.darshan.columns import words
from extractors.darshan.complete import Completion, Opened
from extractors.darshan.decoded import Block, Bytes, Content, Group, Layout, Log, Region
from extractors.darshan.names import Names, read_names
from extractors.darshan.records import DAMAGED, whole_records
from schemas.site import Site

_NAMES_MOST: Final = 1 << 30
_PIECE: Final = 8 << 20
_WHOLE: Final = 32 << 20
"""A region up to this size is decoded as one."""
_RECORD_MOST: Final = 64 << 20
"""No record but a trace is longer than this."""
_ONLY: Final = np.zeros(1, dtype=np.int64)
"""The number of the log among itself."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of a region. Of traces, `before` counts the records and `done` the first one's segments
    that came before.
    """

    data: Bytes
    before: int = 0
    done: int = 0


def read(opened: Opened, log: Log, content: Content, site: Site) -> Iterator[Batch]:
    """The rows of one log, after all of it has been found whole; InputError where it is not."""
    uri = opened.input.uri
    names = _names(log.names, content, uri)
    for region in log.regions:
        _check(region, content, uri)
    completion = Completion([opened], names, site)
    yield completion.logs()
    yield completion.mounts()
    # DXT_MPIIO before DXT_POSIX, as their table has them.
    for region in sorted(log.regions, key=lambda r: r.layout.module):
        in_order = _is_whole(region) or _is_sorted(region) or dxt.reads(region.layout)
        for block in _blocks(region, content, uri):
            yield replace(completion.batch(block), in_order=in_order)
        region.data = None  # the next one may need the room


def _blocks(region: Region, content: Content, uri: str) -> Iterator[Block]:
    layout = region.layout
    if _is_sorted(region):
        assert region.data is not None
        _, record = modules.record_bytes(layout)
        yield from fixed.blocks(Group.of(layout, _ONLY, [region.data]), max(_PIECE // record, 1))
        return
    for piece in pieces(region, content, uri):
        yield from _decode(layout, piece, uri)


def _is_whole(region: Region) -> bool:
    """Whether the region is decoded as one."""
    return region.data is not None and len(region.data) <= _WHOLE


def _is_sorted(region: Region) -> bool:
    """Whether the region is held and its records can be taken in their table's order."""
    return region.data is not None and fixed.reads(region.layout)


def pieces(region: Region, content: Content, uri: str) -> Iterator[Piece]:
    """A region's records, some MiB of them at once; InputError where they do not end where it ends."""
    layout = region.layout
    if region.data is not None and _is_whole(region):
        yield Piece(region.data)
    elif layout.module == legacy.MODULE:
        yield from map(Piece, legacy.pieces(content, uri))
    elif fixed.reads(layout):
        yield from _fixed(layout, _stream(region, content, uri))
    elif dxt.reads(layout):
        yield from _traces(layout, _stream(region, content, uri), uri)
    else:
        yield from _variable(layout, _stream(region, content, uri), uri)


def _stream(region: Region, content: Content, uri: str) -> Iterator[Bytes]:
    """A region's bytes, some MiB of them at once: a region may consist of thousands of streams of some hundred."""
    if region.data is not None:
        view = memoryview(region.data)
        yield from (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))
        return
    parts, size = [], 0
    for part in log3.region_pieces(content, uri, region.layout.module):
        parts.append(part)
        size += len(part)
        if size >= _PIECE:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def _names(region: Region | None, content: Content, uri: str) -> Names:
    if region is None:
        return read_names([])[0]
    data = region.data
    if data is None:
        parts, size = [], 0
        for part in log3.region_pieces(content, uri, "names"):
            size += len(part)
            if size > _NAMES_MOST:
                raise InputError(uri, f"its names are more than {_NAMES_MOST} bytes", "report it: no log is known to")
            parts.append(part)
        data = b"".join(parts)
    names, damaged = read_names([Group.of(region.layout, _ONLY, [data])])
    if damaged:
        raise InputError(uri, damaged[0], "copy the log again")
    return names


def _check(region: Region, content: Content, uri: str) -> None:
    """Raise InputError unless the region's records end where it ends."""
    layout = region.layout
    if _is_sorted(region):
        return  # the log was opened with it
    if fixed.reads(layout):
        before, record = modules.record_bytes(layout)
        size = sum(map(len, log3.region_pieces(content, uri, layout.module)))
        if size < before or (size - before) % record:
            raise _damaged(layout, uri, f"{size} bytes are not whole records of {record}")
        return
    for piece in pieces(region, content, uri):
        if not dxt.reads(layout) or _is_whole(region):  # cutting a trace tells already
            _decode(layout, piece, uri)


def _decode(layout: Layout, piece: Piece, uri: str) -> list[Block]:
    group = Group.of(layout, _ONLY, [piece.data])
    decoded = dxt.decode(group, piece.before, piece.done) if dxt.reads(layout) else modules.decode(group)
    if decoded.damaged:
        raise _damaged(layout, uri, decoded.damaged[0])
    return decoded.blocks


def _fixed(layout: Layout, stream: Iterator[Bytes]) -> Iterator[Piece]:
    header_bytes, record = modules.record_bytes(layout)
    header, waiting = b"", b""
    for part in stream:
        waiting += part
        if len(header) < header_bytes:
            header, waiting = waiting[:header_bytes], waiting[header_bytes:]
        whole = len(waiting) - len(waiting) % record
        yield Piece(header + waiting[:whole])
        waiting = waiting[whole:]


def _variable(layout: Layout, stream: Iterator[Bytes], uri: str) -> Iterator[Piece]:
    waiting = b""
    for part in stream:
        waiting += part
        whole, _ = _whole(waiting, layout)
        yield Piece(waiting[:whole])
        waiting = waiting[whole:]
        if len(waiting) > _RECORD_MOST:
            break
    if waiting:
        raise _damaged(layout, uri, DAMAGED)


def _traces(layout: Layout, stream: Iterator[Bytes], uri: str) -> Iterator[Piece]:
    """A record may be longer than memory: what is there of it is made a record of its own, and so is the rest."""
    segment, head = 8 * dxt.segment_words(layout), 8 * dxt.HEAD
    counts = struct.Struct(("<" if layout.byte_order == "little" else ">") + "qq")
    waiting, before, done = b"", 0, 0
    for part in stream:
        waiting += part
        whole, records = _whole(waiting, layout)
        data, rest = waiting[:whole], waiting[whole:]
        fitting = max(len(rest) - head, 0) // segment
        if fitting:
            writes, reads = counts.unpack_from(rest, 8 * dxt.WRITES_AT)
            if writes < 0 or reads < 0:
                break
            here = min(writes, fitting)
            start = rest[: 8 * dxt.WRITES_AT]
            data += start + counts.pack(here, fitting - here) + rest[head : head + segment * fitting]
            rest = start + counts.pack(writes - here, reads - (fitting - here)) + rest[head + segment * fitting :]
        yield Piece(data, before, done)
        before += records
        done = fitting if records else done + fitting
        waiting = rest
    if waiting:
        raise _damaged(layout, uri, DAMAGED)


def _whole(data: bytes, layout: Layout) -> tuple[int, int]:
    """How many of the bytes are whole records, and how many records these are."""
    whole, records = whole_records(words(data[: len(data) - len(data) % 8], layout.byte_order), modules.shape(layout))
    return 8 * whole, records


def _damaged(layout: Layout, uri: str, problem: str) -> InputError:
    return InputError(uri, f"{layout.module}: {problem}", "copy the log again")
