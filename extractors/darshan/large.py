"""A log too large to be held as it is: its regions are checked while they are inflated, and then give their rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from iolake.extractors.base import Batch, InputError
from iolake.extractors.darshan import dxt, fixed, legacy, log3, modules
from iolake.extractors.darshan.ahead import ahead
from iolake.extractors.darshan.complete import Completion, Opened
from iolake.extractors.darshan.decoded import Block, Content, Group, Log, Region
from iolake.extractors.darshan.names import Names, read_names
from iolake.extractors.darshan.pieces import Piece, damaged, is_whole, pieces, small_pieces
from iolake.schemas.site import Site

_HOLD: Final = 512 << 20
"""Room for what is held of one log; regions beyond that are inflated twice, in pieces."""
_NAMES_MOST: Final = 1 << 30
_BLOCK: Final = 32 << 20
"""Bytes of records that are given at once."""
_ONLY: Final = np.zeros(1, dtype=np.int64)
"""The number of the log among itself."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A log that has been found whole: its names, and its regions, with the records of those that are held."""

    names: Names
    regions: list[tuple[Region, fixed.Held | None]]


def check(log: Log, content: Content, uri: str) -> Sound:
    """Read all of the log; InputError where it is not whole. Its names are read beside its records."""
    with ThreadPoolExecutor(1) as beside:
        names = beside.submit(_names, log.names, content, uri)
        room, regions = _HOLD, []
        for region in log.regions:
            held = None
            if fixed.reads(region.layout):
                held = _held(region, content, uri, room)
                room -= held.size_bytes if held else 0
            else:
                if region.data is None and region.layout.module != legacy.MODULE:
                    region.data = log3.region_data(content, uri, region.layout.module, room)
                    room -= len(region.data or b"")
                _check(region, content, uri)
            regions.append((region, held))
        return Sound(names.result(), regions)


def rows(sound: Sound, opened: Opened, content: Content, site: Site) -> Iterator[Batch]:
    """The rows of a log that was found sound, which is used up."""
    completion = Completion([opened], sound.names, site)
    yield completion.logs()
    yield completion.mounts()
    # DXT_MPIIO before DXT_POSIX, as their table has them.
    sound.regions.sort(key=lambda r: r[0].layout.module)
    while sound.regions:
        region, held = sound.regions.pop(0)  # the next one may need the room
        in_order = held is not None or is_whole(region) or dxt.reads(region.layout)
        for block in ahead(held.blocks(_BLOCK) if held else _blocks(region, content, opened.input.uri)):
            yield replace(completion.batch(block), in_order=in_order)


def _held(region: Region, content: Content, uri: str, room: int) -> fixed.Held | None:
    """A region's records; None where there is not the room to hold them. InputError where it is damaged."""
    held: fixed.Held | None = fixed.Held(region.layout, room // 2)  # joining its pieces takes the other half
    for piece in small_pieces(region, content, uri):
        if held and not held.add(piece):
            held = None
    if held:
        region.data = None
        if problem := held.arrange():
            raise damaged(region, uri, problem)
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
                raise InputError(uri, f"its names are more than {_NAMES_MOST} bytes", "report it: no log is known to")
            parts.append(part)
        data = b"".join(parts)
    names, broken = read_names([Group.of(region.layout, _ONLY, [data])])
    if broken:
        raise damaged(region, uri, broken[0])
    return names


def _check(region: Region, content: Content, uri: str) -> None:
    """Raise InputError unless the region's records end where it ends."""
    for piece in pieces(region, content, uri):
        if not dxt.reads(region.layout) or is_whole(region):  # cutting a trace tells already
            _decode(region, piece, uri)


def _decode(region: Region, piece: Piece, uri: str) -> list[Block]:
    group = Group.of(region.layout, _ONLY, [piece.data])
    decoded = dxt.decode(group, piece.before, piece.done) if dxt.reads(region.layout) else modules.decode(group)
    if decoded.damaged:
        raise damaged(region, uri, decoded.damaged[0])
    return decoded.blocks
