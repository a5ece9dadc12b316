"""Damages inputs at random: a source reads each of them, or says in one line what is wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, InputError, Reject, Span
from iolake.schemas.gate import conform
from iolake.schemas.site import Site

_EXTREMES = (
    b"", b"-1", b"0", b"nan", b"inf", b"1e400", b"99999999999999999999", b"null", b"true", b"{}", b"[]", b'"', b"|",
    b":",     b"\x00", b"\xff", b"\n", b"\r", b"\t", b" ", b"\xe2\x82\xac", b"0x", b"=", b"2019-13-45-99:99:99",
)  # fmt: skip


def mutated(content: bytes, random: random.Random) -> bytes:
    """Return the content with a few random changes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 5, 20))):
        at = random.randrange(len(changed) + 1)
        end = min(len(changed), at + random.choice((1, 1, 2, 8, 64, 4096)))
        match random.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = changed[at:end]
            case 3:
                del changed[at:]
            case 4:
                changed[at:end] = random.choice(_EXTREMES)
            case _:
                changed[at:at] = random.choice(_EXTREMES)
    return bytes(changed)


def survives(extractor: Extractor, site: Site, file: Path, content: bytes, count: int, seed: int = 1) -> int:
    """Read `count` mutations of a file's content; return how many gave rows.

    Each is read in whole or in part, with rows that fit the table, or fails with an InputError.
    """
    rng = random.Random(seed)
    gave_rows = 0
    for _ in range(count):
        file.write_bytes(mutated(content, rng))
        for input in extractor.find(site, Span()):
            try:
                for result in extractor.read(input, site):
                    if isinstance(result, Batch):
                        data = pa.table(result.data)
                        data.validate(full=True)
                        conform(result.table, data, result.table.batch_schema)
                        gave_rows += data.num_rows > 0
                    else:
                        assert isinstance(result, Reject)
                        assert result.reason and "\n" not in result.reason
            except InputError as error:
                assert "\n" not in str(error)
    return gave_rows
