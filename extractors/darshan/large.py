"""Reads a log that does not fit in memory: first checks every region as it inflates, then yields the rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from iolake.extractors.base import Batch, InputError
from iolake.extractors.darshan import fixed, log3, modules
from iolake.extractors.darshan.complete import Opened, RowBuilder
from iolake.extractors.darshan.decoded import Block, Content, Group, Log, Region
from iolake.extractors.darshan.names import Names, read_names
from iolake.extractors.darshan.pieces import Piece, damaged, is_whole, pieces, small_pieces
from iolake.extractors.darshan.prefetch import prefetch
from iolake.schemas.site import Site

_HOLD: Final = 512 << 20
"""Bytes of one log kept in memory. Regions beyond that are inflated twice, in pieces."""
_NAMES_MOST: Final = 1 << 30
_BLOCK: Final = 32 << 20
"""Bytes of records in one block."""
_ONLY: Final = np.zeros(1, dtype=np.int64)
"""A group of one log numbers it 0."""


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """A log whose regions are all valid: its names, and each region with its records where they fit in memory."""

    names: Names
    regions: list[tuple[Region, fixed.RecordBuffer | None]]


def check(log: Log, content: Content, uri: str) -> CheckedLog:
    """Read the whole log. Raises InputError where a region is damaged. A thread reads the names meanwhile."""
    with ThreadPoolExecutor(1) as beside:
        names = beside.submit(_names, log.names, content, uri)
        room, regions = _HOLD, []
        for region in log.regions:
            held = None
            kind = modules.kind(region.layout)
            if kind == "fixed":
                held = _held(region, content, uri, room)
                room -= held.size_bytes if held else 0
            else:
                if region.data is None and kind != "legacy":
                    region.data = log3.region_data(content, uri, region.layout.module, room)
                    room -= len(region.data or b"")
                _check(region, content, uri)
            regions.append((region, held))
        return CheckedLog(names.result(), regions)


def rows(checked: CheckedLog, opened: Opened, content: Content, site: Site) -> Iterator[Batch]:
    """Yield the rows of a checked log. Empties `checked.regions` on the way, which frees their memory."""
    builder = RowBuilder([opened], checked.names, site)
    yield builder.logs()
    yield builder.mounts()
    # DXT_MPIIO before DXT_POSIX, as their table has them.
    checked.regions.sort(key=lambda r: r[0].layout.module)
    while checked.regions:
        region, held = checked.regions.pop(0)  # the next region may need this memory
        in_order = held is not None or is_whole(region) or modules.kind(region.layout) == "traced"
        for block in prefetch(held.blocks(_BLOCK) if held else _blocks(region, content, opened.input.uri)):
            yield replace(builder.batch(block), in_order=in_order)


def _held(region: Region, content: Content, uri: str, room: int) -> fixed.RecordBuffer | None:
    """Return the region's records, or None where they exceed `room` bytes. Raises InputError where it is damaged."""
    half = room // 2  # joining the pieces takes the other half
    held: fixed.RecordBuffer | None = fixed.RecordBuffer(region.layout, half)
    for piece in small_pieces(region, content, uri):
        if held and not held.add(piece):
            held = None
    if held:
        region.data = None
        held.arrange()
    return held


def _blocks(region: Region, content: Content, uri: str) -> Iterator[Block]:
    for piece in pieces(region, content, uri):
        yield from _decode(region, piece, uri)


def _names(region: Region | None, content: Content, uri: str) -> Names:
    if region is None:
        return read_names([])[0]
    data = region.data
    if data is None:
        parts, size = [], 0
        for part in log3.region_pieces(content, uri, "names"):
            size += len(part)
            if size > _NAMES_MOST:
                raise InputError(
                    uri, f"its names inflate to more than {_NAMES_MOST >> 30} GiB, as no job's do", "write it again"
                )
            parts.append(part)
        data = b"".join(parts)
    names, broken = read_names([Group.of(region.layout, _ONLY, [data])])
    if broken:
        raise damaged(region, uri, broken[0])
    return names


def _check(region: Region, content: Content, uri: str) -> None:
    """Raise InputError if the last record of the region is truncated."""
    for piece in pieces(region, content, uri):
        if is_whole(region) or modules.kind(region.layout) != "traced":  # splitting a trace into pieces checks it
            _decode(region, piece, uri)


def _decode(region: Region, piece: Piece, uri: str) -> list[Block]:
    group = Group.of(region.layout, _ONLY, [piece.data])
    decoded = modules.decode(group, piece.before, piece.done)
    if decoded.damaged:
        raise damaged(region, uri, decoded.damaged[0])
    return decoded.blocks
