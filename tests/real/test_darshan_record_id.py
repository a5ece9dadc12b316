"""The writer's hash of a path is the record id that real logs have for it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from iolake.demo.formats.darshan import record_id


def names(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(record id, name) of each name in a Darshan 3 log, straight from its region of names."""
    order = "<" if content[8:16] == struct.pack("<q", 6567223) else ">"
    at, size = struct.unpack_from(f"{order}2Q", content, 32 if content.startswith(b"3.41") else 24)
    packed, data = content[at : at + size], b""
    while packed:
        stream = zlib.decompressobj()
        data += stream.decompress(packed)
        packed = stream.unused_data
    place = 0
    while place < len(data):
        (number,) = struct.unpack_from(f"{order}Q", data, place)
        if content.startswith(b"3.00"):
            (length,) = struct.unpack_from(f"{order}I", data, place + 8)
            start, place = place + 12, place + 12 + length
            yield number, data[start:place]
        else:
            end = data.index(b"\0", place + 8)
            yield number, data[place + 8 : end]
            place = end + 1


def test_real_names_hash_to_their_record_ids(samples: Path) -> None:
    found = [
        pair
        for path in sorted((samples / "darshan" / "3.x").glob("*.darshan"))
        if "DFS" not in path.name  # DAOS makes its ids from UUIDs
        for pair in names(path.read_bytes())
    ]
    assert len(found) > 1000
    assert [(number, name) for number, name in found if record_id(name) != number] == []
