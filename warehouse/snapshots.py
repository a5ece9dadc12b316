"""Detects truncated snapshots: a catalog is shorter than its header says."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable

from iolake.warehouse import layout
from iolake.warehouse.store import Store, Stored

log = logging.getLogger("iolake")
_HEADER = 4096
"""Bytes of each of the three headers of a DuckDB file: the file's own, and two of the database."""
_DATABASE = struct.Struct("<QQqqQQ")
"""Checksum, iteration, first metadata block, free list, number of blocks, bytes of a block."""


def is_whole(store: Store, number: int) -> bool:
    """Whether a snapshot is a DuckDB database of the size that its newer header gives. Finds no other damage."""
    with store.open(layout.snapshot_path(number)) as file:
        head = file.read(3 * _HEADER)
        size = file.seek(0, 2)
    if len(head) < 3 * _HEADER or head[8:12] != b"DUCK":
        return False
    newer = max((_DATABASE.unpack_from(head, at * _HEADER) for at in (1, 2)), key=lambda header: header[1])
    return bool(size >= 3 * _HEADER + newer[4] * newer[5])


def snapshots_there(store: Store) -> dict[int, Stored]:
    """The snapshots of a lake by number, with those that the lagging list of an object store does not show yet.

    They are asked for by name, from the last listed number on; the list may lag for less than snapshots are kept.
    """
    found = ((layout.snapshot_number(stored.path), stored) for stored in store.list(layout.CATALOG))
    there = {number: stored for number, stored in found if number is not None}
    number = max(there, default=-1)
    while not store.local and (stored := store.stat(layout.snapshot_path(number := number + 1))) is not None:
        there[number] = stored
    return there


def newest_whole(store: Store, numbers: Iterable[int]) -> int | None:
    """The newest undamaged snapshot, or None. Logs a warning about each damaged one that is newer."""
    for number in sorted(numbers, reverse=True):
        try:
            if is_whole(store, number):
                return number
        except FileNotFoundError:  # collected meanwhile
            continue
        log.warning(
            "%s: truncated, so an older snapshot is read; run `iolake rebuild`",
            store.location(layout.snapshot_path(number)),
        )
    return None
